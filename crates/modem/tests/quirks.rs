//! Oddities of real devices: each from a transcript of the vectors, or from the place that the dialect names.

mod bench;

use bench::transcript::{Transcript, replies, rows, vectors};
use bench::{Bench, Partner, kept, millis, secs};
use message::{Lock, SlotState};
use modem::{Config, Event, Job, Pin};

/// A standard modem that answers these commands as a transcript does.
fn with_rows(name: &str, maker: &str) -> Option<Partner> {
    let path = vectors()?.join(format!("transcripts/{name}.jsonl"));
    let mut partner = Partner::new();
    partner.model(maker, "X");
    for row in rows(&path) {
        if let Some(command) = row["command"].as_str() {
            let reply = bench::partner::Reply(vec![(millis(2), replies(&row))]);
            partner.on_raw(command, [reply].into());
        }
    }
    Some(partner)
}

fn ready(partner: Partner) -> Bench<Partner> {
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    bench.run(secs(2));
    bench.events.clear();
    bench
}

#[test]
fn every_profile_that_was_seen_locked_is_unlocked_with_one_entry() {
    let Some(folder) = vectors() else { return };
    let profiles = [
        "huawei_k3715",
        "wavecom_multiband_900e1800",
        "qualcomm_m6280_zte",
        "zte_k3565z",
        "nokia_n79",
    ];
    for name in profiles {
        let path = folder.join(format!("transcripts/{name}.jsonl"));
        // The profiles demand +CPIN of a locked SIM; who the modem is they tell all the same.
        let also = [
            ("AT", "OK\r\n"),
            ("AT+CPIN=\"1234\"", "OK\r\n"),
            ("AT+CGSN", "111111111111111\r\nOK\r\n"),
        ];
        let mut transcript = Transcript::locked(&path, &also);
        if !name.starts_with("wavecom") {
            transcript.while_locked("AT+CPIN?", "+CPIN: SIM PIN\r\nOK\r\n");
        }
        let config = Config {
            pin: Pin::new("1234"),
            ..Config::default()
        };
        let mut bench = Bench::new(config, transcript);
        let wanted = bench.wait_for(name, |event| match event {
            Event::PinWanted(wanted) => Some(wanted.clone()),
            _ => None,
        });
        assert_eq!(wanted.tries_left, None, "{name}");
        bench.submit(Job::EnterPin { proof: kept(wanted) }).unwrap();
        bench.until_state(SlotState::Ready);
        assert_eq!(bench.modem.facts().lock, Lock::Open, "{name}");
        assert_eq!(
            bench.lines().iter().filter(|line| line.starts_with("AT+CPIN=")).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn every_call_of_the_transcripts_is_told_once_and_ends() {
    let Some(folder) = vectors() else { return };
    for name in [
        "huawei_k3715",
        "wavecom_multiband_900e1800",
        "qualcomm_m6280_zte",
        "nokia_n79",
    ] {
        let mut bench = ready(Partner::new());
        let events = rows(&folder.join(format!("transcripts/{name}.jsonl")));
        let say = |event: &str| events.iter().find(|row| row["event"] == event).map(replies).unwrap();
        bench.says(say("incoming voice call"));
        bench.run(secs(3));
        bench.says(say("incoming voice call"));
        let number = bench.wait_for(name, |event| match event {
            Event::Called { from } => from.clone(),
            _ => None,
        });
        assert_eq!(number, "+27820000000", "{name}");
        bench.says(say("remote hang-up"));
        bench.run(secs(1));
        assert_eq!(bench.modem.facts().counters.calls, 1, "{name}");
        assert_eq!(bench.modem.facts().state, SlotState::Ready, "{name}");
    }
}

#[test]
fn an_mc75i_gets_bfr_1_and_the_sim_as_its_memory() {
    let Some(partner) = with_rows("cinterion_mc75i", "Cinterion") else {
        return;
    };
    let bench = ready(partner);
    assert!(bench.has_written("AT+CNMI=2,1,0,2,1"));
    assert!(
        !bench.has_written("AT+CNMI=2,1,0,2,0"),
        "what =? does not offer is not tried"
    );
    assert!(bench.has_written("AT+CPMS=\"SM\",\"SM\",\"SM\""));
    assert!(bench.modem.facts().reports);
}

#[test]
fn a_sim7600_that_boots_is_left_alone_until_it_is_ready() {
    let Some(folder) = vectors() else { return };
    let mut partner = Partner::new();
    partner.model("SIMCOM INCORPORATED", "SIMCOM_SIM7600E");
    let mut bench = ready(partner);
    let boot = &rows(&folder.join("transcripts/simcom_sim7600_boot.jsonl"))[0];
    bench.written.clear();
    bench.says(replies(boot));
    assert_eq!(bench.modem.facts().state, SlotState::Starting);
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().counters.reboots, 1);
}

#[test]
fn a_simcom_that_refuses_pdu_mode_before_sms_ready_is_waited_for() {
    let mut partner = Partner::new();
    partner.model("SIMCOM_Ltd", "SIMCOM_SIM900");
    let mut answers = vec!["ERROR"; 15];
    answers.push("OK");
    partner.on_each("AT+CMGF=0", &answers);
    let bench = ready(partner);
    assert_eq!(bench.modem.facts().counters.recoveries_total(), 0);
}

#[test]
fn a_wavecom_that_is_busy_after_cfun_is_asked_again() {
    let mut partner = Partner::new();
    partner.model(" WAVECOM MODEM", " MULTIBAND  900E  1800");
    partner.on("AT+CFUN?", "+CFUN: 0\r\n\r\nOK");
    partner.on_each("AT+CPIN?", &["+CME ERROR: 515", "+CME ERROR: 515", "+CPIN: READY"]);
    let bench = ready(partner);
    assert!(bench.has_written("AT+CFUN=1"));
    assert_eq!(bench.count_written("AT+CPIN?"), 3);
}

#[test]
fn a_zte_is_kept_online_without_touching_what_it_keeps() {
    let mut partner = Partner::new();
    partner.model("ZTE INCORPORATED", "MF190");
    let bench = ready(partner);
    assert!(bench.has_written("AT+ZOPRT=5"));
    assert!(!bench.lines().iter().any(|line| line.contains("ZCDRUN")));
}

#[test]
fn a_huawei_is_quieted_and_brought_to_this_port() {
    let mut partner = Partner::new();
    partner.model("huawei", "E173");
    let bench = ready(partner);
    assert!(bench.has_written("AT^CURC=0") && bench.has_written("AT^PORTSEL=1"));
}

#[test]
fn an_e1750_gets_its_rest_between_all_commands() {
    let mut partner = Partner::new();
    partner.model("huawei", "E1750");
    let mut bench = ready(partner);
    bench.run(secs(10));
    let begun = bench.now;
    bench.send(1);
    bench.wait_settled();
    bench.send(2);
    bench.wait_settled();
    assert!(bench.now - begun >= millis(300), "{:?}", bench.now - begun);
}

#[test]
fn a_ucs2_modem_tells_its_texts_readably() {
    let mut partner = Partner::new();
    partner.on("AT+COPS?", "+COPS: 0,0,\"00410063006D0065\",7\r\n\r\nOK");
    partner.on("AT+CSCA?", "+CSCA: \"002B0034003900310037\",145\r\n\r\nOK");
    let config = Config {
        charset: Some(String::from("UCS2")),
        ..Config::default()
    };
    let mut bench = Bench::new(config, partner);
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().operator.as_deref(), Some("Acme"));
    assert_eq!(bench.modem.facts().smsc.as_deref(), Some("+4917"));
}

#[test]
fn a_dialect_of_the_configuration_wins_and_an_unknown_one_is_passed_over() {
    for (name, dialect) in [("telit", "telit"), ("nonsense", "generic")] {
        let config = Config {
            dialect: Some(name.to_owned()),
            ..Config::default()
        };
        let mut bench = Bench::new(config, Partner::new());
        bench.until_state(SlotState::Ready);
        assert_eq!(bench.modem.facts().dialect, dialect);
    }
}

#[test]
fn every_dialect_sends_receives_and_sleeps() {
    for name in modem::dialect_names() {
        let config = Config {
            dialect: Some(name.to_owned()),
            ..Config::default()
        };
        let mut partner = Partner::new();
        partner.store("SM", 1, 0, bench::DELIVER);
        let mut bench = Bench::new(config, partner);
        bench.wait_for(name, |event| matches!(event, Event::Received(_)).then_some(()));
        bench.until_state(SlotState::Ready);
        bench.send(1);
        bench.wait_settled();
        bench.run(secs(3600));
        assert_eq!(bench.modem.facts().counters.recoveries_total(), 0, "{name}");
    }
}
