//! An open port, and what it has not taken yet.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use at::Wiped;
use message::RouteId;
use modem::WRITE_DEADLINE;
use nix::errno::Errno;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio_serial::SerialStream;
use zeroize::{Zeroize as _, Zeroizing};

use crate::port::{self, Opening};
use crate::secrets::Secrets;
use crate::trace::{Trace, Way};

/// An open port.
#[derive(Debug)]
pub(crate) struct Line {
    stream: SerialStream,
    /// Octets that the port has not taken, from `sent` on; wiped once they are out, since they may hold a PIN.
    unsent: Zeroizing<Vec<u8>>,
    sent: usize,
    /// Since when the port takes nothing.
    stuck_since: Option<Instant>,
    /// What was read last; wiped before the next is.
    heard: Box<Zeroizing<[u8; MOST_READ]>>,
    filled: usize,
    slot: RouteId,
    trace: Trace,
    /// What was read and is not in the trace yet, since its line is not whole.
    unnoted: Wiped,
    /// The secrets in what was written last: whatever a modem makes of them, they are not in the trace.
    secrets: Secrets,
}

/// What a port brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Brought {
    /// So many octets, to be fetched with [`Line::heard`].
    Octets(usize),
    /// It is gone, for this reason. It must not be read again: that would bring nothing, at once, for ever.
    End(String),
}

impl Line {
    /// Opens a port.
    ///
    /// # Errors
    /// A reason for people.
    pub(crate) async fn open(opening: Opening, slot: RouteId, trace: Trace) -> Result<Self, String> {
        Ok(Self::on(port::open(opening).await?, slot, trace))
    }

    fn on(stream: SerialStream, slot: RouteId, trace: Trace) -> Self {
        Self {
            stream,
            unsent: Zeroizing::new(Vec::with_capacity(LINE)),
            sent: 0,
            stuck_since: None,
            heard: Box::new(Zeroizing::new([0; MOST_READ])),
            filled: 0,
            slot,
            trace,
            unnoted: Wiped::default(),
            secrets: Secrets::default(),
        }
    }

    /// Queues octets; they go out with the next [`io`](Self::io), at once where the port takes them.
    pub(crate) fn write(&mut self, octets: &[u8], now: Instant) {
        self.trace.note(&self.slot, Way::Written, octets);
        self.secrets = Secrets::of(octets);
        self.unsent.extend_from_slice(octets);
        self.stuck_since.get_or_insert(now);
    }

    /// When a port that takes nothing is given up.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Some(self.stuck_since? + WRITE_DEADLINE)
    }

    /// Whether everything went out.
    pub(crate) fn is_flushed(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Writes what waits, and waits for octets to read. May be dropped and called again.
    pub(crate) async fn io(&mut self) -> Brought {
        let brought = poll_fn(|context| self.poll_io(context)).await;
        match brought {
            Ok(0) => Brought::End(String::from(UNPLUGGED)),
            Ok(octets) => {
                let heard = &self.heard[..octets];
                self.trace
                    .note_read(&self.slot, heard, &mut self.unnoted, &self.secrets);
                Brought::Octets(octets)
            }
            Err(error) if is_unplugged(&error) => Brought::End(String::from(UNPLUGGED)),
            Err(error) => Brought::End(format!("the port failed: {error}")),
        }
    }

    /// The octets read last.
    pub(crate) fn heard(&self, octets: usize) -> &[u8] {
        &self.heard[..octets]
    }

    /// Closes the port and waits until it is closed, so that it can be opened anew.
    pub(crate) async fn close(self) {
        port::close(self.stream).await;
    }

    fn poll_io(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(error)) = self.poll_write(context) {
            return Poll::Ready(Err(error));
        }
        self.heard[..self.filled].zeroize();
        self.filled = 0;
        let mut buffer = ReadBuf::new(&mut self.heard[..]);
        loop {
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) => {
                    self.filled = buffer.filled().len();
                    return Poll::Ready(Ok(self.filled));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.unsent.len() {
            let octets = &self.unsent[self.sent..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, octets)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(taken) => {
                    self.sent += taken;
                    self.stuck_since = Some(Instant::now());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.unsent.zeroize();
        self.sent = 0;
        self.stuck_since = None;
        Poll::Ready(Ok(()))
    }
}

/// Whether the port is gone. Reading tells that by its end; where octets wait to be written, writing tells it first, by
/// one of these.
fn is_unplugged(error: &io::Error) -> bool {
    let told = error.raw_os_error().map(Errno::from_raw);
    matches!(told, Some(Errno::EIO | Errno::ENODEV | Errno::ENXIO))
}

const UNPLUGGED: &str = "the port was unplugged";

/// Room for a command line, so that one with a PIN is not copied while it waits.
const LINE: usize = 512;

/// Octets read in one turn. A modem that floods is read a piece at a time, and the others have their turns in between.
const MOST_READ: usize = 2048;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn pair() -> (Line, SerialStream) {
        let (near, far) = SerialStream::pair().unwrap();
        (Line::on(far, RouteId::new("one"), Trace::default()), near)
    }

    #[tokio::test]
    async fn a_far_end_that_is_gone_is_told_by_the_first_read() {
        let (mut line, far) = pair();
        drop(far);
        let brought = tokio::time::timeout(Duration::from_secs(1), line.io()).await.unwrap();
        assert!(matches!(brought, Brought::End(_)), "{brought:?}");
    }

    #[tokio::test]
    async fn a_far_end_that_is_gone_is_told_alike_where_something_waits_to_be_written() {
        let (mut line, far) = pair();
        drop(far);
        line.write(b"AT\r", Instant::now());
        let brought = tokio::time::timeout(Duration::from_secs(1), line.io()).await.unwrap();
        assert_eq!(brought, Brought::End(String::from(UNPLUGGED)));
    }

    #[tokio::test]
    async fn what_the_port_does_not_take_waits_and_has_a_deadline() {
        let (mut line, mut far) = pair();
        line.write(&[b'x'; 100_000], Instant::now());
        let stuck = tokio::time::timeout(Duration::from_millis(200), line.io()).await;
        assert!(stuck.is_err() && !line.is_flushed());
        let deadline = line.deadline().unwrap();
        assert!(deadline > Instant::now() && deadline <= Instant::now() + WRITE_DEADLINE);
        let reading = async move {
            let mut taken = vec![0; 100_000];
            far.read_exact(&mut taken).await.unwrap();
            far
        };
        let far = tokio::select! {
            far = reading => far,
            brought = line.io() => panic!("{brought:?}"),
        };
        let last = tokio::time::timeout(Duration::from_millis(50), line.io()).await;
        assert!(last.is_err() && line.is_flushed() && line.deadline().is_none());
        drop(far);
    }
}
