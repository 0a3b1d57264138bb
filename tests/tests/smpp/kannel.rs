//! Kannel as an application: bearerbox binds, smsbox takes messages and tells receipts and received messages over HTTP.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use end_to_end::{Gateway, Submission, eventually, free_port, has_program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Centre, LONG};

/// bearerbox and smsbox. Dropping them kills them.
struct Kannel {
    boxes: Vec<Child>,
    /// Where smsbox takes messages.
    send: u16,
    /// Where it tells what came.
    mine: u16,
    /// What smsbox asks for over HTTP: `/receipt?…` and `/message?…`.
    told: Receiver<String>,
}

impl Kannel {
    fn start(centre: &Centre) -> Self {
        let [admin, inner, send] = [free_port(), free_port(), free_port()];
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mine = listener.local_addr().expect("an address").port();
        let (tell, told) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tell = tell.clone();
                thread::spawn(move || serve(&stream, &tell));
            }
        });
        let config = centre.rig.folder().join("kannel.conf");
        fs::write(&config, configuration(centre, [admin, inner, send, mine])).expect("written");
        let mut boxes = vec![spawn("bearerbox", &config)];
        eventually("bearerbox listens", LONG, || {
            TcpStream::connect(("127.0.0.1", inner)).ok()
        });
        boxes.push(spawn("smsbox", &config));
        eventually("smsbox listens", LONG, || TcpStream::connect(("127.0.0.1", send)).ok());
        Self {
            boxes,
            send,
            mine,
            told,
        }
    }

    /// The query of a message whose receipts are told under this name.
    fn wish(&self, name: &str, to: &str, more: &str) -> String {
        let url = format!(
            "http%3A%2F%2F127.0.0.1%3A{}%2Freceipt%3Fname%3D{name}%26type%3D%25d",
            self.mine
        );
        format!("to={to}&dlr-mask=3&dlr-url={url}&{more}")
    }

    /// Hands in messages, each with its own query, and asks for their receipts.
    fn submit(&self, queries: impl IntoIterator<Item = String>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.send)).expect("smsbox");
        let mut answers = BufReader::new(stream.try_clone().expect("a clone"));
        for query in queries {
            let path = format!("/cgi-bin/sendsms?username=shop&password=secret&{query}");
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            stream.write_all(request.as_bytes()).expect("it listens");
            let (status, body) = answer(&mut answers);
            assert!(status.contains(" 202 "), "{query}: {status} {body}");
        }
    }

    /// The next thing told on this path.
    fn hears(&self, path: &str) -> String {
        loop {
            let told = self
                .told
                .recv_timeout(LONG)
                .unwrap_or_else(|_| panic!("nothing on {path}"));
            if let Some(query) = told.strip_prefix(path) {
                return query.to_owned();
            }
        }
    }

    /// Ends it as its operator would.
    fn stop(mut self) {
        for child in self.boxes.iter_mut().rev() {
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
            kill(pid, Signal::SIGTERM).expect("it can be asked");
            child.wait().expect("it ends");
        }
    }
}

impl Drop for Kannel {
    fn drop(&mut self) {
        for child in &mut self.boxes {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Three sessions of all three kinds, and one with a wrong password.
fn configuration(centre: &Centre, [admin, inner, send, mine]: [u16; 4]) -> String {
    let log = centre.rig.folder().display();
    // They are one to kannel, as they are to us: a receipt comes over any session that takes it.
    let smsc = |password: &str, lines: &str| {
        format!(
            "group = smsc\nsmsc = smpp\nsmsc-id = shop\nhost = 127.0.0.1\nsmsc-username = shop\n\
             smsc-password = {password}\nsystem-type = \"\"\ninterface-version = 34\nreconnect-delay = 1\n{lines}\n\n"
        )
    };
    let port = centre.port;
    let mut text = format!(
        "group = core\nadmin-port = {admin}\nadmin-interface = 127.0.0.1\nadmin-password = x\nstatus-password = x\n\
         smsbox-port = {inner}\nsmsbox-interface = 127.0.0.1\nbox-allow-ip = 127.0.0.1\ndlr-storage = internal\n\
         log-file = \"{log}/bearerbox.log\"\nlog-level = 1\n\n"
    );
    text += &smsc("secret", &format!("port = {port}\ntransceiver-mode = true"));
    text += &smsc("secret", &format!("port = {port}"));
    text += &smsc("secret", &format!("receive-port = {port}"));
    text += &smsc("guess", &format!("port = {port}\ntransceiver-mode = true"));
    text += &format!(
        "group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {send}\nsendsms-interface = 127.0.0.1\n\
         global-sender = 123\nlog-file = \"{log}/smsbox.log\"\nlog-level = 1\n\n\
         group = sendsms-user\nusername = shop\npassword = secret\nmax-messages = 10\nconcatenation = true\n\n\
         group = sms-service\nkeyword = default\ncatch-all = true\nmax-messages = 0\n\
         get-url = \"http://127.0.0.1:{mine}/message?text=%b&coding=%c\"\n"
    );
    text
}

fn spawn(program: &str, config: &Path) -> Child {
    // Debian puts them where only root looks.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("env");
    command.arg(format!("PATH={path}")).arg(program).arg(config);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("it starts")
}

/// Takes requests, tells their paths, and answers with nothing.
fn serve(stream: &TcpStream, tell: &Sender<String>) {
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(request)) = lines.next() {
        while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
        let path = request.split(' ').nth(1).unwrap_or_default();
        // The test may be over.
        let _ = tell.send(path.to_owned());
        let mut stream = stream;
        if stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .is_err()
        {
            return;
        }
    }
}

/// An answer with its body.
fn answer(answers: &mut BufReader<TcpStream>) -> (String, String) {
    let mut line = || {
        let mut line = String::new();
        answers.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    };
    let status = line();
    let mut length = 0;
    loop {
        let header = line().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(told) = header.strip_prefix("content-length:") {
            length = told.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body).expect("a body");
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// A text as a URL carries it.
fn escaped(text: &str) -> String {
    text.bytes().map(|octet| format!("%{octet:02X}")).collect()
}

/// What a received message says, and in which coding it came.
fn message(query: &str) -> (String, String) {
    let (text, coding) = query
        .strip_prefix("?text=")
        .and_then(|rest| rest.split_once("&coding="))
        .expect("as it was asked for");
    let mut octets = Vec::new();
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        octets.push(match letter {
            b'+' => b' ',
            b'%' => {
                let digits = [letters.next().expect("a digit"), letters.next().expect("a digit")];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                u8::from_str_radix(digits, 16).expect("hex")
            }
            plain => plain,
        });
    }
    let text = match coding {
        "2" => {
            let units: Vec<u16> = octets
                .chunks_exact(2)
                .map(|unit| u16::from_be_bytes([unit[0], unit[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        }
        _ => String::from_utf8_lossy(&octets).into_owned(),
    };
    (text, coding.to_owned())
}

#[test]
fn kannel_gets_through_its_day() {
    if !has_program("bearerbox") || !has_program("smsbox") {
        return;
    }
    let centre = Centre::new("[store]\nuncertain_wait_s = 1");
    let gateway = centre.rig.start_ready();
    let kannel = Kannel::start(&centre);
    for mode in ["transceiver", "transmitter", "receiver"] {
        gateway.wait_log(&format!("mode={mode:?}"));
    }
    gateway.wait_log("an SMPP bind is refused");
    echoes(&centre, &kannel);
    let sent = (0..1000).map(|at| kannel.wish(&format!("n{at}"), &format!("%2B49301{at:04}"), "text=hi"));
    kannel.submit(sent);
    let told = receipts(&kannel, 1000);
    assert_eq!(told.len(), 1000);
    let gateway = lost(&centre, gateway, &kannel);
    kannel.stop();
    gateway.wait_log("the peer unbound");
    assert!(gateway.stop().success());
}

/// Messages to a SIM of the gateway come back the same, short and long.
fn echoes(centre: &Centre, kannel: &Kannel) {
    let to = escaped(centre.rig.modems[1].number());
    let long = "0123456789 € ".repeat(30);
    let texts = ["a@[€]", "Привет", long.as_str(), "flash"];
    let forms = ["coding=0", "coding=2", "coding=0", "coding=0&mclass=0"];
    let wishes = texts.iter().zip(forms).enumerate().map(|(at, (text, form))| {
        kannel.wish(
            &format!("e{at}"),
            &to,
            &format!("text={}&{form}&charset=UTF-8", escaped(text)),
        )
    });
    kannel.submit(wishes);
    let mut came: BTreeSet<String> = BTreeSet::new();
    while came.len() < texts.len() {
        let (text, coding) = message(&kannel.hears("/message"));
        assert!(texts.contains(&text.as_str()), "{text} in {coding}");
        assert_eq!(coding == "2", text == "Привет", "{text}");
        came.insert(text);
    }
    let sent = centre.rig.network.sent();
    let flash = sent.iter().find(|sent| sent.text.as_deref() == Some("flash"));
    let dcs = Submission::read(&flash.expect("it went out").tpdu).dcs;
    assert!(matches!(dcs, 0x10 | 0xF0), "{dcs:#x}");
}

/// The names of so many messages that were delivered.
fn receipts(kannel: &Kannel, count: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    while names.len() < count {
        let told = kannel.hears("/receipt");
        let (name, kind) = told
            .strip_prefix("?name=")
            .and_then(|rest| rest.split_once("&type="))
            .expect("as it was asked for");
        assert_eq!(kind, "1", "delivered: {told}");
        if name.starts_with('n') {
            names.insert(name.to_owned());
        }
    }
    names
}

/// The gateway dies while kannel submits. When it is back, so is kannel, and every message has its receipt.
fn lost(centre: &Centre, gateway: Gateway, kannel: &Kannel) -> Gateway {
    let sent = (0..300).map(|at| kannel.wish(&format!("n{at}"), &format!("%2B49302{at:04}"), "text=hi"));
    kannel.submit(sent);
    receipts(kannel, 30);
    gateway.kill();
    let gateway = centre.rig.start_ready();
    // The first thirty are among those that were told before.
    receipts(kannel, 270);
    gateway
}
