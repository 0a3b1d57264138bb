//! The SIM's lock: no PIN is entered without a record, twice, or with one try left.

mod bench;

use bench::{Bench, Partner, kept, secs};
use message::{Lock, SlotState};
use modem::{Config, Event, Job, Pin, PinIdentity, PinTry, PinVerdict, Rejected};

fn locked(pin: &str) -> Partner {
    let mut partner = Partner::new();
    partner.pin = Some(pin.to_owned());
    partner
}

fn config() -> Config {
    Config {
        pin: Pin::new("1234"),
        ..Config::default()
    }
}

fn wanted(bench: &mut Bench<Partner>) -> PinTry {
    bench.wait_for("the wish for a PIN", |event| match event {
        Event::PinWanted(wanted) => Some(wanted.clone()),
        _ => None,
    })
}

fn verdict(bench: &mut Bench<Partner>) -> PinVerdict {
    bench.wait_for("the verdict", |event| match event {
        Event::PinVerdict { verdict, .. } => Some(*verdict),
        _ => None,
    })
}

fn entries(bench: &Bench<Partner>) -> usize {
    bench.lines().iter().filter(|line| line.starts_with("AT+CPIN=")).count()
}

#[test]
fn the_try_is_recorded_before_it_is_made() {
    let mut bench = Bench::new(config(), locked("1234"));
    let wanted = wanted(&mut bench);
    assert_eq!(wanted.identity, PinIdentity::Iccid(String::from("8949000000000000001")));
    assert_eq!(wanted.tries_left, Some(3));
    bench.run(secs(30));
    assert_eq!(entries(&bench), 0);
    bench.submit(Job::EnterPin { proof: kept(wanted) }).unwrap();
    assert_eq!(verdict(&mut bench), PinVerdict::Accepted);
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().lock, Lock::Open);
    assert_eq!(entries(&bench), 1);
}

#[test]
fn a_wrong_pin_is_entered_once_whatever_happens_after_it() {
    let mut bench = Bench::new(config(), locked("9999"));
    let first = wanted(&mut bench);
    bench
        .submit(Job::EnterPin {
            proof: kept(first.clone()),
        })
        .unwrap();
    assert_eq!(verdict(&mut bench), PinVerdict::Rejected);
    bench.until_state(SlotState::Locked);
    assert!(bench.modem.facts().reason.contains("PIN is wrong"));
    assert_eq!(
        bench.submit(Job::EnterPin {
            proof: kept(first.clone())
        }),
        Err(Rejected::NotWanted)
    );
    bench.says("\r\nRDY\r\n");
    bench.run(secs(600));
    bench.modem.lost(bench.now, "unplugged");
    bench.modem.opened(bench.now);
    bench.says("");
    bench.run(secs(600));
    assert_eq!(
        bench.submit(Job::EnterPin { proof: kept(first) }),
        Err(Rejected::NotWanted)
    );
    assert_eq!(entries(&bench), 1);
    assert_eq!(bench.modem.facts().state, SlotState::Locked);
}

#[test]
fn the_operator_releases_the_slot_for_one_more_try_but_never_for_the_last() {
    let mut bench = Bench::new(config(), locked("9999"));
    for left in [3, 2] {
        let wanted = wanted(&mut bench);
        assert_eq!(wanted.tries_left, Some(left));
        bench.submit(Job::EnterPin { proof: kept(wanted) }).unwrap();
        assert_eq!(verdict(&mut bench), PinVerdict::Rejected);
        bench.submit(Job::Unlock).unwrap();
    }
    bench.until_state(SlotState::Locked);
    assert!(bench.modem.facts().reason.contains("only one PIN try"));
    bench.submit(Job::Unlock).unwrap();
    bench.run(secs(60));
    let lock = bench.modem.facts().lock.clone();
    assert!(matches!(lock, Lock::Held { tries: Some(1), .. }), "{lock:?}");
    assert_eq!(entries(&bench), 2);
    assert_eq!(bench.partner.tries, 1);
}

#[test]
fn another_modem_in_the_slot_is_left_alone_until_the_operator_accepts_it() {
    for (named, accepted) in [(None, true), (Some("490154203237518"), false)] {
        let config = Config {
            imei: named.map(str::to_owned),
            ..Config::default()
        };
        let mut bench = Bench::new(config, Partner::new());
        bench.until_state(SlotState::Ready);
        bench.partner.on("AT+CGSN", "350000000000006\r\n\r\nOK");
        bench.says("\r\nRDY\r\n");
        bench.until_state(SlotState::WrongSim);
        bench.run(secs(600));
        assert_eq!(bench.modem.facts().state, SlotState::WrongSim);
        bench.submit(Job::Unlock).unwrap();
        bench.run(secs(60));
        assert_eq!(bench.modem.facts().state == SlotState::Ready, accepted, "{named:?}");
    }
}

#[test]
fn without_a_pin_the_modem_stays_locked_and_says_so() {
    let mut bench = Bench::new(Config::default(), locked("1234"));
    bench.until_state(SlotState::Locked);
    assert_eq!(bench.modem.facts().lock, Lock::Pin { tries: Some(3) });
    assert!(bench.modem.facts().reason.contains("none is configured"));
}

#[test]
fn a_store_that_refuses_the_try_keeps_the_slot_locked() {
    let mut bench = Bench::new(config(), locked("1234"));
    wanted(&mut bench);
    let reason = String::from("this PIN was tried for this card on Monday");
    bench.submit(Job::RefusePin { reason: reason.clone() }).unwrap();
    bench.until_state(SlotState::Locked);
    assert_eq!(bench.modem.facts().lock, Lock::Held { reason, tries: None });
    assert_eq!(entries(&bench), 0);
}

#[test]
fn a_store_that_never_answers_keeps_the_slot_locked() {
    let mut bench = Bench::new(config(), locked("1234"));
    let late = wanted(&mut bench);
    bench.until_state(SlotState::Locked);
    assert_eq!(
        bench.submit(Job::EnterPin { proof: kept(late) }),
        Err(Rejected::NotWanted)
    );
    assert_eq!(entries(&bench), 0);
}

#[test]
fn an_unreadable_counter_is_told_as_unknown() {
    let mut partner = locked("1234");
    partner.on("AT+CPINR", "ERROR").on("AT+CPINR=\"SIM PIN\"", "ERROR");
    let mut bench = Bench::new(config(), partner);
    assert_eq!(wanted(&mut bench).tries_left, None);
}

#[test]
fn a_card_that_hides_its_number_is_known_by_its_modem() {
    let mut partner = locked("1234");
    for command in ["AT+CCID", "AT+ICCID", "AT^ICCID?", "AT+CRSM=176,12258,0,0,10"] {
        partner.on(command, "+CME ERROR: 11");
    }
    let mut bench = Bench::new(config(), partner);
    assert_eq!(
        wanted(&mut bench).identity,
        PinIdentity::Imei(String::from("490154203237518"))
    );
}

#[test]
fn every_way_of_telling_the_counter_is_read() {
    let cases = [
        ("huawei", "AT^CPIN?", "^CPIN: SIM PIN,2,10,2,10,3", 2),
        ("Quectel", "AT+QPINC?", "+QPINC: \"SC\",2,10", 2),
        ("SIMCOM_Ltd", "AT+SPIC", "+SPIC: 2,10,0,10", 2),
        ("Telit", "AT#PCT", "#PCT: 2", 2),
        ("u-blox", "AT+UPINCNT", "+UPINCNT: 2,3,10,10", 2),
        ("Cinterion", "AT^SPIC", "^SPIC: 2", 2),
        ("Sierra Wireless", "AT+CPINC?", "+CPINC: 2,3,10,10", 2),
        ("Acme", "AT+CSIM=10,\"0020000100\"", "+CSIM: 4,\"63C2\"", 2),
        (
            "Acme",
            "AT+CSIM=10,\"A0F2000016\"",
            "+CSIM: 48,\"000000000000000000000000000000000000820A83830000009000\"",
            2,
        ),
    ];
    for (maker, command, answer, tries) in cases {
        let mut partner = locked("1234");
        partner
            .model(maker, "X")
            .on("AT+CPINR", "ERROR")
            .on("AT+CPINR=\"SIM PIN\"", "ERROR");
        partner.on("AT+CSIM=10,\"0020000100\"", "+CSIM: 4,\"6E00\"\r\n\r\nOK");
        partner.on(command, &format!("{answer}\r\n\r\nOK"));
        let mut bench = Bench::new(config(), partner);
        assert_eq!(wanted(&mut bench).tries_left, Some(tries), "{maker} {command}");
    }
}

#[test]
fn a_puk_is_for_a_telephone() {
    let mut partner = Partner::new();
    partner.on("AT+CPIN?", "+CPIN: SIM PUK\r\n\r\nOK");
    let mut bench = Bench::new(config(), partner);
    bench.until_state(SlotState::Locked);
    assert_eq!(bench.modem.facts().lock, Lock::Puk { tries: None });
    assert_eq!(entries(&bench), 0);
}

#[test]
fn a_network_lock_is_told_in_the_modems_words() {
    let mut partner = Partner::new();
    partner.on("AT+CPIN?", "+CPIN: PH-NET PIN\r\n\r\nOK");
    let mut bench = Bench::new(config(), partner);
    bench.until_state(SlotState::Locked);
    assert!(bench.modem.facts().reason.contains("PH-NET PIN"));
}

#[test]
fn a_false_question_for_pin2_is_passed_over() {
    let mut partner = Partner::new();
    partner.on("AT+CPIN?", "+CPIN: SIM PIN2\r\n\r\nOK");
    let mut bench = Bench::new(config(), partner);
    bench.until_state(SlotState::Ready);
}

#[test]
fn a_plain_ok_means_that_no_pin_is_wanted() {
    let mut partner = Partner::new();
    partner.on("AT+CPIN?", "OK");
    let mut bench = Bench::new(config(), partner);
    bench.until_state(SlotState::Ready);
}

#[test]
fn a_modem_that_restarts_while_the_try_is_open_gets_no_second_one() {
    let mut partner = locked("1234");
    partner.on("AT+CPIN=\"1234\"", "");
    let mut bench = Bench::new(config(), partner);
    let first = wanted(&mut bench);
    bench.submit(Job::EnterPin { proof: kept(first) }).unwrap();
    bench.run(secs(1));
    bench.says("\r\nRDY\r\n");
    bench.until_state(SlotState::Locked);
    assert!(bench.modem.facts().reason.contains("tried once"));
    bench.run(secs(3600));
    assert_eq!(entries(&bench), 1);
}

#[test]
fn a_right_pin_is_entered_again_after_the_next_start() {
    let mut bench = Bench::new(config(), locked("1234"));
    let first = wanted(&mut bench);
    bench.submit(Job::EnterPin { proof: kept(first) }).unwrap();
    bench.until_state(SlotState::Ready);
    bench.partner.pin = Some(String::from("1234"));
    bench.says("\r\nRDY\r\n");
    let second = wanted(&mut bench);
    bench.submit(Job::EnterPin { proof: kept(second) }).unwrap();
    bench.until_state(SlotState::Ready);
    assert_eq!(entries(&bench), 2);
}

#[test]
fn a_card_that_was_just_opened_gets_time_to_tell_its_service_centre() {
    let mut partner = locked("1234");
    partner.on_each(
        "AT+CSCA?",
        &[
            "+CME ERROR: 14",
            "+CME ERROR: 14",
            "OK",
            "+CSCA: \"+4917\",145\r\n\r\nOK",
        ],
    );
    let mut bench = Bench::new(config(), partner);
    let first = wanted(&mut bench);
    bench.submit(Job::EnterPin { proof: kept(first) }).unwrap();
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().smsc.as_deref(), Some("+4917"));
}

#[test]
fn a_card_that_is_opened_by_hand_is_noticed() {
    let mut bench = Bench::new(Config::default(), locked("1234"));
    bench.until_state(SlotState::Locked);
    bench.partner.pin = None;
    bench.says("\r\n+CPIN: READY\r\n");
    bench.until_state(SlotState::Ready);
}

#[test]
fn the_pin_stands_in_no_event_and_no_debug_text() {
    let mut bench = Bench::new(config(), locked("9999"));
    let first = wanted(&mut bench);
    bench.submit(Job::EnterPin { proof: kept(first) }).unwrap();
    bench.until_state(SlotState::Locked);
    let told = format!("{:?} {:?}", bench.events, bench.modem);
    assert!(!told.contains("1234"));
}
