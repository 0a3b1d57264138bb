//! A job for the writer: work that may be run again, and an answer.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::Error;
use crate::desk::Desk;

/// What travels to the writer thread.
pub(crate) enum Order {
    /// Run this in the next transaction.
    Work(Box<dyn Work>),
    /// Finish and answer.
    Close(oneshot::Sender<()>),
}

/// A job without its types.
pub(crate) trait Work: Send {
    /// Runs inside a transaction. Runs again where the transaction was lost through another job's fault.
    fn run(&mut self, desk: &mut Desk<'_>) -> rusqlite::Result<()>;

    /// Called once: after the commit, or when there was none.
    fn answer(self: Box<Self>, verdict: Result<(), Error>);
}

/// A job with its types.
pub(crate) struct Task<F, T> {
    pub(crate) work: F,
    pub(crate) result: Option<T>,
    pub(crate) reply: oneshot::Sender<Result<T, Error>>,
    /// The place in the bounded queue, given back with the answer.
    pub(crate) _place: OwnedSemaphorePermit,
}

impl<F, T> Work for Task<F, T>
where
    F: FnMut(&mut Desk<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, desk: &mut Desk<'_>) -> rusqlite::Result<()> {
        self.result = None;
        self.result = Some((self.work)(desk)?);
        Ok(())
    }

    fn answer(self: Box<Self>, verdict: Result<(), Error>) {
        let result = self.result;
        let answer = verdict.and_then(|()| result.ok_or_else(|| Error::Internal("a job was not run".to_owned())));
        // Whoever asked may have gone away; the row is kept all the same.
        drop(self.reply.send(answer));
    }
}
