//! What is known about a modem.

use std::time::Instant;

use message::{Lock, Registration, Registrations, SlotState, StorageUse};

use crate::output::Rung;

/// Everything known about a modem, its card and its network. [`revision`](Self::revision) changes whenever anything in it
/// does, so that a reader can tell cheaply whether to look again.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Grows with every change.
    pub revision: u64,
    /// Where the modem stands; never [`SlotState::Busy`], which [`Modem::is_busy`](crate::Modem::is_busy) tells.
    pub state: SlotState,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub since: Instant,
    /// The modem.
    pub identity: Identity,
    /// The card.
    pub sim: Sim,
    /// The card's lock.
    pub lock: Lock,
    /// Whether the network has it.
    pub registration: Registration,
    /// What each network says by itself.
    pub registrations: Registrations,
    /// The operator's name or code.
    pub operator: Option<String>,
    /// In dBm (TS 27.007 8.5).
    pub signal_dbm: Option<i16>,
    /// The service centre that messages go through.
    pub smsc: Option<String>,
    /// The memories with their use, as far as read.
    pub storage: Vec<StorageUse>,
    /// How messages come in.
    pub routing: Routing,
    /// Whether status reports can arrive.
    pub reports: bool,
    /// The dialect in use.
    pub dialect: &'static str,
    /// What was counted since the machine was made.
    pub counters: Counters,
}

/// Who a modem is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// `+CGMI`.
    pub maker: Option<String>,
    /// `+CGMM`.
    pub model: Option<String>,
    /// `+CGMR`.
    pub revision: Option<String>,
    /// `+CGSN`.
    pub imei: Option<String>,
}

/// Who a card is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sim {
    /// The card's number (ITU-T E.118).
    pub iccid: Option<String>,
    /// `+CIMI`.
    pub imsi: Option<String>,
    /// `+CNUM`, where the operator stored it on the card.
    pub number: Option<String>,
}

/// How messages come in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Routing {
    /// Not set yet.
    #[default]
    Unknown,
    /// Stored and announced by `+CMTI`.
    Stored,
    /// Routed directly and acknowledged by `+CNMA`.
    Direct,
    /// The modem announces nothing; only sweeps find messages.
    Polled,
    /// The modem has no memory that can be read: nothing can be received.
    Nothing,
}

/// What was counted since the machine was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times the modem was set up.
    pub initialisations: u32,
    /// Parts the network took.
    pub sent: u64,
    /// Parts that failed.
    pub failed: u64,
    /// Parts that ended uncertain.
    pub uncertain: u64,
    /// Messages handed over; reports are none.
    pub received: u64,
    /// Calls.
    pub calls: u64,
    /// Restarts of the modem that nobody asked for.
    pub reboots: u32,
    /// Lines that nobody understood.
    pub noise: u64,
    /// Steps of recovery, by [`Rung`].
    recoveries: [u32; Rung::ALL.len()],
}

impl Facts {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            revision: 0,
            state: SlotState::Starting,
            reason: String::from("the port was opened"),
            since: now,
            identity: Identity::default(),
            sim: Sim::default(),
            lock: Lock::Unknown,
            registration: Registration::Unknown,
            registrations: Registrations::default(),
            operator: None,
            signal_dbm: None,
            smsc: None,
            storage: Vec::new(),
            routing: Routing::Unknown,
            reports: false,
            dialect: "generic",
            counters: Counters::default(),
        }
    }

    /// Changes one fact and the revision with it, if it is another value.
    pub(crate) fn set<T: PartialEq>(&mut self, place: impl FnOnce(&mut Self) -> &mut T, value: T) -> bool {
        let fact = place(self);
        if *fact == value {
            return false;
        }
        *fact = value;
        self.revision += 1;
        true
    }

    /// Counts a line of no use; no reason for anybody to look again.
    pub(crate) fn count_noise(&mut self, lines: u32) {
        self.counters.noise += u64::from(lines);
    }

    /// Counts something.
    pub(crate) fn count(&mut self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters);
        self.revision += 1;
    }
}

impl Counters {
    /// How often this step was taken.
    pub fn recoveries(&self, step: Rung) -> u32 {
        self.recoveries[step as usize]
    }

    /// All steps of recovery.
    pub fn recoveries_total(&self) -> u32 {
        self.recoveries.iter().sum()
    }

    pub(crate) fn recovered(&mut self, step: Rung) {
        self.recoveries[step as usize] += 1;
    }
}
