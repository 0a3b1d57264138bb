//! `simrelay munin`: the gateway's counts and states as Munin wants them.
//!
//! One plugin with many graphs (`multigraph`). [`graphs`] says what is drawn and reads it from the gateway; [`names`] makes
//! names of fields out of slots'; [`words`] is the language that munin-node reads.

mod graphs;
mod names;
mod upstreams;
mod words;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::client::{Aim, Client, Connection};
use crate::failure::Failure;
use crate::screen::Screen;

use super::sight::Sight;

/// Tell Munin what the gateway counts
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ln -s /usr/local/bin/simrelay /etc/munin/plugins/munin_simrelay        all slots, one plugin
  ln -s /usr/local/bin/simrelay /etc/munin/plugins/munin_simrelay_sim1   one slot alone
  munin-run munin_simrelay config

Where the gateway is and the token (scopes health and stats) come from the variables that all commands read, set in \
/etc/munin/plugin-conf.d: env.SIMRELAY_URL, env.SIMRELAY_CA, env.SIMRELAY_TOKEN_FILE. Those of SMSgate's plugin are understood \
too: smsgate_host, smsgate_port, smsgate_cafile, smsgate_api_token.")]
pub(crate) struct MuninArgs {
    /// What is asked; without it the values
    #[arg(value_enum)]
    asked: Option<Asked>,

    /// Graphs of this slot alone
    #[arg(long, value_name = "SLOT")]
    modem: Option<String>,
}

/// What munin-node asks a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Asked {
    /// How the graphs look
    Config,
    /// Whether the plugin works here
    Autoconf,
    /// Which slots it can be installed for, each by a link of its own
    Suggest,
}

/// Whether munin-node may ask this: nothing, or one of its words.
pub(super) fn may_ask(arguments: &[OsString]) -> bool {
    let is_word = |argument: &OsString| {
        argument
            .to_str()
            .is_some_and(|word| Asked::from_str(word, false).is_ok())
    };
    match arguments {
        [] => true,
        [word] => is_word(word),
        _ => false,
    }
}

/// Answers.
///
/// # Errors
/// There is no answer from the gateway: munin-node drops what a plugin printed that fails.
pub(crate) fn run(args: &MuninArgs, connection: &Connection, screen: &Screen) -> Result<(), Failure> {
    let seen = look(&connection.aimed(variables(connection)));
    let seen = match (args.asked, seen) {
        (Some(Asked::Autoconf), seen) => return screen.line(autoconf(seen)),
        (_, seen) => seen?,
    };
    if args.asked == Some(Asked::Suggest) {
        return seen.used().try_for_each(|slot| screen.line(slot.slot.as_str()));
    }
    let only = args.modem.as_deref().map(|name| seen.slot(name)).transpose()?;
    let config = args.asked == Some(Asked::Config);
    let dirty = env::var(DIRTY_CONFIG).as_deref() == Ok("1");
    for graph in graphs::of(&seen, only) {
        if config {
            screen.text(&graph.config())?;
        }
        if !config || dirty {
            screen.text(&graph.values(config))?;
        }
    }
    Ok(())
}

fn look(connection: &Connection) -> Result<Sight, Failure> {
    let client = Client::new(connection)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::refused(format!("cannot start: {error}")))?;
    runtime.block_on(Sight::of(&client))
}

/// A plugin that does not work here is no failure.
fn autoconf(seen: Result<Sight, Failure>) -> String {
    match seen {
        Ok(_) => "yes".to_owned(),
        Err(failure) => {
            let why = failure.sentence().unwrap_or("no answer");
            format!("no ({})", without_brackets(why))
        }
    }
}

/// Munin reads a reason up to the first closing bracket: what stood in brackets stands between commas.
fn without_brackets(why: &str) -> String {
    let why = why.replace('\n', " ").replace(" (", ", ").replace(") ", ", ");
    why.replace(['(', ')'], "")
}

/// What the variables of SMSgate's plugin say, so that its `plugin-conf.d` goes on.
fn variables(given: &Connection) -> Aim {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    Aim {
        host: variable("smsgate_host"),
        port: variable("smsgate_port").and_then(|port| port.parse().ok()),
        token: variable("smsgate_api_token"),
        ca: variable("smsgate_cafile").map(PathBuf::from),
        limit: given.timeout.unwrap_or(LIMIT_S),
    }
}

/// Set where the master takes values with the configuration.
const DIRTY_CONFIG: &str = "MUNIN_CAP_DIRTYCONFIG";

/// How long the gateway may take, in seconds: munin-node gives all of a plugin ten.
const LIMIT_S: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_in_brackets_has_none_inside() {
        let silent = Failure::Unreachable("no answer from h: refused; is --url (SIMRELAY_URL) right?\nTry.".into());
        assert_eq!(
            autoconf(Err(silent)),
            "no (no answer from h: refused; is --url, SIMRELAY_URL, right? Try.)"
        );
    }
}
