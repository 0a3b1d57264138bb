//! Spells without an answer, for commands that go on: a gateway that restarts is asked again, one that refuses is not.

use std::time::Duration;

use tokio::time::sleep;

use super::Client;
use crate::failure::Failure;
use crate::screen::note;

/// A gateway that may fall silent for a while. Each spell is told by one line on standard error when it begins and by one when
/// it is over.
pub(crate) struct Spell<'a> {
    client: &'a Client,
    /// How long it was waited for last, while there is no answer.
    pause: Option<Duration>,
}

impl<'a> Spell<'a> {
    /// It answers now.
    pub(crate) fn none(client: &'a Client) -> Self {
        Self { client, pause: None }
    }

    /// Whether the last call was not answered. Somebody who then asks for something that may take long does not hear that it
    /// answers again.
    pub(crate) fn lasts(&self) -> bool {
        self.pause.is_some()
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// The failure itself, where trying again does not help.
    pub(crate) async fn bear(&mut self, failure: Failure) -> Result<(), Failure> {
        if !failure.passes() {
            return Err(failure);
        }
        let pause = match self.pause {
            None => {
                let sentence = failure.sentence().unwrap_or("no answer");
                // What could be wrong with the call is not the question: it worked before.
                let told = sentence.split(';').next().unwrap_or(sentence);
                note(&format!("{told}; trying again until it answers"));
                FIRST
            }
            Some(last) => (last * 2).min(LONGEST),
        };
        self.pause = Some(pause);
        sleep(pause).await;
        Ok(())
    }

    /// There was an answer.
    pub(crate) fn over(&mut self) {
        if self.pause.take().is_some() {
            note(&format!("{} answers again", self.client.url));
        }
    }
}

/// A restart takes about a second.
const FIRST: Duration = Duration::from_millis(250);

/// The longest pause: what came meanwhile is seen so late at most.
const LONGEST: Duration = Duration::from_secs(10);
