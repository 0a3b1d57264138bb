//! A client that others wrote: gammu identifies a simulated modem, sends, receives, and gets a report. `tools/peers install` brings
//! it; where it is missing these tests say so and pass, unless `SIMRELAY_REQUIRE_PEERS=1`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use modemsim::{Modem, ModemSpec, Network, Profile, Settings};

#[test]
fn gammu_identifies_the_modem() {
    let Some(gammu) = Gammu::find() else { return };
    let (_network, modems) = network("quectel");
    let said = gammu.run(modems[0].path(), &["identify"]);
    for expected in ["Quectel", "EC25", "860000000000001", "262010000000001"] {
        assert!(said.contains(expected), "no {expected} in {said}");
    }
}

#[test]
fn gammu_sends_and_another_gammu_receives() {
    let Some(gammu) = Gammu::find() else { return };
    let (network, modems) = network("generic");
    let text = "Grüße an alle: 5 € für 2 [Bier], ".repeat(6);
    let to = modems[1].number();
    let said = gammu.run(
        modems[0].path(),
        &["sendsms", "TEXT", to, "-autolen", "500", "-text", &text],
    );
    assert!(said.contains("OK, message reference=2"), "{said}");
    let sent = network.sent();
    let texts: String = sent.iter().filter_map(|sent| sent.text.as_deref()).collect();
    assert_eq!((sent.len(), texts.as_str()), (2, text.as_str()));
    let received = gammu.run(modems[1].path(), &["geteachsms"]);
    assert!(
        received.contains(&text) && received.contains("2 SMS parts in 1 SMS sequences"),
        "{received}"
    );
    assert!(received.contains(modems[0].number()), "{received}");
}

#[test]
fn gammu_gets_a_report_that_is_stored_and_one_that_is_routed() {
    let Some(gammu) = Gammu::find() else { return };
    // The generic make stores reports (+CDSI), Telit routes them (+CDS).
    for profile in ["generic", "telit"] {
        let (_network, modems) = network(profile);
        let batch = gammu.dir.path().join("batch");
        let send = format!(
            "sendsms TEXT {} -text \"with report\" -report\nmonitor 100000\n",
            modems[1].number()
        );
        std::fs::write(&batch, send).unwrap();
        let mut monitor = gammu.start(modems[0].path(), &["batch", batch.to_str().unwrap()]);
        let lines = BufReader::new(monitor.0.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let start = Instant::now();
        let mut lines = lines.take_while(|_| start.elapsed() < PATIENCE);
        let delivered = lines.find(|line| line.starts_with("Delivery status"));
        assert_eq!(
            delivered.as_deref(),
            Some("Delivery status      : Delivered"),
            "{profile}"
        );
    }
}

/// Two modems of a make; reports take long enough for gammu to have turned them on.
fn network(profile: &str) -> (Network, Vec<Modem>) {
    let settings = Settings {
        report_delay: Duration::from_millis(3000),
        ..Settings::default()
    };
    let network = Network::start(settings).expect("there are pseudo-terminals");
    let spec = |index| ModemSpec {
        profile: Profile::find(profile).expect("it is built in"),
        ..ModemSpec::new(index)
    };
    let modems = (0..2)
        .map(|index| network.plug(spec(index)).expect("there are pseudo-terminals"))
        .collect();
    (network, modems)
}

/// The program and a folder for its settings.
struct Gammu {
    dir: tempfile::TempDir,
}

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Gammu {
    fn find() -> Option<Self> {
        if Command::new("gammu")
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok()
        {
            return Some(Self {
                dir: tempfile::tempdir().expect("there is room"),
            });
        }
        assert!(
            std::env::var_os("SIMRELAY_REQUIRE_PEERS").is_none(),
            "gammu is missing: tools/peers install"
        );
        eprintln!("skipped: gammu is missing (tools/peers install)");
        None
    }

    fn run(&self, port: &Path, arguments: &[&str]) -> String {
        let mut child = self.start(port, arguments);
        let output = std::io::read_to_string(child.0.stdout.take().expect("it is piped")).expect("gammu writes UTF-8");
        let status = child.0.wait().expect("it is our child");
        assert!(status.success(), "gammu {arguments:?}: {output}");
        output
    }

    fn start(&self, port: &Path, arguments: &[&str]) -> Running {
        let name = port.file_name().expect("a port has a name").to_string_lossy();
        let settings = self.dir.path().join(format!("{name}.rc"));
        let text = format!("[gammu]\ndevice = {}\nconnection = at115200\n", port.display());
        std::fs::write(&settings, text).expect("there is room");
        let mut command = Command::new("gammu");
        command.env("LC_ALL", "C.UTF-8").arg("-c").arg(settings).args(arguments);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Running(child.expect("gammu was found"))
    }
}

/// A report comes within this or not at all; gammu prints without pause meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
