//! The whole move: SMSgate's files, the import, the gateway on what it made, and an old client with its old token.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use end_to_end::{Following, Rig, Run, eventually, free_port, program};
use serde_json::json;

use crate::Python;

const LONG: Duration = Duration::from_secs(60);

const TOKEN: &str = "Zq3xT9bLm0RkWv7yPd2sHc5nJf8aGe";

#[test]
fn an_old_client_finds_the_new_gateway_on_its_old_settings() {
    let rig = Rig::new(2);
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    write_old_files(&rig, folder.path(), port);
    let old = |name: &str| folder.path().join(name).display().to_string();
    let made = Run::of(Command::new(program("simrelay")).args([
        "import-smsgate",
        &old("conf/smsgate.conf"),
        &old("conf/sim-cards.conf"),
    ]));
    assert_eq!(made.code, 0, "{made:?}");
    assert!(!made.err.contains("$2b$"), "{}", made.err);
    let file = folder.path().join("simrelay.toml");
    fs::write(&file, &made.out).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("closed");

    let mut serve = Command::new(program("simrelay"));
    serve
        .args(["serve", "--config"])
        .arg(&file)
        .env("SIMRELAY__DATA", rig.data());
    let _gateway = Following::start(&mut serve);
    eventually("it listens", LONG, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let mut python = Python::new(port, &rig.certificate());
    let (from, to) = (rig.modems[0].number(), rig.modems[1].number());
    eventually("the modems are ready", LONG, || {
        let ready = ["00", "Pool-B"].map(|modem| python.stats(TOKEN, modem)["status"] == "Ready.");
        (ready == [true, true]).then_some(())
    });
    let id = python.value(json!(["send_sms", TOKEN, from, to, "from the old world", false]));
    eventually("it is delivered", LONG, || {
        (python.value(json!(["get_delivery_status", TOKEN, id])) == true).then_some(())
    });
    let got = eventually("it is fetched", LONG, || {
        python.value(json!(["get_sms", TOKEN, to])).get(0).cloned()
    });
    assert_eq!(
        (&got["text"], &got["receiving_modem"]),
        (&json!("from the old world"), &json!("Pool-B"))
    );
    let hints = fs::read_to_string(folder.path().join("hints")).expect("read");
    let known = |path: &Path| hints.contains(&format!(" {}\n", path.display()));
    assert!(
        known(rig.modems[0].path()) && hints.contains("ttyUSB7"),
        "the old hints are read on: {hints}"
    );
    let (code, _) = python.call(json!(["get_sms", TOKEN, from])).expect_err("a fault");
    assert_eq!(code, 401, "the token was named for the other modem alone");
}

fn write_old_files(rig: &Rig, folder: &Path, port: u16) {
    fs::create_dir(folder.join("conf")).expect("a folder");
    fs::copy(rig.certificate(), folder.join("cert.pem")).expect("copied");
    fs::copy(rig.folder().join("key.pem"), folder.join("key.pem")).expect("copied");
    fs::write(folder.join("hints"), "351234567890123 /dev/ttyUSB7\n").expect("written");
    let hash = bcrypt::hash(TOKEN, 4).expect("a hash");
    let main = format!(
        "[mail]\nenabled = False\n[server]\nhost = localhost\nport = {port}\ncertificate = cert.pem\nkey = key.pem\n\
         [api]\nenable_send_sms = True\nenable_send_ussd = True\ntoken_send_sms = {hash}\ntoken_send_ussd = {hash}\n\
         token_get_health_state = {hash}\ntoken_get_stats = {hash}\ntoken_Pool-B_get_sms = {hash}\n\
         [modempool]\nsms_self_test_interval = monthly\nserial_ports_hint_file = {}\n[logging]\nlevel = INFO\n",
        folder.join("hints").display()
    );
    let card = |name: &str, index: usize| {
        let modem = &rig.modems[index];
        let (path, number) = (modem.path().display(), modem.number());
        format!("[{name}]\nport = {path}\nphone_number = {number}\nprefixes = +49\ncosts_per_sms = 0.09\n")
    };
    fs::write(folder.join("conf/smsgate.conf"), main).expect("written");
    fs::write(folder.join("conf/sim-cards.conf"), card("00", 0) + &card("Pool-B", 1)).expect("written");
}
