//! Which slot gets which modem, on real pseudo-terminals.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer, in its helpers too")]

mod support;

use std::path::Path;
use std::time::Duration;

use message::SlotState;
use modemsim::{Fault, Modem, ModemSpec, Network, Settings};
use pool::SlotConfig;
use support::{Tried, by_imei, by_port, config};

fn network() -> Network {
    Network::start(Settings::default()).unwrap()
}

fn plug(network: &Network, index: usize, change: impl FnOnce(&mut ModemSpec)) -> Modem {
    let mut spec = ModemSpec::new(index);
    change(&mut spec);
    network.plug(spec).unwrap()
}

#[tokio::test]
async fn a_slot_known_by_its_port_comes_up_and_shows_who_is_there() {
    let network = network();
    let modem = plug(&network, 0, |_| {});
    let mut tried = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    tried.until_ready(["one"]).await;
    let shown = tried.shown("one");
    let spec = ModemSpec::new(0);
    assert_eq!(shown.port.as_deref(), modem.path().to_str());
    assert_eq!((shown.imei, shown.iccid), (Some(spec.imei), Some(spec.iccid)));
    assert_eq!(tried.ups_and_downs("one"), (1, 0));
}

#[tokio::test]
async fn slots_known_by_imei_iccid_imsi_or_pattern_find_their_modems() {
    let network = network();
    let modems: Vec<_> = (0..4).map(|index| plug(&network, index, |_| {})).collect();
    let spec = ModemSpec::new;
    let pattern = format!("{}/modem-*", network.dir().display());
    let mut tried = Tried::start(
        network.dir(),
        [
            ("by imei", by_imei(&spec(3).imei)),
            (
                "by iccid",
                SlotConfig {
                    iccid: Some(spec(2).iccid),
                    ..SlotConfig::default()
                },
            ),
            (
                "by imsi",
                SlotConfig {
                    imsi: Some(spec(1).imsi),
                    ..SlotConfig::default()
                },
            ),
            (
                "by pattern",
                SlotConfig {
                    glob: Some(pattern),
                    ..SlotConfig::default()
                },
            ),
        ],
    );
    tried
        .until_ready(["by imei", "by iccid", "by imsi", "by pattern"])
        .await;
    for (slot, index) in [("by imei", 3), ("by iccid", 2), ("by imsi", 1), ("by pattern", 0)] {
        assert_eq!(tried.shown(slot).imei, Some(spec(index).imei), "{slot}");
        assert_eq!(tried.shown(slot).port.as_deref(), modems[index].path().to_str());
    }
}

#[tokio::test]
async fn equal_imeis_are_told_apart_by_their_cards() {
    let network = network();
    let imei = ModemSpec::new(0).imei;
    for index in 0..2 {
        plug(&network, index, |spec| spec.imei = imei.clone());
    }
    let slot = |index| SlotConfig {
        iccid: Some(ModemSpec::new(index).iccid),
        ..by_imei(&imei)
    };
    let mut tried = Tried::start(network.dir(), [("first", slot(1)), ("second", slot(0))]);
    tried.until_ready(["first", "second"]).await;
    assert_eq!(tried.shown("first").iccid, Some(ModemSpec::new(1).iccid));
    assert_eq!(tried.shown("second").iccid, Some(ModemSpec::new(0).iccid));
}

#[tokio::test]
async fn a_modem_is_there_within_two_seconds_of_its_port_and_gone_at_once() {
    let network = network();
    let spec = ModemSpec::new(0);
    let mut tried = Tried::start(network.dir(), [("one", by_imei(&spec.imei))]);
    tried
        .until("absence with a reason", |tried| {
            tried.shown("one").reason.contains("no port")
        })
        .await;
    let modem = plug(&network, 0, |_| {});
    let probed = tried.until("the port", |tried| tried.ups_and_downs("one").0 == 1).await;
    assert!(probed < Duration::from_secs(2), "probed and opened in {probed:?}");
    tried.until_ready(["one"]).await;
    modem.fault(Fault::Unplug).unwrap();
    let gone = tried.until("the end", |tried| tried.is("one", SlotState::Absent)).await;
    assert!(gone < Duration::from_secs(1), "noticed in {gone:?}");
    modem
        .fault(Fault::Replug {
            name: Some(String::from("renumbered")),
        })
        .unwrap();
    let back = tried.until("the port", |tried| tried.ups_and_downs("one").0 == 2).await;
    assert!(back < Duration::from_secs(2), "probed and opened in {back:?}");
    tried.until_ready(["one"]).await;
    assert!(tried.shown("one").port.unwrap().ends_with("renumbered"));
}

#[tokio::test]
async fn a_port_that_is_named_is_opened_within_two_seconds_each_time_it_appears() {
    let network = network();
    let modem = plug(&network, 0, |_| {});
    let mut tried = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    tried.until_ready(["one"]).await;
    for time in 2..5 {
        modem.fault(Fault::Unplug).unwrap();
        tried.until("the end", |tried| tried.is("one", SlotState::Absent)).await;
        modem.fault(Fault::Replug { name: None }).unwrap();
        let back = tried
            .until("the port", |tried| tried.ups_and_downs("one").0 == time)
            .await;
        assert!(back < Duration::from_secs(2), "opened in {back:?}");
        tried.until_ready(["one"]).await;
    }
}

#[tokio::test]
async fn a_port_that_never_answers_is_given_up_and_the_others_are_found() {
    let network = network();
    let silent = plug(&network, 0, |_| {});
    silent.fault(Fault::Hang).unwrap();
    plug(&network, 1, |_| {});
    let mut config = config(
        network.dir(),
        [
            ("there", by_imei(&ModemSpec::new(1).imei)),
            ("silent", by_imei(&ModemSpec::new(0).imei)),
        ],
    );
    config.probe_s = 3;
    let mut tried = Tried::start_with(config);
    tried.until_ready(["there"]).await;
    tried
        .until("a reason", |tried| {
            tried.shown("silent").reason.contains("nobody answers")
        })
        .await;
    silent.fault(Fault::Heal).unwrap();
    tried.until_ready(["silent"]).await;
}

#[tokio::test]
async fn the_other_interfaces_of_a_modem_are_left_alone() {
    let network = network();
    let imei = ModemSpec::new(0).imei;
    for (index, name) in ["usb-Maker_1-if00-port0", "usb-Maker_1-if01-port0"]
        .into_iter()
        .enumerate()
    {
        plug(&network, index, |spec| {
            (spec.name, spec.imei) = (name.to_owned(), imei.clone())
        });
    }
    let nobody = by_imei(&ModemSpec::new(7).imei);
    let mut tried = Tried::start(network.dir(), [("one", by_imei(&imei)), ("nobody", nobody)]);
    tried.until_ready(["one"]).await;
    tried
        .until("a reason", |tried| tried.is("nobody", SlotState::Absent))
        .await;
    assert!(tried.shown("one").port.unwrap().ends_with("if00-port0"));
    let other = &network.modems()[1];
    assert_eq!(other.counts.commands, 0, "{other:?}");
}

#[tokio::test]
async fn modems_that_exchanged_their_ports_are_found_by_modem_and_by_card() {
    let network = network();
    let modems: Vec<_> = (0..3).map(|index| plug(&network, index, |_| {})).collect();
    let spec = ModemSpec::new;
    let by_card = SlotConfig {
        iccid: Some(spec(2).iccid),
        ..SlotConfig::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut settings = config(
        network.dir(),
        [
            ("first", by_imei(&spec(0).imei)),
            ("modem", by_imei(&spec(1).imei)),
            ("card", by_card),
        ],
    );
    settings.hint_file = Some(folder.path().join("hints"));
    let mut tried = Tried::start_with(settings);
    tried.until_ready(["first", "modem", "card"]).await;
    for modem in &modems[1..] {
        modem.fault(Fault::Unplug).unwrap();
    }
    for slot in ["modem", "card"] {
        tried.until("the end", |tried| tried.is(slot, SlotState::Absent)).await;
    }
    for (modem, name) in [(1, "modem-03"), (2, "modem-02")] {
        let name = Some(String::from(name));
        modems[modem].fault(Fault::Replug { name }).unwrap();
    }
    let back = tried.until_ready(["modem", "card"]).await;
    assert!(back < Duration::from_secs(20), "after {back:?}");
    for (slot, index, port) in [("modem", 1, "modem-03"), ("card", 2, "modem-02")] {
        assert_eq!(tried.shown(slot).imei, Some(spec(index).imei), "{slot}");
        assert!(tried.shown(slot).port.unwrap().ends_with(port), "{slot}");
    }
}

#[tokio::test]
async fn where_a_modem_was_is_noted_and_looked_at_first() {
    let network = network();
    for index in 0..3 {
        plug(&network, index, |_| {});
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hints");
    let settings = || {
        let mut settings = config(network.dir(), [("one", by_imei(&ModemSpec::new(2).imei))]);
        settings.hint_file = Some(file.clone());
        settings
    };
    let mut tried = Tried::start_with(settings());
    tried.until_ready(["one"]).await;
    let noted = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        noted,
        format!("{} {}/modem-03\n", ModemSpec::new(2).imei, network.dir().display())
    );
    tried.stop().await;
    let asked: Vec<_> = network.modems().iter().map(|modem| modem.counts.commands).collect();
    let mut tried = Tried::start_with(settings());
    tried.until_ready(["one"]).await;
    let again: Vec<_> = network.modems().iter().map(|modem| modem.counts.commands).collect();
    assert_eq!(asked[..2], again[..2], "nobody else was asked");
}

#[tokio::test]
async fn a_wrong_hint_costs_only_time() {
    let network = network();
    for index in 0..2 {
        plug(&network, index, |_| {});
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hints");
    let spec = ModemSpec::new(1);
    std::fs::write(&file, format!("{} {}/modem-01\n", spec.imei, network.dir().display())).unwrap();
    let mut settings = config(network.dir(), [("one", by_imei(&spec.imei))]);
    settings.hint_file = Some(file);
    let mut tried = Tried::start_with(settings);
    tried.until_ready(["one"]).await;
    assert_eq!(tried.shown("one").imei, Some(spec.imei));
}

#[tokio::test]
async fn a_pattern_gives_way_to_the_slot_whose_modem_it_caught() {
    let network = network();
    plug(&network, 0, |_| {});
    let pattern = format!("{}/*", network.dir().display());
    let any = SlotConfig {
        glob: Some(pattern),
        ..SlotConfig::default()
    };
    let mut tried = Tried::start(
        network.dir(),
        [("any", any), ("mine", by_imei(&ModemSpec::new(0).imei))],
    );
    tried.until_ready(["mine"]).await;
    tried
        .until("any without a port", |tried| tried.is("any", SlotState::Absent))
        .await;
}

#[tokio::test]
async fn a_port_held_by_another_program_says_so_and_is_taken_when_free() {
    let network = network();
    let modem = plug(&network, 0, |_| {});
    let held = tokio_serial::SerialStream::open(&tokio_serial::new(modem.path().to_string_lossy(), 9600)).unwrap();
    let mut tried = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    tried
        .until("a reason", |tried| {
            tried.shown("one").reason.contains("another program holds it")
        })
        .await;
    drop(held);
    tried.until_ready(["one"]).await;
}

#[tokio::test]
async fn a_reload_adds_moves_and_removes_slots_and_leaves_the_rest_alone() {
    let network = network();
    let modems: Vec<_> = (0..3).map(|index| plug(&network, index, |_| {})).collect();
    let port = |index: usize| by_port(modems[index].path());
    let mut tried = Tried::start(network.dir(), [("stays", port(0)), ("moves", port(1))]);
    tried.until_ready(["stays", "moves"]).await;
    let wanted = config(
        network.dir(),
        [("stays", port(0)), ("moves", port(2)), ("comes", port(1))],
    );
    tried.pool.reload(wanted).await.unwrap();
    tried
        .until("the move", |tried| {
            tried.shown("moves").imei == Some(ModemSpec::new(2).imei)
        })
        .await;
    tried.until_ready(["stays", "moves", "comes"]).await;
    tried
        .pool
        .reload(config(network.dir(), [("stays", port(0))]))
        .await
        .unwrap();
    tried
        .until("the end", |tried| tried.ups_and_downs("comes") == (1, 1))
        .await;
    assert_eq!(tried.pool.snapshots().len(), 1);
    assert_eq!(tried.ups_and_downs("stays"), (1, 0));
    let disabled = SlotConfig {
        enabled: false,
        ..port(0)
    };
    tried
        .pool
        .reload(config(network.dir(), [("stays", disabled)]))
        .await
        .unwrap();
    tried
        .until("the rest", |tried| tried.is("stays", SlotState::Disabled))
        .await;
    tried
        .until("the end", |tried| tried.ups_and_downs("stays") == (1, 1))
        .await;
    let wrong = config(Path::new("/dev"), [("bad", SlotConfig::default())]);
    assert!(tried.pool.reload(wrong).await.is_err());
}

#[tokio::test]
async fn a_port_where_another_modem_answers_is_left_with_the_reason() {
    let network = network();
    let modem = plug(&network, 0, |_| {});
    let wanted = ModemSpec::new(5).imei;
    let slot = SlotConfig {
        imei: Some(wanted),
        ..by_port(modem.path())
    };
    let mut tried = Tried::start(network.dir(), [("one", slot)]);
    let reason = format!("the modem there has IMEI {}", ModemSpec::new(0).imei);
    tried
        .until("a reason", |tried| tried.shown("one").reason.contains(&reason))
        .await;
    tried
        .until("the end", |tried| tried.ups_and_downs("one") == (1, 1))
        .await;
    assert_eq!(tried.shown("one").state, SlotState::Absent);
}

#[tokio::test]
async fn two_pools_never_share_a_port() {
    let network = network();
    let modem = plug(&network, 0, |_| {});
    let mut first = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    first.until_ready(["one"]).await;
    let mut second = Tried::start(network.dir(), [("one", by_port(modem.path()))]);
    second
        .until("a reason", |tried| {
            tried.shown("one").reason.contains("another program holds it")
        })
        .await;
    first.stop().await;
    second.until_ready(["one"]).await;
}

#[tokio::test]
async fn a_wrong_card_at_a_named_port_is_shown_and_a_wandering_card_is_followed() {
    let network = network();
    let modems: Vec<_> = (0..2).map(|index| plug(&network, index, |_| {})).collect();
    let card = |index| Some(ModemSpec::new(index).iccid);
    let named = SlotConfig {
        iccid: card(5),
        ..by_port(modems[0].path())
    };
    let wanders = SlotConfig {
        iccid: card(1),
        ..SlotConfig::default()
    };
    let mut tried = Tried::start(network.dir(), [("named", named), ("wanders", wanders)]);
    tried
        .until("the wrong card", |tried| tried.is("named", SlotState::WrongSim))
        .await;
    assert!(tried.shown("named").reason.contains(&ModemSpec::new(0).iccid));
    tried.until_ready(["wanders"]).await;
    modems[1].fault(Fault::Unplug).unwrap();
    tried
        .until("the end", |tried| tried.is("wanders", SlotState::Absent))
        .await;
    plug(&network, 2, |spec| spec.iccid = ModemSpec::new(1).iccid);
    tried.until_ready(["wanders"]).await;
    assert_eq!(tried.shown("wanders").imei, Some(ModemSpec::new(2).imei));
    assert_eq!(tried.ups_and_downs("named"), (1, 0));
}
