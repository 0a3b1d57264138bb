//! What a message holds: its octets, its header, its place in a longer one; in and out.
//!
//! A long message travels in one of three ways: with a user data header before each part (TS 23.040 9.2.3.24), with the
//! sar_ parameters beside each part (clause 5.3.2.22 to .24), or whole in message_payload (clause 5.3.2.32).

use std::borrow::Cow;

use tpdu::{Concat, Content, Element, Header, Ports, Reference, UserData};

use crate::{Body, Coding, DefaultAlphabet, EsmClass, Octets, Tag, Tlvs};

/// The message of a submit_sm, deliver_sm, data_sm, submit_multi or replace_sm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload<'a> {
    /// What the octets are.
    pub coding: Coding,
    /// The user data header, as far as it can be read; empty where there is none.
    pub header: Header,
    /// The octets behind the header.
    pub body: &'a [u8],
    /// Which part of a longer message it is, by header or by sar_ parameters.
    pub concat: Option<Concat>,
    /// The ports that it is from and for, by header or by source_port and destination_port (clauses 5.3.2.20 and .21).
    pub ports: Option<Ports>,
    /// esm_class tells of a header, and there is none that can be read.
    pub lacks_header: bool,
    /// The message stands in message_payload.
    pub whole: bool,
}

/// How a long message is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LongForm {
    /// In parts with a user data header. Everybody understands it.
    #[default]
    Header,
    /// In parts with sar_ parameters.
    Sar,
    /// In one piece, in message_payload where it is too long for short_message.
    Payload,
}

/// The fields of a PDU that carry one part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// Bits to set in esm_class.
    pub esm_class: u8,
    /// short_message.
    pub short_message: Octets,
    /// The parameters to add.
    pub tlvs: Tlvs,
}

impl<'a> Payload<'a> {
    /// The message of a PDU, if it is one that has a message.
    pub fn of(body: &'a Body, tlvs: &'a Tlvs) -> Option<Self> {
        let (esm_class, coding, short) = match body {
            Body::SubmitSm(sm) | Body::DeliverSm(sm) => (sm.esm_class, sm.data_coding, &sm.short_message[..]),
            Body::SubmitMulti(multi) => (multi.esm_class, multi.data_coding, &multi.short_message[..]),
            Body::DataSm(data) => (data.esm_class, data.data_coding, &[][..]),
            Body::ReplaceSm(replace) => (0, 0, &replace.short_message[..]),
            _ => return None,
        };
        let payload = tlvs.get(Tag::MESSAGE_PAYLOAD).filter(|_| short.is_empty());
        let octets = payload.unwrap_or(short);
        let told = EsmClass(esm_class).has_header();
        let (read, body) = match told {
            true => split_header(octets),
            false => (None, octets),
        };
        let lacks_header = told && read.is_none();
        let header = read.unwrap_or_default();
        let concat = header.concat().or_else(|| sar(tlvs));
        let ports = header.ports().or_else(|| ports(tlvs));
        Some(Self {
            coding: Coding(coding),
            header,
            body,
            concat,
            ports,
            lacks_header,
            whole: payload.is_some(),
        })
    }

    /// What the message says, read for itself; see [`join`] for the parts of a longer one.
    pub fn content(&self, default: DefaultAlphabet) -> Content {
        self.coding.decode_with(self.body, default, self.header.tables())
    }

    /// Which part it is, as the header of an SMS tells it: by sar_ parameters under the low octet of their reference,
    /// since messages are cut for that (153 septets, 134 octets), which leaves no room for both octets. All parts of a
    /// message have to agree in it, so it is no matter whether this one would have had the room.
    pub fn concat_of_sms(&self) -> Option<Concat> {
        let concat = self.concat?;
        if self.header.concat().is_some() {
            return Some(concat);
        }
        let [_, low] = concat.reference.number().to_be_bytes();
        Some(Concat {
            reference: Reference::Eight(low),
            ..concat
        })
    }
}

/// What parts of one message say together, in the order in which they are handed in: a letter that was cut between two of
/// them is whole again. Parts of different codings are read each in its own.
pub fn join<'a>(parts: impl IntoIterator<Item = &'a Payload<'a>>, default: DefaultAlphabet) -> Content {
    let mut runs: Vec<(Coding, tpdu::Gsm7Tables, Cow<'a, [u8]>)> = Vec::new();
    for part in parts {
        let tables = part.header.tables();
        match runs.last_mut() {
            Some((coding, last, octets)) if (*coding, *last) == (part.coding, tables) => {
                octets.to_mut().extend_from_slice(part.body);
            }
            _ => runs.push((part.coding, tables, Cow::Borrowed(part.body))),
        }
    }
    let mut text = String::new();
    let mut data = Vec::new();
    for (coding, tables, octets) in runs {
        match coding.decode_with(&octets, default, tables) {
            Content::Text(more) => text.push_str(&more),
            Content::Data(more) => data.extend(more),
        }
    }
    match text.is_empty() && !data.is_empty() {
        true => Content::Data(data),
        false => Content::Text(text),
    }
}

impl Carried {
    /// One part as it came out of [`tpdu::compose`] or a TPDU. In [`LongForm::Payload`] the parts are to be joined first.
    /// A header that cannot be written is left out.
    pub fn part(data: &UserData, form: LongForm) -> Self {
        let concat = data.header.concat();
        let (header, sar) = match (form, concat) {
            (LongForm::Sar, Some(concat)) => (without_concat(&data.header), Some(concat)),
            _ => (data.header.clone(), None),
        };
        let mut octets = header.encode().unwrap_or_default();
        let esm_class = if octets.is_empty() { 0 } else { EsmClass::UDHI };
        octets.extend_from_slice(&data.body);
        let mut carried = Self::whole(octets);
        carried.esm_class = esm_class;
        if let Some(concat) = sar {
            let tlvs = &mut carried.tlvs;
            tlvs.push_short(Tag::SAR_MSG_REF_NUM, concat.reference.number());
            tlvs.push_octet(Tag::SAR_TOTAL_SEGMENTS, concat.total);
            tlvs.push_octet(Tag::SAR_SEGMENT_SEQNUM, concat.sequence);
        }
        carried
    }

    /// A message in one piece, however long.
    pub fn whole(octets: Vec<u8>) -> Self {
        let mut carried = Self::default();
        match octets.len() <= LONGEST_SHORT_MESSAGE {
            true => carried.short_message = octets.into(),
            false => carried.tlvs.push(Tag::MESSAGE_PAYLOAD, octets),
        }
        carried
    }
}

/// Octets of a short_message (clause 5.2.21).
pub const LONGEST_SHORT_MESSAGE: usize = 254;

/// The header and what follows it. A header that cannot be read is passed over by its length, so that its octets are not
/// taken for text.
fn split_header(octets: &[u8]) -> (Option<Header>, &[u8]) {
    let Some(length) = octets.first().map(|length| usize::from(*length) + 1) else {
        return (None, octets);
    };
    let Some((header, body)) = octets.split_at_checked(length) else {
        return (None, octets);
    };
    (Header::decode(header).ok(), body)
}

/// The ports that parameters tell; the sender's alone says nothing.
fn ports(tlvs: &Tlvs) -> Option<Ports> {
    let port = |tag| u16::try_from(tlvs.number(tag)?).ok();
    Some(Ports {
        destination: port(Tag::DESTINATION_PORT)?,
        source: port(Tag::SOURCE_PORT).unwrap_or_default(),
        bits: 16,
    })
}

/// The place that sar_ parameters tell; they say nothing where one is missing or cannot be (clause 5.3.2.22).
fn sar(tlvs: &Tlvs) -> Option<Concat> {
    let octet = |tag| u8::try_from(tlvs.number(tag)?).ok();
    let total = octet(Tag::SAR_TOTAL_SEGMENTS)?;
    let sequence = octet(Tag::SAR_SEGMENT_SEQNUM)?;
    let reference = u16::try_from(tlvs.number(Tag::SAR_MSG_REF_NUM)?).ok()?;
    (1..=total).contains(&sequence).then_some(Concat {
        reference: Reference::Sixteen(reference),
        total,
        sequence,
    })
}

fn without_concat(header: &Header) -> Header {
    let stays = |element: &&Element| !matches!(element, Element::Concat8 { .. } | Element::Concat16 { .. });
    Header::new(header.elements.iter().filter(stays).cloned().collect())
}

#[cfg(test)]
mod tests {
    use tpdu::{Options, compose};

    use super::*;
    use crate::Sm;

    fn carry(text: &str, form: LongForm) -> Vec<(Body, Tlvs)> {
        let message = compose(text, &Options::default()).unwrap();
        let coding = Coding::from_dcs(message.dcs);
        let part = |data: &UserData| {
            let carried = Carried::part(data, form);
            let sm = Sm {
                esm_class: carried.esm_class,
                data_coding: coding.0,
                short_message: carried.short_message,
                ..Sm::default()
            };
            (Body::SubmitSm(sm), carried.tlvs)
        };
        message.parts.iter().map(part).collect()
    }

    #[test]
    fn a_long_text_goes_both_ways_in_every_form() {
        for text in ["0123456789".repeat(40), "Привет 😀 ".repeat(30), "€[]{}".repeat(50)] {
            for form in [LongForm::Header, LongForm::Sar] {
                let pdus = carry(&text, form);
                assert!(pdus.len() > 2);
                let parts: Vec<Payload<'_>> = pdus
                    .iter()
                    .map(|(body, tlvs)| Payload::of(body, tlvs).unwrap())
                    .collect();
                for (at, part) in parts.iter().enumerate() {
                    let concat = part.concat.unwrap();
                    assert_eq!(usize::from(concat.sequence), at + 1);
                    assert_eq!(usize::from(concat.total), parts.len());
                }
                assert_eq!(join(&parts, DefaultAlphabet::Gsm7).text(), Some(&*text), "{form:?}");
            }
        }
    }

    #[test]
    fn a_text_too_long_for_short_message_stands_in_message_payload() {
        let short = Carried::whole(vec![b'a'; 254]);
        assert_eq!((short.short_message.len(), short.tlvs.len()), (254, 0));
        let long = Carried::whole(vec![b'a'; 255]);
        assert_eq!((long.short_message.len(), long.tlvs.len()), (0, 1));
        let body = Body::DeliverSm(Sm::default());
        let payload = Payload::of(&body, &long.tlvs).unwrap();
        assert!(payload.whole);
        assert_eq!(payload.body.len(), 255);
    }

    #[test]
    fn a_header_that_cannot_be_read_is_no_text() {
        let sm = |octets: &[u8]| {
            Body::SubmitSm(Sm {
                esm_class: EsmClass::UDHI,
                short_message: octets.into(),
                ..Sm::default()
            })
        };
        let none = Tlvs::NONE;
        let broken = sm(&[2, 0, 9, b'x']);
        let payload = Payload::of(&broken, &none).unwrap();
        assert_eq!((payload.body, payload.concat), (&b"x"[..], None));
        assert!(payload.lacks_header);
        let beyond = sm(&[200, b'x']);
        assert_eq!(Payload::of(&beyond, &none).unwrap().body, &[200, b'x']);
        assert_eq!(Payload::of(&sm(&[]), &none).unwrap().body, b"");
        let readable = sm(&[3, 0x24, 1, 1, b'x']);
        assert!(!Payload::of(&readable, &none).unwrap().lacks_header);
        assert_eq!(Payload::of(&Body::EnquireLink, &none), None);
    }

    #[test]
    fn ports_stand_in_the_header_or_in_parameters() {
        let mut tlvs = Tlvs::default();
        tlvs.push_short(Tag::SOURCE_PORT, 9200);
        let body = Body::SubmitSm(Sm::default());
        assert_eq!(Payload::of(&body, &tlvs).unwrap().ports, None, "for no port");
        tlvs.push_short(Tag::DESTINATION_PORT, 2948);
        let ports = Payload::of(&body, &tlvs).unwrap().ports.unwrap();
        assert_eq!((ports.source, ports.destination, ports.bits), (9200, 2948, 16));
        let body = Body::SubmitSm(Sm {
            esm_class: EsmClass::UDHI,
            short_message: Octets::new(&[4, 4, 2, 240, 250, b'x']),
            ..Sm::default()
        });
        let ports = Payload::of(&body, &tlvs).unwrap().ports.unwrap();
        assert_eq!((ports.source, ports.destination, ports.bits), (250, 240, 8));
    }

    #[test]
    fn sar_parameters_that_cannot_be_say_nothing() {
        let mut tlvs = Tlvs::default();
        tlvs.push_short(Tag::SAR_MSG_REF_NUM, 7);
        tlvs.push_octet(Tag::SAR_TOTAL_SEGMENTS, 2);
        let body = Body::SubmitSm(Sm::default());
        assert_eq!(Payload::of(&body, &tlvs).unwrap().concat, None);
        tlvs.push_octet(Tag::SAR_SEGMENT_SEQNUM, 3);
        assert_eq!(Payload::of(&body, &tlvs).unwrap().concat, None);
    }

    #[test]
    fn in_an_sms_a_sar_reference_takes_one_octet_and_that_of_a_header_stays() {
        let place = |payload: &Payload<'_>| payload.concat_of_sms().map(|concat| concat.reference);
        let mut tlvs = Tlvs::default();
        tlvs.push_short(Tag::SAR_MSG_REF_NUM, 0x0102);
        tlvs.push_octet(Tag::SAR_TOTAL_SEGMENTS, 2);
        tlvs.push_octet(Tag::SAR_SEGMENT_SEQNUM, 2);
        let body = Body::SubmitSm(Sm::default());
        let payload = Payload::of(&body, &tlvs).unwrap();
        assert_eq!(place(&payload), Some(Reference::Eight(2)));
        assert_eq!(payload.concat.unwrap().reference.number(), 0x0102, "told in full");
        let body = Body::SubmitSm(Sm {
            esm_class: EsmClass::UDHI,
            short_message: Octets::new(&[6, 8, 4, 1, 2, 2, 2, b'x']),
            ..Sm::default()
        });
        let payload = Payload::of(&body, &tlvs).unwrap();
        assert_eq!(place(&payload), Some(Reference::Sixteen(0x0102)));
    }
}
