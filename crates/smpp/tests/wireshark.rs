//! What we write, read by somebody else's decoder.

use std::{env, fs, process::Command};

use smpp::{
    Bind, Body, Coding, DefaultAlphabet, Pdu, Sm, SmResp,
    capture::{Stamp, Writer},
};

/// Runs tshark, or says that it is missing.
fn tshark(arguments: &[&str]) -> Option<String> {
    match Command::new("tshark").args(arguments).output() {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) if env::var("SIMRELAY_REQUIRE_PEERS").is_ok_and(|value| value == "1") => panic!("tshark: {error}"),
        Err(error) => {
            eprintln!("skipped: tshark: {error}");
            None
        }
    }
}

/// A file with a session over this pair of addresses.
fn session(from: &str, to: &str) -> Vec<u8> {
    let address = |text: &str| text.parse().expect("an address");
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file);
    let connection = writer.open(address(from), address(to), Stamp::new(1_700_000_000, 5), &mut file);
    let text = "Привет, мир";
    let sm = |sequence: u32| Sm {
        source_addr: "1234".into(),
        destination_addr: format!("4917000{sequence}").into(),
        data_coding: Coding::UCS2.0,
        short_message: Coding::UCS2.encode(text, DefaultAlphabet::Gsm7).expect("UCS-2").into(),
        ..Sm::default()
    };
    let bind = Bind {
        system_id: "app".into(),
        interface_version: 0x34,
        ..Bind::default()
    };
    let mut up = Pdu::request(1, Body::BindTransceiver(bind)).to_octets().expect("a PDU");
    for sequence in 2..1000 {
        Pdu::request(sequence, Body::SubmitSm(sm(sequence)))
            .encode(&mut up)
            .expect("a PDU");
    }
    let mut down = Vec::new();
    for sequence in 2..1000 {
        let resp = SmResp {
            message_id: sequence.to_string().into(),
        };
        Pdu::request(sequence, Body::SubmitSmResp(resp))
            .encode(&mut down)
            .expect("a PDU");
    }
    for (forth, octets, second) in [(true, up, 1), (false, down, 2)] {
        for piece in octets.chunks(1447) {
            writer.write(
                connection,
                forth,
                piece,
                Stamp::new(1_700_000_000 + second, 0),
                &mut file,
            );
        }
    }
    writer.close(connection, Stamp::new(1_700_000_003, 0), &mut file);
    file
}

#[test]
fn wireshark_reads_every_pdu_and_finds_every_checksum_right() {
    for (from, to) in [
        ("192.0.2.1:40000", "192.0.2.2:2775"),
        ("[2001:db8::1]:40000", "[2001:db8::2]:2775"),
    ] {
        let path = env::temp_dir().join(format!("simrelay-{}-{}.pcapng", std::process::id(), from.len()));
        fs::write(&path, session(from, to)).unwrap();
        let name = path.to_string_lossy();
        let checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
        let read = |filter: &str, field: &str| {
            let arguments = [
                &["-r", &name][..],
                &checks,
                &["-Y", filter, "-T", "fields", "-e", field],
            ]
            .concat();
            tshark(&arguments)
        };
        let Some(ids) = read("smpp", "smpp.command_id") else {
            return;
        };
        let bad = "tcp.checksum.status != 1 or ip.checksum.status != 1 or _ws.malformed or tcp.analysis.flags";
        let bad = read(bad, "frame.number").unwrap();
        let texts = read("smpp.command_id == 4", "smpp.message").unwrap();
        fs::remove_file(&path).unwrap();
        let count = |id: &str| ids.matches(id).count();
        assert_eq!(
            (count("0x00000004"), count("0x80000004"), count("0x00000009")),
            (998, 998, 1)
        );
        assert_eq!(bad, "", "frames");
        assert!(!texts.is_empty());
    }
}
