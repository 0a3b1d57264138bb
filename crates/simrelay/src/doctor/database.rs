//! The database: sound, usable by this user, its audit log unchanged.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Uid, User};
use store::OpenError;

use crate::config::Settings;

use super::check::Check;

/// Reads the whole database and the audit log in it, also while a gateway works on it. Nothing is changed.
pub(super) fn look(settings: &Settings) -> Vec<Check> {
    let file = settings.data.join(FILE);
    let owner = match fs::metadata(&file) {
        Ok(found) => Uid::from_raw(found.uid()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return vec![Check::ok(SUBJECT, "there is none yet; the first start makes it")];
        }
        Err(error) => return vec![unreadable(&file, &error.to_string())],
    };
    if owner != Uid::effective() {
        // Another user would leave files behind that the gateway cannot write.
        return vec![unreadable(
            &file,
            &format!("it belongs to the user {}", user_name(owner)),
        )];
    }
    // Reading the whole file takes a while; nothing else is to be done meanwhile.
    match store::examine(&settings.data) {
        Ok(findings) if findings.is_empty() => {
            let mut checks = vec![Check::ok(SUBJECT, "sound")];
            checks.extend(audit(&settings.data));
            checks
        }
        Ok(findings) => vec![Check::critical(
            SUBJECT,
            format!("damaged: {}", findings.join("; ")),
            RESTORE,
        )],
        Err(error) => vec![Check::critical(SUBJECT, error.to_string(), "see docs/operate.md")],
    }
}

/// Whether the audit log is as the gateway wrote it. One of an older layout is looked at after the next start.
fn audit(folder: &Path) -> Option<Check> {
    let verdict = match store::audit_verify(folder, None) {
        Ok(verdict) => verdict,
        Err(OpenError::Older { .. }) => return None,
        Err(error) => return Some(Check::critical(AUDIT, error.to_string(), "see docs/operate.md")),
    };
    Some(match verdict.faults.as_slice() {
        [] => Check::ok(AUDIT, format!("whole: {} entries", verdict.entries)),
        [fault] => Check::warning(AUDIT, fault, CHANGED),
        [first, more @ ..] => Check::warning(AUDIT, format!("{first}; {} more", faults(more.len())), CHANGED),
    })
}

fn faults(count: usize) -> String {
    match count {
        1 => "1 fault".to_owned(),
        many => format!("{many} faults"),
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
const AUDIT: &str = "audit log";
const CHANGED: &str =
    "somebody wrote to the database by hand: `simrelay audit verify` names every place; compare with a backup";
const RESTORE: &str = "keep a copy, then restore a backup, or recover it with: sqlite3 simrelay.db .recover";

/// The store's file in the data folder.
const FILE: &str = "simrelay.db";
