//! The listener for lines of JSON.

use std::io::Read;
use std::process::Command;
use std::time::Duration;

use rcgen::{CertificateParams, Issuer, KeyPair, generate_simple_self_signed};

use crate::site::{MEMORY, Site, most_memory, run};

#[test]
fn the_first_client_is_heard_in_silence() {
    let site = Site::new("", "");
    let gateway = site.rig.start();
    let (file, octets) = site.picture(100_000);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/alerts_in/first_client.py");
    let port = site.lines.to_string();
    let client = |more: &[&str]| {
        let mut python = Command::new("/usr/bin/python3");
        assert!(run(python.args([script, "127.0.0.1", &port]).args(more)));
    };
    client(&["MOTION_DETECTED", "cam1", file.to_str().expect("UTF-8")]);
    client(&["DOOR_OPENED", "Tür é"]);
    let kept = site.kept(2);
    assert_eq!(
        (&kept[0].alert["event"], &kept[0].alert["camera"]),
        (&"MOTION_DETECTED".into(), &"cam1".into())
    );
    assert_eq!(
        (&kept[0].alert["images"][0]["name"], &kept[0].pictures),
        (&"frame.jpg".into(), &vec![octets])
    );
    assert_eq!(kept[1].alert["camera"], "Tür é");
    let mut silent = site.connect().writer();
    silent
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a limit");
    std::io::Write::write_all(&mut silent, b"{}\n[]\n").expect("said");
    site.kept(3);
    assert!(silent.read(&mut [0]).is_err(), "not an octet is answered");
    assert!(gateway.stop().success());
}

#[test]
fn whatever_comes_over_the_wire_connection_and_service_go_on() {
    let site = Site::new("ack = true", "");
    let gateway = site.rig.start();
    let mut client = site.connect();
    let refused = |client: &mut crate::site::Client, line: &[u8], words: &str| {
        client.say(line);
        let answer = client.hear();
        assert_eq!(answer["ok"], false, "{answer}");
        assert!(answer["error"].as_str().expect("a reason").contains(words), "{answer}");
    };
    for octet in b"{\"event\":\"dribbled\"}\n" {
        client.say(&[*octet]);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(client.hear()["number"], 1);
    refused(&mut client, b"[]\n", "a list instead of an object");
    refused(&mut client, b"5\n", "a number instead of an object");
    refused(&mut client, b"{\"event\":\n", "not JSON");
    refused(&mut client, b"{\"event\":\"\xff\xfe\"}\n", "not UTF-8");
    client.say(&vec![b'x'; 100_000_000]);
    refused(
        &mut client,
        b"\n",
        "it has 100000000 octets, and alerts.listener.line_bytes is 8388608",
    );
    client.say(b"{\"event\":\"A\\r\\nBcc: a@b\",\"camera\":\"c\\n\"}\n");
    client.say(b"{\"event\":\"P\",\"image_filename\":\"../../x\",\"image_b64\":\"!!\"}\n");
    client.say(b"{\"event\":\"N\",\"image_filename\":\"../../x\",\"image_b64\":\"TVqQAAMAAAA=\"}\n");
    for number in 2..=4 {
        assert_eq!(client.hear()["number"], number);
    }
    let kept = site.kept(4);
    assert_eq!(
        (&kept[1].alert["event"], &kept[1].alert["camera"]),
        (&"A Bcc: a@b".into(), &"c".into())
    );
    assert_eq!(kept[2].alert["left_out"][0], "picture ../../x: it is not in base64");
    assert_eq!(
        kept[3].alert["left_out"][0],
        "picture ../../x: it is no JPEG, PNG, GIF, WebP or BMP"
    );
    assert!(!site.rig.folder().join("x").exists() && !site.rig.data().join("x").exists());
    let log = gateway.log();
    for words in [
        "a line is no alert and is skipped: a list instead of an object",
        "100000000 octets",
        "not UTF-8",
    ] {
        assert!(log.contains(words), "{log}");
    }
    assert!(!log.contains("panicked"), "{log}");
    assert!(most_memory(&gateway) < MEMORY, "{} MB", most_memory(&gateway));
    assert!(gateway.stop().success());
}

#[test]
fn the_client_of_the_program_shows_token_and_certificate() {
    let site = Site::new("", "");
    let folder = site.rig.folder().to_owned();
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![]).expect("an authority");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("an authority");
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["nvr".into()]).expect("a certificate");
    let certificate = certificate.signed_by(&own, &issuer).expect("signed");
    let stranger = generate_simple_self_signed(["nvr".to_owned()]).expect("a certificate");
    for (name, text) in [
        ("authority.pem", authority.pem()),
        ("own.pem", certificate.pem()),
        ("own.key", own.serialize_pem()),
        ("stranger.pem", stranger.cert.pem()),
        ("stranger.key", stranger.signing_key.serialize_pem()),
        ("token", "correct horse\n".to_owned()),
    ] {
        std::fs::write(folder.join(name), text).expect("written");
    }
    let lines = site.lines;
    let rig = site.rig.replace_config(&format!(
        "[alerts.listener]\nlisten = [\"127.0.0.1:{lines}\"]\ntls = true\nack = true\n\
         client_ca = {:?}\nsecret = \"correct horse\"",
        folder.join("authority.pem")
    ));
    let site = Site { rig, ..site };
    let gateway = site.rig.start();
    let (picture, octets) = site.picture(5_000);
    let send = |own: &str, token: &str| {
        let path = |name: String| folder.join(name).display().to_string();
        let mut args: Vec<String> = [
            "alert",
            "send",
            "--event",
            "TAMPER_DETECTED",
            "--camera",
            "gate",
            "--severity",
            "critical",
        ]
        .map(String::from)
        .into();
        args.extend([
            "--text".into(),
            "somebody is there".into(),
            "--image".into(),
            picture.display().to_string(),
        ]);
        args.extend([
            "--port".into(),
            lines.to_string(),
            "--host".into(),
            "localhost".into(),
            "--tls".into(),
            "--ack".into(),
        ]);
        args.extend([
            "--client-cert".into(),
            path(format!("{own}.pem")),
            "--client-key".into(),
            path(format!("{own}.key")),
        ]);
        args.extend(["--alert-token-file".into(), path(token.into())]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        site.rig.cli(&gateway, &args)
    };
    let sent = send("own", "token");
    assert_eq!((sent.code, sent.out.trim()), (0, "kept as alert 1"), "{sent:?}");
    let refused = send("own", "own.key");
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("its token is missing or wrong"), "{refused:?}");
    let stranger = send("stranger", "token");
    assert_eq!(stranger.code, 3, "{stranger:?}");
    let kept = site.kept(1);
    assert_eq!(
        (&kept[0].alert["severity"], &kept[0].alert["text"]),
        (&"critical".into(), &"somebody is there".into())
    );
    assert_eq!(kept[0].pictures, [octets]);
    assert!(!gateway.log().contains("correct horse"));
    assert!(gateway.stop().success());
}
