//! `smsgate.conf`: everything but the modems.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::cards::Modem;
use super::draft::Draft;
use super::ini::{Ini, shown};
use super::taking::Taking;

/// Writes what is not about a single modem.
pub(super) fn write(draft: &mut Draft, main: &Ini, cards: &Ini, modems: &[Modem<'_>]) {
    with_section(draft, main, "logging", logging);
    draft.table("[api]");
    with_section(draft, main, "server", server);
    with_section(draft, main, "api", |draft, taking| api(draft, taking, modems));
    draft.table("[routing]");
    draft.comment("SMSgate took the cheapest SIM with any matching prefix. false: the longest prefix decides.");
    draft.plain("least_cost_any_prefix", true);
    with_section(draft, main, "modempool", modempool);
    mail(draft, main, cards, modems);
    with_section(draft, main, "seccomp", seccomp);
    for section in main
        .sections
        .iter()
        .filter(|section| !SECTIONS.contains(&section.name.as_str()))
    {
        Taking::new(main, section).note(draft, "SMSgate knows no such section; it is left out");
    }
}

/// Takes a section over, or notes that it is not there.
fn with_section(draft: &mut Draft, main: &Ini, name: &str, take: impl FnOnce(&mut Draft, &mut Taking<'_>)) {
    let Some(section) = main.section(name) else {
        draft.note(&format!("[{name}]"), "there is no such section; our defaults hold");
        return;
    };
    let mut taking = Taking::new(main, section);
    take(draft, &mut taking);
    taking.rest(draft);
}

fn logging(draft: &mut Draft, taking: &mut Taking<'_>) {
    let Some(level) = taking.text(draft, "level") else {
        return;
    };
    let ours = match level.text.to_lowercase().as_str() {
        "debug" => "debug",
        "info" => "info",
        "warning" | "warn" => "warn",
        "error" | "critical" | "fatal" => "error",
        _ => {
            return draft.note(
                &taking.place(level.line, "level"),
                "no level of a log, so it is left out",
            );
        }
    };
    draft.table("[log]");
    if ours == "debug" {
        draft.comment("PINs and texts are not in the log any more, at this level neither.");
    }
    draft.text("level", ours);
}

fn server(draft: &mut Draft, taking: &mut Taking<'_>) {
    let port = taking
        .number(draft, "port", 65_535.0)
        .filter(|port| port.fract() == 0.0 && *port > 0.0);
    let host = taking.text(draft, "host");
    let address = match host.as_ref().map(|host| host.text.as_str()) {
        None | Some("localhost") => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Some(host) => host.parse().ok(),
    };
    if let (None, Some(host)) = (address, &host) {
        let words =
            "a name; write the address it means, or 0.0.0.0 for all. Until then only this machine is listened to";
        draft.note(&taking.place(host.line, "host"), words);
    }
    let port = port.map_or(USUAL_PORT, |port| port as u16);
    let listen = SocketAddr::new(address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), port);
    draft.text("listen", &listen.to_string());
    for key in ["certificate", "key"] {
        pem(draft, taking, key);
    }
    let words =
        "the ciphers of TLS 1.2 and 1.3 are those of today (ECDHE with AES-GCM or ChaCha20) and cannot be chosen";
    taking.note_key(draft, "ciphers", words);
}

/// A file that SMSgate looked for where it was started: above the folder `conf`.
fn pem<'a>(draft: &mut Draft, taking: &mut Taking<'a>, key: &'a str) {
    let Some(value) = taking.text(draft, key) else {
        return draft.lose(
            "[server]",
            format!("there is no {key}: `simrelay certificate` makes both files"),
        );
    };
    let found = taking
        .folders()
        .map(|folder| folder.join(&value.text))
        .find(|file| file.is_file());
    match found.as_deref().and_then(whole) {
        Some(file) => draft.text(key, &file),
        None => {
            let words = "there is no such file as seen from here; name it with its whole path";
            draft.lose(&taking.place(value.line, key), words);
            draft.comment(&format!(
                "{key} = \"/etc/simrelay/{}\"",
                if key == "key" { "key.pem" } else { "certificate.pem" }
            ));
        }
    }
}

fn api(draft: &mut Draft, taking: &mut Taking<'_>, modems: &[Modem<'_>]) {
    draft.table("[api.xml_rpc]");
    for (key, ours) in [("enable_send_sms", "send_sms"), ("enable_send_ussd", "send_ussd")] {
        let on = taking.flag(draft, key);
        if on.is_none() {
            let words =
                format!("without {key} SMSgate refused these calls, so they stay off; `{ours} = true` allows them");
            taking.note(draft, words);
        }
        draft.plain(ours, on.unwrap_or(false));
    }
    let mut tokens = Tokens::default();
    for (key, scope) in ROLES {
        let Some(value) = taking.text(draft, key) else {
            taking.note(draft, format!("no {key}: nobody may do that over XML-RPC"));
            continue;
        };
        for hash in value.text.split_whitespace() {
            tokens.may(hash, scope);
        }
    }
    for modem in modems {
        // The keys are in small letters, whatever the modem is called.
        let key = format!("token_{}_get_sms", modem.section.name.to_lowercase());
        match taking.text(draft, &key) {
            Some(value) => value
                .text
                .split_whitespace()
                .for_each(|hash| tokens.may_read(hash, &modem.slot)),
            None if modem.enabled => {
                let words = format!("no {}: nobody may fetch its messages over XML-RPC", shown(&key));
                taking.note(draft, words);
            }
            None => {}
        }
    }
    let others = taking.like(|key| key.starts_with("token_").then_some(()));
    for (key, ()) in others {
        taking.lose_key(draft, key, "there is no such modem, so the token is left out");
    }
    tokens.write(draft);
}

/// Who held which token.
#[derive(Default)]
struct Tokens<'a> {
    held: Vec<Held<'a>>,
}

/// One hash with all it was named for.
struct Held<'a> {
    hash: String,
    scopes: Vec<&'static str>,
    sims: Vec<&'a str>,
}

impl<'a> Tokens<'a> {
    fn may(&mut self, hash: &str, scope: &'static str) {
        let held = self.of(hash);
        if !held.scopes.contains(&scope) {
            held.scopes.push(scope);
        }
    }

    fn may_read(&mut self, hash: &str, slot: &'a str) {
        let held = self.of(hash);
        if !held.sims.contains(&slot) {
            held.sims.push(slot);
        }
    }

    fn of(&mut self, hash: &str) -> &mut Held<'a> {
        let place = self.held.iter().position(|held| held.hash == hash).unwrap_or_else(|| {
            self.held.push(Held {
                hash: hash.to_owned(),
                scopes: Vec::new(),
                sims: Vec::new(),
            });
            self.held.len() - 1
        });
        &mut self.held[place]
    }

    fn write(self, draft: &mut Draft) {
        let (right, wrong): (Vec<_>, Vec<_>) = self.held.into_iter().partition(|held| is_bcrypt(&held.hash));
        if !wrong.is_empty() {
            let words = match wrong.len() {
                1 => String::from("a token is no bcrypt hash that can be taken, so it is left out"),
                many => format!("{many} tokens are no bcrypt hashes that can be taken, so they are left out"),
            };
            draft.lose("[api]", words);
        }
        if let Some(more) = right
            .len()
            .checked_sub(api::MOST_LEGACY_HASHES)
            .filter(|more| *more > 0)
        {
            let words = format!(
                "there are {} different tokens and {} are taken: {more} are left out; make new ones for them (`simrelay \
                 token new`), which XML-RPC takes as well",
                right.len(),
                api::MOST_LEGACY_HASHES
            );
            draft.lose("[api]", words);
        }
        for (index, held) in right.iter().take(api::MOST_LEGACY_HASHES).enumerate() {
            let name = format!("legacy-{}", index + 1);
            if !held.scopes.is_empty() {
                entry(draft, &name, held, &held.scopes);
            }
            // A block of its own, since the SIMs would bind everything else in it.
            if !held.sims.is_empty() {
                let name = if held.scopes.is_empty() {
                    name
                } else {
                    format!("{name}-fetch")
                };
                entry(draft, &name, held, &["fetch"]);
                draft.texts("sims", held.sims.iter().copied());
            }
        }
    }
}

fn entry(draft: &mut Draft, name: &str, held: &Held<'_>, scopes: &[&'static str]) {
    draft.table("[[api.legacy_tokens]]");
    draft.text("id", name);
    draft.secret("hash", &held.hash);
    draft.texts("scopes", scopes.iter().copied());
}

fn modempool(draft: &mut Draft, taking: &mut Taking<'_>) {
    taking.note_key(draft, "health_check_interval", "health is looked after all the time");
    if let Some(every) = taking.text(draft, "sms_self_test_interval") {
        match every.text.as_str() {
            "daily" | "weekly" | "monthly" => {
                draft.table("[self_test]");
                draft.text("every", &every.text);
            }
            _ => {
                let words = "none of daily, weekly and monthly, so the SIMs do not send themselves messages";
                draft.note(&taking.place(every.line, "sms_self_test_interval"), words);
            }
        }
    }
    let Some(hints) = taking.text(draft, "serial_ports_hint_file") else {
        return;
    };
    let named = taking
        .folders()
        .map(|folder| folder.join(&hints.text))
        .find(|file| file.is_file());
    draft.table("[pool]");
    match named.as_deref().and_then(whole) {
        Some(file) => {
            let words = "it is read on, and kept up to date where the gateway may write there; else copy it to \
                         /var/lib/simrelay/ports.hints and name that";
            draft.note(&taking.place(hints.line, "serial_ports_hint_file"), words);
            draft.text("hint_file", &file);
        }
        None => {
            let words = "there is no such file as seen from here, so a new one is made";
            draft.note(&taking.place(hints.line, "serial_ports_hint_file"), words);
            draft.text("hint_file", "/var/lib/simrelay/ports.hints");
        }
    }
}

fn mail(draft: &mut Draft, main: &Ini, cards: &Ini, modems: &[Modem<'_>]) {
    let addresses = |modem: &Modem<'_>| cards.value(modem.section, "email_address").map(|value| value.text);
    let own: Vec<_> = modems
        .iter()
        .filter_map(|modem| {
            Some((
                modem.slot.as_str(),
                addresses(modem).filter(|address| !address.is_empty())?,
            ))
        })
        .collect();
    draft.table("[mail]");
    with_section(draft, main, "mail", server_of_mail);
    if !own.is_empty() {
        draft.table("[mail.sims]");
        own.iter()
            .for_each(|(slot, address)| draft.texts(slot, [address.as_str()]));
    }
}

fn server_of_mail(draft: &mut Draft, taking: &mut Taking<'_>) {
    let off = taking.flag(draft, "enabled") == Some(false);
    if off {
        draft.plain("enabled", false);
    }
    match taking.text(draft, "server") {
        Some(server) => draft.text("host", &server.text),
        None if !off => taking.lose(
            draft,
            "no server: mail goes to this machine, unless you name one: `host = \"…\"`",
        ),
        None => taking.note(draft, "no server: mail goes to this machine"),
    }
    let port = taking.number(draft, "port", 65_535.0).map_or(SMTPS, |port| port as u16);
    draft.plain("port", port);
    if port != SMTPS {
        let words =
            "SMSgate spoke TLS from the first octet on every port; on 587 and 25 most servers want \"starttls\"";
        taking.note(draft, words);
    }
    draft.text("security", "tls");
    if let Some(user) = taking.text(draft, "user") {
        draft.text("user", &user.text);
        if !user.text.contains('@') {
            taking.note(draft, "the user is no address, so name the sender: `from = \"…\"`");
        }
    }
    if let Some(password) = taking.text(draft, "password") {
        draft.secret("password", &password.text);
    }
    match taking.text(draft, "recipient") {
        Some(recipient) => draft.texts("to", recipient.text.split([',', '\n']).map(str::trim)),
        None => taking.note(draft, "no recipient: only modems with an email_address mail"),
    }
    draft.comment("Subject and body as SMSgate wrote them. \"simrelay\" has the text first.");
    draft.text("template", "smsgate");
    taking.note_key(
        draft,
        "health_check_interval",
        "the mail server is not asked; health tells what it refuses",
    );
}

fn seccomp(draft: &mut Draft, taking: &mut Taking<'_>) {
    let words = "the gateway gives up what it does not need by itself: `[hardening]`";
    taking.note_key(draft, "enabled", words);
}

fn is_bcrypt(text: &str) -> bool {
    let parts = text.parse::<bcrypt::HashParts>();
    text.is_ascii() && parts.is_ok_and(|parts| (4..=14).contains(&parts.get_cost()))
}

/// A path as a text, whole.
fn whole(file: &Path) -> Option<String> {
    file.canonicalize().ok()?.into_os_string().into_string().ok()
}

/// What each list of tokens is for.
const ROLES: [(&str, &str); 4] = [
    ("token_send_sms", "send"),
    ("token_send_ussd", "ussd"),
    ("token_get_health_state", "health"),
    ("token_get_stats", "stats"),
];

const SECTIONS: [&str; 6] = ["mail", "server", "api", "modempool", "logging", "seccomp"];

const USUAL_PORT: u16 = 7000;
const SMTPS: u16 = 465;
