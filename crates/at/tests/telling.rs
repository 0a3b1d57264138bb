//! Which line is what, and what the readers without a row of vectors make of
//! makers' own results (27.007, AT manuals).

mod support;

use at::{
    Boot, Command, Final, Reply, Urc,
    reply::{self, PinState, TriesLeft},
};
use support::hear;

fn said(text: &str, command: &str) -> support::Said {
    hear(text.as_bytes(), Some(&Command::new(command)), 3)
}

fn line(text: &str) -> Reply {
    [text.as_bytes()].into_iter().collect()
}

#[test]
fn unsolicited_results_are_taken_out_of_an_answer() {
    let heard = said(
        "AT+CREG?\r\r\n+CREG: 1,\"5D4\",\"01BC7511\",7\r\n\r\n+CMTI: \"ME\",0\r\n^RSSI:14\r\n\
         \r\n+CREG: 2,5\r\n\r\n^BOOT:1,0,0,0,75\r\n\r\nRING\r\n\r\nOK\r\n",
        "AT+CREG?",
    );
    assert_eq!(heard.reply.lines().collect::<Vec<_>>(), [b"+CREG: 2,5"]);
    assert_eq!(heard.finals, [Final::Ok]);
    assert_eq!((heard.urcs.len(), heard.noise.len(), heard.echoes), (4, 1, 1));
}

#[test]
fn a_result_that_nobody_knows_is_no_part_of_an_answer() {
    let heard = said("^NEWTHING: 1\r\nhuawei\r\n\r\nOK\r\n", "AT+CGMI");
    assert_eq!(heard.unknown, [b"^NEWTHING: 1"]);
    assert_eq!(reply::free_text(&heard.reply).unwrap(), "huawei");
}

#[test]
fn ok_within_a_text_is_final_only_as_a_whole_line() {
    let heard = said(
        "+CMGR: \"REC READ\",\"+1\",,\"07/07/05,09:56:03+08\"\r\nOK, see you\r\nOK\r\n",
        "AT+CMGR=1",
    );
    assert_eq!(heard.finals.len(), 1);
    assert_eq!(reply::cmgr(&heard.reply).unwrap().body, b"OK, see you");
}

#[test]
fn a_report_with_another_line_before_its_pdu_keeps_its_pdu() {
    let pdu = "07911356131313F64A06098180";
    let heard = said(&format!("+CDS: 25\r\n+CMTI: \"SM\",1\r\n{pdu}\r\nOK\r\n"), "AT");
    let [Urc::Cmti { .. }, Urc::Cds(report)] = heard.urcs.as_slice() else {
        panic!("{heard:?}")
    };
    assert_eq!((&*report.pdu, report.length), (pdu, Some(25)));
}

#[test]
fn a_header_whose_pdu_never_comes_takes_no_line_of_another() {
    let pdu = "07911356131313F64A06098180";
    let heard = said(&format!("+CMT: ,24\r\n+CMGR: 0,,24\r\n{pdu}\r\nOK\r\n"), "AT+CMGR=1");
    assert_eq!(reply::cmgr(&heard.reply).unwrap().body, pdu.as_bytes());
    let [Urc::Cmt(broken)] = heard.urcs.as_slice() else {
        panic!("{heard:?}")
    };
    assert_eq!(&*broken.pdu, "");
}

#[test]
fn a_text_behind_a_header_is_its_second_line() {
    let heard = hear(
        b"+CMT: \"+491\",,\"24/01/01,10:00:00+04\"\r\nHello there\r\n+CSQ: 5,0\r\n",
        None,
        1,
    );
    let [Urc::Cmt(text), Urc::Csq(_)] = heard.urcs.as_slice() else {
        panic!("{heard:?}")
    };
    assert_eq!((&*text.pdu, text.length), ("Hello there", None));
}

#[test]
fn echoes_of_command_and_pdu_are_neither_answer_nor_noise() {
    let command = Command::cmgs(12, "0011000B910516898088F20000A701C1");
    let text = "AT+CMGS=12\r\r\n> 0011000B910516898088F20000A701C1\x1A\r\n+CMGS: 5\r\n\r\nOK\r\n";
    let heard = hear(text.as_bytes(), Some(&command), 1);
    assert_eq!((heard.prompts, heard.echoes), (1, 2));
    assert_eq!(heard.reply.find(reply::cmgs).unwrap().number, Some(5));
}

#[test]
fn an_answer_glued_to_its_echo_is_found() {
    let heard = said("AT+CPIN?+CPIN: READY\r\nOK\r\n", "AT+CPIN?");
    assert_eq!(heard.reply.find(reply::cpin), Ok(PinState::Ready));
}

#[test]
fn binary_noise_before_a_line_does_not_hide_it() {
    let heard = hear(
        b"\xFF\xFE\x00OK\r\n\x80+CMTI: \"SM\",2\r\n",
        Some(&Command::new("AT")),
        1,
    );
    assert_eq!((heard.finals.len(), heard.urcs.len()), (1, 1));
}

#[test]
fn no_carrier_ends_a_dialling_command_and_is_otherwise_somebodys_call() {
    assert_eq!(said("NO CARRIER\r\n", "ATD123;").finals, [Final::NoCarrier]);
    assert_eq!(said("NO CARRIER\r\n", "AT+CSQ").urcs, [Urc::CallEnded]);
}

#[test]
fn words_for_errors_become_numbers() {
    let heard = said("+CME ERROR: SIM busy\r\n", "AT+CPIN?");
    assert_eq!(heard.finals[0].cme(), Some(14));
    let heard = said("+CMS ERROR: Network timeout\r\n", "AT+CMSS=1");
    assert_eq!(heard.finals[0].cms(), Some(332));
    let heard = said("+CMS ERROR: no luck today\r\n", "AT+CMSS=1");
    assert_eq!(heard.finals[0].to_string(), "+CMS ERROR (no luck today)");
}

#[test]
fn makers_words_end_an_exchange() {
    let refusals = [
        "COMMAND NOT SUPPORT",
        "ERROR+CNUM:",
        "MODEM ERROR: 5",
        "NA",
        "NOT FOND ^,NOT CUSTOM AT",
        "ERROR: UNSUPPORTED",
        "ERROR: BAD COMMAND",
    ];
    for words in refusals {
        let heard = said(&format!("\r\n{words}\r\n"), "AT+X");
        assert_eq!(heard.finals, [Final::Error(Some(words.into()))]);
    }
}

#[test]
fn boot_notices_are_told_apart() {
    let text = "RDY\r\n+CFUN: 1\r\n+CPIN: READY\r\nCall Ready\r\nSMS Ready\r\nSMS DONE\r\nPB DONE\r\n\
                +PBREADY\r\n^SYSSTART\r\n+AT: READY\r\n^SHUTDOWN\r\n";
    let heard = hear(text.as_bytes(), None, 5);
    let boots = heard.urcs.iter().filter(|urc| matches!(urc, Urc::Boot(_))).count();
    assert_eq!((heard.urcs.len(), boots), (11, 9));
    assert_eq!(heard.urcs[0], Urc::Boot(Boot::Started));
    assert_eq!(heard.urcs[2], Urc::Cpin(PinState::Ready));
}

#[test]
fn a_pin_is_never_shown() {
    let command = Command::cpin("1234");
    assert_eq!(command.bytes(), b"AT+CPIN=\"1234\"\r");
    assert_eq!(format!("{command} {command:?}"), "AT+CPIN=*** Command(AT+CPIN=***)");
}

#[test]
fn line_ends_cannot_be_smuggled_into_a_command() {
    assert_eq!(Command::new("AT+CSQ\rATD1;\r\n").bytes(), b"AT+CSQATD1;\r");
    let payload = Command::cmgs(1, "00\x1A\x1B11");
    assert_eq!(payload.payload(), Some(&b"0011\x1A"[..]));
}

#[test]
fn tries_left_are_read_in_every_makers_order() {
    let all = TriesLeft {
        pin: Some(3),
        puk: Some(10),
        pin2: Some(2),
        puk2: Some(9),
    };
    let orders = [
        "+CPINC: 3,2,10,9",
        "+UPINCNT: 3,2,10,9",
        "+EPINC: 3,2,10,9",
        "+SPIC: 3,10,2,9",
        "^CPIN: SIM PIN,3,10,3,9,2",
    ];
    for order in orders {
        assert_eq!(
            reply::tries_left(order.as_bytes(), &PinState::SimPin),
            Ok(all),
            "{order}"
        );
    }
    let pin = TriesLeft {
        pin: Some(1),
        ..TriesLeft::default()
    };
    for single in ["^SPIC: 1", "#PCT: 1", "+CPINR: SIM PIN,1,3", "+CPINR: \"SIM PIN\",1"] {
        assert_eq!(
            reply::tries_left(single.as_bytes(), &PinState::SimPin),
            Ok(pin),
            "{single}"
        );
    }
    let both = TriesLeft {
        pin: Some(3),
        puk: Some(10),
        ..TriesLeft::default()
    };
    assert_eq!(reply::tries_left(b"+QPINC: \"SC\",3,10", &PinState::SimPin), Ok(both));
}

#[test]
fn a_status_word_tells_the_tries_and_nothing_else_does() {
    assert_eq!(reply::csim_tries(b"+CSIM: 4,\"63C2\""), Ok(2));
    assert_eq!(reply::csim_tries(b"+CSIM: 4,\"6983\""), Ok(0));
    assert!(reply::csim_tries(b"+CSIM: 4,\"9000\"").is_err());
    assert!(reply::csim_tries(b"+CSIM: 4,\"6E00\"").is_err());
}

#[test]
fn an_iccid_is_found_under_all_its_names() {
    let iccid = "8944200011111111118";
    for text in [
        "+CCID: \"8944200011111111118\"",
        "+QCCID: 8944200011111111118F",
        "8944200011111111118",
        "^ICCID: 98440200111111111181",
        "ICCID:8944200011111111118",
    ] {
        let found = reply::iccid(&line(text)).unwrap();
        assert!(found.starts_with("8944200011111111"), "{text}: {found}");
    }
    let crsm = b"+CRSM: 144,0,\"984402001111111111F8\"";
    assert_eq!(
        reply::crsm_iccid(crsm).unwrap(),
        "8944200011111111118F".trim_end_matches('F')
    );
    assert!(reply::crsm_iccid(b"+CRSM: 106,130").is_err());
    assert_eq!(reply::iccid(&line("+QCCID: 8944200011111111118F")).unwrap(), iccid);
}

#[test]
fn levels_become_dbm() {
    for rssi in 0..=255_u8 {
        let told = reply::csq(format!("+CSQ: {rssi},99").as_bytes()).unwrap();
        let wanted = match rssi {
            0..=31 => Some(-113 + 2 * i16::from(rssi)),
            100..=191 => Some(i16::from(rssi) - 216),
            _ => None,
        };
        assert_eq!((told.dbm(), told.ber), (wanted, None));
    }
    assert_eq!(reply::cesq(b"+CESQ: 30,99,255,255,255,255").unwrap().dbm(), Some(-81));
}

#[test]
fn a_list_of_stored_messages_tells_empty_places_from_none() {
    let heard = said(
        "+CMGL: 0,1,,24\r\n0791\r\n+CMGL: 7,0,\"x\",30\r\n0792\r\nOK\r\n",
        "AT+CMGL=4",
    );
    let list = reply::cmgl(&heard.reply);
    let told: Vec<_> = list
        .iter()
        .map(|one| (one.index, one.length, one.body.as_slice()))
        .collect();
    assert_eq!(
        told,
        [(Some(0), Some(24), &b"0791"[..]), (Some(7), Some(30), &b"0792"[..])]
    );
    assert!(reply::cmgl(&said("OK\r\n", "AT+CMGL=4").reply).is_empty());
}

#[test]
fn a_reply_beyond_its_limit_is_cut_and_counted() {
    let mut reply = Reply::default();
    for _ in 0..1000 {
        reply.push(&[b'x'; 1000]);
    }
    assert_eq!(reply.len() + reply.dropped(), 1000);
    assert!(reply.lines().map(<[u8]>::len).sum::<usize>() <= reply::MAX_REPLY);
}
