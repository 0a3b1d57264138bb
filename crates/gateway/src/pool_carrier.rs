//! The pool of modems as a carrier: its events and snapshots in the words of the flows.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use message::{Committed, JournalEntry, Level, Memory, RouteId, SlotSnapshot, SlotState, TraceView, TraceWish};
use modem::{Event, Job, PinIdentity, PinVerdict, Send, UssdAction};
use pool::{PoolEvent, PoolHandle, SlotEvent};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use crate::carrier::{
    Ahead, Carrier, CarrierEvent, CarrierEvents, NotTaken, Obstacle, PinTry, RouteStatus, UssdFailure, UssdStep,
};
use crate::outgoing::desk::Handover;

/// The pool of modems.
#[derive(Debug)]
pub struct PoolCarrier {
    pool: PoolHandle,
    /// Slots whose attempts are journalled on the modem.
    journals: RwLock<BTreeSet<RouteId>>,
    /// What was found about the card in each slot.
    cards: Mutex<HashMap<RouteId, Card>>,
    /// The PIN tries the modems wait for an answer to.
    pins: Mutex<HashMap<RouteId, modem::PinTry>>,
}

/// A card that was judged. A modem tells of the same card each time it learns more of it.
#[derive(Debug, PartialEq, Eq)]
struct Card {
    iccid: Option<String>,
    /// Why nothing may be sent by it.
    refused: Option<String>,
}

impl PoolCarrier {
    /// The pool behind `pool` and `events`; slots named in `journals` keep a trace of each attempt on the modem.
    pub fn new(
        pool: PoolHandle,
        events: mpsc::Receiver<PoolEvent>,
        journals: BTreeSet<RouteId>,
    ) -> (Arc<Self>, CarrierEvents) {
        let carrier = Arc::new(Self {
            pool,
            journals: RwLock::new(journals),
            cards: Mutex::default(),
            pins: Mutex::default(),
        });
        let (translator, mut events) = (Arc::clone(&carrier), events);
        let told = poll_fn(move |context| events.poll_recv(context));
        let told = told.filter_map(move |event| std::future::ready(translator.translate(event)));
        (carrier, told.boxed())
    }

    /// From now on attempts are journalled in these slots.
    pub fn journal_in(&self, journals: BTreeSet<RouteId>) {
        *self.journals.write().unwrap_or_else(PoisonError::into_inner) = journals;
    }

    fn translate(&self, event: PoolEvent) -> Option<CarrierEvent> {
        let route = event.slot;
        match event.event {
            SlotEvent::Up { port } => info!(modem = %route, "{route} has a modem at {port}"),
            SlotEvent::Down { reason } => {
                warn!(modem = %route, "{route} has no modem: {reason}");
                self.cards().remove(&route);
            }
            SlotEvent::Modem(event) => return self.translate_modem(route, event),
        }
        Some(CarrierEvent::Changed)
    }

    fn translate_modem(&self, route: RouteId, event: Event) -> Option<CarrierEvent> {
        Some(match event {
            Event::StateChanged { state, reason } => {
                info!(modem = %route, state = state.words(), "{route}: {reason}");
                CarrierEvent::Changed
            }
            Event::SimIdentified(sim) => CarrierEvent::SimIdentified {
                route,
                iccid: sim.iccid,
            },
            Event::PinWanted(wanted) => {
                let pin_try = recorded(&route, &wanted);
                self.pins().insert(route.clone(), wanted);
                CarrierEvent::PinWanted { route, pin_try }
            }
            Event::PinVerdict { pin_try, verdict } => {
                let accepted = match verdict {
                    PinVerdict::Accepted => Some(true),
                    PinVerdict::Rejected => Some(false),
                    PinVerdict::Unknown => None,
                };
                CarrierEvent::PinVerdict {
                    pin_try: recorded(&route, &pin_try),
                    route,
                    accepted,
                }
            }
            Event::Received(raw) => CarrierEvent::Received {
                route,
                raw,
                identity: None,
            },
            Event::Settled {
                ticket,
                outcome,
                journal,
            } => CarrierEvent::Settled {
                route,
                ticket,
                outcome,
                journal,
                id: None,
            },
            Event::JournalFound { entry, sent } => CarrierEvent::JournalFound { route, entry, sent },
            Event::JournalFreed { entry, gone } => CarrierEvent::JournalFreed { route, entry, gone },
            Event::UssdReplied { reply, asked } => CarrierEvent::Ussd {
                route,
                reply: Ok(reply),
                asked,
            },
            Event::UssdFailed { reason, fault } => CarrierEvent::Ussd {
                route,
                reply: Err(UssdFailure { reason, fault }),
                asked: true,
            },
            Event::Called { from } => CarrierEvent::Called { route, from },
            Event::Recovery { step, reason } => {
                warn!(modem = %route, "{route}: recovery, {}: {reason}", step.word());
                CarrierEvent::Changed
            }
            Event::StorageFull { memory } => {
                warn!(modem = %route, "memory {} of {route} is full", memory.as_deref().unwrap_or("of the modem"));
                return None;
            }
            Event::Notice(notice) => {
                info!(modem = %route, "{notice}");
                return None;
            }
            Event::Identified(_) => return None,
        })
    }

    fn status(&self, slot: &SlotSnapshot) -> RouteStatus {
        let obstacle = self.obstacle(slot);
        let broken = matches!(slot.state, SlotState::Absent | SlotState::Quarantined)
            || obstacle.as_ref().is_some_and(|obstacle| obstacle.needs_operator);
        RouteStatus {
            route: slot.slot.clone(),
            number: slot.number.clone(),
            network: slot.operator.clone(),
            obstacle,
            level: if broken { Level::Critical } else { Level::Ok },
            at_once: 1,
            // A journal holds one part at a time.
            ahead: match self.is_journalled(&slot.slot) {
                true => Ahead::None,
                false => Ahead::OneMore,
            },
        }
    }

    fn obstacle(&self, slot: &SlotSnapshot) -> Option<Obstacle> {
        if !slot.state.can_send() {
            let needs_operator = matches!(
                slot.state,
                SlotState::Locked | SlotState::WrongSim | SlotState::NoSim | SlotState::Disabled
            );
            return Some(Obstacle {
                sentence: slot.reason.clone(),
                needs_operator,
            });
        }
        let cards = self.cards();
        let judged = cards.get(&slot.slot).filter(|card| card.iccid == slot.iccid);
        let Some(card) = judged else {
            return Some(Obstacle {
                sentence: "its card is being looked at".into(),
                needs_operator: false,
            });
        };
        card.refused.clone().map(|sentence| Obstacle {
            sentence,
            needs_operator: true,
        })
    }

    fn is_journalled(&self, route: &RouteId) -> bool {
        let journals = self.journals.read().unwrap_or_else(PoisonError::into_inner);
        journals.contains(route)
    }

    fn pass(&self, route: &RouteId, job: Job) -> Result<(), NotTaken> {
        self.pool.submit(route, job).map_err(|error| NotTaken {
            reason: error.to_string(),
        })
    }

    fn cards(&self) -> MutexGuard<'_, HashMap<RouteId, Card>> {
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pins(&self) -> MutexGuard<'_, HashMap<RouteId, modem::PinTry>> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Carrier for PoolCarrier {
    fn routes(&self) -> Vec<RouteStatus> {
        self.pool.snapshots().iter().map(|slot| self.status(slot)).collect()
    }

    fn route(&self, route: &RouteId) -> Option<RouteStatus> {
        self.pool.snapshot(route).map(|slot| self.status(&slot))
    }

    fn slots(&self) -> Vec<SlotSnapshot> {
        let shown = |slot: &Arc<SlotSnapshot>| {
            let mut slot = SlotSnapshot::clone(slot);
            let refused = self.cards().get(&slot.slot).and_then(|card| card.refused.clone());
            if let Some(reason) = refused.filter(|_| slot.state.can_send()) {
                slot.state = SlotState::WrongSim;
                slot.reason = reason;
            }
            slot
        };
        self.pool.snapshots().iter().map(shown).collect()
    }

    fn submit(&self, handover: Handover) -> Result<(), NotTaken> {
        let Handover {
            route,
            ticket,
            tpdu,
            proof,
            more,
            mark,
            ..
        } = handover;
        let journal = self.is_journalled(&route);
        let send = Send {
            ticket,
            tpdu,
            proof: proof.map(drop),
            journal,
            mark,
            burst: more,
        };
        self.pass(&route, Job::Send(send))
    }

    fn withdraw(&self, route: &RouteId, ticket: u64) {
        if let Err(not_taken) = self.pass(route, Job::Withdraw { ticket }) {
            debug!(modem = %route, ticket, "a part is not asked back: {}", not_taken.reason);
        }
    }

    fn confirm(&self, route: &RouteId, kept: Committed<Option<Memory>>) -> Result<(), NotTaken> {
        let job = match kept.transpose() {
            Some(proof) => Job::Delete { proof },
            None => Job::Acknowledge { proof: kept.map(drop) },
        };
        self.pass(route, job)
    }

    fn free(&self, route: &RouteId, entry: Committed<JournalEntry>) -> Result<(), NotTaken> {
        self.pass(route, Job::Free { proof: entry })
    }

    fn hand_over_again(&self, route: &RouteId) -> Result<(), NotTaken> {
        let ready = self.pool.snapshot(route).is_some_and(|slot| slot.state.can_send());
        if !ready {
            return Err(NotTaken {
                reason: "the slot is not ready".into(),
            });
        }
        self.pass(route, Job::Sweep { again: true })
    }

    fn ussd(&self, route: &RouteId, step: UssdStep) -> Result<(), NotTaken> {
        let action = match step {
            UssdStep::Start(code) => UssdAction::Start { code },
            UssdStep::Reply(text) => UssdAction::Reply { text },
            UssdStep::Cancel => UssdAction::Cancel,
        };
        self.pass(route, Job::Ussd(action))
    }

    fn enter_pin(&self, route: &RouteId, verdict: Result<Committed<PinTry>, String>) {
        let Some(wanted) = self.pins().remove(route) else {
            return;
        };
        let job = match verdict {
            Ok(proof) => Job::EnterPin {
                proof: proof.map(|_| wanted),
            },
            Err(reason) => Job::RefusePin { reason },
        };
        if let Err(not_taken) = self.pass(route, job) {
            warn!(modem = %route, "the modem is not told about its PIN: {}", not_taken.reason);
        }
    }

    fn judge_card(&self, route: &RouteId, verdict: Result<Option<String>, String>) {
        let iccid = self.pool.snapshot(route).and_then(|slot| slot.iccid.clone());
        let card = match verdict {
            Ok(iccid) => Card { iccid, refused: None },
            Err(reason) => Card {
                iccid,
                refused: Some(reason),
            },
        };
        let mut cards = self.cards();
        if let Some(reason) = card.refused.as_ref().filter(|_| cards.get(route) != Some(&card)) {
            warn!(modem = %route, "nothing is sent: {reason}");
        }
        cards.insert(route.clone(), card);
    }

    fn trace(&self, route: &RouteId, wish: Option<TraceWish>) -> Result<Option<TraceView>, NotTaken> {
        self.pool.trace(route, wish).map_err(|reason| NotTaken { reason })
    }

    fn traces(&self) -> Vec<TraceView> {
        self.pool.traces()
    }

    fn unlock(&self, route: &RouteId) -> Result<(), NotTaken> {
        let slot = self.pool.snapshot(route);
        if slot.as_ref().is_some_and(|slot| slot.state.can_send()) {
            // Only its card was refused: it is the slot's from now on.
            let iccid = slot.and_then(|slot| slot.iccid.clone());
            self.judge_card(route, Ok(iccid));
            return Ok(());
        }
        self.pass(route, Job::Unlock)
    }
}

/// What a try is recorded under.
fn recorded(route: &RouteId, pin_try: &modem::PinTry) -> PinTry {
    let identity = match &pin_try.identity {
        PinIdentity::Iccid(number) | PinIdentity::Imei(number) => number.clone(),
        PinIdentity::Unknown => route.to_string(),
    };
    PinTry {
        identity,
        tries_left: pin_try.tries_left,
        mark: pin_try.mark,
    }
}
