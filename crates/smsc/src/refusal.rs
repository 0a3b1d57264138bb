//! Which status stands for which refusal: one table.

use gateway::{Error, ErrorKind};
use smpp::session::{Answer, Fields};
use smpp::{CommandId, Octets, Status, Tag};

use crate::member::Member;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    /// For people: in the log, and in additional_status_info_text where there may be one.
    pub(crate) why: String,
}

impl Refusal {
    pub(crate) fn new(status: Status, why: impl Into<String>) -> Self {
        Self {
            status,
            why: why.into(),
        }
    }

    /// The answer to a request of this member, and a word in the log.
    pub(crate) fn tell(&self, member: &Member, to: CommandId) -> Answer {
        tracing::debug!(account = member.system_id, status = %self.status, "refused: {}", self.why);
        self.answer(to)
    }

    /// The answer that says so. Only data_sm_resp has a place for words (clause 4.7.2); in others, whose fields are left out
    /// with an error, peers would read them as fields.
    pub(crate) fn answer(&self, to: CommandId) -> Answer {
        let mut answer = Answer::refused(self.status);
        if to != CommandId::DATA_SM {
            return answer;
        }
        answer.fields = Fields::Id(Octets::EMPTY);
        let told: String = self.why.chars().filter(is_printable).take(TEXT_MOST).collect();
        answer
            .tlvs
            .push_string(Tag::ADDITIONAL_STATUS_INFO_TEXT, told.as_bytes());
        answer
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let field = error.field.unwrap_or_default();
        let found = TABLE
            .iter()
            .find(|(kind, of, _)| *kind == error.kind && (of.is_empty() || *of == field));
        let status = found.map_or(Status::SYSTEM_ERROR, |(_, _, status)| *status);
        Self::new(status, error.reason)
    }
}

/// What a C-octet string can hold for everybody's eyes.
fn is_printable(c: &char) -> bool {
    c.is_ascii_graphic() || *c == ' '
}

/// The kind of a refusal, the parameter it is about (any where empty), and its status. The first that fits counts.
const TABLE: &[(ErrorKind, &str, Status)] = &[
    (ErrorKind::Invalid, "to", Status::INVALID_DESTINATION),
    (ErrorKind::Invalid, "from", Status::INVALID_SOURCE),
    (ErrorKind::Invalid, "text", Status::INVALID_MESSAGE_LENGTH),
    (ErrorKind::Invalid, "validity_s", Status::INVALID_EXPIRY),
    (ErrorKind::Invalid, "send_at", Status::INVALID_SCHEDULE),
    (ErrorKind::Invalid, "", Status::SUBMIT_FAILED),
    (ErrorKind::NotAllowed, "from", Status::INVALID_SOURCE),
    (ErrorKind::NotAllowed, "sim", Status::INVALID_SOURCE),
    (ErrorKind::NotAllowed, "", Status::INVALID_DESTINATION),
    (ErrorKind::NoRoute, "from", Status::INVALID_SOURCE),
    (ErrorKind::NoRoute, "", Status::INVALID_DESTINATION),
    (ErrorKind::QueueFull, "", Status::QUEUE_FULL),
    (ErrorKind::LimitReached, "", Status::THROTTLED),
    (ErrorKind::NotFound, "sim", Status::INVALID_SOURCE),
    (ErrorKind::NotFound, "", Status::INVALID_MESSAGE_ID),
    (ErrorKind::WrongState, "", Status::SUBMIT_FAILED),
    (ErrorKind::NotSupported, "", Status::SUBMIT_FAILED),
    // Without a disk or a database nothing is taken, and it is worth trying again.
    (ErrorKind::Unavailable, "", Status::SYSTEM_ERROR),
];

/// The longest additional_status_info_text (clause 5.3.2.11), without its NUL.
const TEXT_MOST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_status_and_says_why() {
        let of = |kind, field| {
            let error = Error {
                field,
                ..Error::new(kind, "so")
            };
            Refusal::from(error).status
        };
        assert_eq!(of(ErrorKind::Invalid, Some("to")), Status::INVALID_DESTINATION);
        assert_eq!(of(ErrorKind::Invalid, Some("priority")), Status::SUBMIT_FAILED);
        assert_eq!(of(ErrorKind::NoRoute, Some("from")), Status::INVALID_SOURCE);
        assert_eq!(of(ErrorKind::QueueFull, None), Status::QUEUE_FULL);
        assert_eq!(of(ErrorKind::Internal, None), Status::SYSTEM_ERROR);
        let refusal = Refusal::new(Status::SUBMIT_FAILED, "grüße\0 é!");
        let answer = refusal.answer(CommandId::DATA_SM);
        let told = answer.tlvs.string(Tag::ADDITIONAL_STATUS_INFO_TEXT);
        assert_eq!(told, Some(&b"gre !"[..]));
        assert!(refusal.answer(CommandId::SUBMIT_SM).tlvs.is_empty());
    }
}
