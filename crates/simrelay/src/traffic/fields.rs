//! The fields of an SMPP PDU for programs, by the names of the specification.

use serde_json::{Map, Value, json};
use smpp::analyze::{Kind, header_fault};
use smpp::{DefaultAlphabet, Destination, Octets, Oddity, Payload, Pdu, Receipt, Unsuccessful, Value as Field};

/// One object for a PDU.
pub(super) fn of(pdu: &Pdu, oddities: &[Oddity], default: DefaultAlphabet) -> Value {
    let mut object = Map::new();
    object.insert("command".into(), json!(pdu.command().name()));
    object.insert("command_id".into(), json!(format!("0x{:08X}", pdu.command().0)));
    object.insert("command_status".into(), json!(pdu.status.0));
    object.insert("status".into(), json!(pdu.status.to_string()));
    object.insert("sequence_number".into(), json!(pdu.sequence));
    for (name, field) in pdu.body.fields() {
        object.insert(name.into(), value(name, &field));
    }
    if !pdu.tlvs.is_empty() {
        object.insert("tlvs".into(), parameters(pdu));
    }
    if let Some(payload) = Payload::of(&pdu.body, &pdu.tlvs) {
        message(&payload, default, &mut object);
    }
    if let Some(receipt) = Receipt::of(&pdu.body, &pdu.tlvs) {
        object.insert("receipt".into(), self::receipt(&receipt));
    }
    let odd = |oddity: &Oddity| json!({ "what": oddity.to_string(), "rule": format!("SMPP 3.4 {}", oddity.clause()) });
    let header = header_fault(pdu).map(|what| json!({ "what": what, "rule": Kind::Header.rule() }));
    object.insert("oddities".into(), oddities.iter().map(odd).chain(header).collect());
    Value::Object(object)
}

fn value(name: &str, field: &Field<'_>) -> Value {
    match field {
        Field::Text(text) if name == "password" && !text.is_empty() => json!("***"),
        Field::Number(number) => json!(number),
        Field::Text(text) => json!(Octets::new(text).text()),
        Field::Octets(octets) => json!(tpdu::to_hex(octets)),
        Field::Destinations(list) => list.iter().map(destination).collect(),
        Field::Unsuccessful(list) => list.iter().map(unsuccessful).collect(),
    }
}

fn destination(destination: &Destination) -> Value {
    match destination {
        Destination::Address { ton, npi, address } => json!({
            "dest_flag": 1, "dest_addr_ton": ton, "dest_addr_npi": npi, "destination_addr": address.text(),
        }),
        Destination::List(name) => json!({ "dest_flag": 2, "dl_name": name.text() }),
    }
}

fn unsuccessful(one: &Unsuccessful) -> Value {
    json!({
        "dest_addr_ton": one.ton, "dest_addr_npi": one.npi, "destination_addr": one.address.text(),
        "error_status_code": one.status.0,
    })
}

/// Names, tags and octets, in their order.
fn parameters(pdu: &Pdu) -> Value {
    let one = |tlv: &smpp::Tlv| {
        json!({
            "tag": format!("0x{:04X}", tlv.tag.0), "name": tlv.tag.name(), "value": tpdu::to_hex(&tlv.value),
        })
    };
    pdu.tlvs.iter().map(one).collect()
}

fn message(payload: &Payload<'_>, default: DefaultAlphabet, object: &mut Map<String, Value>) {
    object.insert("coding".into(), json!(payload.coding.to_string()));
    if let Some(text) = payload.content(default).text() {
        object.insert("text".into(), json!(text));
    }
    if let Some(concat) = payload.concat {
        let reference = concat.reference.number();
        let part = json!({ "reference": reference, "sequence": concat.sequence, "total": concat.total });
        object.insert("part".into(), part);
    }
}

fn receipt(receipt: &Receipt) -> Value {
    let text = |octets: Option<&Octets>| octets.map(Octets::text);
    json!({
        "id": text(receipt.message_id()),
        "state": receipt.stat_name(),
        "error": receipt.error(),
        "submit_date": text(receipt.submit_date.as_ref()),
        "done_date": text(receipt.done_date.as_ref()),
        "text": text(receipt.text.as_ref()),
    })
}
