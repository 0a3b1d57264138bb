//! What a modem hands over: decoding never panics, and what was decoded and can be written reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Ok(pdu) = tpdu::decode_incoming(octets) else { return };
    let Ok(encoded) = pdu.encode() else { return };
    let again = tpdu::decode_incoming(&encoded.bytes).expect("what was written can be read");
    assert_eq!(again.tpdu, pdu.tpdu);
});
