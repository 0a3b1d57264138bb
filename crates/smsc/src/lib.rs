//! The message centre: applications bind by SMPP 3.4 and use the SIMs as if they were an operator.
//!
//! # Tour
//!
//! [`Smsc`] listens. Each connection is a task that drives a [`smpp::session::Session`] (`connection`); who may bind, and
//! with which rights, is an account (`member`). What is submitted becomes a message of the gateway (`submit`), and the
//! answer goes out when it is kept (`taking`; what came together is kept together, `crowd`). Parts that are submitted one by one leave from one SIM (`train`). What
//! waits can be asked for (`question`), taken back and replaced (`revise`). What is to be told goes the other way:
//! An application for which something waits can be called
//! (`calling`). [`Mailman`] is one consumer an account, whose events become deliver_sm (`letter`): received messages, and receipts for
//! those who asked (`ticket` is what is remembered of a submission). A receipt waits for the answer to its message
//! (`marks`). USSD dialogues are `ussd`; who is bound is `presence`. Which status stands for which refusal is one table (`refusal`). What goes over an
//! account's sessions is written down where somebody asks for it ([`esme::Traces`]).
//!
//! # Promises
//!
//! submit_sm_resp means that the message is durable. A receipt never overtakes the answer to its message. Whatever is to be
//! told is kept until the application has answered it, and told again on its next bind; never more is held in memory than
//! the windows allow.
#![forbid(unsafe_code)]

mod calling;
mod config;
mod connection;
mod crowd;
mod fingerprint;
mod letter;
mod mailman;
mod marks;
mod member;
mod presence;
mod question;
mod refusal;
mod revise;
mod server;
mod submit;
mod taking;
mod ticket;
mod train;
mod ussd;

pub use config::{Account, Charset, Config, Long, Source, is_system_id};
pub use fingerprint::Fingerprint;
pub use mailman::{Mailman, consumer_name};
pub use server::{Registry, Smsc};
