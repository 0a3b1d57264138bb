//! TP-ST, how a message went: 3GPP TS 23.040 clause 9.2.3.15.

/// The status octet of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryStatus(pub u8);

/// What a status means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// The transaction is completed: delivered, forwarded or replaced.
    Completed,
    /// The service centre still tries. This is no failure.
    Trying,
    /// It failed for good.
    Permanent,
    /// It failed for now, and the service centre has given up.
    GivenUp,
    /// Reserved: nothing is known, least of all that it was delivered.
    Unknown,
}

impl DeliveryStatus {
    /// What the status means.
    pub fn class(self) -> StatusClass {
        match self.0 {
            0x00..=0x1F => StatusClass::Completed,
            0x20..=0x3F => StatusClass::Trying,
            0x40..=0x5F => StatusClass::Permanent,
            0x60..=0x7F => StatusClass::GivenUp,
            0x80..=0xFF => StatusClass::Unknown,
        }
    }

    /// The status in the words of the clause.
    pub fn meaning(self) -> &'static str {
        match self.0 {
            0x00 => "received by the recipient",
            0x01 => "forwarded, delivery not confirmed",
            0x02 => "replaced by the service centre",
            0x20 | 0x60 => "congestion",
            0x21 | 0x61 => "recipient busy",
            0x22 | 0x62 => "no response from recipient",
            0x23 | 0x63 => "service rejected",
            0x24 | 0x44 | 0x64 => "quality of service not available",
            0x25 | 0x65 => "error in recipient",
            0x40 => "remote procedure error",
            0x41 => "incompatible destination",
            0x42 => "connection rejected by recipient",
            0x43 => "not obtainable",
            0x45 => "no interworking available",
            0x46 => "validity period expired",
            0x47 => "deleted by the sender",
            0x48 => "deleted by the service centre",
            0x49 => "message does not exist",
            _ => self.class().meaning(),
        }
    }
}

impl StatusClass {
    /// The class in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Trying => "still trying",
            Self::Permanent => "failed permanently",
            Self::GivenUp => "failed for now, given up",
            Self::Unknown => "reserved status",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_class_and_reserved_is_never_delivered() {
        for octet in 0..=255_u8 {
            let expected = match octet >> 5 {
                0 => StatusClass::Completed,
                1 => StatusClass::Trying,
                2 => StatusClass::Permanent,
                3 => StatusClass::GivenUp,
                _ => StatusClass::Unknown,
            };
            assert_eq!(DeliveryStatus(octet).class(), expected);
            assert!(!DeliveryStatus(octet).meaning().is_empty());
        }
    }
}
