//! The listener for lines of JSON: what the first alert server was, with limits.
//!
//! It is silent, as that was, unless it is told to answer each line. A line that is no alert is logged and skipped; the
//! connection goes on. Lines that are longer than allowed take no memory beyond that. What cannot be taken in fast
//! enough is not read, so the sender waits.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use message::RawAlert;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConfig;

use super::budget::{Budget, Grant};
use super::config::ListenerConfig;
use super::door::{Doors, Host, Ports, Stop, Stream};
use super::lines::{Found, Lines, ROOM};
use super::object::Object;
use super::pace::Pace;
use super::raiser::{Kept, NotKept, Patience, Raiser};
use super::voice::Voice;
use crate::places::Places;

/// A listener, ready to serve.
#[derive(Debug)]
pub struct Listener {
    doors: Doors,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: ListenerConfig,
    budget: Budget,
    pace: Mutex<Pace>,
    raiser: Raiser,
    voice: Voice,
}

impl Listener {
    /// Serves these ports; `tls` is there where the settings want it.
    pub fn new(ports: Ports, config: &ListenerConfig, tls: Option<Arc<ServerConfig>>, raiser: Raiser) -> Self {
        let places = Places::new(config.connections, config.connections_per_address);
        Self {
            doors: Doors::new(ports, tls, places),
            shared: Arc::new(Shared {
                budget: Budget::new(ROOM_FOR_ALL),
                pace: Mutex::new(Pace::new(config.lines_per_second)),
                voice: Voice::new(),
                config: config.clone(),
                raiser,
            }),
        }
    }

    /// Serves until `stop` is over. A line that is coming then may end within five seconds.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        self.doors.serve(self.shared, stop).await;
    }
}

impl Host for Shared {
    const NAME: &str = "alerts.listener";

    async fn serve(self: Arc<Self>, stream: Box<dyn Stream>, peer: SocketAddr, stop: Stop) {
        let (reader, writer) = tokio::io::split(stream);
        let (answers, given) = mpsc::channel(ANSWERS);
        let mut connection = Connection {
            lines: Lines::new(self.config.line_bytes as usize),
            grant: Grant::default(),
            shared: self,
            peer,
            answers,
            refused: 0,
        };
        let reading = async move {
            let ended = connection.read(reader, stop).await;
            connection.farewell(ended);
        };
        tokio::join!(reading, answer(writer, given));
    }
}

/// One client.
struct Connection {
    shared: Arc<Shared>,
    peer: SocketAddr,
    lines: Lines,
    grant: Grant,
    answers: mpsc::Sender<Answer>,
    /// How many lines were no alerts.
    refused: u64,
}

/// What a client is told of a line.
enum Answer {
    Refused(String),
    Asked(oneshot::Receiver<Kept>),
    Kept(Kept),
}

impl Connection {
    async fn read(&mut self, mut reader: ReadHalf<Box<dyn Stream>>, mut stop: Stop) -> io::Result<()> {
        let (mut begun, mut was_within) = (Instant::now(), false);
        loop {
            let mut found = false;
            while self.next_line().await? {
                found = true;
            }
            let asked = Instant::now();
            self.make_space().await;
            // That others hold the memory is not this sender's fault.
            begun += asked.elapsed();
            let is_within = self.lines.is_within();
            if found || !was_within {
                begun = Instant::now();
            }
            let limit = match is_within {
                true => self.shared.config.line().saturating_sub(begun.elapsed()),
                false => self.shared.config.idle(),
            };
            was_within = is_within;
            let count = tokio::select! {
                read = timeout(limit, reader.read(self.lines.space())) => read??,
                () = stop.wait(), if !is_within => return Ok(()),
            };
            if count == 0 {
                return self.end().await;
            }
            self.lines.received(count);
        }
    }

    /// Works the next line of what has come; `false` where there is none.
    async fn next_line(&mut self) -> io::Result<bool> {
        let Some(found) = self.lines.next() else {
            return Ok(false);
        };
        let (shared, grant) = (&self.shared, &mut self.grant);
        let read = read(found, shared, grant).await;
        self.take(read).await?;
        Ok(true)
    }

    /// What stands behind the last line end is a line, too; the first server took it for one.
    async fn end(&mut self) -> io::Result<()> {
        let Some(found) = self.lines.rest() else { return Ok(()) };
        let (shared, grant) = (&self.shared, &mut self.grant);
        let read = read(found, shared, grant).await;
        self.take(read).await
    }

    async fn take(&mut self, read: Result<Option<RawAlert>, Refusal>) -> io::Result<()> {
        match read {
            Ok(None) => Ok(()),
            Ok(Some(alert)) => {
                self.slow_down().await;
                self.raise(alert).await
            }
            Err(refusal) => {
                self.slow_down().await;
                self.refuse(refusal).await
            }
        }
    }

    async fn raise(&mut self, alert: RawAlert) -> io::Result<()> {
        let pictures = alert.images.iter().map(|image| image.octets.len()).sum();
        let room = Arc::new(self.grant.split(pictures));
        // The line itself is not needed any more, and being kept may take a while.
        self.lines.shrink();
        let patience = match self.shared.config.ack {
            true => Patience::Refused,
            false => Patience::Tried,
        };
        let kept = self.shared.raiser.hand_over(alert, room, patience).await;
        if !self.grant.is_last_in_line() {
            return self.tell(Answer::Asked(kept)).await;
        }
        let kept = kept.await.unwrap_or_else(|_| Err(NotKept::stopping()));
        self.tell(Answer::Kept(kept)).await
    }

    async fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        self.refused += 1;
        let (peer, why) = (self.peer, &refusal.why);
        let more = match self.refused {
            REFUSALS_SHOWN => "; further ones of this connection are counted",
            _ => "",
        };
        if self.refused <= REFUSALS_SHOWN {
            let words = || format!("a line is no alert and is skipped: {why}{more}");
            self.shared.voice.warn(peer, words);
        }
        if refusal.guesses {
            tokio::time::sleep(GUESS_PAUSE).await;
        }
        self.tell(Answer::Refused(refusal.why)).await
    }

    /// Queues an answer where there are answers. A client that does not read them is not read either.
    async fn tell(&mut self, answer: Answer) -> io::Result<()> {
        if !self.shared.config.ack {
            return Ok(());
        }
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client reads no answers");
        self.answers.send(answer).await.map_err(gone)
    }

    async fn slow_down(&self) {
        let wait = {
            let mut pace = self.shared.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.wait(self.peer.ip(), Instant::now())
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Gives back room that is not needed, and asks for more where the line needs it.
    async fn make_space(&mut self) {
        let held = self.lines.shrink();
        self.grant.shrink(held - ROOM.min(held));
        if let Some(octets) = self.lines.must_grow() {
            self.shared.budget.grow(&mut self.grant, octets - held).await;
            self.lines.grow(octets);
        }
    }

    fn farewell(&self, ended: io::Result<()>) {
        let peer = self.peer;
        if self.refused > REFUSALS_SHOWN {
            let words = || format!("{} lines in all were no alerts", self.refused);
            self.shared.voice.warn(peer, words);
        }
        match ended {
            Err(error) if error.kind() == io::ErrorKind::TimedOut && self.lines.is_within() => {
                let words = || "a line took longer than alerts.listener.line_s; the connection is closed".to_owned();
                self.shared.voice.warn(peer, words);
            }
            Err(error) => tracing::debug!(%peer, %error, "a connection of alerts.listener ended"),
            Ok(()) => {}
        }
    }
}

/// Why a line is not taken.
struct Refusal {
    why: String,
    /// Whether somebody may be trying tokens.
    guesses: bool,
}

/// Reads a line; nothing where it is blank. The memory for its picture is asked for first.
async fn read(found: Found<'_>, shared: &Shared, grant: &mut Grant) -> Result<Option<RawAlert>, Refusal> {
    let refusal = |why: String| Refusal { why, guesses: false };
    let line = match found {
        Found::Line(line) => line.trim_ascii(),
        Found::TooLong { octets } => {
            let longest = shared.config.line_bytes;
            return Err(refusal(format!(
                "it has {octets} octets, and alerts.listener.line_bytes is {longest}"
            )));
        }
    };
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() > ROOM {
        shared.budget.grow(grant, line.len() / 4 * 3).await;
    }
    let object = Object::read(line).map_err(|error| refusal(error.to_string()))?;
    let is_known = |token: &super::Token| object.token.as_deref().is_some_and(|told| token.is(told));
    if !shared.config.secret.as_ref().is_none_or(is_known) {
        let why = "its token is missing or wrong".to_owned();
        return Err(Refusal { why, guesses: true });
    }
    Ok(Some(object.alert))
}

/// Gives the answers in the order of their lines.
async fn answer(mut writer: WriteHalf<Box<dyn Stream>>, mut given: mpsc::Receiver<Answer>) {
    while let Some(answer) = given.recv().await {
        let line = match answer {
            Answer::Refused(why) => serde_json::json!({ "ok": false, "error": why, "retry": false }),
            Answer::Kept(kept) => told(kept),
            Answer::Asked(kept) => told(kept.await.unwrap_or_else(|_| Err(NotKept::stopping()))),
        };
        let line = format!("{line}\n");
        let write = async {
            writer.write_all(line.as_bytes()).await?;
            writer.flush().await
        };
        if !matches!(timeout(WRITE, write).await, Ok(Ok(()))) {
            return;
        }
    }
    let _ = timeout(WRITE, writer.shutdown()).await;
}

fn told(kept: Kept) -> serde_json::Value {
    match kept {
        Ok(receipt) => serde_json::json!({ "ok": true, "id": receipt.id, "number": receipt.number }),
        Err(error) => serde_json::json!({ "ok": false, "error": error.to_string(), "retry": true }),
    }
}

/// What long lines and pictures of all connections may take in memory, in octets, besides the one line that may always
/// go on.
const ROOM_FOR_ALL: usize = 8 * 1024 * 1024;
/// Answers that wait for their alerts to be kept; when it is full the next line waits.
const ANSWERS: usize = 64;
/// So many lines of a connection that are no alerts are shown in the log.
const REFUSALS_SHOWN: u64 = 5;
/// How long the answer to a wrong token takes.
const GUESS_PAUSE: Duration = Duration::from_secs(1);
/// How long a client may take to read an answer.
const WRITE: Duration = Duration::from_secs(30);
