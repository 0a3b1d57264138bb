//! USSD dialogues: one at a time on each SIM.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use message::{RouteId, TokenId, UssdFault, UssdNotice, UssdReply};
use tokio::sync::oneshot;
use tracing::info;

use crate::carrier::{UssdFailure, UssdStep};
use crate::{AuditEntry, Error, ErrorKind, Gateway, Origin, clock};

/// The dialogues going on.
#[derive(Debug, Default)]
pub(crate) struct Dialogues {
    open: Mutex<HashMap<RouteId, Dialogue>>,
    /// What each network said by itself last.
    heard: Mutex<HashMap<RouteId, UssdNotice>>,
}

/// One dialogue.
#[derive(Debug)]
struct Dialogue {
    /// Whose it is.
    owner: Owner,
    /// Who waits for the network's word now.
    waiting: Option<oneshot::Sender<Result<UssdReply, UssdFailure>>>,
    /// Its last step.
    since: Instant,
}

/// Whose a dialogue is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    /// A caller's, by the token.
    Caller(Option<TokenId>),
    /// The gateway's own, which asks for the balance: nobody else has a say in it.
    Balance,
    /// Nobody's yet: the network asked something by itself, and whoever answers first has it.
    Network,
}

/// Who takes a step.
#[derive(Debug, Clone, Copy)]
enum Asker<'a> {
    Caller(&'a Origin),
    Balance,
}

impl Dialogues {
    /// The network's word, or why there is none.
    pub(crate) fn told(&self, route: &RouteId, reply: Result<UssdReply, UssdFailure>, asked: bool) {
        let mut open = self.lock();
        let Some(dialogue) = open.get_mut(route).filter(|_| asked) else {
            by_itself(&mut open, route, reply.as_ref().is_ok_and(|reply| reply.open));
            drop(open);
            if let Ok(reply) = reply {
                self.heard(route, reply);
            }
            return;
        };
        let goes_on = reply.as_ref().is_ok_and(|reply| reply.open);
        let taken = reply.as_ref().is_err_and(|failure| failure.fault == UssdFault::Taken);
        if let Some(waiting) = dialogue.waiting.take() {
            // Whoever asked may have gone.
            let _ = waiting.send(reply);
        }
        match (goes_on, taken) {
            (true, _) => {}
            // The modem has one that nobody here began: it waits for anybody's answer still.
            (_, true) => drop(open.insert(route.clone(), Dialogue::of_network())),
            (false, false) => drop(open.remove(route)),
        }
    }

    /// Keeps what the network said by itself for whoever asks. It may be a balance or a password, so it is not logged.
    fn heard(&self, route: &RouteId, reply: UssdReply) {
        info!(modem = %route, "the network said something by itself: `simrelay ussd {route} --heard` shows it");
        let notice = UssdNotice {
            text: reply.text,
            open: reply.open,
            at: clock::now(),
        };
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.insert(route.clone(), notice);
    }

    fn begin(&self, route: &RouteId, asker: Asker<'_>) -> Result<Waiting, Error> {
        let mut open = self.lock();
        // Where the network's own question is open still, the modem refuses.
        let taken = |other: &&Dialogue| !other.is_abandoned() && other.owner != Owner::Network;
        if let Some(other) = open.get(route).filter(taken) {
            return Err(Error::new(ErrorKind::Conflict, other.conflict(route, asker)));
        }
        let (tell, told) = oneshot::channel();
        let dialogue = Dialogue {
            owner: asker.owner(),
            waiting: Some(tell),
            since: Instant::now(),
        };
        open.insert(route.clone(), dialogue);
        Ok(told)
    }

    fn go_on(&self, route: &RouteId, asker: Asker<'_>) -> Result<Waiting, Error> {
        let mut open = self.lock();
        let dialogue = open.get_mut(route).ok_or_else(|| not_open(route))?;
        if !dialogue.belongs_to(asker) {
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
        dialogue.since = Instant::now();
        dialogue.owner = asker.owner_after(&dialogue.owner);
        Ok(told)
    }

    /// Forgets a dialogue that its owner ends, or that nobody here began.
    fn end(&self, route: &RouteId, origin: &Origin) -> Result<(), Error> {
        let mut open = self.lock();
        match open.get(route) {
            Some(dialogue) if dialogue.owner == Owner::Balance => {
                let reason = dialogue.conflict(route, Asker::Caller(origin));
                return Err(Error::new(ErrorKind::Conflict, reason));
            }
            Some(dialogue) if !dialogue.belongs_to(Asker::Caller(origin)) => return Err(not_open(route)),
            _ => {}
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
    fn belongs_to(&self, asker: Asker<'_>) -> bool {
        match (asker, &self.owner) {
            (Asker::Balance, owner) => *owner == Owner::Balance,
            (Asker::Caller(_), Owner::Balance) => false,
            (Asker::Caller(_), Owner::Network) => true,
            (Asker::Caller(origin), Owner::Caller(token)) => origin.admin || *token == origin.token,
        }
    }

    /// Whether its owner left it open and went away: no network waits so long for an answer.
    fn is_abandoned(&self) -> bool {
        self.waiting.is_none() && self.since.elapsed() > ABANDONED
    }

    /// What the network asked by itself.
    fn of_network() -> Self {
        Self {
            owner: Owner::Network,
            waiting: None,
            since: Instant::now(),
        }
    }

    /// Why no other can be begun now, and what this one can do about it.
    fn conflict(&self, route: &RouteId, asker: Asker<'_>) -> String {
        match self.owner {
            Owner::Balance => format!("the gateway is asking for the balance on '{route}': try again in a minute"),
            _ if self.belongs_to(asker) => going_on(route),
            _ => format!(
                "a dialogue is going on on '{route}' that somebody else began: wait until it ends, or have an \
                 administrator end it: simrelay ussd {route} --cancel"
            ),
        }
    }
}

impl Asker<'_> {
    fn owner(self) -> Owner {
        match self {
            Self::Caller(origin) => Owner::Caller(origin.token.clone()),
            Self::Balance => Owner::Balance,
        }
    }

    /// Whose a dialogue is after this one took a step in it: an administrator's answer does not take it from its owner.
    fn owner_after(self, before: &Owner) -> Owner {
        match before {
            Owner::Network => self.owner(),
            other => other.clone(),
        }
    }
}

/// The network spoke by itself: what it asks (`open`) waits for anybody's answer, and anything else ends that.
fn by_itself(dialogues: &mut HashMap<RouteId, Dialogue>, route: &RouteId, open: bool) {
    let known = dialogues.get(route).map(|dialogue| &dialogue.owner);
    match (known, open) {
        (None | Some(Owner::Network), true) => drop(dialogues.insert(route.clone(), Dialogue::of_network())),
        (Some(Owner::Network), false) => drop(dialogues.remove(route)),
        _ => {}
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

/// What a code asks for, without numbers and PINs that follow it: `**21*…` of `**21*+49171#`.
fn service_of(code: &str) -> String {
    let digits = code.trim_start_matches(['*', '#']);
    let start = code.len() - digits.len();
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let service = &code[..start + length.min(LONGEST_SERVICE)];
    match &code[service.len()..] {
        rest @ ("" | "#") => format!("{service}{rest}"),
        _ => format!("{service}…"),
    }
}

/// A dialogue that the asker can answer or end.
fn going_on(route: &RouteId) -> String {
    format!("a dialogue is going on on '{route}': answer it, or end it: simrelay ussd {route} --cancel")
}

fn failed(failure: &UssdFailure, route: &RouteId) -> Error {
    let kind = match failure.fault {
        UssdFault::Taken => return Error::new(ErrorKind::Conflict, going_on(route)),
        UssdFault::Unsupported => ErrorKind::NotSupported,
        UssdFault::Passing => ErrorKind::Timeout,
    };
    Error::new(kind, format!("the USSD step failed: {}", failure.reason))
}

type Waiting = oneshot::Receiver<Result<UssdReply, UssdFailure>>;

/// A step that was taken; the network's word on it is to come. To be waited for, or the SIM stays taken for long.
#[derive(Debug)]
#[must_use]
pub struct UssdAwaited {
    gateway: Gateway,
    route: RouteId,
    told: Waiting,
}

impl UssdAwaited {
    /// The network's word.
    ///
    /// # Errors
    /// There is none, in time or at all, or the dialogue was cancelled.
    pub async fn reply(self) -> Result<UssdReply, Error> {
        match tokio::time::timeout(LONGEST, self.told).await {
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(Ok(Err(failure))) => Err(failed(&failure, &self.route)),
            Ok(Err(_)) => Err(Error::new(ErrorKind::WrongState, "the dialogue was cancelled")),
            Err(_) => {
                self.gateway.inner.dialogues.forget(&self.route);
                Err(Error::new(
                    ErrorKind::Timeout,
                    "the network did not answer the USSD step in time",
                ))
            }
        }
    }
}

impl Gateway {
    /// Dials a USSD code on a SIM and waits for the network's word.
    pub async fn ussd_start(&self, origin: &Origin, sim: &str, code: &str) -> Result<UssdReply, Error> {
        self.ussd_begin(origin, sim, code).await?.reply().await
    }

    /// The same for whoever does something else until the network's word comes: it is dialled when this answers.
    pub async fn ussd_begin(&self, origin: &Origin, sim: &str, code: &str) -> Result<UssdAwaited, Error> {
        check_code(code)?;
        let route = self.usable_sim(origin, sim)?;
        self.note(origin, "ussd", &route, Some(service_of(code))).await?;
        let told = self.inner.dialogues.begin(&route, Asker::Caller(origin))?;
        self.begin_step(&route, UssdStep::Start(code.to_owned()), told)
    }

    /// Answers what the network asked.
    pub async fn ussd_reply(&self, origin: &Origin, sim: &str, text: &str) -> Result<UssdReply, Error> {
        self.ussd_go_on(origin, sim, text).await?.reply().await
    }

    /// The same for whoever does something else until the network's word comes: the answer is given when this answers.
    pub async fn ussd_go_on(&self, origin: &Origin, sim: &str, text: &str) -> Result<UssdAwaited, Error> {
        if text.is_empty() || text.chars().count() > MOST_CHARACTERS {
            return Err(Error::invalid("text", "an answer has 1 to 182 characters"));
        }
        let route = self.usable_sim(origin, sim)?;
        self.note(origin, "ussd.reply", &route, None).await?;
        let told = self.inner.dialogues.go_on(&route, Asker::Caller(origin))?;
        self.begin_step(&route, UssdStep::Reply(text.to_owned()), told)
    }

    /// What the network said on a SIM by itself last, since the start.
    ///
    /// # Errors
    /// There is no such SIM, or the caller may not use it.
    pub fn ussd_heard(&self, origin: &Origin, sim: &str) -> Result<Option<UssdNotice>, Error> {
        let route = self.usable_sim(origin, sim)?;
        let heard = self.inner.dialogues.heard.lock();
        Ok(heard.unwrap_or_else(PoisonError::into_inner).get(&route).cloned())
    }

    /// Ends a dialogue, unless another token began it.
    pub async fn ussd_cancel(&self, origin: &Origin, sim: &str) -> Result<(), Error> {
        let route = self.usable_sim(origin, sim)?;
        self.note(origin, "ussd.cancel", &route, None).await?;
        self.inner.dialogues.end(&route, origin)?;
        self.on_carrier(&route, |carrier| carrier.ussd(&route, UssdStep::Cancel))
    }

    /// Ends a dialogue that its asker has left, also where that cannot be noted: nobody is there who would try again.
    ///
    /// # Errors
    /// There is no such SIM, another token began its dialogue, or its carrier does not take it.
    pub async fn ussd_abandon(&self, origin: &Origin, sim: &str) -> Result<(), Error> {
        let route = self.usable_sim(origin, sim)?;
        self.inner.dialogues.end(&route, origin)?;
        let cancelled = self.on_carrier(&route, |carrier| carrier.ussd(&route, UssdStep::Cancel));
        if let Err(error) = self.note(origin, "ussd.cancel", &route, None).await {
            tracing::warn!(sim = %route, %error, "the end of a USSD dialogue is not in the audit log");
        }
        cancelled
    }

    /// Dials the code for the balance, answers what the network asks, and gives its last word.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] where somebody else's dialogue is open on the SIM: nothing was dialled then.
    pub(crate) async fn ussd_for_balance(
        &self,
        route: &RouteId,
        code: &str,
        replies: &[String],
    ) -> Result<UssdReply, Error> {
        self.note(&Origin::operator(), "ussd", route, Some(service_of(code)))
            .await?;
        let told = self.inner.dialogues.begin(route, Asker::Balance)?;
        let mut reply = self.step(route, UssdStep::Start(code.to_owned()), told).await?;
        for answer in replies {
            if !reply.open {
                break;
            }
            let told = self.inner.dialogues.go_on(route, Asker::Balance)?;
            reply = self.step(route, UssdStep::Reply(answer.clone()), told).await?;
        }
        if reply.open {
            self.inner.dialogues.forget(route);
            // A modem that does not take this forgets the dialogue by itself.
            let _ = self.on_carrier(route, |carrier| carrier.ussd(route, UssdStep::Cancel));
        }
        Ok(reply)
    }

    async fn step(&self, route: &RouteId, step: UssdStep, told: Waiting) -> Result<UssdReply, Error> {
        self.begin_step(route, step, told)?.reply().await
    }

    fn begin_step(&self, route: &RouteId, step: UssdStep, told: Waiting) -> Result<UssdAwaited, Error> {
        if let Err(error) = self.on_carrier(route, |carrier| carrier.ussd(route, step)) {
            self.inner.dialogues.forget(route);
            return Err(error);
        }
        Ok(UssdAwaited {
            gateway: self.clone(),
            route: route.clone(),
            told,
        })
    }

    /// Notes a step before it is done.
    async fn note(
        &self,
        origin: &Origin,
        what: &'static str,
        sim: &RouteId,
        facts: Option<String>,
    ) -> Result<(), Error> {
        self.audit(AuditEntry {
            token: origin.token.clone(),
            sim: Some(sim.clone()),
            facts,
            ..AuditEntry::new(what, clock::now())
        })
        .await
    }

    /// The SIM with this name or number, where the caller may use it.
    ///
    /// # Errors
    /// There is no such SIM, or the caller may not use it.
    pub fn usable_sim(&self, origin: &Origin, sim: &str) -> Result<RouteId, Error> {
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

/// Digits of a service's code (TS 22.030 6.5.2 has two or three); a code that is all digits may end in a secret.
const LONGEST_SERVICE: usize = 4;

/// A USSD string has at most 182 characters (TS 23.038 5).
const MOST_CHARACTERS: usize = 182;

/// A dialogue that nobody answers for so long is over: networks wait for a minute or few.
const ABANDONED: Duration = Duration::from_secs(600);

/// The modem has its own deadline; this one is for a modem that is gone.
const LONGEST: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_the_network_does_not_know_is_not_tried_again() {
        let kind = |fault| {
            let reason = "x".to_owned();
            failed(&UssdFailure { reason, fault }, &RouteId::new("sim1")).kind
        };
        let unsupported = kind(UssdFault::Unsupported);
        assert!(unsupported == ErrorKind::NotSupported && !unsupported.retryable());
        let passing = kind(UssdFault::Passing);
        assert!(passing == ErrorKind::Timeout && passing.retryable());
    }

    #[test]
    fn nobody_gets_into_the_gateways_own_dialogue_nor_it_into_anybodys() {
        let (dialogues, route, admin) = (Dialogues::default(), RouteId::new("sim1"), Origin::operator());
        let told = dialogues.begin(&route, Asker::Balance).unwrap();
        let kind = |error: Error| (error.kind, error.reason);
        let busy = "the gateway is asking for the balance on 'sim1': try again in a minute".to_owned();
        let refused = dialogues.begin(&route, Asker::Caller(&admin)).unwrap_err();
        assert_eq!(kind(refused), (ErrorKind::Conflict, busy.clone()));
        assert_eq!(
            kind(dialogues.end(&route, &admin).unwrap_err()),
            (ErrorKind::Conflict, busy)
        );
        assert!(dialogues.go_on(&route, Asker::Caller(&admin)).is_err());
        drop(told);
        dialogues.forget(&route);
        let _held = dialogues.begin(&route, Asker::Caller(&admin)).unwrap();
        assert_eq!(
            dialogues.begin(&route, Asker::Balance).unwrap_err().kind,
            ErrorKind::Conflict
        );
        assert!(dialogues.go_on(&route, Asker::Balance).is_err());
    }

    #[test]
    fn what_the_network_asks_by_itself_is_answered_by_whoever_comes_first() {
        let (dialogues, route) = (Dialogues::default(), RouteId::new("sim1"));
        let page = |open| {
            Ok(UssdReply {
                text: "1 Yes 2 No".into(),
                open,
                status: u8::from(open),
                raw: String::new(),
            })
        };
        let first = Origin {
            token: Some(TokenId::new("first")),
            admin: false,
            ..Origin::operator()
        };
        let second = Origin {
            token: Some(TokenId::new("second")),
            ..first.clone()
        };
        dialogues.told(&route, page(true), false);
        assert!(dialogues.go_on(&route, Asker::Balance).is_err());
        let _told = dialogues.go_on(&route, Asker::Caller(&first)).unwrap();
        assert!(dialogues.go_on(&route, Asker::Caller(&second)).is_err());
        dialogues.told(&route, page(false), true);

        dialogues.told(&route, page(true), false);
        dialogues.told(&route, page(false), false);
        assert!(dialogues.go_on(&route, Asker::Caller(&first)).is_err(), "it is over");
    }

    #[test]
    fn who_cannot_begin_a_dialogue_is_told_how_the_one_in_the_way_ends() {
        let (dialogues, route) = (Dialogues::default(), RouteId::new("sim1"));
        let [first, second] = ["first", "second"].map(|id| Origin {
            token: Some(TokenId::new(id)),
            admin: false,
            ..Origin::operator()
        });
        let refusal = |asker| dialogues.begin(&route, asker).map(drop).unwrap_err().reason;
        let _told = dialogues.begin(&route, Asker::Caller(&first)).unwrap();
        let command = "simrelay ussd sim1 --cancel";
        let own = refusal(Asker::Caller(&first));
        assert!(own.ends_with(&format!("or end it: {command}")), "{own}");
        let admin = Origin::operator();
        assert_eq!(refusal(Asker::Caller(&admin)), own);
        for other in [Asker::Caller(&second), Asker::Balance] {
            let told = refusal(other);
            assert!(
                told.contains("somebody else began") && told.ends_with(command),
                "{told}"
            );
        }
    }

    #[test]
    fn a_dialogue_that_only_the_modem_knows_is_named_and_stays_open_for_everybody() {
        let (dialogues, route) = (Dialogues::default(), RouteId::new("sim1"));
        let admin = Origin::operator();
        let _told = dialogues.begin(&route, Asker::Balance).unwrap();
        let failure = UssdFailure {
            reason: "a USSD dialogue is open on this SIM already".into(),
            fault: UssdFault::Taken,
        };
        let error = failed(&failure, &route);
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(error.reason.ends_with("simrelay ussd sim1 --cancel"), "{error:?}");
        dialogues.told(&route, Err(failure), true);
        let _answered = dialogues.go_on(&route, Asker::Caller(&admin)).unwrap();
        dialogues.end(&route, &admin).unwrap();
    }

    #[test]
    fn of_a_code_the_service_is_noted_and_no_number_or_pin() {
        for (code, noted) in [
            ("*100#", "*100#"),
            ("*#06#", "*#06#"),
            ("**21*+491711234567#", "**21…"),
            ("**04*1234*4321*4321#", "**04…"),
            ("**05*12345678*1234*1234#", "**05…"),
            ("*101*1234567890123456#", "*101…"),
            ("123456789", "1234…"),
        ] {
            assert_eq!(service_of(code), noted, "{code}");
        }
    }

    #[test]
    fn a_code_is_at_most_as_long_as_a_ussd_string() {
        assert!(check_code(&format!("*{}#", "1".repeat(180))).is_ok());
        for wrong in [&format!("*{}#", "1".repeat(181)), "", "*1x#"] {
            assert_eq!(check_code(wrong).unwrap_err().field, Some("code"), "{wrong}");
        }
    }
}
