//! The parts that a slot's machine has: the end of each is told, even where the machine cannot tell it any more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use message::{Cause, ErrorClass, Failure, Outcome};
use modem::{Event, Job};

/// Tickets of parts with the time each was given to the machine, in that order.
#[derive(Debug, Default)]
pub(crate) struct Held(VecDeque<(u64, Instant)>);

impl Held {
    /// The machine is given a job.
    pub(crate) fn give(&mut self, job: &Job, now: Instant) {
        if let Job::Send(part) = job {
            self.0.push_back((part.ticket, now));
        }
    }

    /// The machine, or the slot for it, tells something. Where it is the end of a part: how long the machine had it.
    pub(crate) fn hear(&mut self, event: &Event) -> Option<Duration> {
        let Event::Settled { ticket, .. } = event else {
            return None;
        };
        let place = self.0.iter().position(|(held, _)| held == ticket)?;
        let (_, since) = self.0.remove(place)?;
        Some(since.elapsed())
    }

    /// What is told for a machine that is gone without a word.
    ///
    /// It begins a part only after the end of the one before. So nobody knows whether the first was handed over, and the
    /// others were not.
    pub(crate) fn orphaned(&mut self, reason: &str) -> Vec<Event> {
        let tickets = std::mem::take(&mut self.0).into_iter().enumerate();
        let settled = tickets.map(|(place, (ticket, _))| Event::Settled {
            ticket,
            outcome: match place {
                0 => uncertain(reason),
                _ => not_handed_over(reason),
            },
            journal: None,
        });
        let step = Event::UssdFailed {
            reason: reason.to_owned(),
            unsupported: false,
        };
        settled.chain([step]).collect()
    }
}

fn uncertain(reason: &str) -> Outcome {
    Outcome::Uncertain {
        reason: reason.to_owned(),
    }
}

fn not_handed_over(reason: &str) -> Outcome {
    Outcome::Failed(Failure {
        class: ErrorClass::Hold,
        cause: Cause::Gateway,
        reason: format!("{reason}; nothing was handed over"),
    })
}
