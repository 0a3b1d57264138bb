//! The message centre of a configuration: applications that speak SMPP.

use std::net::SocketAddr;
use std::sync::Arc;

use consumers::Consumer;
use consumers::ports::Ports;
use gateway::{Gateway, WireDesk};
use rustls::ServerConfig;
use smsc::{Registry, Smsc};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::failure::Failure;
use crate::handover::{Handover, Kind, open_already};
use crate::running::cannot_listen;

/// The ports of the message centre, and the threads that serve it: those of the API, so that no flood holds up a modem.
pub(crate) struct SmppDoor {
    ports: Ports,
    threads: Handle,
}

/// The message centre with its accounts; nobody is let in yet.
pub(crate) struct SmppDesk {
    smsc: Smsc,
    config: smsc::Config,
    threads: Handle,
}

/// The message centre at work.
pub(crate) struct SmppOffice {
    registry: Registry,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl SmppDoor {
    /// Takes the ports, or those that were handed over; `None` where there are none.
    pub(crate) async fn open(
        settings: &Settings,
        sockets: &mut Handover,
        threads: &Handle,
    ) -> Result<Option<Self>, Failure> {
        if !settings.smpp.is_on() {
            return Ok(None);
        }
        let config = settings.smpp.clone();
        let plain = open_already(&config.listen, Kind::SMPP, sockets);
        let wrapped = open_already(&config.listen_tls, Kind::SMPPS, sockets);
        let taking =
            threads.spawn(async move { Ports::take_or((&config.listen, plain), (&config.listen_tls, wrapped)).await });
        let taken = taking
            .await
            .map_err(|error| Failure::refused(format!("[smpp]: {error}")))?;
        let refused = |(address, error): (SocketAddr, _)| cannot_listen(address, &error, "smpp.listen");
        Ok(Some(Self {
            ports: taken.map_err(refused)?,
            threads: threads.clone(),
        }))
    }

    /// Makes the accounts, which are consumers too.
    pub(crate) fn staff(self, settings: &Settings, gateway: &Gateway) -> SmppDesk {
        for address in self.ports.addresses() {
            tracing::info!("SMPP on {address}");
        }
        let config = smsc::Config {
            trace_place: Some(settings.data.join("trace")),
            ..settings.smpp.clone()
        };
        let smsc = Smsc::new(self.ports, &config, gateway.clone());
        gateway.shows_applications(smsc.look());
        SmppDesk {
            smsc,
            config,
            threads: self.threads,
        }
    }
}

impl SmppDesk {
    /// What tells the applications, an account each.
    pub(crate) fn mailmen(&self) -> Vec<Arc<dyn Consumer>> {
        self.smsc.mailmen()
    }

    /// What writes sessions down.
    pub(crate) fn wires(&self) -> Arc<dyn WireDesk> {
        self.smsc.wires()
    }

    /// Begins to serve, with the API's certificate.
    pub(crate) fn serve(self, api: &api::Handle) -> Result<SmppOffice, Failure> {
        let tls = SmppOffice::tls(&self.config, api)?;
        let registry = self.smsc.registry();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = self.threads.spawn(self.smsc.serve(tls, async move {
            // A sender that is gone means stop as well.
            let _ = stopped.await;
        }));
        Ok(SmppOffice {
            registry,
            stop,
            serving,
        })
    }
}

impl SmppOffice {
    /// The API's certificate, with a question for theirs where an account has one.
    pub(crate) fn tls(config: &smsc::Config, api: &api::Handle) -> Result<Arc<ServerConfig>, Failure> {
        let tls = match config.asks_for_certificates() {
            true => api.tls_asking(),
            false => api.tls(),
        };
        tls.map_err(|error| Failure::refused(format!("[smpp]: {error}")))
    }

    /// Takes other accounts; what tells those that are new. Needs a runtime.
    pub(crate) fn adopt(&self, settings: &Settings, tls: Arc<ServerConfig>) -> Vec<Arc<dyn Consumer>> {
        self.registry.adopt(&settings.smpp.accounts, tls)
    }

    /// Stops: what was submitted is answered, and every session unbound.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        // One that panicked has stopped.
        let _ = self.serving.await;
    }
}
