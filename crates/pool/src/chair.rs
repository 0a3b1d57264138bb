//! A slot as the keeper sees it: where it is, and how it is told to go elsewhere.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use message::SlotState;
use tokio::sync::watch;

use crate::SlotConfig;
use crate::slot::{Place, Seat};

/// What the keeper knows of a slot.
#[derive(Debug)]
pub(crate) struct Chair {
    pub(crate) seat: watch::Sender<Seat>,
    /// The slot's place now.
    pub(crate) stay: Option<Stay>,
}

/// A slot's stay at a port.
#[derive(Debug)]
pub(crate) struct Stay {
    pub(crate) serial: u64,
    pub(crate) device: PathBuf,
    pub(crate) since: Instant,
    /// Its modem said who it is.
    pub(crate) identified: bool,
    /// The slot was told to leave and has not left yet.
    pub(crate) leaving: bool,
}

impl Chair {
    /// Tells the slot to leave its port; it does so after the exchange that is open.
    pub(crate) fn call_back(&mut self, reason: &str) {
        self.call_back_to(Place::Nowhere {
            state: SlotState::Absent,
            reason: reason.to_owned(),
        });
    }

    fn call_back_to(&mut self, place: Place) {
        if let Some(stay) = self.stay.as_mut().filter(|stay| !stay.leaving) {
            stay.leaving = true;
            self.seat.send_modify(|seat| seat.place = place);
        }
    }

    /// Takes other settings; a slot that is known by other marks now leaves its port.
    pub(crate) fn reconfigure(&mut self, new: &SlotConfig, old: &SlotConfig) {
        if new == old {
            return;
        }
        let marks = |slot: &SlotConfig| {
            let SlotConfig {
                enabled,
                port,
                glob,
                imei,
                iccid,
                imsi,
                baud,
                flow_control,
                ..
            } = slot.clone();
            (enabled, port, glob, imei, iccid, imsi, baud, flow_control)
        };
        let config = Arc::new(new.clone());
        self.seat.send_modify(|seat| seat.config = config);
        if marks(new) == marks(old) {
            return;
        }
        match self.stay {
            Some(_) => self.call_back_to(idle(new)),
            None => self.seat.send_modify(|seat| seat.place = idle(new)),
        }
    }
}

/// The place of a slot that has no port yet, or is not used.
pub(crate) fn idle(config: &SlotConfig) -> Place {
    let (state, reason) = match config.enabled {
        true => (SlotState::Absent, "its port is looked for"),
        false => (SlotState::Disabled, "not used, by the settings"),
    };
    Place::Nowhere {
        state,
        reason: reason.to_owned(),
    }
}
