//! What callers and operators decide: taking a message back, resolving an uncertain one, moving one to another SIM.

use jiff::Timestamp;

use message::{Alphabet, Committed, MessageId, MessageState, PartState, Resolution, RouteId};

use super::accept::insert_part;
use super::due::of_message;
use super::progress::exclude;
use super::row::{Line, MessageFacts, PartRow, Place, alphabet_code, message_row, message_state, parts_of, rank};
use super::tick::{give_up, resend};
use super::{DuePart, PartKey};
use crate::clock::millis;
use crate::desk::Desk;
use crate::store::transpose;
use crate::{CancelError, MoveError, ResolveError, Store};

impl Store {
    /// Takes a message back, as long as no part of it was ever attempted.
    pub async fn cancel(&self, id: MessageId, at: Timestamp) -> Result<Committed<()>, CancelError> {
        transpose(self.write(move |desk| take_back(desk, id, millis(at))).await?)
    }

    /// Decides about the uncertain parts of a message: once more, marked *maybe twice*, or given up. Gives back where
    /// the message stands then.
    pub async fn resolve(
        &self,
        id: MessageId,
        how: Resolution,
        at: Timestamp,
    ) -> Result<Committed<MessageState>, ResolveError> {
        transpose(self.write(move |desk| resolve(desk, id, how, millis(at))).await?)
    }

    /// Starts a message anew with other TPDUs (a new reference, or another alphabet: their number may differ), because
    /// it leaves its SIM: the recipient's phone joins only parts from one sender. `exclude` is the SIM it leaves.
    ///
    /// Parts that the network took already go out again with the others. A message with a part that is with a modem,
    /// uncertain or settled for good stays as it is, and so does one of which no part waits.
    pub async fn move_message(
        &self,
        id: MessageId,
        tpdus: Vec<Vec<u8>>,
        alphabet: Alphabet,
        exclude: Option<RouteId>,
    ) -> Result<Committed<Vec<DuePart>>, MoveError> {
        if !(1..=255).contains(&tpdus.len()) {
            return Err(MoveError::Parts(tpdus.len()));
        }
        transpose(
            self.write(move |desk| move_message(desk, id, &tpdus, alphabet, exclude.as_ref()))
                .await?,
        )
    }
}

/// Takes a message back where no part of it was ever attempted.
pub(super) fn take_back(desk: &mut Desk<'_>, id: MessageId, at: i64) -> rusqlite::Result<Result<(), CancelError>> {
    let Some(message) = message_row(desk.conn, id)? else {
        return Ok(Err(CancelError::Unknown));
    };
    let parts = match untouched(desk, message)? {
        Ok(parts) => parts,
        Err(too_late) => return Ok(Err(too_late)),
    };
    for part in &parts {
        desk.place(part, Place::Final(PartState::Cancelled, at))?;
    }
    Ok(Ok(()))
}

/// The parts of a message, if none of them was ever attempted.
pub(super) fn untouched(desk: &Desk<'_>, message: i64) -> rusqlite::Result<Result<Vec<PartRow>, CancelError>> {
    let parts = PartRow::load_all(desk.conn, message)?;
    let untouched =
        |part: &PartRow| part.state == PartState::Queued && part.attempts == 0 && part.attempted_at.is_none();
    if parts.iter().all(untouched) {
        return Ok(Ok(parts));
    }
    let state = message_state(desk.conn, message)?;
    Ok(Err(CancelError::TooLate { state }))
}

fn resolve(
    desk: &mut Desk<'_>,
    id: MessageId,
    how: Resolution,
    at: i64,
) -> rusqlite::Result<Result<MessageState, ResolveError>> {
    let Some(message) = message_row(desk.conn, id)? else {
        return Ok(Err(ResolveError::Unknown));
    };
    let mut parts = PartRow::load_all(desk.conn, message)?;
    parts.retain(|part| part.state == PartState::Uncertain);
    if parts.is_empty() {
        let state = message_state(desk.conn, message)?;
        return Ok(Err(ResolveError::NothingUncertain { state }));
    }
    for part in &parts {
        match how {
            Resolution::Resend => resend(desk, part, at)?,
            Resolution::Drop => give_up(desk, part, at, DROPPED)?,
        }
    }
    message_state(desk.conn, message).map(Ok)
}

fn move_message(
    desk: &mut Desk<'_>,
    id: MessageId,
    tpdus: &[Vec<u8>],
    alphabet: Alphabet,
    excluded: Option<&RouteId>,
) -> rusqlite::Result<Result<Vec<DuePart>, MoveError>> {
    let Some(message) = message_row(desk.conn, id)? else {
        return Ok(Err(MoveError::Unknown));
    };
    let parts = PartRow::load_all(desk.conn, message)?;
    if let Some(bound) = binds(&parts) {
        let state = message_state(desk.conn, message)?;
        return Ok(Err(MoveError::Bound { part: bound, state }));
    }
    let Some(first) = parts.first().copied() else {
        return Ok(Err(MoveError::Unknown));
    };
    if let Some(route) = excluded {
        exclude(desk, &first, route)?;
    }
    let attempts = parts.iter().map(|part| part.attempts).max().unwrap_or(0);
    remove(desk, message, &parts)?;
    let facts = MessageFacts::load(desk.conn, message)?;
    for (part, tpdu) in (1u8..).zip(tpdus) {
        let place = (Some(rank(facts.priority)), None);
        insert_part(desk, PartKey { message, part }, first.counted, place, attempts, tpdu)?;
    }
    if parts.iter().any(|part| part.maybe_twice) {
        desk.conn
            .prepare_cached("UPDATE part SET maybe_twice = 1 WHERE key BETWEEN ?1 AND ?2")?
            .execute(parts_of(message))?;
    }
    desk.conn
        .prepare_cached("UPDATE message SET parts = ?2, alphabet = ?3 WHERE row = ?1")?
        .execute((message, tpdus.len() as i64, alphabet_code(alphabet)))?;
    of_message(desk.conn, &mut desk.memory.names, message).map(Ok)
}

/// The part that forbids moving, from 1.
fn binds(parts: &[PartRow]) -> Option<u8> {
    let free = |part: &&PartRow| matches!(part.state, PartState::Queued | PartState::Sent);
    match parts.iter().find(|part| !free(part)) {
        Some(part) => Some(part.key.part),
        None if parts.iter().any(|part| part.state == PartState::Queued) => None,
        None => Some(1),
    }
}

/// Takes the old parts away. That one had gone out is remembered in its history.
fn remove(desk: &mut Desk<'_>, message: i64, parts: &[PartRow]) -> rusqlite::Result<()> {
    for part in parts {
        if let (PartState::Sent, Some(at)) = (part.state, part.sent_at) {
            let line = Line {
                route: part.route,
                class: "moved",
                code: "",
                reason: MOVED,
            };
            desk.note(part, at, line)?;
        }
        desk.memory.tally.leave(part.counted, part.state);
    }
    desk.conn
        .prepare_cached("DELETE FROM part WHERE key BETWEEN ?1 AND ?2")?
        .execute(parts_of(message))?;
    Ok(())
}

const DROPPED: &str = "the operator gave it up while nobody could tell whether it went out";
const MOVED: &str = "it went out, and again with the others when the message left this SIM";
