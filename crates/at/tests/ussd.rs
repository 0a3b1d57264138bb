//! `+CUSD` lines as real modems write them, whole and octet by octet.

mod support;

use at::Urc;
use support::{hear, octets, rows, vectors};

#[test]
fn every_ussd_line_gives_its_status_text_and_dcs() {
    let Some(folder) = vectors() else { return };
    for row in rows(&folder.join("ussd.jsonl")) {
        let raw = row["raw"].as_str().expect("raw is a string");
        let mut bytes = octets(raw);
        bytes.extend_from_slice(b"\r\n");
        for chunk in [1, 7, bytes.len()] {
            let said = hear(&bytes, None, chunk);
            let [Urc::Cusd(cusd)] = said.urcs.as_slice() else {
                panic!("{raw}: {said:?}");
            };
            assert_eq!(u64::from(cusd.status), row["status"].as_u64().expect("a status"));
            let dcs = row["dcs"].as_u64();
            assert_eq!(cusd.dcs.map(u64::from), dcs, "{raw}");
            let text = cusd.text.clone().unwrap_or_default();
            let wanted = match row["hex"].as_str() {
                Some(hex) => hex.to_owned(),
                None if row["encoding_on_wire"] == "plain" => row["text"].as_str().unwrap_or("").to_owned(),
                None => continue,
            };
            assert_eq!(text, octets(&wanted), "{raw}");
            assert_eq!(said.lines(), 1);
        }
    }
}

#[test]
fn a_text_that_is_never_closed_comes_out_line_by_line_after_a_silence() {
    let bytes = b"+CUSD: 0,\"cut short\r\n\r\nOK\r\n+CMTI: \"SM\",3\r\n";
    let said = hear(bytes, None, 1);
    assert_eq!(said.finals.len(), 1);
    assert_eq!(said.urcs.len(), 2);
}

#[test]
fn an_open_quote_holds_no_more_than_its_limit() {
    let mut bytes = b"+CUSD: 0,\"open\r\n".to_vec();
    for _ in 0..400 {
        bytes.extend_from_slice(b"^RSSI: 20\r\n");
    }
    for chunk in [1, 64, bytes.len()] {
        let mut reader = at::Reader::default();
        let mut events = 0;
        for part in bytes.chunks(chunk) {
            reader.receive(part);
            while reader.next(None).is_some() {
                events += 1;
            }
        }
        assert_eq!(events, 401, "without any silence");
    }
}
