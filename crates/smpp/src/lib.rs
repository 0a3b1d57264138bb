//! SMPP 3.4: the codec, what its fields mean, and sessions. No I/O, no clock, no task of its own.
//!
//! # Tour
//!
//! - **Reading.** Octets of a connection go into a [`FrameReader`]; out come whole PDUs. [`Pdu::decode`] reads one:
//!   leniently, because a session is worth more than a field. What the specification does not allow is told as an
//!   [`Oddity`] to whoever asks ([`Pdu::decode_noting`]).
//! - **Writing.** [`Pdu::encode`] is as strict as the specification. A [`Body`] says which PDU it is; its fields have the
//!   specification's names. Both directions read one table (`pdu.rs`).
//! - **Messages.** [`Payload`] is what a PDU carries, wherever it stands, with its [`Coding`] and its place in a longer
//!   message; [`join()`] puts parts together, [`Carried`] makes the fields of a part.
//! - **Fields** are values of their own: [`Time`], [`EsmClass`], [`RegisteredDelivery`], [`Status`], [`Tag`].
//! - **Receipts.** [`Receipt`] is text and parameters in one; [`IdForms`] and [`Agreement`] know in which forms message
//!   centres write one and the same id.
//!
//! - **Sessions.** [`session::Session`] is one end of a connection as a value, message centre or application: bind states,
//!   windows both ways, timers, throttling, an unbind that drains.
//! - **Seeing the traffic.** [`capture`] reads and writes captures of the network, [`analyze`](mod@analyze) tells what
//!   went on in them and which rules were broken.
//!
//! ```
//! use smpp::{Body, Frame, FrameReader, Pdu, Sm};
//!
//! let sm = Sm {
//!     destination_addr: "4917012345".into(),
//!     short_message: "hello".into(),
//!     ..Sm::default()
//! };
//! let pdu = Pdu::request(1, Body::SubmitSm(sm));
//! let mut reader = FrameReader::default();
//! reader.receive(&pdu.to_octets()?);
//! let Some(Frame::Pdu(octets)) = reader.take() else { unreachable!() };
//! assert_eq!(Pdu::decode(octets)?, pdu);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises
//!
//! No octets make anything here panic, and no length field makes it reserve memory. Numbers that nobody assigned and
//! parameters of vendors stay what they are. What was read without an [`Oddity`] is written as it came. A session's memory
//! is bounded whatever its peer sends or does not read; every request of ours ends as answered or as unanswered, once.
//!
//! # Left to others
//!
//! Sockets, TLS and who may bind; which messages there are, and what is kept.
#![forbid(unsafe_code)]

pub mod analyze;
pub mod capture;
mod coding;
mod command;
mod error;
mod flags;
mod frame;
mod header;
mod message_id;
mod octets;
mod payload;
mod pdu;
mod receipt;
pub mod session;
mod status;
mod time;
mod tlv;
mod wire;

pub use self::{
    coding::{Alphabet, Coding, DefaultAlphabet},
    command::CommandId,
    error::{DecodeError, EncodeError, Oddity, Problem},
    flags::{EsmClass, MessageType, Mode, RegisteredDelivery, Wanted},
    frame::{Frame, FrameReader},
    header::{HEADER_LENGTH, HIGHEST_SEQUENCE, Header, LONGEST_PDU},
    message_id::{Agreement, IdForm, IdForms},
    octets::Octets,
    payload::{Carried, LONGEST_SHORT_MESSAGE, LongForm, Payload, join},
    pdu::{
        AlertNotification, Bind, BindResp, Body, CancelSm, DataSm, Destination, Outbind, Pdu, QuerySm, QuerySmResp,
        ReplaceSm, Sm, SmResp, SubmitMulti, SubmitMultiResp, Unsuccessful,
    },
    receipt::{MessageState, NetworkError, Receipt},
    status::{Reaction, Status, throttle_pause},
    time::{Moment, NotATime, Period, Time},
    tlv::{Tag, Tlv, Tlvs},
    wire::Value,
};
