//! Calling an application that is not there: where something waits for it and no session of it takes that, it is dialled and
//! asked to bind (outbind, clauses 2.2.1 and 4.1.7). Nothing is dialled for an application that has nothing to come.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use consumers::Places;
use esme::{Dialer, Dialled, Pauses};
use smpp::Outbind;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::config::Account;
use crate::connection::Connection;
use crate::member::{House, Member};

/// What everybody who calls needs.
pub(crate) struct Calls {
    pub(crate) places: Arc<Places>,
    /// Becomes true when the gateway stops.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Becomes true when whoever is still there is cut off.
    pub(crate) cut: watch::Receiver<bool>,
}

impl House {
    /// Somebody is served from now on, with this certificate where there is no other by now: those are called who are to be.
    pub(crate) fn begin(
        self: &Arc<Self>,
        calls: Calls,
        tls: Arc<ServerConfig>,
    ) -> watch::Receiver<Option<TlsAcceptor>> {
        self.tls.send_if_modified(|shown| {
            let first = shown.is_none();
            shown.get_or_insert_with(|| TlsAcceptor::from(tls));
            first
        });
        self.calls.get_or_init(|| calls);
        self.members().iter().for_each(|member| self.call(member));
        self.tls.subscribe()
    }

    /// Has an application called as its settings say, or no longer. What was begun goes on.
    pub(crate) fn call(self: &Arc<Self>, member: &Arc<Member>) {
        let Some(calls) = self.calls.get() else { return };
        let mut calling = member.caller.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = calling.take() {
            before.abort();
            member.did_not_come(None);
        }
        let address = member.terms().account.outbind.clone();
        let call = |address| {
            let caller = Caller {
                house: Arc::clone(self),
                member: Arc::clone(member),
                places: Arc::clone(&calls.places),
                stopping: calls.stopping.clone(),
                cut: calls.cut.clone(),
            };
            tokio::spawn(caller.run(address)).abort_handle()
        };
        *calling = address.map(call);
    }
}

/// Calls the application of one account.
pub(crate) struct Caller {
    pub(crate) house: Arc<House>,
    pub(crate) member: Arc<Member>,
    pub(crate) places: Arc<Places>,
    /// Becomes true when the gateway stops.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Becomes true when whoever is still there is cut off.
    pub(crate) cut: watch::Receiver<bool>,
}

impl Caller {
    /// Calls as often as something waits and nobody takes it, each time after a longer pause while it is in vain.
    pub(crate) async fn run(self, address: String) {
        let mut pauses = Pauses::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut stopping = self.stopping.clone();
        let calling = async {
            loop {
                self.member.missed().await;
                let began = Instant::now();
                let ended = self.call(&address).await;
                let bound = ended.as_ref().map_or(Duration::ZERO, |()| began.elapsed());
                let pause = pauses.after(bound);
                if let Err(why) = ended {
                    let account = &self.member.system_id;
                    tracing::warn!(account, address, again_in = ?pause, "an SMPP application does not come: {why}");
                    self.member
                        .did_not_come(Some(format!("it was called at {address}: {why}")));
                }
                tokio::time::sleep(pause).await;
            }
        };
        tokio::select! {
            () = calling => {}
            // What was begun ends as every session does. A sender that is gone means stop as well.
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }

    /// One call, to the end of its session.
    ///
    /// # Errors
    /// Why nobody was bound, for people.
    async fn call(&self, address: &str) -> Result<(), String> {
        let dialer = dialer(&self.member.terms().account, address)?;
        let dialled = timeout(CONNECT, dialer.dial()).await;
        let Dialled { stream, ends } = dialled
            .map_err(|_| format!("it cannot be reached in {} s", CONNECT.as_secs()))?
            .map_err(|error| format!("it cannot be reached: {error}"))?;
        let place = self
            .places
            .take(ends.0.ip())
            .ok_or("there are as many connections as there may be")?;
        let connection = Connection {
            house: Arc::clone(&self.house),
            peer: ends.0.ip(),
            ends,
            certificate: None,
            called: Some(Arc::clone(&self.member)),
            stopping: self.stopping.clone(),
        };
        let mut cut = self.cut.clone();
        // A task of its own: when the gateway stops, it unbinds after whoever called has gone.
        let spoken = tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                bound = connection.run(stream) => bound,
                // A sender that is gone means it as well.
                _ = cut.wait_for(|cut| *cut) => true,
            }
        });
        match spoken.await {
            Ok(false) => Err("it did not bind as receiver or transceiver".to_owned()),
            _ => Ok(()),
        }
    }
}

/// What it is told when it is called; our names are what binds tell.
pub(crate) fn outbind(house: &House, account: &Account) -> Outbind {
    Outbind {
        system_id: house.config.system_id.as_str().into(),
        password: account.outbind_password.expose().into(),
    }
}

fn dialer(account: &Account, address: &str) -> Result<Dialer, String> {
    let trust = account.outbind_tls.then_some(esme::Trust {
        ca_file: account.outbind_ca_file.as_deref(),
        name: None,
    });
    Dialer::new(address, trust)
}

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(20);
/// How soon it is called again, doubled each time nobody binds.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
