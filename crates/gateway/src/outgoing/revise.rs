//! Messages that wait, as whoever handed them in may still change them.

use std::time::Duration;

use message::{Committed, MessageId};
use store::{CancelError, NewMessage, ReplaceError};
use tokio::sync::oneshot;

use super::dispatch::Command;
use super::send::{refused, unavailable};
use crate::handle::too_late;
use crate::{Error, Gateway, Origin, clock};

impl Gateway {
    /// The note that a message was handed in with ([`message::ReportNotice::note`]).
    ///
    /// # Errors
    /// There is no such message that they may see, or the store does not work.
    pub async fn note_of(&self, origin: &Origin, id: MessageId) -> Result<Option<String>, Error> {
        self.status(origin, id).await?;
        self.inner.store.note(id).await.map_err(unavailable)
    }

    /// Their own messages of which something waits, in the order of acceptance, whose note is `wanted`; `to`: only those
    /// to this number.
    ///
    /// # Errors
    /// That is no number, or the store does not work.
    pub async fn waiting(
        &self,
        origin: &Origin,
        to: Option<&str>,
        wanted: impl Fn(MessageId, &str) -> bool,
    ) -> Result<Vec<MessageId>, Error> {
        let Some(token) = &origin.token else {
            return Ok(Vec::new());
        };
        let to = to.map(|to| self.number("to", to)).transpose()?;
        let waiting = self.inner.store.waiting_of(token, to.as_ref()).await;
        let waiting = waiting.map_err(unavailable)?.into_iter();
        let chosen = waiting.filter(|(id, note)| note.as_deref().is_some_and(|note| wanted(*id, note)));
        Ok(chosen.map(|(id, _)| id).collect())
    }

    /// Takes back those of their own messages that were never attempted, and tells which.
    ///
    /// # Errors
    /// The store does not work.
    pub async fn cancel_all(&self, ids: Vec<MessageId>) -> Result<Vec<MessageId>, Error> {
        let gone = self.inner.store.cancel_all(ids, clock::now()).await;
        let gone = gone.map_err(unavailable)?.into_inner();
        if !gone.is_empty() {
            self.tell(Command::Forget(gone.clone())).await;
        }
        Ok(gone)
    }

    /// Cancels a message in the store, which forbids it where a part was attempted. Where all such parts only stand behind
    /// others they are asked back, and it is tried again until they are there.
    pub(crate) async fn take_back(&self, id: MessageId) -> Result<Committed<()>, CancelError> {
        let first = self.inner.store.cancel(id, clock::now()).await;
        if !matches!(first, Err(CancelError::TooLate { .. })) {
            return first;
        }
        // In a task of its own: a caller that goes away meanwhile must not leave the message asked back for ever.
        let gateway = self.clone();
        let again = tokio::spawn(async move {
            match gateway.ask_back(id).await {
                true => Some(gateway.cancel_when_back(id).await),
                false => None,
            }
        });
        again.await.ok().flatten().unwrap_or(first)
    }

    async fn cancel_when_back(&self, id: MessageId) -> Result<Committed<()>, CancelError> {
        let mut tries = BACK_TRIES;
        let last = loop {
            tokio::time::sleep(BACK_PAUSE).await;
            tries -= 1;
            match self.inner.store.cancel(id, clock::now()).await {
                Err(CancelError::TooLate { .. }) if tries > 0 => {}
                last => break last,
            }
        };
        self.tell(Command::LetGo(id)).await;
        last
    }

    async fn ask_back(&self, id: MessageId) -> bool {
        let (asked, told) = oneshot::channel();
        self.tell(Command::AskBack(id, asked)).await;
        told.await.unwrap_or(false)
    }

    /// Puts what was drafted in the place of a message of theirs that was never attempted; it has its id.
    ///
    /// # Errors
    /// There is no such message, it is too late, or what can be said against a message that is handed in.
    pub async fn replace(&self, origin: &Origin, message: NewMessage) -> Result<(), Error> {
        let id = message.id;
        self.status(origin, id).await?;
        let kept = match self.inner.store.replace(message).await {
            Ok(kept) => kept.into_inner(),
            Err(ReplaceError::Old(CancelError::Unknown)) => return Err(Error::unknown_message()),
            Err(ReplaceError::Old(CancelError::TooLate { state })) => return Err(too_late(state, "replaced")),
            Err(ReplaceError::New(error)) => return Err(refused(error)),
            Err(ReplaceError::Old(CancelError::Store(error)) | ReplaceError::Store(error)) => {
                return Err(unavailable(error));
            }
        };
        self.tell(Command::Forget(vec![id])).await;
        self.arrived(kept.due);
        Ok(())
    }
}

/// How often, and how fast, it is looked whether a part came back from its modem.
const BACK_TRIES: u32 = 40;
const BACK_PAUSE: Duration = Duration::from_millis(25);
