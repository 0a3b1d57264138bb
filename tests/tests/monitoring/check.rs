//! `simrelay check`: one line and a code from 0 to 3, whatever happens.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Instant;

use end_to_end::{Rig, Run, eventually, free_port, program};
use modemsim::Fault;

use crate::site::{LONG, check, link};

/// What every answer of a plugin is.
fn is_a_plugins(run: &Run) {
    assert!((0..=3).contains(&run.code), "{run:?}");
    assert_eq!(run.out.lines().count(), 1, "{run:?}");
    assert!(
        run.out.starts_with("SIMRELAY ") && run.out.matches('|').count() <= 1,
        "{run:?}"
    );
    assert!(run.err.is_empty(), "{run:?}");
}

fn perfdata(run: &Run) -> Vec<&str> {
    let (_, measured) = run.out.trim_end().split_once(" | ").expect("perfdata");
    measured.split(' ').collect()
}

#[test]
fn a_gateway_is_checked_as_a_whole_and_by_modem() {
    let rig = Rig::new(2).token_entry("watch", &["health"], "");
    let gateway = rig.start_ready();
    let well = eventually("all is well", LONG, || {
        let run = check(&rig, &gateway, &[]);
        is_a_plugins(&run);
        (run.code == 0).then_some(run)
    });
    assert!(
        well.out.starts_with("SIMRELAY OK - 2 of 2 modems up, 0 parts wait | "),
        "{well:?}"
    );
    let measured = perfdata(&well);
    assert!(measured.contains(&"modems_up=2;;;0;2"), "{well:?}");
    assert!(
        measured.contains(&"queue_age=0s;;;0") && measured.contains(&"sent=0c;;;0"),
        "{well:?}"
    );
    assert!(
        well.out.contains("MB;500:;50:;0;"),
        "the disk has health's limits: {well:?}"
    );
    for known in ["disk_free_mb=", "certificate_days=", "consumers_waiting=0;"] {
        let is_known = |part: &&str| part.starts_with(known) && !part.contains('U');
        assert!(measured.iter().any(is_known), "{known}: {well:?}");
    }

    let judged = |args: &[&str], code: i32, words: &str| {
        let run = check(&rig, &gateway, args);
        is_a_plugins(&run);
        assert_eq!(run.code, code, "{args:?}: {run:?}");
        assert!(run.out.contains(words), "{args:?}: {run:?}");
    };
    judged(
        &["-w", "3:", "-c", "1:"],
        1,
        "SIMRELAY WARNING - modems_up is 2 (3:) | modems_up=2;3:;1:;0;2 ",
    );
    judged(
        &["-w", "3:", "-c", "@2:2"],
        2,
        "CRITICAL - modems_up is 2 (@2:2); modems_up is 2 (3:)",
    );
    judged(
        &["-w", "queue=~:5", "-w", "queue_age=900", "-c", "modems_up=2:"],
        0,
        "queue=0;~:5;;0",
    );
    judged(&["--modem", "sim-0"], 0, "sim-0: ");
    judged(&["--modem", "sim-0"], 0, " balance_EUR=U ");
    judged(&["--modem", rig.modems[1].number()], 0, "signal=-69");
    judged(
        &["--modem", "sim-1", "-w", "-60:", "-c", "-110:"],
        1,
        "signal is -69 (-60:)",
    );
    judged(
        &["--modem", "sim-9"],
        3,
        "there is no modem sim-9; there are sim-0, sim-1",
    );
    judged(
        &["-w", "beauty=1"],
        3,
        "there is no metric beauty; there are modems_up, ",
    );
    judged(
        &["--api-token", &rig.token_of("watch"), "-c", "queue=5"],
        3,
        "queue is not known",
    );
    judged(&["--api-token", &rig.token_of("watch")], 0, "queue=U");

    rig.modems[0].fault(Fault::Unplug).expect("unplugged");
    let broken = eventually("it is critical", LONG, || {
        let run = check(&rig, &gateway, &[]);
        is_a_plugins(&run);
        (run.code == 2).then_some(run)
    });
    assert!(
        broken.out.contains("sim-0: ") && perfdata(&broken).contains(&"modems_up=1;;;0;2"),
        "{broken:?}"
    );
    judged(&["--modem", "sim-0"], 2, "up=0;;;0;1");
    judged(&["--modem", "sim-1"], 0, "up=1;;;0;1");
}

#[test]
fn nothing_that_goes_wrong_is_told_in_another_way() {
    let rig = Rig::new(0);
    let gateway = rig.start();
    let port = gateway.api().port().to_string();
    let nobody = free_port().to_string();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mute = silent.local_addr().expect("its address").port().to_string();
    let ca = rig.certificate().display().to_string();
    let other = rig.folder().join("other.pem");
    fs::write(&other, "no certificate").expect("written");
    let other = other.display().to_string();
    let right = [
        "--host",
        "localhost",
        "--port",
        &port,
        "--ca",
        &ca,
        "--api-token",
        rig.token(),
    ];
    let asked = |args: &[&str]| Run::of(Command::new(program("simrelay")).arg("check").args(args));
    for (what, args, code, words) in [
        ("the seed's four options", &right[..], 0, "SIMRELAY OK"),
        ("nobody there", &["--port", &nobody], 2, "connection refused"),
        ("nobody answers", &["--port", &mute, "-t", "1"], 2, "no answer"),
        ("no such name", &["--host", "nowhere.invalid"], 2, "SIMRELAY CRITICAL"),
        (
            "a certificate nobody knows",
            &["--host", "localhost", "--port", &port, "--api-token", "x.y"],
            2,
            "certificate",
        ),
        ("no such file", &["--ca", "/nonexistent.pem"], 3, "/nonexistent.pem"),
        ("no certificate in it", &["--ca", &other], 3, "no certificate"),
        ("no token", &right[..6], 3, "UNKNOWN - the gateway wants a token: set "),
        (
            "a wrong token",
            &[
                "--host",
                "localhost",
                "--port",
                &port,
                "--ca",
                &ca,
                "--api-token",
                "test.wrong",
            ],
            3,
            "token",
        ),
        ("an unknown option", &["--bogus"], 3, "--bogus"),
        ("no range", &["-w", "ten"], 3, "'ten' is no range"),
        ("no port", &["--port", "70000"], 3, "70000"),
        ("no time", &["-t", "0"], 3, "0"),
        ("an argument too many", &["sim1"], 3, "sim1"),
        ("no value", &["-c"], 3, "--critical"),
    ] {
        let began = Instant::now();
        let run = asked(args);
        is_a_plugins(&run);
        assert_eq!(run.code, code, "{what}: {run:?}");
        assert!(run.out.contains(words), "{what}: {run:?}");
        assert!(began.elapsed() < LONG / 2, "{what}: {:?}", began.elapsed());
    }
    for (option, words) in [("-h", "Usage: simrelay check"), ("-V", "check_simrelay ")] {
        let run = asked(&[option]);
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.out.contains(words) && run.err.is_empty(), "{run:?}");
    }
}

#[test]
fn a_link_is_a_plugin() {
    let rig = Rig::new(0);
    let gateway = rig.start();
    let plugin = link(&rig.folder().join("plugins"), "check_simrelay");
    let port = gateway.api().port().to_string();
    let run = Run::of(
        Command::new(&plugin)
            .args(["--host", "localhost", "--port", &port])
            .arg("--ca")
            .arg(rig.certificate())
            .env("SMSGATE_APITOKEN", rig.token()),
    );
    is_a_plugins(&run);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(Run::of(Command::new(&plugin).arg("--bogus")).code, 3);
}
