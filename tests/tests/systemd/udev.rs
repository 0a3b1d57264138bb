//! The shipped rule in the hands of the real udev, on a stick that is made up (`udev.sh`). Needs root.

use std::path::Path;
use std::process::Command;

use nix::unistd::Uid;

#[test]
fn udev_gives_a_port_its_lasting_name_and_has_modem_manager_leave_the_stick_alone() {
    let required = std::env::var("SIMRELAY_REQUIRE_PEERS").as_deref() == Ok("1");
    let is_there = Path::new("/usr/bin/udevadm").exists();
    assert!(is_there || !required, "udev is missing: run `tools/peers install`");
    let may = Command::new("unshare").args(["--mount", "true"]).status();
    if !is_there || !Uid::effective().is_root() || !may.is_ok_and(|may| may.success()) {
        eprintln!("skipped: udev, root and a mount namespace are needed");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/udev/78-simrelay.rules");
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/systemd/udev.sh"))
        .arg(folder.path())
        .arg(shipped.canonicalize().expect("it ships"))
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (port, rest) = told.split_once("STICK\n").expect("both were tried");
    let (stick, links) = rest.split_once("LINKS\n").expect("both were tried");
    let says = |told: &str, line: &str| told.lines().any(|one| one == line);
    assert!(says(port, "ID_USB_INTERFACE_NUM=00"), "usb_id was asked: {port}");
    assert!(
        says(port, "ID_MM_DEVICE_IGNORE=1") && says(port, "ID_MM_PORT_IGNORE=1"),
        "{port}"
    );
    assert!(says(port, "DEVLINKS=/dev/simrelay/1-1.2-00"), "{port}");
    assert!(says(stick, "ID_MM_DEVICE_IGNORE=1"), "{stick}");
    assert!(!stick.contains("DEVLINKS"), "only ports have names: {stick}");
    assert_eq!(links, "../ttyUSB0\n1-1.2-00\n");
}
