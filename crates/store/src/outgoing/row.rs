//! How parts and messages lie in their rows, and the one way a part changes its state.

use rusqlite::{Connection, OptionalExtension, Row};

use message::{
    Alphabet, Event, FailureReason, MessageId, MessageState, Number, OnUncertain, PartState, ReportNotice, RouteId,
    TokenId,
};

use super::PartKey;
use crate::desk::Desk;
use crate::tally::{Counted, Total};
use crate::{clock, events};

/// A query for the columns that [`PartRow::read`] reads, of `part p`; more columns may follow.
macro_rules! select_part {
    ($rest:literal) => {
        concat!(
            "SELECT p.key, p.state, p.token, p.origin, p.route, p.attempts, p.maybe_twice, p.attempted_at, p.sent_at,
             p.price ",
            $rest
        )
    };
}
pub(crate) use select_part;

impl PartKey {
    /// `message << 8 | part`: parts of a message lie side by side, in the order of acceptance.
    pub(crate) fn row(self) -> i64 {
        (self.message << 8) | i64::from(self.part)
    }

    /// The key in this row.
    pub(crate) fn of_row(row: i64) -> Self {
        Self {
            message: row >> 8,
            part: (row & 0xff) as u8,
        }
    }
}

/// The rows of all parts of a message, as bounds for BETWEEN.
pub(crate) fn parts_of(message: i64) -> (i64, i64) {
    (message << 8, (message << 8) | 0xff)
}

/// A part, as far as its state machine needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartRow {
    pub(crate) key: PartKey,
    pub(crate) state: PartState,
    pub(crate) counted: Counted,
    pub(crate) route: Option<i64>,
    pub(crate) attempts: u32,
    pub(crate) maybe_twice: bool,
    pub(crate) attempted_at: Option<i64>,
    pub(crate) sent_at: Option<i64>,
}

impl PartRow {
    /// Reads the columns of `select_part!` from the first on.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: PartKey::of_row(row.get(0)?),
            state: part_state(row, 1)?,
            counted: Counted {
                token: row.get(2)?,
                origin: row.get(3)?,
                price: row.get(9)?,
            },
            route: row.get(4)?,
            attempts: row.get(5)?,
            maybe_twice: row.get(6)?,
            attempted_at: row.get(7)?,
            sent_at: row.get(8)?,
        })
    }

    /// The part with this key.
    pub(crate) fn load(conn: &Connection, key: PartKey) -> rusqlite::Result<Option<Self>> {
        conn.prepare_cached(select_part!("FROM part p WHERE p.key = ?1"))?
            .query_row([key.row()], Self::read)
            .optional()
    }

    /// All parts of a message, in order.
    pub(crate) fn load_all(conn: &Connection, message: i64) -> rusqlite::Result<Vec<Self>> {
        conn.prepare_cached(select_part!("FROM part p WHERE p.key BETWEEN ?1 AND ?2 ORDER BY p.key"))?
            .query_map(parts_of(message), Self::read)?
            .collect()
    }
}

/// What a message's rules need of it.
#[derive(Debug, Clone)]
pub(crate) struct MessageFacts {
    pub(crate) id: MessageId,
    pub(crate) priority: u8,
    pub(crate) expires_at: i64,
    pub(crate) on_uncertain: OnUncertain,
    pub(crate) recipient: Number,
    pub(crate) note: Option<String>,
}

impl MessageFacts {
    /// The facts of the message in this row.
    pub(crate) fn load(conn: &Connection, message: i64) -> rusqlite::Result<Self> {
        conn.prepare_cached(
            "SELECT id, priority, expires_at, on_uncertain, recipient, note FROM message WHERE row = ?1",
        )?
        .query_row([message], |row| {
            Ok(Self {
                id: MessageId::from_bytes(row.get(0)?),
                priority: row.get(1)?,
                expires_at: row.get(2)?,
                on_uncertain: on_uncertain(row.get(3)?),
                recipient: number(row, 4)?,
                note: row.get(5)?,
            })
        })
    }
}

/// The row of the message with this id.
pub(crate) fn message_row(conn: &Connection, id: MessageId) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT row FROM message WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()
}

/// Where the message in this row stands.
pub(crate) fn message_state(conn: &Connection, message: i64) -> rusqlite::Result<MessageState> {
    part_states(conn, message).map(MessageState::of)
}

pub(crate) fn part_states(conn: &Connection, message: i64) -> rusqlite::Result<Vec<PartState>> {
    conn.prepare_cached("SELECT state FROM part WHERE key BETWEEN ?1 AND ?2 ORDER BY key")?
        .query_map(parts_of(message), |row| part_state(row, 0))?
        .collect()
}

/// What a part's row says in its new state.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    /// Due at once, by this priority.
    Ready(u8),
    /// Queued, not before this time.
    Later(i64),
    /// Uncertain until this time.
    Uncertain(i64),
    /// Out since this time, under this reference.
    Sent(i64, Option<u8>),
    /// Settled for good at this time.
    Final(PartState, i64),
}

impl Place {
    fn state(self) -> PartState {
        match self {
            Self::Ready(_) | Self::Later(_) => PartState::Queued,
            Self::Uncertain(_) => PartState::Uncertain,
            Self::Sent(..) => PartState::Sent,
            Self::Final(state, _) => state,
        }
    }
}

impl Desk<'_> {
    /// Moves a part to another state; the only way but for the beginning of an attempt. `part` is as it was read in
    /// this transaction.
    pub(crate) fn place(&mut self, part: &PartRow, place: Place) -> rusqlite::Result<()> {
        debug_assert!(!part.state.is_final(), "a settled part never changes");
        let key = part.key.row();
        match place {
            Place::Ready(priority) => self
                .conn
                .prepare_cached("UPDATE part SET state = 0, rank = ?2, timer = NULL WHERE key = ?1")?
                .execute((key, rank(priority)))?,
            Place::Later(due_at) => self
                .conn
                .prepare_cached("UPDATE part SET state = 0, rank = NULL, timer = ?2 WHERE key = ?1")?
                .execute((key, due_at))?,
            Place::Uncertain(until) => self
                .conn
                .prepare_cached("UPDATE part SET state = 2, rank = NULL, timer = ?2 WHERE key = ?1")?
                .execute((key, until))?,
            Place::Sent(at, reference) => self
                .conn
                .prepare_cached(
                    "UPDATE part SET state = 3, rank = NULL, timer = NULL, sent_at = ?2, reference = ?3 WHERE key = ?1",
                )?
                .execute((key, at, reference))?,
            Place::Final(state, at) => self
                .conn
                .prepare_cached(
                    "UPDATE part SET state = ?2, rank = NULL, timer = NULL, settled_at = ?3 WHERE key = ?1",
                )?
                .execute((key, state.code(), at))?,
        };
        self.count(part, place.state());
        if let Some(reason) = self.failure(part, place.state())? {
            self.memory.tally.add_failure(part.route, reason);
        }
        match place {
            Place::Final(_, at) => self.announce(part, at),
            Place::Sent(at, _) => self.announce(part, at),
            _ => Ok(()),
        }
    }

    /// Counts a part's change of state.
    pub(crate) fn count(&mut self, part: &PartRow, state: PartState) {
        let tally = &mut self.memory.tally;
        tally.leave(part.counted, part.state);
        tally.enter(part.counted, state);
        let total = match state {
            PartState::Sent => Total::Sent,
            PartState::Delivered => Total::Delivered,
            _ => return,
        };
        tally.add_on(part.route, total);
    }

    /// Why a part that comes into this state failed, if it did: the last line of its history tells.
    fn failure(&self, part: &PartRow, state: PartState) -> rusqlite::Result<Option<FailureReason>> {
        match state {
            PartState::Expired => return Ok(Some(FailureReason::Expired)),
            PartState::Refused => return Ok(Some(FailureReason::Refused)),
            PartState::Failed => {}
            _ => return Ok(None),
        }
        let class: Option<String> = self
            .conn
            .prepare_cached("SELECT class FROM history WHERE part = ?1 ORDER BY row DESC LIMIT 1")?
            .query_row([part.key.row()], |row| row.get(0))
            .optional()?;
        let reason = class.as_deref().and_then(FailureReason::from_name);
        Ok(Some(match (part.state, reason) {
            (PartState::Uncertain, Some(FailureReason::Permanent)) => FailureReason::Uncertain,
            (_, reason) => reason.unwrap_or(FailureReason::Unknown),
        }))
    }

    /// Tells the consumers where a part's new state changed the state of its message for good, and when the last part
    /// was sent: that is the end of a message for which no report was asked.
    fn announce(&mut self, part: &PartRow, at: i64) -> rusqlite::Result<()> {
        if self.memory.told.consumers.is_empty() {
            return Ok(());
        }
        let states = part_states(self.conn, part.key.message)?;
        let after = MessageState::of(states.iter().copied());
        let index = usize::from(part.key.part.saturating_sub(1));
        let was = states
            .iter()
            .enumerate()
            .map(|(at, now)| if at == index { part.state } else { *now });
        let is_news = after.is_final() || after == MessageState::Sent;
        if !is_news || MessageState::of(was) == after {
            return Ok(());
        }
        let facts = MessageFacts::load(self.conn, part.key.message)?;
        let (sim, token) = self.belonging(part)?;
        // What it waited for is not why somebody took it back.
        let failed = matches!(
            after,
            MessageState::Failed | MessageState::Expired | MessageState::Refused
        );
        let notice = ReportNotice {
            id: facts.id,
            to: facts.recipient,
            state: after,
            at: clock::timestamp(at),
            sim,
            token,
            reason: if failed {
                last_reason(self.conn, part.key)?
            } else {
                None
            },
            note: facts.note,
        };
        events::add(self, &Event::Report(notice), at).map(drop)
    }

    /// The SIM that had a part last, and whose it is.
    fn belonging(&mut self, part: &PartRow) -> rusqlite::Result<(Option<RouteId>, Option<TokenId>)> {
        let names = &mut self.memory.names;
        let sim = names.maybe_route(self.conn, part.route)?;
        Ok((sim, names.token(self.conn, part.counted.token)?))
    }

    /// Writes a line into a part's history.
    pub(crate) fn note(&mut self, part: &PartRow, at: i64, line: Line<'_>) -> rusqlite::Result<()> {
        if line.class == HOLD && self.repeat(part, at, &line)? {
            return Ok(());
        }
        self.conn
            .prepare_cached(
                "INSERT INTO history (part, at, route, class, code, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((part.key.row(), at, line.route, line.class, line.code, line.reason))?;
        Ok(())
    }

    /// A part that is held again for the same reason gets no second line.
    fn repeat(&self, part: &PartRow, at: i64, line: &Line<'_>) -> rusqlite::Result<bool> {
        let changed = self
            .conn
            .prepare_cached(
                "UPDATE history SET at = ?2 WHERE row = (SELECT max(row) FROM history WHERE part = ?1)
                 AND class = ?3 AND reason = ?4 AND code = ?5",
            )?
            .execute((part.key.row(), at, line.class, line.reason, line.code))?;
        Ok(changed > 0)
    }
}

/// A line of history, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) route: Option<i64>,
    pub(crate) class: &'a str,
    pub(crate) code: &'a str,
    pub(crate) reason: &'a str,
}

/// Where a ready part of this priority stands: lower goes first.
pub(crate) fn rank(priority: u8) -> i64 {
    i64::from(HIGHEST - priority.min(HIGHEST))
}

/// What went wrong last with a part.
fn last_reason(conn: &Connection, part: PartKey) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT reason FROM history WHERE part = ?1 ORDER BY row DESC LIMIT 1")?
        .query_row([part.row()], |row| row.get(0))
        .optional()
}

/// Reads a part's state.
pub(crate) fn part_state(row: &Row<'_>, column: usize) -> rusqlite::Result<PartState> {
    let code: u8 = row.get(column)?;
    PartState::from_code(code).ok_or_else(|| rusqlite::Error::IntegralValueOutOfRange(column, code.into()))
}

/// Reads a number.
pub(crate) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<Number> {
    row.get::<_, String>(column).map(Number::from)
}

/// Reads a number that may be absent.
pub(crate) fn maybe_number(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Number>> {
    Ok(row.get::<_, Option<String>>(column)?.map(Number::from))
}

/// As it is kept.
pub(crate) fn on_uncertain_code(rule: OnUncertain) -> u8 {
    match rule {
        OnUncertain::Resend => 0,
        OnUncertain::Hold => 1,
    }
}

/// As it was kept.
pub(crate) fn on_uncertain(code: u8) -> OnUncertain {
    match code {
        0 => OnUncertain::Resend,
        _ => OnUncertain::Hold,
    }
}

/// As it is kept.
pub(crate) fn alphabet_code(alphabet: Alphabet) -> u8 {
    match alphabet {
        Alphabet::Gsm7 => 0,
        Alphabet::Octets => 1,
        Alphabet::Ucs2 => 2,
    }
}

/// As it was kept.
pub(crate) fn alphabet(code: u8) -> Alphabet {
    match code {
        0 => Alphabet::Gsm7,
        1 => Alphabet::Octets,
        _ => Alphabet::Ucs2,
    }
}

/// The class word of a part that waits for its modem.
pub(crate) const HOLD: &str = "hold";
/// The rank of a part with a modem.
pub(crate) const WITH_MODEM: i64 = 9;
/// The rank of a part that was given to a modem behind another one; its mark tells whether it has begun.
pub(crate) const AHEAD: i64 = 8;
/// The highest priority; anything above counts as it.
const HIGHEST: u8 = 3;
