//! The crash table (docs/architecture.md): kill -9 at each of its rows, then another life on the same folder.
//!
//! Nothing here is left to chance but in `random`. Where a moment is short, it is held: the database is held by the test
//! ([`Hold`]), so that the gateway knows and cannot keep, or the modem hangs, so that the gateway has kept and cannot go
//! on. What went out is told by the simulated network, not by the gateway.

mod delivery;
mod incoming;
mod journal;
mod outgoing;
mod random;
mod reports;

use std::time::Duration;

use end_to_end::{Gateway, Hold, Rig, eventually};
use modemsim::{Fault, Kept, ModemSpec, Rule, Sent, Settings};
use serde_json::{Value, json};

/// One modem in a network with these times, and a gateway that waits `wait_s` seconds for the report of an uncertain
/// part, and as long as it takes for a held database.
fn rig_in(settings: Settings, spec: ModemSpec, wait_s: u32) -> Rig {
    Rig::with(settings, [spec]).config(&format!("[store]\nuncertain_wait_s = {wait_s}\nbusy_wait_ms = 120000"))
}

/// The same in a network without delays.
fn rig(wait_s: u32) -> Rig {
    rig_in(Settings::default(), ModemSpec::new(0), wait_s)
}

/// What went out to a number, in order.
fn sent_to(rig: &Rig, number: &str) -> Vec<Sent> {
    let mut sent = rig.network.sent();
    sent.retain(|message| message.to == number);
    sent
}

/// Waits until `count` messages have gone out.
fn wait_sent(rig: &Rig, count: usize) {
    let sent = rig.network.wait_sent(count, LIMIT);
    assert!(sent.len() >= count, "only {} of {count} went out", sent.len());
}

/// Waits until a part of message `id` is in this state.
fn wait_part(gateway: &Gateway, id: &str, part: usize, state: &str) {
    eventually(&format!("part {part} becomes {state}"), LIMIT, || {
        let view = status(gateway, id);
        (view["parts"][part - 1]["state"] == state).then_some(())
    });
}

fn status(gateway: &Gateway, id: &str) -> Value {
    gateway
        .api()
        .call("sms.status", json!({ "id": id }))
        .expect("its status")
}

/// Shows that nothing more goes out to `number` than `count` messages: a message accepted later has gone out, and all
/// that was in doubt before is settled.
fn assert_no_more(gateway: &Gateway, rig: &Rig, number: &str, count: usize) {
    let later = gateway.api().send("+4915199999999", "the one behind");
    gateway.wait_state(&later, "delivered", LIMIT);
    assert_eq!(sent_to(rig, number).len(), count, "{:#?}", sent_to(rig, number));
}

/// Kills the gateway while the modem hangs in an attempt for `number`: it went out or not, and the gateway never heard.
fn killed_behind_ctrl_z(rig: &Rig, params: Value, sent: bool) -> String {
    let modem = &rig.modems[0];
    let gateway = rig.start_ready();
    let before = rig.network.sent().len();
    modem.fault(Fault::HangAfterCtrlZ { sent }).expect("a fault");
    let id = gateway.api().send_with(params);
    wait_part(&gateway, &id, 1, "attempting");
    if sent {
        wait_sent(rig, before + 1);
    }
    gateway.kill();
    modem.fault(Fault::Heal).expect("healed");
    id
}

/// Waits until the modem holds one message, and the gateway has read it.
fn wait_read(rig: &Rig) -> Kept {
    eventually("the message is read", LIMIT, || {
        let stored = rig.modems[0].stored();
        assert!(stored.len() <= 1, "more than one message: {stored:#?}");
        stored.into_iter().find(|kept| kept.status == READ)
    })
}

/// Waits until the modem holds no message.
fn wait_empty(rig: &Rig) {
    eventually("the modem is emptied", LIMIT, || {
        rig.modems[0].stored().is_empty().then_some(())
    });
}

/// Reports come so late that a test can get ready for them.
fn late_reports(rig: &Rig, report_ms: u64) {
    let rule = Rule {
        report_ms: Some(report_ms),
        ..Rule::default()
    };
    rig.network.rules(vec![rule]).expect("a rule");
}

/// A network that does not wait long for `+CNMA`.
fn impatient() -> Settings {
    Settings {
        ack_timeout: Duration::from_millis(1500),
        redelivery: Duration::from_millis(300),
        ..Settings::default()
    }
}

/// Starts the next life after one that left a routed message unacknowledged. The network repeats it once somebody
/// listens: until then the modem is out of its reach.
fn next_life_hears_the_network_again(rig: &Rig) -> Gateway {
    let modem = &rig.modems[0];
    modem.fault(Fault::Registration { stat: 2 }).expect("a fault");
    modem.fault(Fault::Heal).expect("healed");
    eventually("the network gives up waiting", LIMIT, || {
        (modem.view().ok()?.counts.unacknowledged == 1).then_some(())
    });
    let gateway = rig.start();
    eventually("the modem is set up", LIMIT, || {
        let slots = gateway.api().call("modems.list", json!({})).ok()?;
        (slots[0]["state"] == "searching").then_some(())
    });
    modem.fault(Fault::Registration { stat: 1 }).expect("healed");
    gateway
}

/// How many routed messages the gateway acknowledged.
fn acknowledged(rig: &Rig) -> u64 {
    rig.modems[0].view().expect("a modem").counts.acknowledged
}

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// `<stat>` of a message that was read (TS 27.005 3.1).
const READ: u8 = 1;

/// A number outside of the simulated network.
const FAR: &str = "+4915112345678";
