//! What a modem hands over: decoding never panics, and what was read and can be written is written the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Ok(pdu) = tpdu::decode_incoming(octets) else { return };
    let Ok(encoded) = pdu.encode() else { return };
    // A message that was cut off is read as far as it goes, so octets are compared, not values.
    let again = tpdu::decode_incoming(&encoded.bytes).expect("what was written can be read");
    assert_eq!(again.encode().as_ref(), Ok(&encoded));
});
