//! Any octets of an SMPP connection: whole and in pieces they give the same PDUs, and what was clean comes back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smpp::{Coding, DefaultAlphabet, Frame, FrameReader, Payload, Pdu, Time, analyze::show_pdu};

fuzz_target!(|input: (u8, &[u8])| {
    let (size, octets) = input;
    let whole = frames(std::iter::once(octets));
    let pieces = frames(octets.chunks(usize::from(size).max(1)));
    assert_eq!(whole, pieces);
    for octets in whole {
        read(&octets);
    }
    let _ = (Time::decode(octets), Coding(size).decode(octets, DefaultAlphabet::Gsm7));
});

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut reader = FrameReader::default();
    let mut seen = Vec::new();
    for piece in pieces {
        reader.receive(piece);
        while let Some(frame) = reader.take() {
            match frame {
                Frame::Pdu(octets) => seen.push(octets.to_vec()),
                Frame::Lost(_) => seen.push(Vec::new()),
            }
        }
    }
    seen
}

fn read(octets: &[u8]) {
    let mut oddities = Vec::new();
    let Ok(pdu) = Pdu::decode_noting(octets, &mut oddities) else {
        return;
    };
    let _ = (
        Payload::of(&pdu.body, &pdu.tlvs),
        show_pdu(&pdu, &oddities, DefaultAlphabet::Gsm7),
    );
    if oddities.is_empty() {
        assert_eq!(pdu.to_octets().as_deref(), Ok(octets));
    }
}
