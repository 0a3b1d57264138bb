//! Ports to listen on: opened here, or by somebody else before.

use std::io;
use std::net::{self, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

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

const NOWHERE: SocketAddr = SocketAddr::new(net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

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
