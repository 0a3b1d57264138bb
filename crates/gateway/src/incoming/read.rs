//! Received octets, read for the store.

use jiff::Timestamp;
use message::{Alphabet, Concat, InboundKind, Number, Payload, Ports, StatusReport, Waiting, WaitingFor};
use sha2::{Digest, Sha256};
use store::Joined;
use tpdu::{Address, Content, Deliver, Reference, Scts, Tpdu, TypeOfNumber, WaitingKind};

/// What a PDU from a modem is.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A message, or one part of it.
    Message(Payload),
    /// The network's word on a message that was sent.
    Report(StatusReport),
    /// Octets nobody can read: kept as they came.
    Undecodable(Payload, String),
}

impl Reading {
    /// The same, recognised by this where the carrier tells it, and not by its octets.
    pub(crate) fn known_by(mut self, identity: Option<[u8; 32]>) -> Self {
        if let (Self::Message(payload) | Self::Undecodable(payload, _), Some(identity)) = (&mut self, identity) {
            payload.fingerprint = identity;
        }
        self
    }
}

/// Reads a PDU with its service-centre part.
pub(crate) fn read(pdu: &[u8]) -> Reading {
    match tpdu::decode_incoming(pdu).map(|pdu| pdu.tpdu) {
        Ok(Tpdu::Deliver(deliver)) => Reading::Message(payload(&deliver, pdu)),
        Ok(Tpdu::StatusReport(report)) => Reading::Report(StatusReport {
            reference: report.reference,
            recipient: number(&report.to),
            submitted: time(&report.time),
            discharged: time(&report.discharge),
            status: report.status.0,
        }),
        Ok(other) => undecodable(pdu, format!("a {} is nothing a phone receives", other.name())),
        Err(error) => undecodable(pdu, error.to_string()),
    }
}

/// Joins the PDUs of a message's parts; `None` where one is missing, which the text shows. The octets are joined
/// before they are read, so that a character cut in two by a careless sender survives.
pub(crate) fn join(parts: &[Option<Vec<u8>>]) -> Joined {
    let read = |part: &Option<Vec<u8>>| part.as_deref().and_then(deliver);
    let delivers: Vec<Option<Deliver>> = parts.iter().map(read).collect();
    let Some(first) = delivers.iter().flatten().next() else {
        let raw = parts.iter().flatten().next().map(|pdu| tpdu::to_hex(pdu));
        return Joined {
            text: String::new(),
            kind: InboundKind::Undecodable,
            class: None,
            alphabet: None,
            data_hex: raw,
            ports: None,
            waiting: None,
        };
    };
    let (mut text, mut octets) = (String::new(), Vec::new());
    for (place, run) in delivers.chunk_by(|a, b| a.is_some() == b.is_some()).enumerate() {
        if run.first().is_none_or(Option::is_none) {
            text.push_str(if place == 0 { GAP.trim_start() } else { GAP });
            continue;
        }
        match tpdu::join(run.iter().flatten().map(|part| (part.dcs, &part.user_data))) {
            Content::Text(run) => text.push_str(&run),
            Content::Data(run) => octets.extend(run),
        }
    }
    let data_hex = (!octets.is_empty()).then(|| tpdu::to_hex(&octets));
    Joined {
        text: push_text(first, octets).unwrap_or(text),
        kind: kind(first),
        class: first.dcs.class().map(tpdu::Class::number),
        alphabet: Some(alphabet(first)),
        data_hex,
        ports: first.user_data.header.ports().map(ports),
        waiting: first.waiting().map(waiting),
    }
}

fn deliver(pdu: &[u8]) -> Option<Deliver> {
    match tpdu::decode_incoming(pdu).ok()?.tpdu {
        Tpdu::Deliver(deliver) => Some(deliver),
        _ => None,
    }
}

fn payload(deliver: &Deliver, pdu: &[u8]) -> Payload {
    let concat = deliver.user_data.header.concat().map(|concat| Concat {
        reference: concat.reference.number(),
        total: concat.total,
        sequence: concat.sequence,
        wide: matches!(concat.reference, Reference::Sixteen(_)),
    });
    Payload {
        kind: kind(deliver),
        from: number(&deliver.from),
        service_centre_time: time(&deliver.time),
        class: deliver.dcs.class().map(tpdu::Class::number),
        concat,
        fingerprint: fingerprint(pdu),
    }
}

fn undecodable(pdu: &[u8], why: String) -> Reading {
    let payload = Payload {
        kind: InboundKind::Undecodable,
        from: Number::Name(String::new()),
        service_centre_time: None,
        class: None,
        concat: None,
        fingerprint: fingerprint(pdu),
    };
    Reading::Undecodable(payload, why)
}

fn ports(ports: tpdu::Ports) -> Ports {
    Ports {
        destination: ports.destination,
        source: ports.source,
        bits: ports.bits,
    }
}

fn waiting(waiting: tpdu::Waiting) -> Waiting {
    Waiting {
        what: match waiting.kind {
            WaitingKind::Voicemail => WaitingFor::Voicemail,
            WaitingKind::Fax => WaitingFor::Fax,
            WaitingKind::Email => WaitingFor::Email,
            WaitingKind::Other => WaitingFor::Other,
        },
        active: waiting.active,
        count: waiting.count,
        discard: waiting.discard,
    }
}

fn alphabet(deliver: &Deliver) -> Alphabet {
    match deliver.dcs.alphabet() {
        tpdu::Alphabet::Gsm7 => Alphabet::Gsm7,
        tpdu::Alphabet::Data => Alphabet::Octets,
        tpdu::Alphabet::Ucs2 => Alphabet::Ucs2,
    }
}

fn fingerprint(pdu: &[u8]) -> [u8; 32] {
    Sha256::digest(tpdu::fingerprint(pdu)).into()
}

/// The protocol identifier counts first (TS 23.040 9.2.3.9), whatever the message says. Its replacing types (0x41 to 0x47)
/// and the return call message (0x5F) are texts for a reader; what a phone would replace is all kept here.
fn kind(deliver: &Deliver) -> InboundKind {
    match deliver.content() {
        _ if deliver.is_silent() => InboundKind::Silent,
        _ if deliver.is_for_sim() => InboundKind::SimData,
        _ if deliver.is_for_device() => InboundKind::Device,
        _ if is_push(deliver) => InboundKind::WapPush,
        _ if deliver.waiting().is_some() => InboundKind::Waiting,
        Content::Data(_) => InboundKind::Data,
        Content::Text(_) => InboundKind::Text,
    }
}

/// A WAP push comes to port 2948, or 2949 when it is signed (WAP-235 8.1).
fn is_push(deliver: &Deliver) -> bool {
    deliver
        .user_data
        .header
        .ports()
        .is_some_and(|ports| matches!(ports.destination, 2948 | 2949))
}

/// What a person should read of a picture message's notice: who sent it, how large it is, where it lies.
fn push_text(first: &Deliver, octets: Vec<u8>) -> Option<String> {
    let push = tpdu::wap::Push::recognise(first.user_data.header.ports(), &Content::Data(octets))?;
    push.notification.map(|notice| notice.to_string())
}

/// The number of an address, as the network wrote it.
pub(crate) fn number(address: &Address) -> Number {
    match address.kind {
        TypeOfNumber::International => Number::International(address.value.clone()),
        TypeOfNumber::Alphanumeric => Number::Name(address.value.clone()),
        _ => Number::received(&address.value),
    }
}

fn time(scts: &Scts) -> Option<Timestamp> {
    let seconds = scts.unix_seconds()?;
    Timestamp::from_second(seconds).ok()
}

/// What stands where a part is missing.
const GAP: &str = " […] ";

#[cfg(test)]
mod tests {
    use tpdu::{Dcs, Header, UserData};

    use super::*;

    fn octets_with(pid: u8, dcs: Dcs, header: Header) -> Deliver {
        Deliver {
            more_to_send: false,
            loop_prevention: false,
            report_indication: false,
            reply_path: false,
            from: Address::international("491711234567"),
            pid,
            dcs,
            time: Scts::from_octets([0; 7]),
            user_data: UserData {
                header,
                body: vec![1, 2],
                missing: 0,
            },
        }
    }

    #[test]
    fn the_protocol_identifier_tells_what_is_for_no_reader() {
        let as_read = |pid, dcs| {
            let deliver = octets_with(pid, Dcs(dcs), Header::default());
            kind(&deliver)
        };
        let (class_2, class_2_octets, class_1_octets) = (0x12, 0xF6, 0xF5);
        assert_eq!(as_read(0x40, 0), InboundKind::Silent);
        assert_eq!(as_read(0x40, 0xC8), InboundKind::Silent, "a voicemail indication, too");
        for dcs in [class_2, class_2_octets] {
            assert_eq!(as_read(0x7F, dcs), InboundKind::SimData);
            assert_eq!(as_read(0x7C, dcs), InboundKind::SimData, "ANSI-136 R-DATA");
        }
        assert_eq!(as_read(0x7F, 0), InboundKind::Text, "of no class, it is for a reader");
        assert_eq!(as_read(0x00, class_2), InboundKind::Text);
        for pid in [0x48, 0x7D, 0x7E] {
            assert_eq!(as_read(pid, class_1_octets), InboundKind::Device, "{pid:#x}");
        }
        for pid in (0x41..=0x47).chain([0x5F, 0x49, 0x3F]) {
            assert_eq!(as_read(pid, 0), InboundKind::Text, "{pid:#x}");
        }
    }

    #[test]
    fn what_waits_is_told_with_the_message() {
        let deliver = octets_with(0, Dcs(0xDA), Header::default());
        let octets = [vec![0], deliver.encode().expect("it fits")].concat();
        let joined = join(&[Some(octets)]);
        let told = Waiting {
            what: WaitingFor::Email,
            active: true,
            count: None,
            discard: false,
        };
        assert_eq!((joined.kind, joined.waiting), (InboundKind::Waiting, Some(told)));
    }

    #[test]
    fn a_message_for_a_port_keeps_it() {
        let to = tpdu::Ports {
            destination: 5000,
            source: 1,
            bits: 16,
        };
        let deliver = octets_with(0, Dcs::DATA, Header::new(vec![to.element()]));
        let octets = [vec![0], deliver.encode().expect("it fits")].concat();
        let joined = join(&[None, Some(octets)]);
        assert_eq!(joined.ports, Some(ports(to)), "of the parts that came");
        assert_eq!(joined.data_hex.as_deref(), Some("0102"));
    }
}
