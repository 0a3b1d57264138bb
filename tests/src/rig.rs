//! What survives a gateway's death.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use modemsim::{Modem, ModemSpec, Network, Settings};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use crate::Gateway;

/// A simulated network and a folder for a gateway.
#[derive(Debug)]
pub struct Rig {
    /// The network of the simulated SIMs.
    pub network: Network,
    /// The modems, in the order of the slots `sim-0`, `sim-1`, …
    pub modems: Vec<Modem>,
    folder: TempDir,
    /// Added to the configuration's sections: slot by slot, then as a whole.
    slots: Vec<String>,
    extra: String,
    /// The private key, as the configuration names it.
    key: PathBuf,
    token: String,
    hash: String,
}

impl Rig {
    /// A rig of `count` modems as they come.
    pub fn new(count: usize) -> Self {
        Self::with(Settings::default(), (0..count).map(ModemSpec::new))
    }

    /// A rig of these modems in this network.
    pub fn with(settings: Settings, specs: impl IntoIterator<Item = ModemSpec>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = folder.path().join("ports");
        fs::create_dir(&ports).expect("a folder for the ports");
        let network = Network::start(Settings {
            dir: Some(ports),
            ..settings
        })
        .expect("a network");
        let modems: Vec<Modem> = specs
            .into_iter()
            .map(|spec| network.plug(spec).expect("a modem"))
            .collect();
        let slot = |modem: &Modem| format!("port = {:?}\nnumber = {:?}\n", modem.path(), modem.number());
        let slots = modems.iter().map(slot).collect();
        let hash = bcrypt::hash(SECRET, 4).expect("a hash");
        let rig = Self {
            network,
            modems,
            key: folder.path().join("key.pem"),
            folder,
            slots,
            extra: String::new(),
            token: format!("test.{SECRET}"),
            hash,
        };
        rig.write_certificate();
        rig
    }

    /// Adds lines to the settings of slot `index`.
    pub fn slot(mut self, index: usize, lines: &str) -> Self {
        self.slots[index].push_str(lines);
        self.slots[index].push('\n');
        self
    }

    /// Replaces the settings of slot `index`.
    pub fn replace_slot(mut self, index: usize, lines: &str) -> Self {
        self.slots[index] = format!("{lines}\n");
        self
    }

    /// Puts another PIN into the settings of slot `index`.
    pub fn replace_pin(mut self, index: usize, old: &str, new: &str) -> Self {
        self.slots[index] = self.slots[index].replace(&format!("{old:?}"), &format!("{new:?}"));
        self
    }

    /// Names the private key otherwise.
    pub fn key(mut self, name: &str) -> Self {
        self.key = name.into();
        self
    }

    /// Adds sections to the configuration.
    pub fn config(mut self, lines: &str) -> Self {
        self.extra.push_str(lines);
        self.extra.push('\n');
        self
    }

    /// Replaces the sections that were added to the configuration.
    pub fn replace_config(mut self, lines: &str) -> Self {
        self.extra = format!("{lines}\n");
        self
    }

    /// Adds a token `id` with these scopes and further lines; the token itself is [`Rig::token_of`].
    pub fn token_entry(self, id: &str, scopes: &[&str], lines: &str) -> Self {
        let entry = format!(
            "[[api.tokens]]\nid = {id:?}\nhash = {:?}\nscopes = {scopes:?}\n{lines}",
            self.hash
        );
        self.config(&entry)
    }

    /// The token that [`Rig::token_entry`] added.
    pub fn token_of(&self, id: &str) -> String {
        format!("{id}.{SECRET}")
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// The database, once a gateway has run.
    pub fn database(&self) -> PathBuf {
        self.data().join("simrelay.db")
    }

    /// The certificate that clients trust.
    pub fn certificate(&self) -> PathBuf {
        self.folder().join("certificate.pem")
    }

    /// The administrator's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Starts the program and waits until it answers.
    pub fn start(&self) -> Gateway {
        Gateway::start(self)
    }

    /// Starts the program and waits until every slot is ready.
    pub fn start_ready(&self) -> Gateway {
        let gateway = self.start();
        gateway.wait_ready(self.modems.len());
        gateway
    }

    /// Writes the configuration of a gateway at `port`; where it lies.
    pub fn write_config(&self, port: u16) -> PathBuf {
        let file = self.folder().join("simrelay.toml");
        let mut text = format!("data = {:?}\n", self.data());
        let _ = write!(
            text,
            "[api]\nlisten = \"127.0.0.1:{port}\"\ncertificate = {:?}\nkey = {:?}\n\
             [[api.tokens]]\nid = \"test\"\nhash = {:?}\nscopes = [\"admin\"]\n",
            self.certificate(),
            self.key,
            self.hash,
        );
        for (index, lines) in self.slots.iter().enumerate() {
            let _ = write!(text, "[slots.sim-{index}]\n{lines}");
        }
        text.push_str(&self.extra);
        fs::create_dir_all(self.data()).expect("a data folder");
        fs::write(&file, text).expect("a configuration");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("kept secret");
        file
    }

    fn write_certificate(&self) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
        fs::write(self.certificate(), cert.pem()).expect("written");
        let key = self.folder().join("key.pem");
        fs::write(&key, signing_key.serialize_pem()).expect("written");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("kept secret");
    }
}

/// A program of this workspace, as `cargo test --workspace` built it beside this test.
///
/// # Panics
/// It was not built.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    let program = folder.join(name);
    assert!(
        program.exists(),
        "{} is not built: run `cargo test --workspace`, or `cargo build --workspace`",
        program.display()
    );
    program
}

/// Waits until `look` finds something, for at most `limit`.
///
/// # Panics
/// It finds nothing in time.
pub fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The secret half of every token of a rig.
const SECRET: &str = "end-to-end-secret-of-43-characters-abcdefghi";
