use std::time::Duration;

use super::*;

struct World {
    slots: BTreeMap<RouteId, SlotConfig>,
    ports: BTreeMap<PathBuf, Port>,
    known: BTreeMap<PathBuf, Knowledge>,
    seated: BTreeMap<RouteId, PathBuf>,
    hints: Hints,
    now: Instant,
}

impl World {
    fn new(ports: &[&str]) -> Self {
        let port = |name: &&str| {
            let (device, hardware) = name.split_once('@').unwrap_or((name, ""));
            let device = PathBuf::from(device);
            let hardware = (!hardware.is_empty()).then(|| hardware.to_owned());
            (
                device.clone(),
                Port {
                    device,
                    names: Vec::new(),
                    mark: (0, 0, 0),
                    hardware,
                },
            )
        };
        Self {
            slots: BTreeMap::new(),
            ports: ports.iter().map(port).collect(),
            known: BTreeMap::new(),
            seated: BTreeMap::new(),
            hints: Hints::default(),
            now: Instant::now(),
        }
    }

    fn slot(&mut self, name: &str, change: impl FnOnce(&mut SlotConfig)) -> &mut Self {
        let mut slot = SlotConfig::default();
        change(&mut slot);
        self.slots.insert(id(name), slot);
        self
    }

    fn knows(&mut self, device: &str, imei: &str, iccid: &str) -> &mut Self {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let who = Who {
            imei: text(imei),
            iccid: text(iccid),
            imsi: None,
        };
        self.known.insert(
            PathBuf::from(device),
            Knowledge {
                who: Some(who),
                ..Knowledge::default()
            },
        );
        self
    }

    fn plan(&self) -> Vec<Move> {
        self.situation().plan()
    }

    fn situation(&self) -> Situation<'_> {
        Situation {
            slots: &self.slots,
            ports: &self.ports,
            known: &self.known,
            seated: &self.seated,
            hints: &self.hints,
            now: self.now,
        }
    }
}

fn id(name: &str) -> RouteId {
    RouteId::new(name)
}

fn seat(name: &str, device: &str) -> Move {
    Move::Seat(id(name), PathBuf::from(device))
}

fn probe(device: &str) -> Move {
    Move::Probe(PathBuf::from(device))
}

#[test]
fn a_port_that_is_named_goes_to_the_slot_that_names_it() {
    let mut world = World::new(&["/dev/a", "/dev/b"]);
    world.slot("any", |slot| slot.glob = Some("/dev/*".into()));
    world.slot("one", |slot| slot.port = Some("/dev/a".into()));
    assert_eq!(world.plan(), [seat("any", "/dev/b"), seat("one", "/dev/a")]);
}

#[test]
fn unknown_ports_are_probed_only_while_a_slot_looks_for_its_modem() {
    let mut world = World::new(&["/dev/a", "/dev/b"]);
    assert_eq!(world.plan(), []);
    world.slot("one", |slot| slot.imei = Some("1".into()));
    assert_eq!(world.plan(), [probe("/dev/a"), probe("/dev/b")]);
    world.seated.insert(id("one"), "/dev/a".into());
    assert_eq!(world.plan(), []);
}

#[test]
fn a_recognised_modem_goes_to_its_slot_wherever_it_is() {
    let mut world = World::new(&["/dev/a", "/dev/b"]);
    world.slot("one", |slot| slot.imei = Some("1".into()));
    world.knows("/dev/b", "1", "");
    assert_eq!(world.plan()[0], seat("one", "/dev/b"));
}

#[test]
fn a_hint_spares_the_probe() {
    let mut world = World::new(&["/dev/a", "/dev/b"]);
    world.slot("one", |slot| slot.imei = Some("351234567890123".into()));
    world.hints.note("351234567890123", Path::new("/dev/b")).unwrap();
    assert_eq!(world.plan(), [seat("one", "/dev/b")]);
    world.knows("/dev/b", "351234567890124", "");
    assert_eq!(world.plan()[0], probe("/dev/a"), "the hint was wrong");
}

#[test]
fn equal_imeis_are_told_apart_by_card_or_port() {
    let mut world = World::new(&["/dev/a", "/dev/b", "/dev/c"]);
    world.slot("plain", |slot| slot.imei = Some("1".into()));
    world.slot("by card", |slot| {
        (slot.imei, slot.iccid) = (Some("1".into()), Some("89b".into()))
    });
    world.slot("by port", |slot| {
        (slot.imei, slot.port) = (Some("1".into()), Some("/dev/c".into()))
    });
    world
        .knows("/dev/a", "1", "89a")
        .knows("/dev/b", "1", "89b")
        .knows("/dev/c", "1", "89c");
    let plan = world.plan();
    assert_eq!(
        plan,
        [
            seat("by card", "/dev/b"),
            seat("by port", "/dev/c"),
            seat("plain", "/dev/a")
        ]
    );
}

#[test]
fn the_other_interfaces_of_a_modem_are_left_alone() {
    let mut world = World::new(&["/dev/a@x", "/dev/b@x", "/dev/c@y"]);
    world.slot("one", |slot| slot.imei = Some("1".into()));
    world.slot("two", |slot| slot.imei = Some("2".into()));
    assert_eq!(
        world.plan(),
        [probe("/dev/a"), probe("/dev/c")],
        "one interface at a time"
    );
    world.seated.insert(id("one"), "/dev/a".into());
    assert_eq!(world.plan(), [probe("/dev/c")]);
}

#[test]
fn a_silent_interface_lets_the_next_one_be_probed() {
    let mut world = World::new(&["/dev/a@x", "/dev/b@x"]);
    world.slot("one", |slot| slot.imei = Some("1".into()));
    let until = world.now + Duration::from_secs(30);
    let rests = Knowledge {
        rests_until: Some(until),
        failures: 1,
        ..Knowledge::default()
    };
    world.known.insert("/dev/a".into(), rests);
    assert_eq!(world.plan(), [probe("/dev/b")]);
    world.now = until;
    assert_eq!(world.plan(), [probe("/dev/a")], "after its rest it has another chance");
}

#[test]
fn a_pattern_does_not_take_what_another_slot_knows_as_its_own() {
    let mut world = World::new(&["/dev/a", "/dev/b"]);
    world.slot("any", |slot| slot.glob = Some("/dev/*".into()));
    world.slot("one", |slot| slot.imei = Some("1".into()));
    world.seated.insert(id("one"), "/dev/b".into());
    world.knows("/dev/a", "2", "");
    assert_eq!(world.plan(), [seat("any", "/dev/a")]);
    world.seated.clear();
    world.knows("/dev/a", "1", "");
    assert_eq!(world.plan(), [seat("any", "/dev/b"), seat("one", "/dev/a")]);
}

#[test]
fn a_modem_that_was_nobodys_goes_to_a_pattern_that_lost_its_port() {
    let mut world = World::new(&["/dev/a", "/dev/b"]);
    world
        .slot("mine", |slot| slot.imei = Some("2".into()))
        .slot("any", |slot| slot.glob = Some("/dev/*".into()))
        .knows("/dev/a", "1", "")
        .knows("/dev/b", "2", "");
    let until = world.now + Duration::from_secs(600);
    world
        .known
        .values_mut()
        .for_each(|known| known.rests_until = Some(until));
    assert_eq!(world.plan(), [seat("any", "/dev/a"), seat("mine", "/dev/b")]);
}

#[test]
fn one_pattern_serves_several_slots() {
    let mut world = World::new(&["/dev/a", "/dev/b", "/dev/c"]);
    for name in ["one", "two"] {
        world.slot(name, |slot| slot.glob = Some("/dev/*".into()));
    }
    assert_eq!(world.plan(), [seat("one", "/dev/a"), seat("two", "/dev/b")]);
}

#[test]
fn a_slot_that_is_not_used_gets_nothing() {
    let mut world = World::new(&["/dev/a"]);
    world.slot("one", |slot| (slot.port, slot.enabled) = (Some("/dev/a".into()), false));
    assert_eq!(world.plan(), []);
}

#[test]
fn an_absent_slot_says_why() {
    let mut world = World::new(&["/dev/a"]);
    world.slot("one", |slot| slot.port = Some("/dev/x".into()));
    world.slot("two", |slot| slot.imei = Some("1".into()));
    let silent = Knowledge {
        reason: Some("nobody answers".into()),
        ..Knowledge::default()
    };
    world.known.insert("/dev/a".into(), silent);
    let why = |name: &str| world.situation().absence(&world.slots[&id(name)]);
    assert_eq!(why("one"), "there is no port /dev/x");
    assert_eq!(
        why("two"),
        "looked at 1 ports, none is its modem's (/dev/a: nobody answers)"
    );
}

#[test]
fn a_port_of_which_a_slot_learnt_the_modem_alone_is_asked_to_the_end_for_another_slot() {
    let mut world = World::new(&["/dev/a"]);
    world.slot("card", |slot| slot.iccid = Some("89".into()));
    world.knows("/dev/a", "1", "");
    assert_eq!(world.plan(), [], "who was asked to the end is not asked again");
    world.known.get_mut(Path::new("/dev/a")).unwrap().partly = true;
    assert_eq!(world.plan(), [probe("/dev/a")]);
}
