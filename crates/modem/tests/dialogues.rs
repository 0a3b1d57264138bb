//! USSD dialogues and incoming calls.

mod bench;

use bench::{Bench, Partner, millis, part, secs};
use message::{SlotState, UssdReply};
use modem::{Config, Event, Job, Rejected, UssdAction};

fn ready_with(config: Config, partner: Partner) -> Bench<Partner> {
    let mut bench = Bench::new(config, partner);
    bench.until_state(SlotState::Ready);
    bench.run(secs(2));
    bench.events.clear();
    bench.written.clear();
    bench
}

fn ready(partner: Partner) -> Bench<Partner> {
    ready_with(Config::default(), partner)
}

fn start(code: &str) -> Job {
    Job::Ussd(UssdAction::Start { code: code.to_owned() })
}

fn reply(text: &str) -> Job {
    Job::Ussd(UssdAction::Reply { text: text.to_owned() })
}

fn heard(bench: &mut Bench<Partner>) -> (UssdReply, bool) {
    bench.wait_for("a USSD answer", |event| match event {
        Event::UssdReplied { reply, asked } => Some((reply.clone(), *asked)),
        _ => None,
    })
}

fn failed(bench: &mut Bench<Partner>) -> String {
    bench.wait_for("a failure", |event| match event {
        Event::UssdFailed { reason, .. } => Some(reason.clone()),
        _ => None,
    })
}

#[test]
fn a_menu_is_walked_step_by_step() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*100#")).unwrap();
    bench.will_say(secs(3), "\r\n+CUSD: 1,\"1 Balance 2 Help\",15\r\n");
    let (menu, asked) = heard(&mut bench);
    assert!(menu.open && asked);
    assert_eq!(bench.submit(start("*100#")), Err(Rejected::Dialogue));
    bench.submit(reply("1")).unwrap();
    bench.will_say(secs(3), "\r\n+CUSD: 0,\"7.95\",15\r\n");
    let (answer, _) = heard(&mut bench);
    assert_eq!((answer.text.as_str(), answer.open), ("7.95", false));
    assert_eq!(bench.submit(reply("1")), Err(Rejected::NoDialogue));
    assert_eq!(bench.lines(), ["AT+CUSD=1,\"*100#\",15", "AT+CUSD=1,\"1\",15"]);
}

#[test]
fn an_answer_before_the_ok_is_kept() {
    let mut partner = Partner::new();
    partner.on("AT+CUSD=1,\"*100#\",15", "+CUSD: 0,\"first\",15\r\n\r\nOK");
    let mut bench = ready(partner);
    bench.submit(start("*100#")).unwrap();
    assert_eq!(heard(&mut bench).0.text, "first");
}

#[test]
fn an_empty_answer_waits_for_the_real_one() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*100#")).unwrap();
    bench.run(secs(1));
    bench.says("\r\n+CUSD: 0\r\n");
    bench.will_say(millis(800), "\r\n+CUSD: 0,\"real\",15\r\n");
    assert_eq!(heard(&mut bench).0.text, "real");
}

#[test]
fn an_answer_that_stays_empty_is_given_after_all() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*100#")).unwrap();
    bench.run(secs(1));
    bench.says("\r\n+CUSD: 0\r\n");
    assert_eq!(heard(&mut bench).0.text, "");
}

#[test]
fn a_notice_of_release_is_passed_over_when_another_answer_follows() {
    for notice in [
        "+CUSD: 2,\"Initiating Release\",15",
        "+CUSD: 3,\"Other local client responded\",15",
    ] {
        let mut bench = ready(Partner::new());
        bench.submit(start("*100#")).unwrap();
        bench.run(secs(1));
        bench.says(format!("\r\n{notice}\r\n"));
        bench.will_say(millis(100), "\r\n+CUSD: 0,\"real\",15\r\n");
        assert_eq!(heard(&mut bench).0.text, "real");
    }
}

#[test]
fn a_release_behind_the_answer_changes_nothing() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*100#")).unwrap();
    bench.run(secs(1));
    bench.says("\r\n+CUSD: 0,\"real\",15\r\n\r\n+CUSD: 2\r\n");
    assert_eq!(heard(&mut bench).0.text, "real");
    bench.run(secs(60));
    assert!(
        !bench
            .events
            .iter()
            .any(|event| matches!(event, Event::UssdReplied { .. } | Event::UssdFailed { .. }))
    );
}

#[test]
fn an_answer_over_several_lines_and_reads_is_one() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*100#")).unwrap();
    bench.run(secs(1));
    for piece in ["\r\n+CUSD: 0,\"Line", " 1\r\nLi", "ne 2\nLine 3\",1", "5\r\n"] {
        bench.says(piece);
        bench.run(millis(200));
    }
    assert_eq!(heard(&mut bench).0.text, "Line 1\r\nLine 2\nLine 3");
}

#[test]
fn what_the_network_says_by_itself_is_told_as_unasked() {
    let mut bench = ready(Partner::new());
    bench.says("\r\n+CUSD: 0,\"Your credit is low\",15\r\n");
    let (notice, asked) = heard(&mut bench);
    assert_eq!((notice.text.as_str(), asked), ("Your credit is low", false));
    bench.says("\r\n+CUSD: 1,\"Accept? 1 yes 2 no\",15\r\n");
    assert!(heard(&mut bench).0.open);
    bench.submit(reply("2")).unwrap();
}

#[test]
fn no_answer_is_a_failure_after_a_minute() {
    let mut bench = ready(Partner::new());
    let begun = bench.now;
    bench.submit(start("*100#")).unwrap();
    assert!(failed(&mut bench).contains("60 s"));
    assert_eq!((bench.now - begun).as_secs(), 60);
    bench.submit(start("*100#")).unwrap();
}

#[test]
fn a_refusal_behind_the_ok_is_heard() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*99#")).unwrap();
    bench.run(secs(1));
    bench.says("+CME ERROR: 132\r\n");
    assert!(failed(&mut bench).contains("132"));
}

#[test]
fn a_network_that_does_not_support_it_says_so() {
    for (line, word) in [("+CUSD: 4", "support"), ("+CUSD: 5", "in time")] {
        let mut bench = ready(Partner::new());
        bench.submit(start("*100#")).unwrap();
        bench.run(secs(1));
        bench.says(format!("\r\n{line}\r\n"));
        assert!(failed(&mut bench).contains(word));
    }
}

#[test]
fn a_form_that_is_refused_is_replaced_and_remembered() {
    let mut partner = Partner::new();
    partner
        .model("huawei", "E3372")
        .on("AT+CUSD=1,\"AA180C3602\",15", "ERROR");
    let mut bench = ready(partner);
    for _ in 0..2 {
        bench.submit(start("*100#")).unwrap();
        bench.run(secs(1));
        bench.says("\r\n+CUSD: 0,\"7.95\",15\r\n");
        heard(&mut bench);
    }
    assert_eq!(bench.count_written("AT+CUSD=1,\"AA180C3602\",15"), 1);
    assert_eq!(bench.count_written("AT+CUSD=1,\"*100#\",15"), 2);
}

#[test]
fn a_collision_with_a_message_is_tried_again() {
    let mut partner = Partner::new();
    partner.on_each("AT+CUSD=1,\"*100#\",15", &["+CME ERROR: 515", "OK"]);
    let mut bench = ready(partner);
    bench.submit(start("*100#")).unwrap();
    bench.run(secs(5));
    bench.says("\r\n+CUSD: 0,\"7.95\",15\r\n");
    assert_eq!(heard(&mut bench).0.text, "7.95");
}

#[test]
fn parts_go_out_while_the_network_thinks_about_a_code() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*100#")).unwrap();
    bench.run(secs(1));
    let begun = bench.now;
    bench.send(1);
    bench.wait_settled();
    assert!(bench.now - begun < secs(1));
    bench.says("\r\n+CUSD: 0,\"7.95\",15\r\n");
    heard(&mut bench);
}

#[test]
fn cancelling_ends_the_dialogue_at_the_modem() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*100#")).unwrap();
    bench.run(secs(1));
    bench.submit(Job::Ussd(UssdAction::Cancel)).unwrap();
    assert_eq!(failed(&mut bench), "cancelled");
    bench.run(secs(1));
    assert!(bench.has_written("AT+CUSD=2"));
    bench.submit(start("*100#")).unwrap();
}

#[test]
fn cancelling_what_was_not_said_yet_says_nothing() {
    let mut bench = ready(Partner::new());
    bench.send(1);
    bench.submit(start("*100#")).unwrap();
    bench.submit(Job::Ussd(UssdAction::Cancel)).unwrap();
    assert_eq!(failed(&mut bench), "cancelled");
    bench.run(secs(5));
    assert!(!bench.lines().iter().any(|line| line.starts_with("AT+CUSD")));
}

#[test]
fn a_menu_that_nobody_answers_is_ended() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*100#")).unwrap();
    bench.run(secs(1));
    bench.says("\r\n+CUSD: 1,\"1 Balance\",15\r\n");
    heard(&mut bench);
    bench.run(secs(181));
    assert!(bench.has_written("AT+CUSD=2"));
    bench.submit(start("*100#")).unwrap();
}

#[test]
fn a_restart_ends_the_dialogue() {
    let mut bench = ready(Partner::new());
    bench.submit(start("*100#")).unwrap();
    bench.run(secs(1));
    bench.says("\r\nRDY\r\n");
    assert!(failed(&mut bench).contains("restarted"));
}

#[test]
fn a_code_cannot_smuggle_a_command() {
    let mut bench = ready(Partner::new());
    for code in ["", "*100#\r\nAT+CMGD=1,4", "*100#\";+CMGD=1", &"1".repeat(183)] {
        assert_eq!(bench.submit(start(code)), Err(Rejected::Malformed), "{code:?}");
    }
}

fn callers(bench: &Bench<Partner>) -> Vec<Option<String>> {
    let from = |event: &Event| match event {
        Event::Called { from } => Some(from.clone()),
        _ => None,
    };
    bench.events.iter().filter_map(from).collect()
}

#[test]
fn a_call_is_told_once_with_its_number() {
    let mut bench = ready(Partner::new());
    for _ in 0..5 {
        bench.says("\r\n+CRING: VOICE\r\n\r\n+CLIP: \"+27820000000\",145,,,,0\r\n");
        bench.run(secs(3));
    }
    bench.says("\r\nNO CARRIER\r\n");
    assert_eq!(callers(&bench), [Some(String::from("+27820000000"))]);
    bench.says("\r\nRING\r\n");
    bench.run(secs(3));
    assert_eq!(callers(&bench).len(), 2, "the next call is another one");
}

#[test]
fn a_call_without_a_number_is_told_after_a_moment() {
    let mut bench = ready(Partner::new());
    bench.says("\r\nRING\r\n");
    bench.run(secs(2));
    assert_eq!(callers(&bench), [None]);
}

#[test]
fn a_withheld_number_is_none() {
    let mut bench = ready(Partner::new());
    bench.says("\r\nRING\r\n\r\n+CLIP: \"\",128,,,,1\r\n");
    assert_eq!(callers(&bench), [None]);
}

#[test]
fn calls_are_hung_up_where_configured() {
    let config = Config {
        hang_up_calls: true,
        ..Config::default()
    };
    let mut partner = Partner::new();
    partner.on("AT+CHUP", "ERROR");
    let mut bench = ready_with(config, partner);
    bench.says("\r\nRING\r\n\r\n+CLIP: \"+27820000000\",145\r\n");
    bench.run(secs(1));
    assert_eq!(bench.lines(), ["AT+CHUP", "ATH"]);
}

#[test]
fn calls_are_left_to_ring_by_default() {
    let mut bench = ready(Partner::new());
    bench.says("\r\nRING\r\n\r\n+CLIP: \"+27820000000\",145\r\n");
    bench.run(secs(5));
    assert!(bench.written.is_empty());
    bench.submit(Job::HangUp).unwrap();
    assert!(bench.has_written("AT+CHUP"));
}

#[test]
fn a_call_during_a_part_is_hung_up_after_it() {
    let config = Config {
        hang_up_calls: true,
        ..Config::default()
    };
    let mut bench = ready_with(config, Partner::new());
    bench.submit(Job::Send(part(1))).unwrap();
    bench.run(millis(10));
    bench.says("\r\nRING\r\n\r\n+CLIP: \"+27820000000\",145\r\n");
    assert!(!bench.has_written("AT+CHUP"));
    bench.wait_settled();
    bench.run(secs(1));
    assert!(bench.has_written("AT+CHUP"));
}
