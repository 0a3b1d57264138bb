//! Looks whether the audit log is as it was written: at its end right after the start, then at all of it, and once a day again.
//!
//! It takes a few milliseconds of a reader at a time and rests between, so that a log of years costs nobody anything.

use std::time::Duration;

use store::{AuditWalk, Store};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{Gateway, clock, health};

/// Looks for as long as the gateway runs.
pub(crate) async fn run(gateway: Gateway) {
    loop {
        let pause = match look(&gateway.inner.store).await {
            Ok(fault) => {
                let found = fault.map(|fault| health::of_audit(&fault, clock::now()));
                gateway.complain(WHO, found.into_iter().collect());
                AGAIN
            }
            Err(error) => {
                warn!("the audit log is not looked at now: {error}");
                LATER
            }
        };
        sleep(pause).await;
    }
}

/// The first thing that is wrong.
async fn look(store: &Store) -> Result<Option<String>, store::Error> {
    let end = walk(store, AuditWalk::tail()).await?;
    if let Some(fault) = end.fault() {
        return Ok(Some(fault.to_owned()));
    }
    let all = walk(store, AuditWalk::whole()).await?;
    if all.fault().is_none() {
        info!("the audit log is whole: {} entries", all.entries());
    }
    Ok(all.fault().map(str::to_owned))
}

async fn walk(store: &Store, mut walk: AuditWalk) -> Result<AuditWalk, store::Error> {
    loop {
        walk = store.audit_walk(walk).await?;
        if walk.is_over() {
            return Ok(walk);
        }
        sleep(REST).await;
    }
}

/// Whose complaints these are.
const WHO: &str = "audit log";

/// Between two stretches of a few milliseconds: a tenth of a processor, and nine tenths of a reader's time for others.
const REST: Duration = Duration::from_millis(50);

/// How often all of it is looked at.
const AGAIN: Duration = Duration::from_secs(24 * 3600);

/// After a database that could not be read.
const LATER: Duration = Duration::from_secs(3600);
