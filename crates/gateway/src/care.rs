//! The care of SIMs: what the gateway watches and does for each besides sending what it is asked to.

mod config;

pub use config::{Amount, CareSettings, Every, Schedule, SlotCare};
