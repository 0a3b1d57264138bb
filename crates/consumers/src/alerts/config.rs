//! What an operator says about alerts.

use jiff::tz::TimeZone;
use message::{Number, Severity};
use serde::Deserialize;

use super::hours::{Hours, time};
use super::intake::{HttpConfig, LetterConfig, ListenerConfig};
use super::rota::Rota;
use super::rule::Rule;
use super::words::Template;
use crate::Problem;
use crate::mail::address;
use crate::template::TemplateError;

/// The settings of alerts (`[alerts]`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The time zone of hours, days, rotas and texts, as `Europe/Berlin`. Absent: the machine's.
    pub time_zone: Option<String>,
    /// The hours in which less than [`Config::quiet_below`] waits until they end.
    pub quiet: Option<Hours>,
    /// What waits in the quiet hours: what is less bad than this.
    pub quiet_below: Severity,
    /// The words that take an alert when they begin an SMS, in upper or lower case.
    pub ack_words: Vec<String>,
    /// Whether such an SMS is answered.
    pub ack_answer: bool,
    /// The shipped template of mails.
    pub template: Shipped,
    /// The template of the subject, instead of the shipped one.
    pub subject: Option<String>,
    /// The template of the body, instead of the shipped one.
    pub body: Option<String>,
    /// The template of an SMS, without the word how to answer.
    pub sms_text: String,
    /// People, by name.
    pub people: Vec<Person>,
    /// Who is on call when.
    pub rotas: Vec<Rota>,
    /// Who is told what. The first rule that fits decides.
    pub rules: Vec<Rule>,
    /// Alerts coming in as lines of JSON.
    pub listener: ListenerConfig,
    /// Alerts coming in over HTTP.
    pub http: HttpConfig,
    /// Alerts coming in as mails.
    pub mail: LetterConfig,
}

/// A template that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shipped {
    /// The sentence first, and below it what is known.
    Simrelay,
    /// As the alert server of the DVRs writes it.
    Dvr,
}

/// Somebody who is told (`[[alerts.people]]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What they are called.
    pub name: String,
    /// Their number, with plus and country code.
    #[serde(default)]
    pub sms: Option<String>,
    /// Their address.
    #[serde(default)]
    pub mail: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            time_zone: None,
            quiet: None,
            quiet_below: Severity::Critical,
            ack_words: vec!["ACK".into()],
            ack_answer: true,
            template: Shipped::Simrelay,
            subject: None,
            body: None,
            sms_text: "{severity}: {event} - {camera} {clock} {text}".into(),
            people: Vec::new(),
            rotas: Vec::new(),
            rules: Vec::new(),
            listener: ListenerConfig::default(),
            http: HttpConfig::default(),
            mail: LetterConfig::default(),
        }
    }
}

impl Config {
    /// Whether anybody is there whose answers by SMS are heard.
    pub fn hears(&self) -> bool {
        self.people.iter().any(|person| person.sms.is_some())
    }

    /// Where there are no rules, all alerts are mailed to these, as the alert server of the DVRs does.
    pub fn tell_by_default(&mut self, to: &[String]) {
        if self.rules.is_empty() && !to.is_empty() {
            self.rules = vec![Rule {
                mail: to.to_vec(),
                ..Rule::named("default")
            }];
        }
    }

    /// Whether a rule sends mail.
    pub fn mails(&self) -> bool {
        self.rules.iter().any(|rule| !rule.mail.is_empty())
    }

    /// The time zone.
    pub(super) fn zone(&self) -> TimeZone {
        let named = self.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
        named.unwrap_or_else(TimeZone::system)
    }

    /// The person of this name.
    pub(super) fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    /// Whose number this is.
    pub(super) fn person_of(&self, number: &Number) -> Option<&Person> {
        // Whoever sends under a name of their choice is nobody's number.
        if matches!(number, Number::Name(_)) {
            return None;
        }
        self.people.iter().find(|person| {
            let own = person.sms.as_deref().and_then(|sms| Number::parse(sms, None).ok());
            own.is_some_and(|own| own.matches(number))
        })
    }

    /// The rota of this name.
    pub(super) fn rota(&self, name: &str) -> Option<&Rota> {
        self.rotas.iter().find(|rota| rota.name == name)
    }

    /// The rule of this name.
    pub(super) fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// Everything in it that cannot be used.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(zone) = self.time_zone.as_deref().filter(|zone| TimeZone::get(zone).is_err()) {
            let problem = format!("there is no time zone {zone}");
            problems.push(Problem::new("time_zone", problem, "one as Europe/Berlin"));
        }
        for (index, word) in self.ack_words.iter().enumerate() {
            if word.is_empty() || !word.chars().all(char::is_alphanumeric) {
                let right = "one word, as ACK";
                problems.push(Problem::new(format!("ack_words[{index}]"), "no word", right));
            }
        }
        let templates = [
            ("subject", self.subject.as_deref()),
            ("body", self.body.as_deref()),
            ("sms_text", Some(self.sms_text.as_str())),
        ];
        for (key, source) in templates {
            if let Some(Err(TemplateError { problem, right })) = source.map(Template::parse) {
                problems.push(Problem::new(key, problem, right));
            }
        }
        self.people_problems(&mut problems);
        self.rota_problems(&mut problems);
        self.rule_problems(&mut problems);
        let ways_in = [
            ("listener", self.listener.problems()),
            ("http", self.http.problems()),
            ("mail", self.mail.problems()),
        ];
        for (way, found) in ways_in {
            let within =
                |problem: Problem| Problem::new(format!("{way}.{}", problem.key), problem.problem, problem.right);
            problems.extend(found.into_iter().map(within));
        }
        problems
    }

    fn people_problems(&self, problems: &mut Vec<Problem>) {
        for (index, person) in self.people.iter().enumerate() {
            let mut wrong = |key: &str, problem: &str, right: &str| {
                problems.push(Problem::new(format!("people[{index}].{key}"), problem, right));
            };
            if !is_name(&person.name) {
                wrong("name", "a name that cannot be used", NAME);
            }
            if self.people[..index].iter().any(|other| other.name == person.name) {
                wrong("name", "is there twice", "another name");
            }
            if person.sms.as_deref().is_some_and(|sms| !is_number(sms)) {
                wrong("sms", "no number", NUMBER);
            }
            if person.mail.as_deref().is_some_and(|mail| address(mail).is_none()) {
                wrong("mail", "no address", "an address without a name, as ops@example.org");
            }
        }
    }

    fn rota_problems(&self, problems: &mut Vec<Problem>) {
        for (index, rota) in self.rotas.iter().enumerate() {
            let mut wrong = |key: &str, problem: String, right: &str| {
                problems.push(Problem::new(format!("rotas[{index}].{key}"), problem, right));
            };
            if self.rotas[..index].iter().any(|other| other.name == rota.name) {
                wrong("name", "is there twice".into(), "another name");
            }
            if rota.people.is_empty() {
                wrong("people", "nobody would be on call".into(), "at least one name");
            }
            let stand_ins = rota.overrides.iter().map(|one| &one.person).enumerate();
            let members = rota.people.iter().enumerate();
            let named = members
                .map(|(place, name)| (format!("people[{place}]"), name))
                .chain(stand_ins.map(|(place, name)| (format!("overrides[{place}].person"), name)));
            for (key, name) in named {
                match self.person(name) {
                    None => wrong(&key, format!("nobody is called {name}"), PEOPLE),
                    Some(person) if person.sms.is_none() => {
                        wrong(&key, format!("{name} has no number"), "somebody with `sms`");
                    }
                    Some(_) => {}
                }
            }
            if time(&rota.handover).is_none() {
                wrong("handover", "no time of day".into(), "one as 08:00");
            }
            if rota.turn_days == 0 {
                wrong("turn_days", "no turn at all".into(), "at least 1");
            }
            for (place, one) in rota.overrides.iter().enumerate().filter(|(_, one)| one.from >= one.to) {
                let problem = format!("it ends before it begins ({})", one.from);
                wrong(&format!("overrides[{place}].to"), problem, "a later time");
            }
        }
    }

    fn rule_problems(&self, problems: &mut Vec<Problem>) {
        for (index, rule) in self.rules.iter().enumerate() {
            let mut wrong = |key: &str, problem: String, right: &str| {
                problems.push(Problem::new(format!("rules[{index}].{key}"), problem, right));
            };
            if !is_name(&rule.name) {
                wrong("name", "a name that cannot be used".into(), NAME);
            }
            if self.rules[..index].iter().any(|other| other.name == rule.name) {
                wrong("name", "is there twice".into(), "another name");
            }
            if let Some(rota) = rule.rota.as_ref().filter(|rota| self.rota(rota).is_none()) {
                wrong(
                    "rota",
                    format!("there is no rota {rota}"),
                    "the name of one of [[alerts.rotas]]",
                );
            }
            let mails = |to: &str| address(to).is_some() || self.person(to).is_some_and(|one| one.mail.is_some());
            for (place, to) in rule.mail.iter().enumerate().filter(|(_, to)| !mails(to)) {
                let problem = format!("'{to}' is no address, and nobody with one");
                wrong(&format!("mail[{place}]"), problem, "an address, or somebody's name");
            }
            let texts = |to: &str| is_number(to) || self.person(to).is_some_and(|one| one.sms.is_some());
            for (key, list) in [("sms", &rule.sms), ("flash", &rule.flash)] {
                for (place, to) in list.iter().enumerate().filter(|(_, to)| !texts(to)) {
                    let problem = format!("'{to}' is no number, and nobody with one");
                    wrong(
                        &format!("{key}[{place}]"),
                        problem,
                        "a number as +4917…, or somebody's name",
                    );
                }
            }
            for (key, value, least) in [
                ("answer_s", rule.answer_s, 10),
                ("rounds", rule.rounds, 1),
                ("cooldown_s", rule.cooldown_s, 1),
                ("storm", rule.storm, 1),
            ] {
                if value < least {
                    wrong(key, "too little".into(), &format!("at least {least}"));
                }
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    (1..=40).contains(&text.chars().count()) && text.chars().all(plain)
}

fn is_number(text: &str) -> bool {
    text.starts_with('+') && Number::parse(text, None).is_ok()
}

const NAME: &str = "1 to 40 letters, digits, blanks, '-', '_' and '.'";
const NUMBER: &str = "plus, country code and number, as +491711234567";
const PEOPLE: &str = "the name of one of [[alerts.people]]";

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_defaults_are_right_and_tell_nobody() {
        assert_eq!(Config::default().problems(), []);
        assert!(!Config::default().mails());
        assert_eq!(samples::config().problems(), []);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let mut config = samples::config();
        config.time_zone = Some("Mars/Base".into());
        config.ack_words = vec!["a b".into()];
        config.subject = Some("{whom}".into());
        config.people[0].sms = Some("0171".into());
        config.people[1].sms = None;
        config.rotas[0].handover = "8".into();
        config.rotas[0].people.push("dora".into());
        config.rules[0].rota = Some("day".into());
        config.rules[0].mail = vec!["nobody".into()];
        config.rules[0].flash = vec!["ben".into()];
        config.rules[0].answer_s = 1;
        let keys: Vec<String> = config.problems().into_iter().map(|problem| problem.key).collect();
        let expected = [
            "time_zone",
            "ack_words[0]",
            "subject",
            "people[0].sms",
            "rotas[0].people[1]",
            "rotas[0].people[3]",
            "rotas[0].handover",
            "rules[0].rota",
            "rules[0].mail[0]",
            "rules[0].flash[0]",
            "rules[0].answer_s",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn without_rules_alerts_are_mailed_to_whom_mail_is_for() {
        let to = ["ops@example.org".to_owned()];
        let mut config = Config::default();
        config.tell_by_default(&[]);
        assert!(!config.mails());
        config.tell_by_default(&to);
        assert_eq!((config.rules[0].mail.as_slice(), config.mails()), (to.as_slice(), true));
        let mut own = samples::config();
        own.tell_by_default(&to);
        assert_eq!(own, samples::config());
    }

    #[test]
    fn people_are_known_by_their_number() {
        let config = samples::config();
        let known = |number: &str| config.person_of(&Number::received(number)).map(|one| one.name.as_str());
        assert_eq!(known("+491710000001"), Some("anna"));
        assert_eq!(known("+491719999999"), None);
        assert_eq!(known("ANNA"), None);
    }
}
