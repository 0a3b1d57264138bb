//! PIN, PUK, tries, and who the SIM is.

use modemsim::{Fault, ModemSpec, Network, Profile, Settings};

use super::client::Client;
use super::line::wait;

fn locked(profile: &str) -> (Network, modemsim::Modem) {
    let network = Network::start(Settings::default()).unwrap();
    let spec = ModemSpec {
        pin: Some("1234".into()),
        profile: Profile::find(profile).unwrap(),
        ..ModemSpec::new(0)
    };
    let modem = network.plug(spec).unwrap();
    (network, modem)
}

#[test]
fn a_locked_sim_sends_nothing_until_its_pin() {
    let (_network, modem) = locked("generic");
    let mut client = Client::ready(modem.path());
    client.ask("AT+CMEE=1");
    assert!(client.ask("AT+CPIN?").contains("+CPIN: SIM PIN\r\n"));
    assert!(client.ask("AT+CIMI").contains("+CME ERROR: 11"));
    assert!(client.ask("AT+CMGS=17").contains("+CMS ERROR: 311"));
    assert!(
        client.ask("AT+CREG?").contains("+CREG: 0,0"),
        "without a SIM no registration"
    );
    assert!(client.ask("AT+CPIN=\"1234\"").contains("OK"));
    assert!(client.ask("AT+CPIN?").contains("+CPIN: READY\r\n"));
    assert!(client.ask("AT+CREG?").contains("+CREG: 0,1"));
    assert!(client.ask("AT+CIMI").contains("262010000000001"));
}

#[test]
fn a_wrong_pin_costs_a_try_that_every_way_of_asking_shows() {
    let (_network, modem) = locked("generic");
    let mut client = Client::ready(modem.path());
    client.ask("AT+CMEE=1");
    assert!(client.ask("AT+CPINR").contains("+CPINR: SIM PIN,3,3\r\n"));
    assert!(client.ask("AT+CPIN=\"0000\"").contains("+CME ERROR: 16"));
    assert!(client.ask("AT+CPINR=\"SIM PIN\"").contains("+CPINR: SIM PIN,2,3\r\n"));
    assert!(client.ask("AT+CSIM=10,\"0020000100\"").contains("+CSIM: 4,\"63C2\""));
    assert!(client.ask("AT+CSIM=10,\"002C000100\"").contains("+CSIM: 4,\"63CA\""));
    client.ask("AT+CPIN=\"0000\"");
    assert!(client.ask("AT+CPIN=\"0000\"").contains("+CME ERROR: 12"));
    assert!(client.ask("AT+CPIN?").contains("SIM PUK"));
    assert!(client.ask("AT+CPIN=\"12345678\",\"4321\"").contains("OK"));
    assert!(client.ask("AT+CPIN?").contains("READY"));
    assert_eq!(modem.view().unwrap().counts.pins_entered, 4);
}

#[test]
fn each_make_counts_the_tries_in_its_own_words() {
    let words = [
        ("huawei", "AT^CPIN?", "^CPIN: SIM PIN,,10,3,10,3"),
        ("quectel", "AT+QPINC?", "+QPINC: \"SC\",3,10"),
        ("simcom", "AT+SPIC", "+SPIC: 3,10,3,10"),
        ("telit", "AT#PCT", "#PCT: 3"),
        ("ublox", "AT+UPINCNT", "+UPINCNT: 3,3,10,10"),
        ("cinterion", "AT^SPIC", "^SPIC: 3"),
        ("wavecom", "AT+CPINC?", "+CPINC: 3,3,10,10"),
    ];
    for (profile, command, answer) in words {
        let (_network, modem) = locked(profile);
        let said = Client::ready(modem.path()).ask(command);
        assert!(said.contains(&format!("{answer}\r\n")), "{profile}: {said}");
    }
}

#[test]
fn the_sim_may_be_out_changed_or_locked_again() {
    let (_network, modem) = locked("generic");
    let mut client = Client::ready(modem.path());
    client.ask("AT+CMEE=1");
    client.ask("AT+CPIN=\"1234\"");
    modem.fault(Fault::SimOut).unwrap();
    assert!(client.ask("AT+CPIN?").contains("+CME ERROR: 10"));
    assert!(client.ask("AT+CMGS=17").contains("+CMS ERROR: 310"));
    modem.fault(Fault::SimIn).unwrap();
    assert!(client.ask("AT+CPIN?").contains("SIM PIN"), "power was gone");
    modem
        .fault(Fault::Iccid {
            iccid: "8949999999999999999".into(),
        })
        .unwrap();
    assert!(
        client.ask("AT+CCID").contains("+CCID: 8949999999999999999"),
        "readable before the PIN"
    );
    modem.fault(Fault::PinTries { pin: 1, puk: 10 }).unwrap();
    assert!(client.ask("AT+CPINR=\"SIM PIN\"").contains(",1,3"));
}

#[test]
fn a_reboot_asks_for_the_pin_again_and_keeps_the_messages() {
    let (network, modem) = locked("quectel");
    let mut client = Client::ready(modem.path());
    client.ask("AT+CPIN=\"1234\"");
    network.text(modem.number(), "+4930", "kept").unwrap();
    wait(|| modem.stored().len() == 1);
    client.ask("AT+CFUN=1,1");
    client.until("RDY\r\n");
    assert!(client.ask("AT+CPIN?").contains("SIM PIN"));
    assert_eq!(modem.stored().len(), 1);
}
