//! What must hold between values that are each well formed.

use std::path::Path;

use message::{RouteId, is_prefix};
use reqwest::Url;
use router::{Limits, RouteConfig};
use tpdu::Language;

use super::alerts;
use super::attendance;
use super::care;
use super::hooks;
use super::level;
use super::mail;
use super::post;
use super::reader::Reader;
use super::secrets;
use super::settings::Settings;
use super::smpp;
use super::source;
use super::upstreams;

/// Checks everything that a type cannot say.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    log_level(settings, reader);
    data(settings, reader);
    reachable(settings, reader);
    for problem in settings.api.problems() {
        let key = format!("api.{}", problem.key);
        reader.wrong(&key, "cannot be used", format!("write {}", problem.right));
    }
    for trouble in settings.pool.check() {
        let key = format!("pool.{}", trouble.key);
        reader.wrong(&key, "cannot be used", format!("write {}", trouble.right));
    }
    certificate("api.certificate", &settings.api.certificate, reader);
    certificate("api.key", &settings.api.key, reader);
    key_is_kept(&settings.api.key, reader);
    gateway(&settings.gateway, reader);
    prefixes("routing.guard.refuse", &settings.routing.guard.refuse, reader);
    prefixes("routing.guard.allow", &settings.routing.guard.allow, reader);
    slot_names(settings, reader);
    for (name, route) in &settings.routes {
        check_route(&format!("routes.{name}"), route, reader);
    }
    for (name, route) in &settings.upstream_routes {
        check_route(&format!("upstream_routes.{name}"), route, reader);
    }
    care::check(settings, reader);
    pin_files(settings, reader);
    attendance::check(settings, reader);
    hooks::check(settings, reader);
    alerts::check(settings, reader);
    mail::check(settings, reader);
    post::check(settings, reader);
    smpp::check(settings, reader);
    upstreams::check(settings, reader);
    set_elsewhere(reader);
}

fn log_level(settings: &Settings, reader: &mut Reader<'_>) {
    if !level::is_level(&settings.log.level) {
        reader.wrong(
            "log.level",
            "not a level",
            "write error, warn, info, debug or trace, or a filter as info,pool=debug",
        );
    }
}

fn data(settings: &Settings, reader: &mut Reader<'_>) {
    if settings.data.as_os_str().is_empty() {
        let right = "name the folder of the database, as /var/lib/simrelay";
        reader.wrong("data", "is empty", right);
    }
}

/// Ports that the settings need and do not allow.
fn reachable(settings: &Settings, reader: &mut Reader<'_>) {
    let Some(allowed) = &settings.hardening.connect else {
        return;
    };
    let mails = settings.mail.is_on() || settings.alerts.mails() || settings.has_bounces();
    let mail = mails.then(|| ("the mail server".to_owned(), settings.mail.port));
    let hooks = settings.webhooks.iter().filter_map(|hook| {
        let port = Url::parse(&hook.url).ok()?.port_or_known_default()?;
        Some((format!("webhook {}", hook.name), port))
    });
    let upstreams = settings.upstreams.iter().filter(|(_, upstream)| upstream.enabled);
    let upstreams = upstreams.filter_map(|(name, upstream)| {
        let (_, port) = upstream.host_and_port()?;
        Some((format!("upstream {name}"), port))
    });
    let accounts = settings.smpp.accounts.iter().filter_map(|account| {
        let (_, port) = esme::host_and_port(account.outbind.as_deref()?)?;
        Some((format!("account {}", account.system_id), port))
    });
    for (who, port) in mail.into_iter().chain(hooks).chain(upstreams).chain(accounts) {
        if !allowed.contains(&port) {
            let problem = format!("{who} cannot be reached at port {port}");
            reader.wrong(
                "hardening.connect",
                problem,
                format!("add {port}, or leave the list out"),
            );
        }
    }
}

/// Whoever reads the key can speak as the gateway, so it is kept like every other secret.
fn key_is_kept(key: &Path, reader: &mut Reader<'_>) {
    let key = &secrets::find(key, reader.file());
    if let Ok(Some(problem)) = secrets::open_to_others(key) {
        let right = format!("chmod 600 {} (or 640)", key.display());
        reader.wrong("api.key", format!("{}: {problem}", key.display()), right);
    }
}

/// The default paths are only looked at by the start itself: a shipped file says nothing of them.
fn certificate(key: &str, path: &Path, reader: &mut Reader<'_>) {
    if !reader.says(key) {
        return;
    }
    let Some(file) = reader.secret_file(path) else { return };
    if let Err(error) = source::open(&file) {
        let right = "name a PEM file that the gateway may read; simrelay certificate makes one";
        reader.wrong(key, format!("cannot be read: {error}"), right);
    }
}

fn gateway(gateway: &gateway::Config, reader: &mut Reader<'_>) {
    country_code("gateway.country_code", gateway.country_code.as_deref(), reader);
    if !(VALIDITY_LEAST..=VALIDITY_MOST).contains(&gateway.validity_s) {
        reader.wrong(
            "gateway.validity_s",
            "cannot be told to the network",
            "write 300 (5 minutes) to 38102400 (63 weeks)",
        );
    }
    if gateway.max_attempts == 0 {
        reader.wrong("gateway.max_attempts", "nothing would be sent", "write at least 1");
    }
    if ![8, 16].contains(&gateway.concat_bits) {
        reader.wrong("gateway.concat_bits", "no such width", "write 8 or 16");
    }
    for (index, national) in gateway.national.iter().enumerate() {
        let key = format!("gateway.national[{index}]");
        if !is_prefix(&national.prefix) || !national.prefix.starts_with('+') {
            reader.wrong(&format!("{key}.prefix"), "no prefix", "write a plus and digits, as +90");
        }
        for (place, language) in national.languages.iter().enumerate() {
            if Language::from_name(language).is_none() {
                let right = "write one of the languages of TS 23.038 6.2.1.2.4, as \"turkish\"";
                reader.wrong(&format!("{key}.languages[{place}]"), "no such table", right);
            }
        }
    }
}

fn slot_names(settings: &Settings, reader: &mut Reader<'_>) {
    for slot in settings.pool.slots.keys().filter(|slot| !is_slot_name(slot.as_str())) {
        let right = "call it by 1 to 32 letters, digits, '-' and '_'";
        reader.wrong(&format!("pool.slots.{slot}"), "a name that cannot be used", right);
    }
    let known = |slot: &RouteId| settings.has_route(slot);
    let right = "name a slot: [slots.NAME]";
    let lists = [
        ("tokens", &settings.api.tokens),
        ("legacy_tokens", &settings.api.legacy_tokens),
    ];
    for (list, tokens) in lists {
        for (index, token) in tokens.iter().enumerate() {
            let sims = token.sims.iter().flatten().enumerate();
            for (place, sim) in sims.filter(|(_, sim)| !known(sim)) {
                let key = format!("api.{list}[{index}].sims[{place}]");
                reader.wrong(&key, format!("there is no slot {sim}"), right);
            }
        }
    }
}

fn check_route(key: &str, route: &RouteConfig, reader: &mut Reader<'_>) {
    country_code(&format!("{key}.country_code"), route.country_code.as_deref(), reader);
    if route.cost_micros < 0 {
        reader.wrong(&format!("{key}.cost_micros"), "less than nothing", "write 0 or more");
    }
    for (index, entry) in route.prefixes.iter().enumerate() {
        let key = format!("{key}.prefixes[{index}]");
        if !is_prefix(&entry.prefix) {
            reader.wrong(&format!("{key}.prefix"), "no prefix", PREFIX);
        }
        if entry.cost_micros.is_some_and(|cost| cost < 0) {
            reader.wrong(&format!("{key}.cost_micros"), "less than nothing", "write 0 or more");
        }
        if route.prefixes[..index].iter().any(|other| other.prefix == entry.prefix) {
            reader.wrong(&format!("{key}.prefix"), "is there twice", "leave one of them out");
        }
    }
    check_limits(&format!("{key}.limits"), &route.limits, reader);
}

fn country_code(key: &str, code: Option<&str>, reader: &mut Reader<'_>) {
    let digits = |code: &str| (1..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
    if code.is_some_and(|code| !digits(code) || code.starts_with('0')) {
        reader.wrong(key, "no country code", "write 1 to 3 digits without plus, as \"49\"");
    }
}

fn check_limits(key: &str, limits: &Limits, reader: &mut Reader<'_>) {
    let counts = [
        ("per_minute", limits.per_minute),
        ("per_hour", limits.per_hour),
        ("per_day", limits.per_day),
        ("per_month", limits.per_month),
        ("recipients_per_month", limits.recipients_per_month),
    ];
    for (name, _) in counts.iter().filter(|(_, count)| *count == Some(0)) {
        let right = "write at least 1, or leave it out for no limit; enabled = false switches a slot off";
        reader.wrong(&format!("{key}.{name}"), "nothing could be sent", right);
    }
    if limits.month_starts_on.is_some_and(|day| !(1..=28).contains(&day)) {
        reader.wrong(
            &format!("{key}.month_starts_on"),
            "not a day of every month",
            "write 1 to 28",
        );
    }
}

fn pin_files(settings: &Settings, reader: &mut Reader<'_>) {
    for (slot, named) in &settings.pin_files {
        let key = format!("pin_files.{slot}");
        if settings.pool.slots.get(slot).is_some_and(|slot| slot.pin.is_some()) {
            reader.wrong(&key, "the slot has a pin as well", "leave one of them out");
        }
        let Some(file) = reader.secret_file(named) else {
            continue;
        };
        match secrets::open_to_others(&file) {
            Ok(None) => {
                if let Err(error) = secrets::read_pin(&file) {
                    reader.wrong(
                        &key,
                        format!("{}: {error}", file.display()),
                        "name a file that holds the PIN alone",
                    );
                }
            }
            Ok(Some(problem)) => reader.wrong(&key, problem, format!("chmod 600 {}", file.display())),
            Err(error) => reader.wrong(
                &key,
                format!("{}: {error}", file.display()),
                "name a file that holds the PIN",
            ),
        }
    }
}

/// Keys of the parts that are set elsewhere.
fn set_elsewhere(reader: &mut Reader<'_>) {
    for (key, right) in SET_ELSEWHERE {
        if reader.says(key) {
            reader.wrong_here(key, "is not set here", *right);
        }
    }
}

fn prefixes(key: &str, prefixes: &[String], reader: &mut Reader<'_>) {
    for (index, prefix) in prefixes.iter().enumerate() {
        if !is_prefix(prefix) {
            reader.wrong(&format!("{key}[{index}]"), "no prefix", PREFIX);
        }
    }
}

/// Whether a slot may be called so.
pub(crate) fn is_slot_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

/// Keys that a part has but that the program sets, and where to set what they mean.
pub(super) const SET_ELSEWHERE: &[(&str, &str)] = &[
    ("pool.slots", "write [slots.NAME]"),
    ("routes", "write the keys of a route under [slots.NAME]"),
    ("upstream_routes", "write the keys of a route under [upstreams.NAME]"),
    ("care", "write the keys of a SIM's care under [slots.NAME]"),
    ("pin_files", "write pin_file under [slots.NAME]"),
    (
        "store.consumers",
        "leave it out: consumers are configured where they are",
    ),
    (
        "store.alert_consumers",
        "leave it out: webhooks say themselves which events they want",
    ),
];

const PREFIX: &str = "write a plus and digits, as +49 or +4917, or a whole short code of 3 to 6 digits";

/// The shortest and the longest validity a network can be told (TS 23.040 9.2.3.12.1), in seconds.
const VALIDITY_LEAST: u32 = 300;
const VALIDITY_MOST: u32 = 63 * 7 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_ports_that_forgets_the_mail_server_or_a_webhook_is_told() {
        let lines = "[hardening]\nconnect = [53, 587]\n[mail]\nto = ['a@example.org']\nport = 587\n\
                     [[webhooks]]\nname = 'shop'\nurl = 'https://h.example.org:8443/x'\nsecret = '0123456789abcdef'\n";
        let mut reader = Reader::new(Path::new("x.toml"), lines);
        let settings: Settings = reader.read().unwrap();
        reachable(&settings, &mut reader);
        let told: Vec<String> = reader.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "x.toml:2: hardening.connect = [53, 587]: webhook shop cannot be reached at port 8443; add 8443, or leave the list out"
            ]
        );
    }

    #[test]
    fn a_slot_is_called_by_plain_letters() {
        assert!(is_slot_name("sim-1_a"));
        for wrong in ["", "sim 1", "sim.1", "süd", &"x".repeat(33)] {
            assert!(!is_slot_name(wrong), "{wrong}");
        }
    }
}
