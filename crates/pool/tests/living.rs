//! What a slot does with its modem, and what it does not let others feel.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer, in its helpers too")]

mod support;

use std::time::{Duration, Instant};

use message::{Committed, ErrorClass, Outcome, RouteId, SlotState};
use modem::{Event, Job};
use modemsim::{Fault, ModemSpec, Network, Settings};
use pool::{NotTaken, SlotConfig, SlotEvent};
use support::{Tried, by_port, config, sent};

fn network(latency: u64) -> Network {
    let latency = Duration::from_millis(latency);
    Network::start(Settings {
        latency,
        ..Settings::default()
    })
    .unwrap()
}

#[tokio::test]
async fn a_part_goes_out_and_its_end_is_told_once() {
    let network = network(0);
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    let mut tried = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    tried.until_ready(["one"]).await;
    tried.send("one", 7, "+49151999999");
    assert!(sent(&tried.until_settled(7).await));
    tried
        .until("the count", |tried| tried.shown("one").traffic.sent == 1)
        .await;
    assert!(tried.shown("one").traffic.last_sent.is_some());
    assert_eq!(network.sent().len(), 1);
    let tried = tried.stop().await;
    assert_eq!(tried.outcomes(7).len(), 1);
}

#[tokio::test]
async fn stopping_finishes_the_exchange_that_is_open() {
    let network = network(700);
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    let mut tried = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    tried.until_ready(["one"]).await;
    tried.send("one", 1, "+49151999999");
    tried
        .until("the exchange", |tried| tried.is("one", SlotState::Busy))
        .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let tried = tried.stop().await;
    assert!(sent(&tried.outcomes(1)[0]), "{:?}", tried.told);
    assert_eq!(tried.ups_and_downs("one"), (1, 1));
    assert_eq!(
        tried.pool.submit(&RouteId::new("one"), Job::HangUp),
        Err(NotTaken::NoSlot)
    );
}

#[tokio::test]
async fn unplugging_in_the_middle_of_a_pdu_settles_the_part_and_takes_nothing_from_others() {
    let network = network(5);
    let modems: Vec<_> = (0..2)
        .map(|index| network.plug(ModemSpec::new(index)).unwrap())
        .collect();
    let slots = [("cut", by_port(modems[0].path())), ("whole", by_port(modems[1].path()))];
    let mut tried = Tried::start(network.dir(), slots);
    tried.until_ready(["cut", "whole"]).await;
    modems[0].fault(Fault::UnplugInPdu).unwrap();
    tried.send("cut", 1, "+49151999999");
    tried.send("whole", 2, "+49151999999");
    let cut = tried.until_settled(1).await;
    assert!(!sent(&cut), "{cut:?}");
    assert!(sent(&tried.until_settled(2).await));
    tried
        .until("the end", |tried| tried.ups_and_downs("cut") == (1, 1))
        .await;
    tried.send("cut", 3, "+49151999999");
    let Outcome::Failed(failure) = tried.until_settled(3).await else {
        panic!("no modem, no outcome")
    };
    assert_eq!(failure.class, ErrorClass::Hold, "{failure:?}");
}

#[tokio::test]
async fn floods_hangs_and_losses_of_some_take_nothing_from_another() {
    let network = network(2);
    let modems: Vec<_> = (0..5)
        .map(|index| network.plug(ModemSpec::new(index)).unwrap())
        .collect();
    let names = ["good", "floods", "hangs", "storms", "leaves"];
    let slots = std::array::from_fn(|index| (names[index], by_port(modems[index].path())));
    let mut tried = Tried::start::<5>(network.dir(), slots);
    tried.until_ready(names).await;
    let line = String::from("^BOOT:27710117,0,0,0,75");
    modems[1]
        .fault(Fault::UrcFlood {
            count: 200_000,
            line,
            every_ms: 0,
        })
        .unwrap();
    modems[2].fault(Fault::Hang).unwrap();
    modems[3].fault(Fault::EchoStorm { times: 200 }).unwrap();
    modems[4].fault(Fault::Unplug).unwrap();
    for slot in ["hangs", "storms"] {
        tried.send(slot, 1000, "+49151999999");
    }
    let start = Instant::now();
    for ticket in 0..100 {
        tried.send("good", ticket, "+49151999999");
        assert!(sent(&tried.until_settled(ticket).await));
    }
    let took = start.elapsed();
    assert!(took < Duration::from_secs(8), "100 messages of 2 ms took {took:?}");
    assert_eq!(tried.ups_and_downs("good"), (1, 0));
}

#[tokio::test]
async fn a_pin_is_entered_after_its_record_and_never_traced() {
    let network = network(0);
    let mut spec = ModemSpec::new(0);
    spec.pin = Some(String::from("4711"));
    let modem = network.plug(spec).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let slot: SlotConfig = toml::from_str(&format!("port = {:?}\npin = \"4711\"", modem.path())).unwrap();
    let mut settings = config(network.dir(), [("one", slot)]);
    settings.trace_folder = Some(folder.path().to_path_buf());
    settings.trace_texts = true;
    assert!(!format!("{settings:?}").contains("4711"));
    let mut tried = Tried::start_with(settings);
    let wanted = |tried: &Tried| {
        tried.told.iter().find_map(|event| match &event.event {
            SlotEvent::Modem(Event::PinWanted(pin_try)) => Some(pin_try.clone()),
            _ => None,
        })
    };
    tried
        .until("the wish for the PIN", |tried| wanted(tried).is_some())
        .await;
    let proof = Committed::witnessed(wanted(&tried).unwrap());
    tried
        .pool
        .submit(&RouteId::new("one"), Job::EnterPin { proof })
        .unwrap();
    tried.until_ready(["one"]).await;
    let file = folder.path().join("one.trace");
    tried
        .until("the trace", |_| {
            std::fs::read_to_string(&file).is_ok_and(|text| text.contains("+CPIN=***"))
        })
        .await;
    assert!(!std::fs::read_to_string(&file).unwrap().contains("4711"));
}

#[tokio::test]
async fn received_messages_are_handed_over_and_deleted_only_when_kept() {
    let network = network(0);
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    let mut tried = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    tried.until_ready(["one"]).await;
    network.text(modem.number(), "+4930123", "hello").unwrap();
    let received = |tried: &Tried| {
        tried.told.iter().find_map(|event| match &event.event {
            SlotEvent::Modem(Event::Received(raw)) => raw.memory,
            _ => None,
        })
    };
    tried.until("the message", |tried| received(tried).is_some()).await;
    assert_eq!(modem.stored().len(), 1, "not kept yet");
    let proof = Committed::witnessed(received(&tried).unwrap());
    tried.pool.submit(&RouteId::new("one"), Job::Delete { proof }).unwrap();
    tried.until("the deletion", |_| modem.stored().is_empty()).await;
    assert!(tried.shown("one").traffic.last_received.is_some());
}

#[tokio::test]
async fn the_confirms_of_full_memories_are_taken_all_at_once() {
    let network = network(0);
    let mut spec = ModemSpec::new(0);
    spec.sim_places = 200;
    let modem = network.plug(spec).unwrap();
    for index in 0..200 {
        network.text(modem.number(), "+4930123", &format!("{index}")).unwrap();
    }
    let mut tried = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    let places = |tried: &Tried| -> Vec<_> {
        let of = |event: &pool::PoolEvent| match &event.event {
            SlotEvent::Modem(Event::Received(raw)) => raw.memory,
            _ => None,
        };
        tried.told.iter().filter_map(of).collect()
    };
    tried.until("the messages", |tried| places(tried).len() == 200).await;
    // No await in between, so the slot takes nothing before all of them wait.
    for place in places(&tried) {
        let proof = Committed::witnessed(place);
        tried.pool.submit(&RouteId::new("one"), Job::Delete { proof }).unwrap();
    }
    tried.until("the deletions", |_| modem.stored().is_empty()).await;
}

#[tokio::test]
async fn a_gateway_that_is_gone_ends_the_pool_and_frees_the_ports() {
    let network = network(0);
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    let mut tried = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    tried.until_ready(["one"]).await;
    drop(tried);
    let mut again = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    again.until_ready(["one"]).await;
}

#[tokio::test]
async fn whoever_is_told_of_a_change_sees_it_shown() {
    let network = network(0);
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    let mut tried = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    for _ in 0..20 {
        let told = tried.next().await;
        match &told.event {
            SlotEvent::Modem(Event::SimIdentified(sim)) => assert_eq!(tried.shown("one").iccid, sim.iccid),
            SlotEvent::Modem(Event::Identified(identity)) => assert_eq!(tried.shown("one").imei, identity.imei),
            SlotEvent::Modem(Event::StateChanged {
                state: SlotState::Ready,
                ..
            }) => {
                assert!(tried.shown("one").state.can_send());
                modem.fault(Fault::Unplug).unwrap();
            }
            SlotEvent::Down { reason } => {
                assert_eq!(reason, "the port was unplugged");
                let shown = tried.shown("one");
                assert_eq!((shown.state, shown.port), (SlotState::Absent, None));
                return;
            }
            _ => {}
        }
    }
    panic!("the end was never told");
}
