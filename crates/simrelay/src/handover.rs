//! Sockets that systemd opened for the gateway (`sd_listen_fds`): known by their names, taken instead of the addresses of the
//! configuration.

use std::env;
use std::io;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use tracing::{info, warn};

/// The sockets that were handed over and that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Handover(Vec<(String, TcpListener)>);

impl Handover {
    /// Takes what was handed to this process. Call it before there are threads: it clears the variables that say so.
    pub(crate) fn receive() -> Self {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let mut handed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..handed.len() {
            let name = names
                .next()
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "unknown".to_owned());
            match take(&mut handed, index) {
                Ok(Some(socket)) => sockets.push((name, socket)),
                Ok(None) => {}
                Err(error) => warn!("the socket \"{name}\" that was handed over cannot be used: {error}"),
            }
        }
        Self(sockets)
    }

    /// Takes all sockets of one kind.
    pub(crate) fn take(&mut self, kind: Kind) -> Vec<TcpListener> {
        let (mine, others) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(name, _)| *name == kind.name);
        self.0 = others;
        for (name, socket) in &mine {
            match socket.local_addr() {
                Ok(address) => info!("{address} was handed over as \"{name}\", instead of {}", kind.setting),
                Err(error) => warn!("the socket \"{name}\" that was handed over has no address: {error}"),
            }
        }
        mine.into_iter().map(|(_, socket)| socket).collect()
    }

    /// Closes what nobody took, and says so.
    pub(crate) fn close(self) {
        for (name, socket) in self.0 {
            let at = socket
                .local_addr()
                .map_or_else(|_| "no address".to_owned(), |at| at.to_string());
            let known = KINDS.iter().find(|kind| kind.name == name);
            let why = match known {
                Some(kind) => format!("{} is not set, so nobody serves it", kind.setting),
                None => {
                    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                    format!(
                        "nobody knows the name; FileDescriptorName= is one of {}",
                        names.join(", ")
                    )
                }
            };
            warn!("the socket \"{name}\" ({at}) was handed over and is closed: {why}");
        }
    }
}

/// What a socket is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Its `FileDescriptorName=`.
    name: &'static str,
    /// The setting whose addresses it stands for.
    setting: &'static str,
}

impl Kind {
    pub(crate) const API: Self = Self::new("api", "api.listen");
    pub(crate) const SMTP: Self = Self::new("smtp", "smtp.listen");
    pub(crate) const SMTPS: Self = Self::new("smtps", "smtp.listen_tls");
    pub(crate) const SMPP: Self = Self::new("smpp", "smpp.listen");
    pub(crate) const SMPPS: Self = Self::new("smpps", "smpp.listen_tls");
    pub(crate) const ALERTS: Self = Self::new("alerts", "alerts.listener.listen");
    pub(crate) const ALERTS_HTTP: Self = Self::new("alerts-http", "alerts.http.listen");

    /// The setting whose addresses it stands for.
    pub(crate) fn setting(self) -> &'static str {
        self.setting
    }

    const fn new(name: &'static str, setting: &'static str) -> Self {
        Self { name, setting }
    }
}

/// The sockets that stand for these addresses; where there are no addresses nothing is served.
pub(crate) fn open_already(addresses: &[SocketAddr], kind: Kind, sockets: &mut Handover) -> Vec<TcpListener> {
    match addresses.is_empty() {
        true => Vec::new(),
        false => sockets.take(kind),
    }
}

fn take(handed: &mut ListenFd, index: usize) -> io::Result<Option<TcpListener>> {
    let socket = handed.take_tcp_listener(index)?;
    socket.iter().try_for_each(|socket| socket.set_nonblocking(true))?;
    Ok(socket)
}

const KINDS: [Kind; 7] = [
    Kind::API,
    Kind::SMTP,
    Kind::SMTPS,
    Kind::SMPP,
    Kind::SMPPS,
    Kind::ALERTS,
    Kind::ALERTS_HTTP,
];
