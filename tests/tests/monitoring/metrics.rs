//! `/metrics`: who may read it, both formats, promtool, a real Prometheus, and what ships for it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use end_to_end::{Gateway, MailServer, Rig, eventually, free_port};
use serde_json::{Value, json};

use crate::site::{LONG, Peer, is_there, shipped};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

fn scrape(gateway: &Gateway, accept: &str) -> String {
    let (status, _, text) = gateway.api().get("/metrics", &[("accept", accept)]);
    assert_eq!(status, 200, "{text}");
    text
}

/// A gateway that lets this machine scrape it, and has sent one message.
fn town() -> (Rig, Gateway) {
    let rig = Rig::new(2)
        .config("[metrics]\nallow = [\"127.0.0.0/8\", \"::1\"]\n[slots.gone]\nport = \"/nonexistent/port\"\n");
    let gateway = rig.start_ready();
    let id = gateway.api().send(RECIPIENT, "hello");
    gateway.wait_state(&id, "delivered", LONG);
    let told = rig.network.text(rig.modems[0].number(), STRANGER, "hello back");
    told.expect("delivered");
    eventually("it is counted", LONG, || {
        let text = scrape(&gateway, "");
        (value(&text, "simrelay_sms_received_total{modem=\"sim-0\"}") == "1"
            && text.contains("result=\"delivered\"} 1\n"))
        .then_some(())
    });
    (rig, gateway)
}

fn value<'a>(page: &'a str, sample: &str) -> &'a str {
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in {page}"))
}

#[test]
fn a_token_with_the_scope_or_an_address_on_the_list_opens_it() {
    let rig =
        Rig::new(0)
            .token_entry("scraper", &["metrics"], "")
            .token_entry("other", &["health", "stats", "send"], "");
    let gateway = rig.start();
    let asked = |token: Option<String>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        gateway.api().get("/metrics", &headers)
    };
    assert_eq!(asked(None).0, 401);
    assert_eq!(asked(Some("scraper.wrong".to_owned())).0, 401);
    let (status, kind, text) = asked(Some(rig.token_of("other")));
    assert_eq!((status, kind.as_str()), (403, "application/json"), "{text}");
    assert!(text.contains("scope 'metrics'"), "{text}");
    let (status, kind, text) = asked(Some(rig.token_of("scraper")));
    assert_eq!(
        (status, kind.as_str()),
        (200, "text/plain; version=0.0.4; charset=utf-8"),
        "{text}"
    );
    let refused = gateway
        .api()
        .with_token(&rig.token_of("scraper"))
        .refused("health", serde_json::json!({}));
    assert_eq!(refused.reason(), "scope");
    assert!(gateway.stop().success());
    let rig = rig.config("[metrics]\nallow = [\"127.0.0.1\", \"::1\"]");
    let gateway = rig.start();
    assert_eq!(gateway.api().get("/metrics", &[]).0, 200);
}

#[test]
fn a_scrape_says_what_the_statistics_say_and_names_no_number() {
    let (rig, gateway) = town();
    let page = scrape(&gateway, "");
    assert_eq!(value(&page, "simrelay_sms_submitted_total{api=\"json_rpc\"}"), "1");
    assert_eq!(value(&page, "simrelay_sms_parts_total{result=\"sent\"}"), "1");
    assert_eq!(value(&page, "simrelay_modem_up{modem=\"sim-0\"}"), "1");
    assert_eq!(value(&page, "simrelay_modem_up{modem=\"gone\"}"), "0");
    assert_eq!(value(&page, "simrelay_modem_signal_dbm{modem=\"sim-1\"}"), "-69");
    assert_eq!(
        value(&page, "simrelay_modem_registered{modem=\"sim-0\",status=\"home\"}"),
        "1"
    );
    assert!(!page.contains("simrelay_modem_signal_dbm{modem=\"gone\"}"), "{page}");
    for known in [
        "simrelay_disk_free_bytes",
        "simrelay_database_bytes",
        "simrelay_certificate_not_after_timestamp_seconds",
    ] {
        assert!(value(&page, known).parse::<f64>().expect(known) > 1e4, "{page}");
    }
    let sent: u64 = ["sim-0", "sim-1"]
        .map(|modem| {
            value(
                &page,
                &format!("simrelay_send_duration_seconds_count{{modem=\"{modem}\"}}"),
            )
        })
        .iter()
        .map(|count| count.parse::<u64>().expect("a number"))
        .sum();
    assert_eq!(sent, 1);
    let open = scrape(&gateway, OPEN_METRICS);
    assert!(
        open.ends_with("\n# EOF\n") && open.contains("# TYPE simrelay_sms_parts counter\n"),
        "{open}"
    );
    for number in [RECIPIENT, STRANGER, rig.modems[0].number(), rig.modems[1].number()] {
        let digits = number.trim_start_matches('+');
        assert!(!page.contains(digits) && !open.contains(digits), "{number}");
    }
    // The slots begin anew with the gateway, the database does not.
    assert!(gateway.stop().success());
    let gateway = rig.start_ready();
    let counted = |sample: &str| eventually(sample, LONG, || Some(value(&scrape(&gateway, ""), sample).to_owned()));
    assert_eq!(counted("simrelay_sms_parts_total{result=\"sent\"}"), "1");
}

#[test]
fn mails_alerts_attendance_and_the_ways_in_are_counted_where_they_happen() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut server) = MailServer::new(folder.path()) else {
        return;
    };
    let keys = folder.path().join("attendance.keys");
    fs::write(&keys, "shared a7b2c3d4e5f6g789abcdef0123456789\n").expect("written");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).expect("closed");
    let rig = Rig::new(1).config(&format!(
        "[metrics]\nallow = [\"127.0.0.0/8\"]\n[attendance]\nkey_file = {keys:?}\n{}to = [\"ops@example.org\"]\n",
        server.settings()
    ));
    let gateway = rig.start_ready();
    let page = scrape(&gateway, "");
    for sample in [
        "simrelay_mail_sent_total{consumer=\"mail\"}",
        "simrelay_mail_failed_total{consumer=\"mail\"}",
    ] {
        assert_eq!(value(&page, sample), "0", "what may happen is there before it does");
    }
    let alert = json!({"source": "dvr", "event": "MOTION", "camera": "gate"});
    for _ in 0..2 {
        gateway.api().call("alert.raise", alert.clone()).expect("taken");
    }
    // "Arrival 08.00" by the first version of the protocol; and something that is no key of ours.
    for text in ["$$kpG1avIYqIaaK49i5YE/KQ==$$", "$$kpG1avIYqIaaK49i5YE/KA==$$", "hello"] {
        let told = rig.network.text(rig.modems[0].number(), "+989126211770", text);
        told.expect("delivered");
    }
    gateway.wait_log("Connection refused");
    server.start();
    eventually("the mail is counted", LONG, || {
        let page = scrape(&gateway, "");
        (value(&page, "simrelay_mail_sent_total{consumer=\"mail\"}") == "1").then_some(())
    });
    let page = eventually("requests are judged", LONG, || {
        let page = scrape(&gateway, "");
        page.contains("simrelay_sms_submitted_total{api=\"attendance\"} 1\n")
            .then_some(page)
    });
    let failed: u64 = value(&page, "simrelay_mail_failed_total{consumer=\"mail\"}")
        .parse()
        .expect("a number");
    assert!(failed >= 1, "{page}");
    for (sample, times) in [
        ("simrelay_alerts_total{source=\"dvr\",event=\"MOTION\"}", "2"),
        (
            "simrelay_attendance_messages_total{proto=\"v1\",verdict=\"taken\"}",
            "1",
        ),
        ("simrelay_sms_submitted_total{api=\"json_rpc\"}", "0"),
    ] {
        assert_eq!(value(&page, sample), times, "{page}");
    }
    let requests = page
        .lines()
        .filter(|line| line.starts_with("simrelay_attendance_messages_total{"));
    assert_eq!(requests.count(), 2, "{page}");
    check_with_promtool(&rig, &page);
}

#[test]
fn promtool_finds_nothing_wrong_with_a_scrape() {
    let (rig, gateway) = town();
    // What health says of a slot has the field by which the journal finds it.
    gateway.wait_log("there is no port /nonexistent/port (");
    gateway.wait_log("modem=\"gone\"");
    let page = scrape(&gateway, "");
    let why = "simrelay_sms_failed_total{modem=\"sim-0\",reason=\"permanent\"}";
    assert_eq!(value(&page, why), "0", "each reason is there before its first failure");
    check_with_promtool(&rig, &page);
}

fn check_with_promtool(rig: &Rig, page: &str) {
    if !is_there("promtool") {
        return;
    }
    let file = rig.folder().join("scrape");
    fs::write(&file, page).expect("written");
    let mut promtool = Command::new("promtool");
    promtool
        .args(["check", "metrics"])
        .stdin(fs::File::open(&file).expect("it lies there"));
    let output = promtool.output().expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_real_prometheus_scrapes_it_and_its_alerts_tell_of_a_modem_that_is_gone() {
    if !is_there("prometheus") || !is_there("curl") {
        return;
    }
    let (rig, gateway) = town();
    let folder = rig.folder().join("prometheus");
    fs::create_dir(&folder).expect("a folder");
    let token = folder.join("token");
    fs::write(&token, rig.token()).expect("written");
    let shipped_job = fs::read_to_string(shipped("conf/prometheus/scrape.yml")).expect("it ships");
    let job = shipped_job
        .replace("scrape_interval: 30s", "scrape_interval: 1s")
        .replace("/etc/prometheus/simrelay.token", &token.display().to_string())
        .replace(
            "/etc/prometheus/simrelay-ca.pem",
            &rig.certificate().display().to_string(),
        )
        .replace("sms.example.org:7000", &format!("localhost:{}", gateway.api().port()));
    let rules = fs::read_to_string(shipped("conf/prometheus/simrelay-rules.yml")).expect("they ship");
    // Nobody waits five minutes here.
    fs::write(folder.join("rules.yml"), rules.replace("for: 5m", "for: 0s")).expect("written");
    let config = format!("global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\n{job}");
    fs::write(folder.join("prometheus.yml"), config).expect("written");
    let port = free_port();
    let mut command = Command::new("prometheus");
    command.current_dir(&folder).args([
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        &format!("--web.listen-address=127.0.0.1:{port}"),
    ]);
    let _running = Peer::start(&mut command, &folder.join("log"));
    let query = |query: &str| -> Option<Value> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--max-time", "30", "--get", "--data-urlencode"]);
        curl.arg(format!("query={query}"))
            .arg(format!("http://127.0.0.1:{port}/api/v1/query"));
        let answer: Value = serde_json::from_slice(&curl.output().ok()?.stdout).ok()?;
        let found = answer["data"]["result"].as_array()?.first()?;
        Some(found["value"][1].clone())
    };
    let asked = |what: &str| eventually(what, LONG, || query(what));
    assert_eq!(asked("simrelay_modem_up{modem=\"sim-0\",job=\"simrelay\"}"), "1");
    assert_eq!(asked("simrelay_sms_parts_total{result=\"delivered\"}"), "1");
    assert_eq!(asked("sum(simrelay_send_duration_seconds_count)"), "1");
    assert_eq!(
        asked("ALERTS{alertname=\"SimrelayModemDown\",modem=\"gone\",alertstate=\"firing\"}"),
        "1"
    );
    assert_eq!(query("ALERTS{alertname=\"SimrelayModemDown\",modem=\"sim-0\"}"), None);
}

/// The names of metrics in a text that holds expressions, without what a histogram or a counter adds.
fn names(text: &str) -> BTreeSet<String> {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !word(letter));
    let ours = words.filter(|name| {
        name.starts_with("simrelay_") || (name.starts_with("process_") && name.len() > "process_".len())
    });
    ours.map(|name| {
        let endings = ["_bucket", "_sum", "_count", "_total"];
        let plain = endings.iter().find_map(|ending| name.strip_suffix(ending));
        plain.unwrap_or(name).to_owned()
    })
    .collect()
}

fn expressions(dashboard: &Value, found: &mut String) {
    match dashboard {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if ["expr", "query", "definition"].contains(&name.as_str()) => {
                        found.push_str(text);
                        found.push('\n');
                    }
                    other => expressions(other, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn every_metric_in_the_shipped_files_is_in_a_scrape() {
    let (_rig, gateway) = town();
    let page = scrape(&gateway, OPEN_METRICS);
    let told: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    let text = fs::read_to_string(shipped("conf/grafana/simrelay.json")).expect("it ships");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut expected = String::new();
    expressions(&dashboard, &mut expected);
    let drawn = names(&expected);
    assert!(drawn.len() > 15, "{drawn:?}");
    for kind in [
        "simrelay_modem_",
        "simrelay_upstream_",
        "simrelay_smpp_",
        "simrelay_consumer_",
    ] {
        assert!(drawn.iter().any(|name| name.starts_with(kind)), "nothing draws {kind}*");
    }
    assert!(drawn.is_subset(&told), "{:?}", drawn.difference(&told));
    let rules = fs::read_to_string(shipped("conf/prometheus/simrelay-rules.yml")).expect("they ship");
    let rules: Vec<&str> = rules
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let judged = names(&rules.join("\n"));
    assert!(judged.len() > 8, "{judged:?}");
    assert!(judged.is_subset(&told), "{:?}", judged.difference(&told));
    let manual = fs::read_to_string(shipped("docs/monitoring.md")).expect("it ships");
    let described = names(&manual);
    assert!(
        told.is_subset(&described),
        "not in docs/monitoring.md: {:?}",
        told.difference(&described)
    );
}

#[test]
fn the_dashboard_asks_what_a_prometheus_understands_and_no_panel_lies_on_another() {
    let text = fs::read_to_string(shipped("conf/grafana/simrelay.json")).expect("it ships");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let at = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "{} lies on another", panel["title"]);
            }
        }
        assert!(ids.insert(panel["id"].as_u64()), "{} has another's id", panel["title"]);
    }
    if !is_there("promtool") {
        return;
    }
    let mut rules = String::from("groups:\n- name: dashboard\n  rules:\n");
    let asked = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    for (number, target) in asked.enumerate() {
        let plain = target["expr"].as_str().expect("an expression");
        let expression = plain.replace("$__rate_interval", "5m").replace("$__range", "1h");
        let expression = serde_json::to_string(&expression).expect("a string");
        rules.push_str(&format!("  - record: panel:{number}\n    expr: {expression}\n"));
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), rules).expect("written");
    let mut promtool = Command::new("promtool");
    let output = promtool
        .args(["check", "rules"])
        .arg(file.path())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_shipped_rules_tell_what_they_should() {
    if !is_there("promtool") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let rules = shipped("conf/prometheus/simrelay-rules.yml")
        .canonicalize()
        .expect("they ship");
    let tests = include_str!("rules.yml").replace("RULES", &rules.display().to_string());
    let file = folder.path().join("tests.yml");
    fs::write(&file, tests).expect("written");
    for arguments in [["check", "rules"], ["test", "rules"]] {
        let on = if arguments[0] == "check" { &rules } else { &file };
        let output = Command::new("promtool")
            .args(arguments)
            .arg(on)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

const RECIPIENT: &str = "+491711234567";
const STRANGER: &str = "+493023125001";
