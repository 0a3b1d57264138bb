//! Messages come in: announced, swept, routed directly; and go only when they are kept.

mod bench;

use std::collections::VecDeque;

use bench::partner::Reply;
use bench::{Answers, Bench, DELIVER, OTHER, Partner, kept, millis, part, secs};
use message::{Memory, RawInbound, SlotState};
use modem::{Config, Event, Job, Rejected, Routing, Timer};

fn ready_with(config: Config, partner: Partner) -> Bench<Partner> {
    let mut bench = Bench::new(config, partner);
    bench.until_state(SlotState::Ready);
    bench.run(secs(3));
    bench.events.clear();
    bench.written.clear();
    bench
}

fn ready(partner: Partner) -> Bench<Partner> {
    ready_with(Config::default(), partner)
}

fn received<P: Answers>(bench: &mut Bench<P>) -> RawInbound {
    bench.wait_for("a message", |event| match event {
        Event::Received(raw) => Some(raw.clone()),
        _ => None,
    })
}

fn all_received<P>(bench: &Bench<P>) -> Vec<RawInbound> {
    let raw = |event: &Event| match event {
        Event::Received(raw) => Some(raw.clone()),
        _ => None,
    };
    bench.events.iter().filter_map(raw).collect()
}

fn place(name: &[u8; 2], index: u16) -> Memory {
    Memory { name: *name, index }
}

fn octets(pdu: &str) -> Vec<u8> {
    hex::decode(pdu).expect("hex in a test")
}

#[test]
fn a_place_that_was_freed_is_counted_as_free_and_a_report_is_no_message() {
    let mut partner = Partner::new();
    partner.store("SM", 3, 0, DELIVER);
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    bench.until("it is handed over", |bench| !all_received(bench).is_empty());
    let used = |bench: &Bench<Partner>| {
        let mut storage = bench.modem.facts().storage.iter();
        storage.find(|memory| memory.memory == "SM").map(|memory| memory.used)
    };
    assert_eq!(used(&bench), Some(1));
    let proof = kept(place(b"SM", 3));
    bench.submit(Job::Delete { proof }).unwrap();
    bench.run(secs(1));
    assert!(bench.partner.memories["SM"].is_empty());
    assert_eq!(used(&bench), Some(0));
    assert_eq!(bench.modem.facts().counters.received, 1);
    // SMS-STATUS-REPORT (TS 23.040 9.2.2.3).
    bench.says("\r\n+CDS: 26\r\n0006050B919471123254F6112011217100001120112171100000\r\n");
    bench.run(secs(1));
    assert!(all_received(&bench).iter().any(RawInbound::is_report));
    assert_eq!(bench.modem.facts().counters.received, 1, "a report is no message");
}

#[test]
fn an_announced_message_is_read_at_once_and_stays_until_it_is_kept() {
    let mut bench = ready(Partner::new());
    bench.partner.store("SM", 3, 0, DELIVER);
    bench.says("\r\n+CMTI: \"SM\",3\r\n");
    let raw = received(&mut bench);
    assert_eq!(
        raw,
        RawInbound {
            pdu: octets(DELIVER),
            memory: Some(place(b"SM", 3))
        }
    );
    bench.run(secs(3600));
    assert_eq!(
        bench.partner.memories["SM"].len(),
        1,
        "nothing is deleted without the proof"
    );
    bench
        .submit(Job::Delete {
            proof: kept(place(b"SM", 3)),
        })
        .unwrap();
    bench.run(secs(1));
    assert!(bench.partner.memories["SM"].is_empty());
    assert!(
        all_received(&bench).is_empty(),
        "what was handed over is not handed over again"
    );
}

#[test]
fn a_message_in_another_memory_is_read_there_and_reading_comes_home() {
    let mut bench = ready(Partner::new());
    bench.partner.store("ME", 7, 0, DELIVER);
    bench.says("\r\n+CMTI: \"ME\",7\r\n");
    assert_eq!(received(&mut bench).memory, Some(place(b"ME", 7)));
    bench.run(secs(1));
    assert_eq!(bench.partner.selected, "SM");
    bench
        .submit(Job::Delete {
            proof: kept(place(b"ME", 7)),
        })
        .unwrap();
    bench.run(secs(1));
    assert!(bench.partner.memories["ME"].is_empty());
    assert_eq!(bench.partner.selected, "SM");
}

#[test]
fn a_report_that_is_announced_in_the_wrong_memory_is_found() {
    for maker in ["Quectel", "Acme"] {
        let mut partner = Partner::new();
        partner.model(maker, "EC25");
        let mut bench = ready(partner);
        bench.partner.store("SR", 0, 0, DELIVER);
        bench.says("\r\n+CDSI: \"SM\",0\r\n");
        assert_eq!(received(&mut bench).memory, Some(place(b"SR", 0)), "{maker}");
    }
}

#[test]
fn an_empty_place_that_answers_ok_sends_the_reader_on() {
    let mut bench = ready(Partner::new());
    bench.partner.on("AT+CMGR=4", "OK");
    bench.partner.store("SM", 9, 0, DELIVER);
    bench.says("\r\n+CMTI: \"SM\",4\r\n");
    assert_eq!(
        received(&mut bench).memory,
        Some(place(b"SM", 9)),
        "the sweep finds it where it really is"
    );
}

#[test]
fn an_announcement_that_names_an_old_message_finds_the_new_one() {
    let mut bench = ready(Partner::new());
    bench.partner.store("SM", 1, 0, DELIVER);
    bench.says("\r\n+CMTI: \"SM\",1\r\n");
    received(&mut bench);
    bench.partner.store("SM", 2, 0, OTHER);
    bench.says("\r\n+CMTI: \"SM\",1\r\n");
    assert_eq!(received(&mut bench).memory, Some(place(b"SM", 2)));
}

#[test]
fn an_announcement_without_index_is_a_sweep() {
    let mut bench = ready(Partner::new());
    bench.partner.store("SM", 2, 0, OTHER);
    bench.says("\r\n+CMTI: \r\n");
    assert_eq!(received(&mut bench).memory, Some(place(b"SM", 2)));
}

#[test]
fn the_first_sweep_reads_every_memory() {
    let mut partner = Partner::new();
    partner.store("SM", 1, 1, DELIVER);
    partner.store("ME", 0, 0, OTHER);
    partner.store("SR", 5, 1, OTHER);
    let mut bench = Bench::new(Config::default(), partner);
    let mut places: Vec<_> = (0..3)
        .map(|_| received(&mut bench).memory.unwrap().to_string())
        .collect();
    places.sort();
    assert_eq!(places, ["ME 0", "SM 1", "SR 5"]);
    bench.run(secs(1));
    assert_eq!(bench.partner.selected, "SM");
}

#[test]
fn what_nobody_announced_is_found_within_the_sweep_interval() {
    let mut bench = ready(Partner::new());
    bench.partner.store("SM", 1, 0, DELIVER);
    bench.run(secs(301));
    assert_eq!(all_received(&bench).len(), 1);
}

#[test]
fn what_is_not_deleted_is_handed_over_again_only_when_asked() {
    let mut bench = ready(Partner::new());
    bench.partner.store("SM", 1, 0, DELIVER);
    bench.submit(Job::Sweep { again: false }).unwrap();
    received(&mut bench);
    bench.submit(Job::Sweep { again: false }).unwrap();
    bench.run(secs(5));
    assert!(all_received(&bench).is_empty());
    bench.submit(Job::Sweep { again: true }).unwrap();
    received(&mut bench);
}

#[test]
fn a_place_that_was_not_handed_over_cannot_be_deleted() {
    let mut bench = ready(Partner::new());
    bench.partner.store("SM", 1, 0, DELIVER);
    let proof = kept(place(b"SM", 1));
    assert_eq!(bench.submit(Job::Delete { proof }), Err(Rejected::Unknown));
}

#[test]
fn after_a_change_of_the_card_an_old_delete_hits_nothing() {
    let mut bench = ready(Partner::new());
    bench.partner.store("SM", 1, 0, DELIVER);
    bench.submit(Job::Sweep { again: false }).unwrap();
    received(&mut bench);
    bench
        .partner
        .on("AT+CCID", "+CCID: 8949000000000000002\r\n\r\nOK")
        .on("AT+CMGL=4", "OK");
    bench.submit(Job::Reset { radio: false }).unwrap();
    bench.until_state(SlotState::Ready);
    let proof = kept(place(b"SM", 1));
    assert_eq!(bench.submit(Job::Delete { proof }), Err(Rejected::Unknown));
    assert_eq!(bench.partner.memories["SM"].len(), 1);
}

#[test]
fn after_a_restart_with_the_same_card_nothing_is_handed_over_twice() {
    let mut bench = ready(Partner::new());
    bench.partner.store("SM", 1, 0, DELIVER);
    bench.submit(Job::Sweep { again: false }).unwrap();
    received(&mut bench);
    bench.says("\r\nRDY\r\n");
    bench.until_state(SlotState::Ready);
    bench.run(secs(10));
    assert!(all_received(&bench).is_empty());
    bench
        .submit(Job::Delete {
            proof: kept(place(b"SM", 1)),
        })
        .unwrap();
    bench.run(secs(1));
    assert!(bench.partner.memories["SM"].is_empty());
}

#[test]
fn a_full_memory_is_told_and_read_again_when_there_is_room() {
    let mut partner = Partner::new();
    partner.capacity = 2;
    let mut bench = ready(partner);
    bench.partner.store("SM", 1, 0, DELIVER);
    bench.partner.store("SM", 2, 0, OTHER);
    bench.says("\r\n^SMMEMFULL: \"SM\"\r\n");
    received(&mut bench);
    received(&mut bench);
    bench.run(secs(1));
    let full = |event: &Event| matches!(event, Event::StorageFull { memory: Some(name) } if name == "SM");
    bench.submit(Job::Sweep { again: false }).unwrap();
    bench.run(secs(1));
    assert!(bench.events.iter().any(full));
    for index in [1, 2] {
        bench
            .submit(Job::Delete {
                proof: kept(place(b"SM", index)),
            })
            .unwrap();
    }
    bench.run(millis(100));
    bench.partner.store("SM", 1, 0, &DELIVER.replace("7547", "7557"));
    received(&mut bench);
}

#[test]
fn huawei_is_read_place_by_place_from_zero() {
    let mut partner = Partner::new();
    partner.model("huawei", "E173").on("AT+CMGL=4", "");
    partner.store("SM", 0, 0, DELIVER);
    partner.store("SM", 3, 0, OTHER);
    let mut bench = Bench::new(Config::default(), partner);
    assert_eq!(received(&mut bench).memory, Some(place(b"SM", 0)));
    assert_eq!(received(&mut bench).memory, Some(place(b"SM", 3)));
    bench.run(secs(5));
    assert!(!bench.has_written("AT+CMGL=4"));
    assert!(!bench.has_written("AT+CMGR=4"), "it stops at the last message");
}

#[test]
fn listing_that_hangs_is_replaced_by_reading_place_by_place() {
    let mut partner = Partner::new();
    partner.on("AT+CMGL=4", "");
    partner.store("SM", 2, 0, DELIVER);
    let mut bench = Bench::new(Config::default(), partner);
    assert_eq!(received(&mut bench).memory, Some(place(b"SM", 2)));
    assert_eq!(bench.count_written("AT+CMGL=4"), 1);
}

#[test]
fn listing_that_is_refused_is_replaced_by_reading_place_by_place() {
    let mut partner = Partner::new();
    partner.on("AT+CMGL=4", "+CMS ERROR: 302");
    partner.store("SM", 2, 0, DELIVER);
    let mut bench = Bench::new(Config::default(), partner);
    assert_eq!(received(&mut bench).memory, Some(place(b"SM", 2)));
}

#[test]
fn a_long_sweep_lets_a_part_go_first() {
    let mut partner = Partner::new();
    partner.model("huawei", "E173");
    partner.capacity = 50;
    partner.delay = millis(100);
    for index in 0..50 {
        partner.store("SM", index, 1, &DELIVER.replace("7547", &format!("{index:04}")));
    }
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    bench.run(secs(1));
    let begun = bench.now;
    bench.send(1);
    bench.wait_settled();
    assert!(bench.now - begun < millis(600), "{:?}", bench.now - begun);
    bench.run(secs(30));
    assert_eq!(all_received(&bench).len() + 8, 50, "and the sweep goes on where it was");
}

#[test]
fn stopping_does_not_wait_for_a_long_sweep() {
    let mut partner = Partner::new();
    partner.model("huawei", "E173");
    partner.capacity = 200;
    partner.delay = millis(100);
    for index in 0..200 {
        partner.store("SM", index, 1, &DELIVER.replace("7547", &format!("{index:04}")));
    }
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    bench.run(secs(1));
    bench.modem.finish(bench.now);
    bench.run(millis(300));
    assert!(!bench.modem.is_busy());
}

#[test]
fn deletes_and_parts_take_turns() {
    let mut bench = ready(Partner::new());
    for index in 1..=10 {
        bench
            .partner
            .store("SM", index, 0, &DELIVER.replace("7547", &format!("{index:04}")));
    }
    bench.submit(Job::Sweep { again: false }).unwrap();
    bench.run(secs(1));
    for index in 1..=10 {
        bench
            .submit(Job::Delete {
                proof: kept(place(b"SM", index)),
            })
            .unwrap();
    }
    for ticket in 0..10 {
        bench.send(ticket);
        bench.wait_settled();
    }
    assert!(
        bench.partner.memories["SM"].len() <= 1,
        "{:?}",
        bench.partner.memories["SM"].len()
    );
}

#[test]
fn a_modem_that_fell_into_text_mode_is_set_up_anew() {
    let mut bench = ready(Partner::new());
    bench.partner.on_each(
        "AT+CMGR=1",
        &["+CMGR: \"REC UNREAD\",\"+491701234567\",,\"13/01/28,14:51:42+08\"\r\nHello\r\n\r\nOK"],
    );
    bench.says("\r\n+CMTI: \"SM\",1\r\n");
    bench.run(secs(1));
    assert!(bench.has_written("AT+CMGF=0"));
}

/// A modem that routes directly: it knows +CSMS=1.
fn flash() -> (Config, Partner) {
    (
        Config {
            flash: true,
            ..Config::default()
        },
        Partner::new(),
    )
}

#[test]
fn a_flash_message_is_acknowledged_only_when_it_is_kept() {
    let (config, partner) = flash();
    let mut bench = Bench::new(config, partner);
    bench.until_state(SlotState::Ready);
    bench.run(secs(2));
    assert_eq!(bench.modem.facts().routing, Routing::Direct);
    assert!(bench.has_written("AT+CSMS=1") && bench.has_written("AT+CNMI=2,2,0,2,0"));
    bench.says(format!("\r\n+CMT: ,35\r\n{DELIVER}\r\n"));
    assert_eq!(
        received(&mut bench),
        RawInbound {
            pdu: octets(DELIVER),
            memory: None
        }
    );
    bench.run(secs(5));
    assert!(!bench.has_written("AT+CNMA"));
    bench.submit(Job::Acknowledge { proof: kept(()) }).unwrap();
    bench.run(secs(1));
    assert_eq!(bench.count_written("AT+CNMA"), 1);
    bench.submit(Job::Acknowledge { proof: kept(()) }).unwrap();
    bench.run(secs(60));
    assert_eq!(bench.count_written("AT+CNMA"), 1, "one message, one acknowledgement");
}

#[test]
fn a_missed_acknowledgement_sets_the_routing_again_and_sweeps() {
    let (config, partner) = flash();
    let mut bench = ready_with(config, partner);
    bench.says(format!("\r\n+CMT: ,35\r\n{DELIVER}\r\n"));
    bench.run(secs(20));
    assert_eq!(bench.count_written("AT+CNMI=2,2,0,2,0"), 1);
    assert!(bench.has_written("AT+CMGL=4"));
    bench.submit(Job::Acknowledge { proof: kept(()) }).unwrap();
    bench.run(secs(1));
    assert!(!bench.has_written("AT+CNMA"), "the network gives it again");
}

#[test]
fn what_an_earlier_life_did_not_acknowledge_leaves_no_routing_off() {
    let (config, partner) = flash();
    let mut bench = ready_with(config, partner);
    // Now the modem gives up waiting for the earlier life, and tells nobody that it routes no more.
    bench.run(secs(20));
    assert_eq!(bench.count_written("AT+CNMI=2,2,0,2,0"), 1);
    bench.run(secs(200));
    assert_eq!(bench.count_written("AT+CNMI=2,2,0,2,0"), 1, "once is enough");
}

#[test]
fn setting_the_routing_again_costs_no_acknowledgement() {
    let (config, partner) = flash();
    let mut bench = ready_with(config, partner);
    bench.run(secs(10));
    bench.says(format!("\r\n+CMT: ,35\r\n{DELIVER}\r\n"));
    bench.run(secs(10));
    bench.submit(Job::Acknowledge { proof: kept(()) }).unwrap();
    bench.run(secs(1));
    assert_eq!(bench.count_written("AT+CNMA"), 1);
}

#[test]
fn an_acknowledgement_that_is_not_expected_any_more_sets_the_routing_again() {
    let (config, mut partner) = flash();
    partner.on("AT+CNMA", "+CMS ERROR: 340");
    let mut bench = ready_with(config, partner);
    bench.says(format!("\r\n+CMT: ,35\r\n{DELIVER}\r\n"));
    bench.submit(Job::Acknowledge { proof: kept(()) }).unwrap();
    bench.run(secs(5));
    assert_eq!(bench.count_written("AT+CNMI=2,2,0,2,0"), 1);
}

#[test]
fn without_acknowledged_service_nothing_is_routed_directly() {
    let (config, mut partner) = flash();
    partner.on("AT+CSMS=1", "ERROR");
    let mut bench = Bench::new(config, partner);
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().routing, Routing::Stored);
    let told = |event: &Event| matches!(event, Event::Notice(text) if text.contains("flash"));
    assert!(bench.events.iter().any(told));
    assert!(
        !bench
            .lines()
            .iter()
            .any(|line| line.starts_with("AT+CNMI=2,2") || line.contains(",0,1,"))
    );
}

#[test]
fn a_message_that_comes_directly_in_stored_mode_is_kept_and_not_acknowledged() {
    let mut bench = ready(Partner::new());
    bench.says(format!("\r\n+CMT: ,35\r\n{DELIVER}\r\n"));
    received(&mut bench);
    bench.submit(Job::Acknowledge { proof: kept(()) }).unwrap();
    bench.run(secs(60));
    assert!(!bench.has_written("AT+CNMA"));
}

#[test]
fn a_damaged_pdu_is_handed_over_as_it_came() {
    let mut bench = ready(Partner::new());
    let junk = "00040B911234567JUNK000000250100173832305C8329BFD06";
    bench.says(format!("\r\n+CMT: ,2X\r\n{junk}\r\n"));
    assert_eq!(received(&mut bench).pdu, junk.as_bytes());
}

#[test]
fn a_pdu_without_its_service_centre_part_gets_an_empty_one() {
    let mut bench = ready(Partner::new());
    let tpdu = &DELIVER[16..];
    bench.says(format!("\r\n+CMT: ,{}\r\n{tpdu}\r\n", tpdu.len() / 2));
    let pdu = received(&mut bench).pdu;
    assert_eq!(pdu[0], 0);
    assert_eq!(pdu[1..], octets(tpdu));
}

#[test]
fn reports_come_stored_else_directly_else_not_at_all_and_health_can_say_so() {
    let choose = |refused: &[&str], service: &str| {
        let mut partner = Partner::new();
        partner.on("AT+CSMS=1", service);
        for command in refused {
            partner.on(command, "+CMS ERROR: 303");
        }
        let mut bench = Bench::new(Config::default(), partner);
        bench.until_state(SlotState::Ready);
        let lines = bench.lines();
        let chosen = lines
            .iter()
            .rev()
            .find(|line| line.starts_with("AT+CNMI="))
            .unwrap()
            .clone();
        (chosen, bench.modem.facts().reports)
    };
    let stored = ["AT+CNMI=2,1,0,2,0", "AT+CNMI=2,1,0,2,1"];
    assert_eq!(choose(&[], "OK"), (String::from("AT+CNMI=2,1,0,2,0"), true));
    assert_eq!(choose(&stored[..1], "OK").0, "AT+CNMI=2,1,0,2,1");
    // mode 1 of the same is offered too, so all its forms are refused here.
    let all_stored = [
        "AT+CNMI=2,1,0,2,0",
        "AT+CNMI=2,1,0,2,1",
        "AT+CNMI=1,1,0,2,0",
        "AT+CNMI=1,1,0,2,1",
    ];
    assert_eq!(choose(&all_stored, "OK"), (String::from("AT+CNMI=2,1,0,1,0"), true));
    assert_eq!(choose(&all_stored, "ERROR"), (String::from("AT+CNMI=2,1,0,0,0"), false));
}

#[test]
fn a_report_that_is_routed_directly_is_acknowledged_after_the_commit() {
    let mut partner = Partner::new();
    partner.on("AT+CNMI=?", "+CNMI: (0-2),(0-1),(0),(0-1),(0,1)\r\n\r\nOK");
    let mut bench = ready(partner);
    assert_eq!(bench.modem.facts().routing, Routing::Stored);
    bench.says(format!("\r\n+CDS: 35\r\n{DELIVER}\r\n"));
    assert_eq!(received(&mut bench).memory, None);
    bench.submit(Job::Acknowledge { proof: kept(()) }).unwrap();
    bench.run(secs(1));
    assert_eq!(bench.count_written("AT+CNMA"), 1);
}

#[test]
fn a_modem_that_announces_nothing_is_swept() {
    let mut partner = Partner::new();
    partner.on("AT+CNMI=?", "ERROR").on("AT+CSMS=1", "ERROR");
    for plan in ["2,1,0,2,0", "2,1,0,2,1", "2,1,0,0,0", "2,1,0,0,1"] {
        partner.on(&format!("AT+CNMI={plan}"), "ERROR");
    }
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().routing, Routing::Polled);
    bench.run(secs(2));
    bench.partner.store("SM", 1, 0, DELIVER);
    bench.run(secs(301));
    assert_eq!(all_received(&bench).len(), 1);
}

#[test]
fn a_modem_without_a_memory_only_sends() {
    let mut partner = Partner::new();
    partner
        .on("AT+CPMS=?", "+CPMS: (),(),()\r\n\r\nOK")
        .on("AT+CNMI=?", "ERROR")
        .on("AT+CSMS=1", "ERROR");
    for plan in ["2,1,0,2,0", "2,1,0,2,1", "2,1,0,0,0", "2,1,0,0,1"] {
        partner.on(&format!("AT+CNMI={plan}"), "ERROR");
    }
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    assert_eq!(bench.modem.facts().routing, Routing::Nothing);
    bench.send(1);
    bench.wait_settled();
    bench.run(secs(3600));
    assert!(!bench.lines().iter().any(|line| line.starts_with("AT+CMGL")));
}

#[test]
fn a_delete_that_fails_is_tried_again_and_then_told() {
    let mut bench = ready(Partner::new());
    bench.partner.store("SM", 1, 0, DELIVER);
    bench.partner.on_each("AT+CMGD=1", &["+CMS ERROR: 320", "OK"]);
    bench.submit(Job::Sweep { again: false }).unwrap();
    received(&mut bench);
    bench
        .submit(Job::Delete {
            proof: kept(place(b"SM", 1)),
        })
        .unwrap();
    bench.run(secs(5));
    assert_eq!(bench.count_written("AT+CMGD=1"), 2);
    bench.partner.on("AT+CMGD=1", "+CMS ERROR: 320");
    bench.submit(Job::Sweep { again: true }).unwrap();
    received(&mut bench);
    bench
        .submit(Job::Delete {
            proof: kept(place(b"SM", 1)),
        })
        .unwrap();
    bench.run(secs(10));
    let told = |event: &Event| matches!(event, Event::Notice(text) if text.contains("SM 1"));
    assert!(bench.events.iter().any(told));
    bench.run(secs(600));
    assert!(!all_received(&bench).is_empty(), "the next sweep hands it over again");
}

#[test]
fn a_sweep_interval_of_the_configuration_is_kept() {
    let mut config = Config::default();
    config.timers.set(Timer::Sweep, secs(10));
    let mut bench = ready_with(config, Partner::new());
    bench.partner.store("SM", 1, 0, DELIVER);
    bench.run(secs(11));
    assert_eq!(all_received(&bench).len(), 1);
}

#[test]
fn messages_are_heard_through_noise_and_one_octet_at_a_time() {
    let mut partner = Partner::new();
    partner.store("SM", 1, 0, DELIVER);
    // The other two memories, read before this one, are empty.
    let empty = Reply(vec![(millis(1), b"\r\nOK\r\n".to_vec())]);
    let mut replies = VecDeque::from([empty.clone(), empty]);
    let answer = format!("\r\n+CMGL: 1,0,,35\r\n{DELIVER}\r\n\r\nOK\r\n");
    let octets: Vec<_> = answer.bytes().map(|octet| vec![octet]).collect();
    replies.push_back(Reply(octets.into_iter().map(|octet| (millis(1), octet)).collect()));
    partner.on_raw("AT+CMGL=4", replies);
    let mut bench = Bench::new(Config::default(), partner);
    bench.says("\0\0\u{80}\u{81}^RSSI:12\r\n");
    assert_eq!(received(&mut bench).memory, Some(place(b"SM", 1)));
}

#[test]
fn sending_goes_on_while_messages_pour_in() {
    let mut bench = ready(Partner::new());
    for index in 1..=20 {
        bench
            .partner
            .store("SM", index, 0, &DELIVER.replace("7547", &format!("{index:04}")));
        bench.says(format!("\r\n+CMTI: \"SM\",{index}\r\n"));
        bench.submit(Job::Send(part(index.into()))).unwrap();
        bench.wait_settled();
    }
    bench.run(secs(1));
    assert_eq!(bench.modem.facts().counters.received, 20);
    assert_eq!(bench.modem.facts().counters.sent, 20);
}
