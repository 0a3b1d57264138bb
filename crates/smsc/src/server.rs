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

use crate::calling::Calls;
use crate::config::{Account, Config};
use crate::connection::Connection;
use crate::fingerprint::Fingerprint;
use crate::mailman::Mailman;
use crate::member::{House, Member};

/// The message centre.
pub struct Smsc {
    ports: Ports,
    places: Arc<Places>,
    house: Arc<House>,
}

/// Changes the accounts of a message centre while it serves.
pub struct Registry(Arc<House>);

/// Takes a connection in.
#[derive(Clone)]
struct Reception {
    house: Arc<House>,
    tls: watch::Receiver<Option<TlsAcceptor>>,
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
        let mailman = |member: &Arc<_>| mailman(&self.house, member);
        self.house.members().iter().map(mailman).collect()
    }

    /// What changes the accounts while it serves.
    pub fn registry(&self) -> Registry {
        Registry(Arc::clone(&self.house))
    }

    /// What writes sessions down.
    pub fn wires(&self) -> Arc<dyn WireDesk> {
        Arc::clone(&self.house.traces) as Arc<dyn WireDesk>
    }

    /// What tells who is bound, and what they did.
    pub fn look(&self) -> impl Fn() -> Vec<ApplicationSnapshot> + Send + Sync + 'static {
        let house = Arc::clone(&self.house);
        move || house.members().iter().map(|member| member.snapshot()).collect()
    }

    /// Serves with this certificate until `stop` is over. Then the ports close, what was submitted is answered, and every session is unbound.
    pub async fn serve(self, tls: Arc<ServerConfig>, stop: impl Future<Output = ()>) {
        self.house.open();
        let (stopping, watched) = watch::channel(false);
        let (cut, is_cut) = watch::channel(false);
        let calls = Calls {
            places: Arc::clone(&self.places),
            stopping: watched.clone(),
            cut: is_cut.clone(),
        };
        let tls = self.house.begin(calls, tls);
        let reception = Reception {
            house: Arc::clone(&self.house),
            tls,
            stopping: watched,
            cut: is_cut,
        };
        tokio::select! {
            () = self.ports.serve(&reception, &self.places) => {}
            () = stop => {}
        }
        drop(self.ports);
        self.house.members().iter().for_each(|member| member.close());
        stopping.send_replace(true);
        if timeout(UNBIND, self.places.all_free()).await.is_err() {
            // What was delivered to them and not answered is given back by that, and kept for their next bind.
            cut.send_replace(true);
            let _ = timeout(CUT, self.places.all_free()).await;
        }
    }
}

impl Registry {
    /// There are these accounts from now on; what tells those of them that are new. Needs a runtime.
    ///
    /// An account that stays keeps its sessions, and what it may do follows its settings at once; its password, certificates,
    /// networks and number of sessions count from the next bind on. Sessions of one that is gone are unbound once what is
    /// open is answered. `tls`: the certificate to show, with a question for theirs where
    /// [an account has one](Config::asks_for_certificates).
    pub fn adopt(&self, accounts: &[Account], tls: Arc<ServerConfig>) -> Vec<Arc<dyn Consumer>> {
        self.0.tls.send_replace(Some(TlsAcceptor::from(tls)));
        let adopted = self.0.adopt(accounts);
        adopted.to_call.iter().for_each(|member| self.0.call(member));
        adopted.new.iter().map(|member| mailman(&self.0, member)).collect()
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
        // There is one before anybody is served.
        let tls = self.tls.borrow().clone().filter(|_| caller.wrapped);
        if tls.is_some() != caller.wrapped {
            return;
        }
        tokio::select! {
            _bound = speak(connection, caller.socket, tls) => {}
            // A sender that is gone means it as well.
            _ = cut.wait_for(|cut| *cut) => {}
        }
    }
}

fn mailman(house: &House, member: &Arc<Member>) -> Arc<dyn Consumer> {
    Arc::new(Mailman::new(Arc::clone(member), house.gateway.clone()))
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
