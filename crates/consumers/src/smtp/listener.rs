//! The server: its ports, places for connections, and stopping.

use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::{TcpListener, TcpStream};
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
use crate::ports;

/// The ports of a server, taken. Nobody is answered yet.
#[derive(Debug)]
pub struct Ports(Vec<Door>);

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
    doors: Vec<Door>,
    places: Arc<Places>,
    house: Arc<House>,
}

#[derive(Debug)]
struct Door {
    listener: TcpListener,
    /// Whether TLS begins with the first octet.
    wrapped: bool,
}

impl Ports {
    /// Takes the ports of these settings, so that nothing else begins where one cannot be had.
    ///
    /// # Errors
    /// The address that cannot be had, and why.
    pub async fn take(config: &Config) -> Result<Self, (SocketAddr, io::Error)> {
        Self::take_or(config, Vec::new(), Vec::new()).await
    }

    /// The same, but for kinds of ports that somebody has opened already: these are taken as they are, instead of the
    /// addresses of their kind. They must not block.
    ///
    /// # Errors
    /// The address that cannot be had, and why.
    pub async fn take_or(
        config: &Config,
        plain: Vec<net::TcpListener>,
        wrapped: Vec<net::TcpListener>,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        let mut doors = Vec::new();
        for (addresses, opened, wrapped) in [(&config.listen, plain, false), (&config.listen_tls, wrapped, true)] {
            let listeners = ports::take_or(addresses, opened).await?;
            doors.extend(listeners.into_iter().map(|listener| Door { listener, wrapped }));
        }
        Ok(Self(doors))
    }

    /// Where they are, in the order of the settings.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0
            .iter()
            .filter_map(|door| door.listener.local_addr().ok())
            .collect()
    }
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
            doors: ports.0,
            places: Places::new(config.connections, config.connections_per_address),
            house: Arc::new(House::new(rules, parts.tls.map(TlsAcceptor::from), parts.mailboxes)),
        }
    }

    /// Serves until `stop` is over. Then the ports close first; clients that say nothing are sent away, mails that are
    /// coming may end within ten seconds, and what is left is cut.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { doors, places, house } = self;
        let (stage, watched) = watch::channel(Stage::Open);
        let accepting = doors.iter().map(|door| door.accept(&places, &house, &watched));
        tokio::select! {
            _ = join_all(accepting) => {}
            () = stop => {}
        }
        drop(doors);
        stage.send_replace(Stage::Stopping);
        if timeout(STOP, places.all_free()).await.is_err() {
            stage.send_replace(Stage::Cut);
            let _ = timeout(CUT, places.all_free()).await;
        }
    }
}

impl Door {
    async fn accept(&self, places: &Arc<Places>, house: &Arc<House>, stage: &watch::Receiver<Stage>) {
        loop {
            let (socket, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Mostly too many open files: it passes when connections end.
                    tracing::warn!(%error, "cannot accept an SMTP connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = places.take(peer.ip()) else {
                turn_away(&socket, peer);
                continue;
            };
            let connection = Connection {
                house: Arc::clone(house),
                peer,
                stage: stage.clone(),
            };
            let wrapped = self.wrapped;
            tokio::spawn(async move {
                connection.run(socket, wrapped).await;
                drop(place);
            });
        }
    }
}

fn turn_away(socket: &TcpStream, peer: SocketAddr) {
    tracing::debug!(%peer, "too many SMTP connections");
    // There is room for a line in the buffer of a new socket; if not, the client sees the end alone.
    let _ = socket.try_write(b"421 4.7.0 too many connections: later again\r\n");
}

/// How long mails that are coming may take when the server stops, and connections that were cut to end.
const STOP: Duration = Duration::from_secs(10);
const CUT: Duration = Duration::from_secs(1);
/// How long accepting rests after an error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
