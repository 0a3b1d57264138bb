//! Whoever takes mail, and who brings it.

use std::fmt;
use std::net::IpAddr;

use futures_util::future::BoxFuture;
use gateway::Origin;

use super::{Letter, Reply};

/// Somebody who takes mail for some addresses.
pub trait Mailbox: fmt::Debug + Send + Sync + 'static {
    /// Its name, for the log.
    fn name(&self) -> &str;

    /// Whether mail that could go round in circles ([`Letter::loop_reason`]) is refused before it is given to it.
    fn minds_loops(&self) -> bool {
        true
    }

    /// Whether it takes mail for this address from this sender. Asked at `RCPT`, for each recipient; nothing is kept.
    /// The mailboxes are asked in their order until one says something else than [`Answer::NotMine`].
    fn answer<'a>(&'a self, to: &'a Recipient, sender: &'a Sender) -> BoxFuture<'a, Answer>;

    /// Takes a letter for those of its recipients that are this mailbox's: `Ok` once it is durable. It may be given
    /// the same again. What is refused here is refused for all of them.
    ///
    /// # Errors
    /// What the client is told: a temporary reply makes it come again, any other makes it give up.
    fn take<'a>(&'a self, letter: &'a Letter, to: &'a [Recipient]) -> BoxFuture<'a, Result<(), Reply>>;
}

/// What a mailbox says to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It belongs to somebody else, or to nobody.
    NotMine,
    /// It takes mail for it.
    Mine,
    /// It is its own, and it takes none for it.
    Refused(Reply),
}

/// An address that mail is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recipient {
    address: String,
    at: usize,
}

/// Who brings a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The envelope's sender (`MAIL FROM`); `None` for `<>`, which is what reports about other mails have.
    pub address: Option<String>,
    /// Where the connection comes from.
    pub peer: IpAddr,
    /// Whose rights count; `None` where the sender is on the list without a token.
    pub account: Option<Account>,
    /// Why mail is taken from them.
    pub trust: Trust,
}

/// Whose rights a sender has: those of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What the gateway is told about them.
    pub origin: Origin,
    /// Whether the token may send messages.
    pub may_send: bool,
}

/// Why mail is taken from a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// They logged in.
    Login,
    /// They are on the list of senders.
    Listed,
    /// They come through a mail server on the list that passes on what others wrote.
    Relayed,
}

impl Recipient {
    /// An address, where it has a local part and a domain. The domain's letters are made small; the local part stays.
    pub fn parse(address: &str) -> Option<Self> {
        let at = address.rfind('@')?;
        let (local, domain) = (&address[..at], &address[at + 1..]);
        let clean = !address.contains(|c: char| c.is_control());
        (clean && !local.is_empty() && !domain.is_empty()).then(|| Self {
            address: format!("{local}@{}", domain.to_ascii_lowercase()),
            at,
        })
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        &self.address[..self.at]
    }

    /// What stands behind the `@`, in small letters.
    pub fn domain(&self) -> &str {
        &self.address[self.at + 1..]
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_halves() {
        let recipient = Recipient::parse("+49171@SMS.Example.org").unwrap();
        assert_eq!((recipient.local(), recipient.domain()), ("+49171", "sms.example.org"));
        let odd = Recipient::parse("a@b@c").unwrap();
        assert_eq!((odd.local(), odd.domain()), ("a@b", "c"));
        for none in ["", "postmaster", "@x", "x@", "a\r\nb@c"] {
            assert_eq!(Recipient::parse(none), None, "{none}");
        }
    }
}
