//! `pdu_deliver.jsonl`: messages from the network, field by field.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use serde_json::{Value, json};
use tpdu::{Content, Deliver, Element, Pdu, Tpdu, decode_incoming, from_hex, to_hex};

use crate::vectors::{Check, Exception, Row, run};

#[test]
fn every_message_reads_as_its_source_says() {
    run("pdu_deliver.jsonl", EXCEPTIONS, |row, check| {
        let pdu = row.text("pdu").unwrap();
        let decoded = from_hex(pdu).and_then(|bytes| decode_incoming(&bytes));
        let expected_text = row.text("expect").filter(|expect| expect.starts_with("tolerated"));
        match decoded {
            Ok(pdu) if expected_text.is_some() => check_text(row, &pdu, check),
            Ok(_) if row.is("malformed") => check.wrong("read, though malformed"),
            Ok(pdu) => check_fields(row, &pdu, check),
            Err(_) if row.is("malformed") && expected_text.is_none() => {}
            Err(error) => check.wrong(error.to_string()),
        }
    });
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "testCingularVoiceMail",
        field: "from",
        reason: ONE_DIGIT,
    },
    Exception {
        piece: "000001000B915310101010100000808080604028180E88",
        field: "from",
        reason: "a single semi-octet 0xB is # (23.040 9.1.2.3)",
    },
];
const ONE_DIGIT: &str = "the address counts one useful semi-octet, the second is no digit (23.040 9.1.2.5)";

fn check_text(row: &Row, pdu: &Pdu, check: &mut Check) {
    let Tpdu::Deliver(deliver) = &pdu.tpdu else {
        return check.wrong(pdu.tpdu.name());
    };
    check.same("text", &row.value["text"], deliver.content().text());
}

fn check_fields(row: &Row, pdu: &Pdu, check: &mut Check) {
    let Tpdu::Deliver(deliver) = &pdu.tpdu else {
        return check.wrong(pdu.tpdu.name());
    };
    let says = &row.value;
    check.same("tpdu_len", &says["tpdu_len"], pdu.tpdu_len + pdu.trailing);
    check.same("smsc", &says["smsc"], pdu.smsc.as_ref().map(ToString::to_string));
    check.same_if_told("from", &says["from"], deliver.from.to_string());
    check.same("from_type", &says["from_type"], deliver.from.kind.name());
    check.same(
        "time",
        &says["time"],
        deliver.time.unix_seconds().map(|_| deliver.time.to_string()),
    );
    check.same("pid", &says["pid"], deliver.pid);
    check.same("dcs", &says["dcs"], deliver.dcs.0);
    check.same("class", &says["class"], deliver.dcs.class().map(tpdu::Class::number));
    check.same("alphabet", &says["alphabet"], deliver.dcs.alphabet().name());
    check_header(says, deliver, check);
    check_content(says, deliver, check);
    check_waiting(says, deliver, check);
    let again = pdu.encode();
    match again {
        Err(error) => check.wrong(format!("not encoded: {error}")),
        Ok(again) if row.is("roundtrip") => check.same("roundtrip", &says["pdu"], again.hex()),
        Ok(again) if deliver.user_data.missing == 0 => match decode_incoming(&again.bytes) {
            Ok(twice) if twice.tpdu == pdu.tpdu => {}
            other => check.wrong(format!("encoded and read again: {other:?}")),
        },
        Ok(_) => {}
    }
}

fn check_header(says: &Value, deliver: &Deliver, check: &mut Check) {
    let header = &deliver.user_data.header;
    let udh = (!header.is_empty()).then(|| to_hex(&header.encode().unwrap()));
    check.same("udh", &says["udh"], udh);
    let concat = header.concat().map(|concat| {
        let (reference, bits) = (concat.reference.number(), concat.reference.bits());
        json!({"ref": reference, "total": concat.total, "seq": concat.sequence, "bits": bits})
    });
    check.same("concat", &says["concat"], concat.unwrap_or_default());
    let ports = header
        .ports()
        .map(|ports| json!({"dst": ports.destination, "src": ports.source, "bits": ports.bits}));
    check.same("ports", &says["ports"], ports.unwrap_or_default());
    let element = |element: &Element| json!([element.id(), to_hex(&element.data())]);
    let elements: Vec<Value> = header.elements.iter().map(element).collect();
    check.same_if_told("ies", &says["ies"], elements);
    if let Some(national) = says["national"].as_object() {
        let id = |found: fn(&Element) -> Option<u8>| header.elements.iter().find_map(found);
        let locking = id(|element| match element {
            Element::LockingShift(id) => Some(*id),
            _ => None,
        });
        let single = id(|element| match element {
            Element::SingleShift(id) => Some(*id),
            _ => None,
        });
        check.same("locking", &national["locking"], locking);
        check.same("single", &national["single"], single);
    }
}

fn check_content(says: &Value, deliver: &Deliver, check: &mut Check) {
    match deliver.content() {
        Content::Text(text) => {
            check.same_if_told("text", &says["text"], text);
            check.same("data_hex", &says["data_hex"], Value::Null);
        }
        Content::Data(octets) => check.same_if_told("data_hex", &says["data_hex"], to_hex(&octets)),
    }
}

fn check_waiting(says: &Value, deliver: &Deliver, check: &mut Check) {
    let Some(mwi) = says["mwi"].as_object() else { return };
    let Some(waiting) = deliver.waiting() else {
        return check.wrong("nothing waits");
    };
    check.same("mwi.set", &mwi["set"], waiting.active);
    if let Some(discard) = mwi.get("discard") {
        check.same("mwi.discard", discard, waiting.discard);
    }
    if let Some(count) = mwi.get("count") {
        let told = waiting.count.or((!waiting.active).then_some(0));
        check.same("mwi.count", count, told);
    }
}
