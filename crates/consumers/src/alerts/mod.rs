//! Alerts: who is told what, who takes it, and what happens when nobody does.
//!
//! - [`Config`] says it: [`Rule`]s, [`Rota`]s, people, quiet hours.
//! - `book` decides it, as a value without clock or socket; an `incident` is what it keeps of alerts that belong together.
//! - `desk` is the one task that owns the book and keeps what follows; [`Alerts`] is the way to it: the consumer that takes
//!   answers by SMS, and what front ends ask.
//! - [`AlertMail`] is the consumer of the mails that follow.
//! - [`intake`] reads what others say as alerts.

mod answer;
mod book;
mod config;
mod consumer;
mod desk;
mod hours;
mod incident;
pub mod intake;
mod plan;
mod post;
mod rota;
mod rule;
#[cfg(test)]
mod samples;
mod view;
mod words;

pub use config::{Config, Person, Shipped};
pub use consumer::{Alerts, NAME};
pub use hours::{Day, Hours};
pub use post::{AlertMail, MAIL_NAME};
pub use rota::{Override, Rota};
pub use rule::{Fold, Glob, Rule};
