//! The hot path: the end of one attempt and the beginning of the next, in one transaction.

use message::{ClassWord, Committed, Failure, PartState};

use super::row::{AHEAD, HOLD, Line, MessageFacts, PartRow, Place, WITH_MODEM};
use super::{Attempt, Attempted, Progress, Settle, Settled};
use super::{journal, receipt, report};
use crate::clock::millis;
use crate::desk::Desk;
use crate::{Error, Store};

impl Store {
    /// Keeps the end of one attempt and the beginning of the next.
    ///
    /// The answer is `None` where no attempt was asked for, and where the part does not wait any more (cancelled,
    /// expired, resolved): it must not go out then. The settlement is kept in either case.
    pub async fn progress(&self, step: Progress) -> Result<Committed<Option<Attempted>>, Error> {
        self.write(move |desk| progress(desk, &step)).await
    }

    /// Several steps in one transaction, in order: all are kept or none.
    pub async fn progress_many(&self, steps: Vec<Progress>) -> Result<Committed<Vec<Option<Attempted>>>, Error> {
        self.write(move |desk| steps.iter().map(|step| progress(desk, step)).collect())
            .await
    }
}

fn progress(desk: &mut Desk<'_>, step: &Progress) -> rusqlite::Result<Option<Attempted>> {
    if let Some(settled) = &step.settle {
        settle(desk, settled)?;
    }
    match &step.attempt {
        Some(next) => attempt(desk, next),
        None => Ok(None),
    }
}

/// Puts a part with a modem, on record.
fn attempt(desk: &mut Desk<'_>, next: &Attempt) -> rusqlite::Result<Option<Attempted>> {
    let Some(part) = PartRow::load(desk.conn, next.key)? else {
        return Ok(None);
    };
    if part.state != PartState::Queued {
        return Ok(None);
    }
    let route = desk.memory.names.route_row(desk.conn, &next.route)?;
    let key = next.key.row();
    desk.conn
        .prepare_cached(
            "UPDATE part SET state = 1, rank = ?2, timer = NULL, route = ?3, attempted_at = ?4, reference = NULL,
                sent_at = NULL, peer_id = NULL, attempts = attempts + 1 WHERE key = ?1",
        )?
        .execute((key, if next.ahead { AHEAD } else { WITH_MODEM }, route, millis(next.at)))?;
    if let Some(tpdu) = &next.tpdu {
        desk.conn
            .prepare_cached("UPDATE part SET tpdu = ?2 WHERE key = ?1")?
            .execute((key, tpdu))?;
    }
    desk.count(&part, PartState::Attempting);
    Ok(Some(Attempted {
        key: next.key,
        route: next.route.clone(),
        attempts: part.attempts + 1,
        ahead: next.ahead,
    }))
}

/// Keeps what became of a part, where it still matters.
fn settle(desk: &mut Desk<'_>, word: &Settle) -> rusqlite::Result<()> {
    if let Some(entry) = &word.journal {
        journal::keep(desk, &word.route, entry)?;
        journal::settle_doubt(desk.conn, word.key.row())?;
    }
    let Some(part) = PartRow::load(desk.conn, word.key)? else {
        return Ok(());
    };
    let route = desk.memory.names.route_row(desk.conn, &word.route)?;
    if !has_say(&part, route, &word.result) {
        tracing::debug!(part = ?word.key, route = %word.route, "a word about a part that is settled or elsewhere");
        return Ok(());
    }
    let at = millis(word.at);
    match &word.result {
        Settled::Sent {
            reference,
            cost_micros,
            peer_id,
        } => {
            sent(desk, &part, at, *reference, *cost_micros)?;
            receipt::answered(desk, part.key, peer_id.as_ref(), at)
        }
        Settled::Retry {
            due_at,
            failure,
            exclude_route,
        } => {
            note(desk, &part, at, route, failure)?;
            if let Some(excluded) = exclude_route {
                exclude(desk, &part, excluded)?;
            }
            requeue(desk, &part, at, millis(*due_at))
        }
        Settled::Failed { failure } => {
            note(desk, &part, at, route, failure)?;
            desk.place(&part, Place::Final(PartState::Failed, at))
        }
        Settled::Refused { failure } => {
            note(desk, &part, at, route, failure)?;
            desk.place(&part, Place::Final(PartState::Refused, at))
        }
        Settled::Uncertain { until, reason } => {
            desk.note(&part, at, Line::plain(route, UNCERTAIN, reason))?;
            journal::doubt(desk.conn, part.key.row())?;
            desk.place(&part, Place::Uncertain(millis(*until)))?;
            report::settle_waiting(desk, part.key, at)?;
            receipt::settle_doubt(desk, &part, at)
        }
        Settled::Held { due_at, cause, reason } => {
            let code = cause.map(|cause| cause.to_string()).unwrap_or_default();
            let line = Line {
                code: &code,
                ..Line::plain(route, HOLD, reason)
            };
            desk.note(&part, at, line)?;
            uncount(desk, &part)?;
            requeue(desk, &part, at, millis(*due_at))
        }
        Settled::Requeued => {
            uncount(desk, &part)?;
            requeue(desk, &part, at, at)
        }
    }
}

/// Whether a route's word counts. A part with a modem, or uncertain, listens to that modem's route; a queued part may be
/// held, failed or refused by anybody, and hears a late success on the route it was tried on.
fn has_say(part: &PartRow, route: i64, word: &Settled) -> bool {
    match part.state {
        // What may be out already is not refused: that is a word on what waits.
        PartState::Attempting | PartState::Uncertain => {
            part.route == Some(route) && !matches!(word, Settled::Refused { .. })
        }
        PartState::Queued => match word {
            Settled::Sent { .. } => part.route == Some(route),
            Settled::Uncertain { .. } => false,
            _ => true,
        },
        _ => false,
    }
}

fn sent(desk: &mut Desk<'_>, part: &PartRow, at: i64, reference: Option<u8>, cost: i64) -> rusqlite::Result<()> {
    desk.place(part, Place::Sent(at, reference))?;
    if cost != 0 {
        pay(desk, part, at, cost)?;
    }
    report::settle_waiting(desk, part.key, at)
}

/// Notes what a part cost, for the message and for the token.
fn pay(desk: &Desk<'_>, part: &PartRow, at: i64, cost: i64) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached("UPDATE part SET cost_micros = coalesce(cost_micros, 0) + ?2 WHERE key = ?1")?
        .execute((part.key.row(), cost))?;
    if part.counted.token == 0 {
        return Ok(());
    }
    desk.conn
        .prepare_cached(
            "INSERT INTO spending (token, quarter, micros) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET micros = micros + excluded.micros",
        )?
        .execute((part.counted.token, at.div_euclid(QUARTER_MS), cost))?;
    Ok(())
}

/// Queues a part again, not before `due_at`; a part whose validity is over expires instead.
pub(crate) fn requeue(desk: &mut Desk<'_>, part: &PartRow, at: i64, due_at: i64) -> rusqlite::Result<()> {
    let facts = MessageFacts::load(desk.conn, part.key.message)?;
    let place = match () {
        () if facts.expires_at <= at => Place::Final(PartState::Expired, at),
        () if due_at <= at => Place::Ready(facts.priority),
        () => Place::Later(due_at),
    };
    desk.place(part, place)
}

/// Nothing went out: the attempt does not count, and one that was the first never was.
fn uncount(desk: &Desk<'_>, part: &PartRow) -> rusqlite::Result<()> {
    if part.state == PartState::Queued {
        return Ok(());
    }
    desk.conn
        .prepare_cached(
            "UPDATE part SET attempts = max(attempts - 1, 0),
                attempted_at = CASE WHEN attempts <= 1 AND NOT maybe_twice THEN NULL ELSE attempted_at END WHERE key = ?1",
        )?
        .execute([part.key.row()])?;
    Ok(())
}

pub(crate) fn exclude(desk: &mut Desk<'_>, part: &PartRow, route: &message::RouteId) -> rusqlite::Result<()> {
    let route = desk.memory.names.route_row(desk.conn, route)?;
    desk.conn
        .prepare_cached("INSERT OR IGNORE INTO excluded (message, route) VALUES (?1, ?2)")?
        .execute((part.key.message, route))?;
    Ok(())
}

fn note(desk: &mut Desk<'_>, part: &PartRow, at: i64, route: i64, failure: &Failure) -> rusqlite::Result<()> {
    let code = failure.cause.to_string();
    let line = Line {
        route: Some(route),
        class: word(failure.class.word()),
        code: &code,
        reason: &failure.reason,
    };
    desk.note(part, at, line)
}

impl<'a> Line<'a> {
    /// A line about something that has no code.
    pub(crate) fn plain(route: i64, class: &'a str, reason: &'a str) -> Self {
        Self {
            route: Some(route),
            class,
            code: "",
            reason,
        }
    }
}

fn word(class: ClassWord) -> &'static str {
    match class {
        ClassWord::RetryLater => "retry_later",
        ClassWord::OtherRoute => "other_route",
        ClassWord::OtherEncoding => "other_encoding",
        ClassWord::Hold => HOLD,
        ClassWord::Permanent => "permanent",
    }
}

/// The class word of an attempt nobody can tell about.
pub(crate) const UNCERTAIN: &str = "uncertain";
/// A quarter of an hour in milliseconds: every time zone's day begins at one.
pub(crate) const QUARTER_MS: i64 = 15 * 60 * 1000;
