//! The control socket: a line of JSON in, a line of JSON out.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::event::epoll;

/// The socket and its clients.
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
    token: u64,
    clients: HashMap<u64, Client>,
    met: u64,
}

struct Client {
    stream: UnixStream,
    read: Vec<u8>,
    unsent: Vec<u8>,
}

impl Control {
    /// Listens at `path`, where a socket that nobody answers is replaced. The socket has `token`, clients those that follow.
    pub(crate) fn listen(path: &Path, epoll: &OwnedFd, token: u64) -> io::Result<Self> {
        if UnixStream::connect(path).is_err() {
            let _ = std::fs::remove_file(path);
        }
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        epoll::add(
            epoll,
            &listener,
            epoll::EventData::new_u64(token),
            epoll::EventFlags::IN,
        )?;
        Ok(Self {
            listener,
            path: path.into(),
            token,
            clients: HashMap::new(),
            met: 0,
        })
    }

    /// The socket or a client of `token` is ready: the whole lines that came.
    pub(crate) fn ready(&mut self, token: u64, epoll: &OwnedFd) -> Vec<String> {
        if token == self.token {
            self.meet(epoll);
            return Vec::new();
        }
        let Some(client) = self.clients.get_mut(&token) else {
            return Vec::new();
        };
        match client.receive() {
            Ok(lines) => lines,
            Err(_) => {
                self.clients.remove(&token);
                Vec::new()
            }
        }
    }

    /// Sends the answers to a client's lines, and what it did not take before.
    pub(crate) fn answer(&mut self, token: u64, epoll: &OwnedFd, answers: &[serde_json::Value]) {
        let Some(client) = self.clients.get_mut(&token) else {
            return;
        };
        for answer in answers {
            client.unsent.extend(answer.to_string().into_bytes());
            client.unsent.push(b'\n');
        }
        if client.send().is_err() {
            self.clients.remove(&token);
            return;
        }
        let mut wanted = epoll::EventFlags::IN;
        wanted.set(epoll::EventFlags::OUT, !client.unsent.is_empty());
        let _ = epoll::modify(epoll, &client.stream, epoll::EventData::new_u64(token), wanted);
    }

    fn meet(&mut self, epoll: &OwnedFd) {
        while let Ok((stream, _)) = self.listener.accept() {
            self.met += 1;
            let token = self.token + self.met;
            let data = epoll::EventData::new_u64(token);
            let added = stream
                .set_nonblocking(true)
                .and_then(|()| Ok(epoll::add(epoll, &stream, data, epoll::EventFlags::IN)?));
            if added.is_ok() {
                self.clients.insert(
                    token,
                    Client {
                        stream,
                        read: Vec::new(),
                        unsent: Vec::new(),
                    },
                );
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Client {
    /// Reads whole lines; an error ends the client.
    fn receive(&mut self) -> io::Result<Vec<String>> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.read.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            if self.read.len() > LINE_LIMIT {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let mut lines = Vec::new();
        while let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.read.drain(..=end).collect();
            lines.push(String::from_utf8_lossy(&line).trim().to_owned());
        }
        lines.retain(|line| !line.is_empty());
        Ok(lines)
    }

    fn send(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Octets of a request; a longer one ends the client.
const LINE_LIMIT: usize = 1 << 20;
