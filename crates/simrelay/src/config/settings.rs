//! All settings: each part's own struct, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use consumers::{Rule, alerts, attendance, mail, mail_to_sms, smtp, webhook};
use gateway::{Schedule, SlotCare};
use message::RouteId;
use router::{RouteConfig, RoutingConfig};
use serde::Deserialize;

/// The configuration file as a whole.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The folder of the database.
    pub(crate) data: PathBuf,
    /// What is logged.
    pub(crate) log: Log,
    /// What the process gives up before it starts.
    pub(crate) hardening: hardening::Config,
    /// The API: where it listens, whom it lets in.
    pub(crate) api: api::Config,
    /// Who may read metrics.
    pub(crate) metrics: api::MetricsConfig,
    /// How messages flow.
    pub(crate) gateway: gateway::Config,
    /// The rules for choosing a route.
    pub(crate) routing: RoutingConfig,
    /// Prefixes, cost and limits of each route, by the name of its slot.
    pub(crate) routes: BTreeMap<RouteId, RouteConfig>,
    /// Balance, tests and keep-alive of each SIM, by the name of its slot.
    pub(crate) care: BTreeMap<RouteId, SlotCare>,
    /// When each SIM sends itself a message.
    pub(crate) self_test: Schedule,
    /// When each SIM sends the next one a message.
    pub(crate) ring: Schedule,
    /// Ports and slots.
    pub(crate) pool: pool::Config,
    /// Files that hold the PINs of slots.
    pub(crate) pin_files: BTreeMap<RouteId, PathBuf>,
    /// Files that may be credentials of the service and were passed over, as the file names them: only by
    /// [`look`](super::look).
    #[serde(skip)]
    pub(crate) unseen: BTreeSet<PathBuf>,
    /// The database.
    pub(crate) store: store::Config,
    /// Attendance by SMS; without a key file there is none.
    pub(crate) attendance: attendance::Config,
    /// Who is told of alerts.
    pub(crate) alerts: alerts::Config,
    /// Who gets received messages by mail.
    pub(crate) mail: mail::Config,
    /// Mail coming in.
    pub(crate) smtp: smtp::Config,
    /// Mail that goes on as messages.
    pub(crate) mail_to_sms: mail_to_sms::Config,
    /// The message centre that applications bind to.
    pub(crate) smpp: smsc::Config,
    /// Other gateways that are bound to.
    pub(crate) upstreams: BTreeMap<RouteId, esme::Config>,
    /// Prefixes, cost and limits of each of them.
    pub(crate) upstream_routes: BTreeMap<RouteId, RouteConfig>,
    /// Who is told of events, a hook each.
    pub(crate) webhooks: Vec<webhook::Config>,
    /// Which consumer takes or copies a received message.
    pub(crate) rules: Vec<Rule>,
    /// How long what is settled is kept.
    pub(crate) retention: store::Retention,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: "/var/lib/simrelay".into(),
            log: Log::default(),
            hardening: hardening::Config::default(),
            api: api::Config::default(),
            metrics: api::MetricsConfig::default(),
            gateway: gateway::Config::default(),
            routing: RoutingConfig::default(),
            routes: BTreeMap::new(),
            care: BTreeMap::new(),
            self_test: Schedule::default(),
            ring: Schedule::default(),
            pool: pool::Config::default(),
            pin_files: BTreeMap::new(),
            unseen: BTreeSet::new(),
            store: store::Config::default(),
            attendance: attendance::Config::default(),
            alerts: alerts::Config::default(),
            mail: mail::Config::default(),
            smtp: smtp::Config::default(),
            mail_to_sms: mail_to_sms::Config::default(),
            smpp: smsc::Config::default(),
            upstreams: BTreeMap::new(),
            upstream_routes: BTreeMap::new(),
            webhooks: Vec::new(),
            rules: Vec::new(),
            retention: store::Retention::default(),
        }
    }
}

impl Settings {
    /// The names of the consumers that are configured, in their order.
    pub(crate) fn consumers(&self) -> Vec<String> {
        let attendance = self.attendance.key_file.iter().map(|_| attendance::NAME.to_owned());
        let mail = self.mail.is_on().then(|| mail::NAME.to_owned());
        let alerts = self.alerts.hears().then(|| alerts::NAME.to_owned());
        let alert_mail = self.alerts.mails().then(|| alerts::MAIL_NAME.to_owned());
        let hooks = self.webhooks.iter().map(webhook::Config::consumer);
        let accounts = self.smpp.accounts.iter().filter(|_| self.smpp.is_on());
        let smpp = accounts.map(|account| smsc::consumer_name(&account.system_id));
        let bounces = self.has_bounces().then(|| mail_to_sms::NAME.to_owned());
        attendance
            .chain(alerts)
            .chain(mail)
            .chain(alert_mail)
            .chain(bounces)
            .chain(hooks)
            .chain(smpp)
            .collect()
    }

    /// Whether failures of messages that were mails are mailed back.
    pub(crate) fn has_bounces(&self) -> bool {
        self.mail_to_sms.is_on() && self.mail_to_sms.bounces
    }

    /// Those of them that are told of alerts.
    pub(crate) fn alert_consumers(&self) -> Vec<String> {
        let told = |hook: &&webhook::Config| hook.events.contains(&webhook::Kind::Alert);
        self.webhooks
            .iter()
            .filter(told)
            .map(webhook::Config::consumer)
            .collect()
    }

    /// What is watched and done for each SIM: what `[care]` says, or the defaults for a slot that it does not name.
    pub(crate) fn care_settings(&self) -> gateway::CareSettings {
        let slots = self.pool.slots.iter().filter(|(_, slot)| slot.enabled);
        let care = |slot: &RouteId| self.care.get(slot).cloned().unwrap_or_default();
        gateway::CareSettings {
            slots: slots.map(|(slot, _)| (slot.clone(), care(slot))).collect(),
            self_test: self.self_test.clone(),
            ring: self.ring.clone(),
        }
    }

    /// The settings of the pool, with the place for traces that are switched on while it runs.
    pub(crate) fn pool(&self) -> pool::Config {
        pool::Config {
            trace_place: Some(self.data.join("trace")),
            ..self.pool.clone()
        }
    }

    /// Whether a slot or an upstream has this name.
    pub(crate) fn has_route(&self, name: &RouteId) -> bool {
        self.pool.slots.contains_key(name) || self.upstreams.contains_key(name)
    }

    /// Whether a slot or upstream has this number, or a slot may have it: one of which only the card tells the number.
    pub(crate) fn may_have_number(&self, number: &str) -> bool {
        let by_slots = self.pool.slots.values().any(|slot| {
            let known = slot.number.as_ref();
            known.is_none_or(|known| known.to_string() == number)
        });
        let mut upstreams = self.upstreams.values();
        by_slots || upstreams.any(|upstream| upstream.number.as_deref() == Some(number))
    }

    /// The settings of every route: what `[routes]` says, or the defaults for a slot or upstream that it does not name.
    pub(crate) fn route_settings(&self) -> gateway::RouteSettings {
        let of = |routes: &BTreeMap<RouteId, RouteConfig>, name: &RouteId| {
            (name.clone(), routes.get(name).cloned().unwrap_or_default())
        };
        let slots = self.pool.slots.keys().map(|slot| of(&self.routes, slot));
        let upstreams = self.upstreams.keys().map(|name| of(&self.upstream_routes, name));
        gateway::RouteSettings {
            routes: slots.chain(upstreams).collect(),
            routing: self.routing.clone(),
        }
    }
}

/// What is logged (`[log]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// How much: `error`, `warn`, `info`, `debug`, `trace`, or a filter per part as `info,pool=debug`.
    pub(crate) level: String,
    /// Whether each line begins with the time. Absent: only on a terminal, since the journal adds its own.
    pub(crate) times: Option<bool>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            times: None,
        }
    }
}
