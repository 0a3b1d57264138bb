//! Which card belongs where, and when its PIN may be entered.

use std::sync::Arc;

use message::RouteId;
use store::{Binding, PinVerdict, Store};
use tracing::{info, warn};

use crate::carrier::{Carrier, NotTaken, PinTry};
use crate::outgoing::dispatch::Command;
use crate::outgoing::send::unavailable;
use crate::{Error, ErrorKind, Gateway, clock};

/// The rules for one carrier's cards.
#[derive(Debug, Clone)]
pub(crate) struct Cards {
    pub(crate) store: Store,
    pub(crate) carrier: Arc<dyn Carrier>,
}

impl Cards {
    /// Decides about a PIN: the try is recorded before it is made, and one that was ever made without success is not
    /// made again until an operator releases the SIM.
    pub(crate) async fn decide(&self, route: RouteId, pin_try: PinTry) {
        let verdict = self.verdict(&route, &pin_try).await;
        if let Err(reason) = &verdict {
            warn!(modem = %route, "the PIN is not entered: {reason}");
        }
        self.carrier.enter_pin(&route, verdict);
    }

    async fn verdict(&self, route: &RouteId, pin_try: &PinTry) -> Result<message::Committed<PinTry>, String> {
        let told = |error: store::Error| format!("it cannot be recorded ({error}), so it is not made");
        let state = self.store.pin_state(&pin_try.identity).await.map_err(told)?;
        let full = pin_try.tries_left.is_some_and(|left| left >= FULL_COUNTER);
        let wrong = |entry: &store::PinTry| match entry.verdict {
            PinVerdict::Rejected => true,
            // A crash hid the answer; a counter that is still full shows that the PIN was not refused.
            PinVerdict::Open => !full,
            PinVerdict::Accepted => false,
        };
        let next = format!("then `simrelay reload` and `simrelay sim unlock {route}`");
        if state.tries.iter().any(|entry| entry.hash == refused(pin_try.mark)) {
            return Err(format!(
                "the SIM has refused this very PIN: correct it, {next}; where it is right by now, say --force with that"
            ));
        }
        if state.tries.iter().filter(|entry| entry.hash == ANY_PIN).any(wrong) {
            return Err(format!("the PIN was refused before: correct it, {next}"));
        }
        let recorded = self
            .store
            .record_pin_try(&pin_try.identity, ANY_PIN, clock::now())
            .await
            .map_err(told)?;
        Ok(recorded.map(|()| pin_try.clone()))
    }

    /// Keeps what became of a try.
    pub(crate) async fn keep_verdict(&self, pin_try: PinTry, accepted: Option<bool>) {
        let kept = match accepted {
            Some(true) => self.store.pin_accepted(&pin_try.identity, ANY_PIN).await,
            Some(false) => self.reject(&pin_try).await,
            // It stays open, which counts as refused.
            None => return,
        };
        if let Err(error) = kept {
            warn!("cannot keep what became of a PIN, so it counts as refused: {error}");
        }
    }

    /// No PIN is entered until the operator's word, and this one not even then.
    async fn reject(&self, pin_try: &PinTry) -> Result<message::Committed<()>, store::Error> {
        let (identity, hash) = (&pin_try.identity, refused(pin_try.mark));
        self.store.pin_rejected(identity, ANY_PIN).await?;
        self.store.record_pin_try(identity, hash, clock::now()).await?;
        self.store.pin_rejected(identity, hash).await
    }

    /// Binds a card to its slot the first time it is seen there; another card than the bound one sends nothing.
    pub(crate) async fn judge(&self, route: RouteId, iccid: Option<String>) {
        let Some(iccid) = iccid else {
            // A card that does not tell its number cannot be told from another.
            return self.carrier.judge_card(&route, Ok(None));
        };
        let verdict = match self
            .store
            .bind_sim(&route, &iccid)
            .await
            .map(message::Committed::into_inner)
        {
            Ok(Binding::Bound) => {
                info!(modem = %route, "the card is bound to its slot");
                Ok(Some(iccid))
            }
            Ok(Binding::Same) => Ok(Some(iccid)),
            Ok(Binding::Other { .. }) => Err(format!(
                "another card than its own is in it: put the right one in, or `simrelay sim unlock {route}`"
            )),
            Err(error) => Err(format!("it cannot be told whether its card belongs here ({error})")),
        };
        self.carrier.judge_card(&route, verdict);
    }
}

impl Gateway {
    /// Releases a slot: its PIN may be tried again, unless the card refused this very one and nobody insists; and the card
    /// that is in it now becomes the slot's.
    pub(crate) async fn release(&self, sim: &str, insist: bool) -> Result<(), Error> {
        let status = self.find_route(sim).ok_or_else(|| Error::unknown_sim(sim))?;
        let carrier = self.carrier_of(&status.route)?;
        let slot = carrier.slots().into_iter().find(|slot| slot.slot == status.route);
        let identities: Vec<String> = slot
            .iter()
            .flat_map(|slot| [slot.iccid.clone(), slot.imei.clone()])
            .flatten()
            .collect();
        for identity in identities.into_iter().chain([status.route.to_string()]) {
            let released = match insist {
                true => self.inner.store.release_pin(&identity).await,
                false => self.inner.store.forget_pin_try(&identity, ANY_PIN).await,
            };
            released.map_err(unavailable)?;
        }
        if let Some(iccid) = slot.and_then(|slot| slot.iccid) {
            self.inner
                .store
                .rebind(&status.route, &iccid)
                .await
                .map_err(unavailable)?;
        }
        self.on_carrier(&status.route, |carrier| carrier.unlock(&status.route))?;
        // Where only the card was refused, the modem has nothing to tell: what waits for the slot goes out now.
        self.tell(Command::Facts(self.routes())).await;
        Ok(())
    }

    /// Who carries `route`.
    pub(crate) fn carrier_of(&self, route: &RouteId) -> Result<&Arc<dyn Carrier>, Error> {
        let mut carriers = self.inner.carriers.iter();
        carriers
            .find(|carrier| carrier.route(route).is_some())
            .ok_or_else(|| Error::unknown_sim(route.as_str()))
    }

    /// Asks the carrier of `route`.
    pub(crate) fn on_carrier(
        &self,
        route: &RouteId,
        ask: impl FnOnce(&Arc<dyn Carrier>) -> Result<(), NotTaken>,
    ) -> Result<(), Error> {
        let carrier = self.carrier_of(route)?;
        ask(carrier).map_err(|not_taken| Error::new(ErrorKind::Unavailable, not_taken.reason))
    }
}

/// How many tries an untouched card has (TS 31.101 9.5.1).
const FULL_COUNTER: u8 = 3;

/// Tries are recorded by card alone: a corrected PIN needs the operator's release as well.
const ANY_PIN: [u8; 32] = [0; 32];

/// What a PIN that the card refused is recorded under beside that, which outlives the release.
fn refused(mark: u8) -> [u8; 32] {
    let mut hash = ANY_PIN;
    (hash[0], hash[1]) = (1, mark);
    hash
}
