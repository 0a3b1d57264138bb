//! The mail server: one connection, kept and used again.
//!
//! `lettre` speaks SMTP; what it is told command by command here is what its transport does in one go, because one
//! recipient that is refused must not keep the others from their mail.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use super::config::{Config, Password, Security};
use super::refusal::{Consequence, Refusal, Stage};

/// A mail server and the connection to it.
pub(super) struct Server {
    host: String,
    port: u16,
    security: Security,
    ca_file: Option<PathBuf>,
    login: Option<(String, Password)>,
    limit: Duration,
    parked: Mutex<Option<Parked>>,
}

/// A connection between two mails.
struct Parked {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// What became of a mail at a server that took it for somebody.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// They have it.
    pub(super) accepted: Vec<Address>,
    /// They do not, each with the reason.
    pub(super) refused: Vec<(Address, Refusal)>,
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
            parked: Mutex::new(None),
        }
    }

    /// Hands a mail over. An error where nobody has it, and then it is about the server or the content; what is wrong
    /// with a recipient stands in the outcome.
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
        let mut connection = self.open(from, to).await?;
        let result = self.converse(&mut connection, to, mail).await;
        // After a refusal the rest of the transaction is forgotten; where that fails, so is the connection.
        let clean = match &result {
            Ok(outcome) if outcome.refused.is_empty() => true,
            Err(refusal) if refusal.consequence == Consequence::AllWait => false,
            _ => self.step(connection.command(Rset)).await.is_ok(),
        };
        if clean && !connection.has_broken() {
            self.park(connection);
        }
        result
    }

    /// Says goodbye to the server, where there is a connection.
    pub(super) async fn quit(&self) {
        if let Some(mut parked) = self.take() {
            // It may be gone already, and is let go of in any case.
            let _ = parked.connection.quit().await;
        }
    }

    /// A connection that took `MAIL FROM`: the parked one, or a new one where that is gone meanwhile.
    async fn open(&self, from: Option<&Address>, to: &[Address]) -> Result<AsyncSmtpConnection, Refusal> {
        if let Some(mut parked) = self.take() {
            let stale = parked.since.elapsed() > STALE;
            let alive = !stale || self.step(parked.connection.command(Noop)).await.is_ok();
            if alive && self.begin(&mut parked.connection, from, to).await.is_ok() {
                return Ok(parked.connection);
            }
        }
        let mut connection = self.connect().await?;
        self.begin(&mut connection, from, to).await?;
        Ok(connection)
    }

    async fn begin(
        &self,
        connection: &mut AsyncSmtpConnection,
        from: Option<&Address>,
        to: &[Address],
    ) -> Result<(), Refusal> {
        let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        let international = !from.into_iter().chain(to).all(ascii);
        let offered = connection.server_info().supports_feature(Extension::SmtpUtfEight);
        let parameters = Vec::from_iter((international && offered).then_some(MailParameter::SmtpUtfEight));
        self.step(connection.command(Mail::new(from.cloned(), parameters)))
            .await
            .map(drop)
            .map_err(|trouble| trouble.read(Stage::Server))
    }

    async fn converse(
        &self,
        connection: &mut AsyncSmtpConnection,
        to: &[Address],
        mail: &[u8],
    ) -> Result<Outcome, Refusal> {
        let mut outcome = Outcome::default();
        for address in to {
            let reply = self
                .step(connection.command(Rcpt::new(address.clone(), Vec::new())))
                .await;
            match reply.map_err(|trouble| trouble.read(Stage::Recipient)) {
                Ok(_) => outcome.accepted.push(address.clone()),
                Err(refusal) if refusal.consequence == Consequence::AllWait => return Err(refusal),
                Err(refusal) => outcome.refused.push((address.clone(), refusal)),
            }
        }
        if outcome.accepted.is_empty() {
            return Ok(outcome);
        }
        let content = |trouble: Trouble| trouble.read(Stage::Content);
        self.step(connection.command(Data)).await.map_err(content)?;
        // The end of the last line is part of the end mark that follows.
        let mail = mail.strip_suffix(b"\r\n").unwrap_or(mail);
        match str::from_utf8(mail) {
            Ok(mail) => self.step(connection.command(Content(mail))).await,
            Err(_) => self.step(connection.message(mail)).await,
        }
        .map_err(content)?;
        Ok(outcome)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Refusal> {
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
        let mut connection = self.step(connecting).await.map_err(server)?;
        let wanted = self.security == Security::Starttls || connection.can_starttls();
        if let Some(tls) = upgrade.filter(|_| wanted) {
            self.step(connection.starttls(tls, &hello)).await.map_err(server)?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.letters().to_owned());
            let login = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
            self.step(login).await.map_err(server)?;
        }
        Ok(connection)
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

    /// One step of the conversation, within the time limit.
    async fn step<T>(&self, step: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
        match tokio::time::timeout(self.limit, step).await {
            Ok(done) => done.map_err(Trouble::Said),
            Err(_) => Err(Trouble::Slow(self.limit)),
        }
    }

    fn take(&self) -> Option<Parked> {
        self.parked.lock().ok()?.take()
    }

    fn park(&self, connection: AsyncSmtpConnection) {
        if let Ok(mut parked) = self.parked.lock() {
            *parked = Some(Parked {
                connection,
                since: Instant::now(),
            });
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}:{}, {:?})", self.host, self.port, self.security)
    }
}

/// A mail as it is sent, its end mark included (RFC 5321 4.5.2).
///
/// lettre sends content and end mark in two writes, and the kernel holds the second back until the server acknowledges
/// the first, which it delays: 40 ms a mail.
struct Content<'a>(&'a str);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.split_inclusive("\r\n") {
            if line.starts_with('.') {
                f.write_str(".")?;
            }
            f.write_str(line)?;
        }
        f.write_str("\r\n.\r\n")
    }
}

/// What went wrong in a step.
enum Trouble {
    Said(Error),
    Slow(Duration),
}

impl Trouble {
    fn read(self, stage: Stage) -> Refusal {
        match self {
            Self::Said(error) => Refusal::read(stage, &error),
            Self::Slow(limit) => Refusal::all_wait(format!("no answer within {} s", limit.as_secs())),
        }
    }
}

/// A connection that lay longer than this is asked whether it is still there.
const STALE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_begins_with_a_dot_is_no_end() {
        for (mail, sent) in [
            ("a\r\nb", "a\r\nb\r\n.\r\n"),
            (".\r\n..\r\n.x", "..\r\n...\r\n..x\r\n.\r\n"),
            ("a.\r\n\r\n.", "a.\r\n\r\n..\r\n.\r\n"),
            ("", "\r\n.\r\n"),
        ] {
            assert_eq!(Content(mail).to_string(), sent, "{mail:?}");
        }
    }
}
