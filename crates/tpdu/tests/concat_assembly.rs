//! `concat_assembly.jsonl`: parts in the order in which they came, and the whole.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use tpdu::{Assembled, Content, Dcs, Deliver, Tpdu, assemble, decode_incoming, from_hex, to_hex, wap::Push};

use crate::vectors::{Check, Row, run};

#[test]
fn every_message_is_put_together_as_its_source_says() {
    run("concat_assembly.jsonl", &[], |row, check| {
        let parts: Vec<Deliver> = row.value["pdus"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pdu| part(pdu.as_str().unwrap()))
            .collect();
        match assemble(&parts.iter().collect::<Vec<_>>()) {
            Ok(_) if row.has("error") => check.wrong("put together, though they do not belong together"),
            Ok(whole) => check_whole(row, &parts, &whole, check),
            Err(_) if row.has("error") => {}
            Err(error) => check.wrong(error.to_string()),
        }
    });
}

fn part(pdu: &str) -> Deliver {
    match decode_incoming(&from_hex(pdu).unwrap()).unwrap().tpdu {
        Tpdu::Deliver(deliver) => deliver,
        other => panic!("{other:?}"),
    }
}

fn check_whole(row: &Row, parts: &[Deliver], whole: &Assembled, check: &mut Check) {
    match &whole.content {
        Content::Text(text) => check.same_if_told("text", &row.value["text"], text.as_str()),
        Content::Data(octets) => check.same_if_told("data_hex", &row.value["data_hex"], to_hex(octets)),
    }
    if row.has("class") {
        check.same(
            "class",
            &row.value["class"],
            parts[0].dcs.class().map(tpdu::Class::number),
        );
    }
    if row.text("kind") == Some("mms-notification") {
        let push = Push::recognise(parts[0].user_data.header.ports(), &whole.content);
        let url = push
            .and_then(|push| push.notification)
            .and_then(|notification| notification.url);
        if url.is_none() {
            check.wrong("no notification recognised");
        }
    }
    if row
        .text("note")
        .is_some_and(|note| note.contains("re-splitting with 16-bit ref gives 3 parts"))
    {
        check_resplit(whole, check);
    }
}

fn check_resplit(whole: &Assembled, check: &mut Check) {
    let options = tpdu::Options {
        reference: tpdu::Reference::Sixteen(1),
        ..tpdu::Options::default()
    };
    let again = tpdu::compose(whole.content.text().unwrap(), &options).unwrap();
    if (again.dcs, again.parts.len()) != (Dcs::UCS2, 3) || !whole.absent.is_empty() {
        check.wrong(format!("{} parts, absent {:?}", again.parts.len(), whole.absent));
    }
}
