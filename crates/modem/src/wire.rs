//! The line to the modem: one exchange at a time, and what is heard besides.

use std::time::{Duration, Instant};

use at::{Command, Event, Final, Reader, Reply, Urc, reply};

use crate::timer::Timer;

/// The reader and the exchange that is open.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    reader: Reader,
    open: Option<Open>,
    /// The lines of the answer so far; its buffer is used again and again.
    reply: Reply,
    /// A line of the answer has come and found room.
    progress: bool,
}

/// A command that waits for its end.
#[derive(Debug)]
struct Open {
    command: Command,
    /// The deadline that runs.
    timer: Timer,
    /// When the command was written.
    asked: Instant,
    /// When the PDU was handed over.
    handed: Option<Instant>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The end.
    pub(crate) ending: Ending,
    /// The lines before it.
    pub(crate) reply: Reply,
    /// How long before it the PDU was handed over, if it was.
    pub(crate) handed: Option<Duration>,
    /// How long before it the command was written.
    pub(crate) asked: Duration,
}

/// The end of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A final result.
    Final(Final),
    /// The deadline.
    Silence,
}

/// Something that was heard and concerns more than the open exchange.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The open exchange has ended.
    Answer(Answer),
    /// The modem asks for the PDU of the open exchange, which is to be written now.
    Prompt,
    /// A final result that no exchange waits for.
    Stray(Final),
    /// It came unasked.
    Urc(Urc),
    /// `+CMGS` or `+CMSS` with its reference, while no such exchange is open.
    Reference(Option<u8>),
    /// The open command's own words.
    Echo,
    /// So many lines of no use.
    Noise(u32),
}

impl Wire {
    /// Takes what was read.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.reader.receive(bytes);
    }

    /// The next thing that was said; lines of the open answer are kept aside.
    pub(crate) fn hear(&mut self, now: Instant) -> Option<Heard> {
        loop {
            let wants_prompt = self.wants_prompt();
            let pending = self.open.as_ref().map(|open| &open.command);
            let heard = match self.reader.next(pending)? {
                Event::Info(line) => {
                    self.reply.push(line);
                    self.progress |= self.reply.dropped() == 0;
                    continue;
                }
                Event::Final(end) => self.end(end, now),
                Event::Prompt if wants_prompt => Heard::Prompt,
                Event::Urc(urc) => Heard::Urc(urc),
                Event::Unknown(line) => late_reference(line),
                Event::Overlong(_) | Event::Lost(_) => Heard::Noise(LONG_NOISE),
                Event::Echo(line) if pending.is_some_and(|command| command.text().as_bytes() == line) => Heard::Echo,
                Event::Prompt | Event::Echo(_) | Event::Noise(_) => Heard::Noise(1),
            };
            return Some(heard);
        }
    }

    /// Opens an exchange; the command's octets are what is to be written.
    pub(crate) fn ask(&mut self, command: Command, timer: Timer, now: Instant) -> Vec<u8> {
        self.reply.clear();
        let octets = command.bytes().to_vec();
        self.open = Some(Open {
            command,
            timer,
            asked: now,
            handed: None,
        });
        octets
    }

    /// Hands over the PDU of the open exchange: its octets, and the deadline that ran until now.
    pub(crate) fn hand_over(&mut self, timer: Timer, now: Instant) -> Option<(Vec<u8>, Timer)> {
        let open = self.open.as_mut()?;
        let octets = open.command.payload()?.to_vec();
        let before = std::mem::replace(&mut open.timer, timer);
        open.handed = Some(now);
        Some((octets, before))
    }

    /// Ends the open exchange at its deadline.
    pub(crate) fn give_up(&mut self, now: Instant) -> Option<Answer> {
        self.close(Ending::Silence, now)
    }

    /// Whether one of these commands is open.
    pub(crate) fn is_asking(&self, texts: &[&str]) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| texts.contains(&open.command.text()))
    }

    /// Whether an exchange is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the PDU of the open exchange was handed over.
    pub(crate) fn has_handed_over(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.handed.is_some())
    }

    /// The deadline of the open exchange.
    pub(crate) fn timer(&self) -> Option<Timer> {
        self.open.as_ref().map(|open| open.timer)
    }

    /// Gives the reply's buffer back for the next exchange.
    pub(crate) fn recycle(&mut self, reply: Reply) {
        self.reply = reply;
    }

    /// Whether lines of an answer came since this was asked last.
    pub(crate) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    /// Whether a line waits for its end.
    pub(crate) fn is_partial(&self) -> bool {
        self.reader.is_partial()
    }

    /// Takes a line without its end for whole.
    pub(crate) fn flush(&mut self) {
        self.reader.flush();
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.reader.clear();
        self.reply.clear();
        self.open = None;
    }

    fn wants_prompt(&self) -> bool {
        let waiting = |open: &Open| open.command.prompts() && open.handed.is_none();
        self.open.as_ref().is_some_and(waiting)
    }

    fn end(&mut self, end: Final, now: Instant) -> Heard {
        // An error of the message service cannot be about a command that has nothing to do with it: it is a late one.
        let foreign = matches!(end, Final::Cms(_)) && self.open.as_ref().is_some_and(|open| open.timer == Timer::Alive);
        if foreign {
            return Heard::Stray(end);
        }
        match self.close(Ending::Final(end.clone()), now) {
            Some(answer) => Heard::Answer(answer),
            None => Heard::Stray(end),
        }
    }

    fn close(&mut self, ending: Ending, now: Instant) -> Option<Answer> {
        let open = self.open.take()?;
        Some(Answer {
            ending,
            reply: std::mem::take(&mut self.reply),
            handed: open.handed.map(|at| now.saturating_duration_since(at)),
            asked: now.saturating_duration_since(open.asked),
        })
    }
}

impl Answer {
    /// It ended with OK.
    pub(crate) fn is_ok(&self) -> bool {
        matches!(&self.ending, Ending::Final(end) if end.is_ok())
    }

    /// The deadline passed.
    pub(crate) fn is_silent(&self) -> bool {
        self.ending == Ending::Silence
    }

    /// The SIM or the modem is busy and is to be asked again (CME 14 and 515, CMS 314).
    pub(crate) fn is_busy(&self) -> bool {
        let Ending::Final(end) = &self.ending else { return false };
        matches!(end.cme(), Some(14 | 515)) || end.cms() == Some(314)
    }

    /// The code of a `+CME ERROR`.
    pub(crate) fn cme(&self) -> Option<u16> {
        match &self.ending {
            Ending::Final(end) => end.cme(),
            Ending::Silence => None,
        }
    }

    /// The end, for people.
    pub(crate) fn words(&self) -> String {
        match &self.ending {
            Ending::Final(end) => end.to_string(),
            Ending::Silence => String::from("no answer"),
        }
    }
}

fn late_reference(line: &[u8]) -> Heard {
    match reply::cmgs(line).or_else(|_| reply::cmss(line)) {
        Ok(taken) => Heard::Reference(reference(taken)),
        Err(_) => Heard::Noise(1),
    }
}

/// TP-MR has eight bits; some modems write a counter of their own.
pub(crate) fn reference(taken: reply::Taken) -> Option<u8> {
    taken.number.and_then(|number| u8::try_from(number).ok())
}

/// What a line without end counts as.
const LONG_NOISE: u32 = 50;
