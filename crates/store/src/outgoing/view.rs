//! Outgoing messages as callers see them.

use rusqlite::{OptionalExtension, Row};

use message::{
    ListPage, ListQuery, MessageId, MessageState, MessageView, Number, PartState, PartView, PeerId, ReceiptView,
    TokenId,
};

use super::receipt::status as status_of;
use super::row::{alphabet, message_row, number, part_state, part_states, parts_of};
use super::{HistoryLine, Owner};
use crate::clock::{maybe_timestamp, timestamp};
use crate::reader::Glance;
use crate::{Error, Store};

impl Store {
    /// Where a message stands, with its parts.
    pub async fn status(&self, id: MessageId) -> Result<Option<MessageView>, Error> {
        self.read(move |glance| status(glance, id)).await
    }

    /// What went wrong with a message's parts, oldest first.
    pub async fn history(&self, id: MessageId) -> Result<Vec<HistoryLine>, Error> {
        self.read(move |glance| history(glance, id)).await
    }

    /// Outgoing messages, newest first; of one token or of all. Looks at messages until enough are found, in steps, so that
    /// others can ask in between, and at so many that an answer takes a fraction of a second.
    pub async fn list(&self, query: ListQuery, token: Option<&TokenId>) -> Result<ListPage, Error> {
        let limit = query.limit.unwrap_or(LIST_DEFAULT).clamp(1, LIST_LIMIT) as usize;
        let mut wish = Wish {
            state: query.state,
            to: query.to.as_deref().map(Number::received),
            token: token.cloned(),
            before: i64::MAX,
            limit,
        };
        if let Some(id) = query.before {
            match self.read(move |glance| message_row(glance.conn, id)).await? {
                Some(row) => wish.before = row,
                None => return Ok(ListPage::default()),
            }
        }
        let mut page = ListPage::default();
        for _ in 0..LIST_STEPS {
            let step = wish.clone();
            let step = self.read(move |glance| list(glance, &step)).await?;
            page.messages.extend(step.found);
            let Some((row, id)) = step.last.filter(|_| page.messages.len() < limit) else {
                return Ok(ListPage { stopped: None, ..page });
            };
            (wish.before, wish.limit) = (row, limit - page.messages.len());
            page.stopped = Some(id);
        }
        Ok(page)
    }

    /// Who asked for a message.
    pub async fn owner(&self, id: MessageId) -> Result<Option<Owner>, Error> {
        self.read(move |glance| owner(glance, id)).await
    }
}

fn status(glance: &mut Glance<'_>, id: MessageId) -> rusqlite::Result<Option<MessageView>> {
    let mut statement = glance.conn.prepare_cached(
        "SELECT row, id, recipient, text, priority, alphabet, accepted_at, send_at, expires_at, token
         FROM message WHERE id = ?1",
    )?;
    let mut rows = statement.query([id.as_bytes()])?;
    rows.next()?.map(|row| view(glance, row)).transpose()
}

/// Reads a message with its parts.
fn view(glance: &mut Glance<'_>, row: &Row<'_>) -> rusqlite::Result<MessageView> {
    let parts = part_views(glance, row.get(0)?)?;
    Ok(MessageView {
        id: MessageId::from_bytes(row.get(1)?),
        to: number(row, 2)?,
        text: row.get(3)?,
        state: MessageState::of(parts.iter().map(|part| part.state)),
        priority: row.get(4)?,
        alphabet: alphabet(row.get(5)?),
        accepted_at: timestamp(row.get(6)?),
        send_at: maybe_timestamp(row.get(7)?),
        expires_at: timestamp(row.get(8)?),
        token: glance
            .names
            .token(glance.conn, row.get(9)?)?
            .map(|token| token.as_str().to_owned()),
        maybe_twice: parts.iter().any(|part| part.maybe_twice),
        parts,
    })
}

fn part_views(glance: &mut Glance<'_>, message: i64) -> rusqlite::Result<Vec<PartView>> {
    let mut statement = glance.conn.prepare_cached(
        "SELECT key & 255, state, route, reference, attempts, attempted_at, sent_at, settled_at, timer, maybe_twice, key,
            peer_id
         FROM part WHERE key BETWEEN ?1 AND ?2 ORDER BY key",
    )?;
    let mut rows = statement.query(parts_of(message))?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        let state = part_state(row, 1)?;
        let (error, code) = last_error(glance, row.get(10)?, state)?;
        let peer_id = row.get::<_, Option<String>>(11)?.as_deref().and_then(PeerId::new);
        let receipts = match &peer_id {
            Some(_) => receipts(glance, row.get(10)?)?,
            None => Vec::new(),
        };
        parts.push(PartView {
            part: row.get(0)?,
            state,
            sim: glance.names.maybe_route(glance.conn, row.get(2)?)?,
            reference: row.get(3)?,
            peer_id,
            attempts: row.get(4)?,
            attempted_at: maybe_timestamp(row.get(5)?),
            sent_at: maybe_timestamp(row.get(6)?),
            settled_at: maybe_timestamp(row.get(7)?),
            due_at: maybe_timestamp(row.get(8)?),
            waits: None,
            error,
            code,
            maybe_twice: row.get(9)?,
            receipts,
        });
    }
    Ok(parts)
}

/// What an upstream said of a part, oldest first.
fn receipts(glance: &Glance<'_>, part: i64) -> rusqlite::Result<Vec<ReceiptView>> {
    glance
        .conn
        .prepare_cached(
            "SELECT at, status, code, discharged, words FROM receipt WHERE part = ?1 ORDER BY row LIMIT ?2",
        )?
        .query_map((part, RECEIPTS), |row| {
            Ok(ReceiptView {
                at: timestamp(row.get(0)?),
                status: status_of(row.get(1)?),
                code: row.get(2)?,
                discharged: maybe_timestamp(row.get(3)?),
                words: row.get(4)?,
            })
        })?
        .collect()
}

/// What went wrong last; a part that is out has nothing wrong any more. Of one that is refused because no route is left,
/// the last route's own words say more than that; of one that ran out of time, the last code of a network or a modem.
fn last_error(glance: &Glance<'_>, part: i64, state: PartState) -> rusqlite::Result<(Option<String>, Option<String>)> {
    if matches!(state, PartState::Sent | PartState::Delivered) {
        return Ok((None, None));
    }
    let line = glance
        .conn
        .prepare_cached(
            "SELECT reason, code FROM history WHERE part = ?1
             ORDER BY ?2 AND class = 'other_route' DESC, ?3 AND code LIKE 'CMS %' DESC, row DESC LIMIT 1",
        )?
        .query_row(
            (part, state == PartState::Refused, state == PartState::Expired),
            |row| Ok((row.get(0)?, row.get::<_, String>(1)?)),
        )
        .optional()?;
    Ok(line.map_or((None, None), |(reason, code)| {
        (Some(reason), Some(code).filter(|code| !code.is_empty()))
    }))
}

fn history(glance: &mut Glance<'_>, id: MessageId) -> rusqlite::Result<Vec<HistoryLine>> {
    let Some(message) = message_row(glance.conn, id)? else {
        return Ok(Vec::new());
    };
    let mut statement = glance.conn.prepare_cached(
        "SELECT part & 255, at, route, class, code, reason FROM history WHERE part BETWEEN ?1 AND ?2 ORDER BY row",
    )?;
    let mut rows = statement.query(parts_of(message))?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(HistoryLine {
            part: row.get(0)?,
            at: timestamp(row.get(1)?),
            route: glance.names.maybe_route(glance.conn, row.get(2)?)?,
            class: row.get(3)?,
            code: row.get(4)?,
            reason: row.get(5)?,
        });
    }
    Ok(lines)
}

/// What a list is to hold.
#[derive(Debug, Clone)]
struct Wish {
    state: Option<MessageState>,
    to: Option<Number>,
    token: Option<TokenId>,
    before: i64,
    limit: usize,
}

/// What one step of a list found.
#[derive(Default)]
struct Step {
    found: Vec<MessageView>,
    /// The message to go on from, where more is to be looked at.
    last: Option<(i64, MessageId)>,
}

fn list(glance: &mut Glance<'_>, wish: &Wish) -> rusqlite::Result<Step> {
    let token = match &wish.token {
        Some(token) => match glance.names.find_token(glance.conn, token)? {
            Some(row) => row,
            None => return Ok(Step::default()),
        },
        None => 0,
    };
    let mut statement = glance.conn.prepare_cached(match wish.token {
        Some(_) => OF_TOKEN,
        None => OF_ALL,
    })?;
    let mut rows = statement.query((wish.before, token, LIST_STEP))?;
    let mut found = Vec::new();
    let mut looked = 0;
    let mut last = None;
    while let Some(row) = rows.next()? {
        looked += 1;
        let (message, id) = (row.get(0)?, MessageId::from_bytes(row.get(1)?));
        last = Some((message, id));
        if let Some(to) = &wish.to
            && !number(row, 2)?.matches(to)
        {
            continue;
        }
        // The states alone first: what else is shown of a message takes many times as long to read.
        if let Some(state) = wish.state
            && MessageState::of(part_states(glance.conn, message)?) != state
        {
            continue;
        }
        found.push(view(glance, row)?);
        if found.len() >= wish.limit {
            break;
        }
    }
    let last = last.filter(|_| looked == LIST_STEP);
    Ok(Step { found, last })
}

fn owner(glance: &mut Glance<'_>, id: MessageId) -> rusqlite::Result<Option<Owner>> {
    let token: Option<i64> = glance
        .conn
        .prepare_cached("SELECT token FROM message WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    let Some(token) = token else { return Ok(None) };
    Ok(Some(Owner {
        token: glance.names.token(glance.conn, token)?,
    }))
}

const OF_TOKEN: &str = "SELECT row, id, recipient, text, priority, alphabet, accepted_at, send_at, expires_at, token
     FROM message WHERE row < ?1 AND token = ?2 ORDER BY row DESC LIMIT ?3";
const OF_ALL: &str = "SELECT row, id, recipient, text, priority, alphabet, accepted_at, send_at, expires_at, token
     FROM message WHERE row < ?1 AND ?2 = 0 ORDER BY row DESC LIMIT ?3";
/// How many receipts of a part are shown.
const RECEIPTS: i64 = 50;
const LIST_DEFAULT: u32 = 50;
const LIST_LIMIT: u32 = 1000;
/// Messages looked at in one step.
const LIST_STEP: i64 = 2000;
/// Steps for one answer: 200 000 messages.
const LIST_STEPS: usize = 100;
