//! `simrelay backup` and `simrelay restore`: copies of the database, and the way back.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use store::Copied;

use crate::config;
use crate::failure::Failure;
use crate::screen::Screen;

/// Copy the database, also while the gateway runs
#[derive(Debug, Args)]
#[command(after_help = "Example:
  sudo -u simrelay simrelay backup /var/backups/simrelay-$(date +%F).db

The copy shows one moment, is read whole before it gets its name, and is for this user alone. The gateway goes on
meanwhile; it asks no gateway and needs no token, only the rights to read the data folder. In the data folder --force
replaces nothing but an earlier copy.")]
pub(crate) struct BackupArgs {
    /// The file to write
    file: PathBuf,

    #[command(flatten)]
    place: Place,

    /// Replace the file where it is there
    #[arg(long)]
    force: bool,
}

/// Put a copy of the database back
#[derive(Debug, Args)]
#[command(after_help = "Example:
  systemctl stop simrelay
  simrelay restore /var/backups/simrelay-2026-11-22.db --force
  systemctl start simrelay

What waited in the copy may have been sent since: each such part is uncertain after the next start, and is sent once
more, marked 'maybe twice', or kept for you to decide, as its message says. The database that was there stays beside it as
simrelay.db.replaced, or simrelay.db.replaced.1 and so on where there is one from an earlier restore.")]
pub(crate) struct RestoreArgs {
    /// The copy
    file: PathBuf,

    #[command(flatten)]
    place: Place,

    /// Replace the database that is there
    #[arg(long)]
    force: bool,
}

/// Where the database lies.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The configuration that names the data folder
    #[arg(long, value_name = "FILE", default_value = config::USUAL_FILE)]
    config: PathBuf,

    /// The data folder, without reading a configuration
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Copies the database.
pub(crate) fn backup(args: &BackupArgs, screen: &Screen) -> Result<(), Failure> {
    let folder = args.place.folder()?;
    let copied = store::back_up(&folder, &args.file, args.force).map_err(refused)?;
    tell(&copied, &args.file.display().to_string(), screen)
}

/// Puts a copy back.
pub(crate) fn restore(args: &RestoreArgs, screen: &Screen) -> Result<(), Failure> {
    let folder = args.place.folder()?;
    let copied = store::restore(&args.file, &folder, args.force).map_err(refused)?;
    tell(&copied, &folder.display().to_string(), screen)
}

impl Place {
    /// The data folder.
    pub(crate) fn folder(&self) -> Result<PathBuf, Failure> {
        if let Some(folder) = &self.data {
            return Ok(folder.clone());
        }
        let settings = config::look(&self.config).map_err(|faults| {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            Failure::refused(format!(
                "{first}\nname the data folder with --data where there is no such file"
            ))
        })?;
        Ok(settings.data)
    }
}

fn refused(error: store::CopyError) -> Failure {
    Failure::refused(error.to_string())
}

fn tell(copied: &Copied, place: &str, screen: &Screen) -> Result<(), Failure> {
    let Copied {
        octets,
        layout,
        messages,
        inbound,
        open,
        aside,
    } = copied;
    if screen.is_json() {
        return screen.value(&json!({
            "place": place, "octets": octets, "layout": layout, "messages": messages, "inbound": inbound, "open_parts": open,
            "kept_aside": aside,
        }));
    }
    screen.line(format!(
        "{place}: sound, {octets} octets; messages out: {messages} (parts not settled: {open}), received: {inbound}"
    ))?;
    match aside {
        Some(aside) => screen.line(format!("the database that was there: {}", aside.display())),
        None => Ok(()),
    }
}
