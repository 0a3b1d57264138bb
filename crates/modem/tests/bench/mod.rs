//! A partner in memory and the loop that drives a modem against it, in virtual time.

#![allow(dead_code, reason = "every test file uses another part of it")]
#![allow(unreachable_pub, reason = "a module of each test program")]
#![allow(clippy::unwrap_used, reason = "a panic here is a failed test")]

pub mod partner;
pub mod transcript;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use message::{Committed, JournalEntry, Outcome, SlotState};
use modem::{Config, Event, Job, Modem, Output, Rejected, Send};

pub use partner::Partner;

/// Whatever answers what a modem writes.
pub trait Answers {
    /// Takes octets that were written; gives octets that come back, each after a while.
    fn take(&mut self, octets: &[u8]) -> Vec<(Duration, Vec<u8>)>;
}

/// A modem, its partner and the time between them.
pub struct Bench<P> {
    pub modem: Modem,
    pub partner: P,
    pub now: Instant,
    pub started: Instant,
    pub events: Vec<Event>,
    pub written: Vec<Vec<u8>>,
    /// Parts that began, each with how much had been written before.
    pub begun: Vec<(u64, usize)>,
    pub reopened: Vec<(Instant, String)>,
    pub closed: Vec<(Instant, Instant)>,
    /// Whether the loop opens the port again when it is asked to.
    pub reopens: bool,
    /// Nothing overtakes what is on the line already.
    pub in_order: bool,
    on_the_line: VecDeque<(Instant, Vec<u8>)>,
    opening: Option<Instant>,
}

impl<P: Answers> Bench<P> {
    pub fn new(config: Config, partner: P) -> Self {
        let now = Instant::now();
        let mut bench = Self {
            modem: Modem::new(config, now),
            partner,
            now,
            started: now,
            events: Vec::new(),
            written: Vec::new(),
            begun: Vec::new(),
            reopened: Vec::new(),
            closed: Vec::new(),
            reopens: true,
            in_order: false,
            on_the_line: VecDeque::new(),
            opening: None,
        };
        bench.drain();
        bench
    }

    /// Puts octets on the line as if the modem's firmware had sent them.
    pub fn says(&mut self, octets: impl AsRef<[u8]>) {
        self.modem.receive(octets.as_ref(), self.now);
        self.drain();
    }

    /// Puts octets on the line that arrive later.
    pub fn will_say(&mut self, after: Duration, octets: impl AsRef<[u8]>) {
        self.put(self.now + after, octets.as_ref().to_vec());
    }

    pub fn submit(&mut self, job: Job) -> Result<(), Rejected> {
        let taken = self.modem.submit(job, self.now);
        self.drain();
        taken
    }

    /// Lets time pass, and everything that happens in it.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(next) = self.next().filter(|&next| next <= end) {
            self.now = next.max(self.now);
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass until something is the case; panics when it never is within an hour.
    pub fn until(&mut self, what: &str, mut is: impl FnMut(&Self) -> bool) {
        let end = self.now + Duration::from_secs(3600);
        while !is(self) {
            let next = self
                .next()
                .unwrap_or_else(|| panic!("{what}: nothing is due any more\n{}", self.story()));
            assert!(next <= end, "{what}: not within an hour\n{}", self.story());
            self.now = next.max(self.now);
            self.step();
        }
    }

    pub fn until_state(&mut self, state: SlotState) {
        self.until(&format!("{state:?}"), |bench| bench.modem.facts().state == state);
    }

    /// Waits for the first event that fits and takes it with all before it.
    pub fn wait_for<T>(&mut self, what: &str, fits: impl Fn(&Event) -> Option<T>) -> T {
        self.until(what, |bench| bench.events.iter().any(|event| fits(event).is_some()));
        let at = self.events.iter().position(|event| fits(event).is_some()).unwrap();
        let found = fits(&self.events[at]).unwrap();
        self.events.drain(..=at);
        found
    }

    pub fn wait_settled(&mut self) -> (u64, Outcome, Option<JournalEntry>) {
        self.wait_for("settled", |event| match event {
            Event::Settled {
                ticket,
                outcome,
                journal,
            } => Some((*ticket, outcome.clone(), journal.clone())),
            _ => None,
        })
    }

    pub fn send(&mut self, ticket: u64) {
        self.submit(Job::Send(part(ticket))).unwrap();
    }

    /// What was written as lines of text.
    pub fn lines(&self) -> Vec<String> {
        self.written
            .iter()
            .map(|octets| String::from_utf8_lossy(octets).trim_end_matches('\r').to_owned())
            .collect()
    }

    pub fn has_written(&self, line: &str) -> bool {
        self.lines().iter().any(|written| written == line)
    }

    pub fn count_written(&self, line: &str) -> usize {
        self.lines().iter().filter(|written| written.as_str() == line).count()
    }

    fn story(&self) -> String {
        format!(
            "written: {:#?}\nevents: {:#?}\nfacts: {:#?}",
            self.lines(),
            self.events,
            self.modem.facts()
        )
    }

    fn next(&self) -> Option<Instant> {
        let line = self.on_the_line.front().map(|(at, _)| *at);
        [line, self.modem.due(), self.opening].into_iter().flatten().min()
    }

    fn step(&mut self) {
        if self.opening.is_some_and(|at| at <= self.now) {
            self.opening = None;
            self.modem.opened(self.now);
            self.drain();
        }
        while self.on_the_line.front().is_some_and(|(at, _)| *at <= self.now) {
            let (_, octets) = self.on_the_line.pop_front().unwrap();
            self.modem.receive(&octets, self.now);
            self.drain();
        }
        if self.modem.due().is_some_and(|due| due <= self.now) {
            self.modem.tick(self.now);
            self.drain();
        }
    }

    fn put(&mut self, at: Instant, octets: Vec<u8>) {
        let place = self
            .on_the_line
            .iter()
            .position(|(other, _)| *other > at)
            .unwrap_or(self.on_the_line.len());
        self.on_the_line.insert(place, (at, octets));
    }

    fn drain(&mut self) {
        while let Some(output) = self.modem.poll() {
            match output {
                Output::Write(octets) => {
                    for (after, answer) in self.partner.take(&octets) {
                        let last = self.on_the_line.back().filter(|_| self.in_order);
                        let at = last.map_or(self.now + after, |(at, _)| (self.now + after).max(*at));
                        self.put(at, answer);
                    }
                    self.written.push(octets);
                }
                Output::Begins { ticket } => self.begun.push((ticket, self.written.len())),
                Output::Event(event) => self.events.push(event),
                Output::Reopen { reason, not_before } => {
                    self.reopened.push((self.now, reason));
                    self.on_the_line.clear();
                    self.opening = self.reopens.then_some(not_before.max(self.now));
                }
                Output::Close { until, .. } => {
                    self.closed.push((self.now, until));
                    self.on_the_line.clear();
                    self.opening = self.reopens.then_some(until);
                }
            }
        }
    }
}

/// A part of fourteen octets.
pub fn part(ticket: u64) -> Send {
    Send {
        mark: None,
        ticket,
        tpdu: TPDU.to_vec(),
        proof: Committed::witnessed(()),
        journal: false,
        burst: false,
    }
}

/// SUBMIT to +491701234567, "hi".
pub const TPDU: &[u8] = &[
    0x01, 0x00, 0x0C, 0x91, 0x94, 0x71, 0x10, 0x32, 0x54, 0x76, 0x00, 0x00, 0x02, 0xE8, 0x34,
];

/// A received message in hex, with its service centre part.
pub const DELIVER: &str = "07917248014000F3240B917247587706F400003110824115248012C8329BFD06C9C373B8B82C97E741F034";

/// Another one.
pub const OTHER: &str = "07917248014000F3240B917247587706F400003110824115248002E834";

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A committed proof.
pub fn kept<T>(value: T) -> Committed<T> {
    Committed::witnessed(value)
}
