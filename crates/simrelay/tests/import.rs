//! `simrelay import-smsgate`: what it makes of SMSgate's files, good and bad.

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use common::{run, simrelay};

const HASH: [&str; 3] = [
    "$2b$10$aaaaaaaaaaaaaaaaaaaaaOd9sHHvb1zGkdrWuNzWVnWZBXpOHYkoK",
    "$2b$10$bbbbbbbbbbbbbbbbbbbbbOd9sHHvb1zGkdrWuNzWVnWZBXpOHYkoK",
    "$2b$10$cccccccccccccccccccccOd9sHHvb1zGkdrWuNzWVnWZBXpOHYkoK",
];

/// SMSgate's folder, with its certificate and its hints beside `conf`.
struct Old(TempDir);

impl Old {
    fn new(main: &str, cards: &str) -> Self {
        let old = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir(old.path("conf")).expect("a folder");
        fs::write(old.path("conf/smsgate.conf"), main).expect("written");
        fs::write(old.path("conf/sim-cards.conf"), cards).expect("written");
        for name in ["cert.pem", "key.pem"] {
            fs::write(old.path(name), "").expect("written");
            fs::set_permissions(old.path(name), fs::Permissions::from_mode(0o600)).expect("closed");
        }
        fs::write(old.path("hints"), "351234567890123 /dev/ttyUSB3\n").expect("written");
        old
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().expect("a path").join(name)
    }

    fn import(&self) -> Output {
        run(&[
            "import-smsgate",
            &self.text("conf/smsgate.conf"),
            &self.text("conf/sim-cards.conf"),
        ])
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The configuration that is made, after `config check` found nothing wrong with it.
    fn taken_over(&self) -> (toml::Table, String) {
        let output = self.import();
        let err = String::from_utf8(output.stderr).expect("a text");
        assert!(output.status.success(), "{err}");
        let file = self.path("simrelay.toml");
        fs::write(&file, &output.stdout).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("closed");
        let checked = run(&["config", "check", &file.display().to_string()]);
        assert!(
            checked.status.success(),
            "{}\n{}",
            told(&checked.stdout),
            told(&output.stdout)
        );
        (told(&output.stdout).parse().expect("TOML"), err)
    }

    fn refused(&self) -> String {
        let output = self.import();
        assert_eq!(output.status.code(), Some(1), "{}", told(&output.stdout));
        assert!(output.stdout.is_empty());
        told(&output.stderr)
    }
}

fn told(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).expect("a text")
}

fn main_file() -> String {
    let [send, stats, fetch] = HASH;
    format!(
        "[mail]\nserver = mail.example.org\nport = 465\nuser = gateway@example.org\npassword = 5%%\"quoted\\n'%%\n\
         recipient = ops@example.org\nhealth_check_interval = 600\n\
         [server]\nhost = 0.0.0.0\nport = 7777\ncertificate = cert.pem\nkey = key.pem\nciphers = X\n\
         [api]\nenable_send_sms = True\nenable_send_ussd = no\ntoken_send_sms = {send} {stats}\n\
         token_send_ussd = {send}\ntoken_get_health_state = {stats}\ntoken_get_stats = {stats}\n\
         token_00_get_sms = {fetch} {send}\ntoken_Pool-B_get_sms = {fetch}\ntoken_99_get_sms = {fetch}\n\
         [modempool]\nhealth_check_interval = 3600\nsms_self_test_interval = monthly\nserial_ports_hint_file = hints\n\
         [logging]\nlevel = WARNING\n[seccomp]\nenabled = False\n"
    )
}

const CARDS: &str = "[00]\nenabled = True\nport = /dev/ttyUSB*\nphone_number = +49 171 1111111\nprovider = X\npin = 2342\n\
     ussd_account_balance = *101#\nussd_account_balance_regexp = Guthaben: ([\\d+\\,]+)\ncurrency = EUR\n\
     account_balance_warning = 10.00\naccount_balance_critical = 5.00\nprefixes = +49176 +49 +49\ncosts_per_sms = 0.09\n\
     health_check_interval = 600\nimei = 351234567890123\nencoding = UCS2\nemail_address = foo@example.com\n\
     [Pool-B]\nenabled = off\nport=/dev/ttyUSB1\nphone_number = +491712222222\ncosts_per_sms = 0.075\nbaud = 9600\n\
     wait_for_start = 60\nwait_for_delivery = False\n[a b/c]\nport = /dev/ttyUSB2\nphone_number = x\ncosts_per_sms = 1\n\
     prefixes = +43\ncolour = red\npin =\n";

#[test]
fn every_key_is_taken_over_or_has_a_note() {
    let old = Old::new(&main_file(), CARDS);
    let (made, err) = old.taken_over();
    let at = |path: &str| {
        let mut value = &toml::Value::Table(made.clone());
        for step in path.split('.') {
            value = match step.parse::<usize>() {
                Ok(place) if value.is_array() => &value[place],
                _ => &value[step],
            };
        }
        value.clone()
    };
    let text = |path: &str| at(path).as_str().expect(path).to_owned();
    assert_eq!(text("log.level"), "warn");
    assert_eq!(text("api.listen"), "0.0.0.0:7777");
    assert_eq!(text("api.certificate"), old.text("cert.pem"));
    assert_eq!(text("pool.hint_file"), old.text("hints"));
    assert_eq!(
        (at("api.xml_rpc.send_sms"), at("api.xml_rpc.send_ussd")),
        (true.into(), false.into())
    );
    assert_eq!(text("mail.password"), "5%\"quoted\\n'%");
    assert_eq!(
        (text("mail.security"), text("mail.template")),
        ("tls".into(), "smsgate".into())
    );
    assert_eq!(
        (text("mail.to.0"), text("mail.sims.00.0")),
        ("ops@example.org".into(), "foo@example.com".into())
    );
    assert_eq!(at("routing.least_cost_any_prefix"), true.into());
    assert_eq!(
        (text("slots.00.glob"), text("slots.00.imei")),
        ("/dev/ttyUSB*".into(), "351234567890123".into())
    );
    assert_eq!(
        (text("slots.00.pin"), text("slots.00.number")),
        ("2342".into(), "+491711111111".into())
    );
    assert_eq!(at("slots.00.cost_micros"), 90_000.into());
    assert_eq!(at("slots.00.prefixes").as_array().map(Vec::len), Some(2));
    assert_eq!(
        (at("slots.Pool-B.enabled"), at("slots.Pool-B.only_explicit")),
        (false.into(), true.into())
    );
    assert_eq!(text("slots.a_b_c.port"), "/dev/ttyUSB2");
    assert_eq!(text("self_test.every"), "monthly");
    assert_eq!(
        (
            text("slots.00.balance_ussd"),
            text("slots.00.balance_pattern"),
            text("slots.00.currency")
        ),
        ("*101#".into(), "Guthaben: ([\\d+\\,]+)".into(), "EUR".into())
    );
    assert_eq!(
        (at("slots.00.balance_warning"), at("slots.00.balance_critical")),
        (10.into(), 5.into())
    );
    let tokens = at("api.legacy_tokens");
    let tokens: Vec<_> = tokens
        .as_array()
        .expect("a list")
        .iter()
        .map(toml::Value::to_string)
        .collect();
    let [send, stats, fetch] = HASH;
    let expected = [
        format!("{{ hash = \"{send}\", id = \"legacy-1\", scopes = [\"send\", \"ussd\"] }}"),
        format!("{{ hash = \"{send}\", id = \"legacy-1-fetch\", scopes = [\"fetch\"], sims = [\"00\"] }}"),
        format!("{{ hash = \"{stats}\", id = \"legacy-2\", scopes = [\"send\", \"health\", \"stats\"] }}"),
        format!("{{ hash = \"{fetch}\", id = \"legacy-3\", scopes = [\"fetch\"], sims = [\"00\", \"Pool-B\"] }}"),
    ];
    assert_eq!(tokens, expected);
    for noted in [
        "smsgate.conf:7: [mail] health_check_interval: ",
        "smsgate.conf:13: [server] ciphers: ",
        "[api] token_99_get_sms: there is no such modem",
        "no token_a b/c_get_sms: nobody may fetch",
        "[modempool] health_check_interval: ",
        "[seccomp] enabled: ",
        "[00] provider: ",
        "[00] encoding: ",
        "[Pool-B] wait_for_start: ",
        "[Pool-B] wait_for_delivery: ",
        "no name that a slot may have",
        "[a b/c] colour: SMSgate knows no such key",
        "[a b/c] phone_number: no number",
        "to put right: smsgate.conf:23: [api] token_99_get_sms: ",
        "2 things to put right; 14 notes",
        "chmod 600 it",
    ] {
        assert!(err.contains(noted), "{noted}: {err}");
    }
    for secret in ["2342", "quoted", send, stats, fetch] {
        assert!(!err.contains(secret), "{secret} on the standard error");
    }
}

#[test]
fn a_file_with_little_in_it_becomes_one_that_works() {
    let old = Old::new("[server]\n", "[00]\nport = /dev/ttyUSB0\n");
    let (made, err) = old.taken_over();
    assert_eq!(made["slots"]["00"]["port"].as_str(), Some("/dev/ttyUSB0"));
    for noted in [
        "[api]: there is no such section",
        "[mail]: there is no such section",
        "no costs_per_sms",
    ] {
        assert!(err.contains(noted), "{noted}: {err}");
    }
}

#[test]
fn hostile_values_stay_values() {
    let main = "[server]\nhost = \"\n  [api]\n  x = 1\nport = 99999\n[api]\nenable_send_sms = maybe\n\
                token_send_sms = plain \"]\n  [[api.tokens]]\n[mail]\nserver = a\"b'''\\\npassword = \"\"\"\n  \u{202e}\n\
                recipient = o'x\"@example.org\nlone = 50%\n[other]\n[logging]\nlevel = \"loud\"\n";
    let cards = "[x\"]\nport = /dev/a\"\\b\npin = 12\"\n[y]\nport = relative\n[z]\nport = /dev/z\nbaud = 1e99\ncosts_per_sms = nan\n\
                 prefixes = 49 +0 ++ \"+49\nphone_number = 1\nimei = ]\n";
    let old = Old::new(main, cards);
    let output = old.import();
    assert!(output.status.success(), "{}", told(&output.stderr));
    let made: toml::Table = told(&output.stdout).parse().expect("TOML");
    assert_eq!(made["mail"]["password"].as_str(), Some("\"\"\"\n\u{202e}"));
    assert_eq!(made["slots"]["x_"]["port"].as_str(), Some("/dev/a\"\\b"));
    assert!(made["slots"].get("y").is_none() && made["api"].get("tokens").is_none());
    let err = told(&output.stderr);
    for noted in [
        "to put right: sim-cards.conf:4: [y]: neither a port",
        "[mail] lone: ",
        "to put right: [api]: 3 tokens are no bcrypt hashes",
        "to put right: [server]: there is no certificate",
        "[other]: SMSgate knows no such section",
    ] {
        assert!(err.contains(noted), "{noted}: {err}");
    }
    assert!(!err.contains('\u{202e}') && !err.contains("12\""), "{err}");
}

#[test]
fn more_tokens_than_there_may_be_are_told() {
    let hash = |n: usize| format!("$2b$10${n:021}Od9sHHvb1zGkdrWuNzWVnWZBXpOHYkoK");
    let hashes: Vec<_> = (0..20).map(hash).collect();
    let main = format!(
        "[api]\nenable_send_sms = 1\nenable_send_ussd = 1\ntoken_send_sms = {}\n",
        hashes.join(" ")
    );
    let (made, err) = Old::new(&main, "[00]\nport = /dev/ttyUSB0\n").taken_over();
    assert_eq!(made["api"]["legacy_tokens"].as_array().map(Vec::len), Some(16));
    assert!(err.contains("4 are left out"), "{err}");
}

#[test]
fn what_cannot_be_read_is_told_with_file_and_line() {
    let right = "[00]\nport = /dev/ttyUSB0\n";
    for (main, cards, words) in [
        (
            "[server]\n[server]\n",
            right,
            "smsgate.conf:2: the section [server] is there twice",
        ),
        (
            "[server]\nport = 1\nport = 2\n",
            right,
            "smsgate.conf:3: the key port is there twice",
        ),
        ("port = 1\n", right, "smsgate.conf:1: a key before any [section]"),
        ("[server]\nrubbish\n", right, "smsgate.conf:2: neither a [section]"),
        ("", right, "none of the sections of smsgate.conf"),
        (right, "[server]\n", "name smsgate.conf first"),
        ("[server]\n", "", "there is no modem in it"),
        ("[server]\n", "[api]\n", "name smsgate.conf first"),
        ("\u{0}\u{1}", right, "control characters"),
    ] {
        let refused = Old::new(main, cards).refused();
        assert!(refused.contains(words), "{words}: {refused}");
    }
    let old = Old::new("[server]\n", right);
    fs::write(old.path("conf/smsgate.conf"), [0xff, 0xfe, 0x00]).expect("written");
    assert!(old.refused().contains("no text in UTF-8"));
    let huge = fs::File::create(old.path("conf/smsgate.conf")).expect("a file");
    huge.set_len(1 << 30).expect("grown");
    assert!(old.refused().contains("larger than 4 MiB"));
    fs::remove_file(old.path("conf/smsgate.conf")).expect("removed");
    assert!(old.refused().contains("No such file"));
    let device = run(&["import-smsgate", "/dev/zero", &old.text("conf/sim-cards.conf")]);
    assert!(told(&device.stderr).contains("no regular file"));
}

#[test]
fn an_output_that_others_may_read_is_told() {
    let old = Old::new(&main_file(), CARDS);
    let file = fs::File::create(old.path("made.toml")).expect("a file");
    fs::set_permissions(old.path("made.toml"), fs::Permissions::from_mode(0o644)).expect("open");
    let mut program = simrelay(&["import-smsgate"]);
    program.args([old.path("conf/smsgate.conf"), old.path("conf/sim-cards.conf")]);
    let output = program.stdout(file).stderr(Stdio::piped()).output().expect("it runs");
    assert!(
        told(&output.stderr).contains("open to others now (mode 0644)"),
        "{}",
        told(&output.stderr)
    );
}

#[test]
fn programs_get_it_as_json() {
    let old = Old::new(&main_file(), CARDS);
    let json = run(&[
        "--json",
        "import-smsgate",
        &old.text("conf/smsgate.conf"),
        &old.text("conf/sim-cards.conf"),
    ]);
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert!(
        json["configuration"]
            .as_str()
            .is_some_and(|text| text.contains("[slots.00]"))
    );
    assert!(json["notes"].as_array().is_some_and(|notes| notes.len() > 10));
    assert_eq!(json["losses"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["faults"], serde_json::json!([]));
}
