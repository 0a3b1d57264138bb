//! `gsm7_table.json`: every position of every table.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use serde_json::Value;
use tpdu::{Gsm7Tables, Language};

#[test]
fn every_position_of_every_table_is_the_published_one() {
    let Some(text) = vectors::read("gsm7_table.json") else {
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut positions = 0;
    for table in file["languages"].as_object().unwrap().values() {
        let id = u8::try_from(table["id"].as_u64().unwrap()).unwrap();
        let language = Language::from_id(id);
        let locking = Gsm7Tables {
            locking: language,
            single: None,
        };
        for (septet, code) in table["locking"].as_array().into_iter().flatten().enumerate() {
            let Some(expected) = character(code) else { continue };
            let septet = u8::try_from(septet).unwrap();
            assert_eq!(
                locking.decode(&[septet]),
                expected.to_string(),
                "language {id} locking {septet:02X}"
            );
            positions += 1;
        }
        let single = Gsm7Tables {
            locking: None,
            single: language,
        };
        for (septet, code) in table["single"].as_object().unwrap() {
            let expected = character(code).unwrap();
            let septet = u8::from_str_radix(septet, 16).unwrap();
            assert_eq!(
                single.decode(&[0x1B, septet]),
                expected.to_string(),
                "language {id} single {septet:02X}"
            );
            positions += 1;
        }
    }
    println!("gsm7_table.json: {positions} positions in 14 languages");
    assert!(positions > 2000);
}

fn character(code: &Value) -> Option<char> {
    char::from_u32(u32::try_from(code.as_u64()?).ok()?)
}
