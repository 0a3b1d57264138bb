//! Asks who is at a port that no slot has: no PIN, no setting that lasts, only names.

use std::time::{Duration, Instant};

use at::{Command, Reader, Reply, reply};
use message::RouteId;
use modem::{Event, Modem, Output};
use tokio::time::timeout_at;

use crate::line::{Brought, Line};
use crate::plan::Who;
use crate::port::Opening;
use crate::trace::Trace;

/// Opens the port, asks, and closes it again.
///
/// # Errors
/// Why nobody was recognised, for people.
pub(crate) async fn probe(opening: Opening, patience: Duration, trace: Trace) -> Result<Who, String> {
    let name = RouteId::new(&format!("probe-{}", opening.path.display()));
    let mut line = Line::open(opening, name, trace).await?;
    let mut asked = ask(&mut line, patience).await;
    if let Ok(who) = &mut asked
        && who.imsi.is_none()
    {
        who.imsi = ask_imsi(&mut line).await;
    }
    line.close().await;
    asked
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

/// Asks for the IMSI, which the machine leaves until its card is open. A card that wants its PIN first says so.
async fn ask_imsi(line: &mut Line) -> Option<String> {
    let command = Command::new("AT+CIMI");
    let (mut reader, mut answer) = (Reader::default(), Reply::default());
    let end = Instant::now() + CARD_PATIENCE;
    line.write(command.bytes(), Instant::now());
    while let Ok(Brought::Octets(octets)) = timeout_at(end.into(), line.io()).await {
        reader.receive(line.heard(octets));
        while let Some(event) = reader.next(Some(&command)) {
            match event {
                at::Event::Info(text) => answer.push(text),
                at::Event::Final(_) => return reply::imsi(&answer).ok(),
                _ => {}
            }
        }
    }
    None
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
                Output::Event(_) => {}
                // A port that needs recovery is no port to be asked: it has another chance later.
                Output::Reopen { .. } | Output::Close { .. } => self.end = now,
            }
        }
    }

    fn is_done(&self, now: Instant) -> bool {
        let all = self
            .who
            .as_ref()
            .is_some_and(|who| who.imei.is_some() && who.iccid.is_some());
        (all && !self.modem.is_busy()) || now >= self.end
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

/// How long a card may take to tell its numbers after the modem told its own. A card with a PIN never tells its IMSI.
const CARD_PATIENCE: Duration = Duration::from_secs(3);
