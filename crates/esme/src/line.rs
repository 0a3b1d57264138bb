//! A connection that there is to be: made, bound, spoken over, and made again when it ended.

use std::sync::Arc;
use std::time::Duration;

use smpp::Status;
use smpp::session::{BindMode, Why};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock;
use crate::config::seconds;
use crate::dial::{Dialer, Dialled};
use crate::pauses::Pauses;
use crate::talk::{self, Left};
use crate::trace::{Opener, Traces};
use crate::upstream::{Upstream, Wanted};

/// Keeps one connection of an upstream.
pub(crate) struct Line {
    pub(crate) upstream: Arc<Upstream>,
    /// Which of its connections.
    pub(crate) place: usize,
    pub(crate) mode: BindMode,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) traces: Arc<Traces>,
    /// Whether it is still to be there.
    pub(crate) wanted: watch::Receiver<Wanted>,
}

/// How an attempt to be bound ended.
struct End {
    reason: String,
    /// Only a person can mend it.
    refused: bool,
    /// How long it was bound.
    bound: Duration,
}

impl Line {
    /// Runs until it is not wanted any more.
    pub(crate) async fn keep(mut self) {
        let config = &self.upstream.config;
        let mut pauses = Pauses::new(seconds(config.reconnect_s), seconds(config.reconnect_most_s));
        let name = self.upstream.name.clone();
        while self.is_wanted() {
            let end = self.speak().await;
            if !self.is_wanted() {
                break;
            }
            let pause = match end.refused {
                true => pauses.long(),
                false => pauses.after(end.bound),
            };
            tracing::warn!(upstream = %name, mode = self.mode.name(), again_in = ?pause, "no connection: {}", end.reason);
            let homeless = self.upstream.board().down(self.place, end.reason, end.refused);
            self.upstream.changed(homeless).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // A sender that is gone means stop as well.
                _ = self.wanted.wait_for(|wanted| *wanted != Wanted::Kept) => {}
            }
        }
        let homeless = self.upstream.board().down(self.place, OVER.to_owned(), false);
        self.upstream.changed(homeless).await;
    }

    fn is_wanted(&self) -> bool {
        *self.wanted.borrow() == Wanted::Kept
    }

    /// One connection from its beginning to its end.
    async fn speak(&mut self) -> End {
        let limit = seconds(self.upstream.config.connect_s);
        let mut wanted = self.wanted.clone();
        let dialled = tokio::select! {
            dialled = timeout(limit, self.dialer.dial()) => dialled,
            _ = wanted.wait_for(|wanted| *wanted != Wanted::Kept) => return End::before(OVER.to_owned()),
        };
        let address = &self.upstream.config.address;
        let Dialled { stream, ends } = match dialled {
            Ok(Ok(dialled)) => dialled,
            Ok(Err(error)) => return End::before(format!("{address} cannot be reached: {error}")),
            Err(_) => return End::before(format!("{address} cannot be reached in {} s", limit.as_secs())),
        };
        let mut tap = self.traces.tap(ends, Opener::We);
        tap.is(self.upstream.name.as_str());
        let Left { why, bound_at } = talk::over(
            (stream, tap),
            &self.upstream,
            (self.place, self.mode),
            self.wanted.clone(),
        )
        .await;
        let now = clock::steady();
        End {
            refused: matches!(why, Why::Refused(status) if NEEDS_A_PERSON.contains(&status)),
            reason: why.to_string(),
            bound: bound_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at)),
        }
    }
}

impl End {
    fn before(reason: String) -> Self {
        Self {
            reason,
            refused: false,
            bound: Duration::ZERO,
        }
    }
}

/// Why there is no connection that is not wanted any more.
const OVER: &str = "it is unbound";
/// Refusals of a bind that stay until somebody corrects name, password or account.
const NEEDS_A_PERSON: [Status; 3] = [Status::INVALID_PASSWORD, Status::INVALID_SYSTEM_ID, Status::BIND_FAILED];
