//! What is remembered of a submission until its last receipt: the message's note.

use jiff::Timestamp;
use message::{MessageId, MessageState, ReportNotice};
use serde::{Deserialize, Serialize};
use smpp::{MessageState as SmppState, Octets, RegisteredDelivery, Wanted};

/// Who wrote to whom, as the application wrote it, and which receipts it wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    /// registered_delivery.
    pub(crate) wants: u8,
    pub(crate) source: Address,
    pub(crate) destination: Address,
    /// When it was taken.
    pub(crate) at: Timestamp,
    /// How the text begins, for `text:`.
    pub(crate) start: String,
    /// data_coding, for other words that may come.
    #[serde(default)]
    pub(crate) coding: u8,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) service_type: String,
    /// The first message of the submit_multi to several that this one came with: its id was told for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Form::is_plain")]
    pub(crate) form: Form,
}

/// What other words for a message have to know of it besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Form {
    /// It came with a header or sar_ parameters: a part, or for a port.
    pub(crate) header: bool,
    /// dest_addr_subunit was 1.
    pub(crate) flash: bool,
    pub(crate) protocol_id: u8,
    /// esm_class had that bit.
    #[serde(default)]
    pub(crate) reply_path: bool,
}

impl Form {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// An address as SMPP writes it. Its octets are read as Latin-1, which loses none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) ton: u8,
    pub(crate) npi: u8,
    pub(crate) address: String,
}

impl Ticket {
    /// The note of a message.
    pub(crate) fn note(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// The ticket that a note is.
    pub(crate) fn read(note: &str) -> Option<Self> {
        serde_json::from_str(note).ok()
    }

    /// The ticket of a message whose fate is told; `None` where there is none.
    pub(crate) fn of(notice: &ReportNotice) -> Option<Self> {
        Self::read(notice.note.as_deref()?)
    }

    /// Whether a question about the message may come from this source_addr: it has to be the message's own, or none (clauses
    /// 4.8.1 and 4.9.1).
    pub(crate) fn is_from(&self, source: &Octets) -> bool {
        source.is_empty() || self.source.octets() == *source
    }

    /// Whether the application wants to hear of this state.
    pub(crate) fn wants(&self, state: SmppState) -> bool {
        let wants = RegisteredDelivery(self.wants);
        match (state.is_final(), wants.wanted()) {
            (false, _) => wants.wants_intermediate(),
            (true, Wanted::Always) => true,
            (true, Wanted::OnFailure) => state != SmppState::Delivered,
            (true, Wanted::Never) => false,
        }
    }
}

impl Address {
    pub(crate) fn new(ton: u8, npi: u8, address: &Octets) -> Self {
        Self {
            ton,
            npi,
            address: address.text(),
        }
    }

    /// The octets again.
    pub(crate) fn octets(&self) -> Octets {
        let octets: Vec<u8> = self.address.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
        octets.into()
    }

    /// As many of the octets as a PDU to the application holds: some applications write longer ones than they may.
    pub(crate) fn fitting(&self) -> Octets {
        let octets = self.octets();
        Octets::new(octets.get(..ADDRESS_MOST).unwrap_or(&octets))
    }
}

/// What SMPP calls a message's state.
pub(crate) fn state(state: MessageState) -> SmppState {
    match state {
        MessageState::Queued | MessageState::Sending | MessageState::Uncertain | MessageState::Sent => {
            SmppState::Enroute
        }
        MessageState::Delivered => SmppState::Delivered,
        MessageState::Failed => SmppState::Undeliverable,
        MessageState::Expired => SmppState::Expired,
        MessageState::Cancelled => SmppState::Deleted,
        MessageState::Refused => SmppState::Rejected,
    }
}

/// The longest address of most PDUs, without its NUL (clauses 5.2.8 and 5.2.9).
pub(crate) const ADDRESS_MOST: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(wants: u8) -> Ticket {
        Ticket {
            wants,
            source: Address::new(5, 0, &Octets::new(b"\xDCnal")),
            destination: Address::new(1, 1, &"491711234567".into()),
            at: Timestamp::UNIX_EPOCH,
            start: "Grüße".into(),
            coding: 0,
            service_type: String::new(),
            group: None,
            form: Form::default(),
        }
    }

    #[test]
    fn it_comes_back_from_the_note_as_it_was() {
        let note = ticket(1).note().expect("it can be written");
        let back = Ticket::read(&note).expect("our own");
        assert_eq!(back, ticket(1));
        assert_eq!(back.source.octets(), Octets::new(b"\xDCnal"));
        let special = Ticket {
            form: Form {
                flash: true,
                protocol_id: 0x41,
                ..Form::default()
            },
            ..ticket(1)
        };
        assert_eq!(special.note().and_then(|note| Ticket::read(&note)), Some(special));
        let older = r#"{"wants":1,"source":{"ton":0,"npi":0,"address":""},"destination":{"ton":1,"npi":1,"address":"49"},
            "at":"2027-01-15T08:00:00Z","start":""}"#;
        assert!(
            Ticket::read(older).is_some_and(|older| older.group.is_none() && older.form.is_plain()),
            "kept by a version before"
        );
    }

    #[test]
    fn an_address_longer_than_it_may_be_is_kept_and_written_as_far_as_it_goes() {
        let long = Address::new(5, 0, &Octets::new(b"abcdefghijklmnopqrstuvwx"));
        assert_eq!(long.address.len(), 24);
        assert_eq!(long.fitting(), Octets::new(b"abcdefghijklmnopqrst"));
        assert_eq!(ticket(1).source.fitting(), Octets::new(b"\xDCnal"));
    }

    #[test]
    fn everybody_hears_what_they_asked_for() {
        let heard = |wants| {
            [SmppState::Enroute, SmppState::Delivered, SmppState::Undeliverable].map(|state| ticket(wants).wants(state))
        };
        assert_eq!(heard(0x00), [false, false, false]);
        assert_eq!(heard(0x01), [false, true, true]);
        assert_eq!(heard(0x02), [false, false, true]);
        assert_eq!(heard(0x11), [true, true, true]);
    }
}
