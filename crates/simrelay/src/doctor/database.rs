//! The database: sound, and usable by this user.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Uid, User};
use store::{OpenError, Store};

use crate::config::Settings;

use super::check::Check;

/// Reads the whole database, unless a gateway works on it.
pub(super) async fn look(settings: &Settings) -> Check {
    let file = settings.data.join(FILE);
    let owner = match fs::metadata(&file) {
        Ok(found) => Uid::from_raw(found.uid()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Check::ok(SUBJECT, "there is none yet; the first start makes it");
        }
        Err(error) => return unreadable(&file, &error.to_string()),
    };
    if owner != Uid::effective() {
        // Another user would leave files behind that the gateway cannot write.
        return unreadable(&file, &format!("it belongs to the user {}", user_name(owner)));
    }
    match Store::open(&settings.data, &settings.store, gateway::joiner()) {
        Ok((store, _)) => {
            let findings = store.integrity_check().await;
            store.close().await;
            judge(findings.map_err(|error| error.to_string()))
        }
        Err(OpenError::InUse { pid, .. }) => {
            let process = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            Check::ok(
                SUBJECT,
                format!("a gateway works on it{process}; stop it to have the whole file read"),
            )
        }
        Err(error) => Check::critical(SUBJECT, error.to_string(), "see docs/operate.md"),
    }
}

fn judge(findings: Result<Vec<String>, String>) -> Check {
    match findings {
        Ok(findings) if findings.is_empty() => Check::ok(SUBJECT, "sound"),
        Ok(findings) => Check::critical(SUBJECT, format!("damaged: {}", findings.join("; ")), RESTORE),
        Err(error) => Check::critical(SUBJECT, error, RESTORE),
    }
}

fn unreadable(file: &Path, why: &str) -> Check {
    let fix = "run the doctor as the user the gateway runs as: sudo -u simrelay simrelay doctor";
    Check::warning(SUBJECT, format!("{} is not looked at: {why}", file.display()), fix)
}

fn user_name(user: Uid) -> String {
    match User::from_uid(user) {
        Ok(Some(user)) => user.name,
        _ => user.to_string(),
    }
}

const SUBJECT: &str = "database";
const RESTORE: &str = "keep a copy, then restore a backup, or recover it with: sqlite3 simrelay.db .recover";

/// The store's file in the data folder.
const FILE: &str = "simrelay.db";
