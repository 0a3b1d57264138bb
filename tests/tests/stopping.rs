//! SIGTERM: an exchange with a modem is finished and kept, whoever waits is told, and it ends in time.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use end_to_end::{Rig, eventually, program};
use modemsim::{Fault, ModemSpec, Settings};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

#[test]
fn an_open_exchange_is_finished_and_kept() {
    let settings = Settings {
        latency: Duration::from_secs(3),
        ..Settings::default()
    };
    let rig = Rig::with(settings, [ModemSpec::new(0)]).config("[gateway]\nreport = false");
    let gateway = rig.start_ready();
    let open = gateway.api().send(FAR, "with the modem");
    let waiting = gateway.api().send(FAR, "still waiting");
    eventually("the first is with the modem", LIMIT, || {
        let view = gateway.api().call("sms.status", json!({ "id": open })).ok()?;
        (view["parts"][0]["state"] == "attempting").then_some(())
    });
    let exit = gateway.stop();
    assert!(exit.success(), "{exit}");
    let sent = rig.network.sent();
    assert_eq!(
        sent.len(),
        1,
        "the open one is finished, nothing new is begun: {sent:#?}"
    );
    assert_ne!(sent[0].replied_us, 0, "it waited for the answer");

    let gateway = rig.start();
    assert!(!gateway.log().contains("were with a modem when the gateway ended last"));
    let view = gateway
        .api()
        .call("sms.status", json!({ "id": open }))
        .expect("its status");
    assert_eq!(
        (&view["state"], &view["maybe_twice"]),
        (&json!("sent"), &json!(false)),
        "{view:#}"
    );
    gateway.wait_state(&waiting, "sent", LIMIT);
    assert_eq!(rig.network.sent().len(), 2);
}

#[test]
fn a_second_signal_does_not_wait_for_the_modem() {
    let rig = Rig::new(1).config("[store]\nuncertain_wait_s = 1");
    let gateway = rig.start_ready();
    rig.modems[0]
        .fault(Fault::HangAfterCtrlZ { sent: true })
        .expect("a fault");
    let id = gateway
        .api()
        .send_with(json!({ "to": FAR, "text": "never answered", "report": false }));
    assert_eq!(rig.network.wait_sent(1, LIMIT).len(), 1);
    gateway.terminate();
    eventually("it waits for the modem", LIMIT, || {
        gateway
            .log()
            .contains("waiting for the consumers and the modems")
            .then_some(())
    });
    gateway.terminate();
    let exit = gateway.wait(SOON);
    assert!(exit.success(), "{exit}");

    // As after a crash: the part is in doubt, sent once more, and says so.
    rig.modems[0].fault(Fault::Heal).expect("healed");
    let gateway = rig.start();
    let view = gateway.wait_state(&id, "sent", LIMIT);
    assert_eq!(view["maybe_twice"], true, "{view:#}");
}

#[test]
fn whoever_waits_for_a_message_is_let_go() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let api = gateway.api().clone();
    let poll = std::thread::spawn(move || {
        let begun = Instant::now();
        let answer = api.call("sms.fetch", json!({ "wait_s": 60 }));
        (begun.elapsed(), answer)
    });
    // The call is on its way or waits; both have to end.
    std::thread::sleep(Duration::from_millis(500));
    gateway.terminate();
    let exit = gateway.wait(SOON);
    assert!(exit.success(), "{exit}");
    let (took, answer) = poll.join().expect("it ends");
    assert!(took < SOON, "it waited {took:?}: {answer:?}");
    if let Ok(page) = answer {
        assert_eq!(page["messages"], json!([]));
    }
}

#[test]
fn whoever_listens_hears_an_orderly_end() {
    let rig = Rig::new(1);
    let gateway = rig.start_ready();
    let mut subscriber = rig.socket(&gateway);
    assert!(subscriber.call("sms.subscribe", json!({}))["result"].is_string());
    let mut poller = rig.socket(&gateway);
    poller.ask("sms.fetch", json!({ "wait_s": 60 }));
    let api = gateway.api().clone();
    let poll = std::thread::spawn(move || api.call("sms.fetch", json!({ "wait_s": 60 })));
    // Nobody shows from outside that a long poll has begun; on a busy machine it may only just have.
    std::thread::sleep(Duration::from_millis(500));

    let begun = Instant::now();
    gateway.terminate();
    assert_eq!(poller.answer()["result"]["messages"], json!([]));
    let page = poll.join().expect("it ends").expect("an answer, not a cut connection");
    assert_eq!(page["messages"], json!([]));
    assert_eq!(subscriber.wait_closed(SOON), Ok(()));
    assert_eq!(poller.wait_closed(SOON), Ok(()));
    let exit = gateway.wait(SOON);
    assert!(exit.success(), "{exit}");
    let took = begun.elapsed();
    assert!(took < AT_ONCE, "nothing was with a modem, and it took {took:?}");
}

#[test]
fn a_modem_that_is_being_set_up_does_not_hold_up_the_end() {
    let rig = Rig::new(1);
    rig.modems[0].fault(Fault::Hang).expect("a fault");
    let gateway = rig.start();
    gateway.terminate();
    let exit = gateway.wait(SOON);
    assert!(exit.success(), "{exit}");
}

#[test]
fn a_signal_during_the_start_ends_it_and_the_next_start_works() {
    let rig = Rig::new(1);
    for after_ms in [0, 30, 80, 150, 300, 600] {
        let mut child = Command::new(program("simrelay"))
            .arg("serve")
            .arg("--config")
            .arg(rig.write_config(0))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(Duration::from_millis(after_ms));
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        kill(pid, Signal::SIGTERM).expect("it can be asked");
        let exit = eventually(&format!("it ends, told after {after_ms} ms"), SOON, || {
            child.try_wait().expect("it can be waited for")
        });
        // Before it listens to signals the system ends it.
        let by_signal = exit.signal() == Some(Signal::SIGTERM as i32);
        assert!(exit.success() || by_signal, "after {after_ms} ms: {exit}");
    }
    let gateway = rig.start_ready();
    let id = gateway.api().send(FAR, "after all that");
    gateway.wait_state(&id, "delivered", LIMIT);
    assert!(gateway.stop().success());
}

/// A number outside of the simulated network.
const FAR: &str = "+4915112345678";

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// What must not wait for a modem ends within this time, on a busy machine, too.
const SOON: Duration = Duration::from_secs(25);

/// Less than the time that calls are given to finish: nobody used it up.
const AT_ONCE: Duration = Duration::from_secs(9);
