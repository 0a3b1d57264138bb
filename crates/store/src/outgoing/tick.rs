//! Whatever is due by the clock: ends of validity, times not before, uncertain parts, overdue received messages, receipts that wait.

use jiff::Timestamp;

use message::{Committed, MessageId, OnUncertain, PartState};

use super::progress::requeue;
use super::receipt;
use super::row::{Line, MessageFacts, PartRow, Place, select_part};
use super::{Policies, Ticked};
use crate::clock::millis;
use crate::desk::Desk;
use crate::incoming::overdue;
use crate::{Error, Store};

impl Store {
    /// Does what is due at `now`, in one transaction, at most [`Policies::batch`] rows of each kind.
    pub async fn tick(&self, now: Timestamp, policies: &Policies) -> Result<Committed<Ticked>, Error> {
        let limit = policies.batch.max(1);
        self.write(move |desk| tick(desk, millis(now), limit)).await
    }
}

fn tick(desk: &mut Desk<'_>, now: i64, limit: u32) -> rusqlite::Result<Ticked> {
    let mut ticked = Ticked::default();
    expire(desk, now, limit, &mut ticked)?;
    wake(desk, now, limit, &mut ticked)?;
    decide(desk, now, limit, &mut ticked)?;
    ticked.overdue = overdue(desk, now, limit)?;
    ticked.more |= ticked.overdue.len() >= limit as usize;
    ticked.strays = receipt::give_up(desk, now, limit)?;
    ticked.more |= ticked.strays >= limit as usize;
    Ok(ticked)
}

/// Ends the queued parts of messages whose validity passed since the last look.
fn expire(desk: &mut Desk<'_>, now: i64, limit: u32, ticked: &mut Ticked) -> rusqlite::Result<()> {
    let (from, after) = desk.memory.swept;
    if from > now {
        // The clock went back: what was looked at too early is looked at again.
        desk.memory.swept = (now, i64::MAX);
        return Ok(());
    }
    let passed = passed(desk, (from, after), now, limit)?;
    for (message, _) in &passed {
        if expire_message(desk, *message, now)? {
            ticked.expired.push(MessageFacts::load(desk.conn, *message)?.id);
        }
    }
    let full = passed.len() >= limit as usize;
    desk.memory.swept = match passed.last() {
        Some((row, expires_at)) if full => (*expires_at, *row),
        _ => (now, i64::MAX),
    };
    ticked.more |= full;
    if desk.memory.swept.0 - from >= SWEPT_STEP_MS {
        // One less: of the messages that end in this very millisecond some may be left.
        desk.conn
            .prepare_cached("UPDATE total SET swept = ?1 WHERE row = 1")?
            .execute([desk.memory.swept.0 - 1])?;
    }
    Ok(())
}

/// Messages whose validity ended, in order, with its end.
fn passed(desk: &Desk<'_>, (from, after): (i64, i64), now: i64, limit: u32) -> rusqlite::Result<Vec<(i64, i64)>> {
    desk.conn
        .prepare_cached(
            "SELECT row, expires_at FROM message
             WHERE expires_at >= ?1 AND expires_at <= ?3 AND (expires_at > ?1 OR row > ?2)
             ORDER BY expires_at, row LIMIT ?4",
        )?
        .query_map((from, after, now, limit), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn expire_message(desk: &mut Desk<'_>, message: i64, now: i64) -> rusqlite::Result<bool> {
    let parts = PartRow::load_all(desk.conn, message)?;
    let mut any = false;
    for part in parts.iter().filter(|part| part.state == PartState::Queued) {
        desk.place(part, Place::Final(PartState::Expired, now))?;
        any = true;
    }
    Ok(any)
}

/// Makes parts due whose time has come.
fn wake(desk: &mut Desk<'_>, now: i64, limit: u32, ticked: &mut Ticked) -> rusqlite::Result<()> {
    ticked.woken = desk
        .conn
        .prepare_cached(
            "UPDATE part SET timer = NULL, rank = 3 - min(3, (SELECT priority FROM message WHERE row = part.key >> 8))
             WHERE key IN (SELECT key FROM part WHERE state = 0 AND timer IS NOT NULL AND timer <= ?1
                           ORDER BY timer LIMIT ?2)",
        )?
        .execute((now, limit))?;
    ticked.more |= ticked.woken >= limit as usize;
    Ok(())
}

/// Applies the rule of their messages to uncertain parts that were waited for long enough.
fn decide(desk: &mut Desk<'_>, now: i64, limit: u32, ticked: &mut Ticked) -> rusqlite::Result<()> {
    let parts: Vec<PartRow> = desk
        .conn
        .prepare_cached(select_part!(
            "FROM part p WHERE p.state = 2 AND p.timer IS NOT NULL AND p.timer <= ?1 ORDER BY p.timer LIMIT ?2"
        ))?
        .query_map((now, limit), PartRow::read)?
        .collect::<Result<_, _>>()?;
    ticked.more |= parts.len() >= limit as usize;
    for part in &parts {
        receipt::settle_doubt(desk, part, now)?;
        let settled = PartRow::load(desk.conn, part.key)?;
        if settled.is_none_or(|now| now.state != PartState::Uncertain) {
            continue;
        }
        let facts = MessageFacts::load(desk.conn, part.key.message)?;
        let list = match facts.on_uncertain {
            _ if facts.expires_at <= now => give_up(desk, part, now, ENDED).map(|()| &mut ticked.failed)?,
            OnUncertain::Hold => {
                desk.place(part, Place::Uncertain(facts.expires_at))?;
                &mut ticked.held
            }
            OnUncertain::Resend if part.maybe_twice => give_up(desk, part, now, TWICE).map(|()| &mut ticked.failed)?,
            OnUncertain::Resend => {
                resend(desk, part, now)?;
                &mut ticked.resent
            }
        };
        remember(list, facts.id);
    }
    Ok(())
}

/// Queues an uncertain part once more and marks it.
pub(crate) fn resend(desk: &mut Desk<'_>, part: &PartRow, now: i64) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached("UPDATE part SET maybe_twice = 1 WHERE key = ?1")?
        .execute([part.key.row()])?;
    requeue(desk, part, now, now)
}

/// Ends an uncertain part.
pub(crate) fn give_up(desk: &mut Desk<'_>, part: &PartRow, now: i64, reason: &str) -> rusqlite::Result<()> {
    let line = Line {
        route: part.route,
        class: "permanent",
        code: "",
        reason,
    };
    desk.note(part, now, line)?;
    desk.place(part, Place::Final(PartState::Failed, now))
}

fn remember(list: &mut Vec<MessageId>, id: MessageId) {
    if list.last() != Some(&id) {
        list.push(id);
    }
}

/// How much further the sweep must be before that is written: after a crash it begins at the last written place.
const SWEPT_STEP_MS: i64 = 60_000;
const TWICE: &str = "nobody could tell, twice, whether it went out";
const ENDED: &str = "its validity ended while nobody could tell whether it went out";
