//! What a mail server's refusal means: whose turn it is, and whether to come again.

use std::error::Error as _;

use lettre::transport::smtp::Error;

use crate::trouble;

/// Where in the conversation something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Connecting, TLS, greeting, login, and `MAIL FROM`, which says nothing of the one message yet.
    Server,
    /// One recipient.
    Recipient,
    /// The content.
    Content,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// It concerns every mail: the server, the way to it or the settings. All wait.
    AllWait,
    /// This mail, or this recipient, is tried again.
    Later,
    /// It will never work for this one.
    Never,
}

/// A refusal, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) consequence: Consequence,
    /// For people.
    pub(crate) why: String,
}

impl Refusal {
    /// Reads an error of a stage.
    pub(crate) fn read(stage: Stage, error: &Error) -> Self {
        let said = error
            .source()
            .map(|said| one_line(&said.to_string()))
            .unwrap_or_default();
        let Some(code) = error.status() else {
            return Self::all_wait(one_line(&told(error)));
        };
        let code: u16 = code.into();
        Self {
            consequence: consequence(stage, code, enhanced(&said)),
            why: format!("the mail server says: {code} {said}"),
        }
    }

    /// Trouble that concerns every mail.
    pub(crate) fn all_wait(why: impl Into<String>) -> Self {
        Self {
            consequence: Consequence::AllWait,
            why: why.into(),
        }
    }
}

/// The consequence of a reply (RFC 5321 4.2.3) with its enhanced code (RFC 3463), subject and detail.
fn consequence(stage: Stage, code: u16, enhanced: Option<(u16, u16)>) -> Consequence {
    match (stage, code, enhanced) {
        // It closes the connection.
        (_, 421, _) | (Stage::Server, ..) => Consequence::AllWait,
        (_, 400..=499, _) => Consequence::Later,
        // A full mailbox is emptied one day; RFC 5321 gives it 552, servers 5.2.2 beside 550 or 554.
        (_, _, Some((2, 2))) => Consequence::Later,
        // Too long for this server (5.3.4), now and later.
        (Stage::Content, _, Some((3, 4))) => Consequence::Never,
        (_, 552, _) => Consequence::Later,
        // A login is wanted: the operator's turn.
        (_, 530 | 538, _) => Consequence::AllWait,
        // Refused by policy, as "relay access denied": the operator's turn, not the recipient's fault.
        (Stage::Recipient, _, Some((7, _))) => Consequence::Later,
        _ => Consequence::Never,
    }
}

/// Subject and detail of the enhanced code that a reply begins with.
fn enhanced(said: &str) -> Option<(u16, u16)> {
    let mut numbers = said.split_whitespace().next()?.split('.');
    let _class: u16 = numbers.next()?.parse().ok()?;
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A reply as one line of bounded length: it goes to health and logs.
fn one_line(said: &str) -> String {
    let words: Vec<&str> = said
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(MOST_SAID).collect()
}

/// Where TLS or the login failed the library's words help nobody.
fn told(error: &Error) -> String {
    if trouble::tls_error(error).is_some() {
        return format!("no connection: {}", trouble::in_words(error));
    }
    match error.is_client() && error.to_string().contains("authentication mechanism") {
        true => "it offers no login by PLAIN or LOGIN; many servers do so only with encryption (mail.security)".into(),
        false => error.to_string(),
    }
}

const MOST_SAID: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reply_has_its_consequence() {
        use Consequence::*;
        let table = [
            (Stage::Server, 535, "5.7.8 bad password", AllWait),
            (Stage::Server, 451, "4.3.0 later", AllWait),
            (Stage::Server, 550, "5.7.1 sender not allowed", AllWait),
            (Stage::Recipient, 421, "too many", AllWait),
            (Stage::Recipient, 450, "4.2.0 greylisted", Later),
            (Stage::Recipient, 452, "4.2.2 mailbox full", Later),
            (Stage::Recipient, 552, "5.2.2 mailbox full", Later),
            (Stage::Recipient, 552, "mailbox full", Later),
            (Stage::Recipient, 550, "5.2.2 over quota", Later),
            (Stage::Recipient, 554, "5.7.1 relay access denied", Later),
            (Stage::Recipient, 530, "5.7.0 authentication required", AllWait),
            (Stage::Recipient, 550, "5.1.1 no such user", Never),
            (Stage::Recipient, 553, "syntax", Never),
            (Stage::Content, 451, "4.7.1 try again", Later),
            (Stage::Content, 554, "5.7.1 looks like spam", Never),
            (Stage::Content, 552, "5.3.4 too big", Never),
            (Stage::Content, 552, "5.2.2 mailbox full", Later),
            (Stage::Content, 554, "", Never),
        ];
        for (stage, code, said, expected) in table {
            assert_eq!(
                consequence(stage, code, enhanced(said)),
                expected,
                "{stage:?} {code} {said}"
            );
        }
    }
}
