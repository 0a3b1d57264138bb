//! What a gateway with these settings needs of its machine, and giving up the rest before it starts.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use hardening::{Allowance, Confinement, Mode, Part};
use nix::unistd::{AccessFlags, Uid, access};

use crate::config::{self, Fault, Settings};

/// What was allowed when the gateway started; nothing is added later.
#[derive(Debug)]
pub(crate) struct Confined {
    /// `None` where files and ports are free.
    allowance: Option<Allowance>,
}

impl Confined {
    /// Makes the folders that the gateway writes in, gives up the rest of the machine, and tells the log what is in
    /// force. For this thread and all that it starts.
    pub(crate) fn begin(mode: Mode, allowance: Allowance) -> Self {
        allowance.write.iter().for_each(|folder| make(folder));
        let confinement = hardening::confine(mode, &allowance);
        tell(mode, &confinement);
        Self {
            allowance: confinement.files.is_in_force().then_some(allowance),
        }
    }

    /// What these settings need and this gateway may not have before it starts anew, a sentence each.
    pub(crate) fn lacks(&self, settings: &Settings, file: &Path) -> Vec<String> {
        let Some(had) = &self.allowance else { return Vec::new() };
        let lacks = had.lacks(&needed(settings, file)).into_iter();
        lacks.map(|lack| format!("{lack} {UNTIL}")).collect()
    }

    /// Whether this port of another machine may be connected to.
    pub(crate) fn reaches(&self, port: u16) -> bool {
        let ports = self.allowance.as_ref().and_then(|had| had.connect.as_ref());
        ports.is_none_or(|ports| ports.contains(&port))
    }

    /// The faults of a file that was read again, with a word where they may come from the gateway itself.
    pub(crate) fn explained(&self, faults: &[Fault]) -> Vec<String> {
        let mut told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let denied = told.iter().any(|fault| fault.contains(DENIED));
        if denied && self.allowance.is_some() {
            told.push(format!(
                "a file that lies where none lay at the start cannot be read {UNTIL}"
            ));
        }
        told
    }
}

/// Makes a folder where there is none. One that nobody can write in is told here; the gateway does without it where it can.
fn make(folder: &Path) {
    let made = DirBuilder::new().mode(0o700).recursive(true).create(folder);
    let usable = made.and_then(|()| Ok(access(folder, AccessFlags::W_OK | AccessFlags::X_OK)?));
    if let Err(error) = usable {
        tracing::warn!(
            "{} cannot be written in: {error}; make it, for the user the gateway runs as",
            folder.display()
        );
    }
}

/// What a gateway that starts with these settings is allowed: what it needs, itself (for the names in a panic's trace), and
/// where a folder for ports is not there yet, the next one above.
pub(crate) fn allowed(settings: &Settings, file: &Path) -> Allowance {
    let mut allowance = needed(settings, file);
    let there = |folder: PathBuf| folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_path_buf);
    let folders = port_folders(&settings.pool).into_iter().filter_map(there);
    let folders = folders.filter(|folder| folder != Path::new("/"));
    allowance.read.extend(folders.chain(env::current_exe()));
    allowance.read = settled(allowance.read);
    allowance
}

/// What a gateway with these settings needs; `file` is where they come from.
fn needed(settings: &Settings, file: &Path) -> Allowance {
    let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    if !Uid::effective().is_root() {
        // Files there are replaced by others of the same name, as resolv.conf is by DHCP. What is secret among them is
        // not for this user to read; for root it would be.
        read.push("/etc".into());
    }
    read.extend(AUTHORITIES.iter().filter_map(env::var_os).map(PathBuf::from));
    read.extend(named(settings, file).iter().flat_map(|path| around(path)));
    read.extend(port_folders(&settings.pool));
    let mut write = vec![settings.data.clone()];
    write.extend(settings.pool.trace_folder.clone());
    let written = settings
        .attendance
        .projection
        .iter()
        .map(|name| settings.data.join(name));
    let written = written.chain(settings.pool.hint_file.clone());
    write.extend(written.filter_map(|file| file.parent().map(Path::to_path_buf)));
    Allowance {
        read: settled(read),
        write: settled(write),
        devices: vec!["/dev".into()],
        listen: listening(settings),
        connect: settings.hardening.connect.clone(),
        abstract_sockets: env::var_os("NOTIFY_SOCKET").is_some_and(|name| name.as_encoded_bytes().starts_with(b"@")),
    }
}

/// The files that the settings name, and theirs.
fn named(settings: &Settings, file: &Path) -> Vec<PathBuf> {
    let found = |named: &PathBuf| config::find(named, file);
    let mut files = vec![file.to_owned()];
    files.extend([&settings.api.certificate, &settings.api.key].map(Clone::clone));
    files.extend(settings.pin_files.values().map(found));
    files.extend(settings.attendance.key_file.iter().map(found));
    files.extend(settings.mail.password_file.iter().map(found));
    files.extend(settings.mail.ca_file.clone());
    let (lines, http) = (&settings.alerts.listener, &settings.alerts.http);
    files.extend([&lines.secret_file, &http.secret_file].into_iter().flatten().map(found));
    files.extend([&lines.client_ca, &http.client_ca].into_iter().flatten().cloned());
    for upstream in settings.upstreams.values() {
        files.extend(upstream.password_file.iter().map(found));
        files.extend(upstream.ca_file.clone());
    }
    for account in &settings.smpp.accounts {
        files.extend(account.outbind_password_file.iter().map(found));
        files.extend(account.outbind_ca_file.clone());
    }
    for hook in &settings.webhooks {
        files.extend(hook.secret_file.iter().map(found));
        files.extend(hook.ca_file.clone());
    }
    files
}

/// The folder of a file, since files are replaced by others of the same name, and that of the file it leads to: a
/// certificate is often a link. In `/` and `/etc` the file alone.
fn around(path: &Path) -> Vec<PathBuf> {
    let target = fs::canonicalize(path).ok();
    let folder = |path: PathBuf| match path.parent() {
        Some(folder) if folder != Path::new("/") && folder != Path::new("/etc") => folder.to_owned(),
        _ => path,
    };
    let named = std::path::absolute(path).ok();
    named.into_iter().chain(target).map(folder).collect()
}

/// Where ports are looked for.
fn port_folders(pool: &pool::Config) -> Vec<PathBuf> {
    let slots = pool.slots.values().filter_map(|slot| slot.glob.as_deref());
    let patterns = pool.globs.iter().map(String::as_str).chain(slots);
    let fixed = patterns.map(|pattern| {
        let parts = Path::new(pattern).components();
        let plain = parts.take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']));
        plain.collect::<PathBuf>()
    });
    pool.directories.iter().cloned().chain(fixed).collect()
}

/// Each path once, from the root.
fn settled(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let absolute = paths.iter().filter_map(|path| std::path::absolute(path).ok());
    let mut paths: Vec<PathBuf> = absolute.collect();
    paths.sort();
    paths.dedup();
    paths
}

fn listening(settings: &Settings) -> Vec<u16> {
    let alerts = &settings.alerts;
    let lists = [
        &settings.smtp.listen,
        &settings.smtp.listen_tls,
        &settings.smpp.listen,
        &settings.smpp.listen_tls,
        &alerts.listener.listen,
        &alerts.http.listen,
    ];
    let others = lists.into_iter().flatten();
    let mut ports: Vec<u16> = others
        .chain([&settings.api.listen])
        .map(|address| address.port())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn tell(mode: Mode, confinement: &Confinement) {
    if mode == Mode::Off {
        return tracing::warn!("the gateway is not confined: mode = \"off\" in [hardening]");
    }
    for (what, part) in confinement.parts() {
        match part {
            Part::Held(sentence) => tracing::info!("{what} confined: {sentence}"),
            Part::Partly(sentence) => tracing::warn!("{what} confined in part: {sentence}"),
            Part::Failed(sentence) => tracing::warn!("{what} not confined: {sentence}"),
            Part::Free => tracing::warn!("{what} not confined: mode = \"log\" in [hardening]"),
        }
    }
}

/// What every program reads: libraries, names, time zones, authorities, what the kernel tells of ports.
const SYSTEM: [&str; 26] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/proc",
    "/sys",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/timezone",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/var/lib/ca-certificates",
    "/var/lib/nscd",
];

/// What names further authorities, time zones and secrets.
const AUTHORITIES: [&str; 4] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "TZDIR", "CREDENTIALS_DIRECTORY"];

/// Why a reload is not enough.
pub(crate) const UNTIL: &str = "before a restart: the gateway is confined to what it was started with ([hardening])";

/// How the system tells it.
const DENIED: &str = "Permission denied";

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(lines: &str) -> Settings {
        toml::from_str(lines).unwrap()
    }

    #[test]
    fn a_gateway_may_do_what_its_settings_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["tls", "real", "ports"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("real/key.pem"), "").unwrap();
        std::os::unix::fs::symlink(at("real/key.pem"), at("tls/key.pem")).unwrap();
        let lines = format!(
            "data = {:?}\n[api]\nlisten = '127.0.0.1:7001'\nkey = {:?}\n[pool]\nglobs = [{:?}]\nhint_file = {:?}\n\
             [attendance]\nprojection = 'out/a.db'\n[smtp]\nlisten = ['127.0.0.1:2525']\n",
            at("data"),
            at("tls/key.pem"),
            at("ports/tty*"),
            at("hints/ports"),
        );
        let needed = needed(&settings(&lines), &at("simrelay.toml"));
        assert!(
            needed.read.contains(&at("tls")) && needed.read.contains(&at("real")),
            "{needed:?}"
        );
        assert!(
            needed.read.contains(&folder.path().to_owned()) && needed.read.contains(&at("ports")),
            "{needed:?}"
        );
        assert_eq!(needed.write, [at("data"), at("data/out"), at("hints")]);
        assert_eq!(needed.listen, [2525, 7001]);
        assert_eq!(needed.connect, None);
    }

    #[test]
    fn what_comes_and_goes_meanwhile_keeps_no_settings_from_being_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (ports, file) = (folder.path().join("a/ports"), folder.path().join("simrelay.toml"));
        let settings = settings(&format!("[pool]\ndirectories = [{ports:?}]\n"));
        let start = allowed(&settings, &file);
        assert!(
            start.read.contains(&folder.path().to_owned()) && start.read.contains(&ports),
            "{start:?}"
        );
        fs::create_dir_all(&ports).unwrap();
        assert_eq!(start.lacks(&needed(&settings, &file)), Vec::<String>::new());
        let later = allowed(&settings, &file);
        fs::remove_dir(&ports).unwrap();
        assert_eq!(later.lacks(&needed(&settings, &file)), Vec::<String>::new());
    }

    #[test]
    fn a_file_beside_the_machines_own_is_allowed_alone() {
        assert_eq!(around(Path::new("/etc/hostname"))[0], Path::new("/etc/hostname"));
        assert_eq!(around(Path::new("/etc/x/y.toml")), [Path::new("/etc/x")]);
    }
}
