//! One connection: who is who, what waits for an answer, how long that takes.

use std::{collections::BTreeMap, collections::HashMap, net::SocketAddr};

use serde::Serialize;

use super::{
    PATIENCE,
    anomaly::Kind,
    book::{Book, Place},
    framing::Framing,
};
use crate::{
    Body, CommandId, DefaultAlphabet, Header, Oddity, Pdu, Reaction, Status,
    capture::Stamp,
    session::{BindMode, Role, may_send},
};

/// A connection that speaks SMPP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Its number, which anomalies and messages name.
    pub number: usize,
    /// The message centre's address.
    pub smsc: String,
    /// The application's address.
    pub esme: String,
    /// Who bound.
    pub system_id: Option<String>,
    /// What for: `transceiver` and so on.
    pub bound_for: Option<&'static str>,
    /// The interface_version of the application.
    pub version: Option<u8>,
    /// The first PDU.
    pub first: Option<Stamp>,
    /// The last PDU.
    pub last: Option<Stamp>,
    /// PDUs by command.
    pub pdus: BTreeMap<&'static str, u64>,
    /// Responses by status.
    pub statuses: BTreeMap<String, u64>,
    /// Requests of the application.
    pub from_esme: Window,
    /// Requests of the message centre.
    pub from_smsc: Window,
    /// Requests without an answer so shortly before the end that none may have been due.
    pub waiting: Vec<String>,
    #[serde(skip)]
    pub(super) is_smpp: bool,
}

/// The requests of one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Window {
    /// Most that waited for an answer at a time.
    pub most: usize,
    /// How long the answers took.
    pub latency: Latency,
    /// Most that waited at a time, in sixty stretches of the session.
    pub profile: Vec<usize>,
}

/// How long answers took, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Latency {
    /// How many answers.
    pub count: usize,
    /// The quickest.
    pub min_us: u64,
    /// Half of them were not slower.
    pub p50_us: u64,
    /// Nine of ten were not slower.
    pub p90_us: u64,
    /// 99 of a hundred were not slower.
    pub p99_us: u64,
    /// The slowest.
    pub max_us: u64,
    /// How many took less than 1 ms, 10 ms, 100 ms, 1 s, 10 s, and more.
    pub histogram: [usize; 6],
}

/// A connection while it is heard.
#[derive(Debug)]
pub(super) struct Dialogue {
    number: usize,
    from: SocketAddr,
    to: SocketAddr,
    /// The application is `from`; nothing while no PDU told.
    from_is_esme: Option<bool>,
    /// `to`'s octets, and `from`'s.
    framings: [Framing; 2],
    /// Requests that wait for an answer, of `to` and of `from`.
    asked: [HashMap<u32, Asked>; 2],
    tallies: [Tally; 2],
    bound: Option<BindMode>,
    /// Whether a bind was seen: without one nobody knows the state.
    bind_seen: bool,
    /// When its end was seen.
    ended: Option<Stamp>,
    view: SessionView,
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Stamp,
    command: CommandId,
    message: Option<usize>,
}

/// What is counted of one side's requests.
#[derive(Debug, Default)]
struct Tally {
    most: usize,
    latencies: Vec<u64>,
    /// How many waited since when.
    waiting: Vec<(Stamp, usize)>,
}

impl Dialogue {
    pub(super) fn new(number: usize, from: SocketAddr, to: SocketAddr, whole: bool) -> Self {
        Self {
            number,
            from,
            to,
            from_is_esme: None,
            framings: [Framing::new(whole), Framing::new(whole)],
            asked: Default::default(),
            tallies: Default::default(),
            bound: None,
            bind_seen: false,
            ended: None,
            view: SessionView {
                number,
                smsc: to.to_string(),
                esme: from.to_string(),
                system_id: None,
                bound_for: None,
                version: None,
                first: None,
                last: None,
                pdus: BTreeMap::new(),
                statuses: BTreeMap::new(),
                from_esme: Window::default(),
                from_smsc: Window::default(),
                waiting: Vec::new(),
                is_smpp: false,
            },
        }
    }

    pub(super) fn is_smpp(&self) -> bool {
        self.framings.iter().any(|framing| framing.found)
    }

    pub(super) fn is_tls(&self) -> bool {
        !self.is_smpp() && self.framings.iter().any(|framing| framing.tls)
    }

    /// Takes octets of one direction.
    pub(super) fn hear(
        &mut self,
        forth: bool,
        octets: &[u8],
        at: Stamp,
        missing: usize,
        default: DefaultAlphabet,
        book: &mut Book,
    ) {
        let place = Place {
            at,
            session: self.number,
            sequence: None,
            message: None,
        };
        let side = usize::from(forth);
        if missing > 0 && self.framings[side].found {
            book.tell(place, Kind::Gap, format!("{missing} octets are not in the capture"));
        }
        self.framings[side].receive(octets, missing);
        while let Some(read) = self.framings[side].take() {
            match read {
                Err(header) => {
                    let place = Place {
                        sequence: Some(header.sequence),
                        ..place
                    };
                    book.tell(
                        place,
                        Kind::WrongLength,
                        format!("{} with a length of {}", header.command, header.length),
                    );
                    self.ask_unread(side, header, at);
                }
                Ok(octets) => self.hear_pdu(side, &octets, at, default, book),
            }
        }
    }

    fn hear_pdu(&mut self, side: usize, octets: &[u8], at: Stamp, default: DefaultAlphabet, book: &mut Book) {
        let mut oddities = Vec::new();
        let place = Place {
            at,
            session: self.number,
            sequence: None,
            message: None,
        };
        let pdu = match Pdu::decode_noting(octets, &mut oddities) {
            Ok(pdu) => pdu,
            Err(error) => {
                let place = Place {
                    sequence: Some(error.header.sequence),
                    ..place
                };
                book.tell(place, Kind::Unreadable, error.to_string());
                return self.ask_unread(side, error.header, at);
            }
        };
        self.view.first.get_or_insert(at);
        self.view.last = Some(at);
        *self.view.pdus.entry(pdu.command().name()).or_default() += 1;
        self.learn_roles(side, pdu.command());
        let place = Place {
            sequence: Some(pdu.sequence),
            ..place
        };
        for oddity in &oddities {
            let kind = if matches!(oddity, Oddity::TlvLength { .. }) {
                Kind::Format
            } else {
                kind_of(oddity)
            };
            book.tell_format(place, kind, oddity, pdu.command());
        }
        match pdu.command().is_response() {
            true => self.hear_response(side, &pdu, place, book),
            false => self.hear_request(side, &pdu, place, default, book),
        }
    }

    fn hear_request(&mut self, side: usize, pdu: &Pdu, place: Place, default: DefaultAlphabet, book: &mut Book) {
        let command = pdu.command();
        self.learn_bind(&pdu.body);
        self.check_state(side, pdu, place, book);
        let smsc = self.smsc();
        let message = book.request(smsc.ip(), self.role(side), pdu, place, default);
        if matches!(command, CommandId::ALERT_NOTIFICATION | CommandId::OUTBIND) {
            return;
        }
        if command.is_known() && self.asked[side].contains_key(&pdu.sequence) {
            book.tell(place, Kind::SequenceReused, format!("{command} {}", pdu.sequence));
        }
        let asked = Asked {
            at: place.at,
            command,
            message,
        };
        self.asked[side].insert(pdu.sequence, asked);
        let waiting = self.asked[side].len();
        self.tallies[side].note(place.at, waiting);
    }

    /// A request that cannot be read is answered all the same: by what is wrong with it.
    fn ask_unread(&mut self, side: usize, header: Header, at: Stamp) {
        let command = header.command;
        if command.is_response() || !command.is_known() {
            return;
        }
        let asked = Asked {
            at,
            command,
            message: None,
        };
        self.asked[side].insert(header.sequence, asked);
        let waiting = self.asked[side].len();
        self.tallies[side].note(at, waiting);
    }

    fn hear_response(&mut self, side: usize, pdu: &Pdu, place: Place, book: &mut Book) {
        *self.view.statuses.entry(pdu.status.to_string()).or_default() += 1;
        let asker = 1 - side;
        let command = pdu.command();
        let fits = |asked: &&Asked| command == asked.command.response() || command == CommandId::GENERIC_NACK;
        let Some(asked) = self.asked[asker].get(&pdu.sequence).filter(fits).copied() else {
            // Its request may have gone before the capture began.
            if self.view.first.is_some_and(|first| place.at.since(first) > SETTLED) || self.bind_seen {
                book.tell(place, Kind::StrayResponse, format!("{command} {}", pdu.sequence));
            }
            return;
        };
        self.asked[asker].remove(&pdu.sequence);
        let waiting = self.asked[asker].len();
        self.tallies[asker].note(place.at, waiting);
        self.tallies[asker].latencies.push(place.at.since(asked.at) / 1000);
        self.learn_bound(asked.command, pdu);
        let place = Place {
            message: asked.message,
            ..place
        };
        refusal(pdu.status, asked.command, place, book);
        book.response(self.smsc().ip(), pdu, asked.message, place);
    }

    /// The connection's end was seen.
    pub(super) fn close(&mut self, at: Stamp) {
        self.ended = Some(at);
    }

    /// Ends the connection, with the capture where no other end was seen: what has no answer now has none. Nobody knows
    /// whether it would have been late where that is too soon.
    pub(super) fn finish(mut self, last: Stamp, book: &mut Book) -> SessionView {
        self.view.is_smpp = self.is_smpp();
        let end = self.ended.unwrap_or(last);
        let mut silent: Vec<(u32, Asked)> = self.asked.iter_mut().flat_map(std::mem::take).collect();
        silent.sort_by_key(|(_, asked)| asked.at);
        for (sequence, asked) in silent {
            let place = Place {
                at: asked.at,
                session: self.number,
                sequence: Some(sequence),
                message: asked.message,
            };
            let what = format!("{} {sequence}", asked.command);
            match end.since(asked.at) >= PATIENCE {
                true => book.tell(place, Kind::Unanswered, what),
                false => self.view.waiting.push(what),
            }
        }
        let span = (self.view.first.unwrap_or_default(), self.view.last.unwrap_or_default());
        let esme = usize::from(self.from_is_esme.unwrap_or(true));
        let [back, forth] = self.tallies.map(|tally| tally.window(span));
        let (from_esme, from_smsc) = if esme == 1 { (forth, back) } else { (back, forth) };
        let (smsc, application) = if esme == 1 {
            (self.to, self.from)
        } else {
            (self.from, self.to)
        };
        SessionView {
            smsc: smsc.to_string(),
            esme: application.to_string(),
            from_esme,
            from_smsc,
            ..self.view
        }
    }

    fn smsc(&self) -> SocketAddr {
        if self.from_is_esme.unwrap_or(true) {
            self.to
        } else {
            self.from
        }
    }

    fn role(&self, side: usize) -> Role {
        match (side == 1) == self.from_is_esme.unwrap_or(true) {
            true => Role::Esme,
            false => Role::Smsc,
        }
    }

    /// Some commands tell which side is which.
    fn learn_roles(&mut self, side: usize, command: CommandId) {
        let by_esme = match command.request() {
            CommandId::BIND_RECEIVER | CommandId::BIND_TRANSMITTER | CommandId::BIND_TRANSCEIVER => true,
            CommandId::SUBMIT_SM | CommandId::SUBMIT_MULTI | CommandId::QUERY_SM => true,
            CommandId::CANCEL_SM | CommandId::REPLACE_SM => true,
            CommandId::DELIVER_SM | CommandId::ALERT_NOTIFICATION | CommandId::OUTBIND => false,
            _ => return,
        };
        let from_esme = by_esme != command.is_response();
        self.from_is_esme.get_or_insert((side == 1) == from_esme);
    }

    fn learn_bind(&mut self, body: &Body) {
        let (Body::BindReceiver(bind) | Body::BindTransmitter(bind) | Body::BindTransceiver(bind)) = body else {
            return;
        };
        self.bind_seen = true;
        self.view.system_id = Some(bind.system_id.text());
        self.view.version = Some(bind.interface_version);
    }

    fn learn_bound(&mut self, command: CommandId, pdu: &Pdu) {
        if !pdu.status.is_ok() {
            return;
        }
        self.bound = match command {
            CommandId::BIND_RECEIVER => Some(BindMode::Receiver),
            CommandId::BIND_TRANSMITTER => Some(BindMode::Transmitter),
            CommandId::BIND_TRANSCEIVER => Some(BindMode::Transceiver),
            CommandId::UNBIND => None,
            _ => return,
        };
        self.view.bound_for = self.view.bound_for.or(self.bound.map(BindMode::name));
    }

    /// Whether a request is one that this side may send now; nobody knows where the bind is not in the capture.
    fn check_state(&mut self, side: usize, pdu: &Pdu, place: Place, book: &mut Book) {
        let command = pdu.command();
        let role = self.role(side);
        if matches!(pdu.body, Body::Unknown(..)) {
            return book.tell(place, Kind::UnknownCommand, command.to_string());
        }
        let old = self.view.version.is_some_and(|version| version < 0x34) && role == Role::Smsc;
        if old && !pdu.tlvs.is_empty() {
            book.tell(
                place,
                Kind::OldPeer,
                format!("{} optional parameters in {command}", pdu.tlvs.len()),
            );
        }
        let is_message = crate::session::counts(command) || command == CommandId::ALERT_NOTIFICATION;
        if self.bind_seen && is_message && may_send(command, role, self.bound).is_err() {
            let state = self.bound.map_or("not bound", BindMode::name);
            book.tell(
                place,
                Kind::WrongState,
                format!("{command} of the {} while {state}", role.name()),
            );
        }
    }
}

impl Tally {
    fn note(&mut self, at: Stamp, waiting: usize) {
        self.most = self.most.max(waiting);
        self.waiting.push((at, waiting));
    }

    fn window(mut self, (first, last): (Stamp, Stamp)) -> Window {
        let mut profile = vec![0; if self.waiting.is_empty() { 0 } else { STRETCHES }];
        let whole = u128::from(last.since(first)) + 1;
        let mut carried = 0;
        let mut reached = 0;
        for (at, waiting) in &self.waiting {
            let stretch = u128::from(at.since(first)) * STRETCHES as u128 / whole;
            let stretch = usize::try_from(stretch).unwrap_or(STRETCHES).min(STRETCHES - 1);
            // Between two changes as many wait as after the first.
            for between in &mut profile[reached..=stretch.max(reached)] {
                *between = carried.max(*between);
            }
            profile[stretch] = profile[stretch].max(*waiting);
            carried = *waiting;
            reached = stretch;
        }
        self.latencies.sort_unstable();
        Window {
            most: self.most,
            latency: Latency::of(&self.latencies),
            profile,
        }
    }
}

impl Latency {
    /// Of latencies in order, in microseconds.
    fn of(sorted: &[u64]) -> Self {
        let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)));
        let mut histogram = [0; 6];
        for latency in sorted {
            let place = HISTOGRAM.iter().position(|limit| latency < limit);
            histogram[place.unwrap_or(HISTOGRAM.len())] += 1;
        }
        let value = |latency: Option<&u64>| latency.copied().unwrap_or_default();
        Self {
            count: sorted.len(),
            min_us: value(sorted.first()),
            p50_us: value(at(50)),
            p90_us: value(at(90)),
            p99_us: value(at(99)),
            max_us: value(sorted.last()),
            histogram,
        }
    }
}

fn refusal(status: Status, command: CommandId, place: Place, book: &mut Book) {
    let kind = match status.reaction() {
        Reaction::Taken => return,
        Reaction::SlowDown => Kind::Throttled,
        Reaction::Later | Reaction::Never => Kind::Refused,
    };
    book.tell(place, kind, format!("{command}: {status}, {}", status.meaning()));
}

fn kind_of(oddity: &Oddity) -> Kind {
    match oddity {
        Oddity::CutTlv(_) | Oddity::Trailing(_) => Kind::WrongLength,
        _ => Kind::Format,
    }
}

/// Upper ends of the histogram, in microseconds.
const HISTOGRAM: [u64; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// Stretches of a profile.
const STRETCHES: usize = 60;

/// After so many nanoseconds of a capture no response belongs to a request from before it.
const SETTLED: u64 = 60_000_000_000;
