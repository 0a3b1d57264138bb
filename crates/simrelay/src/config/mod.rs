//! The configuration: one file, checked as a whole before anything starts.
//!
//! A part's settings are a struct of that part; [`Settings`] only puts them together. [`load`] is the one way to them,
//! for the daemon and for `config check` alike: the file is read strictly with `toml`, which gives every fault its
//! line; [`rules`] checks what no type can say; then `config` lays the environment over the file.

mod alerts;
mod attendance;
mod care;
mod difference;
mod document;
mod environment;
mod fault;
mod hooks;
mod level;
mod mail;
mod post;
mod ranges;
mod reader;
mod rules;
mod secrets;
mod settings;
#[cfg(test)]
mod shipped_test;
mod slots;
mod smpp;
mod source;
mod suggest;
mod upstreams;
mod words;

use std::path::Path;

pub(crate) use difference::{Difference, accounts_of, hours_of};
pub(crate) use fault::Fault;
pub(crate) use rules::is_slot_name;
pub(crate) use secrets::{find, open_to_others};
pub(crate) use settings::{Log, Settings};
pub(crate) use source::read as read_text;

use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use reader::Reader;

/// Reads and checks a configuration file, or tells everything that is wrong with it.
pub(crate) fn load(file: &Path) -> Result<Settings, Vec<Fault>> {
    read(file, false)
}

/// The same for whoever is not the gateway: what may be a credential of the service is passed over, and named in
/// [`Settings::unseen`].
pub(crate) fn look(file: &Path) -> Result<Settings, Vec<Fault>> {
    read(file, true)
}

/// The settings of a file with this text, which has to be right.
#[cfg(test)]
pub(crate) fn of_text(text: &str) -> Settings {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    load(file.path()).expect("right")
}

fn read(file: &Path, outside: bool) -> Result<Settings, Vec<Fault>> {
    // It may hold PINs and passwords.
    let source = source::read(file).map(Zeroizing::new).map_err(|error| {
        let right = "name a file that this user can read";
        vec![Fault::of_file(file, format!("cannot be read: {error}"), right)]
    })?;
    let mut reader = Reader::new(file, &source);
    if outside {
        reader.stand_outside();
    }
    let settings: Option<Settings> = reader.read();
    if let Some(settings) = &settings {
        rules::check(settings, &mut reader);
    }
    let unseen = reader.unseen();
    let mut faults = Vec::from_iter(too_open(file, &reader));
    faults.extend(reader.faults());
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut settings = environment::lay_over(file, &source, outside)?;
    settings.unseen.extend(unseen);
    find_certificate(file, &mut settings);
    read_pins(file, &mut settings)?;
    hooks::read_secrets(file, &mut settings)?;
    attendance::find_keys(file, &mut settings);
    mail::read_password(file, &mut settings)?;
    alerts::read_secrets(file, &mut settings)?;
    upstreams::read_secrets(file, &mut settings)?;
    smpp::read_secrets(file, &mut settings)?;
    settings.api.metrics = settings.metrics.clone();
    settings.alerts.tell_by_default(&settings.mail.to);
    settings.store.consumers = settings.consumers();
    settings.store.alert_consumers = settings.alert_consumers();
    Ok(settings)
}

/// Everything that is wrong with the text of a configuration that is in no file yet.
pub(crate) fn faults_in(named: &Path, source: &str) -> Vec<Fault> {
    let mut reader = Reader::new(named, source);
    let settings: Option<Settings> = reader.read();
    if let Some(settings) = &settings {
        rules::check(settings, &mut reader);
    }
    reader.faults()
}

/// Finds certificate and key where their names are no whole paths.
fn find_certificate(file: &Path, settings: &mut Settings) {
    let seen = [&mut settings.api.certificate, &mut settings.api.key].into_iter();
    for named in seen.filter(|named| !settings.unseen.contains(*named)) {
        *named = secrets::find(named, file);
    }
}

/// What tells one state of a file from another.
pub(crate) fn digest(file: &Path) -> String {
    match std::fs::read(file) {
        Ok(octets) => {
            let digest = Sha256::digest(octets);
            let digits: String = digest[..8].iter().map(|octet| format!("{octet:02x}")).collect();
            format!("sha256:{digits}")
        }
        Err(_) => "unreadable".to_owned(),
    }
}

/// Gives each slot the PIN that lies in a file of its own.
fn read_pins(file: &Path, settings: &mut Settings) -> Result<(), Vec<Fault>> {
    let seen = settings
        .pin_files
        .iter()
        .filter(|(_, named)| !settings.unseen.contains(*named));
    for (name, named) in seen {
        let Some(slot) = settings.pool.slots.get_mut(name) else {
            continue;
        };
        let pin_file = secrets::find(named, file);
        let told = |problem: String| {
            vec![Fault::of_file(
                &pin_file,
                problem,
                "name a file that holds the PIN alone",
            )]
        };
        let pin = secrets::read_pin(&pin_file).map_err(|error| told(error.to_string()))?;
        let pin = StrDeserializer::<ValueError>::new(&pin);
        slot.pin = Some(Deserialize::deserialize(pin).map_err(|error| told(error.to_string()))?);
    }
    Ok(())
}

/// Where the daemon's configuration usually lies.
pub(crate) const USUAL_FILE: &str = "/etc/simrelay/simrelay.toml";

/// The fault of a file that holds a secret and is not kept as one.
fn too_open(file: &Path, reader: &Reader<'_>) -> Option<Fault> {
    if !reader.holds_secret() {
        return None;
    }
    let problem = match secrets::open_to_others(file) {
        Ok(problem) => problem?,
        Err(error) => format!("its mode cannot be read: {error}"),
    };
    let right = format!(
        "chmod 600 {} (or 640), since it holds a PIN, password or hash",
        file.display()
    );
    Some(Fault::of_file(file, problem, right))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn told(source: &str, mode: u32) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), source).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        let name = format!("{}", file.path().display());
        let faults = load(file.path()).err().unwrap_or_default();
        faults
            .iter()
            .map(|fault| fault.to_string().replace(&name, "FILE"))
            .collect()
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(told("", 0o644), Vec::<String>::new());
    }

    #[test]
    fn credentials_of_the_service_are_passed_over_by_whoever_is_not_the_service() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("simrelay.toml");
        let source = "data = '/tmp/data'\n[slots.sim1]\nport = '/dev/x'\npin_file = 'sim1.pin'\n[mail]\nhost = 'mail'\n\
                      from = 'a@x.org'\nto = ['b@x.org']\nuser = 'a'\npassword_file = 'mail.password'\n[api]\nkey = 'key.pem'\n\
                      [[webhooks]]\nname = 'shop'\nurl = 'https://x.org/'\nsecret_file = 'shop.secret'\n\
                      [upstreams.phone]\naddress = 'a:1'\nsystem_id = 'relay'\npassword_file = 'phone.password'\n\
                      [alerts.http]\nlisten = ['127.0.0.1:7070']\nsecret_file = 'alerts.secret'\n";
        fs::write(&file, source).unwrap();
        let settings = look(&file).unwrap();
        assert_eq!(settings.data, Path::new("/tmp/data"));
        let unseen: Vec<_> = settings.unseen.iter().filter_map(|named| named.to_str()).collect();
        let all = [
            "alerts.secret",
            "key.pem",
            "mail.password",
            "phone.password",
            "shop.secret",
            "sim1.pin",
        ];
        assert_eq!(unseen, all);
        assert_eq!(load(&file).unwrap_err().len(), all.len(), "the gateway needs them");
        // What lies beside the file is looked at, and what is named whole must be there.
        fs::write(folder.path().join("sim1.pin"), "12").unwrap();
        fs::write(&file, "[slots.sim1]\nport = '/dev/x'\npin_file = 'sim1.pin'\n").unwrap();
        assert!(look(&file).is_err());
        fs::write(&file, "[slots.sim1]\nport = '/dev/x'\npin_file = '/nonexistent/pin'\n").unwrap();
        assert!(look(&file).is_err());
    }

    #[test]
    fn a_file_that_is_not_there_is_told() {
        let faults = load(Path::new("/nonexistent/simrelay.toml")).unwrap_err();
        assert_eq!(
            faults[0].to_string(),
            "/nonexistent/simrelay.toml: cannot be read: No such file or directory (os error 2); name a file that this \
             user can read"
        );
    }

    #[test]
    fn faults_of_kind_and_of_meaning_are_told_together() {
        let source = "dta = 'x'\n[log]\nlevel = 'lots=of=it'\n[routing.guard]\nallow = ['+49', '0049x']";
        assert_eq!(
            told(source, 0o644),
            [
                "FILE:1: dta = 'x': unknown key; did you mean 'data'?",
                "FILE:3: log.level = 'lots=of=it': not a level; write error, warn, info, debug or trace, or a filter as \
                 info,pool=debug",
                "FILE:5: routing.guard.allow.#2 = '0049x': no prefix; write a plus and digits, as +49 or +4917, or a \
                 whole short code of 3 to 6 digits",
            ]
        );
    }

    #[test]
    fn a_thoroughly_wrong_file_is_told_line_by_line() {
        let source = r#"[slots.sim1]
prot = "/dev/ttyUSB0"
pin = "12"
[slots.sim2]
imei = "12"
cost_micros = -4
prefixes = [{ prefix = "+49" }, { prefix = "+x" }]
limits.per_day = 0
[slots."sim 3"]
port = "ttyUSB0"
pin_file = "nothing"
[pool]
slots = 1
[api]
certificate = "/nope"
listen = "1.2.3.4"
[[api.tokens]]
id = "a b"
hash = "plain"
scopes = ["sned"]
sims = ["sim9"]
[gateway]
country_code = "049"
validity_s = 5
national = [{ prefix = "90", languages = ["turkish", "klingon"] }]
"#;
        let expected = [
            "slots.sim1.port: cannot be used; write one of port, glob, imei, iccid, imsi, so that the modem can be found",
            "slots.sim1.prot = \"/dev/ttyUSB0\": unknown key; did you mean 'port'?",
            "slots.sim1.pin = (not shown): a PIN has four to eight digits and stands in quotes; see docs/config.md",
            "slots.sim2.imei = \"12\": cannot be used; write 15 digits",
            "slots.sim2.cost_micros = -4: less than nothing; write 0 or more",
            "slots.sim2.prefixes.+x.prefix = \"+x\": no prefix; write a plus and digits, as +49 or +4917, or a whole \
             short code of 3 to 6 digits",
            "slots.sim2.limits.per_day = 0: nothing could be sent; write at least 1, or leave it out for no limit; enabled = \
             false switches a slot off",
            "slots.sim 3: a name that cannot be used; call it by 1 to 32 letters, digits, '-' and '_'",
            "slots.sim 3.port = \"ttyUSB0\": cannot be used; write a whole path, such as /dev/ttyUSB0",
            "slots.sim 3.pin_file = \"nothing\": FOLDER/nothing: No such file or directory (os error 2); name a file that \
             holds the PIN",
            "pool.slots = 1: is not set here; write [slots.NAME]",
            "api.certificate = \"/nope\": cannot be read: No such file or directory (os error 2); name a PEM file that the \
             gateway may read; simrelay certificate makes one",
            "api.listen = \"1.2.3.4\": wrong form; write an address and a port, as 127.0.0.1:7000 or [::1]:7000",
            "api.tokens.a b.id = \"a b\": cannot be used; write 1 to 32 letters, digits, '-' and '_'",
            "api.tokens.a b.hash = (not shown): cannot be used; write a bcrypt hash of cost 4 to 14, as `simrelay token \
             new` prints it",
            "api.tokens.a b.scopes.#1 = \"sned\": unknown word; did you mean \"send\"? (allowed: send, fetch, ussd, health, \
             stats, metrics, attendance, alert, admin)",
            "api.tokens.a b.sims.#1 = \"sim9\": there is no slot sim9; name a slot: [slots.NAME]",
            "gateway.country_code = \"049\": no country code; write 1 to 3 digits without plus, as \"49\"",
            "gateway.validity_s = 5: cannot be told to the network; write 300 (5 minutes) to 38102400 (63 weeks)",
            "gateway.national.90.prefix = \"90\": no prefix; write a plus and digits, as +90",
            "gateway.national.90.languages.#2 = \"klingon\": no such table; write one of the languages of TS 23.038 \
             6.2.1.2.4, as \"turkish\"",
        ];
        let told = told(source, 0o600);
        let folder = std::env::temp_dir().display().to_string();
        let without_place = |line: &String| {
            let (_, words) = line.split_once(": ").unwrap();
            words.replace(&folder, "FOLDER")
        };
        assert_eq!(told.iter().map(without_place).collect::<Vec<_>>(), expected);
        let lines: Vec<&str> = told.iter().map(|line| line.split(':').nth(1).unwrap()).collect();
        assert!(
            lines.is_sorted_by_key(|line| line.parse::<usize>().unwrap()),
            "{lines:?}"
        );
    }

    #[test]
    fn hooks_and_rules_that_cannot_work_are_told_with_what_would_be_right() {
        let source = "[[webhooks]]\nname = 'shop'\nurl = 'http://10.0.0.1/x'\nsecret = 'short'\nevents = ['recieved']\n\
                      [[webhooks]]\nname = 'shop'\nurl = 'https://example.org'\nsecret = '0123456789abcdef'\n\
                      sims = ['sim9']\n[[rules]]\nconsumer = 'webhook.shp'\nfrom = '('";
        assert_eq!(
            told(source, 0o600),
            [
                "FILE:3: webhooks.shop.url = 'http://10.0.0.1/x': not https; write an address as https://example.org/hook",
                "FILE:4: webhooks.shop.secret = (not shown): can be guessed; write 16 characters or more, as `openssl \
                 rand -hex 32` makes them",
                "FILE:5: webhooks.shop.events.#1 = 'recieved': unknown word; did you mean \"received\"? (allowed: \
                 received, sent, delivered, failed, missed_call, health, alert)",
                "FILE:7: webhooks.shop.name = 'shop': is there twice; choose another name",
                "FILE:10: webhooks.shop.sims.#1 = 'sim9': there is no slot sim9; name a slot: [slots.NAME]",
                "FILE:12: rules.#1.consumer = 'webhook.shp': there is no such consumer; known here: webhook.shop, \
                 webhook.shop",
                "FILE:13: rules.#1.from = '(': no pattern; write a regular expression, as '^[+]49'",
            ]
        );
        let open = "[[webhooks]]\nname = 'a'\nurl = 'https://example.org'\nsecret = '0123456789abcdef'";
        assert!(told(open, 0o644)[0].contains("chmod 600"), "{:?}", told(open, 0o644));
        assert_eq!(told(open, 0o600), Vec::<String>::new());
    }

    #[test]
    fn an_own_number_that_nobody_has_is_told_where_all_are_known() {
        let source = "[slots.a]\nport = '/dev/a'\nnumber = '+491711234567'\n\
                      [smpp]\nlisten = ['127.0.0.1:2775']\n[[smpp.accounts]]\nsystem_id = 'shop'\n\
                      hash = '$2b$10$wJ8wYpFSJwU6lc1IqCTqXOd9sHHvb1zGkdrWuNzWVnWZBXpOHYkoK'\n\
                      numbers = ['+491711234567', '+4999']\n";
        let faults = told(source, 0o600);
        assert!(
            faults.len() == 1 && faults[0].contains("numbers.#2 = '+4999': nobody here has +4999; write the number of"),
            "{faults:?}"
        );
        let card_tells = format!("{source}[slots.b]\nport = '/dev/b'\n");
        assert_eq!(told(&card_tells, 0o600), Vec::<String>::new());
    }

    #[test]
    fn values_that_would_only_fail_later_are_told_now() {
        let source = r#"data = ""
[log]
level = "loud"
[slots.a]
port = "/dev/a"
number = "0171"
baud = 12345
memory = "XX"
prefixes = [{ prefix = "+49" }, { prefix = "" }, { prefix = "49" }]
[slots.b]
glob = "/dev/[tty"
number = "abc"
prefixes = ["+49"]
[slots.c]
port = "/dev/c"
number = "+"
[routing.guard]
refuse = ["49"]
[api]
listen = 7000
limits.body_bytes = -1
[[api.tokens]]
id = "x"
scopes = ["send"]
hash = "$2b$10$wJ8wYpFSJwU6lc1IqCTqXOd9sHHvb1zGkdrWuNzWVnWZBXpOHYkoK"
prefixes = ["+49", "49"]
"#;
        let all = told(source, 0o600);
        let expected = [
            "FILE:1: data = \"\": is empty; name the folder of the database, as /var/lib/simrelay",
            "FILE:3: log.level = \"loud\": not a level; write error, warn, info, debug or trace, or a filter as \
             info,pool=debug",
            "FILE:6: slots.a.number = \"0171\": cannot be used; write a number with its country code (E.164), as \
             \"+491711234567\"",
            "FILE:7: slots.a.baud = 12345: cannot be used; write one of 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, \
             57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, \
             3500000, 4000000, most often 115200",
            "FILE:8: slots.a.memory = \"XX\": cannot be used; write SM (the SIM), ME (the modem) or MT (both)",
            "FILE:9: slots.a.prefixes.#2.prefix = \"\": no prefix; write a plus and digits, as +49 or +4917, or a whole \
             short code of 3 to 6 digits",
            "FILE:9: slots.a.prefixes.49.prefix = \"49\": no prefix; write a plus and digits, as +49 or +4917, or a \
             whole short code of 3 to 6 digits",
            "FILE:11: slots.b.glob = \"/dev/[tty\": cannot be used; write a pattern of whole paths, such as \
             /dev/ttyUSB* or /dev/ttyUSB[0-3]",
            "FILE:12: slots.b.number = \"abc\": cannot be used; write a number with its country code (E.164), as \
             \"+491711234567\"",
            "FILE:13: slots.b.prefixes.#1 = \"+49\": wrong kind of value; write a table each, as { prefix = \"+49\" } \
             or { prefix = \"+49\", cost_micros = 75000 }",
            "FILE:16: slots.c.number = \"+\": cannot be used; write a number with its country code (E.164), as \
             \"+491711234567\"",
            "FILE:18: routing.guard.refuse.#1 = \"49\": no prefix; write a plus and digits, as +49 or +4917, or a whole \
             short code of 3 to 6 digits",
            "FILE:20: api.listen = 7000: wrong kind of value; write an address and a port in quotes, as \
             \"127.0.0.1:7000\"",
            "FILE:21: api.limits.body_bytes = -1: outside of what is allowed; write 1024 to 4294967295",
            "FILE:26: api.tokens.x.prefixes.#2 = \"49\": cannot be used; write a plus and digits, as +49, or a whole \
             short code of 3 to 6 digits",
        ];
        for (line, expected) in all.iter().zip(expected) {
            assert_eq!(line, expected);
        }
        assert_eq!(all.len(), expected.len(), "{all:#?}");
    }

    #[test]
    fn a_private_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        fs::write(&key, "").unwrap();
        let source = format!("[api]\nkey = {key:?}\n");
        let kept = |mode| {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            told(&source, 0o644)
        };
        assert_eq!(kept(0o600), Vec::<String>::new());
        let told = kept(0o644);
        assert!(
            told[0].contains("is open to others than its owner and its group (mode 0644); chmod 600 "),
            "{told:?}"
        );
    }

    #[test]
    fn what_is_no_file_is_told_as_such() {
        for device in ["/dev/null", "/dev/zero"] {
            let faults = load(Path::new(device)).unwrap_err();
            assert_eq!(
                faults[0].to_string(),
                format!("{device}: cannot be read: it is no regular file; name a file that this user can read")
            );
        }
    }

    #[test]
    fn keys_are_suggested_as_the_file_has_them() {
        let told = told(
            "slts = 1\nport = 2\n[pool]\nslots_ = 1\n[slots.sim1]\nport = '/dev/x'\npinfile = 'x'",
            0o600,
        );
        assert_eq!(
            told,
            [
                "FILE:1: slts = 1: unknown key; did you mean 'slots'?",
                "FILE:2: port = 2: unknown key; known here: data, log, hardening, api, metrics, gateway, routing, self_test, ring, pool, store, attendance, alerts, mail, smtp, mail_to_sms, smpp, upstreams, webhooks, rules, retention, slots",
                "FILE:4: pool.slots_ = 1: unknown key; known here: directories, globs, rescan_s, probe_s, hint_file, \
                 exclusive, trace_folder, trace_texts",
                "FILE:7: slots.sim1.pinfile = 'x': unknown key; did you mean 'pin_file'?",
            ]
        );
    }

    #[test]
    fn a_file_of_nothing_but_faults_is_not_told_to_its_end() {
        let source: String = (0..5000).map(|n| format!("k{n} = 1\n")).collect();
        let told = told(&source, 0o644);
        assert!(told.len() < 300, "{}", told.len());
        assert!(
            told.iter()
                .any(|line| line == "FILE: there are more faults; put these right first")
        );
    }

    #[test]
    fn no_file_makes_the_check_panic() {
        let shipped = include_str!("../../../../conf/simrelay.toml");
        let whole: Vec<u8> = shipped
            .lines()
            .flat_map(|line| {
                let setting = line
                    .strip_prefix('#')
                    .filter(|rest| !rest.starts_with(' '))
                    .unwrap_or(line);
                format!("{}\n", setting.replace("=  # as ", "= ")).into_bytes()
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("simrelay.toml");
        for (round, place) in (0..whole.len()).step_by(23).enumerate() {
            let mut changed = whole.clone();
            changed[place] = b"\"[]{}=.#\n\0\xff'0-"[round % 14];
            fs::write(&file, &changed).unwrap();
            let _ = load(&file);
        }
        for deep in ["[".repeat(20_000), "{a=".repeat(20_000), "a.".repeat(20_000)] {
            fs::write(&file, format!("a = {deep}")).unwrap();
            assert!(load(&file).is_err());
        }
    }
}
