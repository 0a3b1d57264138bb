//! The message centre: its connections, and stopping.

use std::sync::Arc;
use std::time::Duration;

use consumers::ports::{self, Host, Ports};
use consumers::{Consumer, Places};
use gateway::{Gateway, WireDesk};
use message::ApplicationSnapshot;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::Config;
use crate::calling::Caller;
use crate::connection::Connection;
use crate::fingerprint::Fingerprint;
use crate::mailman::Mailman;
use crate::member::House;

/// The message centre.
pub struct Smsc {
    ports: Ports,
    places: Arc<Places>,
    house: Arc<House>,
}

/// Takes a connection in.
#[derive(Clone)]
struct Reception {
    house: Arc<House>,
    tls: TlsAcceptor,
    stopping: watch::Receiver<bool>,
    /// Becomes true when whoever is still there is cut off.
    cut: watch::Receiver<bool>,
}

impl Smsc {
    /// A message centre at these ports.
    pub fn new(ports: Ports, config: &Config, gateway: Gateway) -> Self {
        Self {
            ports,
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

    /// What writes sessions down.
    pub fn wires(&self) -> Arc<dyn WireDesk> {
        Arc::clone(&self.house.traces) as Arc<dyn WireDesk>
    }

    /// What tells who is bound, and what they did.
    pub fn look(&self) -> impl Fn() -> Vec<ApplicationSnapshot> + Send + Sync + 'static {
        let house = Arc::clone(&self.house);
        move || house.members.iter().map(|member| member.snapshot()).collect()
    }

    /// Whether an account is known by a certificate, which clients are to be asked for then.
    pub fn asks_for_certificates(&self) -> bool {
        let accounts = &self.house.config.accounts;
        accounts.iter().any(|account| !account.certificates.is_empty())
    }

    /// Serves with this certificate until `stop` is over. Then the ports close, what was submitted is answered, and every session is unbound.
    pub async fn serve(self, tls: Arc<ServerConfig>, stop: impl Future<Output = ()>) {
        self.house.open();
        let (stopping, watched) = watch::channel(false);
        let (cut, is_cut) = watch::channel(false);
        for member in &self.house.members {
            let Some(address) = member.account.outbind.clone() else {
                continue;
            };
            let caller = Caller {
                house: Arc::clone(&self.house),
                member: Arc::clone(member),
                places: Arc::clone(&self.places),
                stopping: watched.clone(),
                cut: is_cut.clone(),
            };
            tokio::spawn(caller.run(address));
        }
        let reception = Reception {
            house: Arc::clone(&self.house),
            tls: TlsAcceptor::from(tls),
            stopping: watched,
            cut: is_cut,
        };
        tokio::select! {
            () = self.ports.serve(&reception, &self.places) => {}
            () = stop => {}
        }
        drop(self.ports);
        self.house.members.iter().for_each(|member| member.close());
        stopping.send_replace(true);
        if timeout(UNBIND, self.places.all_free()).await.is_err() {
            // What was delivered to them and not answered is given back by that, and kept for their next bind.
            cut.send_replace(true);
            let _ = timeout(CUT, self.places.all_free()).await;
        }
    }
}

impl Host for Reception {
    const NAME: &str = "SMPP";

    async fn serve(self, caller: ports::Caller) {
        // Small PDUs are answered at once; it works without, only more slowly.
        let _ = caller.socket.set_nodelay(true);
        let connection = Connection {
            house: self.house,
            peer: caller.peer.ip(),
            // A socket that has no name any more is about to end.
            ends: (caller.peer, caller.socket.local_addr().unwrap_or(caller.peer)),
            certificate: None,
            called: None,
            stopping: self.stopping,
        };
        let mut cut = self.cut;
        tokio::select! {
            _bound = speak(connection, caller.socket, caller.wrapped.then_some(self.tls)) => {}
            // A sender that is gone means it as well.
            _ = cut.wait_for(|cut| *cut) => {}
        }
    }
}

/// Whether somebody was bound.
async fn speak(mut connection: Connection, socket: TcpStream, tls: Option<TlsAcceptor>) -> bool {
    let Some(tls) = tls else {
        return connection.run(socket).await;
    };
    match timeout(HANDSHAKE, tls.accept(socket)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates();
            let own = shown.and_then(<[_]>::first);
            connection.certificate = own.map(|own| Fingerprint::of(own));
            return connection.run(stream).await;
        }
        Ok(Err(error)) => tracing::debug!(peer = %connection.peer, %error, "no TLS"),
        Err(_) => tracing::debug!(peer = %connection.peer, "no TLS in time"),
    }
    false
}

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long sessions may take to agree to their end.
const UNBIND: Duration = Duration::from_secs(10);
/// How long what was cut off may take to end.
const CUT: Duration = Duration::from_secs(1);
