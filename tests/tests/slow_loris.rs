//! Clients that take for ever, on every listener: an octet now and then, never an end. They are sent away, and others are
//! served meanwhile.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use end_to_end::{Gateway, Rig, eventually, free_port};
use serde_json::json;
use smpp::{Bind, Body, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const LONG: Duration = Duration::from_secs(60);

/// A gateway with every listener, whose patience is short.
struct House {
    rig: Rig,
    mail: u16,
    mail_tls: u16,
    lines: u16,
    posts: u16,
    smpp: u16,
    smpp_tls: u16,
}

impl House {
    fn new() -> Self {
        let [mail, mail_tls, lines, posts, smpp, smpp_tls] = [(); 6].map(|()| free_port());
        let rig = Rig::new(1).config(&format!(
            "[api.limits]\nhandshake_s = 2\nheader_s = 2\nbody_s = 2\nidle_s = 2\nconnections_per_address = {MANY}\n\
             [smtp]\nlisten = [\"127.0.0.1:{mail}\"]\nlisten_tls = [\"127.0.0.1:{mail_tls}\"]\nidle_s = 2\ntotal_s = 4\n\
             connections_per_address = {MANY}\n\
             [alerts.listener]\nlisten = [\"127.0.0.1:{lines}\"]\nack = true\nidle_s = 2\nline_s = 2\n\
             connections_per_address = {MANY}\n\
             [alerts.http]\nlisten = [\"127.0.0.1:{posts}\"]\nidle_s = 2\nrequest_s = 2\nconnections_per_address = {MANY}\n\
             [smpp]\nlisten = [\"127.0.0.1:{smpp}\"]\nlisten_tls = [\"127.0.0.1:{smpp_tls}\"]\nbind_s = 2\nresponse_s = 2\n\
             connections_per_address = {MANY}\n[[smpp.accounts]]\nsystem_id = \"shop\"\nhash = \"{HASH}\"\n"
        ));
        Self {
            rig,
            mail,
            mail_tls,
            lines,
            posts,
            smpp,
            smpp_tls,
        }
    }

    /// What a slow client says at each port, and what it goes on with.
    fn attacks(&self, api: u16) -> Vec<(&'static str, u16, &'static [u8], u8)> {
        vec![
            ("API: the handshake", api, HELLO, 0),
            ("API: nothing", api, b"", 0),
            ("mail: a command", self.mail, b"EHLO ", b'a'),
            ("mail: many commands", self.mail, b"EHLO a\r\n", b'\n'),
            ("mail: the handshake", self.mail_tls, HELLO, 0),
            ("SMPP: a bind", self.smpp, BIND, b'a'),
            ("SMPP: nothing", self.smpp, b"", 0),
            ("SMPP: the handshake", self.smpp_tls, HELLO, 0),
            ("lines: a line", self.lines, b"{\"event\": \"", b'a'),
            ("lines: nothing", self.lines, b"", 0),
            (
                "posts: a head",
                self.posts,
                b"POST /alert HTTP/1.1\r\nHost: x\r\nX: ",
                b'a',
            ),
            (
                "posts: a body",
                self.posts,
                b"POST /alert HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
                b' ',
            ),
        ]
    }

    /// Everybody else.
    fn honest(&self, gateway: &Gateway) {
        gateway.api().call("ping", json!({})).expect("the API answers");
        let mut greeting = [0; 4];
        connect(self.mail).read_exact(&mut greeting).expect("a greeting");
        assert_eq!(&greeting, b"220 ");
        let mut application = connect(self.smpp);
        application.write_all(ENQUIRE_LINK).expect("asked");
        let mut answer = [0; 16];
        application.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer[..4], &[0, 0, 0, 16]);
        let mut lines = connect(self.lines);
        lines
            .write_all(b"{\"event\": \"MOTION\", \"camera\": \"gate\"}\n")
            .expect("a line");
        let mut answer = String::new();
        BufReader::new(lines).read_line(&mut answer).expect("an answer");
        assert!(answer.contains("ok") || answer.contains("id"), "{answer}");
        let mut post = connect(self.posts);
        let body = "{\"event\": \"MOTION\", \"camera\": \"gate\"}";
        let head = format!(
            "POST /alert HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        post.write_all(format!("{head}{body}").as_bytes()).expect("a post");
        let mut answer = String::new();
        BufReader::new(post).read_line(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn clients_that_take_for_ever_are_sent_away_from_every_listener_and_hold_up_nobody() {
    let house = House::new();
    let gateway = house.rig.start_ready();
    let runtime = Runtime::new().expect("a runtime");
    let mut slow = JoinSet::new();
    for (what, port, begins, goes_on) in house.attacks(gateway.api().port()) {
        for _ in 0..MANY / 2 {
            slow.spawn_on(drip(what, port, begins, goes_on), runtime.handle());
        }
    }
    house.honest(&gateway);
    runtime.block_on(async {
        while let Some(sent_away) = slow.join_next().await {
            sent_away.expect("sent away")
        }
    });
    house.honest(&gateway);
    let health = gateway.api().call("health", json!({})).expect("health");
    assert_eq!(health["findings"], json!([]), "{health:#}");
}

/// A client from another address that writes an octet at a time until it is sent away.
async fn drip(what: &'static str, port: u16, begins: &'static [u8], goes_on: u8) {
    let mut stream = elsewhere(port).await;
    let dripping = async {
        // One that is sent away early cannot write any more.
        let mut wrote = stream.write_all(begins).await;
        let mut heard = [0; 1024];
        while wrote.is_ok() {
            match timeout(PAUSE, stream.read(&mut heard)).await {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(_)) => sleep(PAUSE).await,
                Err(_) => {}
            }
            if !begins.is_empty() {
                wrote = stream.write_all(&[goes_on]).await;
            }
        }
    };
    assert!(timeout(LONG, dripping).await.is_ok(), "{what}: it may stay for ever");
}

/// An application that asks and never reads an answer: also the answers that wait for it are somebody's memory and place.
#[test]
fn clients_that_never_read_what_they_ask_for_are_sent_away_bound_or_not() {
    let house = House::new();
    let gateway = house.rig.start_ready();
    let runtime = Runtime::new().expect("a runtime");
    let mut deaf = JoinSet::new();
    for place in 0..MANY {
        deaf.spawn_on(pour(house.smpp, place % 2 == 0), runtime.handle());
    }
    runtime.block_on(async {
        while let Some(sent_away) = deaf.join_next().await {
            sent_away.expect("sent away")
        }
    });
    let answered = || async {
        let mut stream = elsewhere(house.smpp).await;
        stream.write_all(ENQUIRE_LINK).await.ok()?;
        stream.read_exact(&mut [0; 16]).await.ok()
    };
    eventually("their places are free", LONG, || {
        runtime.block_on(async { timeout(LONG, answered()).await.ok().flatten() })
    });
    house.honest(&gateway);
}

/// A client from another address that writes and never reads, until it is sent away.
async fn pour(port: u16, binds: bool) {
    let mut stream = elsewhere(port).await;
    let bind = Pdu::request(
        1,
        Body::BindTransceiver(Bind {
            system_id: "shop".into(),
            password: "secret".into(),
            interface_version: 0x34,
            ..Bind::default()
        }),
    );
    if binds {
        let bind = bind.to_octets().expect("a PDU");
        stream.write_all(&bind).await.expect("written");
        let mut header = [0; 16];
        stream.read_exact(&mut header).await.expect("an answer");
        assert_eq!(header[4..12], [0x80, 0, 0, 9, 0, 0, 0, 0], "bound");
    }
    let questions = ENQUIRE_LINK.repeat(4096);
    let pouring = async { while stream.write_all(&questions).await.is_ok() {} };
    assert!(
        timeout(LONG, pouring).await.is_ok(),
        "bound {binds}: it may stay for ever"
    );
}

async fn elsewhere(port: u16) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((ELSEWHERE, 0))).expect("an address");
    let there = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket.connect(there).await.expect("a connection")
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a limit");
    stream
}

/// How many connections one address may have at a port; the slow ones take that many.
const MANY: usize = 4;

/// Another machine, as far as a listener can tell.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const PAUSE: Duration = Duration::from_millis(100);

/// The beginning of a TLS handshake: a record of 512 octets with a ClientHello in it (RFC 8446 5.1, 4.1.2).
const HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

/// The header of a bind_transceiver of 4000 octets (SMPP 3.4 3.2), which come one at a time.
const BIND: &[u8] = &[0, 0, 0x0f, 0xa0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1];

/// An enquire_link (SMPP 3.4 4.11.1).
const ENQUIRE_LINK: &[u8] = &[0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 1];

/// A bcrypt hash of `secret`.
const HASH: &str = "$2b$04$hzMC8BYEEHcz.NyVVz0bb.86Kn7Jz5p6MFzMqPPkIf5UZzOwBo2Zy";
