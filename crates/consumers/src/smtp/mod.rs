//! Mail coming in: an SMTP server for devices and programs that can do nothing but mail.
//!
//! - [`Mailbox`] is whoever takes mail for some addresses. It is asked at `RCPT` whether an address is its own, and given
//!   the [`Letter`] at the end of the data; `250` is answered only once it says that the letter is kept.
//! - [`Listener`] is the server: ports and places (`listener`), the loop of one connection (`connection`), what a client
//!   says as a value without sockets (`session`), octets to lines and mails (`framing`). [`Config`] are its settings.
//! - [`Doorman`] checks logins; [`Listed`] are senders that need none.
//! - [`Sender`] is who brings a mail, and why they may ([`Trust`]).
//! - [`Reply`] is what a client is told.
//!
//! A letter that was kept may come again, since a client that heard no answer repeats it: a mailbox recognises it by
//! [`Letter::message_id`].

mod config;
mod connection;
mod doorman;
mod framing;
mod house;
mod letter;
mod listener;
mod mailbox;
mod reply;
mod senders;
mod session;

pub use config::Config;
pub use doorman::{Doorman, LoginError};
pub use letter::{Image, Letter};
pub use listener::{Listener, Parts};
pub use mailbox::{Account, Answer, Mailbox, Recipient, Sender, Trust};
pub use reply::Reply;
pub use senders::Listed;
