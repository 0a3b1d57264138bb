//! Trouble: a modem that is silent, floods, restarts, or turns out to be another one.

mod bench;

use bench::{Answers, Bench, Partner, millis, part, secs};
use message::{Outcome, Registration, SlotState};
use modem::{Config, Event, Job, Rejected, Rung, Timer};

fn ready(partner: Partner) -> Bench<Partner> {
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    bench.run(secs(2));
    bench.events.clear();
    bench.written.clear();
    bench
}

fn steps<P>(bench: &Bench<P>) -> Vec<Rung> {
    let step = |event: &Event| match event {
        Event::Recovery { step, .. } => Some(*step),
        _ => None,
    };
    bench.events.iter().filter_map(step).collect()
}

#[test]
fn a_port_that_never_answers_ends_in_quarantines_that_grow() {
    let mut partner = Partner::new();
    partner.mute = true;
    let mut bench = Bench::new(Config::default(), partner);
    bench.run(secs(7200));
    assert_eq!(
        steps(&bench)[..4],
        [Rung::Drain, Rung::Reopen, Rung::Radio, Rung::Quarantine]
    );
    let pauses: Vec<u64> = bench
        .closed
        .iter()
        .map(|(from, until)| (*until - *from).as_secs())
        .collect();
    assert_eq!(pauses[..4], [60, 120, 240, 480]);
    assert_eq!(
        bench.modem.facts().counters.recoveries(Rung::Quarantine),
        pauses.len() as u32
    );
    let reason = &bench.modem.facts().reason;
    assert!(reason.ends_with(" s: no answer to AT"), "{reason}");
}

#[test]
fn a_modem_that_falls_silent_while_it_is_brought_back_says_so_once() {
    let mut partner = Partner::new();
    partner.on("AT+CMGF=0", "ERROR");
    partner.on("AT+CFUN=0", "");
    partner.on("AT+CFUN=4", "");
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Quarantined);
    let reason = &bench.modem.facts().reason;
    assert_eq!(reason.matches("no answer").count(), 1, "{reason}");
    assert!(reason.contains(": no answer since this: "), "{reason}");
}

/// A command that stays unanswered, as people read of it while the modem is brought back.
#[test]
fn what_was_not_answered_is_told_in_words() {
    let told = |bench: &Bench<Partner>| bench.modem.facts().reason.clone();
    let mut bench = ready(Partner::new());
    bench.partner.mute = true;
    bench.until_state(SlotState::Recovering);
    let reason = told(&bench);
    assert!(reason.ends_with("no answer to asking for the signal"), "{reason}");

    let mut partner = Partner::new();
    partner.on("AT+CMGF=0", "");
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Recovering);
    let reason = told(&bench);
    assert!(reason.ends_with("no answer to switching to PDU mode"), "{reason}");
}

#[test]
fn why_a_job_is_not_taken_is_told_in_words() {
    let told = Rejected::NotReady(SlotState::NoSim).to_string();
    assert_eq!(told, "the modem is not ready: no SIM");
}

#[test]
fn a_modem_that_answers_again_is_taken_back_at_any_step() {
    for silent in [5, 20, 60, 200, 400] {
        let mut partner = Partner::new();
        partner.mute = true;
        let mut bench = Bench::new(Config::default(), partner);
        bench.run(secs(silent));
        bench.partner.mute = false;
        bench.until_state(SlotState::Ready);
    }
}

#[test]
fn a_silent_modem_is_noticed_on_an_idle_line() {
    let mut bench = ready(Partner::new());
    bench.partner.mute = true;
    bench.run(secs(75));
    assert_eq!(bench.modem.facts().state, SlotState::Recovering);
    assert!(bench.modem.facts().reason.contains("no answer"));
    bench.partner.mute = false;
    bench.until_state(SlotState::Ready);
}

#[test]
fn calm_times_bring_the_ladder_back_to_its_foot() {
    let mut bench = ready(Partner::new());
    for _ in 0..2 {
        bench.partner.mute = true;
        bench.until_state(SlotState::Recovering);
        bench.partner.mute = false;
        bench.until_state(SlotState::Ready);
        bench.run(secs(1000));
    }
    assert_eq!(steps(&bench), [Rung::Drain, Rung::Drain]);
}

#[test]
fn trouble_that_comes_back_climbs() {
    let mut bench = ready(Partner::new());
    for _ in 0..3 {
        bench.partner.mute = true;
        bench.until_state(SlotState::Recovering);
        bench.partner.mute = false;
        bench.until_state(SlotState::Ready);
    }
    assert_eq!(steps(&bench), [Rung::Drain, Rung::Reopen, Rung::Radio]);
}

#[test]
fn only_dialects_that_may_reset_do() {
    for (maker, command) in [
        ("Quectel", Some("AT+CFUN=1,1")),
        ("Telit", Some("AT#REBOOT")),
        ("huawei", None),
    ] {
        let mut partner = Partner::new();
        partner.model(maker, "X");
        let mut bench = ready(partner);
        for _ in 0..4 {
            bench.partner.mute = true;
            bench.until_state(SlotState::Recovering);
            bench.partner.mute = false;
            bench.until_state(SlotState::Ready);
        }
        let reset = bench
            .lines()
            .iter()
            .any(|line| line.contains("CFUN=1,1") || line.contains("REBOOT"));
        assert_eq!(reset, command.is_some(), "{maker}");
        assert!(command.is_none_or(|command| bench.has_written(command)), "{maker}");
    }
}

#[test]
fn a_flood_of_lines_is_bounded_and_told() {
    let mut bench = ready(Partner::new());
    for _ in 0..200 {
        bench.says("\r\n^RSSI:12\r\n".repeat(100));
        bench.run(millis(10));
    }
    assert!(!steps(&bench).is_empty());
    let told = |event: &Event| matches!(event, Event::Recovery { reason, .. } if reason.contains("flood"));
    assert!(bench.events.iter().any(told));
    bench.run(secs(100));
    bench.until_state(SlotState::Ready);
}

#[test]
fn octets_without_a_line_end_are_a_flood_too() {
    let mut bench = ready(Partner::new());
    for _ in 0..2000 {
        bench.says([b'U'; 4096]);
        bench.run(millis(1));
    }
    assert!(!steps(&bench).is_empty());
}

#[test]
fn noise_does_not_keep_a_dead_exchange_alive() {
    let mut partner = Partner::new();
    partner.on("AT+CMGS PDU", "");
    let mut bench = ready(partner);
    let begun = bench.now;
    bench.send(1);
    while !bench.events.iter().any(|event| matches!(event, Event::Settled { .. })) {
        bench.says("\r\n^RSSI:12\r\n");
        bench.run(millis(500));
        assert!(bench.now - begun < secs(182));
    }
}

/// Sends back whatever it is sent, over and over.
struct EchoStorm;

impl Answers for EchoStorm {
    fn take(&mut self, octets: &[u8]) -> Vec<(std::time::Duration, Vec<u8>)> {
        (0..500).map(|turn| (millis(turn), octets.to_vec())).collect()
    }
}

#[test]
fn an_echo_storm_is_not_a_modem() {
    let mut bench = Bench::new(Config::default(), EchoStorm);
    bench.run(secs(600));
    assert!(bench.modem.facts().counters.recoveries(Rung::Quarantine) > 0);
    assert!(bench.written.len() < 1000, "{}", bench.written.len());
}

#[test]
fn a_modem_that_restarts_again_and_again_is_left_alone() {
    let mut bench = ready(Partner::new());
    for _ in 0..9 {
        bench.says("\r\nRDY\r\n");
        bench.run(secs(8));
    }
    assert_eq!(bench.modem.facts().state, SlotState::Quarantined);
    assert!(bench.modem.facts().reason.contains("power supply"));
}

#[test]
fn a_modem_gets_time_after_it_announced_its_start() {
    let mut bench = ready(Partner::new());
    bench.says("\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n");
    bench.run(millis(2900));
    assert!(bench.written.is_empty());
    bench.says("\r\nSMS Ready\r\n");
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().counters.initialisations, 2);
}

#[test]
fn another_modem_on_the_same_port_is_told_and_not_used() {
    let mut bench = ready(Partner::new());
    bench.partner.on("AT+CGSN", "356938035643809\r\n\r\nOK");
    bench.modem.lost(bench.now, "unplugged");
    bench.modem.opened(bench.now);
    bench.says("");
    bench.until_state(SlotState::WrongSim);
    assert!(bench.modem.facts().reason.contains("356938035643809"));
    assert_eq!(
        bench.submit(Job::Send(part(1))),
        Err(Rejected::NotReady(SlotState::WrongSim))
    );
    let written = bench.written.len();
    bench.run(secs(3600));
    assert_eq!(bench.written.len(), written);
}

#[test]
fn another_card_stops_sending_and_still_receives() {
    let config = Config {
        iccid: Some(String::from("8949000000000000009")),
        ..Config::default()
    };
    let mut partner = Partner::new();
    partner.store("SM", 1, 0, bench::DELIVER);
    let mut bench = Bench::new(config, partner);
    bench.until_state(SlotState::WrongSim);
    assert!(bench.modem.facts().reason.contains("8949000000000000009"));
    assert_eq!(
        bench.submit(Job::Send(part(1))),
        Err(Rejected::NotReady(SlotState::WrongSim))
    );
    bench.wait_for("the message", |event| matches!(event, Event::Received(_)).then_some(()));
}

#[test]
fn a_missing_sim_is_told_and_looked_for() {
    let mut partner = Partner::new();
    partner.on("AT+CPIN?", "+CME ERROR: 10");
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::NoSim);
    bench.partner.forget("AT+CPIN?");
    bench.until_state(SlotState::Ready);
}

#[test]
fn a_sim_that_is_taken_out_and_put_back_is_noticed_at_once() {
    let mut bench = ready(Partner::new());
    bench.partner.on("AT+CPIN?", "+CME ERROR: 10");
    bench.says("\r\n+CPIN: NOT INSERTED\r\n");
    bench.run(secs(3));
    assert_eq!(bench.modem.facts().state, SlotState::NoSim);
    bench.partner.forget("AT+CPIN?");
    bench.says("\r\n+CPIN: READY\r\n");
    bench.run(secs(5));
    assert_eq!(bench.modem.facts().state, SlotState::Ready);
}

#[test]
fn a_sim_that_is_taken_out_without_a_word_is_missed_when_the_facts_are_read_again() {
    let mut bench = ready(Partner::new());
    bench.partner.on("AT+CPIN?", "+CME ERROR: 10");
    bench.submit(Job::Refresh).unwrap();
    bench.run(secs(3));
    assert_eq!(bench.modem.facts().state, SlotState::NoSim);
    assert_eq!(bench.modem.facts().reason, "there is no SIM");
    bench.partner.forget("AT+CPIN?");
    bench.until_state(SlotState::Ready);
}

#[test]
fn a_network_that_goes_and_comes_is_followed() {
    let mut bench = ready(Partner::new());
    bench.says("\r\n+CREG: 2\r\n\r\n+CGREG: 2\r\n");
    assert_eq!(bench.modem.facts().state, SlotState::Searching);
    assert_eq!(bench.modem.facts().registration, Registration::Searching);
    bench.says("\r\n+CEREG: 5\r\n");
    assert_eq!(bench.modem.facts().state, SlotState::Ready);
    assert_eq!(bench.modem.facts().registration, Registration::Roaming);
}

#[test]
fn a_network_that_comes_back_silently_is_found_by_asking() {
    let mut bench = ready(Partner::new());
    bench.says("\r\n+CREG: 2\r\n\r\n+CGREG: 2\r\n");
    bench.run(secs(15));
    assert_eq!(bench.modem.facts().state, SlotState::Ready);
}

#[test]
fn a_prompt_that_somebody_left_open_is_closed_first() {
    let bench = Bench::new(Config::default(), Partner::new());
    assert_eq!(bench.written[0], b"\x1b\r");
}

#[test]
fn settings_are_refused_one_by_one_and_the_modem_is_used_all_the_same() {
    let mut partner = Partner::new();
    for command in [
        "ATE0",
        "AT+CMEE=1",
        "AT+CMEE=2",
        "AT+CGMR",
        "AT+CNUM",
        "AT+CLIP=1",
        "AT+COPS=3,0",
        "AT+COPS?",
        "AT+CSQ",
        "AT+CREG=2",
        "AT+CREG=1",
        "AT+CGREG=2",
        "AT+CGREG=1",
        "AT+CEREG=2",
        "AT+CEREG=1",
        "AT+CEREG=0",
        "AT+CEREG?",
        "AT+CSCS=\"IRA\"",
        "AT+CSCS=\"GSM\"",
        "AT+CSCA?",
        "AT+CFUN?",
        "AT+CPMS=?",
        "AT+CPMS=\"SM\",\"SM\",\"SM\"",
    ] {
        partner.on(command, "ERROR");
    }
    let mut bench = ready(partner);
    bench.send(1);
    assert!(matches!(bench.wait_settled().1, Outcome::Sent { .. }));
}

#[test]
fn settings_that_are_not_answered_are_passed_over() {
    let mut partner = Partner::new();
    partner.on("AT+CNUM", "").on("AT+CLIP=1", "").on("AT+COPS=3,0", "");
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().counters.recoveries_total(), 0);
}

#[test]
fn a_radio_that_is_off_is_switched_on() {
    let mut partner = Partner::new();
    partner.on_each("AT+CFUN?", &["+CFUN: 4\r\n\r\nOK", "+CFUN: 1\r\n\r\nOK"]);
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    assert!(bench.has_written("AT+CFUN=1"));
}

#[test]
fn a_modem_that_is_only_to_be_identified_is_left_as_it_is_until_it_is_adopted() {
    let config = Config {
        identify_only: true,
        ..Config::default()
    };
    let mut partner = Partner::new();
    partner.pin = Some(String::from("1234"));
    let mut bench = Bench::new(config, partner);
    bench.wait_for("the card", |event| {
        matches!(event, Event::SimIdentified(_)).then_some(())
    });
    bench.run(secs(3600));
    assert!(
        !bench
            .lines()
            .iter()
            .any(|line| line.contains("CNMI") || line.contains("CPIN"))
    );
    let config = Config {
        pin: modem::Pin::new("1234"),
        ..Config::default()
    };
    bench.submit(Job::Adopt(Box::new(config))).unwrap();
    bench.wait_for("the wish", |event| matches!(event, Event::PinWanted(_)).then_some(()));
}

#[test]
fn an_open_card_that_is_only_to_be_identified_tells_its_imsi_too() {
    let config = Config {
        identify_only: true,
        ..Config::default()
    };
    let mut bench = Bench::new(config, Partner::new());
    let imsi = bench.wait_for("the card", |event| match event {
        Event::SimIdentified(sim) => sim.imsi.clone(),
        _ => None,
    });
    assert_eq!(imsi, "262010000000001");
}

#[test]
fn nothing_is_ever_written_to_the_modems_own_settings() {
    for maker in [
        "Acme",
        "huawei",
        "ZTE",
        "Quectel",
        "SIMCOM",
        "Telit",
        "u-blox",
        "Cinterion",
        "Sierra Wireless",
    ] {
        let mut partner = Partner::new();
        partner.model(maker, "X");
        let mut bench = Bench::new(Config::default(), partner);
        bench.until_state(SlotState::Ready);
        for line in bench.lines() {
            assert!(
                !line.contains("&W") && !line.contains("&F") && line != "ATZ",
                "{maker}: {line}"
            );
        }
    }
}

#[test]
fn the_heartbeat_of_the_configuration_is_kept() {
    let mut config = Config::default();
    config.timers.set(Timer::Heartbeat, secs(7));
    let mut bench = Bench::new(config, Partner::new());
    bench.until_state(SlotState::Ready);
    bench.run(secs(2));
    bench.written.clear();
    bench.run(secs(60));
    let beats = bench.count_written("AT+CSQ");
    assert!((7..=9).contains(&beats), "{beats}");
}

#[test]
fn an_echo_after_the_set_up_betrays_a_restart_but_not_where_the_modem_always_echoes() {
    let mut bench = ready(Partner::new());
    bench.partner.echo = true;
    bench.run(secs(3600));
    assert_eq!(
        bench.modem.facts().counters.reboots,
        1,
        "after that, it is known to echo"
    );
    assert_eq!(bench.modem.facts().state, SlotState::Ready);
    let mut partner = Partner::new();
    partner.echo = true;
    let mut bench = ready(partner);
    bench.run(secs(3600));
    assert_eq!(bench.modem.facts().counters.reboots, 0);
}
