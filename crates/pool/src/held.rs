//! The parts that a slot's machine has: the end of each is told, even where the machine cannot tell it any more.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use message::{BeginMark, Outcome, UssdFault};
use modem::{Event, Job};

/// The parts, in the order they were given to the machine.
#[derive(Debug, Default)]
pub(crate) struct Held(VecDeque<Part>);

#[derive(Debug)]
struct Part {
    ticket: u64,
    mark: Option<Arc<dyn BeginMark>>,
    /// Since when it may go out.
    begun: Option<Instant>,
}

impl Held {
    /// The machine is given a job.
    pub(crate) fn give(&mut self, job: &Job) {
        if let Job::Send(part) = job {
            self.0.push_back(Part {
                ticket: part.ticket,
                mark: part.mark.clone(),
                begun: None,
            });
        }
    }

    /// The machine begins a part: whoever wants that noted has it noted first.
    ///
    /// # Errors
    /// It could not be noted.
    pub(crate) fn begins(&mut self, ticket: u64, now: Instant) -> io::Result<()> {
        let Some(part) = self.0.iter_mut().find(|part| part.ticket == ticket) else {
            return Ok(());
        };
        part.begun = Some(now);
        part.mark.as_ref().map_or(Ok(()), |mark| mark.set())
    }

    /// The machine, or the slot for it, tells something. Where it is the end of a part: how long that took since it began.
    pub(crate) fn hear(&mut self, event: &Event) -> Option<Duration> {
        let Event::Settled { ticket, .. } = event else {
            return None;
        };
        let place = self.0.iter().position(|part| part.ticket == *ticket)?;
        let part = self.0.remove(place)?;
        part.begun.map(|since| since.elapsed())
    }

    /// What is told for a machine that is gone without a word: nobody knows whether a part that had begun was handed over;
    /// the others were not.
    pub(crate) fn orphaned(&mut self, reason: &str) -> Vec<Event> {
        let settled = std::mem::take(&mut self.0).into_iter().map(|part| Event::Settled {
            ticket: part.ticket,
            outcome: match part.begun {
                Some(_) => Outcome::Uncertain { reason: reason.into() },
                None => Outcome::NotBegun { reason: reason.into() },
            },
            journal: None,
        });
        let step = Event::UssdFailed {
            reason: reason.to_owned(),
            fault: UssdFault::Passing,
        };
        settled.chain([step]).collect()
    }
}
