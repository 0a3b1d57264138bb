//! PDUs of other implementations' test suites, both ways, compared field by field. A field that nothing compares fails.

mod support;

use serde_json::{Value, json};
use smpp::{
    Body, DefaultAlphabet, Destination, Frame, FrameReader, Oddity, Payload, Pdu, Receipt, Tag, Unsuccessful,
    Value as Field,
};
use support::{Differences, Exception, run};

/// Rows that contradict SMPP 3.4, with the clause.
const EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "broadcast_sm",
        field: "command",
        reason: "broadcast_sm and its kin are of SMPP 5.0; 3.4 reserves their numbers (5.1.2.1), so they are kept as unknown",
    },
    Exception {
        piece: "broadcast_sm",
        field: "fields",
        reason: "the fields of a PDU that 3.4 does not know (5.1.2.1) are not read; the source also swaps 0x111 and 0x112",
    },
    Exception {
        piece: "PORTUGUESE",
        field: "text",
        reason: "0x24 names a single shift table (TS 23.040 9.2.3.24.15), so an octet without escape is not shifted; and \
                 data_coding 1 is IA5 (5.2.19)",
    },
    Exception {
        piece: "Portuguese LOCKING",
        field: "text",
        reason: "0x24 names a single shift table (TS 23.040 9.2.3.24.15), so an octet without escape is not shifted; and \
                 data_coding 1 is IA5 (5.2.19)",
    },
];

#[test]
fn every_pdu_gives_the_fields_its_source_asserts_and_comes_back_as_it_was() {
    run("smpp_pdus.jsonl", EXCEPTIONS, |row, found| {
        let octets =
            hex::decode(row["hex"].as_str().expect("a row of the known form")).expect("a row of the known form");
        let seen = read(&octets, octets.len());
        if seen != read(&octets, 1) {
            found.wrong("pieces", "octet by octet it reads otherwise");
        }
        if row["malformed"] == json!(true) {
            malformed(row, &seen, found);
        } else if !matches!(seen[..], [Seen::Pdu { .. }]) {
            found.wrong("row", format!("one PDU expected: {seen:?}"));
        }
        let Some(Seen::Pdu { pdu, oddities, length }) = seen.first() else {
            return;
        };
        header(pdu, *length, &row["octets"], found);
        fields(pdu, &row["octets"], found);
        let Some(Seen::Pdu {
            pdu: last,
            length: last_length,
            ..
        }) = seen.last()
        else {
            return;
        };
        header(last, *last_length, &row["fields"], found);
        fields(last, &row["fields"], found);
        if row["expect"].is_null() {
            found.same("command", &row["command"], pdu.command().name());
        }
        written(pdu, oddities, &octets[..*length], row, found);
    });
}

/// What came out of a reader.
#[derive(Debug, PartialEq)]
enum Seen {
    Pdu {
        pdu: Box<Pdu>,
        oddities: Vec<Oddity>,
        length: usize,
    },
    Refused(String),
    Lost,
}

fn read(octets: &[u8], piece: usize) -> Vec<Seen> {
    let mut reader = FrameReader::default();
    let mut seen = Vec::new();
    for piece in octets.chunks(piece) {
        reader.receive(piece);
        while let Some(frame) = reader.take() {
            seen.push(match frame {
                Frame::Lost(_) => Seen::Lost,
                Frame::Pdu(octets) => {
                    let mut oddities = Vec::new();
                    match Pdu::decode_noting(octets, &mut oddities) {
                        Ok(pdu) => Seen::Pdu {
                            pdu: Box::new(pdu),
                            oddities,
                            length: octets.len(),
                        },
                        Err(error) => Seen::Refused(error.to_string()),
                    }
                }
            });
        }
    }
    seen
}

/// What becomes of octets that are wrong: as the source expects, or tolerated and told.
fn malformed(row: &Value, seen: &[Seen], found: &mut Differences) {
    let expect = row["expect"].as_str().unwrap_or_default();
    let unknown = |pdu: &Pdu| matches!(pdu.body, Body::Unknown(..));
    let right = match seen.first() {
        None => expect.starts_with("incomplete") || expect.contains("error"),
        Some(_) if expect.starts_with("incomplete") => false,
        Some(Seen::Lost | Seen::Refused(_)) => !expect.starts_with("accepted"),
        Some(Seen::Pdu { pdu, .. }) if expect.contains("nknown") || expect.contains("unparsed") => unknown(pdu),
        Some(Seen::Pdu { oddities, .. }) => expect.starts_with("accepted") || !oddities.is_empty(),
    };
    if !right {
        found.wrong("expect", format!("{expect}: {seen:?}"));
    }
    if expect.contains("next PDU in the buffer is still decoded") && seen.len() != 2 {
        found.wrong("expect", format!("{expect}: {seen:?}"));
    }
}

/// What was read without an oddity is written as it was.
fn written(pdu: &Pdu, oddities: &[Oddity], octets: &[u8], row: &Value, found: &mut Differences) {
    for oddity in oddities {
        let (source, test) = (&row["source"], &row["test"]);
        println!("{source} {test}: against SMPP 3.4 clause {}: {oddity}", oddity.clause());
    }
    match pdu.to_octets() {
        Ok(again) if again == octets => {}
        Ok(again) if oddities.is_empty() => found.wrong("written", hex::encode_upper(again)),
        Err(error) if oddities.is_empty() => found.wrong("written", error.to_string()),
        Ok(_) | Err(_) => {}
    }
}

fn header(pdu: &Pdu, length: usize, wanted: &Value, found: &mut Differences) {
    let numbers = [
        ("command_length", json!(length)),
        ("command_id", json!(format!("0x{:08X}", pdu.command().0))),
        ("command_status", json!(pdu.status.0)),
        ("sequence_number", json!(pdu.sequence)),
    ];
    for (name, ours) in numbers {
        if let Some(theirs) = wanted.get(name) {
            found.same(name, theirs, ours);
        }
    }
}

fn fields(pdu: &Pdu, wanted: &Value, found: &mut Differences) {
    let Some(wanted) = wanted.as_object() else { return };
    for (name, theirs) in wanted {
        match name.as_str() {
            "command_length" | "command_id" | "command_status" | "sequence_number" => {}
            "tlvs" => tlvs(pdu, theirs, found),
            "text" => {
                let payload = Payload::of(&pdu.body, &pdu.tlvs).expect("a row of the known form");
                let content = payload.content(DefaultAlphabet::Gsm7);
                found.same("text", theirs, content.text());
            }
            "udh" => {
                let payload = Payload::of(&pdu.body, &pdu.tlvs).expect("a row of the known form");
                found.same(
                    "udh",
                    theirs,
                    hex::encode_upper(payload.header.encode().expect("a row of the known form")),
                );
            }
            "concat" => {
                let concat = Payload::of(&pdu.body, &pdu.tlvs)
                    .expect("a row of the known form")
                    .concat
                    .expect("a row of the known form");
                let ours = json!({"ref": concat.reference.number(), "total": concat.total, "seq": concat.sequence});
                found.same("concat", theirs, ours);
            }
            "optional_parameter" => found.same(name, theirs, last_parameter(pdu)),
            name => match value(pdu, name, theirs) {
                Some(ours) => found.same(name, theirs, ours),
                None => found.wrong("fields", format!("nobody knows {name}: {theirs}")),
            },
        }
    }
}

/// A field by its name in the specification, in the form in which the row has it.
fn value(pdu: &Pdu, name: &str, theirs: &Value) -> Option<Value> {
    let fields = pdu.body.fields();
    let field = |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    if let Some(tag) = Tag::from_name(name).filter(|_| field(name).is_none()) {
        return parameter(pdu, tag, theirs);
    }
    match name {
        "sm_length" => match field("short_message")? {
            Field::Octets(octets) => Some(json!(octets.len())),
            _ => None,
        },
        "number_of_dests" | "dest_addresses" => destinations(field("dest_address")?, name),
        "no_unsuccess" | "unsuccess_sme" => unsuccessful(field("unsuccess_sme")?, name),
        // A response without a body has no fields.
        _ if matches!(pdu.body, Body::Omitted(_)) => Some(Value::Null),
        _ => Some(match field(name)? {
            Field::Number(number) => json!(number),
            Field::Text(text) => json!(smpp::Octets::new(text).text()),
            Field::Octets(octets) => json!(hex::encode_upper(octets)),
            Field::Destinations(_) | Field::Unsuccessful(_) => return None,
        }),
    }
}

fn parameter(pdu: &Pdu, tag: Tag, theirs: &Value) -> Option<Value> {
    let value = pdu.tlvs.get(tag)?;
    if tag == Tag::RECEIPTED_MESSAGE_ID {
        let receipt = Receipt::of(&pdu.body, &pdu.tlvs)?;
        return Some(json!(receipt.receipted_message_id?.text()));
    }
    // One network by the name that its source gives the number.
    if theirs == &json!("GSM") {
        return Some(if value == [1] { json!("GSM") } else { json!(value) });
    }
    match theirs {
        Value::Number(_) => pdu.tlvs.number(tag).map(|number| json!(number)),
        _ => Some(json!(hex::encode_upper(value))),
    }
}

fn tlvs(pdu: &Pdu, theirs: &Value, found: &mut Differences) {
    let theirs = theirs.as_object().expect("a row of the known form");
    let ours: Vec<(String, &[u8])> = pdu
        .tlvs
        .iter()
        .map(|tlv| (format!("0x{:04X}", tlv.tag.0), &*tlv.value))
        .collect();
    for (tag, wanted) in theirs {
        let Some((_, value)) = ours.iter().find(|(known, _)| known == tag) else {
            found.wrong("tlvs", format!("{tag} is not there"));
            continue;
        };
        let number = value
            .iter()
            .fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
        let text = smpp::Octets::new(value).text();
        let forms = [json!(number), json!(hex::encode_upper(value)), json!(text)];
        if !forms.contains(wanted) {
            found.wrong("tlvs", format!("{tag}: row {wanted}, ours {forms:?}"));
        }
    }
}

fn last_parameter(pdu: &Pdu) -> Value {
    pdu.tlvs
        .iter()
        .last()
        .map_or(Value::Null, |tlv| json!(tlv.value.text()))
}

fn destinations(field: &Field<'_>, name: &str) -> Option<Value> {
    let Field::Destinations(list) = field else { return None };
    if name == "number_of_dests" {
        return Some(json!(list.len()));
    }
    let one = |destination: &Destination| match destination {
        Destination::Address { ton, npi, address } => json!({
            "dest_flag": 1, "dest_addr_ton": ton, "dest_addr_npi": npi, "destination_addr": address.text(),
        }),
        Destination::List(name) => json!({"dest_flag": 2, "dl_name": name.text()}),
    };
    Some(list.iter().map(one).collect())
}

fn unsuccessful(field: &Field<'_>, name: &str) -> Option<Value> {
    let Field::Unsuccessful(list) = field else { return None };
    if name == "no_unsuccess" {
        return Some(json!(list.len()));
    }
    let one = |one: &Unsuccessful| {
        json!({
            "dest_addr_ton": one.ton, "dest_addr_npi": one.npi, "destination_addr": one.address.text(),
            "error_status_code": one.status.0,
        })
    };
    Some(list.iter().map(one).collect())
}
