//! The attendance protocol: no clock, no store, no random numbers.
//!
//! A text carries one [`Frame`], `$$…$$`. What lies in it is of [`v1`], which many phones speak and which nobody can
//! change any more, or of [`v2`], which ties a message to a device and to one moment. [`Claim`] is what a request of
//! the first version states, [`query`] the texts that its query program prints.
//!
//! Whatever is wrong with a request is a [`Refusal`]. It is for the history alone: a sender gets the same silence for
//! every one of them, because an answer that tells bad padding from a bad frame gives the key away text by text.

use thiserror::Error;

mod base64;
mod claim;
mod frame;
pub mod query;
pub mod v1;
pub mod v2;
mod window;

pub use claim::{Claim, ClockTime, Word};
pub use frame::{Content, Delimiter, Frame};
pub use window::{Standing, Window};

/// Why a text is no request that is kept as one. The sender is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Refusal {
    /// No `$$` in it.
    #[error("it holds no frame")]
    NoFrame,
    /// The frame holds something that is not base64 by the rules of its version.
    #[error("the frame does not hold base64")]
    Base64,
    /// The frame is too short, or v1's holds no whole number of cipher blocks.
    #[error("the frame holds a number of octets that no message has")]
    Length,
    /// v1: the padding is wrong: another key, or a message that was tampered with or cut.
    #[error("the padding is wrong: another key, or not as it was sent")]
    Padding,
    /// v1: the plaintext is not UTF-8, most likely another key; v2: the note is not.
    #[error("it does not hold text")]
    Text,
    /// It is an acknowledgement of the gateway's own kind that came back.
    #[error("it is an acknowledgement that came back")]
    Acknowledgement,
    /// v2: another key, another direction, or not as it was sent.
    #[error("it was not sealed with the key of this device")]
    Forged,
}

impl Refusal {
    /// Its name in the history.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoFrame => "no_frame",
            Self::Base64 => "bad_base64",
            Self::Length => "bad_length",
            Self::Padding => "bad_padding",
            Self::Text => "not_text",
            Self::Acknowledgement => "acknowledgement",
            Self::Forged => "forged",
        }
    }
}

/// Whether a sender is the one that the protocol never listens to, so that two gateways cannot answer each other.
pub fn is_loop(sender: &str) -> bool {
    sender == LOOP_SENDER
}

/// The address that acknowledgements of the first installation came from.
const LOOP_SENDER: &str = "11111";
