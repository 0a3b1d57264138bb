//! What callers are shown: the shapes of the API, read by the command line too.

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Alphabet, Inbound, MessageId, MessageState, Number, PartState, PeerId, ReportStatus, RouteId};

/// An outgoing message as `sms.status` and `sms.list` show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// Its id.
    pub id: MessageId,
    /// Its recipient.
    pub to: Number,
    /// Its text; absent once retention removed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Computed from the parts.
    pub state: MessageState,
    /// 0 to 3.
    pub priority: u8,
    /// The alphabet of its parts.
    pub alphabet: Alphabet,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Not to be sent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_at: Option<Timestamp>,
    /// Worth nothing after.
    pub expires_at: Timestamp,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whether a part may have reached the recipient twice.
    pub maybe_twice: bool,
    /// Its parts, in order.
    pub parts: Vec<PartView>,
}

/// One part of an outgoing message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartView {
    /// From 1.
    pub part: u8,
    /// Where it stands.
    pub state: PartState,
    /// The SIM, or the upstream, of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sim: Option<RouteId>,
    /// TP-MR of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<u8>,
    /// The name that the upstream of the last attempt gave it (message_id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<PeerId>,
    /// How often it was tried.
    pub attempts: u32,
    /// When the last attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempted_at: Option<Timestamp>,
    /// When the network took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When it was settled by a report, a failure or a deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
    /// When it is tried next, while it is queued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Why it waits, while it is queued; only `sms.status` tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<WaitView>,
    /// What went wrong last, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The code of it, as `CMS 38`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether it was sent again after an uncertain attempt.
    pub maybe_twice: bool,
    /// What its upstream said of it, in the order in which that came. The first final word counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<ReceiptView>,
}

/// What a queued part waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitView {
    /// In words for people.
    pub reason: String,
    /// When that ends, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A receipt of an upstream, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptView {
    /// When it came.
    pub at: Timestamp,
    /// What it says became of the part.
    pub status: ReportStatus,
    /// Its error code, as it was written; another list than that of answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When the upstream says that this was so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discharged: Option<Timestamp>,
    /// What it says, for people.
    pub words: String,
}

/// What `sms.fetch` looks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchQuery {
    /// Only messages to this slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sim: Option<String>,
    /// Only messages to the SIM with this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Only messages completed after this cursor (0: from the oldest kept).
    #[serde(default, deserialize_with = "cursor")]
    pub after: i64,
    /// Only messages completed before this cursor: [`FetchPage::stopped`] of a search that goes back.
    #[serde(default, deserialize_with = "maybe_cursor", skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// The newest of them instead of the oldest; the answer is in ascending order all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub newest: bool,
    /// At most this many (1 to 1000, default 100).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Wait up to this many seconds (60 at most) for the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_s: Option<u32>,
    /// Only senders that match this regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_matches: Option<String>,
    /// Only texts that match this regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_matches: Option<String>,
    /// The gateway's own tests too, which are left out else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probes: bool,
    /// What no phone would show too, which is left out else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// The answer to `sms.fetch`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FetchPage {
    /// The messages, oldest first.
    pub messages: Vec<Inbound>,
    /// The cursor to ask with next.
    pub next: i64,
    /// Where the search ended before it had enough, since one answer looks at so many messages and no more. It goes on
    /// after this cursor, or before it where the newest are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<i64>,
}

/// Reads a cursor: 0 or more.
///
/// # Errors
/// A value that is no whole number from 0 on.
pub fn cursor<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let read = u64::deserialize(from)?;
    i64::try_from(read).map_err(|_| D::Error::custom("the cursor is too large"))
}

fn maybe_cursor<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    cursor(from).map(Some)
}

/// What `sms.list` looks for: outgoing messages, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Only messages in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MessageState>,
    /// Only messages to this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only messages accepted before this one (for paging).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<MessageId>,
    /// At most this many (1 to 1000, default 50).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What a search among outgoing messages found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    /// The messages, newest first.
    pub messages: Vec<MessageView>,
    /// Where the search ended before it had enough, since one answer looks at so many messages and no more: it goes on
    /// with what was accepted before this one.
    pub stopped: Option<MessageId>,
}

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// What a text would become, as `sms.preview` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// How many parts.
    pub parts: u8,
    /// In which alphabet.
    pub alphabet: Alphabet,
    /// Why that alphabet: which character forces it, and what could be saved.
    pub why: String,
    /// The text of each part.
    pub texts: Vec<String>,
}

/// What an operator decides about an uncertain or held message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolution {
    /// Send it again, marked *maybe twice*.
    Resend,
    /// Give it up.
    Drop,
}

/// Which route a message to a number would take, and why each other one would not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteExplanation {
    /// The recipient, as understood.
    pub to: Number,
    /// The route that would be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<RouteId>,
    /// Why none, or until when the message would wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Every route, best first.
    pub routes: Vec<RouteVerdict>,
}

/// What the router thinks of one route for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteVerdict {
    /// The route.
    pub route: RouteId,
    /// Whether it could be taken now.
    pub usable: bool,
    /// The longest prefix that matched, where one is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The cost per part in millionths of the currency.
    pub cost_micros: i64,
    /// The reason, for people.
    pub why: String,
}

/// What a USSD dialogue answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UssdReply {
    /// The text, decoded.
    pub text: String,
    /// Whether the network waits for an answer (`ussd.reply`).
    pub open: bool,
    /// `<m>` of `+CUSD` (TS 27.007 7.15).
    pub status: u8,
    /// The string as the modem gave it.
    pub raw: String,
}

/// What a USSD step that came to nothing means for the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UssdFault {
    /// It may go better.
    Passing,
    /// The network knows no such code: it would fail again.
    Unsupported,
    /// Another dialogue is open on the SIM and has to end first.
    Taken,
}

/// What a network said by USSD without being asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UssdNotice {
    /// The text, decoded.
    pub text: String,
    /// Whether the network asked something, and may wait for an answer still (`ussd.reply`).
    #[serde(default)]
    pub open: bool,
    /// When.
    pub at: Timestamp,
}
