//! Parts that lie on the modem before they are sent: what is told of them, and that nothing else is ever deleted.

mod bench;

use bench::{Bench, DELIVER, OTHER, Partner, part, secs};
use message::{JournalEntry, Memory, Outcome, RawInbound, SlotState};
use modem::{Config, Event, Job, Rejected, Send};

fn pdu() -> String {
    String::from("0001000C91947110325476000002E834")
}

fn entry(index: u16) -> JournalEntry {
    JournalEntry {
        place: Memory { name: *b"SM", index },
        tpdu: bench::TPDU.to_vec(),
    }
}

/// A modem that is set up and has nothing left to do.
fn ready(partner: Partner) -> Bench<Partner> {
    let mut bench = Bench::new(Config::default(), partner);
    bench.until_state(SlotState::Ready);
    bench.run(secs(2));
    bench.events.clear();
    bench.written.clear();
    bench
}

fn journalled(ticket: u64) -> Job {
    Job::Send(Send {
        journal: true,
        ..part(ticket)
    })
}

fn free(bench: &mut Bench<Partner>, entry: &JournalEntry) -> Result<(), Rejected> {
    let proof = bench::kept(entry.clone());
    bench.submit(Job::Free { proof })
}

fn freed(bench: &mut Bench<Partner>) -> (JournalEntry, bool) {
    bench.wait_for("the end of freeing", |event| match event {
        Event::JournalFreed { entry, gone } => Some((entry.clone(), *gone)),
        _ => None,
    })
}

fn received(event: &Event) -> Option<RawInbound> {
    match event {
        Event::Received(raw) => Some(raw.clone()),
        _ => None,
    }
}

#[test]
fn an_entry_is_stored_sent_named_and_read_before_it_is_deleted() {
    let mut bench = ready(Partner::new());
    bench.submit(journalled(1)).unwrap();
    let (_, outcome, journal) = bench.wait_settled();
    assert_eq!(outcome, Outcome::Sent { reference: Some(1) });
    assert_eq!(journal, Some(entry(1)));
    free(&mut bench, &entry(1)).unwrap();
    assert_eq!(freed(&mut bench), (entry(1), true));
    assert!(bench.partner.memories["SM"].is_empty());
    let lines = ["AT+CMGW=15", &(pdu() + "\x1a"), "AT+CMSS=1", "AT+CMGR=1", "AT+CMGD=1"];
    assert_eq!(bench.lines(), lines);
}

#[test]
fn entries_that_a_crash_left_are_found_by_the_first_sweep_and_freed_when_they_are_known() {
    let mut partner = Partner::new();
    partner.store("SM", 4, 3, &pdu());
    partner.store("SM", 5, 2, &pdu());
    let mut bench = Bench::new(Config::default(), partner);
    let mut found = Vec::new();
    for _ in 0..2 {
        found.push(bench.wait_for("a journal entry", |event| match event {
            Event::JournalFound { entry, sent } => Some((entry.clone(), *sent)),
            _ => None,
        }));
    }
    assert_eq!(found, [(entry(4), true), (entry(5), false)]);
    free(&mut bench, &entry(4)).unwrap();
    assert_eq!(freed(&mut bench), (entry(4), true));
    let left: Vec<u16> = bench.partner.memories["SM"].keys().copied().collect();
    assert_eq!(left, [5]);
}

#[test]
fn an_uncertain_entry_is_told_by_its_place_after_recovery() {
    let mut partner = Partner::new();
    partner.on("AT+CMSS=1", "");
    let mut bench = ready(partner);
    bench.submit(journalled(1)).unwrap();
    let (_, outcome, journal) = bench.wait_settled();
    assert!(matches!(outcome, Outcome::Uncertain { .. }));
    assert_eq!(journal, Some(entry(1)));
    bench.partner.store("SM", 1, 3, &pdu());
    let sent = bench.wait_for("the place's status", |event| match event {
        Event::JournalFound { sent, .. } => Some(*sent),
        _ => None,
    });
    assert!(sent);
}

#[test]
fn the_reference_that_the_modem_set_makes_no_other_entry() {
    let mut partner = Partner::new();
    partner.store("SM", 4, 3, &pdu().replacen("0001000C", "0001A70C", 1));
    let mut bench = ready(partner);
    free(&mut bench, &entry(4)).unwrap();
    assert_eq!(freed(&mut bench), (entry(4), true));
    assert!(bench.partner.memories["SM"].is_empty());
}

#[test]
fn what_came_into_the_place_of_an_entry_stays_and_is_told() {
    let drafts = [(2, pdu().replacen("E834", "E835", 1)), (1, OTHER.to_owned())];
    for (status, other) in drafts {
        let mut bench = ready(Partner::new());
        bench.submit(journalled(1)).unwrap();
        bench.wait_settled();
        bench.partner.store("SM", 1, status, &other);
        free(&mut bench, &entry(1)).unwrap();
        assert_eq!(freed(&mut bench), (entry(1), false));
        bench.wait_for("what lies there is told", |event| match event {
            Event::JournalFound { entry, .. } => (status == 2).then_some(entry.place.index),
            Event::Received(raw) => raw.memory.map(|place| place.index),
            _ => None,
        });
        assert_eq!(bench.partner.memories["SM"].len(), 1);
        assert!(!bench.has_written("AT+CMGD=1"));
    }
}

#[test]
fn a_place_that_is_empty_already_is_free() {
    for answer in ["+CMS ERROR: 321", "OK", "+CMGR: 0,,0\r\n\r\nOK"] {
        let mut partner = Partner::new();
        partner.on("AT+CMGR=1", answer);
        let mut bench = ready(partner);
        free(&mut bench, &entry(1)).unwrap();
        assert_eq!(freed(&mut bench), (entry(1), true), "{answer}");
        assert!(!bench.has_written("AT+CMGD=1"), "{answer}");
    }
}

#[test]
fn an_entry_that_cannot_be_deleted_stays_and_the_next_part_goes_out() {
    let mut partner = Partner::new();
    partner.on("AT+CMGD=1", "ERROR");
    let mut bench = ready(partner);
    bench.submit(journalled(1)).unwrap();
    bench.wait_settled();
    free(&mut bench, &entry(1)).unwrap();
    assert_eq!(freed(&mut bench), (entry(1), false));
    bench.submit(journalled(2)).unwrap();
    assert_eq!(bench.wait_settled().2, Some(entry(2)));
}

#[test]
fn the_end_of_freeing_is_told_though_the_port_is_lost() {
    let mut partner = Partner::new();
    partner.on("AT+CMGR=1", "");
    let mut bench = ready(partner);
    bench.submit(journalled(1)).unwrap();
    bench.wait_settled();
    free(&mut bench, &entry(1)).unwrap();
    bench.modem.lost(bench.now, "the port was unplugged");
    bench.says("");
    assert_eq!(freed(&mut bench), (entry(1), false));
    assert!(free(&mut bench, &entry(1)).is_err(), "and a lost modem takes no more");
}

#[test]
fn a_message_whose_delete_was_broken_off_is_read_before_it_is_deleted() {
    let mut partner = Partner::new();
    partner.store("SM", 1, 1, DELIVER);
    partner.on_each("AT+CMGD=1", &["", "OK"]);
    let mut bench = Bench::new(Config::default(), partner);
    let first = bench.wait_for("the message", received);
    let place = first.memory.unwrap();
    bench
        .submit(Job::Delete {
            proof: bench::kept(place),
        })
        .unwrap();
    bench.until("the delete", |bench| bench.has_written("AT+CMGD=1"));
    // It was deleted, nobody heard the answer, and another message came there.
    bench.partner.store("SM", 1, 0, OTHER);
    let second = bench.wait_for("the other message", received);
    assert_ne!(second.pdu, first.pdu);
    assert_eq!(bench.count_written("AT+CMGD=1"), 1, "{:#?}", bench.lines());
}
