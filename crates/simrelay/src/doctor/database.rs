//! The database: sound, and usable by this user.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Uid, User};

use crate::config::Settings;

use super::check::Check;

/// Reads the whole database, also while a gateway works on it. Nothing is changed.
pub(super) fn look(settings: &Settings) -> Check {
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
    // Reading the whole file takes a while; nothing else is to be done meanwhile.
    match store::examine(&settings.data) {
        Ok(findings) if findings.is_empty() => Check::ok(SUBJECT, "sound"),
        Ok(findings) => Check::critical(SUBJECT, format!("damaged: {}", findings.join("; ")), RESTORE),
        Err(error) => Check::critical(SUBJECT, error.to_string(), "see docs/operate.md"),
    }
}

fn unreadable(file: &Path, why: &str) -> Check {
    let fix = "run the doctor as the user the gateway runs as: sudo -u simrelay simrelay doctor";
    Check::warning(SUBJECT, format!("{} is not looked at: {why}", file.display()), fix)
}

/// What a user is called, or the number.
pub(super) fn user_name(user: Uid) -> String {
    match User::from_uid(user) {
        Ok(Some(user)) => user.name,
        _ => user.to_string(),
    }
}

const SUBJECT: &str = "database";
const RESTORE: &str = "keep a copy, then restore a backup, or recover it with: sqlite3 simrelay.db .recover";

/// The store's file in the data folder.
const FILE: &str = "simrelay.db";
