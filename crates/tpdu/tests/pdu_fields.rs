//! `pdu_fields.jsonl`: single fields.
//!
//! Fields are read inside a message around them, since the crate's doors are
//! whole PDUs.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use serde_json::{Value, json};
use tpdu::{
    Address, Alphabet, Dcs, Deliver, Enhanced, Header, Scts, Submit, Tpdu, TypeOfNumber, UserData, Validity,
    decode_incoming, from_hex, to_hex,
};

use crate::vectors::{Check, Exception, Row, run};

#[test]
fn every_field_reads_and_writes_as_its_source_says() {
    run("pdu_fields.jsonl", EXCEPTIONS, |row, check| {
        let octets = from_hex(row.text("hex").unwrap()).unwrap();
        match row.text("kind").unwrap() {
            "address" => check_address(row, &octets, check),
            "smsc" => check_smsc(row, &octets, check),
            "address_encode" => check_address_encode(row, check),
            "vp_relative" => check.same("value", &row.value["value"], Validity::Relative(octets[0]).seconds()),
            "vp_relative_encode" => {
                let validity = Validity::lasting(row.number_of("value").unwrap());
                check.same("hex", &row.value["hex"], format!("{:02X}", relative(validity)));
            }
            "vp_enhanced" => check_enhanced(row, &octets, check),
            "timestamp" => check_timestamp(row, &octets, check),
            "udh_elements" => check_header(row, &octets, check),
            "dcs" => check_dcs(row, Dcs(octets[0]), check),
            other => check.wrong(format!("unknown kind {other}")),
        }
    });
}

const EXCEPTIONS: &[Exception] = &[Exception {
    piece: "0ED04F78D92D9C0E01",
    field: "hex",
    reason: "seven letters are 49 bits, of which 13 semi-octets are useful (23.040 9.1.2.5)",
}];

/// A message from an address field.
fn deliver(address: &[u8]) -> Option<Deliver> {
    let mut bytes = vec![0x00, 0x04];
    bytes.extend(address);
    bytes.extend([0, 0, 0x12, 0x30, 0x40, 0x50, 0x60, 0x70, 0x00, 0]);
    match decode_incoming(&bytes).ok()?.tpdu {
        Tpdu::Deliver(deliver) => Some(deliver),
        _ => None,
    }
}

fn check_address(row: &Row, octets: &[u8], check: &mut Check) {
    // A length of zero alone, without a type, stands for an empty address.
    let empty = [0x00, 0x81];
    let octets = if octets == [0] { &empty } else { octets };
    let Some(deliver) = deliver(octets) else {
        return check.wrong("not read");
    };
    let address = deliver.from;
    check.same_if_told("type", &row.value["type"], address.kind.name());
    check.same("value", &row.value["value"], address.to_string());
    check.same_if_told("octets", &json!(to_hex(octets)), to_hex(&field(&address)));
}

fn check_smsc(row: &Row, octets: &[u8], check: &mut Check) {
    let mut bytes = octets.to_vec();
    bytes.extend([0x04, 0x00, 0x81, 0, 0, 0x12, 0x30, 0x40, 0x50, 0x60, 0x70, 0x00, 0]);
    let smsc = decode_incoming(&bytes).unwrap().smsc.unwrap();
    let value = row.text("value").unwrap();
    let shown = if value.starts_with('+') {
        smsc.to_string()
    } else {
        smsc.value.clone()
    };
    check.same_if_told("type", &row.value["type"], smsc.kind.name());
    check.same("value", &row.value["value"], shown);
}

fn check_address_encode(row: &Row, check: &mut Check) {
    let kind = TypeOfNumber::from_name(row.text("type").unwrap()).unwrap();
    let written: Address = row.text("value").unwrap().parse().unwrap();
    let address = Address::new(kind, written.plan, written.value);
    check.same("hex", &row.value["hex"], to_hex(&field(&address)));
}

/// The octets of an address field.
fn field(address: &Address) -> Vec<u8> {
    let submit = Submit::new(address.clone(), Dcs::GSM7, UserData::default());
    let octets = submit.encode().unwrap();
    octets[2..octets.len() - 3].to_vec()
}

fn relative(validity: Validity) -> u8 {
    match validity {
        Validity::Relative(octet) => octet,
        other => panic!("{other:?}"),
    }
}

fn check_enhanced(row: &Row, octets: &[u8], check: &mut Check) {
    let octets: [u8; 7] = octets.try_into().unwrap();
    let words = match Enhanced::of(&octets) {
        Enhanced::Relative(octet) => {
            format!(
                "relative octet {} min",
                Validity::Relative(octet).seconds().unwrap() / 60
            )
        }
        Enhanced::Seconds(seconds) => format!("{seconds} s"),
        Enhanced::Time(hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
        other => format!("{other:?}"),
    };
    check.same("value", &row.value["value"], words);
}

fn check_timestamp(row: &Row, octets: &[u8], check: &mut Check) {
    let stamp = Scts::from_octets(octets.try_into().unwrap());
    check.same("value", &row.value["value"], stamp.to_string());
    let written: Scts = row.text("value").unwrap().parse().unwrap();
    check.same("hex", &row.value["hex"], to_hex(&written.octets()));
}

fn check_header(row: &Row, octets: &[u8], check: &mut Check) {
    let header = Header::decode_elements(octets).unwrap();
    let concat = header.concat().unwrap();
    let ports = header.ports().unwrap();
    let ours = json!({
        "concat": {"ref": concat.reference.number(), "total": concat.total, "seq": concat.sequence,
            "bits": concat.reference.bits()},
        "ports": {"dst": ports.destination, "src": ports.source},
    });
    check.same("value", &row.value["value"], ours);
    check.same("octets", &row.value["hex"], to_hex(&header.encode().unwrap()[1..]));
}

fn check_dcs(row: &Row, dcs: Dcs, check: &mut Check) {
    let says = &row.value["value"];
    check.same("alphabet", &says["alphabet"], dcs.alphabet().name());
    check.same("class", &says["class"], dcs.class().map(tpdu::Class::number));
    // The sources count an unknown number of waiting messages as -1.
    let waiting = dcs.waiting().map(|waiting| {
        let count = if waiting.active { -1 } else { 0 };
        json!({"active": waiting.active, "discard": waiting.discard, "count": count})
    });
    check.same("mwi", &says["mwi"], waiting.unwrap_or(Value::Null));
    assert_eq!(Alphabet::from_name(dcs.alphabet().name()), Some(dcs.alphabet()));
}
