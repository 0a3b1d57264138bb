//! A SIM card: who it is, what guards it, what it keeps.

use crate::settings::ModemSpec;
use crate::storage::Memory;

/// A SIM card. It keeps its messages, its SMSC and its tries whatever happens to the modem.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) number: String,
    pub(crate) iccid: String,
    pub(crate) imsi: String,
    /// EF_SMSP: where messages are handed in.
    pub(crate) smsc: String,
    pub(crate) lock: Lock,
    pub(crate) messages: Memory,
    /// EF_SMSS: the TP-MR of the last message (TS 23.040 9.2.3.6).
    pub(crate) last_reference: u8,
}

impl Card {
    pub(crate) fn new(spec: &ModemSpec) -> Self {
        Self {
            number: spec.number.clone(),
            iccid: spec.iccid.clone(),
            imsi: spec.imsi.clone(),
            smsc: spec.smsc.clone(),
            lock: Lock::new(spec.pin.as_deref(), &spec.puk),
            messages: Memory::new(spec.sim_places),
            last_reference: 0,
        }
    }

    pub(crate) fn next_reference(&mut self) -> u8 {
        self.last_reference = self.last_reference.wrapping_add(1);
        self.last_reference
    }
}

/// What the card lets one do (TS 27.007 8.3, TS 31.101 for the tries).
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    /// `None`: the card asks for no PIN.
    pub(crate) pin: Option<String>,
    puk: String,
    pub(crate) pin_tries: u8,
    pub(crate) puk_tries: u8,
    /// The right PIN was given since power on.
    open: bool,
}

/// What a card waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockState {
    Open,
    Pin,
    Puk,
    /// The PUK was wrong ten times: the card is waste.
    Dead,
}

impl Lock {
    fn new(pin: Option<&str>, puk: &str) -> Self {
        Self {
            pin: pin.map(Into::into),
            puk: puk.into(),
            pin_tries: PIN_TRIES,
            puk_tries: PUK_TRIES,
            open: false,
        }
    }

    pub(crate) fn state(&self) -> LockState {
        match (&self.pin, self.open) {
            _ if self.puk_tries == 0 => LockState::Dead,
            _ if self.pin_tries == 0 => LockState::Puk,
            (None, _) | (_, true) => LockState::Open,
            _ => LockState::Pin,
        }
    }

    /// Power off: the PIN is asked for again.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    /// Tries a PIN; a wrong one costs a try.
    pub(crate) fn enter_pin(&mut self, pin: &str) -> bool {
        if self.pin_tries == 0 {
            return false;
        }
        let right = self.pin.as_deref() == Some(pin);
        self.pin_tries = if right { PIN_TRIES } else { self.pin_tries - 1 };
        self.open |= right;
        right
    }

    /// Tries a PUK, which sets a new PIN; a wrong one costs a try.
    pub(crate) fn enter_puk(&mut self, puk: &str, new_pin: &str) -> bool {
        if self.puk_tries == 0 {
            return false;
        }
        if self.puk != puk {
            self.puk_tries -= 1;
            return false;
        }
        (self.pin_tries, self.puk_tries, self.open) = (PIN_TRIES, PUK_TRIES, true);
        self.pin = Some(new_pin.into());
        true
    }
}

/// Tries before the PUK is asked for.
pub(crate) const PIN_TRIES: u8 = 3;
/// Tries before the card is waste.
pub(crate) const PUK_TRIES: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_wrong_pins_need_the_puk_and_ten_wrong_puks_kill_the_card() {
        let mut lock = Lock::new(Some("1234"), "87654321");
        assert!(!lock.enter_pin("0000"));
        assert!(lock.enter_pin("1234"));
        assert_eq!((lock.state(), lock.pin_tries), (LockState::Open, 3));
        lock.close();
        for _ in 0..3 {
            assert!(!lock.enter_pin("0000"));
        }
        assert_eq!(lock.state(), LockState::Puk);
        assert!(!lock.enter_pin("1234"), "the right PIN no longer helps");
        assert!(lock.enter_puk("87654321", "4321"));
        assert_eq!(lock.state(), LockState::Open);
        for _ in 0..10 {
            assert!(!lock.enter_puk("0", "1"));
        }
        assert_eq!(lock.state(), LockState::Dead);
    }
}
