//! Modem bytes to and from typed lines, replies and unsolicited results
//! (3GPP TS 27.005 and 27.007). No I/O, no clock, no vendor logic.
//!
//! # Tour
//!
//! Bytes from the port go into a [`Reader`]; out come [`Event`]s, each told
//! apart in the light of the [`Command`] that waits for its answer:
//!
//! ```
//! use at::{Command, Event, Final, Reader, Reply, reply};
//!
//! let command = Command::new("AT+CSQ");
//! let mut reader = Reader::default();
//! let mut answer = Reply::default();
//! reader.receive(b"\r\n+CMTI: \"SM\",3\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n");
//! while let Some(event) = reader.next(Some(&command)) {
//!     match event {
//!         Event::Urc(urc) => println!("by the way: {urc:?}"),
//!         Event::Info(line) => answer.push(line),
//!         Event::Final(result) => assert_eq!(result, Final::Ok),
//!         _ => {}
//!     }
//! }
//! assert_eq!(answer.find(reply::csq).unwrap().dbm(), Some(-79));
//! ```
//!
//! - [`Framer`] cuts bytes into lines and prompts. It is what [`Reader`] is
//!   built on and can be used alone.
//! - [`Command`] is what is written, and knows which lines answer it.
//! - [`Final`] ends an exchange; [`Urc`] came unasked; a [`Reply`] gathers the
//!   lines in between, and the functions of [`mod@reply`] read them.
//!
//! # Promises
//!
//! - Any chunking of the same bytes gives the same events.
//! - Memory is bounded whatever a modem sends; what had to be dropped is told.
//! - Nothing from the wire makes this crate panic.
//! - A line is never lost: it is an answer, a final result, an unsolicited
//!   result, an echo, or noise, and always one of them.
//!
//! # Left to others
//!
//! Deadlines, order of commands and what to do about an error belong to
//! `modem`; the meaning of PDU octets and of texts in the GSM alphabet to `tpdu`.

#![forbid(unsafe_code)]

mod command;
mod fault;
mod fields;
mod framer;
mod memory;
mod noise;
mod reader;
pub mod reply;
mod urc;
mod wiped;

pub use command::{CR, CTRL_Z, Command, ESC};
pub use fault::{Fault, Final, cme_meaning, cms_meaning};
pub use framer::{Frame, Framer, Line, MAX_JOINED, MAX_LINE, MAX_UNREAD};
pub use memory::Memory;
pub use reader::{Event, Reader};
pub use reply::{Malformed, Reply};
pub use urc::{Boot, Urc};
pub use wiped::Wiped;

/// Reads bytes as Latin-1, so that no line from a modem is ever undecodable.
///
/// Right for ASCII, and the least harm for anything else (a charset chosen by
/// `+CSCS` is the business of the crates above).
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
