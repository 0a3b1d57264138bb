//! Any set of received PDUs joins to something, whatever they are.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|parts: Vec<Option<Vec<u8>>>| {
    let _ = gateway::joiner()(&parts);
});
