//! The message centre: its ports, its connections, and stopping.

use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use consumers::{Consumer, Places, ports};
use futures_util::future::join_all;
use gateway::Gateway;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::Config;
use crate::connection::Connection;
use crate::mailman::Mailman;
use crate::member::House;

/// The ports, taken. Nobody is answered yet.
#[derive(Debug)]
pub struct Ports(Vec<Door>);

/// The message centre.
pub struct Smsc {
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
    /// Takes the ports of these settings, or those of their kind that were opened before, so that nothing else begins where
    /// one cannot be had.
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

impl Smsc {
    /// A message centre at these ports.
    pub fn new(ports: Ports, config: &Config, gateway: Gateway) -> Self {
        Self {
            doors: ports.0,
            places: Places::new(config.connections, config.connections_per_address),
            house: Arc::new(House::new(config.clone(), gateway)),
        }
    }

    /// What tells the applications: a consumer an account.
    pub fn mailmen(&self) -> Vec<Arc<dyn Consumer>> {
        let mailman = |member: &Arc<_>| {
            let mailman = Mailman::new(Arc::clone(member), self.house.gateway.clone());
            Arc::new(mailman) as Arc<dyn Consumer>
        };
        self.house.members.iter().map(mailman).collect()
    }

    /// Serves with this certificate until `stop` is over. Then the ports close, what was submitted is answered, and every session is unbound.
    pub async fn serve(self, tls: Arc<ServerConfig>, stop: impl Future<Output = ()>) {
        let (stopping, watched) = watch::channel(false);
        let tls = TlsAcceptor::from(tls);
        let accepting = self.doors.iter().map(|door| self.accept(door, &tls, &watched));
        tokio::select! {
            _ = join_all(accepting) => {}
            () = stop => {}
        }
        stopping.send_replace(true);
        // Whoever does not agree by then is cut off when the runtime ends.
        let _ = timeout(UNBIND, self.places.all_free()).await;
    }

    async fn accept(&self, door: &Door, tls: &TlsAcceptor, stopping: &watch::Receiver<bool>) {
        loop {
            let (socket, peer) = match door.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Mostly too many open files: it passes when connections end.
                    tracing::warn!(%error, "cannot accept an SMPP connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = self.places.take(peer.ip()) else {
                tracing::debug!(%peer, "too many SMPP connections");
                continue;
            };
            // Small PDUs are answered at once; it works without, only more slowly.
            let _ = socket.set_nodelay(true);
            let connection = Connection {
                house: Arc::clone(&self.house),
                peer: peer.ip(),
                stopping: stopping.clone(),
            };
            let tls = door.wrapped.then(|| tls.clone());
            tokio::spawn(async move {
                speak(connection, socket, tls).await;
                drop(place);
            });
        }
    }
}

async fn speak(connection: Connection, socket: TcpStream, tls: Option<TlsAcceptor>) {
    let Some(tls) = tls else {
        return connection.run(socket).await;
    };
    match timeout(HANDSHAKE, tls.accept(socket)).await {
        Ok(Ok(stream)) => connection.run(stream).await,
        Ok(Err(error)) => tracing::debug!(peer = %connection.peer, %error, "no TLS"),
        Err(_) => tracing::debug!(peer = %connection.peer, "no TLS in time"),
    }
}

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long sessions may take to agree to their end.
const UNBIND: Duration = Duration::from_secs(10);
/// How long accepting rests after an error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
