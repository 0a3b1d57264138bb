//! The one task that cares: balances are asked for and probes are sent when they are due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::tz::TimeZone;
use message::{MessageId, PartState, RouteId, SendRequest, SlotSnapshot};
use store::{ProbeKind, ProbeRow};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use super::probes::{Due, text_of};
use crate::{Gateway, Origin, clock};

/// The carer. Queries go on beside its rounds; none of them delays another SIM's.
pub(crate) struct Caretaker {
    gateway: Gateway,
    zone: TimeZone,
    started: Instant,
    asking: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Caretaker {
    pub(crate) fn new(gateway: &Gateway) -> Self {
        Self {
            gateway: gateway.clone(),
            zone: TimeZone::system(),
            started: Instant::now(),
            asking: FuturesUnordered::new(),
        }
    }

    /// Runs until it is told to stop. A query that is going on is left then: the modem ends the dialogue by itself.
    pub(crate) async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                Some(()) = self.asking.next(), if !self.asking.is_empty() => {}
                _ = rounds.tick() => self.round().await,
            }
        }
    }

    async fn round(&mut self) {
        let snapshot = self.gateway.snapshot();
        self.ask(&snapshot.slots);
        if clock::is_sane(clock::now()) {
            self.probe(&snapshot.slots).await;
        }
    }

    fn ask(&mut self, slots: &[SlotSnapshot]) {
        let ready = |route: &RouteId| slots.iter().any(|slot| slot.slot == *route && slot.state.can_send());
        for route in self.gateway.inner.purses.due(ready, AT_ONCE) {
            let gateway = self.gateway.clone();
            self.asking
                .push(Box::pin(async move { gateway.balance_round(route).await }));
        }
    }

    async fn probe(&mut self, slots: &[SlotSnapshot]) {
        let (care, now) = (self.gateway.care(), clock::now());
        let probes = Arc::clone(&self.gateway.inner.probes);
        for (token, message) in probes.unexplained(&care, now) {
            if let Some(why) = self.gateway.why_not_there(message).await {
                probes.explain(&token, why);
            }
        }
        // At the start modems need a while; one that stays away is tested all the same, and fails.
        let patient = self.started.elapsed() < PATIENCE;
        for due in probes.due(&care, slots, now, &self.zone, patient) {
            let number = slots.iter().find(|slot| slot.slot == due.target);
            let number = number.and_then(|slot| slot.number.as_ref()).map(ToString::to_string);
            self.gateway.send_probe(due, number).await;
        }
    }
}

impl Gateway {
    async fn why_not_there(&self, message: MessageId) -> Option<String> {
        let view = self.inner.store.status(message).await.ok()??;
        let part = view.parts.first()?;
        let state = match part.state {
            PartState::Sent | PartState::Delivered => "it was sent, and did not come back".to_owned(),
            other => format!("it is {}", other.word()),
        };
        Some(match &part.error {
            Some(error) => format!("{state}: {error}"),
            None => state,
        })
    }

    /// Keeps a probe, then hands it in.
    async fn send_probe(&self, due: Due, number: Option<String>) {
        let Due {
            kind,
            route,
            target,
            due,
        } = due;
        let inner = &self.inner;
        let row = ProbeRow {
            kind,
            route: route.clone(),
            target: target.clone(),
            due,
            at: clock::now(),
            token: fresh_token(),
            message: None,
            arrived: None,
            error: None,
        };
        let token = row.token.clone();
        if let Err(error) = inner.store.probe_add(row.clone()).await {
            return warn!(modem = %route, "a test is put off, since it cannot be kept: {error}");
        }
        inner.probes.begun(row);
        let sent = match number {
            Some(number) => self.hand_in_probe(&route, number, &token).await,
            None => Err(format!("the number of {target} is not known: set the slot's `number`")),
        };
        match &sent {
            Ok(id) => info!(modem = %route, sms = %id, "{} to {target}", word(kind)),
            Err(why) => warn!(modem = %route, "no {} to {target}: {why}", word(kind)),
        }
        inner.probes.handed_in(&token, &sent);
        if let Err(error) = inner.store.probe_sent(&token, sent).await {
            warn!(modem = %route, "what became of a test is not kept: {error}");
        }
    }

    /// As any other message: guard, limits and balance hold for it, too.
    async fn hand_in_probe(&self, route: &RouteId, to: String, token: &str) -> Result<MessageId, String> {
        let request = SendRequest {
            to,
            text: text_of(token),
            from: Some(route.to_string()),
            strict: Some(true),
            report: Some(false),
            validity_s: Some(VALIDITY_S),
            idempotency_key: Some(token.to_owned()),
            ..SendRequest::default()
        };
        let accepted = self.send(&Origin::operator(), request).await;
        accepted.map(|accepted| accepted.id).map_err(|error| error.reason)
    }
}

/// Sixteen hex digits that nobody can guess: the random end of an id.
fn fresh_token() -> String {
    let id = MessageId::fresh();
    id.as_bytes()[8..].iter().map(|octet| format!("{octet:02x}")).collect()
}

fn word(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::SelfTest => "self-test",
        ProbeKind::Ring => "ring test",
        ProbeKind::KeepAlive => "message that keeps the SIM alive",
    }
}

/// How often it is looked what is due.
const ROUND: Duration = Duration::from_secs(1);

/// Queries at once: each takes a modem for seconds, and their answers a little of everybody's time.
const AT_ONCE: usize = 8;

/// How long after the start modems may still come.
const PATIENCE: Duration = Duration::from_secs(600);

/// A test that waits for its SIM for hours tells nothing any more.
const VALIDITY_S: u32 = 3_600;
