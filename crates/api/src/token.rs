//! Tokens: `id.secret`, of which the configuration keeps the id and a bcrypt hash of the secret.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bcrypt::HashParts;
use message::{RouteId, is_prefix};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::Problem;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send messages and follow its own.
    Send,
    /// Read what was received on its SIMs.
    Fetch,
    /// Hold USSD dialogues over its SIMs.
    Ussd,
    /// Read health and the state of modems.
    Health,
    /// Read counts.
    Stats,
    /// Scrape `/metrics`.
    Metrics,
    /// Read who came and went.
    Attendance,
    /// Read, take, try and raise alerts.
    Alert,
    /// All of it, for everybody's messages, and what only an operator does.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Send,
        Self::Fetch,
        Self::Ussd,
        Self::Health,
        Self::Stats,
        Self::Metrics,
        Self::Attendance,
        Self::Alert,
        Self::Admin,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Fetch => "fetch",
            Self::Ussd => "ussd",
            Self::Health => "health",
            Self::Stats => "stats",
            Self::Metrics => "metrics",
            Self::Attendance => "attendance",
            Self::Alert => "alert",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Scope {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let found = Self::ALL.into_iter().find(|scope| scope.word() == text);
        found.ok_or_else(|| TokenError::Scope(text.to_owned()))
    }
}

/// One token, as the configuration keeps it (`[[api.tokens]]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The public half: 1 to 32 letters, digits, `-` and `_`.
    pub id: String,
    /// The bcrypt hash of the secret half.
    pub hash: TokenHash,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The only SIMs it may send over and read from, by slot. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sims: Option<Vec<RouteId>>,
    /// The only prefixes it may send to, with the plus. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// How many calls it may make in a minute; each call of a batch counts. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// What its messages may cost a day, in millionths of the currency. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_spend_micros: Option<i64>,
}

impl TokenConfig {
    /// Whether it may do this; `admin` may do everything.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// What is wrong with it; `place` is where it stands, as `tokens[2]`.
    pub(crate) fn problems(&self, place: &str) -> Vec<Problem> {
        let key = |name: &str| format!("{place}.{name}");
        let mut problems = Vec::new();
        if !is_id(&self.id) {
            let right = "1 to 32 letters, digits, '-' and '_'";
            problems.push(Problem::new(key("id"), &self.id, right));
        }
        if !self.hash.is_usable() {
            let right = "a bcrypt hash of cost 4 to 14, as `simrelay token new` prints it";
            problems.push(Problem::new(key("hash"), "(not shown)", right));
        }
        if self.scopes.is_empty() {
            let right = "at least one of send, fetch, ussd, health, stats, metrics, attendance, alert, admin";
            problems.push(Problem::new(key("scopes"), "[]", right));
        }
        if self.per_minute == Some(0) {
            problems.push(Problem::new(
                key("per_minute"),
                0,
                "at least 1, or nothing for any number",
            ));
        }
        if self.daily_spend_micros.is_some_and(|spend| spend < 0) {
            let value = self.daily_spend_micros.unwrap_or_default();
            problems.push(Problem::new(key("daily_spend_micros"), value, "0 or more"));
        }
        for (place, prefix) in self.prefixes.iter().enumerate() {
            if !is_prefix(prefix) {
                problems.push(Problem::new(key(&format!("prefixes[{place}]")), prefix, PREFIX));
            }
        }
        problems
    }
}

/// A bcrypt hash; it is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash in its usual text form, for the configuration file.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `secret` is what was hashed. Takes tens of milliseconds: never call it on an async thread.
    pub(crate) fn verify(&self, secret: &str) -> bool {
        self.is_usable() && bcrypt::non_truncating_verify(secret, &self.0).unwrap_or(false)
    }

    pub(crate) fn cost(&self) -> Option<u32> {
        self.0.parse::<HashParts>().ok().map(|parts| parts.get_cost())
    }

    fn is_usable(&self) -> bool {
        self.0.is_ascii() && self.cost().is_some_and(|cost| (MIN_COST..=MAX_COST).contains(&cost))
    }

    pub(crate) fn of(secret: &str, cost: u32) -> Result<Self, TokenError> {
        let hash = bcrypt::non_truncating_hash(secret, cost).map_err(|_| TokenError::Hash)?;
        Ok(Self(hash))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(not shown)")
    }
}

/// A fresh token: the text to hand over once, and the entry to keep.
pub struct Token {
    plain: Zeroizing<String>,
    /// What belongs into the configuration.
    pub entry: TokenConfig,
}

impl Token {
    /// Makes a token of 32 random octets with a hash of cost 10. Without an `id` one is made up.
    ///
    /// Takes tens of milliseconds.
    pub fn generate(id: Option<&str>, scopes: &[Scope]) -> Result<Self, TokenError> {
        let id = match id {
            Some(id) if is_id(id) => id.to_owned(),
            Some(id) => return Err(TokenError::Id(id.to_owned())),
            None => format!("t{:08x}", getrandom::u32().map_err(|_| TokenError::Random)?),
        };
        let mut octets = Zeroizing::new([0_u8; SECRET_OCTETS]);
        getrandom::fill(octets.as_mut_slice()).map_err(|_| TokenError::Random)?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(octets.as_slice()));
        let hash = TokenHash::of(&secret, COST)?;
        let plain = Zeroizing::new(format!("{id}.{}", secret.as_str()));
        let entry = TokenConfig {
            id,
            hash,
            scopes: scopes.to_vec(),
            sims: None,
            prefixes: Vec::new(),
            per_minute: None,
            daily_spend_micros: None,
        };
        Ok(Self { plain, entry })
    }

    /// `id.secret`, to be shown once and kept nowhere.
    pub fn plain(&self) -> &str {
        &self.plain
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// The caller's: not the form of an id.
    #[error("'{0}' is no token id: use 1 to 32 letters, digits, '-' and '_'")]
    Id(String),
    /// The caller's: no such scope.
    #[error("there is no scope '{0}': use send, fetch, ussd, health, stats, metrics, attendance, alert or admin")]
    Scope(String),
    /// The system's: it gives no random octets.
    #[error("the system gives no random numbers")]
    Random,
    /// Ours: the secret could not be hashed.
    #[error("the secret could not be hashed")]
    Hash,
}

pub(crate) fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=32).contains(&text.len()) && text.chars().all(plain)
}

const PREFIX: &str = "a plus and digits, as +49, or a whole short code of 3 to 6 digits";

/// The cost of new hashes: about 60 ms each, since a random secret of 256 bits needs no slow hash.
pub(crate) const COST: u32 = 10;
const MIN_COST: u32 = 4;
const MAX_COST: u32 = 14;
const SECRET_OCTETS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_token_opens_its_own_hash_and_no_other() {
        let one = Token::generate(Some("ops"), &[Scope::Send]).expect("a token");
        let two = Token::generate(None, &[Scope::Admin]).expect("a token");
        let (id, secret) = one.plain().split_once('.').expect("two halves");
        assert_eq!((id, secret.len()), ("ops", 43));
        assert!(one.entry.hash.verify(secret));
        assert!(!two.entry.hash.verify(secret));
        assert_eq!(one.entry.hash.cost(), Some(COST));
        assert_eq!(one.entry.problems("tokens[0]"), []);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let token = Token::generate(Some("ops"), &[Scope::Send]).expect("a token");
        let (_, secret) = token.plain().split_once('.').expect("two halves");
        let shown = format!("{token:?} {:?}", token.entry.problems("tokens[0]"));
        assert!(
            !shown.contains(secret) && !shown.contains(token.entry.hash.as_str()),
            "{shown}"
        );
    }

    #[test]
    fn a_hash_that_is_none_never_panics() {
        for text in [
            "",
            "x",
            "$2b$10$",
            "$2b$10$é",
            &"é".repeat(30),
            "$2b$31$0123456789012345678901uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu",
        ] {
            let hash = TokenHash(text.to_owned());
            assert!(!hash.verify("secret"), "{text}");
            assert!(!hash.is_usable(), "{text}");
        }
    }

    #[test]
    fn every_fault_of_an_entry_is_named() {
        let token = TokenConfig {
            id: "a b".into(),
            hash: TokenHash("plain".into()),
            scopes: vec![],
            sims: None,
            prefixes: vec!["+49".into(), "0171x".into()],
            per_minute: Some(0),
            daily_spend_micros: Some(-1),
        };
        let keys: Vec<_> = token
            .problems("tokens[3]")
            .into_iter()
            .map(|problem| problem.key)
            .collect();
        let expected = [
            "id",
            "hash",
            "scopes",
            "per_minute",
            "daily_spend_micros",
            "prefixes[1]",
        ];
        assert_eq!(keys, expected.map(|name| format!("tokens[3].{name}")));
    }
}
