//! A real icinga2 runs the plugin with the shipped CheckCommand and Service objects.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::{Gateway, Rig, eventually};
use modemsim::Fault;

use crate::site::{LONG, Peer, is_there, link, shipped};

/// An icinga2 in a folder of its own.
struct Icinga {
    folder: PathBuf,
}

impl Icinga {
    fn new(rig: &Rig, gateway: &Gateway) -> Self {
        let folder = rig.folder().join("icinga");
        for name in ["data", "log", "cache", "run", "spool"] {
            fs::create_dir_all(folder.join(name)).expect("a folder");
        }
        link(&folder.join("plugins"), "check_simrelay");
        let token = folder.join("token");
        fs::write(&token, rig.token()).expect("written");
        let place = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            r#"include <itl>
const PluginDir = "{plugins}"
const NodeName = "localhost"
const ZoneName = "localhost"
const SimrelayInterval = 1s
object Endpoint NodeName {{ }}
object Zone ZoneName {{ endpoints = [ NodeName ] }}
object CheckerComponent "checker" {{ }}
object FileLogger "main" {{ severity = "information"; path = "{log}/icinga2.log" }}
object PerfdataWriter "written" {{
  service_perfdata_path = "{folder}/services"
  service_temp_path = "{folder}/services.tmp"
  host_perfdata_path = "{folder}/hosts"
  host_temp_path = "{folder}/hosts.tmp"
  service_format_template = "$service.name$|$service.state$|$service.check_command$|$service.output$|$service.perfdata$"
  rotation_interval = 1s
}}
include "{shipped}"
object Host "gw" {{
  check_command = "dummy"
  address = "localhost"
  vars.simrelay = true
  vars.simrelay_port = {port}
  vars.simrelay_ca = "{ca}"
  vars.simrelay_token_file = "{token}"
  vars.simrelay_modems["sim-0"] = {{ simrelay_warning = [ "-95:", "storage=80" ] }}
  vars.simrelay_modems["sim-1"] = {{ simrelay_token_file = "", simrelay_api_token = "{secret}", simrelay_critical = "-10:" }}
}}
"#,
            plugins = place("plugins"),
            log = place("log"),
            folder = folder.display(),
            shipped = shipped("conf/icinga2/simrelay.conf").display(),
            port = gateway.api().port(),
            ca = rig.certificate().display(),
            token = token.display(),
            secret = rig.token(),
        );
        fs::write(folder.join("icinga2.conf"), config).expect("written");
        Self { folder }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("icinga2");
        command.arg("daemon").arg("-c").arg(self.folder.join("icinga2.conf"));
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
        let user = user.map_or_else(|| String::from("root"), |user| user.name);
        let places = [
            ("DataDir", "data"),
            ("LogDir", "log"),
            ("CacheDir", "cache"),
            ("SpoolDir", "spool"),
            ("InitRunDir", "run"),
            ("PidPath", "run/icinga2.pid"),
            ("StatePath", "data/icinga2.state"),
            ("ObjectsPath", "cache/icinga2.debug"),
            ("VarsPath", "cache/icinga2.vars"),
            ("ModAttrPath", "data/modified-attributes.conf"),
        ];
        for (name, place) in places {
            command
                .arg("-D")
                .arg(format!("{name}={}", self.folder.join(place).display()));
        }
        command.args(["-D", &format!("RunAsUser={user}"), "-D", &format!("RunAsGroup={user}")]);
        command.env("ICINGA2_USER", &user).env("ICINGA2_GROUP", &user);
        command
    }

    /// What it wrote about services so far, a line each: name, state, command, output, perfdata.
    fn written(&self) -> Vec<String> {
        let all = fs::read_dir(&self.folder).expect("its folder");
        let files = all.filter_map(Result::ok).map(|entry| entry.path());
        let services = files.filter(|path| is_of_services(path));
        let mut lines: Vec<String> = Vec::new();
        for file in services {
            let text = fs::read_to_string(file).unwrap_or_default();
            lines.extend(text.lines().map(str::to_owned));
        }
        lines
    }

    fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        eventually(what, LONG, || self.written().into_iter().find(|line| wanted(line)))
    }
}

fn is_of_services(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("services"))
}

#[test]
fn icinga_shows_the_state_and_the_measures_of_the_gateway_and_of_each_modem() {
    if !is_there("icinga2") {
        return;
    }
    let rig = Rig::new(2);
    let gateway = rig.start_ready();
    let icinga = Icinga::new(&rig, &gateway);
    let _running = Peer::start(&mut icinga.command(), &icinga.folder.join("stdout"));
    let well = icinga.wait_for("the gateway is well", |line| {
        line.starts_with("simrelay|OK|simrelay|SIMRELAY OK - 2 of 2")
    });
    assert!(
        well.contains("|modems_up=2;;;0;2 ") && well.contains(" received=0c;;;0"),
        "{well}"
    );
    let modem = icinga.wait_for("a modem is well", |line| line.starts_with("simrelay-modem-sim-0|OK|"));
    assert!(
        modem.contains("|signal=-69;-95: ") && modem.contains("storage=0%;80;;0;100"),
        "{modem}"
    );
    let weak = icinga.wait_for("a modem is weak", |line| {
        line.starts_with("simrelay-modem-sim-1|CRITICAL|")
    });
    assert!(weak.contains("signal is -69 (-10:)"), "{weak}");
    rig.modems[0].fault(Fault::Unplug).expect("unplugged");
    let broken = icinga.wait_for("a modem is gone", |line| line.starts_with("simrelay|CRITICAL|"));
    assert!(
        broken.contains("SIMRELAY CRITICAL - ") && broken.contains("sim-0: "),
        "{broken}"
    );
    assert!(broken.contains("|modems_up=1;;;0;2 "), "{broken}");
    drop(gateway);
    icinga.wait_for("the gateway is gone", |line| {
        line.starts_with("simrelay|CRITICAL|") && line.contains("connection refused")
    });
}
