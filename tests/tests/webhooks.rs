//! Webhooks: whatever is wrong with the server, the net or the gateway, nothing is lost.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::{Gateway, Manner, Post, Rig, Run, Sink, eventually, program};
use serde_json::json;

const LONG: Duration = Duration::from_secs(60);
const SENDER: &str = "+493023125001";

/// Messages with these texts arrive.
fn arrive(rig: &Rig, texts: &[&str]) {
    for text in texts {
        let told = rig.network.text(rig.modems[0].number(), SENDER, text);
        told.expect("delivered");
    }
}

fn wait_inbox(gateway: &Gateway, count: usize) {
    eventually(&format!("{count} messages arrive"), LONG, || {
        (gateway.api().fetch(0, 0).len() >= count).then_some(())
    });
}

/// Waits until the sink took the received messages with these texts, each at least once.
fn wait_taken(sink: &Sink, texts: &[&str]) -> Vec<Post> {
    eventually(&format!("{texts:?} are taken"), LONG, || {
        let taken = sink.taken();
        let there: BTreeSet<String> = taken.iter().map(text_of).collect();
        texts.iter().all(|text| there.contains(*text)).then_some(taken)
    })
}

fn text_of(post: &Post) -> String {
    post.json()["data"]["text"].as_str().unwrap_or_default().to_owned()
}

/// Whether a program is there that the manual's examples use. Where it is not, says so; in CI that is an error.
fn is_there(name: &str, argument: &str) -> bool {
    let found = Command::new(name).arg(argument).output().is_ok();
    if !found {
        let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
        assert!(!required, "{name} is missing: run `tools/peers install`");
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// The fenced block of a language in the manual.
fn example(language: &str) -> String {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/webhooks.md");
    let manual = fs::read_to_string(manual).expect("the manual");
    let (_, rest) = manual.split_once(&format!("```{language}\n")).expect("an example");
    rest.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn a_post_is_repeated_under_one_id_until_it_is_taken_and_the_manuals_examples_find_it_genuine() {
    let rig = Rig::new(1);
    let sink = Sink::open(&rig, "sink");
    sink.be(Manner::Answer(500));
    let rig = rig.config(&sink.hook("shop", "events = [\"received\"]"));
    let gateway = rig.start_ready();
    arrive(&rig, &["Grüße 👍"]);
    eventually("it is posted twice", LONG, || (sink.posts().len() >= 2).then_some(()));
    gateway.wait_log("it answers 500");
    sink.be(Manner::Answer(200));
    let taken = wait_taken(&sink, &["Grüße 👍"]);
    let ids: BTreeSet<String> = sink.posts().iter().map(Post::id).collect();
    assert_eq!((taken.len(), ids.len()), (1, 1), "{:#?}", sink.posts());
    let post = taken.last().expect("a post");
    assert_eq!(post.json()["event"], "received");
    assert_eq!(post.json()["data"]["from"], SENDER);
    assert_eq!(post.headers["simrelay-attempt"], sink.posts().len().to_string());
    if is_there("openssl", "version") {
        is_genuine_in_a_shell(&rig, post);
    }
    if is_there("python3", "--version") {
        is_genuine_in_python(post);
    }
    assert!(!gateway.log().contains(Sink::SECRET));
}

fn is_genuine_in_a_shell(rig: &Rig, post: &Post) {
    let body = rig.folder().join("body");
    fs::write(&body, &post.body).expect("written");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(example("sh")).env("BODY", &body);
    shell
        .env("SIMRELAY_TIME", &post.headers["simrelay-time"])
        .env("SECRET", Sink::SECRET);
    let run = Run::of(&mut shell);
    assert_eq!(run.out.trim(), post.headers["simrelay-signature"], "{run:?}");
}

fn is_genuine_in_python(post: &Post) {
    let script = format!(
        "{}\nimport sys\nbody = sys.stdin.buffer.read()\nheaders = {{'Simrelay-Time': sys.argv[2], \
         'Simrelay-Signature': sys.argv[3]}}\nsecret = sys.argv[1].encode()\n\
         late = dict(headers, **{{'Simrelay-Time': str(int(sys.argv[2]) - 301)}})\n\
         print(is_genuine(secret, headers, body), is_genuine(secret, headers, body + b' '), \
         is_genuine(b'x', headers, body), is_genuine(secret, late, body))",
        example("python")
    );
    let mut python = Command::new("python3");
    python.args(["-c", &script, Sink::SECRET]);
    python.args([&post.headers["simrelay-time"], &post.headers["simrelay-signature"]]);
    let python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = python.expect("python3 runs the example");
    let input = python.stdin.take();
    input.expect("its input").write_all(&post.body).expect("written");
    let output = python.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "True False False False");
}

#[test]
fn nothing_is_lost_while_the_server_is_down_and_the_gateway_is_killed() {
    let rig = Rig::new(1);
    let mut sink = Sink::new(&rig, "sink");
    let rig = rig.config(&sink.hook("shop", "events = [\"received\"]"));
    let texts = ["one", "two", "three", "four", "five"];
    let gateway = rig.start_ready();
    arrive(&rig, &texts[..3]);
    wait_inbox(&gateway, 3);
    gateway.wait_log("no connection: Connection refused");
    gateway.kill();
    let gateway = rig.start_ready();
    arrive(&rig, &texts[3..]);
    wait_inbox(&gateway, 5);
    sink.listen();
    wait_taken(&sink, &texts);
    // Killed while its marks may be on their way: what comes twice comes under its id.
    gateway.kill();
    let gateway = rig.start_ready();
    arrive(&rig, &["six"]);
    let taken = wait_taken(&sink, &["six"]);
    let ids: BTreeSet<String> = taken.iter().map(Post::id).collect();
    assert_eq!(ids.len(), 6, "{taken:#?}");
    assert!(gateway.stop().success());
}

#[test]
fn a_redirect_leads_nowhere_a_slow_answer_is_cut_off_and_an_endless_one_is_no_harm() {
    let rig = Rig::new(1);
    let (sink, elsewhere) = (Sink::open(&rig, "sink"), Sink::open(&rig, "elsewhere"));
    sink.be(Manner::Redirect(elsewhere.url()));
    let rig = rig.config(&sink.hook("shop", "timeout_s = 1\nevents = [\"received\"]"));
    // Each try has a line.
    let rig = rig.config("[log]\nlevel = \"info,consumers=debug\"\n");
    let gateway = rig.start_ready();
    arrive(&rig, &["one"]);
    gateway.wait_log("it answers 307; redirects are not followed");
    sink.be(Manner::Slowly(Duration::from_secs(5)));
    gateway.wait_log("no answer: it took too long");
    sink.be(Manner::Endless);
    wait_taken(&sink, &["one"]);
    sink.be(Manner::Answer(200));
    arrive(&rig, &["two"]);
    let taken = wait_taken(&sink, &["one", "two"]);
    assert_eq!(taken.len(), 2, "{taken:#?}");
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_wrong_certificate_and_a_private_address_get_nothing_until_the_settings_are_right() {
    let rig = Rig::new(1);
    let (sink, other) = (Sink::open(&rig, "sink"), Sink::open(&rig, "other"));
    let wrong_authority = sink
        .hook("shop", "events = [\"received\"]")
        .replace("sink.pem", "other.pem");
    let private = other.hook("inner", "events = [\"received\"]");
    let private = private.replace("allow_private = true\n", "");
    let right = sink.hook("shop", "events = [\"received\"]") + &other.hook("inner", "events = [\"received\"]");
    let rig = rig.config(&wrong_authority).config(&private);
    let gateway = rig.start_ready();
    arrive(&rig, &["one"]);
    gateway.wait_log("webhook.shop fails: no connection: nobody known here vouches");
    gateway.wait_log("webhook.inner fails: no connection: the name leads to");
    assert_eq!((sink.posts().len(), other.connections()), (0, 0));
    let (code, told) = {
        let run = rig.cli(&gateway, &["webhook", "test", "inner", "--config", &config_of(&rig)]);
        (run.code, run.err)
    };
    assert!(code == 1 && told.contains("which is no public address"), "{told}");
    assert!(gateway.stop().success());
    let rig = rig.replace_config(&right);
    let _gateway = rig.start_ready();
    wait_taken(&sink, &["one"]);
    wait_taken(&other, &["one"]);
}

fn config_of(rig: &Rig) -> String {
    rig.folder().join("simrelay.toml").display().to_string()
}

#[test]
fn sent_delivered_failed_and_calls_are_told_to_the_hooks_that_want_them() {
    let rig = Rig::new(2);
    let (all, few) = (Sink::open(&rig, "all"), Sink::open(&rig, "few"));
    let rig = rig
        .config(&all.hook("all", ""))
        .config(&few.hook("few", "events = [\"delivered\", \"received\"]\ntext = '^only'"));
    let rule = modemsim::Rule {
        to: Some("+4930009".into()),
        cms: Some(1),
        ..modemsim::Rule::default()
    };
    rig.network.rules(vec![rule]).expect("rules");
    let gateway = rig.start_ready();
    let good = gateway
        .api()
        .send_with(json!({ "to": SENDER, "text": "x", "from": "sim-0" }));
    let bad = gateway
        .api()
        .send_with(json!({ "to": "+4930009", "text": "x", "from": "sim-0" }));
    rig.modems[1].call(SENDER, 2).expect("a call");
    let told = |sink: &Sink, event: &str, id: Option<&str>| {
        eventually(&format!("{event} is told"), LONG, || {
            let taken = sink.taken().into_iter().map(|post| post.json());
            let mut fits = taken.filter(|post| post["event"] == event);
            fits.find(|post| id.is_none_or(|id| post["data"]["id"] == id))
        })
    };
    told(&all, "sent", Some(&good));
    told(&all, "delivered", Some(&good));
    assert_eq!(told(&all, "failed", Some(&bad))["data"]["state"], "failed");
    assert_eq!(told(&all, "missed_call", None)["data"]["sim"], "sim-1");
    told(&few, "delivered", Some(&good));
    arrive(&rig, &["not for few", "only for few"]);
    wait_taken(&all, &["not for few", "only for few"]);
    wait_taken(&few, &["only for few"]);
    let kinds: BTreeSet<String> = few
        .taken()
        .iter()
        .map(|post| post.json()["event"].to_string())
        .collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["\"delivered\"", "\"received\""]);
    assert!(few.taken().iter().all(|post| text_of(post) != "not for few"));
}

#[test]
fn a_rule_gives_a_message_to_one_hook_alone() {
    let rig = Rig::new(1);
    let (shop, rest) = (Sink::open(&rig, "shop"), Sink::open(&rig, "rest"));
    let rule = "[[rules]]\nconsumer = 'webhook.shop'\nthen = 'take'\ntext = '^ORDER '\n";
    let rig = rig
        .config(&rest.hook("rest", "events = [\"received\"]"))
        .config(&shop.hook("shop", "events = [\"received\"]"))
        .config(rule);
    let gateway = rig.start_ready();
    arrive(&rig, &["ORDER 1", "hello", "ORDER 2"]);
    wait_inbox(&gateway, 3);
    wait_taken(&shop, &["ORDER 1", "ORDER 2"]);
    wait_taken(&rest, &["hello"]);
    assert!(gateway.stop().success());
    assert_eq!((shop.posts().len(), rest.posts().len()), (2, 1));
}

#[test]
fn the_test_command_posts_a_test_and_tells_the_answer() {
    let rig = Rig::new(1);
    let sink = Sink::open(&rig, "sink");
    let rig = rig.config(&sink.hook("shop", ""));
    rig.write_config(1);
    let test = |name: &str, more: &[&str]| {
        let config = config_of(&rig);
        let arguments = ["webhook", "test", name, "--config", &config];
        Run::of(Command::new(program("simrelay")).args(arguments).args(more))
    };
    let run = test("shop", &[]);
    assert!(
        run.code == 0 && run.out.starts_with("shop answers 200 after "),
        "{run:?}"
    );
    assert_eq!(sink.posts()[0].json()["event"], "test");
    sink.be(Manner::Answer(401));
    let run = test("shop", &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(told["problem"], "it answers 401; does it know the right secret?");
    let run = test("shpo", &[]);
    assert!(run.code == 2 && run.err.contains("there are: shop"), "{run:?}");
}

#[test]
fn what_is_given_up_is_shown_in_health_and_holds_up_nothing() {
    let rig = Rig::new(1);
    let sink = Sink::open(&rig, "sink");
    sink.be(Manner::Answer(410));
    let rig = rig.config(&sink.hook("shop", "events = [\"received\"]"));
    let gateway = rig.start_ready();
    arrive(&rig, &["unwanted"]);
    let finding = gateway.wait_finding("webhook.shop", "1 event was given up");
    assert_eq!(finding["level"], "WARNING");
    assert!(
        finding["sentence"]
            .as_str()
            .is_some_and(|said| said.contains("it answers 410")),
        "{finding:#}"
    );
    sink.be(Manner::Answer(200));
    arrive(&rig, &["wanted"]);
    let taken = wait_taken(&sink, &["wanted"]);
    assert_eq!(taken.len(), 1, "what was given up does not come again");
}

#[test]
fn alerts_go_to_the_hooks_that_want_them_and_to_no_other() {
    let rig = Rig::new(0);
    let (guard, shop) = (Sink::open(&rig, "guard"), Sink::open(&rig, "shop"));
    let hooks = guard.hook("guard", "events = [\"alert\"]") + &shop.hook("shop", "events = [\"received\"]");
    let rig = rig.config(&hooks);
    let gateway = rig.start();
    let raise = |ended: bool| {
        let params = json!({ "event": "DOOR_OPENED", "camera": "gate", "severity": "critical", "ended": ended });
        gateway.api().call("alert.raise", params).expect("raised")
    };
    let raised = raise(false);
    raise(true);
    let taken = eventually("both are posted", LONG, || {
        let taken = guard.taken();
        (taken.len() >= 2).then_some(taken)
    });
    let mut posts: Vec<_> = taken.iter().map(Post::json).collect();
    posts.sort_by_key(|post| post["data"]["number"].as_i64());
    let data = &posts[0]["data"];
    assert_eq!((&posts[0]["event"], &data["number"]), (&json!("alert"), &json!(1)));
    assert_eq!((&data["id"], &data["event"]), (&raised["id"], &json!("DOOR_OPENED")));
    assert_eq!(
        (&data["camera"], &data["severity"]),
        (&json!("gate"), &json!("critical"))
    );
    assert_eq!(posts[1]["data"]["ended"], true);
    assert!(shop.posts().is_empty());
    assert!(gateway.stop().success());
}
