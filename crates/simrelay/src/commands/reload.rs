//! `simrelay reload`: the gateway reads its settings again.

use clap::Args;
use message::Reloaded;
use serde_json::json;

use crate::client::Client;
use crate::failure::Failure;
use crate::screen::Screen;

/// Have the gateway read its configuration again
#[derive(Debug, Args)]
#[command(after_help = "Example:
  simrelay config check /etc/simrelay/simrelay.toml && simrelay reload

Slots, upstreams, SMPP accounts, tokens, routes, limits, certificate, rules, mail, webhooks and alerts are taken without
touching modems and sessions that stay as they are. A file that is not right is refused whole, and the exit code is 1. It needs a token with the scope admin;
systemctl reload simrelay does the same.")]
pub(crate) struct ReloadArgs {}

/// Asks for it and tells what came of it.
pub(crate) async fn run(_: ReloadArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let reloaded: Reloaded = client.call("config.reload", json!({})).await?;
    if screen.is_json() {
        screen.value(&reloaded)?;
    } else {
        tell(&reloaded, screen)?;
    }
    match reloaded.taken {
        true => Ok(()),
        false => Err(Failure::Told(1)),
    }
}

fn tell(reloaded: &Reloaded, screen: &Screen) -> Result<(), Failure> {
    for fault in &reloaded.faults {
        screen.line(fault)?;
    }
    if !reloaded.taken {
        return screen.line("refused: everything stays as it was");
    }
    match reloaded.changed.is_empty() {
        true => screen.line("nothing that can be taken now has changed")?,
        false => screen.line(format!("changed: {}", reloaded.changed.join(", ")))?,
    }
    if !reloaded.needs_restart.is_empty() {
        let names = reloaded.needs_restart.join(", ");
        screen.line(format!("needs a restart: {names}"))?;
    }
    Ok(())
}
