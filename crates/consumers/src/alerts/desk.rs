//! The task that owns the book: it puts alerts before the rules, lets time pass, and keeps what follows.
//!
//! What it decides is kept in one transaction with the SMS and the letters it makes, and with how far it came. So a kill
//! loses nothing and tells nobody twice: after it the book is read back as it was kept, and the rest is decided anew. What
//! follows from a delivery marks it as done in the same transaction: `ACK` alone may mean another incident a moment later.

use std::sync::Arc;
use std::time::Duration;

use gateway::{Gateway, Origin};
use jiff::{SignedDuration, Timestamp};
use message::{Api, Finding, Level, MessageId, Number, Priority, RaisedAlert, RouteId, SendRequest};
use store::{AlertNotice, AlertWork, DeliveryId, Error, IncidentRow, NewMessage, NoticeBy, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::answer::Answer;
use super::book::{Answered, Book, Notice, Way};
use super::incident::{Incident, State};
use super::plan::Plan;
use super::post::MAIL_NAME;
use crate::clock;

/// What the desk is asked.
#[derive(Debug)]
pub(super) enum Order {
    /// Somebody takes an incident.
    Take {
        /// Its number.
        number: i64,
        /// Who.
        by: String,
        /// What came of it, once it is kept.
        done: oneshot::Sender<Result<Answered, Error>>,
    },
    /// Somebody wrote that they take an incident.
    Answer {
        /// What they wrote.
        answer: Answer,
        /// Where to write what came of it.
        reply: Reply,
        /// Once it is kept.
        done: oneshot::Sender<Result<(), Error>>,
    },
    /// An SMS failed for good.
    Failed {
        /// Which.
        message: MessageId,
        /// What told so.
        delivery: DeliveryId,
        /// Once it is noted.
        done: oneshot::Sender<Result<(), Error>>,
    },
    /// Other settings.
    Adopt(Arc<Plan>),
    /// Which incidents an alert would be counted into: rule and number.
    Peek {
        /// The alert.
        alert: Box<RaisedAlert>,
        /// They.
        done: oneshot::Sender<Vec<(String, i64)>>,
    },
}

/// Where an answer is answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// Whom.
    pub(super) to: Number,
    /// From which SIM.
    pub(super) sim: RouteId,
    /// What makes it go out once.
    pub(super) key: String,
    /// The delivery of the answer: it is answered once.
    pub(super) delivery: DeliveryId,
}

/// What is kept with what the book decided.
#[derive(Debug, Default)]
struct Also {
    /// Alerts up to this number are in the book.
    worked: Option<i64>,
    /// The answer to an answer.
    answer: Option<NewMessage>,
    /// The delivery that it follows from.
    delivery: Option<DeliveryId>,
    /// By how much the book was moved with the clock.
    moved: Option<SignedDuration>,
}

/// The owner of the book.
#[derive(Debug)]
pub(super) struct Desk {
    plan: Arc<Plan>,
    store: Store,
    gateway: Gateway,
    orders: mpsc::Receiver<Order>,
    /// As the store has it; nothing: it is to be read.
    book: Option<Book>,
    /// Alerts up to this number are in it.
    worked: i64,
    /// By how much it was moved with the clock since it was kept.
    moved: Option<SignedDuration>,
    /// More alerts may wait in the store.
    more: bool,
    /// When health was told last.
    told_health: Option<Instant>,
}

impl Desk {
    pub(super) fn new(plan: Arc<Plan>, store: Store, gateway: Gateway, orders: mpsc::Receiver<Order>) -> Self {
        Self {
            plan,
            store,
            gateway,
            orders,
            book: None,
            worked: 0,
            moved: None,
            more: true,
            told_health: None,
        }
    }

    /// Works until the store is closed or nobody is left who could ask.
    pub(super) async fn run(mut self) {
        let mut news = self.store.alerts();
        let mut clock = self.gateway.clock_moves();
        loop {
            match self.round().await {
                Ok(()) => {}
                Err(Error::Closed) => return,
                Err(error) => {
                    // What was not kept is decided anew from what was.
                    warn!("alerts wait: {error}");
                    self.book = None;
                    sleep(PAUSE).await;
                    continue;
                }
            }
            self.tell_health().await;
            let wake = self.wake();
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => return,
                },
                changed = news.changed() => {
                    self.more = true;
                    if changed.is_err() { return; }
                }
                changed = clock.changed() => {
                    // The book is read back as it was kept, and moved with the clock.
                    self.book = None;
                    if changed.is_err() { return; }
                }
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Reads the book where it is not there, works a batch of alerts, and lets time pass.
    async fn round(&mut self) -> Result<(), Error> {
        let mut book = match self.book.take() {
            Some(book) => book,
            None => self.read_back().await?,
        };
        let mut upto = None;
        if std::mem::take(&mut self.more) {
            let alerts = self.store.alerts_after(self.worked, BATCH).await?;
            // One more look than needed: those that cannot be read are not among them.
            self.more = !alerts.is_empty();
            let now = clock::now();
            alerts.iter().for_each(|alert| book.receive(alert, now));
            upto = alerts.last().map(|last| last.number);
        }
        book.tick(clock::now());
        let also = Also {
            worked: upto,
            ..Also::default()
        };
        self.keep(&mut book, also).await?;
        self.worked = upto.unwrap_or(self.worked);
        self.book = Some(book);
        Ok(())
    }

    async fn read_back(&mut self) -> Result<Book, Error> {
        let left = self.store.alerts_left().await?;
        let read = |(row, body): (i64, String)| match serde_json::from_str::<Incident>(&body) {
            Ok(incident) => Some((row, incident)),
            Err(error) => {
                warn!("incident {row} cannot be read and stays as it is: {error}");
                None
            }
        };
        let open = left.open.into_iter().filter_map(read).collect();
        self.worked = left.worked;
        self.more = true;
        let mut book = Book::new(Arc::clone(&self.plan), open, left.next_row);
        self.moved = (!left.behind.is_zero()).then_some(left.behind);
        if let Some(by) = self.moved {
            info!("open incidents are moved with the clock");
            book.shift(by, clock::now());
        }
        Ok(book)
    }

    async fn obey(&mut self, order: Order) {
        // Whoever asked may have gone away.
        match order {
            Order::Take { number, by, done } => {
                let taken = self.answer(Some(number), &by, None).await;
                let _ = done.send(taken);
            }
            Order::Answer { answer, reply, done } => {
                let answered = self.answer_once(answer, reply).await;
                let _ = done.send(answered);
            }
            Order::Failed {
                message,
                delivery,
                done,
            } => {
                let noted = self.failed(message, delivery).await;
                let _ = done.send(noted);
            }
            Order::Adopt(plan) => {
                self.plan = plan;
                // The book is read back as it was kept, and goes on by these.
                self.book = None;
            }
            Order::Peek { alert, done } => {
                let found = self.book.as_ref().map(|book| book.repeats(&alert));
                let _ = done.send(found.unwrap_or_default());
            }
        }
    }

    /// Answers what somebody wrote, unless that was done: what they meant then may not be what they would mean now.
    async fn answer_once(&mut self, answer: Answer, reply: Reply) -> Result<(), Error> {
        if self.store.delivery_is_done(reply.delivery).await? {
            info!("an answer of {} is not answered again: it was before", answer.by);
            return Ok(());
        }
        self.answer(answer.number, &answer.by, Some(reply)).await.map(drop)
    }

    async fn answer(&mut self, number: Option<i64>, by: &str, reply: Option<Reply>) -> Result<Answered, Error> {
        let mut book = match self.book.take() {
            Some(book) => book,
            None => self.read_back().await?,
        };
        let now = clock::now();
        let mut answered = book.answer(number, by, now);
        if let (Answered::Unclear(_), Some(number)) = (&answered, number) {
            // It may be a repetition that was only counted.
            for known in self.store.incidents_of(number).await? {
                if known != number && matches!(answered, Answered::Unclear(_)) {
                    answered = book.answer(Some(known), by, now);
                }
            }
        }
        info!("alert {}: {by}: {}", shown(number), told(&answered, by));
        let also = Also {
            delivery: reply.as_ref().map(|reply| reply.delivery),
            answer: reply.and_then(|reply| self.draft_reply(&reply, told(&answered, by))),
            ..Also::default()
        };
        self.keep(&mut book, also).await?;
        self.book = Some(book);
        Ok(answered)
    }

    async fn failed(&mut self, message: MessageId, delivery: DeliveryId) -> Result<(), Error> {
        if self.store.delivery_is_done(delivery).await? {
            return Ok(());
        }
        let Some((incident, number)) = self.store.alert_message_failed(message, "the SMS failed").await? else {
            return Ok(());
        };
        warn!("an alert did not reach {number}: the SMS failed");
        let mut book = match self.book.take() {
            Some(book) => book,
            None => self.read_back().await?,
        };
        let now = clock::now();
        book.unreachable(incident, &number, now);
        book.tick(now);
        let also = Also {
            delivery: Some(delivery),
            ..Also::default()
        };
        self.keep(&mut book, also).await?;
        self.book = Some(book);
        Ok(())
    }

    /// Keeps what the book decided, and sends what is to go out. Who cannot be called leads to the next one at once.
    async fn keep(&mut self, book: &mut Book, mut also: Also) -> Result<(), Error> {
        also.moved = self.moved;
        for _ in 0..MOST_ROUNDS {
            let now = clock::now();
            let decided = book.take();
            let also = std::mem::take(&mut also);
            if decided.is_nothing() && also.is_nothing() {
                return Ok(());
            }
            let mut unreachable = Vec::new();
            let notices = decided
                .notices
                .into_iter()
                .map(|notice| self.prepare(notice, now, &mut unreachable))
                .collect();
            let work = AlertWork {
                worked: also.worked,
                incidents: decided.incidents.iter().map(row).collect(),
                links: decided.links,
                notices,
                answers: also.answer.into_iter().collect(),
                delivery: also.delivery,
                moved: also.moved,
            };
            let kept = self.store.alert_work(work).await?.into_inner();
            self.moved = None;
            for parts in kept {
                self.gateway.accepted(Api::Alerts, parts);
            }
            for (incident, number) in unreachable {
                book.unreachable(incident, &number, now);
            }
            book.tick(now);
        }
        Ok(())
    }

    /// Makes what carries a notice, or says why there is nothing.
    fn prepare(&self, notice: Notice, now: Timestamp, unreachable: &mut Vec<(i64, String)>) -> AlertNotice {
        let key = format!("alert-{}-{}", notice.incident, notice.place);
        let incident = notice.incident;
        let (way, recipient, by) = match notice.way {
            Way::Sms { to, text, flash } => {
                let way = if flash { "flash" } else { "sms" };
                match self.gateway.draft(&Origin::operator(), urgent(&to, text, flash, key)) {
                    Ok(message) => (way, to, NoticeBy::Message(Box::new(message))),
                    Err(error) => {
                        warn!("an alert cannot be sent to {to}: {error}");
                        if notice.calls.is_some() {
                            unreachable.push((incident, to.clone()));
                        }
                        (way, to, NoticeBy::Nothing(error.reason))
                    }
                }
            }
            Way::Mail { to, letter } => ("mail", to, NoticeBy::Letter(letter, MAIL_NAME)),
            Way::Nobody { to, problem } => ("nobody", to, NoticeBy::Nothing(problem)),
        };
        AlertNotice {
            incident,
            at: now,
            way,
            recipient,
            by,
        }
    }

    /// The answer to an answer, from the SIM that it came to.
    fn draft_reply(&self, reply: &Reply, text: String) -> Option<NewMessage> {
        if !self.plan.config.ack_answer {
            return None;
        }
        let request = SendRequest {
            from: Some(reply.sim.to_string()),
            strict: Some(false),
            ..urgent(&reply.to.to_string(), text, false, reply.key.clone())
        };
        let drafted = self.gateway.draft(&Origin::operator(), request);
        drafted
            .inspect_err(|error| warn!("an answer about alerts cannot be sent: {error}"))
            .ok()
    }

    /// When to look again without being told.
    fn wake(&self) -> Instant {
        if self.more {
            return Instant::now();
        }
        let due = self.book.as_ref().and_then(Book::due);
        let wait = due.map_or(LONGEST_SLEEP, |due| {
            Duration::try_from(due.duration_since(clock::now())).unwrap_or_default()
        });
        Instant::now() + wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    /// Says what is wrong, now and then.
    async fn tell_health(&mut self) {
        if self.told_health.is_some_and(|last| last.elapsed() < HEALTH_PAUSE) {
            return;
        }
        self.told_health = Some(Instant::now());
        let now = clock::now();
        let Ok(facts) = self.store.alert_facts(now - REMEMBERED).await else {
            return;
        };
        let book = self.book.iter().flat_map(Book::incidents);
        self.gateway.complain(SUBJECT, findings(book, &facts, now));
    }
}

impl Also {
    fn is_nothing(&self) -> bool {
        self.worked.is_none() && self.answer.is_none() && self.delivery.is_none() && self.moved.is_none()
    }
}

/// An SMS that goes before all others.
fn urgent(to: &str, text: String, flash: bool, key: String) -> SendRequest {
    SendRequest {
        to: to.to_owned(),
        text,
        flash,
        priority: Some(Priority::ALARM.0),
        idempotency_key: Some(key),
        ..SendRequest::default()
    }
}

fn row((row, incident): &(i64, Incident)) -> IncidentRow {
    IncidentRow {
        row: *row,
        number: incident.number,
        at: incident.opened_at,
        open: !incident.is_closed(),
        body: serde_json::to_string(incident).unwrap_or_default(),
    }
}

/// What came of an answer, for the one who gave it.
pub(super) fn told(answered: &Answered, who: &str) -> String {
    match answered {
        Answered::Taken(taken) => {
            let taken: Vec<String> = taken
                .iter()
                .map(|(number, about)| format!("{number}: {about}"))
                .collect();
            format!("Yours is {}.", taken.join("; "))
        }
        Answered::Before { number, by, .. } if by == who => format!("{number} is yours already."),
        Answered::Before { number, by, .. } => format!("{number} was taken by {by}."),
        Answered::Unclear(open) => match open.as_slice() {
            [] => "There is no open alert.".to_owned(),
            open => {
                let shown: Vec<String> = open.iter().rev().take(OPEN_SHOWN).map(i64::to_string).collect();
                format!("Which one? Open: {}.", shown.join(", "))
            }
        },
    }
}

fn shown(number: Option<i64>) -> String {
    number.map_or_else(|| "without a number".to_owned(), |number| number.to_string())
}

/// What is wrong with alerts.
fn findings<'a>(book: impl Iterator<Item = &'a Incident>, facts: &store::AlertFacts, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |level, sentence: String, hint: &str, since| {
        findings.push(Finding {
            level,
            subject: SUBJECT.to_owned(),
            sentence,
            hint: hint.to_owned(),
            since,
        });
    };
    let (mut unanswered, mut calling) = (Vec::new(), Vec::new());
    for incident in book {
        match incident.state {
            State::Unanswered { since } => unanswered.push((incident.number, since)),
            State::Open if incident.call.is_some() => calling.push((incident.number, incident.opened_at)),
            _ => {}
        }
    }
    let listed = |list: &[(i64, Timestamp)]| {
        let numbers: Vec<String> = list
            .iter()
            .take(OPEN_SHOWN)
            .map(|(number, _)| number.to_string())
            .collect();
        numbers.join(", ")
    };
    let oldest = |list: &[(i64, Timestamp)]| list.iter().map(|(_, since)| *since).min().unwrap_or(now);
    if !unanswered.is_empty() {
        let sentence = format!(
            "everybody on call was called and nobody answered: {}",
            listed(&unanswered)
        );
        let hint = "`simrelay alert ack NUMBER` takes one; `simrelay alert list --open` shows them";
        add(Level::Critical, sentence, hint, oldest(&unanswered));
    }
    if !calling.is_empty() {
        let sentence = format!("waiting for somebody who takes {}", listed(&calling));
        let hint = "somebody on call is told; `simrelay alert ack NUMBER` takes one too";
        add(Level::Warning, sentence, hint, oldest(&calling));
    }
    if let Some((at, to, why)) = &facts.last_problem {
        let told = match facts.problems {
            1 => "1 notice".to_owned(),
            many => format!("{many} notices"),
        };
        let sentence = format!("{told} reached nobody, the last for {to} at {at:.0}: {why}");
        let hint = "`simrelay alert list` shows them; this is shown for a day";
        add(Level::Warning, sentence, hint, *at);
    }
    if let Some(oldest) = facts.oldest.filter(|oldest| now.duration_since(*oldest) > BEHIND) {
        let sentence = format!("{} alerts wait to be told, the oldest since {oldest:.0}", facts.waiting);
        add(
            Level::Critical,
            sentence,
            "it goes on by itself when the database works",
            oldest,
        );
    }
    findings
}

/// As health calls it.
const SUBJECT: &str = "alerts";
/// How many alerts are put before the rules in one transaction.
const BATCH: usize = 256;
/// How often the next one is called where nobody can be, before the timers do it.
const MOST_ROUNDS: usize = 64;
/// How long to wait when the store cannot keep anything.
const PAUSE: Duration = Duration::from_secs(1);
/// The shortest and the longest time to sleep: clocks are set.
const SHORTEST_SLEEP: Duration = Duration::from_millis(20);
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// How often health is told.
const HEALTH_PAUSE: Duration = Duration::from_secs(2);
/// How long it is shown that a notice reached nobody.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// How old the oldest alert may be that the rules did not see.
const BEHIND: SignedDuration = SignedDuration::from_secs(60);
/// How many numbers are listed.
const OPEN_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::samples::at;
    use super::*;

    #[test]
    fn whoever_answers_is_told_what_came_of_it() {
        let taken = Answered::Taken(vec![(17, "DOOR - gate".into())]);
        assert_eq!(told(&taken, "anna"), "Yours is 17: DOOR - gate.");
        let before = Answered::Before {
            number: 17,
            by: "anna".into(),
            at: at(0),
        };
        assert_eq!(told(&before, "anna"), "17 is yours already.");
        assert_eq!(told(&before, "ben"), "17 was taken by anna.");
        assert_eq!(told(&Answered::Unclear(vec![]), "ben"), "There is no open alert.");
        let many = Answered::Unclear((1..=20).collect());
        assert_eq!(told(&many, "ben"), "Which one? Open: 20, 19, 18, 17, 16, 15, 14, 13.");
    }

    #[test]
    fn health_names_what_nobody_answered_and_what_reached_nobody() {
        let alert = super::super::samples::alert(17, "DOOR", "gate", 0);
        let mut incident = Incident::open("all", "k".into(), &alert, at(0));
        incident.state = State::Unanswered { since: at(60) };
        let facts = store::AlertFacts {
            waiting: 3,
            oldest: Some(at(0)),
            problems: 2,
            last_problem: Some((at(5), "+491".into(), "no SIM serves it".into())),
        };
        let found = findings(std::iter::once(&incident), &facts, at(61));
        let levels: Vec<Level> = found.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Critical, Level::Warning, Level::Critical]);
        assert!(
            found[0].sentence.ends_with("nobody answered: 17"),
            "{}",
            found[0].sentence
        );
        assert!(
            found[1]
                .sentence
                .starts_with("2 notices reached nobody, the last for +491")
        );
        assert!(findings(std::iter::empty(), &store::AlertFacts::default(), at(0)).is_empty());
    }
}
