//! Upstreams come, change and go while the gateway works.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use end_to_end::{Gateway, Rig, eventually, free_port, relay, wait_bound};
use serde_json::{Value, json};
use smpp::{Body, Frame, FrameReader, Pdu, SmResp};

use crate::reload::{FAR, LIMIT, edit, reload, status};

/// The connection of a gateway to a message centre whose every PDU is in the test's hands.
struct Line {
    stream: TcpStream,
    reader: FrameReader,
}

impl Line {
    /// The next connection, bound.
    fn bound(centre: &TcpListener) -> Self {
        let (stream, _) = centre.accept().expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let mut line = Self {
            stream,
            reader: FrameReader::default(),
        };
        let bind = line.hears();
        assert!(matches!(bind.body, Body::BindTransceiver(_)), "{bind:?}");
        line.says(bind.sequence, Body::BindTransceiverResp(smpp::BindResp::default()));
        line
    }

    /// The next request that is no question whether somebody is there.
    fn hears(&mut self) -> Pdu {
        let mut octets = [0; 4096];
        loop {
            if let Some(Frame::Pdu(octets)) = self.reader.take() {
                let pdu = Pdu::decode(octets).expect("a PDU");
                match pdu.body {
                    Body::EnquireLink => self.says(pdu.sequence, Body::EnquireLinkResp),
                    _ => return pdu,
                }
            }
            let read = self.stream.read(&mut octets).expect("octets");
            assert!(read > 0, "the connection has ended");
            self.reader.receive(&octets[..read]);
        }
    }

    /// The next submit_sm, unanswered.
    fn submitted(&mut self) -> Pdu {
        let pdu = self.hears();
        assert!(matches!(pdu.body, Body::SubmitSm(_)), "{pdu:?}");
        pdu
    }

    fn says(&mut self, sequence: u32, body: Body) {
        let octets = Pdu::request(sequence, body).to_octets().expect("a PDU");
        self.stream.write_all(&octets).expect("written");
    }

    fn takes(&mut self, pdu: &Pdu, id: &str) {
        let resp = SmResp { message_id: id.into() };
        self.says(pdu.sequence, Body::SubmitSmResp(resp));
    }

    /// The gateway unbinds, and ends the connection then.
    fn sees_unbind(mut self) {
        let pdu = self.hears();
        assert!(matches!(pdu.body, Body::Unbind), "{pdu:?}");
        self.says(pdu.sequence, Body::UnbindResp);
        assert_eq!(self.stream.read(&mut [0; 16]).expect("the end"), 0);
    }
}

fn upstream(gateway: &Gateway, name: &str) -> Option<Value> {
    let told = gateway.api().call("upstreams.list", json!({})).ok()?;
    let found = told.as_array()?.iter().find(|one| one["upstream"] == name);
    found.cloned()
}

/// Has it read the file again, without the time that a program of its own takes: an answer is waited for seconds only.
fn reloaded(gateway: &Gateway) -> Value {
    gateway.api().call("config.reload", json!({})).expect("taken")
}

/// A section for a further upstream at this port; the password of the first one is its password, too.
fn section(rig: &Rig, name: &str, port: u16, lines: &str) -> String {
    let file = rig.folder().join("upstream.password");
    format!(
        "\n[upstreams.{name}]\naddress = \"localhost:{port}\"\nsystem_id = \"shop\"\npassword_file = {file:?}\n\
         receipts = false\nwindow = 1\n{lines}"
    )
}

#[test]
fn an_upstream_comes_changes_and_goes_and_no_other_route_is_touched() {
    let ports = [free_port(), free_port()];
    let [first, second] = ports.map(|port| TcpListener::bind(("127.0.0.1", port)).expect("a port"));
    let rig = relay(
        Rig::new(1),
        "stays",
        ports[0],
        "receipts = false\nonly_explicit = true\n",
    )
    .config("[gateway]\nreport = false");
    let gateway = rig.start_ready();
    let mut stays = Line::bound(&first);
    wait_bound(&gateway, ports[0], 1);
    let slot = gateway.slot("sim-0");
    let comes = |lines: &str| section(&rig, "comes", ports[1], lines);
    let send = |from: &str, text: &str| {
        let message = json!({ "to": FAR, "text": text, "from": from, "strict": false });
        gateway.api().send_with(message)
    };
    let sim = |id: &str| status(&gateway, id)["parts"][0]["sim"].clone();

    edit(&rig, |text| format!("{text}{}", comes("")));
    assert_eq!(reload(&rig, &gateway)["changed"], json!(["upstreams.comes (new)"]));
    let mut line = Line::bound(&second);
    wait_bound(&gateway, ports[1], 1);
    eventually("it can be sent over", LIMIT, || {
        (upstream(&gateway, "comes")?["state"] == "bound").then_some(())
    });
    let id = send("comes", "over the new one");
    let pdu = line.submitted();
    line.takes(&pdu, "1");
    assert_eq!(gateway.wait_state(&id, "sent", LIMIT)["parts"][0]["sim"], "comes");

    // Another setting: what is on its way gets its answer, and then it is bound to again.
    let open = send("comes", "on its way while it changes");
    let pdu = line.submitted();
    edit(&rig, |text| text.replace(&comes(""), &comes("service_type = \"X\"\n")));
    assert_eq!(reloaded(&gateway)["changed"], json!(["upstreams.comes"]));
    line.takes(&pdu, "2");
    line.sees_unbind();
    gateway.wait_state(&open, "sent", LIMIT);
    let mut line = Line::bound(&second);
    wait_bound(&gateway, ports[1], 2);

    // It goes: what is on its way gets its answer, what waits for it goes over another.
    eventually("it can be sent over", LIMIT, || {
        (upstream(&gateway, "comes")?["state"] == "bound").then_some(())
    });
    let open = send("comes", "on its way while it goes");
    let pdu = line.submitted();
    let waits = send("comes", "waits for it");
    edit(&rig, |text| text.replace(&comes("service_type = \"X\"\n"), ""));
    assert_eq!(reloaded(&gateway)["changed"], json!(["upstreams.comes (gone)"]));
    gateway.wait_state(&waits, "sent", LIMIT);
    assert_eq!(sim(&waits), "sim-0");
    line.takes(&pdu, "3");
    line.sees_unbind();
    let view = gateway.wait_state(&open, "sent", LIMIT);
    assert_eq!(
        (&view["parts"][0]["sim"], &view["maybe_twice"]),
        (&json!("comes"), &json!(false))
    );
    eventually("it is shown no more", LIMIT, || {
        upstream(&gateway, "comes").is_none().then_some(())
    });
    let refused = gateway
        .api()
        .refused("sms.send", json!({ "to": FAR, "text": "x", "from": "comes" }));
    assert_eq!(refused.field(), "from");

    // The others never noticed.
    let other = upstream(&gateway, "stays").expect("it is there");
    assert_eq!((&other["binds"], &other["drops"]), (&json!(1), &json!(0)), "{other:#}");
    assert_eq!(gateway.slot("sim-0")["initialisations"], slot["initialisations"]);
    let id = send("stays", "over the one that stays");
    let pdu = stays.submitted();
    stays.takes(&pdu, "4");
    assert_eq!(gateway.wait_state(&id, "sent", LIMIT)["parts"][0]["sim"], "stays");
}

#[test]
fn what_an_upstream_that_goes_never_answers_is_uncertain_and_a_bad_file_leaves_it_alone() {
    let port = free_port();
    let centre = TcpListener::bind(("127.0.0.1", port)).expect("a port");
    let lines = "receipts = false\nwindow = 1\nresponse_s = 600\n";
    let rig = relay(Rig::new(0), "phone", port, lines).config("[store]\nuncertain_wait_s = 600\n");
    let gateway = rig.start();
    let mut line = Line::bound(&centre);
    wait_bound(&gateway, port, 1);
    edit(&rig, |text| text.replace("window = 1", "window = 0"));
    assert_eq!(rig.cli(&gateway, &["reload"]).code, 1);
    let id = gateway.api().send(FAR, "never answered");
    line.submitted();
    edit(&rig, |text| {
        let (head, rest) = text.split_once("[upstreams.phone]").expect("the section");
        format!(
            "{head}{}",
            rest.split_once("[store]")
                .map_or(String::new(), |(_, rest)| format!("[store]{rest}"))
        )
    });
    assert_eq!(reload(&rig, &gateway)["changed"], json!(["upstreams.phone (gone)"]));
    line.sees_unbind();
    gateway.wait_state(&id, "uncertain", LIMIT);
}

#[test]
fn an_upstream_beyond_the_ports_that_were_left_open_waits_for_a_restart_alone() {
    let port = free_port();
    let centre = TcpListener::bind(("127.0.0.1", port)).expect("a port");
    let rig = relay(Rig::new(0), "phone", port, "").config(&format!("[hardening]\nconnect = [{port}]\n"));
    let gateway = rig.start();
    let _line = Line::bound(&centre);
    if !gateway.log().contains("files and ports confined") {
        eprintln!("skipped: this kernel has no Landlock");
        return;
    }
    edit(&rig, |text| {
        let open = text.replace("connect = [", "connect = [1, ");
        format!("{open}{}\n[log]\nlevel = \"debug\"\n", section(&rig, "other", 1, ""))
    });
    let told = reload(&rig, &gateway);
    assert_eq!(told["changed"], json!(["log.level"]), "{told:#}");
    let restart = told["needs_restart"].to_string();
    assert!(
        restart.contains("hardening") && restart.contains("upstreams.other (port 1 of"),
        "{restart}"
    );
    assert!(upstream(&gateway, "other").is_none());
}
