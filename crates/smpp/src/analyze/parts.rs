//! Long messages: their parts put together, and whether they were cut as they should be.

use std::{collections::HashMap, net::IpAddr};

use tpdu::{Content, Header};

use super::{Kind, anomaly};
use crate::{Alphabet, Body, Coding, DefaultAlphabet, EsmClass, Octets, Payload, Pdu, join};

use super::JoinedText;

/// From whom to whom: message centre, direction, sender, recipient.
pub(super) type Route = (IpAddr, bool, Octets, Octets);

/// Long messages that are put together.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Those that are not complete.
    open: HashMap<(Route, u16, u8, u8), Group>,
    closed: Vec<Group>,
}

/// What came of putting together.
pub(super) struct Finished {
    pub(super) texts: Vec<JoinedText>,
    /// What is wrong, each with the message that shows it.
    pub(super) faults: Vec<(usize, anomaly::Kind, String)>,
}

/// A long message.
#[derive(Debug)]
struct Group {
    total: u8,
    parts: Vec<Part>,
}

/// A part, kept until all are there.
#[derive(Debug)]
struct Part {
    index: usize,
    sequence: u8,
    coding: Coding,
    header: Header,
    body: Vec<u8>,
}

impl Groups {
    /// Takes a part; anything else is passed over.
    pub(super) fn add(&mut self, route: Route, index: usize, payload: &Payload<'_>) {
        let Some(concat) = payload.concat else { return };
        let part = Part {
            index,
            sequence: concat.sequence,
            coding: payload.coding,
            header: payload.header.clone(),
            body: payload.body.to_vec(),
        };
        let key = (route, concat.reference.number(), concat.reference.bits(), concat.total);
        let group = self.open.entry(key.clone()).or_insert_with(|| Group {
            total: concat.total,
            parts: Vec::new(),
        });
        match group.parts.iter().position(|known| known.sequence == part.sequence) {
            // Sent once more, as after an answer that said so.
            Some(place) if group.parts[place].body == part.body => group.parts[place] = part,
            Some(_) => {
                let earlier = std::mem::replace(
                    group,
                    Group {
                        total: concat.total,
                        parts: vec![part],
                    },
                );
                self.closed.push(earlier);
            }
            None => group.parts.push(part),
        }
        let complete = self
            .open
            .get(&key)
            .is_some_and(|group| group.parts.len() == usize::from(group.total));
        if complete && let Some(group) = self.open.remove(&key) {
            self.closed.push(group);
        }
    }

    /// Puts everything together.
    pub(super) fn finish(mut self, default: DefaultAlphabet) -> Finished {
        self.closed.extend(self.open.into_values());
        let mut finished = Finished {
            texts: Vec::new(),
            faults: Vec::new(),
        };
        for group in &mut self.closed {
            group.parts.sort_by_key(|part| part.sequence);
            finished.texts.push(group.join(default));
            group.check(&mut finished.faults);
        }
        finished.texts.sort_by_key(|text| text.messages.first().copied());
        finished
    }
}

impl Group {
    fn join(&self, default: DefaultAlphabet) -> JoinedText {
        let payloads: Vec<Payload<'_>> = self.parts.iter().map(Part::payload).collect();
        let text = match join(&payloads, default) {
            Content::Text(text) => Some(text),
            Content::Data(_) => None,
        };
        let is_absent = |number: &u8| self.parts.iter().all(|part| part.sequence != *number);
        JoinedText {
            messages: self.parts.iter().map(|part| part.index).collect(),
            total: self.total,
            absent: (1..=self.total).filter(is_absent).collect(),
            text,
        }
    }

    /// Whether the message was cut well and is whole.
    fn check(&self, faults: &mut Vec<(usize, anomaly::Kind, String)>) {
        if let (Some(first), true) = (self.parts.first(), self.parts.len() < usize::from(self.total)) {
            let what = format!("{} of {} parts", self.parts.len(), self.total);
            faults.push((first.index, Kind::MissingPart, what));
        }
        for pair in self.parts.windows(2) {
            let [part, next] = pair else { continue };
            if part.sequence + 1 != next.sequence {
                continue;
            }
            if part.ends_within_a_letter() {
                faults.push((
                    part.index,
                    Kind::CutLetter,
                    format!("at the end of part {}", part.sequence),
                ));
            } else if part.could_hold(next) {
                let most = part.room();
                let what = format!(
                    "part {} holds {} {}, {most} fit",
                    part.sequence,
                    part.units(),
                    part.unit()
                );
                faults.push((part.index, Kind::ShortPart, what));
            }
        }
    }
}

impl Part {
    fn payload(&self) -> Payload<'_> {
        Payload {
            coding: self.coding,
            header: self.header.clone(),
            body: &self.body,
            concat: self.header.concat(),
            ports: self.header.ports(),
            lacks_header: false,
            whole: false,
        }
    }

    fn units(&self) -> usize {
        units(self.coding, &self.body)
    }

    fn unit(&self) -> &'static str {
        unit(self.coding)
    }

    /// Units that fit beside the header. Where sar_ parameters tell the place, the header of the radio side will have six
    /// octets at least.
    fn room(&self) -> usize {
        let header = match self.header.is_empty() {
            true => 6,
            false => self.header.encoded_len(),
        };
        room(self.coding, header)
    }

    /// Whether it ends in the middle of a letter.
    fn ends_within_a_letter(&self) -> bool {
        match self.coding.alphabet() {
            Alphabet::Default | Alphabet::Gsm7 => {
                // An escape that is itself escaped is a letter of its own.
                self.body
                    .iter()
                    .rev()
                    .take_while(|septet| **septet == tpdu::gsm7::ESCAPE)
                    .count()
                    % 2
                    == 1
            }
            Alphabet::Ucs2 => matches!(self.body.get(self.body.len().saturating_sub(2)), Some(0xD8..=0xDB)),
            _ => false,
        }
    }

    /// Whether the first letter of the next part would have fitted here.
    fn could_hold(&self, next: &Self) -> bool {
        let letter = match (self.coding.alphabet(), next.body.first()) {
            (Alphabet::Default | Alphabet::Gsm7, Some(&tpdu::gsm7::ESCAPE)) => 2,
            (Alphabet::Ucs2, Some(0xD8..=0xDB)) => 2,
            (_, Some(_)) => 1,
            (_, None) => return false,
        };
        self.coding == next.coding && self.units() + letter <= self.room()
    }
}

/// Whether a PDU's esm_class contradicts its octets about a user data header (clause 5.2.12); what is wrong, for people.
pub fn header_fault(pdu: &Pdu) -> Option<&'static str> {
    let payload = Payload::of(&pdu.body, &pdu.tlvs)?;
    check_header(&pdu.body, &payload)
}

fn check_header(body: &Body, payload: &Payload<'_>) -> Option<&'static str> {
    let marked = EsmClass(esm_class(body)?).has_header();
    if marked && payload.header.is_empty() {
        return Some("esm_class tells of a header that cannot be read");
    }
    let unmarked = matches!(
        payload.body,
        [5, 0, 3, _, 1..=255, 1..=255, ..] | [6, 8, 4, _, _, 1..=255, 1..=255, ..]
    );
    (!marked && unmarked).then_some("the text begins with a header of concatenation")
}

fn esm_class(body: &Body) -> Option<u8> {
    match body {
        Body::SubmitSm(sm) | Body::DeliverSm(sm) => Some(sm.esm_class),
        Body::SubmitMulti(multi) => Some(multi.esm_class),
        Body::DataSm(data) => Some(data.esm_class),
        _ => None,
    }
}

/// What is wrong with a message for itself.
pub(super) fn check_text(body: &Body, payload: &Payload<'_>) -> Vec<(Kind, String)> {
    let mut found = Vec::new();
    if esm_class(body).is_none() {
        return found;
    }
    if let Some(what) = check_header(body, payload) {
        found.push((Kind::Header, what.to_owned()));
    }
    let is_gsm7 = matches!(payload.coding.alphabet(), Alphabet::Default | Alphabet::Gsm7);
    if is_gsm7 && !payload.body.is_ascii() {
        found.push((
            Kind::Alphabet,
            String::from("octets above 0x7F in a text of the GSM 7 bit alphabet"),
        ));
    }
    if payload.coding.alphabet() == Alphabet::Ucs2 && !payload.body.len().is_multiple_of(2) {
        found.push((Kind::Alphabet, String::from("an odd number of octets in UCS-2")));
    }
    let most = room(payload.coding, payload.header.encoded_len());
    let held = units(payload.coding, payload.body);
    if payload.concat.is_some() && !payload.whole && held > most {
        let what = format!("{held} {} in a part, {most} fit", unit(payload.coding));
        found.push((Kind::LongPart, what));
    }
    found
}

/// Units of an alphabet in octets.
fn units(coding: Coding, body: &[u8]) -> usize {
    match coding.alphabet() {
        Alphabet::Ucs2 => body.len() / 2,
        _ => body.len(),
    }
}

fn unit(coding: Coding) -> &'static str {
    match coding.alphabet() {
        Alphabet::Ucs2 => "UCS-2 characters",
        Alphabet::Data => "octets",
        _ => "septets",
    }
}

/// Units that fit beside a header of so many octets. Latin-1 and the like are counted as septets, which they become.
fn room(coding: Coding, header: usize) -> usize {
    let octets = MOST_OCTETS.saturating_sub(header);
    match coding.alphabet() {
        Alphabet::Ucs2 => octets / 2,
        Alphabet::Data => octets,
        _ => octets * 8 / 7,
    }
}

/// Octets of TP-UD (TS 23.040 9.2.3.24).
const MOST_OCTETS: usize = 140;
