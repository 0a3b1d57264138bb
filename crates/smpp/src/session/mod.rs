//! One SMPP session as a state machine, on either side: no socket, no clock, no task.
//!
//! [`Session`] is a value. Octets that were read go into [`Session::receive`], requests into [`Session::submit`], the time
//! into [`Session::tick`] at [`Session::due`]. [`Session::poll`] tells what happened, one thing after the other;
//! [`Session::outgoing`] is what is to be written. A PDU is read only when `poll` gets to it, so whoever stops polling
//! stops the peer: nothing piles up.

mod config;
mod event;
mod hear;
mod rules;
mod timer;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{Bind, Body, CommandId, FrameReader, HIGHEST_SEQUENCE, Outbind, Pdu, Status, Tag, Tlvs, frame::Frame};

use self::timer::Timers;

pub(crate) use self::rules::{counts, may_send};

pub use self::{
    config::{Config, Overflow, Rebind},
    event::{Answer, Event, Fields, Owed, Rejected, Silence, Why},
    rules::{BindMode, Role},
    timer::{Timer, TimerTable},
};

/// One session on one connection.
#[derive(Debug)]
pub struct Session {
    role: Role,
    config: Config,
    state: State,
    reader: FrameReader,
    /// What is to be written, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// What happened besides the PDU that is read next; never more than the window and a few.
    events: VecDeque<Event>,
    /// Our requests that wait for an answer, in the order in which they went out. At most the window.
    pending: VecDeque<Pending>,
    /// Those that waited too long; their answer may still come. At most [`MOST_LATE`].
    late: VecDeque<Pending>,
    /// Answers that we owe for requests which count.
    owed: usize,
    /// The sequence number of our last PDU.
    sequence: u32,
    /// Our bind or unbind that waits for its answer.
    control: Option<u32>,
    /// enquire_link that went out since something was heard.
    unheard: u32,
    /// Throttling answers in a row.
    throttled: u32,
    /// The peer's interface_version.
    version: u8,
    timers: Timers,
    now: Instant,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Connected, not bound.
    Open,
    /// A bind waits for its answer.
    Binding(BindMode),
    /// Bound.
    Bound(BindMode),
    /// Bound, and nothing new goes out: an unbind will follow the last answers.
    Draining(BindMode),
    /// Our unbind waits for its answer.
    Unbinding,
    /// The peer's unbind waits for ours, behind the answers that we owe.
    Leaving(u32),
    /// The end.
    Closed,
}

/// A request of ours.
#[derive(Debug, Clone, Copy)]
struct Pending {
    sequence: u32,
    command: CommandId,
    ticket: u64,
    sent: Instant,
    due: Option<Instant>,
}

impl Session {
    /// A session on a connection that was just made. As SMSC it waits for a bind, as ESME for [`Session::bind`].
    pub fn new(role: Role, config: Config, now: Instant) -> Self {
        let mut timers = Timers::new(config.timers.clone());
        timers.start(Timer::SessionInit, now);
        Self {
            role,
            config,
            state: State::Open,
            reader: FrameReader::default(),
            out: Vec::new(),
            written: 0,
            events: VecDeque::new(),
            pending: VecDeque::new(),
            late: VecDeque::new(),
            owed: 0,
            sequence: 0,
            control: None,
            unheard: 0,
            throttled: 0,
            version: NEW_ENOUGH,
            timers,
            now,
        }
    }

    /// Takes octets that were read, and says how many: those that do not fit are to be handed in again once
    /// [`Session::wants_octets`], and nothing is to be read from the socket before.
    pub fn receive(&mut self, octets: &[u8], now: Instant) -> usize {
        self.now = now;
        if self.state == State::Closed {
            return octets.len();
        }
        let taken = octets.len().min(self.room());
        self.reader.receive(&octets[..taken]);
        if taken > 0 {
            self.unheard = 0;
            self.timers.start(Timer::EnquireLink, now);
        }
        taken
    }

    /// Whether there is room for more octets.
    pub fn wants_octets(&self) -> bool {
        self.room() > 0
    }

    /// The next thing that happened. To be called until it gives nothing, after every `receive`, `tick` and `written`.
    pub fn poll(&mut self) -> Option<Event> {
        loop {
            self.settle();
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.state == State::Closed || self.is_held_up() {
                return None;
            }
            let Some(frame) = self.reader.take() else {
                self.watch_unfinished();
                return None;
            };
            let read = match frame {
                Frame::Lost(header) => Err(header),
                Frame::Pdu(octets) => Ok((crate::Header::decode(octets), Pdu::decode(octets))),
            };
            self.timers.stop(Timer::Unfinished);
            match read {
                Err(header) => self.out_of_step(header),
                Ok((_, Ok(pdu))) => self.hear(pdu),
                Ok((_, Err(error))) => self.hear_malformed(error),
            }
        }
    }

    /// What is to be written.
    pub fn outgoing(&self) -> &[u8] {
        &self.out[self.written..]
    }

    /// So many octets of [`Session::outgoing`] were written.
    pub fn written(&mut self, octets: usize) {
        self.written = self.out.len().min(self.written + octets);
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
    }

    /// Does what is due; to be called at [`Session::due`], and harmless at any other time.
    pub fn tick(&mut self, now: Instant) {
        self.now = now;
        while let Some(timer) = self.timers.expired(now) {
            self.ended(timer);
        }
        self.give_up_pending();
        self.settle();
    }

    /// When [`Session::tick`] is to be called next.
    pub fn due(&self) -> Option<Instant> {
        let answer = self.pending.front().and_then(|first| first.due);
        [self.timers.next(), answer].into_iter().flatten().min()
    }

    /// ESME: binds.
    ///
    /// # Errors
    /// [`Rejected::NotBound`] where the session is not open for it, or the fields cannot be written.
    pub fn bind(&mut self, mode: BindMode, bind: Bind, now: Instant) -> Result<(), Rejected> {
        self.now = now;
        if self.role != Role::Esme || self.state != State::Open {
            return Err(Rejected::NotBound);
        }
        let sequence = self.write_request(&mode.request(bind), &Tlvs::NONE)?;
        self.control = Some(sequence);
        self.state = State::Binding(mode);
        self.timers.stop(Timer::SessionInit);
        self.timers.start(Timer::Control, now);
        Ok(())
    }

    /// SMSC on a connection of its own making: asks to be bound to.
    ///
    /// # Errors
    /// As [`Session::bind`].
    pub fn outbind(&mut self, outbind: Outbind, now: Instant) -> Result<(), Rejected> {
        self.now = now;
        if self.role != Role::Smsc || self.state != State::Open {
            return Err(Rejected::NotBound);
        }
        self.write_request(&Body::Outbind(outbind), &Tlvs::NONE).map(drop)
    }

    /// Sets how many requests may wait for their answers, either way: who binds may be known to deserve another window.
    pub fn set_window(&mut self, window: usize) {
        self.config.window_in = window;
        self.config.window_out = window;
    }

    /// Sets how long answers are waited for from the next request on.
    pub fn set_response(&mut self, limit: Duration) {
        self.timers.set(Timer::Response, limit);
    }

    /// SMSC: lets in who asked. Whoever was bound already is asked anew: it answers nothing of before.
    pub fn accept(&mut self, owed: Owed, now: Instant) {
        self.now = now;
        let mode = match (self.state, owed.command) {
            (State::Binding(mode), _) => mode,
            (State::Bound(_), CommandId::BIND_RECEIVER) => BindMode::Receiver,
            (State::Bound(_), CommandId::BIND_TRANSMITTER) => BindMode::Transmitter,
            (State::Bound(_), _) => BindMode::Transceiver,
            _ => return,
        };
        self.version = owed.version;
        let resp = crate::BindResp {
            system_id: self.config.system_id.clone(),
        };
        let body = match mode {
            BindMode::Receiver => Body::BindReceiverResp(resp),
            BindMode::Transmitter => Body::BindTransmitterResp(resp),
            BindMode::Transceiver => Body::BindTransceiverResp(resp),
        };
        let mut tlvs = Tlvs::NONE;
        tlvs.push_octet(Tag::SC_INTERFACE_VERSION, NEW_ENOUGH);
        self.write(Status::OK, owed.sequence, &body, &tlvs);
        self.become_bound(mode);
        while let Some(first) = self.pending.pop_front() {
            self.is_unanswered(first, Silence::BoundAnew);
        }
    }

    /// SMSC: refuses who asked. The session ends, unless it was bound before.
    pub fn refuse(&mut self, owed: Owed, status: Status, now: Instant) {
        self.now = now;
        self.write(status, owed.sequence, &event::bare(owed.command), &Tlvs::NONE);
        if matches!(self.state, State::Binding(_)) {
            self.close(Why::Refused(status));
        }
    }

    /// Sends a request. `ticket` comes back with its answer.
    ///
    /// # Errors
    /// When it is not taken; then nothing was written.
    pub fn submit(&mut self, body: &Body, tlvs: &Tlvs, ticket: u64, now: Instant) -> Result<(), Rejected> {
        self.now = now;
        let command = body.command();
        match self.state {
            State::Bound(mode) => {
                rules::may_send(command, self.role, Some(mode)).map_err(|_| Rejected::NotBound)?;
            }
            State::Draining(_) | State::Unbinding | State::Leaving(_) => return Err(Rejected::Closing),
            State::Open | State::Binding(_) | State::Closed => return Err(Rejected::NotBound),
        }
        self.may_submit()?;
        if self.version < NEW_ENOUGH && tlvs.has(Tag::MESSAGE_PAYLOAD) {
            return Err(Rejected::TooOld);
        }
        let sequence = self.write_request(body, tlvs)?;
        self.timers.start(Timer::Inactivity, now);
        if rules::counts(command) {
            self.pending.push_back(Pending {
                sequence,
                command,
                ticket,
                sent: now,
                due: self.timers.deadline(Timer::Response, now),
            });
        }
        Ok(())
    }

    /// Whether a request would be taken now, as far as window, pause and the peer's reading go.
    ///
    /// # Errors
    /// What is in the way.
    pub fn may_submit(&self) -> Result<(), Rejected> {
        if self.pending.len() >= self.config.window_out {
            return Err(Rejected::WindowFull);
        }
        if self.timers.is_running(Timer::Pause) {
            return Err(Rejected::Paused);
        }
        match self.outgoing().len() > MOST_UNWRITTEN {
            true => Err(Rejected::NotWritten),
            false => Ok(()),
        }
    }

    /// Answers a request. After the session's end nothing happens.
    ///
    /// # Errors
    /// Fields that cannot be written; the peer is then answered ESME_RSYSERR, since an answer it must have.
    pub fn respond(&mut self, owed: Owed, mut answer: Answer, now: Instant) -> Result<(), Rejected> {
        self.now = now;
        self.owed = self.owed.saturating_sub(usize::from(rules::counts(owed.command)));
        if self.state == State::Closed {
            return Ok(());
        }
        let body = answer.body(owed.command);
        let tlvs = self.tlvs_for_peer(&answer.tlvs);
        let written = Pdu::encode_parts(answer.status, owed.sequence, &body, tlvs, &mut self.out);
        if written.is_err() {
            self.write(
                Status::SYSTEM_ERROR,
                owed.sequence,
                &event::bare(owed.command),
                &Tlvs::NONE,
            );
        }
        self.settle();
        written.map_err(Rejected::Encode)
    }

    /// Ends the session in order: nothing new goes out, the last answers are waited for, then it is unbound.
    pub fn unbind(&mut self, now: Instant) {
        self.now = now;
        match self.state {
            State::Bound(mode) => {
                self.state = State::Draining(mode);
                self.timers.start(Timer::Drain, now);
                self.settle();
            }
            State::Open | State::Binding(_) => self.close(Why::Unbound),
            State::Draining(_) | State::Unbinding | State::Leaving(_) | State::Closed => {}
        }
    }

    /// The connection is gone.
    pub fn lost(&mut self, now: Instant) {
        self.now = now;
        self.close(Why::ConnectionLost);
    }

    /// What the session is bound for, also while it drains.
    pub fn bound(&self) -> Option<BindMode> {
        match self.state {
            State::Bound(mode) | State::Draining(mode) => Some(mode),
            _ => None,
        }
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Requests of ours that wait for an answer, and answers that we owe.
    pub fn windows(&self) -> (usize, usize) {
        (self.pending.len(), self.owed)
    }

    /// Whether the peer knows optional parameters.
    pub fn knows_tlvs(&self) -> bool {
        self.version >= NEW_ENOUGH
    }

    /// Octets that may still be taken.
    fn room(&self) -> usize {
        MOST_UNREAD.saturating_sub(self.reader.waiting())
    }

    /// Whether nothing is read for now: the peer does not read either, or its next request is beyond its window.
    fn is_held_up(&self) -> bool {
        if self.outgoing().len() > MOST_UNWRITTEN {
            return true;
        }
        let full = self.config.overflow == Overflow::Wait && self.owed >= self.config.window_in;
        full && self.reader.peek().is_some_and(|header| rules::counts(header.command))
    }

    fn write_request(&mut self, body: &Body, tlvs: &Tlvs) -> Result<u32, Rejected> {
        let sequence = if self.sequence >= HIGHEST_SEQUENCE {
            1
        } else {
            self.sequence + 1
        };
        let tlvs = self.tlvs_for_peer(tlvs);
        Pdu::encode_parts(Status::OK, sequence, body, tlvs, &mut self.out).map_err(Rejected::Encode)?;
        self.sequence = sequence;
        Ok(sequence)
    }

    /// Writes an answer of our own making.
    fn write(&mut self, status: Status, sequence: u32, body: &Body, tlvs: &Tlvs) {
        let tlvs = self.tlvs_for_peer(tlvs);
        if Pdu::encode_parts(status, sequence, body, tlvs, &mut self.out).is_err() {
            // Only our own system_id can be too long for an answer of ours.
            let bare = Body::Omitted(body.command());
            let _ = Pdu::encode_parts(status, sequence, &bare, &Tlvs::NONE, &mut self.out);
        }
    }

    /// Parameters for this peer: none, where it is older than 3.4 (clause 3.4.3).
    fn tlvs_for_peer<'a>(&self, tlvs: &'a Tlvs) -> &'a Tlvs {
        match self.version >= NEW_ENOUGH {
            true => tlvs,
            false => const { &Tlvs::NONE },
        }
    }

    fn become_bound(&mut self, mode: BindMode) {
        self.state = State::Bound(mode);
        self.control = None;
        self.timers.stop(Timer::SessionInit);
        self.timers.stop(Timer::Control);
        self.timers.start(Timer::EnquireLink, self.now);
        self.timers.start(Timer::Inactivity, self.now);
    }

    /// Goes on with an ending once nothing is waited for any more.
    fn settle(&mut self) {
        match self.state {
            State::Draining(_) if self.pending.is_empty() && self.owed == 0 => self.write_unbind(),
            State::Leaving(sequence) if self.owed == 0 => {
                self.write(Status::OK, sequence, &Body::UnbindResp, &Tlvs::NONE);
                self.close(Why::PeerUnbound);
            }
            _ => {}
        }
    }

    fn write_unbind(&mut self) {
        self.state = State::Unbinding;
        self.timers.stop(Timer::Drain);
        self.control = self.write_request(&Body::Unbind, &Tlvs::NONE).ok();
        self.timers.start(Timer::Control, self.now);
    }

    fn close(&mut self, why: Why) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.timers.stop_all();
        self.reader = FrameReader::default();
        for pending in self.pending.drain(..) {
            self.events.push_back(Event::Unanswered {
                ticket: pending.ticket,
                why: Silence::Closed,
            });
        }
        self.events.push_back(Event::Closed(why));
    }

    /// A timer has ended.
    fn ended(&mut self, timer: Timer) {
        match timer {
            Timer::SessionInit => self.close(Why::NoBind),
            Timer::Control => self.close(Why::NoAnswer),
            Timer::Unfinished => self.close(Why::Unfinished),
            Timer::Inactivity => self.unbind(self.now),
            Timer::Drain => self.write_unbind(),
            Timer::Pause => self.events.push_back(Event::Resumed),
            Timer::EnquireLink => self.enquire(),
            Timer::Response => {}
        }
    }

    /// Asks whether the peer is there, or takes its silence for an answer. While nothing of it is read it cannot answer.
    fn enquire(&mut self) {
        if self.is_held_up() {
            return self.timers.start(Timer::EnquireLink, self.now);
        }
        if self.unheard >= MOST_UNHEARD {
            return self.close(Why::Silent);
        }
        self.unheard += 1;
        self.reader.trim();
        let asked = self.write_request(&Body::EnquireLink, &Tlvs::NONE);
        debug_assert!(asked.is_ok(), "a header alone can always be written");
        self.timers.start(Timer::EnquireLink, self.now);
    }

    /// Gives up requests whose answer is overdue, unless it may lie unread before us.
    fn give_up_pending(&mut self) {
        if self.is_held_up() {
            let later = self.timers.deadline(Timer::Response, self.now);
            self.pending.iter_mut().for_each(|pending| pending.due = later);
            return;
        }
        let now = self.now;
        while let Some(first) = self
            .pending
            .pop_front_if(|first| first.due.is_some_and(|due| due <= now))
        {
            self.is_unanswered(first, Silence::TimedOut);
        }
    }

    /// A request has no answer, though one may come late.
    fn is_unanswered(&mut self, pending: Pending, why: Silence) {
        let ticket = pending.ticket;
        self.events.push_back(Event::Unanswered { ticket, why });
        if self.late.len() >= MOST_LATE {
            self.late.pop_front();
        }
        self.late.push_back(pending);
    }

    /// A PDU that has begun must end some time.
    fn watch_unfinished(&mut self) {
        if self.reader.waiting() > 0 && !self.timers.is_running(Timer::Unfinished) {
            self.timers.start(Timer::Unfinished, self.now);
        }
    }

    /// Holds back after the peer asked for less.
    fn pause(&mut self) {
        if self.timers.is_running(Timer::Pause) {
            return;
        }
        self.throttled = self.throttled.saturating_add(1);
        let pause: Duration = crate::throttle_pause(self.throttled);
        self.timers.start_for(Timer::Pause, self.now, pause);
        self.events.push_back(Event::Paused(pause));
    }

    /// Finds what an answer belongs to. Peers answer in order, so the first is nearly always the one.
    fn take_pending(&mut self, sequence: u32) -> Option<(Pending, bool)> {
        let place = |queue: &VecDeque<Pending>| queue.iter().position(|pending| pending.sequence == sequence);
        if let Some(at) = place(&self.pending) {
            return self.pending.remove(at).map(|pending| (pending, false));
        }
        let at = place(&self.late)?;
        self.late.remove(at).map(|pending| (pending, true))
    }

    /// Puts back what was taken by an answer to something else.
    fn put_back(&mut self, pending: Pending, late: bool) {
        let queue = if late { &mut self.late } else { &mut self.pending };
        queue.push_front(pending);
    }
}

/// The interface_version of SMPP 3.4.
const NEW_ENOUGH: u8 = 0x34;

/// Octets that are kept unread. What comes on top stays in the socket, which slows the peer down.
const MOST_UNREAD: usize = 128 * 1024;

/// Octets that wait to be written; beyond them nothing more is read or sent until the peer reads.
const MOST_UNWRITTEN: usize = 256 * 1024;

/// Requests without an answer that are remembered for one that comes late; the oldest are forgotten first.
const MOST_LATE: usize = 64;

/// enquire_link in vain before the peer is given up.
const MOST_UNHEARD: u32 = 2;
