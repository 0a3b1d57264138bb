//! Who gets a message.

use std::collections::BTreeMap;

use lettre::Address;
use message::{Inbound, RouteId};

use crate::Pattern;

use super::config::{Config, Rule, address};

/// The recipients by rule, by SIM and by default.
#[derive(Debug)]
pub(super) struct Recipients {
    rules: Vec<Compiled>,
    sims: BTreeMap<RouteId, Vec<Address>>,
    default: Vec<Address>,
}

#[derive(Debug)]
struct Compiled {
    from: Option<Pattern>,
    text: Option<Pattern>,
    sims: Option<Vec<RouteId>>,
    to: Vec<Address>,
    also: bool,
}

impl Recipients {
    /// The recipients of a configuration without problems; what is a problem there is left out here.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            rules: config.rules.iter().map(Compiled::new).collect(),
            sims: config
                .sims
                .iter()
                .map(|(sim, to)| (sim.clone(), addresses(to)))
                .collect(),
            default: addresses(&config.to),
        }
    }

    /// Who gets this message, each once; perhaps nobody.
    pub(super) fn of(&self, sms: &Inbound) -> Vec<Address> {
        let mut found: Vec<&Address> = Vec::new();
        let mut decided = false;
        for rule in self.rules.iter().filter(|rule| rule.fits(sms)) {
            found.extend(&rule.to);
            if !rule.also {
                decided = true;
                break;
            }
        }
        if !decided {
            found.extend(self.sims.get(&sms.sim).unwrap_or(&self.default));
        }
        let mut once: Vec<Address> = Vec::new();
        for address in found {
            let same = |other: &Address| AsRef::<str>::as_ref(other).eq_ignore_ascii_case(address.as_ref());
            if !once.iter().any(same) {
                once.push(address.clone());
            }
        }
        once
    }
}

impl Compiled {
    fn new(rule: &Rule) -> Self {
        Self {
            from: rule.from.clone(),
            text: rule.text.clone(),
            sims: rule.sims.clone(),
            to: addresses(&rule.to),
            also: rule.also,
        }
    }

    fn fits(&self, sms: &Inbound) -> bool {
        let sim = self.sims.as_ref().is_none_or(|sims| sims.contains(&sms.sim));
        sim && self.from.as_ref().is_none_or(|from| from.is_in(&sms.from.to_string()))
            && self.text.as_ref().is_none_or(|text| text.is_in(&sms.text))
    }
}

fn addresses(texts: &[String]) -> Vec<Address> {
    texts.iter().filter_map(|text| address(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn told(config: &Config, sms: &Inbound) -> String {
        let to: Vec<String> = Recipients::new(config)
            .of(sms)
            .iter()
            .map(ToString::to_string)
            .collect();
        to.join(" ")
    }

    fn rule(from: &str, text: &str, to: &[&str], also: bool) -> Rule {
        let some = |pattern: &str| (!pattern.is_empty()).then(|| Pattern::new(pattern).unwrap());
        Rule {
            from: some(from),
            text: some(text),
            sims: None,
            to: to.iter().map(|to| (*to).to_owned()).collect(),
            also,
        }
    }

    #[test]
    fn a_rule_goes_before_the_sim_and_the_sim_before_the_default() {
        let mut config = Config {
            to: vec!["all@x.org".into(), "ALL@x.org".into(), "more@x.org".into()],
            ..Config::default()
        };
        let sms = samples::sms("Alarm 7");
        assert_eq!(told(&config, &sms), "all@x.org more@x.org");
        config.sims.insert(RouteId::new("sim1"), vec!["sim1@x.org".into()]);
        assert_eq!(told(&config, &sms), "sim1@x.org");
        config.rules = vec![
            rule(r"^\+49", "", &["german@x.org"], false),
            rule("", "(?i)^alarm", &["alarm@x.org"], true),
            rule(r"^\+98", "", &["iran@x.org"], false),
            rule("", "", &["never@x.org"], false),
        ];
        assert_eq!(told(&config, &sms), "alarm@x.org iran@x.org");
        assert_eq!(told(&config, &samples::sms("hello")), "iran@x.org");
    }

    #[test]
    fn a_rule_without_recipients_keeps_a_message_out_of_the_mail() {
        let config = Config {
            to: vec!["all@x.org".into()],
            rules: vec![rule("", "(?i)your balance", &[], false)],
            ..Config::default()
        };
        assert_eq!(told(&config, &samples::sms("Your balance is 3")), "");
        assert_eq!(told(&config, &samples::sms("hello")), "all@x.org");
    }

    #[test]
    fn a_rule_holds_for_its_sims_alone() {
        let mut other = rule("", "", &["other@x.org"], false);
        other.sims = Some(vec![RouteId::new("sim2")]);
        let config = Config {
            to: vec!["all@x.org".into()],
            rules: vec![other],
            ..Config::default()
        };
        assert_eq!(told(&config, &samples::sms("hello")), "all@x.org");
    }
}
