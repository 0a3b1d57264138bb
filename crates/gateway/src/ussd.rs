//! USSD dialogues: one at a time on each SIM.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use message::{RouteId, TokenId, UssdReply};
use tokio::sync::oneshot;
use tracing::info;

use crate::carrier::{UssdFailure, UssdStep};
use crate::{Error, ErrorKind, Gateway, Origin};

/// The dialogues going on.
#[derive(Debug, Default)]
pub(crate) struct Dialogues {
    open: Mutex<HashMap<RouteId, Dialogue>>,
}

/// One dialogue.
#[derive(Debug)]
struct Dialogue {
    /// Whose it is.
    owner: Option<TokenId>,
    /// Who waits for the network's word now.
    waiting: Option<oneshot::Sender<Result<UssdReply, UssdFailure>>>,
}

impl Dialogues {
    /// The network's word, or why there is none.
    pub(crate) fn told(&self, route: &RouteId, reply: Result<UssdReply, UssdFailure>, asked: bool) {
        let mut open = self.lock();
        let Some(dialogue) = open.get_mut(route).filter(|_| asked) else {
            if let Ok(reply) = reply {
                info!(%route, "the network says by itself: {}", reply.text);
            }
            return;
        };
        let goes_on = reply.as_ref().is_ok_and(|reply| reply.open);
        if let Some(waiting) = dialogue.waiting.take() {
            // Whoever asked may have gone.
            let _ = waiting.send(reply);
        }
        if !goes_on {
            open.remove(route);
        }
    }

    fn begin(&self, route: &RouteId, owner: Option<TokenId>) -> Result<Waiting, Error> {
        let mut open = self.lock();
        if open.contains_key(route) {
            let reason = format!("a dialogue is going on on '{route}': answer it, cancel it, or wait");
            return Err(Error::new(ErrorKind::Conflict, reason));
        }
        let (tell, told) = oneshot::channel();
        open.insert(
            route.clone(),
            Dialogue {
                owner,
                waiting: Some(tell),
            },
        );
        Ok(told)
    }

    fn go_on(&self, route: &RouteId, origin: &Origin) -> Result<Waiting, Error> {
        let mut open = self.lock();
        let dialogue = open.get_mut(route).ok_or_else(|| not_open(route))?;
        if !dialogue.belongs_to(origin) {
            return Err(not_open(route));
        }
        if dialogue.waiting.is_some() {
            return Err(Error::new(
                ErrorKind::Conflict,
                "the network has not answered the last step yet",
            ));
        }
        let (tell, told) = oneshot::channel();
        dialogue.waiting = Some(tell);
        Ok(told)
    }

    /// Forgets a dialogue that its owner ends, or that nobody here began.
    fn end(&self, route: &RouteId, origin: &Origin) -> Result<(), Error> {
        let mut open = self.lock();
        if open.get(route).is_some_and(|dialogue| !dialogue.belongs_to(origin)) {
            return Err(not_open(route));
        }
        open.remove(route);
        Ok(())
    }

    fn forget(&self, route: &RouteId) {
        self.lock().remove(route);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RouteId, Dialogue>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dialogue {
    fn belongs_to(&self, origin: &Origin) -> bool {
        origin.admin || self.owner == origin.token
    }
}

/// Also where somebody else's dialogue is open.
fn not_open(route: &RouteId) -> Error {
    let reason = format!("no dialogue is open on '{route}': start one first");
    Error::new(ErrorKind::WrongState, reason)
}

/// What can be said against a code without asking the network.
fn check_code(code: &str) -> Result<(), Error> {
    if code.is_empty() || code.len() > MOST_CHARACTERS {
        let reason = format!("a USSD code has 1 to {MOST_CHARACTERS} characters, as *100#");
        return Err(Error::invalid("code", reason));
    }
    match code.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | '+')) {
        true => Ok(()),
        false => Err(Error::invalid("code", "a USSD code has digits, * and # only, as *100#")),
    }
}

fn failed(failure: &UssdFailure) -> Error {
    let kind = match failure.unsupported {
        true => ErrorKind::NotSupported,
        false => ErrorKind::Timeout,
    };
    Error::new(kind, format!("the USSD step failed: {}", failure.reason))
}

type Waiting = oneshot::Receiver<Result<UssdReply, UssdFailure>>;

impl Gateway {
    /// Dials a USSD code on a SIM and waits for the network's word.
    pub async fn ussd_start(&self, origin: &Origin, sim: &str, code: &str) -> Result<UssdReply, Error> {
        check_code(code)?;
        let route = self.usable_sim(origin, sim)?;
        let told = self.inner.dialogues.begin(&route, origin.token.clone())?;
        self.step(&route, UssdStep::Start(code.to_owned()), told).await
    }

    /// Answers what the network asked.
    pub async fn ussd_reply(&self, origin: &Origin, sim: &str, text: &str) -> Result<UssdReply, Error> {
        if text.is_empty() || text.chars().count() > MOST_CHARACTERS {
            return Err(Error::invalid("text", "an answer has 1 to 182 characters"));
        }
        let route = self.usable_sim(origin, sim)?;
        let told = self.inner.dialogues.go_on(&route, origin)?;
        self.step(&route, UssdStep::Reply(text.to_owned()), told).await
    }

    /// Ends a dialogue, unless another token began it.
    pub async fn ussd_cancel(&self, origin: &Origin, sim: &str) -> Result<(), Error> {
        let route = self.usable_sim(origin, sim)?;
        self.inner.dialogues.end(&route, origin)?;
        self.on_carrier(&route, |carrier| carrier.ussd(&route, UssdStep::Cancel))
    }

    async fn step(&self, route: &RouteId, step: UssdStep, told: Waiting) -> Result<UssdReply, Error> {
        if let Err(error) = self.on_carrier(route, |carrier| carrier.ussd(route, step)) {
            self.inner.dialogues.forget(route);
            return Err(error);
        }
        let told = tokio::time::timeout(LONGEST, told).await;
        match told {
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(Ok(Err(failure))) => Err(failed(&failure)),
            Ok(Err(_)) => Err(Error::new(ErrorKind::WrongState, "the dialogue was cancelled")),
            Err(_) => {
                self.inner.dialogues.forget(route);
                Err(Error::new(
                    ErrorKind::Timeout,
                    "the network did not answer the USSD step in time",
                ))
            }
        }
    }

    fn usable_sim(&self, origin: &Origin, sim: &str) -> Result<RouteId, Error> {
        let status = self.find_route(sim).ok_or_else(|| Error::unknown_sim(sim))?;
        if !origin.may_use(&status.route) {
            let reason = format!("this token may not use '{}'", status.route);
            return Err(Error {
                field: Some("sim"),
                ..Error::new(ErrorKind::NotAllowed, reason)
            });
        }
        Ok(status.route)
    }
}

/// A USSD string has at most 182 characters (TS 23.038 5).
const MOST_CHARACTERS: usize = 182;

/// The modem has its own deadline; this one is for a modem that is gone.
const LONGEST: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_the_network_does_not_know_is_not_tried_again() {
        let kind = |unsupported| {
            let reason = "x".to_owned();
            failed(&UssdFailure { reason, unsupported }).kind
        };
        assert!(kind(true) == ErrorKind::NotSupported && !kind(true).retryable());
        assert!(kind(false) == ErrorKind::Timeout && kind(false).retryable());
    }

    #[test]
    fn a_code_is_at_most_as_long_as_a_ussd_string() {
        assert!(check_code(&format!("*{}#", "1".repeat(180))).is_ok());
        for wrong in [&format!("*{}#", "1".repeat(181)), "", "*1x#"] {
            assert_eq!(check_code(wrong).unwrap_err().field, Some("code"), "{wrong}");
        }
    }
}
