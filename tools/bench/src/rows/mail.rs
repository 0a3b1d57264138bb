//! Received messages to mail: from the announcement to the mail server's word, and how many in a second beside a bare
//! loop of `lettre` on the same server.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lettre::message::header::ContentType;
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};

use super::{Figure, Measuring, percentile};
use crate::Error;
use crate::dice::Dice;
use crate::rig::{Rig, Setup, until};
use crate::simulator::{Plan, Simulator};
use crate::sink::{MARK, Sink};
use crate::watch::Memory;

/// First the bare loop; then messages one by one; then a crowd at once; then the bare loop again, since the disk is not
/// as fast at all times.
pub(super) fn accepted(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let scene = measuring.scene;
    let setup = Setup {
        slots: MODEMS,
        reports: false,
        journal: false,
    };
    let mut rig = Rig::new(&scene.dir, &scene.programs, "mail", setup)?;
    let sink = Sink::start(rig.folder())?;
    let seconds = if scene.quick { 2 } else { 8 };
    let bare = bare(&sink, Duration::from_secs(seconds))?;
    rig.configure(&format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {}\nfrom = \"gateway@example.org\"\nto = [\"ops@example.org\"]\n",
        sink.address.port()
    ))?;
    let plan = Plan {
        modems: MODEMS,
        latency: Duration::ZERO,
        record: "everything",
        sim_places: 50,
    };
    let mut simulator = Simulator::start(&scene.programs, &rig.modems(), &plan)?;
    rig.start()?;
    let mut numbers = 0..;
    simulator.texts(crowd(&mut numbers, MODEMS))?;
    wait(&sink, bare.count, MODEMS)?;
    let count = if scene.quick { 200 } else { 1_000 };
    let mut delays = delays(&sink, &mut simulator, &mut numbers, count)?;
    delays.sort_unstable();
    let p99 = percentile(&delays, 0.99) as f64 / 1000.0;
    let crowd = (bare.rate as usize * seconds as usize).max(500);
    let rate = rate(&sink, &mut simulator, &mut numbers, crowd)?;
    let memory = Memory::of(rig.pid()).map_or(u64::MAX, |memory| memory.peak);
    let again = self::bare(&sink, Duration::from_secs(seconds))?;
    let possible = f64::midpoint(bare.rate, again.rate);
    let share = rate / possible;
    Ok(Figure {
        measured: format!(
            "p50 {:.2}, p99 {p99:.2} ms ({count} messages); {rate:.0}/s ({crowd}), {:.0} % of a bare loop's {:.0}/s before and \
             {:.0}/s after; {:.1} MB",
            percentile(&delays, 0.5) as f64 / 1000.0,
            share * 100.0,
            bare.rate,
            again.rate,
            memory as f64 / 1e6
        ),
        reached: p99 <= 50.0 && share >= 0.8 && memory <= 64_000_000,
    })
}

/// What a bare loop reached.
struct Bare {
    rate: f64,
    count: usize,
}

/// One connection, one mail after another, nothing kept: the most that `lettre` gets out of the server. Its own `send`
/// writes the end of a mail by itself, which costs 40 ms a mail (Nagle's algorithm and delayed acknowledgements), so the
/// loop writes content and end in one piece, as the gateway does: else anything would look fast beside it.
fn bare(sink: &Sink, time: Duration) -> Result<Bare, Error> {
    let said = |error: lettre::transport::smtp::Error| Error::Refused(format!("the bare loop: {error}"));
    let hello = ClientId::Domain("bench".into());
    let mut connection =
        SmtpConnection::connect(sink.address, Some(time + PATIENCE), &hello, None, None).map_err(said)?;
    let address = |text: &str| {
        text.parse::<Address>()
            .map_err(|error| Error::Refused(error.to_string()))
    };
    let (from, to) = (address("gateway@example.org")?, address("ops@example.org")?);
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        // As much as the gateway's own mail of such a message.
        let mail = Message::builder()
            .from(from.clone().into())
            .to(to.clone().into())
            .subject(format!("SMS from +4930123456: {MARK}{count:06}"))
            .header(ContentType::TEXT_PLAIN)
            .body(format!(
                "{MARK}{count:06}\n\n{}",
                "what is known about the message\n".repeat(12)
            ))
            .map_err(|error| Error::Refused(error.to_string()))?;
        let content = String::from_utf8(mail.formatted()).map_err(|error| Error::Refused(error.to_string()))?;
        connection
            .command(Mail::new(Some(from.clone()), Vec::new()))
            .map_err(said)?;
        connection.command(Rcpt::new(to.clone(), Vec::new())).map_err(said)?;
        connection.command(Data).map_err(said)?;
        connection.command(format!("{content}\r\n.\r\n")).map_err(said)?;
        count += 1;
    }
    Ok(Bare {
        rate: count as f64 / start.elapsed().as_secs_f64(),
        count,
    })
}

/// From the announcement of each message to the server's word, less what the server was at it, in microseconds.
fn delays(
    sink: &Sink,
    simulator: &mut Simulator,
    numbers: &mut impl Iterator<Item = usize>,
    count: usize,
) -> Result<Vec<u64>, Error> {
    let before = sink.count();
    let mut dice = Dice::new(1);
    for one in crowd(numbers, count) {
        simulator.texts([one])?;
        std::thread::sleep(Duration::from_micros(dice.roll(8_000, 25_000)));
    }
    wait(sink, before, count)?;
    let arrived = simulator.arrived()?;
    let announced: HashMap<&str, u64> = arrived
        .iter()
        .filter_map(|one| Some((one.text.as_deref()?, one.announced_us)))
        .collect();
    let taken = sink.taken();
    let known = taken[before..].iter().filter_map(|taken| {
        let announced = announced.get(taken.mark.trim_end())?;
        Some(taken.at_us.saturating_sub(announced + taken.own_us))
    });
    Ok(known.collect())
}

/// Mails in a second, of the middle half of a crowd.
fn rate(
    sink: &Sink,
    simulator: &mut Simulator,
    numbers: &mut impl Iterator<Item = usize>,
    count: usize,
) -> Result<f64, Error> {
    let before = sink.count();
    simulator.texts(crowd(numbers, count))?;
    wait(sink, before, count)?;
    let taken = sink.taken();
    let crowd = &taken[before..];
    let (first, last) = (crowd.len() / 4, crowd.len() * 3 / 4);
    let took = crowd[last].at_us.saturating_sub(crowd[first].at_us).max(1);
    Ok((last - first) as f64 * 1e6 / took as f64)
}

/// Waits for so many mails more.
fn wait(sink: &Sink, before: usize, count: usize) -> Result<(), Error> {
    match until(PATIENCE, || Ok(sink.count() >= before + count))? {
        true => Ok(()),
        false => Err(Error::Refused(format!(
            "only {} of {count} messages are mailed",
            sink.count() - before
        ))),
    }
}

/// So many messages, round the modems.
fn crowd(numbers: &mut impl Iterator<Item = usize>, count: usize) -> Vec<(usize, String, String)> {
    let one = |number: usize| (number % MODEMS, "+4930123456".to_owned(), format!("{MARK}{number:06}"));
    numbers.take(count).map(one).collect()
}

const MODEMS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(60);
