//! The record of PIN tries within a session. The store keeps the one that counts across restarts.

use crate::output::PinTry;

/// What is known about the PIN.
#[derive(Debug, Default)]
pub(crate) struct PinDesk {
    /// Tries left, where they could be read.
    pub(crate) tries: Option<u8>,
    /// The card of the last session of the modem.
    pub(crate) last_iccid: Option<String>,
    /// The try that was asked for.
    wanted: Option<PinTry>,
    /// The store recorded it.
    proven: bool,
    /// The store, or nobody, refused it.
    refusal: Option<String>,
    /// A try that did not open the card yet. It is never followed by another one.
    open_try: Option<PinTry>,
    /// A verdict on the open try is still to be told.
    unjudged: bool,
    /// The card was opened by a PIN in this set-up.
    entered: bool,
}

impl PinDesk {
    /// A new set-up begins.
    pub(crate) fn begin(&mut self) {
        self.entered = false;
    }

    /// Notes the try that is asked for.
    pub(crate) fn want(&mut self, wanted: PinTry) {
        self.wanted = Some(wanted);
        self.proven = false;
    }

    /// Takes the proof; false when it is for another try, or for none.
    pub(crate) fn prove(&mut self, recorded: &PinTry) -> bool {
        let fits = self.wanted.as_ref() == Some(recorded);
        self.proven |= fits;
        fits
    }

    /// Takes a refusal; false when nothing was asked.
    pub(crate) fn refuse(&mut self, reason: String) -> bool {
        let asked = self.wanted.take().is_some();
        self.proven = false;
        if asked {
            self.refusal = Some(reason);
        }
        asked
    }

    pub(crate) fn take_refusal(&mut self) -> Option<String> {
        self.refusal.take()
    }

    pub(crate) fn has_proof(&self) -> bool {
        self.proven
    }

    /// Uses the proof up for the one entry it allows.
    pub(crate) fn use_proof(&mut self) -> Option<()> {
        if !std::mem::take(&mut self.proven) {
            return None;
        }
        self.open_try = self.wanted.take();
        self.unjudged = true;
        self.entered = true;
        Some(())
    }

    /// Forgets a proof that was not used: the modem was not ready for it after all.
    pub(crate) fn drop_proof(&mut self) {
        self.proven = false;
        self.wanted = None;
    }

    /// Whether a try is open that did not unlock the card.
    pub(crate) fn was_tried(&self) -> bool {
        self.open_try.is_some()
    }

    /// Whether a PIN was entered in this set-up, so that the card needs time.
    pub(crate) fn was_entered(&self) -> bool {
        self.entered
    }

    /// The try that a verdict is about; once for each.
    pub(crate) fn judged(&mut self) -> Option<PinTry> {
        if !std::mem::take(&mut self.unjudged) {
            return None;
        }
        self.open_try.clone()
    }

    /// The card is open: the PIN was right, and may be entered again after the next start.
    pub(crate) fn opened(&mut self) {
        self.open_try = None;
        self.wanted = None;
        self.proven = false;
    }

    /// The operator released the slot.
    pub(crate) fn release(&mut self) {
        self.opened();
        self.refusal = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::PinIdentity;

    fn pin_try() -> PinTry {
        PinTry {
            identity: PinIdentity::Unknown,
            tries_left: Some(3),
            mark: 7,
        }
    }

    #[test]
    fn one_proof_serves_one_entry() {
        let mut desk = PinDesk::default();
        desk.want(pin_try());
        assert!(desk.prove(&pin_try()));
        assert!(desk.use_proof().is_some());
        assert!(desk.use_proof().is_none());
        assert!(!desk.prove(&pin_try()));
    }

    #[test]
    fn a_proof_of_another_try_does_not_serve() {
        let mut desk = PinDesk::default();
        desk.want(pin_try());
        let other = PinTry {
            tries_left: Some(2),
            ..pin_try()
        };
        assert!(!desk.prove(&other));
        assert!(!desk.has_proof());
    }
}
