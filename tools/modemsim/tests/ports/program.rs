//! The program: ports on its output, commands on its control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::client::{Client, hello};

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_program_tells_its_ports_and_obeys_its_control_socket() {
    let dir = tempfile::tempdir().unwrap();
    let control = dir.path().join("control");
    let mut child = Command::new(env!("CARGO_BIN_EXE_modemsim"))
        .args([
            "--modems",
            "3",
            "--latency",
            "5ms",
            "--profile",
            "quectel",
            "--profile",
            "huawei",
        ])
        .arg("--dir")
        .arg(dir.path())
        .arg("--control")
        .arg(&control)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut program = Program(child);
    let lines: Vec<String> = lines.take_while(|line| line != "ready").collect();
    let expected = (1..=3).map(|nth| format!("{}/modem-0{nth} +4915100000{nth}", dir.path().display()));
    assert_eq!(lines, expected.collect::<Vec<_>>());

    let mut client = Client::ready(&dir.path().join("modem-02"));
    assert!(client.ask("AT+CGMI").contains("huawei"));
    assert!(client.send_pdu(&hello("+49151000003", false)).contains("+CMGS: 1"));
    let mut control = BufReader::new(UnixStream::connect(&control).unwrap());
    let mut ask = |command: Value| -> Value {
        control.get_mut().write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut line = String::new();
        control.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    };
    let sent = ask(json!({"cmd": "sent"}));
    assert_eq!(sent["reply"]["sent"][0]["text"], "hello");
    let mut stored = || ask(json!({"cmd": "stored", "modem": 2}))["reply"]["stored"][0]["memory"].clone();
    super::line::wait(|| !stored().is_null());
    assert_eq!(stored(), "ME");
    assert_eq!(
        ask(json!({"cmd": "fault", "modem": 1, "fault": {"kind": "unplug"}}))["reply"],
        "done"
    );
    assert!(client.is_hung_up());
    assert!(ask(json!({"cmd": "nonsense"}))["error"].is_string());
    assert!(ask(json!({"cmd": "stored", "modem": 7}))["error"].is_string());

    terminate(program.0.id());
    assert!(program.0.wait().unwrap().success());
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "symlinks and socket are gone"
    );
}

fn terminate(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a process id fits"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("our own child takes a signal");
}
