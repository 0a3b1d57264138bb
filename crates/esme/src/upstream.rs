//! One upstream: what its connections share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gateway::CarrierEvent;
use message::{BeginMark, Outcome, PeerId, Priority, RouteId};
use smpp::Status;
use tokio::sync::{mpsc, watch};

use crate::board::{Board, Waiting};
use crate::places::Places;
use crate::stamps::Stamps;
use crate::{Config, clock};

/// An upstream.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: RouteId,
    pub(crate) config: Config,
    board: Mutex<Board>,
    /// These two go on where its settings change: a place is of one message, and what is repeated is known again.
    stamps: Arc<Mutex<Stamps>>,
    /// What waits for our answer.
    pub(crate) places: Arc<Places>,
    /// Changes when something waits for a connection.
    pub(crate) news: watch::Sender<u64>,
    /// Changes when what is not answered yet is to be handed over again.
    pub(crate) again: watch::Sender<u64>,
    events: mpsc::Sender<CarrierEvent>,
}

/// Whether the connections of an upstream are to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// They are.
    Kept,
    /// It has other settings, or is configured no more: what is open is finished, and then they are unbound.
    Drained,
    /// The gateway stops.
    Closed,
}

/// A part that a connection is done with.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) ticket: u64,
    pub(crate) outcome: Outcome,
    pub(crate) id: Option<PeerId>,
    /// What the upstream said, if it said something.
    pub(crate) status: Option<Status>,
    /// When it was handed over.
    pub(crate) since: Instant,
}

impl Upstream {
    /// An upstream; `before`: what it was with other settings.
    pub(crate) fn new(
        name: RouteId,
        config: Config,
        events: mpsc::Sender<CarrierEvent>,
        before: Option<&Self>,
    ) -> Self {
        Self {
            board: Mutex::new(Board::new(&name, &config)),
            stamps: before.map(|before| Arc::clone(&before.stamps)).unwrap_or_default(),
            places: before.map(|before| Arc::clone(&before.places)).unwrap_or_default(),
            news: watch::Sender::new(0),
            again: watch::Sender::new(0),
            name,
            config,
            events,
        }
    }

    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stamps(&self) -> MutexGuard<'_, Stamps> {
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a part for whichever connection has room.
    ///
    /// # Errors
    /// Why it cannot, for people.
    pub(crate) fn submit(
        &self,
        ticket: u64,
        tpdu: Vec<u8>,
        priority: Priority,
        mark: Option<Arc<dyn BeginMark>>,
    ) -> Result<(), String> {
        let since = clock::steady();
        let waiting = Waiting {
            ticket,
            tpdu,
            priority,
            since,
            mark,
        };
        self.board().submit(waiting)?;
        self.look();
        Ok(())
    }

    /// Takes a part back that waits for a connection; one that has left there goes on.
    pub(crate) fn withdraw(&self, ticket: u64) {
        let waits = self.board().withdraw(ticket);
        if waits {
            self.look();
        }
    }

    /// Has the connections look at what waits.
    fn look(&self) {
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }

    /// Tells of what was asked back.
    pub(crate) async fn give_back(&self) {
        let asked_back = self.board().asked_back();
        for Waiting { ticket, since, .. } in asked_back {
            self.ended(unsent(ticket, since, "it was asked back")).await;
        }
    }

    /// The route stands otherwise; what lost its connection goes back.
    pub(crate) async fn changed(&self, homeless: Vec<Waiting>) {
        // In this order: the gateway is not to hand it over again at once.
        self.tell(CarrierEvent::Changed).await;
        for waiting in homeless {
            self.ended(unsent(waiting.ticket, waiting.since, NO_CONNECTION)).await;
        }
    }

    /// The end of an attempt.
    pub(crate) async fn ended(&self, ended: Ended) {
        let took = clock::steady().saturating_duration_since(ended.since);
        self.board().ended(&ended.outcome, ended.status, took);
        self.tell(CarrierEvent::Settled {
            route: self.name.clone(),
            ticket: ended.ticket,
            outcome: ended.outcome,
            journal: None,
            id: ended.id,
        })
        .await;
    }

    /// Tells the gateway. It waits where much is told already: then nothing more is read from the upstream.
    pub(crate) async fn tell(&self, event: CarrierEvent) {
        // A gateway that is gone is on its way down, and keeps nothing more.
        let _ = self.events.send(event).await;
    }
}

/// A part of which surely nothing went out, and why.
pub(crate) fn unsent(ticket: u64, since: Instant, reason: &str) -> Ended {
    let reason = reason.to_owned();
    Ended {
        ticket,
        outcome: Outcome::NotBegun { reason },
        id: None,
        status: None,
        since,
    }
}

/// Why a part of which nothing went out comes back.
pub(crate) const NO_CONNECTION: &str = "it waits for a connection to the upstream";
