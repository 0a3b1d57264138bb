//! Wire traces, switched on and off for an operator.

use jiff::SignedDuration;
use message::{TraceView, TraceWish};

use crate::{Error, ErrorKind, Gateway, clock};

impl Gateway {
    /// Has what goes over the wire of a SIM's modem written down from now on for `minutes`, or no longer where that is
    /// none. With `texts` message texts and numbers are written too; PINs never are.
    ///
    /// # Errors
    /// There is no such SIM, or there is no place to write to.
    pub fn trace(&self, sim: &str, minutes: Option<u32>, texts: bool) -> Result<Option<TraceView>, Error> {
        let status = self.find_route(sim).ok_or_else(|| Error::unknown_sim(sim))?;
        let carrier = self.carrier_of(&status.route)?;
        let wish = minutes.map(|minutes| TraceWish {
            texts,
            until: clock::now() + SignedDuration::from_mins(minutes.into()),
        });
        let set = carrier.trace(&status.route, wish);
        set.map_err(|not_taken| Error::new(ErrorKind::Unavailable, not_taken.reason))
    }

    /// The SIMs whose modems' wires are written down.
    pub fn traces(&self) -> Vec<TraceView> {
        let carriers = self.inner.carriers.iter();
        carriers.flat_map(|carrier| carrier.traces()).collect()
    }
}
