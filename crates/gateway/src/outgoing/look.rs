//! Reading the queue from the store, page by page, so that a long backlog of one SIM never hides the work of another.
//!
//! The desk holds only so many parts for each route; those beyond are *passed over* and stay in the store. A look begins
//! with the first page and goes on as long as it finds places for what it reads. Every few seconds, while something is
//! passed over, a look goes to the end of the queue.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use message::Priority;
use store::PartKey;

/// Where the reading stands.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// A new look is wanted, from the first page on.
    wanted: bool,
    /// A look at what was passed over is wanted.
    refill: bool,
    /// This page was asked for and has not come.
    reading: Option<Page>,
    /// The page to ask for next in this look.
    next: Option<Page>,
    /// Where the parts begin that were read, or left unread, and had no place: what goes before them is held.
    passed_over: Option<Page>,
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
    pub(crate) const SIZE: usize = 512;

    /// The page that begins earlier.
    fn min(self, other: Self) -> Self {
        let place = |page| match page {
            Self::First => None,
            Self::After(priority, key) => Some((Reverse(priority), key)),
        };
        if place(other) < place(self) { other } else { self }
    }
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
        self.refill = true;
    }

    /// A part had no place and stays in the store.
    pub(crate) fn pass_over(&mut self, priority: Priority, key: PartKey) {
        // Parts count from one.
        let before = PartKey {
            part: key.part.saturating_sub(1),
            ..key
        };
        self.leave(Page::After(priority, before));
    }

    /// The page to read now, if any; a new look begins only where there is `room`.
    pub(crate) fn page(&mut self, room: bool) -> Option<Page> {
        if self.reading.is_some() {
            return None;
        }
        let page = self.next.take().or_else(|| self.begin_look(room))?;
        self.reading = Some(page);
        Some(page)
    }

    fn begin_look(&mut self, room: bool) -> Option<Page> {
        if !room {
            return None;
        }
        let refill = std::mem::take(&mut self.refill);
        if std::mem::take(&mut self.wanted) {
            self.passed_over = None;
            return Some(Page::First);
        }
        self.passed_over.take_if(|_| refill)
    }

    /// A page came. `rest`: where the next one begins, if there is more; `placed`: all of this one found a place;
    /// `room`: there is room for more.
    pub(crate) fn read(&mut self, rest: Option<Page>, placed: bool, room: bool, now: Timestamp) {
        self.reading = None;
        match rest {
            None => self.whole_at = Some(now),
            Some(page) if room && (placed || self.whole_is_due(now)) => self.next = Some(page),
            Some(page) => self.leave(page),
        }
    }

    /// The page could not be read: the next look brings it.
    pub(crate) fn failed(&mut self) {
        if let Some(page) = self.reading.take() {
            self.leave(page);
        }
    }

    /// What begins here is left to the store.
    fn leave(&mut self, page: Page) {
        let earliest = self.passed_over.map_or(page, |known| known.min(page));
        self.passed_over = Some(earliest);
    }

    /// When a look should go to the end, because a route without work may have some among what was passed over.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let last = self.whole_at.unwrap_or(Timestamp::UNIX_EPOCH);
        self.passed_over
            .map(|_| last + Duration::try_from(WHOLE).unwrap_or_default())
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

    const PASSED: PartKey = PartKey { message: 5, part: 2 };
    const BEFORE_PASSED: Page = Page::After(Priority::NORMAL, PartKey { message: 5, part: 1 });
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
        look.pass_over(Priority::NORMAL, PASSED);
        look.read(Some(NEXT), false, true, t(1));
        assert_eq!(look.page(true), None);
        assert_eq!(look.due(), Some(t(10)));
        look.refill();
        assert_eq!(
            look.page(true),
            Some(BEFORE_PASSED),
            "what goes before it is held already"
        );
        look.pass_over(Priority::NORMAL, PASSED);
        look.read(Some(NEXT), false, true, t(10));
        assert_eq!(look.page(true), Some(NEXT));
    }

    #[test]
    fn a_page_that_could_not_be_read_is_read_by_the_next_look() {
        let mut look = Look::default();
        look.want();
        look.page(true);
        look.failed();
        assert_eq!(look.page(true), None);
        look.refill();
        assert_eq!(look.page(true), Some(Page::First));
    }

    #[test]
    fn urgent_parts_come_before_others_however_late_they_were_accepted() {
        let mut look = Look::default();
        look.pass_over(Priority::NORMAL, PASSED);
        look.pass_over(Priority::ALARM, PartKey { message: 99, part: 1 });
        look.refill();
        let urgent = Page::After(Priority::ALARM, PartKey { message: 99, part: 0 });
        assert_eq!(look.page(true), Some(urgent));
    }

    #[test]
    fn a_full_desk_begins_no_look_and_forgets_none() {
        let mut look = Look::default();
        look.want();
        assert_eq!(look.page(false), None);
        assert_eq!(look.page(true), Some(Page::First));
    }
}
