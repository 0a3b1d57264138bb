//! An application whose every PDU is in the test's hands, for what no library does.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use smpp::{Bind, Body, Frame, FrameReader, Pdu, Sm, SmResp, Status, Tlvs};

use crate::LONG;

/// A connection to the message centre, over a stream that may be encrypted.
pub(crate) struct Esme<S = TcpStream> {
    stream: S,
    reader: FrameReader,
    sequence: u32,
    /// Requests of the message centre that came while an answer was waited for, and are not answered.
    pub(crate) requests: VecDeque<Pdu>,
}

impl Esme {
    /// Connects, and is not bound.
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("a limit");
        Self::over(stream)
    }

    /// Bound as transceiver of `shop`.
    pub(crate) fn bound(port: u16) -> Self {
        let mut esme = Self::connect(port);
        assert_eq!(esme.bind(0x34).status, Status::OK);
        esme
    }
}

impl<S: Read + Write> Esme<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            reader: FrameReader::default(),
            sequence: 0,
            requests: VecDeque::new(),
        }
    }

    /// Binds as transceiver of `shop`, and gives the answer.
    pub(crate) fn bind(&mut self, interface_version: u8) -> Pdu {
        self.bind_with("secret", interface_version)
    }

    /// The same with another password.
    pub(crate) fn bind_with(&mut self, password: &str, interface_version: u8) -> Pdu {
        self.bind_as("shop", password, interface_version)
    }

    /// The same as another account.
    pub(crate) fn bind_as(&mut self, system_id: &str, password: &str, interface_version: u8) -> Pdu {
        self.call(Body::BindTransceiver(Bind {
            system_id: system_id.into(),
            password: password.into(),
            interface_version,
            ..Bind::default()
        }))
    }

    /// Sends a request and gives its answer.
    pub(crate) fn call(&mut self, body: Body) -> Pdu {
        self.call_with(body, Tlvs::NONE)
    }

    /// The same with parameters.
    pub(crate) fn call_with(&mut self, body: Body, tlvs: Tlvs) -> Pdu {
        self.sequence += 1;
        let sequence = self.sequence;
        self.write(&Pdu {
            tlvs,
            ..Pdu::request(sequence, body)
        });
        loop {
            let pdu = self.read().expect("an answer");
            if pdu.command().is_response() {
                assert_eq!(pdu.sequence, sequence, "{pdu:?}");
                return pdu;
            }
            self.heard(pdu);
        }
    }

    /// Sends requests in one go, and gives their answers in the order in which they come.
    pub(crate) fn call_all(&mut self, bodies: Vec<Body>) -> Vec<Pdu> {
        let count = bodies.len();
        let mut octets = Vec::new();
        for body in bodies {
            self.sequence += 1;
            octets.extend(Pdu::request(self.sequence, body).to_octets().expect("a PDU"));
        }
        self.stream.write_all(&octets).expect("written");
        let mut answers = Vec::new();
        while answers.len() < count {
            let pdu = self.read().expect("an answer");
            match pdu.command().is_response() {
                true => answers.push(pdu),
                false => self.heard(pdu),
            }
        }
        answers
    }

    /// Submits, and gives the message's id.
    pub(crate) fn submit(&mut self, sm: Sm) -> String {
        let answer = self.call(Body::SubmitSm(sm));
        assert_eq!(answer.status, Status::OK);
        answer.message_id().expect("an id").text()
    }

    /// The next deliver_sm, answered.
    pub(crate) fn delivered(&mut self) -> (Sm, Tlvs) {
        let pdu = self.given();
        self.answers(&pdu);
        let Body::DeliverSm(sm) = pdu.body else {
            panic!("no deliver_sm: {pdu:?}");
        };
        (sm, pdu.tlvs)
    }

    /// The next request of the message centre, left without an answer.
    pub(crate) fn given(&mut self) -> Pdu {
        let end = Instant::now() + LONG;
        while self.requests.is_empty() {
            assert!(Instant::now() < end, "nothing is given");
            let pdu = self.read().expect("a request");
            self.heard(pdu);
        }
        self.requests.pop_front().expect("there is one")
    }

    /// The next request of the message centre, if one comes within what the stream waits.
    pub(crate) fn heard_one(&mut self) -> Option<Pdu> {
        if let Some(pdu) = self.requests.pop_front() {
            return Some(pdu);
        }
        let pdu = self.try_read()?;
        self.heard(pdu);
        self.requests.pop_front()
    }

    /// Takes a request.
    pub(crate) fn answers(&mut self, pdu: &Pdu) {
        self.write(&Pdu::request(pdu.sequence, Body::DeliverSmResp(SmResp::default())));
    }

    /// Agrees to an unbind of the message centre.
    pub(crate) fn agrees(&mut self, unbind: &Pdu) {
        self.write(&Pdu::request(unbind.sequence, Body::UnbindResp));
    }

    /// Unbinds and reads to the end.
    pub(crate) fn unbinds(mut self) {
        assert_eq!(self.call(Body::Unbind).status, Status::OK);
        assert_eq!(self.read(), None, "the end of the connection");
    }

    fn heard(&mut self, pdu: Pdu) {
        match pdu.body {
            Body::EnquireLink => self.write(&Pdu::request(pdu.sequence, Body::EnquireLinkResp)),
            _ => self.requests.push_back(pdu),
        }
    }

    fn write(&mut self, pdu: &Pdu) {
        self.write_octets(&pdu.to_octets().expect("a PDU"));
    }

    /// Writes what need not be a PDU that anybody should write.
    pub(crate) fn write_octets(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).expect("written");
    }

    /// The next PDU; `None` at the end of the connection.
    pub(crate) fn read(&mut self) -> Option<Pdu> {
        self.read_one().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The next PDU, if one comes in time.
    fn try_read(&mut self) -> Option<Pdu> {
        match self.read_one() {
            Ok(pdu) => Some(pdu.expect("it is connected")),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn read_one(&mut self) -> std::io::Result<Option<Pdu>> {
        let mut octets = [0; 4096];
        loop {
            match self.reader.take() {
                Some(Frame::Pdu(octets)) => return Ok(Some(Pdu::decode(octets).expect("a PDU"))),
                Some(Frame::Lost(header)) => panic!("no PDU: {header:?}"),
                None => {}
            }
            match self.stream.read(&mut octets) {
                Ok(0) => return Ok(None),
                Ok(read) => self.reader.receive(&octets[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// A message to this number.
pub(crate) fn sm(to: &str, text: &str) -> Sm {
    Sm {
        source_addr_ton: 5,
        source_addr: "Shop".into(),
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: to.trim_start_matches('+').into(),
        short_message: text.into(),
        ..Sm::default()
    }
}
