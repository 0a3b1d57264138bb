//! Reading the queue from the store, page by page, so that a long backlog of one SIM never hides the work of another.
//!
//! The desk holds only so many parts for each route; those beyond are *passed over* and stay in the store. A look begins
//! with the first page and goes on as long as it finds places for what it reads. Every few seconds, while something is
//! passed over, a look goes to the end of the queue.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use message::Priority;
use store::PartKey;

/// Where the reading stands.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// A new look is wanted.
    wanted: bool,
    /// A page was asked for and has not come.
    reading: bool,
    /// The page to ask for next in this look.
    next: Option<Page>,
    /// The store holds parts that were read, or left unread, and had no place.
    passed_over: bool,
    /// When a look went to the end last.
    whole_at: Option<Timestamp>,
}

/// A page of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// What goes first.
    First,
    /// What follows this part.
    After(Priority, PartKey),
}

impl Page {
    /// How many parts a page holds.
    pub(crate) const SIZE: usize = 1024;
}

impl Look {
    /// Nothing was read yet.
    pub(crate) fn begin() -> Self {
        Self {
            wanted: true,
            ..Self::default()
        }
    }

    /// There may be something new in the store.
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// A place became free for what was passed over.
    pub(crate) fn refill(&mut self) {
        self.wanted |= self.passed_over;
    }

    /// A part had no place and stays in the store.
    pub(crate) fn pass_over(&mut self) {
        self.passed_over = true;
    }

    /// The page to read now, if any; a new look begins only where there is `room`.
    pub(crate) fn page(&mut self, room: bool) -> Option<Page> {
        if self.reading {
            return None;
        }
        let page = self.next.take().or_else(|| {
            let begins = self.wanted && room;
            self.wanted &= !begins;
            begins.then_some(Page::First)
        })?;
        if page == Page::First {
            self.passed_over = false;
        }
        self.reading = true;
        Some(page)
    }

    /// A page came. `rest`: where the next one begins, if there is more; `placed`: all of this one found a place;
    /// `room`: there is room for more.
    pub(crate) fn read(&mut self, rest: Option<Page>, placed: bool, room: bool, now: Timestamp) {
        self.reading = false;
        match rest {
            None => self.whole_at = Some(now),
            Some(page) if room && (placed || self.whole_is_due(now)) => self.next = Some(page),
            Some(_) => self.passed_over = true,
        }
    }

    /// The page could not be read: the next look brings it.
    pub(crate) fn failed(&mut self) {
        self.reading = false;
        self.passed_over = true;
    }

    /// When a look should go to the end, because a route without work may have some among what was passed over.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let last = self.whole_at.unwrap_or(Timestamp::UNIX_EPOCH);
        self.passed_over
            .then(|| last + Duration::try_from(WHOLE).unwrap_or_default())
    }

    fn whole_is_due(&self, now: Timestamp) -> bool {
        self.whole_at.is_none_or(|last| now.duration_since(last) >= WHOLE)
    }
}

/// How often a look goes to the end while something is passed over.
const WHOLE: SignedDuration = SignedDuration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn t(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    const NEXT: Page = Page::After(Priority::NORMAL, PartKey { message: 9, part: 1 });

    #[test]
    fn a_look_goes_on_while_what_it_reads_finds_a_place() {
        let mut look = Look::default();
        assert_eq!(look.page(true), None);
        look.want();
        assert_eq!(look.page(true), Some(Page::First));
        assert_eq!(look.page(true), None, "one page at a time");
        look.read(Some(NEXT), true, true, t(0));
        assert_eq!(look.page(false), Some(NEXT));
        look.read(None, true, true, t(1));
        assert_eq!(look.page(true), None);
    }

    #[test]
    fn a_backlog_without_place_is_read_to_the_end_only_now_and_then() {
        let mut look = Look::default();
        look.want();
        look.page(true);
        look.read(None, true, true, t(0));
        look.want();
        look.page(true);
        look.pass_over();
        look.read(Some(NEXT), false, true, t(1));
        assert_eq!(look.page(true), None);
        assert_eq!(look.due(), Some(t(10)));
        look.refill();
        assert_eq!(look.page(true), Some(Page::First));
        look.pass_over();
        look.read(Some(NEXT), false, true, t(10));
        assert_eq!(look.page(true), Some(NEXT));
    }

    #[test]
    fn a_full_desk_begins_no_look_and_forgets_none() {
        let mut look = Look::default();
        look.want();
        assert_eq!(look.page(false), None);
        assert_eq!(look.page(true), Some(Page::First));
    }
}
