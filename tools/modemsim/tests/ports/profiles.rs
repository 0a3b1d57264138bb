//! Profiles against the transcripts that they were learned from.

use std::path::PathBuf;
use std::time::Duration;

use modemsim::{ModemSpec, Network, Profile, Settings};

use super::client::Client;

/// Which transcript taught which profile, and the commands in it whose answers the profile is to give word for word.
const LEARNED: [(&str, &str, &[&str]); 5] = [
    (
        "wavecom_multiband_900e1800",
        "wavecom",
        &[
            "AT+CGMI",
            "AT+CGMM",
            "AT+CGMR",
            "AT+CLAC",
            "AT+CNMI=2,1,0,2",
            "AT+CPIN?",
            "AT+CPMS=\"SM\",\"SM\",\"SR\"",
            "AT+CPMS=?",
            "AT+CVHU=0",
            "AT+WIND=50",
            "AT+WIND?",
            "AT+ZPAS?",
        ],
    ),
    (
        "zte_k3565z",
        "zte",
        &[
            "AT+CGMI",
            "AT+CGMM",
            "AT+CGMR",
            "AT+CPIN?",
            "AT+CPMS=?",
            "AT+CVHU=0",
            "AT+WIND=50",
            "AT+WIND?",
            "AT+ZPAS?",
        ],
    ),
    (
        "huawei_unnamed_ussdmode",
        "huawei",
        &[
            "AT+CFUN?",
            "AT+CPIN?",
            "AT^CVOICE=?",
            "AT^USSDMODE=?",
            "AT+ZPAS=?",
            "AT+CSCS=?",
            "AT+CNUM=?",
            "AT^CVOICE=0",
            "AT+CGMI",
            "AT+COPS=3,0",
            "AT+CMGF=0",
        ],
    ),
    ("simcom_sim800c", "simcom", &["AT+CLAC", "AT+VTS=?", "AT+CGMI"]),
    ("cinterion_mc75i", "cinterion", &["AT+CPMS=?", "AT+CNMI=?"]),
];

/// How long it is listened for what is not to come.
const QUIET: Duration = Duration::from_millis(10);

#[test]
fn each_profile_answers_as_its_transcript_does() {
    let Some(vectors) = vectors() else { return };
    for (transcript, profile, commands) in LEARNED {
        let text = std::fs::read_to_string(vectors.join(format!("transcripts/{transcript}.jsonl"))).unwrap();
        let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let network = Network::start(Settings::default()).unwrap();
        let modem = network
            .plug(ModemSpec {
                profile: Profile {
                    noise_ms: 0,
                    ..Profile::find(profile).unwrap()
                },
                ..ModemSpec::new(0)
            })
            .unwrap();
        let mut client = Client::ready(modem.path());
        client.ask("AT+CMEE=1");
        for command in commands {
            let row = rows
                .iter()
                .find(|row| row["command"] == *command && row["when"].is_null());
            let row = row.unwrap_or_else(|| panic!("{transcript} has no {command}"));
            let replies = row["replies"]
                .as_array()
                .unwrap()
                .iter()
                .map(|reply| reply.as_str().unwrap());
            let expected: String = replies.collect();
            client.write(&format!("{command}\r"));
            assert_eq!(client.exactly(expected.len()), expected, "{profile}: {command}");
            assert_eq!(client.rest(QUIET), "", "{profile}: {command}");
        }
    }
}

#[test]
fn makes_differ_where_it_hurts() {
    let network = Network::start(Settings::default()).unwrap();
    let plug = |index: usize, profile: &str| {
        let modem = network
            .plug(ModemSpec {
                profile: Profile::find(profile).unwrap(),
                ..ModemSpec::new(index)
            })
            .unwrap();
        let client = Client::ready(modem.path());
        (modem, client)
    };
    let (modem, mut huawei) = plug(0, "huawei");
    huawei.ask("AT+CNMI=2,1,0,0,0");
    network.text(modem.number(), "+4930", "x").unwrap();
    huawei.until("+CMTI: \"SM\",0\r\n");
    let (_, mut wavecom) = plug(1, "wavecom");
    wavecom.ask("AT+CMEE=1");
    assert_eq!(wavecom.ask("AT+CFUN=1"), "OK\r\n");
    assert_eq!(wavecom.ask("AT"), "+CME ERROR: 515\r\n");
    assert_eq!(wavecom.ask("AT"), "+CME ERROR: 515\r\n");
    assert_eq!(wavecom.ask("AT"), "OK\r\n");
    let (_, mut simcom) = plug(2, "simcom");
    super::line::wait(|| simcom.ask("AT+CSCA?").contains("+CSCA:"));
    simcom.write("AT+CMGS=17\r");
    // What it tells about its start may still come first.
    let prompt = simcom.until(">");
    assert!(prompt.ends_with("\r\n>"), "{prompt:?}");
    assert_eq!(simcom.rest(QUIET), "", "no blank behind the prompt");
    simcom.write("\u{1b}");
    assert!(
        simcom.ask("AT+CMGR=5").ends_with("\r\nOK\r\n"),
        "an empty place is no error"
    );
    assert!(
        simcom.ask("AT+CNMI=2,2,0,1,0").contains("ERROR"),
        "ds=1 is promised and refused"
    );
    let (_, mut zte) = plug(3, "zte");
    super::line::wait(|| zte.ask("AT+CSCA?").contains("+CSCA:"));
    assert!(zte.ask("AT+CSCA?").contains("+CSCA:"));
    zte.ask("AT+CSMP=17,167,0,0");
    assert_eq!(zte.ask("AT+CSCA?"), "OK\r\n", "+CSMP forgets the service centre");
}

/// The folder of the vectors; `None`, with a word, where there is none.
fn vectors() -> Option<PathBuf> {
    let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors"));
    let dir = std::env::var_os("SIMRELAY_VECTORS").map_or_else(default, PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(
        std::env::var_os("SIMRELAY_REQUIRE_VECTORS").is_none(),
        "no vectors at {}",
        dir.display()
    );
    eprintln!("skipped: no vectors at {}", dir.display());
    None
}
