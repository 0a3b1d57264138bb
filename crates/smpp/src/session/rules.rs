//! Who may say what when: SMPP 3.4 clause 2.3, table 2-1.

use crate::{Bind, Body, CommandId, Status};

/// On which side of a session one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The message centre, which is bound to.
    Smsc,
    /// The application, which binds.
    Esme,
}

/// What a session is bound for, seen from the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindMode {
    /// It receives.
    Receiver,
    /// It sends.
    Transmitter,
    /// It does both.
    Transceiver,
}

impl Role {
    /// `SMSC` or `ESME`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smsc => "SMSC",
            Self::Esme => "ESME",
        }
    }

    /// The other side.
    pub fn peer(self) -> Self {
        match self {
            Self::Smsc => Self::Esme,
            Self::Esme => Self::Smsc,
        }
    }
}

impl BindMode {
    /// `receiver`, `transmitter` or `transceiver`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Transmitter => "transmitter",
            Self::Transceiver => "transceiver",
        }
    }

    /// Whether messages go from this side to the other.
    pub fn carries_from(self, role: Role) -> bool {
        match role {
            Role::Esme => self != Self::Receiver,
            Role::Smsc => self != Self::Transmitter,
        }
    }

    /// The request that binds so.
    pub fn request(self, bind: Bind) -> Body {
        match self {
            Self::Receiver => Body::BindReceiver(bind),
            Self::Transmitter => Body::BindTransmitter(bind),
            Self::Transceiver => Body::BindTransceiver(bind),
        }
    }

    /// Its command.
    pub fn command(self) -> CommandId {
        match self {
            Self::Receiver => CommandId::BIND_RECEIVER,
            Self::Transmitter => CommandId::BIND_TRANSMITTER,
            Self::Transceiver => CommandId::BIND_TRANSCEIVER,
        }
    }
}

/// Whether a message request may go from one side to the other; what to answer where it may not.
pub(crate) fn may_send(command: CommandId, from: Role, bound: Option<BindMode>) -> Result<(), Status> {
    if !REQUESTS.contains(&(command, from)) {
        return Err(Status::INVALID_COMMAND);
    }
    match bound.is_some_and(|mode| mode.carries_from(from)) {
        true => Ok(()),
        false => Err(Status::WRONG_BIND_STATE),
    }
}

/// Whether a request carries a message or asks about one, so that it counts in the window.
pub(crate) fn counts(command: CommandId) -> bool {
    REQUESTS.iter().any(|(known, _)| *known == command) && command != CommandId::ALERT_NOTIFICATION
}

/// What goes from whom to the other, once that is bound for it.
const REQUESTS: [(CommandId, Role); 9] = [
    (CommandId::SUBMIT_SM, Role::Esme),
    (CommandId::DELIVER_SM, Role::Smsc),
    (CommandId::DATA_SM, Role::Esme),
    (CommandId::DATA_SM, Role::Smsc),
    (CommandId::SUBMIT_MULTI, Role::Esme),
    (CommandId::QUERY_SM, Role::Esme),
    (CommandId::CANCEL_SM, Role::Esme),
    (CommandId::REPLACE_SM, Role::Esme),
    (CommandId::ALERT_NOTIFICATION, Role::Smsc),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_only_where_the_bind_allows() {
        let may = |command, from, mode| may_send(command, from, mode);
        let [tx, rx] = [Some(BindMode::Transmitter), Some(BindMode::Receiver)];
        assert_eq!(may(CommandId::SUBMIT_SM, Role::Esme, tx), Ok(()));
        assert_eq!(may(CommandId::SUBMIT_SM, Role::Esme, rx), Err(Status::WRONG_BIND_STATE));
        assert_eq!(
            may(CommandId::SUBMIT_SM, Role::Esme, None),
            Err(Status::WRONG_BIND_STATE)
        );
        assert_eq!(may(CommandId::SUBMIT_SM, Role::Smsc, rx), Err(Status::INVALID_COMMAND));
        assert_eq!(may(CommandId::DELIVER_SM, Role::Smsc, rx), Ok(()));
        assert_eq!(
            may(CommandId::DELIVER_SM, Role::Smsc, tx),
            Err(Status::WRONG_BIND_STATE)
        );
        assert_eq!(may(CommandId::DATA_SM, Role::Smsc, rx), Ok(()));
        assert!(!counts(CommandId::ENQUIRE_LINK) && counts(CommandId::QUERY_SM));
    }
}
