//! Alerts: what cameras and monitoring say is wrong.

pub mod intake;
