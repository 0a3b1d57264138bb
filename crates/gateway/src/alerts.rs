//! Alerts: the one door through which they come in.

use std::sync::Arc;

use message::{Alert, AlertReceipt, Counted, NewAlert, RawAlert};
use tokio::sync::Semaphore;

use crate::outgoing::send::unavailable;
use crate::{Error, Gateway, clock};

/// Room for alerts on their way into the store.
#[derive(Debug, Clone)]
pub(crate) struct Antechamber(Arc<Semaphore>);

impl Default for Antechamber {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_KIB)))
    }
}

impl Gateway {
    /// Takes alerts as they came from outside: cleans them, and keeps all of them or none in one transaction. When this
    /// answers they are durable, pictures too, and here is what each is called by, in their order.
    ///
    /// Alerts on their way share a bounded room of 16 MiB; where it is full, this waits.
    ///
    /// # Errors
    /// The store cannot keep anything now; the same call may succeed later.
    pub async fn raise(&self, alerts: Vec<RawAlert>) -> Result<Vec<AlertReceipt>, Error> {
        let now = clock::now();
        let clean = alerts.into_iter().map(|raw| Arc::new(NewAlert::clean(raw, now)));
        self.raise_clean(clean.collect()).await
    }

    /// As [`Gateway::raise`], for whoever cleans them first and keeps them, so as to try again where they could not be
    /// kept.
    ///
    /// # Errors
    /// As [`Gateway::raise`].
    pub async fn raise_clean(&self, alerts: Vec<Arc<NewAlert>>) -> Result<Vec<AlertReceipt>, Error> {
        let size: usize = alerts.iter().map(|alert| alert.size()).sum();
        // What is larger than the room has it to itself.
        let share = u32::try_from(size.div_ceil(1024).min(ROOM_KIB)).unwrap_or(u32::MAX);
        let _place = self
            .inner
            .antechamber
            .0
            .acquire_many(share)
            .await
            .map_err(|_| Error::stopping())?;
        let kinds: Vec<Counted> = alerts.iter().map(|alert| kind_of(&alert.alert)).collect();
        let kept = self.inner.store.raise(alerts).await.map_err(unavailable)?;
        kinds.into_iter().for_each(|kind| self.inner.tally.count(kind));
        Ok(kept.into_inner())
    }
}

fn kind_of(alert: &Alert) -> Counted {
    Counted::Alert {
        source: alert.source.clone(),
        event: alert.event.clone(),
    }
}

/// What alerts on their way may take in memory together, in KiB.
const ROOM_KIB: usize = 16 << 10;
