//! How applications are known: by a password that was made for them, or by a certificate; and that it is noted.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use end_to_end::program;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use smpp::Status;

use crate::esme::Esme;
use crate::{Centre, HASH, LONG};

/// A certificate of an application.
struct Identity(CertifiedKey<rcgen::KeyPair>);

impl Identity {
    fn new() -> Self {
        Self(generate_simple_self_signed(vec!["shop.example".into()]).expect("a certificate"))
    }

    fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.cert.der());
        digest.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

/// A connection with TLS, and the certificate where there is one.
fn connect(centre: &Centre, identity: Option<&Identity>) -> Esme<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    let pem = fs::read(centre.rig.certificate()).expect("the gateway's certificate");
    roots
        .add(CertificateDer::from_pem_slice(&pem).expect("PEM"))
        .expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(Identity(own)) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
            config
                .with_client_auth_cert(vec![own.cert.der().clone()], key)
                .expect("a certificate and its key")
        }
    };
    let session = ClientConnection::new(Arc::new(config), "localhost".try_into().expect("a name")).expect("a session");
    let socket = TcpStream::connect(("127.0.0.1", centre.tls)).expect("a connection");
    socket.set_read_timeout(Some(LONG)).expect("a limit");
    Esme::over(StreamOwned::new(session, socket))
}

#[test]
fn a_certificate_stands_for_the_password_or_beside_it() {
    let (own, other) = (Identity::new(), Identity::new());
    let certificates = format!("certificates = [{:?}]", own.fingerprint());
    for (centre, password) in [
        (Centre::raw(&format!("receive = false\n{certificates}")), "whatever"),
        (
            Centre::raw(&format!("receive = false\nhash = \"{HASH}\"\n{certificates}")),
            "secret",
        ),
    ] {
        let gateway = centre.rig.start_ready();
        for stranger in [None, Some(&other)] {
            let status = connect(&centre, stranger).bind_with(password, 0x34).status;
            assert_eq!(status, Status::INVALID_PASSWORD);
        }
        assert_eq!(
            Esme::connect(centre.port).bind_with(password, 0x34).status,
            Status::INVALID_PASSWORD
        );
        if password == "secret" {
            assert_eq!(
                connect(&centre, Some(&own)).bind_with("guess", 0x34).status,
                Status::INVALID_PASSWORD
            );
        }
        let mut esme = connect(&centre, Some(&own));
        assert_eq!(esme.bind_with(password, 0x34).status, Status::OK);
        let id = esme.submit(crate::esme::sm(centre.rig.modems[1].number(), "known"));
        gateway.wait_state(&id, "sent", LONG);
        esme.unbinds();
        assert!(gateway.stop().success());
    }
}

#[test]
fn a_password_that_was_made_lets_its_application_in_and_binds_are_noted() {
    let made = Command::new(program("simrelay"))
        .args([
            "smpp",
            "account",
            "shop",
            "--prefix",
            "+49",
            "--network",
            "127.0.0.0/8",
            "--json",
        ])
        .output()
        .expect("it runs");
    assert!(made.status.success(), "{made:?}");
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let text = |key: &str| made[key].as_str().expect("a text").to_owned();
    let lines = text("toml").replace("[[smpp.accounts]]\nsystem_id = \"shop\"\n", "");
    let centre = Centre::raw(&format!("{lines}\nbinds = 1"));
    let gateway = centre.rig.start_ready();
    assert_eq!(
        Esme::connect(centre.port).bind_with("12345678", 0x34).status,
        Status::INVALID_PASSWORD
    );
    let mut esme = Esme::connect(centre.port);
    assert_eq!(esme.bind_with(&text("password"), 0x34).status, Status::OK);
    let second = Esme::connect(centre.port).bind_with(&text("password"), 0x34);
    assert_eq!(second.status, Status::BIND_FAILED, "no place is left");
    esme.unbinds();
    assert!(gateway.stop().success());
    let listed = Command::new(program("simrelay"))
        .args(["audit", "list", "--json", "--data"])
        .arg(centre.rig.data())
        .output()
        .expect("it runs");
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    let noted = |what: &str| listed.matches(what).count();
    assert_eq!((noted("smpp.refused"), noted("smpp.bound")), (2, 1), "{listed}");
    assert!(
        listed.contains("from 127.0.0.1") && listed.contains("smpp.shop"),
        "{listed}"
    );
    assert!(!listed.contains("12345678"));
}
