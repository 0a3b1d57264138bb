//! `cbs.jsonl`: cell broadcast pages.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use serde_json::Value;
use tpdu::{cbs::Page, from_hex};

use crate::vectors::run;

#[test]
fn every_page_reads_as_its_source_says() {
    run("cbs.jsonl", &[], |row, check| {
        let page = Page::decode(&from_hex(row.text("page").unwrap()).unwrap()).unwrap();
        let says = |key: &str| row.value.get(key).unwrap_or(&Value::Null);
        check.same_if_told("dcs", says("dcs"), page.dcs.0);
        check.same_if_told("pages", says("pages"), page.total);
        check.same_if_told("page_no", says("page_no"), page.number);
        check.same_if_told("message_id", says("message_id"), page.message_id);
        check.same_if_told("message_code", says("message_code"), page.code());
        check.same_if_told("update_number", says("update_number"), page.update());
        if row.text("geo_scope") == Some("cell-immediate") && page.scope() != 0 {
            check.wrong("scope");
        }
        let text = page.text();
        check.same_if_told("text", says("text"), text.content.text());
        check.same_if_told("lang", says("lang"), text.language);
    });
}
