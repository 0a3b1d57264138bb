//! command_status: SMPP 3.4 clause 5.1.3.

use std::{fmt, time::Duration};

/// How a request went. Numbers beyond the table are a vendor's and stay what they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Status(pub u32);

/// What whoever sent the request may do about its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Nothing: it was taken.
    Taken,
    /// Send more slowly, and this one once more: it came too fast or the queue is full.
    SlowDown,
    /// Try once more later.
    Later,
    /// Give it up: it will be refused again.
    Never,
}

/// A row of the table.
struct Row(u32, &'static str, &'static str);

impl Status {
    /// The name in the specification, such as `ESME_RTHROTTLED`. Vendors and unassigned numbers have none.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.1)
    }

    /// What the specification says it means.
    pub fn meaning(self) -> &'static str {
        match self.row() {
            Some(row) => row.2,
            None if (0x400..=0x4FF).contains(&self.0) => "an error of the message centre's maker",
            None => "not assigned",
        }
    }

    /// The status that a name stands for, as in `ESME_RTHROTTLED` or `RTHROTTLED`.
    pub fn from_name(name: &str) -> Option<Self> {
        let wanted = name.strip_prefix("ESME_").unwrap_or(name);
        let found = TABLE.iter().find(|row| row.1.trim_start_matches("ESME_") == wanted);
        found.map(|row| Self(row.0))
    }

    /// Whether all is well.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// What the sender of the request may do.
    pub fn reaction(self) -> Reaction {
        match self {
            Self::OK => Reaction::Taken,
            Self::THROTTLED | Self::QUEUE_FULL => Reaction::SlowDown,
            Self::SYSTEM_ERROR | Self::TEMPORARY_APPLICATION_ERROR => Reaction::Later,
            _ => Reaction::Never,
        }
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.0 == self.0)
    }
}

impl Status {
    /// ESME_ROK.
    pub const OK: Self = Self(0x00);
    /// ESME_RINVMSGLEN.
    pub const INVALID_MESSAGE_LENGTH: Self = Self(0x01);
    /// ESME_RINVCMDLEN.
    pub const INVALID_COMMAND_LENGTH: Self = Self(0x02);
    /// ESME_RINVCMDID.
    pub const INVALID_COMMAND: Self = Self(0x03);
    /// ESME_RINVBNDSTS.
    pub const WRONG_BIND_STATE: Self = Self(0x04);
    /// ESME_RALYBND.
    pub const ALREADY_BOUND: Self = Self(0x05);
    /// ESME_RSYSERR.
    pub const SYSTEM_ERROR: Self = Self(0x08);
    /// ESME_RINVSRCADR.
    pub const INVALID_SOURCE: Self = Self(0x0A);
    /// ESME_RINVDSTADR.
    pub const INVALID_DESTINATION: Self = Self(0x0B);
    /// ESME_RINVMSGID.
    pub const INVALID_MESSAGE_ID: Self = Self(0x0C);
    /// ESME_RBINDFAIL.
    pub const BIND_FAILED: Self = Self(0x0D);
    /// ESME_RINVPASWD.
    pub const INVALID_PASSWORD: Self = Self(0x0E);
    /// ESME_RINVSYSID.
    pub const INVALID_SYSTEM_ID: Self = Self(0x0F);
    /// ESME_RCANCELFAIL.
    pub const CANCEL_FAILED: Self = Self(0x11);
    /// ESME_RREPLACEFAIL.
    pub const REPLACE_FAILED: Self = Self(0x13);
    /// ESME_RMSGQFUL.
    pub const QUEUE_FULL: Self = Self(0x14);
    /// ESME_RINVNUMDESTS.
    pub const INVALID_NUMBER_OF_DESTINATIONS: Self = Self(0x33);
    /// ESME_RINVDLNAME.
    pub const INVALID_LIST_NAME: Self = Self(0x34);
    /// ESME_RINVESMCLASS.
    pub const INVALID_ESM_CLASS: Self = Self(0x43);
    /// ESME_RSUBMITFAIL.
    pub const SUBMIT_FAILED: Self = Self(0x45);
    /// ESME_RTHROTTLED.
    pub const THROTTLED: Self = Self(0x58);
    /// ESME_RINVSCHED.
    pub const INVALID_SCHEDULE: Self = Self(0x61);
    /// ESME_RINVEXPIRY.
    pub const INVALID_EXPIRY: Self = Self(0x62);
    /// ESME_RINVDFTMSGID.
    pub const INVALID_DEFAULT_MESSAGE: Self = Self(0x63);
    /// ESME_RX_T_APPN.
    pub const TEMPORARY_APPLICATION_ERROR: Self = Self(0x64);
    /// ESME_RX_P_APPN.
    pub const PERMANENT_APPLICATION_ERROR: Self = Self(0x65);
    /// ESME_RX_R_APPN.
    pub const REJECTED_BY_APPLICATION: Self = Self(0x66);
    /// ESME_RQUERYFAIL.
    pub const QUERY_FAILED: Self = Self(0x67);
    /// ESME_RINVOPTPARSTREAM.
    pub const INVALID_TLV_STREAM: Self = Self(0xC0);
    /// ESME_ROPTPARNOTALLWD.
    pub const TLV_NOT_ALLOWED: Self = Self(0xC1);
    /// ESME_RINVPARLEN.
    pub const INVALID_PARAMETER_LENGTH: Self = Self(0xC2);
    /// ESME_RMISSINGOPTPARAM.
    pub const MISSING_TLV: Self = Self(0xC3);
    /// ESME_RUNKNOWNERR.
    pub const UNKNOWN_ERROR: Self = Self(0xFF);
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Status {
    /// `ESME_RTHROTTLED (0x58)`, or the number alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (0x{:02X})", self.0),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

/// How long to hold back after so many throttling answers in a row: 1 s, doubled each time, 30 s at most.
pub fn throttle_pause(in_a_row: u32) -> Duration {
    let doubled = 1_u64 << in_a_row.saturating_sub(1).min(5);
    Duration::from_secs(doubled.min(LONGEST_PAUSE))
}

const LONGEST_PAUSE: u64 = 30;

/// Table 5-2.
const TABLE: [Row; 50] = [
    Row(0x00, "ESME_ROK", "no error"),
    Row(0x01, "ESME_RINVMSGLEN", "message length is invalid"),
    Row(0x02, "ESME_RINVCMDLEN", "command length is invalid"),
    Row(0x03, "ESME_RINVCMDID", "invalid command id"),
    Row(0x04, "ESME_RINVBNDSTS", "incorrect bind status for given command"),
    Row(0x05, "ESME_RALYBND", "ESME already in bound state"),
    Row(0x06, "ESME_RINVPRTFLG", "invalid priority flag"),
    Row(0x07, "ESME_RINVREGDLVFLG", "invalid registered delivery flag"),
    Row(0x08, "ESME_RSYSERR", "system error"),
    Row(0x0A, "ESME_RINVSRCADR", "invalid source address"),
    Row(0x0B, "ESME_RINVDSTADR", "invalid destination address"),
    Row(0x0C, "ESME_RINVMSGID", "message id is invalid"),
    Row(0x0D, "ESME_RBINDFAIL", "bind failed"),
    Row(0x0E, "ESME_RINVPASWD", "invalid password"),
    Row(0x0F, "ESME_RINVSYSID", "invalid system id"),
    Row(0x11, "ESME_RCANCELFAIL", "cancel_sm failed"),
    Row(0x13, "ESME_RREPLACEFAIL", "replace_sm failed"),
    Row(0x14, "ESME_RMSGQFUL", "message queue full"),
    Row(0x15, "ESME_RINVSERTYP", "invalid service type"),
    Row(0x33, "ESME_RINVNUMDESTS", "invalid number of destinations"),
    Row(0x34, "ESME_RINVDLNAME", "invalid distribution list name"),
    Row(0x40, "ESME_RINVDESTFLAG", "destination flag is invalid"),
    Row(0x42, "ESME_RINVSUBREP", "invalid submit with replace request"),
    Row(0x43, "ESME_RINVESMCLASS", "invalid esm_class field data"),
    Row(0x44, "ESME_RCNTSUBDL", "cannot submit to distribution list"),
    Row(0x45, "ESME_RSUBMITFAIL", "submit_sm or submit_multi failed"),
    Row(0x48, "ESME_RINVSRCTON", "invalid source address TON"),
    Row(0x49, "ESME_RINVSRCNPI", "invalid source address NPI"),
    Row(0x50, "ESME_RINVDSTTON", "invalid destination address TON"),
    Row(0x51, "ESME_RINVDSTNPI", "invalid destination address NPI"),
    Row(0x53, "ESME_RINVSYSTYP", "invalid system_type field"),
    Row(0x54, "ESME_RINVREPFLAG", "invalid replace_if_present flag"),
    Row(0x55, "ESME_RINVNUMMSGS", "invalid number of messages"),
    Row(
        0x58,
        "ESME_RTHROTTLED",
        "throttling error: allowed message limits exceeded",
    ),
    Row(0x61, "ESME_RINVSCHED", "invalid scheduled delivery time"),
    Row(0x62, "ESME_RINVEXPIRY", "invalid message validity period"),
    Row(0x63, "ESME_RINVDFTMSGID", "predefined message invalid or not found"),
    Row(0x64, "ESME_RX_T_APPN", "ESME receiver temporary application error"),
    Row(0x65, "ESME_RX_P_APPN", "ESME receiver permanent application error"),
    Row(0x66, "ESME_RX_R_APPN", "ESME receiver reject message error"),
    Row(0x67, "ESME_RQUERYFAIL", "query_sm request failed"),
    Row(
        0xC0,
        "ESME_RINVOPTPARSTREAM",
        "error in the optional part of the PDU body",
    ),
    Row(0xC1, "ESME_ROPTPARNOTALLWD", "optional parameter not allowed"),
    Row(0xC2, "ESME_RINVPARLEN", "invalid parameter length"),
    Row(0xC3, "ESME_RMISSINGOPTPARAM", "expected optional parameter missing"),
    Row(0xC4, "ESME_RINVOPTPARAMVAL", "invalid optional parameter value"),
    Row(
        0xFE,
        "ESME_RDELIVERYFAILURE",
        "delivery failure (used for data_sm_resp)",
    ),
    Row(0xFF, "ESME_RUNKNOWNERR", "unknown error"),
    // Of SMPP 5.0, which message centres of today answer to peers of 3.4 as well.
    Row(0x100, "ESME_RSERTYPUNAUTH", "not authorised to use the service type"),
    Row(0x101, "ESME_RPROHIBITED", "prohibited from using the operation"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_number() {
        for row in &TABLE {
            assert_eq!(Status::from_name(row.1), Some(Status(row.0)));
        }
        assert!(TABLE.is_sorted_by_key(|row| row.0));
        assert_eq!(Status::from_name("RTHROTTLED"), Some(Status::THROTTLED));
        assert_eq!(Status(0x42E).to_string(), "0x0000042E");
    }

    #[test]
    fn throttling_pauses_grow_from_a_second_to_half_a_minute() {
        let pauses: Vec<u64> = (1..8).map(|row| throttle_pause(row).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(throttle_pause(u32::MAX).as_secs(), 30);
    }
}
