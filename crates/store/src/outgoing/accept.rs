//! Accepting a message: kept before its id is answered.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use message::{Accepted, Committed, MessageId, MessageState, PartState};

use super::row::{alphabet, alphabet_code, message_state, on_uncertain_code, rank};
use super::{AcceptedParts, DuePart, NewMessage, PartKey, QUARTER_MS};
use crate::clock::millis;
use crate::desk::Desk;
use crate::store::transpose;
use crate::tally::{Counted, Total};
use crate::{AcceptError, AuditEntry, QueueOf, Store};

impl Store {
    /// Keeps a message and its parts in one transaction. A repeated idempotency key gives the first message's answer.
    pub async fn accept(&self, message: NewMessage) -> Result<Committed<AcceptedParts>, AcceptError> {
        let parts = message.parts.len();
        if !(1..=PARTS_LIMIT).contains(&parts) {
            return Err(AcceptError::Parts(parts));
        }
        let hash = message.idempotency_key.as_ref().map(|_| request_hash(&message));
        transpose(self.write(move |desk| accept(desk, &message, hash.as_ref())).await?)
    }

    /// What [`Store::accept`] does, for several messages that came together: one job, and an answer for each in their
    /// order. One that cannot be kept for a reason of its own takes no other with it.
    pub async fn accept_all(&self, messages: Vec<NewMessage>) -> Vec<Result<Committed<AcceptedParts>, AcceptError>> {
        let messages = Arc::new(messages);
        let job = Arc::clone(&messages);
        let kept = self.write(move |desk| job.iter().map(|message| accept_checked(desk, message)).collect());
        let error = match kept.await {
            Ok(kept) => {
                let kept: Vec<_> = kept.into_inner();
                return kept.into_iter().map(|one| one.map(Committed::witnessed)).collect();
            }
            Err(error) => error,
        };
        if messages.len() == 1 || error.is_retryable() {
            return messages.iter().map(|_| Err(error.clone().into())).collect();
        }
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages.iter() {
            answers.push(self.accept(message.clone()).await);
        }
        answers
    }
}

/// The same as [`accept`], for a message that nobody looked at yet.
fn accept_checked(desk: &mut Desk<'_>, message: &NewMessage) -> rusqlite::Result<Result<AcceptedParts, AcceptError>> {
    let parts = message.parts.len();
    if !(1..=PARTS_LIMIT).contains(&parts) {
        return Ok(Err(AcceptError::Parts(parts)));
    }
    let hash = message.idempotency_key.as_ref().map(|_| request_hash(message));
    accept(desk, message, hash.as_ref())
}

/// Accepts a message inside of a transaction. A refusal leaves nothing behind.
pub(crate) fn accept(
    desk: &mut Desk<'_>,
    message: &NewMessage,
    hash: Option<&[u8; 32]>,
) -> rusqlite::Result<Result<AcceptedParts, AcceptError>> {
    if let Some(hash) = hash {
        let token = desk.memory.names.token_row(desk.conn, message.token.as_ref())?;
        if let Some(answer) = repeated(desk, message, token, hash)? {
            return Ok(answer);
        }
    }
    let counted = match admit(desk, message)? {
        Ok(counted) => counted,
        Err(full) => return Ok(Err(full)),
    };
    let kept = keep(desk, message, counted, hash)?;
    desk.memory.tally.add(Total::Accepted);
    desk.memory.ledger.note(&AuditEntry {
        token: message.token.clone(),
        message: Some(message.id),
        sim: message.from.clone(),
        number: Some(message.to.clone()),
        ..AuditEntry::new("send", message.accepted_at)
    });
    Ok(Ok(kept))
}

/// Where a message counts, if there is room for it.
pub(super) fn admit(desk: &mut Desk<'_>, message: &NewMessage) -> rusqlite::Result<Result<Counted, AcceptError>> {
    let token = desk.memory.names.token_row(desk.conn, message.token.as_ref())?;
    let origin = match &message.from {
        Some(route) => desk.memory.names.route_row(desk.conn, route)?,
        None => 0,
    };
    let price = message.budget.map_or(0, |budget| budget.each_micros);
    let counted = Counted { token, origin, price };
    if let Err(full) = room(desk, message, counted) {
        return Ok(Err(full));
    }
    Ok(affordable(desk, message, counted)?.map(|()| counted))
}

/// Whether the token's budget has room for what the message may cost, beside what was spent and what waits.
fn affordable(desk: &Desk<'_>, message: &NewMessage, counted: Counted) -> rusqlite::Result<Result<(), AcceptError>> {
    let Some(budget) = message.budget else {
        return Ok(Ok(()));
    };
    let since = millis(message.accepted_at) - DAY_MS;
    let spent = spent(desk.conn, counted.token, since)?;
    let more = i64::try_from(message.parts.len()).unwrap_or(i64::MAX);
    let price = budget.each_micros.saturating_mul(more);
    let after = spent
        .saturating_add(desk.memory.tally.price_of_token(counted.token))
        .saturating_add(price);
    Ok(match after <= budget.most_micros {
        true => Ok(()),
        false => Err(AcceptError::Spent),
    })
}

/// What a token's parts cost since the quarter of an hour that holds `since`.
pub(crate) fn spent(conn: &Connection, token: i64, since: i64) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT coalesce(sum(micros), 0) FROM spending WHERE token = ?1 AND quarter >= ?2")?
        .query_row((token, since.div_euclid(QUARTER_MS)), |row| row.get(0))
}

/// Keeps a message that was admitted, with its parts.
pub(super) fn keep(
    desk: &mut Desk<'_>,
    message: &NewMessage,
    counted: Counted,
    hash: Option<&[u8; 32]>,
) -> rusqlite::Result<AcceptedParts> {
    let row = desk.memory.next_message;
    desk.memory.next_message += 1;
    insert_message(desk, message, row, counted, hash)?;
    let later = message
        .send_at
        .filter(|send_at| *send_at > message.accepted_at)
        .map(millis);
    let place = (later.is_none().then(|| rank(message.priority.0)), later);
    for (part, tpdu) in (1u8..).zip(&message.parts) {
        insert_part(desk, PartKey { message: row, part }, counted, place, 0, tpdu)?;
    }
    desk.memory.will_expire(millis(message.expires_at));
    Ok(fresh(message, row))
}

/// The answer to a request whose key was used before.
fn repeated(
    desk: &Desk<'_>,
    message: &NewMessage,
    token: i64,
    hash: &[u8; 32],
) -> rusqlite::Result<Option<Result<AcceptedParts, AcceptError>>> {
    let first = desk
        .conn
        .prepare_cached(
            "SELECT row, id, parts, alphabet, request_hash = ?3 FROM message WHERE token = ?1 AND request_key = ?2",
        )?
        .query_row(params![token, message.idempotency_key, hash], |row| {
            let accepted = Accepted {
                id: MessageId::from_bytes(row.get(1)?),
                parts: row.get(2)?,
                alphabet: alphabet(row.get(3)?),
                state: MessageState::Queued,
                repeated: true,
            };
            Ok((row.get::<_, i64>(0)?, accepted, row.get::<_, bool>(4)?))
        })
        .optional()?;
    let Some((row, mut accepted, same)) = first else {
        return Ok(None);
    };
    if !same {
        return Ok(Some(Err(AcceptError::KeyReused)));
    }
    accepted.state = message_state(desk.conn, row)?;
    Ok(Some(Ok(AcceptedParts {
        accepted,
        due: Vec::new(),
    })))
}

/// Whether the queues take that many parts more.
fn room(desk: &Desk<'_>, message: &NewMessage, counted: Counted) -> Result<(), AcceptError> {
    let config = &desk.memory.config;
    let tally = &desk.memory.tally;
    let more = message.parts.len() as u64;
    let check = |open: u64, limit: u64, which: Option<QueueOf>| match which {
        Some(which) if limit > 0 && open + more > limit => Err(AcceptError::QueueFull { which, limit }),
        _ => Ok(()),
    };
    let token = message.token.clone().map(QueueOf::Token);
    check(tally.open_of_token(counted.token), config.queue_limit_token, token)?;
    let route = message.from.clone().map(QueueOf::Route);
    check(tally.open_of_origin(counted.origin), config.queue_limit_route, route)
}

fn insert_message(
    desk: &Desk<'_>,
    message: &NewMessage,
    row: i64,
    counted: Counted,
    hash: Option<&[u8; 32]>,
) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached(
            "INSERT INTO message (row, id, token, origin, strict, priority, class, report, alphabet, on_uncertain, parts,
                accepted_at, send_at, expires_at, recipient, request_key, request_hash, text, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
        )?
        .execute(params![
            row,
            message.id.as_bytes(),
            counted.token,
            counted.origin,
            message.strict,
            message.priority.0,
            message.class.map(|class| class.0),
            message.report,
            alphabet_code(message.alphabet),
            on_uncertain_code(message.on_uncertain),
            message.parts.len() as i64,
            millis(message.accepted_at),
            message.send_at.map(millis),
            millis(message.expires_at),
            message.to.to_string(),
            message.idempotency_key,
            hash,
            message.text,
            message.note,
        ])?;
    Ok(())
}

/// Adds a queued part, due at once by priority or not before a time.
pub(crate) fn insert_part(
    desk: &mut Desk<'_>,
    key: PartKey,
    counted: Counted,
    (rank, timer): (Option<i64>, Option<i64>),
    attempts: u32,
    tpdu: &[u8],
) -> rusqlite::Result<()> {
    desk.conn
        .prepare_cached(
            "INSERT INTO part (key, state, rank, timer, token, origin, attempts, maybe_twice, tpdu, price)
             VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)",
        )?
        .execute((
            key.row(),
            rank,
            timer,
            counted.token,
            counted.origin,
            attempts,
            tpdu,
            counted.price,
        ))?;
    desk.memory.tally.enter(counted, PartState::Queued);
    Ok(())
}

fn fresh(message: &NewMessage, row: i64) -> AcceptedParts {
    let parts = u8::try_from(message.parts.len()).unwrap_or(u8::MAX);
    let due = (1u8..).zip(&message.parts).map(|(part, tpdu)| DuePart {
        key: PartKey { message: row, part },
        message: message.id,
        parts,
        priority: message.priority,
        seq: row,
        to: message.to.clone(),
        from: message.from.clone(),
        strict: message.strict,
        route: None,
        tpdu: tpdu.clone(),
        report: message.report,
        expires_at: message.expires_at,
        due_at: message.send_at,
        attempts: 0,
        excluded: Vec::new(),
        on_uncertain: message.on_uncertain,
        token: message.token.clone(),
    });
    AcceptedParts {
        due: due.collect(),
        accepted: Accepted {
            id: message.id,
            parts,
            alphabet: message.alphabet,
            state: MessageState::Queued,
            repeated: false,
        },
    }
}

/// Recipient and text in 32 octets: what makes a repeated request the same.
pub(crate) fn request_hash(message: &NewMessage) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(message.to.to_string());
    hash.update([0]);
    hash.update(&message.text);
    hash.finalize().into()
}

pub(super) const PARTS_LIMIT: usize = 255;

/// What a token spends is counted over so long, in milliseconds.
const DAY_MS: i64 = 86_400_000;
