//! The commands, a file for each few that belong together.

pub(crate) mod alert;
pub(crate) mod attendance;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod balance;
pub(crate) mod certificate;
pub(crate) mod check;
pub(crate) mod hardening;
pub(crate) mod health;
pub(crate) mod inbox;
pub(crate) mod modems;
pub(crate) mod numbers;
pub(crate) mod outbox;
pub(crate) mod reload;
pub(crate) mod route;
pub(crate) mod send;
pub(crate) mod shell;
pub(crate) mod sim;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod trace;
pub(crate) mod upstreams;
pub(crate) mod ussd;
pub(crate) mod webhook;
