//! `pdu_status_report.jsonl`: the network's word on messages that were sent.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use tpdu::{Pdu, Scts, StatusReport, Tpdu, decode_incoming, from_hex};

use crate::vectors::{Check, Exception, Row, run};

#[test]
fn every_report_reads_as_its_source_says() {
    run("pdu_status_report.jsonl", EXCEPTIONS, |row, check| {
        let decoded = from_hex(row.text("pdu").unwrap()).and_then(|bytes| decode_incoming(&bytes));
        match decoded {
            Ok(_) if row.is("malformed") => check.wrong("read, though malformed"),
            Ok(pdu) => check_fields(row, &pdu, check),
            Err(error) if row.is("malformed") => check_place(row, &error, check),
            Err(error) => check.wrong(error.to_string()),
        }
    });
}

const EXCEPTIONS: &[Exception] = &[Exception {
    piece: "0297F1061C0F910B487228297020F5317062419272803170624192138000",
    field: "to",
    reason: "semi-octet 0xB is # (23.040 9.1.2.3)",
}];

/// A source that names the octet counts from the TPDU, behind one octet `00`.
fn check_place(row: &Row, error: &tpdu::DecodeError, check: &mut Check) {
    let expect = row.text("expect").unwrap_or_default();
    let Some((_, place)) = expect.split_once("\", ") else {
        return;
    };
    let octet: usize = place.split(',').next().unwrap().parse().unwrap();
    // Its place of a bad digit is the field's, ours the digit's.
    let reach = if expect.contains("InvalidOctet") { 7 } else { 1 };
    if !(octet + 1..octet + 1 + reach).contains(&error.octet) {
        check.wrong(format!("{expect}, ours {error}"));
    }
}

fn check_fields(row: &Row, pdu: &Pdu, check: &mut Check) {
    let Tpdu::StatusReport(report) = &pdu.tpdu else {
        return check.wrong(pdu.tpdu.name());
    };
    let says = &row.value;
    check.same_if_told("tpdu_len", &says["tpdu_len"], pdu.tpdu_len + pdu.trailing);
    check.same("smsc", &says["smsc"], pdu.smsc.as_ref().map(ToString::to_string));
    check.same("mr", &says["mr"], report.reference);
    check.same("to", &says["to"], report.to.to_string());
    check.same("status", &says["status"], report.status.0);
    check.same("scts", &says["scts"], report.time.to_string());
    check.same("discharge", &says["discharge"], report.discharge.to_string());
    check.same_if_told("pi", &says["pi"], report.parameters.indicator());
    check_utc(row, "discharge_utc", report.discharge, check);
    check_text(row, report, check);
    match pdu.encode().map(|again| decode_incoming(&again.bytes)) {
        Ok(Ok(twice)) if twice.tpdu == pdu.tpdu => {}
        other => check.wrong(format!("encoded and read again: {other:?}")),
    }
}

fn check_utc(row: &Row, field: &str, time: Scts, check: &mut Check) {
    let Some(utc) = row.text(field) else { return };
    let seconds = format!("{utc}Z").parse::<Scts>().unwrap().unix_seconds();
    if seconds != time.unix_seconds() {
        check.wrong(format!("{field}: row {utc}, ours {time}"));
    }
}

/// Some sources' "text" is their own sentence and stands in no octet.
fn check_text(row: &Row, report: &StatusReport, check: &mut Check) {
    let Some(content) = report.parameters.content() else {
        return;
    };
    let octets = content
        .data()
        .map(|octets| String::from_utf8_lossy(octets).into_owned());
    check.same_if_told("text", &row.value["text"], octets.as_deref().or(content.text()));
}
