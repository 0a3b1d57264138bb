//! The handles that tests and programs hold. Each call is answered by the simulator's thread before it returns.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use crate::Error;
use crate::command::{Command, Kept, ModemView, Reply};
use crate::fault::{Fault, Rule};
use crate::record::{Arrived, Sent, Stats};
use crate::settings::{ModemSpec, Settings, UssdNode};
use crate::world::{Answer, Envelope, Request, World};

/// A network of modems on a thread of its own. Clones are the same network; with the last of them it ends.
#[derive(Debug, Clone)]
pub struct Network {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    requests: SyncSender<Envelope>,
    wake: Arc<OwnedFd>,
    thread: Mutex<Option<JoinHandle<()>>>,
    dir: PathBuf,
    /// Removes the folder where it was made for this network.
    _fresh: Option<tempfile::TempDir>,
}

/// A modem of a [`Network`].
#[derive(Debug, Clone)]
pub struct Modem {
    network: Network,
    index: usize,
    path: PathBuf,
    number: String,
}

impl Network {
    /// A network without modems.
    ///
    /// # Errors
    /// The folder cannot be made, or the system has no descriptors or threads left.
    pub fn start(settings: Settings) -> Result<Self, Error> {
        let (dir, fresh) = match &settings.dir {
            Some(dir) => (dir.clone(), None),
            None => {
                let fresh = tempfile::Builder::new().prefix("modemsim-").tempdir()?;
                (fresh.path().to_path_buf(), Some(fresh))
            }
        };
        std::fs::create_dir_all(&dir)?;
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(std::io::Error::from)?);
        let (requests, received) = sync_channel(REQUESTS);
        let world = World::new(settings, dir.clone(), Arc::clone(&wake), received)?;
        let thread = std::thread::Builder::new()
            .name("modemsim".into())
            .spawn(|| world.run())?;
        let inner = Inner {
            requests,
            wake,
            thread: Mutex::new(Some(thread)),
            dir,
            _fresh: fresh,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A network with `count` generic modems and no delays: what most tests want.
    ///
    /// # Errors
    /// As [`Network::start`] and [`Network::plug`].
    pub fn of(count: usize) -> Result<(Self, Vec<Modem>), Error> {
        let network = Self::start(Settings::default())?;
        let modems = (0..count)
            .map(|index| network.plug(ModemSpec::new(index)))
            .collect::<Result<_, _>>()?;
        Ok((network, modems))
    }

    /// Plugs a modem in: its line is there when this returns.
    ///
    /// # Errors
    /// The number is taken, or there is no pseudo-terminal left.
    pub fn plug(&self, spec: ModemSpec) -> Result<Modem, Error> {
        let number = spec.number.clone();
        match self.request(Request::Plug(Box::new(spec)))? {
            Answer::Plugged { index, path } => Ok(Modem {
                network: self.clone(),
                index,
                path,
                number,
            }),
            Answer::Reply(_) => Err(Error::Stopped),
        }
    }

    /// The folder of the symlinks.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Takes commands on a unix socket, a line of JSON each.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn listen(&self, path: &Path) -> Result<(), Error> {
        self.request(Request::Listen(path.into())).map(drop)
    }

    /// Asks anything.
    ///
    /// # Errors
    /// What is asked for does not exist, or the network has stopped.
    pub fn ask(&self, command: Command) -> Result<Reply, Error> {
        match self.request(Request::Command(command))? {
            Answer::Reply(reply) => Ok(reply),
            Answer::Plugged { .. } => Err(Error::Stopped),
        }
    }

    /// The messages that the network accepted, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        match self.ask(Command::Sent { from: 0 }) {
            Ok(Reply::Sent(sent)) => sent,
            _ => Vec::new(),
        }
    }

    /// Waits until the network has accepted `count` messages and gives them all, or those there are after `limit`.
    #[must_use]
    pub fn wait_sent(&self, count: usize, limit: Duration) -> Vec<Sent> {
        let end = Instant::now() + limit;
        while self.stats().sent < count as u64 && Instant::now() < end {
            std::thread::sleep(POLL);
        }
        self.sent()
    }

    /// What reached modems, in order.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived> {
        match self.ask(Command::Arrived { from: 0 }) {
            Ok(Reply::Arrived(arrived)) => arrived,
            _ => Vec::new(),
        }
    }

    /// The network in numbers; all zero once it has stopped.
    #[must_use]
    pub fn stats(&self) -> Stats {
        match self.ask(Command::Stats) {
            Ok(Reply::Stats(stats)) => stats,
            _ => Stats::default(),
        }
    }

    /// The modems in their order.
    #[must_use]
    pub fn modems(&self) -> Vec<ModemView> {
        match self.ask(Command::Modems) {
            Ok(Reply::Modems(modems)) => modems,
            _ => Vec::new(),
        }
    }

    /// Rules instead of those before.
    ///
    /// # Errors
    /// The network has stopped.
    pub fn rules(&self, rules: Vec<Rule>) -> Result<(), Error> {
        self.ask(Command::Rules { rules }).map(drop)
    }

    /// A text from outside to a SIM of this network; a long one comes in parts.
    ///
    /// # Errors
    /// No SIM has that number.
    pub fn text(&self, to: &str, from: &str, text: &str) -> Result<(), Error> {
        self.ask(Command::Text {
            to: to.into(),
            from: from.into(),
            text: text.into(),
        })
        .map(drop)
    }

    /// A TPDU from outside to a SIM of this network: hexadecimal, without SMSC part.
    ///
    /// # Errors
    /// No SIM has that number, or it is not hexadecimal.
    pub fn pdu(&self, to: &str, tpdu: &str) -> Result<(), Error> {
        self.ask(Command::Pdu {
            to: to.into(),
            tpdu: tpdu.into(),
        })
        .map(drop)
    }

    /// Ends the network: lines, symlinks and control socket are gone when this returns. Dropping the last clone does the same.
    pub fn stop(&self) {
        self.inner.stop();
    }

    fn request(&self, request: Request) -> Result<Answer, Error> {
        let (reply, answer) = sync_channel(1);
        self.inner.requests.send((request, reply)).map_err(|_| Error::Stopped)?;
        rustix::io::write(&*self.inner.wake, &1u64.to_ne_bytes()).map_err(std::io::Error::from)?;
        answer.recv().map_err(|_| Error::Stopped)?
    }
}

impl Inner {
    fn stop(&self) {
        let (reply, _) = sync_channel(1);
        let asked = self.requests.try_send((Request::Command(Command::Stop), reply)).is_ok();
        let woken = rustix::io::write(&*self.wake, &1u64.to_ne_bytes()).is_ok();
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let (true, true, Some(thread)) = (asked, woken, thread) {
            // A panic of the simulator's thread has been printed by then.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Modem {
    /// The symlink to the line.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SIM's number.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The modem's place in the network, counted from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Something goes wrong.
    ///
    /// # Errors
    /// A fresh line cannot be had, or the network has stopped.
    pub fn fault(&self, fault: Fault) -> Result<(), Error> {
        self.network
            .ask(Command::Fault {
                modem: self.index,
                fault,
            })
            .map(drop)
    }

    /// How the modem looks from outside.
    ///
    /// # Errors
    /// The network has stopped.
    pub fn view(&self) -> Result<ModemView, Error> {
        self.network.modems().into_iter().nth(self.index).ok_or(Error::Stopped)
    }

    /// What modem and SIM keep.
    #[must_use]
    pub fn stored(&self) -> Vec<Kept> {
        match self.network.ask(Command::Stored { modem: self.index }) {
            Ok(Reply::Stored(kept)) => kept,
            _ => Vec::new(),
        }
    }

    /// Someone calls, and gives up after so many rings.
    ///
    /// # Errors
    /// The network has stopped.
    pub fn call(&self, from: &str, rings: u32) -> Result<(), Error> {
        self.network
            .ask(Command::Call {
                modem: self.index,
                from: from.into(),
                rings,
            })
            .map(drop)
    }

    /// The network shows a USSD page by itself.
    ///
    /// # Errors
    /// The network has stopped.
    pub fn ussd(&self, page: UssdNode) -> Result<(), Error> {
        self.network
            .ask(Command::Ussd {
                modem: self.index,
                page,
            })
            .map(drop)
    }
}

/// Requests that wait for the thread; who asks beyond that waits, which is right for a caller that waits for the answer anyway.
const REQUESTS: usize = 16;
/// How often [`Network::wait_sent`] looks.
const POLL: Duration = Duration::from_millis(2);
