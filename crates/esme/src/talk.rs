//! The conversation over one connection: a session, what was sent and is not answered, and what is to be answered.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::CarrierEvent;
use message::{BeginMark, Failure, Outcome, RawInbound};
use smpp::session::{Answer, BindMode, Config as SessionConfig, Event, Owed, Rejected, Role, Session, Silence, Why};
use smpp::{Bind, Body, Reaction, Status, Tlvs};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::board::{Next, Waiting};
use crate::config::seconds;
use crate::deliver::{self, Delivered};
use crate::dial::Stream;
use crate::stamps::Stamp;
use crate::trace::Tap;
use crate::upstream::{Ended, NO_CONNECTION, Upstream, Wanted, unsent};
use crate::{clock, refusal, submit};

/// How a conversation ended.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) why: Why,
    /// Since when it was bound, if it was.
    pub(crate) bound_at: Option<Instant>,
}

/// The conversation.
struct Talk {
    upstream: Arc<Upstream>,
    /// For whoever has the session written down.
    tap: Tap,
    /// Which of the upstream's connections.
    place: usize,
    session: Session,
    /// What was sent and is not answered: as many as the window, and those whose answer may come late.
    sent: HashMap<u64, Sent>,
    /// The marks of those of which nothing may have been written.
    unmarked: Vec<Arc<dyn BeginMark>>,
    /// Those of them whose answer is overdue, in the order in which that was seen.
    overdue: VecDeque<u64>,
    /// What is to be answered when it is kept; as many as the window.
    letters: HashMap<u64, Letter>,
    /// Answers whose octets are not all written.
    unwritten: VecDeque<(u64, Option<Stamp>)>,
    /// Octets written since the beginning.
    written: u64,
    /// Where what is kept is told.
    kept: mpsc::Sender<u64>,
    /// When the rate allows the next part.
    next_send: Option<Instant>,
    bound_at: Option<Instant>,
    ended: Option<Why>,
    /// A part was given back whose octets lie here: nothing more goes out over this connection.
    withheld: bool,
    /// When the last octets must be written.
    last_word: Option<Instant>,
}

/// A part that was sent.
struct Sent {
    since: Instant,
    /// The octet at which its PDU begins.
    begins: u64,
}

/// A deliver_sm or data_sm that is not answered.
struct Letter {
    owed: Owed,
    /// What a message is known by; a receipt tells the same whenever it comes.
    stamp: Option<Stamp>,
    taken: Instant,
}

/// Binds over a connection, and speaks until one of the two ends it.
pub(crate) async fn over(
    (stream, tap): (impl Stream, Tap),
    upstream: &Arc<Upstream>,
    (place, mode): (usize, BindMode),
    mut wanted: watch::Receiver<Wanted>,
) -> Left {
    let (mut news, mut again) = (upstream.news.subscribe(), upstream.again.subscribe());
    let (kept, mut told) = mpsc::channel(usize::from(upstream.config.window) + 1);
    let mut talk = Talk::new(upstream, tap, place, kept);
    talk.bind(mode);
    let (mut read, mut write) = tokio::io::split(stream);
    let mut octets = vec![0; READ];
    let mut unread = 0..0;
    let mut leaving = false;
    let mut unflushed = false;
    loop {
        if !unread.is_empty() && talk.session.wants_octets() {
            let taken = talk.session.receive(&octets[unread.clone()], clock::steady());
            talk.tap.heard(&octets[unread.start..unread.start + taken]);
            unread.start += taken;
        }
        talk.work().await;
        if talk.is_over() {
            break;
        }
        let due = talk.due().map(tokio::time::Instant::from_std);
        let mut alarm = pin!(async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        });
        let to_write = !talk.session.outgoing().is_empty();
        let may_read = unread.is_empty() && talk.session.wants_octets() && !talk.session.is_closed();
        tokio::select! {
            biased;
            now = wanted.wait_for(|wanted| *wanted != Wanted::Kept), if !leaving => {
                leaving = true;
                // A sender that is gone means that the gateway stops.
                let now = now.map_or(Wanted::Closed, |now| *now);
                talk.leave(now);
            }
            Some(letter) = told.recv() => talk.answer(letter),
            written = put(&mut write, talk.session.outgoing()), if to_write || unflushed => match written {
                Ok(written) => {
                    talk.wrote(written);
                    unflushed = written > 0;
                }
                Err(_) => break,
            },
            heard = read.read(&mut octets), if may_read => match heard {
                Ok(heard) if heard > 0 => unread = 0..heard,
                _ => break,
            },
            _ = again.changed() => talk.hand_over_again(AT_LEAST),
            _ = news.changed() => {}
            () = &mut alarm => talk.tick(),
        }
    }
    talk.end().await;
    // Whoever does not take the end of the conversation has ended it.
    let _ = timeout(GOODBYE, write.shutdown()).await;
    Left {
        why: talk.ended.unwrap_or(Why::ConnectionLost),
        bound_at: talk.bound_at,
    }
}

/// Writes what it can of these octets. Where there are none, those go out that TLS keeps back until it is told.
async fn put(stream: &mut (impl AsyncWrite + Unpin), octets: &[u8]) -> io::Result<usize> {
    if octets.is_empty() {
        return stream.flush().await.map(|()| 0);
    }
    match stream.write(octets).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

impl Talk {
    fn new(upstream: &Arc<Upstream>, tap: Tap, place: usize, kept: mpsc::Sender<u64>) -> Self {
        let window = usize::from(upstream.config.window);
        let config = SessionConfig {
            window_in: window,
            window_out: window,
            timers: upstream.config.timers(),
            ..SessionConfig::default()
        };
        Self {
            upstream: Arc::clone(upstream),
            tap,
            place,
            session: Session::new(Role::Esme, config, clock::steady()),
            sent: HashMap::new(),
            unmarked: Vec::new(),
            overdue: VecDeque::new(),
            letters: HashMap::new(),
            unwritten: VecDeque::new(),
            written: 0,
            kept,
            next_send: None,
            bound_at: None,
            ended: None,
            withheld: false,
            last_word: None,
        }
    }

    fn bind(&mut self, mode: BindMode) {
        let config = &self.upstream.config;
        let bind = Bind {
            system_id: config.system_id.as_str().into(),
            password: config.password.expose().into(),
            system_type: config.system_type.as_str().into(),
            interface_version: VERSION,
            address_range: config.address_range.as_str().into(),
            ..Bind::default()
        };
        if let Err(error) = self.session.bind(mode, bind, clock::steady()) {
            // The settings are checked, so it can always be written.
            tracing::error!(upstream = %self.upstream.name, "cannot bind: {error}");
            self.session.lost(clock::steady());
        }
    }

    /// Everything that can be done without waiting for the upstream.
    async fn work(&mut self) {
        while let Some(event) = self.session.poll() {
            self.happened(event).await;
        }
        self.upstream.give_back().await;
        self.send().await;
        self.begin();
        let (waiting, _) = self.session.windows();
        self.upstream.board().outstanding(self.place, waiting);
    }

    async fn happened(&mut self, event: Event) {
        let name = &self.upstream.name;
        match event {
            Event::Bound { mode, system_id, .. } => {
                let peer = system_id.text();
                tracing::info!(upstream = %name, mode = mode.name(), peer, "bound to {}", self.upstream.config.address);
                self.bound_at = Some(clock::steady());
                self.upstream.board().bound(self.place);
                self.upstream.changed(Vec::new()).await;
            }
            Event::Request { owed, body, tlvs } => self.take(owed, &body, &tlvs).await,
            Event::Answered {
                ticket,
                status,
                body,
                tlvs,
                late,
                ..
            } => self.answered(ticket, status, &body, &tlvs, late).await,
            Event::Unanswered { ticket, why } => self.unanswered(ticket, why).await,
            Event::Paused(pause) => {
                tracing::info!(upstream = %name, ?pause, "the upstream asks for less");
                let homeless = self.upstream.board().paused(self.place, pause);
                self.upstream.changed(homeless).await;
            }
            Event::Resumed => {
                self.upstream.board().resumed(self.place);
                self.upstream.changed(Vec::new()).await;
            }
            Event::Closed(why) => self.ended = Some(why),
            Event::Malformed(error) => tracing::warn!(upstream = %name, %error, "a PDU that cannot be read"),
            Event::Stray(header) => tracing::debug!(upstream = %name, ?header, "an answer to nothing"),
            Event::Alert(_) => tracing::debug!(upstream = %name, "an alert_notification, which nobody waits for"),
            Event::Outbind(_) => tracing::debug!(upstream = %name, "an outbind on a connection that is being bound"),
            Event::BindRequested { .. } => {}
        }
    }

    /// Sends what waits, as far as window, rate and pause allow.
    async fn send(&mut self) {
        self.next_send = None;
        while self.may_send() {
            let next = self.upstream.board().next(clock::steady());
            match next {
                Next::Part(waiting) => self.send_part(waiting).await,
                Next::After(at) => {
                    self.next_send = Some(at);
                    return;
                }
                Next::Nothing => return,
            }
        }
    }

    fn may_send(&self) -> bool {
        let sends = self.session.bound().is_some_and(|mode| mode.carries_from(Role::Esme));
        sends && self.ended.is_none() && self.session.may_submit().is_ok()
    }

    async fn send_part(&mut self, waiting: Waiting) {
        let Waiting {
            ticket,
            tpdu,
            since,
            mark,
            ..
        } = waiting;
        let request = submit::request(&tpdu, &self.upstream.config, self.session.knows_tlvs());
        let begins = self.written + self.session.outgoing().len() as u64;
        let sent = match request {
            Ok((body, tlvs)) => self.session.submit(&body, &tlvs, ticket, clock::steady()),
            Err(failure) => return self.unsendable(ticket, since, failure).await,
        };
        match sent {
            Ok(()) => {
                self.sent.insert(ticket, Sent { since, begins });
                self.unmarked.extend(mark);
            }
            Err(Rejected::Encode(error)) => {
                let failure = submit::unwritable(&error.to_string());
                self.unsendable(ticket, since, failure).await;
            }
            Err(Rejected::TooOld) => {
                let failure = submit::unwritable("it is too long for an upstream older than SMPP 3.4");
                self.unsendable(ticket, since, failure).await;
            }
            Err(_) => self.upstream.ended(unsent(ticket, since, NO_CONNECTION)).await,
        }
    }

    /// A part cannot be told to this upstream.
    async fn unsendable(&self, ticket: u64, since: Instant, failure: Failure) {
        let ended = Ended {
            outcome: Outcome::Failed(failure),
            ..unsent(ticket, since, NO_CONNECTION)
        };
        self.upstream.ended(ended).await;
    }

    /// What lies here may go out from now on: whoever wants that noted has it noted first. What cannot be noted stays here,
    /// and this connection ends.
    fn begin(&mut self) {
        let noted = self.unmarked.drain(..).try_for_each(|mark| mark.set());
        if let Err(error) = noted {
            tracing::error!(upstream = %self.upstream.name, "it cannot be noted that a part begins: {error}");
            self.withheld = true;
            self.session.lost(clock::steady());
        }
    }

    async fn answered(&mut self, ticket: u64, status: Status, body: &Body, tlvs: &Tlvs, late: bool) {
        let sent = self.sent.remove(&ticket);
        let since = sent.map_or_else(clock::steady, |sent| sent.since);
        let config = &self.upstream.config;
        let (outcome, id) = match status.reaction() {
            Reaction::Taken => {
                let id = match body {
                    Body::SubmitSmResp(resp) => deliver::peer_id(&resp.message_id, config.response_id.into()),
                    _ => None,
                };
                (Outcome::Sent { reference: None }, id)
            }
            _ => (Outcome::Failed(refusal::failure(status, tlvs, &config.retry)), None),
        };
        if late {
            tracing::info!(upstream = %self.upstream.name, ticket, "an answer that came late");
        }
        let status = Some(status);
        let ended = Ended {
            ticket,
            outcome,
            id,
            status,
            since,
        };
        self.upstream.ended(ended).await;
    }

    /// There is no answer. Whether the upstream has the part is unknown where an octet of it went out.
    async fn unanswered(&mut self, ticket: u64, why: Silence) {
        let Some(sent) = self.sent.get(&ticket) else { return };
        let (since, begun) = (sent.since, sent.begins < self.written);
        match why {
            Silence::Closed => drop(self.sent.remove(&ticket)),
            Silence::TimedOut | Silence::BoundAnew => self.overdue.push_back(ticket),
        }
        if self.overdue.len() > MOST_OVERDUE
            && let Some(oldest) = self.overdue.pop_front()
        {
            self.sent.remove(&oldest);
        }
        if !begun {
            // It goes out elsewhere, so it must not go out here as well when the upstream reads again.
            self.withheld = true;
            self.session.lost(clock::steady());
            return self.upstream.ended(unsent(ticket, since, NO_CONNECTION)).await;
        }
        let reason = match why {
            Silence::TimedOut => format!("the upstream did not answer in {} s", self.upstream.config.response_s),
            Silence::Closed => "the connection to the upstream ended before it answered".to_owned(),
            Silence::BoundAnew => "the session began anew before the upstream answered".to_owned(),
        };
        let outcome = Outcome::Uncertain { reason };
        self.upstream
            .ended(Ended {
                outcome,
                ..unsent(ticket, since, NO_CONNECTION)
            })
            .await;
    }

    /// Takes what the upstream hands over. It is answered when it is kept.
    async fn take(&mut self, owed: Owed, body: &Body, tlvs: &Tlvs) {
        if !deliver::carries_message(body) {
            return self.respond(owed, Answer::refused(Status::INVALID_COMMAND));
        }
        let (steady, now) = (clock::steady(), clock::now());
        let stamp = (!deliver::is_receipt(body, tlvs, &self.upstream.config)).then(|| {
            let digest = deliver::digest(body, tlvs);
            self.upstream.stamps().stamp(digest, now.as_second(), steady)
        });
        let second = stamp.map_or(now.as_second(), |stamp| stamp.second);
        let delivered = deliver::read(body, tlvs, &self.upstream.config, now, second);
        let name = self.upstream.name.clone();
        let pdus = match &delivered {
            Delivered::Message(pdus) => pdus.len(),
            Delivered::Receipt(_) => 1,
            Delivered::Nameless(words) => {
                tracing::warn!(upstream = %name, "a receipt that does not tell of which message: {words}");
                return self.respond(owed, Answer::taken(""));
            }
            Delivered::TooLong => {
                tracing::warn!(upstream = %name, "a message that fits no SMS is refused");
                return self.respond(owed, Answer::refused(Status::INVALID_MESSAGE_LENGTH));
            }
        };
        let Some((letter, places)) = self.upstream.places.open(pdus, &self.kept) else {
            self.comes_again(stamp);
            return self.respond(owed, Answer::refused(Status::TEMPORARY_APPLICATION_ERROR));
        };
        let taken = steady;
        self.letters.insert(letter, Letter { owed, stamp, taken });
        self.upstream.board().came(matches!(delivered, Delivered::Receipt(_)));
        let events = events(&name, delivered, stamp, places);
        for event in events {
            self.upstream.tell(event).await;
        }
    }

    /// A letter is kept.
    fn answer(&mut self, letter: u64) {
        let Some(Letter { owed, stamp, .. }) = self.letters.remove(&letter) else {
            return;
        };
        self.respond(owed, Answer::taken(""));
        let ends = self.written + self.session.outgoing().len() as u64;
        self.unwritten.push_back((ends, stamp));
    }

    /// Asks for a repetition of what was taken so long ago and is not kept yet.
    fn hand_over_again(&mut self, age: Duration) {
        let now = clock::steady();
        let old = self
            .letters
            .extract_if(|_, letter| now.saturating_duration_since(letter.taken) >= age);
        let old: Vec<(u64, Letter)> = old.collect();
        for (number, letter) in old {
            self.upstream.places.forget(number);
            self.comes_again(letter.stamp);
            self.respond(letter.owed, Answer::refused(Status::TEMPORARY_APPLICATION_ERROR));
        }
    }

    /// The upstream will repeat what has this stamp.
    fn comes_again(&self, stamp: Option<Stamp>) {
        if let Some(stamp) = stamp {
            self.upstream.stamps().comes_again(stamp, clock::steady());
        }
    }

    fn respond(&mut self, owed: Owed, answer: Answer) {
        if let Err(error) = self.session.respond(owed, answer, clock::steady()) {
            tracing::warn!(upstream = %self.upstream.name, "an answer that cannot be written: {error}");
        }
    }

    fn wrote(&mut self, octets: usize) {
        self.tap.told(self.session.outgoing().get(..octets).unwrap_or_default());
        self.session.written(octets);
        self.written += octets as u64;
        while self.unwritten.pop_front_if(|(ends, _)| *ends <= self.written).is_some() {}
    }

    /// The connection is to end. Where the gateway stops, nothing is kept any more, so nothing else will be answered.
    fn leave(&mut self, wanted: Wanted) {
        if wanted == Wanted::Closed {
            self.hand_over_again(Duration::ZERO);
        }
        self.session.unbind(clock::steady());
    }

    fn tick(&mut self) {
        self.session.tick(clock::steady());
        self.hand_over_again(seconds(self.upstream.config.keep_s));
    }

    fn due(&self) -> Option<Instant> {
        let keep = seconds(self.upstream.config.keep_s);
        let overdue = self.letters.values().map(|letter| letter.taken + keep).min();
        [self.session.due(), overdue, self.next_send, self.last_word]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether nothing more is to be said: the session is closed, and its last octets are written, are not to be, or wait
    /// for an upstream that does not read.
    fn is_over(&mut self) -> bool {
        if !self.session.is_closed() {
            return false;
        }
        let now = clock::steady();
        let last_word = *self.last_word.get_or_insert(now + GOODBYE);
        self.withheld || self.session.outgoing().is_empty() || last_word <= now
    }

    /// The connection is over: what was not answered comes again, and what was sent is told for what it is.
    async fn end(&mut self) {
        self.session.lost(clock::steady());
        while let Some(event) = self.session.poll() {
            self.happened(event).await;
        }
        let unheard = self.unwritten.drain(..).map(|(_, stamp)| stamp);
        let mut stamps: Vec<Option<Stamp>> = unheard.collect();
        for (number, letter) in self.letters.drain() {
            self.upstream.places.forget(number);
            stamps.push(letter.stamp);
        }
        stamps.into_iter().for_each(|stamp| self.comes_again(stamp));
    }
}

/// What the gateway is told of a letter.
fn events(
    name: &message::RouteId,
    delivered: Delivered,
    stamp: Option<Stamp>,
    places: Vec<message::Memory>,
) -> Vec<CarrierEvent> {
    let received = |(sms, (pdu, place))| CarrierEvent::Received {
        route: name.clone(),
        raw: RawInbound {
            pdu,
            memory: Some(place),
        },
        identity: stamp.map(|stamp| stamp.identity(sms)),
    };
    match delivered {
        Delivered::Message(pdus) => (0..=u8::MAX).zip(pdus.into_iter().zip(places)).map(received).collect(),
        Delivered::Receipt(receipt) => {
            let told = |place| CarrierEvent::Receipt {
                route: name.clone(),
                receipt: (*receipt).clone(),
                place,
            };
            places.into_iter().map(told).collect()
        }
        Delivered::Nameless(_) | Delivered::TooLong => Vec::new(),
    }
}

/// Parts whose late answer is waited for; the session remembers no more requests than that.
const MOST_OVERDUE: usize = 64;
/// The version that we speak.
const VERSION: u8 = 0x34;
/// Octets that are read at once.
const READ: usize = 16 * 1024;
/// How old a letter is at least that is asked for again because something could not be kept; what just came may be on
/// its way to the disk.
const AT_LEAST: Duration = Duration::from_secs(1);
/// How long the last octets of a connection may take, and its end.
const GOODBYE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
