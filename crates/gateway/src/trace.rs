//! Wire traces, switched on and off for an operator.

use jiff::SignedDuration;
use message::{TraceView, TraceWish};

use crate::error::shown;
use crate::{Error, ErrorKind, Gateway, clock};

impl Gateway {
    /// Has what goes over the wire of a SIM's modem written down from now on for `minutes`, or no longer where that is
    /// none. With `texts` message texts and numbers are written too; PINs never are.
    ///
    /// # Errors
    /// There is no such SIM, or there is no place to write to.
    pub fn trace(&self, sim: &str, minutes: Option<u32>, texts: bool) -> Result<Option<TraceView>, Error> {
        let status = self.find_route(sim).ok_or_else(|| unknown(sim))?;
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

/// Nothing that could be traced has this name.
fn unknown(name: &str) -> Error {
    let Some(account) = name.strip_prefix(ACCOUNT) else {
        return Error::unknown_sim(name);
    };
    let reason = format!(
        "there is no SMPP account '{}': `[[smpp.accounts]]` names them by their system_id",
        shown(account)
    );
    Error {
        field: Some("sim"),
        ..Error::new(ErrorKind::NotFound, reason)
    }
}

/// What stands before the name of an account where slots are named.
const ACCOUNT: &str = "smpp.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_an_account_hears_of_accounts_and_who_names_a_slot_of_slots() {
        assert!(
            unknown("smpp.nobody")
                .reason
                .starts_with("there is no SMPP account 'nobody'")
        );
        assert!(unknown("sim9").reason.starts_with("there is no SIM 'sim9'"));
    }
}
