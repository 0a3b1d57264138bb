//! One connection: a session and the socket it speaks over.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use smpp::session::{Answer, BindMode, Config, Event, Owed, Rebind, Rejected, Role, Session, Why};
use smpp::{Bind, Body, EncodeError, Status, Tag, Tlvs};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::fingerprint::Fingerprint;
use crate::marks::Mark;
use crate::member::{Guest, House, Member, Receiver, Seat};
use crate::presence::{Counts, Presence};
use crate::submit::Submission;
use crate::trace::Tap;
use crate::{question, taking, ussd};

/// Something to be delivered over this connection.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) body: Body,
    pub(crate) tlvs: Tlvs,
    /// Told what came of it; dropped where it was never written and could be another time.
    pub(crate) done: oneshot::Sender<Told>,
}

/// The application's answer to an order, or [`NO_ANSWER`]; or why no PDU can hold the order.
pub(crate) type Told = Result<Status, EncodeError>;

/// A connection.
pub(crate) struct Connection {
    pub(crate) house: Arc<House>,
    pub(crate) peer: IpAddr,
    /// Who opened it, and to where.
    pub(crate) ends: (SocketAddr, SocketAddr),
    /// What it showed in the handshake.
    pub(crate) certificate: Option<Fingerprint>,
    /// Becomes true when the gateway stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// What came of something that was worked beside the conversation.
enum Worked {
    Login(Owed, BindMode, Result<Arc<Member>, Status>),
    /// With the messages that were taken.
    Answer(Owed, Box<Answer>, Vec<Mark>),
}

/// The conversation over a connection.
struct Talk {
    id: u64,
    house: Arc<House>,
    guest: Guest,
    /// For whoever has the session written down.
    tap: Tap,
    session: Session,
    seat: Option<Seat>,
    working: FuturesUnordered<BoxFuture<'static, Worked>>,
    /// What was delivered and is not answered yet.
    waiting: HashMap<u64, oneshot::Sender<Told>>,
    next_ticket: u64,
    /// Messages whose answers are among the octets that are being written.
    answered: Vec<Mark>,
    /// Since when something is to be written and nothing of it goes.
    stuck: Option<Instant>,
    /// For the deliveries of this session.
    orders: mpsc::Sender<Order>,
}

impl Connection {
    /// Speaks until one of the two ends it.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Send>(self, stream: S) {
        let Self {
            house,
            peer,
            ends,
            certificate,
            mut stopping,
        } = self;
        let (orders, mut deliveries) = mpsc::channel(DELIVERIES);
        let mut talk = Talk::new(house, Guest { peer, certificate }, ends, orders);
        let (mut read, mut write) = tokio::io::split(stream);
        let mut octets = vec![0; READ];
        let mut unread = 0..0;
        let mut leaving = false;
        let mut unflushed = false;
        loop {
            if !unread.is_empty() && talk.session.wants_octets() {
                let taken = talk.session.receive(&octets[unread.clone()], Instant::now());
                talk.tap.heard(&octets[unread.start..unread.start + taken]);
                unread.start += taken;
            }
            // Here and not only after the alarm: a peer that always has something to say would put it off.
            let now = Instant::now();
            talk.session.tick(now);
            talk.work_events();
            if talk.is_over(now) {
                break;
            }
            let mut alarm = pin!(alarm(talk.due()));
            let to_write = !talk.session.outgoing().is_empty();
            let may_read = unread.is_empty() && talk.session.wants_octets() && !talk.session.is_closed();
            let may_deliver = talk.seat.is_some() && talk.session.may_submit().is_ok();
            // Answers stand before deliveries, so that no receipt overtakes the answer to its message.
            tokio::select! {
                biased;
                Some(worked) = talk.working.next(), if !talk.working.is_empty() => talk.worked(worked),
                written = put(&mut write, talk.session.outgoing()), if to_write || unflushed => match written {
                    Ok(written) => {
                        talk.wrote(written);
                        unflushed = written > 0;
                    }
                    Err(_) => break,
                },
                Some(order) = deliveries.recv(), if may_deliver => talk.deliver(order),
                heard = read.read(&mut octets), if may_read => match heard {
                    Ok(heard) if heard > 0 => unread = 0..heard,
                    _ => break,
                },
                () = &mut alarm => {}
                // A sender that is gone means stop as well.
                _ = stopping.wait_for(|stopping| *stopping), if !leaving => {
                    leaving = true;
                    talk.session.unbind(Instant::now());
                }
            }
        }
        talk.session.lost(Instant::now());
        talk.work_events();
        talk.finish().await;
        // Whoever does not take the end of the conversation has ended it.
        let _ = timeout(GOODBYE, write.shutdown()).await;
    }
}

/// Writes what there is. Without anything, brings out what TLS kept of what was written.
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
    fn new(house: Arc<House>, guest: Guest, ends: (SocketAddr, SocketAddr), orders: mpsc::Sender<Order>) -> Self {
        let config = Config {
            system_id: house.config.system_id.as_str().into(),
            timers: house.config.timers(),
            rebind: Rebind::Ask,
            ..Config::default()
        };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            tap: house.traces.tap(id, ends),
            session: Session::new(Role::Smsc, config, Instant::now()),
            house,
            guest,
            seat: None,
            working: FuturesUnordered::new(),
            waiting: HashMap::new(),
            next_ticket: 0,
            answered: Vec::new(),
            stuck: None,
            orders,
        }
    }

    /// Whether nothing more is to be done: all is said, or the other side takes nothing of it.
    fn is_over(&mut self, now: Instant) -> bool {
        if self.session.outgoing().is_empty() {
            self.stuck = None;
            return self.session.is_closed();
        }
        self.stuck.get_or_insert(now);
        let over = self.gives_up().is_some_and(|end| end <= now);
        if over {
            tracing::info!(peer = %self.guest.peer, "an SMPP peer reads nothing of what is written; it is cut off");
        }
        over
    }

    /// When a peer that reads nothing is cut off.
    fn gives_up(&self) -> Option<Instant> {
        let patience = match self.session.is_closed() {
            true => GOODBYE,
            false => Duration::from_secs(self.house.config.response_s.into()),
        };
        self.stuck.map(|since| since + patience)
    }

    /// When something is to be done whatever the other side does.
    fn due(&self) -> Option<Instant> {
        [self.session.due(), self.gives_up()].into_iter().flatten().min()
    }

    fn work_events(&mut self) {
        while let Some(event) = self.session.poll() {
            self.happened(event);
        }
        if let Some(seat) = &self.seat {
            seat.wait(self.session.windows());
        }
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::BindRequested { owed, mode, bind } => self.login(owed, mode, bind),
            Event::Request { owed, body, tlvs } => self.request(owed, body, tlvs),
            Event::Answered { ticket, status, .. } => {
                self.count(|counts| counts.delivered(Some(status)));
                if let Some(done) = self.waiting.remove(&ticket) {
                    // Whoever gave the order may have gone.
                    let _ = done.send(Ok(status));
                }
            }
            Event::Unanswered { ticket, .. } => {
                self.count(|counts| counts.delivered(None));
                if let Some(done) = self.waiting.remove(&ticket) {
                    let _ = done.send(Ok(NO_ANSWER));
                }
            }
            Event::Closed(why) => self.closed(&why),
            Event::Malformed(error) => tracing::debug!(peer = %self.guest.peer, %error, "a PDU that cannot be read"),
            Event::Stray(header) => tracing::debug!(peer = %self.guest.peer, ?header, "an answer to nothing"),
            Event::Paused(_) | Event::Resumed | Event::Bound { .. } | Event::Outbind(_) | Event::Alert(_) => {}
        }
    }

    fn closed(&mut self, why: &Why) {
        let name = self.seat.as_ref().map(|seat| seat.member().account.system_id.clone());
        match name {
            Some(name) => tracing::info!(peer = %self.guest.peer, account = name, "SMPP session ended: {why}"),
            None => tracing::debug!(peer = %self.guest.peer, "SMPP connection ended: {why}"),
        }
        self.seat = None;
        // What is left to say has a time of its own.
        self.stuck = None;
    }

    fn login(&mut self, owed: Owed, mode: BindMode, bind: Bind) {
        if let Some(seat) = &self.seat
            && !seat.member().account.rebind
        {
            return self.session.refuse(owed, Status::ALREADY_BOUND, Instant::now());
        }
        let (house, guest) = (Arc::clone(&self.house), self.guest.clone());
        let login = async move {
            let admitted = house.admit(&guest, &bind).await;
            Worked::Login(owed, mode, admitted)
        };
        self.working.push(login.boxed());
    }

    fn request(&mut self, owed: Owed, body: Body, tlvs: Tlvs) {
        let Some(seat) = &self.seat else {
            return self.respond(owed, Answer::refused(Status::WRONG_BIND_STATE));
        };
        let member = Arc::clone(seat.member());
        let submits = Submission::of(&body).is_some();
        if submits && !member.may_submit() {
            return self.respond(owed, Answer::refused(Status::THROTTLED));
        }
        let house = Arc::clone(&self.house);
        let (session, dialogue) = (self.id, submits && tlvs.has(Tag::USSD_SERVICE_OP));
        let work = async move {
            let (answer, taken) = match submits {
                true if dialogue => ussd::take(&house.gateway, &member, session, &body, &tlvs).await,
                true => taking::submit(&house.gateway, &member, &body, &tlvs).await,
                false => (
                    question::answer(&house.gateway, &member, &body, &tlvs).await,
                    Vec::new(),
                ),
            };
            Worked::Answer(owed, Box::new(answer), taken)
        };
        self.working.push(work.boxed());
    }

    fn worked(&mut self, worked: Worked) {
        match worked {
            Worked::Login(owed, mode, Ok(member)) => self.let_in(owed, mode, &member),
            Worked::Login(owed, _, Err(status)) => self.session.refuse(owed, status, Instant::now()),
            Worked::Answer(owed, answer, taken) => {
                self.respond(owed, *answer);
                self.answered.extend(taken);
            }
        }
    }

    fn let_in(&mut self, owed: Owed, mode: BindMode, member: &Arc<Member>) {
        let receiver = (mode != BindMode::Transmitter).then(|| Receiver {
            session: self.id,
            orders: self.orders.clone(),
            knows_tlvs: owed.knows_tlvs(),
        });
        let presence = Presence::new(self.id, mode, self.guest.peer);
        if !self.take_seat(member, presence, receiver) {
            tracing::warn!(peer = %self.guest.peer, account = member.account.system_id, "it has as many SMPP sessions as it may");
            return self.session.refuse(owed, Status::BIND_FAILED, Instant::now());
        }
        self.tap.is(&member.account.system_id);
        tracing::info!(peer = %self.guest.peer, account = member.account.system_id, mode = mode.name(), "SMPP session bound");
        self.session.set_window(member.account.window.into());
        self.session.accept(owed, Instant::now());
    }

    /// A second bind keeps its seat, or has another one before it gives back the first.
    fn take_seat(&mut self, member: &Arc<Member>, presence: Presence, receiver: Option<Receiver>) -> bool {
        match &mut self.seat {
            Some(seat) if Arc::ptr_eq(seat.member(), member) => seat.change(presence, receiver),
            seat => match member.seat(presence, receiver) {
                Some(other) => *seat = Some(other),
                None => return false,
            },
        }
        true
    }

    fn respond(&mut self, owed: Owed, answer: Answer) {
        let (command, status) = (owed.command(), answer.status);
        self.count(|counts| counts.answered(command, status));
        if let Err(error) = self.session.respond(owed, answer, Instant::now()) {
            tracing::error!(peer = %self.guest.peer, %error, "an answer that cannot be written");
        }
    }

    fn count(&self, what: impl Fn(&Counts)) {
        if let Some(seat) = &self.seat {
            seat.count(what);
        }
    }

    fn deliver(&mut self, order: Order) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        // What is not taken is given back by dropping its `done`.
        match self.session.submit(&order.body, &order.tlvs, ticket, Instant::now()) {
            Ok(()) => drop(self.waiting.insert(ticket, order.done)),
            Err(Rejected::Encode(error)) => drop(order.done.send(Err(error))),
            Err(why) => tracing::debug!(peer = %self.guest.peer, %why, "a delivery is given back"),
        }
    }

    fn wrote(&mut self, octets: usize) {
        self.stuck = None;
        self.tap.told(self.session.outgoing().get(..octets).unwrap_or_default());
        self.session.written(octets);
        if self.session.outgoing().is_empty() {
            self.answered.clear();
        }
    }

    /// What is being kept may be kept, though its answers reach nobody. Whoever only waits to be let in is not waited for.
    async fn finish(&mut self) {
        let all = async { while self.working.next().await.is_some() {} };
        let _ = timeout(LAST, all).await;
    }
}

/// Ends when it is time; never where there is none.
async fn alarm(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// What [`Order::done`] is told of an order that was written and never answered. No status of SMPP is as high (clause
/// 5.1.3); a peer that answers it says as little.
pub(crate) const NO_ANSWER: Status = Status(u32::MAX);
/// Deliveries that wait for this session; more wait where they come from.
const DELIVERIES: usize = 16;
/// What is read from the socket at a time, in octets.
const READ: usize = 8 * 1024;
/// How long submissions may take to be kept when their conversation is over.
const LAST: Duration = Duration::from_secs(5);
/// How long the end of a conversation may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// Numbers of the connections.
static NEXT: AtomicU64 = AtomicU64::new(1);
