//! Messages between simulated SIMs.

use std::time::{Duration, Instant};

use super::client::{Client, hello};
use modemsim::{Fault, ModemSpec, Network, Rule, Settings};

#[test]
fn a_message_reaches_the_other_sim_and_is_announced() {
    let (network, modems) = Network::of(2).unwrap();
    let (mut from, mut to) = (Client::ready(modems[0].path()), Client::ready(modems[1].path()));
    to.ask("AT+CNMI=2,1,0,0,0");
    assert_eq!(
        from.send_pdu(&hello(modems[1].number(), false)),
        "\r\n+CMGS: 1\r\n\r\nOK\r\n"
    );
    to.until("+CMTI: \"SM\",1\r\n");
    let read = to.ask("AT+CMGR=1");
    assert!(read.contains("+CMGR: 0,,24\r\n07919471016700000"), "{read}");
    assert!(read.contains("05E8329BFD06\r\n"), "{read}");
    assert!(
        to.ask("AT+CMGR=1").contains("+CMGR: 1,,24"),
        "read once, it is no longer unread"
    );
    assert!(to.ask("AT+CMGD=1").contains("OK"));
    assert!(to.ask("AT+CMGR=1").contains("+CMS ERROR: 321"));
    let sent = network.sent();
    assert_eq!(
        (sent.len(), sent[0].to.as_str(), sent[0].reference),
        (1, modems[1].number(), 1)
    );
    assert!(sent[0].replied_us >= sent[0].asked_us);
}

#[test]
fn the_latency_is_kept_and_stamped() {
    let network = Network::start(Settings {
        latency: Duration::from_millis(40),
        ..Settings::default()
    })
    .unwrap();
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    let mut client = Client::ready(modem.path());
    client.send_pdu(&hello("+4930123", false));
    let sent = &network.sent()[0];
    let latency = sent.replied_us - sent.asked_us;
    assert!((40_000..1_000_000).contains(&latency), "{latency} µs");
}

#[test]
fn a_report_comes_directly_or_is_stored_as_cnmi_says() {
    let (_network, modems) = Network::of(2).unwrap();
    let mut client = Client::ready(modems[0].path());
    client.ask("AT+CNMI=2,1,0,1,0");
    client.send_pdu(&hello(modems[1].number(), true));
    let report = client.until("00\r\n");
    assert!(report.contains("+CDS: 25\r\n0791947101670000060"), "{report}");
    client.ask("AT+CNMI=2,1,0,2,0");
    client.send_pdu(&hello(modems[1].number(), true));
    client.until("+CDSI: \"SR\",1\r\n");
    client.ask("AT+CPMS=\"SR\"");
    assert!(client.ask("AT+CMGR=1").contains("+CMGR: 0,,25\r\n0791947101670000060"));
}

#[test]
fn a_routed_message_is_repeated_until_it_is_acknowledged() {
    let settings = Settings {
        ack_timeout: Duration::from_millis(100),
        redelivery: Duration::from_millis(400),
        ..Settings::default()
    };
    let network = Network::start(settings).unwrap();
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    let mut client = Client::ready(modem.path());
    client.ask("AT+CSMS=1");
    client.ask("AT+CNMI=2,2,0,1,0");
    network.text(modem.number(), "+4930", "hello").unwrap();
    client.until("+CMT: ,");
    super::line::wait(|| modem.view().unwrap().counts.unacknowledged == 1);
    assert!(
        client.ask("AT+CNMI?").contains("+CNMI: 2,0,0,0,0"),
        "a missed +CNMA turns routing off"
    );
    client.ask("AT+CNMI=2,2,0,1,0");
    client.until("+CMT: ,");
    assert!(client.ask("AT+CNMA").contains("OK"));
    assert!(client.ask("AT+CNMA").contains("+CMS ERROR: 340"));
    assert!(modem.view().unwrap().counts.acknowledged >= 1);
}

#[test]
fn a_stored_message_is_sent_from_its_place_and_marked() {
    let (network, modems) = Network::of(1).unwrap();
    let mut client = Client::ready(modems[0].path());
    let pdu = hello("+4930123", false);
    client.write(&format!("AT+CMGW={}\r", pdu.len() / 2 - 1));
    client.until("> ");
    assert!(client.ask(&format!("{pdu}\u{1a}")).contains("+CMGW: 1\r\n"));
    assert!(client.ask("AT+CMGR=1").contains("+CMGR: 2,,"));
    assert!(client.ask("AT+CMSS=1").contains("+CMSS: 1\r\n"));
    assert!(
        client.ask("AT+CMGR=1").contains("+CMGR: 3,,"),
        "the place tells that it went out"
    );
    assert_eq!(network.sent().len(), 1);
}

#[test]
fn what_waits_for_longer_than_its_validity_is_given_up_and_reported_so() {
    let (network, modems) = Network::of(2).unwrap();
    let (sender, recipient) = (&modems[0], &modems[1]);
    let mut client = Client::ready(sender.path());
    client.ask("AT+CNMI=2,1,0,1,0");
    // One that is off, and one that is full.
    for (away, back) in [
        (Fault::SimOut, Fault::SimIn),
        (Fault::MemoryFull { on: true }, Fault::MemoryFull { on: false }),
    ] {
        recipient.fault(away).unwrap();
        client.send_pdu(&for_a_second(recipient.number()));
        client.send_pdu(&hello(recipient.number(), true));
        assert_eq!(network.stats().waiting, 2);
        let begun = Instant::now();
        let report = client.until("46\r\n");
        assert!(report.contains("+CDS: 25\r\n"), "{report}");
        assert!(begun.elapsed() > Duration::from_millis(800), "{report}");
        recipient.fault(back).unwrap();
        let report = client.until("00\r\n");
        assert!(
            report.contains("+CDS: 25\r\n"),
            "what has no validity is delivered: {report}"
        );
    }
    let stats = network.stats();
    assert_eq!((stats.expired, stats.delivered, stats.waiting), (2, 2, 0), "{stats:?}");
    assert_eq!(recipient.stored().len(), 2);
}

#[test]
fn what_arrives_within_its_validity_is_reported_once() {
    let (network, modems) = Network::of(2).unwrap();
    let mut client = Client::ready(modems[0].path());
    client.ask("AT+CNMI=2,1,0,1,0");
    client.send_pdu(&for_a_second(modems[1].number()));
    client.until("00\r\n");
    assert_eq!(client.rest(Duration::from_millis(1200)), "");
    assert_eq!((network.stats().expired, network.stats().delivered), (0, 1));
}

/// [`hello`] with a report and a validity of one second, in the enhanced format (TS 23.040 9.2.3.12.3).
fn for_a_second(to: &str) -> String {
    let lasting = hello(to, true);
    let (head, text) = lasting.split_at(lasting.len() - "05E8329BFD06".len());
    format!("{}02010000000000{text}", head.replacen("0021", "0029", 1))
}

#[test]
fn escape_leaves_the_prompt_and_sends_nothing() {
    let (network, modems) = Network::of(1).unwrap();
    let mut client = Client::ready(modems[0].path());
    client.write("AT+CMGS=17\r");
    client.until("> ");
    client.write("0011\u{1b}");
    client.until("OK\r\n");
    assert!(client.ask("AT").contains("OK"));
    assert!(network.sent().is_empty());
}

#[test]
fn a_wrong_length_or_a_broken_pdu_is_refused() {
    let (network, modems) = Network::of(1).unwrap();
    let mut client = Client::ready(modems[0].path());
    let pdu = hello("+4930123", false);
    client.write("AT+CMGS=99\r");
    client.until("> ");
    assert!(client.ask(&format!("{pdu}\u{1a}")).contains("+CMS ERROR: 304"));
    assert!(client.send_pdu(&pdu[..pdu.len() - 2]).contains("+CMS ERROR: 304"));
    assert!(client.send_pdu("00XX").contains("+CMS ERROR: 304"));
    assert!(network.sent().is_empty());
}

#[test]
fn rules_lose_refuse_and_report() {
    let (network, modems) = Network::of(2).unwrap();
    let mut client = Client::ready(modems[0].path());
    client.ask("AT+CNMI=2,1,0,1,0");
    let to = modems[1].number();
    network
        .rules(vec![
            Rule {
                cms: Some(38),
                count: Some(1),
                ..Rule::default()
            },
            Rule {
                lost: true,
                count: Some(1),
                ..Rule::default()
            },
            Rule {
                reports: Some(vec![0x30, 0x00]),
                count: Some(1),
                ..Rule::default()
            },
            Rule {
                reports: Some(vec![0x46]),
                ..Rule::default()
            },
        ])
        .unwrap();
    assert!(client.send_pdu(&hello(to, true)).contains("+CMS ERROR: 38"));
    assert!(client.send_pdu(&hello(to, true)).contains("+CMGS: 1"));
    assert!(client.rest(Duration::from_millis(80)).is_empty(), "lost: no report");
    assert_eq!(modems[1].stored().len(), 0);
    client.send_pdu(&hello(to, true));
    client.until("30\r\n");
    client.until("00\r\n");
    client.send_pdu(&hello(to, true));
    client.until("46\r\n");
    assert_eq!(modems[1].stored().len(), 1);
}

#[test]
fn a_full_memory_makes_messages_wait_until_there_is_room() {
    let network = Network::start(Settings::default()).unwrap();
    let modem = network
        .plug(ModemSpec {
            sim_places: 2,
            ..ModemSpec::new(0)
        })
        .unwrap();
    for text in ["1", "2", "3"] {
        network.text(modem.number(), "+4930", text).unwrap();
    }
    assert_eq!((modem.stored().len(), network.stats().waiting), (2, 1));
    let mut client = Client::ready(modem.path());
    client.ask("AT+CMGD=1");
    assert_eq!((modem.stored().len(), network.stats().waiting), (2, 0));
}

#[test]
fn a_duplicate_arrives_twice() {
    let (network, modems) = Network::of(1).unwrap();
    modems[0].fault(Fault::Duplicate { times: 1 }).unwrap();
    network.text(modems[0].number(), "+4930", "x").unwrap();
    let kept = modems[0].stored();
    assert_eq!((kept.len(), &kept[0].pdu), (2, &kept[1].pdu));
}

#[test]
fn a_rule_may_hold_for_some_of_the_messages() {
    let (network, modems) = Network::of(1).unwrap();
    network
        .rules(vec![Rule {
            percent: Some(25),
            cms: Some(38),
            ..Rule::default()
        }])
        .unwrap();
    let mut client = Client::ready(modems[0].path());
    let replies = (0..200).map(|_| client.send_pdu(&hello("+4930123", false)));
    let refused = replies.filter(|reply| reply.contains("+CMS ERROR: 38")).count();
    assert!((30..70).contains(&refused), "{refused} of 200");
    assert_eq!(network.sent().len(), 200 - refused);
}

#[test]
fn a_modem_that_buffers_its_announcements_says_nothing() {
    let (network, modems) = Network::of(1).unwrap();
    let mut client = Client::ready(modems[0].path());
    client.ask("AT+CNMI=0,1,0,0,0");
    network.text(modems[0].number(), "+4930", "x").unwrap();
    assert_eq!(modems[0].stored().len(), 1);
    assert_eq!(client.rest(Duration::from_millis(30)), "");
}
