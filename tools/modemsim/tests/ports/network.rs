//! USSD, calls, radio, and the things a network keeps.

use std::time::Duration;

use modemsim::{ModemSpec, Network, Profile, Settings, Sink, UssdNode};

use super::client::{Client, hello};

fn with(profile: &str) -> (Network, modemsim::Modem, Client) {
    let network = Network::start(Settings::default()).unwrap();
    let profile = Profile::find(profile).unwrap();
    let modem = network
        .plug(ModemSpec {
            profile,
            ..ModemSpec::new(0)
        })
        .unwrap();
    let client = Client::ready(modem.path());
    (network, modem, client)
}

#[test]
fn a_ussd_menu_goes_on_until_its_end() {
    let (_network, _modem, mut client) = with("generic");
    client.ask("AT+CUSD=1,\"*101#\",15");
    client.until("+CUSD: 1,\"1 Balance 2 Tariff\",15\r\n");
    client.ask("AT+CUSD=1,\"2\",15");
    client.until("+CUSD: 1,\"1 Small 2 Large\",15\r\n");
    client.ask("AT+CUSD=1,\"1\",15");
    client.until("+CUSD: 0,\"Small it is\",15\r\n");
    client.ask("AT+CUSD=1,\"*999#\",15");
    client.until("+CUSD: 4\r\n");
}

#[test]
fn a_cancelled_dialogue_is_over() {
    let (_network, _modem, mut client) = with("generic");
    client.ask("AT+CUSD=1,\"*101#\",15");
    client.until("Tariff\",15\r\n");
    assert!(client.ask("AT+CUSD=2").contains("OK"));
    client.ask("AT+CUSD=1,\"2\",15");
    client.until("+CUSD: 4\r\n");
}

#[test]
fn ussd_is_ucs2_or_packed_as_the_make_has_it() {
    let (_network, _modem, mut client) = with("generic");
    client.ask("AT+CSCS=\"UCS2\"");
    client.ask("AT+CUSD=1,\"002A0031003000300023\",15");
    client.until("+CUSD: 0,\"00420061006C0061006E00630065003A00200037002E003900350020004500550052\",15\r\n");
    let (_network, _modem, mut client) = with("huawei");
    client.ask("AT+CUSD=1,\"AA180C3602\",15");
    client.until("+CUSD: 0,\"C2303BEC1E9775A09B2B570315AB52\",15\r\n");
}

#[test]
fn the_network_may_speak_first() {
    let (_network, modem, mut client) = with("generic");
    modem
        .ussd(UssdNode::menu("More?", [("1", UssdNode::end("More."))]))
        .unwrap();
    client.until("+CUSD: 1,\"More?\",15\r\n");
    client.ask("AT+CUSD=1,\"1\",15");
    client.until("+CUSD: 0,\"More.\",15\r\n");
}

#[test]
fn a_call_rings_with_its_number_until_it_is_hung_up() {
    let (_network, modem, mut client) = with("generic");
    client.ask("AT+CLIP=1");
    modem.call("+49301234", 5).unwrap();
    client.until("RING\r\n\r\n+CLIP: \"+49301234\",145,,,,0\r\n");
    assert!(client.ask("AT+CHUP").contains("OK"));
    modem.call("+49301234", 0).unwrap();
    client.until("NO CARRIER\r\n");
}

#[test]
fn without_radio_there_is_no_network() {
    let (_network, _modem, mut client) = with("generic");
    client.ask("AT+CFUN=4");
    assert!(client.ask("AT+CREG?").contains("+CREG: 0,0"));
    assert!(client.ask("AT+CSQ").contains("+CSQ: 99,99"));
    assert!(client.ask("AT+COPS?").contains("+COPS: 0\r\n"));
    assert!(client.send_pdu(&hello("+4930123", false)).contains("+CMS ERROR: 331"));
    client.ask("AT+CFUN=1");
    client.ask("AT+CREG=2");
    assert!(client.ask("AT+CREG?").contains("+CREG: 2,1,\"84CD\",\"00D30173\",7"));
    assert!(client.ask("AT+COPS?").contains("+COPS: 0,0,\"Simulated\",7"));
}

#[test]
fn unknown_numbers_are_refused_where_the_network_knows_all() {
    let network = Network::start(Settings {
        sink: Sink::Unassigned,
        ..Settings::default()
    })
    .unwrap();
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    let mut client = Client::ready(modem.path());
    assert!(client.send_pdu(&hello("+4930123", false)).contains("+CMS ERROR: 1\r\n"));
    assert!(client.send_pdu(&hello(modem.number(), false)).contains("+CMGS: 1"));
}

#[test]
fn a_long_text_from_outside_comes_in_parts_and_the_clock_is_the_networks() {
    let network = Network::start(Settings {
        zone_quarters: 8,
        ..Settings::default()
    })
    .unwrap();
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    network.text(modem.number(), "Bank", &"0123456789".repeat(20)).unwrap();
    let kept = modem.stored();
    assert_eq!(kept.len(), 2);
    assert!(
        kept.iter().all(|kept| kept.pdu.contains("4407D0C2B07B0D0000")),
        "{kept:?}"
    );
    let clock = Client::ready(modem.path()).ask("AT+CCLK?");
    assert!(clock.contains("+08\"\r\n"), "{clock}");
}

#[test]
fn times_and_forgetting_serve_long_runs() {
    let (network, _modem, mut client) = with("generic");
    client.send_pdu(&hello("+4930123", false));
    let Ok(modemsim::Reply::Times(times)) = network.ask(modemsim::Command::Times) else {
        panic!("no times")
    };
    assert!(times.len() == 1 && times[0].1 >= times[0].0 && times[0].0 > 1_600_000_000_000_000);
    network.ask(modemsim::Command::Forget).unwrap();
    assert_eq!((network.sent().len(), network.stats().sent), (0, 0));
    client.send_pdu(&hello("+4930123", false));
    assert_eq!(network.wait_sent(1, Duration::from_secs(1))[0].sequence, 0);
}
