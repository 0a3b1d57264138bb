//! The questions that can be asked about attendance: the last words, the history, who is in, and which devices there are.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::{BoxFuture, FutureExt};
use gateway::{AttendanceDesk, Error, ErrorKind, Origin};
use jiff::{SignedDuration, Timestamp};
use message::{
    AttendanceDevice, AttendancePage, AttendanceRecord, AttendanceRoll, AttendanceSearch, AttendanceState, Number,
    RouteId,
};
use store::{AttendanceQuery, Store};

use super::Config;
use super::hours::Hours;
use super::keyring::Keyring;
use super::roll::{Heard, roll};
use crate::clock;

/// Answers what is asked about attendance. Cheap to clone; the consumer reads its keys and its time zone through it.
///
/// Whoever may use some SIMs alone sees what came to those.
#[derive(Debug, Clone)]
pub struct Office {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    keyring: Keyring,
    /// Held for a line.
    hours: RwLock<Arc<Hours>>,
    store: Store,
}

impl Office {
    /// An office with these keys and the hours of this configuration.
    pub fn new(config: &Config, keyring: Keyring, store: Store) -> Self {
        Self {
            shared: Arc::new(Shared {
                keyring,
                hours: RwLock::new(Arc::new(Hours::of(config))),
                store,
            }),
        }
    }

    /// Takes the hours and the people of another configuration.
    pub fn adopt(&self, config: &Config) {
        let fresh = Arc::new(Hours::of(config));
        *self.shared.hours.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    /// The keys.
    pub fn keyring(&self) -> &Keyring {
        &self.shared.keyring
    }

    /// The last word of everybody, by number.
    async fn states(&self, origin: &Origin) -> Result<Vec<AttendanceState>, Error> {
        let hours = self.hours();
        let mut states = self.store().attendance().await.map_err(unavailable)?;
        states.retain(|state| origin.may_use(&state.sim));
        for state in &mut states {
            state.name = hours.name(&state.number);
        }
        Ok(states)
    }

    /// The last word of one, by number or name, and the latest requests.
    async fn record(&self, origin: &Origin, who: &str) -> Result<AttendanceRecord, Error> {
        let states = self.states(origin).await?;
        let number = self.number(who, &states)?;
        let latest = AttendanceSearch {
            number: Some(number.to_string()),
            limit: Some(LATEST),
            ..AttendanceSearch::default()
        };
        let record = AttendanceRecord {
            state: states.into_iter().find(|state| state.number == number),
            events: self.page(origin, &latest).await?.events,
        };
        match record.state.is_none() && record.events.is_empty() && self.hours().person(&number).is_none() {
            true => Err(Error::new(ErrorKind::NotFound, "nothing was heard of this number")),
            false => Ok(record),
        }
    }

    /// A page of the history.
    async fn page(&self, origin: &Origin, search: &AttendanceSearch) -> Result<AttendancePage, Error> {
        let sender = match &search.number {
            Some(who) => Some(self.number(who, &[])?),
            None => None,
        };
        let hours = self.hours();
        let asked = AttendanceQuery {
            sender,
            sims: bound(origin),
            since: search.since,
            until: search.until,
            after: search.after,
            limit: search.limit.unwrap_or(PAGE).min(LONGEST_PAGE) as usize,
        };
        let mut events = self.store().attendance_history(asked).await.map_err(unavailable)?;
        let next = events.last().map(|event| event.cursor).or(search.after).unwrap_or(0);
        for event in &mut events {
            event.name = hours.name(&event.number);
        }
        Ok(AttendancePage { events, next })
    }

    /// Who is in at a moment.
    async fn roll(&self, origin: &Origin, at: Timestamp) -> Result<AttendanceRoll, Error> {
        let hours = self.hours();
        let midnight = hours.midnight(hours.day(at));
        let since = midnight.min(at.checked_sub(hours.longest_stay).unwrap_or(Timestamp::MIN));
        // Also what the network kept for a while and came after the moment.
        let until = at.checked_add(NETWORK_KEEPS).unwrap_or(Timestamp::MAX);
        let day = AttendanceQuery {
            sims: bound(origin),
            since: Some(since),
            until: Some(until),
            limit: usize::MAX,
            ..AttendanceQuery::default()
        };
        let events = self.store().attendance_history(day).await.map_err(unavailable)?;
        let keys = self.keyring().current();
        let mut heard: BTreeMap<Number, Vec<Heard>> = BTreeMap::new();
        for event in &events {
            let Some(request) = Heard::of(event) else { continue };
            let device = event.device.and_then(|id| keys.device(id));
            let person = device.map_or(&event.number, |device| &device.owner);
            heard.entry(person.clone()).or_default().push(request);
        }
        Ok(roll(&hours, heard, at))
    }

    /// The devices, by id.
    async fn registered(&self) -> Result<Vec<AttendanceDevice>, Error> {
        let counters = self.store().attendance_counters().await.map_err(unavailable)?;
        let (hours, keys) = (self.hours(), self.keyring().current());
        let mut devices: Vec<_> = keys
            .devices()
            .map(|(id, device)| AttendanceDevice {
                id,
                number: device.owner.clone(),
                name: hours.name(&device.owner),
                mode: device.mode.word().to_owned(),
                roaming: device.roaming,
                revoked: device.revoked,
                counter: counters.get(&id).copied(),
            })
            .collect();
        devices.sort_by_key(|device| device.id);
        Ok(devices)
    }

    /// Reads the key file again; how much is known of whom then.
    async fn read_keys(&self) -> Result<String, Error> {
        let office = self.clone();
        let read = tokio::task::spawn_blocking(move || office.keyring().reload()).await;
        match read {
            Ok(Ok(keys)) => Ok(keys.to_string()),
            Ok(Err(trouble)) => {
                let reason =
                    "the key file is not right, so the keys stay as they were; `simrelay config check` tells why";
                Err(Error::new(ErrorKind::WrongState, reason).with_detail(trouble))
            }
            Err(panic) => Err(Error::new(ErrorKind::Internal, "the key file was not read").with_detail(panic)),
        }
    }

    pub(super) fn hours(&self) -> Arc<Hours> {
        Arc::clone(&self.shared.hours.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Whom a caller means: a name, or a number in any form of which something was heard.
    fn number(&self, who: &str, heard: &[AttendanceState]) -> Result<Number, Error> {
        let hours = self.hours();
        if let Some(person) = hours.called(who) {
            return Ok(person.number.clone());
        }
        let plain: String = who.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
        if plain.is_empty() {
            return Err(Error::invalid("number", "the number is empty"));
        }
        let number = Number::received(&plain);
        let international = Number::received(&format!("+{}", plain.trim_start_matches('+')));
        if let Some(person) = hours.person(&number).or_else(|| hours.person(&international)) {
            return Ok(person.number.clone());
        }
        let states = || heard.iter().map(|state| &state.number);
        let exact = states().find(|known| **known == number || **known == international);
        let found = exact.or_else(|| states().find(|known| known.matches(&number)));
        Ok(found.cloned().unwrap_or(number))
    }
}

impl AttendanceDesk for Office {
    fn list<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Vec<AttendanceState>, Error>> {
        self.states(origin).boxed()
    }

    fn show<'a>(&'a self, origin: &'a Origin, number: &'a str) -> BoxFuture<'a, Result<AttendanceRecord, Error>> {
        self.record(origin, number).boxed()
    }

    fn history<'a>(
        &'a self,
        origin: &'a Origin,
        search: &'a AttendanceSearch,
    ) -> BoxFuture<'a, Result<AttendancePage, Error>> {
        self.page(origin, search).boxed()
    }

    fn who<'a>(&'a self, origin: &'a Origin, at: Option<Timestamp>) -> BoxFuture<'a, Result<AttendanceRoll, Error>> {
        self.roll(origin, at.unwrap_or_else(clock::now)).boxed()
    }

    fn devices(&self) -> BoxFuture<'_, Result<Vec<AttendanceDevice>, Error>> {
        self.registered().boxed()
    }

    fn reload(&self) -> BoxFuture<'_, Result<String, Error>> {
        self.read_keys().boxed()
    }
}

/// The SIMs that a caller sees alone; none: all.
fn bound(origin: &Origin) -> Option<Vec<RouteId>> {
    origin.sims.clone().filter(|_| !origin.admin)
}

fn unavailable(trouble: store::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "the database does not answer now; come again").with_detail(trouble)
}

/// How long a network keeps a message for a gateway that is away, as far as who is in follows from it.
const NETWORK_KEEPS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many requests are shown of one.
const LATEST: u32 = 20;
/// How many requests a page has where nobody says otherwise, and at most.
const PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 1000;
