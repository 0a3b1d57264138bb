//! What a session tells, and what it is answered.

use std::{fmt, time::Duration};

use super::{NEW_ENOUGH, rules::BindMode};
use crate::{
    AlertNotification, Bind, Body, CommandId, DecodeError, EncodeError, Header, Octets, Outbind, SmResp, Status,
    SubmitMultiResp, Tlvs,
};

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// SMSC: somebody wants in. Answered by `accept` or `refuse`.
    BindRequested {
        /// The answer that is owed.
        owed: Owed,
        /// What for.
        mode: BindMode,
        /// Who, with which password.
        bind: Bind,
    },
    /// ESME: the bind was accepted.
    Bound {
        /// What for.
        mode: BindMode,
        /// What the message centre calls itself.
        system_id: Octets,
        /// The version that it speaks, if it says so.
        version: Option<u8>,
    },
    /// ESME: a message centre asks to be bound to on this connection.
    Outbind(Outbind),
    /// A message, or a question about one. Answered by `respond`.
    Request {
        /// The answer that is owed.
        owed: Owed,
        /// The request.
        body: Body,
        /// Its optional parameters.
        tlvs: Tlvs,
    },
    /// The answer to a request of ours.
    Answered {
        /// What `submit` was given.
        ticket: u64,
        /// How it went.
        status: Status,
        /// The answer.
        body: Body,
        /// Its optional parameters.
        tlvs: Tlvs,
        /// How long it took.
        after: Duration,
        /// It was told as [`Event::Unanswered`] before.
        late: bool,
    },
    /// A request of ours has no answer: nobody knows whether it was taken.
    Unanswered {
        /// What `submit` was given.
        ticket: u64,
        /// Why not.
        why: Silence,
    },
    /// ESME: a phone can be reached again.
    Alert(AlertNotification),
    /// The peer asked for less: nothing is sent for so long.
    Paused(Duration),
    /// The pause is over.
    Resumed,
    /// A PDU that could not be read. It was answered, and the session goes on.
    Malformed(DecodeError),
    /// An answer to nothing that was asked.
    Stray(Header),
    /// The end. What is still to be written may be written, then the connection is closed.
    Closed(Why),
}

/// An answer that is owed to the peer. It can be given once, and is to be: the peer's window waits for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Owed {
    pub(crate) command: CommandId,
    pub(crate) sequence: u32,
    /// The interface_version of who asked; that of a bind counts for the session once it is accepted.
    pub(crate) version: u8,
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it went.
    pub status: Status,
    /// Its fields.
    pub fields: Fields,
    /// Its optional parameters; left out for peers older than 3.4.
    pub tlvs: Tlvs,
}

/// The fields of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fields {
    /// What the request's answer has where it was refused.
    Bare,
    /// A message id, in whichever PDU answers the request.
    Id(Octets),
    /// These.
    Body(Body),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Silence {
    /// None came in time.
    TimedOut,
    /// The session ended before.
    Closed,
    /// The peer bound once more instead: it has forgotten what it was asked.
    BoundAnew,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// We unbound, and the peer agreed.
    Unbound,
    /// The peer unbound.
    PeerUnbound,
    /// SMSC: the bind was refused. ESME: the message centre refused it.
    Refused(Status),
    /// Nobody bound in time.
    NoBind,
    /// Our bind or unbind was not answered in time.
    NoAnswer,
    /// The peer is silent, and two questions whether it is there did not change that.
    Silent,
    /// A PDU began and did not end in time.
    Unfinished,
    /// A length that no PDU has: nobody knows where the next one begins.
    OutOfStep(Header),
    /// The connection is gone.
    ConnectionLost,
}

/// Why a request was not taken. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The session is not bound, or not so that this may be sent.
    NotBound,
    /// It is about to end.
    Closing,
    /// So many requests wait for their answers as are allowed.
    WindowFull,
    /// The peer asked for less.
    Paused,
    /// The peer does not read what was written before.
    NotWritten,
    /// The message needs an optional parameter, and the peer is older than 3.4.
    TooOld,
    /// The request cannot be written so.
    Encode(EncodeError),
}

impl Owed {
    /// What is to be answered.
    pub fn command(&self) -> CommandId {
        self.command
    }

    /// The peer's sequence number.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Whether who asked knows optional parameters; who binds may say other than the session did before.
    pub fn knows_tlvs(&self) -> bool {
        self.version >= NEW_ENOUGH
    }
}

impl Answer {
    /// Taken, under this id; an empty one for deliver_sm.
    pub fn taken(message_id: impl Into<Octets>) -> Self {
        Self {
            status: Status::OK,
            fields: Fields::Id(message_id.into()),
            tlvs: Tlvs::NONE,
        }
    }

    /// Refused.
    pub fn refused(status: Status) -> Self {
        Self {
            status,
            fields: Fields::Bare,
            tlvs: Tlvs::NONE,
        }
    }

    /// All is well, and this is the answer.
    pub fn of(body: Body) -> Self {
        Self {
            status: Status::OK,
            fields: Fields::Body(body),
            tlvs: Tlvs::NONE,
        }
    }

    /// The body that answers a command.
    pub(crate) fn body(&mut self, command: CommandId) -> Body {
        match std::mem::replace(&mut self.fields, Fields::Bare) {
            Fields::Body(body) if body.command() == command.response() => body,
            Fields::Id(id) => with_id(command, id),
            Fields::Bare | Fields::Body(_) => bare(command),
        }
    }
}

/// An answer without fields. deliver_sm_resp keeps its empty id (clause 4.6.2), others leave everything out where the
/// status is not 0 (clause 4.4.2).
pub(crate) fn bare(command: CommandId) -> Body {
    match command {
        CommandId::DELIVER_SM => Body::DeliverSmResp(SmResp::default()),
        CommandId::CANCEL_SM => Body::CancelSmResp,
        CommandId::REPLACE_SM => Body::ReplaceSmResp,
        CommandId::ENQUIRE_LINK => Body::EnquireLinkResp,
        CommandId::UNBIND => Body::UnbindResp,
        _ => Body::Omitted(command.response()),
    }
}

fn with_id(command: CommandId, message_id: Octets) -> Body {
    match command {
        CommandId::SUBMIT_SM => Body::SubmitSmResp(SmResp { message_id }),
        CommandId::DELIVER_SM => Body::DeliverSmResp(SmResp { message_id }),
        CommandId::DATA_SM => Body::DataSmResp(SmResp { message_id }),
        CommandId::SUBMIT_MULTI => Body::SubmitMultiResp(SubmitMultiResp {
            message_id,
            ..SubmitMultiResp::default()
        }),
        _ => bare(command),
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbound => f.write_str("unbound"),
            Self::PeerUnbound => f.write_str("the peer unbound"),
            Self::Refused(status) => write!(f, "the bind was refused: {status}, {}", status.meaning()),
            Self::NoBind => f.write_str("nobody bound in time"),
            Self::NoAnswer => f.write_str("the peer did not answer in time"),
            Self::Silent => f.write_str("the peer does not answer enquire_link"),
            Self::Unfinished => f.write_str("a PDU began and did not end in time"),
            Self::OutOfStep(header) => write!(f, "no PDU has {} octets", header.length),
            Self::ConnectionLost => f.write_str("the connection is gone"),
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBound => f.write_str("the session is not bound for this"),
            Self::Closing => f.write_str("the session is about to end"),
            Self::WindowFull => f.write_str("too many requests wait for their answers"),
            Self::Paused => f.write_str("the peer asked for less"),
            Self::NotWritten => f.write_str("the peer does not read"),
            Self::TooOld => f.write_str("the peer is older than SMPP 3.4 and has no message_payload"),
            Self::Encode(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Rejected {}
