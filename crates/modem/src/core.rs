//! What a modem knows and owes: everything but the line and the task that runs.

use std::collections::VecDeque;
use std::time::Instant;

use at::reply::{Cnmi, CnmiChoices, Domain, RegistrationState, StorageChoices};
use message::{JournalEntry, Lock, Outcome, RawInbound, Registration, Registrations, SlotState};

use crate::call::Call;
use crate::config::Config;
use crate::dialects::{self, Dialect, GENERIC};
use crate::dialogue::Dialogue;
use crate::facts::{Facts, Sim};
use crate::inbox::{Deletion, Inbox, Sweeping, UNNAMED};
use crate::job;
use crate::ladder::Ladder;
use crate::output::{Event, Output, PinIdentity, PinTry, PinVerdict};
use crate::pin_desk::PinDesk;
use crate::service_centre;
use crate::tasks::Next;
use crate::timer::{Timer, Timers};

/// Everything but the line and the running task.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) dialect: &'static Dialect,
    pub(crate) facts: Facts,
    pub(crate) timers: Timers,
    pub(crate) now: Instant,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) wishes: Wishes,
    pub(crate) inbox: Inbox,
    pub(crate) pin: PinDesk,
    pub(crate) network: Network,
    pub(crate) offered: Offered,
    /// How messages are announced; `None` until set.
    pub(crate) routing: Option<Cnmi>,
    /// Texts come as UCS-2 in hex (`+CSCS`).
    pub(crate) ucs2: bool,
    /// The modem's own commands can be given: it is set up.
    pub(crate) set_up: bool,
    /// It goes on echoing after `ATE0`, so that an echo tells nothing.
    pub(crate) echoes: bool,
    /// The IMEI that this port had.
    pub(crate) imei: Option<String>,
    /// The card that was told last.
    sim_told: Option<Sim>,
    /// Why the card is not the slot's.
    wrong_sim: Option<String>,
    /// Parts that wait for their turn.
    pub(crate) waiting: VecDeque<job::Send>,
    /// An uncertain part that a late answer may settle.
    pub(crate) late: Option<Late>,
    /// Keeping the link open between messages.
    pub(crate) burst: Burst,
    /// The service centre's octets before each PDU, in hex.
    pub(crate) smsc_prefix: String,
    /// `+CMGL` failed here; places are read one by one.
    pub(crate) listing_fails: bool,
    /// No new work is begun: the gateway stops.
    pub(crate) finishing: bool,
    /// Unknown errors of the modem in a row.
    pub(crate) sick: u8,
    pub(crate) dialogue: Dialogue,
    pub(crate) call: Call,
    pub(crate) ladder: Ladder,
}

/// What is to be done when there is time.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// Set up anew, after this rest, because.
    pub(crate) start: Option<Starting>,
    /// Set the routing again.
    pub(crate) routing: bool,
    /// Read the facts again.
    pub(crate) refresh: bool,
    /// See whether the modem is there.
    pub(crate) heartbeat: bool,
    /// Hang up.
    pub(crate) hang_up: bool,
    /// A part went last: whatever else there is to do goes first now.
    pub(crate) part_last: bool,
    /// A delete went last of what else there is to do.
    pub(crate) deleted_last: bool,
}

/// A new set-up.
#[derive(Debug)]
pub(crate) struct Starting {
    pub(crate) reason: String,
    /// Rest before it.
    pub(crate) rest: Option<Timer>,
    /// Switch the radio off and on first.
    pub(crate) radio: bool,
}

/// What the modem said it can.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    pub(crate) memories: Option<StorageChoices>,
    pub(crate) routing: Option<CnmiChoices>,
    /// `+CSMS=1` was taken.
    pub(crate) service: Option<bool>,
    /// Reports are offered and refused all the same.
    pub(crate) reports_refused: bool,
}

/// The three registrations.
#[derive(Debug, Default)]
pub(crate) struct Network([Option<RegistrationState>; 4]);

/// An attempt that ended uncertain.
#[derive(Debug)]
pub(crate) struct Late {
    pub(crate) ticket: u64,
    pub(crate) journal: Option<JournalEntry>,
}

/// Whether the link can be kept open between messages (`+CMMS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Burst {
    Untried,
    On,
    Refused,
}

impl Core {
    pub(crate) fn new(config: Config, now: Instant) -> Self {
        Self {
            dialect: &GENERIC,
            facts: Facts::new(now),
            timers: Timers::new(config.timers.clone()),
            now,
            outputs: VecDeque::new(),
            wishes: Wishes::default(),
            inbox: Inbox::default(),
            pin: PinDesk::default(),
            network: Network::default(),
            offered: Offered::default(),
            routing: None,
            ucs2: false,
            set_up: false,
            echoes: false,
            imei: None,
            sim_told: None,
            wrong_sim: None,
            waiting: VecDeque::new(),
            late: None,
            burst: Burst::Untried,
            smsc_prefix: service_centre::prefix(config.smsc.as_deref()),
            listing_fails: false,
            finishing: false,
            sick: 0,
            dialogue: Dialogue::default(),
            call: Call::default(),
            ladder: Ladder::default(),
            config,
        }
    }

    /// Takes the settings of the slot that was recognised.
    pub(crate) fn adopt(&mut self, config: Config) {
        self.timers.configure(config.timers.clone());
        self.smsc_prefix = service_centre::prefix(config.smsc.as_deref());
        if let Some(dialect) = config.dialect.as_deref().and_then(dialects::by_name) {
            self.dialect = dialect;
            self.facts.set(|facts| &mut facts.dialect, dialect.name);
        }
        self.config = config;
        self.config.identify_only = false;
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn notice(&mut self, text: impl Into<String>) {
        self.event(Event::Notice(text.into()));
    }

    /// Changes the state, and tells it if it is another one.
    pub(crate) fn set_state(&mut self, state: SlotState, reason: impl Into<String>) {
        let reason = reason.into();
        if self.facts.state == state && self.facts.reason == reason {
            return;
        }
        if self.facts.state != state {
            self.facts.since = self.now;
        }
        self.facts.state = state;
        self.facts.reason.clone_from(&reason);
        self.facts.revision += 1;
        self.event(Event::StateChanged { state, reason });
    }

    /// Forgets what a restart of the modem made stale.
    pub(crate) fn begin_set_up(&mut self, reason: &str) {
        self.set_up = false;
        self.echoes = false;
        self.timers.stop(Timer::SimAbsent);
        self.routing = None;
        self.offered = Offered::default();
        self.network = Network::default();
        self.ucs2 = false;
        self.burst = Burst::Untried;
        self.sim_told = None;
        self.wrong_sim = None;
        self.pin.begin();
        self.inbox.announced.clear();
        self.inbox.unacknowledged = 0;
        self.inbox.acknowledgements = 0;
        self.timers.stop(Timer::Acknowledge);
        if self.facts.sim != Sim::default() {
            self.pin.last_iccid = self.facts.sim.iccid.take().or(self.pin.last_iccid.take());
            self.facts.set(|facts| &mut facts.sim, Sim::default());
        }
        if !matches!(self.facts.lock, Lock::Held { .. }) {
            self.facts.set(|facts| &mut facts.lock, Lock::Unknown);
        }
        let state = match self.facts.state {
            SlotState::Recovering | SlotState::Quarantined => SlotState::Recovering,
            _ => SlotState::Starting,
        };
        self.set_state(state, reason);
    }

    /// The modem is set up: it can be used, and its memories are read.
    pub(crate) fn set_up_done(&mut self) {
        self.set_up = true;
        self.sick = 0;
        self.facts.count(|counters| counters.initialisations += 1);
        self.settle_state();
        self.timers.start(Timer::Refresh, self.now);
        self.timers.start(Timer::Heartbeat, self.now);
        if !self.inbox.readable.is_empty() {
            self.inbox.want_sweep(Sweeping {
                again: false,
                thorough: true,
            });
            self.timers.start(Timer::Sweep, self.now);
        }
    }

    /// The state that card and registration call for.
    pub(crate) fn settle_state(&mut self) {
        let registration = self.network.sum();
        self.facts.set(|facts| &mut facts.registration, registration);
        let each = self.network.each();
        self.facts.set(|facts| &mut facts.registrations, each);
        if !self.set_up {
            return;
        }
        if let Some(reason) = self.wrong_sim.clone() {
            return self.set_state(SlotState::WrongSim, reason);
        }
        match registration {
            Registration::Home => self.set_state(SlotState::Ready, "registered at home"),
            Registration::Roaming => self.set_state(SlotState::Ready, "registered, roaming"),
            Registration::Unknown => self.set_state(SlotState::Ready, "the modem does not tell its registration"),
            Registration::Searching => self.set_state(SlotState::Searching, "looking for a network"),
            Registration::Denied => self.set_state(SlotState::Searching, "the network refuses the SIM"),
            Registration::Off => self.set_state(SlotState::Searching, "not registered and not searching"),
        }
        let usable = self.facts.state == SlotState::Ready;
        if usable {
            self.timers.stop(Timer::Registration);
        } else if !self.timers.is_running(Timer::Registration) {
            self.timers.start(Timer::Registration, self.now);
        }
    }

    /// There is no usable card; it is looked for again after a while.
    pub(crate) fn no_sim(&mut self, reason: String) {
        self.set_up = false;
        self.set_state(SlotState::NoSim, reason);
        self.timers.start(Timer::SimAbsent, self.now);
    }

    /// Asks for a new set-up.
    pub(crate) fn restart(&mut self, reason: &str, rest: Option<Timer>) {
        self.wishes.start = Some(Starting {
            reason: reason.to_owned(),
            rest,
            radio: false,
        });
    }

    /// Tells whose card it is, once for each thing learnt.
    pub(crate) fn tell_sim(&mut self) {
        let known = self.facts.sim.iccid.is_some() || self.facts.sim.imsi.is_some();
        if !known || self.sim_told.as_ref() == Some(&self.facts.sim) {
            return;
        }
        self.sim_told = Some(self.facts.sim.clone());
        self.event(Event::SimIdentified(self.facts.sim.clone()));
    }

    /// Waits for the slot's settings where the modem was to be identified only.
    pub(crate) fn await_adoption(&mut self) -> Option<Next> {
        if !self.config.identify_only {
            return None;
        }
        self.set_state(SlotState::Starting, "identified; waits for its slot");
        Some(Next::Wait)
    }

    /// Sees whether the card is the slot's, and the one that was here before.
    pub(crate) fn compare_sim(&mut self) {
        let iccid = self.facts.sim.iccid.clone();
        if iccid != self.pin.last_iccid || iccid.is_none() {
            self.forget_messages();
        }
        self.pin.last_iccid.clone_from(&iccid);
        let Some(expected) = self.config.iccid.as_deref() else {
            return;
        };
        if iccid.as_deref() != Some(expected) {
            let found = iccid.unwrap_or_else(|| String::from("one that cannot be read"));
            self.wrong_sim = Some(format!(
                "another card than the slot's: ICCID {found} instead of {expected}; nothing is sent by it"
            ));
        }
    }

    /// Prepares the try that is to be recorded.
    pub(crate) fn want_pin(&mut self) -> PinTry {
        let identity = match (&self.facts.sim.iccid, &self.facts.identity.imei) {
            (Some(iccid), _) => PinIdentity::Iccid(iccid.clone()),
            (None, Some(imei)) => PinIdentity::Imei(imei.clone()),
            (None, None) => PinIdentity::Unknown,
        };
        let wanted = PinTry {
            identity,
            tries_left: self.pin.tries,
            mark: self.config.pin.as_ref().map_or(0, crate::config::Pin::mark),
        };
        self.pin.want(wanted.clone());
        wanted
    }

    pub(crate) fn pin_verdict(&mut self, verdict: PinVerdict) {
        if let Some(pin_try) = self.pin.judged() {
            self.event(Event::PinVerdict { pin_try, verdict });
        }
    }

    /// The character set to try, best first.
    pub(crate) fn charset_choice(&self, variant: usize) -> Option<&str> {
        let own = self.config.charset.as_deref();
        let all = own.into_iter().chain(self.dialect.charsets.iter().copied());
        all.into_iter().nth(variant)
    }

    /// A text in the character set that was chosen.
    pub(crate) fn text(&self, bytes: &[u8]) -> String {
        crate::ussd::text_of_charset(bytes, self.ucs2)
    }

    /// Forgets the memories, before they are asked for anew.
    pub(crate) fn forget_memories(&mut self) {
        self.inbox.readable.clear();
        self.inbox.home = None;
        self.inbox.selected = None;
        self.facts.set(|facts| &mut facts.storage, Vec::new());
    }

    /// The modem says that it has no memory (Nokia's `(),(),()`).
    pub(crate) fn has_no_memory(&self) -> bool {
        self.offered
            .memories
            .as_ref()
            .is_some_and(|offered| offered.read.is_empty())
            && self.inbox.home.is_none()
    }

    /// Works on the only memory of a modem that lets none be chosen.
    pub(crate) fn use_unnamed_memory(&mut self) {
        if self.inbox.home.is_some() {
            return;
        }
        self.inbox.readable = vec![UNNAMED];
        self.inbox.home = Some(UNNAMED);
        self.inbox.selected = Some(UNNAMED);
    }

    /// Hands a message over to be kept.
    pub(crate) fn received(&mut self, raw: RawInbound) {
        if !raw.is_report() {
            self.facts.count(|counters| counters.received += 1);
        }
        self.event(Event::Received(raw));
    }

    /// Ends an attempt.
    pub(crate) fn settle(&mut self, ticket: u64, outcome: Outcome, journal: Option<JournalEntry>) {
        self.facts.count(|counters| match &outcome {
            Outcome::Sent { .. } => counters.sent += 1,
            Outcome::Failed(_) => counters.failed += 1,
            Outcome::Uncertain { .. } => counters.uncertain += 1,
            Outcome::NotBegun { .. } => {}
        });
        self.event(Event::Settled {
            ticket,
            outcome,
            journal,
        });
    }

    /// Forgets all messages: the card or the modem is another one, or gone.
    pub(crate) fn forget_messages(&mut self) {
        self.give_up_freeing();
        self.inbox.forget_all();
    }

    /// Tells of each journal entry that was to be freed that it is not.
    pub(crate) fn give_up_freeing(&mut self) {
        for deletion in std::mem::take(&mut self.inbox.deletes) {
            match deletion {
                Deletion::Entry(entry) => self.event(Event::JournalFreed { entry, gone: false }),
                message @ Deletion::Message { .. } => self.inbox.deletes.push_back(message),
            }
        }
    }

    /// Whether something waits that must not wait for a long sweep.
    pub(crate) fn is_pressed(&self) -> bool {
        self.finishing
            || !self.waiting.is_empty()
            || self.inbox.acknowledgements > 0
            || !self.inbox.announced.is_empty()
            || self.dialogue.has_request()
            || self.wishes.hang_up
            || self.wishes.start.is_some()
    }
}

impl Network {
    /// Notes what one network says.
    pub(crate) fn note(&mut self, domain: Domain, state: RegistrationState) {
        let place = match domain {
            Domain::Circuit => 0,
            Domain::Packet => 1,
            Domain::Eps => 2,
            Domain::FiveG => 3,
        };
        self.0[place] = Some(state);
    }

    /// Each by itself.
    fn each(&self) -> Registrations {
        let of = |place: usize| self.0[place].map_or(Registration::Unknown, plain);
        Registrations {
            circuit: of(0),
            packet: of(1),
            eps: of(2),
        }
    }

    /// All of them together: usable if any is.
    fn sum(&self) -> Registration {
        let known = || self.0.iter().flatten();
        let usable = known().filter(|state| state.is_usable());
        if let Some(best) = usable.min_by_key(|state| state.is_roaming()) {
            return if best.is_roaming() {
                Registration::Roaming
            } else {
                Registration::Home
            };
        }
        let worst = |wanted: RegistrationState| known().any(|&state| state == wanted);
        if worst(RegistrationState::Searching) {
            Registration::Searching
        } else if worst(RegistrationState::Denied) {
            Registration::Denied
        } else if known().next().is_none() {
            Registration::Unknown
        } else {
            Registration::Off
        }
    }
}

/// A network's word in those of the floors above.
fn plain(state: RegistrationState) -> Registration {
    match state {
        state if state.is_usable() && state.is_roaming() => Registration::Roaming,
        state if state.is_usable() => Registration::Home,
        RegistrationState::Searching => Registration::Searching,
        RegistrationState::Denied => Registration::Denied,
        _ => Registration::Off,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_is_told_by_itself() {
        let mut network = Network::default();
        network.note(Domain::Circuit, RegistrationState::Denied);
        network.note(Domain::Eps, RegistrationState::RoamingSmsOnly);
        let each = network.each();
        assert_eq!(
            (each.circuit, each.packet, each.eps),
            (Registration::Denied, Registration::Unknown, Registration::Roaming)
        );
    }

    #[test]
    fn any_registration_that_carries_messages_is_enough() {
        for number in 0..=u8::MAX {
            for domain in [Domain::Circuit, Domain::Packet, Domain::Eps] {
                let mut network = Network::default();
                network.note(Domain::Circuit, RegistrationState::Denied);
                network.note(domain, RegistrationState::new(number));
                let usable = matches!(number, 1 | 5 | 6 | 7 | 9 | 10);
                assert_eq!(network.sum().is_usable(), usable, "{domain} {number}");
            }
        }
    }
}
