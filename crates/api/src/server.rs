//! The port: accepting, TLS, HTTP/1.1 and HTTP/2, and stopping.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use gateway::{Desks, Gateway, Neighbour};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;

use crate::clock;
use crate::config::{Config, Limits, Problem, seconds};
use crate::keeper::Keeper;
use crate::methods;
use crate::patience::{Activity, Stage, Watch, Watched};
use crate::rpc::App;
use crate::tls::{ALPN_H2, Certificate, Files, TlsError};
use crate::token::TokenError;
use crate::troubles::Subject;
use crate::web::{Front, Peer, router};

/// Why the API does not start, or does not take a new configuration.
#[derive(Debug, Error)]
pub enum Error {
    /// The operator's: a setting that cannot be used.
    #[error("[api] {key} = {value}: {right}", key = .0.key, value = .0.value, right = .0.right)]
    Setting(Problem),
    /// The operator's: the certificate or its key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system's: no random numbers.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Ours: the table of methods is wrong.
    #[error("a method is registered twice: {0}")]
    Methods(#[from] jsonrpsee::core::RegisterMethodError),
    /// The system's: the port failed.
    #[error("the API's port: {0}")]
    Port(#[from] io::Error),
}

/// The API, ready to serve.
pub struct Server {
    shared: Arc<Shared>,
    router: Router,
    acceptor: TlsAcceptor,
    places: Arc<Places>,
    watch: Arc<Watch>,
}

/// Changes a serving API from outside. Cheap to clone.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

struct Shared {
    app: Arc<App>,
    certificate: Arc<Certificate>,
    check_s: u32,
}

impl Server {
    /// A server for a gateway whose consumers nobody asks.
    pub fn new(config: &Config, gateway: Gateway) -> Result<Self, Error> {
        Self::with(config, gateway, Desks::default())
    }

    /// Checks the settings, reads the certificate and makes everything ready. Takes tens of milliseconds.
    pub fn with(config: &Config, gateway: Gateway, desks: Desks) -> Result<Self, Error> {
        check(config)?;
        let per_minute = NonZeroU32::new(config.failures_per_minute).unwrap_or(NonZeroU32::MIN);
        let keeper = Keeper::new(
            &config.tokens,
            &config.legacy_tokens,
            per_minute,
            config.limits.waits_per_token,
        )?;
        keeper.uses.write_to(gateway.clone());
        let certificate = Certificate::load(config.files())?;
        let acceptor = TlsAcceptor::from(certificate.server_config()?);
        gateway.shows_certificate(certificate.facts());
        let app = Arc::new(App::new(gateway, desks, keeper, config));
        let front = Front {
            methods: methods::register(&app)?,
            app: app.clone(),
        };
        Ok(Self {
            places: Places::new(&config.limits),
            shared: Arc::new(Shared {
                app,
                certificate,
                check_s: config.certificate_check_s,
            }),
            router: router(Arc::new(front)),
            acceptor,
            watch: Arc::default(),
        })
    }

    /// What changes it while it serves.
    pub fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }

    /// Serves until `stop` is over. Then the port closes first; calls may end within `limits.stop_s`; what is left is cut.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let limits = &self.shared.app.limits;
        tokio::select! {
            () = self.accept(&listener) => {}
            () = self.watch.sweep(limits) => {}
            () = self.shared.look_after_certificate() => {}
            () = stop => {}
        }
        drop(listener);
        self.shared.app.stopping.cancel();
        let still_slow = self.watch.sweep(limits);
        tokio::select! {
            () = self.places.all_free() => return Ok(()),
            () = still_slow => {}
            () = tokio::time::sleep(seconds(limits.stop_s)) => {}
        }
        self.watch.give_up_all();
        let _ = tokio::time::timeout(CUT, self.places.all_free()).await;
        Ok(())
    }

    async fn accept(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((socket, address)) => self.receive(socket, address),
                Err(error) => {
                    // Mostly too many open files: it passes when connections end.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn receive(&self, socket: TcpStream, address: SocketAddr) {
        let Some(place) = self.places.take(address) else {
            tracing::debug!(%address, "too many connections");
            return;
        };
        let activity = Activity::new();
        self.watch.add(&activity);
        let connection = Connection {
            peer: Arc::new(Peer {
                address: address.ip(),
                activity,
                place,
            }),
            app: self.shared.app.clone(),
            router: self.router.clone(),
        };
        tokio::spawn(connection.run(self.acceptor.clone(), socket));
    }
}

impl Handle {
    pub(crate) fn keeper(&self) -> &Keeper {
        &self.0.app.keeper
    }

    pub(crate) fn certificate(&self) -> &Arc<Certificate> {
        &self.0.certificate
    }

    /// Takes the tokens and the certificate of another configuration from now on; other settings need a restart.
    ///
    /// Whether clients are shown another certificate than before. On an error everything stays as it was. WebSockets of tokens that are gone or changed are closed. Takes tens of
    /// milliseconds, on a blocking thread.
    pub async fn reload(&self, config: &Config) -> Result<bool, Error> {
        let taken = self.take(config).await;
        self.0.note(&taken, Subject::Configuration);
        if taken.is_ok() {
            self.0.app.troubles.over(Subject::Certificate);
        }
        taken
    }

    /// Nothing was reloaded, since the settings are wrong: `health` says so until a reload succeeds.
    pub fn not_reloaded(&self, why: &str) {
        let now = clock::now();
        self.0.app.troubles.note(Subject::Configuration, why, now);
    }

    async fn take(&self, config: &Config) -> Result<bool, Error> {
        check(config)?;
        let (shared, tokens, files) = (self.0.clone(), config.tokens.clone(), config.files());
        let legacy = config.legacy_tokens.clone();
        let taken = tokio::task::spawn_blocking(move || -> Result<bool, Error> {
            let other = shared.certificate.replace(files)?;
            shared.app.keeper.replace(&tokens, &legacy)?;
            Ok(other)
        });
        let other_certificate = taken.await.map_err(io::Error::from)??;
        self.0.show_certificate();
        self.0.app.set_xml_rpc(config.xml_rpc);
        let sims = config
            .token_sims()
            .into_iter()
            .map(|(token, sims)| (token, sims.into()));
        self.0.app.gateway.restrict_tokens(sims.collect()).await;
        Ok(other_certificate)
    }
}

impl Shared {
    /// Keeps in mind for `health` what came of taking up something new.
    fn note<T>(&self, taken: &Result<T, Error>, subject: Subject) {
        match taken {
            Ok(_) => self.app.troubles.over(subject),
            Err(error @ Error::Tls(_)) => {
                self.app
                    .troubles
                    .note(Subject::Certificate, &error.to_string(), clock::now());
            }
            Err(error) => self.app.troubles.note(subject, &error.to_string(), clock::now()),
        }
    }

    /// Tells the snapshot which certificate is in use.
    fn show_certificate(&self) {
        self.app.gateway.shows_certificate(self.certificate.facts());
    }

    /// Takes up a changed certificate. Never ends.
    async fn look_after_certificate(&self) {
        if self.check_s == 0 {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(seconds(self.check_s)).await;
            let certificate = self.certificate.clone();
            match tokio::task::spawn_blocking(move || certificate.refresh()).await {
                Ok(Ok(true)) => {
                    self.app.troubles.over(Subject::Certificate);
                    self.show_certificate();
                    tracing::info!("the certificate changed and is in use");
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the changed certificate cannot be used; the old one stays");
                    self.note::<()>(&Err(error.into()), Subject::Certificate);
                }
                Ok(Ok(false)) | Err(_) => {}
            }
        }
    }
}

impl Config {
    fn files(&self) -> Files {
        Files {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        }
    }
}

fn check(config: &Config) -> Result<(), Error> {
    match config.problems().into_iter().next() {
        Some(problem) => Err(Error::Setting(problem)),
        None => Ok(()),
    }
}

/// One client's connection.
struct Connection {
    peer: Arc<Peer>,
    app: Arc<App>,
    router: Router,
}

type Stream = TokioIo<TlsStream<Watched<TcpStream>>>;

impl Connection {
    async fn run(self, acceptor: TlsAcceptor, socket: TcpStream) {
        // Fails only on a socket that is dead already, which the handshake finds out.
        let _ = socket.set_nodelay(true);
        let watched = Watched::new(socket, self.peer.activity.clone());
        let handshake = tokio::time::timeout(seconds(self.app.limits.handshake_s), acceptor.accept(watched));
        let stream = match handshake.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(address = %self.peer.address, %error, "no TLS handshake"),
            Err(_) => return tracing::debug!(address = %self.peer.address, "the TLS handshake took too long"),
        };
        let served = match stream.get_ref().1.alpn_protocol() == Some(ALPN_H2) {
            true => self.http2(TokioIo::new(stream)).await,
            false => self.http1(TokioIo::new(stream)).await,
        };
        if let Err(error) = served {
            tracing::debug!(address = %self.peer.address, %error, "connection ended");
        }
    }

    /// Chosen by ALPN and not by sniffing: a client that says nothing would otherwise be waited for without a timer.
    async fn http1(&self, stream: Stream) -> hyper::Result<()> {
        self.peer.activity.enter(Stage::Http1);
        let mut builder = http1::Builder::new();
        // The time for a head is watched below TLS, where idle connections can be told from slow ones.
        builder.timer(TokioTimer::new()).header_read_timeout(None);
        builder
            .max_buf_size(self.app.limits.header_bytes as usize)
            .max_headers(MAX_HEADERS);
        let connection = builder.serve_connection(stream, self.service()).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            served = connection.as_mut() => return served,
            () = self.app.stopping.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }

    async fn http2(&self, stream: Stream) -> hyper::Result<()> {
        self.peer.activity.enter(Stage::Http2);
        let limits = &self.app.limits;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new());
        builder
            .keep_alive_interval(seconds(limits.idle_s.div_ceil(2)))
            .keep_alive_timeout(seconds(limits.stall_s));
        builder
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(limits.header_bytes);
        let connection = builder.serve_connection(stream, self.service());
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            served = connection.as_mut() => return served,
            () = self.app.stopping.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }

    /// Hands requests to the router, each with the connection it came over.
    fn service(
        &self,
    ) -> impl hyper::service::Service<
        http::Request<Incoming>,
        Response = http::Response<Body>,
        Error = Infallible,
        Future = impl Future<Output = Result<http::Response<Body>, Infallible>> + Send + use<>,
    > + use<> {
        let (peer, router) = (self.peer.clone(), self.router.clone());
        hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
            let in_request = peer.activity.request();
            request.extensions_mut().insert(peer.clone());
            let answer = router.clone().call(request.map(Body::new));
            async move {
                let answer = answer.await;
                drop(in_request);
                answer
            }
        })
    }
}

/// The places for connections: so many in all, so many a neighbour.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    all: u32,
    each: u32,
    taken: Mutex<HashMap<Neighbour, u32>>,
}

/// A connection's place, free again when it is dropped.
pub(crate) struct ConnectionPlace {
    neighbour: Neighbour,
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(limits.connections as usize)),
            all: limits.connections,
            each: limits.connections_per_address,
            taken: Mutex::default(),
        })
    }

    fn take(self: &Arc<Self>, address: SocketAddr) -> Option<ConnectionPlace> {
        let permit = self.free.clone().try_acquire_owned().ok()?;
        let neighbour = Neighbour::of(address.ip());
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(neighbour).or_default();
        if *own >= self.each {
            return None;
        }
        *own += 1;
        Some(ConnectionPlace {
            neighbour,
            places: self.clone(),
            _permit: permit,
        })
    }

    /// Waits until every connection has ended.
    async fn all_free(&self) {
        let _ = self.free.acquire_many(self.all).await;
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = taken.get_mut(&self.neighbour) else {
            return;
        };
        *own -= 1;
        if *own == 0 {
            taken.remove(&self.neighbour);
        }
    }
}

/// How many headers a request may have.
const MAX_HEADERS: usize = 64;
/// How long accepting rests after an error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How long connections that were cut may take to end.
const CUT: Duration = Duration::from_secs(1);
