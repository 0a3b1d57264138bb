//! Kept before it is told: a kill -9 says nothing about a power cut, so here the order of the system calls is read. What
//! was written to the database's log is synced before anybody hears of it: the caller, the network, the modem.

use std::time::Duration;

use end_to_end::{Act, Rig, Trace, eventually};
use modemsim::{ModemSpec, Settings};

#[test]
fn an_accepted_message_is_synced_before_the_answer_and_its_attempt_before_the_pdu() {
    if !Trace::is_possible() {
        return;
    }
    let rig = rig("");
    let (gateway, trace) = Trace::start(&rig);
    gateway.wait_ready(1);
    let id = gateway.api().send("+4915112345678", MARK);
    gateway.wait_state(&id, "sent", LIMIT);
    gateway.stop();

    let answered = trace.acts(is_answer);
    let accepted = first_write(&answered, MARK);
    assert_synced_before_out(&answered[accepted..], "the answer to sms.send");

    let handed = trace.acts(|call| is_to_modem(call, "\\32\""));
    let accepted = first_write(&handed, MARK);
    let kept = &handed[accepted..];
    assert_synced_before_out(kept, "the PDU with its Ctrl-Z");
    let out = kept
        .iter()
        .position(|(act, _)| *act == Act::Out)
        .expect("the PDU goes out");
    let syncs = transactions(&kept[..out]);
    assert!(
        syncs >= 2,
        "the attempt is kept in a transaction of its own, after the message's: {kept:#?}"
    );
}

#[test]
fn a_received_message_is_synced_before_it_is_deleted_on_the_modem() {
    if !Trace::is_possible() {
        return;
    }
    let rig = rig("");
    let (gateway, trace) = Trace::start(&rig);
    gateway.wait_ready(1);
    receive(&rig);
    assert_eq!(gateway.api().fetch(0, 60).len(), 1);
    eventually("it is deleted on the modem", LIMIT, || {
        rig.modems[0].stored().is_empty().then_some(())
    });
    gateway.stop();

    let acts = trace.acts(|call| is_to_modem(call, "\"AT+CMGD="));
    assert_synced_before_out(&acts[first_write(&acts, MARK)..], "AT+CMGD");
}

#[test]
fn a_routed_message_is_synced_before_it_is_acknowledged() {
    if !Trace::is_possible() {
        return;
    }
    let rig = rig("flash = true");
    let (gateway, trace) = Trace::start(&rig);
    gateway.wait_ready(1);
    receive(&rig);
    assert_eq!(gateway.api().fetch(0, 60).len(), 1);
    eventually("it is acknowledged", LIMIT, || {
        (rig.modems[0].view().ok()?.counts.acknowledged == 1).then_some(())
    });
    gateway.stop();

    let acts = trace.acts(|call| is_to_modem(call, "\"AT+CNMA"));
    assert_synced_before_out(&acts[first_write(&acts, MARK)..], "AT+CNMA");
}

/// A quiet gateway: one modem, no reports, a network that waits while strace slows everything down.
fn rig(slot: &str) -> Rig {
    let settings = Settings {
        ack_timeout: LIMIT,
        ..Settings::default()
    };
    Rig::with(settings, [ModemSpec::new(0)])
        .slot(0, slot)
        .config("[gateway]\nreport = false")
}

fn receive(rig: &Rig) {
    rig.network
        .text(rig.modems[0].number(), "+4930123456", MARK)
        .expect("a text");
}

/// What goes to a client of the API.
fn is_answer(call: &str) -> bool {
    let writes = ["write(", "writev(", "sendto(", "sendmsg("];
    writes.iter().any(|name| call.starts_with(name)) && call.contains("<TCP:[")
}

/// What goes to the modem and holds `octets`, as strace shows them.
fn is_to_modem(call: &str, octets: &str) -> bool {
    call.starts_with("write(") && call.contains("</dev/pts/") && call.contains(octets)
}

/// Where the text is written to the log first.
fn first_write(acts: &[(Act, String)], text: &str) -> usize {
    let holds = |(act, call): &(Act, String)| *act == Act::Write && call.contains(text);
    acts.iter()
        .position(holds)
        .unwrap_or_else(|| panic!("'{text}' is never kept: {acts:#?}"))
}

/// Whatever was written to the log before the first thing goes out is synced by then.
fn assert_synced_before_out(acts: &[(Act, String)], what: &str) {
    let out = acts.iter().position(|(act, _)| *act == Act::Out);
    let out = out.unwrap_or_else(|| panic!("{what} never goes out: {acts:#?}"));
    let last = acts[..out].last().map(|(act, _)| *act);
    assert_eq!(
        last,
        Some(Act::Sync),
        "{what} goes out before what it tells of is synced: {:#?}",
        &acts[..=out]
    );
}

/// How many times something was written and then synced.
fn transactions(acts: &[(Act, String)]) -> usize {
    acts.windows(2)
        .filter(|pair| pair[0].0 == Act::Write && pair[1].0 == Act::Sync)
        .count()
}

/// A text that is found again in the octets of the log.
const MARK: &str = "durable-mark-4711";

const LIMIT: Duration = Duration::from_secs(60);
