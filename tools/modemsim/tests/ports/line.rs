//! The line: echo, joined commands, number and word results, opening and closing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use modemsim::{ModemSpec, Network, Settings};

use super::client::{Client, hello};

#[test]
fn commands_are_echoed_until_they_are_told_not_to_be() {
    let (_network, modems) = Network::of(1).unwrap();
    let mut client = Client::open(modems[0].path());
    client.write("AT\r");
    assert_eq!(client.until("OK\r\n"), "AT\r\r\nOK\r\n");
    client.write("ATE0\r");
    assert_eq!(client.until("OK\r\n"), "ATE0\r\r\nOK\r\n");
    client.write("AT\r");
    assert_eq!(client.until("OK\r\n"), "\r\nOK\r\n");
}

#[test]
fn commands_joined_on_a_line_are_answered_in_order_up_to_an_error() {
    let (_network, modems) = Network::of(1).unwrap();
    let mut client = Client::ready(modems[0].path());
    let said = client.ask("ATE0+CMEE=1;+CSQ;+CPIN?;+COPS=3,2;+COPS?");
    assert_eq!(
        said,
        "\r\n+CSQ: 22,99\r\n\r\n+CPIN: READY\r\n\r\n+COPS: 0,2,\"26201\",7\r\n\r\nOK\r\n"
    );
    assert_eq!(
        client.ask("AT+CSQ;+NONSENSE;+CPIN?"),
        "\r\n+CSQ: 22,99\r\n\r\nERROR\r\n"
    );
}

#[test]
fn results_are_words_numbers_or_nothing() {
    let (_network, modems) = Network::of(1).unwrap();
    let mut client = Client::ready(modems[0].path());
    client.write("ATV0\r");
    assert_eq!(client.until("0\r"), "0\r");
    client.write("AT+NONSENSE\r");
    assert_eq!(client.until("\r"), "4\r");
    client.write("ATV1Q1\r");
    client.write("AT\r");
    assert_eq!(client.rest(Duration::from_millis(50)), "");
}

#[test]
fn errors_are_bare_numbers_or_words_as_cmee_says() {
    let (_network, modems) = Network::of(1).unwrap();
    let mut client = Client::ready(modems[0].path());
    assert!(client.ask("AT+CPIN=\"1\"").contains("\r\nERROR\r\n"));
    client.ask("AT+CMEE=1");
    assert!(client.ask("AT+CPIN=\"1\"").contains("+CME ERROR: 3\r\n"));
    client.ask("AT+CMEE=2");
    assert!(
        client
            .ask("AT+CPIN=\"1\"")
            .contains("+CME ERROR: operation not allowed\r\n")
    );
}

#[test]
fn what_nobody_reads_is_gone_when_the_port_is_opened_again() {
    let (network, modems) = Network::of(1).unwrap();
    let mut client = Client::ready(modems[0].path());
    client.ask("AT+CNMI=2,1,0,0,0");
    network.text(modems[0].number(), "+4930", "while open").unwrap();
    drop(client);
    wait(|| !modems[0].view().unwrap().in_use);
    network.text(modems[0].number(), "+4930", "while closed").unwrap();
    let mut client = Client::open(modems[0].path());
    assert_eq!(client.rest(Duration::from_millis(50)), "", "no +CMTI from before");
    assert!(client.ask("AT+CMGL=0").contains("+CMGL: 2,"), "the messages are there");
    assert_eq!(
        client.ask("AT+CNMI?"),
        "\r\n+CNMI: 2,1,0,0,0\r\n\r\nOK\r\n",
        "the session goes on"
    );
}

#[test]
fn exclusive_use_ends_with_its_holder() {
    let (_network, modems) = Network::of(1).unwrap();
    let client = Client::ready(modems[0].path());
    client.claim();
    assert!(!opens_for_a_user(modems[0].path()));
    drop(client);
    wait(|| !modems[0].view().unwrap().in_use);
    assert!(opens_for_a_user(modems[0].path()));
}

/// Whether someone without privileges can open the port: for root exclusive use does not count.
fn opens_for_a_user(port: &Path) -> bool {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec 3<>\"$0\""])
        .arg(std::fs::canonicalize(port).expect("the line is there"))
        .stderr(Stdio::null());
    if nix::unistd::geteuid().is_root() {
        std::fs::set_permissions(port, Permissions::from_mode(0o666)).expect("root may");
        shell.uid(65534);
    }
    shell.status().expect("there is a shell").success()
}

#[test]
fn a_message_is_sent_even_if_its_sender_is_gone_before_the_reply() {
    let network = Network::start(Settings {
        latency: Duration::from_millis(60),
        ..Settings::default()
    })
    .unwrap();
    let modem = network.plug(ModemSpec::new(0)).unwrap();
    let mut client = Client::ready(modem.path());
    let pdu = hello("+4930123", false);
    client.write(&format!("AT+CMGS={}\r", pdu.len() / 2 - 1));
    client.until("> ");
    client.write(&format!("{pdu}\u{1a}"));
    std::thread::sleep(Duration::from_millis(20));
    drop(client);
    assert_eq!(network.wait_sent(1, Duration::from_secs(1)).len(), 1);
    assert!(Client::open(modem.path()).ask("AT").contains("OK"));
}

/// Waits for something that another thread brings about.
pub(crate) fn wait(mut reached: impl FnMut() -> bool) {
    for _ in 0..5000 {
        if reached() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("not reached within ten seconds");
}
