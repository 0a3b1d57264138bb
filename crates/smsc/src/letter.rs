//! What is told to an application: received messages and receipts, as deliver_sm.

use jiff::Timestamp;
use message::{Inbound, InboundKind, Number, ReportNotice, Waiting};
use smpp::{
    Body, Carried, Coding, EsmClass, LONGEST_SHORT_MESSAGE, LongForm, MessageState, NetworkError, Octets, Receipt, Sm,
    Tag, Tlvs,
};
use tpdu::{Choice, ComposeError, Composed, Header, Options, Ports, Reference, UserData};

use crate::config::{Account, Charset, Long};
use crate::ticket::{ADDRESS_MOST, Ticket};

/// A deliver_sm with its parameters.
pub(crate) type Letter = (Body, Tlvs);

/// A received message, in as many PDUs as the account's form takes; in parts with a header for those who know no
/// parameters.
pub(crate) fn of_message(sms: &Inbound, account: &Account, knows_tlvs: bool) -> Vec<Letter> {
    let envelope = envelope(sms);
    let shape = Shape::of(sms, account, knows_tlvs);
    let octets = sms.data_hex.as_deref().filter(|_| sms.kind != InboundKind::Text);
    let (coding, mut pieces) = match octets.and_then(|hex| tpdu::from_hex(hex).ok()) {
        Some(octets) if sms.kind == InboundKind::Undecodable => (Coding::DATA, vec![Carried::whole(octets)]),
        Some(octets) => {
            let class = sms.class.map(|class| Coding(CLASS_DATA | class & 3));
            (class.unwrap_or(Coding::DATA), data(octets, &shape))
        }
        None => text(sms, account, &shape),
    };
    pieces.iter_mut().for_each(|piece| shape.address(piece));
    let letter = |carried: Carried| {
        let sm = Sm {
            data_coding: coding.0,
            esm_class: carried.esm_class,
            short_message: carried.short_message,
            ..envelope.clone()
        };
        (Body::DeliverSm(sm), carried.tlvs)
    };
    pieces.into_iter().map(letter).collect()
}

/// What an account wants of long messages and of ports, as far as its session can be told it.
#[derive(Debug)]
struct Shape {
    /// Header for those who know no parameters.
    form: LongForm,
    /// Whatever is in one piece stands in message_payload where it is long.
    in_payload: bool,
    knows_tlvs: bool,
    ports: Option<Ports>,
    reference: Reference,
}

impl Shape {
    fn of(sms: &Inbound, account: &Account, knows_tlvs: bool) -> Self {
        let form = match account.long {
            Long::Sar if knows_tlvs => LongForm::Sar,
            Long::Payload | Long::Reassembled if knows_tlvs => LongForm::Payload,
            _ => LongForm::Header,
        };
        Self {
            form,
            in_payload: knows_tlvs && account.long == Long::Payload,
            knows_tlvs,
            ports: sms.ports.map(|ports| Ports {
                destination: ports.destination,
                source: ports.source,
                bits: ports.bits,
            }),
            // Any number does that the next message does not have.
            reference: Reference::Sixteen(u16::try_from(sms.cursor & 0xFFFF).unwrap_or_default()),
        }
    }

    /// The ports, where a header tells them.
    fn header_ports(&self) -> Option<Ports> {
        self.ports.filter(|_| self.form == LongForm::Header)
    }

    /// How many of `most` septets or octets are left by a header of the ports.
    fn room(&self, most: usize) -> usize {
        let header = self.header_ports().map_or(0, |_| PORTS_HEADER);
        most - if most == SEPTETS {
            (header * 8).div_ceil(7)
        } else {
            header
        }
    }

    /// What needs no parts.
    fn one(&self, octets: Vec<u8>) -> Carried {
        let Some(ports) = self.header_ports() else {
            return Carried::whole(octets);
        };
        let data = UserData {
            header: Header::new(vec![ports.element()]),
            body: octets,
            missing: 0,
        };
        Carried::part(&data, self.form)
    }

    /// A long message in one piece: in message_payload, or wherever it fits.
    fn whole(&self, octets: Vec<u8>) -> Carried {
        if !self.in_payload {
            return self.one(octets);
        }
        let mut carried = Carried::default();
        carried.tlvs.push(Tag::MESSAGE_PAYLOAD, octets);
        carried
    }

    fn options(&self, alphabet: Choice) -> Options {
        Options {
            alphabet,
            reference: self.reference,
            ports: self.header_ports(),
            ..Options::default()
        }
    }

    fn parts(&self, composed: Result<Composed, ComposeError>) -> Option<Vec<Carried>> {
        let parts = composed.ok()?.parts;
        Some(parts.iter().map(|part| Carried::part(part, self.form)).collect())
    }

    /// The ports, where parameters tell them.
    fn address(&self, carried: &mut Carried) {
        if let Some(ports) = self.ports.filter(|_| self.form != LongForm::Header) {
            carried.tlvs.push_short(Tag::SOURCE_PORT, ports.source);
            carried.tlvs.push_short(Tag::DESTINATION_PORT, ports.destination);
        }
    }
}

/// Octets in the account's form.
fn data(octets: Vec<u8>, shape: &Shape) -> Vec<Carried> {
    if octets.len() <= shape.room(OCTETS) {
        return vec![shape.one(octets)];
    }
    if shape.form == LongForm::Payload {
        return vec![shape.whole(octets)];
    }
    let parts = shape.parts(tpdu::compose_data(&octets, &shape.options(Choice::default())));
    parts.unwrap_or_else(|| vec![shape.one(octets)])
}

/// The text of a message in the account's form: its own data_coding 0 where that has every letter, else UCS-2. One with a
/// class is written as TS 23.038 has it, whatever 0 is.
fn text(sms: &Inbound, account: &Account, shape: &Shape) -> (Coding, Vec<Carried>) {
    let class = sms.class.map(|class| class & 3);
    let marked = class.is_some() || sms.waiting.is_some();
    // What TS 23.038 codes in marks is always its own alphabet.
    let charset = if marked { Charset::Gsm7 } else { account.charset };
    let (found, octets) = Coding::best(&sms.text, charset.into());
    let in_default = found == Coding::DEFAULT;
    let coding = match (class, sms.waiting) {
        (Some(class), _) if in_default => Coding(CLASS_GSM | class),
        (Some(class), _) => Coding(CLASS_UCS2 | class),
        (None, Some(waiting)) => waiting_coding(waiting, in_default),
        (None, None) => found,
    };
    if octets.len() <= shape.room(if in_default { SEPTETS } else { OCTETS }) {
        return (coding, vec![shape.one(octets)]);
    }
    // Other alphabets than the network's cannot be cut as the network cuts.
    let uncut = in_default && charset != Charset::Gsm7;
    let whole = uncut || matches!(account.long, Long::Payload | Long::Reassembled);
    if whole && (shape.knows_tlvs || octets.len() <= shape.room(LONGEST_SHORT_MESSAGE)) {
        return (coding, vec![shape.whole(octets)]);
    }
    let coding = if uncut { Coding::UCS2 } else { coding };
    let alphabet = match in_default && !uncut {
        true => Choice::Gsm7,
        false => Choice::Ucs2,
    };
    let parts = shape.parts(tpdu::compose(&sms.text, &shape.options(alphabet)));
    (coding, parts.unwrap_or_else(|| vec![shape.one(octets)]))
}

/// data_coding of a message that tells what waits; one in UCS-2 is always one to be kept.
fn waiting_coding(waiting: Waiting, in_gsm: bool) -> Coding {
    let group = match (in_gsm, waiting.discard) {
        (true, true) => WAITING_DISCARD,
        (true, false) => WAITING_GSM,
        (false, _) => WAITING_UCS2,
    };
    Coding(group | u8::from(waiting.active) << 3 | waiting.what as u8)
}

fn envelope(sms: &Inbound) -> Sm {
    let (source_addr_ton, source_addr_npi, source_addr) = address(&sms.from);
    let own = sms.to.as_ref().map(address);
    let (dest_addr_ton, dest_addr_npi, destination_addr) =
        own.unwrap_or_else(|| (ALPHANUMERIC, 0, sms.sim.as_str().into()));
    Sm {
        source_addr_ton,
        source_addr_npi,
        source_addr,
        dest_addr_ton,
        dest_addr_npi,
        destination_addr,
        ..Sm::default()
    }
}

/// What became of a message; `error`: the network's number of what went wrong.
pub(crate) fn of_notice(notice: &ReportNotice, ticket: &Ticket, state: MessageState, error: Option<u16>) -> Letter {
    // Those of a submit_multi have one id together.
    let id: Octets = ticket.group.unwrap_or(notice.id).to_string().into();
    let date = |at: Timestamp| Receipt::date(at.as_second(), false);
    let delivered = u32::from(state == MessageState::Delivered);
    let receipt = Receipt {
        id: Some(id.clone()),
        sub: Some(1),
        dlvrd: Some(delivered),
        submit_date: date(ticket.at),
        done_date: date(notice.at),
        stat: Some(state.stat().into()),
        err: Some(format!("{:03}", error.unwrap_or_default()).into()),
        text: Some(
            ticket
                .start
                .chars()
                .map(|c| if c.is_ascii() { c } else { '?' })
                .collect::<String>()
                .into(),
        ),
        receipted_message_id: Some(id),
        message_state: Some(state),
        network_error: error.map(|code| NetworkError { network: GSM, code }),
    };
    let mut tlvs = Tlvs::NONE;
    receipt.push_tlvs(&mut tlvs);
    let class = match state.is_final() {
        true => EsmClass::RECEIPT,
        false => EsmClass::INTERMEDIATE,
    };
    // It goes the other way, so sender and recipient change places.
    let sm = Sm {
        source_addr_ton: ticket.destination.ton,
        source_addr_npi: ticket.destination.npi,
        source_addr: ticket.destination.fitting(),
        dest_addr_ton: ticket.source.ton,
        dest_addr_npi: ticket.source.npi,
        destination_addr: ticket.source.fitting(),
        esm_class: class.0,
        short_message: receipt.to_text().into(),
        ..Sm::default()
    };
    (Body::DeliverSm(sm), tlvs)
}

/// Type, plan and octets of a number (clauses 5.2.5 and 5.2.6). Names are cut to what the field holds.
fn address(number: &Number) -> (u8, u8, Octets) {
    let (ton, npi, text) = match number {
        Number::International(digits) => (INTERNATIONAL, ISDN, digits),
        Number::Short(digits) => (UNKNOWN, ISDN, digits),
        Number::Name(name) => (ALPHANUMERIC, UNKNOWN, name),
    };
    let octets: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(c).ok().filter(|octet| *octet != 0).unwrap_or(b'?'))
        .take(ADDRESS_MOST)
        .collect();
    (ton, npi, octets.into())
}

/// data_coding of a message with a class, which its last two bits are (TS 23.038 clause 4): septets, UCS-2, octets.
const CLASS_GSM: u8 = 0x10;
const CLASS_UCS2: u8 = 0x18;
const CLASS_DATA: u8 = 0xF4;
/// data_coding of message waiting, with what waits in the last two bits and whether any does in the fourth (the same clause).
const WAITING_DISCARD: u8 = 0xC0;
const WAITING_GSM: u8 = 0xD0;
const WAITING_UCS2: u8 = 0xE0;
const UNKNOWN: u8 = 0;
const INTERNATIONAL: u8 = 1;
const ALPHANUMERIC: u8 = 5;
/// Numbering plan E.164.
const ISDN: u8 = 1;
/// The network of network_error_code that is GSM (clause 5.3.2.31).
const GSM: u8 = 3;
/// What one SMS holds.
const SEPTETS: usize = 160;
const OCTETS: usize = 140;
/// A header with ports of 16 bits.
const PORTS_HEADER: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::Address;

    fn account(long: Long) -> Account {
        Account {
            long,
            ..Account::default()
        }
    }

    fn sms(text: &str) -> Inbound {
        let at = Timestamp::from_second(1_800_000_000).expect("a time");
        let mut sms = Inbound::of_text("sim1", "+491711234567", text, at);
        sms.to = Some(Number::received("+4915100000001"));
        sms
    }

    fn fields(letter: &Letter) -> (&Sm, &Tlvs) {
        let Body::DeliverSm(sm) = &letter.0 else {
            panic!("a deliver_sm")
        };
        (sm, &letter.1)
    }

    #[test]
    fn a_message_keeps_its_numbers_and_its_letters() {
        for (text, charset, coding, octets) in [
            ("a@ä", Charset::Gsm7, 0, &[b'a', 0x00, 0x7B][..]),
            ("a@ä", Charset::Latin1, 0, b"a@\xE4"),
            ("a@ä", Charset::Utf8, 0, "a@ä".as_bytes()),
            ("a@ä", Charset::Ascii, 8, &[0, b'a', 0, b'@', 0, 0xE4]),
            ("я", Charset::Gsm7, 8, &[0x04, 0x4F]),
        ] {
            let account = Account {
                charset,
                ..Account::default()
            };
            let letters = of_message(&sms(text), &account, true);
            let (sm, _) = fields(&letters[0]);
            assert_eq!(
                (letters.len(), sm.data_coding, &*sm.short_message),
                (1, coding, octets),
                "{text}"
            );
            assert_eq!((sm.source_addr_ton, &*sm.source_addr), (1, &b"491711234567"[..]));
            assert_eq!((sm.dest_addr_ton, &*sm.destination_addr), (1, &b"4915100000001"[..]));
        }
    }

    #[test]
    fn a_long_message_has_the_form_of_the_account() {
        let text = "x".repeat(400);
        let header = of_message(&sms(&text), &account(Long::Udhi), true);
        assert_eq!(header.len(), 3);
        assert!(header.iter().all(|letter| fields(letter).0.esm_class == EsmClass::UDHI));
        let sar = of_message(&sms(&text), &account(Long::Sar), true);
        assert!(
            sar.iter()
                .all(|letter| fields(letter).1.number(smpp::Tag::SAR_TOTAL_SEGMENTS) == Some(3))
        );
        let payload = of_message(&sms(&text), &account(Long::Payload), true);
        let (sm, tlvs) = fields(&payload[0]);
        assert!(payload.len() == 1 && sm.short_message.is_empty());
        assert_eq!(tlvs.get(smpp::Tag::MESSAGE_PAYLOAD).map(<[u8]>::len), Some(400));
        let short = "x".repeat(200);
        let [payload, reassembled] =
            [Long::Payload, Long::Reassembled].map(|long| of_message(&sms(&short), &account(long), true));
        assert_eq!(fields(&payload[0]).0.short_message.len(), 0);
        assert_eq!(fields(&reassembled[0]).0.short_message.len(), 200);
    }

    #[test]
    fn who_knows_no_parameters_gets_parts_with_a_header() {
        let text = "x".repeat(400);
        for (long, charset) in [
            (Long::Sar, Charset::Gsm7),
            (Long::Payload, Charset::Gsm7),
            (Long::Reassembled, Charset::Latin1),
        ] {
            let account = Account {
                long,
                charset,
                ..Account::default()
            };
            let letters = of_message(&sms(&text), &account, false);
            assert!(letters.len() >= 3, "{long:?}");
            for letter in &letters {
                let (sm, tlvs) = fields(letter);
                assert!(sm.esm_class == EsmClass::UDHI && tlvs.is_empty(), "{long:?}");
            }
        }
    }

    #[test]
    fn octets_stay_octets_and_names_are_names() {
        let mut data = sms("");
        data.kind = InboundKind::Data;
        data.data_hex = Some("00FF".into());
        data.from = Number::Name("Ünal\0".into());
        let letters = of_message(&data, &Account::default(), true);
        let (sm, _) = fields(&letters[0]);
        assert_eq!((sm.data_coding, &*sm.short_message), (4, &[0, 0xFF][..]));
        assert_eq!((sm.source_addr_ton, &*sm.source_addr), (5, &b"\xDCnal?"[..]));
    }

    fn octets(count: usize) -> Inbound {
        let mut data = sms("");
        data.kind = InboundKind::Data;
        data.data_hex = Some(tpdu::to_hex(&vec![0xA5; count]));
        data
    }

    #[test]
    fn long_octets_have_the_form_of_the_account_too() {
        let lengths = |long, knows_tlvs| {
            let letters = of_message(&octets(260), &account(long), knows_tlvs);
            let told = letters.iter().map(|letter| {
                let (sm, tlvs) = fields(letter);
                let payload = tlvs.get(smpp::Tag::MESSAGE_PAYLOAD).map_or(0, <[u8]>::len);
                (
                    sm.esm_class,
                    sm.short_message.len(),
                    payload,
                    tlvs.has(smpp::Tag::SAR_SEGMENT_SEQNUM),
                )
            });
            told.collect::<Vec<_>>()
        };
        let by_header = [(EsmClass::UDHI, 140, 0, false), (EsmClass::UDHI, 134, 0, false)];
        assert_eq!(lengths(Long::Udhi, true), by_header);
        assert_eq!(lengths(Long::Sar, true), [(0, 133, 0, true), (0, 127, 0, true)]);
        for long in [Long::Payload, Long::Reassembled] {
            assert_eq!(lengths(long, true), [(0, 0, 260, false)]);
        }
        for long in [Long::Udhi, Long::Sar, Long::Payload, Long::Reassembled] {
            assert_eq!(lengths(long, false), by_header, "who knows no parameters");
        }
    }

    #[test]
    fn ports_stand_in_the_header_or_in_parameters() {
        let ports = message::Ports {
            destination: 2948,
            source: 9200,
            bits: 16,
        };
        let header = [6, 5, 4, 0x0B, 0x84, 0x23, 0xF0];
        for (mut sms, parts) in [(octets(3), 1), (octets(260), 3), (sms("Hello"), 1)] {
            sms.ports = Some(ports);
            for (long, knows_tlvs) in [(Long::Udhi, true), (Long::Sar, false), (Long::Payload, false)] {
                let letters = of_message(&sms, &account(long), knows_tlvs);
                assert_eq!(letters.len(), parts);
                for letter in &letters {
                    let (sm, tlvs) = fields(letter);
                    assert_eq!((sm.esm_class, tlvs.is_empty()), (EsmClass::UDHI, true));
                    let payload = smpp::Payload::of(&letter.0, tlvs).expect("a message");
                    assert_eq!(payload.ports.map(|ports| ports.destination), Some(2948));
                    assert!(parts > 1 || sm.short_message.starts_with(&header));
                }
            }
            for long in [Long::Sar, Long::Payload, Long::Reassembled] {
                for letter in of_message(&sms, &account(long), true) {
                    let (sm, tlvs) = fields(&letter);
                    let told = [smpp::Tag::SOURCE_PORT, smpp::Tag::DESTINATION_PORT].map(|tag| tlvs.number(tag));
                    assert_eq!((sm.esm_class, told), (0, [Some(9200), Some(2948)]));
                }
            }
        }
    }

    #[test]
    fn a_receipt_says_in_text_and_parameters_what_became_of_the_message() {
        let at = Timestamp::from_second(1_800_000_000).expect("a time");
        let notice = ReportNotice {
            id: message::MessageId::from_bytes([7; 16]),
            to: Number::received("+491711234567"),
            state: message::MessageState::Failed,
            at,
            sim: None,
            token: None,
            reason: None,
            note: None,
        };
        let ticket = Ticket {
            wants: 1,
            source: Address::new(5, 0, &"Shop".into()),
            destination: Address::new(1, 1, &"491711234567".into()),
            at,
            start: "Grüße".into(),
            coding: 0,
            service_type: String::new(),
            group: None,
            form: crate::ticket::Form::default(),
        };
        let letter = of_notice(&notice, &ticket, MessageState::Undeliverable, Some(38));
        let (sm, tlvs) = fields(&letter);
        assert_eq!(
            String::from_utf8_lossy(&sm.short_message),
            format!(
                "id:{} sub:001 dlvrd:000 submit date:2701150800 done date:2701150800 stat:UNDELIV err:038 text:Gr??e",
                notice.id
            )
        );
        assert_eq!(
            (sm.esm_class, &*sm.source_addr, &*sm.destination_addr),
            (4, &b"491711234567"[..], &b"Shop"[..])
        );
        assert_eq!(tlvs.number(smpp::Tag::MESSAGE_STATE), Some(5));
        assert_eq!(tlvs.get(smpp::Tag::NETWORK_ERROR_CODE), Some(&[3, 0, 38][..]));
        let long = Ticket {
            source: Address::new(5, 0, &"ABCDEFGHIJKLMNOPQRSTUVWX".into()),
            ..ticket
        };
        let (body, tlvs) = of_notice(&notice, &long, MessageState::Delivered, None);
        let pdu = smpp::Pdu {
            tlvs,
            ..smpp::Pdu::request(1, body)
        };
        assert!(pdu.to_octets().is_ok(), "an address that was longer than it may be");
    }

    #[test]
    fn what_waits_is_told_in_every_alphabet() {
        for (text, discard, active, coding, octets) in [
            ("", true, true, 0xC9, &b""[..]),
            ("3 f@xes", false, false, 0xD1, b"3 f\0xes"),
            ("я", false, true, 0xE9, &[0x04, 0x4F]),
        ] {
            let mut sms = sms(text);
            sms.kind = InboundKind::Waiting;
            sms.waiting = Some(Waiting {
                what: message::WaitingFor::Fax,
                active,
                count: None,
                discard,
            });
            let account = Account {
                charset: Charset::Latin1,
                ..Account::default()
            };
            let letters = of_message(&sms, &account, true);
            let (sm, _) = fields(&letters[0]);
            assert_eq!((sm.data_coding, &*sm.short_message), (coding, octets), "{text}");
            let read = smpp::Payload::of(&letters[0].0, &letters[0].1).expect("a message");
            assert_eq!(read.content(account.charset.into()), tpdu::Content::Text(text.into()));
        }
    }

    #[test]
    fn a_class_is_told_in_every_alphabet() {
        let coding = |text: &str, charset: Charset, data: Option<&str>| {
            let mut sms = sms(text);
            sms.class = Some(1);
            if let Some(data) = data {
                (sms.kind, sms.data_hex) = (InboundKind::Data, Some(data.to_owned()));
            }
            let account = Account {
                charset,
                ..Account::default()
            };
            let letters = of_message(&sms, &account, true);
            let (sm, _) = fields(&letters[0]);
            (sm.data_coding, sm.short_message.to_vec())
        };
        assert_eq!(coding("a@", Charset::Gsm7, None), (0x11, vec![b'a', 0x00]));
        assert_eq!(
            coding("a@", Charset::Latin1, None),
            (0x11, vec![b'a', 0x00]),
            "0x11 is always septets"
        );
        assert_eq!(coding("я", Charset::Gsm7, None), (0x19, vec![0x04, 0x4F]));
        assert_eq!(coding("", Charset::Gsm7, Some("00ff")), (0xF5, vec![0x00, 0xFF]));
        let mut long = sms(&"ä".repeat(200));
        long.class = Some(0);
        let letters = of_message(&long, &account(Long::Udhi), true);
        let told: Vec<_> = letters.iter().map(|letter| fields(letter).0.data_coding).collect();
        assert_eq!(told, [0x10, 0x10]);
    }
}
