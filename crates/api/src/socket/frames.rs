//! Frames (RFC 6455 clause 5): what a client's octets say, and the heads of ours.

use thiserror::Error;

/// Puts a client's octets together to messages. It keeps one message and one control frame at most.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The longest message, and how much of a longer one is passed over, in octets.
    most: u64,
    most_passed_over: u64,
    head: Head,
    /// The frame whose payload is being read.
    frame: Option<Frame>,
    /// The payload of a control frame: it may come between the fragments of a message.
    control: Vec<u8>,
    message: Option<Message>,
}

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A whole message, of text or of octets.
    Message(Vec<u8>),
    /// A message that was too long, and is thrown away.
    TooLong,
    /// It wants this back in a pong.
    Ping(Vec<u8>),
    /// It is alive.
    Pong,
    /// It closes, with this status code if it gave one.
    Close(Option<u16>),
}

/// Why a client cannot be understood any more: the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Fault {
    /// It breaks the protocol.
    #[error("{0}")]
    Protocol(&'static str),
    /// Its message is far too long.
    #[error("a message is far too long")]
    FarTooLong,
}

/// What a frame is (5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// The octets of a head, as far as they came.
#[derive(Debug, Default)]
struct Head {
    octets: [u8; LONGEST_HEAD],
    have: usize,
}

/// A frame of the client, and what is still to come of its payload.
#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    last: bool,
    /// The mask, turned so that it begins with the next octet.
    mask: [u8; 4],
    left: u64,
}

/// A message of one frame or more, as far as it came.
#[derive(Debug, Default)]
struct Message {
    /// Empty where it is too long.
    octets: Vec<u8>,
    length: u64,
}

impl Decoder {
    pub(super) fn new(most: u32, most_passed_over: u32) -> Self {
        Self {
            most: most.into(),
            most_passed_over: most.max(most_passed_over).into(),
            head: Head::default(),
            frame: None,
            control: Vec::new(),
            message: None,
        }
    }

    /// Takes octets off the front until they say something; `None` when all are taken.
    pub(super) fn receive(&mut self, octets: &mut &[u8]) -> Result<Option<Heard>, Fault> {
        loop {
            let Some(mut frame) = self.frame.take() else {
                let Some(frame) = self.head.fill(octets)? else {
                    return Ok(None);
                };
                self.begin(&frame)?;
                self.frame = Some(frame);
                continue;
            };
            let place = match (&mut self.message, frame.opcode.is_control()) {
                (_, true) => Some(&mut self.control),
                (Some(message), false) if message.length <= self.most => Some(&mut message.octets),
                (_, false) => None,
            };
            frame.read(octets, place);
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(heard) = self.end(&frame)? {
                return Ok(Some(heard));
            }
        }
    }

    /// Looks whether a frame may come now (5.4).
    fn begin(&mut self, frame: &Frame) -> Result<(), Fault> {
        if frame.opcode.is_control() {
            self.control.clear();
            return Ok(());
        }
        let message = match (&mut self.message, frame.opcode) {
            (Some(message), Opcode::Continuation) => message,
            (None, Opcode::Continuation) => return Err(Fault::Protocol("nothing is to be continued")),
            (Some(_), _) => return Err(Fault::Protocol("a message begins before the last one ended")),
            (none @ None, _) => none.insert(Message::default()),
        };
        message.length = message.length.saturating_add(frame.left);
        if message.length > self.most_passed_over {
            return Err(Fault::FarTooLong);
        }
        if message.length > self.most {
            message.octets = Vec::new();
        }
        Ok(())
    }

    /// What a whole frame says, if it says something by itself.
    fn end(&mut self, frame: &Frame) -> Result<Option<Heard>, Fault> {
        match frame.opcode {
            Opcode::Ping => Ok(Some(Heard::Ping(std::mem::take(&mut self.control)))),
            Opcode::Pong => Ok(Some(Heard::Pong)),
            Opcode::Close => Ok(Some(Heard::Close(status(&self.control)?))),
            Opcode::Continuation | Opcode::Text | Opcode::Binary if !frame.last => Ok(None),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                let message = self.message.take().unwrap_or_default();
                Ok(Some(match message.length > self.most {
                    true => Heard::TooLong,
                    false => Heard::Message(message.octets),
                }))
            }
        }
    }
}

impl Fault {
    /// The status code that says so (7.4.1).
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Protocol(_) => 1002,
            Self::FarTooLong => 1009,
        }
    }
}

impl Opcode {
    fn of(octet: u8) -> Option<Self> {
        use Opcode::*;
        [Continuation, Text, Binary, Close, Ping, Pong]
            .into_iter()
            .find(|opcode| *opcode as u8 == octet & 0x0f)
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl Head {
    /// Takes octets until the head is whole.
    fn fill(&mut self, octets: &mut &[u8]) -> Result<Option<Frame>, Fault> {
        while self.have < self.wanted() {
            let Some((next, rest)) = octets.split_first() else {
                return Ok(None);
            };
            self.octets[self.have] = *next;
            self.have += 1;
            *octets = rest;
        }
        self.have = 0;
        self.decode().map(Some)
    }

    /// How long the head is, as far as that is known. An unmasked one is read as if it were masked, and then refused.
    fn wanted(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        match self.octets[1] & LENGTH {
            TWO_MORE => 2 + 2 + 4,
            EIGHT_MORE => 2 + 8 + 4,
            _ => 2 + 4,
        }
    }

    fn decode(&self) -> Result<Frame, Fault> {
        let [first, second, rest @ ..] = self.octets;
        if first & RESERVED != 0 {
            return Err(Fault::Protocol("a bit is set that was not agreed on"));
        }
        let opcode = Opcode::of(first).ok_or(Fault::Protocol("a frame is of a kind that is not known"))?;
        if second & MASKED == 0 {
            return Err(Fault::Protocol("a client's frames are masked"));
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l] = rest;
        let (left, mask) = match second & LENGTH {
            TWO_MORE => (u64::from(u16::from_be_bytes([a, b])), [c, d, e, f]),
            EIGHT_MORE => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), [i, j, k, l]),
            length => (u64::from(length), [a, b, c, d]),
        };
        let last = first & LAST != 0;
        if opcode.is_control() && (!last || left > LONGEST_CONTROL) {
            return Err(Fault::Protocol("a control frame is too long, or in fragments"));
        }
        Ok(Frame {
            opcode,
            last,
            mask,
            left,
        })
    }
}

impl Frame {
    /// Takes what came of the payload, and puts it unmasked (5.3) where it belongs.
    fn read(&mut self, octets: &mut &[u8], place: Option<&mut Vec<u8>>) {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(octets.len());
        let (payload, rest) = octets.split_at(length);
        *octets = rest;
        self.left -= length as u64;
        if let Some(place) = place {
            let mask = self.mask.iter().cycle();
            place.extend(payload.iter().zip(mask).map(|(octet, mask)| octet ^ mask));
        }
        self.mask.rotate_left(length % 4);
    }
}

/// The head of a frame of ours: not masked, and never a fragment.
pub(super) fn head(opcode: Opcode, length: usize) -> Vec<u8> {
    let mut head = vec![LAST | opcode as u8];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) if length < TWO_MORE => head.push(length),
        (_, Ok(length)) => {
            head.push(TWO_MORE);
            head.extend(length.to_be_bytes());
        }
        _ => {
            head.push(EIGHT_MORE);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head
}

/// The status code in the payload of a close frame (5.5.1, 7.4).
fn status(payload: &[u8]) -> Result<Option<u16>, Fault> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload.is_empty() {
            true => Ok(None),
            false => Err(Fault::Protocol("half a status code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    match may_be_sent && std::str::from_utf8(reason).is_ok() {
        true => Ok(Some(code)),
        false => Err(Fault::Protocol("a status code that nobody sends")),
    }
}

/// First octet of a head: the last fragment; bits for extensions, of which there are none.
const LAST: u8 = 0x80;
const RESERVED: u8 = 0x70;
/// Second octet: masked; the length, or how many octets more hold it.
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const TWO_MORE: u8 = 126;
const EIGHT_MORE: u8 = 127;
/// The longest head, and the longest payload of a control frame, in octets.
const LONGEST_HEAD: usize = 14;
const LONGEST_CONTROL: u64 = 125;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A client's frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut octets = head(Opcode::Text, payload.len());
        octets[0] = first;
        octets[1] |= MASKED;
        octets.extend(mask);
        octets.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(octet, mask)| octet ^ mask),
        );
        octets
    }

    fn all(decoder: &mut Decoder, mut octets: &[u8]) -> Result<Vec<Heard>, Fault> {
        let mut heard = Vec::new();
        while let Some(next) = decoder.receive(&mut octets)? {
            heard.push(next);
        }
        assert!(octets.is_empty());
        Ok(heard)
    }

    fn text(text: &str) -> Heard {
        Heard::Message(text.into())
    }

    /// The examples of RFC 6455 clause 5.7, as far as a client may send them.
    #[test]
    fn the_examples_of_the_standard_are_understood() {
        let mut decoder = Decoder::new(100, 100);
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(all(&mut decoder, &hello), Ok(vec![text("Hello")]));
        let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(all(&mut decoder, &pong), Ok(vec![Heard::Pong]));
        assert_eq!(head(Opcode::Text, 5), [0x81, 0x05]);
        assert_eq!(head(Opcode::Binary, 256), [0x82, 0x7e, 0x01, 0x00]);
        assert_eq!(head(Opcode::Binary, 65536), [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_message_in_fragments_is_one_and_control_frames_may_come_between() {
        let mut decoder = Decoder::new(100, 100);
        let octets = [
            frame(0x01, b"one "),
            frame(0x8a, b""),
            frame(0x00, b"two "),
            frame(0x89, b"there?"),
            frame(0x00, b""),
            frame(0x80, b"three"),
            frame(0x82, b"next"),
            frame(0x88, b""),
        ];
        let expected = vec![
            Heard::Pong,
            Heard::Ping(b"there?".to_vec()),
            text("one two three"),
            text("next"),
            Heard::Close(None),
        ];
        assert_eq!(all(&mut decoder, &octets.concat()), Ok(expected));
    }

    #[test]
    fn a_message_that_is_too_long_is_passed_over_and_the_next_one_is_heard() {
        let mut decoder = Decoder::new(10, 100);
        let octets = [
            frame(0x81, &[b'x'; 11]),
            frame(0x81, b"short"),
            frame(0x01, &[b'x'; 6]),
            frame(0x00, &[b'x'; 6]),
            frame(0x89, b""),
            frame(0x80, &[b'x'; 6]),
            frame(0x81, b"exactly 10"),
        ];
        let expected = vec![
            Heard::TooLong,
            text("short"),
            Heard::Ping(Vec::new()),
            Heard::TooLong,
            text("exactly 10"),
        ];
        assert_eq!(all(&mut decoder, &octets.concat()), Ok(expected));
        let far = all(&mut decoder, &frame(0x81, &[b'x'; 101]));
        assert_eq!(far.map_err(Fault::status), Err(1009));
        let huge = [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(all(&mut Decoder::new(10, 100), &huge), Err(Fault::FarTooLong));
    }

    #[test]
    fn what_breaks_the_protocol_ends_it() {
        let cases: [(&str, Vec<u8>); 10] = [
            ("unmasked", vec![0x81, 0x05, b'H', b'e', b'l', b'l', b'o']),
            ("a reserved bit", frame(0xc1, b"")),
            ("an unknown kind", frame(0x83, b"")),
            ("nothing to be continued", frame(0x80, b"")),
            (
                "a message within a message",
                [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
            ),
            ("a ping in fragments", frame(0x09, b"")),
            ("a long ping", frame(0x89, &[0; 126])),
            ("half a status code", frame(0x88, &[3])),
            ("a status code that is not sent", frame(0x88, &1005_u16.to_be_bytes())),
            ("a reason that is no text", frame(0x88, &[3, 232, 0xff])),
        ];
        for (what, octets) in cases {
            let fault = all(&mut Decoder::new(1000, 1000), &octets).expect_err(what);
            assert_eq!(fault.status(), 1002, "{what}");
        }
        let closed = all(&mut Decoder::new(9, 9), &frame(0x88, b"\x03\xe8done"));
        assert_eq!(closed, Ok(vec![Heard::Close(Some(1000))]));
    }

    proptest! {
        #[test]
        fn it_matters_not_how_the_octets_are_cut(
            lengths in prop::collection::vec(0_usize..400, 1..6), cuts in prop::collection::vec(1_usize..50, 1..20),
        ) {
            let messages: Vec<Vec<u8>> = lengths.iter().map(|length| (0..*length).map(|i| i as u8).collect()).collect();
            let octets: Vec<u8> = messages.iter().flat_map(|message| frame(0x81, message)).collect();
            let (mut decoder, mut heard, mut rest) = (Decoder::new(300, 1000), Vec::new(), octets.as_slice());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                heard.extend(all(&mut decoder, now).expect("understood"));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let expected: Vec<Heard> = messages
                .into_iter()
                .map(|message| if message.len() > 300 { Heard::TooLong } else { Heard::Message(message) })
                .collect();
            prop_assert_eq!(heard, expected);
        }

        #[test]
        fn nothing_that_a_client_sends_is_too_much(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut decoder = Decoder::new(50, 100);
            let _ = all(&mut decoder, &octets);
            prop_assert!(decoder.control.len() <= 125);
            prop_assert!(decoder.message.is_none_or(|message| message.octets.len() <= 50));
        }
    }
}
