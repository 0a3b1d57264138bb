//! Asks who is at a port that no slot has: no PIN, no setting that lasts, only names.

use std::time::{Duration, Instant};

use message::RouteId;
use modem::{Event, Modem, Output};
use tokio::time::timeout_at;

use crate::line::{Brought, Line};
use crate::plan::Who;
use crate::port::Opening;
use crate::trace::Trace;

/// Why nobody was recognised, in words for people.
#[derive(Debug)]
pub(crate) enum Unknown {
    /// The port could not be opened, which may change soon.
    Closed(String),
    /// No modem answers there, which is likely to stay so.
    Silent(String),
}

/// Opens the port, asks, and closes it again.
///
/// # Errors
/// Why nobody was recognised.
pub(crate) async fn probe(opening: Opening, patience: Duration, trace: Trace) -> Result<Who, Unknown> {
    let name = RouteId::new(&format!("probe-{}", opening.path.display()));
    let mut line = Line::open(opening, name, trace).await.map_err(Unknown::Closed)?;
    let asked = ask(&mut line, patience).await;
    line.close().await;
    asked.map_err(Unknown::Silent)
}

async fn ask(line: &mut Line, patience: Duration) -> Result<Who, String> {
    let start = Instant::now();
    let config = modem::Config {
        identify_only: true,
        ..modem::Config::default()
    };
    let mut asked = Asked {
        modem: Modem::new(config, start),
        who: None,
        end: start + patience,
        heard: false,
    };
    loop {
        let now = Instant::now();
        asked.pass_on(line, now);
        if asked.is_done(now) {
            return asked.answer();
        }
        let due = asked
            .modem
            .due()
            .into_iter()
            .chain(line.deadline())
            .fold(asked.end, Instant::min);
        match timeout_at(due.into(), line.io()).await {
            Ok(Brought::End(reason)) => return Err(reason),
            Ok(Brought::Octets(octets)) => {
                asked.heard = true;
                asked.modem.receive(line.heard(octets), Instant::now());
            }
            Err(_elapsed) => asked.modem.tick(Instant::now()),
        }
    }
}

/// How far the asking has come.
struct Asked {
    modem: Modem,
    who: Option<Who>,
    end: Instant,
    /// Something came, if only nonsense.
    heard: bool,
}

impl Asked {
    fn pass_on(&mut self, line: &mut Line, now: Instant) {
        while let Some(output) = self.modem.poll() {
            match output {
                Output::Write(octets) => line.write(&octets, now),
                Output::Event(Event::Identified(identity)) => {
                    self.who.get_or_insert_default().imei = identity.imei;
                    // The card gets a moment more to answer.
                    self.end = self.end.min(now + CARD_PATIENCE);
                }
                Output::Event(Event::SimIdentified(sim)) => {
                    let who = self.who.get_or_insert_default();
                    who.iccid = sim.iccid;
                    who.imsi = sim.imsi;
                }
                Output::Event(_) | Output::Begins { .. } => {}
                // A port that needs recovery is no port to be asked: it has another chance later.
                Output::Reopen { .. } | Output::Close { .. } => self.end = now,
            }
        }
    }

    /// Whether the machine has asked everything it may: it rests, and nothing but its distant timers would wake it.
    fn is_done(&self, now: Instant) -> bool {
        let rests = !self.modem.is_busy() && self.modem.due().is_none_or(|due| due > now + LONG_REST);
        (self.who.is_some() && rests) || now >= self.end
    }

    fn answer(self) -> Result<Who, String> {
        let Self { who, heard, .. } = self;
        who.ok_or_else(|| {
            String::from(match heard {
                true => "something talks there, but it is no modem",
                false => "nobody answers there",
            })
        })
    }
}

/// Longer than the machine ever rests between two questions.
const LONG_REST: Duration = Duration::from_secs(10);

/// How long a card may take to tell its numbers after the modem told its own.
const CARD_PATIENCE: Duration = Duration::from_secs(3);
