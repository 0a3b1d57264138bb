//! Octets whose bits mean something: esm_class and registered_delivery.

/// esm_class, clause 5.2.12. Bits that are reserved stay as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EsmClass(pub u8);

/// registered_delivery, clause 5.2.17. Bits that are reserved stay as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RegisteredDelivery(pub u8);

/// How a message is to be handled, bits 1 and 0 of esm_class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// As the message centre does.
    Default,
    /// Sent once and not kept.
    Datagram,
    /// Answered only when it is delivered.
    Transaction,
    /// Kept until it is delivered.
    StoreAndForward,
}

/// What a deliver_sm or data_sm holds, bits 5 to 2 of esm_class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// A message.
    Message,
    /// The message centre's receipt.
    Receipt,
    /// The recipient's acknowledgement of delivery.
    DeliveryAcknowledgement,
    /// The recipient's acknowledgement by hand.
    UserAcknowledgement,
    /// The end of a conversation, Korean CDMA only.
    ConversationAbort,
    /// An intermediate notification: not the last word.
    Intermediate,
    /// Reserved.
    Reserved(u8),
}

/// Which receipt is asked for, bits 1 and 0 of registered_delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// None.
    Never,
    /// Of any end. The reserved value 3 is read so as well.
    Always,
    /// Only of failure.
    OnFailure,
}

impl EsmClass {
    /// The message begins with a user data header.
    pub const UDHI: u8 = 0x40;
    /// An answer goes the way the message came.
    pub const REPLY_PATH: u8 = 0x80;
    /// The message centre's receipt.
    pub const RECEIPT: Self = Self(0x04);
    /// An intermediate notification.
    pub const INTERMEDIATE: Self = Self(0x20);

    /// How the message is to be handled.
    pub fn mode(self) -> Mode {
        match self.0 & 0x03 {
            0 => Mode::Default,
            1 => Mode::Datagram,
            2 => Mode::Transaction,
            _ => Mode::StoreAndForward,
        }
    }

    /// What it holds.
    pub fn message_type(self) -> MessageType {
        match self.0 & 0x3C {
            0x00 => MessageType::Message,
            0x04 => MessageType::Receipt,
            0x08 => MessageType::DeliveryAcknowledgement,
            0x10 => MessageType::UserAcknowledgement,
            0x18 => MessageType::ConversationAbort,
            0x20 => MessageType::Intermediate,
            other => MessageType::Reserved(other),
        }
    }

    /// Whether the message begins with a user data header.
    pub fn has_header(self) -> bool {
        self.0 & Self::UDHI != 0
    }

    /// Whether it tells how another message fares.
    pub fn is_receipt(self) -> bool {
        matches!(self.message_type(), MessageType::Receipt | MessageType::Intermediate)
    }
}

impl RegisteredDelivery {
    /// A receipt of any end.
    pub const FINAL: Self = Self(0x01);

    /// Which receipt is asked for.
    pub fn wanted(self) -> Wanted {
        match self.0 & 0x03 {
            0 => Wanted::Never,
            2 => Wanted::OnFailure,
            _ => Wanted::Always,
        }
    }

    /// Whether intermediate notifications are asked for.
    pub fn wants_intermediate(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Whether the recipient's acknowledgement is asked for: of delivery, by hand.
    pub fn acknowledgements(self) -> (bool, bool) {
        (self.0 & 0x04 != 0, self.0 & 0x08 != 0)
    }

    /// Whether the network has to be asked for a status report (TP-SRR).
    pub fn needs_report(self) -> bool {
        self.wanted() != Wanted::Never || self.wants_intermediate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_of_esm_class_has_a_mode_and_a_type() {
        for octet in 0..=255_u8 {
            let class = EsmClass(octet);
            assert_eq!(class.mode() as u8, octet & 3);
            assert_eq!(class.has_header(), octet & 0x40 != 0);
            let receipt = matches!(octet & 0x3C, 0x04 | 0x20);
            assert_eq!(class.is_receipt(), receipt, "{octet:#x}");
        }
    }

    #[test]
    fn every_form_of_registered_delivery_is_told_apart() {
        for octet in 0..=255_u8 {
            let wish = RegisteredDelivery(octet);
            let wanted = [Wanted::Never, Wanted::Always, Wanted::OnFailure, Wanted::Always];
            assert_eq!(wish.wanted(), wanted[usize::from(octet & 3)]);
            assert_eq!(wish.needs_report(), octet & 0x13 != 0);
        }
    }
}
