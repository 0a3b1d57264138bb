//! Ports that are taken, and the connections that come in through them; the same for lines and for HTTP.

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::voice::Voice;
use crate::places::Places;
use crate::ports;

/// A port's worth of bytes, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Whoever serves connections.
pub(super) trait Host: Send + Sync + 'static {
    /// What its connections are called in the log.
    const NAME: &str;

    /// Serves one to its end. Once the server stops it should end soon.
    fn serve(self: Arc<Self>, stream: Box<dyn Stream>, peer: SocketAddr, stop: Stop)
    -> impl Future<Output = ()> + Send;
}

/// Tells a connection when the server stops.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits until the server stops.
    pub(super) async fn wait(&mut self) {
        // A server that is gone has stopped.
        let _ = self.0.wait_for(|stops| *stops).await;
    }
}

/// Ports that are taken, before anybody is served.
#[derive(Debug)]
pub struct Ports(Vec<TcpListener>);

/// Ports that are served.
#[derive(Debug)]
pub(super) struct Doors {
    ports: Ports,
    tls: Option<Tls>,
    places: Arc<Places>,
    voice: Arc<Voice>,
}

/// TLS for every connection.
#[derive(Clone)]
struct Tls(TlsAcceptor);

impl Ports {
    /// Takes the ports.
    ///
    /// # Errors
    /// The address that cannot be taken, and why.
    pub async fn take(addresses: &[SocketAddr]) -> Result<Self, (SocketAddr, io::Error)> {
        Self::take_or(addresses, Vec::new()).await
    }

    /// Takes ports that somebody has opened already, as they are, or those of these addresses where there are none. They
    /// must not block.
    ///
    /// # Errors
    /// The address that cannot be taken, and why.
    pub async fn take_or(
        addresses: &[SocketAddr],
        opened: Vec<net::TcpListener>,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        ports::take_or(addresses, opened).await.map(Self)
    }

    /// Where they are, in the order of the settings.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }
}

impl Doors {
    pub(super) fn new(ports: Ports, tls: Option<Arc<ServerConfig>>, places: Arc<Places>) -> Self {
        Self {
            ports,
            tls: tls.map(|config| Tls(TlsAcceptor::from(config))),
            places,
            voice: Arc::new(Voice::new()),
        }
    }

    /// Serves until `stop` is over. The ports close first; connections may then end within [`STOP`], and what is left is
    /// cut.
    pub(super) async fn serve<H: Host>(self, host: Arc<H>, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let (cut, is_cut) = watch::channel(false);
        let ends = (Stop(stopped), Stop(is_cut));
        let accepting = self.ports.0.iter().map(|listener| self.accept(listener, &host, &ends));
        tokio::select! {
            _ = join_all(accepting) => {}
            () = stop => {}
        }
        let Self { ports, places, .. } = self;
        drop(ports);
        stopping.send_replace(true);
        if timeout(STOP, places.all_free()).await.is_err() {
            cut.send_replace(true);
            let _ = timeout(CUT, places.all_free()).await;
        }
    }

    async fn accept<H: Host>(&self, listener: &TcpListener, host: &Arc<H>, (stop, cut): &(Stop, Stop)) {
        loop {
            // Nobody is turned away while others are served: most senders would not notice, and lose what they say.
            self.places.some_free().await;
            let (socket, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Mostly too many open files: it passes when connections end.
                    tracing::warn!(%error, "cannot accept a connection of {}", H::NAME);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = self.places.take(peer.ip()) else {
                let words = || format!("too many connections of {} from there; one is closed", H::NAME);
                self.voice.warn(peer, words);
                continue;
            };
            let (host, tls, voice) = (Arc::clone(host), self.tls.clone(), Arc::clone(&self.voice));
            let (stop, mut cut) = (stop.clone(), cut.clone());
            tokio::spawn(async move {
                let stream = welcome::<H>(tls, socket, peer, &voice);
                let served = async move {
                    if let Some(stream) = stream.await {
                        host.serve(stream, peer, stop).await;
                    }
                };
                tokio::select! {
                    () = served => {}
                    () = cut.wait() => {}
                }
                drop(place);
            });
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// The stream over a new socket; nothing where the client does not get through the handshake.
async fn welcome<H: Host>(
    tls: Option<Tls>,
    socket: TcpStream,
    peer: SocketAddr,
    voice: &Voice,
) -> Option<Box<dyn Stream>> {
    // Fails only on a socket that is dead already, which the first read finds out.
    let _ = socket.set_nodelay(true);
    let Some(Tls(tls)) = tls else {
        return Some(Box::new(socket));
    };
    match timeout(HANDSHAKE, tls.accept(socket)).await {
        Ok(Ok(stream)) => return Some(Box::new(stream)),
        Ok(Err(error)) => voice.warn(peer, || format!("no TLS handshake for {}: {error}", H::NAME)),
        Err(_) => voice.warn(peer, || format!("the TLS handshake for {} took too long", H::NAME)),
    }
    None
}

/// How long connections may take to end when the server stops, and when they were cut.
const STOP: Duration = Duration::from_secs(5);
const CUT: Duration = Duration::from_secs(1);
/// How long a handshake may take; cameras are slow at it.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// How long accepting rests after an error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
