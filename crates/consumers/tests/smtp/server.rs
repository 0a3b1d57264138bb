//! A server that collects what it is given.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consumers::ports::Ports;
use consumers::smtp::{
    Account, Answer, Config, Doorman, Letter, Listed, Listener, LoginError, Mailbox, Parts, Recipient, Reply, Sender,
};
use futures_util::future::{BoxFuture, FutureExt};
use gateway::Origin;
use message::TokenId;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A server at two ports of this machine; it takes mail for every address at `here`.
pub(crate) struct Server {
    pub(crate) plain: SocketAddr,
    pub(crate) wrapped: SocketAddr,
    letters: Arc<Collected>,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Collected(Mutex<Vec<(Letter, Vec<String>)>>);

impl Mailbox for Collected {
    fn name(&self) -> &str {
        "collected"
    }

    fn answer<'a>(&'a self, to: &'a Recipient, _: &'a Sender) -> BoxFuture<'a, Answer> {
        let answer = match (to.local(), to.domain()) {
            ("full", "here") => Answer::Refused(Reply::full("later again")),
            (_, "here") => Answer::Mine,
            _ => Answer::NotMine,
        };
        async move { answer }.boxed()
    }

    fn take<'a>(&'a self, letter: &'a Letter, to: &'a [Recipient]) -> BoxFuture<'a, Result<(), Reply>> {
        async move {
            if letter.subject == "slow" {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            let to = to.iter().map(ToString::to_string).collect();
            self.0.lock().expect("unpoisoned").push((letter.clone(), to));
            Ok(())
        }
        .boxed()
    }
}

/// Knows the token `gw` with the secret `secret`.
#[derive(Debug)]
pub(crate) struct Clerk;

impl Doorman for Clerk {
    fn login<'a>(&'a self, _: IpAddr, user: &'a str, password: &'a str) -> BoxFuture<'a, Result<Account, LoginError>> {
        let account = self.account(&TokenId::new(user)).filter(|_| password == "secret");
        async move { account.ok_or(LoginError::Wrong) }.boxed()
    }

    fn account(&self, token: &TokenId) -> Option<Account> {
        let origin = Origin {
            token: Some(token.clone()),
            ..Origin::default()
        };
        (token.as_str() == "gw").then_some(Account { origin, may_send: true })
    }

    fn count(&self, _: &TokenId) -> bool {
        true
    }
}

impl Server {
    /// A server that takes mail of `cam@here` without a login, with these settings besides.
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        let mut config = Config {
            listen: vec![any],
            listen_tls: vec![any],
            name: Some("localhost".into()),
            senders: vec![Listed {
                from: vec!["cam@here".into()],
                ..Listed::default()
            }],
            ..Config::default()
        };
        change(&mut config);
        let folder = tempfile::tempdir().expect("a folder");
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
        std::fs::write(folder.path().join("ca.pem"), cert.pem()).expect("written");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a key that fits");
        let letters = Arc::new(Collected::default());
        let parts = Parts {
            tls: Some(Arc::new(tls)),
            doorman: Some(Arc::new(Clerk)),
            mailboxes: vec![letters.clone()],
        };
        let ports = Ports::take(&config.listen, &config.listen_tls)
            .await
            .expect("free ports");
        let addresses = ports.addresses();
        let listener = Listener::new(ports, &config, parts);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(listener.serve(async move {
            let _ = stopped.await;
        }));
        Self {
            plain: addresses[0],
            wrapped: addresses[1],
            letters,
            folder,
            stop,
            serving,
        }
    }

    /// The certificate that clients trust.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What was kept so far.
    pub(crate) fn letters(&self) -> Vec<(Letter, Vec<String>)> {
        self.letters.0.lock().expect("unpoisoned").clone()
    }

    /// A connection to it that has read the greeting.
    pub(crate) async fn connect(&self) -> Client {
        let mut client = Client(TcpStream::connect(self.plain).await.expect("it listens"));
        assert!(client.reply().await.starts_with("220 localhost"));
        client
    }

    /// Stops it, and says how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let begun = tokio::time::Instant::now();
        self.stop.send(()).expect("it serves");
        self.serving.await.expect("no panic");
        begun.elapsed()
    }
}

/// A client without manners.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn say(&mut self, octets: impl AsRef<[u8]>) {
        self.0.write_all(octets.as_ref()).await.expect("it reads");
    }

    /// What comes next; nothing where the connection has ended.
    pub(crate) async fn reply(&mut self) -> String {
        let mut octets = vec![0; 4096];
        let count = timeout(Duration::from_secs(30), self.0.read(&mut octets))
            .await
            .expect("an answer");
        String::from_utf8_lossy(&octets[..count.unwrap_or(0)]).into_owned()
    }

    /// Says a line and gives the reply to it.
    pub(crate) async fn ask(&mut self, line: &str) -> String {
        self.say(format!("{line}\r\n")).await;
        self.reply().await
    }

    /// Reads until the replies to so many lines are there.
    pub(crate) async fn replies(&mut self, count: usize) -> Vec<String> {
        let mut all = String::new();
        while all.matches("\r\n").count() < count {
            let more = self.reply().await;
            assert!(!more.is_empty(), "it ended after {all:?}");
            all.push_str(&more);
        }
        all.lines().map(str::to_owned).collect()
    }
}
