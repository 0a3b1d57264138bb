//! Which files belong to a database, so that no copy is ever written over one of them.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::backup::{MARK, beside, parent};
use crate::begins::BEGINS_FILE;
use crate::lock::LOCK_FILE;
use crate::store::DATABASE_FILE;

/// Whether a copy must not be written under this name, whatever the caller says: in the data folder everything is the
/// gateway's that is not a copy, and what SQLite keeps beside the database is so wherever that lies.
pub(crate) fn belongs(folder: &Path, file: &Path) -> bool {
    is_part(&folder.join(DATABASE_FILE), file) || is_named(folder, file) || is_kept(folder, file)
}

/// Whether it is the database, its log or its index, under this name or another.
fn is_part(database: &Path, file: &Path) -> bool {
    // SQLite keeps log and index beside the file that a link points to.
    let real = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let names = PARTS
        .iter()
        .flat_map(|part| [beside(database, part), beside(&real, part)]);
    let is_it = |own: PathBuf| is_same(&own, file) || own.file_name() == file.file_name() && is_beside(&own, file);
    names.into_iter().any(is_it)
}

/// Whether the name is one that the gateway may give to a file of its own, now or later.
fn is_named(folder: &Path, file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_ours = OWN.contains(&&*name) || SERIES.iter().any(|series| name.starts_with(series));
    is_same(folder, &parent(file)) && is_ours || is_same(&folder.join(LOCK_FILE), file)
}

/// Whether it lies in the data folder and is no copy: ports, projections, traces, keys.
fn is_kept(folder: &Path, file: &Path) -> bool {
    is_same(folder, &parent(file)) && file.exists() && !is_copy(file)
}

/// Whether a file carries the mark of a copy: `application_id` stands at octet 68 of an SQLite file.
fn is_copy(file: &Path) -> bool {
    let mut head = [0; 72];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.starts_with(b"SQLite format 3\0") && head[68..] == MARK.to_be_bytes()
}

fn is_beside(one: &Path, other: &Path) -> bool {
    is_same(&parent(one), &parent(other))
}

/// Whether two names are of one file, or of one folder.
fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((place(one), place(other)), (Ok(one), Ok(other)) if one == other)
}

/// What SQLite adds to the name of a database.
const PARTS: &[&str] = &["", "-wal", "-shm", "-journal"];
/// Other files that the store keeps in the data folder.
const OWN: &[&str] = &[LOCK_FILE, BEGINS_FILE];
/// What databases that were set aside, and copies of upgrades, begin with.
const SERIES: &[&str] = &["simrelay.db.replaced", "simrelay.db.layout-"];
