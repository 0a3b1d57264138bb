//! Text and SMS fields to and from the bytes of 3GPP TS 23.040 and 23.038.
#![forbid(unsafe_code)]

mod address;
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
    pdu::{Direction, Encoded, Pdu, Tpdu, decode_incoming, decode_outgoing, fingerprint},
    report::{DeliverReport, Parameters, StatusReport, SubmitReport},
    status::{DeliveryStatus, StatusClass},
    submit::Submit,
    timestamp::{NotATime, Scts},
    user_data::{Content, UserData},
    validity::{Enhanced, Validity},
    waiting::{Waiting, WaitingKind},
};
