//! Events and their deliveries to consumers.

use std::sync::{Arc, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::OptionalExtension;
use rusqlite::types::Type;

use message::{Committed, Event, EventId};

use crate::alerts;
use crate::clock::{self, maybe_timestamp, millis, timestamp};
use crate::desk::{Desk, Told};
use crate::incoming::fetch;
use crate::reader::Glance;
use crate::{Config, Error, Store};

/// The store's name for one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryId {
    /// The consumer's row.
    pub(crate) consumer: i64,
    /// The event's row.
    pub(crate) event: i64,
}

/// The names of those who get events, and of those of them who get alerts.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) consumers: Vec<String>,
    pub(crate) alert_consumers: Vec<String>,
}

impl DeliveryId {
    /// The number of the event: later ones have higher numbers.
    pub fn event(self) -> i64 {
        self.event
    }
}

/// An event that a consumer has not worked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its name, for `delivery_done` and its sisters.
    pub id: DeliveryId,
    /// The event's id: the same for every consumer and every repetition.
    pub event_id: EventId,
    /// What happened.
    pub event: Event,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when it waits.
    pub since: Timestamp,
    /// What the consumer noted when it tried it last.
    pub memo: Option<String>,
}

/// How far behind a consumer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The consumer.
    pub consumer: String,
    /// Events it has not worked yet.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
    /// Events that were given up.
    pub gave_up: u64,
    /// When the last of them was.
    pub gave_up_at: Option<Timestamp>,
    /// Why the last of them was.
    pub gave_up_why: Option<String>,
    /// What went wrong last with one that waits.
    pub error: Option<String>,
}

impl Store {
    /// Keeps an event with a delivery for each consumer. `None` where no consumer is configured: nothing is kept then.
    pub async fn add_event(&self, event: Event, at: Timestamp) -> Result<Committed<Option<EventId>>, Error> {
        self.write(move |desk| add(desk, &event, millis(at))).await
    }

    /// At most `limit` events that wait for this consumer and are due, oldest first. One that cannot be read any more (a
    /// newer version wrote it) is given up, so that it does not stand before the others for ever.
    pub async fn deliveries(&self, consumer: &str, now: Timestamp, limit: usize) -> Result<Vec<Delivery>, Error> {
        let name = consumer.to_owned();
        let due = self
            .read(move |glance| deliveries(glance, &name, millis(now), limit))
            .await?;
        for (id, why) in due.unreadable {
            tracing::error!("{consumer}: an event is given up that cannot be read: {why}");
            self.delivery_gave_up(id, &why).await?;
        }
        Ok(due.found)
    }

    /// The consumer worked it.
    pub async fn delivery_done(&self, id: DeliveryId) -> Result<Committed<()>, Error> {
        self.write(move |desk| end(desk, id, DONE, None)).await
    }

    /// Whether the consumer worked it. A consumer that keeps in one transaction what it made of a delivery and that it is
    /// done asks so before it works one again: after a kill, or when it took too long.
    pub async fn delivery_is_done(&self, id: DeliveryId) -> Result<bool, Error> {
        self.read(move |glance| {
            glance
                .conn
                .prepare_cached("SELECT 1 FROM delivery WHERE consumer = ?1 AND event = ?2 AND state = 1")?
                .exists((id.consumer, id.event))
        })
        .await
    }

    /// The consumer could not work it and wants it again, not before `due_at`; a memo replaces that of an earlier try.
    pub async fn delivery_later(
        &self,
        id: DeliveryId,
        due_at: Timestamp,
        error: &str,
        memo: Option<&str>,
    ) -> Result<Committed<()>, Error> {
        let (error, memo) = (error.to_owned(), memo.map(str::to_owned));
        self.write(move |desk| {
            desk.conn
                .prepare_cached(
                    "UPDATE delivery SET due_at = ?3, attempts = attempts + 1, error = ?4, memo = coalesce(?5, memo)
                     WHERE consumer = ?1 AND event = ?2 AND state = 0",
                )?
                .execute((id.consumer, id.event, millis(due_at), &error, &memo))
                .map(|_| ())
        })
        .await
    }

    /// The consumer will not work it any more.
    pub async fn delivery_gave_up(&self, id: DeliveryId, error: &str) -> Result<Committed<()>, Error> {
        let error = error.to_owned();
        self.write(move |desk| {
            end(desk, id, GAVE_UP, Some(&error))?;
            desk.conn
                .prepare_cached("UPDATE delivery SET due_at = ?3 WHERE consumer = ?1 AND event = ?2 AND state = 2")?
                .execute((id.consumer, id.event, millis(clock::now())))
                .map(|_| ())
        })
        .await
    }

    /// When the next delivery of a consumer is due.
    pub async fn next_delivery(&self, consumer: &str) -> Result<Option<Timestamp>, Error> {
        let consumer = consumer.to_owned();
        self.read(move |glance| {
            let due: Option<i64> = glance
                .conn
                .prepare_cached(
                    "SELECT min(due_at) FROM delivery
                     WHERE consumer = (SELECT row FROM consumer WHERE name = ?1) AND state = 0",
                )?
                .query_row([consumer], |row| row.get(0))?;
            Ok(maybe_timestamp(due))
        })
        .await
    }

    /// How far behind each configured consumer is.
    pub async fn backlog(&self) -> Result<Vec<Backlog>, Error> {
        let named = Arc::clone(&self.named());
        self.read(move |glance| named.consumers.iter().map(|name| backlog(glance, name)).collect())
            .await
    }

    /// These get every event from now on, and some of them alerts too, as [`Config::consumers`] has it; the number of the
    /// last event before. What waits for one that is not among them any more stays until
    /// [`Store::give_up_for_others`].
    pub async fn adopt_consumers(
        &self,
        consumers: Vec<String>,
        alert_consumers: Vec<String>,
    ) -> Result<Committed<i64>, Error> {
        let named = Named {
            consumers,
            alert_consumers,
        };
        let names = named.clone();
        let kept = self
            .write(move |desk| {
                let config = Arc::new(Config {
                    consumers: names.consumers.clone(),
                    alert_consumers: names.alert_consumers.clone(),
                    ..Config::clone(&desk.memory.config)
                });
                desk.memory.told = Arc::new(Told::enlist(desk.conn, &config)?);
                desk.memory.config = config;
                Ok(desk.memory.event)
            })
            .await?;
        *self.named() = Arc::new(named);
        Ok(kept)
    }

    /// Whether these are the names of those who get events, and alerts.
    pub fn tells(&self, consumers: &[String], alert_consumers: &[String]) -> bool {
        let named = self.named();
        named.consumers == consumers && named.alert_consumers == alert_consumers
    }

    /// Gives up what waits for consumers that get no events any more.
    pub async fn give_up_for_others(&self) -> Result<Committed<()>, Error> {
        self.write(|desk| desk.memory.told.give_up_others(desk.conn)).await
    }

    fn named(&self) -> MutexGuard<'_, Arc<Named>> {
        self.shared().named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps an event that is no received message.
pub(crate) fn add(desk: &mut Desk<'_>, event: &Event, at: i64) -> rusqlite::Result<Option<EventId>> {
    if desk.memory.told.consumers.is_empty() {
        return Ok(None);
    }
    let body = written(event)?;
    let source = Source {
        body: Some(&body),
        ..Source::default()
    };
    insert(desk, &source, at).map(Some)
}

/// Keeps the event that a message arrived; the message itself lies where it lies.
pub(crate) fn add_message(desk: &mut Desk<'_>, cursor: i64, at: i64) -> rusqlite::Result<()> {
    if desk.memory.told.consumers.is_empty() {
        return Ok(());
    }
    let source = Source {
        inbound: Some(cursor),
        ..Source::default()
    };
    insert(desk, &source, at).map(drop)
}

/// Keeps the event that an alert was raised, for those who are told of alerts; the alert itself lies where it lies.
pub(crate) fn add_alert(desk: &mut Desk<'_>, number: i64, at: i64) -> rusqlite::Result<()> {
    if desk.memory.told.alert_consumers.is_empty() {
        return Ok(());
    }
    let source = Source {
        alert: Some(number),
        ..Source::default()
    };
    insert(desk, &source, at).map(drop)
}

/// Keeps an event for one consumer alone; nothing where that one is not configured.
pub(crate) fn add_for(
    desk: &mut Desk<'_>,
    consumer: &str,
    event: &Event,
    at: i64,
) -> rusqlite::Result<Option<EventId>> {
    let place = desk.memory.config.consumers.iter().position(|name| name == consumer);
    let Some(row) = place.map(|place| desk.memory.told.consumers[place]) else {
        return Ok(None);
    };
    let body = written(event)?;
    let source = Source {
        body: Some(&body),
        only: Some(row),
        ..Source::default()
    };
    insert(desk, &source, at).map(Some)
}

fn written(event: &Event) -> rusqlite::Result<String> {
    serde_json::to_string(event).map_err(|trouble| rusqlite::Error::ToSqlConversionFailure(Box::new(trouble)))
}

/// Where it lies what an event tells, and who is told.
#[derive(Debug, Default)]
struct Source<'a> {
    inbound: Option<i64>,
    alert: Option<i64>,
    body: Option<&'a str>,
    /// The one consumer that is told.
    only: Option<i64>,
}

fn insert(desk: &mut Desk<'_>, source: &Source<'_>, at: i64) -> rusqlite::Result<EventId> {
    let id = EventId::fresh();
    desk.memory.event += 1;
    let row = desk.memory.event;
    desk.conn
        .prepare_cached("INSERT INTO event (row, id, at, inbound, alert, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute((row, id.as_bytes(), at, source.inbound, source.alert, source.body))?;
    let mut delivery = desk
        .conn
        .prepare_cached("INSERT INTO delivery (consumer, event, state, due_at, attempts) VALUES (?1, ?2, 0, ?3, 0)")?;
    let told = Arc::clone(&desk.memory.told);
    let consumers = match (&source.only, source.alert) {
        (Some(only), _) => std::slice::from_ref(only),
        (None, Some(_)) => &told.alert_consumers,
        (None, None) => &told.consumers,
    };
    for consumer in consumers {
        delivery.execute((consumer, row, at))?;
    }
    Ok(id)
}

/// Marks a delivery as done in the transaction of what was made of it; one too that was given up meanwhile.
pub(crate) fn finish(desk: &Desk<'_>, id: DeliveryId) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached(
            "UPDATE delivery SET state = 1, attempts = attempts + 1, error = NULL
             WHERE consumer = ?1 AND event = ?2 AND state <> 1",
        )?
        .execute((id.consumer, id.event))?;
    Ok(())
}

fn end(desk: &Desk<'_>, id: DeliveryId, state: u8, error: Option<&str>) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached(
            "UPDATE delivery SET state = ?3, attempts = attempts + 1, error = ?4
             WHERE consumer = ?1 AND event = ?2 AND state = 0",
        )?
        .execute((id.consumer, id.event, state, error))?;
    Ok(())
}

/// What is due.
#[derive(Default)]
struct Due {
    found: Vec<Delivery>,
    /// What cannot be read, and why.
    unreadable: Vec<(DeliveryId, String)>,
}

fn deliveries(glance: &mut Glance<'_>, consumer: &str, now: i64, limit: usize) -> rusqlite::Result<Due> {
    let mut statement = glance.conn.prepare_cached(
        "SELECT d.consumer, d.event, e.id, e.at, d.attempts, e.inbound, e.alert, e.body, d.memo
         FROM delivery d JOIN event e ON e.row = d.event
         WHERE d.consumer = (SELECT row FROM consumer WHERE name = ?1) AND d.state = 0 AND d.due_at <= ?2
         ORDER BY d.due_at, d.event LIMIT ?3",
    )?;
    let mut rows = statement.query((consumer, now, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let mut due = Due::default();
    while let Some(row) = rows.next()? {
        let id = DeliveryId {
            consumer: row.get(0)?,
            event: row.get(1)?,
        };
        match read_event(glance, row.get(5)?, row.get(6)?, row.get(7)?) {
            Ok(event) => due.found.push(Delivery {
                id,
                event_id: EventId::from_bytes(row.get(2)?),
                since: timestamp(row.get(3)?),
                attempts: row.get(4)?,
                memo: row.get(8)?,
                event,
            }),
            Err(
                why @ (rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::QueryReturnedNoRows),
            ) => due.unreadable.push((id, format!("it cannot be read: {why}"))),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(due)
}

fn read_event(
    glance: &mut Glance<'_>,
    inbound: Option<i64>,
    alert: Option<i64>,
    body: Option<String>,
) -> rusqlite::Result<Event> {
    if let Some(cursor) = inbound {
        let mut statement = glance.conn.prepare_cached(fetch::ONE)?;
        let mut rows = statement.query([cursor])?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        return fetch::read_inbound(glance.conn, glance.names, row).map(Event::Message);
    }
    if let Some(number) = alert {
        let mut statement = glance
            .conn
            .prepare_cached("SELECT number, body FROM alert WHERE number = ?1")?;
        let alert = Box::new(statement.query_row([number], alerts::read_alert)?);
        return Ok(Event::Alert { alert });
    }
    serde_json::from_str(body.as_deref().unwrap_or_default())
        .map_err(|trouble| rusqlite::Error::FromSqlConversionFailure(BODY, Type::Text, Box::new(trouble)))
}

fn backlog(glance: &Glance<'_>, consumer: &str) -> rusqlite::Result<Backlog> {
    let row: i64 = glance
        .conn
        .query_row("SELECT row FROM consumer WHERE name = ?1", [consumer], |row| row.get(0))?;
    let (waiting, oldest): (u32, Option<i64>) = glance.conn.query_row(
        "SELECT count(*), min(e.at) FROM delivery d JOIN event e ON e.row = d.event
         WHERE d.consumer = ?1 AND d.state = 0",
        [row],
        |found| Ok((found.get(0)?, found.get(1)?)),
    )?;
    let (gave_up, gave_up_at): (u32, Option<i64>) = glance.conn.query_row(
        "SELECT count(*), max(due_at) FROM delivery WHERE consumer = ?1 AND state = 2",
        [row],
        |found| Ok((found.get(0)?, found.get(1)?)),
    )?;
    // Both are found by an index.
    let why = |sql| {
        let found = glance
            .conn
            .query_row(sql, [row], |found| found.get::<_, Option<String>>(0));
        found.optional().map(Option::flatten)
    };
    Ok(Backlog {
        consumer: consumer.to_owned(),
        waiting: waiting.into(),
        oldest: maybe_timestamp(oldest),
        gave_up: gave_up.into(),
        gave_up_at: maybe_timestamp(gave_up_at),
        gave_up_why: why("SELECT error FROM delivery WHERE consumer = ?1 AND state = 2 ORDER BY due_at DESC LIMIT 1")?,
        error: why(
            "SELECT error FROM delivery WHERE consumer = ?1 AND state = 0 AND error IS NOT NULL ORDER BY due_at DESC LIMIT 1",
        )?,
    })
}

const DONE: u8 = 1;
const GAVE_UP: u8 = 2;
/// The column of an event's body.
const BODY: usize = 7;
