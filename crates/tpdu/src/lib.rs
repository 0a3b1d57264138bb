//! Text and SMS fields to and from the bytes of 3GPP TS 23.040 and 23.038.
//!
//! # Tour
//!
//! - **Reading.** [`decode_incoming`] takes what a modem hands over, SMSC part
//!   first, and gives a [`Pdu`] with a [`Tpdu`] in it: a [`Deliver`] or a
//!   [`StatusReport`]. [`decode_stored`] also knows what was stored for
//!   sending, [`decode_outgoing`] what phones send. What a message says is
//!   [`Deliver::content`]; parts of a longer one go through [`assemble`] or
//!   [`join`] first.
//! - **Writing.** [`compose`] makes parts of a text in the alphabet that takes
//!   the fewest of them, and says why. [`Composed::submit`] makes a
//!   [`Submit`] of a part, and [`Submit::to_pdu`] the octets and the number
//!   for `AT+CMGS`.
//! - **Fields** are values of their own: [`Address`], [`Scts`], [`Validity`],
//!   [`Dcs`], [`Header`], [`DeliveryStatus`].
//! - **Beside SMS**: [`gsm7`] and [`ucs2`] are the bare alphabets, [`cbs`] reads
//!   USSD strings and cell broadcast, [`wap`] recognises picture messages.
//!
//! ```
//! use tpdu::{Options, Wishes, compose, decode_outgoing};
//!
//! let message = compose("Grüße", &Options::default())?;
//! let to = "+4917012345".parse().unwrap_or_else(|never| match never {});
//! let submit = message.submit(0, &to, &Wishes::default()).ok_or("one part at least")?;
//! let pdu = submit.to_pdu(None)?;
//! assert_eq!(pdu.tpdu_len, pdu.bytes.len() - 1);
//! assert!(decode_outgoing(&pdu.bytes).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises
//!
//! No octets make a decoder panic, and a [`DecodeError`] names field and
//! octet. What is read and written again is the same, unknown header elements
//! and reserved codings included. There is no I/O, no clock and no state.
//!
//! # Left to others
//!
//! Which parts belong together over time, who gets what, and hexadecimal
//! inside modem lines beyond [`from_hex`] and [`to_hex`].
#![forbid(unsafe_code)]

mod address;
pub mod cbs;
mod command;
mod compose;
mod dcs;
mod deliver;
mod error;
pub mod gsm7;
mod header;
mod hex;
mod join;
mod pdu;
mod reader;
mod report;
mod status;
mod submit;
mod timestamp;
pub mod ucs2;
mod user_data;
mod validity;
mod waiting;
pub mod wap;

pub use self::{
    address::{Address, NumberingPlan, TypeOfNumber},
    command::Command,
    compose::{Choice, ComposeError, Composed, Forcing, Options, Why, Wishes, compose, compose_data},
    dcs::{Alphabet, Class, Dcs},
    deliver::Deliver,
    error::{DecodeError, EncodeError, Problem},
    gsm7::{Language, Tables as Gsm7Tables},
    header::{Concat, Element, Header, Ports, Reference},
    hex::{from_hex, to_hex},
    join::{AssembleError, Assembled, assemble, join},
    pdu::{Direction, Encoded, Pdu, Tpdu, decode_incoming, decode_outgoing, decode_stored, fingerprint},
    report::{DeliverReport, Parameters, StatusReport, SubmitReport},
    status::{DeliveryStatus, StatusClass},
    submit::Submit,
    timestamp::{NotATime, Scts},
    user_data::{Content, UserData},
    validity::{Enhanced, Validity},
    waiting::{Waiting, WaitingKind},
};
