//! The program as others' monitoring calls it: a plugin of Icinga and Nagios ([`check`]), a plugin of Munin ([`munin`]).
//!
//! Both ask a running gateway through its API, as any other client does, so that they show what `simrelay health` shows.
//! Both are called by a link as well, since that is how plugins are installed: [`called_by_link`] puts the command in.

pub(crate) mod check;
pub(crate) mod munin;
mod perfdata;
mod range;
mod sight;
mod verdict;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The arguments with the command that a link's name stands for: `check_simrelay` is `simrelay check`,
/// `munin_simrelay` is `simrelay munin`, and so is a link called `simrelay` that munin-node runs.
pub(crate) fn called_by_link(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(called) = arguments.first() else {
        return arguments;
    };
    let name = Path::new(called).file_name().and_then(OsStr::to_str);
    let name = name.unwrap_or_default().to_owned();
    if name == CHECK_LINK {
        arguments.insert(1, "check".into());
        return arguments;
    }
    let slot = name.strip_prefix(MUNIN_LINK);
    if slot.is_none() && !(name == PROGRAM && env::var_os(MUNIN_SIGN).is_some() && munin::may_ask(&arguments[1..])) {
        return arguments;
    }
    arguments.insert(1, "munin".into());
    if let Some(slot) = slot
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|slot| !slot.is_empty())
    {
        arguments.insert(2, "--modem".into());
        arguments.insert(3, slot.into());
    }
    arguments
}

/// The name of a link that is a plugin of Icinga.
pub(super) const CHECK_LINK: &str = "check_simrelay";

/// What the name of a link begins with that is a plugin of Munin; `_SLOT` may follow.
const MUNIN_LINK: &str = "munin_simrelay";

const PROGRAM: &str = "simrelay";

/// What munin-node sets for its plugins, and nobody else does.
const MUNIN_SIGN: &str = "MUNIN_PLUGSTATE";

#[cfg(test)]
mod tests {
    use super::*;

    fn called(line: &[&str]) -> Vec<String> {
        let line = line.iter().map(OsString::from).collect();
        let read = called_by_link(line).into_iter();
        read.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_link_means_its_command() {
        assert_eq!(
            called(&["/usr/lib/check_simrelay", "-t", "3"])[1..],
            ["check", "-t", "3"]
        );
        assert_eq!(called(&["munin_simrelay", "config"])[1..], ["munin", "config"]);
        assert_eq!(
            called(&["/etc/munin/plugins/munin_simrelay_sim-1"])[1..],
            ["munin", "--modem", "sim-1"]
        );
        assert_eq!(called(&["simrelay", "config", "check"])[1..], ["config", "check"]);
        assert_eq!(called(&[]), Vec::<String>::new());
    }
}
