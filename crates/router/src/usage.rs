//! How much a route was used, for its limits.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use message::{LimitUse, Number};

use crate::Limits;

/// What one route sent lately.
///
/// Only what the limits need is kept: for a limit of *n* in a window, the times of the last *n* parts. It is rebuilt
/// from the store at start, so nothing here needs to survive.
#[derive(Debug, Clone)]
pub struct Usage {
    limits: Limits,
    zone: TimeZone,
    /// Times of the last parts, oldest first; as many as the largest sliding limit asks for.
    recent: VecDeque<Timestamp>,
    /// The month that `month_count` and `recipients` belong to.
    month: Option<Date>,
    month_count: u32,
    /// Hashes of this month's recipients: enough to count them.
    recipients: HashSet<u64>,
    /// Hashes of the recipients of parts that are under way: they count as if they had been sent.
    open: Vec<u64>,
}

/// A window that a limit is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// Any 60 seconds.
    Minute,
    /// Any 60 minutes.
    Hour,
    /// Any 24 hours.
    Day,
    /// The tariff's month.
    Month,
    /// The tariff's month, counted by recipient.
    Recipients,
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which one.
    pub window: Window,
    /// Its figure.
    pub limit: u32,
    /// When it allows one more.
    pub until: Timestamp,
}

impl Usage {
    /// An unused route under these limits, months counted in `zone`.
    pub fn new(limits: Limits, zone: TimeZone) -> Self {
        Self {
            limits,
            zone,
            recent: VecDeque::new(),
            month: None,
            month_count: 0,
            recipients: HashSet::new(),
            open: Vec::new(),
        }
    }

    /// The time from which the store's records are needed to rebuild this.
    pub fn relevant_since(&self, now: Timestamp) -> Timestamp {
        let month = self.month_start(now);
        let start = month.to_zoned(self.zone.clone()).map_or(now, |zoned| zoned.timestamp());
        start.min(now - DAY)
    }

    /// Counts one part sent at `at` to `recipient`.
    pub fn record(&mut self, at: Timestamp, recipient: &Number) {
        self.turn_month(at);
        let keep = self.sliding().map(|(_, limit, _)| limit).max().unwrap_or(0) as usize;
        self.recent.push_back(at);
        while self.recent.len() > keep {
            self.recent.pop_front();
        }
        self.month_count = self.month_count.saturating_add(1);
        if self.limits.recipients_per_month.is_some() {
            self.recipients.insert(hash(recipient));
        }
    }

    /// A part to `recipient` is on its way out: it takes its place until [`Usage::end`].
    pub fn begin(&mut self, recipient: &Number) {
        self.open.push(hash(recipient));
    }

    /// It is no longer: where it went out, [`Usage::record`] counts it.
    pub fn end(&mut self, recipient: &Number) {
        let hash = hash(recipient);
        if let Some(place) = self.open.iter().position(|open| *open == hash) {
            self.open.swap_remove(place);
        }
    }

    /// Whether one more part to `recipient` is within the limits. Of several that are used up, the one that lasts longest
    /// is told: before its end none of them matters.
    pub fn permits(&mut self, now: Timestamp, recipient: &Number) -> Result<(), Exceeded> {
        self.turn_month(now);
        let sliding = self.sliding().filter_map(|limit| self.sliding_full(limit, now));
        let monthly = [self.month_full(now), self.recipients_full(recipient, now)];
        let full = sliding.chain(monthly.into_iter().flatten());
        full.max_by_key(|full| full.until).map_or(Ok(()), Err)
    }

    fn sliding_full(&self, (window, limit, length): (Window, u32, SignedDuration), now: Timestamp) -> Option<Exceeded> {
        let left = limit.saturating_sub(self.under_way());
        let until = self.blocked_until(left, length, now)?;
        let until = if left == 0 && limit > 0 { now + SOON } else { until };
        Some(Exceeded { window, limit, until })
    }

    fn month_full(&self, now: Timestamp) -> Option<Exceeded> {
        let used = self.month_count.saturating_add(self.under_way());
        let limit = self.limits.per_month.filter(|limit| used >= *limit)?;
        Some(Exceeded {
            window: Window::Month,
            limit,
            until: self.month_ends(self.month_count >= limit, now),
        })
    }

    fn recipients_full(&self, recipient: &Number, now: Timestamp) -> Option<Exceeded> {
        let limit = self.limits.recipients_per_month?;
        let hash = hash(recipient);
        if self.recipients.contains(&hash) || self.open.contains(&hash) {
            return None;
        }
        let open = self.open.iter().filter(|open| !self.recipients.contains(open));
        let others: HashSet<&u64> = open.collect();
        let full = self.recipients.len() + others.len() >= limit as usize;
        full.then(|| Exceeded {
            window: Window::Recipients,
            limit,
            until: self.month_ends(self.recipients.len() >= limit as usize, now),
        })
    }

    /// How far each limit is used up.
    pub fn uses(&mut self, now: Timestamp) -> Vec<LimitUse> {
        self.turn_month(now);
        let sliding = self.sliding().map(|(window, allowed, length)| LimitUse {
            limit: window.key().to_owned(),
            used: count(self.recent.iter().rev().take_while(|at| **at + length > now).count()),
            allowed,
            until: self.blocked_until(allowed, length, now),
        });
        let mut uses: Vec<LimitUse> = sliding.collect();
        let monthly = [
            (Window::Month, self.limits.per_month, self.month_count),
            (
                Window::Recipients,
                self.limits.recipients_per_month,
                count(self.recipients.len()),
            ),
        ];
        for (window, allowed, used) in monthly {
            let Some(allowed) = allowed else { continue };
            uses.push(LimitUse {
                limit: window.key().to_owned(),
                used,
                allowed,
                until: (used >= allowed).then(|| self.next_month(now)),
            });
        }
        uses
    }

    /// The clock was set by `by`: what was sent a while ago was sent that while ago still.
    pub fn clock_moved(&mut self, by: SignedDuration) {
        for at in &mut self.recent {
            *at = at.checked_add(by).unwrap_or(*at);
        }
    }

    fn sliding(&self) -> impl Iterator<Item = (Window, u32, SignedDuration)> + use<> {
        let limits = self.limits;
        [
            (Window::Minute, limits.per_minute, SignedDuration::from_secs(60)),
            (Window::Hour, limits.per_hour, SignedDuration::from_hours(1)),
            (Window::Day, limits.per_day, DAY),
        ]
        .into_iter()
        .filter_map(|(window, limit, length)| limit.map(|limit| (window, limit, length)))
    }

    /// The limit-th last part decides: while it is inside the window, the window is full.
    fn blocked_until(&self, limit: u32, length: SignedDuration, now: Timestamp) -> Option<Timestamp> {
        let limit = limit as usize;
        if limit == 0 {
            return Some(now + length);
        }
        let place = self.recent.len().checked_sub(limit)?;
        let frees_at = *self.recent.get(place)? + length;
        (frees_at > now).then_some(frees_at)
    }

    /// How many parts are under way.
    fn under_way(&self) -> u32 {
        count(self.open.len())
    }

    /// When a limit of the month allows one more: soon, where what is under way fills it and may come to nothing.
    fn month_ends(&self, full: bool, now: Timestamp) -> Timestamp {
        if full { self.next_month(now) } else { now + SOON }
    }

    fn turn_month(&mut self, now: Timestamp) {
        let month = Some(self.month_start(now));
        // A record from an earlier month (while rebuilding, or after the clock was set back) never clears a later one.
        if month > self.month {
            self.month = month;
            self.month_count = 0;
            self.recipients.clear();
        }
    }

    fn month_start(&self, now: Timestamp) -> Date {
        let date = now.to_zoned(self.zone.clone()).date();
        let day = self.limits.month_starts_on.unwrap_or(1).clamp(1, 28) as i8;
        let first = date.with().day(day).build().unwrap_or(date);
        if date.day() >= day {
            first
        } else {
            first.checked_sub(1.month()).unwrap_or(first)
        }
    }

    fn next_month(&self, now: Timestamp) -> Timestamp {
        let start = self.month_start(now);
        let next = start.checked_add(1.month()).unwrap_or(start);
        next.to_zoned(self.zone.clone())
            .map_or(now + DAY, |zoned| zoned.timestamp())
    }
}

impl Window {
    /// Its key in the settings.
    pub fn key(self) -> &'static str {
        match self {
            Self::Minute => "per_minute",
            Self::Hour => "per_hour",
            Self::Day => "per_day",
            Self::Month => "per_month",
            Self::Recipients => "recipients_per_month",
        }
    }

    /// The words for people: `2 parts a minute`.
    pub fn words(self, limit: u32) -> String {
        let (what, window) = match self {
            Self::Minute => ("part", "a minute"),
            Self::Hour => ("part", "an hour"),
            Self::Day => ("part", "a day"),
            Self::Month => ("part", "a month"),
            Self::Recipients => ("different recipient", "a month"),
        };
        let plural = if limit == 1 { "" } else { "s" };
        format!("{limit} {what}{plural} {window}")
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn hash(recipient: &Number) -> u64 {
    let mut hasher = DefaultHasher::new();
    recipient.hash(&mut hasher);
    hasher.finish()
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How soon a limit is looked at again that is filled by what is under way.
const SOON: SignedDuration = SignedDuration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn number(n: u32) -> Number {
        Number::International(format!("4917100000{n:02}"))
    }

    fn usage(limits: Limits) -> Usage {
        Usage::new(limits, TimeZone::UTC)
    }

    #[test]
    fn a_sliding_window_frees_when_its_oldest_part_leaves_it() {
        let mut usage = usage(Limits {
            per_minute: Some(2),
            ..Default::default()
        });
        let start = at("2026-11-22T10:00:00Z");
        usage.record(start, &number(1));
        usage.record(start + SignedDuration::from_secs(30), &number(1));
        let full = usage
            .permits(start + SignedDuration::from_secs(59), &number(1))
            .expect_err("full");
        assert_eq!(full.until, start + SignedDuration::from_secs(60));
        assert_eq!(usage.permits(full.until, &number(1)), Ok(()));
    }

    #[test]
    fn known_recipients_go_on_when_the_month_has_no_new_ones_left() {
        let mut usage = usage(Limits {
            recipients_per_month: Some(2),
            ..Default::default()
        });
        let now = at("2026-11-22T10:00:00Z");
        usage.record(now, &number(1));
        usage.record(now, &number(2));
        assert_eq!(usage.permits(now, &number(2)), Ok(()));
        let full = usage.permits(now, &number(3)).expect_err("full");
        assert_eq!(
            (full.window, full.until),
            (Window::Recipients, at("2026-12-01T00:00:00Z"))
        );
        assert_eq!(usage.permits(full.until, &number(3)), Ok(()));
    }

    #[test]
    fn of_several_limits_that_are_used_up_the_one_that_lasts_longest_is_told() {
        let mut usage = usage(Limits {
            per_minute: Some(1),
            per_hour: Some(1),
            recipients_per_month: Some(1),
            ..Default::default()
        });
        let now = at("2026-11-22T10:00:00Z");
        usage.record(now, &number(1));
        let told = |usage: &mut Usage, to| usage.permits(now, &number(to)).expect_err("full").window;
        assert_eq!(told(&mut usage, 2), Window::Recipients, "a new recipient");
        assert_eq!(told(&mut usage, 1), Window::Hour, "a known one");
    }

    #[test]
    fn the_tariff_month_begins_on_its_own_day() {
        let mut usage = usage(Limits {
            per_month: Some(1),
            month_starts_on: Some(15),
            ..Default::default()
        });
        usage.record(at("2026-11-10T00:00:00Z"), &number(1));
        assert!(usage.permits(at("2026-11-14T23:59:59Z"), &number(1)).is_err());
        assert_eq!(usage.permits(at("2026-11-15T00:00:00Z"), &number(1)), Ok(()));
    }

    #[test]
    fn uses_tell_each_limit_with_the_time_it_frees() {
        let mut usage = usage(Limits {
            per_minute: Some(2),
            per_day: Some(10),
            recipients_per_month: Some(1),
            ..Default::default()
        });
        let start = at("2026-11-22T10:00:00Z");
        usage.record(start, &number(1));
        usage.record(start + SignedDuration::from_secs(30), &number(1));
        let told =
            |uses: Vec<LimitUse>| -> Vec<_> { uses.into_iter().map(|one| (one.limit, one.used, one.until)).collect() };
        let now = start + SignedDuration::from_secs(40);
        let month = Some(at("2026-12-01T00:00:00Z"));
        assert_eq!(
            told(usage.uses(now)),
            [
                ("per_minute".to_owned(), 2, Some(start + SignedDuration::from_secs(60))),
                ("per_day".to_owned(), 2, None),
                ("recipients_per_month".to_owned(), 1, month),
            ]
        );
        assert_eq!(
            told(usage.uses(start + SignedDuration::from_secs(61)))[0],
            ("per_minute".to_owned(), 1, None)
        );
    }

    #[test]
    fn a_clock_set_back_a_year_blocks_no_sim_for_a_year() {
        let mut usage = usage(Limits {
            per_minute: Some(1),
            ..Default::default()
        });
        let (now, year) = (at("2026-11-22T10:00:00Z"), SignedDuration::from_hours(365 * 24));
        usage.record(now, &number(1));
        usage.clock_moved(-year);
        let full = usage.permits(now - year, &number(1)).expect_err("full");
        assert_eq!(full.until, now - year + SignedDuration::from_secs(60));
    }

    #[test]
    fn a_limit_of_zero_lets_nothing_out() {
        let mut usage = usage(Limits {
            per_day: Some(0),
            ..Default::default()
        });
        assert!(usage.permits(at("2026-11-10T00:00:00Z"), &number(1)).is_err());
    }
}
