//! On whose behalf something is done.

use message::{Api, Number, RouteId, TokenId};

/// Who asks, and what they may touch. Front ends make it from a token; `Origin::operator` is the box's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The token's public half.
    pub token: Option<TokenId>,
    /// Sees and touches everything.
    pub admin: bool,
    /// The only SIMs it may send over and fetch from; `None`: all.
    pub sims: Option<Vec<RouteId>>,
    /// The only prefixes it may send to; empty: all.
    pub prefixes: Vec<String>,
    /// What its messages may cost a day, in millionths of the currency.
    pub daily_spend_micros: Option<i64>,
    /// By which way it comes in, for the count of messages.
    pub api: Api,
}

impl Origin {
    /// The box's own operator: no token, no restriction.
    pub fn operator() -> Self {
        Self {
            admin: true,
            ..Self::default()
        }
    }

    /// Whether it may use and read this SIM.
    pub fn may_use(&self, sim: &RouteId) -> bool {
        self.admin || self.sims.as_ref().is_none_or(|sims| sims.contains(sim))
    }

    /// Whether it may send to this number.
    pub fn may_send_to(&self, number: &Number) -> bool {
        if self.admin || self.prefixes.is_empty() {
            return true;
        }
        let number = number.to_string();
        self.prefixes.iter().any(|prefix| number.starts_with(prefix.as_str()))
    }

    /// Whether it may see what this token sent.
    pub fn may_see(&self, owner: Option<&TokenId>) -> bool {
        self.admin || (self.token.is_some() && self.token.as_ref() == owner)
    }
}
