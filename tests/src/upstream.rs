//! Gateways that are bound to another one by SMPP.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::{Gateway, Rig, eventually};

/// A gateway with an upstream of this name at this port, and further lines for it. Its password is "secret".
///
/// # Panics
/// The password cannot be written.
pub fn relay(rig: Rig, name: &str, port: u16, lines: &str) -> Rig {
    let file = rig.folder().join("upstream.password");
    fs::write(&file, "secret\n").expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("closed");
    rig.config(&format!(
        "[upstreams.{name}]\naddress = \"localhost:{port}\"\nsystem_id = \"shop\"\npassword_file = {file:?}\n{lines}"
    ))
}

/// Waits until the upstream at this port is bound as often as that.
///
/// # Panics
/// It is not.
pub fn wait_bound(gateway: &Gateway, port: u16, times: usize) {
    eventually("the upstream is bound", PATIENCE, || {
        let log = gateway.log();
        let bound = log.matches(&format!("bound to localhost:{port}")).count();
        (bound >= times).then_some(())
    });
}

const PATIENCE: Duration = Duration::from_secs(60);
