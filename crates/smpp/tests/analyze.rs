//! A capture is made, read and analysed: what went on is told, and everything that was wrong with it.

use std::net::SocketAddr;

use smpp::{
    Bind, BindResp, Body, Carried, CommandId, DefaultAlphabet, EsmClass, LongForm, Pdu, Sm, SmResp, Status, Tag, Tlvs,
    analyze::{Analysis, Kind, analyze, show, show_message},
    capture::{Capture, CaptureError, Stamp, Writer},
};

const SECOND: u64 = 1_000_000_000;

/// A connection that is written down while it is made up.
struct Story {
    writer: Writer,
    file: Vec<u8>,
    connection: usize,
    /// Milliseconds since the beginning.
    millis: u64,
}

impl Story {
    fn new() -> Self {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file);
        let (from, to) = ("10.0.0.1:40000", "10.0.0.2:2775");
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let connection = writer.open(address(from), address(to), Stamp(SECOND), &mut file);
        Self {
            writer,
            file,
            connection,
            millis: 1000,
        }
    }

    fn bound() -> Self {
        let mut story = Self::new();
        let bind = Bind {
            system_id: "app".into(),
            password: "x".into(),
            interface_version: 0x34,
            ..Bind::default()
        };
        story.up(1, Body::BindTransceiver(bind));
        story.down(
            1,
            Body::BindTransceiverResp(BindResp {
                system_id: "smsc".into(),
            }),
        );
        story
    }

    fn up(&mut self, sequence: u32, body: Body) {
        self.write(true, &Pdu::request(sequence, body));
    }

    fn down(&mut self, sequence: u32, body: Body) {
        self.write(false, &Pdu::request(sequence, body));
    }

    fn write(&mut self, forth: bool, pdu: &Pdu) {
        self.octets(forth, &pdu.to_octets().expect("a PDU"));
    }

    fn octets(&mut self, forth: bool, octets: &[u8]) {
        self.millis += 10;
        let at = Stamp(self.millis * 1_000_000);
        self.writer.write(self.connection, forth, octets, at, &mut self.file);
    }

    fn submitted(&mut self, sequence: u32, sm: Sm, id: &str) {
        self.up(sequence, Body::SubmitSm(sm));
        self.down(sequence, Body::SubmitSmResp(SmResp { message_id: id.into() }));
    }

    fn receipt(&mut self, sequence: u32, id: &str, stat: &str) {
        let text =
            format!("id:{id} sub:001 dlvrd:001 submit date:2611221030 done date:2611221031 stat:{stat} err:000 text:");
        self.down(
            sequence,
            Body::DeliverSm(Sm {
                esm_class: 4,
                short_message: text.into(),
                ..from_phone()
            }),
        );
        self.up(sequence, Body::DeliverSmResp(SmResp::default()));
    }

    /// The session goes on long enough for every answer and receipt to be overdue.
    fn a_minute_later(&mut self) {
        self.millis += 61_000;
        self.up(900, Body::EnquireLink);
        self.down(900, Body::EnquireLinkResp);
    }

    fn analyze(mut self) -> Analysis {
        let at = Stamp((self.millis + 10) * 1_000_000);
        self.writer.close(self.connection, at, &mut self.file);
        analyze(&self.file, DefaultAlphabet::Gsm7).expect("a capture")
    }
}

fn to_phone(text: &str) -> Sm {
    Sm {
        source_addr: "1234".into(),
        dest_addr_ton: 1,
        destination_addr: "49170123456".into(),
        registered_delivery: 1,
        short_message: text.into(),
        ..Sm::default()
    }
}

fn from_phone() -> Sm {
    Sm {
        source_addr: "49170123456".into(),
        destination_addr: "1234".into(),
        ..Sm::default()
    }
}

fn kinds(analysis: &Analysis) -> Vec<&'static str> {
    analysis.anomalies.iter().map(|anomaly| anomaly.kind.name()).collect()
}

#[test]
fn a_message_is_joined_with_its_response_and_its_receipt() {
    let mut story = Story::bound();
    story.submitted(2, to_phone("hello"), "4711");
    story.receipt(7, "4711", "DELIVRD");
    let analysis = story.analyze();
    assert_eq!(kinds(&analysis), [""; 0]);
    let message = &analysis.messages[0];
    assert_eq!(
        (message.text.as_deref(), &*message.destination),
        (Some("hello"), "49170123456")
    );
    let response = message.response.as_ref().unwrap();
    assert_eq!(
        (response.after_us, response.message_id.as_deref()),
        (10_000, Some("4711"))
    );
    assert_eq!(message.receipts[0].state.as_deref(), Some("DELIVRD"));
    assert_eq!(message.receipts[0].after_us, 20_000);
    let session = &analysis.sessions[0];
    assert_eq!(
        (session.system_id.as_deref(), session.bound_for),
        (Some("app"), Some("transceiver"))
    );
    assert_eq!((session.from_esme.most, session.from_smsc.most), (1, 1));
    assert_eq!(session.from_esme.latency.p50_us, 10_000);
    let shown = show(&analysis) + &show_message(message);
    for piece in [
        "app (transceiver)",
        "10.0.0.1:40000 → 10.0.0.2:2775",
        "\"hello\"",
        "receipt DELIVRD",
        "10.0 ms",
    ] {
        assert!(shown.contains(piece), "{piece} in {shown}");
    }
    let json = serde_json::to_value(&analysis).unwrap();
    assert_eq!(json["messages"][0]["response"]["after_us"], 10_000);
    assert_eq!(json["messages"][0]["at"], "1970-01-01T00:00:01.030000Z");
}

#[test]
fn a_receipt_before_the_response_is_joined_and_told() {
    let mut story = Story::bound();
    story.up(2, Body::SubmitSm(to_phone("hello")));
    story.receipt(7, "4711", "DELIVRD");
    story.down(
        2,
        Body::SubmitSmResp(SmResp {
            message_id: "4711".into(),
        }),
    );
    let analysis = story.analyze();
    assert_eq!(kinds(&analysis), ["receipt-before-response"]);
    assert_eq!(analysis.messages[0].receipts.len(), 1);
    assert!(analysis.anomalies[0].rule.starts_with("SMPP 3.4 4.4.2"));
}

#[test]
fn ids_in_another_form_are_joined_and_told() {
    let mut story = Story::bound();
    story.submitted(2, to_phone("hex"), "1d305b4c");
    story.receipt(7, "0489708364", "DELIVRD");
    story.submitted(3, to_phone("padding"), "42");
    story.receipt(8, "0042", "DELIVRD");
    let analysis = story.analyze();
    assert_eq!(kinds(&analysis), ["id-form", "id-form"]);
    assert!(
        analysis.anomalies[0]
            .what
            .contains("hexadecimal in the response, decimal in the receipt")
    );
    assert!(analysis.messages.iter().all(|message| message.receipts.len() == 1));
}

#[test]
fn receipts_that_nobody_asked_for_and_that_never_came_are_told() {
    let mut story = Story::bound();
    story.submitted(
        2,
        Sm {
            registered_delivery: 0,
            ..to_phone("unasked")
        },
        "1",
    );
    story.receipt(7, "1", "DELIVRD");
    story.submitted(3, to_phone("never"), "2");
    story.receipt(8, "999", "DELIVRD");
    story.a_minute_later();
    let analysis = story.analyze();
    let mut found = kinds(&analysis);
    found.sort_unstable();
    assert_eq!(
        found,
        ["no-receipt", "no-receipt-asked", "unasked-receipt", "unknown-receipt"]
    );
}

#[test]
fn a_final_state_that_changes_is_told_and_one_repeated_is_not() {
    let mut story = Story::bound();
    story.submitted(2, to_phone("x"), "1");
    story.receipt(7, "1", "DELIVRD");
    story.receipt(8, "1", "DELIVRD");
    story.receipt(9, "1", "UNDELIV");
    let analysis = story.analyze();
    assert_eq!(kinds(&analysis), ["receipt-changed"]);
    assert_eq!(analysis.messages[0].receipts.len(), 3);
}

#[test]
fn what_is_unanswered_refused_throttled_or_stray_is_told() {
    let mut story = Story::bound();
    let mut refusal = |sequence, status: u32| {
        story.up(sequence, Body::SubmitSm(to_phone("x")));
        let omitted = Body::Omitted(CommandId::SUBMIT_SM_RESP);
        let pdu = Pdu {
            status: Status(status),
            ..Pdu::request(sequence, omitted)
        };
        story.write(false, &pdu);
    };
    refusal(2, 0x58);
    refusal(3, 0x0B);
    story.up(4, Body::SubmitSm(to_phone("x")));
    story.down(99, Body::SubmitSmResp(SmResp::default()));
    story.a_minute_later();
    let analysis = story.analyze();
    assert_eq!(
        kinds(&analysis),
        ["throttled", "refused", "unanswered", "stray-response"]
    );
    assert!(analysis.anomalies[1].what.contains("ESME_RINVDSTADR"));
}

#[test]
fn what_was_sent_just_before_the_end_breaks_no_rule() {
    let mut story = Story::bound();
    story.submitted(2, to_phone("its receipt comes later"), "4711");
    story.up(9, Body::Unbind);
    let analysis = story.analyze();
    assert_eq!(kinds(&analysis), [""; 0]);
    assert_eq!(analysis.sessions[0].waiting, ["unbind 9"]);
    assert_eq!(analysis.waiting_receipts, 1);
    let shown = show(&analysis);
    assert!(
        shown.contains("without an answer when it ends: unbind 9")
            && shown.contains("last minute without a receipt: 1"),
        "{shown}"
    );
}

#[test]
fn the_answer_to_a_request_that_cannot_be_read_is_not_stray() {
    let mut story = Story::bound();
    let mut unreadable = vec![0, 0, 0, 40, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 50];
    unreadable.extend([0xFF; 24]);
    story.octets(true, &unreadable);
    let refusal = Pdu {
        status: Status::INVALID_COMMAND_LENGTH,
        ..Pdu::request(50, Body::Omitted(CommandId::SUBMIT_SM_RESP))
    };
    story.write(false, &refusal);
    story.a_minute_later();
    assert_eq!(kinds(&story.analyze()), ["unreadable", "refused"]);
}

#[test]
fn one_number_is_told_of_without_the_others() {
    let mut story = Story::bound();
    let other = Sm {
        destination_addr: "49170999999".into(),
        ..to_phone("other")
    };
    parts(&mut story, &[b"one of ", b"the others"], 0);
    story.submitted(20, other, "20");
    story.submitted(21, to_phone("mine"), "21");
    story.a_minute_later();
    let all = story.analyze();
    let mine = all.clone().only(|message| message.text.as_deref() == Some("mine"));
    assert_eq!((mine.messages.len(), mine.texts.len(), mine.sessions.len()), (1, 0, 1));
    assert_eq!(kinds(&mine), ["no-receipt"]);
    assert_eq!(mine.anomalies[0].message, Some(0), "its place here");
    let second = all.only(|message| message.part.is_some_and(|part| part.sequence == 2));
    assert_eq!(second.texts[0].messages, [0]);
    assert_eq!(second.texts[0].text.as_deref(), Some("one of the others"));
}

#[test]
fn wrong_lengths_are_told_and_the_next_pdu_is_found() {
    let mut story = Story::bound();
    story.octets(true, &[0, 0, 0, 20, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1, 0]);
    story.octets(true, &[0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 3, 9, 9, 9]);
    story.submitted(4, to_phone("after"), "1");
    story.receipt(7, "1", "DELIVRD");
    let analysis = story.analyze();
    assert_eq!(kinds(&analysis), ["unreadable", "wrong-length"]);
    assert_eq!(analysis.messages.len(), 1);
}

/// Parts of a text, cut as told.
fn parts(story: &mut Story, bodies: &[&[u8]], coding: u8) {
    let total = u8::try_from(bodies.len()).expect("few parts");
    for (number, body) in (1..).zip(bodies) {
        let mut octets = vec![5, 0, 3, 77, total, number];
        octets.extend_from_slice(body);
        let sm = Sm {
            esm_class: EsmClass::UDHI,
            data_coding: coding,
            registered_delivery: 0,
            short_message: octets.into(),
            ..to_phone("")
        };
        story.submitted(u32::from(number) + 1, sm, &number.to_string());
    }
}

#[test]
fn a_text_in_parts_is_put_together_in_any_form() {
    let text = "Ein langer Text mit € und [Klammern]. ".repeat(12);
    let message = tpdu::compose(&text, &tpdu::Options::default()).unwrap();
    for form in [LongForm::Header, LongForm::Sar] {
        let mut story = Story::bound();
        for (sequence, part) in (2..).zip(message.parts.iter().rev()) {
            let carried = Carried::part(part, form);
            let sm = Sm {
                esm_class: carried.esm_class,
                registered_delivery: 0,
                short_message: carried.short_message,
                ..to_phone("")
            };
            let pdu = Pdu {
                tlvs: carried.tlvs,
                ..Pdu::request(sequence, Body::SubmitSm(sm))
            };
            story.write(true, &pdu);
            story.down(
                sequence,
                Body::SubmitSmResp(SmResp {
                    message_id: sequence.to_string().into(),
                }),
            );
        }
        let analysis = story.analyze();
        assert_eq!(kinds(&analysis), [""; 0], "{form:?}");
        assert_eq!(analysis.texts[0].text.as_deref(), Some(&*text));
        assert!(analysis.texts[0].absent.is_empty());
        assert!(show(&analysis).contains("Klammern"));
    }
}

/// Bodies of parts, their coding, and what is wrong with them.
type Cut<'a> = (&'a [&'a [u8]], u8, &'a [&'a str]);

#[test]
fn texts_that_were_cut_badly_are_told() {
    let cases: [Cut<'_>; 6] = [
        // 153 septets fit, whatever a well-known page says.
        (&[&[b'a'; 153], b"b"], 0, &[]),
        (&[&[b'a'; 152], b"b"], 0, &["short-part"]),
        // 152 are right where an escape comes next.
        (&[&[b'a'; 152], b"\x1Be"], 0, &[]),
        (&[&[b'a'; 154], b"b"], 0, &["long-part"]),
        (&[&[0xD8, 0x3D].repeat(67), &[0xDE, 0x00]], 8, &["cut-letter"]),
        (&[&[0x00, 0x41].repeat(66), &[0x00, 0x41]], 8, &["short-part"]),
    ];
    for (bodies, coding, wanted) in cases {
        let mut story = Story::bound();
        parts(&mut story, bodies, coding);
        let analysis = story.analyze();
        assert_eq!(kinds(&analysis), wanted, "{} {coding}", bodies[0].len());
    }
    let mut story = Story::bound();
    let escaped = [&[b'a'; 152][..], b"\x1B"].concat();
    parts(&mut story, &[&escaped, b"e"], 0);
    let analysis = story.analyze();
    assert_eq!(kinds(&analysis), ["cut-letter"]);
    assert!(analysis.texts[0].text.as_deref().unwrap().ends_with('€'));
}

#[test]
fn headers_and_alphabets_that_contradict_the_fields_are_told() {
    let mut story = Story::bound();
    let quiet = |sm: Sm| Sm {
        registered_delivery: 0,
        ..sm
    };
    let unmarked = Sm {
        short_message: vec![5, 0, 3, 1, 2, 1, b'x'].into(),
        ..to_phone("")
    };
    story.submitted(2, quiet(unmarked), "1");
    let latin = Sm {
        short_message: vec![b'G', 0xFC].into(),
        ..to_phone("")
    };
    story.submitted(3, quiet(latin), "2");
    let odd = Sm {
        data_coding: 8,
        short_message: vec![0, 0x41, 0].into(),
        ..to_phone("")
    };
    story.submitted(4, quiet(odd), "3");
    let analysis = story.analyze();
    assert_eq!(kinds(&analysis), ["header", "alphabet", "alphabet"]);
    assert_eq!(analysis.messages[1].text.as_deref(), Some("Gü"));
}

#[test]
fn what_the_bind_does_not_allow_is_told() {
    let mut story = Story::new();
    let bind = Bind {
        system_id: "old".into(),
        interface_version: 0x33,
        ..Bind::default()
    };
    story.up(1, Body::BindReceiver(bind));
    story.down(1, Body::BindReceiverResp(BindResp::default()));
    story.submitted(
        2,
        Sm {
            registered_delivery: 0,
            ..to_phone("x")
        },
        "1",
    );
    let mut tlvs = Tlvs::default();
    tlvs.push_octet(Tag::PAYLOAD_TYPE, 0);
    story.write(
        false,
        &Pdu {
            tlvs,
            ..Pdu::request(3, Body::DeliverSm(from_phone()))
        },
    );
    story.up(3, Body::DeliverSmResp(SmResp::default()));
    let analysis = story.analyze();
    assert_eq!(kinds(&analysis), ["wrong-state", "old-peer"]);
}

#[test]
fn numbers_used_twice_and_unmarked_receipts_are_told() {
    let mut story = Story::bound();
    story.submitted(2, to_phone("one"), "1");
    story.submitted(3, to_phone("two"), "1");
    story.up(4, Body::EnquireLink);
    story.up(4, Body::EnquireLink);
    story.down(4, Body::EnquireLinkResp);
    let text = "id:1 sub:001 dlvrd:001 submit date:2611221030 done date:2611221031 stat:DELIVRD err:000 text:";
    story.down(
        9,
        Body::DeliverSm(Sm {
            short_message: text.into(),
            ..from_phone()
        }),
    );
    story.up(9, Body::DeliverSmResp(SmResp::default()));
    story.a_minute_later();
    let analysis = story.analyze();
    let mut found = kinds(&analysis);
    found.sort_unstable();
    assert_eq!(
        found,
        ["id-reused", "no-receipt", "sequence-reused", "unmarked-receipt"]
    );
}

#[test]
fn other_traffic_is_counted_and_passed_over() {
    let mut story = Story::new();
    story.octets(true, b"\x16\x03\x01\x00\x05hello, this is a handshake");
    let analysis = story.analyze();
    assert_eq!((analysis.other_connections, analysis.tls_connections), (1, 1));
    assert!(analysis.sessions.is_empty() && analysis.anomalies.is_empty());
    let mut story = Story::new();
    story.octets(true, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    let analysis = story.analyze();
    assert_eq!((analysis.other_connections, analysis.tls_connections), (1, 0));
}

#[test]
fn a_capture_that_begins_in_the_middle_is_read_from_the_next_pdu_on() {
    let mut story = Story::bound();
    story.submitted(2, to_phone("hello"), "1");
    story.receipt(3, "1", "DELIVRD");
    let whole = Capture::read(&story.file).unwrap();
    let mut analyzer = smpp::analyze::Analyzer::new(DefaultAlphabet::Gsm7);
    let connection = &whole.connections[0];
    let number = analyzer.connect(connection.from, connection.to, false);
    for (at, piece) in whole.pieces.iter().enumerate().skip(2) {
        let octets = if at == 2 { &piece.octets[20..] } else { piece.octets };
        analyzer.hear(number, piece.forth, octets, piece.at, 0);
    }
    let analysis = analyzer.finish();
    assert_eq!(analysis.messages.len(), 0);
    assert_eq!(kinds(&analysis), ["unknown-receipt"]);
    assert_eq!(analysis.sessions[0].esme, "10.0.0.1:40000");
}

#[test]
fn segments_in_any_order_twice_or_missing_are_put_right() {
    let mut story = Story::bound();
    for sequence in 2..8 {
        story.submitted(
            sequence,
            Sm {
                registered_delivery: 0,
                ..to_phone("hello")
            },
            &sequence.to_string(),
        );
    }
    let blocks = blocks(&story.file);
    let [head, packets @ ..] = &blocks[..] else {
        panic!("a file")
    };
    let _ = head;
    let in_order = read_messages(&story.file);
    assert_eq!(in_order, (6, 0));
    // Two packets of one direction change places, and one comes twice.
    let mut mixed: Vec<&[u8]> = packets.iter().map(|block| &block[..]).collect();
    mixed.insert(0, &blocks[0]);
    for at in (8..mixed.len() - 2).step_by(4) {
        mixed.swap(at, at + 2);
    }
    mixed.insert(10, mixed[9]);
    assert_eq!(read_messages(&mixed.concat()), (6, 0));
    mixed.remove(9);
    mixed.remove(9);
    let (messages, gaps) = read_messages(&mixed.concat());
    assert!(messages >= 4 && gaps > 0, "{messages} {gaps}");
}

#[test]
fn a_packet_that_only_the_capture_lost_is_one_gap_and_costs_the_others_nothing() {
    let mut story = Story::bound();
    let packets_before = blocks(&story.file).len();
    for number in 2..202 {
        story.submitted(number, to_phone("hello"), &number.to_string());
        story.receipt(number, &number.to_string(), "DELIVRD");
    }
    // Of four packets a message: the submit_sm, the response, the receipt, or the answer to that.
    for (lost, allowed) in [
        (0, &["stray-response", "unknown-receipt"][..]),
        (1, &["unanswered", "unknown-receipt"]),
        (2, &["stray-response", "no-receipt"]),
        (3, &["unanswered"]),
    ] {
        let mut kept = blocks(&story.file);
        kept.remove(packets_before + 5 * 4 + lost);
        let analysis = analyze(&kept.concat(), DefaultAlphabet::Gsm7).expect("a capture");
        let told = kinds(&analysis);
        assert_eq!(
            told.iter().filter(|kind| **kind == "gap").count(),
            1,
            "{lost}: {told:?}"
        );
        for kind in told.iter().filter(|kind| **kind != "gap") {
            let times = told.iter().filter(|other| *other == kind).count();
            assert!(allowed.contains(kind) && times == 1, "{lost}: {told:?}");
        }
        let whole = analysis.messages.iter().filter(|message| message.receipts.len() == 1);
        assert!(whole.count() >= 199, "{lost}: the others have their receipts");
    }
}

fn read_messages(file: &[u8]) -> (usize, usize) {
    let capture = Capture::read(file).expect("a capture");
    let gaps = capture.pieces.iter().filter(|piece| piece.missing > 0).count();
    let analysis = analyze(file, DefaultAlphabet::Gsm7).expect("a capture");
    (analysis.messages.len(), gaps)
}

/// The blocks of a pcapng file.
fn blocks(file: &[u8]) -> Vec<Vec<u8>> {
    let mut blocks = Vec::new();
    let mut rest = file;
    while rest.len() >= 12 {
        let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        blocks.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    blocks
}

#[test]
fn the_old_format_and_other_links_are_read_as_well() {
    let mut story = Story::bound();
    story.submitted(
        2,
        Sm {
            registered_delivery: 0,
            ..to_phone("hello")
        },
        "1",
    );
    for (magic, link, head) in [
        ([0xD4, 0xC3, 0xB2, 0xA1], 1_u32, None),
        ([0xD4, 0xC3, 0xB2, 0xA1], 101, Some(&[][..])),
        ([0x4D, 0x3C, 0xB2, 0xA1], 0, Some(&[2, 0, 0, 0][..])),
        ([0x4D, 0x3C, 0xB2, 0xA1], 113, Some(&[0; 16][..])),
        ([0x4D, 0x3C, 0xB2, 0xA1], 276, Some(&[0; 20][..])),
    ] {
        let mut file = magic.to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0]);
        file.extend(link.to_le_bytes());
        for block in blocks(&story.file).iter().skip(2) {
            let length = u32::from_le_bytes([block[20], block[21], block[22], block[23]]) as usize;
            let packet = &block[28..28 + length];
            let packet = head.map_or(packet.to_vec(), |head| [head, &packet[14..]].concat());
            for number in [7, 0, packet.len(), packet.len()] {
                file.extend(u32::try_from(number).unwrap().to_le_bytes());
            }
            file.extend(packet);
        }
        let analysis = analyze(&file, DefaultAlphabet::Gsm7).unwrap();
        assert_eq!(analysis.messages.len(), 1, "{link}");
        assert_eq!(analysis.messages[0].at, Stamp(7 * SECOND));
    }
}

#[test]
fn addresses_of_both_kinds_are_written_with_right_checksums() {
    for (from, to) in [
        ("10.0.0.1:40000", "10.0.0.2:2775"),
        ("[2001:db8::1]:40000", "[2001:db8::2]:2775"),
    ] {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file);
        let [from, to]: [SocketAddr; 2] = [from.parse().unwrap(), to.parse().unwrap()];
        let connection = writer.open(from, to, Stamp(SECOND), &mut file);
        writer.write(connection, true, &[7; 70_001], Stamp(2 * SECOND), &mut file);
        writer.write(connection, false, b"back", Stamp(3 * SECOND), &mut file);
        writer.write(99, false, b"nobody", Stamp(3 * SECOND), &mut file);
        writer.close(connection, Stamp(4 * SECOND), &mut file);
        let capture = Capture::read(&file).unwrap();
        assert_eq!((capture.connections.len(), capture.passed_over), (1, 0));
        let connection = &capture.connections[0];
        assert_eq!((connection.from, connection.to, connection.opened), (from, to, true));
        assert_eq!(connection.ended, Some(Stamp(4 * SECOND)));
        let octets = |forth: bool| {
            let pieces = capture.pieces.iter().filter(|piece| piece.forth == forth);
            pieces.map(|piece| piece.octets.len()).sum::<usize>()
        };
        assert_eq!((octets(true), octets(false)), (70_001, 4));
        assert!(capture.pieces.iter().all(|piece| piece.missing == 0));
    }
}

#[test]
fn a_file_that_is_no_capture_is_told() {
    assert_eq!(Capture::read(b"").unwrap_err(), CaptureError::Unknown);
    assert_eq!(Capture::read(b"GIF89a").unwrap_err(), CaptureError::Unknown);
    assert_eq!(
        Capture::read(&[0xD4, 0xC3, 0xB2, 0xA1, 2]).unwrap_err(),
        CaptureError::Header
    );
    let story = Story::bound();
    for length in 4..story.file.len() {
        let _ = Capture::read(&story.file[..length]);
    }
}

#[test]
fn every_kind_has_a_name_and_a_rule_of_its_own() {
    let mut names: Vec<&str> = Kind::all().map(Kind::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Kind::all().count());
    assert!(Kind::all().all(|kind| !kind.rule().is_empty()));
}
