//! The shipped file and its manual page say what the code does.
//!
//! `conf/simrelay.toml` shows each key as `#key = default`, or as `#key =  # as example` where it has no default.
//! `docs/config.md` is made from it: run the tests with `SIMRELAY_WRITE_DOCS=1` to make it anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use message::RouteId;

use super::reader::Reader;
use super::rules::SET_ELSEWHERE;
use super::settings::Settings;
use super::{load, slots, words};

#[test]
fn the_shipped_file_is_right_as_it_is() {
    let settings = load(&shipped()).expect("no faults");
    assert_eq!(settings, Settings::default());
}

#[test]
fn every_default_in_the_shipped_file_is_the_codes() {
    let source = fs::read_to_string(shipped()).unwrap();
    let lines = source
        .lines()
        .filter(|line| !line.contains(EXAMPLE) && !line.starts_with("#[["));
    let uncommented: String = lines
        .map(|line| format!("{}\n", setting(line).unwrap_or(line)))
        .collect();
    let mut reader = Reader::new(Path::new("shipped"), &uncommented);
    let settings: Settings = reader.read().unwrap();
    assert_eq!(reader.faults(), []);
    let mut expected = Settings::default();
    let slot = RouteId::new("sim1");
    expected.pool.slots.insert(slot.clone(), pool::SlotConfig::default());
    expected.routes.insert(slot.clone(), router::RouteConfig::default());
    expected.care.insert(slot, gateway::SlotCare::default());
    let phone = RouteId::new("phone");
    expected.upstreams.insert(phone.clone(), esme::Config::default());
    expected.upstream_routes.insert(phone, router::RouteConfig::default());
    assert_eq!(settings, expected);
}

#[test]
fn every_example_in_the_shipped_file_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("simrelay.toml");
    fs::write(folder.path().join("sim1.pin"), "0000").unwrap();
    fs::write(folder.path().join("attendance.keys"), "shared 0123456789abcdef").unwrap();
    // The one key that excludes another, and files that are not there.
    let left_out = [
        "#pin = ",
        "#secret_file = ",
        "#password_file = ",
        "#certificate = ",
        "#key = ",
        "#ca_file = ",
        "#client_ca = ",
        // Files, and an account that shows a certificate cannot be called.
        "#outbind",
    ];
    let examples: String = fs::read_to_string(shipped())
        .unwrap()
        .lines()
        .filter(|line| !left_out.iter().any(|key| line.replace("  ", " ").starts_with(key)))
        .map(|line| format!("{}\n", setting(line).unwrap_or(line).replace(EXAMPLE, "= ")))
        .collect();
    fs::write(&file, examples).unwrap();
    for name in ["simrelay.toml", "sim1.pin", "attendance.keys"] {
        let file = folder.path().join(name);
        fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let told: Vec<String> = load(&file)
        .err()
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn every_key_of_the_code_is_in_the_shipped_file() {
    let source = fs::read_to_string(shipped()).unwrap();
    let mut shown = BTreeSet::new();
    let mut table = String::new();
    for line in source.lines() {
        let line = setting(line).unwrap_or(line);
        match (line.strip_prefix('['), line.split_once(" =")) {
            (Some(name), _) => table = name.trim_matches(['[', ']']).to_owned(),
            (None, Some((key, _))) if !line.starts_with('#') => {
                shown.insert(format!("{table}.{key}").trim_start_matches('.').to_owned());
            }
            _ => {}
        }
    }
    let tables = TABLES.map(|table| table.trim_matches(['[', ']']));
    for key in tables
        .iter()
        .flat_map(|table| keys(table))
        // Of upstreams there are as many as there are names.
        .filter(|key| !tables.contains(&key.as_str()) && key != "upstreams")
    {
        let elsewhere = SET_ELSEWHERE.iter().any(|(known, _)| *known == key);
        assert!(shown.contains(&slots::in_file(&key)) != elsewhere, "{key}");
    }
    for (inner, outer) in [("cost_micros", "#prefixes = []"), ("languages", "#national =")] {
        assert!(source.contains(inner) && source.contains(outer), "{inner}");
    }
}

#[test]
fn the_manual_page_is_made_from_the_shipped_file() {
    let page = root().join("docs/config.md");
    let made = manual(&fs::read_to_string(shipped()).unwrap());
    if std::env::var_os("SIMRELAY_WRITE_DOCS").is_some() {
        fs::write(&page, &made).unwrap();
    }
    let there = fs::read_to_string(&page).unwrap_or_default();
    assert!(
        there == made,
        "docs/config.md is older than conf/simrelay.toml: run SIMRELAY_WRITE_DOCS=1 cargo test -p simrelay"
    );
}

#[test]
fn the_example_in_the_readme_is_right_but_for_its_hash() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("       [slots.sim1]\n").unwrap();
    let lines = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("       "));
    let example: String = lines.map(|line| format!("{}\n", line.trim())).collect();
    let source = format!("[slots.sim1]\n{example}");
    let mut reader = Reader::new(Path::new("README.md"), &source);
    let settings: Settings = reader.read().unwrap();
    super::rules::check(&settings, &mut reader);
    let faults: Vec<_> = reader
        .faults()
        .into_iter()
        .map(|fault| fault.key.unwrap_or_default())
        .collect();
    assert_eq!(faults, ["api.tokens.ops.hash"]);
}

#[test]
fn the_service_unit_starts_the_usual_file() {
    let unit = fs::read_to_string(root().join("systemd/simrelay.service")).unwrap();
    assert!(
        unit.contains(&format!("simrelay serve --config {}\n", super::USUAL_FILE)),
        "{unit}"
    );
}

/// The tables of the file, each as the header that opens it.
const TABLES: [&str; 42] = [
    "",
    "[log]",
    "[hardening]",
    "[api]",
    "[api.limits]",
    "[[api.tokens]]",
    "[[api.legacy_tokens]]",
    "[api.xml_rpc]",
    "[metrics]",
    "[gateway]",
    "[routing]",
    "[routing.guard]",
    "[pool]",
    "[pool.slots.sim1]",
    "[routes.sim1]",
    "[routes.sim1.limits]",
    "[care.sim1]",
    "[self_test]",
    "[ring]",
    "[store]",
    "[retention]",
    "[attendance]",
    "[[attendance.people]]",
    "[alerts]",
    "[[alerts.people]]",
    "[[alerts.rotas]]",
    "[[alerts.rules]]",
    "[alerts.listener]",
    "[alerts.http]",
    "[alerts.mail]",
    "[[alerts.mail.profiles]]",
    "[mail]",
    "[[mail.rules]]",
    "[smtp]",
    "[[smtp.senders]]",
    "[mail_to_sms]",
    "[smpp]",
    "[[smpp.accounts]]",
    "[upstreams.phone]",
    "[upstream_routes.phone]",
    "[[webhooks]]",
    "[[rules]]",
];

/// The keys that the code knows in a table, as it tells them when it meets an unknown one.
fn keys(table: &str) -> Vec<String> {
    let header = TABLES
        .iter()
        .find(|header| header.trim_matches(['[', ']']) == table)
        .unwrap();
    let error = toml::from_str::<Settings>(&format!("{header}\nnever = 1")).unwrap_err();
    let known = error.message().split_once(", ").unwrap().1;
    let keys = words::quoted(known).into_iter();
    keys.map(|key| format!("{table}.{key}").trim_start_matches('.').to_owned())
        .collect()
}

/// The setting on a line of its own, without the `#` before it; prose has a blank after its `#`.
fn setting(line: &str) -> Option<&str> {
    let setting = line.strip_prefix('#')?;
    (!setting.is_empty() && !setting.starts_with([' ', '#'])).then_some(setting)
}

/// The page that explains the file.
fn manual(source: &str) -> String {
    let mut page = String::from(INTRODUCTION);
    let mut prose: Vec<&str> = Vec::new();
    // What stands above the first empty line is about the file, and the introduction says it.
    let (_, rest) = source.split_once("\n\n").unwrap();
    for line in rest.lines() {
        let line = setting(line).map_or(line, |setting| setting);
        if line.starts_with("# ---") || line.is_empty() {
            continue;
        }
        if let Some(words) = line.strip_prefix("# ") {
            prose.push(words);
            continue;
        }
        let said = prose.join(" ");
        prose.clear();
        if line.starts_with('[') {
            let _ = write!(
                page,
                "\n## `{line}`\n\n{said}{}",
                if said.is_empty() { "" } else { "\n\n" }
            );
            continue;
        }
        if !said.is_empty() {
            let _ = writeln!(page, "\n{said}\n");
        }
        let _ = match line.split_once(EXAMPLE) {
            Some((key, example)) => writeln!(page, "- `{}`: no default; as `{}`", key.trim(), example.trim()),
            None => {
                let (key, default) = line.split_once(" = ").unwrap();
                writeln!(page, "- `{key}`: default `{default}`")
            }
        };
    }
    page.replace("\n\n\n", "\n\n")
}

fn shipped() -> PathBuf {
    root().join("conf/simrelay.toml")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

const EXAMPLE: &str = "=  # as ";

const INTRODUCTION: &str = "# Settings

This page is made from [conf/simrelay.toml](../conf/simrelay.toml), which shows every key; a test keeps the two and the
code in step.

The file is [TOML](https://toml.io). What is not set keeps its default. `simrelay config check FILE` tells everything
that is wrong with a file at once: line, key, value, and what would be right. The daemon makes the same checks and does
not start where one fails.

A setting can also come from the environment, with two underscores between the words: `SIMRELAY__LOG__LEVEL=debug` is
`level` in `[log]`. The environment goes before the file.

A file that holds a PIN or a token's hash is refused where others may read it: mode 600 if it belongs to the gateway's
user, or 640 if it belongs to root and the gateway's group. PINs can stay in files of their own: see `pin_file`.

`simrelay reload` and SIGHUP make a running gateway read the file again. A file that is not right is refused whole. Slots,
upstreams, SMPP accounts, tokens, certificate, routes, limits, rules, mail, webhooks, rules of alerts, retention, and the
keys, people and hours of attendance are taken: what is new begins, what is gone ends in order, and what stays as it is goes
on undisturbed, modems and sessions too. The answer and the log name what needs a restart: `data`, `[store]`, `[hardening]`,
`[smtp]`, `[mail_to_sms]`, `[smpp]` but for its accounts, where anything listens, the API's limits, and attendance that is
new, gone, or differs in more than hours and people.

";
