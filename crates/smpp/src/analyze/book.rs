//! What messages there are, and what belongs to them.

use std::{collections::HashMap, net::IpAddr};

use super::{
    Anomaly, JoinedText, Kind, MessageView, PATIENCE, PartView, ReceiptView, ResponseView,
    parts::{Groups, check_text},
};
use crate::{
    Agreement, Body, CommandId, DefaultAlphabet, IdForm, Octets, Oddity, Payload, Pdu, Receipt, RegisteredDelivery,
    Tlvs, Wanted, capture::Stamp, session::Role,
};

/// Everything that is known of all connections.
#[derive(Debug, Default)]
pub(super) struct Book {
    messages: Vec<Entry>,
    anomalies: Vec<Anomaly>,
    more_anomalies: usize,
    /// Messages by what their ids have in common with receipts'.
    by_id: HashMap<Key, usize>,
    /// Receipts that came before a response that fits.
    parked: Vec<Option<Parked>>,
    parked_by_id: HashMap<Key, Vec<usize>>,
    groups: Groups,
}

/// What goes into a result.
pub(super) struct Joined {
    pub(super) messages: Vec<MessageView>,
    pub(super) texts: Vec<JoinedText>,
    pub(super) anomalies: Vec<Anomaly>,
    pub(super) more_anomalies: usize,
    pub(super) waiting_receipts: usize,
}

/// Where something was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) at: Stamp,
    pub(super) session: usize,
    pub(super) sequence: Option<u32>,
    pub(super) message: Option<usize>,
}

/// A message, and what is needed to find its receipts.
#[derive(Debug)]
struct Entry {
    view: MessageView,
    destination: Octets,
    id: Option<Octets>,
    /// The application sent it.
    up: bool,
    final_state: Option<String>,
}

/// A receipt that waits for its message.
#[derive(Debug)]
struct Parked {
    place: Place,
    receipt: Receipt,
    source: Octets,
}

/// What an id of a response and one of a receipt have in common: the message centre, how both were read, and the number.
type Key = (IpAddr, Reading, Octets);

/// How two ids were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reading {
    /// Both as text.
    Text,
    /// The response's as hexadecimal, the receipt's as decimal.
    HexadecimalThenDecimal,
    /// The other way round.
    DecimalThenHexadecimal,
}

impl Book {
    /// Keeps an anomaly, as long as there are not too many.
    pub(super) fn tell(&mut self, place: Place, kind: Kind, what: String) {
        self.tell_rule(place, kind, kind.rule().to_owned(), what);
    }

    /// Keeps one about a form, whose clause it knows itself.
    pub(super) fn tell_format(&mut self, place: Place, kind: Kind, oddity: &Oddity, command: CommandId) {
        let rule = match kind {
            Kind::Format => format!("SMPP 3.4 {}", oddity.clause()),
            kind => kind.rule().to_owned(),
        };
        self.tell_rule(place, kind, rule, format!("{command}: {oddity}"));
    }

    fn tell_rule(&mut self, place: Place, kind: Kind, rule: String, what: String) {
        if self.anomalies.len() >= MOST_ANOMALIES {
            self.more_anomalies += 1;
            return;
        }
        self.anomalies.push(Anomaly {
            at: place.at,
            session: place.session,
            message: place.message,
            sequence: place.sequence,
            kind,
            rule,
            what,
        });
    }

    /// Takes a request; gives the place of the message in it.
    pub(super) fn request(
        &mut self,
        smsc: IpAddr,
        role: Role,
        pdu: &Pdu,
        place: Place,
        default: DefaultAlphabet,
    ) -> Option<usize> {
        if let Some(receipt) = self.receipt_of(pdu, place) {
            self.receipt(smsc, pdu, receipt, place);
            return None;
        }
        let payload = Payload::of(&pdu.body, &pdu.tlvs)?;
        let index = self.messages.len();
        let place = Place {
            message: Some(index),
            ..place
        };
        let entry = entry(pdu, role, &payload, place, default)?;
        for what in check_text(&pdu.body, &payload) {
            self.tell(place, what.0, what.1);
        }
        let Entry { view, destination, .. } = &entry;
        let route = (smsc, entry.up, Octets::from(view.source.as_str()), destination.clone());
        self.groups.add(route, index, &payload);
        self.messages.push(entry);
        Some(index)
    }

    /// Takes the answer to a request.
    pub(super) fn response(&mut self, smsc: IpAddr, pdu: &Pdu, message: Option<usize>, place: Place) {
        let Some(entry) = message.and_then(|index| self.messages.get_mut(index)) else {
            return;
        };
        let id = pdu.message_id().cloned();
        entry.view.response = Some(ResponseView {
            at: place.at,
            after_us: place.at.since(entry.view.at) / 1000,
            status: pdu.status.to_string(),
            message_id: id.as_ref().map(Octets::text),
        });
        entry.id = id.clone();
        if let (Some(index), Some(id), true) = (message, id, entry.up && pdu.status.is_ok()) {
            self.name(smsc, index, &id, place);
        }
    }

    /// A message has an id now. Receipts may have waited for it.
    fn name(&mut self, smsc: IpAddr, index: usize, id: &Octets, place: Place) {
        for (reading, key) in response_keys(id) {
            let key = (smsc, reading, key);
            let waiting = self.parked_by_id.get(&key).cloned().unwrap_or_default();
            for at in waiting {
                self.unpark(at, index, reading, place);
            }
            let earlier = self.by_id.insert(key, index);
            if reading == Reading::Text && earlier.is_some() {
                self.tell(place, Kind::IdReused, format!("id {}", id.text()));
            }
        }
    }

    fn unpark(&mut self, at: usize, index: usize, reading: Reading, place: Place) {
        let fits =
            |parked: &Parked, entry: &Entry| reading == Reading::Text || agree(&parked.source, &entry.destination);
        let entry = &self.messages[index];
        if !self.parked[at].as_ref().is_some_and(|parked| fits(parked, entry)) {
            return;
        }
        let Some(parked) = self.parked[at].take() else { return };
        let early = Place {
            message: Some(index),
            ..parked.place
        };
        let before = place.at.since(early.at) / 1000;
        self.tell(
            early,
            Kind::ReceiptBeforeResponse,
            format!("{before} µs before the response"),
        );
        self.attach(index, &parked.receipt, early);
    }

    /// The receipt in a request, if it is one or looks like one.
    fn receipt_of(&mut self, pdu: &Pdu, place: Place) -> Option<Receipt> {
        if let Some(receipt) = Receipt::of(&pdu.body, &pdu.tlvs) {
            return Some(receipt);
        }
        let Body::DeliverSm(sm) = &pdu.body else { return None };
        let receipt = Receipt::decode(&sm.short_message, &Tlvs::NONE);
        let looks_like = receipt.id.is_some() && receipt.state().is_some() && receipt.done_date.is_some();
        if !looks_like {
            return None;
        }
        self.tell(
            place,
            Kind::UnmarkedReceipt,
            format!("esm_class 0x{:02X}", sm.esm_class),
        );
        Some(receipt)
    }

    /// Takes a receipt: it belongs to a message, or waits for one.
    fn receipt(&mut self, smsc: IpAddr, pdu: &Pdu, receipt: Receipt, place: Place) {
        let source = match &pdu.body {
            Body::DeliverSm(sm) => sm.source_addr.clone(),
            Body::DataSm(data) => data.source_addr.clone(),
            _ => Octets::EMPTY,
        };
        let keys: Vec<Key> = receipt
            .message_ids()
            .flat_map(receipt_keys)
            .map(|(reading, key)| (smsc, reading, key))
            .collect();
        let found = keys.iter().find_map(|key| {
            let index = *self.by_id.get(key)?;
            let fits = key.1 == Reading::Text || agree(&source, &self.messages[index].destination);
            fits.then_some(index)
        });
        if let Some(index) = found {
            return self.attach(
                index,
                &receipt,
                Place {
                    message: Some(index),
                    ..place
                },
            );
        }
        let at = self.parked.len();
        for key in keys {
            self.parked_by_id.entry(key).or_default().push(at);
        }
        self.parked.push(Some(Parked { place, receipt, source }));
    }

    /// A receipt belongs to a message.
    fn attach(&mut self, index: usize, receipt: &Receipt, place: Place) {
        let Some(entry) = self.messages.get_mut(index) else {
            return;
        };
        let response = entry.id.clone().unwrap_or_default();
        let agreement = receipt
            .message_ids()
            .map(|id| Agreement::of(&response, id))
            .collect::<Vec<_>>();
        let best = agreement.iter().flatten().min().copied();
        let worst = agreement
            .iter()
            .max_by_key(|one| one.map_or(u8::MAX, |one| one as u8))
            .copied();
        let state = receipt.stat_name();
        entry.view.receipts.push(ReceiptView {
            at: place.at,
            after_us: place.at.since(entry.view.at) / 1000,
            id: receipt.message_id().map(Octets::text).unwrap_or_default(),
            state: state.clone(),
            error: receipt.error(),
            id_form: best.map(Agreement::name),
        });
        let earlier = entry.final_state.clone();
        if receipt.state().is_some_and(crate::MessageState::is_final) {
            entry.final_state.clone_from(&state);
        }
        let wish = RegisteredDelivery(entry.view.registered_delivery);
        if !wish.needs_report() {
            self.tell(place, Kind::UnaskedReceipt, String::from("registered_delivery is 0"));
        }
        if let Some(earlier) = earlier.filter(|earlier| Some(earlier) != state.as_ref()) {
            let state = state.unwrap_or_default();
            self.tell(place, Kind::ReceiptChanged, format!("{earlier}, then {state}"));
        }
        if worst != Some(Some(Agreement::Same)) {
            let ids: Vec<String> = receipt.message_ids().map(Octets::text).collect();
            let how = worst.flatten().map_or("the receipt's two ids differ", Agreement::name);
            self.tell(
                place,
                Kind::IdForm,
                format!("{} became {}: {how}", response.text(), ids.join(" and ")),
            );
        }
    }

    /// Joins what is left.
    pub(super) fn finish(mut self, default: DefaultAlphabet, last: Stamp) -> Joined {
        for parked in std::mem::take(&mut self.parked).into_iter().flatten() {
            let id = parked.receipt.message_id().map(Octets::text).unwrap_or_default();
            self.tell(parked.place, Kind::UnknownReceipt, format!("id {id}"));
        }
        let waiting_receipts = self.receipts_that_lack(last);
        let groups = std::mem::take(&mut self.groups).finish(default);
        for (index, kind, what) in groups.faults {
            let view = &self.messages[index].view;
            let place = Place {
                at: view.at,
                session: view.session,
                sequence: Some(view.sequence),
                message: Some(index),
            };
            self.tell(place, kind, what);
        }
        Joined {
            messages: self.messages.into_iter().map(|entry| entry.view).collect(),
            texts: groups.texts,
            anomalies: self.anomalies,
            more_anomalies: self.more_anomalies,
            waiting_receipts,
        }
    }

    /// Messages whose receipt did not come, and those that asked for none where others did. Gives how many were sent so
    /// shortly before the capture ends that their receipts may well come after it.
    fn receipts_that_lack(&mut self, last: Stamp) -> usize {
        let mut waiting = 0;
        let mut asking: HashMap<usize, bool> = HashMap::new();
        for entry in self.messages.iter().filter(|entry| entry.up) {
            let asks = wanted(&entry.view) != Wanted::Never;
            *asking.entry(entry.view.session).or_default() |= asks;
        }
        let mut lacking = Vec::new();
        for (index, entry) in self.messages.iter().enumerate().filter(|(_, entry)| entry.up) {
            let others_ask = asking.get(&entry.view.session).copied().unwrap_or_default();
            let lacks = entry.final_state.is_none() && entry.id.is_some();
            let kind = match wanted(&entry.view) {
                Wanted::Always if lacks && last.since(entry.view.at) < PATIENCE => {
                    waiting += 1;
                    continue;
                }
                Wanted::Always if lacks => Kind::NoReceipt,
                Wanted::Never if others_ask => Kind::NoReceiptAsked,
                _ => continue,
            };
            let place = Place {
                at: entry.view.at,
                session: entry.view.session,
                sequence: Some(entry.view.sequence),
                message: Some(index),
            };
            lacking.push((place, kind));
        }
        for (place, kind) in lacking {
            let what = match kind {
                Kind::NoReceipt => "no final receipt in the capture",
                _ => "registered_delivery is 0, other messages of this session ask",
            };
            self.tell(place, kind, what.to_owned());
        }
        waiting
    }
}

fn wanted(view: &MessageView) -> Wanted {
    RegisteredDelivery(view.registered_delivery).wanted()
}

/// A message out of a PDU that has one.
fn entry(pdu: &Pdu, role: Role, payload: &Payload<'_>, place: Place, default: DefaultAlphabet) -> Option<Entry> {
    let (source, destination, registered_delivery) = match &pdu.body {
        Body::SubmitSm(sm) | Body::DeliverSm(sm) => {
            (&sm.source_addr, sm.destination_addr.clone(), sm.registered_delivery)
        }
        Body::DataSm(data) => (
            &data.source_addr,
            data.destination_addr.clone(),
            data.registered_delivery,
        ),
        Body::SubmitMulti(multi) => {
            let count = format!("{} recipients", multi.dest_address.len());
            (&multi.source_addr, count.into(), multi.registered_delivery)
        }
        _ => return None,
    };
    let content = payload.content(default);
    let view = MessageView {
        session: place.session,
        command: pdu.command().name(),
        at: place.at,
        sequence: pdu.sequence,
        source: source.text(),
        destination: destination.text(),
        coding: payload.coding.to_string(),
        text: content.text().map(str::to_owned),
        data: content.data().map(tpdu::to_hex),
        registered_delivery,
        part: payload.concat.map(|concat| PartView {
            reference: concat.reference.number(),
            sequence: concat.sequence,
            total: concat.total,
        }),
        response: None,
        receipts: Vec::new(),
    };
    Some(Entry {
        view,
        destination,
        id: None,
        up: role == Role::Esme,
        final_state: None,
    })
}

/// What a receipt's id may share with this id of a response.
fn response_keys(id: &Octets) -> [(Reading, Octets); 3] {
    [
        (Reading::Text, IdForm::Text.key(id)),
        (Reading::HexadecimalThenDecimal, IdForm::Hexadecimal.key(id)),
        (Reading::DecimalThenHexadecimal, IdForm::Decimal.key(id)),
    ]
}

/// What a response's id may share with this id of a receipt.
fn receipt_keys(id: &Octets) -> [(Reading, Octets); 3] {
    [
        (Reading::Text, IdForm::Text.key(id)),
        (Reading::HexadecimalThenDecimal, IdForm::Decimal.key(id)),
        (Reading::DecimalThenHexadecimal, IdForm::Hexadecimal.key(id)),
    ]
}

/// Whether two addresses may be the same in different forms: their last digits agree.
fn agree(one: &[u8], other: &[u8]) -> bool {
    let length = one.len().min(other.len()).min(TELLING_DIGITS);
    one.ends_with(&other[other.len() - length..])
}

/// Digits at the end of an address that tell it from others.
const TELLING_DIGITS: usize = 7;

/// Anomalies that are kept; a capture of noise must not fill memory.
const MOST_ANOMALIES: usize = 100_000;
