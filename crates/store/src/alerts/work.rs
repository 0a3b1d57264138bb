//! What follows from alerts: incidents and notices, in one transaction with the messages and letters they make.

use jiff::{SignedDuration, Timestamp};
use rusqlite::OptionalExtension;

use message::{AlertLetter, Committed, Event, MessageId};

use crate::clock::{maybe_timestamp, millis};
use crate::desk::Desk;
use crate::outgoing::accept;
use crate::{AcceptedParts, DeliveryId, Error, NewMessage, Store, events};

/// What follows from alerts that were put before the rules.
#[derive(Debug, Clone, Default)]
pub struct AlertWork {
    /// Alerts up to this number are done with.
    pub worked: Option<i64>,
    /// Incidents that changed, as they are now.
    pub incidents: Vec<IncidentRow>,
    /// Alerts and the rows of the incidents they belong to.
    pub links: Vec<(i64, i64)>,
    /// What people are told.
    pub notices: Vec<AlertNotice>,
    /// Answers to whoever wrote.
    pub answers: Vec<NewMessage>,
    /// The delivery that all this follows from. It is done with this: whoever works it again sees so by
    /// [`Store::delivery_is_done`].
    pub delivery: Option<DeliveryId>,
    /// The incidents were moved by this much with the clock: [`AlertsLeft::behind`].
    pub moved: Option<SignedDuration>,
}

/// An incident as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRow {
    /// Its row.
    pub row: i64,
    /// The number it is called by.
    pub number: i64,
    /// When it was opened.
    pub at: Timestamp,
    /// Whether something may still follow.
    pub open: bool,
    /// JSON of whoever works alerts.
    pub body: String,
}

/// Something that somebody is told.
#[derive(Debug, Clone)]
pub struct AlertNotice {
    /// The row of the incident.
    pub incident: i64,
    /// When.
    pub at: Timestamp,
    /// How, in one word.
    pub way: &'static str,
    /// Whom.
    pub recipient: String,
    /// By what.
    pub by: NoticeBy,
}

/// What carries a notice.
#[derive(Debug, Clone)]
pub enum NoticeBy {
    /// An SMS.
    Message(Box<NewMessage>),
    /// A mail of this consumer.
    Letter(Box<AlertLetter>, &'static str),
    /// Nothing, for this reason.
    Nothing(String),
}

/// What a start needs to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertsLeft {
    /// Alerts up to this number are done with.
    pub worked: i64,
    /// Incidents of which something may still follow: row and body.
    pub open: Vec<(i64, String)>,
    /// The row of the next incident.
    pub next_row: i64,
    /// By how much the clock was set that these incidents were not moved with yet.
    pub behind: SignedDuration,
}

/// How far behind the work on alerts is, and what went wrong lately.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertFacts {
    /// Alerts that were not put before the rules yet.
    pub waiting: u64,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
    /// Notices that reached nobody, since the time that was asked for.
    pub problems: u64,
    /// When the last of them was, whom it was for, and why it did not reach them.
    pub last_problem: Option<(Timestamp, String, String)>,
}

impl Store {
    /// Keeps what follows from alerts; the messages that are to go out. A message or a letter that cannot be accepted
    /// becomes a notice that reached nobody, and nothing else is held up by it.
    pub async fn alert_work(&self, work: AlertWork) -> Result<Committed<Vec<AcceptedParts>>, Error> {
        self.write(move |desk| keep(desk, &work)).await
    }

    /// What a start needs to go on where the last one ended.
    pub async fn alerts_left(&self) -> Result<AlertsLeft, Error> {
        self.read(|glance| {
            let conn = glance.conn;
            let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
            Ok(AlertsLeft {
                worked: number("SELECT worked FROM alert_mark")?,
                behind: SignedDuration::from_millis(number("SELECT shifted - alerts FROM clock_mark")?),
                next_row: 1 + number("SELECT coalesce(max(row), 0) FROM incident")?,
                open: conn
                    .prepare("SELECT row, body FROM incident WHERE open = 1 ORDER BY row")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_, _>>()?,
            })
        })
        .await
    }

    /// The numbers of the incidents that an alert belongs to.
    pub async fn incidents_of(&self, alert: i64) -> Result<Vec<i64>, Error> {
        self.read(move |glance| {
            glance
                .conn
                .prepare_cached(
                    "SELECT i.number FROM alert_incident l JOIN incident i ON i.row = l.incident WHERE l.alert = ?1",
                )?
                .query_map([alert], |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// Notes that the SMS of a notice reached nobody; the incident and the recipient, where it was that of a notice.
    pub async fn alert_message_failed(&self, id: MessageId, why: &str) -> Result<Option<(i64, String)>, Error> {
        let known = "SELECT incident, recipient FROM alert_notice WHERE message = ?1";
        let found = self
            .read(move |glance| {
                glance
                    .conn
                    .prepare_cached(known)?
                    .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .await?;
        if found.is_some() {
            let why = why.to_owned();
            let note = "UPDATE alert_notice SET problem = ?2 WHERE message = ?1";
            self.write(move |desk| desk.conn.execute(note, (id.as_bytes(), &why)))
                .await?;
        }
        Ok(found)
    }

    /// How far behind the work on alerts is, and which notices reached nobody since then.
    pub async fn alert_facts(&self, since: Timestamp) -> Result<AlertFacts, Error> {
        self.read(move |glance| {
            let conn = glance.conn;
            let worked: i64 = conn.query_row("SELECT worked FROM alert_mark", [], |row| row.get(0))?;
            let (waiting, oldest): (u32, Option<i64>) = conn
                .prepare_cached("SELECT count(*), min(at) FROM alert WHERE number > ?1")?
                .query_row([worked], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let problems: u32 = conn
                .prepare_cached("SELECT count(*) FROM alert_notice WHERE problem IS NOT NULL AND at >= ?1")?
                .query_row([millis(since)], |row| row.get(0))?;
            let last_problem = conn
                .prepare_cached(
                    "SELECT at, recipient, problem FROM alert_notice
                     WHERE problem IS NOT NULL AND at >= ?1 ORDER BY at DESC LIMIT 1",
                )?
                .query_row([millis(since)], |row| {
                    Ok((crate::clock::timestamp(row.get(0)?), row.get(1)?, row.get(2)?))
                })
                .optional()?;
            Ok(AlertFacts {
                waiting: waiting.into(),
                oldest: maybe_timestamp(oldest),
                problems: problems.into(),
                last_problem,
            })
        })
        .await
    }
}

fn keep(desk: &mut Desk<'_>, work: &AlertWork) -> rusqlite::Result<Vec<AcceptedParts>> {
    let mut accepted = Vec::new();
    for incident in &work.incidents {
        desk.conn
            .prepare_cached(
                "INSERT INTO incident (row, number, at, open, body) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET open = ?4, body = ?5",
            )?
            .execute((
                incident.row,
                incident.number,
                millis(incident.at),
                incident.open,
                &incident.body,
            ))?;
    }
    for link in &work.links {
        desk.conn
            .prepare_cached("INSERT OR IGNORE INTO alert_incident (alert, incident) VALUES (?1, ?2)")?
            .execute(*link)?;
    }
    for notice in &work.notices {
        accepted.extend(notify(desk, notice)?);
    }
    for answer in &work.answers {
        accepted.extend(take(desk, answer)?.ok());
    }
    if let Some(delivery) = work.delivery {
        events::finish(desk, delivery)?;
    }
    if let Some(moved) = work.moved {
        desk.conn
            .prepare_cached("UPDATE clock_mark SET alerts = alerts + ?1")?
            .execute([i64::try_from(moved.as_millis()).unwrap_or(0)])?;
    }
    if let Some(worked) = work.worked {
        desk.conn
            .prepare_cached("UPDATE alert_mark SET worked = max(worked, ?1)")?
            .execute([worked])?;
    }
    Ok(accepted)
}

fn notify(desk: &mut Desk<'_>, notice: &AlertNotice) -> rusqlite::Result<Option<AcceptedParts>> {
    let (mut accepted, mut letter, mut problem) = (None, None, None);
    match &notice.by {
        NoticeBy::Message(message) => match take(desk, message)? {
            Ok(parts) => accepted = Some(parts),
            Err(why) => problem = Some(why),
        },
        NoticeBy::Letter(content, consumer) => {
            let event = Event::Letter {
                letter: content.clone(),
            };
            letter = events::add_for(desk, consumer, &event, millis(notice.at))?;
            problem = letter.is_none().then(|| "no mail is configured".to_owned());
        }
        NoticeBy::Nothing(why) => problem = Some(why.clone()),
    }
    let message = accepted.as_ref().map(|parts: &AcceptedParts| parts.accepted.id);
    desk.conn
        .prepare_cached(
            "INSERT INTO alert_notice (incident, at, way, recipient, problem, message, event)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            notice.incident,
            millis(notice.at),
            notice.way,
            &notice.recipient,
            problem,
            message.as_ref().map(MessageId::as_bytes),
            letter.as_ref().map(message::EventId::as_bytes),
        ))?;
    Ok(accepted)
}

/// Accepts a message, or says why not.
fn take(desk: &mut Desk<'_>, message: &NewMessage) -> rusqlite::Result<Result<AcceptedParts, String>> {
    let hash = message.idempotency_key.as_ref().map(|_| accept::request_hash(message));
    let taken = accept::accept(desk, message, hash.as_ref())?;
    Ok(taken.map_err(|refused| refused.to_string()))
}
