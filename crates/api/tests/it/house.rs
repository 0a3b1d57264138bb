//! A gateway with its API, made for one test, and clients for it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use api::{Config, Handle, Scope, Server, Token};
use gateway::{Gateway, Parts, RouteSettings};
use jiff::Timestamp;
use message::{InboundKind, Number, Payload, RawInbound, Reception, RouteId};
use reqwest::header::HeaderMap;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use store::Store;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) config: Config,
    pub(crate) handle: Handle,
    pub(crate) store: Store,
    pub(crate) gateway: Gateway,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), api::Error>>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: reqwest::Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn result(&self) -> &Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert!(self.body.get("error").is_none(), "{}", self.body);
        &self.body["result"]
    }

    /// HTTP status, code, and field of an error.
    pub(crate) fn error(&self) -> (u16, i64, Option<&str>) {
        let error = &self.body["error"];
        assert!(
            error["message"].as_str().is_some_and(|sentence| !sentence.is_empty()),
            "{}",
            self.body
        );
        assert!(
            error["data"]["reason"].is_string() && error["data"]["retryable"].is_boolean(),
            "{}",
            self.body
        );
        (
            self.status,
            error["code"].as_i64().unwrap(),
            error["data"]["field"].as_str(),
        )
    }
}

impl House {
    pub(crate) async fn new(tokens: &[&Token]) -> Self {
        Self::with(tokens, |_| {}).await
    }

    /// A house whose settings are changed before it opens.
    pub(crate) async fn with(tokens: &[&Token], change: impl FnOnce(&mut Config)) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write_certificate(&folder);
        let mut config = Config {
            certificate,
            key,
            tokens: tokens.iter().map(|token| token.entry.clone()).collect(),
            ..Config::default()
        };
        change(&mut config);
        let (gateway, store) = start_gateway(&folder, &config).await;
        let server = Server::new(&config, gateway.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handle = server.handle();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server.serve(listener, async move { drop(stopped.await) }));
        Self {
            address,
            config,
            handle,
            store,
            gateway,
            folder,
            stop: Some(stop),
            served,
        }
    }

    /// Tells the API to stop and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.served.await.unwrap().unwrap();
        self.gateway.stop().await;
    }

    pub(crate) fn client(&self) -> reqwest::Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> reqwest::ClientBuilder {
        let pem = fs::read(&self.config.certificate).unwrap();
        let trusted = reqwest::Certificate::from_pem(&pem).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([trusted])
            .resolve("localhost", self.address)
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/rpc", self.address.port())
    }

    /// One call over a connection of its own.
    pub(crate) async fn call(&self, token: Option<&Token>, method: &str, params: Value) -> Answer {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post(token, &call).await
    }

    pub(crate) async fn post(&self, token: Option<&Token>, body: &Value) -> Answer {
        post(&self.client(), &self.url(), token.map(Token::plain), body.to_string()).await
    }

    /// A message arrives.
    pub(crate) async fn receive(&self, sim: &str, from: &str, text: &str) -> i64 {
        static COUNT: AtomicU8 = AtomicU8::new(0);
        let payload = Payload {
            kind: InboundKind::Text,
            from: Number::received(from),
            service_centre_time: None,
            class: None,
            concat: None,
            fingerprint: [COUNT.fetch_add(1, Relaxed); 32],
        };
        let raw = RawInbound {
            pdu: deliver(text),
            memory: None,
        };
        let kept = self
            .store
            .receive(&RouteId::new(sim), raw, payload, Reception::default(), Timestamp::now())
            .await
            .unwrap();
        kept.into_inner().completed.unwrap().cursor
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A TLS connection that offers these protocols.
    pub(crate) async fn tls(&self, alpn: &[&str]) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(&self.config.certificate).unwrap())
            .unwrap();
        let mut config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, self.tcp().await)
            .await
            .unwrap()
    }

    /// Another certificate takes the place of the one in use, in the same files.
    pub(crate) fn replace_certificate(&self) {
        write_certificate(&self.folder);
    }
}

pub(crate) async fn post(client: &reqwest::Client, url: &str, token: Option<&str>, body: String) -> Answer {
    let request = client.post(url).header("content-type", "application/json").body(body);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    read(request.send().await.unwrap()).await
}

pub(crate) async fn read(response: reqwest::Response) -> Answer {
    Answer {
        status: response.status().as_u16(),
        version: response.version(),
        headers: response.headers().clone(),
        body: response.json().await.unwrap(),
    }
}

pub(crate) fn token(id: &str, scopes: &[Scope]) -> Token {
    Token::generate(Some(id), scopes).unwrap()
}

/// A token bound to one SIM.
pub(crate) fn bound(id: &str, scopes: &[Scope], sim: &str) -> Token {
    let mut token = token(id, scopes);
    token.entry.sims = Some(vec![RouteId::new(sim)]);
    token
}

/// Waits for something that must come soon, even on a busy machine.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(came) = tokio::time::timeout(Duration::from_secs(20), future).await else {
        panic!("{what} did not come")
    };
    came
}

async fn start_gateway(folder: &TempDir, config: &Config) -> (Gateway, Store) {
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let (store, _) = Store::open(&data, &store::Config::default(), gateway::joiner()).unwrap();
    let mut settings = RouteSettings::default();
    for sim in ["sim1", "sim2"] {
        settings.routes.insert(RouteId::new(sim), Default::default());
    }
    let parts = Parts {
        config: gateway::Config::default(),
        uncertain_wait: store::Config::default().uncertain_wait(),
        retention: store::Retention::default(),
        settings,
        store: store.clone(),
        carriers: Vec::new(),
        care: gateway::CareSettings::default(),
        token_sims: config.token_sims(),
        tally: gateway::Tally::default(),
    };
    (Gateway::start(parts).await.unwrap(), store)
}

fn write_certificate(folder: &TempDir) -> (PathBuf, PathBuf) {
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    fs::write(&certificate, signed.cert.pem()).unwrap();
    fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

/// An SMS-DELIVER in UCS-2 (TS 23.040 9.2.2.1) with an empty service-centre part.
fn deliver(text: &str) -> Vec<u8> {
    let user_data: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut pdu = vec![0x00, 0x04, 0x0b, 0x91, 0x94, 0x71, 0x11, 0x32, 0x54, 0xf6, 0x00, 0x08];
    pdu.extend([0x62, 0x11, 0x22, 0x01, 0x00, 0x00, 0x00]);
    pdu.push(u8::try_from(user_data.len()).unwrap());
    pdu.extend(user_data);
    pdu
}
