//! What a phone sends: decoding never panics, and what was decoded and can be written reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Ok(pdu) = tpdu::decode_outgoing(octets) else { return };
    let Ok(encoded) = pdu.encode() else { return };
    let again = tpdu::decode_outgoing(&encoded.bytes).expect("what was written can be read");
    assert_eq!(again.tpdu, pdu.tpdu);
});
