//! Faults on command.

use std::time::{Duration, Instant};

use modemsim::{Fault, Modem, Network};

use super::client::{Client, hello};

fn one() -> (Network, Modem, Client) {
    let (network, mut modems) = Network::of(1).unwrap();
    let modem = modems.remove(0);
    let client = Client::ready(modem.path());
    (network, modem, client)
}

const QUIET: Duration = Duration::from_millis(60);

#[test]
fn garbage_and_chosen_octets_come_at_once() {
    let (_network, modem, mut client) = one();
    modem.fault(Fault::Garbage { bytes: 300 }).unwrap();
    assert_eq!(client.exactly(300).chars().count(), 300);
    modem.fault(Fault::Bytes { hex: "00ff0d0a".into() }).unwrap();
    assert_eq!(client.until("\r\n"), "\u{0}\u{ff}\r\n");
}

#[test]
fn an_echo_storm_sends_everything_back() {
    let (_network, modem, mut client) = one();
    modem.fault(Fault::EchoStorm { times: 3 }).unwrap();
    client.write("AT\r");
    assert_eq!(client.until("OK\r\n"), "AT\rAT\rAT\r\r\nOK\r\n");
}

#[test]
fn octets_come_one_by_one_and_slowly() {
    let (_network, modem, mut client) = one();
    modem.fault(Fault::SlowBytes { ms: 5 }).unwrap();
    let start = Instant::now();
    client.ask("AT");
    assert!(start.elapsed() >= Duration::from_millis(20), "six octets, five gaps");
    modem.fault(Fault::Heal).unwrap();
    modem.fault(Fault::OneByte).unwrap();
    assert!(client.ask("AT+CGSN").contains("860000000000001"));
}

#[test]
fn a_modem_that_stops_reading_fills_the_writers_buffer() {
    let (_network, modem, mut client) = one();
    modem.fault(Fault::StopReading).unwrap();
    assert!(client.fill_buffer() > 1000);
    modem.fault(Fault::Heal).unwrap();
    client.rest(QUIET);
    client.write_bytes(b"\r");
    client.rest(QUIET);
    assert!(client.ask("AT").contains("OK"));
}

#[test]
fn a_hung_modem_answers_nothing_until_it_is_healed() {
    let (network, modem, mut client) = one();
    modem.fault(Fault::Hang).unwrap();
    client.write("AT\r");
    assert_eq!(client.rest(QUIET), "");
    network.text(modem.number(), "+4930", "waits").unwrap();
    assert_eq!(network.stats().waiting, 1, "nor does it receive");
    modem.fault(Fault::Heal).unwrap();
    assert!(client.ask("AT").contains("OK"));
    assert_eq!(network.stats().waiting, 0);
}

#[test]
fn after_ctrl_z_a_modem_may_hang_with_the_message_sent_or_not() {
    for sent in [false, true] {
        let (network, modem, mut client) = one();
        modem.fault(Fault::HangAfterCtrlZ { sent }).unwrap();
        let pdu = hello("+4930123", false);
        client.write(&format!("AT+CMGS={}\r", pdu.len() / 2 - 1));
        client.until("> ");
        client.write(&format!("{pdu}\u{1a}"));
        assert_eq!(client.rest(QUIET), "");
        assert_eq!(network.sent().len(), usize::from(sent));
    }
}

#[test]
fn at_a_command_of_choice_a_modem_may_hang_without_carrying_it_out() {
    let (network, modem, mut client) = one();
    network.text(modem.number(), "+4930", "stays").unwrap();
    let command = String::from("+CMGD");
    modem.fault(Fault::HangAt { command }).unwrap();
    assert!(client.ask("AT+CMGR=1").contains("OK"));
    client.write("AT+CMGD=1\r");
    assert_eq!(client.rest(QUIET), "");
    assert_eq!(modem.stored().len(), 1);
    modem.fault(Fault::Heal).unwrap();
    assert!(client.ask("AT+CMGD=1").contains("OK"));
    assert_eq!(modem.stored().len(), 0);
}

#[test]
fn a_lost_reply_leaves_the_modem_usable_and_the_message_sent() {
    let (network, modem, mut client) = one();
    modem.fault(Fault::ReplyLost).unwrap();
    let pdu = hello("+4930123", false);
    client.write(&format!("AT+CMGS={}\r", pdu.len() / 2 - 1));
    client.until("> ");
    client.write(&format!("{pdu}\u{1a}"));
    assert_eq!(client.rest(QUIET), "");
    let sent = network.sent();
    assert_eq!((sent.len(), sent[0].replied_us), (1, 0));
    assert!(client.send_pdu(&pdu).contains("+CMGS: 2"));
}

#[test]
fn a_place_whose_message_went_out_says_so_though_the_reply_is_lost() {
    let cases = [
        (Fault::ReplyLost, 3),
        (Fault::HangAfterCtrlZ { sent: true }, 3),
        (Fault::HangAfterCtrlZ { sent: false }, 2),
    ];
    for (fault, status) in cases {
        let (network, modem, mut client) = one();
        let pdu = hello("+4930123", false);
        client.write(&format!("AT+CMGW={}\r", pdu.len() / 2 - 1));
        client.until("> ");
        client.write(&format!("{pdu}\u{1a}"));
        client.until("OK\r\n");
        modem.fault(fault.clone()).unwrap();
        client.write("AT+CMSS=1\r");
        assert_eq!(client.rest(QUIET), "", "{fault:?}");
        assert_eq!(modem.stored()[0].status, status, "{fault:?}");
        assert_eq!(network.sent().len(), usize::from(status == 3), "{fault:?}");
    }
}

#[test]
fn the_next_messages_fail_with_the_error_asked_for() {
    let (network, modem, mut client) = one();
    let error = |count, cms, cme| Fault::SendError {
        count,
        cms,
        cme,
        delay_ms: 0,
        sent: false,
    };
    client.ask("AT+CMEE=1");
    modem.fault(error(2, Some(500), None)).unwrap();
    modem.fault(error(1, None, Some(515))).unwrap();
    let pdu = hello("+4930123", false);
    assert!(client.send_pdu(&pdu).contains("+CMS ERROR: 500"));
    assert!(client.send_pdu(&pdu).contains("+CMS ERROR: 500"));
    assert!(client.send_pdu(&pdu).contains("+CME ERROR: 515"));
    assert!(client.send_pdu(&pdu).contains("+CMGS: 1"));
    modem
        .fault(Fault::SendError {
            count: 1,
            cms: Some(332),
            cme: None,
            delay_ms: 30,
            sent: true,
        })
        .unwrap();
    let start = Instant::now();
    assert!(client.send_pdu(&pdu).contains("+CMS ERROR: 332"));
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert_eq!(network.sent().len(), 2, "the network had taken it all the same");
}

#[test]
fn an_unplugged_modem_is_gone_at_once_and_comes_back_under_another_name() {
    let (network, modem, mut client) = one();
    network.text(modem.number(), "+4930", "kept").unwrap();
    modem.fault(Fault::Unplug).unwrap();
    assert!(client.is_hung_up());
    assert!(!modem.path().exists());
    modem
        .fault(Fault::Replug {
            name: Some("elsewhere".into()),
        })
        .unwrap();
    let mut client = Client::ready(&network.dir().join("elsewhere"));
    assert!(client.ask("AT+CGSN").contains("860000000000001"));
    assert!(
        client.ask("AT+CMGL=4").contains("+CMGL: 1,"),
        "the SIM kept its message"
    );
    assert!(!modem.path().exists());
    assert_eq!(modem.view().unwrap().port, network.dir().join("elsewhere"));
}

#[test]
fn a_modem_may_go_in_the_middle_of_a_pdu_or_at_ctrl_z() {
    let pdu = hello("+4930123", false);
    let cases = [(Fault::UnplugInPdu, 0), (Fault::UnplugAfterCtrlZ { sent: true }, 1)];
    for (fault, sent) in cases {
        let (network, modem, mut client) = one();
        modem.fault(fault).unwrap();
        client.write(&format!("AT+CMGS={}\r", pdu.len() / 2 - 1));
        client.until("> ");
        client.write(&format!("{pdu}\u{1a}"));
        super::line::wait(|| client.is_hung_up());
        assert_eq!(network.sent().len(), sent);
    }
}

#[test]
fn another_imei_a_wrong_memory_and_a_flood_are_shown() {
    let (network, modem, mut client) = one();
    modem
        .fault(Fault::Imei {
            imei: "350000000000006".into(),
        })
        .unwrap();
    assert!(client.ask("AT+CGSN").contains("350000000000006"));
    client.ask("AT+CNMI=2,1,0,0,0");
    modem.fault(Fault::WrongMemory { name: "ME".into() }).unwrap();
    network.text(modem.number(), "+4930", "x").unwrap();
    client.until("+CMTI: \"ME\",1\r\n");
    assert_eq!(modem.stored()[0].memory, "SM");
    modem
        .fault(Fault::UrcFlood {
            count: 500,
            line: "^BOOT:1,0,0,0,75".into(),
            every_ms: 0,
        })
        .unwrap();
    client.until_count("^BOOT", 500);
    assert!(!client.rest(QUIET).contains("^BOOT"));
    modem
        .fault(Fault::UrcFlood {
            count: 5,
            line: "^RSSI:9".into(),
            every_ms: 2,
        })
        .unwrap();
    client.until_count("^RSSI", 5);
}

#[test]
fn a_full_memory_refuses_until_it_is_not() {
    let (network, modem, mut client) = one();
    modem.fault(Fault::MemoryFull { on: true }).unwrap();
    network.text(modem.number(), "+4930", "x").unwrap();
    assert!(client.ask("AT+CPMS?").contains("\"SM\",50,50"));
    assert_eq!((modem.stored().len(), network.stats().waiting), (0, 1));
    modem.fault(Fault::MemoryFull { on: false }).unwrap();
    assert_eq!((modem.stored().len(), network.stats().waiting), (1, 0));
}

#[test]
fn a_report_may_come_before_the_reply() {
    let (_network, modem, mut client) = one();
    client.ask("AT+CNMI=2,1,0,1,0");
    modem.fault(Fault::ReportBeforeReply).unwrap();
    let said = client.send_pdu(&hello("+4930123", true));
    let report = said.find("+CDS:").unwrap_or(usize::MAX);
    assert!(report < said.find("+CMGS: 1").unwrap_or(0), "{said}");
}

#[test]
fn a_lost_network_refuses_messages_and_says_so() {
    let (network, modem, mut client) = one();
    client.ask("AT+CREG=1");
    modem.fault(Fault::Registration { stat: 2 }).unwrap();
    client.until("+CREG: 2\r\n");
    assert!(client.send_pdu(&hello("+4930123", false)).contains("+CMS ERROR: 331"));
    network.text(modem.number(), "+4930", "waits").unwrap();
    assert_eq!(network.stats().waiting, 1);
    modem.fault(Fault::Registration { stat: 5 }).unwrap();
    client.until("+CREG: 5\r\n");
    assert_eq!(network.stats().waiting, 0);
    modem.fault(Fault::Signal { rssi: 3 }).unwrap();
    assert!(client.ask("AT+CSQ").contains("+CSQ: 3,99"));
}
