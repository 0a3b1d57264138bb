//! Messages between our own SIMs: each to itself, each to the next, and one that keeps a SIM alive.
//!
//! A probe is on record before it is handed in, under the token that its text holds, so a crash neither forgets nor
//! repeats it. It is known by that token when it arrives and goes to nobody: it is kept and shown with a mark.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use message::{KeepAlive, MessageId, Probe, ProbeState, RouteId, SlotSnapshot};
use store::{ProbeKind, ProbeRow, Store};

use super::config::{CareSettings, Schedule};

/// The probes, as far as they matter still.
#[derive(Debug, Default)]
pub(crate) struct Probes(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Tokens of probes on their way, with who is to receive them.
    open: HashMap<String, RouteId>,
    /// The last one of each kind and SIM.
    last: BTreeMap<(ProbeKind, RouteId), Last>,
    /// Since when each kind is wanted.
    since: HashMap<ProbeKind, Timestamp>,
    /// Those of which it was asked why they do not arrive.
    explained: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Last {
    row: ProbeRow,
    /// The last one that arrived, and how long that took in milliseconds.
    arrived: Option<(Timestamp, u64)>,
}

/// A probe that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) kind: ProbeKind,
    pub(crate) route: RouteId,
    pub(crate) target: RouteId,
    /// The time it was to be sent at.
    pub(crate) due: Timestamp,
}

impl Probes {
    /// What is on record.
    pub(crate) async fn load(care: &CareSettings, store: &Store, now: Timestamp) -> Result<Self, store::Error> {
        let probes = Self::default();
        let rows = store.probes(now - REMEMBERED).await?;
        {
            let mut known = probes.lock();
            rows.into_iter().for_each(|row| known.learn(row));
        }
        probes.adopt(care, store, now).await?;
        Ok(probes)
    }

    /// Takes other settings: what is newly wanted is wanted from now on.
    pub(crate) async fn adopt(&self, care: &CareSettings, store: &Store, now: Timestamp) -> Result<(), store::Error> {
        let wanted = [
            (ProbeKind::SelfTest, care.self_test.is_on()),
            (ProbeKind::Ring, care.ring.is_on()),
            (
                ProbeKind::KeepAlive,
                care.slots.values().any(|care| care.keep_alive_days.is_some()),
            ),
        ];
        for (kind, wanted) in wanted {
            let since = store.probe_since(kind, wanted, now).await?;
            self.lock().since.insert(kind, since);
        }
        Ok(())
    }

    /// The token in a text, if it is that of a probe on its way.
    pub(crate) fn recognise(&self, text: &str) -> Option<String> {
        let token = text.trim().strip_prefix(WORDS)?.trim();
        self.lock().open.contains_key(token).then(|| token.to_owned())
    }

    /// It arrived on `route`: what is wrong with that, if anything.
    pub(crate) fn arrived(&self, token: &str, route: &RouteId, at: Timestamp) -> Option<String> {
        let mut known = self.lock();
        let target = known.open.remove(token)?;
        let wrong =
            (target != *route).then(|| format!("it was for {target} and arrived at {route}: correct their numbers"));
        for last in known.last.values_mut().filter(|last| last.row.token == token) {
            last.row.arrived = Some(at);
            last.row.error.clone_from(&wrong);
            last.arrived = Some((at, millis_between(last.row.at, at)));
        }
        wrong
    }

    /// It is on record.
    pub(crate) fn begun(&self, row: ProbeRow) {
        self.lock().learn(row);
    }

    /// It was handed in, or could not be.
    pub(crate) fn handed_in(&self, token: &str, sent: &Result<MessageId, String>) {
        let mut known = self.lock();
        if sent.is_err() {
            known.open.remove(token);
        }
        for last in known.last.values_mut().filter(|last| last.row.token == token) {
            match sent {
                Ok(id) => last.row.message = Some(*id),
                Err(why) => last.row.error = Some(why.clone()),
            }
        }
    }

    /// Why it does not arrive.
    pub(crate) fn explain(&self, token: &str, why: String) {
        let mut known = self.lock();
        for last in known.last.values_mut().filter(|last| last.row.token == token) {
            last.row.error.get_or_insert_with(|| why.clone());
        }
    }

    /// Probes that take too long, each once, with their messages.
    pub(crate) fn unexplained(&self, care: &CareSettings, now: Timestamp) -> Vec<(String, MessageId)> {
        let mut known = self.lock();
        let late = known.last.iter().filter(|((kind, _), last)| {
            let schedule = schedule_of(*kind, care);
            matches!(state_of(&last.row, schedule, now), ProbeState::Late | ProbeState::Lost)
        });
        let late: Vec<_> = late
            .filter_map(|(_, last)| Some((last.row.token.clone(), last.row.message?)))
            .collect();
        late.into_iter()
            .filter(|(token, _)| known.explained.insert(token.clone()))
            .collect()
    }

    /// What is to be sent now. `slots` are all slots, in their order; `patient`: one that is not ready may become so.
    pub(crate) fn due(
        &self,
        care: &CareSettings,
        slots: &[SlotSnapshot],
        now: Timestamp,
        zone: &TimeZone,
        patient: bool,
    ) -> Vec<Due> {
        let known = self.lock();
        let mut due = Vec::new();
        for slot in slots {
            let route = &slot.slot;
            let Some(of_slot) = care.slots.get(route) else { continue };
            let next = next_of(route, care, slots);
            let wanted = [
                (ProbeKind::SelfTest, of_slot.self_test, Some(route)),
                (ProbeKind::Ring, of_slot.ring, next),
            ];
            for (kind, takes_part, target) in wanted {
                let Some(target) = target.filter(|_| takes_part) else {
                    continue;
                };
                let since = known.counted_from(kind, route, now);
                let Some(at) = schedule_of(kind, care).due(since, now, zone) else {
                    continue;
                };
                if patient && !(is_ready(route, slots) && is_ready(target, slots)) {
                    continue;
                }
                due.push(Due {
                    kind,
                    route: route.clone(),
                    target: target.clone(),
                    due: at,
                });
            }
            // A test that goes out by it now keeps it alive as well.
            if !due.iter().any(|due: &Due| due.route == *route) {
                due.extend(known.alive_due(slot, care, next.unwrap_or(route), now));
            }
        }
        due
    }

    /// Puts what is known into the snapshot.
    pub(crate) fn show(&self, slots: &mut [SlotSnapshot], care: &CareSettings, now: Timestamp, zone: &TimeZone) {
        let known = self.lock();
        for slot in slots {
            slot.self_test = known.shown(ProbeKind::SelfTest, &slot.slot, care, now, zone);
            slot.ring = known.shown(ProbeKind::Ring, &slot.slot, care, now, zone);
            slot.keep_alive = known.alive(slot, care);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn learn(&mut self, row: ProbeRow) {
        if row.arrived.is_none() && row.error.is_none() {
            self.open.insert(row.token.clone(), row.target.clone());
        }
        let key = (row.kind, row.route.clone());
        let arrived = row.arrived.map(|at| (at, millis_between(row.at, at)));
        let before = self.last.remove(&key).and_then(|last| last.arrived);
        self.last.insert(
            key,
            Last {
                row,
                arrived: arrived.or(before),
            },
        );
    }

    /// From when on times count that may have been missed. A time ahead of the clock tells of a clock that was set back.
    fn counted_from(&self, kind: ProbeKind, route: &RouteId, now: Timestamp) -> Timestamp {
        let wanted = self.since.get(&kind).copied().unwrap_or(now);
        let last = self.last.get(&(kind, route.clone())).map(|last| last.row.due);
        wanted.max(last.unwrap_or(wanted)).min(now)
    }

    fn shown(
        &self,
        kind: ProbeKind,
        route: &RouteId,
        care: &CareSettings,
        now: Timestamp,
        zone: &TimeZone,
    ) -> Option<Probe> {
        let schedule = schedule_of(kind, care);
        let last = self.last.get(&(kind, route.clone())).filter(|_| schedule.is_on())?;
        Some(Probe {
            to: last.row.target.clone(),
            at: last.row.at,
            state: state_of(&last.row, schedule, now),
            latency_ms: last.arrived.map(|(_, latency)| latency),
            arrived_at: last.arrived.map(|(at, _)| at),
            reason: last.row.error.clone(),
            next: schedule.next_after(now, zone),
        })
    }

    /// When a SIM has to spend something. One that never did counts from when that was wanted first.
    fn alive(&self, slot: &SlotSnapshot, care: &CareSettings) -> Option<KeepAlive> {
        let care = care.slots.get(&slot.slot)?;
        let days = care.keep_alive_days?;
        let wanted = self.since.get(&ProbeKind::KeepAlive).copied()?;
        let from = slot.traffic.last_sent.unwrap_or(wanted);
        let day = |days: u16| SignedDuration::from_hours(24 * i64::from(days));
        Some(KeepAlive {
            last_event: slot.traffic.last_sent,
            due: from + day(days.saturating_sub(care.keep_alive_margin_days)),
            deadline: from + day(days),
        })
    }

    fn alive_due(&self, slot: &SlotSnapshot, care: &CareSettings, target: &RouteId, now: Timestamp) -> Option<Due> {
        let alive = self.alive(slot, care).filter(|alive| alive.due <= now)?;
        let last = self
            .last
            .get(&(ProbeKind::KeepAlive, slot.slot.clone()))
            .map(|last| last.row.at);
        let tried = last.is_some_and(|last| now.duration_since(last).abs() < TRY_AGAIN);
        let is_tested = |kind| {
            let last = self.last.get(&(kind, slot.slot.clone()));
            last.is_some_and(|last| last.row.error.is_none() && now.duration_since(last.row.at).abs() < ON_ITS_WAY)
        };
        let tried = tried || is_tested(ProbeKind::SelfTest) || is_tested(ProbeKind::Ring);
        (!tried && slot.state.can_send()).then(|| Due {
            kind: ProbeKind::KeepAlive,
            route: slot.slot.clone(),
            target: target.clone(),
            due: alive.due,
        })
    }
}

/// The text of a probe.
pub(crate) fn text_of(token: &str) -> String {
    format!("{WORDS}{token}")
}

/// The next SIM of the ring that could be written to; nothing where there is none but itself.
fn next_of<'a>(route: &RouteId, care: &CareSettings, slots: &'a [SlotSnapshot]) -> Option<&'a RouteId> {
    let place = slots.iter().position(|slot| slot.slot == *route)?;
    let (before, after) = slots.split_at(place);
    let others = after.iter().skip(1).chain(before);
    let takes_part = |slot: &&SlotSnapshot| care.slots.get(&slot.slot).is_some_and(|care| care.ring);
    others
        .filter(takes_part)
        .find(|slot| slot.number.is_some())
        .map(|slot| &slot.slot)
}

fn is_ready(route: &RouteId, slots: &[SlotSnapshot]) -> bool {
    slots.iter().any(|slot| slot.slot == *route && slot.state.can_send())
}

fn schedule_of(kind: ProbeKind, care: &CareSettings) -> &Schedule {
    match kind {
        ProbeKind::Ring => &care.ring,
        ProbeKind::SelfTest | ProbeKind::KeepAlive => &care.self_test,
    }
}

fn state_of(row: &ProbeRow, schedule: &Schedule, now: Timestamp) -> ProbeState {
    let age = now.duration_since(row.at).as_secs();
    match (row.arrived, &row.error) {
        (Some(_), None) => ProbeState::Arrived,
        (Some(_), Some(_)) => ProbeState::Lost,
        (None, Some(_)) if row.message.is_none() => ProbeState::Lost,
        (None, _) if age > i64::from(schedule.lost_after_s) => ProbeState::Lost,
        (None, _) if age > i64::from(schedule.late_after_s) => ProbeState::Late,
        (None, _) => ProbeState::Waiting,
    }
}

fn millis_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

/// What the text of a probe begins with; the token follows.
const WORDS: &str = "simrelay test ";

/// A probe that did not arrive for so long never will.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 14);

/// How long a test may take to go out, so that it keeps its SIM alive as well.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_hours(1);

/// How soon a SIM is kept alive again where nothing went out.
const TRY_AGAIN: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests {
    use message::{Number, SlotState};

    use super::*;
    use crate::{Every, SlotCare};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn slot(name: &str) -> SlotSnapshot {
        SlotSnapshot {
            state: SlotState::Ready,
            number: Some(Number::International("491711234567".into())),
            ..SlotSnapshot::blank(RouteId::new(name), at("2026-11-01T00:00:00Z"))
        }
    }

    fn care(names: &[&str]) -> CareSettings {
        let daily = Schedule {
            every: Every::Daily,
            ..Schedule::default()
        };
        CareSettings {
            slots: names
                .iter()
                .map(|name| (RouteId::new(name), SlotCare::default()))
                .collect(),
            self_test: daily.clone(),
            ring: daily,
        }
    }

    fn wanted_since(text: &str) -> Probes {
        let probes = Probes::default();
        for kind in [ProbeKind::SelfTest, ProbeKind::Ring, ProbeKind::KeepAlive] {
            probes.lock().since.insert(kind, at(text));
        }
        probes
    }

    fn due(
        probes: &Probes,
        care: &CareSettings,
        slots: &[SlotSnapshot],
        now: &str,
    ) -> Vec<(ProbeKind, String, String)> {
        let due = probes.due(care, slots, at(now), &TimeZone::UTC, true);
        due.into_iter()
            .map(|due| (due.kind, due.route.to_string(), due.target.to_string()))
            .collect()
    }

    fn row(kind: ProbeKind, route: &str, target: &str, sent: &str, token: &str) -> ProbeRow {
        ProbeRow {
            kind,
            route: RouteId::new(route),
            target: RouteId::new(target),
            due: at(sent),
            at: at(sent),
            token: token.into(),
            message: Some(MessageId::fresh()),
            arrived: None,
            error: None,
        }
    }

    #[test]
    fn each_sim_tests_itself_and_the_next_around_the_ring_once() {
        let (probes, care, slots) = (
            wanted_since("2026-11-20T12:00:00Z"),
            care(&["a", "b", "c"]),
            ["a", "b", "c"].map(slot),
        );
        assert_eq!(due(&probes, &care, &slots, "2026-11-21T03:59:59Z"), []);
        let all = due(&probes, &care, &slots, "2026-11-21T04:00:00Z");
        let ring: Vec<_> = all
            .iter()
            .filter(|due| due.0 == ProbeKind::Ring)
            .map(|due| (&*due.1, &*due.2))
            .collect();
        assert_eq!(ring, [("a", "b"), ("b", "c"), ("c", "a")]);
        assert_eq!(all.len(), 6);
        for due in probes.due(&care, &slots, at("2026-11-21T04:00:00Z"), &TimeZone::UTC, true) {
            let token = format!("{:?}{}", due.kind, due.route);
            probes.begun(row(
                due.kind,
                due.route.as_str(),
                due.target.as_str(),
                "2026-11-21T04:00:00Z",
                &token,
            ));
        }
        assert_eq!(due(&probes, &care, &slots, "2026-11-22T03:59:59Z"), []);
        assert_eq!(
            due(&probes, &care, &slots, "2026-11-30T03:00:00Z").len(),
            6,
            "missed ones are made up for once"
        );
    }

    #[test]
    fn a_sim_that_is_not_ready_is_waited_for_and_one_without_a_number_is_left_out_of_the_ring() {
        let (probes, care) = (wanted_since("2026-11-20T12:00:00Z"), care(&["a", "b"]));
        let mut slots = ["a", "b"].map(slot);
        slots[1].state = SlotState::Searching;
        let now = "2026-11-21T04:00:01Z";
        assert_eq!(
            due(&probes, &care, &slots, now),
            [(ProbeKind::SelfTest, "a".into(), "a".into())]
        );
        let impatient = probes.due(&care, &slots, at(now), &TimeZone::UTC, false);
        assert_eq!(impatient.len(), 4);
        slots[1].number = None;
        let ring = probes.due(&care, &slots, at(now), &TimeZone::UTC, false);
        assert_eq!(
            ring.iter().filter(|due| due.kind == ProbeKind::Ring).count(),
            1,
            "only b to a"
        );
    }

    #[test]
    fn a_clock_that_was_set_back_holds_up_no_test() {
        let (probes, care, slots) = (wanted_since("2027-11-20T12:00:00Z"), care(&["a"]), [slot("a")]);
        probes.begun(row(ProbeKind::SelfTest, "a", "a", "2027-11-21T04:00:00Z", "t"));
        assert_eq!(due(&probes, &care, &slots, "2026-11-22T03:00:00Z"), []);
        let known = probes
            .lock()
            .counted_from(ProbeKind::SelfTest, &RouteId::new("a"), at("2026-11-22T03:00:00Z"));
        assert_eq!(known, at("2026-11-22T03:00:00Z"));
    }

    #[test]
    fn a_probe_is_known_by_its_token_once_and_its_way_is_measured() {
        let (probes, care) = (wanted_since("2026-11-20T12:00:00Z"), care(&["a", "b"]));
        probes.begun(row(
            ProbeKind::Ring,
            "a",
            "b",
            "2026-11-21T04:00:00Z",
            "0123456789abcdef",
        ));
        assert_eq!(
            probes.recognise("simrelay test ffffffffffffffff"),
            None,
            "somebody else's text"
        );
        assert_eq!(
            probes.recognise("simrelay test 0123456789abcdef").as_deref(),
            Some("0123456789abcdef")
        );
        let arrived = at("2026-11-21T04:00:02.5Z");
        assert_eq!(probes.arrived("0123456789abcdef", &RouteId::new("b"), arrived), None);
        assert_eq!(probes.recognise("simrelay test 0123456789abcdef"), None);
        let mut slots = [slot("a")];
        probes.show(&mut slots, &care, at("2026-11-21T05:00:00Z"), &TimeZone::UTC);
        let shown = slots[0].ring.clone().unwrap();
        assert_eq!((shown.state, shown.latency_ms), (ProbeState::Arrived, Some(2_500)));
        assert_eq!(shown.next, Some(at("2026-11-22T04:00:00Z")));
        // The next one is on its way: what was measured stays.
        probes.begun(row(ProbeKind::Ring, "a", "b", "2026-11-22T04:00:00Z", "second"));
        for (now, state) in [
            ("2026-11-22T04:05:00Z", ProbeState::Waiting),
            ("2026-11-22T04:05:01Z", ProbeState::Late),
            ("2026-11-22T10:00:01Z", ProbeState::Lost),
        ] {
            probes.show(&mut slots, &care, at(now), &TimeZone::UTC);
            let shown = slots[0].ring.clone().unwrap();
            assert_eq!((shown.state, shown.latency_ms), (state, Some(2_500)), "{now}");
        }
        let asked = probes.unexplained(&care, at("2026-11-22T10:00:01Z"));
        assert_eq!((asked.len(), asked[0].0.as_str()), (1, "second"));
        assert_eq!(probes.unexplained(&care, at("2026-11-22T10:00:02Z")), [], "asked once");
    }

    #[test]
    fn a_sim_that_spends_nothing_is_kept_alive_before_its_operator_switches_it_off() {
        let probes = wanted_since("2026-01-01T00:00:00Z");
        let mut care = care(&["a", "b"]);
        (care.self_test.every, care.ring.every) = (Every::Never, Every::Never);
        if let Some(care) = care.slots.get_mut(&RouteId::new("a")) {
            care.keep_alive_days = Some(90);
        }
        let mut slots = ["a", "b"].map(slot);
        slots[0].traffic.last_sent = Some(at("2026-08-01T00:00:00Z"));
        let alive = (ProbeKind::KeepAlive, "a".to_owned(), "b".to_owned());
        assert_eq!(due(&probes, &care, &slots, "2026-10-22T23:59:59Z"), []);
        assert_eq!(due(&probes, &care, &slots, "2026-10-23T00:00:00Z"), vec![alive.clone()]);
        probes.begun(row(ProbeKind::KeepAlive, "a", "b", "2026-10-23T00:00:00Z", "t"));
        assert_eq!(due(&probes, &care, &slots, "2026-10-23T23:00:00Z"), [], "once a day");
        assert_eq!(due(&probes, &care, &slots, "2026-10-24T00:00:00Z"), [alive]);
        probes.show(&mut slots, &care, at("2026-10-23T00:00:00Z"), &TimeZone::UTC);
        let shown = slots[0].keep_alive.clone().unwrap();
        assert_eq!(
            (shown.due, shown.deadline),
            (at("2026-10-23T00:00:00Z"), at("2026-10-30T00:00:00Z"))
        );
        slots[0].traffic.last_sent = Some(at("2026-10-23T00:00:05Z"));
        assert_eq!(
            due(&probes, &care, &slots, "2026-10-30T00:00:00Z"),
            [],
            "it spent something"
        );
        assert_eq!(slots[1].keep_alive, None);
    }

    #[test]
    fn a_test_that_goes_out_keeps_its_sim_alive_and_nothing_more_is_spent() {
        let probes = wanted_since("2026-01-01T00:00:00Z");
        let mut care = care(&["a", "b"]);
        care.ring.every = Every::Never;
        if let Some(care) = care.slots.get_mut(&RouteId::new("a")) {
            care.keep_alive_days = Some(90);
        }
        let mut slots = ["a", "b"].map(slot);
        slots[0].traffic.last_sent = Some(at("2026-06-01T00:00:00Z"));
        let kinds = |now| -> Vec<ProbeKind> {
            let due = due(&probes, &care, &slots, now).into_iter();
            due.filter(|due| due.1 == "a").map(|due| due.0).collect()
        };
        assert_eq!(kinds("2026-11-21T04:00:00Z"), [ProbeKind::SelfTest]);
        probes.begun(row(ProbeKind::SelfTest, "a", "a", "2026-11-21T04:00:00Z", "test"));
        assert_eq!(kinds("2026-11-21T04:00:01Z"), [], "it is on its way");
        assert_eq!(
            kinds("2026-11-21T05:00:01Z"),
            [ProbeKind::KeepAlive],
            "it did not go out"
        );
    }
}
