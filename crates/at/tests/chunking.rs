//! What holds for any octets in any pieces.

mod support;

use at::{Command, Event, Framer, MAX_LINE, MAX_UNREAD, Reader};
use proptest::prelude::*;
use support::{Said, hear};

/// Things that modems say, whole and broken, to be strung together at random.
const PIECES: &[&[u8]] = &[
    b"\r\nOK\r\n",
    b"\r\n> ",
    b">",
    b"> ",
    b"AT+CMGS=23\r",
    b"\r\r\n",
    b"\r+\n",
    b"\n",
    b"\0",
    b"\"",
    b"+CUSD: 1,\"Menu\r\n1 Balance\r\nOK\r\n\",15\r\n",
    b"+CUSD: 0,\"open\r\n",
    b"+CUSD: 2\r",
    b"+CMT: ,24\r\n",
    b"00040B911234567890F000000250100173832305C8329BFD06\r\n",
    b"+CDS: 25\r\n",
    b"+CMTI: \"SM\",3\r\n",
    b"+CREG: 2,1,\"5D4\",\"01BC7511\",13\r\n",
    b"+CMGS: 183\r\n",
    b"+CMS ERROR: 38\r\n",
    b"\xFF\xFE",
    b"\x80OK\r\n",
    b"+",
    b"0011000B91\x1A\r\n",
    b"\x11",
    b"RING\r\n",
];

fn speech() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (b'A'..b'z', 0..3 * MAX_LINE).prop_map(|(byte, length)| vec![byte; length]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn pending(which: u8) -> Option<Command> {
    match which {
        0 => None,
        1 => Some(Command::cmgs(23, "0011000B91")),
        2 => Some(Command::new("AT+CREG?")),
        _ => Some(Command::new("ATI")),
    }
}

/// Reads in pieces of given sizes, over and over.
fn hear_in(bytes: &[u8], sizes: &[usize], pending: Option<&Command>) -> Said {
    let mut reader = Reader::default();
    let mut said = Said::default();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        let (now, later) = rest.split_at((*size).clamp(1, rest.len().max(1)).min(rest.len()));
        reader.receive(now);
        while let Some(event) = reader.next(pending) {
            said.add(event);
        }
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    reader.flush();
    while let Some(event) = reader.next(pending) {
        said.add(event);
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_events(
        bytes in speech(),
        sizes in prop::collection::vec(1_usize..200, 1..8),
        which in 0_u8..4,
    ) {
        let command = pending(which);
        let one_by_one = hear(&bytes, command.as_ref(), 1);
        prop_assert_eq!(&one_by_one, &hear_in(&bytes, &sizes, command.as_ref()));
        if bytes.len() <= MAX_UNREAD {
            prop_assert_eq!(&one_by_one, &hear(&bytes, command.as_ref(), usize::MAX));
        }
    }

    #[test]
    fn random_octets_never_panic_any_reader(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for which in 0..4 {
            let said = hear(&bytes, pending(which).as_ref(), 16);
            at::reply::read_all(&said.reply);
        }
    }

    #[test]
    fn results_with_random_fields_never_panic_any_reader(
        name in prop::sample::select(at::reply::NAMES),
        fields in "[0-9A-F(),\"a-z +:/-]{0,80}",
    ) {
        let mut reply = at::Reply::default();
        reply.push(format!("{name}: {fields}").as_bytes());
        at::reply::read_all(&reply);
    }
}

#[test]
fn nobody_draining_costs_bounded_memory_and_is_told() {
    let mut framer = Framer::default();
    for _ in 0..1000 {
        framer.receive(&[b'x'; 1000]);
    }
    let mut lost = 0;
    let mut kept = 0;
    while let Some(frame) = framer.next(false) {
        match frame {
            at::Frame::Lost(octets) => lost += octets,
            at::Frame::Line(line) => kept += line.bytes.len(),
            at::Frame::Prompt => panic!("no prompt was sent"),
        }
    }
    assert_eq!(lost, 1_000_000 - MAX_UNREAD);
    assert_eq!(kept, MAX_LINE);
}

#[test]
fn an_overlong_line_is_cut_told_and_the_next_line_is_whole() {
    let mut bytes = vec![b'x'; MAX_LINE + 5000];
    bytes.extend_from_slice(b"\r\nOK\r\n");
    let said = hear(&bytes, None, 100);
    assert_eq!((said.overlong, said.finals.len()), (1, 1));
}

#[test]
fn a_prompt_is_known_with_and_without_blank_and_line_end() {
    let command = Command::cmgs(23, "0011000B91");
    let forms: [&[u8]; 5] = [b"\r\n> ", b"\n>", b">", b"AT+CMGS=23\r\r\n> ", b"\r\n>\r\n"];
    for form in forms {
        let mut reader = Reader::default();
        let mut prompts = 0;
        for byte in form {
            reader.receive(&[*byte]);
            while let Some(event) = reader.next(Some(&command)) {
                prompts += usize::from(event == Event::Prompt);
            }
        }
        assert_eq!(prompts, 1, "{}", at::latin1(form));
    }
}

#[test]
fn a_greater_sign_inside_a_text_is_no_prompt() {
    let command = Command::cmgs(23, "0011000B91");
    let said = hear(b"^NOTE: 5 > 3\r\na> \r\n", Some(&command), 1);
    assert_eq!(said.prompts, 0);
    let said = hear(b"> 1 Balance\r\n", None, 1);
    assert_eq!(said.prompts, 0);
}
