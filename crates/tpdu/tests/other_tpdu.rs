//! `other_tpdu.jsonl`: commands and the reports to submission and delivery.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use serde_json::{Map, Value, json};
use tpdu::{Content, DecodeError, Direction, Parameters, Pdu, Tpdu, from_hex, to_hex};

use crate::vectors::{Check, Exception, Row, run};

#[test]
fn every_other_tpdu_reads_and_writes_as_its_source_says() {
    run("other_tpdu.jsonl", EXCEPTIONS, |row, check| {
        let bytes = from_hex(row.text("tpdu").unwrap()).unwrap();
        let direction = if row.text("direction") == Some("MO") {
            Direction::ToNetwork
        } else {
            Direction::ToPhone
        };
        match Pdu::decode_bare(&bytes, direction) {
            Ok(_) if row.has("error") => check.wrong("read, though malformed"),
            Ok(pdu) => check_fields(row, &pdu.tpdu, check),
            Err(error) if row.has("error") => check_place(row, &error, check),
            Err(error) => check.wrong(error.to_string()),
        }
    });
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "TestMarshalBinary/SmsDeliverReport ud",
        field: "tpdu",
        reason: NO_CODING,
    },
    Exception {
        piece: "TestMarshalBinary/SmsSubmitReport ud",
        field: "tpdu",
        reason: NO_CODING,
    },
];
const NO_CODING: &str = "user data without TP-DCS is GSM 7 bit (23.040 9.2.3.27), the source writes octets";

fn check_place(row: &Row, error: &DecodeError, check: &mut Check) {
    let expect = row.text("error").unwrap();
    let octet: usize = expect.split(", ").nth(1).unwrap().parse().unwrap();
    let reach = if expect.contains("InvalidOctet") { 7 } else { 1 };
    if !(octet..octet + reach).contains(&error.octet) {
        check.wrong(format!("{expect}, ours {error}"));
    }
}

/// The fields in the source's words; those that are not on the wire of a row
/// are passed over.
fn check_fields(row: &Row, tpdu: &Tpdu, check: &mut Check) {
    check.same("type", &row.value["type"], tpdu.name());
    let ours = fields(tpdu);
    for (name, value) in &ours {
        check.same_if_told(
            name,
            row.value["fields"].get(name).unwrap_or(&Value::Null),
            value.clone(),
        );
    }
    check.same("tpdu", &row.value["tpdu"], to_hex(&tpdu.encode().unwrap()));
}

fn fields(tpdu: &Tpdu) -> Map<String, Value> {
    let (mut fields, parameters) = match tpdu {
        Tpdu::Command(command) => {
            let data = String::from_utf8_lossy(&command.data);
            let to = json!([command.to.value, command.to.type_of_address()]);
            let fields = json!({"MR": command.reference, "PID": command.pid, "CT": command.command,
                "MN": command.message, "DA": to, "UD": data});
            (fields, Parameters::default())
        }
        Tpdu::SubmitReport(report) => {
            let fields = json!({"FCS": report.cause, "SCTS": report.time.to_string()});
            (fields, report.parameters.clone())
        }
        Tpdu::DeliverReport(report) => (json!({"FCS": report.cause}), report.parameters.clone()),
        other => panic!("{other:?}"),
    };
    fields["FirstOctet"] = tpdu.encode().unwrap()[0].into();
    if parameters != Parameters::default() {
        fields["PI"] = parameters.indicator().into();
    }
    if let Some(pid) = parameters.pid {
        fields["PID"] = pid.into();
    }
    if let Some(dcs) = parameters.dcs {
        fields["DCS"] = dcs.0.into();
    }
    match parameters.content() {
        Some(Content::Data(octets)) => fields["UD"] = String::from_utf8_lossy(&octets).into(),
        // The source keeps user data without a coding as octets.
        Some(Content::Text(_)) | None => {}
    }
    fields.as_object().unwrap().clone()
}
