//! The threads that read, each with its own read-only connection.
//!
//! A reader sees everything that was committed before it was asked. Reads are short: answers are bounded, and what
//! must look at the whole file (integrity check, backup, search) says so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::names::Names;
use crate::{Config, Error, connection, fault};

/// What a question works with.
pub(crate) struct Glance<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) names: &'a mut Names,
}

/// One reading thread.
pub(crate) struct Reader {
    pub(crate) questions: Arc<Mutex<Receiver<Box<dyn Ask>>>>,
    pub(crate) path: PathBuf,
    pub(crate) config: Arc<Config>,
    pub(crate) names: Names,
}

/// A question without its types.
pub(crate) trait Ask: Send {
    /// Asks, and answers whoever wants to know; false where the connection is not to be used again.
    fn ask(self: Box<Self>, glance: Result<&mut Glance<'_>, Error>) -> bool;
}

/// A question with its types.
pub(crate) struct Question<F, T> {
    pub(crate) ask: F,
    pub(crate) reply: oneshot::Sender<Result<T, Error>>,
    /// The place in the bounded queue.
    pub(crate) _place: OwnedSemaphorePermit,
}

impl Reader {
    /// Answers until nobody is left who could ask.
    pub(crate) fn run(mut self) {
        let mut conn = None;
        while let Some(question) = self.next() {
            let opened = match conn.take() {
                Some(conn) => Ok(conn),
                None => connection::reading(&self.path, &self.config).map_err(|trouble| fault::error(&trouble)),
            };
            conn = self.answer(question, opened);
        }
    }

    /// The readers take turns: one waits for a question, the others wait for their turn or work.
    fn next(&self) -> Option<Box<dyn Ask>> {
        let questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.recv().ok()
    }

    fn answer(&mut self, question: Box<dyn Ask>, opened: Result<Connection, Error>) -> Option<Connection> {
        let conn = match opened {
            Ok(conn) => conn,
            Err(error) => {
                question.ask(Err(error));
                return None;
            }
        };
        let mut glance = Glance {
            conn: &conn,
            names: &mut self.names,
        };
        question.ask(Ok(&mut glance)).then_some(conn)
    }
}

/// A connection that a panic went through is not used again: its transaction may be open.
fn is_panic(trouble: &rusqlite::Error) -> bool {
    matches!(trouble, rusqlite::Error::UnwindingPanic)
}

impl<F, T> Ask for Question<F, T>
where
    F: FnOnce(&mut Glance<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn ask(self: Box<Self>, glance: Result<&mut Glance<'_>, Error>) -> bool {
        let Self { ask, reply, _place } = *self;
        let asked = glance.map(|glance| {
            catch_unwind(AssertUnwindSafe(|| ask(glance))).unwrap_or(Err(rusqlite::Error::UnwindingPanic))
        });
        let (answer, sound) = match asked {
            Ok(Ok(answer)) => (Ok(answer), true),
            Ok(Err(trouble)) => {
                tracing::warn!(%trouble, "a read failed");
                (
                    Err(fault::error(&trouble)),
                    !fault::is_common(&trouble) && !is_panic(&trouble),
                )
            }
            Err(error) => (Err(error), false),
        };
        drop(reply.send(answer));
        sound
    }
}
