//! What is done with messages and other events: each [`Consumer`] gets every event once as a durable delivery of its
//! own and works it in its own time.
//!
//! - [`Consumer`] is the one trait: whether it wants an event ([`Wish`]), what came of working one ([`Verdict`]), and how
//!   long it goes on trying ([`Patience`]). Each consumer has a folder.
//! - [`attendance`]: requests of employees' phones, kept and acknowledged.
//! - [`mail`]: received messages to e-mail.
//! - [`webhook`]: every event as a signed HTTPS POST.
//! - [`smtp`]: mail coming in, for whoever takes it; [`mail_to_sms`] turns it into messages.
//! - [`Room`] runs them, one worker each: it takes what is due, works it, and marks it done, due again, or given up.
//! - [`Rule`] says which consumer takes a received message (nobody behind it sees it) or copies it.
//!
//! The rows lie in the store, written in the transaction of the event itself, so a kill loses nothing; what was worked
//! but not yet marked is given again under the same event id. What a consumer needs of the gateway (to send an answer,
//! to look at health) it gets as a handle from the binary, when it is made.

#![forbid(unsafe_code)]

pub mod alerts;
pub mod attendance;
mod clock;
mod consumer;
pub mod mail;
pub mod mail_to_sms;
mod places;
pub mod ports;
mod problem;
mod room;
mod rules;
pub mod smtp;
mod spell;
mod template;
pub mod trouble;
pub mod webhook;
mod worker;

pub use consumer::{Consumer, FAREWELL, Patience, Verdict, Wish};
pub use places::{Place, Places};
pub use problem::Problem;
pub use room::{Change, Room};
pub use rules::{Pattern, Rule, Rules, Then};
pub use worker::LONGEST_REST;
