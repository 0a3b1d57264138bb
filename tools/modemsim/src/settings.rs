//! What a network and its modems are made of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::profile::Profile;

/// The network: how long things take and what is recorded. Every field may be changed from its default.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the symlinks to the pseudo-terminals; `None`: a fresh temporary folder, removed at the end.
    pub dir: Option<PathBuf>,
    /// From Ctrl-Z to `+CMGS`.
    pub latency: Duration,
    /// From acceptance to the recipient's modem.
    pub delivery_delay: Duration,
    /// From delivery to the status report at the sender's modem.
    pub report_delay: Duration,
    /// How long a routed message waits for `+CNMA` before the modem turns routing off (TS 27.005 3.4.1).
    pub ack_timeout: Duration,
    /// After how long the network tries a message again that was not acknowledged.
    pub redelivery: Duration,
    /// From a USSD request to its answer.
    pub ussd_delay: Duration,
    /// Offset of the network's local time, in quarters of an hour.
    pub zone_quarters: i8,
    /// What becomes of messages to numbers that no SIM has.
    pub sink: Sink,
    /// How much of each message is kept.
    pub record: Record,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dir: None,
            latency: Duration::ZERO,
            delivery_delay: Duration::ZERO,
            report_delay: Duration::from_millis(20),
            ack_timeout: Duration::from_secs(5),
            redelivery: Duration::from_secs(1),
            ussd_delay: Duration::from_millis(20),
            zone_quarters: 0,
            sink: Sink::Delivered,
            record: Record::Everything,
        }
    }
}

/// What becomes of messages to numbers that no SIM has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// Taken; reports say delivered.
    Delivered,
    /// Taken; no report ever comes.
    Silent,
    /// Refused by the network with `+CMS ERROR: 1` (unassigned number).
    Unassigned,
}

/// How much of each message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// Sender, recipient, octets and times of each message.
    Everything,
    /// Times only, for the figures of long runs.
    Times,
    /// Numbers of messages only.
    Counts,
}

/// A modem with its SIM.
#[derive(Debug, Clone)]
pub struct ModemSpec {
    /// File name of the symlink in the network's folder.
    pub name: String,
    /// The make.
    pub profile: Profile,
    /// The SIM's number in international form, with `+`.
    pub number: String,
    /// 15 digits.
    pub imei: String,
    /// 19 or 20 digits.
    pub iccid: String,
    /// 15 digits.
    pub imsi: String,
    /// The PIN the SIM asks for, if it does.
    pub pin: Option<String>,
    /// The PUK.
    pub puk: String,
    /// The service centre on the SIM; empty: none is set.
    pub smsc: String,
    /// Places for messages on the SIM.
    pub sim_places: usize,
    /// The operator's name.
    pub operator: String,
    /// The operator's number (MCC and MNC).
    pub plmn: String,
    /// Signal strength as `+CSQ` gives it: 0 to 31, 99 unknown.
    pub signal: u8,
    /// USSD codes and what they lead to.
    pub ussd: BTreeMap<String, UssdNode>,
}

impl ModemSpec {
    /// The modem number `index` of a row: `modem-01` with `+49151000001` and so on, a generic make, no PIN.
    #[must_use]
    pub fn new(index: usize) -> Self {
        let nth = index + 1;
        Self {
            name: format!("modem-{nth:02}"),
            profile: Profile::default(),
            number: format!("+49151{nth:06}"),
            imei: format!("86000000{nth:07}"),
            iccid: format!("8949020000{nth:09}"),
            imsi: format!("262010{nth:09}"),
            pin: None,
            puk: "12345678".into(),
            smsc: "+491710760000".into(),
            sim_places: 50,
            operator: "Simulated".into(),
            plmn: "26201".into(),
            signal: 22,
            ussd: default_ussd(),
        }
    }
}

/// A page of a USSD dialogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UssdNode {
    /// What the network says.
    pub text: String,
    /// What may be answered and where it leads; empty: the dialogue ends here.
    #[serde(default)]
    pub answers: BTreeMap<String, UssdNode>,
}

impl UssdNode {
    /// A page that ends the dialogue.
    #[must_use]
    pub fn end(text: &str) -> Self {
        Self {
            text: text.into(),
            answers: BTreeMap::new(),
        }
    }

    /// A page that asks for an answer.
    #[must_use]
    pub fn menu(text: &str, answers: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self {
            text: text.into(),
            answers: answers.into_iter().map(|(key, node)| (key.into(), node)).collect(),
        }
    }
}

/// `*100#` tells a balance, `*101#` is a menu of two levels.
fn default_ussd() -> BTreeMap<String, UssdNode> {
    let tariffs = UssdNode::menu(
        "1 Small 2 Large",
        [("1", UssdNode::end("Small it is")), ("2", UssdNode::end("Large it is"))],
    );
    let menu = UssdNode::menu(
        "1 Balance 2 Tariff",
        [("1", UssdNode::end("Balance: 7.95 EUR")), ("2", tariffs)],
    );
    BTreeMap::from([
        ("*100#".into(), UssdNode::end("Balance: 7.95 EUR")),
        ("*101#".into(), menu),
    ])
}
