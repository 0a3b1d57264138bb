//! The mail server: one connection, kept and used again, by one mail at a time.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::Mutex;

use super::config::{Config, Password, Security};
use super::refusal::{Consequence, Refusal, Stage};
use super::transaction::{Begun, Line, Outcome, Trouble, step};

/// A mail server and the connection to it.
pub(super) struct Server {
    host: String,
    port: u16,
    security: Security,
    ca_file: Option<PathBuf>,
    login: Option<(String, Password)>,
    limit: Duration,
    counter: Mutex<Counter>,
}

/// Where mails are handed over, one after the other.
#[derive(Default)]
struct Counter {
    parked: Option<Parked>,
    /// When the server last had no time for anybody, and why.
    closed: Option<(Instant, Refusal)>,
}

/// A connection between two mails.
struct Parked {
    line: Line,
    since: Instant,
}

impl Server {
    /// The server of a configuration.
    pub(super) fn new(config: &Config) -> Self {
        let password = || config.password.clone().unwrap_or_else(|| Password::new(""));
        Self {
            host: config.host.clone(),
            port: config.port,
            security: config.security,
            ca_file: config.ca_file.clone(),
            login: config.user.clone().map(|user| (user, password())),
            limit: Duration::from_secs(config.timeout_s.into()),
            counter: Mutex::default(),
        }
    }

    /// Hands a mail over, after those that were here before. An error where nobody has it, and then it is about the
    /// server or the content; what is wrong with a recipient stands in the outcome.
    ///
    /// Dropped midway, the connection goes with it, and the mail may have been taken.
    ///
    /// `from`: the envelope's sender; `None` is `<>`, which nobody reports failures to.
    pub(super) async fn deliver(
        &self,
        from: Option<&Address>,
        to: &[Address],
        mail: &[u8],
    ) -> Result<Outcome, Refusal> {
        let came = Instant::now();
        let mut counter = self.counter.lock().await;
        if let Some((_, refusal)) = counter.closed.as_ref().filter(|(at, _)| *at > came) {
            // Whoever waited while another found the server away would find the same.
            return Err(refusal.clone());
        }
        let result = self.hand_over(&mut counter, from, to, mail).await;
        counter.closed = match &result {
            Err(refusal) if refusal.consequence == Consequence::AllWait => Some((Instant::now(), refusal.clone())),
            _ => None,
        };
        result
    }

    /// Says goodbye to the server, where there is a connection.
    pub(super) async fn quit(&self) {
        if let Some(parked) = self.counter.lock().await.parked.take() {
            parked.line.quit().await;
        }
    }

    async fn hand_over(
        &self,
        counter: &mut Counter,
        from: Option<&Address>,
        to: &[Address],
        mail: &[u8],
    ) -> Result<Outcome, Refusal> {
        let (mut line, begun) = self.open(counter.parked.take(), from, to).await?;
        let (result, goes_on) = line.finish(begun, mail).await;
        counter.parked = goes_on.then(|| Parked {
            line,
            since: Instant::now(),
        });
        result
    }

    /// A line on which the mail has begun: the parked one, or a new one where that is gone meanwhile.
    async fn open(
        &self,
        parked: Option<Parked>,
        from: Option<&Address>,
        to: &[Address],
    ) -> Result<(Line, Begun), Refusal> {
        if let Some(Parked { mut line, since }) = parked {
            let alive = since.elapsed() <= STALE || line.is_alive().await;
            if alive && let Ok(begun) = line.begin(from, to).await {
                return Ok((line, begun));
            }
        }
        let mut line = self.connect().await?;
        let begun = line.begin(from, to).await?;
        Ok((line, begun))
    }

    async fn connect(&self) -> Result<Line, Refusal> {
        let server = |trouble: Trouble| {
            let refusal = trouble.read(Stage::Server);
            Refusal::all_wait(format!("{}:{}: {}", self.host, self.port, refusal.why))
        };
        let hello = ClientId::default();
        let tls = match self.security {
            Security::Plain => None,
            _ => Some(self.tls()?),
        };
        let (wrapped, upgrade) = match self.security {
            Security::Tls => (tls, None),
            _ => (None, tls),
        };
        let address = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(self.limit), &hello, wrapped, None);
        let mut connection = step(self.limit, connecting).await.map_err(server)?;
        let wanted = self.security == Security::Starttls || connection.can_starttls();
        if let Some(tls) = upgrade.filter(|_| wanted) {
            let upgrading = connection.starttls(tls, &hello);
            step(self.limit, upgrading).await.map_err(server)?;
        }
        let mut line = Line::new(connection, &hello, self.limit).await.map_err(server)?;
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.letters().to_owned());
            line.login(&credentials).await.map_err(server)?;
        }
        Ok(line)
    }

    /// What is trusted: read for each connection, so that a renewed file needs no restart.
    fn tls(&self) -> Result<TlsParameters, Refusal> {
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(file) = &self.ca_file {
            let wrong = |error: &dyn fmt::Display| Refusal::all_wait(format!("{}: {error}", file.display()));
            let pem = std::fs::read(file).map_err(|error| wrong(&error))?;
            builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| wrong(&error))?);
        }
        builder
            .build()
            .map_err(|error| Trouble::Said(error).read(Stage::Server))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}:{}, {:?})", self.host, self.port, self.security)
    }
}

/// A connection that lay longer than this is asked whether it is still there.
const STALE: Duration = Duration::from_secs(5);
