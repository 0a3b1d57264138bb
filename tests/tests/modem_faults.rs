//! Modems that misbehave: a clear word about it, the others' work unaffected, nothing lost, nothing doubled.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use end_to_end::{Gateway, Rig, eventually};
use modemsim::{Fault, ModemSpec, Profile, Settings};
use serde_json::{Value, json};

/// Far more than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(120);

fn from(gateway: &Gateway, slot: &str, to: &str) -> String {
    gateway
        .api()
        .send_with(json!({ "to": to, "text": format!("to {to}"), "from": slot }))
}

/// How often the network took a message to each number.
fn counts(rig: &Rig) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for sent in rig.network.sent() {
        *counts.entry(sent.to).or_insert(0) += 1;
    }
    counts
}

fn inbox(gateway: &Gateway) -> Vec<String> {
    let messages = gateway.api().fetch(0, 0);
    messages
        .iter()
        .map(|message| message["text"].as_str().expect("a text").to_owned())
        .collect()
}

/// The slot's counters of what went wrong, and what health says of it.
fn recoveries(gateway: &Gateway, slot: &str) -> u64 {
    gateway.slot(slot)["recoveries"].as_u64().expect("a count")
}

#[test]
fn noise_on_the_line_costs_nothing() {
    let rig = Rig::new(2);
    let gateway = rig.start_ready();
    let chatter = |count, line: &str| Fault::UrcFlood {
        count,
        line: line.into(),
        every_ms: 0,
    };
    let faults = [
        Fault::Garbage { bytes: 3000 },
        Fault::Bytes {
            hex: format!("0D0A{}0D0A", "00FF80C0".repeat(40)),
        },
        Fault::OneByte,
        Fault::SlowBytes { ms: 1 },
        Fault::EchoStorm { times: 5 },
        chatter(500, "^BOOT:27710117,0,0,0,75"),
        chatter(50, "RING"),
        chatter(50, "OK"),
        chatter(20, "+CMTI: \"SM\",49"),
    ];
    let mut ids = Vec::new();
    for (index, fault) in faults.iter().enumerate() {
        rig.modems[0].fault(fault.clone()).expect("a fault");
        rig.network
            .text(rig.modems[0].number(), "+4930555", &format!("text {index}"))
            .expect("a text");
        ids.push(from(&gateway, "sim-0", &format!("+49301{index:03}")));
        ids.push(from(&gateway, "sim-1", &format!("+49302{index:03}")));
        for id in &ids[2 * index..] {
            eventually(&format!("{fault:?}: {id} is delivered"), LONG, || {
                let view = gateway.api().call("sms.status", json!({ "id": id })).expect("a status");
                (view["state"] == "delivered").then_some(())
            });
        }
        eventually(&format!("{fault:?}: the text arrives"), LONG, || {
            (inbox(&gateway).len() > index).then_some(())
        });
        rig.modems[0].fault(Fault::Heal).expect("healed");
    }
    let (counts, mut arrived) = (counts(&rig), inbox(&gateway));
    assert!(
        counts.len() == 2 * faults.len() && counts.values().all(|count| *count == 1),
        "{counts:?}"
    );
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived.len(), faults.len());
    let health = gateway.api().call("health", json!({})).expect("health");
    assert_ne!(health["level"], "CRITICAL", "{health}");
}

#[test]
fn an_unplugged_modem_leaves_no_message_lost_or_doubled() {
    // The second modem is back in the network a while after it is plugged in, so that what the network kept for it
    // finds the gateway ready.
    let specs = (0..4).map(|index| ModemSpec {
        profile: Profile {
            register_ms: if index == 1 { 3000 } else { 0 },
            ..Profile::default()
        },
        ..ModemSpec::new(index)
    });
    let rig = Rig::with(Settings::default(), specs).config("[store]\nuncertain_wait_s = 12\n");
    let gateway = rig.start_ready();
    let cuts = [
        Fault::UnplugInPdu,
        Fault::UnplugAfterCtrlZ { sent: true },
        Fault::UnplugAfterCtrlZ { sent: false },
    ];
    let mut ids = Vec::new();
    for (index, fault) in cuts.iter().enumerate() {
        rig.modems[index].fault(fault.clone()).expect("a fault");
        ids.push(from(&gateway, &format!("sim-{index}"), &format!("+4930000{index}")));
    }
    for index in 0..3 {
        let slot = gateway.wait_slot(&format!("sim-{index}"), "absent");
        assert_eq!(slot["port"], Value::Null, "{slot}");
        let finding = gateway.wait_finding(&format!("sim-{index}"), "");
        assert_eq!(finding["level"], "CRITICAL", "{finding}");
        assert!(
            finding["hint"].as_str().is_some_and(|hint| hint.contains("plug")),
            "{finding}"
        );
        let id = from(&gateway, "sim-3", &format!("+4930003{index}"));
        gateway.wait_state(&id, "delivered", LONG);
    }
    gateway.wait_log("the port was unplugged");
    for modem in &rig.modems[..3] {
        modem.fault(Fault::Replug { name: None }).expect("plugged in");
    }
    let views: Vec<Value> = ids.iter().map(|id| gateway.wait_state(id, "delivered", LONG)).collect();
    let doubts: Vec<bool> = views.iter().map(|view| view["maybe_twice"] == true).collect();
    // Where the PDU was handed over, nobody can tell whether its end was heard.
    assert_eq!(doubts, [true, false, true], "{views:#?}");
    let counts = counts(&rig);
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    gateway.wait_log("maybe twice");
}

#[test]
fn a_modem_that_starts_anew_in_the_middle_of_its_work_goes_on() {
    let latency = Duration::from_millis(100);
    let specs = (0..2).map(|index| ModemSpec {
        profile: Profile {
            boot_urcs: vec!["RDY".into()],
            ..Profile::default()
        },
        ..ModemSpec::new(index)
    });
    let rig = Rig::with(
        Settings {
            latency,
            ..Settings::default()
        },
        specs,
    )
    .config("[store]\nuncertain_wait_s = 3\n");
    let gateway = rig.start_ready();
    let ids: Vec<String> = (0..12)
        .map(|index| {
            from(
                &gateway,
                if index < 8 { "sim-0" } else { "sim-1" },
                &format!("+49300{index:02}"),
            )
        })
        .collect();
    let done = rig.network.wait_sent(3, LONG);
    assert!(done.len() >= 3);
    rig.modems[0].fault(Fault::Reboot).expect("a reboot");
    for id in &ids[8..] {
        gateway.wait_state(id, "delivered", LONG);
    }
    // A report that came while the modem started anew may be lost with its settings.
    let out = |id: &String| {
        eventually(&format!("{id} is out"), LONG, || {
            let view = gateway.api().call("sms.status", json!({ "id": id })).expect("a status");
            (view["state"] == "sent" || view["state"] == "delivered").then_some(view)
        })
    };
    let views: Vec<Value> = ids.iter().map(out).collect();
    let counts = counts(&rig);
    for view in &views {
        let count = counts[view["to"].as_str().expect("a number")];
        assert!(
            count == 1 || (count == 2 && view["maybe_twice"] == true),
            "{count} times: {view}"
        );
    }
    assert!(
        views.iter().filter(|view| view["maybe_twice"] == true).count() <= 1,
        "{views:#?}"
    );
    let slot = gateway.wait_slot("sim-0", "ready");
    assert!(slot["initialisations"].as_u64() >= Some(2), "{slot}");
}

#[test]
fn a_lost_network_is_told_and_the_work_goes_on_when_it_is_back() {
    let rig = Rig::new(2);
    let gateway = rig.start_ready();
    rig.modems[0].fault(Fault::Registration { stat: 2 }).expect("a fault");
    let searching = gateway.wait_slot("sim-0", "searching");
    assert_eq!(searching["registration"], "searching", "{searching}");
    let finding = gateway.wait_finding("sim-0", "");
    assert_eq!(finding["level"], "WARNING", "{finding}");
    let waits = from(&gateway, "sim-0", "+4930001");
    let free = gateway.api().send("+4930002", "any SIM");
    let view = gateway.wait_state(&free, "delivered", LONG);
    assert_eq!(view["parts"][0]["sim"], "sim-1");
    let explained = gateway
        .api()
        .call("route.explain", json!({ "to": "+4930002" }))
        .expect("explained");
    assert_eq!(explained["chosen"], "sim-1");
    let other = explained["routes"]
        .as_array()
        .expect("routes")
        .iter()
        .find(|route| route["route"] == "sim-0")
        .expect("it");
    assert_eq!(other["usable"], false, "{explained}");
    let view = gateway
        .api()
        .call("sms.status", json!({ "id": waits }))
        .expect("a status");
    assert_eq!(view["state"], "queued", "{view}");
    rig.modems[0].fault(Fault::Registration { stat: 5 }).expect("roaming");
    gateway.wait_state(&waits, "delivered", LONG);
    assert_eq!(gateway.wait_slot("sim-0", "ready")["registration"], "roaming");
    rig.modems[0].fault(Fault::Registration { stat: 3 }).expect("denied");
    let denied = gateway.wait_slot("sim-0", "searching");
    assert_eq!(denied["registration"], "denied", "{denied}");
    assert!(counts(&rig).values().all(|count| *count == 1));
}

#[test]
fn modems_that_hang_climb_the_ladder_in_sight_and_come_back() {
    let rig = Rig::new(5);
    let gateway = rig.start_ready();
    let [hung, deaf, flooding, empty, good] = [0, 1, 2, 3, 4].map(|index| format!("sim-{index}"));
    rig.modems[0].fault(Fault::Hang).expect("a fault");
    rig.modems[1].fault(Fault::StopReading).expect("a fault");
    let line = "^BOOT:27710117,0,0,0,75".to_owned();
    rig.modems[2]
        .fault(Fault::UrcFlood {
            count: 100_000,
            line,
            every_ms: 0,
        })
        .expect("a fault");
    rig.modems[3].fault(Fault::SimOut).expect("a fault");
    let ids: Vec<String> = [&hung, &deaf, &flooding, &empty]
        .iter()
        .map(|slot| from(&gateway, slot, &format!("+493000{}", &slot[4..])))
        .collect();
    let begun = Instant::now();
    for index in 0..20 {
        let id = from(&gateway, &good, &format!("+49309{index:02}"));
        gateway.wait_state(&id, "delivered", LONG);
    }
    let took = begun.elapsed();
    assert!(
        took < Duration::from_secs(40),
        "twenty messages beside broken modems took {took:?}"
    );

    let slot = gateway.wait_slot(&empty, "no_sim");
    assert!(
        slot["reason"].as_str().is_some_and(|reason| reason.contains("SIM")),
        "{slot}"
    );
    let finding = gateway.wait_finding(&empty, "SIM");
    assert_eq!(finding["level"], "CRITICAL", "{finding}");
    let refused = gateway
        .api()
        .refused("sms.send", json!({ "to": "+4930001", "text": "x", "from": empty }));
    assert_eq!(refused.code, 2010, "{refused:?}");

    for slot in [&hung, &deaf] {
        eventually(&format!("{slot} is recovered"), LONG, || {
            (recoveries(&gateway, slot) >= 2).then_some(())
        });
        let finding = gateway.wait_finding(slot, "");
        assert!(
            !finding["sentence"].as_str().expect("a sentence").is_empty(),
            "{finding}"
        );
        assert!(gateway.log().contains("recovery, "), "each step is in the log");
    }
    for modem in &rig.modems[..2] {
        modem.fault(Fault::Heal).expect("healed");
    }
    rig.modems[3].fault(Fault::SimIn).expect("the SIM is back");
    for slot in [&hung, &deaf, &flooding, &empty] {
        gateway.wait_slot(slot, "ready");
    }
    for id in &ids {
        let view = gateway.wait_state(id, "delivered", LONG);
        assert_eq!(view["maybe_twice"], false, "{view}");
    }
    let counts = counts(&rig);
    assert!(
        counts.len() == 24 && counts.values().all(|count| *count == 1),
        "{counts:?}"
    );
    let stats = gateway.api().call("stats", json!({})).expect("stats");
    let of = |name: &str| {
        stats["slots"]
            .as_array()
            .expect("slots")
            .iter()
            .find(|slot| slot["slot"] == name)
            .expect("it")
            .clone()
    };
    assert!(of(&hung)["recoveries"].as_u64() >= Some(2), "{stats}");
    assert_eq!(
        (&of(&good)["recoveries"], &of(&good)["sent"]),
        (&json!(0), &json!(20)),
        "{stats}"
    );
    eventually("health is well again", LONG, || {
        let health = gateway.api().call("health", json!({})).expect("health");
        (health["level"] != "CRITICAL").then_some(())
    });
}

#[test]
fn a_hung_modem_that_ranks_first_keeps_nothing_waiting_for_long() {
    let rig = cheap_and_dear();
    let gateway = rig.start_ready();
    let hangs = Fault::HangAfterCtrlZ { sent: false };
    rig.modems[0].fault(hangs).expect("a fault");
    let first = gateway.api().send("+4930001", "into the void");
    eventually("the first is with the cheapest", LONG, || {
        let view = gateway
            .api()
            .call("sms.status", json!({ "id": first }))
            .expect("a status");
        (view["parts"][0]["state"] == "attempting").then_some(())
    });
    let begun = Instant::now();
    let bulk = gateway.api().send("+4930002", "bulk");
    let alarm = json!({ "to": "+4930003", "text": "alarm", "priority": 3 });
    let alarm = gateway.api().send_with(alarm);
    for id in [&alarm, &bulk] {
        gateway.wait_state(id, "delivered", LONG);
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(60), "behind a hung modem they took {took:?}");
}

#[test]
fn a_quarantined_modem_that_ranks_first_gets_nothing() {
    let rig = cheap_and_dear();
    let gateway = rig.start_ready();
    rig.modems[0].fault(Fault::Hang).expect("a fault");
    let id = gateway.api().send("+4930001", "not to a deaf modem");
    let view = gateway.wait_state(&id, "delivered", LONG);
    assert_eq!(view["parts"][0]["sim"], "sim-1", "{view}");
    eventually("the ladder ends", 2 * LONG, || {
        (gateway.slot("sim-0")["state"] == "quarantined").then_some(())
    });
    let asked = json!({ "to": "+4930002" });
    let told = gateway.api().call("route.explain", asked).expect("a route");
    assert_eq!(told["chosen"], "sim-1", "as soon as it is told: {told}");
    let begun = Instant::now();
    let id = gateway.api().send("+4930002", "past it");
    let view = gateway.wait_state(&id, "delivered", LONG);
    let took = begun.elapsed();
    assert!(
        took < Duration::from_secs(20),
        "beside a quarantined modem it took {took:?}: {view}"
    );
}

/// Two modems, the first of which is chosen wherever it can be.
fn cheap_and_dear() -> Rig {
    Rig::new(2)
        .slot(0, "cost_micros = 10000")
        .slot(1, "cost_micros = 90000")
}
