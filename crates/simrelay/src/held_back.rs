//! Sections that a running gateway cannot take: what they need was given up before they were there ([hardening]).

use crate::config::Settings;
use crate::confine::UNTIL;

/// Leaves such sections as they are in `old`; what is said of each. `reaches`: whether a port of other machines may be
/// connected to. Files are no matter here: one that may not be read is a fault of the whole configuration.
pub(crate) fn hold_back(old: &Settings, new: &mut Settings, reaches: impl Fn(u16) -> bool) -> Vec<String> {
    let mut held = Vec::new();
    let mut beyond = |name: String, port: Option<u16>| {
        let port = port.filter(|port| !reaches(*port));
        held.extend(port.map(|port| format!("{name} (port {port} of other machines cannot be connected to {UNTIL})")));
        port.is_some()
    };
    let upstreams = std::mem::take(&mut new.upstreams);
    for (name, upstream) in upstreams {
        let known = old.upstreams.get(&name);
        let port = upstream.host_and_port().map(|(_, port)| port);
        let wanted = upstream.enabled && known != Some(&upstream);
        if !(wanted && beyond(format!("upstreams.{name}"), port)) {
            new.upstreams.insert(name, upstream);
            continue;
        }
        match known {
            Some(known) => drop(new.upstreams.insert(name, known.clone())),
            None => drop(new.upstream_routes.remove(&name)),
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn settings(text: &str) -> Settings {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        config::load(file.path()).expect("right")
    }

    #[test]
    fn an_upstream_that_cannot_be_reached_waits_for_a_restart_and_no_other_with_it() {
        let phone = |port| format!("[upstreams.phone]\naddress = 'a:{port}'\nsystem_id = 'relay'\n");
        let other = "[upstreams.other]\naddress = 'b:1'\nsystem_id = 'relay'\ncost_micros = 3\n";
        let old = settings(&phone(1));
        let mut new = settings(&format!("{}{other}", phone(2)));
        let held = hold_back(&old, &mut new, |port| port == 1);
        assert!(held.len() == 1 && held[0].starts_with("upstreams.phone (port 2 of"), "{held:?}");
        assert_eq!(new.upstreams.len(), 2);
        assert!(new.upstreams.iter().any(|(name, phone)| old.upstreams.get(name) == Some(phone)));
        let mut new = settings(other);
        assert_eq!(hold_back(&old, &mut new, |_| false).len(), 1);
        assert!(new.upstreams.is_empty() && new.upstream_routes.is_empty());
        let mut new = settings(&phone(1));
        assert_eq!(hold_back(&old, &mut new, |_| false), Vec::<String>::new(), "what is there stays");
    }
}
