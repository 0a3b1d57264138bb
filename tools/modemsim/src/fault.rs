//! Faults on command. Each is a value: tests pass it to [`crate::Modem::fault`], hands write it as JSON
//! (`{"kind":"garbage","bytes":200}`).

use serde::{Deserialize, Serialize};

/// What is to go wrong with a modem, its SIM or its line. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// All switches of this list go back to normal: one-byte, slow, hang, stop reading, echo storm, wrong memory, full.
    Heal,
    /// Random octets, at once.
    Garbage {
        /// How many.
        bytes: usize,
    },
    /// These octets, at once: hexadecimal.
    Bytes {
        /// The octets.
        hex: String,
    },
    /// Everything that is received is sent back `times` times, whatever ATE says.
    EchoStorm {
        /// How often.
        times: usize,
    },
    /// One octet a read and one a write.
    OneByte,
    /// One octet each so many milliseconds.
    SlowBytes {
        /// The time between two octets.
        ms: u64,
    },
    /// Input is no longer read, so that the writer's buffer fills up.
    StopReading,
    /// Input is read and nothing is ever answered.
    Hang,
    /// As [`Fault::Hang`], from the next Ctrl-Z on.
    HangAfterCtrlZ {
        /// Whether the message goes out all the same.
        sent: bool,
    },
    /// As [`Fault::Hang`], from the next such command on, which is not carried out.
    HangAt {
        /// Its name, as `+CMGD`.
        command: String,
    },
    /// The next message goes out, its `+CMGS` is lost, and the modem goes on.
    ReplyLost,
    /// The next messages fail.
    SendError {
        /// How many.
        count: u32,
        /// `<err>` of `+CMS ERROR`.
        #[serde(default)]
        cms: Option<u16>,
        /// `<err>` of `+CME ERROR`, where `cms` is absent; both absent: plain `ERROR`.
        #[serde(default)]
        cme: Option<u16>,
        /// From Ctrl-Z to the error, beyond the latency.
        #[serde(default)]
        delay_ms: u64,
        /// Whether the messages go out all the same.
        #[serde(default)]
        sent: bool,
    },
    /// The line is cut: the master is closed and the symlink removed.
    Unplug,
    /// As [`Fault::Unplug`], in the middle of the next PDU.
    UnplugInPdu,
    /// As [`Fault::Unplug`], at the next Ctrl-Z.
    UnplugAfterCtrlZ {
        /// Whether the message goes out all the same.
        sent: bool,
    },
    /// The modem is on a fresh pseudo-terminal and starts anew.
    Replug {
        /// The symlink's new name; absent: as before.
        #[serde(default)]
        name: Option<String>,
    },
    /// The modem starts anew on the same line.
    Reboot,
    /// Another modem answers here.
    Imei {
        /// Its IMEI.
        imei: String,
    },
    /// The SIM is taken out.
    SimOut,
    /// The SIM is put in again.
    SimIn,
    /// The SIM asks for this PIN.
    SimLocked {
        /// The PIN.
        pin: String,
    },
    /// Another SIM is in the modem.
    Iccid {
        /// Its ICCID.
        iccid: String,
    },
    /// How many tries are left.
    PinTries {
        /// For the PIN.
        pin: u8,
        /// For the PUK.
        puk: u8,
    },
    /// Registration as in `+CREG`: 0 idle, 1 home, 2 searching, 3 denied, 5 roaming.
    Registration {
        /// `<stat>`.
        stat: u8,
    },
    /// Signal strength as in `+CSQ`.
    Signal {
        /// 0 to 31, 99 unknown.
        rssi: u8,
    },
    /// No memory takes another message, as if all places were used.
    MemoryFull {
        /// On or off.
        on: bool,
    },
    /// `+CMTI` names this memory, whichever holds the message.
    WrongMemory {
        /// The name.
        name: String,
    },
    /// The next report comes before the reply of the message it is about.
    ReportBeforeReply,
    /// The next message to this SIM arrives so often more.
    Duplicate {
        /// How often.
        times: u32,
    },
    /// Unsolicited lines.
    UrcFlood {
        /// How many.
        count: u32,
        /// The line.
        line: String,
        /// Between two lines; 0: all at once.
        #[serde(default)]
        every_ms: u64,
    },
}

/// How the network treats messages that fit; the first rule that fits is used. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The sender's number; absent: any.
    pub from: Option<String>,
    /// How the recipient's number starts; absent: any.
    pub to: Option<String>,
    /// For how many messages; absent: for good.
    pub count: Option<u32>,
    /// For how many of a hundred messages that fit, by a chance that is the same in every run; absent: all.
    pub percent: Option<u8>,
    /// `+CMS ERROR` instead of acceptance.
    pub cms: Option<u16>,
    /// Latency instead of the network's.
    pub latency_ms: Option<u64>,
    /// Delivery delay instead of the network's.
    pub delivery_ms: Option<u64>,
    /// Accepted and never delivered; no report.
    pub lost: bool,
    /// TP-ST of the reports that follow each other; the message is delivered if one of them is below 0x20. Absent: one with 0x00
    /// once it is delivered.
    pub reports: Option<Vec<u8>>,
    /// Report delay instead of the network's.
    pub report_ms: Option<u64>,
    /// No report, though asked for.
    pub no_report: bool,
    /// So many further copies are delivered.
    pub duplicates: u32,
}

impl Rule {
    pub(crate) fn fits(&self, from: &str, to: &str) -> bool {
        self.count != Some(0)
            && self.from.as_deref().is_none_or(|number| number == from)
            && self.to.as_deref().is_none_or(|prefix| to.starts_with(prefix))
    }
}
