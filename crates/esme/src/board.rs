//! How an upstream stands: its connections, what waits for one of them, and what was counted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway::{Ahead, Obstacle, RouteStatus};
use jiff::Timestamp;
use message::{BeginMark, Level, Outcome, Priority, RouteId, UpstreamSnapshot, UpstreamState};
use smpp::Status;
use smpp::session::{BindMode, Role};

use crate::{Config, clock};

/// The board of one upstream.
#[derive(Debug)]
pub(crate) struct Board {
    lines: Vec<Line>,
    /// Parts that wait for a connection with room, the most urgent first, and of equal ones the first; at most
    /// [`MOST_WAITING`].
    queue: VecDeque<Waiting>,
    /// Parts that were asked back out of it, until a connection has told so.
    asked_back: Vec<Waiting>,
    /// When the rate allows the next part.
    next_send: Instant,
    /// What is shown.
    shown: UpstreamSnapshot,
    enabled: bool,
    number: Option<message::Number>,
    /// The window of each connection.
    window: u32,
    /// The time between two parts.
    interval: Duration,
    ever_bound: bool,
    /// It takes nothing more.
    closed: bool,
}

/// A connection that there should be.
#[derive(Debug)]
struct Line {
    mode: BindMode,
    state: LineState,
    /// Parts that wait for an answer there.
    outstanding: u32,
}

#[derive(Debug, Clone, PartialEq)]
enum LineState {
    /// Not bound: since when, why, and whether a person has to mend it.
    Down {
        reason: String,
        refused: bool,
    },
    Bound,
    /// Bound, and the upstream asked for less.
    Paused {
        until: Timestamp,
    },
}

/// A part that waits for a connection.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) ticket: u64,
    pub(crate) tpdu: Vec<u8>,
    pub(crate) priority: Priority,
    pub(crate) since: Instant,
    /// To be set before anything of it may go out.
    pub(crate) mark: Option<Arc<dyn BeginMark>>,
}

/// What a connection may send now.
#[derive(Debug)]
pub(crate) enum Next {
    /// This.
    Part(Waiting),
    /// Something, but not before.
    After(Instant),
    /// Nothing waits.
    Nothing,
}

impl Board {
    pub(crate) fn new(name: &RouteId, config: &Config) -> Self {
        let line = |mode| Line {
            mode,
            state: LineState::Down {
                reason: "it was not reached yet".to_owned(),
                refused: false,
            },
            outstanding: 0,
        };
        let lines: Vec<Line> = config.modes().into_iter().map(line).collect();
        let senders = lines.iter().filter(|line| line.sends()).count();
        let window = u32::from(config.window);
        let shown = UpstreamSnapshot {
            tls: config.tls,
            system_id: config.system_id.clone(),
            number: config.own_number(),
            wanted: u32::try_from(lines.len()).unwrap_or(u32::MAX),
            window: window * u32::try_from(senders).unwrap_or(1),
            ..UpstreamSnapshot::blank(name.clone(), &config.address, clock::now())
        };
        let mut board = Self {
            lines,
            queue: VecDeque::new(),
            asked_back: Vec::new(),
            next_send: clock::steady(),
            shown,
            enabled: config.enabled,
            number: config.own_number(),
            window,
            interval: Duration::from_secs(1).checked_div(config.rate).unwrap_or_default(),
            ever_bound: false,
            closed: false,
        };
        board.look();
        board
    }

    /// How the route stands.
    pub(crate) fn status(&self) -> RouteStatus {
        let sentence = self.obstacle();
        let needs_operator = matches!(self.shown.state, UpstreamState::Disabled | UpstreamState::Refused)
            || !self.lines.iter().any(Line::sends);
        RouteStatus {
            route: self.shown.upstream.clone(),
            number: self.number.clone(),
            network: None,
            obstacle: sentence.map(|sentence| Obstacle {
                sentence,
                needs_operator,
            }),
            level: self.level(),
            at_once: self.at_once(),
            ahead: Ahead::Any,
        }
    }

    /// What is shown of it.
    pub(crate) fn snapshot(&self) -> UpstreamSnapshot {
        let mut shown = self.shown.clone();
        shown.outstanding = self.lines.iter().map(|line| line.outstanding).sum();
        shown.outstanding += u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        shown
    }

    /// Takes a part.
    ///
    /// # Errors
    /// Why it cannot, for people.
    pub(crate) fn submit(&mut self, waiting: Waiting) -> Result<(), String> {
        if let Some(obstacle) = self.obstacle() {
            return Err(obstacle);
        }
        if self.queue.len() >= MOST_WAITING {
            return Err("it has as much to do as it may".to_owned());
        }
        // Nearly always the last place: only what is more urgent passes, so that the parts of a message keep their order.
        let place = self.queue.partition_point(|before| before.priority >= waiting.priority);
        self.queue.insert(place, waiting);
        Ok(())
    }

    /// It takes nothing more; what waited for a connection.
    pub(crate) fn close(&mut self) -> Vec<Waiting> {
        self.closed = true;
        self.asked_back.drain(..).chain(self.queue.drain(..)).collect()
    }

    /// Takes a part back out of the queue; whether it was there.
    pub(crate) fn withdraw(&mut self, ticket: u64) -> bool {
        let place = self.queue.iter().position(|waiting| waiting.ticket == ticket);
        let found = place.and_then(|place| self.queue.remove(place));
        let was_there = found.is_some();
        self.asked_back.extend(found);
        was_there
    }

    /// What was asked back and nobody was told of.
    pub(crate) fn asked_back(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.asked_back)
    }

    /// The next part for a connection with room.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        if self.queue.is_empty() {
            return Next::Nothing;
        }
        if self.next_send > now {
            return Next::After(self.next_send);
        }
        self.next_send = now + self.interval;
        self.queue.pop_front().map_or(Next::Nothing, Next::Part)
    }

    /// A connection is bound.
    pub(crate) fn bound(&mut self, place: usize) {
        self.shown.binds += 1;
        self.ever_bound = true;
        self.set(place, LineState::Bound);
    }

    /// The upstream asked for less on a connection; what waited and has no connection any more.
    pub(crate) fn paused(&mut self, place: usize, pause: Duration) -> Vec<Waiting> {
        let until = clock::now().checked_add(pause).unwrap_or(Timestamp::MAX);
        self.set(place, LineState::Paused { until });
        self.homeless()
    }

    /// The pause is over.
    pub(crate) fn resumed(&mut self, place: usize) {
        self.set(place, LineState::Bound);
    }

    /// A connection ended or could not be made; what waited and has no connection any more.
    pub(crate) fn down(&mut self, place: usize, reason: String, refused: bool) -> Vec<Waiting> {
        let was_bound = self.lines.get(place).is_some_and(Line::is_bound);
        self.shown.drops += u32::from(was_bound);
        if let Some(line) = self.lines.get_mut(place) {
            line.outstanding = 0;
        }
        self.set(place, LineState::Down { reason, refused });
        self.homeless()
    }

    /// So many parts wait for an answer on a connection.
    pub(crate) fn outstanding(&mut self, place: usize, parts: usize) {
        if let Some(line) = self.lines.get_mut(place) {
            line.outstanding = u32::try_from(parts).unwrap_or(u32::MAX);
        }
    }

    /// Counts the end of an attempt; `took`: since it was handed over.
    pub(crate) fn ended(&mut self, outcome: &Outcome, status: Option<Status>, took: Duration) {
        let (shown, now) = (&mut self.shown, clock::now());
        let slow_down = status.is_some_and(|status| status.reaction() == smpp::Reaction::SlowDown);
        shown.throttled += u64::from(slow_down);
        match outcome {
            Outcome::Sent { .. } => {
                shown.traffic.sent += 1;
                shown.traffic.went_out(Some(took), now);
            }
            // A pause says nothing of the part, and neither does a connection that was lost before it went out.
            Outcome::Failed(failure) if failure.class == message::ErrorClass::Hold => {}
            Outcome::Failed(failure) => {
                shown.traffic.failed += 1;
                shown.traffic.went_wrong(&failure.reason, now);
            }
            Outcome::Uncertain { .. } | Outcome::NotBegun { .. } => {}
        }
    }

    /// Counts what came in.
    pub(crate) fn came(&mut self, is_receipt: bool) {
        match is_receipt {
            true => self.shown.receipts += 1,
            false => self.shown.traffic.received += 1,
        }
        self.shown.traffic.last_received = Some(clock::now());
    }

    fn set(&mut self, place: usize, state: LineState) {
        if let Some(line) = self.lines.get_mut(place) {
            line.state = state;
        }
        self.look();
    }

    /// Looks at the connections, and shows what they come to.
    fn look(&mut self) {
        let bound = self.lines.iter().filter(|line| line.is_bound()).count();
        let (state, reason) = self.judge(bound);
        let shown = &mut self.shown;
        shown.bound = u32::try_from(bound).unwrap_or(u32::MAX);
        if shown.state != state {
            shown.since = clock::now();
            shown.state = state;
        }
        shown.reason = reason;
    }

    fn judge(&self, bound: usize) -> (UpstreamState, String) {
        if !self.enabled {
            return (
                UpstreamState::Disabled,
                "it is switched off (enabled = false)".to_owned(),
            );
        }
        let down = self.lines.iter().find_map(Line::down);
        let pause = self.pause();
        match (bound, down) {
            (0, Some((reason, true))) => (UpstreamState::Refused, reason.to_owned()),
            (0, Some((reason, false))) if self.ever_bound => (UpstreamState::Down, reason.to_owned()),
            (0, Some((reason, false))) => (UpstreamState::Connecting, reason.to_owned()),
            _ if pause.is_some() => (UpstreamState::Throttled, pause.unwrap_or_default()),
            (_, Some((reason, _))) => {
                let wanted = self.lines.len();
                (
                    UpstreamState::Partly,
                    format!("{bound} of {wanted} connections are bound: {reason}"),
                )
            }
            (_, None) => (UpstreamState::Bound, "it is bound".to_owned()),
        }
    }

    /// What is said of a pause of all connections that could send.
    fn pause(&self) -> Option<String> {
        let mut senders = self
            .lines
            .iter()
            .filter(|line| line.sends() && line.is_bound())
            .peekable();
        senders.peek()?;
        let pauses: Option<Vec<Timestamp>> = senders.map(Line::paused_until).collect();
        let until = pauses?.into_iter().min()?;
        Some(format!("the upstream asked for less; it goes on at {until:.0}"))
    }

    /// Why nothing can be sent now.
    fn obstacle(&self) -> Option<String> {
        if self.closed {
            return Some("it has other settings now, or is not configured any more".to_owned());
        }
        if !self.enabled {
            return Some(self.shown.reason.clone());
        }
        if !self.lines.iter().any(Line::sends) {
            return Some("it is for receiving alone (bind = \"receiver\")".to_owned());
        }
        if self
            .lines
            .iter()
            .any(|line| line.sends() && line.state == LineState::Bound)
        {
            return None;
        }
        let down = self.lines.iter().filter(|line| line.sends()).find_map(Line::down);
        self.pause()
            .or_else(|| Some(down.map(|(reason, _)| reason.to_owned()).unwrap_or_default()))
    }

    fn level(&self) -> Level {
        match self.shown.state {
            UpstreamState::Bound | UpstreamState::Disabled => Level::Ok,
            UpstreamState::Refused => Level::Critical,
            UpstreamState::Partly | UpstreamState::Throttled => Level::Warning,
            UpstreamState::Connecting | UpstreamState::Down => {
                let for_long = clock::now().duration_since(self.shown.since).as_secs() >= FOR_LONG_S;
                if for_long { Level::Critical } else { Level::Warning }
            }
        }
    }

    fn at_once(&self) -> u16 {
        let senders = self.lines.iter().filter(|line| line.sends() && line.is_bound()).count();
        let window = self.window.saturating_mul(u32::try_from(senders).unwrap_or(1));
        u16::try_from(window).unwrap_or(u16::MAX).max(1)
    }

    fn homeless(&mut self) -> Vec<Waiting> {
        match self.obstacle() {
            Some(_) => self.asked_back.drain(..).chain(self.queue.drain(..)).collect(),
            None => Vec::new(),
        }
    }
}

impl Line {
    fn sends(&self) -> bool {
        self.mode.carries_from(Role::Esme)
    }

    fn is_bound(&self) -> bool {
        !matches!(self.state, LineState::Down { .. })
    }

    fn down(&self) -> Option<(&str, bool)> {
        match &self.state {
            LineState::Down { reason, refused } => Some((reason, *refused)),
            _ => None,
        }
    }

    fn paused_until(&self) -> Option<Timestamp> {
        match &self.state {
            LineState::Paused { until } => Some(*until),
            _ => None,
        }
    }
}

/// Parts that may wait for a connection. The gateway hands over no more than are answered together; one more is given
/// back and comes again.
const MOST_WAITING: usize = 4096;
/// How long an upstream may be away before health is critical, in seconds.
const FOR_LONG_S: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Bind;

    fn board(config: Config) -> Board {
        Board::new(&RouteId::new("phone"), &config)
    }

    fn waiting(ticket: u64) -> Waiting {
        Waiting {
            ticket,
            tpdu: Vec::new(),
            priority: Priority::NORMAL,
            since: clock::steady(),
            mark: None,
        }
    }

    #[test]
    fn an_upstream_sends_once_a_connection_for_that_is_bound() {
        let mut board = board(Config {
            bind: Bind::Separate,
            ..Config::default()
        });
        assert_eq!(board.snapshot().state, UpstreamState::Connecting);
        assert!(board.submit(waiting(1)).is_err());
        board.bound(1);
        assert_eq!(board.snapshot().state, UpstreamState::Partly);
        assert!(board.status().obstacle.is_some(), "the receiver does not send");
        board.bound(0);
        assert_eq!(board.snapshot().state, UpstreamState::Bound);
        assert_eq!((board.status().obstacle, board.status().at_once), (None, 10));
        assert!(board.submit(waiting(1)).is_ok());
        let homeless = board.down(0, "gone".into(), false);
        assert_eq!(homeless.len(), 1);
        assert_eq!(board.status().obstacle.map(|it| it.sentence), Some("gone".into()));
    }

    #[test]
    fn one_that_is_closed_gives_back_what_waits_and_takes_nothing_more() {
        let mut board = board(Config::default());
        board.bound(0);
        board.submit(waiting(1)).unwrap();
        assert_eq!(board.close().len(), 1);
        assert!(board.submit(waiting(2)).is_err() && board.status().obstacle.is_some());
        board.bound(0);
        assert!(
            board.submit(waiting(2)).is_err(),
            "a bind that comes late changes nothing"
        );
    }

    #[test]
    fn a_pause_of_all_connections_gives_back_what_waits() {
        let mut board = board(Config {
            connections: 2,
            ..Config::default()
        });
        board.bound(0);
        board.bound(1);
        assert_eq!(board.status().at_once, 20);
        board.submit(waiting(1)).unwrap();
        assert!(board.paused(0, Duration::from_secs(5)).is_empty(), "the other goes on");
        assert_eq!(board.snapshot().state, UpstreamState::Bound);
        assert_eq!(board.paused(1, Duration::from_secs(9)).len(), 1);
        assert_eq!(board.snapshot().state, UpstreamState::Throttled);
        board.resumed(0);
        assert_eq!(board.status().obstacle, None);
    }

    #[test]
    fn what_is_asked_back_waits_here_no_more_and_is_told_once() {
        let mut board = board(Config::default());
        board.bound(0);
        board.submit(waiting(1)).unwrap();
        board.submit(waiting(2)).unwrap();
        assert!(board.withdraw(1) && !board.withdraw(1) && !board.withdraw(3));
        assert!(matches!(board.next(clock::steady()), Next::Part(part) if part.ticket == 2));
        let back: Vec<u64> = board.asked_back().iter().map(|part| part.ticket).collect();
        assert_eq!((back, board.asked_back().len()), (vec![1], 0));
        board.submit(waiting(4)).unwrap();
        board.withdraw(4);
        assert_eq!(
            board.down(0, "gone".into(), false).len(),
            1,
            "whoever ends it tells of it"
        );
    }

    #[test]
    fn the_rate_parts_what_goes_out() {
        let mut board = board(Config {
            rate: 10,
            ..Config::default()
        });
        board.bound(0);
        board.submit(waiting(1)).unwrap();
        board.submit(waiting(2)).unwrap();
        let now = clock::steady();
        assert!(matches!(board.next(now), Next::Part(part) if part.ticket == 1));
        let Next::After(later) = board.next(now) else {
            panic!("not yet")
        };
        assert_eq!(later - now, Duration::from_millis(100));
        assert!(matches!(board.next(later), Next::Part(part) if part.ticket == 2));
        assert!(matches!(board.next(later), Next::Nothing));
    }

    #[test]
    fn the_rate_lets_the_most_urgent_go_next_and_of_equal_ones_the_first() {
        let mut board = board(Config {
            rate: 1,
            ..Config::default()
        });
        board.bound(0);
        for (ticket, priority) in [(1, 1), (2, 1), (3, 0), (4, 1), (5, 3), (6, 2), (7, 3)] {
            let priority = Priority(priority);
            board
                .submit(Waiting {
                    priority,
                    ..waiting(ticket)
                })
                .unwrap();
        }
        let began = clock::steady();
        let gone = (0..8).filter_map(|second| match board.next(began + Duration::from_secs(second)) {
            Next::Part(part) => Some(part.ticket),
            Next::After(_) | Next::Nothing => None,
        });
        assert_eq!(gone.collect::<Vec<_>>(), [5, 7, 6, 1, 2, 4, 3]);
    }

    #[test]
    fn a_refused_password_is_for_a_person_and_a_receiver_never_sends() {
        let mut refused = board(Config::default());
        refused.down(0, "ESME_RINVPASWD".into(), true);
        assert_eq!(refused.snapshot().state, UpstreamState::Refused);
        assert!(refused.status().obstacle.unwrap().needs_operator);
        let mut receiver = board(Config {
            bind: Bind::Receiver,
            ..Config::default()
        });
        receiver.bound(0);
        assert!(receiver.status().obstacle.unwrap().needs_operator);
        let off = board(Config {
            enabled: false,
            ..Config::default()
        });
        assert_eq!(
            (off.snapshot().state, off.status().level),
            (UpstreamState::Disabled, Level::Ok)
        );
    }
}
