//! The server: its ports, places for connections, and stopping.

use std::io;
use std::net::SocketAddr;
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
use crate::places::Places;

/// What a server is made of, besides its settings.
pub struct Parts {
    /// How it calls itself where the settings do not say.
    pub name: String,
    /// Its certificate; `None`: it cannot encrypt.
    pub tls: Option<Arc<ServerConfig>>,
    /// Who checks logins; `None`: there are none.
    pub doorman: Option<Arc<dyn Doorman>>,
    /// Who takes mail; asked in this order.
    pub mailboxes: Vec<Arc<dyn Mailbox>>,
}

/// An SMTP server whose ports are taken.
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

impl Listener {
    /// Takes the ports of the settings.
    ///
    /// # Errors
    /// A port cannot be taken, or one with TLS has no certificate; with the address.
    pub async fn bind(config: &Config, parts: Parts) -> Result<Self, (SocketAddr, io::Error)> {
        let mut doors = Vec::new();
        let addresses = |wrapped: bool| move |address: &SocketAddr| (*address, wrapped);
        let plain = config.listen.iter().map(addresses(false));
        for (address, wrapped) in plain.chain(config.listen_tls.iter().map(addresses(true))) {
            if wrapped && parts.tls.is_none() {
                return Err((address, io::Error::other("there is no certificate")));
            }
            let listener = TcpListener::bind(address).await.map_err(|error| (address, error))?;
            doors.push(Door { listener, wrapped });
        }
        let rules = Rules {
            config: Arc::new(config.clone()),
            name: config.name.clone().unwrap_or(parts.name),
            has_tls: parts.tls.is_some(),
            doorman: parts.doorman,
        };
        Ok(Self {
            doors,
            places: Places::new(config.connections, config.connections_per_address),
            house: Arc::new(House::new(rules, parts.tls.map(TlsAcceptor::from), parts.mailboxes)),
        })
    }

    /// Where it listens, in the order of the settings.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.doors
            .iter()
            .filter_map(|door| door.listener.local_addr().ok())
            .collect()
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
