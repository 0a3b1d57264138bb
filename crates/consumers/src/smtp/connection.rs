//! One connection: the loop between a socket and a session.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::framing::{Data, Lines};
use super::house::House;
use super::session::{Session, Step};
use super::{LoginError, Reply};

/// How far the server is with stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It works.
    Open,
    /// Nothing new begins.
    Stopping,
    /// Everything ends.
    Cut,
}

/// A client's connection.
pub(super) struct Connection {
    pub(super) house: Arc<House>,
    pub(super) peer: SocketAddr,
    pub(super) stage: watch::Receiver<Stage>,
}

/// How a conversation ended.
enum End {
    Over,
    StartTls,
}

impl Connection {
    /// Runs it to its end. A client that goes away, whenever it likes, is no error.
    pub(super) async fn run(self, socket: TcpStream, wrapped: bool) {
        let peer = self.peer;
        let mut stage = self.stage.clone();
        let total = self.house.rules.config.total();
        let ended = tokio::select! {
            served = timeout(total, self.serve(socket, wrapped)) => served,
            // A stage that never comes: the server is gone, and everything with it.
            _ = stage.wait_for(|stage| *stage == Stage::Cut) => return,
        };
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%peer, %error, "an SMTP connection ended"),
            Err(_) => tracing::info!(%peer, "an SMTP connection took longer than smtp.total_s and is closed"),
        }
    }

    async fn serve(mut self, mut socket: TcpStream, wrapped: bool) -> io::Result<()> {
        // Fails only on a socket that is dead already, which the first write finds out.
        let _ = socket.set_nodelay(true);
        let mut session = Session::new(self.house.rules.clone(), self.peer.ip().to_canonical());
        let mut greeting = Some(session.greeting());
        if !wrapped {
            match self.converse(&mut socket, &mut session, greeting.take()).await? {
                End::Over => return Ok(()),
                End::StartTls => {}
            }
        }
        let mut socket = self.handshake(socket).await?;
        session.secured();
        self.converse(&mut socket, &mut session, greeting).await.map(drop)
    }

    async fn handshake(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let acceptor = self.house.tls.clone();
        let acceptor = acceptor.ok_or_else(|| io::Error::other("there is no certificate"))?;
        timeout(HANDSHAKE, acceptor.accept(socket)).await?
    }

    /// Talks until one of both has enough. What came before TLS does not come out of here: its lines end with this.
    async fn converse<S>(&mut self, socket: &mut S, session: &mut Session, greeting: Option<String>) -> io::Result<End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut lines = Lines::default();
        let mut said = greeting.unwrap_or_default();
        loop {
            let Some(line) = lines.next() else {
                write(socket, &mut said).await?;
                let mut octets = [0; READ];
                let Some(count) = self.listen(socket, &mut octets).await? else {
                    return Ok(End::Over);
                };
                lines.feed(&octets[..count]);
                continue;
            };
            let mut step = session.receive(line);
            step = self.find_out(session, step).await;
            match step {
                Step::Say(text) => said.push_str(&text),
                Step::Close(text) => {
                    said.push_str(&text);
                    write(socket, &mut said).await?;
                    timeout(WRITE, socket.shutdown()).await??;
                    return Ok(End::Over);
                }
                Step::StartTls(text) => {
                    said.push_str(&text);
                    write(socket, &mut said).await?;
                    return Ok(End::StartTls);
                }
                Step::Data(text) => {
                    said.push_str(&text);
                    write(socket, &mut said).await?;
                    let reply = self.mail(socket, session, &mut lines).await?;
                    said.push_str(&format!("{reply}\r\n"));
                }
                // Nobody answers a question with another one.
                Step::Login { .. } | Step::Ask(_) => {}
            }
        }
    }

    /// Finds out what a session wants to know.
    async fn find_out(&self, session: &mut Session, step: Step) -> Step {
        match step {
            Step::Login { user, password } => {
                let login = match &self.house.rules.doorman {
                    Some(doorman) => doorman.login(self.peer.ip(), &user, &password).await,
                    None => Err(LoginError::Wrong),
                };
                session.logged_in(login)
            }
            Step::Ask(recipient) => {
                let Some(sender) = session.sender().cloned() else {
                    return step_back();
                };
                let (place, answer) = self.house.ask(&recipient, &sender).await;
                session.answered(recipient, place, answer)
            }
            other => other,
        }
    }

    /// Reads what the client says next; `None` where it is gone. A client that says nothing for too long, and one that
    /// says nothing while the server stops, is told so and sent away.
    async fn listen<S>(&mut self, socket: &mut S, octets: &mut [u8]) -> io::Result<Option<usize>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let idle = self.house.rules.config.idle();
        let farewell = tokio::select! {
            read = socket.read(octets) => return Ok(Some(read?).filter(|count| *count > 0)),
            () = tokio::time::sleep(idle) => Reply::new(421, [4, 4, 2], "nothing came for too long"),
            _ = self.stage.wait_for(|stage| *stage > Stage::Open) => Reply::new(421, [4, 3, 2], "the server stops"),
        };
        write(socket, &mut format!("{farewell}\r\n")).await?;
        timeout(WRITE, socket.shutdown()).await??;
        Ok(None)
    }

    /// Reads a mail and has it kept. What the client has sent after it stays in `lines`.
    async fn mail<S>(&self, socket: &mut S, session: &mut Session, lines: &mut Lines) -> io::Result<Reply>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = &self.house.rules.config;
        let mut data = Data::new(config.mail_bytes as usize, config.bare_lf);
        let mut room = self.house.room();
        let mut has_room = true;
        let mut octets = lines.take_rest();
        loop {
            if let Some(end) = data.feed(&octets) {
                lines.feed(&octets[end..]);
                break;
            }
            if has_room && !room.make(data.held()).await {
                has_room = false;
                data.drop_it();
            }
            octets.resize(READ, 0);
            let count = timeout(config.idle(), socket.read(&mut octets)).await??;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            octets.truncate(count);
        }
        let Some(envelope) = session.envelope() else {
            return Ok(Reply::later("nobody was named"));
        };
        if !has_room {
            return Ok(Reply::new(452, [4, 3, 1], "too many mails are coming: later again"));
        }
        if data.is_too_long() {
            return Ok(Reply::new(552, [5, 3, 4], "the mail is too large"));
        }
        Ok(self.house.deliver(envelope, data.into_mail()).await)
    }
}

/// A question about nobody, which a session does not ask.
fn step_back() -> Step {
    Step::Say(format!(
        "{}\r\n",
        Reply::new(503, [5, 5, 1], "who sends it comes first")
    ))
}

async fn write<S: AsyncWrite + Unpin>(socket: &mut S, said: &mut String) -> io::Result<()> {
    if said.is_empty() {
        return Ok(());
    }
    let told = async {
        socket.write_all(said.as_bytes()).await?;
        socket.flush().await
    };
    timeout(WRITE, told).await??;
    said.clear();
    Ok(())
}

/// How many octets are read at once.
const READ: usize = 8192;
/// How long a client may take to read what it is told, and for a handshake.
const WRITE: Duration = Duration::from_secs(30);
const HANDSHAKE: Duration = Duration::from_secs(15);
