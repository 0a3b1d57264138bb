//! How the flows behave (`[gateway]`, `[routing]`).

use std::collections::BTreeMap;

use message::{Number, OnUncertain, RouteId};
use router::{RouteConfig, RoutingConfig};
use serde::{Deserialize, Serialize};
use tpdu::Language;

/// The settings of the flows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The country code of national numbers in requests, digits only (`49`); absent: they are refused.
    pub country_code: Option<String>,
    /// How long a message is worth delivering where its request does not say, in seconds.
    pub validity_s: u32,
    /// What happens then.
    pub on_uncertain: OnUncertain,
    /// Whether status reports are asked for where a request does not say.
    pub report: bool,
    /// The most attempts a part gets, whatever the errors were.
    pub max_attempts: u32,
    /// Whether a message to somebody who wrote lately leaves from the SIM they wrote to.
    pub sticky_replies: bool,
    /// How long somebody counts as having written lately, in days.
    pub sticky_days: u16,
    /// Words that put their sender on the STOP list when they are a message's whole text.
    pub stop_words: Vec<String>,
    /// Recipients that may get a national language table, which saves parts but which many phones cannot show.
    pub national: Vec<National>,
    /// The concatenation reference's width, 8 or 16 bits.
    pub concat_bits: u8,
}

/// A prefix that opts in to national language tables (TS 23.038 6.2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct National {
    /// The prefix of the recipients, with the plus.
    pub prefix: String,
    /// The languages whose tables may be used.
    pub languages: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            country_code: None,
            validity_s: 86_400,
            on_uncertain: OnUncertain::Resend,
            report: true,
            max_attempts: 20,
            sticky_replies: true,
            sticky_days: 30,
            stop_words: vec!["STOP".into(), "STOPALL".into(), "UNSUBSCRIBE".into()],
            national: Vec::new(),
            concat_bits: 8,
        }
    }
}

impl Config {
    /// The languages whose tables may be used towards `to`.
    pub(crate) fn languages(&self, to: &Number) -> Vec<Language> {
        if self.national.is_empty() {
            return Vec::new();
        }
        let to = to.to_string();
        let opted_in = self.national.iter().filter(|national| to.starts_with(&national.prefix));
        opted_in
            .flat_map(|national| &national.languages)
            .filter_map(|name| Language::from_name(name))
            .collect()
    }
}

/// What the binary knows of each route besides what its carrier does.
#[derive(Debug, Clone, Default)]
pub struct RouteSettings {
    /// Prefixes, cost and limits, by route.
    pub routes: BTreeMap<RouteId, RouteConfig>,
    /// The rules for all.
    pub routing: RoutingConfig,
}
