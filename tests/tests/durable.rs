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

    assert_synced_before_out(&trace.text(), is_answer);
    let is_pdu = |call: &str| is_to_modem(call, "\\32\"");
    assert_synced_before_out(&trace.text(), is_pdu);
    let kept = since_kept(&trace.text(), is_pdu);
    let out = kept
        .iter()
        .position(|(act, _)| *act == Act::Out)
        .expect("the PDU goes out");
    assert!(
        transactions(&kept[..out]) >= 2,
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

    assert_synced_before_out(&trace.text(), |call| is_to_modem(call, "\"AT+CMGD="));
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

    assert_synced_before_out(&trace.text(), |call| is_to_modem(call, "\"AT+CNMA"));
}

#[test]
fn the_check_finds_what_goes_out_too_early() {
    let is_delete = |call: &str| is_to_modem(call, "\"AT+CMGD=");
    let judged = |lines: &[&str]| synced_before_out(&lines.join("\n"), is_delete);
    let [write, sync, begun, ended, delete] = CALLS;
    assert_eq!(judged(&[write, sync, delete]), Ok(()));
    assert_eq!(judged(&[write, begun, ended, delete]), Ok(()));
    let early: [&[&str]; 5] = [
        // Never synced.
        &[write, delete],
        // Synced afterwards.
        &[write, delete, sync],
        // Begun to be synced, and no more.
        &[write, begun, delete, ended],
        // Something else was synced before.
        &[sync, write, delete],
        // Synced, and then written once more.
        &[write, sync, write, delete],
    ];
    for lines in early {
        assert!(judged(lines).is_err(), "{lines:#?}");
    }
}

#[test]
#[should_panic(expected = "a sync failed")]
fn a_sync_that_failed_is_none() {
    let [write, sync, .., delete] = CALLS;
    let failed = sync.replace("= 0", "= -1 EIO (Input/output error)");
    let _ = synced_before_out(&[write, &failed, delete].join("\n"), |call| is_to_modem(call, "CMGD"));
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

/// What happened from the first write of the text to the log on.
fn since_kept(text: &str, out: impl Fn(&str) -> bool) -> Vec<(Act, String)> {
    let mut acts = Trace::acts(text, out);
    let holds = |(act, call): &(Act, String)| *act == Act::Write && call.contains(MARK);
    let kept = acts.iter().position(holds);
    acts.split_off(kept.unwrap_or_else(|| panic!("'{MARK}' is never kept: {acts:#?}")))
}

/// Whatever was written to the log before the first thing goes out is synced by then; else what happened instead.
fn synced_before_out(text: &str, out: impl Fn(&str) -> bool) -> Result<(), String> {
    let acts = since_kept(text, out);
    let out = acts.iter().position(|(act, _)| *act == Act::Out);
    let out = out.ok_or_else(|| format!("it never goes out: {acts:#?}"))?;
    match acts[..out].last() {
        Some((Act::Sync, _)) => Ok(()),
        _ => Err(format!(
            "it goes out before what it tells of is synced: {:#?}",
            &acts[..=out]
        )),
    }
}

/// The order is right, and would be found wrong had nothing been synced.
fn assert_synced_before_out(text: &str, out: impl Fn(&str) -> bool) {
    assert_eq!(synced_before_out(text, &out), Ok(()));
    let doctored = synced_before_out(&Trace::without_syncs(text), &out);
    assert!(doctored.is_err(), "the check cannot fail: {text}");
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

/// A write to the log, a whole sync, one in two pieces, and a delete, as strace shows them.
const CALLS: [&str; 5] = [
    r#"101 pwrite64(9</d/simrelay.db-wal>, "..durable-mark-4711..", 4096, 4152) = 4096"#,
    "101 fdatasync(9</d/simrelay.db-wal>) = 0",
    "101 fdatasync(9</d/simrelay.db-wal> <unfinished ...>",
    "101 <... fdatasync resumed>) = 0",
    r#"102 write(14</dev/pts/3<char 136:3>>, "AT+CMGD=1\r", 10) = 10"#,
];
