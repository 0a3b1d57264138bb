//! One mail on an open connection (RFC 5321 3.3): `MAIL`, `RCPT` for each recipient, `DATA`, the content.
//!
//! What comes before the content goes out in one piece where the server can take it so (PIPELINING, RFC 2920), which
//! saves a way there and back for each command; else command by command. lettre's own transport does neither of what is
//! wanted here: one recipient that is refused must not keep the others from their mail.

use std::fmt::{self, Write as _};
use std::future::Future;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use super::refusal::{Consequence, Refusal, Stage};

/// A connection that is greeted, and secured as it is to be.
pub(super) struct Line {
    connection: AsyncSmtpConnection,
    /// How long one step may take.
    limit: Duration,
    /// Whether the server takes commands in a group.
    pipelining: bool,
}

/// What became of a mail at a server that took it for somebody.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// They have it.
    pub(super) accepted: Vec<Address>,
    /// They do not, each with the reason.
    pub(super) refused: Vec<(Address, Refusal)>,
}

/// What went wrong in a step.
pub(super) enum Trouble {
    Said(Error),
    Slow(Duration),
}

/// A transaction before its content.
#[derive(Default)]
pub(super) struct Begun {
    outcome: Outcome,
    /// What the server says to `DATA`; `None`: it was not asked, since it took no recipient.
    content: Option<Result<(), Refusal>>,
}

impl Line {
    /// A line over a connection on which nobody is logged in yet. lettre keeps no word of PIPELINING, so the server is
    /// greeted once more, which it must allow (RFC 5321 4.1.4).
    pub(super) async fn new(
        mut connection: AsyncSmtpConnection,
        hello: &ClientId,
        limit: Duration,
    ) -> Result<Self, Trouble> {
        let greeting = step(limit, connection.command(format!("EHLO {hello}\r\n"))).await;
        // A server that knows HELO alone is as good as one without PIPELINING.
        let pipelining = match greeting {
            Ok(reply) => reply.message().any(|line| line.eq_ignore_ascii_case("PIPELINING")),
            Err(Trouble::Said(error)) if error.status().is_some() => false,
            Err(trouble) => return Err(trouble),
        };
        Ok(Self {
            connection,
            limit,
            pipelining,
        })
    }

    /// Logs in.
    pub(super) async fn login(&mut self, credentials: &Credentials) -> Result<(), Trouble> {
        let login = self.connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials);
        step(self.limit, login).await.map(drop)
    }

    /// Whether the server is still there.
    pub(super) async fn is_alive(&mut self) -> bool {
        self.said("NOOP\r\n").await.is_ok()
    }

    /// Says goodbye.
    pub(super) async fn quit(mut self) {
        // It may be gone already, and is let go of in any case.
        let _ = self.connection.quit().await;
    }

    /// Everything up to `DATA`. An error is about the server or the sender; the connection is of no use after it.
    pub(super) async fn begin(&mut self, from: Option<&Address>, to: &[Address]) -> Result<Begun, Refusal> {
        match self.pipelining {
            true => self.begin_at_once(from, to).await,
            false => self.begin_in_steps(from, to).await,
        }
    }

    /// The content, and what became of it. Gives back whether the next mail may follow on this connection, too.
    pub(super) async fn finish(&mut self, begun: Begun, mail: &[u8]) -> (Result<Outcome, Refusal>, bool) {
        let result = self.hand_over(begun, mail).await;
        // After a refusal the rest of the transaction is forgotten; where that fails, so is the connection.
        let clean = match &result {
            Ok(outcome) if outcome.refused.is_empty() => true,
            Err(refusal) if refusal.consequence == Consequence::AllWait => false,
            _ => self.said(Rset).await.is_ok(),
        };
        (result, clean && !self.connection.has_broken())
    }

    async fn begin_in_steps(&mut self, from: Option<&Address>, to: &[Address]) -> Result<Begun, Refusal> {
        let mail = self.mail(from, to);
        self.said(mail).await.map_err(|trouble| trouble.read(Stage::Server))?;
        let mut begun = Begun::default();
        for address in to {
            let reply = self.said(Rcpt::new(address.clone(), Vec::new())).await;
            begun.outcome.count(address, reply)?;
        }
        if !begun.outcome.accepted.is_empty() {
            let reply = self.said(Data).await;
            begun.content = Some(reply.map_err(|trouble| trouble.read(Stage::Content)));
        }
        Ok(begun)
    }

    async fn begin_at_once(&mut self, from: Option<&Address>, to: &[Address]) -> Result<Begun, Refusal> {
        let mut group = self.mail(from, to).to_string();
        for address in to {
            // Writing into a string does not fail.
            let _ = write!(group, "{}", Rcpt::new(address.clone(), Vec::new()));
        }
        let _ = write!(group, "{Data}");
        self.said(group).await.map_err(|trouble| trouble.read(Stage::Server))?;
        let mut begun = Begun::default();
        for address in to {
            let reply = self.heard().await;
            begun.outcome.count(address, reply)?;
        }
        let reply = self.heard().await;
        if !begun.outcome.accepted.is_empty() {
            begun.content = Some(reply.map_err(|trouble| trouble.read(Stage::Content)));
        } else if reply.is_ok() {
            // It waits for content that is for nobody, and refuses or forgets it (RFC 2920 3.1).
            let _ = self.said(".\r\n").await;
        }
        Ok(begun)
    }

    async fn hand_over(&mut self, begun: Begun, mail: &[u8]) -> Result<Outcome, Refusal> {
        let Some(go_on) = begun.content else {
            return Ok(begun.outcome);
        };
        go_on?;
        // The end of the last line is part of the end mark that follows.
        let mail = mail.strip_suffix(b"\r\n").unwrap_or(mail);
        match str::from_utf8(mail) {
            Ok(mail) => self.said(Content(mail)).await,
            Err(_) => step(self.limit, self.connection.message(mail)).await.map(drop),
        }
        .map_err(|trouble| trouble.read(Stage::Content))?;
        Ok(begun.outcome)
    }

    fn mail(&self, from: Option<&Address>, to: &[Address]) -> Mail {
        let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        let international = !from.into_iter().chain(to).all(ascii);
        let offered = self.connection.server_info().supports_feature(Extension::SmtpUtfEight);
        let parameters = Vec::from_iter((international && offered).then_some(MailParameter::SmtpUtfEight));
        Mail::new(from.cloned(), parameters)
    }

    /// Says something, and hears the first answer to it.
    async fn said(&mut self, words: impl fmt::Display) -> Result<(), Trouble> {
        step(self.limit, self.connection.command(words)).await.map(drop)
    }

    async fn heard(&mut self) -> Result<(), Trouble> {
        step(self.limit, self.connection.read_response()).await.map(drop)
    }
}

impl Outcome {
    /// Notes what the server says of a recipient; an error concerns all of them.
    fn count(&mut self, address: &Address, reply: Result<(), Trouble>) -> Result<(), Refusal> {
        match reply.map_err(|trouble| trouble.read(Stage::Recipient)) {
            Ok(()) => self.accepted.push(address.clone()),
            Err(refusal) if refusal.consequence == Consequence::AllWait => return Err(refusal),
            Err(refusal) => self.refused.push((address.clone(), refusal)),
        }
        Ok(())
    }
}

impl Trouble {
    pub(super) fn read(self, stage: Stage) -> Refusal {
        match self {
            Self::Said(error) => Refusal::read(stage, &error),
            Self::Slow(limit) => Refusal::all_wait(format!("no answer within {} s", limit.as_secs())),
        }
    }
}

/// One step of the conversation, within the time limit.
pub(super) async fn step<T>(limit: Duration, step: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
    match tokio::time::timeout(limit, step).await {
        Ok(done) => done.map_err(Trouble::Said),
        Err(_) => Err(Trouble::Slow(limit)),
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
