//! What an operator says about routes.

use serde::{Deserialize, Serialize};

use crate::GuardConfig;

/// The rules for all routes (`[routing]`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingConfig {
    /// The cheapest route with any matching prefix wins, however short the prefix is (as SMSgate chose).
    pub least_cost_any_prefix: bool,
    /// Numbers that are refused unless allowed.
    pub guard: GuardConfig,
}

/// What one route costs and how much it may be used; a slot's settings contain it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteConfig {
    /// The prefixes it serves, with their cost. Empty: every number, at `cost`.
    pub prefixes: Vec<PrefixCost>,
    /// The cost per part in millionths of the currency, where no prefix says otherwise.
    pub cost_micros: i64,
    /// The country code of national numbers where this route is the sender, digits only; absent: the gateway's.
    pub country_code: Option<String>,
    /// Not used for messages whose sender is left to the gateway; only when asked for by name.
    pub only_explicit: bool,
    /// How much may be sent.
    pub limits: Limits,
}

/// A prefix a route serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixCost {
    /// The digits a number starts with, with the plus: `+49`, `+4917`.
    pub prefix: String,
    /// The cost per part in millionths of the currency; absent: the route's.
    #[serde(default)]
    pub cost_micros: Option<i64>,
}

/// How many parts may leave a route; absent means as many as there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// In any 60 seconds.
    pub per_minute: Option<u32>,
    /// In any 60 minutes.
    pub per_hour: Option<u32>,
    /// In any 24 hours.
    pub per_day: Option<u32>,
    /// From one `month_starts_on` to the next.
    pub per_month: Option<u32>,
    /// Different recipients from one `month_starts_on` to the next: what ends most "unlimited" tariffs.
    pub recipients_per_month: Option<u32>,
    /// The day the tariff's month begins, 1 to 28. Default 1.
    pub month_starts_on: Option<u8>,
}

impl RouteConfig {
    /// The longest prefix that `number` (in the form `+49…`, or a short code) starts with, and its cost.
    ///
    /// `None`: the route serves other numbers only. A route without prefixes serves all at its own cost.
    pub fn longest_match<'a>(&'a self, number: &'a str) -> Option<Match<'a>> {
        self.matches(number).max_by_key(|found| found.prefix.len())
    }

    /// The cheapest prefix that matches.
    pub fn cheapest_match<'a>(&'a self, number: &'a str) -> Option<Match<'a>> {
        self.matches(number).min_by_key(|found| found.cost_micros)
    }

    fn matches<'a>(&'a self, number: &'a str) -> impl Iterator<Item = Match<'a>> {
        let any = self.prefixes.is_empty().then_some(Match {
            prefix: "",
            cost_micros: self.cost_micros,
        });
        let fitting = self
            .prefixes
            .iter()
            .filter(move |entry| number.starts_with(&entry.prefix));
        let own = self.cost_micros;
        any.into_iter().chain(fitting.map(move |entry| Match {
            prefix: &entry.prefix,
            cost_micros: entry.cost_micros.unwrap_or(own),
        }))
    }
}

/// A prefix that fits a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match<'a> {
    /// The prefix; empty where the route serves every number.
    pub prefix: &'a str,
    /// The cost per part.
    pub cost_micros: i64,
}
