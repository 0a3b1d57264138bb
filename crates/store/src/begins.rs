//! Which of the parts that were handed over ahead have begun.
//!
//! The attempt of such a part is on record before the part in front of it has ended. A process that is killed then leaves
//! two open attempts for the SIM, though mostly one part alone was on its way. So each beginning is noted in a file beside
//! the database, which costs no sync: what was written there outlives the process, though not the machine. The next start
//! believes the file where the machine has run ever since (the kernel's boot id) and the file is that of the last process
//! that worked on this very database (the number of its run). Otherwise every open attempt is in doubt.

use std::collections::{HashMap, HashSet};
use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use message::{BeginMark, RouteId};

use crate::outgoing::PartKey;

/// Names the time between two opens of a database.
pub(crate) type Run = [u8; 16];

/// The file of this run.
#[derive(Debug)]
pub(crate) struct Begins {
    file: File,
    /// Where the hands of the routes have their places in the file.
    places: Mutex<HashMap<(RouteId, usize), u64>>,
}

/// The mark of one part.
#[derive(Debug)]
struct Mark {
    begins: Arc<Begins>,
    /// In octets from the beginning of the file.
    place: u64,
    key: PartKey,
}

impl Begins {
    /// Begins the file of a run. It is written over in place, so that a full disk is no hindrance.
    pub(crate) fn begin(database: &Path, run: &Run) -> io::Result<Arc<Self>> {
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path(database))?;
        // No header, no belief: it comes last.
        let room = file.metadata()?.len().max(ROOM);
        file.write_all_at(&vec![0; usize::try_from(room).unwrap_or(0)], 0)?;
        file.write_all_at(&header(&boot()?, run), 0)?;
        Ok(Arc::new(Self {
            file,
            places: Mutex::default(),
        }))
    }

    /// The mark that the part in this hand of `route` is to get when it begins. It takes the place of the hand's mark
    /// before, whose part has its end on record.
    pub(crate) fn mark(self: &Arc<Self>, route: &RouteId, hand: usize, key: PartKey) -> Arc<dyn BeginMark> {
        Arc::new(Mark {
            begins: Arc::clone(self),
            place: self.place(route, hand),
            key,
        })
    }

    fn place(&self, route: &RouteId, hand: usize) -> u64 {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let next = HEADER as u64 + places.len() as u64 * MARK;
        *places.entry((route.clone(), hand)).or_insert(next)
    }
}

impl BeginMark for Mark {
    fn set(&self) -> io::Result<()> {
        let mark = self.key.row().to_le_bytes();
        self.begins.file.write_all_at(&mark, self.place)
    }
}

/// The parts that began in `run`, the last one; `None` where nobody can tell.
pub(crate) fn begun(database: &Path, run: &Run) -> Option<HashSet<i64>> {
    let written = fs::read(path(database)).ok()?;
    let (found, marks) = written.split_at_checked(HEADER)?;
    if found != header(&boot().ok()?, run) {
        return None;
    }
    let (marks, _) = marks.as_chunks();
    Some(marks.iter().map(|mark| i64::from_le_bytes(*mark)).collect())
}

/// What a file begins with.
fn header(boot: &str, run: &Run) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let words = [MAGIC, run, boot.as_bytes()].concat();
    for (place, octet) in header.iter_mut().zip(words) {
        *place = octet;
    }
    header
}

/// Names the time since the machine was started, as 32 hexadecimal digits: the kernel's word or, where a service may not
/// look there (`ProcSubset=pid`), that of its unit (`%b`).
fn boot() -> io::Result<String> {
    boot_of(&fs::read_to_string(BOOT_ID).or_else(|error| env::var(BOOT_ID_VARIABLE).map_err(|_| error))?)
}

/// The kernel writes hyphens and systemd none.
fn boot_of(told: &str) -> io::Result<String> {
    let digits: String = told.chars().filter(char::is_ascii_hexdigit).collect();
    match digits.len() {
        BOOT_ID_DIGITS => Ok(digits),
        _ => Err(io::Error::other(format!(
            "'{}' names no start of a machine",
            told.trim()
        ))),
    }
}

fn path(database: &Path) -> PathBuf {
    database.with_file_name(BEGINS_FILE)
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

const BOOT_ID_VARIABLE: &str = "SIMRELAY_BOOT_ID";

const BOOT_ID_DIGITS: usize = 32;

pub(crate) const BEGINS_FILE: &str = "simrelay.begins";

const MAGIC: &[u8] = b"simrelay begins\n";

/// Octets of the magic words, a run, and a boot id with room to spare.
const HEADER: usize = 16 + 16 + 40;

/// Octets of a mark: the part's row.
const MARK: u64 = 8;

/// Octets that are there from the beginning: for 4096 hands. More make the file longer.
const ROOM: u64 = HEADER as u64 + 4096 * MARK;

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Run = [7; 16];

    fn key(message: i64) -> PartKey {
        PartKey { message, part: 1 }
    }

    #[test]
    fn a_start_of_the_machine_has_one_name_whoever_tells_it() {
        let kernel = boot_of("9d1e7a3c-0b52-4b8e-8f3a-5f2d1c0e9a77\n").unwrap();
        assert_eq!(kernel, boot_of("9d1e7a3c0b524b8e8f3a5f2d1c0e9a77").unwrap());
        assert!(boot_of("%b").is_err());
    }

    #[test]
    fn what_began_is_known_to_the_next_run_and_what_did_not_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("simrelay.db");
        let begins = Begins::begin(&database, &RUN).expect("made");
        let (one, two) = (RouteId::new("sim1"), RouteId::new("sim2"));
        let marks = [(&one, 0, 1), (&one, 1, 2), (&two, 0, 3)];
        let marks = marks.map(|(route, hand, message)| begins.mark(route, hand, key(message)));
        marks[0].set().expect("noted");
        marks[2].set().expect("noted");
        let begun = begun(&database, &RUN).expect("believed");
        let known = [1, 2, 3].map(|message| begun.contains(&key(message).row()));
        assert_eq!(known, [true, false, true]);
    }

    #[test]
    fn a_hand_remembers_its_last_part_and_takes_no_place_of_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("simrelay.db");
        let begins = Begins::begin(&database, &RUN).expect("made");
        let begin = |route: &str, hand, message| {
            let mark = begins.mark(&RouteId::new(route), hand, key(message));
            mark.set().expect("noted");
        };
        begin("slow", 0, 1);
        begin("fast", 7, 2);
        (3..2000).for_each(|message| begin("fast", 8, message));
        let begun = begun(&database, &RUN).expect("believed");
        for known in [1, 2, 1999] {
            assert!(begun.contains(&key(known).row()), "{known}");
        }
    }

    #[test]
    fn the_file_of_another_run_or_boot_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("simrelay.db");
        assert_eq!(begun(&database, &RUN), None, "there is none");
        drop(Begins::begin(&database, &RUN).expect("made"));
        assert!(begun(&database, &RUN).is_some());
        assert_eq!(begun(&database, &[8; 16]), None, "another run");
        let mut written = fs::read(path(&database)).expect("read");
        written[40] ^= 1;
        fs::write(path(&database), &written).expect("written");
        assert_eq!(begun(&database, &RUN), None, "another boot");
        fs::write(path(&database), &written[..20]).expect("written");
        assert_eq!(begun(&database, &RUN), None, "half a header");
        drop(Begins::begin(&database, &RUN).expect("made anew"));
        assert!(begun(&database, &RUN).is_some());
    }
}
