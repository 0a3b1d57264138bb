//! What goes over SMPP sessions, of an upstream here or of an account of the message centre, written down for an operator who
//! asked for it: pcapng, which protocol analysers and `simrelay smpp analyze` read, also of sessions inside TLS.
//!
//! A file an account or upstream, begun anew with each switching on, and no longer than [`LARGEST_FILE`]. Writing is a thread's work: a
//! slow disk holds up no session, it loses PDUs of the trace, which the log counts. A power cut loses the trace's end, nothing
//! else.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, mpsc};
use std::thread;

use gateway::{Error, ErrorKind, WireDesk};
use jiff::Timestamp;
use message::{RouteId, TraceView, TraceWish};
use smpp::capture::{Cutter, Stamp, Writer, veil};

/// The traces of all accounts of a message centre, or of all upstreams.
#[derive(Debug)]
pub struct Traces {
    folder: Option<PathBuf>,
    /// Whoever was there since the start: an index stays valid.
    accounts: RwLock<Vec<Arc<Traced>>>,
    /// The way to the thread, once there is one.
    writer: Mutex<Option<mpsc::SyncSender<Piece>>>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Traced {
    /// What its sessions are told by.
    who: String,
    /// What an operator calls it; its file is called so too.
    name: String,
    wish: Mutex<Option<TraceWish>>,
    /// Whether nobody is called so any more.
    gone: AtomicBool,
}

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// We did.
    We,
    /// The peer came.
    Peer,
}

/// What a connection has of it.
#[derive(Debug)]
pub struct Tap {
    traces: Arc<Traces>,
    connection: u64,
    /// The one who opened it, and the other.
    ends: (SocketAddr, SocketAddr),
    opener: Opener,
    account: Option<usize>,
    heard: Cutter,
    told: Cutter,
    /// What went before it was known whose it is, with stars already.
    early: Vec<(bool, Stamp, Vec<u8>)>,
    written: bool,
}

/// What the thread is told.
#[derive(Debug)]
enum Piece {
    /// A trace begins, in this file.
    Begun(usize, PathBuf),
    /// A PDU, `forth` from the one who opened the connection.
    Pdu {
        account: usize,
        connection: u64,
        ends: (SocketAddr, SocketAddr),
        forth: bool,
        at: Stamp,
        octets: Vec<u8>,
    },
    Closed {
        account: usize,
        connection: u64,
        at: Stamp,
    },
}

/// The file of an account.
struct Book {
    file: File,
    writer: Writer,
    /// The numbers that the writer gave.
    connections: HashMap<u64, usize>,
    length: usize,
}

impl Traces {
    /// Traces that lie in this folder, none of them switched on.
    /// `names`: what sessions are told by, and what an operator calls that.
    pub fn new(folder: Option<PathBuf>, names: impl IntoIterator<Item = (String, String)>) -> Arc<Self> {
        let traces = Self {
            folder,
            accounts: RwLock::default(),
            writer: Mutex::default(),
            lost: Arc::default(),
        };
        traces.adopt(names);
        Arc::new(traces)
    }

    /// There are these from now on. Nothing more is written of the others; what was switched on of the rest stays so.
    pub fn adopt(&self, names: impl IntoIterator<Item = (String, String)>) {
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let mut there = Vec::new();
        for (who, name) in names {
            let known = accounts.iter().position(|traced| traced.who == who);
            there.push(known.unwrap_or(accounts.len()));
            if known.is_none() {
                let (wish, gone) = (Mutex::default(), AtomicBool::default());
                accounts.push(Arc::new(Traced { who, name, wish, gone }));
            }
        }
        for (at, traced) in accounts.iter().enumerate() {
            let gone = !there.contains(&at);
            traced.gone.store(gone, Ordering::Relaxed);
            if gone {
                *traced.wish() = None;
            }
        }
    }

    fn accounts(&self) -> RwLockReadGuard<'_, Vec<Arc<Traced>>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a connection; `ends`: the peer's address, and our own.
    pub fn tap(self: &Arc<Self>, (peer, own): (SocketAddr, SocketAddr), opener: Opener) -> Tap {
        Tap {
            traces: Arc::clone(self),
            connection: NEXT.fetch_add(1, Ordering::Relaxed),
            ends: match opener {
                Opener::We => (own, peer),
                Opener::Peer => (peer, own),
            },
            opener,
            account: None,
            heard: Cutter::default(),
            told: Cutter::default(),
            early: Vec::new(),
            written: false,
        }
    }

    /// Whether texts are written of this account's sessions; `None`: nothing is.
    fn texts(&self, account: usize) -> Option<bool> {
        let accounts = self.accounts();
        let traced = accounts.get(account)?;
        let mut wish = traced.wish();
        let texts = wish.as_ref()?.texts;
        if wish.as_ref().is_some_and(|wish| Timestamp::now() >= wish.until) {
            *wish = None;
            tracing::warn!(
                account = traced.who,
                "SMPP sessions are no longer written down: the time is over"
            );
            return None;
        }
        Some(texts)
    }

    fn pass(&self, piece: Piece) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.as_ref().is_none_or(|writer| writer.try_send(piece).is_err()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The way to the thread; it is started where there is none yet.
    fn start(&self) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_some() {
            return Ok(());
        }
        let folder = self.folder.as_ref();
        let folder = folder.ok_or_else(|| io::Error::other("no folder is known"))?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let (sender, pieces) = mpsc::sync_channel(WAITING);
        let lost = Arc::clone(&self.lost);
        let named = thread::Builder::new().name("smpp-trace".into());
        // It runs until the senders are gone.
        named.spawn(move || write_all(&pieces, &lost))?;
        *writer = Some(sender);
        Ok(())
    }

    fn path(&self, traced: &Traced) -> Option<PathBuf> {
        // Names have letters, digits, - and _.
        let folder = self.folder.as_ref()?;
        Some(folder.join(format!("{}.pcapng", traced.name)))
    }

    /// What is switched on of it.
    fn view(&self, traced: &Traced) -> Option<TraceView> {
        let wish = (*traced.wish()).filter(|wish| Timestamp::now() < wish.until)?;
        Some(TraceView {
            sim: RouteId::new(&traced.name),
            file: self.path(traced)?.display().to_string(),
            texts: wish.texts,
            until: Some(wish.until),
        })
    }

    fn switch(&self, account: usize, wish: Option<TraceWish>) -> Result<Option<TraceView>, Error> {
        let Some(traced) = self.accounts().get(account).map(Arc::clone) else {
            return Ok(None);
        };
        let before = self.texts(account);
        if wish.is_some() {
            let refused = |error| Error::new(ErrorKind::Unavailable, format!("the trace cannot be written: {error}"));
            self.start().map_err(refused)?;
        }
        if wish.is_some()
            && before.is_none()
            && let Some(path) = self.path(&traced)
        {
            self.pass(Piece::Begun(account, path));
        }
        let on = wish.is_some();
        *traced.wish() = wish;
        let lost = self.lost.swap(0, Ordering::Relaxed);
        tracing::warn!(
            account = traced.who,
            on,
            lost,
            "writing down SMPP sessions was switched"
        );
        Ok(self.view(&traced))
    }
}

impl WireDesk for Traces {
    fn trace(&self, name: &str, wish: Option<TraceWish>) -> Option<Result<Option<TraceView>, Error>> {
        let there = |traced: &Arc<Traced>| traced.name == name && !traced.gone.load(Ordering::Relaxed);
        let account = self.accounts().iter().position(there)?;
        Some(self.switch(account, wish))
    }

    fn traces(&self) -> Vec<TraceView> {
        self.accounts().iter().filter_map(|traced| self.view(traced)).collect()
    }
}

impl Traced {
    fn wish(&self) -> MutexGuard<'_, Option<TraceWish>> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap {
    /// Octets that the other side wrote.
    pub fn heard(&mut self, octets: &[u8]) {
        self.went(self.opener == Opener::Peer, true, octets);
    }

    /// Octets that we wrote.
    pub fn told(&mut self, octets: &[u8]) {
        self.went(self.opener == Opener::We, false, octets);
    }

    /// Somebody was let in as this account. A name alone is not enough: anybody can give one.
    pub fn is(&mut self, who: &str) {
        let account = self.traces.accounts().iter().position(|traced| traced.who == who);
        if account != self.account {
            self.close();
            self.account = account;
        }
        let early = std::mem::take(&mut self.early);
        if self.account.is_some_and(|account| self.traces.texts(account).is_some()) {
            for (forth, at, octets) in early {
                self.pass(forth, at, octets);
            }
        }
    }

    fn went(&mut self, forth: bool, heard: bool, octets: &[u8]) {
        let texts = match self.account {
            Some(account) => self.traces.texts(account),
            // A bind, perhaps.
            None => (self.early.len() < EARLY).then_some(false),
        };
        let mut pdus = Vec::new();
        let cutter = if heard { &mut self.heard } else { &mut self.told };
        cutter.pass(octets, texts.is_some(), |pdu| {
            pdus.push(veil(pdu, texts.unwrap_or_default()))
        });
        for pdu in pdus {
            let at = now();
            match self.account {
                Some(_) => self.pass(forth, at, pdu),
                None if pdu.len() <= EARLY_PDU => self.early.push((forth, at, pdu)),
                None => {}
            }
        }
    }

    fn pass(&mut self, forth: bool, at: Stamp, octets: Vec<u8>) {
        let (Some(account), connection, ends) = (self.account, self.connection, self.ends) else {
            return;
        };
        self.written = true;
        self.traces.pass(Piece::Pdu {
            account,
            connection,
            ends,
            forth,
            at,
            octets,
        });
    }

    /// The account's trace has no more of this connection.
    fn close(&mut self) {
        let written = std::mem::take(&mut self.written);
        if let Some(account) = self.account.filter(|_| written) {
            self.traces.pass(Piece::Closed {
                account,
                connection: self.connection,
                at: now(),
            });
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_all(pieces: &mpsc::Receiver<Piece>, lost: &AtomicU64) {
    let mut books: HashMap<usize, Book> = HashMap::new();
    for piece in pieces {
        let written = match piece {
            Piece::Begun(account, path) => begin(&path, account, &mut books),
            Piece::Pdu { account, .. } | Piece::Closed { account, .. } => match books.get_mut(&account) {
                Some(book) => book.write(piece),
                None => Ok(true),
            },
        };
        match written {
            Ok(true) => {}
            Ok(false) => drop(lost.fetch_add(1, Ordering::Relaxed)),
            Err(error) => tracing::warn!(%error, "the trace of SMPP sessions cannot be written"),
        }
    }
}

fn begin(path: &Path, account: usize, books: &mut HashMap<usize, Book>) -> io::Result<bool> {
    books.remove(&account);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    let mut octets = Vec::new();
    let writer = Writer::new(&mut octets);
    file.write_all(&octets)?;
    let book = Book {
        file,
        writer,
        connections: HashMap::new(),
        length: octets.len(),
    };
    books.insert(account, book);
    Ok(true)
}

impl Book {
    /// Whether there was room.
    fn write(&mut self, piece: Piece) -> io::Result<bool> {
        if self.length >= LARGEST_FILE {
            return Ok(false);
        }
        let mut out = Vec::new();
        match piece {
            Piece::Pdu {
                connection,
                ends: (from, to),
                forth,
                at,
                octets,
                ..
            } => {
                let known = self.connections.entry(connection);
                let number = *known.or_insert_with(|| self.writer.open(from, to, at, &mut out));
                self.writer.write(number, forth, &octets, at, &mut out);
            }
            Piece::Closed { connection, at, .. } => {
                if let Some(number) = self.connections.remove(&connection) {
                    self.writer.close(number, at, &mut out);
                }
            }
            Piece::Begun(..) => {}
        }
        self.length += out.len();
        self.file.write_all(&out).map(|()| true)
    }
}

fn now() -> Stamp {
    Stamp(u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default())
}

/// Octets that a file takes.
const LARGEST_FILE: usize = 64 * 1024 * 1024;
/// PDUs that wait for the thread. When there are more they are lost, and counted.
const WAITING: usize = 1024;
/// Numbers of the connections.
static NEXT: AtomicU64 = AtomicU64::new(1);
/// PDUs that are kept of a connection before it is known whose it is, and the longest of them in octets.
const EARLY: usize = 4;
const EARLY_PDU: usize = 1024;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;

    const ENQUIRE: [u8; 16] = [0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 7];

    fn traces(folder: PathBuf) -> Arc<Traces> {
        Traces::new(Some(folder), [("shop".to_owned(), "smpp.shop".to_owned())])
    }

    fn wish(seconds: i64) -> Option<TraceWish> {
        Some(TraceWish {
            texts: false,
            until: Timestamp::now() + jiff::SignedDuration::from_secs(seconds),
        })
    }

    fn ends() -> (SocketAddr, SocketAddr) {
        (([10, 0, 0, 1], 5000).into(), ([10, 0, 0, 2], 2775).into())
    }

    /// The pieces of a file, once there are so many.
    fn pieces(path: &std::path::Path, count: usize) -> Vec<Vec<u8>> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let file = fs::read(path).unwrap_or_default();
            let read = smpp::capture::Capture::read(&file).ok();
            let found: Vec<Vec<u8>> = read
                .iter()
                .flat_map(|capture| &capture.pieces)
                .map(|piece| piece.octets.to_vec())
                .collect();
            if found.len() >= count || Instant::now() > end {
                return found;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the thread has written all.
    fn ended(traces: Arc<Traces>) {
        // The thread has the other one.
        let lost = Arc::clone(&traces.lost);
        drop(Arc::into_inner(traces).expect("nobody else has them"));
        let end = Instant::now() + Duration::from_secs(20);
        while Arc::strong_count(&lost) > 1 {
            assert!(Instant::now() < end, "it ends with its senders");
            thread::yield_now();
        }
    }

    #[test]
    fn it_begins_and_ends_when_somebody_says_so() {
        let folder = std::env::temp_dir().join(format!("esme-trace-{}", std::process::id()));
        let traces = traces(folder.clone());
        assert!(traces.trace("sim1", wish(60)).is_none(), "that is no account");
        let mut tap = traces.tap(ends(), Opener::Peer);
        tap.heard(&ENQUIRE[..10]);
        tap.heard(&ENQUIRE[10..]);
        tap.is("shop");
        assert!(traces.traces().is_empty());
        let view = traces
            .trace("smpp.shop", wish(60))
            .expect("an account")
            .expect("a folder");
        let view = view.expect("it is on");
        assert_eq!((view.sim.as_str(), view.texts), ("smpp.shop", false));
        tap.told(&ENQUIRE);
        let mut second = traces.tap(ends(), Opener::Peer);
        second.heard(&ENQUIRE);
        second.is("shop");
        let path = folder.join("smpp.shop.pcapng");
        assert_eq!(
            pieces(&path, 2),
            [ENQUIRE, ENQUIRE],
            "what went before a bind that is traced is in it"
        );
        assert!(
            traces
                .trace("smpp.shop", None)
                .expect("an account")
                .expect("off")
                .is_none()
        );
        tap.told(&ENQUIRE);
        drop((tap, second));
        ended(traces);
        assert_eq!(pieces(&path, 0).len(), 2);
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn whoever_comes_later_is_written_down_and_whoever_goes_is_not() {
        let folder = std::env::temp_dir().join(format!("esme-trace-later-{}", std::process::id()));
        let traces = traces(folder.clone());
        traces.trace("smpp.shop", wish(60)).expect("an account").expect("on");
        traces.adopt([("bank".to_owned(), "smpp.bank".to_owned())]);
        assert!(traces.traces().is_empty());
        assert!(traces.trace("smpp.shop", wish(60)).is_none(), "it is gone");
        traces.trace("smpp.bank", wish(60)).expect("an account").expect("on");
        let mut tap = traces.tap(ends(), Opener::Peer);
        tap.is("bank");
        tap.heard(&ENQUIRE);
        assert_eq!(pieces(&folder.join("smpp.bank.pcapng"), 1), [ENQUIRE]);
        drop(tap);
        ended(traces);
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn its_time_is_over_by_itself() {
        let folder = std::env::temp_dir().join(format!("esme-trace-over-{}", std::process::id()));
        let traces = traces(folder.clone());
        traces
            .trace("smpp.shop", wish(-1))
            .expect("an account")
            .expect("a folder");
        assert_eq!(traces.texts(0), None);
        assert!(traces.traces().is_empty());
        fs::remove_dir_all(folder).expect("removed");
    }
}
