//! A part goes out: what is written, how it ends, and what an error means.

mod bench;

use std::time::Duration;

use bench::partner::{Reply, framed};
use bench::{Bench, OTHER, Partner, millis, part, secs};
use message::{Cause, ErrorClass, Failure, Memory, Outcome, SlotState};
use modem::{Config, Event, Job, Rejected, Rung, Send, Timer, UssdAction};

const PDU: &str = "0001000C91947110325476000002E834";

fn pdu() -> String {
    PDU.to_owned()
}

/// A modem that is set up and has nothing left to do.
fn ready(partner: Partner) -> Bench<Partner> {
    ready_with(Config::default(), partner)
}

fn ready_with(config: Config, partner: Partner) -> Bench<Partner> {
    let mut bench = Bench::new(config, partner);
    bench.until_state(SlotState::Ready);
    bench.run(secs(2));
    bench.events.clear();
    bench.written.clear();
    bench
}

fn code() -> Job {
    let code = String::from("*100#");
    Job::Ussd(UssdAction::Start { code })
}

fn failure(outcome: &Outcome) -> &Failure {
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_part_costs_one_command_and_one_pdu() {
    let mut bench = ready(Partner::new());
    bench.send(7);
    let (ticket, outcome, journal) = bench.wait_settled();
    assert_eq!((ticket, journal), (7, None));
    assert_eq!(outcome, Outcome::Sent { reference: Some(1) });
    assert_eq!(bench.lines(), [String::from("AT+CMGS=15"), pdu() + "\x1a"]);
    assert_eq!(bench.partner.sent, [pdu()]);
}

#[test]
fn the_next_part_goes_out_in_the_same_turn() {
    let mut bench = ready(Partner::new());
    for ticket in 0..100 {
        bench.send(ticket);
        bench.wait_settled();
    }
    assert_eq!(bench.written.len(), 200);
    let spent = bench.now - bench.started;
    assert!(spent < secs(10), "{spent:?}");
}

#[test]
fn one_part_goes_out_one_stands_behind_and_a_third_is_refused() {
    let mut bench = ready(Partner::new());
    bench.send(1);
    bench.send(2);
    assert_eq!(bench.submit(Job::Send(part(3))), Err(Rejected::Full));
    assert_eq!(bench.wait_settled().0, 1);
    assert_eq!(bench.wait_settled().0, 2);
}

#[test]
fn reports_that_are_deleted_all_the_time_hold_up_no_call_no_code_and_no_upkeep() {
    let mut bench = ready(Partner::new());
    bench.send(0);
    bench.send(1);
    bench.submit(code()).unwrap();
    bench.submit(Job::HangUp).unwrap();
    bench.submit(Job::Refresh).unwrap();
    for ticket in 2..8 {
        // Each part has its report, which is kept and deleted.
        let place = Memory {
            name: *b"SM",
            index: u16::try_from(ticket).unwrap(),
        };
        bench.partner.store("SM", place.index, 0, bench::DELIVER);
        bench.says(format!("\r\n+CMTI: \"SM\",{}\r\n", place.index));
        bench.wait_for("the message", |event| matches!(event, Event::Received(_)).then_some(()));
        bench
            .submit(Job::Delete {
                proof: message::Committed::witnessed(place),
            })
            .unwrap();
        bench.wait_settled();
        let _full = bench.submit(Job::Send(part(ticket)));
    }
    let lines = bench.lines();
    let parts_before = |wanted: &str| {
        let at = lines
            .iter()
            .position(|line| line.starts_with(wanted))
            .unwrap_or_else(|| panic!("{wanted}: {lines:?}"));
        lines[..at].iter().filter(|line| line.starts_with("AT+CMGS=")).count()
    };
    assert!(
        parts_before("AT+CUSD=1") <= 4 && parts_before("AT+CPIN?") <= 6,
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("AT+CHUP") || line == "ATH"),
        "{lines:?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("AT+CMGD=")), "{lines:?}");
}

#[test]
fn that_a_part_begins_is_told_before_anything_of_it_is_written() {
    let mut bench = ready(Partner::new());
    bench.send(1);
    bench.send(2);
    assert_eq!(bench.begun, [(1, 0)], "the second stands behind");
    bench.wait_settled();
    bench.wait_settled();
    let lines = bench.lines();
    let [(1, 0), (2, second)] = bench.begun[..] else {
        panic!("{:?}", bench.begun)
    };
    assert!(lines[second].starts_with("AT+CMGS="), "{lines:?}");
    assert_eq!(second, 2, "behind the first one's command and PDU");
}

#[test]
fn a_part_that_waits_is_given_back_and_one_that_has_begun_goes_on() {
    let mut bench = ready(Partner::new());
    bench.send(1);
    bench.send(2);
    for ticket in [1, 2] {
        bench.submit(Job::Withdraw { ticket }).unwrap();
    }
    let (ticket, outcome, _) = bench.wait_settled();
    assert!(
        ticket == 2 && matches!(outcome, Outcome::NotBegun { .. }),
        "{ticket}: {outcome:?}"
    );
    bench.send(3);
    let ends = [bench.wait_settled(), bench.wait_settled()].map(|(ticket, outcome, _)| (ticket, outcome));
    let sent = |reference| Outcome::Sent {
        reference: Some(reference),
    };
    assert_eq!(ends, [(1, sent(1)), (3, sent(2))]);
    assert_eq!(bench.partner.sent.len(), 2, "nothing of the second was written");
    assert_eq!(bench.modem.facts().counters.failed, 0);
}

#[test]
fn a_long_queue_leaves_room_for_other_work() {
    let mut bench = ready(Partner::new());
    bench.send(0);
    bench.send(1);
    bench.submit(code()).unwrap();
    for ticket in 2..6 {
        bench.wait_settled();
        // As the gateway does: the next stands behind before the modem has ended anything else.
        let _full = bench.submit(Job::Send(part(ticket)));
    }
    let lines = bench.lines();
    let code = lines
        .iter()
        .position(|line| line.starts_with("AT+CUSD=1"))
        .expect("asked");
    let parts = lines[..code].iter().filter(|line| line.starts_with("AT+CMGS=")).count();
    assert!(parts <= 2, "it waited for {parts} parts: {lines:?}");
}

#[test]
fn two_parts_are_taken_while_the_modem_is_busy_with_something_else() {
    let mut bench = ready(Partner::new());
    bench.partner.mute = true;
    bench.submit(Job::Refresh).unwrap();
    bench.send(1);
    bench.send(2);
    assert_eq!(bench.submit(Job::Send(part(3))), Err(Rejected::Full));
    bench.submit(Job::Withdraw { ticket: 1 }).unwrap();
    assert_eq!(bench.wait_settled().0, 1);
    assert!(bench.begun.is_empty());
}

#[test]
fn a_modem_that_echoes_sends_all_the_same() {
    let mut partner = Partner::new();
    partner.echo = true;
    let mut bench = ready(partner);
    bench.send(1);
    assert_eq!(bench.wait_settled().1, Outcome::Sent { reference: Some(1) });
}

#[test]
fn a_prompt_without_its_blank_serves() {
    let mut partner = Partner::new();
    partner.on_raw("AT+CMGS=15", [Reply(vec![(millis(5), b"\r\n>".to_vec())])].into());
    let mut bench = ready(partner);
    bench.send(1);
    bench.run(millis(20));
    assert_eq!(bench.lines().last(), Some(&(pdu() + "\x1a")));
    bench.says("\r\n+CMGS: 9\r\n\r\nOK\r\n");
    assert_eq!(bench.wait_settled().1, Outcome::Sent { reference: Some(9) });
}

#[test]
fn what_comes_unasked_within_an_exchange_is_heard_and_changes_nothing() {
    let mut partner = Partner::new();
    partner.latency = secs(5);
    let mut bench = ready(partner);
    bench.send(1);
    bench.run(secs(1));
    bench.partner.store("SM", 3, 0, OTHER);
    bench.says("\r\n+CMTI: \"SM\",3\r\n^RSSI:14\r\n+CREG: 1,\"1A2B\",\"0102\"\r\nRING\r\n");
    assert_eq!(bench.wait_settled().1, Outcome::Sent { reference: Some(1) });
    let received = bench.wait_for("the message", |event| match event {
        Event::Received(raw) => raw.memory,
        _ => None,
    });
    assert_eq!(received, Memory { name: *b"SM", index: 3 });
}

#[test]
fn a_missing_reference_is_no_failure() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "OK");
    let mut bench = ready(partner);
    bench.send(1);
    assert_eq!(bench.wait_settled().1, Outcome::Sent { reference: None });
}

#[test]
fn a_reference_behind_the_ok_is_kept() {
    let mut partner = Partner::new();
    partner.on_raw(
        "AT+CMGS PDU",
        [Reply(vec![
            (millis(50), framed("OK")),
            (millis(150), framed("+CMGS: 77")),
        ])]
        .into(),
    );
    let mut bench = ready(partner);
    bench.send(1);
    assert_eq!(bench.wait_settled().1, Outcome::Sent { reference: Some(77) });
}

#[test]
fn no_answer_after_the_pdu_is_uncertain_after_180_seconds() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "");
    let mut bench = ready(partner);
    let begun = bench.now;
    bench.send(1);
    assert!(matches!(bench.wait_settled().1, Outcome::Uncertain { .. }));
    assert_eq!((bench.now - begun).as_secs(), 180);
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().counters.recoveries(Rung::Drain), 1);
}

#[test]
fn the_deadline_is_the_dialects_where_the_maker_states_one() {
    for (maker, seconds) in [("Quectel", 120), ("u-blox", 150), ("huawei", 180)] {
        let mut partner = Partner::new();
        partner.model(maker, "X").on("AT+CMGS PDU", "");
        let mut bench = ready(partner);
        let begun = bench.now;
        bench.send(1);
        bench.wait_settled();
        assert_eq!((bench.now - begun).as_secs(), seconds, "{maker}");
    }
}

#[test]
fn an_answer_that_comes_late_settles_the_uncertain_part() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "");
    let mut bench = ready(partner);
    bench.send(1);
    assert!(matches!(bench.wait_settled().1, Outcome::Uncertain { .. }));
    bench.will_say(millis(100), "\r\n+CMGS: 42\r\n\r\nOK\r\n");
    let (ticket, outcome, _) = bench.wait_settled();
    assert_eq!((ticket, outcome), (1, Outcome::Sent { reference: Some(42) }));
    bench.until_state(SlotState::Ready);
}

#[test]
fn an_answer_that_comes_while_the_next_part_waits_for_its_prompt_is_not_taken_for_its_own() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "");
    let mut bench = ready(partner);
    bench.send(1);
    assert!(matches!(bench.wait_settled().1, Outcome::Uncertain { .. }));
    bench.until_state(SlotState::Ready);
    bench.run(secs(2));
    bench.partner.on("AT+CMGS=15", "");
    bench.send(2);
    bench.says("\r\n+CMGS: 42\r\n\r\nOK\r\n");
    let (ticket, outcome, _) = bench.wait_settled();
    assert_eq!((ticket, outcome), (1, Outcome::Sent { reference: Some(42) }));
    let (ticket, outcome, _) = bench.wait_settled();
    assert_eq!(ticket, 2);
    assert_eq!(failure(&outcome).cause, Cause::Gateway);
}

#[test]
fn without_a_prompt_nothing_was_handed_over() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS=15", "");
    let mut bench = ready(partner);
    bench.send(1);
    let (_, outcome, _) = bench.wait_settled();
    assert!(
        matches!(failure(&outcome).class, ErrorClass::RetryLater { .. }),
        "{outcome:?}"
    );
    assert!(bench.partner.sent.is_empty());
    bench.until_state(SlotState::Ready);
}

#[test]
fn an_error_with_a_clear_word_is_a_failure_of_its_class() {
    type Fits = fn(ErrorClass) -> bool;
    let cases: &[(&str, Fits)] = &[
        ("+CMS ERROR: 1", |class| class == ErrorClass::Permanent),
        ("+CMS ERROR: 8", |class| class == ErrorClass::OtherRoute),
        ("+CMS ERROR: 21", |class| {
            matches!(class, ErrorClass::RetryLater { times: Some(2), .. })
        }),
        ("+CMS ERROR: 38", |class| {
            matches!(class, ErrorClass::RetryLater { times: None, .. })
        }),
        ("+CMS ERROR: 144", |class| class == ErrorClass::OtherEncoding),
        ("+CMS ERROR: 304", |class| class == ErrorClass::Permanent),
        ("+CMS ERROR: 331", |class| class == ErrorClass::Hold),
        ("+CMS ERROR: 500", |class| {
            matches!(class, ErrorClass::RetryLater { times: Some(3), .. })
        }),
        ("+CMS ERROR: no network service", |class| class == ErrorClass::Hold),
        ("+CME ERROR: 30", |class| class == ErrorClass::Hold),
        ("ERROR", |class| {
            matches!(class, ErrorClass::RetryLater { times: Some(3), .. })
        }),
    ];
    for (answer, fits) in cases {
        let mut partner = Partner::new();
        partner.on("AT+CMGS PDU", answer);
        let mut bench = ready(partner);
        bench.send(1);
        let (_, outcome, _) = bench.wait_settled();
        assert!(fits(failure(&outcome).class), "{answer}: {outcome:?}");
    }
}

#[test]
fn an_unknown_error_is_uncertain_only_when_it_comes_late() {
    for code in [300, 500, 615] {
        for (after, uncertain) in [(24, false), (26, true)] {
            let mut partner = Partner::new();
            let answer = framed(&format!("+CMS ERROR: {code}"));
            partner.on_raw("AT+CMGS PDU", [Reply(vec![(secs(after), answer)])].into());
            let mut bench = ready(partner);
            bench.send(1);
            let (_, outcome, _) = bench.wait_settled();
            assert_eq!(
                matches!(outcome, Outcome::Uncertain { .. }),
                uncertain,
                "{code} after {after} s"
            );
        }
    }
}

#[test]
fn a_network_time_out_is_uncertain_at_any_time() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "+CMS ERROR: 332");
    let mut bench = ready(partner);
    bench.send(1);
    assert!(matches!(bench.wait_settled().1, Outcome::Uncertain { .. }));
}

#[test]
fn a_duplicate_that_the_service_centre_refuses_was_sent() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "+CMS ERROR: 197");
    let mut bench = ready(partner);
    bench.send(1);
    assert_eq!(bench.wait_settled().1, Outcome::Sent { reference: None });
}

#[test]
fn an_unknown_service_centre_is_set_once_and_the_part_tried_again() {
    let mut partner = Partner::new();
    partner.on_each("AT+CMGS PDU", &["+CMS ERROR: 330", "+CMGS: 5\r\n\r\nOK"]);
    let mut bench = ready(partner);
    bench.send(1);
    assert_eq!(bench.wait_settled().1, Outcome::Sent { reference: Some(5) });
    assert_eq!(bench.count_written("AT+CSCA=\"+491710760000\",145"), 1);
}

#[test]
fn a_service_centre_that_stays_unknown_is_an_error_of_configuration() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "+CMS ERROR: 330");
    let mut bench = ready(partner);
    bench.send(1);
    let (_, outcome, _) = bench.wait_settled();
    assert_eq!(failure(&outcome).class, ErrorClass::OtherRoute);
    assert!(failure(&outcome).reason.contains("smsc"));
}

#[test]
fn the_slots_service_centre_stands_before_each_pdu() {
    let config = Config {
        smsc: Some(String::from("+27831000015")),
        ..Config::default()
    };
    let mut bench = ready_with(config, Partner::new());
    bench.send(1);
    bench.wait_settled();
    assert!(bench.partner.sent[0].starts_with("07917238010010F501"));
    assert!(bench.has_written("AT+CMGS=15"), "the length does not count it");
}

#[test]
fn a_collision_with_an_incoming_message_waits_two_seconds() {
    let mut partner = Partner::new();
    partner.on_each("AT+CMGS PDU", &["+CMS ERROR: 512", "+CMGS: 5\r\n\r\nOK"]);
    let mut bench = ready(partner);
    let begun = bench.now;
    bench.send(1);
    assert_eq!(bench.wait_settled().1, Outcome::Sent { reference: Some(5) });
    assert!(bench.now - begun >= secs(2));
}

#[test]
fn a_busy_sim_is_asked_again_after_a_second() {
    for busy in ["+CME ERROR: 14", "+CME ERROR: 515", "+CMS ERROR: 314"] {
        let mut partner = Partner::new();
        partner.on_each("AT+CMGS PDU", &[busy, busy, "+CMGS: 5\r\n\r\nOK"]);
        let mut bench = ready(partner);
        bench.send(1);
        assert_eq!(bench.wait_settled().1, Outcome::Sent { reference: Some(5) }, "{busy}");
    }
}

#[test]
fn makers_own_codes_are_the_dialects() {
    let class_of = |maker: &str, code: u16| {
        let mut partner = Partner::new();
        partner
            .model(maker, "X")
            .on("AT+CMGS PDU", &format!("+CMS ERROR: {code}"));
        let mut bench = ready(partner);
        bench.send(1);
        failure(&bench.wait_settled().1).class
    };
    assert_eq!(class_of("Cinterion", 517), ErrorClass::Permanent);
    assert!(matches!(class_of("Cinterion", 535), ErrorClass::RetryLater { .. }));
    assert!(matches!(
        class_of("Acme", 517),
        ErrorClass::RetryLater { times: Some(3), .. }
    ));
}

#[test]
fn three_unknown_errors_in_a_row_switch_the_radio_off_and_on() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "+CMS ERROR: 500");
    let mut bench = ready(partner);
    for ticket in 0..3 {
        bench.send(ticket);
        bench.wait_settled();
    }
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().counters.recoveries(Rung::Radio), 1);
    assert!(bench.has_written("AT+CFUN=4") && bench.has_written("AT+CFUN=1"));
}

#[test]
fn a_restart_before_the_pdu_is_a_failure_and_after_it_uncertain() {
    let mut partner = Partner::new();
    partner.on_each("AT+CMGS=15", &["", "x"]);
    let mut bench = ready(partner);
    bench.send(1);
    bench.run(millis(100));
    bench.says("\r\nRDY\r\n");
    let (_, outcome, _) = bench.wait_settled();
    assert_eq!(failure(&outcome).cause, Cause::Gateway);
    bench.partner.forget("AT+CMGS=15");
    bench.partner.on("AT+CMGS PDU", "");
    bench.until_state(SlotState::Ready);
    bench.run(secs(2));
    bench.send(2);
    bench.run(secs(2));
    bench.says("\r\n^SYSSTART\r\n");
    let (ticket, outcome, _) = bench.wait_settled();
    assert_eq!(ticket, 2);
    assert!(matches!(outcome, Outcome::Uncertain { .. }), "{outcome:?}");
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().counters.reboots, 2);
}

#[test]
fn a_port_that_is_lost_within_the_pdu_leaves_it_uncertain_and_the_next_one_unsent() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "");
    let mut bench = ready(partner);
    bench.send(1);
    bench.run(secs(1));
    bench.send(2);
    bench.modem.lost(bench.now, "the port was unplugged");
    bench.says("");
    assert!(matches!(bench.wait_settled(), (1, Outcome::Uncertain { .. }, None)));
    let (ticket, outcome, _) = bench.wait_settled();
    assert_eq!(ticket, 2);
    assert!(matches!(outcome, Outcome::NotBegun { .. }), "{outcome:?}");
    assert_eq!(bench.modem.facts().state, SlotState::Absent);
    let written = bench.written.len();
    bench.run(secs(600));
    assert_eq!(
        bench.written.len(),
        written,
        "nothing is written to a port that is gone"
    );
}

#[test]
fn bursts_open_the_link_once_and_only_where_the_modem_can() {
    let burst = |ticket| {
        Job::Send(Send {
            burst: true,
            ..part(ticket)
        })
    };
    for answer in ["OK", "+CMS ERROR: 500"] {
        let mut partner = Partner::new();
        partner.on("AT+CMMS=2", answer);
        let mut bench = ready(partner);
        for ticket in 0..3 {
            bench.submit(burst(ticket)).unwrap();
            assert!(matches!(bench.wait_settled().1, Outcome::Sent { .. }));
        }
        assert_eq!(bench.count_written("AT+CMMS=2"), 1, "{answer}");
    }
}

#[test]
fn stopping_finishes_the_part_that_is_out_and_takes_no_other() {
    let mut partner = Partner::new();
    partner.latency = secs(5);
    let mut bench = ready(partner);
    bench.send(1);
    bench.run(secs(1));
    bench.send(2);
    bench.modem.finish(bench.now);
    assert!(bench.modem.is_busy());
    assert_eq!(
        bench.submit(Job::Send(part(3))),
        Err(Rejected::NotReady(SlotState::Ready))
    );
    assert!(matches!(bench.wait_settled(), (2, Outcome::NotBegun { .. }, _)));
    assert!(matches!(bench.wait_settled(), (1, Outcome::Sent { .. }, _)));
    bench.run(secs(1));
    assert!(!bench.modem.is_busy());
}

#[test]
fn a_lost_network_holds_the_part_and_tells_the_state() {
    let mut partner = Partner::new();
    partner
        .on("AT+CMGS PDU", "+CMS ERROR: 331")
        .on("AT+CREG?", "+CREG: 2,2\r\n\r\nOK")
        .on("AT+CGREG?", "+CGREG: 2,0\r\n\r\nOK");
    let mut bench = ready_with(Config::default(), Partner::new());
    std::mem::swap(&mut bench.partner, &mut partner);
    bench.send(1);
    let (_, outcome, _) = bench.wait_settled();
    assert_eq!(failure(&outcome).class, ErrorClass::Hold);
    bench.until_state(SlotState::Searching);
    assert_eq!(
        bench.submit(Job::Send(part(2))),
        Err(Rejected::NotReady(SlotState::Searching))
    );
    bench.says("\r\n+CREG: 5,\"1A2B\",\"0102\"\r\n");
    assert_eq!(bench.modem.facts().state, SlotState::Ready);
    bench.send(3);
}

#[test]
fn a_tpdu_that_no_submit_can_be_is_refused() {
    let mut bench = ready(Partner::new());
    for tpdu in [Vec::new(), vec![0; 177]] {
        assert_eq!(
            bench.submit(Job::Send(Send { tpdu, ..part(1) })),
            Err(Rejected::Malformed)
        );
    }
}

#[test]
fn a_deadline_of_the_configuration_wins() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "");
    let mut config = Config::default();
    config.timers.set(Timer::Result, Duration::from_secs(30));
    let mut bench = ready_with(config, partner);
    let begun = bench.now;
    bench.send(1);
    bench.wait_settled();
    assert_eq!((bench.now - begun).as_secs(), 30);
}
