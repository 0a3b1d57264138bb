//! What is different between two settings, and what of it can be taken while the gateway runs.

use std::collections::{BTreeMap, BTreeSet};

use message::RouteId;

use super::Settings;

/// What is different, by section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Difference {
    /// What a running gateway can take.
    pub(crate) changed: Vec<String>,
    /// What it takes when it is started again.
    pub(crate) needs_restart: Vec<String>,
}

impl Difference {
    /// What `new` has other than `old`.
    pub(crate) fn between(old: &Settings, new: &Settings) -> Self {
        let mut difference = Self::default();
        difference.slots(old, new);
        difference.upstreams(old, new);
        difference.others(old, new);
        difference.consumers(old, new);
        difference.fixed(old, new);
        difference
    }

    fn slots(&mut self, old: &Settings, new: &Settings) {
        let names: BTreeSet<&RouteId> = old.pool.slots.keys().chain(new.pool.slots.keys()).collect();
        for name in names {
            let of = |settings: &Settings| settings.pool.slots.contains_key(name);
            match (of(old), of(new)) {
                (false, _) => self.changed.push(format!("slots.{name} (new)")),
                (_, false) => self.changed.push(format!("slots.{name} (gone)")),
                _ if old.pool.slots.get(name) != new.pool.slots.get(name)
                    || old.routes.get(name) != new.routes.get(name)
                    || old.care.get(name) != new.care.get(name) =>
                {
                    self.changed.push(format!("slots.{name}"));
                }
                _ => {}
            }
        }
    }

    /// Prefixes, cost and limits are taken as they come; for all else the upstream is bound to anew.
    fn upstreams(&mut self, old: &Settings, new: &Settings) {
        let names: BTreeSet<&RouteId> = old.upstreams.keys().chain(new.upstreams.keys()).collect();
        for name in names {
            let of = |settings: &Settings| settings.upstreams.contains_key(name);
            if !of(old) {
                self.changed.push(format!("upstreams.{name} (new)"));
            } else if !of(new) {
                self.changed.push(format!("upstreams.{name} (gone)"));
            } else if old.upstreams.get(name) != new.upstreams.get(name) {
                self.changed.push(format!("upstreams.{name}"));
            } else if old.upstream_routes.get(name) != new.upstream_routes.get(name) {
                self.changed.push(format!("upstreams.{name} (prefixes, cost, limits)"));
            }
        }
    }

    /// What each part takes as it comes.
    fn others(&mut self, old: &Settings, new: &Settings) {
        let ports = |settings: &Settings| pool::Config {
            slots: Default::default(),
            ..settings.pool.clone()
        };
        let files = |settings: &Settings| (settings.api.certificate.clone(), settings.api.key.clone());
        self.live("log.level", old.log.level != new.log.level);
        self.live("pool", ports(old) != ports(new));
        let tokens = |settings: &Settings| (settings.api.tokens.clone(), settings.api.legacy_tokens.clone());
        self.live("api.tokens", tokens(old) != tokens(new));
        self.live("api.xml_rpc", old.api.xml_rpc != new.api.xml_rpc);
        self.live("api.certificate", files(old) != files(new));
        self.live("gateway", old.gateway != new.gateway);
        self.live("routing", old.routing != new.routing);
        self.live("self_test", old.self_test != new.self_test);
        self.live("ring", old.ring != new.ring);
        self.live("retention", old.retention != new.retention);
    }

    /// Those who consume messages, and the rules among them.
    fn consumers(&mut self, old: &Settings, new: &Settings) {
        let hours = hours_of(old, new);
        self.live(
            "attendance",
            hours == old.attendance && old.attendance != new.attendance,
        );
        self.fixed_if("attendance", hours != old.attendance);
        let intake = |settings: &Settings| {
            let alerts = settings.alerts.clone();
            (alerts.listener, alerts.http, alerts.mail)
        };
        let told = |settings: &Settings| consumers::alerts::Config {
            listener: old.alerts.listener.clone(),
            http: old.alerts.http.clone(),
            mail: old.alerts.mail.clone(),
            ..settings.alerts.clone()
        };
        self.fixed_if("alerts (how they come in)", intake(old) != intake(new));
        self.live("alerts", told(old) != told(new));
        self.live("mail", old.mail != new.mail);
        self.live("rules", old.rules != new.rules);
        let hooks = |settings: &Settings| by_name(&settings.webhooks, |hook| &hook.name);
        self.each("webhooks", &hooks(old), &hooks(new));
        let fixed = |settings: &Settings| smsc::Config {
            accounts: Vec::new(),
            ..settings.smpp.clone()
        };
        let on = old.smpp.is_on() && new.smpp.is_on();
        self.fixed_if("smpp", fixed(old) != fixed(new) || (!on && old.smpp != new.smpp));
        let accounts = |settings: &Settings| by_name(&settings.smpp.accounts, |account| &account.system_id);
        if on {
            self.each("smpp.accounts", &accounts(old), &accounts(new));
        }
    }

    /// What comes, goes, or has other settings, by name.
    fn each<T: PartialEq>(&mut self, section: &str, old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) {
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            match (old.get(name), new.get(name)) {
                (None, _) => self.changed.push(format!("{section}.{name} (new)")),
                (_, None) => self.changed.push(format!("{section}.{name} (gone)")),
                (old, new) => self.live(&format!("{section}.{name}"), old != new),
            }
        }
    }

    /// What is taken at the start alone.
    fn fixed(&mut self, old: &Settings, new: &Settings) {
        let api = |settings: &Settings| api::Config {
            listen: old.api.listen,
            tokens: Vec::new(),
            legacy_tokens: Vec::new(),
            xml_rpc: old.api.xml_rpc,
            certificate: old.api.certificate.clone(),
            key: old.api.key.clone(),
            ..settings.api.clone()
        };
        // Who consumes is told by their own sections.
        let store = |settings: &Settings| store::Config {
            consumers: Vec::new(),
            alert_consumers: Vec::new(),
            ..settings.store.clone()
        };
        self.fixed_if("data", old.data != new.data);
        self.fixed_if("log.times", old.log.times != new.log.times);
        self.fixed_if("hardening", old.hardening != new.hardening);
        self.fixed_if("api.listen", old.api.listen != new.api.listen);
        self.fixed_if("api (limits)", api(old) != api(new));
        self.fixed_if("store", store(old) != store(new));
        self.fixed_if("smtp", old.smtp != new.smtp);
        self.fixed_if("mail_to_sms", old.mail_to_sms != new.mail_to_sms);
    }

    /// Whether clients are shown another certificate: its files may have the same names.
    pub(crate) fn shows(&mut self, another: bool) {
        let name = "api.certificate";
        if another && !self.changed.iter().any(|changed| changed == name) {
            self.changed.push(name.to_owned());
        }
    }

    fn live(&mut self, name: &str, differs: bool) {
        self.changed.extend(differs.then(|| name.to_owned()));
    }

    fn fixed_if(&mut self, name: &str, differs: bool) {
        self.needs_restart.extend(differs.then(|| name.to_owned()));
    }
}

fn by_name<T: Clone>(all: &[T], name: impl Fn(&T) -> &String) -> BTreeMap<String, T> {
    all.iter().map(|one| (name(one).clone(), one.clone())).collect()
}

/// The message centre of `others` with the accounts of `accounts`, which can be taken at any time while there is one.
pub(crate) fn accounts_of(accounts: &smsc::Config, others: &smsc::Config) -> smsc::Config {
    let mut now = others.clone();
    if accounts.is_on() && others.is_on() {
        now.accounts = accounts.accounts.clone();
    }
    now
}

/// The settings of attendance in `others`, with the hours and people of `hours`, which can be taken at any time.
pub(crate) fn hours_of(hours: &Settings, others: &Settings) -> consumers::attendance::Config {
    let hours = hours.attendance.clone();
    consumers::attendance::Config {
        time_zone: hours.time_zone,
        day_starts: hours.day_starts,
        grace_min: hours.grace_min,
        days: hours.days,
        longest_stay_h: hours.longest_stay_h,
        people: hours.people,
        ..others.attendance.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::of_text as settings;

    fn told(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
        let difference = Difference::between(&settings(old), &settings(new));
        (difference.changed, difference.needs_restart)
    }

    #[test]
    fn the_same_file_is_no_difference() {
        let text = "[slots.a]\nport = '/dev/a'\nprefixes = [{ prefix = '+49' }]\n";
        assert_eq!(told(text, text), (vec![], vec![]));
    }

    #[test]
    fn slots_are_told_one_by_one() {
        let old = "[slots.a]\nport = '/dev/a'\n[slots.b]\nport = '/dev/b'\n[slots.c]\nport = '/dev/c'\n";
        let new =
            "[slots.a]\nport = '/dev/a'\n[slots.b]\nport = '/dev/b'\ncost_micros = 5\n[slots.d]\nport = '/dev/d'\n";
        let expected = ["slots.b", "slots.c (gone)", "slots.d (new)"].map(str::to_owned);
        assert_eq!(told(old, new), (expected.to_vec(), vec![]));
    }

    #[test]
    fn upstreams_are_told_one_by_one() {
        let with = |address, cost| {
            format!("[upstreams.phone]\naddress = '{address}'\nsystem_id = 'relay'\ncost_micros = {cost}\n")
        };
        let costs = "upstreams.phone (prefixes, cost, limits)".to_owned();
        assert_eq!(told(&with("a:1", 1), &with("a:1", 2)), (vec![costs], vec![]));
        let changed = |name: &str| (vec![name.to_owned()], vec![]);
        assert_eq!(told(&with("a:1", 1), &with("b:1", 2)), changed("upstreams.phone"));
        assert_eq!(told(&with("a:1", 1), ""), changed("upstreams.phone (gone)"));
        assert_eq!(told("", &with("a:1", 1)), changed("upstreams.phone (new)"));
    }

    #[test]
    fn accounts_are_told_one_by_one_and_where_they_bind_needs_a_restart() {
        let hash = "$2b$04$hzMC8BYEEHcz.NyVVz0bb.86Kn7Jz5p6MFzMqPPkIf5UZzOwBo2Zy";
        let with = |port, names: &[(&str, u32)]| {
            let account = |(name, rate): &(&str, u32)| {
                format!("[[smpp.accounts]]\nsystem_id = '{name}'\nhash = '{hash}'\nrate = {rate}\n")
            };
            let accounts: String = names.iter().map(account).collect();
            format!("[smpp]\nlisten = ['127.0.0.1:{port}']\n{accounts}")
        };
        let old = with(1, &[("a", 1), ("b", 1), ("c", 1)]);
        let changed = ["smpp.accounts.b", "smpp.accounts.c (gone)", "smpp.accounts.d (new)"].map(str::to_owned);
        let new = [("a", 1), ("b", 2), ("d", 1)];
        assert_eq!(told(&old, &with(1, &new)), (changed.to_vec(), vec![]));
        assert_eq!(told(&old, &with(2, &new)), (changed.to_vec(), vec!["smpp".to_owned()]));
        assert_eq!(told("", &old), (vec![], vec!["smpp".to_owned()]));
        assert_eq!(told(&old, ""), (vec![], vec!["smpp".to_owned()]));
    }

    #[test]
    fn what_is_taken_at_the_start_alone_is_named() {
        let (changed, fixed) = told(
            "",
            "data = '/tmp/x'\n[api]\nlisten = '127.0.0.1:7001'\nlimits.calls = 3\n[log]\nlevel = 'debug'\n\
             [retention]\ntexts_days = 3\n[store]\nmax_size = 900000\n",
        );
        assert_eq!(changed, ["log.level", "retention"]);
        assert_eq!(fixed, ["data", "api.listen", "api (limits)", "store"]);
    }

    #[test]
    fn the_care_of_sims_is_taken_as_it_comes_and_needs_no_restart() {
        let with = |time, days| {
            format!(
                "[self_test]\nevery = 'daily'\nat = '{time}'\n[slots.a]\nport = '/dev/a'\nkeep_alive_days = {days}\n"
            )
        };
        let expected = ["slots.a", "self_test"].map(str::to_owned);
        assert_eq!(
            told(&with("05:00", 30), &with("06:00", 60)),
            (expected.to_vec(), vec![])
        );
    }

    #[test]
    fn another_certificate_under_the_same_name_is_told_once() {
        let mut difference = Difference::default();
        difference.shows(false);
        assert_eq!(difference.changed, Vec::<String>::new());
        difference.shows(true);
        difference.shows(true);
        assert_eq!(difference.changed, ["api.certificate"]);
    }
}
