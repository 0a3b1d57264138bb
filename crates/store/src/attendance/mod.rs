//! Attendance requests: what came of each, the last word of each sender, and the counters of devices.
//!
//! A request, the state it leaves and its acknowledgement are one transaction: after a kill there is all of it or
//! nothing, and an event that is given again is recognised. What a request is worth is decided by the caller's rule,
//! which is asked inside of that transaction and so sees every request before it.

mod projection;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};

use message::{AttendanceEvent, AttendanceState, Committed, EventId, MessageId, Number, RouteId};

use crate::clock::{maybe_timestamp, millis, timestamp};
use crate::desk::Desk;
use crate::outgoing::accept;
use crate::outgoing::row::number;
use crate::reader::Glance;
use crate::store::transpose;
use crate::{AcceptError, AcceptedParts, Error, NewMessage, Store};

pub use projection::ProjectionError;

/// A request on its way in: what is known of it before it is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct AttendanceRequest {
    /// The event it came with.
    pub event: EventId,
    /// The received message.
    pub message: MessageId,
    /// Who sent it.
    pub sender: Number,
    /// Whose state it can become: the owner of the device, or else the sender.
    pub person: Number,
    /// The SIM it came to.
    pub sim: RouteId,
    /// The service centre's stamp.
    pub service_centre_time: Option<Timestamp>,
    /// When the gateway had it.
    pub received_at: Timestamp,
    /// The version of the protocol; 0 where it could not be told.
    pub version: u8,
    /// SHA-256 of what was ciphered, where there was a frame.
    pub frame: Option<[u8; 32]>,
    /// The device that it names (second version).
    pub device: Option<u32>,
    /// The devices that belong to the sender.
    pub own_devices: Vec<u32>,
    /// How far back the sender's requests count in [`AttendanceKnown`].
    pub lately: SignedDuration,
}

/// What the store knows that bears on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttendanceKnown {
    /// Requests of this sender lately.
    pub requests: u32,
    /// Bad ones among them.
    pub bad: u32,
    /// Whether the same octets came from another sender, ever.
    pub copied: bool,
    /// Whether the same octets came from this sender within a day.
    pub repeated: bool,
    /// Whether the same octets were taken from a device before (second version), ever.
    pub taken_before: bool,
    /// Whether a request of the second version was taken from one of the sender's devices, ever, whoever sent it.
    pub second_version: bool,
    /// The counters of the named device, as [`AttendanceRuling::counters`] left them.
    pub counters: Option<(u32, u64)>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AttendanceRuling {
    /// In one word.
    pub verdict: &'static str,
    /// Whether it counts towards a lock-out.
    pub bad: bool,
    /// What is remarkable about it, in single words.
    pub flags: Vec<&'static str>,
    /// What it states, `Arrival` or `Exit`, or nothing.
    pub status: String,
    /// The time as claimed (first version), or the note.
    pub time: String,
    /// Whether it becomes the person's state, unless a younger request did already.
    pub is_state: bool,
    /// Whether from now on [`AttendanceKnown::second_version`] is the case for the device's owner.
    pub ends_first: bool,
    /// The device's counter and clock.
    pub counter: Option<(u32, Timestamp)>,
    /// The device's counters after it, where they change: the highest, and the bits of those seen below.
    pub counters: Option<(u32, u64)>,
    /// How far the claimed time is from the network's, in seconds; above 0: the phone is ahead.
    pub skew_s: Option<i32>,
    /// The acknowledgement.
    pub answer: Option<NewMessage>,
}

/// Whether a request was kept.
#[derive(Debug)]
pub enum Attended {
    /// Its event was kept before: nothing was done.
    Before,
    /// Just now.
    Now {
        /// What came of it: [`AttendanceRuling::verdict`].
        verdict: &'static str,
        /// The parts of its acknowledgement, where it has one.
        answer: Option<AcceptedParts>,
    },
}

/// Which part of the history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttendanceQuery {
    /// Only this sender's, with or without its plus.
    pub sender: Option<Number>,
    /// Only what came to these SIMs.
    pub sims: Option<Vec<RouteId>>,
    /// Only what the gateway had at this time or later.
    pub since: Option<Timestamp>,
    /// Only what it had before this time.
    pub until: Option<Timestamp>,
    /// Only what stands behind this cursor; the oldest of it, where there is more. Without: the newest.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Store {
    /// Judges a request by `rule` and keeps it with the state and the acknowledgement that follow from it. The rule may be asked more than once; its last answer counts.
    ///
    /// # Errors
    /// The queue of messages takes no acknowledgement now: nothing was kept then, and the rule is to be asked again.
    pub async fn attend(
        &self,
        request: AttendanceRequest,
        mut rule: impl FnMut(&AttendanceKnown) -> AttendanceRuling + Send + 'static,
    ) -> Result<Committed<Attended>, AcceptError> {
        transpose(self.write(move |desk| attend(desk, &request, &mut rule)).await?)
    }

    /// The last word of everybody, in the order of their numbers.
    pub async fn attendance(&self) -> Result<Vec<AttendanceState>, Error> {
        self.read(|glance| {
            glance
                .conn
                .prepare_cached(
                    "SELECT s.sender, s.status, s.time, r.name, e.received_at
                     FROM attendance_state s JOIN attendance_event e ON e.row = s.event JOIN route r ON r.row = e.route
                     ORDER BY s.sender",
                )?
                .query_map([], |row| {
                    Ok(AttendanceState {
                        number: number(row, 0)?,
                        name: None,
                        status: row.get(1)?,
                        time: row.get(2)?,
                        sim: RouteId::new(&row.get::<_, String>(3)?),
                        received_at: timestamp(row.get(4)?),
                    })
                })?
                .collect()
        })
        .await
    }

    /// The history, oldest first.
    pub async fn attendance_history(&self, query: AttendanceQuery) -> Result<Vec<AttendanceEvent>, Error> {
        self.read(move |glance| history(glance, &query)).await
    }

    /// The highest counter that was taken from each device.
    pub async fn attendance_counters(&self) -> Result<BTreeMap<u32, u32>, Error> {
        self.read(|glance| {
            glance
                .conn
                .prepare_cached("SELECT device, highest FROM attendance_device")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
        .await
    }
}

fn attend(
    desk: &mut Desk<'_>,
    request: &AttendanceRequest,
    rule: &mut impl FnMut(&AttendanceKnown) -> AttendanceRuling,
) -> rusqlite::Result<Result<Attended, AcceptError>> {
    if is_kept(desk, request.event)? {
        return Ok(Ok(Attended::Before));
    }
    let ruling = rule(&known(desk, request)?);
    // First of all: a full queue leaves nothing behind.
    let answer = match &ruling.answer {
        Some(message) => match accept::accept(desk, message, None)? {
            Ok(accepted) => Some(accepted),
            Err(full) => return Ok(Err(full)),
        },
        None => None,
    };
    let answered = answer.as_ref().map(|answer| answer.accepted.id);
    let row = insert(desk, request, &ruling, answered)?;
    if ruling.is_state {
        desk.conn
            .prepare_cached(
                "INSERT INTO attendance_state (sender, status, time, event) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET status = ?2, time = ?3, event = ?4
                 WHERE (SELECT received_at FROM attendance_event e WHERE e.row = attendance_state.event) <= ?5",
            )?
            .execute((
                request.person.to_string(),
                &ruling.status,
                &ruling.time,
                row,
                millis(request.received_at),
            ))?;
    }
    if let (Some(device), Some((highest, seen))) = (request.device, ruling.counters) {
        desk.conn
            .prepare_cached(
                "INSERT INTO attendance_device (device, highest, seen, taken) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET highest = ?2, seen = ?3, taken = taken OR ?4",
            )?
            .execute((device, highest, seen.cast_signed(), ruling.ends_first))?;
    }
    let verdict = ruling.verdict;
    Ok(Ok(Attended::Now { verdict, answer }))
}

fn is_kept(desk: &Desk<'_>, event: EventId) -> rusqlite::Result<bool> {
    desk.conn
        .prepare_cached("SELECT 1 FROM attendance_event WHERE event = ?1")?
        .exists([event.as_bytes()])
}

fn known(desk: &Desk<'_>, request: &AttendanceRequest) -> rusqlite::Result<AttendanceKnown> {
    let sender = request.sender.to_string();
    let at = millis(request.received_at);
    let (requests, bad) = desk
        .conn
        .prepare_cached(
            "SELECT count(*), coalesce(sum(bad), 0) FROM attendance_event
             WHERE sender = ?1 AND received_at BETWEEN ?2 AND ?3",
        )?
        .query_row((&sender, millis(request.received_at - request.lately), at), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let exists = |sql: &str, least: i64| -> rusqlite::Result<bool> {
        let Some(frame) = &request.frame else { return Ok(false) };
        desk.conn.prepare_cached(sql)?.exists((frame, &sender, least))
    };
    let counters = desk
        .conn
        .prepare_cached("SELECT highest, seen FROM attendance_device WHERE device = ?1")?
        .query_row([request.device], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
        })
        .optional()?;
    Ok(AttendanceKnown {
        requests,
        bad,
        copied: exists(
            "SELECT 1 FROM attendance_event WHERE frame = ?1 AND sender <> ?2 AND received_at >= ?3",
            i64::MIN,
        )?,
        repeated: exists(
            "SELECT 1 FROM attendance_event WHERE frame = ?1 AND sender = ?2 AND received_at >= ?3",
            at - DAY_MS,
        )?,
        taken_before: was_taken(desk, request)?,
        second_version: any_taken(desk, &request.own_devices)?,
        counters,
    })
}

/// Whether these octets were believed once; what was refused has no counter, or is bad.
fn was_taken(desk: &Desk<'_>, request: &AttendanceRequest) -> rusqlite::Result<bool> {
    let Some(frame) = &request.frame else { return Ok(false) };
    desk.conn
        .prepare_cached("SELECT 1 FROM attendance_event WHERE frame = ?1 AND counter IS NOT NULL AND bad = 0")?
        .exists([frame])
}

fn any_taken(desk: &Desk<'_>, devices: &[u32]) -> rusqlite::Result<bool> {
    let mut taken = desk
        .conn
        .prepare_cached("SELECT 1 FROM attendance_device WHERE device = ?1 AND taken")?;
    for device in devices {
        if taken.exists([device])? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn insert(
    desk: &mut Desk<'_>,
    request: &AttendanceRequest,
    ruling: &AttendanceRuling,
    answer: Option<MessageId>,
) -> rusqlite::Result<i64> {
    let route = desk.memory.names.route_row(desk.conn, &request.sim)?;
    desk.conn
        .prepare_cached(
            "INSERT INTO attendance_event (event, inbound, sender, route, service_centre_time, received_at, version,
                verdict, bad, flags, status, time, device, counter, device_time, frame, answer, skew_s)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )?
        .execute(params![
            request.event.as_bytes(),
            request.message.as_bytes(),
            request.sender.to_string(),
            route,
            request.service_centre_time.map(millis),
            millis(request.received_at),
            request.version,
            ruling.verdict,
            ruling.bad,
            ruling.flags.join(" "),
            ruling.status,
            ruling.time,
            request.device,
            ruling.counter.map(|(counter, _)| counter),
            ruling.counter.map(|(_, clock)| millis(clock)),
            request.frame,
            answer.as_ref().map(MessageId::as_bytes),
            ruling.skew_s,
        ])?;
    Ok(desk.conn.last_insert_rowid())
}

fn history(glance: &mut Glance<'_>, query: &AttendanceQuery) -> rusqlite::Result<Vec<AttendanceEvent>> {
    let mut wanted = String::from("TRUE");
    let mut values: Vec<Value> = Vec::new();
    let mut want = |clause: &str, more: Vec<Value>| {
        wanted.push_str(clause);
        values.extend(more);
    };
    if let Some(sender) = &query.sender {
        let digits = sender.digits().to_owned();
        want(
            " AND e.sender IN (?, ?)",
            vec![format!("+{digits}").into(), digits.into()],
        );
    }
    if let Some(sims) = &query.sims {
        let places = vec!["?"; sims.len()].join(", ");
        let names = sims.iter().map(|sim| sim.to_string().into());
        want(&format!(" AND r.name IN ({places})"), names.collect());
    }
    if let Some(since) = query.since {
        want(" AND e.received_at >= ?", vec![millis(since).into()]);
    }
    if let Some(until) = query.until {
        want(" AND e.received_at < ?", vec![millis(until).into()]);
    }
    if let Some(after) = query.after {
        want(" AND e.row > ?", vec![after.into()]);
    }
    let order = if query.after.is_some() { "ASC" } else { "DESC" };
    values.push(i64::try_from(query.limit).unwrap_or(i64::MAX).into());
    let mut statement = glance.conn.prepare_cached(&format!(
        "SELECT e.row, e.inbound, e.sender, r.name, e.service_centre_time, e.received_at, e.version, e.verdict, e.flags,
            e.status, e.time, e.device, e.counter, e.device_time, e.answer, e.skew_s
         FROM attendance_event e JOIN route r ON r.row = e.route WHERE {wanted} ORDER BY e.row {order} LIMIT ?"
    ))?;
    let mut found: Vec<_> = statement
        .query_map(params_from_iter(values), read_event)?
        .collect::<Result<_, _>>()?;
    if query.after.is_none() {
        found.reverse();
    }
    Ok(found)
}

fn read_event(row: &rusqlite::Row<'_>) -> rusqlite::Result<AttendanceEvent> {
    Ok(AttendanceEvent {
        cursor: row.get(0)?,
        message: MessageId::from_bytes(row.get(1)?),
        number: number(row, 2)?,
        name: None,
        sim: RouteId::new(&row.get::<_, String>(3)?),
        service_centre_time: maybe_timestamp(row.get(4)?),
        received_at: timestamp(row.get(5)?),
        version: row.get(6)?,
        verdict: row.get(7)?,
        flags: row.get::<_, String>(8)?.split_whitespace().map(str::to_owned).collect(),
        status: row.get(9)?,
        time: row.get(10)?,
        device: row.get(11)?,
        counter: row.get(12)?,
        device_time: maybe_timestamp(row.get(13)?),
        answer: row.get::<_, Option<[u8; 16]>>(14)?.map(MessageId::from_bytes),
        skew_s: row.get(15)?,
    })
}

/// How long an equal request of the same sender counts as the same day's.
const DAY_MS: i64 = 86_400_000;
