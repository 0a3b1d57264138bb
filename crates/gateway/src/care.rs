//! The care of SIMs: what the gateway watches and does for each besides sending what it is asked to.
//!
//! Balances are asked for by USSD, messages are sent between the own SIMs, and a SIM that spends nothing is kept alive.
//! All of it lies in the store, so that a restart neither repeats nor forgets.

mod balance;
mod config;
mod probes;
mod schedule;
mod task;

use std::sync::{Arc, PoisonError};

pub(crate) use balance::Purses;
pub use config::{Amount, CareSettings, Every, Schedule, SlotCare};
pub(crate) use probes::Probes;
pub(crate) use task::Caretaker;

use crate::outgoing::dispatch::Command;
use crate::outgoing::send::unavailable;
use crate::{Error, Gateway, clock};

impl Gateway {
    /// The settings in force.
    pub(crate) fn care(&self) -> Arc<CareSettings> {
        Arc::clone(&self.inner.care.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes other settings of the care.
    ///
    /// # Errors
    /// The store does not tell what is on record; then nothing is changed.
    pub async fn adopt_care(&self, care: CareSettings) -> Result<(), Error> {
        let inner = &self.inner;
        let purses = Purses::load(&care, &inner.store).await.map_err(unavailable)?;
        let adopted = inner.probes.adopt(&care, &inner.store, clock::now()).await;
        adopted.map_err(unavailable)?;
        inner.purses.adopt(purses);
        *inner.care.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(care);
        self.tell(Command::Facts(self.routes())).await;
        Ok(())
    }
}
