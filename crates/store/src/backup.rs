//! Copies of the database, and the way back from one.
//!
//! A copy is made with SQLite's online backup from a connection that only reads, within one read transaction: it shows one
//! moment, however much is written meanwhile, and the gateway never waits for it. The price is that the write-ahead log
//! grows by what is written until the copy is done. A copy is written under another name, synced and checked, and only
//! then gets its own; one that was broken off leaves nothing under that name.
//!
//! A copy carries a [mark](MARK). A gateway that starts on a marked file knows that it is older than what was sent since
//! (`recover.rs`, docs/decisions/backup.md).

use std::fs::File;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use nix::unistd::Uid;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;
use thiserror::Error;

use crate::belongings::belongs;
use crate::fault::opening;
use crate::lock::{FolderLock, LOCK_FILE};
use crate::store::DATABASE_FILE;
use crate::upkeep::findings;
use crate::{Config, Error, OpenError, connection, fault, migrate};

/// What lies in a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its size, in octets.
    pub octets: u64,
    /// The layout it has.
    pub layout: u32,
    /// Outgoing messages in it.
    pub messages: u64,
    /// Received messages in it.
    pub inbound: u64,
    /// Parts in it that were not sent yet, or whose fate was open.
    pub open: u64,
    /// Where the database lies now whose place it took.
    pub aside: Option<PathBuf>,
}

/// Why there is no copy. Nothing lies under its name, and what lay there before is as it was.
#[derive(Debug, Error)]
pub enum CopyError {
    /// There is something under that name.
    #[error("{} is there already: choose another name, or say --force to replace it", .0.display())]
    Exists(PathBuf),
    /// What is there is the gateway's.
    #[error("{} belongs to the gateway: name another file, best in another folder (in the data folder --force replaces \
        nothing but an earlier copy)", .0.display())]
    Belongs(PathBuf),
    /// What is to be copied cannot be opened.
    #[error(transparent)]
    Source(#[from] OpenError),
    /// What was to be copied is damaged.
    #[error("{} is damaged: {}", path.display(), findings.join("; "))]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, in sentences.
        findings: Vec<String>,
    },
    /// What is to be restored is no copy of a database, or a damaged one.
    #[error("{} is {why}: it is not restored, and nothing in {} is changed; name another copy",
        path.display(), folder.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
        /// Where it was to go.
        folder: PathBuf,
    },
    /// There is no room for it.
    #[error("{} has room for {} MB, and the copy needs {} MB: make room, or choose another place",
        folder.display(), free >> 20, (needed >> 20) + 1)]
    NoRoom {
        /// The folder it was to lie in.
        folder: PathBuf,
        /// Octets it needs.
        needed: u64,
        /// Octets there are.
        free: u64,
    },
    /// The system refuses.
    #[error("{} cannot be written: {source}", path.display())]
    File {
        /// What was to be written.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// SQLite could not.
    #[error("the copy failed: {0}")]
    Store(Error),
}

/// Copies the database of a data folder to a file, also while a gateway works on it. The copy is readable by this user
/// only. Blocks for as long as reading the file twice takes.
///
/// # Errors
/// `to` is the database or belongs to it, whatever `replace` says; something is at `to` and `replace` is not said; there
/// is no room; the database is damaged or of a newer simrelay.
pub fn back_up(folder: &Path, to: &Path, replace: bool) -> Result<Copied, CopyError> {
    let from = folder.join(DATABASE_FILE);
    if belongs(folder, to) {
        return Err(CopyError::Belongs(to.to_owned()));
    }
    must_be_free(to, replace)?;
    let source = source(&from)?;
    let draft = draft(&source, &parent(to))?;
    let copied = look(draft.path(), &from)?;
    settle(draft, to, replace)?;
    Ok(copied)
}

/// Puts a copy into a data folder, for the next start of a gateway there. What lies there is kept beside it
/// (`simrelay.db.replaced`, and `.1`, `.2` after that where there is one already).
///
/// # Errors
/// A gateway works on the folder; it has a database and `replace` is not said; the copy is damaged or of a newer simrelay.
pub fn restore(from: &Path, folder: &Path, replace: bool) -> Result<Copied, CopyError> {
    let to = folder.join(DATABASE_FILE);
    let lock = FolderLock::take(folder)?;
    must_be_free(&to, replace)?;
    let (draft, mut copied) = checked(from, folder).map_err(|error| unfit(error, from, folder))?;
    give(folder, draft.path())?;
    give(folder, &folder.join(LOCK_FILE))?;
    copied.aside = set_aside(&to)?;
    settle(draft, &to, replace)?;
    drop(lock);
    Ok(copied)
}

/// A copy of a copy, where it is to go, read whole.
fn checked(from: &Path, folder: &Path) -> Result<(NamedTempFile, Copied), CopyError> {
    let draft = draft(&source(from)?, folder)?;
    let copied = look(draft.path(), from)?;
    Ok((draft, copied))
}

/// What is wrong with a copy, told to somebody whose database it is not.
fn unfit(error: CopyError, from: &Path, folder: &Path) -> CopyError {
    let why = match error {
        CopyError::Source(OpenError::Foreign { .. }) => "no copy of a simrelay's database".to_owned(),
        CopyError::Source(OpenError::Corrupt { detail, .. }) => format!("damaged ({detail})"),
        CopyError::Unsound { findings, .. } => format!("damaged ({})", findings.join("; ")),
        error => return error,
    };
    CopyError::Unfit {
        path: from.to_owned(),
        why,
        folder: folder.to_owned(),
    }
}

/// Whether a file is a copy that no gateway has worked on yet.
pub(crate) fn is_marked(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("PRAGMA application_id", [], |row| row.get(0))
        .map(|id: i32| id == MARK)
}

/// From now on the file is a gateway's, and no copy any more.
pub(crate) fn unmark(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "application_id", 0)
}

/// A sound copy of what `source` shows, under a name of its own in `folder`; dropped, it is gone.
pub(crate) fn draft(source: &Connection, folder: &Path) -> Result<NamedTempFile, CopyError> {
    room(source, folder)?;
    let told = |source| CopyError::File {
        path: folder.to_owned(),
        source,
    };
    let draft = NamedTempFile::with_prefix_in(".simrelay-copy-", folder).map_err(told)?;
    copy(source, draft.path()).map_err(|trouble| match fault::is_damage(&trouble) {
        true => CopyError::Source(opening(Path::new(source.path().unwrap_or_default()), trouble)),
        false => CopyError::Store(fault::error(&trouble)),
    })?;
    draft.as_file().sync_all().map_err(told)?;
    Ok(draft)
}

/// Gives a draft its name.
pub(crate) fn settle(draft: NamedTempFile, to: &Path, replace: bool) -> Result<(), CopyError> {
    let named = match replace {
        true => draft.persist(to),
        false => draft.persist_noclobber(to),
    };
    let told = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => CopyError::Exists(to.to_owned()),
        _ => CopyError::File {
            path: to.to_owned(),
            source,
        },
    };
    named.map_err(|refused| told(refused.error))?;
    // The name is synced with its folder.
    File::open(parent(to))
        .and_then(|folder| folder.sync_all())
        .map_err(told)
}

/// What is to be copied, opened to read only.
fn source(path: &Path) -> Result<Connection, OpenError> {
    if let Err(source) = std::fs::metadata(path) {
        let path = path.to_owned();
        return Err(OpenError::Folder { path, source });
    }
    let conn = connection::reading(path, &Config::default()).map_err(|trouble| opening(path, trouble))?;
    migrate::readable(&conn, path)?;
    Ok(conn)
}

/// Copies page by page, with breaths between, what one moment shows.
fn copy(source: &Connection, to: &Path) -> rusqlite::Result<()> {
    let moment = source.unchecked_transaction()?;
    // A transaction sees its moment from its first read on.
    moment.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let mut copy =
        Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // A draft that a power cut breaks off is worth nothing anyway; it is synced once, when it is whole.
    copy.pragma_update(None, "synchronous", "off")?;
    let backup = Backup::new(source, &mut copy)?;
    loop {
        match backup.step(STEP)? {
            StepResult::Done => break,
            _ => sleep(BREATH),
        }
    }
    drop(backup);
    moment.finish()?;
    // One file, without a log beside it.
    copy.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    copy.pragma_update(None, "application_id", MARK)?;
    copy.close().map_err(|(_, trouble)| trouble)
}

/// Reads a draft whole. What is wrong with it was wrong with `from`, which somebody can look at afterwards.
fn look(path: &Path, from: &Path) -> Result<Copied, CopyError> {
    let at = |trouble| opening(from, trouble);
    let conn = connection::reading(path, &Config::default()).map_err(at)?;
    let layout = migrate::readable(&conn, from)?;
    let findings = findings(&conn, layout).map_err(at)?;
    if !findings.is_empty() {
        let path = from.to_owned();
        return Err(CopyError::Unsound { path, findings });
    }
    let count = |sql: &str| {
        let count: i64 = conn.query_row(sql, [], |row| row.get(0)).map_err(at)?;
        Ok::<u64, OpenError>(count.unsigned_abs())
    };
    Ok(Copied {
        octets: std::fs::metadata(path).map(|file| file.len()).unwrap_or(0),
        layout,
        messages: count("SELECT count(*) FROM message")?,
        inbound: count("SELECT count(*) FROM inbound")?,
        open: count("SELECT count(*) FROM part WHERE state BETWEEN 0 AND 2")?,
        aside: None,
    })
}

/// Moves a database away, with its log, to a name that nothing has; whatever else belongs to it is made anew. Where to,
/// if there was one.
fn set_aside(database: &Path) -> Result<Option<PathBuf>, CopyError> {
    let aside = unused(&beside(database, ".replaced"));
    let moves = [
        (database.to_owned(), aside.clone()),
        (beside(database, "-wal"), beside(&aside, "-wal")),
    ];
    let was_there = database.exists();
    for (from, to) in moves {
        if from.exists() {
            std::fs::rename(&from, &to).map_err(|source| CopyError::File { path: from, source })?;
        }
    }
    let index = beside(database, "-shm");
    gone(&index).map_err(|source| CopyError::File { path: index, source })?;
    Ok(was_there.then_some(aside))
}

/// This name, or with the first number that makes it one which no database and no log has.
fn unused(name: &Path) -> PathBuf {
    let is_free = |name: &PathBuf| !name.exists() && !beside(name, "-wal").exists();
    let numbered = (1u64..).map(|number| beside(name, &format!(".{number}")));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(is_free).unwrap_or_else(|| name.to_owned())
}

fn gone(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What root writes belongs to whom the folder belongs to: the gateway must be able to open it.
fn give(folder: &Path, file: &Path) -> Result<(), CopyError> {
    let told = |source| CopyError::File {
        path: file.to_owned(),
        source,
    };
    let owner = std::fs::metadata(folder).map_err(told)?;
    if !Uid::effective().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    chown(file, Some(owner.uid()), Some(owner.gid())).map_err(told)
}

fn must_be_free(path: &Path, replace: bool) -> Result<(), CopyError> {
    match path.exists() && !replace {
        true => Err(CopyError::Exists(path.to_owned())),
        false => Ok(()),
    }
}

/// Whether a folder has room for a copy.
pub(crate) fn room(source: &Connection, folder: &Path) -> Result<(), CopyError> {
    let octets = |pragma: &str| source.query_row(pragma, [], |row| row.get::<_, u32>(0));
    let sizes = octets("PRAGMA page_count").and_then(|pages| Ok((pages, octets("PRAGMA page_size")?)));
    let (pages, size) = sizes.map_err(|trouble| CopyError::Store(fault::error(&trouble)))?;
    let needed = u64::from(pages) * u64::from(size);
    let disk = statvfs(folder).map_err(|errno| CopyError::File {
        path: folder.to_owned(),
        source: errno.into(),
    })?;
    let free = disk.blocks_available() * disk.fragment_size();
    match free < needed + SPARE {
        true => Err(CopyError::NoRoom {
            folder: folder.to_owned(),
            needed,
            free,
        }),
        false => Ok(()),
    }
}

/// The folder a file lies in.
pub(crate) fn parent(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The file whose name goes on with `suffix`.
pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// `application_id` of a copy (`SRcp`); a gateway's own file has 0.
pub(crate) const MARK: i32 = 0x5352_6370;
/// Pages copied in one go: a megabyte, a few milliseconds of reading.
const STEP: i32 = 256;
/// The pause after each, so that the gateway's syncs find the disk idle now and then.
const BREATH: Duration = Duration::from_millis(2);
/// Octets that stay free beside a copy: a gateway must go on beside it.
const SPARE: u64 = 8 << 20;
