//! The one task that knows all ports and all slots, and brings them together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use message::{RouteId, SlotState};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use tracing::Instrument as _;

use crate::chair::{Chair, Stay, idle};
use crate::handle::{Door, Doors, PoolEvent};
use crate::held::Held;
use crate::hints::Hints;
use crate::plan::{Knowledge, Move, Situation, Who};
use crate::plugs::Plugs;
use crate::port::{Opening, Port, look_around};
use crate::probe::{Unknown, probe};
use crate::slot::{News, Place, Report, Seat, Seating, Slot};
use crate::snapshot::Show;
use crate::trace::Traces;
use crate::{Config, SlotConfig};

/// What the handle asks of the keeper.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take these settings, which were checked.
    Reload {
        config: Box<Config>,
        done: oneshot::Sender<()>,
    },
    /// End.
    Stop { done: oneshot::Sender<()> },
}

/// The keeper of ports and slots.
#[derive(Debug)]
pub(crate) struct Keeper {
    config: Config,
    slots: BTreeMap<RouteId, Chair>,
    ports: BTreeMap<PathBuf, Port>,
    known: BTreeMap<PathBuf, Knowledge>,
    hints: Hints,
    doors: Doors,
    events: mpsc::Sender<PoolEvent>,
    reports: mpsc::Sender<Report>,
    inbox: mpsc::Receiver<Report>,
    probes: JoinSet<(PathBuf, Result<Who, Unknown>)>,
    tasks: JoinSet<()>,
    traces: Traces,
    serial: u64,
}

impl Keeper {
    pub(crate) fn new(config: Config, events: mpsc::Sender<PoolEvent>, doors: Doors) -> Self {
        let (reports, inbox) = mpsc::channel(REPORTS);
        Self {
            hints: Hints::read(config.hint_file.as_deref()),
            traces: traces_of(&config),
            config,
            slots: BTreeMap::new(),
            ports: BTreeMap::new(),
            known: BTreeMap::new(),
            doors,
            events,
            reports,
            inbox,
            probes: JoinSet::new(),
            tasks: JoinSet::new(),
            serial: 0,
        }
    }

    /// Starts the tasks of slots that have none yet.
    pub(crate) fn furnish(&mut self) {
        for (name, config) in self.config.slots.clone() {
            if !self.slots.contains_key(&name) {
                self.add(name, config);
            }
        }
    }

    /// Runs until it is told to stop, or nobody listens any more.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut plugs = Plugs::new(&self.config);
        loop {
            let rest = self.next_chance();
            tokio::select! {
                () = plugs.changed() => {
                    self.look(&mut plugs).await;
                    self.give_up_silent();
                }
                () = sleep_until(rest.into()) => {}
                Some(report) = self.inbox.recv() => self.hear(report),
                Some(probed) = self.probes.join_next() => self.probed(probed.ok()),
                () = self.events.closed() => return self.stop().await,
                command = commands.recv() => match command {
                    Some(Command::Reload { config, done }) => {
                        self.reload(*config);
                        self.look(&mut plugs).await;
                        let _asker_gone = done.send(());
                    }
                    Some(Command::Stop { done }) => {
                        self.stop().await;
                        let _asker_gone = done.send(());
                        return;
                    }
                    None => return self.stop().await,
                },
            }
            self.arrange();
        }
    }

    /// Ends all slots, each after its exchange.
    async fn stop(mut self) {
        self.probes.abort_all();
        for chair in self.slots.values() {
            chair.seat.send_modify(|seat| seat.place = Place::Over);
        }
        self.doors.write().unwrap_or_else(PoisonError::into_inner).clear();
        loop {
            tokio::select! {
                ended = self.tasks.join_next() => if ended.is_none() { break },
                // Reports must not hold up the slots.
                Some(_report) = self.inbox.recv() => {}
            }
        }
    }

    /// Looks which ports there are.
    async fn look(&mut self, plugs: &mut Plugs) {
        let config = self.config.clone();
        let looked = tokio::task::spawn_blocking(move || look_around(&config));
        // A folder on a sick disk must not stop the rest; the next look may do better.
        let Ok(Ok(ports)) = timeout(LOOK_PATIENCE, looked).await else {
            tracing::warn!("looking for ports took too long");
            return;
        };
        plugs.watch(&self.config);
        self.known.retain(|device, known| {
            let same = ports.get(device).map(|port| port.mark) == self.ports.get(device).map(|port| port.mark);
            known.probing || (same && ports.contains_key(device))
        });
        for gone in self.ports.keys().filter(|device| !ports.contains_key(*device)) {
            tracing::info!(port = %gone.display(), "the port is gone");
        }
        for fresh in ports.values().filter(|port| !self.ports.contains_key(&port.device)) {
            tracing::info!(port = %fresh.name().display(), "a port is there");
        }
        self.ports = ports;
        self.leave_gone();
    }

    /// Calls slots back from ports that have vanished. Mostly the slot noticed before.
    fn leave_gone(&mut self) {
        for chair in self.slots.values_mut() {
            let gone = chair
                .stay
                .as_ref()
                .is_some_and(|stay| !self.ports.contains_key(&stay.device));
            if gone {
                chair.call_back("the port was unplugged");
            }
        }
    }

    /// Calls slots back from ports where no modem said who it is in time, unless the slot names that port.
    fn give_up_silent(&mut self) {
        let patience = self.config.probe() + GRACE;
        for (name, chair) in &mut self.slots {
            let named = self.config.slots.get(name).is_some_and(|slot| slot.port.is_some());
            let Some(stay) = &chair.stay else { continue };
            if named || stay.identified || stay.leaving || stay.since.elapsed() < patience {
                continue;
            }
            give_up(&mut self.known, &stay.device, "nobody answers there", LONGEST_SILENT);
            chair.call_back("nobody answers there");
        }
    }

    /// When a port that rests has another chance.
    fn next_chance(&self) -> Instant {
        let now = Instant::now();
        let rests = self
            .known
            .values()
            .filter(|known| !known.probing)
            .filter_map(|known| known.rests_until);
        let next = rests.filter(|until| *until > now).min();
        next.unwrap_or(now + NO_CHANCE)
    }

    /// Brings slots and ports together.
    fn arrange(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        let now = Instant::now();
        for known in self.known.values_mut() {
            // Cards are changed: who was there is asked again after a while.
            let stale = known.who.is_some() && known.rests_until.is_some_and(|until| until <= now);
            if stale {
                *known = Knowledge::default();
            }
        }
        let seated = self.seated();
        let situation = Situation {
            slots: &self.config.slots,
            ports: &self.ports,
            known: &self.known,
            seated: &seated,
            hints: &self.hints,
            now,
        };
        let moves = situation.plan();
        let absences = self.absences(&situation);
        for step in moves {
            match step {
                Move::Seat(slot, device) => self.seat(&slot, &device),
                Move::Probe(device) => self.probe(device),
            }
        }
        for (slot, reason) in absences {
            self.explain(&slot, reason);
        }
    }

    fn seated(&self) -> BTreeMap<RouteId, PathBuf> {
        let device = |(name, chair): (&RouteId, &Chair)| Some((name.clone(), chair.stay.as_ref()?.device.clone()));
        self.slots.iter().filter_map(device).collect()
    }

    fn absences(&self, situation: &Situation<'_>) -> Vec<(RouteId, String)> {
        let without = self.slots.iter().filter(|(_, chair)| chair.stay.is_none());
        let slots = without.filter_map(|(name, _)| Some((name, self.config.slots.get(name)?)));
        slots
            .filter(|(_, slot)| slot.enabled)
            .map(|(name, slot)| (name.clone(), situation.absence(slot)))
            .collect()
    }

    fn explain(&self, slot: &RouteId, reason: String) {
        let Some(chair) = self.slots.get(slot).filter(|chair| chair.stay.is_none()) else {
            return;
        };
        let place = Place::Nowhere {
            state: SlotState::Absent,
            reason,
        };
        chair.seat.send_if_modified(|seat| {
            let news = seat.place != place;
            seat.place = place;
            news
        });
    }

    fn seat(&mut self, slot: &RouteId, device: &Path) {
        let (Some(config), Some(port)) = (self.config.slots.get(slot), self.ports.get(device)) else {
            return;
        };
        let Some(chair) = self.slots.get_mut(slot) else { return };
        self.serial += 1;
        let name = config.port.clone().unwrap_or_else(|| port.name().to_path_buf());
        tracing::info!(modem = %slot, port = %name.display(), "the slot gets a port");
        let seating = Seating {
            serial: self.serial,
            name,
            opening: opening(config, device, self.config.exclusive),
        };
        let now = Instant::now();
        chair.stay = Some(Stay {
            serial: self.serial,
            device: device.to_path_buf(),
            since: now,
            identified: false,
            leaving: false,
        });
        chair.seat.send_modify(|seat| seat.place = Place::At(seating));
    }

    fn probe(&mut self, device: PathBuf) {
        let looking = self
            .config
            .slots
            .values()
            .find(|slot| slot.enabled && slot.has_identity());
        let Some(config) = looking else { return };
        self.known.entry(device.clone()).or_default().probing = true;
        let opening = opening(config, &device, self.config.exclusive);
        let (patience, trace) = (self.config.probe(), self.traces.of_slot());
        tracing::debug!(port = %device.display(), "the port is probed");
        self.probes.spawn(async move {
            let probed = probe(opening, patience, trace).await;
            (device, probed)
        });
    }

    /// Takes what a probe found.
    fn probed(&mut self, probed: Option<(PathBuf, Result<Who, Unknown>)>) {
        let Some((device, found)) = probed else {
            // A probe that ends without a word made a mistake of ours: nobody knows which, so all that are not running
            // are no longer waited for.
            if self.probes.is_empty() {
                self.known.values_mut().for_each(|known| known.probing = false);
            }
            return;
        };
        tracing::debug!(port = %device.display(), ?found, "the port was probed");
        if let Some(known) = self.known.get_mut(&device) {
            known.probing = false;
        }
        match found {
            Ok(who) => self.recognise(&device, who),
            Err(Unknown::Closed(reason)) => give_up(&mut self.known, &device, &reason, LONGEST_CLOSED),
            Err(Unknown::Silent(reason)) => give_up(&mut self.known, &device, &reason, LONGEST_SILENT),
        }
    }

    /// Notes who is at a port that no slot has.
    fn recognise(&mut self, device: &Path, who: Who) {
        let reason = who.stranger();
        let rests_until = Some(Instant::now() + ASK_AGAIN);
        let known = Knowledge {
            who: Some(who),
            rests_until: None,
            reason: Some(reason),
            ..Knowledge::default()
        };
        let claimed = self.config.slots.iter().any(|(name, slot)| {
            slot.enabled && self.slots.get(name).is_some_and(|chair| chair.stay.is_none()) && known.claims(slot)
        });
        let known = if claimed {
            known
        } else {
            Knowledge { rests_until, ..known }
        };
        self.known.insert(device.to_path_buf(), known);
    }

    /// Takes what a slot says about its stay.
    fn hear(&mut self, report: Report) {
        let Some(chair) = self.slots.get_mut(&report.slot) else {
            return;
        };
        let Some(stay) = chair.stay.as_mut().filter(|stay| stay.serial == report.serial) else {
            return;
        };
        match report.news {
            News::Ended(reason) => {
                let called_back = stay.leaving;
                let device = stay.device.clone();
                let was_good = stay.identified && stay.since.elapsed() > GOOD_STAY;
                chair.stay = None;
                if was_good {
                    self.known.remove(&device);
                }
                if !called_back {
                    give_up(&mut self.known, &device, &reason, LONGEST_CLOSED);
                }
            }
            News::Identified(who) => {
                stay.identified = true;
                let device = stay.device.clone();
                self.verify(&report.slot, &device, who);
            }
        }
    }

    /// Sees whether the modem is the slot's, and not another's.
    fn verify(&mut self, slot: &RouteId, device: &Path, who: Who) {
        let Some(config) = self.config.slots.get(slot) else {
            return;
        };
        let Some(port) = self.ports.get(device) else { return };
        // A hint can be wrong, and a pattern can reach another slot's modem.
        let elsewhere = || {
            self.config.slots.iter().any(|(name, other)| {
                let free = self.slots.get(name).is_some_and(|chair| chair.stay.is_none());
                name != slot && free && other.enabled && who.is(other) && !who.is(config)
            })
        };
        // A slot that names its port stays with a wrong card: its modem says so, and sends nothing.
        let stays = who.may_be(config) || (config.port.is_some() && who.modem_may_be(config));
        if stays && !elsewhere() {
            if let Some(imei) = &who.imei
                && let Err(error) = self.hints.note(imei, port.name())
            {
                tracing::warn!(%error, "the hint file cannot be written");
            }
            return;
        }
        let reason = who.stranger();
        tracing::info!(modem = %slot, port = %device.display(), %reason, "the slot leaves the port");
        let partly = self.config.slots.iter().any(|(name, other)| {
            let looks = other.enabled && self.slots.get(name).is_some_and(|chair| chair.stay.is_none());
            looks && name != slot && other.has_identity() && who.may_be(other) && !who.is(other)
        });
        self.recognise(device, who);
        if let Some(known) = self.known.get_mut(device).filter(|_| partly) {
            (known.partly, known.rests_until) = (true, None);
        }
        if let Some(chair) = self.slots.get_mut(slot) {
            chair.call_back(&reason);
        }
    }

    /// Takes other settings.
    fn reload(&mut self, config: Config) {
        let old = std::mem::replace(&mut self.config, config);
        let file = self.config.hint_file.clone();
        if file != old.hint_file {
            self.hints = Hints::read(file.as_deref());
        }
        if (&self.config.trace_folder, self.config.trace_texts) != (&old.trace_folder, old.trace_texts) {
            tracing::info!("another wire trace is taken up by slots that start from now on");
            self.traces = traces_of(&self.config);
        }
        let gone: Vec<_> = self
            .slots
            .keys()
            .filter(|name| !self.config.slots.contains_key(*name))
            .cloned()
            .collect();
        for name in gone {
            self.doors.write().unwrap_or_else(PoisonError::into_inner).remove(&name);
            if let Some(chair) = self.slots.remove(&name) {
                chair.seat.send_modify(|seat| seat.place = Place::Over);
            }
        }
        for (name, chair) in &mut self.slots {
            let (Some(new), Some(old)) = (self.config.slots.get(name), old.slots.get(name)) else {
                continue;
            };
            chair.reconfigure(new, old);
        }
        // Whoever was no slot's may be one's now.
        self.known.retain(|_, known| known.probing);
        self.furnish();
    }

    fn add(&mut self, name: RouteId, config: SlotConfig) {
        let (show, shown) = Show::new(&name, &config);
        let (jobs, inbox) = mpsc::channel(JOBS);
        let (seat, watched) = watch::channel(Seat {
            place: idle(&config),
            config: Arc::new(config),
        });
        let trace = self.traces.of_slot();
        let slot = Slot {
            name: name.clone(),
            seat: watched,
            jobs: inbox,
            events: self.events.clone(),
            reports: self.reports.clone(),
            show,
            trace: trace.clone(),
            held: Held::default(),
            staying: None,
        };
        // What is logged while the slot works is about its modem.
        let about = tracing::info_span!("slot", modem = %name);
        self.tasks.spawn(slot.run().instrument(about));
        self.doors
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.clone(), Door { jobs, shown, trace });
        self.slots.insert(name, Chair { seat, stay: None });
    }
}

/// Named in the settings, a folder means that all is traced; else it is where traces go that are switched on.
fn traces_of(config: &Config) -> Traces {
    let always = config.trace_folder.as_deref();
    let folder = always.or(config.trace_place.as_deref());
    Traces::into_folder(folder, always.is_some(), config.trace_texts)
}

fn opening(config: &SlotConfig, device: &Path, exclusive: bool) -> Opening {
    Opening {
        path: device.to_path_buf(),
        baud: config.baud,
        flow_control: config.flow_control,
        exclusive,
    }
}

/// Leaves a port alone for a while, twice as long each time.
fn give_up(known: &mut BTreeMap<PathBuf, Knowledge>, device: &Path, reason: &str, longest: Duration) {
    let entry = known.entry(device.to_path_buf()).or_default();
    let rest = longest.min(FIRST_REST * 2u32.pow(entry.failures.min(MOST_DOUBLINGS)));
    *entry = Knowledge {
        who: None,
        rests_until: Some(Instant::now() + rest),
        failures: entry.failures.saturating_add(1),
        reason: Some(reason.to_owned()),
        ..Knowledge::default()
    };
    let again_s = rest.as_secs();
    tracing::info!(port = %device.display(), %reason, again_s, "the port is left alone");
}

/// How long a port rests after its first failure.
const FIRST_REST: Duration = Duration::from_secs(1);
/// Doublings of it.
const MOST_DOUBLINGS: u32 = 10;
/// How long a port rests at most where no modem answers.
const LONGEST_SILENT: Duration = Duration::from_secs(600);
/// How long a port rests at most that could not be opened or was lost: another program may have let go of it.
const LONGEST_CLOSED: Duration = Duration::from_secs(30);
/// How long a modem that is no slot's is not asked again: cards are changed, though rarely.
const ASK_AGAIN: Duration = Duration::from_secs(600);
/// A stay after which the port's earlier failures are forgotten.
const GOOD_STAY: Duration = Duration::from_secs(60);
/// What a slot gets beyond a probe, since it sets the modem up in the same breath.
const GRACE: Duration = Duration::from_secs(10);
/// A look for ports may take this long.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);
/// Long enough to be no wake-up.
const NO_CHANCE: Duration = Duration::from_secs(3600);

/// Jobs that may wait for one slot; what comes on top is given back to the caller. A sweep of full memories is confirmed
/// all at once, and none has more places than this.
const JOBS: usize = 1024;
/// Reports that may wait for the keeper, which never waits long; then the slots wait.
const REPORTS: usize = 256;
