//! command_id: SMPP 3.4 clause 5.1.2.1.

use std::fmt;

/// Which PDU this is. A number that nobody assigned stays what it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId(pub u32);

impl CommandId {
    /// Whether it answers something: the top bit. [`CommandId::GENERIC_NACK`] has it, too.
    pub fn is_response(self) -> bool {
        self.0 & RESPONSE != 0
    }

    /// What answers it.
    pub fn response(self) -> Self {
        Self(self.0 | RESPONSE)
    }

    /// What it answers.
    pub fn request(self) -> Self {
        Self(self.0 & !RESPONSE)
    }

    /// The name in the specification, such as `submit_sm_resp`; `unknown` where the number is not assigned.
    pub fn name(self) -> &'static str {
        let found = crate::pdu::COMMANDS.iter().find(|(id, _)| *id == self.0);
        found.map_or("unknown", |(_, name)| name)
    }

    /// Whether SMPP 3.4 assigns the number.
    pub fn is_known(self) -> bool {
        crate::pdu::COMMANDS.iter().any(|(id, _)| *id == self.0)
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_known() {
            true => f.write_str(self.name()),
            false => write!(f, "unknown command 0x{:08X}", self.0),
        }
    }
}

const RESPONSE: u32 = 0x8000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_specification() {
        assert_eq!(CommandId::SUBMIT_SM.to_string(), "submit_sm");
        assert_eq!(CommandId::SUBMIT_SM.response().to_string(), "submit_sm_resp");
        assert_eq!(CommandId(0x110).to_string(), "unknown command 0x00000110");
        assert!(CommandId::GENERIC_NACK.is_response());
    }
}
