//! The command line client against a running gateway, as a person and as a script use it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::{Following, Rig, Run, eventually, program};
use modemsim::{Fault, ModemSpec, Rule, Settings};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

/// No line holds a control character or blanks at its end, and no table is wider than its content.
fn is_tidy(run: &Run) {
    for line in run.out.lines() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert_eq!(line, line.trim_end(), "{line:?}");
    }
}

/// The first word of a line of output: an id.
fn id_of(run: &Run) -> String {
    run.out.split_whitespace().next().expect("an id").to_owned()
}

#[test]
fn sending_and_looking_after_a_message() {
    let rig = Rig::new(2);
    let bad = Rule {
        to: Some("+4930009".into()),
        cms: Some(1),
        ..Rule::default()
    };
    rig.network.rules(vec![bad]).expect("rules");
    let gateway = rig.start_ready();
    let cli = |args: &[&str]| {
        let run = rig.cli(&gateway, args);
        is_tidy(&run);
        run
    };
    let to = rig.modems[1].number();
    let run = cli(&["send", to, "Hello", "--wait", "--from", "sim-0"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.out.contains("1 part") && run.out.contains("delivered") && run.out.contains("sim-0"),
        "{}",
        run.out
    );
    let id = id_of(&run);
    let json = rig.cli_json(&gateway, &["status", &id]);
    assert_eq!((&json["state"], &json["text"]), (&json!("delivered"), &json!("Hello")));
    let run = cli(&["status", &id]);
    assert!(
        run.code == 0 && run.out.contains("delivered") && run.out.contains(to),
        "{run:?}"
    );

    let failed = cli(&["send", "+4930009", "x", "--wait"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.out.contains("CMS 1"), "{failed:?}");
    let refused = cli(&["send", "112", "x"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
    assert!(refused.err.contains("emergency"), "{refused:?}");
    let refused = Run::of(rig.client(&gateway).args(["send", "112", "x", "--json"]));
    let told: Value = serde_json::from_str(if refused.out.is_empty() {
        &refused.err
    } else {
        &refused.out
    })
    .expect("JSON");
    assert_eq!(
        (refused.code, &told["error"]["data"]["field"]),
        (1, &json!("to")),
        "{refused:?}"
    );
    let usage = cli(&["send", "+4930001"]);
    assert_eq!(usage.code, 2, "{usage:?}");

    let accepted = rig.cli_json(
        &gateway,
        &["send", "+4930001", "Zażółć 👋", "--transliterate", "--key", "k1"],
    );
    assert_eq!(accepted["parts"], 1, "{accepted}");
    let again = cli(&["send", "+4930001", "Zażółć 👋", "--transliterate", "--key", "k1"]);
    assert!(again.code == 0 && again.out.contains("known by its key"), "{again:?}");
    let piped = Run::of(Command::new("sh").arg("-c").arg(format!(
        "printf 'from a pipe\\n' | SIMRELAY_URL=https://localhost:{} SIMRELAY_CA={} SIMRELAY_TOKEN={} {} send +4930002 - --wait --json",
        gateway.api().port(),
        rig.certificate().display(),
        rig.token(),
        program("simrelay").display()
    )));
    let told: Value = serde_json::from_str(&piped.out).expect("JSON");
    assert_eq!((piped.code, &told["text"]), (0, &json!("from a pipe")), "{piped:?}");

    let later = rig.cli_json(
        &gateway,
        &["send", "+4930003", "later", "--at", "+2h", "--priority", "3"],
    );
    let later = later["id"].as_str().expect("an id");
    let waiting = cli(&["outbox", "--state", "queued"]);
    assert!(waiting.code == 0 && waiting.out.contains(later), "{waiting:?}");
    let cancelled = cli(&["cancel", later]);
    assert!(
        cancelled.code == 0 && cancelled.out.contains("cancelled"),
        "{cancelled:?}"
    );
    let late = cli(&["cancel", later]);
    assert!(late.code == 1 && !late.err.is_empty(), "{late:?}");
    let outbox = cli(&["outbox"]);
    for words in [to, "delivered", "failed", "cancelled"] {
        assert!(outbox.out.contains(words), "{words} in\n{}", outbox.out);
    }
    let listed = rig.cli_json(&gateway, &["outbox"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(5), "{listed}");

    let fault = Fault::SendError {
        count: 1,
        cms: Some(332),
        cme: None,
        delay_ms: 0,
        sent: false,
    };
    rig.modems[0].fault(fault).expect("a fault");
    let held = rig.cli_json(
        &gateway,
        &["send", "+4930004", "x", "--from", "sim-0", "--on-uncertain", "hold"],
    );
    let held = held["id"].as_str().expect("an id");
    gateway.wait_state(held, "uncertain", LONG);
    let resolved = cli(&["resolve", held, "drop"]);
    assert!(resolved.code == 0 && resolved.out.contains("given up"), "{resolved:?}");
    let unknown = cli(&["status", "019aa5a8-7c00-7000-8000-000000000001"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    let nonsense = cli(&["status", "nonsense"]);
    assert!(
        [1, 2].contains(&nonsense.code) && !nonsense.err.is_empty(),
        "{nonsense:?}"
    );
}

#[test]
fn the_inbox_shows_what_came_and_follows_what_comes() {
    let rig = Rig::new(2);
    let gateway = rig.start_ready();
    let empty = rig.cli(&gateway, &["inbox"]);
    assert!(empty.code == 0 && empty.out.contains("no messages"), "{empty:?}");
    let mut following = Following::start(rig.client(&gateway).args(["inbox", "--follow"]));
    let json = Following::start(
        rig.client(&gateway)
            .args(["inbox", "--follow", "--json", "--text-matches", "code"]),
    );
    let text = |from: &str, text: &str| rig.network.text(rig.modems[0].number(), from, text).expect("a text");
    text("BANK", "Your code is 123456");
    let line = following.line_with("123456", LONG);
    assert!(line.contains("sim-0") && line.contains("from BANK"), "{line}");
    let object: Value = serde_json::from_str(&json.line(LONG)).expect("an object a line");
    assert_eq!(object["text"], "Your code is 123456");
    // Whatever a stranger sends, a terminal takes no orders from it.
    text("+4930555", "two\nlines \u{7}and \u{1b}[2Jan escape");
    let line = following.line_with("lines", LONG);
    assert!(!line.chars().any(char::is_control), "{line:?}");
    text("+4930555", "another code");
    json.line_with("another code", LONG);
    let run = rig.cli(&gateway, &["inbox", "--limit", "2"]);
    is_tidy(&run);
    assert!(
        run.out.contains("another code") && !run.out.contains("123456"),
        "the last two:\n{}",
        run.out
    );
    let page = rig.cli_json(&gateway, &["inbox", "--after", "0", "--from-matches", "BANK"]);
    assert_eq!(
        (page["messages"].as_array().map(Vec::len), page["next"].is_i64()),
        (Some(1), true),
        "{page}"
    );
    // A reader that leaves is no error.
    let piped = Run::of(
        Command::new("sh")
            .arg("-c")
            .arg("\"$SIMRELAY\" inbox --json | head -c 1 >/dev/null")
            .envs([
                ("SIMRELAY", program("simrelay").display().to_string()),
                ("SIMRELAY_URL", format!("https://localhost:{}", gateway.api().port())),
                ("SIMRELAY_CA", rig.certificate().display().to_string()),
                ("SIMRELAY_TOKEN", rig.token().to_owned()),
            ]),
    );
    assert!(piped.err.is_empty(), "{piped:?}");
    assert!(
        following.child().try_wait().expect("it can be asked").is_none(),
        "it still follows"
    );
}

#[test]
fn modems_routes_health_and_dialogues() {
    let specs = [
        ModemSpec::new(0),
        ModemSpec {
            pin: Some("4711".into()),
            ..ModemSpec::new(1)
        },
    ];
    let rig = Rig::with(Settings::default(), specs).slot(1, "pin = \"0815\"");
    let gateway = rig.start();
    gateway.wait_slot("sim-0", "ready");
    gateway.wait_slot("sim-1", "locked");
    gateway.wait_finding("sim-1", "PIN");
    let cli = |args: &[&str]| {
        let run = rig.cli(&gateway, args);
        is_tidy(&run);
        run
    };
    let modems = cli(&["modems"]);
    assert_eq!(modems.code, 0, "{modems:?}");
    for words in [
        "sim-0",
        "ready",
        "Simulated",
        rig.modems[0].number(),
        "locked",
        "the PIN is wrong",
    ] {
        assert!(modems.out.contains(words), "{words} in\n{}", modems.out);
    }
    let long = cli(&["modems", "--long"]);
    for words in [
        ModemSpec::new(0).imei,
        ModemSpec::new(0).iccid,
        "+491710760000".to_owned(),
    ] {
        assert!(long.out.contains(&words), "{words} in\n{}", long.out);
    }
    assert_eq!(rig.cli_json(&gateway, &["modems"]).as_array().map(Vec::len), Some(2));
    let health = cli(&["health"]);
    assert_eq!(health.code, 1, "something is CRITICAL: {health:?}");
    assert!(
        health.out.starts_with("CRITICAL") && health.out.contains("sim unlock"),
        "{}",
        health.out
    );
    let route = cli(&["route", "+4930001"]);
    assert!(
        route.code == 0 && route.out.contains("sim-0") && route.out.contains("PIN"),
        "{route:?}"
    );
    assert_eq!(rig.cli_json(&gateway, &["route", "+4930001"])["chosen"], "sim-0");
    let preview = cli(&["preview", "Hello 👋"]);
    assert!(
        preview.code == 0 && preview.out.contains('👋') && preview.out.contains("UCS-2"),
        "{preview:?}"
    );
    let balance = cli(&["ussd", "sim-0", "*100#"]);
    assert!(
        balance.code == 0 && balance.out.contains("Balance: 7.95 EUR"),
        "{balance:?}"
    );
    let answer = rig.cli_json(&gateway, &["ussd", "sim-0", "*100#"]);
    assert_eq!(answer["text"], "Balance: 7.95 EUR");
    let unlock = cli(&["sim", "unlock", "sim-1", "--force"]);
    assert!(
        unlock.code == 1 && unlock.err.contains("the PIN is wrong"),
        "{unlock:?}"
    );
    eventually("the PIN is entered once more", LONG, || {
        (rig.modems[1].view().expect("a view").counts.pins_entered == 2).then_some(())
    });
    let doctor = cli(&["doctor"]);
    assert!(doctor.out.contains("sim-1"), "{doctor:?}");
    let erased = cli(&["numbers", "erase", "+4930001", "--yes"]);
    assert_eq!(erased.code, 0, "{erased:?}");
}

#[test]
fn the_doctor_says_of_a_refused_sim_what_health_says() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let refused = Fault::Registration { stat: 3 };
    rig.modems[0].fault(refused).expect("refused");
    eventually("doctor and health say the same", LONG, || {
        let health = gateway.api().call("health", json!({})).expect("health");
        let found: Vec<&Value> = health["findings"]
            .as_array()?
            .iter()
            .filter(|one| one["subject"] == "sim-0")
            .collect();
        let [found] = found[..] else { return None };
        let doctor = Run::of(rig.client(&gateway).args(["doctor", "--json"]));
        let checks: Vec<Value> = serde_json::from_str(&doctor.out).expect("JSON");
        let told: Vec<&Value> = checks.iter().filter(|one| one["subject"] == "sim-0").collect();
        let same = |told: &Value| {
            [("level", "level"), ("sentence", "sentence"), ("fix", "hint")]
                .iter()
                .all(|(ours, theirs)| told[ours] == found[theirs])
        };
        let is_refusal = found["hint"].as_str()?.contains("blocked, expired or out of contract");
        (is_refusal && told.len() == 1 && same(told[0])).then_some(())
    });
}

#[test]
fn whoever_cannot_come_in_is_told_why_by_words_and_exit_code() {
    let rig = Rig::new(0).token_entry("fetcher", &["fetch"], "");
    let gateway = rig.start();
    let run = |change: &dyn Fn(&mut Command)| {
        let mut command = rig.client(&gateway);
        command.arg("modems");
        change(&mut command);
        Run::of(&mut command)
    };
    let fine = run(&|_| {});
    assert!(fine.code == 0 && fine.out.contains("no slots"), "{fine:?}");
    let wrong = run(&|command| {
        command.env("SIMRELAY_TOKEN", "test.wrong-secret-of-many-characters");
    });
    assert!(wrong.code == 4 && wrong.err.contains("token"), "{wrong:?}");
    assert!(!wrong.err.contains("wrong-secret"), "a token is never shown: {wrong:?}");
    let missing = run(&|command| {
        command.env_remove("SIMRELAY_TOKEN");
    });
    assert!(
        missing.code == 4 && missing.err.contains("SIMRELAY_TOKEN"),
        "{missing:?}"
    );
    let scope = run(&|command| {
        command.env("SIMRELAY_TOKEN", rig.token_of("fetcher"));
    });
    assert!(scope.code == 4 && scope.err.contains("scope"), "{scope:?}");
    let stranger = Rig::new(0);
    let distrusted = run(&|command| {
        command.env("SIMRELAY_CA", stranger.certificate());
    });
    assert!(
        distrusted.code == 3 && distrusted.err.contains("certificate"),
        "{distrusted:?}"
    );
    let nobody = run(&|command| {
        command.env("SIMRELAY_URL", "https://localhost:9");
    });
    assert!(
        nobody.code == 3 && nobody.err.contains("is the gateway running"),
        "{nobody:?}"
    );
    let plain = run(&|command| {
        command.env("SIMRELAY_URL", format!("http://localhost:{}", gateway.api().port()));
    });
    assert!(plain.code != 0 && plain.err.contains("https"), "{plain:?}");
    for failure in [wrong, missing, scope, distrusted, nobody] {
        assert_eq!(failure.err.trim_end().lines().count(), 1, "one sentence: {failure:?}");
        assert!(failure.out.is_empty());
    }
}

#[test]
fn a_new_token_opens_the_door_after_a_reload() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let made = Run::of(Command::new(program("simrelay")).args([
        "token",
        "new",
        "--id",
        "shop",
        "--scope",
        "send,health",
        "--json",
    ]));
    assert_eq!(made.code, 0, "{made:?}");
    let made: Value = serde_json::from_str(&made.out).expect("JSON");
    let token = made["token"].as_str().expect("a token");
    let file = rig.folder().join("simrelay.toml");
    let before = fs::read_to_string(&file).expect("the configuration");
    fs::write(&file, format!("{before}\n{}\n", made["toml"].as_str().expect("lines"))).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("kept secret");
    let checked = Run::of(Command::new(program("simrelay")).args(["config", "check"]).arg(&file));
    assert_eq!(checked.code, 0, "{checked:?}");
    assert_eq!(
        gateway.api().with_token(token).refused("modems.list", json!({})).code,
        1002
    );
    let hang_up = Command::new("kill")
        .args(["-HUP", &gateway.pid().to_string()])
        .stdin(Stdio::null())
        .status();
    assert!(hang_up.expect("it is told").success());
    gateway.wait_log("the settings are read again; changed: api.tokens");
    let shop = gateway.api().with_token(token);
    shop.call("modems.list", json!({})).expect("the token is known");
    let id = shop.send("+4930001", "from the shop");
    gateway.wait_state(&id, "delivered", LONG);
    assert_eq!(shop.refused("stats", json!({})).code, 1003);
    assert!(!gateway.log().contains(token));
}
