//! The server: places for connections, and stopping.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::connection::{Connection, Stage};
use super::house::House;
use super::session::Rules;
use super::{Config, Doorman, Mailbox};
use crate::mail::host_name;
use crate::places::Places;
use crate::ports::{Caller, Host, Ports};

/// What a server is made of, besides its settings.
pub struct Parts {
    /// Its certificate; `None`: it cannot encrypt, and a port that begins with TLS is of no use.
    pub tls: Option<Arc<ServerConfig>>,
    /// Who checks logins; `None`: there are none.
    pub doorman: Option<Arc<dyn Doorman>>,
    /// Who takes mail; asked in this order.
    pub mailboxes: Vec<Arc<dyn Mailbox>>,
}

/// An SMTP server.
#[derive(Debug)]
pub struct Listener {
    ports: Ports,
    places: Arc<Places>,
    house: Arc<House>,
}

/// Takes a connection in.
#[derive(Clone)]
struct Reception {
    house: Arc<House>,
    stage: watch::Receiver<Stage>,
}

impl Listener {
    /// A server at these ports.
    pub fn new(ports: Ports, config: &Config, parts: Parts) -> Self {
        let rules = Rules {
            config: Arc::new(config.clone()),
            name: config.name.clone().unwrap_or_else(host_name),
            has_tls: parts.tls.is_some(),
            doorman: parts.doorman,
        };
        Self {
            ports,
            places: Places::new(config.connections, config.connections_per_address),
            house: Arc::new(House::new(rules, parts.tls.map(TlsAcceptor::from), parts.mailboxes)),
        }
    }

    /// Serves until `stop` is over. Then the ports close first; clients that say nothing are sent away, mails that are
    /// coming may end within ten seconds, and what is left is cut.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { ports, places, house } = self;
        let (stage, watched) = watch::channel(Stage::Open);
        let reception = Reception { house, stage: watched };
        tokio::select! {
            () = ports.serve(&reception, &places) => {}
            () = stop => {}
        }
        drop(ports);
        stage.send_replace(Stage::Stopping);
        if timeout(STOP, places.all_free()).await.is_err() {
            stage.send_replace(Stage::Cut);
            let _ = timeout(CUT, places.all_free()).await;
        }
    }
}

impl Host for Reception {
    const NAME: &str = "SMTP";

    async fn serve(self, caller: Caller) {
        let Self { house, stage } = self;
        let Caller { socket, peer, wrapped } = caller;
        Connection { house, peer, stage }.run(socket, wrapped).await;
    }

    fn turn_away(&self, caller: &Caller) {
        tracing::debug!(peer = %caller.peer, "too many SMTP connections");
        // There is room for a line in the buffer of a new socket; if not, the client sees the end alone.
        let _ = caller
            .socket
            .try_write(b"421 4.7.0 too many connections: later again\r\n");
    }
}

/// How long mails that are coming may take when the server stops, and connections that were cut to end.
const STOP: Duration = Duration::from_secs(10);
const CUT: Duration = Duration::from_secs(1);
