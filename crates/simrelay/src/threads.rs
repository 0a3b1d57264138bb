//! The threads of a gateway.
//!
//! One thread has everything between the modems' ports and the store: the pool, the carriers and the flows. What one
//! hands to the next needs no other thread to wake up, and one is enough for hundreds of modems. The API and the consumers
//! have threads of their own, so that no flood of requests, mails or alerts holds up a modem. What waits for a disk, a
//! driver or bcrypt has further threads as it needs them.

use std::future::Future;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::failure::Failure;

/// The threads, before anything runs on them.
pub(crate) struct Threads {
    modems: Runtime,
    api: Runtime,
}

impl Threads {
    /// Makes them.
    pub(crate) fn new() -> Result<Self, Failure> {
        let refused = |error| Failure::refused(format!("cannot start: {error}"));
        let cores = available_parallelism().map_or(1, usize::from);
        let api = Builder::new_multi_thread()
            .worker_threads((cores / 2).clamp(1, API_THREADS))
            .thread_name("api")
            .enable_all()
            .build()
            .map_err(refused)?;
        let modems = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("modems")
            .enable_all()
            .build()
            .map_err(refused)?;
        Ok(Self { modems, api })
    }

    /// Runs `work`, and all that it spawns, on the modems' thread; it is given the way to the API's.
    pub(crate) fn run<W: Future>(self, work: impl FnOnce(Handle) -> W) -> W::Output {
        let done = self.modems.block_on(work(self.api.handle().clone()));
        // A connection that is still open then has had its time.
        self.api.shutdown_background();
        done
    }
}

/// More do not serve one box's clients faster.
const API_THREADS: usize = 4;
