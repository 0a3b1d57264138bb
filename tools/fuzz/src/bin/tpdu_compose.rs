//! Any text becomes parts that join to the same text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let options = tpdu::Options::default();
    let Ok(composed) = tpdu::compose(text, &options) else { return };
    let joined = tpdu::join(composed.parts.iter().map(|part| (composed.dcs, part)));
    assert_eq!(joined, tpdu::Content::Text(text.to_owned()));
});
