//! Ports to listen on: opened here, or by somebody else before; and whoever comes in through them.

use std::io;
use std::net::{self, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::{TcpListener, TcpStream};

use crate::places::Places;

/// The ports of a server, plain ones and such as begin with TLS, taken. Nobody is answered yet.
#[derive(Debug)]
pub struct Ports(Vec<Door>);

/// Whoever serves the connections that come in through [`Ports`]. A clone is made for each.
pub trait Host: Clone + Send + 'static {
    /// What its connections speak, for the log.
    const NAME: &str;

    /// Serves one to its end.
    fn serve(self, caller: Caller) -> impl Future<Output = ()> + Send;

    /// Sends one away for which there is no place. Nobody waits for it.
    fn turn_away(&self, caller: &Caller) {
        tracing::debug!(peer = %caller.peer, "too many {} connections", Self::NAME);
    }
}

/// A connection that came in.
#[derive(Debug)]
pub struct Caller {
    /// Its socket.
    pub socket: TcpStream,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Whether TLS begins with the first octet.
    pub wrapped: bool,
}

#[derive(Debug)]
struct Door {
    listener: TcpListener,
    wrapped: bool,
}

impl Ports {
    /// Takes the plain ports and those that begin with TLS, so that nothing else begins where one cannot be had.
    ///
    /// # Errors
    /// The address that cannot be had, and why.
    pub async fn take(plain: &[SocketAddr], wrapped: &[SocketAddr]) -> Result<Self, (SocketAddr, io::Error)> {
        Self::take_or((plain, Vec::new()), (wrapped, Vec::new())).await
    }

    /// The same, but for kinds of ports that somebody has opened already: these are taken as they are, instead of the
    /// addresses of their kind. They must not block.
    ///
    /// # Errors
    /// The address that cannot be had, and why.
    pub async fn take_or(plain: Wanted<'_>, wrapped: Wanted<'_>) -> Result<Self, (SocketAddr, io::Error)> {
        let mut doors = Vec::new();
        for ((addresses, opened), wrapped) in [(plain, false), (wrapped, true)] {
            let listeners = take_or(addresses, opened).await?;
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

    /// Lets in whoever comes and finds a place, a task each, for ever.
    pub async fn serve<H: Host>(&self, host: &H, places: &Arc<Places>) {
        join_all(self.0.iter().map(|door| door.accept(host, places))).await;
    }
}

impl Door {
    async fn accept<H: Host>(&self, host: &H, places: &Arc<Places>) {
        loop {
            let (socket, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Mostly too many open files: it passes when connections end.
                    tracing::warn!(%error, "cannot accept a connection that speaks {}", H::NAME);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let caller = Caller {
                socket,
                peer,
                wrapped: self.wrapped,
            };
            let Some(place) = places.take(peer.ip()) else {
                host.turn_away(&caller);
                continue;
            };
            let host = host.clone();
            tokio::spawn(async move {
                host.serve(caller).await;
                drop(place);
            });
        }
    }
}

/// Takes over what was opened, or opens the addresses where nothing was.
///
/// # Errors
/// The address that cannot be had, and why.
pub async fn take_or(
    addresses: &[SocketAddr],
    opened: Vec<net::TcpListener>,
) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut listeners = Vec::new();
    if opened.is_empty() {
        for address in addresses {
            listeners.push(TcpListener::bind(address).await.map_err(|error| (*address, error))?);
        }
    }
    for socket in opened {
        let address = socket.local_addr().unwrap_or(NOWHERE);
        listeners.push(TcpListener::from_std(socket).map_err(|error| (address, error))?);
    }
    Ok(listeners)
}

/// The addresses of a kind of port, and what of it was opened already.
pub type Wanted<'a> = (&'a [SocketAddr], Vec<net::TcpListener>);

const NOWHERE: SocketAddr = SocketAddr::new(net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// How long accepting rests after an error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_open_already_is_taken_instead_of_the_addresses() {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let opened = net::TcpListener::bind(local).unwrap();
        opened.set_nonblocking(true).unwrap();
        let there = opened.local_addr().unwrap();
        let taken = take_or(&[local, local], vec![opened]).await.unwrap();
        let addresses: Vec<_> = taken.iter().map(|listener| listener.local_addr().unwrap()).collect();
        assert_eq!(addresses, [there]);
        assert_eq!(take_or(&[local, local], Vec::new()).await.unwrap().len(), 2);
        let (address, _) = take_or(&[there], Vec::new()).await.unwrap_err();
        assert_eq!(address, there, "it is taken");
    }
}
