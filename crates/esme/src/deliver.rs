//! What an upstream hands over: a received message becomes SMS-DELIVER (TS 23.040 9.2.2.1), a receipt a word on a part.

use jiff::Timestamp;
use message::{Number, PeerId, Receipt, ReportStatus};
use smpp::{Alphabet, Body, DefaultAlphabet, IdForm, MessageState, Octets, Payload, Sm, Tag, Tlvs};
use tpdu::{
    Address, Concat, Content, Dcs, Deliver, Element, Gsm7Tables, Header, NumberingPlan, Ports, Reference, Scts,
    TypeOfNumber, UserData, ucs2,
};

use crate::Config;
use crate::pieces::cut;
use crate::submit::TABLES;

/// What a deliver_sm or data_sm is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delivered {
    /// A message, in as many PDUs (service-centre part first) as an SMS of its length takes.
    Message(Vec<Vec<u8>>),
    /// How a part fares.
    Receipt(Box<Receipt>),
    /// A receipt that does not tell of which part; its words.
    Nameless(String),
    /// More than 255 SMS hold.
    TooLong,
}

/// Reads a deliver_sm or data_sm; `second` is what the message is stamped with.
pub(crate) fn read(body: &Body, tlvs: &Tlvs, config: &Config, now: Timestamp, second: i64) -> Delivered {
    match receipt(body, tlvs, config) {
        Some(receipt) => word(&receipt, body, config, now),
        None => message(body, tlvs, config, second),
    }
}

/// Whether it tells of a part of ours.
pub(crate) fn is_receipt(body: &Body, tlvs: &Tlvs, config: &Config) -> bool {
    receipt(body, tlvs, config).is_some()
}

fn receipt(body: &Body, tlvs: &Tlvs, config: &Config) -> Option<smpp::Receipt> {
    let marked = smpp::Receipt::of(body, tlvs);
    if marked.is_some() || !config.unmarked_receipts {
        return marked;
    }
    let receipt = smpp::Receipt::decode(Payload::of(body, tlvs)?.body, tlvs);
    (receipt.message_id().is_some() && receipt.state().is_some()).then_some(receipt)
}

fn word(receipt: &smpp::Receipt, body: &Body, config: &Config, now: Timestamp) -> Delivered {
    let words = words(receipt);
    let Some(id) = name(receipt, config) else {
        return Delivered::Nameless(words);
    };
    let esm_class = match body {
        Body::DeliverSm(sm) => sm.esm_class,
        Body::DataSm(data) => data.esm_class,
        _ => 0,
    };
    let intermediate = esm_class & INTERMEDIATE != 0;
    Delivered::Receipt(Box::new(Receipt {
        id,
        recipient: sender(body, config),
        status: status(receipt, intermediate),
        code: code(receipt),
        discharged: done(receipt, now),
        words,
    }))
}

/// The part's name in the form that answers have: the parameter's where it is given, since it repeats the answer's id
/// (clause 5.3.2.12), else the text's.
fn name(receipt: &smpp::Receipt, config: &Config) -> Option<PeerId> {
    let told = |id: &Option<Octets>| id.clone().filter(|id| !id.is_empty());
    let by_parameter = told(&receipt.receipted_message_id);
    let parameter_form = config.parameter_id.unwrap_or(config.response_id);
    match by_parameter {
        Some(id) => peer_id(&id, parameter_form.into()),
        None => peer_id(&told(&receipt.id)?, config.receipt_id.into()),
    }
}

/// An id as it is kept: folded, so that the answer's and the receipt's are the same.
pub(crate) fn peer_id(id: &[u8], form: IdForm) -> Option<PeerId> {
    PeerId::new(&form.key(id).text())
}

fn status(receipt: &smpp::Receipt, intermediate: bool) -> ReportStatus {
    match receipt.state() {
        Some(MessageState::Delivered) => ReportStatus::Delivered,
        // What is told in between ends nothing: a try that failed is repeated.
        _ if intermediate => ReportStatus::StillTrying,
        Some(MessageState::Expired) => ReportStatus::Expired,
        Some(MessageState::Deleted | MessageState::Undeliverable | MessageState::Rejected) => ReportStatus::Failed,
        Some(MessageState::Enroute | MessageState::Accepted) => ReportStatus::StillTrying,
        // Makers have words of their own, as DND_REJECTED.
        None if receipt.stat.as_ref().is_some_and(|stat| stat.text().contains("REJECT")) => ReportStatus::Failed,
        Some(MessageState::Unknown | MessageState::Other(_)) | None => ReportStatus::Unknown,
    }
}

/// What went wrong, as it was written: `err`, else the parameter. No error is nothing.
fn code(receipt: &smpp::Receipt) -> Option<String> {
    let written = receipt.err.as_ref().map(Octets::text).filter(|err| !err.is_empty());
    let told = receipt
        .network_error
        .map(|error| format!("{}:{}", error.network, error.code));
    let code = written.or(told)?;
    code.chars()
        .any(|c| c.is_ascii_alphanumeric() && c != '0')
        .then_some(code)
}

/// `done date`, where it can be: nobody says in whose zone it is, so only one that is nearly now in Greenwich counts.
fn done(receipt: &smpp::Receipt, now: Timestamp) -> Option<Timestamp> {
    let seconds = receipt.done()?;
    let near = seconds.abs_diff(now.as_second()) <= NEARLY_NOW_S;
    near.then(|| Timestamp::from_second(seconds).ok()).flatten()
}

fn words(receipt: &smpp::Receipt) -> String {
    let stat = receipt.stat_name().unwrap_or_else(|| "no state".to_owned());
    match code(receipt) {
        Some(code) => format!("{stat} err:{code}"),
        None => stat,
    }
}

/// Who sent it; of a receipt: who got the message it is about.
fn sender(body: &Body, config: &Config) -> Option<Number> {
    let address = address(body, config);
    (!address.value.is_empty()).then(|| Number::received(&address.to_string()))
}

fn message(body: &Body, tlvs: &Tlvs, config: &Config, second: i64) -> Delivered {
    let empty = Octets::EMPTY;
    let payload = Payload::of(body, tlvs).unwrap_or(Payload {
        coding: smpp::Coding::DEFAULT,
        header: Header::default(),
        body: &empty,
        concat: None,
        ports: None,
        lacks_header: false,
        whole: false,
    });
    let envelope = envelope(body, config, second);
    let Some(pieces) = pieces(&payload, config.charset.into(), reference(&payload, second)) else {
        return Delivered::TooLong;
    };
    let pdus = pieces.into_iter().map(|(dcs, user_data)| {
        let deliver = Deliver {
            dcs,
            user_data,
            ..envelope.clone()
        };
        let tpdu = deliver.encode().ok()?;
        Some([&NO_SERVICE_CENTRE[..], &tpdu].concat())
    });
    // All of it, or none.
    pdus.collect::<Option<_>>()
        .map_or(Delivered::TooLong, Delivered::Message)
}

/// Everything of an SMS-DELIVER but its content.
fn envelope(body: &Body, config: &Config, second: i64) -> Deliver {
    let (pid, esm_class) = match body {
        Body::DeliverSm(sm) => (sm.protocol_id, sm.esm_class),
        Body::DataSm(data) => (0, data.esm_class),
        _ => (0, 0),
    };
    Deliver {
        more_to_send: false,
        loop_prevention: false,
        report_indication: false,
        reply_path: esm_class & smpp::EsmClass::REPLY_PATH != 0,
        from: address(body, config),
        pid,
        dcs: Dcs::GSM7,
        time: Scts::from_unix(second, 0).unwrap_or(Scts::from_octets([0; 7])),
        user_data: UserData::default(),
    }
}

/// Content and coding of each SMS that the message takes.
fn pieces(payload: &Payload<'_>, default: DefaultAlphabet, fresh: Reference) -> Option<Vec<(Dcs, UserData)>> {
    let (others, concat) = elements(payload);
    let Some((dcs, octets)) = as_it_is(payload, default) else {
        let text = match payload.content(default) {
            Content::Text(text) => text,
            Content::Data(octets) => return cut(Dcs::DATA, &octets, &others, fresh),
        };
        // Its letters are in the default alphabet now, or in none that has tables.
        let others: Vec<Element> = others
            .into_iter()
            .filter(|element| !TABLES.contains(&element.id()))
            .collect();
        // Its neighbours keep their numbers where they are septets, so it does too where it can.
        let (dcs, octets) = written(&text);
        let one = concat.filter(|_| holds_septets(payload, default));
        let one = one.and_then(|concat| whole(dcs, octets.clone(), &others, Some(concat)));
        if let Some(one) = one {
            return Some(vec![one]);
        }
        let recoded = concat.and_then(|concat| recoded_part(&text, &others, concat));
        if recoded.is_some() {
            return recoded;
        }
        return cut(dcs, &octets, &others, fresh);
    };
    match whole(dcs, octets.clone(), &others, concat) {
        Some(one) => Some(vec![one]),
        // A part that fits no SMS cannot be joined with its neighbours: it is a message of its own.
        None => cut(dcs, &octets, &others, fresh),
    }
}

/// All of it in one SMS, where that holds it.
fn whole(dcs: Dcs, body: Vec<u8>, others: &[Element], concat: Option<Concat>) -> Option<(Dcs, UserData)> {
    let all = concat.map(Concat::element).into_iter().chain(others.iter().cloned());
    let data = UserData {
        header: Header::new(all.collect()),
        body,
        missing: 0,
    };
    (data.encoded_len(dcs) <= SMS_OCTETS).then_some((dcs, data))
}

/// Whether its coding says septets of GSM.
fn holds_septets(payload: &Payload<'_>, default: DefaultAlphabet) -> bool {
    match payload.coding.alphabet() {
        Alphabet::Default => default == DefaultAlphabet::Gsm7,
        alphabet => alphabet == Alphabet::Gsm7,
    }
}

/// The octets as an SMS has them, where its coding is one of GSM's.
fn as_it_is(payload: &Payload<'_>, default: DefaultAlphabet) -> Option<(Dcs, Vec<u8>)> {
    let dcs = payload.coding.dcs()?;
    if !matches!(payload.coding.alphabet(), Alphabet::Default | Alphabet::Gsm7) {
        return Some((dcs, payload.body.to_vec()));
    }
    (holds_septets(payload, default) && payload.body.is_ascii()).then(|| (dcs, payload.body.to_vec()))
}

/// A text in the alphabet of phones that takes the least room.
fn written(text: &str) -> (Dcs, Vec<u8>) {
    match Gsm7Tables::DEFAULT.encode(text) {
        Ok(septets) => (Dcs::GSM7, septets),
        Err(_) => (Dcs::UCS2, ucs2::encode(text)),
    }
}

/// A part whose letters take more room here than there becomes always as many parts, so that the numbers of all parts of
/// its message agree without anybody knowing the others. Nothing where it fits those neither.
fn recoded_part(text: &str, others: &[Element], concat: Concat) -> Option<Vec<(Dcs, UserData)>> {
    let total = concat.total.checked_mul(RECODED)?;
    let letters: Vec<char> = text.chars().collect();
    let each = letters.len().div_ceil(usize::from(RECODED)).max(1);
    let part = |place: u8| {
        let from = (each * usize::from(place)).min(letters.len());
        let to = (from + each).min(letters.len());
        let (dcs, body) = written(&letters[from..to].iter().collect::<String>());
        let concat = Concat {
            reference: concat.reference,
            total,
            sequence: (concat.sequence - 1) * RECODED + place + 1,
        };
        whole(dcs, body, others, Some(concat))
    };
    (0..RECODED).map(part).collect()
}

/// The header without what tells the part and with the ports, and which part it is.
fn elements(payload: &Payload<'_>) -> (Vec<Element>, Option<Concat>) {
    let stays = |element: &&Element| !matches!(element, Element::Concat8 { .. } | Element::Concat16 { .. });
    let others = payload.header.elements.iter().filter(stays).cloned();
    let ports = payload.ports.filter(|_| payload.header.ports().is_none());
    (
        ports.map(Ports::element).into_iter().chain(others).collect(),
        payload.concat_of_sms(),
    )
}

/// A reference for a message that takes several SMS: the same for the same message.
fn reference(payload: &Payload<'_>, second: i64) -> Reference {
    let mix = payload.body.iter().fold(second.unsigned_abs(), |mix, octet| {
        mix.wrapping_mul(31).wrapping_add(u64::from(*octet))
    });
    Reference::Sixteen(u16::try_from(mix & 0xFFFF).unwrap_or_default())
}

/// Who sent it (TP-OA).
fn address(body: &Body, config: &Config) -> Address {
    let (ton, text) = match body {
        Body::DeliverSm(Sm {
            source_addr_ton: ton,
            source_addr,
            ..
        }) => (*ton, source_addr.text()),
        Body::DataSm(data) => (data.source_addr_ton, data.source_addr.text()),
        _ => (0, String::new()),
    };
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || "*#abc".contains(c));
    if text.is_empty() {
        return Address::empty();
    }
    if !is_number || ton == ALPHANUMERIC {
        return Address::new(TypeOfNumber::Alphanumeric, NumberingPlan::UNKNOWN, sms_name(text));
    }
    let kind = match TypeOfNumber::from_bits(ton) {
        _ if digits.len() < text.len() => TypeOfNumber::International,
        TypeOfNumber::Unknown if config.international && has_country_code(digits) => TypeOfNumber::International,
        TypeOfNumber::Reserved => TypeOfNumber::Unknown,
        kind => kind,
    };
    Address::new(
        kind,
        NumberingPlan::ISDN,
        digits.chars().take(MOST_DIGITS).collect::<String>(),
    )
}

fn has_country_code(digits: &str) -> bool {
    let plain = digits.bytes().all(|octet| octet.is_ascii_digit());
    plain && (8..=15).contains(&digits.len()) && !digits.starts_with('0')
}

/// A name as far as TP-OA holds it: eleven septets (TS 23.040 9.1.2.5).
fn sms_name(text: &str) -> String {
    let mut name = String::new();
    let mut septets = 0;
    for letter in text.chars() {
        let letter = Gsm7Tables::DEFAULT.find(letter).map_or('?', |_| letter);
        septets += Gsm7Tables::DEFAULT.find(letter).map_or(1, |found| found.len());
        if septets > NAME_SEPTETS {
            break;
        }
        name.push(letter);
    }
    name
}

/// Whether the upstream waits for an answer to such a request with a message in it.
pub(crate) fn carries_message(body: &Body) -> bool {
    matches!(body, Body::DeliverSm(_) | Body::DataSm(_))
}

/// What the message is, for telling whether the same comes again.
pub(crate) fn digest(body: &Body, tlvs: &Tlvs) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    match body {
        Body::DeliverSm(sm) => {
            let octets = [&sm.source_addr, &sm.destination_addr, &sm.short_message];
            octets.iter().for_each(|octets| octets.hash(&mut hasher));
            [sm.esm_class, sm.protocol_id, sm.data_coding].hash(&mut hasher);
        }
        Body::DataSm(data) => {
            (
                &data.source_addr,
                &data.destination_addr,
                data.esm_class,
                data.data_coding,
            )
                .hash(&mut hasher);
        }
        _ => {}
    }
    for tag in [Tag::MESSAGE_PAYLOAD, Tag::SAR_MSG_REF_NUM, Tag::SAR_SEGMENT_SEQNUM] {
        tlvs.get(tag).hash(&mut hasher);
    }
    hasher.finish()
}

/// What one SMS holds.
pub(crate) const SMS_OCTETS: usize = 140;
/// How many parts a part becomes that had to be written in another alphabet: one octet of a letter takes two here, and up
/// to 248 of them came.
const RECODED: u8 = 4;
/// The octet before a TPDU that has no service-centre part.
const NO_SERVICE_CENTRE: [u8; 1] = [0];
/// esm_class: an intermediate notification.
const INTERMEDIATE: u8 = smpp::EsmClass::INTERMEDIATE.0;
/// Type of number (clause 5.2.5).
const ALPHANUMERIC: u8 = 5;
/// Semi-octets of TP-OA.
const MOST_DIGITS: usize = 20;
const NAME_SEPTETS: usize = 11;
/// How far a receipt's date may be from now to be believed.
const NEARLY_NOW_S: u64 = 15 * 60;

#[cfg(test)]
mod tests;
