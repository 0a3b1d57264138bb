//! The loop: one thread, one epoll, one heap of timers. It carries octets between ports and devices, and submissions between
//! devices and the exchange.

mod lines;
mod requests;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::fs::inotify;

use crate::Error;
use crate::clock::{Clock, Nanos, nanos};
use crate::command::{Command, Reply};
use crate::control::Control;
use crate::device::{Device, Effect, Fail, Place, Plan, Submission, Wake};
use crate::dice::Dice;
use crate::exchange::{Event, Exchange, Verdict};
use crate::port::Port;
use crate::settings::{ModemSpec, Record, Settings};
use crate::timers::Timers;

/// A request with the place where its answer goes.
pub(crate) type Envelope = (Request, SyncSender<Result<Answer, Error>>);

/// What the handles ask.
pub(crate) enum Request {
    Command(Command),
    Plug(Box<ModemSpec>),
    Listen(PathBuf),
}

/// What they are told.
pub(crate) enum Answer {
    Reply(Reply),
    Plugged { index: usize, path: PathBuf },
}

/// Everything the thread owns.
pub(crate) struct World {
    epoll: OwnedFd,
    watcher: OwnedFd,
    wake: Arc<OwnedFd>,
    requests: Receiver<Envelope>,
    control: Option<Control>,
    dir: PathBuf,
    clock: Arc<Clock>,
    timers: Timers<Due>,
    exchange: Exchange,
    slots: Vec<Slot>,
    arrived: Vec<ArrivedRecord>,
    buffer: Vec<u8>,
    texts: u8,
    dice: Dice,
    running: bool,
}

/// A modem and its line.
struct Slot {
    name: String,
    profile: String,
    device: Device,
    port: Option<Port>,
    /// The epoll interest as it was last told.
    interest: epoll::EventFlags,
    reads: bool,
    /// Octets leave one by one, so far apart.
    drip: Option<Nanos>,
    dripping: bool,
    one_byte: bool,
}

/// What falls due.
enum Due {
    Wake {
        modem: usize,
        epoch: u32,
        wake: Wake,
    },
    Submitted {
        modem: usize,
        epoch: u32,
        pending: Box<Pending>,
    },
    Network(Event),
    Drip {
        modem: usize,
    },
}

/// A submission that is not answered yet.
struct Pending {
    /// `None` once the network has it.
    tpdu: Option<Vec<u8>>,
    reference: u8,
    sequence: u64,
    asked: Nanos,
    verdict: Verdict,
    place: Option<Place>,
    fail: Option<Fail>,
}

struct ArrivedRecord {
    modem: usize,
    tpdu: Vec<u8>,
    at: Nanos,
}

impl World {
    pub(crate) fn new(
        settings: Settings,
        dir: PathBuf,
        wake: Arc<OwnedFd>,
        requests: Receiver<Envelope>,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let watcher = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        epoll::add(
            &epoll,
            wake.as_fd(),
            epoll::EventData::new_u64(WAKE),
            epoll::EventFlags::IN,
        )?;
        epoll::add(
            &epoll,
            &watcher,
            epoll::EventData::new_u64(WATCHER),
            epoll::EventFlags::IN,
        )?;
        let clock = Arc::new(Clock::new(settings.zone_quarters));
        Ok(Self {
            epoll,
            watcher,
            wake,
            requests,
            control: None,
            dir,
            timers: Timers::new(),
            exchange: Exchange::new(settings, Arc::clone(&clock)),
            clock,
            slots: Vec::new(),
            arrived: Vec::new(),
            buffer: vec![0; 8192],
            texts: 0,
            dice: Dice::default(),
            running: true,
        })
    }

    /// Works until someone asks it to stop.
    pub(crate) fn run(mut self) {
        let mut events = Vec::with_capacity(256);
        while self.running {
            events.clear();
            let timeout = self.timeout();
            let waited = epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut events),
                timeout.as_ref(),
            );
            if waited.is_err() {
                continue;
            }
            for event in &events {
                let (flags, token) = (event.flags, event.data.u64());
                self.handle(token, flags);
            }
            self.due();
        }
    }

    fn timeout(&self) -> Option<Timespec> {
        let left = self.timers.next_due()?.saturating_sub(self.clock.now());
        Some(Timespec {
            tv_sec: i64::try_from(left / 1_000_000_000).ok()?,
            tv_nsec: i64::try_from(left % 1_000_000_000).ok()?,
        })
    }

    fn handle(&mut self, token: u64, flags: epoll::EventFlags) {
        match token {
            WAKE => self.requests_came(),
            WATCHER => self.slaves_changed(),
            _ if token >= CONTROL => self.control_came(token),
            _ => {
                let Ok(modem) = usize::try_from(token) else {
                    return;
                };
                if flags.contains(epoll::EventFlags::OUT) {
                    self.flush(modem);
                }
                if flags.contains(epoll::EventFlags::IN) {
                    self.octets_came(modem);
                }
            }
        }
    }

    fn due(&mut self) {
        let now = self.clock.now();
        while let Some(due) = self.timers.pop(now) {
            match due {
                Due::Wake { modem, epoch, wake } => {
                    if self.slots[modem].device.epoch() == epoch {
                        self.slots[modem].device.tick(wake, now);
                        self.step(modem, now);
                    }
                }
                Due::Submitted { modem, epoch, pending } => {
                    if self.slots[modem].device.epoch() == epoch {
                        self.finish(modem, *pending, now);
                        self.step(modem, now);
                    }
                }
                Due::Network(event) => self.network(event, now),
                Due::Drip { modem } => self.drip(modem),
            }
        }
    }

    fn octets_came(&mut self, modem: usize) {
        let slot = &mut self.slots[modem];
        let Some(port) = slot.port.as_mut() else {
            return;
        };
        let most = if slot.one_byte { 1 } else { self.buffer.len() };
        let read = port.read(&mut self.buffer[..most]);
        if read == 0 {
            return;
        }
        port.in_use = true;
        let now = self.clock.now();
        slot.device.receive(&self.buffer[..read], now);
        self.step(modem, now);
    }

    /// Carries out what a device asks for, then writes what it says.
    fn step(&mut self, modem: usize, now: Nanos) {
        while !self.slots[modem].device.effects.is_empty() {
            let mut effects = std::mem::take(&mut self.slots[modem].device.effects);
            for effect in effects.drain(..) {
                self.effect(modem, effect, now);
            }
            if self.slots[modem].device.effects.is_empty() {
                self.slots[modem].device.effects = effects;
            }
        }
        self.flush(modem);
    }

    fn effect(&mut self, modem: usize, effect: Effect, now: Nanos) {
        match effect {
            Effect::Submit(submission) => self.submit(modem, submission, now),
            Effect::After(delay, wake) => {
                let epoch = self.slots[modem].device.epoch();
                self.timers
                    .set(now.saturating_add(delay), Due::Wake { modem, epoch, wake });
            }
            Effect::Reachable => self.hand_over(modem, now),
            Effect::Acknowledged => {
                let report = self.exchange.arrived(modem);
                self.plan(report, now);
                self.hand_over(modem, now);
            }
            Effect::NotAcknowledged => {
                let retry = self.exchange.not_arrived(modem);
                self.plan(Some(retry), now);
            }
            Effect::Unplug => self.unplug(modem, now),
        }
    }

    fn submit(&mut self, modem: usize, submission: Submission, now: Nanos) {
        let Submission {
            tpdu,
            asked,
            plan,
            place,
        } = submission;
        let verdict = self.exchange.judge(self.slots[modem].device.number(), &tpdu, &plan);
        let mut pending = Pending {
            tpdu: Some(tpdu),
            reference: 0,
            sequence: 0,
            asked,
            verdict,
            place,
            fail: None,
        };
        let mut latency = pending.verdict.latency;
        match plan {
            Plan::Normal => {}
            Plan::Fail { fail, delay, sent } => {
                latency = nanos(self.exchange.settings().latency) + delay;
                // Whoever says that it failed does not mark it as sent.
                pending.place = None;
                if sent {
                    self.accept(modem, &mut pending, now);
                }
                pending.fail = Some(fail);
            }
            Plan::Silent { sent } => {
                if sent {
                    self.accept(modem, &mut pending, now);
                }
                return self.slots[modem].device.submission_forgotten();
            }
            Plan::ReportFirst => {
                self.accept(modem, &mut pending, now);
                let settings = self.exchange.settings();
                latency = latency.max(nanos(settings.delivery_delay + settings.report_delay + BEHIND_REPORT));
            }
        }
        if latency == 0 {
            return self.finish(modem, pending, now);
        }
        let epoch = self.slots[modem].device.epoch();
        self.timers.set(
            now.saturating_add(latency),
            Due::Submitted {
                modem,
                epoch,
                pending: Box::new(pending),
            },
        );
    }

    /// The network takes the message.
    fn accept(&mut self, modem: usize, pending: &mut Pending, now: Nanos) {
        let Some(tpdu) = pending.tpdu.take() else {
            return;
        };
        pending.reference = self.slots[modem].device.next_reference();
        let (events, sequence) =
            self.exchange
                .accept(modem, tpdu, pending.reference, &pending.verdict, pending.asked, now);
        pending.sequence = sequence;
        for event in events {
            self.plan(Some(event), now);
        }
        if let Some(place) = pending.place {
            self.slots[modem].device.mark_sent(place);
        }
    }

    fn finish(&mut self, modem: usize, mut pending: Pending, now: Nanos) {
        if let Some(fail) = pending.fail.take().or_else(|| pending.verdict.refusal.take()) {
            return self.slots[modem].device.submitted(Err(fail), false, now);
        }
        self.accept(modem, &mut pending, now);
        let stored = pending.place.is_some();
        self.slots[modem].device.submitted(Ok(pending.reference), stored, now);
        self.exchange.replied(pending.sequence, pending.asked, now);
    }

    fn plan(&mut self, event: Option<(Nanos, Event)>, now: Nanos) {
        if let Some((delay, event)) = event {
            self.timers.set(now.saturating_add(delay), Due::Network(event));
        }
    }

    fn network(&mut self, event: Event, now: Nanos) {
        let arrives = matches!(event, Event::Arrive { .. });
        let (grown, next) = self.exchange.happen(event, now);
        self.plan(next, now);
        if let Some(modem) = grown {
            self.hand_over(modem, now);
            let expiry = self.exchange.expiry_of_last(modem, now).filter(|_| arrives);
            self.plan(expiry, now);
            self.step(modem, now);
        }
    }

    /// Hands a subscriber's modem what waits for it, as far as it takes it.
    fn hand_over(&mut self, modem: usize, now: Nanos) {
        let timeout = nanos(self.exchange.settings().ack_timeout);
        loop {
            let Some((smsc, tpdu)) = self.exchange.next_for(modem) else {
                return;
            };
            let taken = self.slots[modem].device.deliver(smsc, tpdu, timeout, now);
            match taken {
                crate::device::Taken::Full | crate::device::Taken::Unreachable => return,
                crate::device::Taken::Routed => {
                    self.record_arrival(modem, now);
                    return self.exchange.routed(modem);
                }
                crate::device::Taken::Kept => {
                    self.record_arrival(modem, now);
                    let report = self.exchange.arrived(modem);
                    self.plan(report, now);
                }
            }
        }
    }

    fn record_arrival(&mut self, modem: usize, at: Nanos) {
        if self.exchange.settings().record == Record::Counts {
            return;
        }
        if let Some((_, tpdu)) = self.exchange.next_for(modem) {
            self.arrived.push(ArrivedRecord {
                modem,
                tpdu: tpdu.to_vec(),
                at,
            });
        }
    }
}

const WAKE: u64 = u64::MAX;
const WATCHER: u64 = u64::MAX - 1;
/// The control socket; its clients count from here.
const CONTROL: u64 = 1 << 32;
/// How long after the report the reply comes, where the report is to come first.
const BEHIND_REPORT: Duration = Duration::from_millis(30);
