//! The loop: one thread, one epoll, one heap of timers. It carries octets between ports and devices, and submissions between
//! devices and the exchange.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::fs::inotify;

use crate::Error;
use crate::clock::{Clock, Nanos, nanos};
use crate::command::{Command, Kept, ModemView, Reply};
use crate::control::Control;
use crate::device::{Device, Effect, Fail, Place, Plan, Submission, Wake};
use crate::exchange::{Event, Exchange, Verdict};
use crate::fault::Fault;
use crate::incoming;
use crate::port::Port;
use crate::record::Arrived;
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
    noise: u64,
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
            noise: 0x9E37_79B9_7F4A_7C15,
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
    }

    fn finish(&mut self, modem: usize, mut pending: Pending, now: Nanos) {
        if let Some(fail) = pending.fail.take().or_else(|| pending.verdict.refusal.take()) {
            return self.slots[modem].device.submitted(Err(fail), pending.place, now);
        }
        self.accept(modem, &mut pending, now);
        self.slots[modem]
            .device
            .submitted(Ok(pending.reference), pending.place, now);
        self.exchange.replied(pending.sequence, pending.asked, now);
    }

    fn plan(&mut self, event: Option<(Nanos, Event)>, now: Nanos) {
        if let Some((delay, event)) = event {
            self.timers.set(now.saturating_add(delay), Due::Network(event));
        }
    }

    fn network(&mut self, event: Event, now: Nanos) {
        let (grown, next) = self.exchange.happen(event, now);
        self.plan(next, now);
        if let Some(modem) = grown {
            self.hand_over(modem, now);
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

    /// Writes what the device says, as far as the line takes it.
    fn flush(&mut self, modem: usize) {
        let slot = &mut self.slots[modem];
        if slot.device.out.is_empty() {
            return self.set_interest(modem);
        }
        let Some(port) = &slot.port else {
            return slot.device.out.clear();
        };
        if !port.in_use || slot.device.out.len() > OUT_LIMIT {
            slot.device.counts.dropped_octets += slot.device.out.len() as u64;
            slot.device.out.clear();
            return;
        }
        if slot.drip.is_some() {
            return self.start_dripping(modem);
        }
        let written = port.write(&slot.device.out).unwrap_or(slot.device.out.len());
        if written == slot.device.out.len() {
            slot.device.out.clear()
        } else {
            drop(slot.device.out.drain(..written))
        }
        self.set_interest(modem);
    }

    fn start_dripping(&mut self, modem: usize) {
        let slot = &mut self.slots[modem];
        if !std::mem::replace(&mut slot.dripping, true) {
            self.drip(modem);
        }
    }

    fn drip(&mut self, modem: usize) {
        let slot = &mut self.slots[modem];
        let (Some(period), Some(port), false) = (slot.drip, &slot.port, slot.device.out.is_empty()) else {
            slot.dripping = false;
            return self.flush(modem);
        };
        if port.write(&slot.device.out[..1]).unwrap_or(1) == 1 {
            slot.device.out.remove(0);
        }
        let due = self.clock.now() + period;
        self.timers.set(due, Due::Drip { modem });
    }

    fn set_interest(&mut self, modem: usize) {
        let slot = &mut self.slots[modem];
        let Some(port) = &slot.port else { return };
        let mut wanted = epoll::EventFlags::empty();
        wanted.set(epoll::EventFlags::IN, slot.reads);
        wanted.set(
            epoll::EventFlags::OUT,
            !slot.device.out.is_empty() && slot.drip.is_none(),
        );
        if wanted != slot.interest {
            slot.interest = wanted;
            let _ = epoll::modify(
                &self.epoll,
                port.master(),
                epoll::EventData::new_u64(modem as u64),
                wanted,
            );
        }
    }

    /// Slaves were opened or closed by someone.
    fn slaves_changed(&mut self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut changes = Vec::new();
        let mut reader = inotify::Reader::new(&self.watcher, &mut buffer);
        while let Ok(event) = reader.next() {
            changes.push((event.wd(), event.events()));
            if reader.is_buffer_empty() {
                break;
            }
        }
        for (watch, events) in changes {
            let found = self
                .slots
                .iter_mut()
                .filter_map(|slot| slot.port.as_mut())
                .find(|port| port.watch == watch);
            let Some(port) = found else { continue };
            if events.contains(inotify::ReadFlags::OPEN) {
                port.in_use = true;
            } else if events.intersects(inotify::ReadFlags::CLOSE_WRITE | inotify::ReadFlags::CLOSE_NOWRITE) {
                // A line that cannot be looked after is as good as gone; the next replug makes a fresh one.
                let _ = port.closed_by_someone(self.watcher.as_fd());
            }
        }
    }

    fn plug(&mut self, spec: &ModemSpec) -> Result<Answer, Error> {
        if self.exchange.line_of(&spec.number).is_some() {
            return Err(Error::Number(spec.number.clone()));
        }
        let index = self.slots.len();
        let mut device = Device::new(spec, Arc::clone(&self.clock));
        device.set_ussd_delay(nanos(self.exchange.settings().ussd_delay));
        self.exchange.subscribe(&spec.number, &spec.smsc);
        self.slots.push(Slot {
            name: spec.name.clone(),
            profile: spec.profile.name.clone(),
            device,
            port: None,
            interest: epoll::EventFlags::empty(),
            reads: true,
            drip: None,
            dripping: false,
            one_byte: false,
        });
        self.connect(index)?;
        let now = self.clock.now();
        self.slots[index].device.power_on(now);
        self.step(index, now);
        Ok(Answer::Plugged {
            index,
            path: self.dir.join(&spec.name),
        })
    }

    /// Gives a modem a fresh line.
    fn connect(&mut self, modem: usize) -> Result<(), Error> {
        let slot = &mut self.slots[modem];
        let port = Port::open(&self.dir.join(&slot.name), self.watcher.as_fd())?;
        slot.interest = epoll::EventFlags::IN;
        slot.reads = true;
        epoll::add(
            &self.epoll,
            port.master(),
            epoll::EventData::new_u64(modem as u64),
            slot.interest,
        )
        .map_err(io::Error::from)?;
        slot.port = Some(port);
        Ok(())
    }

    fn unplug(&mut self, modem: usize, now: Nanos) {
        self.slots[modem].port = None;
        self.slots[modem].device.power_off();
        if self.exchange.was_routed(modem) {
            let retry = self.exchange.not_arrived(modem);
            self.plan(Some(retry), now);
        }
    }

    fn fault(&mut self, modem: usize, fault: Fault, now: Nanos) -> Result<(), Error> {
        match fault {
            Fault::Garbage { bytes } => {
                let garbage: Vec<u8> = (0..bytes).map(|_| self.random_octet()).collect();
                self.slots[modem].device.out.extend(garbage);
            }
            Fault::OneByte => (self.slots[modem].one_byte, self.slots[modem].drip) = (true, Some(QUICK_DRIP)),
            Fault::SlowBytes { ms } => self.slots[modem].drip = Some(ms * 1_000_000),
            Fault::StopReading => self.slots[modem].reads = false,
            Fault::Unplug => self.unplug(modem, now),
            Fault::Replug { name } => {
                self.unplug(modem, now);
                self.slots[modem].name = name.unwrap_or_else(|| self.slots[modem].name.clone());
                self.connect(modem)?;
                self.slots[modem].device.power_on(now);
            }
            Fault::Duplicate { times } => self.exchange.duplicate_next(modem, times),
            other => {
                let slot = &mut self.slots[modem];
                if other == Fault::Heal {
                    (slot.reads, slot.drip, slot.one_byte) = (true, None, false);
                }
                slot.device.fault(other, now);
                self.hand_over(modem, now);
            }
        }
        self.step(modem, now);
        self.set_interest(modem);
        Ok(())
    }

    fn random_octet(&mut self) -> u8 {
        // Marsaglia's xorshift: the same garbage in every run.
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        self.noise.to_le_bytes()[3]
    }

    fn requests_came(&mut self) {
        let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
        while let Ok((request, reply)) = self.requests.try_recv() {
            let answer = match request {
                Request::Command(command) => self.command(command).map(Answer::Reply),
                Request::Plug(spec) => self.plug(&spec),
                Request::Listen(path) => self.listen(&path).map(|()| Answer::Reply(Reply::Done)),
            };
            // A handle that no longer waits does not matter.
            let _ = reply.send(answer);
        }
    }

    fn listen(&mut self, path: &std::path::Path) -> Result<(), Error> {
        let control = Control::listen(path, &self.epoll, CONTROL)?;
        self.control = Some(control);
        Ok(())
    }

    fn control_came(&mut self, token: u64) {
        let Some(control) = self.control.as_mut() else {
            return;
        };
        let lines = control.ready(token, &self.epoll);
        let answers: Vec<_> = lines.iter().map(|line| self.answer_line(line)).collect();
        if let Some(control) = self.control.as_mut() {
            control.answer(token, &self.epoll, &answers);
        }
    }

    fn answer_line(&mut self, line: &str) -> serde_json::Value {
        let asked = serde_json::from_str::<Command>(line).map_err(|error| error.to_string());
        match asked.and_then(|command| self.command(command).map_err(|error| error.to_string())) {
            Ok(reply) => serde_json::json!({ "reply": reply }),
            Err(error) => serde_json::json!({ "error": error }),
        }
    }

    fn command(&mut self, command: Command) -> Result<Reply, Error> {
        let now = self.clock.now();
        match command {
            Command::Modems => {
                return Ok(Reply::Modems(
                    self.slots.iter().map(|slot| slot.view(&self.dir)).collect(),
                ));
            }
            Command::Stats => return Ok(Reply::Stats(self.stats())),
            Command::Sent { from } => return Ok(Reply::Sent(self.exchange.sent(from))),
            Command::Times => return Ok(Reply::Times(self.exchange.times())),
            Command::Arrived { from } => return Ok(Reply::Arrived(self.arrivals(from))),
            Command::Stored { modem } => return Ok(Reply::Stored(self.slot(modem)?.kept())),
            Command::Forget => {
                self.exchange.forget();
                self.arrived.clear();
            }
            Command::Fault { modem, fault } => {
                self.slot(modem)?;
                self.fault(modem, fault, now)?;
            }
            Command::Rules { rules } => self.exchange.set_rules(rules),
            Command::Latency { us } => self.exchange.set_latency(Duration::from_micros(us)),
            Command::Text { to, from, text } => self.text(&to, &from, &text, now)?,
            Command::Pdu { to, tpdu } => {
                let line = self.exchange.line_of(&to).ok_or(Error::Unknown(to))?;
                self.exchange.push(line, hex::decode(&tpdu).map_err(|_| Error::NotHex)?);
                self.hand_over(line, now);
                self.step(line, now);
            }
            Command::Call { modem, from, rings } => {
                self.slot(modem)?.device.call(&from, rings, now);
                self.step(modem, now);
            }
            Command::Ussd { modem, page } => {
                self.slot(modem)?.device.ussd_from_network(page, now);
                self.step(modem, now);
            }
            Command::Stop => self.running = false,
        }
        Ok(Reply::Done)
    }

    fn slot(&mut self, modem: usize) -> Result<&mut Slot, Error> {
        self.slots.get_mut(modem).ok_or(Error::NoModem(modem))
    }

    fn text(&mut self, to: &str, from: &str, text: &str, now: Nanos) -> Result<(), Error> {
        let line = self.exchange.line_of(to).ok_or_else(|| Error::Unknown(to.into()))?;
        self.texts = self.texts.wrapping_add(1);
        let scts = self.exchange.stamp(now);
        for deliver in incoming::delivers(from, text, scts, self.texts)? {
            self.exchange.push(line, deliver);
        }
        self.hand_over(line, now);
        self.step(line, now);
        Ok(())
    }

    fn stats(&self) -> crate::record::Stats {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let processor_us = u64::try_from(used.tv_sec * 1_000_000 + used.tv_nsec / 1000).unwrap_or(0);
        crate::record::Stats {
            processor_us,
            ..self.exchange.stats.clone()
        }
    }

    fn arrivals(&self, from: usize) -> Vec<Arrived> {
        let records = self.arrived.iter().skip(from);
        let shown = records.map(|record| Arrived {
            modem: record.modem,
            to: self.slots[record.modem].device.number().into(),
            tpdu: hex::encode_upper(&record.tpdu),
            announced_us: self.clock.unix_us(record.at),
        });
        shown.collect()
    }
}

impl Slot {
    fn view(&self, dir: &std::path::Path) -> ModemView {
        ModemView {
            port: self
                .port
                .as_ref()
                .map_or_else(|| dir.join(&self.name), |port| port.link().into()),
            number: self.device.number().into(),
            profile: self.profile.clone(),
            plugged: self.port.is_some(),
            in_use: self.port.as_ref().is_some_and(|port| port.in_use),
            counts: self.device.counts.clone(),
        }
    }

    fn kept(&self) -> Vec<Kept> {
        let shown = self.device.stored().map(|(memory, index, message)| Kept {
            memory: memory.into(),
            index,
            status: message.status.code(),
            pdu: hex::encode_upper(&message.pdu),
        });
        shown.collect()
    }
}

const WAKE: u64 = u64::MAX;
const WATCHER: u64 = u64::MAX - 1;
/// The control socket; its clients count from here.
const CONTROL: u64 = 1 << 32;
/// Octets that wait for a reader; beyond, all are dropped, as a modem does.
const OUT_LIMIT: usize = 1 << 20;
/// Between two octets where they come one by one.
const QUICK_DRIP: Nanos = 100_000;
/// How long after the report the reply comes, where the report is to come first.
const BEHIND_REPORT: Duration = Duration::from_millis(30);
