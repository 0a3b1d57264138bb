//! A certificate whose time is over: the gateway says so, and so do its clients.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use end_to_end::{Rig, Run, eventually, free_port, program};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

#[test]
fn an_expired_certificate_is_told_by_the_gateway_and_by_its_client() {
    let rig = Rig::new(0);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let expired = params.self_signed(&key).expect("a certificate");
    fs::write(rig.certificate(), expired.pem()).expect("written");
    fs::write(rig.folder().join("key.pem"), key.serialize_pem()).expect("written");

    let port = free_port();
    let log = rig.folder().join("expired.log");
    let output = fs::File::create(&log).expect("a log");
    let gateway = Command::new(program("simrelay"))
        .arg("serve")
        .arg("--config")
        .arg(rig.write_config(port))
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a log"))
        .stderr(output)
        .spawn();
    let _gateway = Killed(gateway.expect("the program starts"));
    let wait = |words: &str| {
        eventually(words, LIMIT, || {
            let log = fs::read_to_string(&log).ok()?;
            log.contains(words).then_some(())
        });
    };
    wait("listening on");
    wait("ERROR gateway::keeper: certificate: ");
    let mut client = Command::new(program("simrelay"));
    client
        .args(["health", "--url", &format!("https://localhost:{port}")])
        .env("SIMRELAY_CA", rig.certificate())
        .env("SIMRELAY_TOKEN", rig.token());
    let told = Run::of(&mut client);
    assert_eq!((told.code, told.err.contains("expired")), (3, true), "{told:?}");
}

/// A program that goes with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
