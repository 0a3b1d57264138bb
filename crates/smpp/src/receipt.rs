//! Receipts: how a message went, as text (SMPP 3.4 appendix B) and as optional parameters (clause 5.3.2.12 and others).

use crate::{Body, EsmClass, Octets, Payload, Sm, Tag, Tlvs, time};

/// A receipt as a peer wrote it. What it left out is nothing; what is known twice stands twice, and the methods prefer the
/// optional parameters, whose form is fixed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// `id:`
    pub id: Option<Octets>,
    /// `sub:`, parts that were submitted.
    pub sub: Option<u32>,
    /// `dlvrd:`, parts that were delivered.
    pub dlvrd: Option<u32>,
    /// `submit date:` as digits, in whichever zone the peer lives.
    pub submit_date: Option<Octets>,
    /// `done date:` likewise.
    pub done_date: Option<Octets>,
    /// `stat:`
    pub stat: Option<Octets>,
    /// `err:`
    pub err: Option<Octets>,
    /// `text:`, the beginning of the message.
    pub text: Option<Octets>,
    /// receipted_message_id.
    pub receipted_message_id: Option<Octets>,
    /// message_state.
    pub message_state: Option<MessageState>,
    /// network_error_code.
    pub network_error: Option<NetworkError>,
}

/// Where a message stands, clause 5.2.28.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageState {
    /// 1, on its way.
    Enroute,
    /// 2, delivered.
    Delivered,
    /// 3, its validity period is over.
    Expired,
    /// 4, deleted.
    Deleted,
    /// 5, it cannot be delivered.
    Undeliverable,
    /// 6, read by somebody on the recipient's behalf. Most peers mean: taken, not yet final.
    Accepted,
    /// 7, nobody knows.
    Unknown,
    /// 8, rejected.
    Rejected,
    /// Any other.
    Other(u8),
}

/// network_error_code, clause 5.3.2.31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkError {
    /// 1 ANSI-136, 2 IS-95, 3 GSM.
    pub network: u8,
    /// The network's number.
    pub code: u16,
}

impl Receipt {
    /// The receipt in a deliver_sm or data_sm, if its esm_class or its parameters say that it is one. A text alone does
    /// not: anybody could send it.
    pub fn of(body: &Body, tlvs: &Tlvs) -> Option<Self> {
        let esm_class = match body {
            Body::DeliverSm(Sm { esm_class, .. }) => *esm_class,
            Body::DataSm(data) => data.esm_class,
            _ => return None,
        };
        let told = tlvs.has(Tag::RECEIPTED_MESSAGE_ID) && tlvs.has(Tag::MESSAGE_STATE);
        if !EsmClass(esm_class).is_receipt() && !told {
            return None;
        }
        let text = Payload::of(body, tlvs).map_or(&[][..], |payload| payload.body);
        Some(Self::decode(text, tlvs))
    }

    /// Reads text and parameters. Everything is optional, nothing fails.
    pub fn decode(text: &[u8], tlvs: &Tlvs) -> Self {
        let mut receipt = Self::of_text(text);
        receipt.receipted_message_id = tlvs.string(Tag::RECEIPTED_MESSAGE_ID).map(Octets::new);
        let state = tlvs.number(Tag::MESSAGE_STATE);
        receipt.message_state = state.and_then(|state| u8::try_from(state).ok()).map(MessageState::from);
        receipt.network_error = tlvs.get(Tag::NETWORK_ERROR_CODE).and_then(NetworkError::decode);
        receipt
    }

    /// The text of appendix B; fields that are nothing are left out.
    pub fn to_text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(160);
        let count = |number: &Option<u32>| number.map(|number| Octets::from(format!("{number:03}")));
        let fields = [
            ("id", self.id.clone()),
            ("sub", count(&self.sub)),
            ("dlvrd", count(&self.dlvrd)),
            ("submit date", self.submit_date.clone()),
            ("done date", self.done_date.clone()),
            ("stat", self.stat.clone()),
            ("err", self.err.clone()),
            ("text", self.text.clone()),
        ];
        for (key, value) in fields {
            let Some(value) = value else { continue };
            if !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(key.as_bytes());
            text.push(b':');
            text.extend_from_slice(&value);
        }
        text
    }

    /// Appends the parameters that are something.
    pub fn push_tlvs(&self, tlvs: &mut Tlvs) {
        if let Some(id) = &self.receipted_message_id {
            tlvs.push_string(Tag::RECEIPTED_MESSAGE_ID, id);
        }
        if let Some(state) = self.message_state {
            tlvs.push_octet(Tag::MESSAGE_STATE, state.number());
        }
        if let Some(error) = self.network_error {
            tlvs.push(Tag::NETWORK_ERROR_CODE, &error.encode()[..]);
        }
    }

    /// Which message it is about: the parameter, else the text.
    pub fn message_id(&self) -> Option<&Octets> {
        let told = self.receipted_message_id.as_ref().filter(|id| !id.is_empty());
        told.or(self.id.as_ref())
    }

    /// Every id that it gives, the parameter first: in some peers' receipts only one of them has the response's form.
    pub fn message_ids(&self) -> impl Iterator<Item = &Octets> {
        let both = [&self.receipted_message_id, &self.id];
        both.into_iter().flatten().filter(|id| !id.is_empty())
    }

    /// Where the message stands: the parameter, else the text; nothing where neither is understood.
    pub fn state(&self) -> Option<MessageState> {
        let by_text = || self.stat.as_ref().and_then(|stat| MessageState::from_stat(stat));
        self.message_state.or_else(by_text)
    }

    /// `stat:`, or what the parameter would be called there.
    pub fn stat_name(&self) -> Option<String> {
        let named = || self.message_state.map(|state| state.stat().to_owned());
        self.stat.as_ref().map(Octets::text).or_else(named)
    }

    /// The error as a number: the parameter, else `err:` as decimal or, with a letter in it, hexadecimal. 0 is no error.
    pub fn error(&self) -> Option<u32> {
        let told = self.network_error.map(|error| u32::from(error.code));
        told.or_else(|| error_number(self.err.as_ref()?))
    }

    /// `submit date:` in seconds since 1970, read as if Greenwich had written it.
    pub fn submitted(&self) -> Option<i64> {
        seconds(self.submit_date.as_ref()?)
    }

    /// `done date:` in seconds since 1970, read as if Greenwich had written it.
    pub fn done(&self) -> Option<i64> {
        seconds(self.done_date.as_ref()?)
    }

    /// A date as receipts have it: `YYMMDDhhmm`, with seconds on demand. Nothing where two digits do not tell the year.
    pub fn date(unix_seconds: i64, with_seconds: bool) -> Option<Octets> {
        let digits = time::digits(unix_seconds)?;
        let length = if with_seconds { 12 } else { 10 };
        digits.get(..length).map(Octets::from)
    }

    /// Reads a text. Keys count in any case and any order, behind anything that is no letter or digit; the first of a kind
    /// counts.
    fn of_text(text: &[u8]) -> Self {
        let mut receipt = Self::default();
        let found = find_keys(text);
        for (at, (key, start)) in found.iter().enumerate() {
            let end = found
                .get(at + 1)
                .map_or(text.len(), |(next, start)| start - next.name().len() - 1);
            let value = text.get(*start..end).unwrap_or_default();
            receipt.take(*key, value);
        }
        receipt
    }

    fn take(&mut self, key: Key, value: &[u8]) {
        let word = || Octets::new(first_word(value));
        let count = || std::str::from_utf8(first_word(value)).ok()?.parse().ok();
        match key {
            Key::Id => self.id = Some(word()),
            Key::Sub => self.sub = count(),
            Key::Dlvrd => self.dlvrd = count(),
            Key::SubmitDate => self.submit_date = Some(word()),
            Key::DoneDate => self.done_date = Some(word()),
            Key::Stat => self.stat = Some(word()),
            Key::Err => self.err = Some(word()),
            Key::Text => self.text = Some(Octets::new(value.strip_suffix(b" ").unwrap_or(value))),
        }
    }
}

impl MessageState {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Enroute => 1,
            Self::Delivered => 2,
            Self::Expired => 3,
            Self::Deleted => 4,
            Self::Undeliverable => 5,
            Self::Accepted => 6,
            Self::Unknown => 7,
            Self::Rejected => 8,
            Self::Other(number) => number,
        }
    }

    /// What a receipt's text calls it.
    pub fn stat(self) -> &'static str {
        match self {
            Self::Enroute => "ENROUTE",
            Self::Delivered => "DELIVRD",
            Self::Expired => "EXPIRED",
            Self::Deleted => "DELETED",
            Self::Undeliverable => "UNDELIV",
            Self::Accepted => "ACCEPTD",
            Self::Rejected => "REJECTD",
            Self::Unknown | Self::Other(_) => "UNKNOWN",
        }
    }

    /// The state that a receipt's text names, by the letters that all the spellings share.
    pub fn from_stat(stat: &[u8]) -> Option<Self> {
        let stat = stat.to_ascii_uppercase();
        let found = STATS.iter().find(|(start, _)| stat.starts_with(start.as_bytes()));
        found.map(|(_, state)| *state)
    }

    /// Whether nothing comes after it. An accepted message is on its way, and what is unknown may become known.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Expired | Self::Deleted | Self::Undeliverable | Self::Rejected
        )
    }
}

impl From<u8> for MessageState {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Enroute,
            2 => Self::Delivered,
            3 => Self::Expired,
            4 => Self::Deleted,
            5 => Self::Undeliverable,
            6 => Self::Accepted,
            7 => Self::Unknown,
            8 => Self::Rejected,
            other => Self::Other(other),
        }
    }
}

impl NetworkError {
    /// The network's number of GSM.
    pub const GSM: u8 = 3;

    /// Reads three octets. Some peers write three digits instead (`000`), whose network nobody knows.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let &[network, high, low] = octets else { return None };
        if octets.iter().all(u8::is_ascii_digit) {
            let digit = |octet: u8| u16::from(octet - b'0');
            let code = digit(network) * 100 + digit(high) * 10 + digit(low);
            return Some(Self { network: 0, code });
        }
        let code = u16::from_be_bytes([high, low]);
        Some(Self { network, code })
    }

    /// The three octets.
    pub fn encode(self) -> [u8; 3] {
        let [high, low] = self.code.to_be_bytes();
        [self.network, high, low]
    }
}

/// What a receipt's text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Id,
    Sub,
    Dlvrd,
    SubmitDate,
    DoneDate,
    Stat,
    Err,
    Text,
}

impl Key {
    fn name(self) -> &'static str {
        KEYS[self as usize].0
    }

    /// The key that ends at a colon, and stands alone before it.
    fn before(text: &[u8]) -> Option<Self> {
        let fits = |name: &str| {
            let Some(start) = text.len().checked_sub(name.len()) else {
                return false;
            };
            let alone = start == 0 || !text[start - 1].is_ascii_alphanumeric();
            alone && matches_name(&text[start..], name)
        };
        KEYS.iter().find(|(name, _)| fits(name)).map(|(_, key)| *key)
    }
}

/// The keys with the places behind their colons, each but once.
fn find_keys(text: &[u8]) -> Vec<(Key, usize)> {
    let mut found: Vec<(Key, usize)> = Vec::new();
    for (colon, _) in text.iter().enumerate().filter(|(_, octet)| **octet == b':') {
        let Some(key) = Key::before(&text[..colon]) else {
            continue;
        };
        if found.iter().all(|(earlier, _)| *earlier != key) {
            found.push((key, colon + 1));
        }
    }
    found
}

/// Whether a key is written here, in any case and with `_` or a blank inside.
fn matches_name(text: &[u8], name: &str) -> bool {
    let same = |(one, other): (&u8, u8)| one.eq_ignore_ascii_case(&other) || (*one == b'_' && other == b' ');
    text.len() == name.len() && text.iter().zip(name.bytes()).all(same)
}

/// Up to the first blank behind the first that is none.
fn first_word(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    let end = value.iter().position(u8::is_ascii_whitespace);
    &value[..end.unwrap_or(value.len())]
}

fn error_number(err: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(err).ok()?;
    let hexadecimal = text.trim_start_matches("0x");
    text.parse().ok().or_else(|| u32::from_str_radix(hexadecimal, 16).ok())
}

fn seconds(date: &[u8]) -> Option<i64> {
    time::civil(std::str::from_utf8(date).ok()?)
}

/// In the order of the enum.
const KEYS: [(&str, Key); 8] = [
    ("id", Key::Id),
    ("sub", Key::Sub),
    ("dlvrd", Key::Dlvrd),
    ("submit date", Key::SubmitDate),
    ("done date", Key::DoneDate),
    ("stat", Key::Stat),
    ("err", Key::Err),
    ("text", Key::Text),
];

/// Beginnings of `stat:`. DELIVRD, DELIVERED and DELIVERD are all to be met, and BUFFRD where a message waits.
const STATS: [(&str, MessageState); 9] = [
    ("ENROUT", MessageState::Enroute),
    ("BUFF", MessageState::Enroute),
    ("DELIV", MessageState::Delivered),
    ("EXPIR", MessageState::Expired),
    ("DELET", MessageState::Deleted),
    ("UNDEL", MessageState::Undeliverable),
    ("ACCEP", MessageState::Accepted),
    ("UNKNO", MessageState::Unknown),
    ("REJEC", MessageState::Rejected),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_count_more_than_the_text() {
        let mut tlvs = Tlvs::default();
        tlvs.push_string(Tag::RECEIPTED_MESSAGE_ID, b"38601fa");
        tlvs.push_octet(Tag::MESSAGE_STATE, 5);
        tlvs.push(Tag::NETWORK_ERROR_CODE, &[3, 0, 27][..]);
        let receipt = Receipt::decode(b"id:0059113978 stat:DELIVRD err:000", &tlvs);
        assert_eq!(receipt.message_id().unwrap(), &"38601fa");
        assert_eq!(receipt.message_ids().count(), 2);
        assert_eq!(receipt.state(), Some(MessageState::Undeliverable));
        assert_eq!(receipt.error(), Some(27));
        let mut again = Tlvs::default();
        receipt.push_tlvs(&mut again);
        assert_eq!(again, tlvs);
    }

    #[test]
    fn errors_are_numbers_in_three_forms() {
        let error = |err: &str| Receipt::decode(format!("err:{err}").as_bytes(), &Tlvs::NONE).error();
        assert_eq!(error("012"), Some(12));
        assert_eq!(error("00A"), Some(10));
        assert_eq!(error("0x1f"), Some(31));
        assert_eq!(error("none"), None);
        assert_eq!(NetworkError::decode(b"012").unwrap().code, 12);
        assert_eq!(NetworkError::decode(&[3, 1]), None);
    }

    #[test]
    fn a_text_alone_makes_no_receipt() {
        let sm = Sm {
            short_message: "id:1 stat:DELIVRD".into(),
            ..Sm::default()
        };
        assert_eq!(Receipt::of(&Body::DeliverSm(sm.clone()), &Tlvs::NONE), None);
        let receipt = Sm {
            esm_class: EsmClass::RECEIPT.0,
            ..sm
        };
        let receipt = Receipt::of(&Body::DeliverSm(receipt), &Tlvs::NONE).unwrap();
        assert_eq!(receipt.state(), Some(MessageState::Delivered));
    }

    #[test]
    fn the_spellings_of_states_are_understood() {
        for number in 0..=255_u8 {
            assert_eq!(MessageState::from(number).number(), number);
        }
        for state in (1..=8).map(MessageState::from) {
            assert_eq!(MessageState::from_stat(state.stat().as_bytes()), Some(state));
        }
        assert_eq!(MessageState::from_stat(b"delivered"), Some(MessageState::Delivered));
        assert_eq!(MessageState::from_stat(b"0"), None);
        assert!(!MessageState::Accepted.is_final());
    }

    #[test]
    fn dates_are_written_with_and_without_seconds() {
        assert_eq!(Receipt::date(1_274_647_140, false).unwrap(), "1005232039");
        assert_eq!(Receipt::date(1_274_647_141, true).unwrap(), "100523203901");
        assert_eq!(Receipt::date(i64::MAX, false), None);
    }
}
