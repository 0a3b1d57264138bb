//! Keeping what was drafted, and setting it going later: for whoever has to answer somebody first.

use message::{Api, Counted};
use store::{AcceptedParts, NewMessage};

use super::send::refused;
use crate::{Error, Gateway};

impl Gateway {
    /// Keeps what was drafted: when this answers, the message is durable. It goes out once it is told with
    /// [`Gateway::accepted`].
    ///
    /// # Errors
    /// As [`Gateway::hand_in`].
    pub async fn keep(&self, message: NewMessage) -> Result<AcceptedParts, Error> {
        let kept = self.inner.store.accept(message).await.map_err(refused)?;
        Ok(kept.into_inner())
    }

    /// The same for several that came together, with an answer for each in their order; they share what a commit costs.
    ///
    /// # Errors
    /// Each as with [`Gateway::hand_in`].
    pub async fn keep_all(&self, messages: Vec<NewMessage>) -> Vec<Result<AcceptedParts, Error>> {
        let kept = self.inner.store.accept_all(messages).await.into_iter();
        kept.map(|one| one.map(|kept| kept.into_inner()).map_err(refused))
            .collect()
    }

    /// These were kept, and came in by `api`: their parts go out. Told together, they wake the dispatcher once.
    pub fn accepted_all(&self, api: Api, kept: impl IntoIterator<Item = AcceptedParts>) {
        let mut due = Vec::new();
        for one in kept {
            if !one.accepted.repeated {
                self.inner.tally.count(Counted::Submitted(api));
            }
            due.extend(one.due);
        }
        self.arrived(due);
    }
}
