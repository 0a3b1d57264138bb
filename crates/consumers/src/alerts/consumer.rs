//! The consumer: it takes answers by SMS, hears of SMS that failed, and answers what front ends ask.

use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use gateway::{AlertDesk, Error, ErrorKind, Gateway, Origin};
use jiff::Timestamp;
use message::{
    AlertSearch, AlertTaken, AlertTrial, AlertView, Event, Inbound, MessageId, MessageState, NewAlert, RaisedAlert,
    RawAlert, RuleTrial, SendRequest, TrialNotice,
};
use store::{AlertQuery, Delivery, Store};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::answer::Answer;
use super::book::{Answered, Book, Notice, Way};
use super::config::Config;
use super::desk::{Desk, Order, Reply, told};
use super::plan::Plan;
use super::rule::Rule;
use super::view::view;
use crate::{Consumer, Patience, Verdict, Wish, clock};

/// Alerts at work. Clones share everything; with the last of them the work ends.
#[derive(Debug, Clone)]
pub struct Alerts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Replaced as a whole.
    plan: RwLock<Arc<Plan>>,
    store: Store,
    gateway: Gateway,
    /// Bounded by [`ORDERS`]; full: whoever asks waits.
    orders: mpsc::Sender<Order>,
    desk: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What it had not kept is decided anew after the next start.
        self.desk.abort();
    }
}

impl Alerts {
    /// Begins to work alerts by these settings, which have no problems. Needs a runtime.
    pub fn start(config: Config, store: Store, gateway: Gateway) -> Self {
        let plan = Arc::new(Plan::new(config));
        let (orders, taken) = mpsc::channel(ORDERS);
        let desk = Desk::new(Arc::clone(&plan), store.clone(), gateway.clone(), taken);
        let desk = tokio::spawn(desk.run());
        Self {
            inner: Arc::new(Inner {
                plan: RwLock::new(plan),
                store,
                gateway,
                orders,
                desk,
            }),
        }
    }

    /// Takes other settings, which have no problems. Incidents that are open go on by them.
    pub async fn adopt(&self, config: Config) {
        let plan = Arc::new(Plan::new(config));
        *self.inner.plan.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&plan);
        // A desk that is gone is on its way down with everything else.
        let _ = self.inner.orders.send(Order::Adopt(plan)).await;
    }

    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.inner.plan.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, store::Error> {
        let (done, answer) = oneshot::channel();
        let closed = |_| store::Error::Closed;
        self.inner
            .orders
            .send(order(done))
            .await
            .map_err(|_| store::Error::Closed)?;
        answer.await.map_err(closed)
    }

    async fn answer(&self, delivery: &Delivery, message: &Inbound) -> Verdict {
        let Some(answer) = Answer::read(message, &self.plan().config) else {
            return Verdict::Done;
        };
        let reply = Reply {
            to: message.from.clone(),
            sim: message.sim.clone(),
            key: format!("ack-{}", delivery.event_id),
            delivery: delivery.id,
        };
        match self.ask(|done| Order::Answer { answer, reply, done }).await {
            Ok(Ok(())) => Verdict::Done,
            Ok(Err(trouble)) | Err(trouble) => Verdict::later(trouble.to_string()),
        }
    }

    async fn failed(&self, delivery: &Delivery, message: MessageId) -> Verdict {
        let delivery = delivery.id;
        let order = |done| Order::Failed {
            message,
            delivery,
            done,
        };
        match self.ask(order).await {
            Ok(Ok(())) => Verdict::Done,
            Ok(Err(trouble)) | Err(trouble) => Verdict::later(trouble.to_string()),
        }
    }

    /// What every rule would make of an alert.
    async fn trial(&self, alert: &RaisedAlert) -> Vec<RuleTrial> {
        let plan = &self.plan();
        let boxed = Box::new(alert.clone());
        let repeated = self.ask(|done| Order::Peek { alert: boxed, done }).await;
        let repeated = repeated.unwrap_or_default();
        let mut notices = rehearsal(plan, alert);
        let mut decided = false;
        let mut trials = Vec::new();
        for rule in &plan.config.rules {
            let told = |(of, _): &(String, Notice)| *of == rule.name;
            let own: Vec<(String, Notice)> = notices.extract_if(.., |one| told(one)).collect();
            let why = match (decided, rule.why_not(&alert.alert, &plan.zone)) {
                (true, _) => Some("a rule before it decided".to_owned()),
                (false, why) => why,
            };
            let fits = why.is_none();
            decided |= fits && !rule.also;
            let number = repeated
                .iter()
                .find(|(of, _)| *of == rule.name)
                .map(|(_, number)| *number);
            trials.push(RuleTrial {
                rule: rule.name.clone(),
                fits,
                why: why.unwrap_or_else(|| remark(plan, rule, alert, number)),
                tells: own.into_iter().map(|(_, notice)| self.try_notice(notice)).collect(),
            });
        }
        trials
    }

    fn try_notice(&self, notice: Notice) -> TrialNotice {
        match notice.way {
            Way::Sms { to, text, flash } => {
                let request = SendRequest {
                    to: to.clone(),
                    text: text.clone(),
                    flash,
                    ..SendRequest::default()
                };
                let problem = self.inner.gateway.draft(&Origin::operator(), request).err();
                TrialNotice {
                    way: if flash { "flash" } else { "sms" }.to_owned(),
                    to,
                    text,
                    problem: problem.map(|error| error.reason),
                }
            }
            Way::Mail { to, letter } => TrialNotice {
                way: "mail".to_owned(),
                to,
                text: letter.subject,
                problem: None,
            },
            Way::Nobody { to, problem } => TrialNotice {
                way: "nobody".to_owned(),
                to,
                text: String::new(),
                problem: Some(problem),
            },
        }
    }
}

impl Consumer for Alerts {
    fn name(&self) -> &str {
        NAME
    }

    fn wish(&self, event: &Event) -> Wish {
        let gone = |state| {
            matches!(
                state,
                MessageState::Failed | MessageState::Expired | MessageState::Refused
            )
        };
        match event {
            Event::Message(message) if Answer::read(message, &self.plan().config).is_some() => Wish::Take,
            Event::Report(notice) if gone(notice.state) => Wish::Copy,
            _ => Wish::Pass,
        }
    }

    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            match &delivery.event {
                Event::Message(message) => self.answer(delivery, message).await,
                Event::Report(notice) => self.failed(delivery, notice.id).await,
                _ => Verdict::Done,
            }
        })
    }

    /// Only the gateway's own store can fail it.
    fn patience(&self) -> Patience {
        Patience {
            first_pause: std::time::Duration::from_secs(1),
            longest_pause: std::time::Duration::from_secs(30),
            at_once: 4,
            ..Patience::default()
        }
    }
}

impl AlertDesk for Alerts {
    fn list(&self, search: AlertSearch) -> BoxFuture<'_, Result<Vec<AlertView>, Error>> {
        Box::pin(async move {
            let limit = search.limit.unwrap_or(20);
            if !(1..=1000).contains(&limit) {
                return Err(Error::invalid("limit", "the limit is 1 to 1000"));
            }
            let query = AlertQuery {
                before: search.before,
                limit: usize::try_from(limit).unwrap_or(1000),
                all: search.all,
                open: search.open,
            };
            let worked = self.inner.store.alerts_worked().await.map_err(unavailable)?;
            let rows = self.inner.store.alert_list(query).await.map_err(unavailable)?;
            Ok(rows.into_iter().map(|row| view(row, worked)).collect())
        })
    }

    fn take<'a>(&'a self, number: i64, by: &'a str) -> BoxFuture<'a, Result<AlertTaken, Error>> {
        Box::pin(async move {
            let order = |done| Order::Take {
                number,
                by: by.to_owned(),
                done,
            };
            let answered = self.ask(order).await.flatten().map_err(unavailable)?;
            match answered {
                Answered::Taken(taken) => {
                    let (number, about) = taken.into_iter().next().unwrap_or_default();
                    let by = by.to_owned();
                    Ok(AlertTaken { number, about, by })
                }
                before @ Answered::Before { .. } => Err(Error::new(ErrorKind::WrongState, told(&before, ""))),
                Answered::Unclear(open) => {
                    let open: Vec<String> = open.iter().rev().take(20).map(i64::to_string).collect();
                    let open = match open.is_empty() {
                        true => "nothing is open".to_owned(),
                        false => format!("open are {}", open.join(", ")),
                    };
                    let reason = format!("there is no alert {number} that could be taken: {open}");
                    Err(Error {
                        field: Some("number"),
                        ..Error::new(ErrorKind::NotFound, reason)
                    })
                }
            }
        })
    }

    fn test(&self, raw: RawAlert, send: bool) -> BoxFuture<'_, Result<AlertTrial, Error>> {
        Box::pin(async move {
            let alert = NewAlert::clean(raw.clone(), clock::now()).alert;
            let rules = self.trial(&RaisedAlert { number: 0, alert }).await;
            let raised = match send {
                true => self.inner.gateway.raise(vec![raw]).await?.pop(),
                false => None,
            };
            Ok(AlertTrial { rules, raised })
        })
    }
}

/// What an empty book would tell, by rule.
fn rehearsal(plan: &Arc<Plan>, alert: &RaisedAlert) -> Vec<(String, Notice)> {
    let mut book = Book::new(Arc::clone(plan), Vec::new(), 1);
    book.receive(alert, alert.alert.received_at);
    let decided = book.take();
    let rule = |row: i64| {
        let found = decided.incidents.iter().find(|(known, _)| *known == row);
        found.map(|(_, incident)| incident.rule.clone()).unwrap_or_default()
    };
    let notices = decided.notices.iter();
    notices.map(|notice| (rule(notice.incident), notice.clone())).collect()
}

/// What else is to be said of a rule that fits.
fn remark(plan: &Plan, rule: &Rule, alert: &RaisedAlert, repeated: Option<i64>) -> String {
    let held = plan.quiet_until(rule, alert.alert.severity, alert.alert.received_at);
    let local = |at: Timestamp| at.to_zoned(plan.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    match (rule.tells(), repeated, held) {
        (false, ..) => "it tells nobody: the alert is silenced".to_owned(),
        (_, Some(number), _) => format!("it repeats {number}: it would only be counted now"),
        (_, _, Some(end)) => format!("quiet hours: it would wait until {}", local(end)),
        _ => "it would be told at once".to_owned(),
    }
}

fn unavailable(error: store::Error) -> Error {
    let reason = "the message store does not work now: try again later";
    Error::new(ErrorKind::Unavailable, reason).with_detail(error)
}

/// The name of the consumer.
pub const NAME: &str = "alerts";

/// Questions that may wait for the desk. Full: whoever asks waits.
const ORDERS: usize = 64;
