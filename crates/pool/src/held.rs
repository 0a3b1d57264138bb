//! The parts that a slot's machine has: the end of each is told, even where the machine cannot tell it any more.

use std::collections::VecDeque;

use message::{Cause, ErrorClass, Failure, Outcome};
use modem::{Event, Job};

/// Tickets of parts, in the order in which the machine was given them.
#[derive(Debug, Default)]
pub(crate) struct Held(VecDeque<u64>);

impl Held {
    /// The machine is given a job.
    pub(crate) fn give(&mut self, job: &Job) {
        if let Job::Send(part) = job {
            self.0.push_back(part.ticket);
        }
    }

    /// The machine, or the slot for it, tells something.
    pub(crate) fn hear(&mut self, event: &Event) {
        if let Event::Settled { ticket, .. } = event {
            self.0.retain(|held| held != ticket);
        }
    }

    /// What is told for a machine that is gone without a word.
    ///
    /// It begins a part only after the end of the one before. So nobody knows whether the first was handed over, and the
    /// others were not.
    pub(crate) fn orphaned(&mut self, reason: &str) -> Vec<Event> {
        let tickets = std::mem::take(&mut self.0).into_iter().enumerate();
        let settled = tickets.map(|(place, ticket)| Event::Settled {
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
