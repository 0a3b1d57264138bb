//! A submission becomes a message of the gateway.
//!
//! Texts without a header are the gateway's to write: it splits them, and chooses the alphabet. What comes with a header, with
//! sar_ parameters, as octets or under a data_coding that means more than an alphabet goes out as it is.

use std::time::Instant;

use gateway::{Gateway, Manner, Verbatim};
use jiff::{SignedDuration, Timestamp};
use message::{MessageId, RouteId, SendRequest};
use smpp::{
    Alphabet, Body, Coding, DataSm, Destination, EsmClass, Octets, Payload, RegisteredDelivery, Sm, Status,
    SubmitMulti, Tag, Time, Tlvs,
};
use store::NewMessage;
use tpdu::{Concat, Content, Dcs, Header, Ports, UserData};

use crate::config::Source;
use crate::member::Member;
use crate::refusal::Refusal;
use crate::ticket::{Address, Form, Ticket};
use crate::train::Key;

/// What submit_sm, data_sm and submit_multi have in common.
pub(crate) struct Submission {
    pub(crate) source: Address,
    pub(crate) to: Vec<Address>,
    /// Distribution lists, of which there are none here.
    pub(crate) lists: Vec<Address>,
    /// Whether it may have several recipients, who share an id.
    shared: bool,
    pub(crate) service_type: String,
    esm_class: EsmClass,
    protocol_id: u8,
    priority_flag: u8,
    schedule: Octets,
    validity: Octets,
    wants: u8,
    /// It takes the place of one that waits, if there is one.
    replaces: bool,
    /// Times that were worked out already; these count then, and not what is written.
    pub(crate) settled: Option<Times>,
}

/// When a message is to go out, and for how many seconds from then it is worth something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) send_at: Option<Timestamp>,
    pub(crate) lasts: Option<i64>,
}

impl Submission {
    /// The submission that a request is; `None`: it is none.
    pub(crate) fn of(body: &Body) -> Option<Self> {
        Some(match body {
            Body::SubmitSm(sm) => Self::of_sm(sm),
            Body::DataSm(data) => Self::of_data(data),
            Body::SubmitMulti(multi) => Self::of_multi(multi),
            _ => return None,
        })
    }

    fn of_sm(sm: &Sm) -> Self {
        Self {
            source: Address::new(sm.source_addr_ton, sm.source_addr_npi, &sm.source_addr),
            to: vec![Address::new(sm.dest_addr_ton, sm.dest_addr_npi, &sm.destination_addr)],
            lists: Vec::new(),
            shared: false,
            service_type: sm.service_type.text(),
            esm_class: EsmClass(sm.esm_class),
            protocol_id: sm.protocol_id,
            priority_flag: sm.priority_flag,
            schedule: sm.schedule_delivery_time.clone(),
            validity: sm.validity_period.clone(),
            wants: sm.registered_delivery,
            replaces: sm.replace_if_present_flag == REPLACE,
            settled: None,
        }
    }

    fn of_data(data: &DataSm) -> Self {
        Self {
            source: Address::new(data.source_addr_ton, data.source_addr_npi, &data.source_addr),
            to: vec![Address::new(
                data.dest_addr_ton,
                data.dest_addr_npi,
                &data.destination_addr,
            )],
            lists: Vec::new(),
            shared: false,
            service_type: data.service_type.text(),
            esm_class: EsmClass(data.esm_class),
            protocol_id: 0,
            priority_flag: 0,
            schedule: Octets::EMPTY,
            validity: Octets::EMPTY,
            wants: data.registered_delivery,
            replaces: false,
            settled: None,
        }
    }

    fn of_multi(multi: &SubmitMulti) -> Self {
        let (mut to, mut lists) = (Vec::new(), Vec::new());
        for destination in &multi.dest_address {
            match destination {
                Destination::Address { ton, npi, address } => to.push(Address::new(*ton, *npi, address)),
                Destination::List(name) => lists.push(Address::new(0, 0, name)),
            }
        }
        Self {
            source: Address::new(multi.source_addr_ton, multi.source_addr_npi, &multi.source_addr),
            to,
            lists,
            shared: true,
            service_type: multi.service_type.text(),
            esm_class: EsmClass(multi.esm_class),
            protocol_id: multi.protocol_id,
            priority_flag: multi.priority_flag,
            schedule: multi.schedule_delivery_time.clone(),
            validity: multi.validity_period.clone(),
            wants: multi.registered_delivery,
            replaces: multi.replace_if_present_flag == REPLACE && multi.dest_address.len() == 1,
            settled: None,
        }
    }

    /// Whether it takes the place of one that waits, if there is one (clause 5.2.18). A part of a message never does: its
    /// brothers have the same addresses.
    pub(crate) fn replaces(&self, payload: &Payload<'_>) -> bool {
        self.replaces && header(payload).is_empty()
    }

    /// The SIM that a part is to leave from: that of the others of its message. `None`: the router says when it is its turn.
    pub(crate) async fn sim(
        &self,
        to: &Address,
        payload: &Payload<'_>,
        member: &Member,
        gateway: &Gateway,
    ) -> Option<RouteId> {
        let concat = payload.concat?;
        let key = Key {
            to: number(to),
            source: self.source.address.clone(),
            reference: concat.reference.number(),
            total: concat.total,
        };
        let now = Instant::now();
        if let Some(sim) = member.trains.sim(&key, now) {
            return Some(sim);
        }
        let explained = gateway.explain(&member.terms().origin, &key.to).await.ok()?;
        Some(member.trains.begin(key, explained.chosen?, now))
    }

    /// The message to one of its recipients, as it is to be kept; `sim`: where it is to leave from if that goes; `first`:
    /// the message to the first recipient, where that is another.
    pub(crate) fn draft(
        &self,
        to: &Address,
        payload: &Payload<'_>,
        tlvs: &Tlvs,
        member: &Member,
        (gateway, sim, first): (&Gateway, Option<RouteId>, Option<MessageId>),
    ) -> Result<NewMessage, Refusal> {
        let now = message::now();
        let content = payload.content(member.terms().account.charset.into());
        let mut request = self.request(to, tlvs, member, gateway, now)?;
        if let Some(sim) = sim.filter(|_| request.from.is_none()) {
            request.from = Some(sim.to_string());
            request.strict = Some(false);
        }
        let start = match &content {
            Content::Text(text) => text.chars().take(START).collect(),
            Content::Data(_) => String::new(),
        };
        let draft = match verbatim(payload, &content, self)? {
            Some(verbatim) => gateway.draft_verbatim(&member.terms().origin, request, &verbatim)?,
            None => {
                let Content::Text(text) = content else {
                    return Err(Refusal::new(Status::INVALID_MESSAGE_LENGTH, "octets that fit no SMS"));
                };
                request.class = payload.coding.class().map(tpdu::Class::number);
                request.flash = is_flash(tlvs) && request.class.is_none();
                gateway.draft_in(
                    &member.terms().origin,
                    SendRequest { text, ..request },
                    self.manner(payload),
                )?
            }
        };
        let ticket = Ticket {
            wants: self.wants,
            source: self.source.clone(),
            destination: to.clone(),
            at: now,
            start,
            coding: payload.coding.0,
            service_type: self.service_type.clone(),
            group: (self.shared && self.to.len() > 1).then_some(first.unwrap_or(draft.id)),
            form: Form {
                header: !header(payload).is_empty(),
                flash: is_flash(tlvs),
                protocol_id: self.protocol_id,
                reply_path: self.reply_path(),
            },
        };
        Ok(NewMessage {
            note: ticket.note(),
            ..draft
        })
    }

    fn manner(&self, payload: &Payload<'_>) -> Manner {
        Manner {
            reply_path: self.reply_path(),
            ports: payload.ports,
        }
    }

    fn reply_path(&self) -> bool {
        self.esm_class.0 & EsmClass::REPLY_PATH != 0
    }

    fn request(
        &self,
        to: &Address,
        tlvs: &Tlvs,
        member: &Member,
        gateway: &Gateway,
        now: Timestamp,
    ) -> Result<SendRequest, Refusal> {
        let Times { send_at, lasts } = match self.settled {
            Some(settled) => settled,
            None => self.times(tlvs, now)?,
        };
        Ok(SendRequest {
            to: number(to),
            from: self.sender(member, gateway)?,
            report: Some(RegisteredDelivery(self.wants).needs_report()),
            validity_s: lasts.map(|lasts| u32::try_from(lasts).unwrap_or(u32::MAX).max(SHORTEST_S)),
            // 0 is what GSM calls normal (clause 5.2.14), and so does the gateway's 1.
            priority: Some(self.priority_flag.clamp(1, 3)),
            send_at,
            ..SendRequest::default()
        })
    }

    fn times(&self, tlvs: &Tlvs, now: Timestamp) -> Result<Times, Refusal> {
        let send_at = schedule(&self.schedule, now)?;
        let until = expiry(&self.validity, now)?;
        let begins = send_at.map_or(now, |at| at.max(now));
        let lasts = until.map(|until| until.duration_since(begins).as_secs());
        // data_sm has its validity in a parameter (clause 5.3.2.42).
        let lasts = lasts.or_else(|| tlvs.number(Tag::QOS_TIME_TO_LIVE).map(i64::from));
        if lasts.is_some_and(|lasts| lasts <= 0) {
            return Err(Refusal::new(Status::INVALID_EXPIRY, "validity_period is over already"));
        }
        Ok(Times { send_at, lasts })
    }

    /// The SIM that the source address names.
    fn sender(&self, member: &Member, gateway: &Gateway) -> Result<Option<String>, Refusal> {
        let policy = member.terms().account.source;
        if policy == Source::Ignore || self.source.address.is_empty() {
            return Ok(None);
        }
        let plain = [number(&self.source), self.source.address.clone()];
        match plain.into_iter().find(|name| gateway.has_sender(name)) {
            Some(name) => Ok(Some(name)),
            None if policy == Source::Prefer => Ok(None),
            None => {
                let why = format!("there is no SIM {} to send from", self.source.address);
                Err(Refusal::new(Status::INVALID_SOURCE, why))
            }
        }
    }
}

/// The payload of a request: in short_message or in message_payload, and not in both.
pub(crate) fn payload<'a>(body: &'a Body, tlvs: &'a Tlvs) -> Result<Payload<'a>, Refusal> {
    let short = match body {
        Body::SubmitSm(sm) => !sm.short_message.is_empty(),
        Body::SubmitMulti(multi) => !multi.short_message.is_empty(),
        _ => false,
    };
    if short
        && tlvs
            .get(Tag::MESSAGE_PAYLOAD)
            .is_some_and(|payload| !payload.is_empty())
    {
        return Err(Refusal::new(
            Status::TLV_NOT_ALLOWED,
            "the message stands in short_message and in message_payload",
        ));
    }
    if !short && !tlvs.has(Tag::MESSAGE_PAYLOAD) {
        absent(body, tlvs)?;
    }
    let payload = Payload::of(body, tlvs).ok_or_else(|| Refusal::new(Status::SUBMIT_FAILED, "there is no message"))?;
    match payload.lacks_header {
        true => Err(Refusal::new(
            Status::INVALID_ESM_CLASS,
            "esm_class tells of a header that cannot be read",
        )),
        false => Ok(payload),
    }
}

/// Whether a request without a message means it so: an empty SMS, or a USSD operation without words.
fn absent(body: &Body, tlvs: &Tlvs) -> Result<(), Refusal> {
    let canned = match body {
        Body::SubmitSm(sm) => sm.sm_default_msg_id,
        Body::SubmitMulti(multi) => multi.sm_default_msg_id,
        _ => 0,
    };
    if tlvs.is_cut() {
        return Err(Refusal::new(
            Status::INVALID_PARAMETER_LENGTH,
            "it ends within a parameter, which may be the message",
        ));
    }
    if canned != 0 {
        let why = format!("there is no canned message {canned}, nor any other");
        return Err(Refusal::new(Status::INVALID_DEFAULT_MESSAGE, why));
    }
    match body {
        Body::DataSm(_) if !tlvs.has(Tag::USSD_SERVICE_OP) => Err(Refusal::new(
            Status::MISSING_TLV,
            "a data_sm has its message in message_payload, and there is none",
        )),
        _ => Ok(()),
    }
}

/// How a payload goes out as it is; `None`: as a text of the gateway's own writing.
fn verbatim(payload: &Payload<'_>, content: &Content, submission: &Submission) -> Result<Option<Verbatim>, Refusal> {
    let header = header(payload);
    let waiting = payload.coding.dcs().is_some_and(|dcs| dcs.waiting().is_some());
    let special = waiting || submission.protocol_id != 0;
    let parted = !payload.header.is_empty() || payload.concat.is_some();
    let text = match content {
        // A message without a text is one all the same.
        Content::Text(text) if !parted && !special && !text.is_empty() => return Ok(None),
        Content::Text(text) => Some(text),
        Content::Data(_) => None,
    };
    let (dcs, body) = written(payload, text)?;
    Ok(Some(Verbatim {
        pid: submission.protocol_id,
        dcs,
        reply_path: submission.reply_path(),
        user_data: UserData {
            header,
            body,
            missing: 0,
        },
    }))
}

/// TP-DCS and TP-UD of a payload; `text`: what it says, where it is a text.
fn written(payload: &Payload<'_>, text: Option<&String>) -> Result<(Dcs, Vec<u8>), Refusal> {
    let coding = payload.coding;
    let classed = |alphabet| Dcs::new(alphabet, coding.class());
    let Some(text) = text else {
        let dcs = coding.dcs().unwrap_or_else(|| classed(tpdu::Alphabet::Data));
        return Ok((dcs, payload.body.to_vec()));
    };
    if matches!(coding.alphabet(), Alphabet::Ucs2) {
        let dcs = coding.dcs().unwrap_or_else(|| classed(tpdu::Alphabet::Ucs2));
        return Ok((dcs, payload.body.to_vec()));
    }
    // Whatever the octets were, a phone knows septets and UCS-2.
    match Coding(GSM).encode(text, smpp::DefaultAlphabet::Gsm7) {
        Some(septets) => Ok((coding.dcs().unwrap_or_else(|| classed(tpdu::Alphabet::Gsm7)), septets)),
        None => {
            let octets = Coding::UCS2
                .encode(text, smpp::DefaultAlphabet::Gsm7)
                .unwrap_or_default();
            Ok((classed(tpdu::Alphabet::Ucs2), octets))
        }
    }
}

/// The header, with what sar_ parameters and those of ports say.
fn header(payload: &Payload<'_>) -> Header {
    let known = &payload.header;
    let concat = payload.concat_of_sms().filter(|_| known.concat().is_none());
    let ports = payload.ports.filter(|_| known.ports().is_none());
    let told = [concat.map(Concat::element), ports.map(Ports::element)];
    Header::new(
        told.into_iter()
            .flatten()
            .chain(known.elements.iter().cloned())
            .collect(),
    )
}

/// The number of an address: international ones get their plus.
pub(crate) fn number(address: &Address) -> String {
    let plain = address.address.trim();
    let digits = !plain.is_empty() && plain.chars().all(|c| c.is_ascii_digit());
    match address.ton {
        INTERNATIONAL if digits => format!("+{plain}"),
        _ => plain.to_owned(),
    }
}

/// A schedule_delivery_time.
pub(crate) fn schedule(octets: &Octets, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let refused = |()| Refusal::new(Status::INVALID_SCHEDULE, "schedule_delivery_time is no time");
    moment(octets, now).map_err(refused)
}

/// A validity_period.
pub(crate) fn expiry(octets: &Octets, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let refused = |()| Refusal::new(Status::INVALID_EXPIRY, "validity_period is no time");
    moment(octets, now).map_err(refused)
}

/// A display is what dest_addr_subunit 1 wants (clause 5.3.2.1): flash.
fn is_flash(tlvs: &Tlvs) -> bool {
    tlvs.number(Tag::DEST_ADDR_SUBUNIT) == Some(1)
}

fn moment(octets: &Octets, now: Timestamp) -> Result<Option<Timestamp>, ()> {
    let Some(time) = Time::decode(octets).map_err(|_| ())? else {
        return Ok(None);
    };
    let seconds = time.resolve(now.as_second());
    let after = SignedDuration::from_secs(seconds.saturating_sub(now.as_second()));
    now.checked_add(after).map(Some).map_err(|_| ())
}

/// Type of number: international (clause 5.2.5).
const INTERNATIONAL: u8 = 1;
/// replace_if_present_flag that says so.
const REPLACE: u8 = 1;
/// A data_coding that says GSM 7 bit whatever the account's own alphabet is (clause 5.2.19).
const GSM: u8 = 0xF1;
/// How many letters of a text a receipt repeats.
const START: usize = 20;
/// The gateway's shortest validity, in seconds.
const SHORTEST_S: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn sm(coding: u8, esm_class: u8, message: &[u8]) -> Body {
        Body::SubmitSm(Sm {
            destination_addr: "491711234567".into(),
            dest_addr_ton: 1,
            data_coding: coding,
            esm_class,
            short_message: message.into(),
            ..Sm::default()
        })
    }

    fn told(body: &Body, tlvs: &Tlvs) -> Option<(u8, Vec<u8>, usize)> {
        let submission = Submission::of(body).expect("a submission");
        let payload = payload(body, tlvs).expect("one message");
        let content = payload.content(smpp::DefaultAlphabet::Gsm7);
        let verbatim = verbatim(&payload, &content, &submission).expect("it can be written");
        verbatim.map(|verbatim| {
            let data = verbatim.user_data;
            (verbatim.dcs.0, data.body, data.header.elements.len())
        })
    }

    #[test]
    fn texts_are_the_gateways_to_write_and_all_else_goes_out_as_it_is() {
        let none = Tlvs::NONE;
        for coding in [0x00, 0x01, 0x03, 0x08, 0x10, 0x18, 0xF0] {
            let text: &[u8] = if matches!(coding, 0x08 | 0x18) {
                &[0, b'H']
            } else {
                b"H"
            };
            assert_eq!(told(&sm(coding, 0, text), &none), None, "{coding:#x}");
        }
        assert_eq!(told(&sm(0x04, 0, &[1, 2]), &none), Some((0x04, vec![1, 2], 0)));
        assert_eq!(told(&sm(0xC8, 0, b"x"), &none), Some((0xC8, b"x".to_vec(), 0)));
        assert_eq!(told(&sm(0, 0, b""), &none), Some((0, Vec::new(), 0)));
        let part = [5, 0, 3, 7, 2, 1, b'a', 0x00];
        assert_eq!(told(&sm(0, 0x40, &part), &none), Some((0, vec![b'a', 0], 1)), "septets");
        let latin = [5, 0, 3, 7, 2, 1, 0xE4];
        assert_eq!(told(&sm(3, 0x40, &latin), &none), Some((0, vec![0x7B], 1)), "ä is 0x7B");
        let other = [5, 0, 3, 7, 2, 1, 0xE3];
        assert_eq!(
            told(&sm(3, 0x40, &other), &none),
            Some((8, vec![0, 0xE3], 1)),
            "ã is in UCS-2 alone"
        );
    }

    #[test]
    fn sar_parameters_become_a_header() {
        let mut tlvs = Tlvs::NONE;
        tlvs.push_short(Tag::SAR_MSG_REF_NUM, 0x0102);
        tlvs.push_octet(Tag::SAR_TOTAL_SEGMENTS, 2);
        tlvs.push_octet(Tag::SAR_SEGMENT_SEQNUM, 1);
        let body = sm(0, 0, b"first");
        let payload = payload(&body, &tlvs).expect("one message");
        let concat = header(&payload).concat().expect("a part");
        assert_eq!(
            (concat.reference, concat.total, concat.sequence),
            (tpdu::Reference::Eight(0x02), 2, 1)
        );
    }

    #[test]
    fn ports_by_parameters_become_a_header_of_octets_and_the_manner_of_texts() {
        let mut tlvs = Tlvs::NONE;
        tlvs.push_short(Tag::SOURCE_PORT, 9200);
        tlvs.push_short(Tag::DESTINATION_PORT, 2948);
        assert_eq!(told(&sm(4, 0, &[1, 6]), &tlvs), Some((4, vec![1, 6], 1)));
        let body = sm(0, EsmClass::REPLY_PATH, b"Hello");
        assert_eq!(told(&body, &tlvs), None, "the gateway splits it");
        let submission = Submission::of(&body).expect("a submission");
        let manner = submission.manner(&payload(&body, &tlvs).expect("one message"));
        let ports = manner.ports.expect("for a port");
        assert_eq!((ports.destination, ports.source), (2948, 9200));
        assert!(manner.reply_path);
    }

    #[test]
    fn a_header_that_cannot_be_read_is_refused_by_its_status() {
        for octets in [&b"x"[..], &[0x50, 0, 3], b""] {
            let body = sm(0, EsmClass::UDHI, octets);
            let refused = payload(&body, &Tlvs::NONE).map_err(|refusal| refusal.status).err();
            assert_eq!(refused, Some(Status::INVALID_ESM_CLASS), "{octets:?}");
        }
    }

    #[test]
    fn parts_by_sar_parameters_fit_as_parts_by_header_do() {
        for (coding, octets) in [(0x00, 153), (0x01, 153), (0x03, 153), (0x08, 134), (0x04, 134)] {
            for reference in [9, 700] {
                let mut tlvs = Tlvs::NONE;
                tlvs.push_short(Tag::SAR_MSG_REF_NUM, reference);
                tlvs.push_octet(Tag::SAR_TOTAL_SEGMENTS, 2);
                tlvs.push_octet(Tag::SAR_SEGMENT_SEQNUM, 1);
                let body = sm(coding, 0, &vec![0x41; octets]);
                let payload = payload(&body, &tlvs).expect("one message");
                let content = payload.content(smpp::DefaultAlphabet::Gsm7);
                let submission = Submission::of(&body).expect("a submission");
                let part = verbatim(&payload, &content, &submission).expect("it can be written");
                let part = part.expect("a part goes out as it is");
                assert_eq!(
                    part.user_data.encoded_len(part.dcs),
                    140,
                    "{coding:#x} under {reference}"
                );
            }
        }
    }

    #[test]
    fn a_message_stands_in_one_place() {
        let mut tlvs = Tlvs::NONE;
        tlvs.push(Tag::MESSAGE_PAYLOAD, &b"long"[..]);
        let body = sm(0, 0, b"short");
        let refused = payload(&body, &tlvs).map_err(|refusal| refusal.status).err();
        assert_eq!(refused, Some(Status::TLV_NOT_ALLOWED));
        let body = sm(0, 0, b"");
        assert_eq!(payload(&body, &tlvs).expect("one message").body, b"long");
    }

    #[test]
    fn numbers_are_read_by_their_type() {
        let of = |ton, address: &str| number(&Address::new(ton, 1, &address.into()));
        assert_eq!(of(1, "491711234567"), "+491711234567");
        assert_eq!(of(1, "+491711234567"), "+491711234567");
        assert_eq!(of(0, "01711234567"), "01711234567");
        assert_eq!(of(5, "Shop"), "Shop");
    }

    #[test]
    fn times_are_moments_or_periods() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        assert_eq!(moment(&Octets::EMPTY, now), Ok(None));
        let in_an_hour = moment(&"000000010000000R".into(), now)
            .expect("a time")
            .expect("a moment");
        assert_eq!(in_an_hour.duration_since(now), SignedDuration::from_hours(1));
        assert_eq!(moment(&"nonsense".into(), now), Err(()));
    }

    #[test]
    fn a_message_that_was_lost_on_the_way_is_refused_and_an_empty_one_is_not() {
        let read = |body: Body, behind: &[u8]| {
            let mut octets = smpp::Pdu::request(1, body).to_octets().expect("a PDU");
            octets.extend_from_slice(behind);
            let length = u32::try_from(octets.len()).expect("short");
            octets[..4].copy_from_slice(&length.to_be_bytes());
            let pdu = smpp::Pdu::decode(&octets).expect("leniently");
            payload(&pdu.body, &pdu.tlvs).map_or_else(|refusal| refusal.status, |_| Status::OK)
        };
        let cut = [0x04, 0x24, 0x00, 0xFF, b'H', b'i'];
        let empty = || sm(0, 0, b"");
        assert_eq!(read(empty(), &cut), Status::INVALID_PARAMETER_LENGTH);
        assert_eq!(read(empty(), &cut[..3]), Status::INVALID_PARAMETER_LENGTH);
        assert_eq!(
            read(empty(), &[0x02, 0x0C, 0x01, 0x00, 0x04, 0x24, 0x00, 0x01, b'H']),
            Status::INVALID_PARAMETER_LENGTH,
            "another one took it along"
        );
        assert_eq!(read(empty(), &[]), Status::OK, "an empty SMS is one");
        assert_eq!(read(empty(), &[0]), Status::OK);
        assert_eq!(read(empty(), &[0x04, 0x24, 0x00, 0x00]), Status::OK);
        assert_eq!(read(sm(0, 0, b"Hi"), &cut), Status::OK, "nothing is lost");
        let canned = |text: &[u8]| match sm(0, 0, text) {
            Body::SubmitSm(sm) => Body::SubmitSm(Sm {
                sm_default_msg_id: 1,
                ..sm
            }),
            other => other,
        };
        assert_eq!(read(canned(b""), &[]), Status::INVALID_DEFAULT_MESSAGE);
        assert_eq!(read(canned(b"Hi"), &[]), Status::OK);
        let data = || Body::DataSm(DataSm::default());
        assert_eq!(read(data(), &[]), Status::MISSING_TLV);
        assert_eq!(read(data(), &[0x05, 0x01, 0x00, 0x01, 0x02]), Status::OK, "USSD");
        assert_eq!(read(data(), &[0x04, 0x24, 0x00, 0x01, b'H']), Status::OK);
    }
}
