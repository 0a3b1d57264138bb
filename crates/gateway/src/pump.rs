//! Takes a carrier's events to whoever works them. It decides nothing and waits for nobody but full channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::Gateway;
use crate::care::Purses;
use crate::carrier::{Carrier, CarrierEvent, CarrierEvents, RouteStatus};
use crate::incoming::intake::Intake;
use crate::outgoing::desk::End;
use crate::outgoing::dispatch::{Command, SettledAttempt};
use crate::sim::Cards;
use crate::ussd::Dialogues;

/// One carrier's pump.
#[derive(Debug)]
pub(crate) struct Pump {
    carrier: Arc<dyn Carrier>,
    dispatcher: mpsc::Sender<Command>,
    dialogues: Arc<Dialogues>,
    cards: Cards,
    purses: Arc<Purses>,
    intake: Intake,
    overflowed: Arc<AtomicBool>,
}

impl Pump {
    pub(crate) fn new(gateway: &Gateway, carrier: Arc<dyn Carrier>) -> Self {
        let inner = &gateway.inner;
        let intake = Intake {
            store: inner.store.clone(),
            carrier: Arc::clone(&carrier),
            dispatcher: inner.dispatcher.clone(),
            in_force: Arc::clone(&inner.in_force),
            unkept: Arc::clone(&inner.unkept),
            probes: Arc::clone(&inner.probes),
        };
        Self {
            cards: Cards {
                store: inner.store.clone(),
                carrier: Arc::clone(&carrier),
            },
            carrier,
            dispatcher: inner.dispatcher.clone(),
            dialogues: Arc::clone(&inner.dialogues),
            purses: Arc::clone(&inner.purses),
            intake,
            overflowed: Arc::clone(&inner.overflowed),
        }
    }

    /// Runs until the carrier is gone.
    pub(crate) async fn run(self, mut events: CarrierEvents) {
        let (taken, intake) = mpsc::channel(INTAKE);
        let keeping = tokio::spawn(self.intake.clone().run(intake));
        self.tell(Command::Facts(self.routes())).await;
        while let Some(event) = events.next().await {
            self.pass(event, &taken).await;
        }
        drop(taken);
        // The intake keeps what it has taken, then ends.
        let _ = keeping.await;
    }

    async fn pass(&self, event: CarrierEvent, taken: &mpsc::Sender<CarrierEvent>) {
        match event {
            CarrierEvent::Changed => self.tell(Command::Facts(self.routes())).await,
            CarrierEvent::Settled {
                route,
                ticket,
                outcome,
                journal,
                id,
            } => {
                self.tell(Command::Settled(SettledAttempt {
                    route,
                    ticket,
                    end: End {
                        outcome,
                        journal,
                        peer_id: id,
                    },
                }))
                .await;
            }
            CarrierEvent::JournalFreed { route, entry, gone } => {
                self.tell(Command::Freed { route, entry, gone }).await;
            }
            CarrierEvent::Ussd { route, reply, asked } => self.dialogues.told(&route, reply, asked),
            CarrierEvent::SimIdentified { route, iccid } => {
                self.cards.judge(route, iccid).await;
                self.tell(Command::Facts(self.routes())).await;
            }
            CarrierEvent::PinWanted { route, pin_try } => self.cards.decide(route, pin_try).await,
            CarrierEvent::PinVerdict { pin_try, accepted, .. } => self.cards.keep_verdict(pin_try, accepted).await,
            CarrierEvent::Received { .. }
            | CarrierEvent::Receipt { .. }
            | CarrierEvent::JournalFound { .. }
            | CarrierEvent::Called { .. } => {
                // A full intake drops it: it was not confirmed, so it lies on the modem and is asked for again, or an
                // upstream gets no answer and repeats it.
                if let Err(full) = taken.try_send(event) {
                    tracing::warn!("more comes in than can be kept; it stays where it is and comes again");
                    self.note_unkept(&full.into_inner());
                }
            }
        }
    }

    fn note_unkept(&self, event: &CarrierEvent) {
        if let CarrierEvent::Received { route, .. }
        | CarrierEvent::Receipt { route, .. }
        | CarrierEvent::JournalFound { route, .. } = event
        {
            self.intake.unkept.note(route);
        }
    }

    /// The carrier's routes, with what their balances say.
    fn routes(&self) -> Vec<RouteStatus> {
        self.purses.judged(self.carrier.routes())
    }

    async fn tell(&self, command: Command) {
        if self.overflowed.swap(false, Ordering::Relaxed) {
            let _ = self.dispatcher.send(Command::LookAgain).await;
        }
        // A dispatcher that is gone is on its way down with everything else.
        let _ = self.dispatcher.send(command).await;
    }
}

/// How many received PDUs may wait for the intake.
const INTAKE: usize = 1024;
