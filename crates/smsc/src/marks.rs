//! Marks on messages, and waiting until one is gone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use message::MessageId;
use tokio::sync::Notify;

/// Messages of which something is under way.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    marked: Mutex<HashSet<MessageId>>,
    gone: Notify,
}

/// The mark on a message; gone when it is dropped.
pub(crate) struct Mark {
    marks: Arc<Marks>,
    pub(crate) id: MessageId,
}

impl Marks {
    /// Marks a message.
    pub(crate) fn put(self: &Arc<Self>, id: MessageId) -> Mark {
        self.marked().insert(id);
        Mark {
            marks: Arc::clone(self),
            id,
        }
    }

    /// Waits until a message has no mark, and not for longer than `most`.
    pub(crate) async fn gone(&self, id: MessageId, most: Duration) {
        let gone = async {
            loop {
                let changed = self.gone.notified();
                if !self.marked().contains(&id) {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(most, gone).await;
    }

    fn marked(&self) -> MutexGuard<'_, HashSet<MessageId>> {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.marks.marked().remove(&self.id);
        self.marks.gone.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_mark_goes_on_when_it_is_gone() {
        let (marks, id) = (Arc::new(Marks::default()), MessageId::fresh());
        let mark = marks.put(id);
        let waiting = tokio::spawn({
            let marks = Arc::clone(&marks);
            async move { marks.gone(id, Duration::from_secs(10)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(mark);
        assert!(waiting.await.is_ok());
        let _kept = marks.put(id);
        marks.gone(id, Duration::from_secs(10)).await;
    }
}
