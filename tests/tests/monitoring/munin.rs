//! A real munin-node runs the plugin.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use end_to_end::{Gateway, Rig, Run, eventually, free_port};
use modemsim::ModemSpec;

use crate::site::{LONG, Peer, can_mount, is_there, link};

/// A configuration of Munin in a folder of its own.
struct Munin {
    folder: PathBuf,
    port: u16,
}

impl Munin {
    fn new(rig: &Rig, gateway: &Gateway) -> Self {
        let folder = rig.folder().join("munin");
        link(&folder.join("plugins"), "munin_simrelay");
        link(&folder.join("plugins"), "munin_simrelay_sim-0");
        // Called as the program itself is, which munin-node gives away by its variables.
        link(&folder.join("plugins"), "simrelay");
        let settings = folder.join("plugin-conf.d");
        fs::create_dir_all(&settings).expect("a folder");
        let token = folder.join("token");
        fs::write(&token, rig.token()).expect("written");
        let plugin = format!(
            "[*simrelay*]\nuser root\nenv.SIMRELAY_URL https://localhost:{}\nenv.SIMRELAY_CA {}\nenv.SIMRELAY_TOKEN_FILE {}\n",
            gateway.api().port(),
            rig.certificate().display(),
            token.display()
        );
        fs::write(settings.join("simrelay"), plugin).expect("written");
        let port = free_port();
        let node = format!(
            "log_level 4\nlog_file {folder}/node.log\npid_file {folder}/node.pid\nbackground 0\nsetsid 0\nuser root\ngroup root\n\
             host_name gw.local\nallow ^127\\.0\\.0\\.1$\nhost 127.0.0.1\nport {port}\n",
            folder = folder.display()
        );
        fs::write(folder.join("munin-node.conf"), node).expect("written");
        Self { folder, port }
    }

    fn run(&self, plugin: &str, asked: &str) -> Run {
        let place = |name: &str| self.folder.join(name);
        let mut command = Command::new("munin-run");
        command.arg("--config").arg(place("munin-node.conf"));
        command
            .arg("--servicedir")
            .arg(place("plugins"))
            .arg("--sconfdir")
            .arg(place("plugin-conf.d"));
        command.arg("--ignore-systemd-properties").arg(plugin);
        if !asked.is_empty() {
            command.arg(asked);
        }
        Run::of(&mut command)
    }

    /// munin-node itself; it knows no other folder than `/etc/munin`, so it is shown ours there, in a namespace of its own.
    fn start(&self) -> Peer {
        let script = format!(
            "mount --bind {folder} /etc/munin && exec munin-node --config {folder}/munin-node.conf",
            folder = self.folder.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]);
        Peer::start(&mut command, &self.folder.join("stdout"))
    }

    /// What the node answers to these lines.
    fn ask(&self, lines: &[&str]) -> String {
        let mut stream = eventually("munin-node listens", LONG, || {
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        stream.set_read_timeout(Some(LONG)).expect("a limit");
        for line in lines.iter().chain(&["quit"]) {
            writeln!(stream, "{line}").expect("asked");
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

/// The values of a plugin's output, by graph and field.
fn values(text: &str) -> BTreeMap<(String, String), String> {
    let mut graph = String::new();
    let mut values = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("multigraph ") {
            graph = name.to_owned();
        }
        if let Some((field, value)) = line.split_once(".value ") {
            values.insert((graph.clone(), field.to_owned()), value.to_owned());
        }
    }
    values
}

/// munin-run changes its user, which only root can.
fn is_root() -> bool {
    let is_root = nix::unistd::getuid().is_root();
    let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
    assert!(is_root || !required, "munin-run has to be started as root");
    if !is_root {
        eprintln!("skipped: munin-run has to be started as root");
    }
    is_root
}

fn names_are_legal(text: &str) {
    for line in text
        .lines()
        .filter(|line| line.contains(".value ") || line.contains(".label "))
    {
        let (field, _) = line.split_once('.').expect("a field");
        let legal = field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        assert!(
            legal && !field.starts_with(|letter: char| letter.is_ascii_digit()),
            "{line}"
        );
    }
}

/// A gateway with a slot whose modem is there and one whose modem is not.
fn town() -> (Rig, Gateway) {
    let rig = Rig::with(modemsim::Settings::default(), [ModemSpec::new(0)])
        .config("[slots.99]\nport = \"/nonexistent/port\"\n[slots.sim_0]\nport = \"/nonexistent/other\"\n");
    let gateway = rig.start_ready();
    (rig, gateway)
}

#[test]
fn munin_run_reads_graphs_and_values() {
    if !is_there("munin-run") || !is_root() {
        return;
    }
    let (rig, gateway) = town();
    let munin = Munin::new(&rig, &gateway);
    let id = gateway.api().send("+491711234567", "hello");
    gateway.wait_state(&id, "delivered", LONG);
    assert_eq!(munin.run("munin_simrelay", "autoconf").out.trim(), "yes");
    assert_eq!(munin.run("munin_simrelay", "suggest").out, "99\nsim-0\nsim_0\n");
    let config = munin.run("munin_simrelay", "config");
    assert_eq!(config.code, 0, "{config:?}");
    names_are_legal(&config.out);
    for line in [
        "multigraph simrelay_messages",
        "graph_vlabel parts per ${graph_period}",
        "sent.type DERIVE",
        "sent.min 0",
        "x_sim_2d0.label sim-0",
        "sim_0.label sim_0",
        "x_99.label 99",
        "criticals.critical 0:0",
        "free_mb.warning 500:",
        "free_mb.critical 50:",
    ] {
        assert!(config.out.lines().any(|said| said == line), "{line}: {config:?}");
    }
    let counted = eventually("the message is counted", LONG, || {
        let fetched = munin.run("munin_simrelay", "");
        assert_eq!(fetched.code, 0, "{fetched:?}");
        names_are_legal(&fetched.out);
        let values = values(&fetched.out);
        let value = |graph: &str, field: &str| values[&(graph.to_owned(), field.to_owned())].clone();
        (value("simrelay_messages", "delivered") == "1").then(|| {
            [
                value("simrelay_messages", "sent"),
                value("simrelay_slot_sent", "x_sim_2d0"),
                value("simrelay_slot_signal", "x_sim_2d0"),
                value("simrelay_slot_signal", "x_99"),
                value("simrelay_modems", "up"),
            ]
        })
    });
    assert_eq!(counted, ["1", "1", "-69", "U", "1"]);
    let alone = munin.run("munin_simrelay_sim-0", "");
    let graphs = alone.out.lines().filter(|line| line.starts_with("multigraph "));
    assert!(
        graphs.clone().count() > 3 && graphs.clone().all(|line| line.ends_with("_x_sim_2d0")),
        "{alone:?}"
    );
    assert_eq!(munin.run("simrelay", "").code, 0);
    drop(gateway);
    let gone = munin.run("munin_simrelay", "");
    assert!(gone.code != 0 && !gone.out.contains(".value"), "{gone:?}");
    let autoconf = munin.run("munin_simrelay", "autoconf");
    assert!(
        autoconf.code == 0 && autoconf.out.starts_with("no (no answer from "),
        "{autoconf:?}"
    );
}

#[test]
fn munin_node_lists_the_plugin_and_takes_values_with_the_configuration() {
    // It knows no other folder than /etc/munin.
    if !is_there("munin-node") || !can_mount() {
        return;
    }
    let (rig, gateway) = town();
    let munin = Munin::new(&rig, &gateway);
    let _node = munin.start();
    let listed = munin.ask(&["cap multigraph dirtyconfig", "list gw.local"]);
    let mut names = listed.split_whitespace();
    assert!(names.any(|name| name == "munin_simrelay"), "{listed}");
    let told = munin.ask(&["cap multigraph dirtyconfig", "config munin_simrelay"]);
    assert!(
        told.contains("sent.type DERIVE") && told.contains("x_sim_2d0.value -69"),
        "{told}"
    );
    let plain = munin.ask(&["cap multigraph", "config munin_simrelay"]);
    assert!(
        plain.contains("sent.type DERIVE") && !plain.contains(".value "),
        "{plain}"
    );
    let fetched = munin.ask(&["cap multigraph", "fetch munin_simrelay"]);
    assert_eq!(
        values(&fetched)[&("simrelay_slot_signal".to_owned(), "x_99".to_owned())],
        "U"
    );
    drop(gateway);
    let gone = munin.ask(&["cap multigraph", "fetch munin_simrelay"]);
    assert!(!gone.contains(".value"), "{gone}");
}
