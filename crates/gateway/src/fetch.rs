//! Reading what arrived.

use std::time::Duration;

use message::{FetchPage, FetchQuery, Inbound, InboundKind, Number, RouteId};
use regex::Regex;
use store::{Look, Seen};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::outgoing::send::unavailable;
use crate::{Error, ErrorKind, Gateway, Origin};

/// A query, checked.
#[derive(Debug)]
struct Search {
    sims: Option<Vec<RouteId>>,
    newest: bool,
    /// The last cursor that is looked at.
    upto: i64,
    limit: usize,
    from: Option<Regex>,
    text: Option<Regex>,
    probes: bool,
    hidden: bool,
}

impl Gateway {
    /// Received messages after a cursor, the oldest or the newest of them, in ascending order; waits for the first one as
    /// long as the query says. Where few fit, one answer may end before it has enough, and says where.
    pub async fn fetch(&self, origin: &Origin, query: FetchQuery) -> Result<FetchPage, Error> {
        let deadline = Instant::now() + Duration::from_secs(query.wait_s.unwrap_or(0).into());
        let search = self.search(origin, &query)?;
        let mut arrivals = self.arrivals();
        let mut after = query.after;
        loop {
            arrivals.borrow_and_update();
            let page = match search.newest {
                false => self.page(after, &search, Patience { deadline }).await?,
                true => self.tail(after, &search, Patience { deadline }).await?,
            };
            if !page.messages.is_empty() || page.stopped.is_some() || Instant::now() >= deadline {
                return Ok(page);
            }
            after = page.next;
            tokio::select! {
                changed = arrivals.changed() => if changed.is_err() { return Ok(page) },
                () = tokio::time::sleep_until(deadline) => return Ok(page),
            }
        }
    }

    /// Changes whenever a message is complete; its value is that message's cursor.
    pub fn arrivals(&self) -> watch::Receiver<i64> {
        self.inner.store.arrivals()
    }

    fn search(&self, origin: &Origin, query: &FetchQuery) -> Result<Search, Error> {
        let limit = query.limit.unwrap_or(100);
        if !(1..=1000).contains(&limit) {
            return Err(Error::invalid("limit", "the limit is 1 to 1000"));
        }
        if query.wait_s.is_some_and(|seconds| seconds > LONGEST_WAIT) {
            return Err(Error::invalid(
                "wait_s",
                format!("one call waits at most {LONGEST_WAIT} seconds"),
            ));
        }
        Ok(Search {
            sims: self.readable(origin, query)?,
            newest: query.newest,
            upto: query.before.map_or(i64::MAX, |before| before - 1),
            limit: usize::try_from(limit).unwrap_or(1000),
            from: pattern("from_matches", query.from_matches.as_deref())?,
            text: pattern("text_matches", query.text_matches.as_deref())?,
            probes: query.probes,
            hidden: query.hidden,
        })
    }

    /// The SIMs the query is about; `None`: all.
    fn readable(&self, origin: &Origin, query: &FetchQuery) -> Result<Option<Vec<RouteId>>, Error> {
        let named = match (&query.sim, &query.number) {
            (Some(sim), _) => Some(("sim", sim)),
            (None, Some(number)) => Some(("number", number)),
            (None, None) => None,
        };
        let Some((field, name)) = named else {
            return Ok(if origin.admin { None } else { origin.sims.clone() });
        };
        let unknown = || Error {
            field: Some(field),
            ..Error::unknown_sim(name)
        };
        let status = self.find_route(name).ok_or_else(unknown)?;
        if !origin.may_use(&status.route) {
            let reason = format!("this token may not read the messages of '{}'", status.route);
            return Err(Error {
                field: Some(field),
                ..Error::new(ErrorKind::NotAllowed, reason)
            });
        }
        let number = query.number.as_deref().filter(|_| query.sim.is_some());
        if number.is_some_and(|number| self.find_route(number).is_none_or(|other| other.route != status.route)) {
            return Err(Error::invalid(
                "number",
                "`sim` and `number` name different SIMs: give one of them",
            ));
        }
        Ok(Some(vec![status.route]))
    }

    async fn page(&self, after: i64, search: &Search, patience: Patience) -> Result<FetchPage, Error> {
        let mut page = FetchPage {
            next: after,
            ..FetchPage::default()
        };
        let mut looked = 0;
        loop {
            let seen = self.look(search, (page.next, search.upto), page.messages.len()).await?;
            for message in seen.found {
                page.next = message.cursor;
                if search.matches(&message) {
                    page.messages.push(message);
                }
                if page.messages.len() == search.limit {
                    return Ok(page);
                }
            }
            // All up to there is looked at: whoever goes on from there need not look at it again.
            page.next = seen.last.unwrap_or(page.next);
            looked += seen.looked;
            if !seen.more {
                return Ok(page);
            }
            if patience.ends(looked) {
                page.stopped = Some(page.next);
                return Ok(page);
            }
        }
    }

    /// The newest messages after a cursor. All up to `next` has been looked at: what is completed meanwhile has a greater
    /// cursor, so that whoever goes on from there misses nothing and sees nothing twice.
    async fn tail(&self, after: i64, search: &Search, patience: Patience) -> Result<FetchPage, Error> {
        let newest = search.upto.min(*self.arrivals().borrow());
        let mut upto = newest;
        let mut messages = Vec::new();
        let (mut looked, mut stopped) = (0, None);
        while messages.len() < search.limit {
            let seen = self.look(search, (after, upto), messages.len()).await?;
            messages.extend(seen.found.into_iter().filter(|message| search.matches(message)));
            looked += seen.looked;
            let Some(last) = seen.last.filter(|_| seen.more) else {
                break;
            };
            upto = last - 1;
            if messages.len() < search.limit && patience.ends(looked) {
                stopped = Some(last);
                break;
            }
        }
        messages.truncate(search.limit);
        messages.reverse();
        Ok(FetchPage {
            messages,
            next: after.max(newest),
            stopped,
        })
    }

    /// Looks at some more, where so many are found already.
    async fn look(&self, search: &Search, (after, upto): (i64, i64), found: usize) -> Result<Seen, Error> {
        let look = Look {
            after,
            upto,
            backward: search.newest,
            limit: search.batch(found),
            sims: search.sims.clone(),
            number: None,
        };
        self.inner.store.look(&look).await.map_err(unavailable)
    }
}

/// How far one answer looks: at so many messages and no more, unless its caller waits anyway.
#[derive(Debug, Clone, Copy)]
struct Patience {
    deadline: Instant,
}

impl Patience {
    fn ends(self, looked: usize) -> bool {
        looked >= LOOKED_AT && Instant::now() >= self.deadline
    }
}

impl Search {
    /// How many to read at once where so many are found already.
    fn batch(&self, found: usize) -> usize {
        let missing = self.limit - found;
        if self.has_pattern() { SCAN.max(missing) } else { missing }
    }

    fn has_pattern(&self) -> bool {
        self.from.is_some() || self.text.is_some()
    }

    fn matches(&self, message: &Inbound) -> bool {
        let from = self
            .from
            .as_ref()
            .is_none_or(|pattern| pattern.is_match(&shown_number(&message.from)));
        let asked_for = match message.kind {
            InboundKind::Probe => self.probes,
            _ => self.hidden,
        };
        let wanted = message.kind.is_shown() || asked_for;
        wanted && from && self.text.as_ref().is_none_or(|pattern| pattern.is_match(&message.text))
    }
}

fn shown_number(number: &Number) -> String {
    number.to_string()
}

fn pattern(field: &'static str, text: Option<&str>) -> Result<Option<Regex>, Error> {
    let Some(text) = text else { return Ok(None) };
    let built = regex::RegexBuilder::new(text).size_limit(PATTERN_SIZE).build();
    built
        .map(Some)
        .map_err(|error| Error::invalid(field, format!("not a regular expression: {error}")))
}

/// The longest one call waits, in seconds.
const LONGEST_WAIT: u32 = 60;

/// How many messages are read at once to look for a pattern.
const SCAN: usize = 500;

/// How many messages one answer looks at, where its caller does not wait: a fifth of a second's work.
const LOOKED_AT: usize = 200_000;

/// What a caller's pattern may take, in octets.
const PATTERN_SIZE: usize = 1 << 20;
