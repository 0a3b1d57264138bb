//! What must be known about SIM cards across restarts: PINs that were entered, and which card belongs into which slot.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use message::{Committed, RouteId};

use crate::clock::{self, millis, timestamp};
use crate::{Error, Store};

/// Every PIN ever entered for one identity (ICCID, or IMEI where that is unreadable before unlocking).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PinState {
    /// The tries, oldest first.
    pub tries: Vec<PinTry>,
}

/// One PIN that was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinTry {
    /// The hash of the PIN, as the caller made it.
    pub hash: [u8; 32],
    /// What became of it.
    pub verdict: PinVerdict,
    /// When it was entered last.
    pub at: Timestamp,
}

/// What became of an entered PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinVerdict {
    /// It was entered, or was about to be, and no answer is on record: it counts as wrong.
    Open,
    /// The card took it.
    Accepted,
    /// The card refused it.
    Rejected,
}

impl PinState {
    /// Whether this PIN may be entered: it never was, or the card took it.
    pub fn may_enter(&self, hash: &[u8; 32]) -> bool {
        self.tries
            .iter()
            .all(|entry| entry.hash != *hash || entry.verdict == PinVerdict::Accepted)
    }
}

/// What binding a card to a slot found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// The slot had no card; it has this one now.
    Bound,
    /// It is the slot's card.
    Same,
    /// The slot belongs to another card; nothing was changed.
    Other {
        /// The ICCID of the slot's card.
        iccid: String,
    },
}

impl Store {
    /// Records that a PIN is about to be entered. Only then may it be.
    pub async fn record_pin_try(&self, identity: &str, hash: [u8; 32], at: Timestamp) -> Result<Committed<()>, Error> {
        let identity = identity.to_owned();
        self.write(move |desk| {
            desk.conn
                .prepare_cached(
                    "INSERT INTO pin_try (identity, hash, verdict, at) VALUES (?1, ?2, 0, ?3)
                     ON CONFLICT DO UPDATE SET verdict = 0, at = excluded.at",
                )?
                .execute((&identity, hash, millis(at)))
                .map(|_| ())
        })
        .await
    }

    /// The card refused a PIN.
    pub async fn pin_rejected(&self, identity: &str, hash: [u8; 32]) -> Result<Committed<()>, Error> {
        self.verdict(identity, hash, PinVerdict::Rejected).await
    }

    /// The card took a PIN.
    pub async fn pin_accepted(&self, identity: &str, hash: [u8; 32]) -> Result<Committed<()>, Error> {
        self.verdict(identity, hash, PinVerdict::Accepted).await
    }

    /// Every PIN entered for this identity.
    pub async fn pin_state(&self, identity: &str) -> Result<PinState, Error> {
        let identity = identity.to_owned();
        self.read(move |glance| {
            let tries = glance
                .conn
                .prepare_cached("SELECT hash, verdict, at FROM pin_try WHERE identity = ?1 ORDER BY at")?
                .query_map([identity], read_try)?
                .collect::<Result<_, _>>()?;
            Ok(PinState { tries })
        })
        .await
    }

    /// Forgets what was entered for this identity: the operator says that the PIN may be entered again.
    pub async fn release_pin(&self, identity: &str) -> Result<Committed<()>, Error> {
        let identity = identity.to_owned();
        self.write(move |desk| {
            desk.conn
                .prepare_cached("DELETE FROM pin_try WHERE identity = ?1")?
                .execute([&identity])
                .map(|_| ())
        })
        .await
    }

    /// Forgets one PIN that was entered for this identity.
    pub async fn forget_pin_try(&self, identity: &str, hash: [u8; 32]) -> Result<Committed<()>, Error> {
        let identity = identity.to_owned();
        self.write(move |desk| {
            desk.conn
                .prepare_cached("DELETE FROM pin_try WHERE identity = ?1 AND hash = ?2")?
                .execute((&identity, hash))
                .map(|_| ())
        })
        .await
    }

    /// Binds a card to a slot that has none, and says where the slot has another.
    pub async fn bind_sim(&self, slot: &RouteId, iccid: &str) -> Result<Committed<Binding>, Error> {
        let (slot, iccid) = (slot.clone(), iccid.to_owned());
        self.write(move |desk| match bound(desk.conn, &slot)? {
            Some(known) if known == iccid => Ok(Binding::Same),
            Some(known) => Ok(Binding::Other { iccid: known }),
            None => bind(desk.conn, &slot, &iccid).map(|()| Binding::Bound),
        })
        .await
    }

    /// The card of a slot.
    pub async fn binding(&self, slot: &RouteId) -> Result<Option<String>, Error> {
        let slot = slot.clone();
        self.read(move |glance| bound(glance.conn, &slot)).await
    }

    /// Gives a slot another card: the operator says so.
    pub async fn rebind(&self, slot: &RouteId, iccid: &str) -> Result<Committed<()>, Error> {
        let (slot, iccid) = (slot.clone(), iccid.to_owned());
        self.write(move |desk| bind(desk.conn, &slot, &iccid)).await
    }

    /// Writes what became of a PIN, also where the try itself was never recorded.
    async fn verdict(&self, identity: &str, hash: [u8; 32], verdict: PinVerdict) -> Result<Committed<()>, Error> {
        let identity = identity.to_owned();
        self.write(move |desk| {
            desk.conn
                .prepare_cached(
                    "INSERT INTO pin_try (identity, hash, verdict, at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET verdict = excluded.verdict",
                )?
                .execute((&identity, hash, verdict.code(), millis(clock::now())))
                .map(|_| ())
        })
        .await
    }
}

impl PinVerdict {
    fn code(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Accepted => 1,
            Self::Rejected => 2,
        }
    }

    /// An unknown number counts as wrong.
    fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Open,
            1 => Self::Accepted,
            _ => Self::Rejected,
        }
    }
}

fn read_try(row: &Row<'_>) -> rusqlite::Result<PinTry> {
    Ok(PinTry {
        hash: row.get(0)?,
        verdict: PinVerdict::of_code(row.get(1)?),
        at: timestamp(row.get(2)?),
    })
}

fn bound(conn: &Connection, slot: &RouteId) -> rusqlite::Result<Option<String>> {
    conn.prepare_cached("SELECT iccid FROM binding WHERE slot = ?1")?
        .query_row([slot.as_str()], |row| row.get(0))
        .optional()
}

fn bind(conn: &Connection, slot: &RouteId, iccid: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO binding (slot, iccid) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET iccid = excluded.iccid",
    )?
    .execute((slot.as_str(), iccid))
    .map(|_| ())
}
