//! Mail coming in: an SMTP server for devices and programs that can do nothing but mail.
//!
//! - [`Mailbox`] is whoever takes mail for some addresses. It is asked at `RCPT` whether an address is its own, and given
//!   the [`Letter`] at the end of the data; `250` is answered only once it says that the letter is kept.
//! - [`Sender`] is who brings a mail, and why they may ([`Trust`]).
//! - [`Reply`] is what a client is told.
//!
//! A letter that was kept may come again, since a client that heard no answer repeats it: a mailbox recognises it by
//! [`Letter::message_id`].

mod letter;
mod mailbox;
mod reply;

pub use letter::{Image, Letter};
pub use mailbox::{Account, Answer, Mailbox, Recipient, Sender, Trust};
pub use reply::Reply;
