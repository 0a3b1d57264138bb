//! `ussd.jsonl`: the strings of `+CUSD` that are octets in hexadecimal.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use tpdu::{cbs::CbsDcs, from_hex, gsm7, ucs2};

use crate::vectors::run;

#[test]
fn every_coded_string_reads_as_its_source_says() {
    run("ussd.jsonl", &[], |row, check| {
        let Some(hex) = row.text("hex") else { return };
        let octets = from_hex(hex).unwrap();
        let dcs = row.number_of("dcs").map(|dcs| CbsDcs(u8::try_from(dcs).unwrap()));
        let says = [&row.value["text_without_padding"], &row.value["text"]];
        let expected = says.into_iter().find(|text| !text.is_null()).unwrap();
        // What the octets are is told by the modem's habits as much as by the coding scheme.
        let ours = match (row.text("encoding_on_wire").unwrap(), dcs) {
            ("gsm7packedhex", _) => gsm7::decode_packed(&octets),
            ("ucs2hex", Some(dcs)) if dcs.0 == 0x11 => {
                let text = dcs.decode(&octets);
                check.same_if_told("language", &row.value["language"], text.language);
                text.content.text().unwrap().to_owned()
            }
            ("ucs2hex", _) => ucs2::decode(&octets).unwrap(),
            _ => return,
        };
        check.same("text", expected, ours);
    });
}
