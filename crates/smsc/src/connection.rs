//! One connection: a session and the socket it speaks over.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use esme::{Opener, Tap};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use message::Api;
use smpp::session::{Answer, BindMode, Config, Event, Owed, Rebind, Rejected, Role, Session, Why};
use smpp::{Bind, Body, EncodeError, Status, Tag, Tlvs};
use store::{AcceptedParts, NewMessage};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Sleep, timeout};

use crate::crowd::{Crowd, Told};
use crate::fingerprint::Fingerprint;
use crate::marks::Mark;
use crate::member::{BindNote, Guest, House, Member, Receiver, Seat};
use crate::presence::{Counts, Presence};
use crate::refusal::Refusal;
use crate::submit::Submission;
use crate::taking::Taken;
use crate::{calling, question, taking, ussd};

/// Something to be delivered over this connection.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) body: Body,
    pub(crate) tlvs: Tlvs,
    /// Told what came of it; dropped where it was never written and could be another time.
    pub(crate) done: oneshot::Sender<Answered>,
}

/// What came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The application's answer.
    With(Status),
    /// It was written, and there was no answer until it was too late or the session had ended.
    Never,
    /// No PDU can hold it.
    Unwritable(EncodeError),
}

/// A connection.
pub(crate) struct Connection {
    pub(crate) house: Arc<House>,
    pub(crate) peer: IpAddr,
    /// Its address, and our own.
    pub(crate) ends: (SocketAddr, SocketAddr),
    /// What it showed in the handshake.
    pub(crate) certificate: Option<Fingerprint>,
    /// Whom it was made to, and who alone may bind here, to receive; `None`: somebody came.
    pub(crate) called: Option<Arc<Member>>,
    /// Becomes true when the gateway stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// What came of something that was worked beside the conversation.
enum Worked {
    Login(Owed, BindMode, Result<Arc<Member>, Status>),
    /// With the messages that were taken.
    Answer(Owed, Box<Answer>, Vec<Taken>),
    /// Of submissions that came together.
    Crowd(Vec<Told>),
    /// What another account left that was bound here before is ended.
    Left,
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
    /// Whose seat it was, once the session has ended.
    left: Option<Arc<Member>>,
    called: Option<Arc<Member>>,
    /// Whether somebody was bound once.
    was_bound: bool,
    /// Binds that are being looked at: what is written before their answers may be taken for them.
    binding: usize,
    working: FuturesUnordered<BoxFuture<'static, Worked>>,
    /// Submissions of what is being read.
    crowd: Option<Crowd>,
    /// What was delivered and is not answered yet.
    waiting: HashMap<u64, oneshot::Sender<Answered>>,
    next_ticket: u64,
    /// Messages whose answers are among the octets that are being written.
    answered: Vec<Mark>,
    /// Messages that are answered, and whose parts nobody sends yet.
    kept: Vec<AcceptedParts>,
    /// Since when something is to be written and nothing of it goes.
    stuck: Option<Instant>,
    /// For the deliveries of this session.
    orders: mpsc::Sender<Order>,
    /// Becomes true when the account is configured no more.
    gone: Option<watch::Receiver<bool>>,
}

impl Connection {
    /// Speaks until one of the two ends it; whether somebody was bound.
    pub(crate) async fn run<S: AsyncRead + AsyncWrite + Send>(self, stream: S) -> bool {
        let Self {
            house,
            peer,
            ends,
            certificate,
            called,
            mut stopping,
        } = self;
        let (orders, mut deliveries) = mpsc::channel(DELIVERIES);
        let opener = if called.is_some() { Opener::We } else { Opener::Peer };
        let tap = house.traces.tap(ends, opener);
        let mut talk = Talk::new(house, Guest { peer, certificate }, tap, orders);
        if let Some(member) = called {
            talk.call(member);
        }
        let (mut read, mut write) = tokio::io::split(stream);
        let mut octets = vec![0; READ];
        let mut unread = 0..0;
        let mut leaving = false;
        let mut unflushed = false;
        let mut alarm = pin!(tokio::time::sleep(FAR));
        loop {
            if !unread.is_empty() && talk.session.wants_octets() {
                let taken = talk.session.receive(&octets[unread.clone()], Instant::now());
                talk.tap.heard(&octets[unread.start..unread.start + taken]);
                unread.start += taken;
            }
            talk.work_done();
            // Here and not only after the alarm: a peer that always has something to say would put it off.
            let now = Instant::now();
            talk.session.tick(now);
            talk.work_events();
            if talk.is_over(now) {
                break;
            }
            match talk.write_now(&mut write) {
                // What was held up by what was not written may go on.
                Ok(true) => {
                    unflushed = true;
                    continue;
                }
                Ok(false) => talk.set_going(),
                Err(_) => break,
            }
            set(alarm.as_mut(), talk.due().unwrap_or(now + FAR));
            let to_write = !talk.session.outgoing().is_empty();
            let may_read = unread.is_empty() && talk.session.wants_octets() && !talk.session.is_closed();
            let may_deliver = talk.seat.is_some() && talk.binding == 0 && talk.session.may_submit().is_ok();
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
                () = left(&mut talk.gone), if !leaving => {
                    leaving = true;
                    talk.session.unbind(Instant::now());
                }
            }
        }
        talk.session.lost(Instant::now());
        talk.work_events();
        // First of all: what is left to do may wait for the disk, and the peer need not. Whoever does not take the end of the
        // conversation has ended it.
        let _ = timeout(GOODBYE, write.shutdown()).await;
        talk.finish().await;
        if let Some(member) = &talk.left {
            ussd::left(&talk.house.gateway, member).await;
        }
        talk.was_bound
    }
}

/// Waits until an account is configured no more.
async fn left(gone: &mut Option<watch::Receiver<bool>>) {
    match gone {
        // A sender that is gone means it as well.
        Some(gone) => drop(gone.wait_for(|gone| *gone).await),
        None => std::future::pending().await,
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

/// Sets an alarm. It may ring too early, and whoever is woken finds nothing to do then: most of what is due is put off by
/// the next PDU, and setting it each time costs more.
fn set(alarm: Pin<&mut Sleep>, due: Instant) {
    if alarm.is_elapsed() || due < alarm.deadline().into_std() {
        alarm.reset(due.into());
    }
}

impl Talk {
    fn new(house: Arc<House>, guest: Guest, tap: Tap, orders: mpsc::Sender<Order>) -> Self {
        let config = Config {
            system_id: house.config.system_id.as_str().into(),
            timers: house.config.timers(),
            rebind: Rebind::Ask,
            ..Config::default()
        };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            tap,
            session: Session::new(Role::Smsc, config, Instant::now()),
            house,
            guest,
            seat: None,
            left: None,
            called: None,
            was_bound: false,
            binding: 0,
            working: FuturesUnordered::new(),
            crowd: None,
            waiting: HashMap::new(),
            next_ticket: 0,
            answered: Vec::new(),
            kept: Vec::new(),
            stuck: None,
            orders,
            gone: None,
        }
    }

    /// Asks the one who was called to bind.
    fn call(&mut self, member: Arc<Member>) {
        let outbind = calling::outbind(&self.house, &member.terms().account);
        if let Err(error) = self.session.outbind(outbind, Instant::now()) {
            tracing::error!(peer = %self.guest.peer, %error, "an outbind that cannot be written");
        }
        self.called = Some(member);
    }

    /// Whether this is not who was called, or does not come to receive.
    fn is_another(&self, member: &Arc<Member>, mode: BindMode) -> bool {
        let called = self.called.as_ref();
        called.is_some_and(|called| !Arc::ptr_eq(called, member) || mode == BindMode::Transmitter)
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
        self.hand_in();
        self.keep_terms();
        if let Some(seat) = &self.seat {
            seat.wait(self.session.windows());
        }
    }

    /// Who is bound may have other settings since: how much waits for answers, and for how long.
    fn keep_terms(&mut self) {
        let Some(seat) = &self.seat else { return };
        let others = Duration::from_secs(self.house.config.response_s.into());
        let patience = seat.member().terms().account.patience(others);
        self.session.set_window(seat.member().window());
        self.session.set_response(patience);
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::BindRequested { owed, mode, bind } => self.login(owed, mode, bind),
            Event::Request { owed, body, tlvs } => self.request(owed, body, tlvs),
            Event::Answered { ticket, status, .. } => self.settled(ticket, Answered::With(status)),
            Event::Unanswered { ticket, .. } => self.settled(ticket, Answered::Never),
            Event::Closed(why) => self.closed(&why),
            Event::Malformed(error) => tracing::debug!(peer = %self.guest.peer, %error, "a PDU that cannot be read"),
            Event::Stray(header) => tracing::debug!(peer = %self.guest.peer, ?header, "an answer to nothing"),
            Event::Paused(_) | Event::Resumed | Event::Bound { .. } | Event::Outbind(_) | Event::Alert(_) => {}
        }
    }

    /// Something that was delivered has its answer, or will have none.
    fn settled(&mut self, ticket: u64, answered: Answered) {
        self.count(|counts| counts.delivered(answered));
        if let Some(done) = self.waiting.remove(&ticket) {
            // Whoever gave the order may have gone.
            let _ = done.send(answered);
        }
    }

    fn closed(&mut self, why: &Why) {
        let name = self.seat.as_ref().map(|seat| seat.member().system_id.clone());
        match name {
            Some(name) => tracing::info!(peer = %self.guest.peer, account = name, "SMPP session ended: {why}"),
            None => tracing::debug!(peer = %self.guest.peer, "SMPP connection ended: {why}"),
        }
        self.left = self.seat.take().map(|seat| Arc::clone(seat.member()));
        // What is left to say has a time of its own.
        self.stuck = None;
    }

    fn login(&mut self, owed: Owed, mode: BindMode, bind: Bind) {
        if let Some(seat) = &self.seat
            && !seat.member().terms().account.rebind
        {
            return self.session.refuse(owed, Status::ALREADY_BOUND, Instant::now());
        }
        self.binding += 1;
        let (house, guest) = (Arc::clone(&self.house), self.guest.clone());
        let login = async move {
            let admitted = house.admit(&guest, &bind).await;
            Worked::Login(owed, mode, admitted)
        };
        self.working.push(login.boxed());
    }

    /// Hands in the submissions that came together.
    fn hand_in(&mut self) {
        if let Some(crowd) = self.crowd.take() {
            let kept = crowd.keep(self.house.gateway.clone());
            self.working.push(kept.map(Worked::Crowd).boxed());
        }
    }

    /// Takes a submission that can be kept together with others.
    fn gather(&mut self, owed: Owed, member: Arc<Member>, drafted: Result<NewMessage, Refusal>) {
        match drafted {
            Ok(message) => {
                let crowd = self.crowd.get_or_insert_with(|| Crowd::of(member));
                crowd.add(owed, message);
                if crowd.is_full() {
                    self.hand_in();
                }
            }
            Err(refusal) => {
                let answer = refusal.tell(&member, owed.command());
                self.respond(owed, answer);
            }
        }
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
        let (session, dialogue) = (self.id, submits && tlvs.has(Tag::USSD_SERVICE_OP));
        if submits
            && !dialogue
            && let Some(drafted) = taking::plain(&self.house.gateway, &member, &body, &tlvs)
        {
            return self.gather(owed, member, drafted);
        }
        let house = Arc::clone(&self.house);
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
        if let Worked::Login(..) = &worked {
            self.binding -= 1;
        }
        match worked {
            Worked::Login(owed, mode, Ok(member)) => self.let_in(owed, mode, &member),
            Worked::Login(owed, _, Err(status)) => self.session.refuse(owed, status, Instant::now()),
            Worked::Answer(owed, answer, taken) => self.tell(owed, *answer, taken),
            Worked::Crowd(all) => all
                .into_iter()
                .for_each(|told| self.tell(told.owed, told.answer, told.taken)),
            Worked::Left => {}
        }
    }

    /// Takes what is there already, so that answers go out together.
    fn work_done(&mut self) {
        while let Some(Some(worked)) = self.working.next().now_or_never() {
            self.worked(worked);
        }
    }

    fn tell(&mut self, owed: Owed, answer: Answer, taken: impl IntoIterator<Item = Taken>) {
        self.respond(owed, answer);
        for taken in taken {
            self.answered.push(taken.mark);
            self.kept.extend(taken.parts);
        }
    }

    /// What is answered goes out. Only now: the dispatcher's thread is not to be woken in the way of an answer.
    fn set_going(&mut self) {
        if !self.kept.is_empty() {
            self.house.gateway.accepted_all(Api::Smpp, self.kept.drain(..));
        }
    }

    fn let_in(&mut self, owed: Owed, mode: BindMode, member: &Arc<Member>) {
        let receiver = (mode != BindMode::Transmitter).then(|| Receiver {
            session: self.id,
            orders: self.orders.clone(),
            knows_tlvs: owed.knows_tlvs(),
        });
        let presence = Presence::new(self.id, mode, self.guest.peer);
        if self.is_another(member, mode) {
            self.house.note(&self.guest, Some(member), BindNote::Refused);
            tracing::warn!(peer = %self.guest.peer, account = member.system_id, mode = mode.name(), "not who was called, or not to receive");
            return self.session.refuse(owed, Status::BIND_FAILED, Instant::now());
        }
        if !self.take_seat(member, presence, receiver) {
            self.house.note(&self.guest, Some(member), BindNote::Refused);
            tracing::warn!(peer = %self.guest.peer, account = member.system_id, "it has as many SMPP sessions as it may");
            return self.session.refuse(owed, Status::BIND_FAILED, Instant::now());
        }
        self.house.note(&self.guest, Some(member), BindNote::Bound);
        self.tap.is(&member.system_id);
        tracing::info!(peer = %self.guest.peer, account = member.system_id, mode = mode.name(), "SMPP session bound");
        self.was_bound = true;
        self.keep_terms();
        self.gone = Some(member.gone());
        self.session.accept(owed, Instant::now());
    }

    /// A second bind keeps its seat, or has another one before it gives back the first.
    fn take_seat(&mut self, member: &Arc<Member>, presence: Presence, receiver: Option<Receiver>) -> bool {
        if let Some(seat) = &mut self.seat
            && Arc::ptr_eq(seat.member(), member)
        {
            seat.change(presence, receiver);
            return true;
        }
        let Some(seat) = member.seat(presence, receiver) else {
            return false;
        };
        if let Some(before) = self.seat.replace(seat) {
            self.give_back(before);
        }
        true
    }

    /// The session of this account has ended here, though the connection goes on.
    fn give_back(&mut self, seat: Seat) {
        let (house, member) = (Arc::clone(&self.house), Arc::clone(seat.member()));
        drop(seat);
        let leave = async move {
            ussd::left(&house.gateway, &member).await;
            Worked::Left
        };
        self.working.push(leave.boxed());
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
            Err(Rejected::Encode(error)) => drop(order.done.send(Answered::Unwritable(error))),
            Err(why) => tracing::debug!(peer = %self.guest.peer, %why, "a delivery is given back"),
        }
    }

    /// Writes what goes without waiting; whether something went.
    fn write_now(&mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
        if self.session.outgoing().is_empty() {
            return Ok(false);
        }
        match put(stream, self.session.outgoing()).now_or_never() {
            Some(written) => self.wrote(written?),
            None => return Ok(false),
        }
        Ok(true)
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
        let all = async {
            while let Some(worked) = self.working.next().await {
                self.worked(worked);
            }
        };
        let _ = timeout(LAST, all).await;
        self.set_going();
    }
}

/// Deliveries that wait for this session; more wait where they come from.
const DELIVERIES: usize = 16;
/// What is read from the socket at a time, in octets.
const READ: usize = 8 * 1024;
/// How long a session sleeps that waits for nothing.
const FAR: Duration = Duration::from_secs(3600);
/// How long submissions may take to be kept when their conversation is over.
const LAST: Duration = Duration::from_secs(5);
/// How long the end of a conversation may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// Numbers of the connections.
static NEXT: AtomicU64 = AtomicU64::new(1);
