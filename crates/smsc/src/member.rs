//! Accounts at work: who is bound, what waits for its answer, and who may come in.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use esme::Traces;
use gateway::{AuditEntry, AuditTrail, Failures, Gateway, Neighbour, Origin};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use message::{Api, ApplicationSnapshot};
use smpp::{Bind, Octets, Status};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::calling::Calls;
use crate::config::{Account, Config};
use crate::connection::Order;
use crate::fingerprint::Fingerprint;
use crate::marks::Marks;
use crate::presence::{Counts, Presence};
use crate::train::Trains;
use crate::ussd::Dialogues;

/// Everything that connections share.
pub(crate) struct House {
    pub(crate) config: Config,
    pub(crate) gateway: Gateway,
    members: RwLock<Vec<Arc<Member>>>,
    pub(crate) traces: Arc<Traces>,
    /// Threads that may work bcrypt at the same time.
    hashing: Semaphore,
    /// Binds that failed, by who tried and as which account: one that guesses locks nobody else out.
    failures: Failures<(Neighbour, Option<String>)>,
    /// Where binds are noted, once somebody is served.
    trail: OnceLock<AuditTrail>,
    /// What callers need, once somebody is served.
    pub(crate) calls: OnceLock<Calls>,
    /// The certificate that is shown, from then on.
    pub(crate) tls: watch::Sender<Option<TlsAcceptor>>,
}

/// An account and its sessions.
pub(crate) struct Member {
    /// Its name, which stays.
    pub(crate) system_id: String,
    /// What is in force for it.
    terms: RwLock<Arc<Terms>>,
    /// The window of its sessions.
    window: AtomicUsize,
    /// Sessions of any kind.
    present: Mutex<Vec<Arc<Presence>>>,
    /// What all of them did.
    pub(crate) counts: Counts,
    /// Sessions that take what is delivered.
    receivers: Mutex<Vec<Receiver>>,
    /// Somebody bound who takes what is delivered, or nobody will.
    came: Notify,
    /// Deliveries that wait for somebody who takes them.
    awaiting: AtomicUsize,
    /// One more of these waits.
    missed: Notify,
    /// What came of calling them, while it is in vain.
    trouble: Mutex<Option<String>>,
    /// Whether the message centre has closed.
    closed: AtomicBool,
    /// Where the next delivery goes.
    turn: AtomicUsize,
    /// Messages whose submit_sm_resp is not on the wire yet; the mark goes when it is, or never will be.
    pub(crate) unanswered: Arc<Marks>,
    /// Messages of which it is being told that they are on their way.
    pub(crate) enroute: Arc<Marks>,
    /// Becomes true when it is configured no more.
    gone: watch::Sender<bool>,
    /// Whoever calls it.
    pub(crate) caller: Mutex<Option<AbortHandle>>,
    /// Whose turn it is to look for a message to replace.
    pub(crate) replacing: tokio::sync::Mutex<()>,
    /// Messages of which some parts are submitted.
    pub(crate) trains: Trains,
    /// Its USSD dialogues.
    pub(crate) dialogues: Dialogues,
}

/// The settings of an account, and what is made of them. Replaced as a whole; whoever works by them takes them once.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) account: Account,
    pub(crate) origin: Origin,
    rate: Option<Arc<DefaultDirectRateLimiter>>,
}

/// A session that takes what is delivered.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) session: u64,
    pub(crate) orders: mpsc::Sender<Order>,
    /// Whether it knows optional parameters.
    pub(crate) knows_tlvs: bool,
}

/// Who wants in, besides what the bind says.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) peer: IpAddr,
    pub(crate) certificate: Option<Fingerprint>,
}

/// What came of other accounts.
#[derive(Default)]
pub(crate) struct Adopted {
    /// Those that are new.
    pub(crate) new: Vec<Arc<Member>>,
    /// Those to be called, or not, from now on: the new ones among them.
    pub(crate) to_call: Vec<Arc<Member>>,
}

/// What came of a bind, for the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BindNote {
    Bound,
    Refused,
}

/// A session's place; free again when it is dropped.
pub(crate) struct Seat {
    member: Arc<Member>,
    presence: Arc<Presence>,
}

impl House {
    pub(crate) fn new(config: Config, gateway: Gateway) -> Self {
        let members = config.accounts.iter().cloned();
        let members: Vec<_> = members.map(|account| Arc::new(Member::new(account))).collect();
        let traced = traced(&members);
        Self {
            members: RwLock::new(members),
            hashing: Semaphore::new(HASHING),
            failures: Failures::new(FAILURES),
            traces: Traces::new(config.trace_place.clone(), traced),
            trail: OnceLock::new(),
            calls: OnceLock::new(),
            tls: watch::Sender::new(None),
            config,
            gateway,
        }
    }

    /// Lets in whoever knows the password of an account, or shows its certificate, or both: as the account has it.
    ///
    /// Wrong names, passwords and certificates are answered alike, and after as long. Who failed too often is not looked at
    /// for a while, right or wrong, so that guessing gains nothing and holds up nobody.
    pub(crate) async fn admit(&self, guest: &Guest, bind: &Bind) -> Result<Arc<Member>, Status> {
        let members = self.members();
        let known = members.iter().find(|member| bind.system_id == *member.system_id);
        let who = (Neighbour::of(guest.peer), known.map(|member| member.system_id.clone()));
        // Looked at when its turn comes: of many at once, those behind the last that may fail are not worked.
        let turn = self.hashing.acquire().await;
        if turn.is_err() || self.failures.lockout(&who).is_some() {
            tracing::debug!(peer = %guest.peer, "an SMPP bind is refused: too many were wrong");
            return Err(Status::INVALID_PASSWORD);
        }
        let terms = known.map(|member| member.terms());
        let welcome = terms.filter(|terms| terms.may_come_from(guest.peer) && terms.knows(guest));
        let hash = welcome.as_ref().map_or("", |terms| &terms.account.hash);
        // An account without a password has a certificate, and this is the one who has that.
        let open = welcome.is_some() && hash.is_empty();
        let right = is_password(&bind.password, if hash.is_empty() { NOBODY } else { hash }).await;
        drop(turn);
        let admitted = known.filter(|_| open || (welcome.is_some() && right));
        match admitted {
            Some(member) => Ok(Arc::clone(member)),
            None => {
                self.note(guest, known, BindNote::Refused);
                self.failures.count(&who);
                let system_id = bind.system_id.text();
                tracing::warn!(peer = %guest.peer, system_id = %system_id.escape_debug(), "an SMPP bind is refused");
                Err(Status::INVALID_PASSWORD)
            }
        }
    }

    /// The accounts there are.
    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// There are these accounts from now on: whoever is new, and whose outbind is otherwise. Sessions of an account that stays
    /// go on, by its settings of now; those of one that is gone are unbound.
    pub(crate) fn adopt(&self, accounts: &[Account]) -> Adopted {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *members);
        let mut adopted = Adopted::default();
        for account in accounts {
            let known = before.iter().find(|member| member.system_id == account.system_id);
            let member = known.map_or_else(|| Arc::new(Member::new(account.clone())), Arc::clone);
            if known.is_none() {
                adopted.new.push(Arc::clone(&member));
            }
            if member.adopt(account) || known.is_none() {
                adopted.to_call.push(Arc::clone(&member));
            }
            members.push(member);
        }
        self.traces.adopt(traced(&members));
        let gone = |member: &&Arc<Member>| !members.iter().any(|one| Arc::ptr_eq(one, member));
        before.iter().filter(gone).for_each(|member| member.leave());
        adopted
    }

    /// Begins to note binds in the audit log. Needs a runtime.
    pub(crate) fn open(&self) {
        self.trail.get_or_init(|| AuditTrail::new(self.gateway.clone()));
    }

    /// Notes what came of a bind. Only an account that there is is named: what was sent in a name's place may be a secret.
    pub(crate) fn note(&self, guest: &Guest, known: Option<&Arc<Member>>, came_of_it: BindNote) {
        let what = match came_of_it {
            BindNote::Bound => "smpp.bound",
            BindNote::Refused => "smpp.refused",
        };
        let entry = AuditEntry {
            token: known.and_then(|member| member.terms().origin.token.clone()),
            facts: Some(format!("from {}", guest.peer)),
            ..AuditEntry::new(what, message::now())
        };
        // Whoever binds does not wait for the disk.
        if self.trail.get().is_some_and(|trail| !trail.note(entry)) {
            tracing::warn!(what, peer = %guest.peer, "more SMPP binds than are noted in the audit log");
        }
    }
}

/// What sessions are told by, and what an operator calls that.
fn traced(members: &[Arc<Member>]) -> Vec<(String, String)> {
    let traced = members.iter().map(|member| &member.system_id);
    traced.map(|id| (id.clone(), format!("smpp.{id}"))).collect()
}

async fn is_password(password: &Octets, hash: &str) -> bool {
    let (password, hash) = (Zeroizing::new(password.to_vec()), hash.to_owned());
    let checking = tokio::task::spawn_blocking(move || bcrypt::non_truncating_verify(&*password, &hash));
    checking.await.is_ok_and(|checked| checked.unwrap_or(false))
}

impl Terms {
    /// Of an account; `before`: what was in force, whose count of messages goes on where the rate stays.
    fn new(account: Account, before: Option<&Self>) -> Self {
        let origin = Origin {
            token: Some(account.token()),
            admin: false,
            sims: account.sims.clone(),
            prefixes: account.prefixes.clone(),
            daily_spend_micros: account.daily_spend_micros,
            api: Api::Smpp,
        };
        let fresh = || NonZeroU32::new(account.rate).map(|rate| Arc::new(RateLimiter::direct(Quota::per_second(rate))));
        let rate = match before.filter(|before| before.account.rate == account.rate) {
            Some(before) => before.rate.clone(),
            None => fresh(),
        };
        Self { account, origin, rate }
    }

    fn may_come_from(&self, peer: IpAddr) -> bool {
        let networks = &self.account.networks;
        networks.is_empty() || networks.iter().any(|network| network.holds(peer))
    }

    /// Whether they show a certificate of the account, where it has any.
    fn knows(&self, guest: &Guest) -> bool {
        let certificates = &self.account.certificates;
        certificates.is_empty() || guest.certificate.as_ref().is_some_and(|own| certificates.contains(own))
    }
}

impl Member {
    fn new(account: Account) -> Self {
        Self {
            system_id: account.system_id.clone(),
            window: AtomicUsize::new(account.window().into()),
            terms: RwLock::new(Arc::new(Terms::new(account, None))),
            replacing: tokio::sync::Mutex::default(),
            present: Mutex::default(),
            counts: Counts::default(),
            receivers: Mutex::default(),
            came: Notify::new(),
            awaiting: AtomicUsize::new(0),
            missed: Notify::new(),
            trouble: Mutex::default(),
            closed: AtomicBool::new(false),
            gone: watch::Sender::new(false),
            caller: Mutex::default(),
            turn: AtomicUsize::new(0),
            unanswered: Arc::default(),
            enroute: Arc::default(),
            trains: Trains::default(),
            dialogues: Dialogues::default(),
        }
    }

    /// What is in force now.
    pub(crate) fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The window of its sessions now.
    pub(crate) fn window(&self) -> usize {
        self.window.load(Ordering::Relaxed)
    }

    /// Becomes true when it is configured no more.
    pub(crate) fn gone(&self) -> watch::Receiver<bool> {
        self.gone.subscribe()
    }

    /// Takes other settings; whether it is called otherwise.
    fn adopt(&self, account: &Account) -> bool {
        let mut terms = self.terms.write().unwrap_or_else(PoisonError::into_inner);
        let old = Arc::clone(&terms);
        if old.account == *account {
            return false;
        }
        *terms = Arc::new(Terms::new(account.clone(), Some(&old)));
        self.window.store(account.window().into(), Ordering::Relaxed);
        old.account.calls() != account.calls()
    }

    /// It is configured no more: nobody binds, and who is bound is unbound.
    fn leave(&self) {
        self.close();
        let caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(caller) = caller {
            caller.abort();
        }
        self.gone.send_replace(true);
    }

    /// A seat for a session; `None` where all are taken. `receiver`: where it takes what is delivered.
    pub(crate) fn seat(self: &Arc<Self>, presence: Presence, receiver: Option<Receiver>) -> Option<Seat> {
        let presence = Arc::new(presence);
        {
            let mut present = self.present();
            // Who was let in while it went is too late.
            if *self.gone.borrow() || present.len() >= self.terms().account.binds as usize {
                return None;
            }
            present.push(Arc::clone(&presence));
        }
        if let Some(receiver) = receiver {
            self.receivers().push(receiver);
            self.did_not_come(None);
            self.came.notify_waiters();
        }
        Some(Seat {
            member: Arc::clone(self),
            presence,
        })
    }

    /// Who is bound, and what they did.
    pub(crate) fn snapshot(&self) -> ApplicationSnapshot {
        let window = self.terms().account.window();
        let present = self.present();
        ApplicationSnapshot {
            system_id: self.system_id.clone(),
            sessions: present.iter().map(|one| one.facts(window)).collect(),
            counts: self.counts.shown(),
        }
    }

    /// Whether one more message may be submitted now.
    pub(crate) fn may_submit(&self) -> bool {
        let terms = self.terms();
        terms.rate.as_ref().is_none_or(|rate| rate.check().is_ok())
    }

    /// The session whose turn it is; waits for one that binds, but not for ever, and not once the message centre has closed.
    pub(crate) async fn receiver(&self) -> Option<Receiver> {
        let found = async {
            let mut awaiting = None;
            loop {
                let came = self.came.notified();
                if self.closed.load(Ordering::Relaxed) {
                    return None;
                }
                if let Some(receiver) = self.next_receiver() {
                    return Some(receiver);
                }
                awaiting.get_or_insert_with(|| Awaiting::new(self));
                came.await;
            }
        };
        tokio::time::timeout(BIND_WAIT, found).await.ok().flatten()
    }

    /// Waits until something is to be delivered that nobody takes.
    pub(crate) async fn missed(&self) {
        while self.awaiting.load(Ordering::Relaxed) == 0 {
            self.missed.notified().await;
        }
    }

    /// They were called; `why`: nobody came.
    pub(crate) fn did_not_come(&self, why: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why nothing can be delivered, for people.
    pub(crate) fn absence(&self) -> String {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let called = trouble.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        format!("the application is not bound as receiver or transceiver{called}")
    }

    /// Whether a session of it is there, of any kind.
    pub(crate) fn is_present(&self) -> bool {
        !self.present().is_empty()
    }

    /// Nobody binds any more: what is to be delivered is not to wait for it.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.came.notify_waiters();
    }

    /// The session with this number, or another one that takes what is delivered.
    pub(crate) fn receiver_near(&self, session: u64) -> Option<Receiver> {
        let same = |receiver: &&Receiver| receiver.session == session;
        let same = self.receivers().iter().find(same).cloned();
        same.or_else(|| self.next_receiver())
    }

    fn next_receiver(&self) -> Option<Receiver> {
        let receivers = self.receivers();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        receivers.get(turn.checked_rem(receivers.len())?).cloned()
    }

    fn present(&self) -> MutexGuard<'_, Vec<Arc<Presence>>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receivers(&self) -> MutexGuard<'_, Vec<Receiver>> {
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery that waits.
struct Awaiting<'a>(&'a Member);

impl<'a> Awaiting<'a> {
    fn new(member: &'a Member) -> Self {
        member.awaiting.fetch_add(1, Ordering::Relaxed);
        member.missed.notify_one();
        Self(member)
    }
}

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        self.0.awaiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seat {
    /// Its session bound again as the same account; `receiver` as in [`Member::seat`].
    pub(crate) fn change(&mut self, presence: Presence, receiver: Option<Receiver>) {
        self.presence = Arc::new(presence);
        let session = self.presence.session;
        {
            let mut present = self.member.present();
            present.retain(|present| present.session != session);
            present.push(Arc::clone(&self.presence));
        }
        let mut receivers = self.member.receivers();
        receivers.retain(|receiver| receiver.session != session);
        receivers.extend(receiver);
        self.member.came.notify_waiters();
    }

    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// How many requests wait: ours, and answers that we owe.
    pub(crate) fn wait(&self, windows: (usize, usize)) {
        self.presence.wait(windows);
    }

    /// Something happened, for the counts of the session and of the account.
    pub(crate) fn count(&self, what: impl Fn(&Counts)) {
        what(&self.presence.counts);
        what(&self.member.counts);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let session = self.presence.session;
        self.member.receivers().retain(|receiver| receiver.session != session);
        self.member.present().retain(|present| present.session != session);
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Member({})", self.system_id)
    }
}

/// How many threads work bcrypt at the same time, for all binds together.
const HASHING: usize = 2;
/// How many binds of an address as one account may fail in a minute before it is locked out of that.
const FAILURES: NonZeroU32 = NonZeroU32::new(10).expect("it is not zero");
/// A hash that no password fits, of the usual cost.
const NOBODY: &str = "$2b$10$CwTycUXWue0Thq9StjUM0uJ8.m9CmGYxFfYzsVfBzT7KqTLK2C0Wy";
/// How long a delivery waits for somebody who takes it before it rests.
const BIND_WAIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use smpp::session::BindMode;

    use super::*;

    fn member(binds: u32) -> Arc<Member> {
        Arc::new(Member::new(Account {
            system_id: "shop".into(),
            binds,
            rate: 1,
            ..Account::default()
        }))
    }

    fn present(session: u64) -> Presence {
        Presence::new(session, BindMode::Transceiver, [192, 0, 2, 1].into())
    }

    #[test]
    fn seats_are_counted_and_free_again() {
        let member = member(1);
        let seat = member.seat(present(1), None);
        assert!(seat.is_some() && member.seat(present(2), None).is_none());
        assert_eq!(member.snapshot().sessions.len(), 1);
        drop(seat);
        assert!(member.seat(present(3), None).is_some());
        assert!(member.may_submit() && !member.may_submit(), "one a second");
    }

    #[test]
    fn other_terms_hold_at_once_and_whoever_stays_keeps_the_seat() {
        let member = member(1);
        let seat = member.seat(present(1), None);
        assert!(member.may_submit() && !member.may_submit(), "one a second");
        let account = |rate| Account {
            binds: 2,
            rate,
            window: Some(7),
            ..member.terms().account.clone()
        };
        assert!(!member.adopt(&account(1)), "nobody calls it");
        assert!(!member.may_submit(), "the same rate goes on");
        member.adopt(&account(0));
        assert!(member.may_submit() && member.may_submit() && member.window() == 7);
        assert!(member.seat(present(2), None).is_some());
        assert_eq!(member.snapshot().sessions.len(), 1);
        member.leave();
        assert!(member.seat(present(3), None).is_none() && seat.is_some() && *member.gone().borrow());
    }

    #[test]
    fn a_seat_whose_session_binds_again_is_kept_though_all_are_taken() {
        let member = member(1);
        let (orders, _kept) = mpsc::channel(1);
        let receiver = Receiver {
            session: 1,
            orders,
            knows_tlvs: true,
        };
        let mut seat = member.seat(present(1), Some(receiver.clone())).expect("a seat");
        seat.change(
            present(1),
            Some(Receiver {
                knows_tlvs: false,
                ..receiver
            }),
        );
        assert_eq!(member.snapshot().sessions.len(), 1);
        let known: Vec<bool> = member.receivers().iter().map(|one| one.knows_tlvs).collect();
        assert_eq!(known, [false], "the new one in the place of the old one");
        seat.change(present(1), None);
        assert!(member.next_receiver().is_none() && member.seat(present(2), None).is_none());
        drop(seat);
        assert!(member.seat(present(2), None).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_waits_for_nobody_once_the_message_centre_has_closed() {
        let member = member(1);
        let began = tokio::time::Instant::now();
        let closing = async {
            tokio::task::yield_now().await;
            member.close();
        };
        let (receiver, ()) = tokio::join!(member.receiver(), closing);
        assert!(receiver.is_none() && member.receiver().await.is_none());
        assert!(began.elapsed() < BIND_WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_waits_for_somebody_who_binds() {
        let member = member(2);
        let waiting = tokio::spawn({
            let member = Arc::clone(&member);
            async move { member.receiver().await.map(|receiver| receiver.session) }
        });
        tokio::task::yield_now().await;
        let (orders, _kept) = mpsc::channel(1);
        let receiver = Receiver {
            session: 7,
            orders,
            knows_tlvs: true,
        };
        let seat = member.seat(present(7), Some(receiver));
        assert_eq!(waiting.await.ok(), Some(Some(7)));
        drop(seat);
        assert!(member.receiver().await.is_none(), "and not for ever");
    }
}
