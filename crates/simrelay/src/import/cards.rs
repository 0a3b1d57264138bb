//! `sim-cards.conf`: one section a modem becomes one slot.

use std::collections::BTreeSet;

use crate::config::is_slot_name;

use super::draft::{Draft, quoted};
use super::ini::{Ini, Section};
use super::taking::Taking;

/// A modem and the slot that it becomes.
pub(super) struct Modem<'a> {
    /// Its section.
    pub(super) section: &'a Section,
    /// The name of the slot.
    pub(super) slot: String,
    /// Whether it is used.
    pub(super) enabled: bool,
}

/// The modems of a file that can be found, each with a name that a slot may have.
pub(super) fn modems(cards: &Ini) -> Vec<Modem<'_>> {
    let mut names = BTreeSet::new();
    let modem = |section| {
        let slot = free_name(&section_name(section), &names);
        names.insert(slot.clone());
        let enabled = cards.value(section, "enabled").map(|value| value.text.to_lowercase());
        let enabled = enabled.is_none_or(|enabled| !["0", "no", "false", "off"].contains(&enabled.as_str()));
        Modem { section, slot, enabled }
    };
    cards
        .sections
        .iter()
        .filter(|section| can_be_found(cards, section))
        .map(modem)
        .collect()
}

/// Writes the slots.
pub(super) fn write(draft: &mut Draft, cards: &Ini, modems: &[Modem<'_>]) {
    for section in cards.sections.iter().filter(|section| !can_be_found(cards, section)) {
        let words = "neither a port with its whole path nor an IMEI of 14 to 16 digits, so the modem is left out";
        Taking::new(cards, section).lose(draft, words);
    }
    for modem in modems {
        draft.table(&format!("[slots.{}]", modem.slot));
        let mut taking = Taking::new(cards, modem.section);
        if modem.slot != modem.section.name {
            let words = "no name that a slot may have (1 to 32 letters, digits, - and _), so it is called as here";
            taking.note(draft, words);
        }
        if taking.flag(draft, "enabled") == Some(false) {
            draft.plain("enabled", false);
        }
        place(draft, &mut taking);
        sim(draft, &mut taking);
        routing(draft, &mut taking);
        balance(draft, &mut taking);
        without_counterpart(draft, &mut taking);
        taking.rest(draft);
    }
}

/// Where the modem is.
fn place(draft: &mut Draft, taking: &mut Taking<'_>) {
    let imei = taking.text(draft, "imei").filter(|imei| {
        let right = is_imei(&imei.text);
        if !right {
            let words = "no IMEI of 14 to 16 digits, so it is left out: `simrelay modems` shows what the modem says";
            draft.note(&taking.place(imei.line, "imei"), words);
        }
        right
    });
    let port = taking.text(draft, "port").filter(|port| {
        let right = is_port(&port.text);
        if !right {
            draft.note(
                &taking.place(port.line, "port"),
                "no whole path, as /dev/ttyUSB0, so it is left out",
            );
        }
        right
    });
    match (&port, &imei) {
        (Some(port), _) if port.text.contains('*') => {
            if !port.text.ends_with('*') {
                let words = "SMSgate opened a * in the middle as it stands; it is a pattern now";
                draft.note(&taking.place(port.line, "port"), words);
            }
            draft.text("glob", &port.text);
        }
        (Some(port), Some(_)) => {
            let words = "SMSgate did not ask a modem at a fixed port for its IMEI; now both must hold";
            draft.note(&taking.place(port.line, "port"), words);
            draft.text("port", &port.text);
        }
        (Some(port), None) => draft.text("port", &port.text),
        (None, _) => {}
    }
    if let Some(imei) = &imei {
        draft.text("imei", &imei.text);
    }
    if let Some(baud) = taking.number(draft, "baud", 4_000_000.0) {
        draft.plain("baud", baud.trunc());
    }
}

fn sim(draft: &mut Draft, taking: &mut Taking<'_>) {
    if let Some(pin) = taking.text(draft, "pin") {
        let right = (4..=8).contains(&pin.text.len()) && pin.text.bytes().all(|byte| byte.is_ascii_digit());
        match right {
            true => draft.secret("pin", &pin.text),
            false => draft.lose(
                &taking.place(pin.line, "pin"),
                "no PIN of 4 to 8 digits, so it is left out",
            ),
        }
    }
    if let Some(number) = taking.text(draft, "phone_number") {
        match plus_and_digits(&number.text).filter(|clean| (8..=16).contains(&clean.len())) {
            Some(clean) => draft.text("number", &clean),
            None => {
                let words = "no number with + and 7 to 15 digits, so it is left out: what asks for it finds no SIM";
                draft.lose(&taking.place(number.line, "phone_number"), words);
            }
        }
    }
}

fn routing(draft: &mut Draft, taking: &mut Taking<'_>) {
    match taking.number(draft, "costs_per_sms", MOST_MONEY) {
        Some(cost) => draft.plain("cost_micros", (cost * 1e6).round()),
        None => taking.note(
            draft,
            "no costs_per_sms: the SIM counts as free, which makes it the first choice",
        ),
    }
    let mut prefixes = Vec::new();
    if let Some(value) = taking.text(draft, "prefixes") {
        for prefix in value.text.split_whitespace() {
            let clean = plus_and_digits(prefix).filter(|clean| is_prefix(clean));
            match clean {
                Some(clean) if prefixes.contains(&clean) => {}
                Some(clean) => prefixes.push(clean),
                None => {
                    let words = "a prefix in it is none, as +49 is one, so it is left out";
                    draft.note(&taking.place(value.line, "prefixes"), words);
                }
            }
        }
    }
    match prefixes.is_empty() {
        true => {
            taking.note(
                draft,
                "no prefixes: it sends only where it is named as the sender, as SMSgate had it",
            );
            draft.plain("only_explicit", true);
        }
        false => {
            let tables: Vec<_> = prefixes
                .iter()
                .map(|prefix| format!("{{ prefix = {} }}", quoted(prefix)))
                .collect();
            draft.plain("prefixes", format!("[{}]", tables.join(", ")));
        }
    }
}

fn balance(draft: &mut Draft, taking: &mut Taking<'_>) {
    if let Some(code) = taking.text(draft, "ussd_account_balance") {
        match code.text.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | '+')) {
            true => draft.text("balance_ussd", &code.text),
            false => {
                let words = "no USSD code, so it is left out, and the balance is not asked for";
                draft.note(&taking.place(code.line, "ussd_account_balance"), words);
            }
        }
    }
    if let Some(pattern) = taking.text(draft, "ussd_account_balance_regexp") {
        let care = gateway::SlotCare {
            balance_pattern: pattern.text.clone(),
            ..gateway::SlotCare::default()
        };
        match care.pattern() {
            Some(_) => draft.text("balance_pattern", &pattern.text),
            None => {
                let words = "no regular expression with one group that is understood here, so the usual one is used: it \
                             finds the first amount, as 7,95";
                draft.note(&taking.place(pattern.line, "ussd_account_balance_regexp"), words);
            }
        }
    }
    if let Some(currency) = taking.text(draft, "currency") {
        draft.text("currency", &currency.text);
    }
    let warning = taking.number(draft, "account_balance_warning", MOST_MONEY);
    let critical = taking.number(draft, "account_balance_critical", MOST_MONEY);
    if critical.unwrap_or(USUAL_CRITICAL) > warning.unwrap_or(USUAL_WARNING) {
        return taking.note(
            draft,
            "the critical balance is above the warning, so both are as usual: 1 and 5",
        );
    }
    let amounts = [("balance_warning", warning), ("balance_critical", critical)];
    for (key, amount) in amounts.into_iter().filter_map(|(key, amount)| Some((key, amount?))) {
        draft.plain(key, amount);
    }
}

/// What needs no setting any more.
fn without_counterpart(draft: &mut Draft, taking: &mut Taking<'_>) {
    // Taken over where mail is.
    taking.take(draft, "email_address");
    for (key, words) in WITHOUT_COUNTERPART {
        taking.note_key(draft, key, words);
    }
}

/// Whether anything says which modem it is.
fn can_be_found(cards: &Ini, section: &Section) -> bool {
    let says = |key: &str, right: fn(&str) -> bool| cards.value(section, key).is_some_and(|value| right(&value.text));
    says("port", is_port) || says("imei", is_imei)
}

fn is_port(text: &str) -> bool {
    text.starts_with('/') && !text.contains('\n')
}

fn is_imei(text: &str) -> bool {
    (14..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What a section is called, with other letters where a slot may not have its own.
fn section_name(section: &Section) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    section.name.chars().map(plain).take(LONGEST_NAME).collect()
}

/// The name, or the name with a number where it is taken.
fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    let free = |name: &String| is_slot_name(name) && !taken.contains(name);
    let numbered = (2..).map(|number| format!("{}-{number}", &name[..name.len().min(LONGEST_NAME - 6)]));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(free)
        .unwrap_or_else(|| name.to_owned())
}

/// The number without everything but plus and digits, as SMSgate read them; nothing where that is no plus with digits.
fn plus_and_digits(number: &str) -> Option<String> {
    let number: String = number.chars().filter(|c| *c == '+' || c.is_ascii_digit()).collect();
    let digits = number.strip_prefix('+')?;
    let right = !digits.is_empty() && !digits.contains('+');
    right.then_some(number)
}

/// SMSgate took prefixes of two characters and more.
fn is_prefix(text: &str) -> bool {
    message::is_prefix(text) && text.len() >= 2
}

const LONGEST_NAME: usize = 32;

/// More than anybody pays for a message.
const MOST_MONEY: f64 = 1e6;

/// The thresholds of both programs where nothing is said.
const USUAL_WARNING: f64 = 5.0;
const USUAL_CRITICAL: f64 = 1.0;

const WITHOUT_COUNTERPART: [(&str, &str); 5] = [
    (
        "wait_for_start",
        "a modem is waited for as long as it takes to start, and health tells how long that is",
    ),
    (
        "wait_for_delivery",
        "SMSgate read it and did nothing with it; status reports are followed always",
    ),
    (
        "health_check_interval",
        "health is looked after all the time; the balance is asked for once a day: `balance_every_s`",
    ),
    ("encoding", "the alphabet of USSD is found out by itself"),
    (
        "provider",
        "SMSgate did not read it either; the modem tells the operator's name",
    ),
];
