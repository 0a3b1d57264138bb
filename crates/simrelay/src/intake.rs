//! The listeners for alerts of a configuration: lines of JSON, and HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use consumers::alerts::intake::{Http, Listener, Ports, Raiser};
use rustls::ServerConfig;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::failure::Failure;
use crate::handover::{Handover, Kind};
use crate::running::cannot_listen;

/// The ports for alerts, and the threads that serve them: those of the API, so that no flood holds up a modem.
pub(crate) struct IntakeDoor {
    lines: Ports,
    http: Ports,
    threads: Handle,
}

/// The listeners at work.
pub(crate) struct Intake {
    stop: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
}

impl IntakeDoor {
    /// Takes the ports, or those that were handed over; there may be none.
    pub(crate) async fn open(settings: &Settings, sockets: &mut Handover, threads: &Handle) -> Result<Self, Failure> {
        let (lines, http) = (&settings.alerts.listener.listen, &settings.alerts.http.listen);
        Ok(Self {
            lines: take(lines, Kind::ALERTS, sockets, threads).await?,
            http: take(http, Kind::ALERTS_HTTP, sockets, threads).await?,
            threads: threads.clone(),
        })
    }

    /// Begins to serve. The certificate is that of the API.
    pub(crate) fn serve(self, settings: &Settings, raiser: &Raiser, api: &api::Handle) -> Result<Intake, Failure> {
        let (stop, stopped) = watch::channel(false);
        let mut intake = Intake {
            stop,
            serving: Vec::new(),
        };
        let ended = || {
            let mut stopped = stopped.clone();
            // A sender that is gone means stop as well.
            async move { drop(stopped.wait_for(|stops| *stops).await) }
        };
        let config = &settings.alerts.listener;
        if config.is_on() {
            let tls = tls(api, "alerts.listener", config.tls, config.client_ca.as_deref())?;
            announce("alerts as lines of JSON", &self.lines);
            let listener = Listener::new(self.lines, config, tls, raiser.clone());
            intake.serving.push(self.threads.spawn(listener.serve(ended())));
        }
        let config = &settings.alerts.http;
        if config.is_on() {
            let tls = tls(api, "alerts.http", config.tls, config.client_ca.as_deref())?;
            announce("alerts over HTTP", &self.http);
            let http = Http::new(self.http, config, tls, raiser.clone());
            intake.serving.push(self.threads.spawn(http.serve(ended())));
        }
        Ok(intake)
    }
}

impl Intake {
    /// Stops: what is coming may end.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        for serving in self.serving {
            // One that panicked has stopped.
            let _ = serving.await;
        }
    }
}

async fn take(
    addresses: &[SocketAddr],
    kind: Kind,
    sockets: &mut Handover,
    threads: &Handle,
) -> Result<Ports, Failure> {
    let key = kind.setting();
    let addresses = addresses.to_vec();
    // Where there are no addresses nothing is served.
    let handed = match addresses.is_empty() {
        true => Vec::new(),
        false => sockets.take(kind),
    };
    let taken = threads
        .spawn(async move { Ports::take_or(&addresses, handed).await })
        .await;
    let taken = taken.map_err(|error| Failure::refused(format!("{key}: {error}")))?;
    taken.map_err(|(address, error)| cannot_listen(address, &error, key))
}

fn tls(
    api: &api::Handle,
    section: &str,
    wanted: bool,
    client_ca: Option<&Path>,
) -> Result<Option<Arc<ServerConfig>>, Failure> {
    let made = wanted.then(|| match client_ca {
        Some(authorities) => api.tls_for(authorities),
        None => api.tls(),
    });
    made.transpose()
        .map_err(|error| Failure::refused(format!("[{section}]: {error}")))
}

fn announce(what: &str, ports: &Ports) {
    for address in ports.addresses() {
        tracing::info!("taking {what} on {address}");
    }
}
