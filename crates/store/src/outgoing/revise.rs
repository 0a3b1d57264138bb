//! What whoever handed messages in may still do with those that wait: find them by their notes, take several back, and
//! put other words into one.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use message::{Committed, MessageId, Number, TokenId};

use super::accept::{self, PARTS_LIMIT};
use super::decide::{take_back, untouched};
use super::row::{message_row, parts_of};
use super::{AcceptedParts, NewMessage};
use crate::clock::millis;
use crate::desk::Desk;
use crate::store::transpose;
use crate::{AcceptError, AuditEntry, CancelError, Error, ReplaceError, Store};

impl Store {
    /// The note that a message was handed in with.
    pub async fn note(&self, id: MessageId) -> Result<Option<String>, Error> {
        self.read(move |glance| {
            let note = glance
                .conn
                .prepare_cached("SELECT note FROM message WHERE id = ?1")?
                .query_row([id.as_bytes()], |row| row.get::<_, Option<String>>(0))
                .optional()?;
            Ok(note.flatten())
        })
        .await
    }

    /// The messages of a token of which a part waits, in the order of acceptance, with the notes that they were handed
    /// in with; `to`: only those to this number. Looks at everything that waits.
    pub async fn waiting_of(
        &self,
        token: &TokenId,
        to: Option<&Number>,
    ) -> Result<Vec<(MessageId, Option<String>)>, Error> {
        let (token, to) = (token.as_str().to_owned(), to.map(Number::to_string));
        self.read(move |glance| {
            glance
                .conn
                .prepare_cached(WAITING_OF)?
                .query_map((&token, &to), |row| {
                    Ok((MessageId::from_bytes(row.get(0)?), row.get(1)?))
                })?
                .collect()
        })
        .await
    }

    /// Takes back those of these messages of which no part was ever attempted, all in one transaction, and tells which.
    pub async fn cancel_all(&self, ids: Vec<MessageId>, at: Timestamp) -> Result<Committed<Vec<MessageId>>, Error> {
        self.write(move |desk| {
            let mut gone = Vec::new();
            for id in &ids {
                if take_back(desk, *id, millis(at))?.is_ok() {
                    gone.push(*id);
                }
            }
            Ok(gone)
        })
        .await
    }

    /// Puts another message in the place of one of which no part was ever attempted; it keeps the id, and goes behind
    /// what was accepted meanwhile.
    pub async fn replace(&self, message: NewMessage) -> Result<Committed<AcceptedParts>, ReplaceError> {
        let parts = message.parts.len();
        if !(1..=PARTS_LIMIT).contains(&parts) {
            return Err(AcceptError::Parts(parts).into());
        }
        transpose(self.write(move |desk| replace(desk, &message)).await?)
    }
}

fn replace(desk: &mut Desk<'_>, message: &NewMessage) -> rusqlite::Result<Result<AcceptedParts, ReplaceError>> {
    let Some(old) = message_row(desk.conn, message.id)? else {
        return Ok(Err(CancelError::Unknown.into()));
    };
    let parts = match untouched(desk, old)? {
        Ok(parts) => parts,
        Err(too_late) => return Ok(Err(too_late.into())),
    };
    // Their places are the new one's.
    for part in &parts {
        desk.memory.tally.leave(part.counted, part.state);
    }
    // Nothing is refused once the old one is gone: a refusal leaves everything as it was.
    let counted = match accept::admit(desk, message)? {
        Ok(counted) => counted,
        Err(full) => {
            for part in &parts {
                desk.memory.tally.enter(part.counted, part.state);
            }
            return Ok(Err(full.into()));
        }
    };
    remove(desk, old)?;
    // A row of its own: what somebody holds of the old parts must not go out any more.
    let kept = accept::keep(desk, message, counted, None)?;
    desk.memory.ledger.note(&AuditEntry {
        token: message.token.clone(),
        message: Some(message.id),
        sim: message.from.clone(),
        number: Some(message.to.clone()),
        ..AuditEntry::new("replace", message.accepted_at)
    });
    Ok(Ok(kept))
}

/// Takes a message away with all that hangs on it; its parts are not counted any more. What is told of it later is told of
/// the one that takes its id.
fn remove(desk: &Desk<'_>, message: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM history WHERE part BETWEEN ?1 AND ?2",
        "DELETE FROM part WHERE key BETWEEN ?1 AND ?2",
    ] {
        desk.conn.prepare_cached(sql)?.execute(parts_of(message))?;
    }
    for sql in [
        "DELETE FROM excluded WHERE message = ?1",
        "DELETE FROM message WHERE row = ?1",
    ] {
        desk.conn.prepare_cached(sql)?.execute([message])?;
    }
    Ok(())
}

/// What waits lies in one of two indexes: that of what is due (rank), and that of what is due later (timer).
const WAITING_OF: &str = "
    SELECT m.id, m.note FROM message m
    WHERE m.token = (SELECT row FROM token WHERE name = ?1) AND (?2 IS NULL OR m.recipient = ?2)
      AND m.row IN (SELECT key >> 8 FROM part WHERE rank BETWEEN 0 AND 3
                    UNION SELECT key >> 8 FROM part WHERE state = 0 AND timer IS NOT NULL)
    ORDER BY m.row";
