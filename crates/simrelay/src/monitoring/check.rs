//! `simrelay check`: the gateway's health as Icinga and Nagios want it.
//!
//! One line on standard output and an exit code from 0 to 3, whatever happens: a command line that cannot be read is
//! UNKNOWN, a gateway that does not answer is CRITICAL, and so is what the gateway itself calls so. Ranges come on top.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use api::Stats;
use clap::error::ErrorKind;
use clap::{ArgAction, Args, Error};
use jiff::Timestamp;
use message::{SlotSnapshot, UpstreamSnapshot};

use crate::client::{Aim, Client, Connection};
use crate::failure::Failure;

use super::CHECK_LINK;
use super::perfdata::{Metric, Unit};
use super::range::Range;
use super::sight::{Route, Sight, least_free, storage};
use super::verdict::{State, Verdict};

/// Check the gateway, or one modem, for Icinga or Nagios
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay check --host gw.example.org --ca ca.pem
  simrelay check -w modems_up=4: -c modems_up=2: -w queue_age=900
  simrelay check --modem sim1 -w -95: -c -105: -w balance=5:

It prints one line with perfdata and is called check_simrelay as well, by a link of that name. The token needs the scope health, \
and the scope stats for what is counted.

A RANGE alone is about modems_up, with --modem about signal, of an upstream about connections. METRIC is one of modems_up, \
upstreams_up (where there are upstreams), queue, queue_age (s), uncertain, \
accepted, sent, delivered, failed, received, consumers_waiting, consumers_age (s), disk_free_mb, certificate_days; with \
--modem: up, signal (dBm), storage (%), silence (s without anything received), balance, sent, delivered, failed, received, \
initialisations; of an upstream: connections, up, outstanding, silence, sent, delivered, failed, received, receipts_stray.

Exit codes:
  0  OK
  1  WARNING
  2  CRITICAL, or no gateway answers
  3  UNKNOWN: wrong usage, no right to look, or a value to be judged that is not known")]
pub(crate) struct CheckArgs {
    /// Look at this slot alone, by its name or its SIM's number, or at this upstream
    #[arg(long, value_name = "ID")]
    modem: Option<String>,

    /// Warn where a value is outside: 10, 10:, ~:10, 10:20, or inside: @10:20; may be given more than once
    #[arg(short, long, value_name = "[METRIC=]RANGE", allow_hyphen_values = true)]
    warning: Vec<Threshold>,

    /// The same for CRITICAL
    #[arg(short, long, value_name = "[METRIC=]RANGE", allow_hyphen_values = true)]
    critical: Vec<Threshold>,

    /// Where the gateway runs, in the place of --url
    #[arg(short = 'H', long)]
    host: Option<String>,

    /// Its port
    #[arg(short, long)]
    port: Option<u16>,

    /// The token to show; prefer the variable, or --token-file
    #[arg(long, env = "SMSGATE_APITOKEN", hide_env_values = true, value_name = "TOKEN")]
    api_token: Option<String>,

    /// Give up after so many seconds [default: 10]
    #[arg(short = 't', value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    limit: Option<u64>,

    /// Passed over, since plugins have it
    #[arg(short = 'v', action = ArgAction::Count, hide = true)]
    verbose: u8,
}

/// A range, and what it is about.
#[derive(Debug, Clone, PartialEq)]
struct Threshold {
    metric: Option<String>,
    range: Range,
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (metric, range) = match text.split_once('=') {
            Some((metric, range)) => (Some(metric.trim().to_owned()), range),
            None => (None, text),
        };
        let range = range.trim().parse()?;
        Ok(Self { metric, range })
    }
}

/// Makes the check and tells how it ended. Nothing that goes wrong is told in another way.
pub(crate) fn run(args: &CheckArgs, connection: &Connection) -> ExitCode {
    set_hook(Box::new(|_| {}));
    let made = catch_unwind(AssertUnwindSafe(|| args.make(connection)));
    made.unwrap_or_else(|_| Verdict::unknown("the check itself failed; please report it"))
        .tell()
}

/// Tells of a command line that cannot be read, or shows the help that was asked for.
pub(crate) fn misused(error: &Error, message: &str) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody is left to tell where the help cannot be written.
            let _ = writeln!(
                io::stdout(),
                "{}",
                in_its_own_name(&error.render().to_string()).trim_end()
            );
            ExitCode::from(ASKED_FOR_HELP)
        }
        _ => Verdict::unknown(message).tell(),
    }
}

/// The help of a plugin that was called by its link, which knows no command.
fn in_its_own_name(help: &str) -> String {
    let command = format!("{CHECK_LINK} check");
    help.replace(&command, CHECK_LINK).replace("simrelay-check", CHECK_LINK)
}

impl CheckArgs {
    fn make(&self, given: &Connection) -> Verdict {
        let limit = self.limit.or(given.timeout).unwrap_or(LIMIT_S);
        let connection = given.aimed(Aim {
            host: self.host.clone(),
            port: self.port,
            token: self.api_token.clone(),
            ca: None,
            limit,
        });
        let judged = self.look(&connection, Duration::from_secs(limit));
        let verdict = judged.unwrap_or_else(|failure| Verdict::of_failure(&failure));
        // Icinga takes what is on standard error for the plugin's text.
        verdict.noting(connection.complaint())
    }

    fn look(&self, connection: &Connection, limit: Duration) -> Result<Verdict, Failure> {
        let client = Client::quiet(connection)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::Usage(format!("cannot start: {error}")))?;
        let seen = runtime.block_on(async { tokio::time::timeout(limit, Sight::of(&client)).await });
        // A name server that says nothing is not waited for.
        runtime.shutdown_background();
        let late = |_| {
            Failure::Unreachable(format!(
                "no answer from {} within {} s",
                connection.url(),
                limit.as_secs()
            ))
        };
        let sight = seen.map_err(late)??;
        // The gateway's own clock: this machine's may be another, and wrong.
        let now = sight.stats.as_ref().map_or_else(Timestamp::now, |stats| stats.at);
        self.judge(&sight, now)
    }

    /// What is to be said of what was seen.
    fn judge(&self, sight: &Sight, now: Timestamp) -> Result<Verdict, Failure> {
        let route = self.modem.as_deref().map(|name| sight.route(name)).transpose()?;
        let metrics = match route {
            Some(Route::Slot(slot)) => of_slot(slot, now),
            Some(Route::Upstream(upstream)) => of_upstream(upstream, now),
            None => of_gateway(sight, now),
        };
        let warning = named(&self.warning, &metrics)?;
        let critical = named(&self.critical, &metrics)?;
        let mut told: Vec<(State, String)> = sight
            .findings(route)
            .map(|finding| {
                (
                    finding.level.into(),
                    format!("{}: {}", finding.subject, finding.sentence),
                )
            })
            .collect();
        for (ranges, state) in [(&critical, State::Critical), (&warning, State::Warning)] {
            told.extend(ranges.iter().filter_map(|(metric, range)| tell(metric, range, state)));
        }
        told.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
        let state = told.first().map_or(State::Ok, |(state, _)| *state);
        let text: Vec<&str> = told.iter().map(|(_, text)| text.as_str()).collect();
        let range = |ranges: &[(&Metric, Range)], metric: &Metric| {
            let own = ranges.iter().find(|(about, _)| about.name == metric.name);
            own.map(|(_, range)| range.clone())
        };
        let measured = metrics
            .iter()
            .map(|metric| metric.perfdata(range(&warning, metric).as_ref(), range(&critical, metric).as_ref()));
        Ok(Verdict {
            state,
            text: match text.is_empty() {
                true => all_is_well(sight, route),
                false => text.join("; "),
            },
            measured: measured.collect(),
        })
    }
}

/// The metric that each threshold is about; the first one where it names none.
fn named<'a>(thresholds: &[Threshold], metrics: &'a [Metric]) -> Result<Vec<(&'a Metric, Range)>, Failure> {
    let named = |threshold: &Threshold| {
        let found = match &threshold.metric {
            Some(name) => metrics.iter().find(|metric| metric.name == name),
            None => metrics.first(),
        };
        let unknown = || {
            let known: Vec<&str> = metrics.iter().map(|metric| metric.name).collect();
            let asked = threshold.metric.as_deref().unwrap_or_default();
            Failure::Usage(format!("there is no metric {asked}; there are {}", known.join(", ")))
        };
        Ok((found.ok_or_else(unknown)?, threshold.range.clone()))
    };
    thresholds.iter().map(named).collect()
}

fn tell(metric: &Metric, range: &Range, state: State) -> Option<(State, String)> {
    match metric.value {
        None => Some((State::Unknown, format!("{} is not known", metric.name))),
        Some(value) if range.tells(value) => {
            Some((state, format!("{} is {value}{} ({range})", metric.name, metric.unit)))
        }
        Some(_) => None,
    }
}

/// What is measured of the whole; the first is what a range alone is about.
fn of_gateway(sight: &Sight, now: Timestamp) -> Vec<Metric> {
    let up = sight.used().filter(|slot| slot.state.can_send()).count();
    let mut metrics =
        vec![Metric::of("modems_up", Some(up as f64)).within(Some(0.0), Some(sight.used().count() as f64))];
    if sight.used_upstreams().next().is_some() {
        let up = sight.used_upstreams().filter(|upstream| upstream.state.can_send());
        let all = sight.used_upstreams().count() as f64;
        metrics.push(Metric::of("upstreams_up", Some(up.count() as f64)).within(Some(0.0), Some(all)));
    }
    let stats = sight.stats.as_ref();
    let queue = stats.map(|stats| &stats.queue);
    let age = queue.map(|queue| queue.oldest.map_or(0.0, |oldest| seconds(oldest, now)));
    metrics.push(Metric::of("queue", queue.map(|queue| queue.queued as f64)));
    metrics.push(Metric::of("queue_age", age).unit(Unit::Seconds));
    metrics.push(Metric::of("uncertain", queue.map(|queue| queue.uncertain as f64)));
    let totals = stats.map(|stats| &stats.totals);
    let count = |name, value: Option<u64>| Metric::of(name, value.map(|value| value as f64)).unit(Unit::Counter);
    metrics.extend([
        count("accepted", totals.map(|totals| totals.accepted)),
        count("sent", totals.map(|totals| totals.sent)),
        count("delivered", totals.map(|totals| totals.delivered)),
        count("failed", totals.map(|totals| totals.failed)),
        count("received", totals.map(|totals| totals.received)),
    ]);
    if let Some(stats) = stats {
        metrics.extend(of_house(stats, now));
    }
    metrics
}

/// What is measured of consumers, disk and certificate.
fn of_house(stats: &Stats, now: Timestamp) -> Vec<Metric> {
    let waiting = stats.consumers.iter().map(|consumer| consumer.waiting).sum::<u64>();
    let oldest = stats.consumers.iter().filter_map(|consumer| consumer.oldest).min();
    let free = stats.disk.map(|disk| disk.free_megabytes() as f64);
    let size = stats.disk.map(|disk| disk.megabytes() as f64);
    let days = stats.certificate.map(|shown| seconds(now, shown.not_after) / DAY_S);
    vec![
        Metric::of("consumers_waiting", Some(waiting as f64)),
        Metric::of("consumers_age", Some(oldest.map_or(0.0, |oldest| seconds(oldest, now)))).unit(Unit::Seconds),
        Metric::of("disk_free_mb", free)
            .unit(Unit::Megabytes)
            .within(Some(0.0), size)
            .judged_by_health(least_free()),
        Metric::of("certificate_days", days.map(f64::floor)),
    ]
}

/// What is measured of one slot; the first is what a range alone is about.
fn of_slot(slot: &SlotSnapshot, now: Timestamp) -> Vec<Metric> {
    let count = |name, value: u64| Metric::of(name, Some(value as f64)).unit(Unit::Counter);
    let silence = slot.traffic.last_received.map(|at| seconds(at, now));
    let balance = Metric {
        label: match slot.balance_currency() {
            "" => String::from("balance"),
            currency => format!("balance_{currency}"),
        },
        ..Metric::of(
            "balance",
            slot.balance.as_ref().map(|balance| balance.micros as f64 / 1e6),
        )
    };
    vec![
        Metric::of("signal", slot.signal_dbm.map(f64::from)).within(None, None),
        Metric::of("up", Some(if slot.state.can_send() { 1.0 } else { 0.0 })).within(Some(0.0), Some(1.0)),
        Metric::of("storage", storage(slot))
            .unit(Unit::Percent)
            .within(Some(0.0), Some(100.0)),
        Metric::of("silence", silence).unit(Unit::Seconds),
        balance.within(None, None),
        count("sent", slot.traffic.totals.sent),
        count("delivered", slot.traffic.totals.delivered),
        count("failed", slot.traffic.totals.failed),
        count("received", slot.traffic.totals.received),
        count("initialisations", slot.initialisations.into()),
    ]
}

/// What is measured of one upstream; the first is what a range alone is about.
fn of_upstream(upstream: &UpstreamSnapshot, now: Timestamp) -> Vec<Metric> {
    let count = |name, value: u64| Metric::of(name, Some(value as f64)).unit(Unit::Counter);
    let silence = upstream.traffic.last_received.map(|at| seconds(at, now));
    let up = if upstream.state.can_send() { 1.0 } else { 0.0 };
    vec![
        Metric::of("connections", Some(upstream.bound.into())).within(Some(0.0), Some(upstream.wanted.into())),
        Metric::of("up", Some(up)).within(Some(0.0), Some(1.0)),
        Metric::of("outstanding", Some(upstream.outstanding.into())).within(Some(0.0), Some(upstream.window.into())),
        Metric::of("silence", silence).unit(Unit::Seconds),
        count("sent", upstream.traffic.totals.sent),
        count("delivered", upstream.traffic.totals.delivered),
        count("failed", upstream.traffic.totals.failed),
        count("received", upstream.traffic.totals.received),
        count("receipts_stray", upstream.receipts_stray),
    ]
}

fn all_is_well(sight: &Sight, route: Option<Route<'_>>) -> String {
    if let Some(Route::Upstream(upstream)) = route {
        let (bound, wanted) = (upstream.bound, upstream.wanted);
        return format!(
            "{}: {bound} of {wanted} connections to {}",
            upstream.upstream, upstream.address
        );
    }
    if let Some(Route::Slot(slot)) = route {
        let signal = slot
            .signal_dbm
            .map_or_else(String::new, |signal| format!(", {signal} dBm"));
        let network = slot
            .operator
            .as_deref()
            .map_or_else(String::new, |name| format!(", {name}"));
        return format!("{}: {}{network}{signal}", slot.slot, slot.reason);
    }
    let up = sight.used().filter(|slot| slot.state.can_send()).count();
    let mut modems = format!("{up} of {} modems up", sight.used().count());
    let upstreams = sight.used_upstreams().count();
    if upstreams > 0 {
        let up = sight.used_upstreams().filter(|upstream| upstream.state.can_send());
        modems.push_str(&format!(", {} of {upstreams} upstreams up", up.count()));
    }
    match &sight.stats {
        Some(stats) => format!("{modems}, {} parts wait", stats.queue.queued),
        None => modems,
    }
}

fn seconds(since: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(since).as_secs().max(0) as f64
}

/// How long a check may take where nothing else is said, in seconds: the plugins' default.
const LIMIT_S: u64 = 10;

const DAY_S: f64 = 86_400.0;

/// The exit code after `-h` and `-V`: a check whose command asks for its help checks nothing.
const ASKED_FOR_HELP: u8 = 3;

#[cfg(test)]
mod tests {
    use message::{Balance, RouteId};

    use super::*;

    #[test]
    fn a_balance_has_one_label_before_and_after_the_first_answer() {
        let now = Timestamp::UNIX_EPOCH;
        let shown = |slot: &SlotSnapshot| {
            let metrics = of_slot(slot, now);
            let balance = metrics.into_iter().find(|metric| metric.name == "balance");
            balance.unwrap().perfdata(None, None)
        };
        let unasked = SlotSnapshot {
            currency: "EUR".into(),
            ..SlotSnapshot::blank(RouteId::new("sim1"), now)
        };
        assert_eq!(shown(&unasked), "balance_EUR=U");
        let told = SlotSnapshot {
            balance: Some(Balance {
                micros: 7_950_000,
                currency: "EUR".into(),
                at: now,
            }),
            ..unasked
        };
        assert_eq!(shown(&told), "balance_EUR=7.95");
        let without = SlotSnapshot::blank(RouteId::new("sim1"), now);
        assert_eq!(shown(&without), "balance=U", "a gateway that tells no currency");
    }
}
