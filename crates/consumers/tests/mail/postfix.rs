//! A postfix of our own.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use consumers::mail::{Config, Security};
use tempfile::TempDir;

use crate::setting::{idle, open, receive, settings, sms, start, until};
use crate::sink::certify;

/// A running postfix; it stops with this value.
struct Postfix {
    folder: TempDir,
    child: Child,
    port: u16,
}

#[tokio::test(flavor = "multi_thread")]
async fn postfix_takes_the_mail_over_starttls_and_keeps_what_it_says() {
    let Some(postfix) = Postfix::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    receive(&store, [sms("Grüße"), sms("two"), sms("three")]).await;
    let to = ["ops@example.org", "gone@example.org", "full@example.org"].map(str::to_owned);
    let config = Config {
        to: to.into(),
        security: Security::Starttls,
        ca_file: Some(postfix.folder.path().join("certificate.pem")),
        ..settings(postfix.port)
    };
    until("postfix is there", || postfix.is_there()).await;
    let room = start(&store, &config);
    until("postfix has delivered", || postfix.delivered().len() >= 3).await;
    let backlog = store.backlog().await.expect("readable").remove(0);
    assert_eq!(backlog.waiting, 3, "the full mailbox is waited for");
    assert!(
        backlog
            .error
            .is_some_and(|error| error.contains("452 4.2.2") && error.contains("550 5.1.1"))
    );
    drop(room);
    let only = Config {
        to: vec!["ops@example.org".into()],
        ..config
    };
    let room = start(&store, &only);
    assert_eq!(idle(&store).await.0, 0);
    room.stop().await;
    let mails = postfix.delivered();
    assert_eq!(mails.len(), 3, "who has it does not get it again");
    assert!(mails.iter().all(|mail| mail.contains("Auto-Submitted: auto-generated")));
    assert!(
        mails
            .iter()
            .any(|mail| mail.contains("TLSv1.3") && mail.contains("Gr=C3=BC=C3=9Fe"))
    );
}

impl Postfix {
    /// Starts it. `None`, with a word on standard error, where it is missing or this user may not.
    fn start() -> Option<Self> {
        let there = Command::new("postconf")
            .arg("mail_version")
            .stdout(Stdio::null())
            .status();
        let root = || nix::unistd::geteuid().is_root();
        if !there.is_ok_and(|status| status.success()) || !root() {
            assert!(
                std::env::var_os("SIMRELAY_REQUIRE_PEERS").is_none(),
                "postfix is missing, or this is not root: tools/peers install"
            );
            eprintln!("skipped: postfix is missing, or this is not root (tools/peers install)");
            return None;
        }
        let folder = tempfile::tempdir().expect("there is room");
        certify(folder.path());
        let port = free_port();
        configure(folder.path(), port);
        let child = Command::new("postfix")
            .arg("-c")
            .arg(folder.path())
            .arg("start-fg")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        Some(Self { folder, child, port })
    }

    fn is_there(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let mut greeting = [0; 3];
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let greeted = stream.read_exact(&mut greeting).is_ok() && &greeting == b"220";
        let _ = stream.write_all(b"QUIT\r\n");
        greeted
    }

    /// The mails in the mailbox.
    fn delivered(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("mail/all/new")) else {
            return Vec::new();
        };
        let read = |entry: std::io::Result<fs::DirEntry>| fs::read_to_string(entry.ok()?.path()).ok();
        entries.filter_map(read).collect()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log"));
            eprintln!("{}", log.unwrap_or_default());
        }
        let _ = Command::new("postfix")
            .arg("-c")
            .arg(self.folder.path())
            .arg("stop")
            .output();
        let _ = self.child.wait();
    }
}

fn configure(folder: &Path, port: u16) {
    let here = folder.display();
    let main = format!(
        "compatibility_level = 3.6
queue_directory = {here}/spool
data_directory = {here}/data
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = example.org
virtual_mailbox_base = {here}/mail
virtual_mailbox_maps = static:all/
virtual_minimum_uid = 1
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_recipient_restrictions = check_recipient_access inline:{{{{full@example.org = 452 4.2.2 Mailbox full}}, \
         {{gone@example.org = 550 5.1.1 No such user}}}}, permit_mynetworks, reject
smtpd_tls_cert_file = {here}/certificate.pem
smtpd_tls_key_file = {here}/key.pem
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
maillog_file = {here}/log
maillog_file_prefixes = /
"
    );
    // Service, type, private, unprivileged, chroot, wake-up, most processes, program.
    let mut master = format!(
        "127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
"
    );
    for (name, program) in [
        ("rewrite", "trivial-rewrite"),
        ("bounce", "bounce"),
        ("defer", "bounce"),
        ("trace", "bounce"),
        ("proxymap", "proxymap"),
        ("error", "error"),
        ("retry", "error"),
        ("anvil", "anvil"),
    ] {
        master += &format!("{name} unix - - n - - {program}\n");
    }
    fs::write(folder.join("main.cf"), main).expect("there is room");
    fs::write(folder.join("master.cf"), master).expect("there is room");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("it is ours");
    for name in ["spool", "data", "mail"] {
        fs::create_dir(folder.join(name)).expect("there is room");
    }
    let owned = [("data", "postfix"), ("mail", "nobody")];
    for (name, user) in owned {
        let done = Command::new("chown").arg(user).arg(folder.join(name)).status();
        assert!(done.is_ok_and(|status| status.success()), "{user} owns {name}");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}
