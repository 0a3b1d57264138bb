//! What came in and could not be kept, or not be confirmed.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use message::RouteId;

/// The routes on which something lies that was handed over and not kept (the store was ill, or too much came at once) or
/// not confirmed (more was kept at once than the modem takes). It is asked for again once the store is well ([`Carrier::hand_over_again`](crate::Carrier::hand_over_again)).
#[derive(Debug, Default)]
pub(crate) struct Unkept(Mutex<BTreeSet<RouteId>>);

impl Unkept {
    /// Something on this route was not kept or not confirmed.
    pub(crate) fn note(&self, route: &RouteId) {
        self.routes().insert(route.clone());
    }

    /// The routes noted since the last look.
    pub(crate) fn take(&self) -> BTreeSet<RouteId> {
        std::mem::take(&mut *self.routes())
    }

    fn routes(&self) -> MutexGuard<'_, BTreeSet<RouteId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
