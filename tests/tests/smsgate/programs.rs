//! SMSgate's client, its Icinga check and its Munin plugin: stand-ins that make the same calls, and, where
//! `SIMRELAY_SMSGATE_DIR` names a checkout of SMSgate, the originals, unchanged.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::{Gateway, Rig, Run, eventually, free_port};

use crate::{legacy, script};

/// The programs.
enum Programs {
    StandIns,
    Originals(PathBuf),
}

impl Programs {
    fn client(&self) -> Command {
        self.python("client/smsgate-client.py", None)
    }

    fn check(&self) -> Command {
        self.python("icinga/check_smsgate.py", Some("check"))
    }

    fn munin(&self) -> Command {
        self.python("munin/munin_smsgate.py", Some("munin"))
    }

    fn python(&self, original: &str, stand_in: Option<&str>) -> Command {
        let mut python = Command::new("python3");
        match self {
            Self::StandIns => python.arg(script("standin.py")).args(stand_in),
            Self::Originals(folder) => python.arg(folder.join(original)),
        };
        python.stdin(Stdio::null()).env("PYTHONDONTWRITEBYTECODE", "1");
        python
    }
}

const TOKEN: &str = "Zq3xT9bLm0RkWv7yPd2sHc5nJf8aGe";

#[test]
fn programs_that_call_as_smsgate_s_do_are_served() {
    everything_works_with(&Programs::StandIns);
}

#[test]
fn the_originals_are_served_unchanged() {
    let Some(folder) = std::env::var_os("SIMRELAY_SMSGATE_DIR") else {
        // Its licence keeps it out of the tests' own tools, so nothing can install it.
        eprintln!("skipped: SIMRELAY_SMSGATE_DIR names no checkout of SMSgate");
        return;
    };
    everything_works_with(&Programs::Originals(folder.into()));
}

fn everything_works_with(programs: &Programs) {
    let all = ["send", "ussd", "health", "stats"];
    let rig = Rig::new(2).config(&legacy("old", TOKEN, &all, ""));
    let gateway = rig.start_ready();
    the_client_sends_dials_and_shows(programs, &rig, &gateway);
    the_check_tells_the_level(programs, &rig, &gateway);
    the_plugin_graphs_every_modem(programs, &rig, &gateway);
    let (port, certificate) = (free_port(), rig.certificate());
    let refused = Run::of(options(&mut programs.check(), port, &certificate));
    assert_eq!(
        (refused.code, refused.out),
        (2, format!("CRITICAL Connection to localhost:{port} refused.\n"))
    );
}

fn the_client_sends_dials_and_shows(programs: &Programs, rig: &Rig, gateway: &Gateway) {
    let (port, certificate) = (gateway.api().port(), rig.certificate());
    let (from, to) = (rig.modems[0].number(), rig.modems[1].number());
    let run = |arguments: &[&str]| {
        let mut client = programs.client();
        let run = Run::of(
            options(&mut client, port, &certificate)
                .args(["--sender", from])
                .args(arguments),
        );
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{arguments:?}: {run:?}");
        run.out
    };
    // Both say it once a report has come, and wait for it as long as it takes.
    let sent = run(&["send-sms", "--to", to, "--text", "Grüße"]);
    assert!(sent.contains("+ SMS was delivered."), "{sent}");
    let flash = run(&["send-sms", "--to", to, "--text", "now", "--flash"]);
    assert!(flash.contains("+ SMS was delivered."), "{flash}");
    let ussd = run(&["send-ussd", "--code", "*100#"]);
    assert!(ussd.contains("+ USSD response: Balance: 7.95 EUR"), "{ussd}");
    let stats = run(&["stats"]);
    for words in ["sim-0", "sim-1", from, to, "Ready."] {
        assert!(stats.contains(words), "{words}: {stats}");
    }
}

fn the_check_tells_the_level(programs: &Programs, rig: &Rig, gateway: &Gateway) {
    let (port, certificate) = (gateway.api().port(), rig.certificate());
    let run = || Run::of(options(&mut programs.check(), port, &certificate));
    let level = |run: &Run| run.out.split(' ').next().unwrap_or_default().to_owned();
    let well = run();
    let code = ["OK", "WARNING"].iter().position(|word| *word == level(&well));
    assert_eq!(
        Some(well.code),
        code.map(|code| i32::try_from(code).expect("small")),
        "{well:?}"
    );
    assert_eq!((well.out.lines().count(), well.err.as_str()), (1, ""), "{well:?}");
    rig.modems[1].fault(modemsim::Fault::Unplug).expect("unplugged");
    let ill = eventually("it is critical", Duration::from_secs(90), || {
        let run = run();
        (run.code == 2).then_some(run)
    });
    assert!(ill.out.starts_with("CRITICAL ") && ill.out.contains("sim-1"), "{ill:?}");
}

fn the_plugin_graphs_every_modem(programs: &Programs, rig: &Rig, gateway: &Gateway) {
    let run = |arguments: &[&str]| {
        let mut plugin = programs.munin();
        plugin
            .args(arguments)
            .env("smsgate_host", "localhost")
            .env("smsgate_port", gateway.api().port().to_string())
            .env("smsgate_cafile", rig.certificate())
            .env("smsgate_api_token", TOKEN);
        let run = Run::of(&mut plugin);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
        run.out
    };
    let (graphs, values) = (run(&["config"]), run(&[]));
    for modem in ["sim-0", "sim-1"] {
        for (graph, kind) in [("sent", "DERIVE"), ("recv", "DERIVE"), ("balance", "GAUGE")] {
            let header = format!("multigraph smsgate_{graph}_{modem}\n");
            assert!(graphs.contains(&header) && values.contains(&header), "{graphs}{values}");
            assert!(graphs.contains(&format!("{graph}_{modem}.type {kind}\n")), "{graphs}");
            assert!(values.contains(&format!("{graph}_{modem}.value ")), "{values}");
        }
    }
    let sent = values.lines().find_map(|line| line.strip_prefix("sent_sim-0.value "));
    assert!(sent.and_then(|sent| sent.parse::<u64>().ok()) >= Some(2), "{values}");
}

fn options<'a>(program: &'a mut Command, port: u16, certificate: &Path) -> &'a mut Command {
    let port = port.to_string();
    program
        .args(["--host", "localhost", "--port", &port, "--ca"])
        .arg(certificate)
        .env("SMSGATE_APITOKEN", TOKEN)
}
