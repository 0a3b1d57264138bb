//! Any set of received PDUs joins to something, whatever they are; picture messages and cell broadcasts are read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tpdu::{Deliver, Tpdu};

fuzz_target!(|pdus: Vec<Vec<u8>>| {
    let mut delivers: Vec<Deliver> = Vec::new();
    for pdu in &pdus {
        let _ = tpdu::wap::Push::decode(pdu);
        let _ = tpdu::fingerprint(pdu);
        if let Ok(Tpdu::Deliver(deliver)) = tpdu::decode_incoming(pdu).map(|pdu| pdu.tpdu) {
            delivers.push(deliver);
        }
    }
    let _ = tpdu::assemble(&delivers.iter().collect::<Vec<_>>());
    let content = tpdu::join(delivers.iter().map(|deliver| (deliver.dcs, &deliver.user_data)));
    let ports = delivers.first().and_then(|deliver| deliver.user_data.header.ports());
    let _ = tpdu::wap::Push::recognise(ports, &content);
});
