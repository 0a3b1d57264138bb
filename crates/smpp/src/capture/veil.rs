//! What of a live session may be written down: whole PDUs, without passwords, and without what messages say unless somebody
//! asked for it.

use crate::{
    Alphabet, Body, Coding, CommandId, Destination, EsmClass, HEADER_LENGTH, Header, Octets, Pdu, Sm, Tag, Tlvs, header,
};

/// Cuts what goes one way into PDUs, also where nobody wants them yet: so it knows where the next one begins when somebody
/// does. It keeps a PDU at a time, and only while they are wanted.
#[derive(Debug, Default)]
pub struct Cutter {
    /// Octets of a PDU that nobody wants.
    rest: usize,
    /// The beginning of the next one.
    held: Vec<u8>,
    /// A length was no length. Nobody knows where the next PDU begins.
    lost: bool,
}

impl Cutter {
    /// Takes octets in any pieces, and gives every PDU that ends in them, where they are `wanted`.
    pub fn pass(&mut self, mut octets: &[u8], wanted: bool, mut each: impl FnMut(&[u8])) {
        while !octets.is_empty() && !self.lost {
            let passed = self.rest.min(octets.len());
            self.rest -= passed;
            octets = &octets[passed..];
            self.hold(&mut octets, LENGTH_FIELD);
            let Some(length) = self.length() else {
                return;
            };
            self.lost = !header::is_sane(length);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if self.lost || !wanted {
                self.rest = length - self.held.len().min(length);
                self.held = Vec::new();
                continue;
            }
            self.hold(&mut octets, length);
            if self.held.len() == length {
                each(&self.held);
                self.held = Vec::new();
            }
        }
    }

    /// Takes octets until so many are held.
    fn hold(&mut self, octets: &mut &[u8], most: usize) {
        let missing = most.saturating_sub(self.held.len()).min(octets.len());
        let (taken, left) = octets.split_at(missing);
        self.held.extend_from_slice(taken);
        *octets = left;
    }

    /// command_length, where it is whole.
    fn length(&self) -> Option<u32> {
        let octets = self.held.first_chunk::<LENGTH_FIELD>()?;
        Some(u32::from_be_bytes(*octets))
    }
}

/// The PDU as it may be written down: as long as it was. Passwords are stars, and so is what a message says unless `texts`
/// are wanted; a user data header and what a receipt tells of its message stay. Of USSD no text is told to anybody, nor the
/// code that may stand in an address: they hold PINs (TS 22.030 6.5.2). What cannot be taken apart and put together again
/// octet by octet is stars behind its header, or with `texts` as it is unless it binds or dials.
pub fn veil(pdu: &[u8], texts: bool) -> Vec<u8> {
    let read = Pdu::decode(pdu)
        .ok()
        .filter(|read| encoded(read).as_deref() == Some(pdu));
    let Some(mut read) = read else {
        let binds = Header::decode(pdu).is_none_or(|header| BINDS.contains(&header.command));
        let secret = binds || pdu.windows(DIALS.len()).any(|window| window == DIALS);
        return if texts && !secret { pdu.to_vec() } else { starred(pdu) };
    };
    if hide(&mut read, texts) {
        return encoded(&read).unwrap_or_else(|| starred(pdu));
    }
    pdu.to_vec()
}

/// Puts stars over what is nobody's business; whether there was any.
fn hide(pdu: &mut Pdu, texts: bool) -> bool {
    if pdu.tlvs.has(Tag::USSD_SERVICE_OP) && hide_dialogue(pdu) {
        return true;
    }
    let secret = match &mut pdu.body {
        Body::BindReceiver(bind) | Body::BindTransmitter(bind) | Body::BindTransceiver(bind) => &mut bind.password,
        Body::Outbind(outbind) => &mut outbind.password,
        _ if texts => return false,
        Body::SubmitSm(sm) | Body::DeliverSm(sm) => {
            let text = said(sm);
            hide_payload(&mut pdu.tlvs, sm.esm_class, sm.data_coding);
            sm.short_message = text;
            return true;
        }
        Body::SubmitMulti(multi) => {
            multi.short_message = stars(&multi.short_message, EsmClass(multi.esm_class), multi.data_coding);
            hide_payload(&mut pdu.tlvs, multi.esm_class, multi.data_coding);
            return true;
        }
        Body::DataSm(data) => {
            hide_payload(&mut pdu.tlvs, data.esm_class, data.data_coding);
            return true;
        }
        Body::ReplaceSm(replace) => &mut replace.short_message,
        // What a vendor put there nobody knows.
        Body::Unknown(_, body) => body,
        _ => return false,
    };
    cover(secret);
    true
}

/// Puts stars over a step of a USSD dialogue: what is said, and the application's other side, which may be the code that was
/// dialled. Whether it is one.
fn hide_dialogue(pdu: &mut Pdu) -> bool {
    let coding = match &mut pdu.body {
        Body::SubmitSm(sm) => {
            cover(&mut sm.destination_addr);
            sm.short_message = stars(&sm.short_message, EsmClass(0), sm.data_coding);
            sm.data_coding
        }
        Body::DeliverSm(sm) => {
            cover(&mut sm.source_addr);
            sm.short_message = stars(&sm.short_message, EsmClass(0), sm.data_coding);
            sm.data_coding
        }
        Body::SubmitMulti(multi) => {
            for destination in &mut multi.dest_address {
                let (Destination::Address { address, .. } | Destination::List(address)) = destination;
                cover(address);
            }
            multi.short_message = stars(&multi.short_message, EsmClass(0), multi.data_coding);
            multi.data_coding
        }
        Body::DataSm(data) => {
            cover(&mut data.destination_addr);
            data.data_coding
        }
        _ => return false,
    };
    hide_payload(&mut pdu.tlvs, 0, coding);
    true
}

fn cover(octets: &mut Octets) {
    *octets = vec![STAR; octets.len()].into();
}

/// A short_message under stars. Of a receipt only what it repeats of the message's text.
fn said(sm: &Sm) -> Octets {
    let class = EsmClass(sm.esm_class);
    let octets = &sm.short_message;
    let text = octets
        .windows(TEXT.len())
        .position(|window| window.eq_ignore_ascii_case(TEXT));
    match text.filter(|_| class.is_receipt()) {
        Some(at) => {
            let mut told = octets.to_vec();
            told[at + TEXT.len()..].fill(STAR);
            told.into()
        }
        None if class.is_receipt() => octets.clone(),
        None => stars(octets, class, sm.data_coding),
    }
}

fn hide_payload(tlvs: &mut Tlvs, class: u8, coding: u8) {
    let hidden = tlvs.iter().map(|tlv| match tlv.tag {
        Tag::MESSAGE_PAYLOAD => (tlv.tag, stars(&tlv.value, EsmClass(class), coding)),
        tag => (tag, tlv.value.clone()),
    });
    let mut all = Tlvs::NONE;
    hidden.for_each(|(tag, value)| all.push(tag, value));
    *tlvs = all;
}

/// As many stars as there are letters, behind the user data header.
fn stars(octets: &[u8], class: EsmClass, coding: u8) -> Octets {
    let header = match octets.first() {
        Some(length) if class.has_header() => (usize::from(*length) + 1).min(octets.len()),
        _ => 0,
    };
    let mut told = octets.to_vec();
    told[header..].fill(STAR);
    if Coding(coding).alphabet() == Alphabet::Ucs2 {
        told[header..].iter_mut().step_by(2).for_each(|octet| *octet = 0);
    }
    told.into()
}

fn starred(pdu: &[u8]) -> Vec<u8> {
    let mut told = pdu.to_vec();
    told.iter_mut().skip(HEADER_LENGTH).for_each(|octet| *octet = STAR);
    told
}

fn encoded(pdu: &Pdu) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    pdu.encode(&mut octets).ok().map(|()| octets)
}

const STAR: u8 = b'*';
/// Octets of command_length.
const LENGTH_FIELD: usize = 4;
/// What holds a password.
const BINDS: [CommandId; 4] = [
    CommandId::BIND_RECEIVER,
    CommandId::BIND_TRANSMITTER,
    CommandId::BIND_TRANSCEIVER,
    CommandId::OUTBIND,
];
/// How ussd_service_op begins, whatever else is wrong with its PDU.
const DIALS: &[u8] = &[0x05, 0x01, 0x00];
/// Where a receipt begins to repeat the message.
const TEXT: &[u8] = b"text:";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bind, DataSm, SubmitMulti};

    fn octets(body: Body, tlvs: Tlvs) -> Vec<u8> {
        let pdu = Pdu {
            tlvs,
            ..Pdu::request(7, body)
        };
        encoded(&pdu).expect("it can be written")
    }

    fn submit(class: u8, coding: u8, text: &[u8]) -> Vec<u8> {
        let sm = Sm {
            esm_class: class,
            data_coding: coding,
            destination_addr: "491711234567".into(),
            short_message: text.into(),
            ..Sm::default()
        };
        octets(Body::SubmitSm(sm), Tlvs::NONE)
    }

    fn text(veiled: &[u8]) -> Vec<u8> {
        match Pdu::decode(veiled).expect("a PDU").body {
            Body::SubmitSm(sm) | Body::DeliverSm(sm) => sm.short_message.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_password_is_never_told() {
        let bind = Bind {
            system_id: "shop".into(),
            password: "secret".into(),
            ..Bind::default()
        };
        let pdu = octets(Body::BindTransceiver(bind), Tlvs::NONE);
        for texts in [false, true] {
            let veiled = veil(&pdu, texts);
            assert_eq!(veiled.len(), pdu.len());
            let Body::BindTransceiver(bind) = Pdu::decode(&veiled).expect("a PDU").body else {
                panic!("a bind");
            };
            assert_eq!((&*bind.system_id, &*bind.password), (&b"shop"[..], &b"******"[..]));
        }
        // Longer than it may be, so that it could not be written again.
        let mut long = pdu.clone();
        long.splice(27..27, *b"-and-a-long-one");
        let length = u32::try_from(long.len()).expect("short").to_be_bytes();
        long[..4].copy_from_slice(&length);
        for texts in [false, true] {
            assert_eq!(veil(&long, texts)[16..], vec![b'*'; long.len() - 16]);
        }
    }

    #[test]
    fn texts_are_told_to_those_who_ask() {
        let plain = submit(0, 0, b"Hello");
        assert_eq!(text(&veil(&plain, false)), b"*****");
        assert_eq!(veil(&plain, true), plain);
        let wide = submit(0, 8, &[0x04, 0x2F, 0x04, 0x30]);
        assert_eq!(text(&veil(&wide, false)), [0, b'*', 0, b'*']);
        let part = submit(0x40, 0, &[5, 0, 3, 7, 2, 1, b'a', b'b']);
        assert_eq!(text(&veil(&part, false)), [5, 0, 3, 7, 2, 1, b'*', b'*']);
        let mut tlvs = Tlvs::NONE;
        tlvs.push(Tag::MESSAGE_PAYLOAD, &b"long"[..]);
        tlvs.push(Tag(0x1400), &b"kept"[..]);
        let payload = octets(Body::SubmitSm(Sm::default()), tlvs);
        let told = Pdu::decode(&veil(&payload, false)).expect("a PDU").tlvs;
        assert_eq!(told.get(Tag::MESSAGE_PAYLOAD), Some(&b"****"[..]));
        assert_eq!(told.get(Tag(0x1400)), Some(&b"kept"[..]));
    }

    #[test]
    fn a_receipt_keeps_what_it_is_about() {
        let sm = Sm {
            esm_class: EsmClass::RECEIPT.0,
            short_message: "id:7 stat:DELIVRD err:000 Text:Hello".into(),
            ..Sm::default()
        };
        let pdu = octets(Body::DeliverSm(sm), Tlvs::NONE);
        assert_eq!(text(&veil(&pdu, false)), b"id:7 stat:DELIVRD err:000 Text:*****");
    }

    #[test]
    fn a_pin_that_is_dialled_is_never_told() {
        let code = "**04*1234*5678*5678#";
        let holds = |veiled: &[u8]| {
            let shown = String::from_utf8_lossy(veiled).into_owned();
            ["04*1", "1234", "5678"].iter().any(|secret| shown.contains(secret))
        };
        let mut dials = Tlvs::NONE;
        dials.push_octet(Tag::USSD_SERVICE_OP, 1);
        let mut carries = dials.clone();
        carries.push(Tag::MESSAGE_PAYLOAD, code.as_bytes());
        let of_address = Sm {
            source_addr: "sim-0".into(),
            destination_addr: code.into(),
            ..Sm::default()
        };
        // It says that a header comes first, and there is none.
        let of_text = Sm {
            short_message: code.into(),
            esm_class: 0x40,
            ..Sm::default()
        };
        let back = Sm {
            source_addr: code.into(),
            destination_addr: "sim-0".into(),
            short_message: "the PIN is 5678 now".into(),
            ..Sm::default()
        };
        let data = DataSm {
            destination_addr: code.into(),
            ..DataSm::default()
        };
        let multi = SubmitMulti {
            dest_address: vec![Destination::Address {
                ton: 0,
                npi: 0,
                address: code.into(),
            }],
            ..SubmitMulti::default()
        };
        let plain = octets(Body::SubmitSm(of_address.clone()), dials.clone());
        let mut broken = plain.clone();
        broken.push(0xFF);
        let length = u32::try_from(broken.len()).expect("short").to_be_bytes();
        broken[..4].copy_from_slice(&length);
        let pdus = [
            plain,
            broken,
            octets(Body::SubmitSm(of_text), dials.clone()),
            octets(Body::SubmitSm(Sm::default()), carries.clone()),
            octets(Body::DeliverSm(back), dials.clone()),
            octets(Body::DataSm(data), carries),
            octets(Body::SubmitMulti(multi), dials.clone()),
        ];
        for pdu in &pdus {
            assert!(holds(pdu));
            for texts in [false, true] {
                let veiled = veil(pdu, texts);
                assert!(!holds(&veiled), "{texts}: {}", String::from_utf8_lossy(&veiled));
                assert_eq!(veiled.len(), pdu.len());
            }
        }
        let Body::SubmitSm(told) = Pdu::decode(&veil(&pdus[0], true)).expect("a PDU").body else {
            panic!("a submit_sm");
        };
        assert_eq!(told.source_addr.text(), "sim-0");
        // Who writes to a number that looks like a code sends an SMS.
        let sms = octets(Body::SubmitSm(of_address), Tlvs::NONE);
        assert_eq!(veil(&sms, true), sms);
    }

    #[test]
    fn pdus_are_found_wherever_somebody_begins_to_want_them() {
        let stream = [submit(0, 0, b"one"), submit(0, 0, b"two"), submit(0, 0, b"three")].concat();
        let length = submit(0, 0, b"one").len();
        for begin in [0, 1, 3, 4, length - 1, length] {
            for step in [1, 5, stream.len()] {
                let mut cutter = Cutter::default();
                let mut found = Vec::new();
                cutter.pass(&stream[..begin], false, |_| panic!("nobody wants it"));
                for piece in stream[begin..].chunks(step) {
                    cutter.pass(piece, true, |pdu| found.push(text(pdu)));
                }
                let wanted: &[&[u8]] = &[b"one", b"two", b"three"];
                // Of a length field nobody minds the beginning.
                let first = usize::from(begin >= 4);
                assert_eq!(found, wanted[first..], "from {begin} by {step}");
            }
        }
    }

    #[test]
    fn what_is_no_pdu_ends_it() {
        let mut cutter = Cutter::default();
        cutter.pass(b"GET / HTTP/1.1\r\n\r\n", true, |_| panic!("no PDU"));
        cutter.pass(&submit(0, 0, b"one"), true, |_| panic!("nobody knows where it begins"));
    }
}
