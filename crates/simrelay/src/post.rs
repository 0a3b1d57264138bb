//! The SMTP server of a configuration: who takes mail, and who may bring it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use consumers::alerts::intake::{AlertMailbox, Raiser};
use consumers::mail_to_sms::MailToSms;
use consumers::ports::Ports;
use consumers::smtp::{Account, Doorman, Listener, LoginError, Mailbox, Parts};
use futures_util::future::{BoxFuture, FutureExt};
use gateway::{Gateway, Origin};
use message::{Api, TokenId};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::failure::Failure;
use crate::handover::{Handover, Kind, open_already};
use crate::running::cannot_listen;

/// The ports of the SMTP server, and the threads that serve it: those of the API, so that no flood of mail holds up a
/// modem.
pub(crate) struct PostDoor {
    ports: Ports,
    threads: Handle,
}

/// The SMTP server at work.
pub(crate) struct PostOffice {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl PostDoor {
    /// Takes the ports, or those that were handed over; `None` where there are none.
    pub(crate) async fn open(
        settings: &Settings,
        sockets: &mut Handover,
        threads: &Handle,
    ) -> Result<Option<Self>, Failure> {
        if !settings.smtp.is_on() {
            return Ok(None);
        }
        let config = settings.smtp.clone();
        let plain = open_already(&config.listen, Kind::SMTP, sockets);
        let wrapped = open_already(&config.listen_tls, Kind::SMTPS, sockets);
        let taken = threads
            .spawn(async move { Ports::take_or((&config.listen, plain), (&config.listen_tls, wrapped)).await })
            .await;
        let taken = taken.map_err(|error| Failure::refused(format!("[smtp]: {error}")))?;
        let refused = |(address, error): (SocketAddr, _)| cannot_listen(address, &error, "smtp.listen");
        Ok(Some(Self {
            ports: taken.map_err(refused)?,
            threads: threads.clone(),
        }))
    }

    /// Begins to serve. Tokens and certificate are those of the API.
    pub(crate) fn serve(
        self,
        settings: &Settings,
        gateway: &Gateway,
        raiser: &Raiser,
        api: &api::Handle,
    ) -> Result<PostOffice, Failure> {
        let doorman: Arc<dyn Doorman> = Arc::new(Tokens(api.clone()));
        let tls = api
            .tls()
            .map_err(|error| Failure::refused(format!("[smtp]: {error}")))?;
        let parts = Parts {
            tls: Some(tls),
            mailboxes: mailboxes(settings, gateway, raiser, &doorman),
            doorman: Some(doorman),
        };
        for address in self.ports.addresses() {
            tracing::info!("taking mail on {address}");
        }
        let listener = Listener::new(self.ports, &settings.smtp, parts);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = self.threads.spawn(listener.serve(async move {
            // A sender that is gone means stop as well.
            let _ = stopped.await;
        }));
        Ok(PostOffice { stop, serving })
    }
}

impl PostOffice {
    /// Stops: mails that are coming may end.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        // One that panicked has stopped.
        let _ = self.serving.await;
    }
}

/// Who takes mail, in the order they are asked.
fn mailboxes(
    settings: &Settings,
    gateway: &Gateway,
    raiser: &Raiser,
    doorman: &Arc<dyn Doorman>,
) -> Vec<Arc<dyn Mailbox>> {
    let alerts = AlertMailbox::new(&settings.alerts.mail, raiser.clone());
    let mut mailboxes: Vec<Arc<dyn Mailbox>> = vec![Arc::new(alerts)];
    if let Some(sms) = MailToSms::new(settings.mail_to_sms.clone(), gateway.clone(), Arc::clone(doorman)) {
        mailboxes.push(Arc::new(sms));
    }
    mailboxes
}

/// The tokens of the API.
struct Tokens(api::Handle);

impl Doorman for Tokens {
    fn login<'a>(
        &'a self,
        peer: IpAddr,
        user: &'a str,
        password: &'a str,
    ) -> BoxFuture<'a, Result<Account, LoginError>> {
        async move {
            match self.0.login(peer, user, password).await {
                Ok(rights) => Ok(account(rights)),
                Err(api::LoginError::Wrong) => Err(LoginError::Wrong),
                Err(api::LoginError::Later) => Err(LoginError::Later),
            }
        }
        .boxed()
    }

    fn account(&self, token: &TokenId) -> Option<Account> {
        self.0.rights(token.as_str()).map(account)
    }

    fn count(&self, token: &TokenId) -> bool {
        self.0.count_call(token.as_str())
    }
}

fn account(rights: api::Rights) -> Account {
    Account {
        origin: Origin {
            api: Api::Mail,
            ..rights.origin
        },
        may_send: rights.may_send,
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}
