//! The demonstration's own mail server: it shows what comes, and keeps nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use consumers::ports::Ports;
use consumers::smtp::{Answer, Config, Letter, Listed, Listener, Mailbox, Parts, Recipient, Reply, Sender};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;
use crate::screen::harmless;

/// The server. Dropping it stops it.
pub(super) struct Tray {
    port: u16,
    mails: mpsc::Receiver<String>,
    _stop: oneshot::Sender<()>,
}

/// Whoever is written to.
#[derive(Debug)]
struct Everybody(mpsc::Sender<String>);

impl Tray {
    /// Starts it on a port of this machine that is free.
    pub(super) async fn open() -> Result<Self, Failure> {
        let config = Config {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            senders: vec![Listed {
                networks: Vec::from_iter("127.0.0.0/8".parse()),
                ..Listed::default()
            }],
            ..Config::default()
        };
        let refused = |why: String| Failure::refused(format!("the demonstration's mail server does not start: {why}"));
        let ports = Ports::take(&config.listen, &config.listen_tls)
            .await
            .map_err(|(_, error)| refused(error.to_string()))?;
        let port = ports.addresses().first().map(SocketAddr::port);
        let (told, mails) = mpsc::channel(MAILS);
        let parts = Parts {
            tls: None,
            doorman: None,
            mailboxes: vec![Arc::new(Everybody(told))],
        };
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(Listener::new(ports, &config, parts).serve(async move {
            let _ = stopped.await;
        }));
        Ok(Self {
            port: port.ok_or_else(|| refused("it has no port".to_owned()))?,
            mails,
            _stop: stop,
        })
    }

    /// Where it is.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The next mail, as a line.
    pub(super) async fn next(&mut self) -> Option<String> {
        self.mails.recv().await
    }
}

impl Mailbox for Everybody {
    fn name(&self) -> &str {
        "demo"
    }

    /// It is the end of every way.
    fn minds_loops(&self) -> bool {
        false
    }

    fn answer<'a>(&'a self, _: &'a Recipient, _: &'a Sender) -> BoxFuture<'a, Answer> {
        async { Answer::Mine }.boxed()
    }

    fn take<'a>(&'a self, letter: &'a Letter, to: &'a [Recipient]) -> BoxFuture<'a, Result<(), Reply>> {
        async move {
            let to: Vec<String> = to.iter().map(ToString::to_string).collect();
            let line = format!("mail to {}: {}", to.join(", "), letter.subject);
            // Nobody looks any more where this fails.
            let _ = self.0.send(harmless(&line)).await;
            Ok(())
        }
        .boxed()
    }
}

/// How many mails may wait to be shown; whoever brings more waits with its answer.
const MAILS: usize = 16;
