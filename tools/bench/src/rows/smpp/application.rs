//! An application: a session and its socket, and a thread that waits for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use smpp::Bind;
use smpp::session::{BindMode, Config, Event, Rejected, Role, Session};

use super::PASSWORD;
use crate::{Error, system};

/// An application.
pub(super) struct Application {
    pub(super) session: Session,
    socket: TcpStream,
    octets: Vec<u8>,
}

impl Application {
    /// Binds as transceiver.
    pub(super) fn bind(address: SocketAddr, window: usize) -> Result<Self, Error> {
        let socket = system("the message centre", TcpStream::connect(address))?;
        system("the socket", socket.set_nodelay(true))?;
        let config = Config {
            window_out: window,
            ..Config::default()
        };
        let mut session = Session::new(Role::Esme, config, Instant::now());
        let bind = Bind {
            system_id: "bench".into(),
            password: PASSWORD.into(),
            interface_version: 0x34,
            ..Bind::default()
        };
        session
            .bind(BindMode::Transceiver, bind, Instant::now())
            .map_err(refused)?;
        let mut application = Self {
            session,
            socket,
            octets: vec![0; 16 * 1024],
        };
        while application.session.bound().is_none() {
            application.listen(Duration::from_secs(10))?;
            if application.session.is_closed() {
                return Err(Error::Refused("the bind was refused".into()));
            }
        }
        Ok(application)
    }

    /// Writes what is to be written, waits so long for something, and counts the answers among it.
    pub(super) fn listen(&mut self, limit: Duration) -> Result<usize, Error> {
        let mut answers = 0;
        for event in self.hear(limit)? {
            match event {
                Event::Answered { status, .. } if status.is_ok() => answers += 1,
                Event::Answered { status, .. } => return Err(Error::Refused(format!("submit_sm: {status}"))),
                _ => {}
            }
        }
        Ok(answers)
    }

    /// Writes what is to be written, waits so long for something, and gives all that happened.
    pub(super) fn hear(&mut self, limit: Duration) -> Result<Vec<Event>, Error> {
        let outgoing = self.session.outgoing();
        system("the socket", self.socket.write_all(outgoing))?;
        let written = outgoing.len();
        self.session.written(written);
        system("the socket", self.socket.set_read_timeout(Some(limit)))?;
        match self.socket.read(&mut self.octets) {
            Ok(0) => return Err(Error::Refused("the message centre hung up".into())),
            Ok(read) => drop(self.session.receive(&self.octets[..read], Instant::now())),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Error::Refused(error.to_string())),
        }
        Ok(std::iter::from_fn(|| self.session.poll()).collect())
    }
}

/// What the session did not take.
pub(super) fn refused(error: Rejected) -> Error {
    Error::Refused(error.to_string())
}
