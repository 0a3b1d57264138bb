//! The owner of what comes in: keeps it first, confirms it to the modem afterwards.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use message::{
    CallNotice, Committed, Event, Inbound, InboundKind, JournalEntry, Memory, Number, PartState, RawInbound, Receipt,
    Reception, RouteId,
};
use store::{Received, ReportOutcome, Store};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::read::{Reading, join, read};
use crate::care::Probes;
use crate::carrier::{Carrier, CarrierEvent};
use crate::clock;
use crate::in_force::InForce;
use crate::outgoing::dispatch::Command;
use crate::unkept::Unkept;

/// Works the incoming events of one carrier.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    pub(crate) store: Store,
    pub(crate) carrier: Arc<dyn Carrier>,
    pub(crate) dispatcher: mpsc::Sender<Command>,
    pub(crate) in_force: Arc<InForce>,
    /// Where something lies that could not be kept or confirmed.
    pub(crate) unkept: Arc<Unkept>,
    /// Our own tests that are on their way.
    pub(crate) probes: Arc<Probes>,
}

/// How many received PDUs are being kept at once. More are not taken: they stay in the modem's memory, and the next
/// sweep brings them.
const AT_ONCE: usize = 512;

impl Intake {
    /// Runs until the sender of events is gone and all is kept.
    pub(crate) async fn run(self, mut events: mpsc::Receiver<CarrierEvent>) {
        let mut working: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(()) = working.next(), if !working.is_empty() => {}
                event = events.recv(), if working.len() < AT_ONCE => match event {
                    Some(event) => working.push(Box::pin(self.clone().take(event))),
                    None => break,
                },
            }
        }
        while working.next().await.is_some() {}
    }

    async fn take(self, event: CarrierEvent) {
        match event {
            CarrierEvent::Received { route, raw, identity } => self.receive(route, raw, identity).await,
            CarrierEvent::Receipt { route, receipt, place } => self.take_receipt(route, receipt, place).await,
            CarrierEvent::JournalFound { route, entry, sent } => self.take_journal(route, entry, sent).await,
            CarrierEvent::Called { route, from } => self.note_call(route, from).await,
            other => debug!("nothing to keep in {other:?}"),
        }
    }

    /// Keeps a PDU; confirms it only then. What cannot be kept is not confirmed, so the modem or the network still
    /// has it, and it comes again.
    async fn receive(&self, route: RouteId, raw: RawInbound, identity: Option<[u8; 32]>) {
        let place = raw.memory;
        let kept = match read(&raw.pdu).known_by(identity) {
            Reading::Report(report) => {
                let kept = self.store.report(&route, report, &raw, clock::now()).await;
                kept.map(|kept| {
                    log_report(&route, kept.get());
                    kept.map(|_| place)
                })
            }
            Reading::Message(payload) => self.keep(&route, raw, payload).await.map(|kept| kept.map(|_| place)),
            Reading::Undecodable(payload, why) => {
                warn!(modem = %route, "a PDU that nobody can read is kept as it came: {why}");
                self.keep(&route, raw, payload).await.map(|kept| kept.map(|_| place))
            }
        };
        match kept {
            Ok(kept) => self.confirm(&route, kept),
            Err(error) => {
                warn!(modem = %route, "cannot keep what came in, so it stays on the modem: {error}");
                self.unkept.note(&route);
            }
        }
    }

    /// Keeps what an upstream says of a part; it is answered only then.
    async fn take_receipt(&self, route: RouteId, receipt: Receipt, place: Memory) {
        match self.store.receipt(&route, receipt, clock::now()).await {
            Ok(kept) => {
                log_report(&route, kept.get());
                self.confirm(&route, kept.map(|_| Some(place)));
            }
            Err(error) => {
                warn!(modem = %route, "cannot keep a receipt, so it is not answered: {error}");
                self.unkept.note(&route);
            }
        }
    }

    /// Lets go of what is kept. What is not taken now comes again, is recognised and confirmed then.
    fn confirm(&self, route: &RouteId, kept: Committed<Option<Memory>>) {
        if let Err(not_taken) = self.carrier.confirm(route, kept) {
            debug!(modem = %route, "what is kept is not confirmed yet: {}", not_taken.reason);
            self.unkept.note(route);
        }
    }

    async fn keep(
        &self,
        route: &RouteId,
        raw: RawInbound,
        mut payload: message::Payload,
    ) -> Result<Committed<Received>, store::Error> {
        let status = self.carrier.route(route);
        let reception = status.map_or_else(Reception::default, |status| Reception {
            own: status.number,
            network: status.network,
        });
        let from = payload.from.clone();
        let mut probe = None;
        if payload.kind == InboundKind::Text && payload.concat.is_none() {
            let text = join(&[Some(raw.pdu.clone())]).text;
            // Before the message is kept: a crash in between only makes it come again.
            self.obey_stop(&from, &text).await?;
            probe = self.probes.recognise(&text);
            if probe.is_some() {
                payload.kind = InboundKind::Probe;
            }
        }
        let kept = self.store.receive(route, raw, payload, reception, clock::now()).await?;
        if let Some(token) = probe {
            self.take_probe(route, &token).await?;
        }
        let Received { twin, completed } = kept.get();
        if *twin {
            debug!(modem = %route, "the same message again; it was kept before");
        }
        if let Some(message) = completed {
            log_received(route, message);
            if !matches!(from, Number::Name(_)) && message.kind.is_shown() {
                // Only where a reply would leave from is lost when the dispatcher is overwhelmed.
                let _ = self.dispatcher.try_send(Command::Contact(from, route.clone()));
            }
        }
        Ok(kept)
    }

    /// One of our own tests arrived.
    async fn take_probe(&self, route: &RouteId, token: &str) -> Result<(), store::Error> {
        let now = clock::now();
        let wrong = self.probes.arrived(token, route, now);
        if let Some(wrong) = &wrong {
            warn!(modem = %route, "a test of our own: {wrong}");
        }
        self.store.probe_arrived(token, now, wrong).await.map(drop)
    }

    async fn obey_stop(&self, from: &Number, text: &str) -> Result<(), store::Error> {
        if !self.in_force.now().stop_words.contains(&text.trim().to_uppercase()) || matches!(from, Number::Name(_)) {
            return Ok(());
        }
        self.store.stop_add(from, clock::now()).await?;
        info!("a recipient asked for no more messages and is on the STOP list now");
        Ok(())
    }

    /// What a modem's journal shows. Either it is known as ours already: then its attempt is settled, and it is deleted. Or
    /// it tells what became of an attempt that is in doubt. All else is somebody's, and stays.
    async fn take_journal(&self, route: RouteId, found: JournalEntry, sent: bool) {
        if let Err(error) = self.settle_journal(&route, found, sent).await {
            self.unkept.note(&route);
            warn!(modem = %route, "cannot settle by the journal: {error}");
        }
    }

    async fn settle_journal(&self, route: &RouteId, found: JournalEntry, sent: bool) -> Result<(), store::Error> {
        let place = found.place;
        if let Some(entry) = self.store.journal_entry(route, found.clone()).await? {
            info!(modem = %route, %place, "what an earlier attempt left on the modem is deleted");
            self.free(route, entry);
            return Ok(());
        }
        let mut open = self.store.attempting_on(route).await?;
        open.retain(|open| found.is(&open.tpdu));
        let Some(part) = open.iter().find(|open| open.state == PartState::Uncertain) else {
            if open.is_empty() {
                debug!(modem = %route, %place, "an outgoing message that is none of ours stays where it is");
            } else {
                // It is with the modem now, or its doubt is not on record yet. Asked again, the modem tells what lies there.
                self.unkept.note(route);
            }
            return Ok(());
        };
        let result = match sent {
            true => store::Settled::Sent {
                reference: None,
                cost_micros: 0,
                peer_id: None,
            },
            false => store::Settled::Requeued,
        };
        info!(modem = %route, %place, sent, "the journal settles an interrupted attempt");
        let settle = store::Settle {
            key: part.key,
            route: route.clone(),
            at: clock::now(),
            result,
            journal: Some(found.clone()),
        };
        let progress = store::Progress {
            settle: Some(settle),
            attempt: None,
        };
        let kept = self.store.progress(progress).await?;
        self.free(route, kept.map(|_| found));
        // A full channel is no loss: the keeper looks again every second.
        let _ = self.dispatcher.try_send(Command::LookAgain);
        Ok(())
    }

    /// Deletes what is needed no more. What is not deleted now is known as ours, and found again.
    fn free(&self, route: &RouteId, entry: Committed<JournalEntry>) {
        if let Err(not_taken) = self.carrier.free(route, entry) {
            debug!(modem = %route, "a journal entry stays for now: {}", not_taken.reason);
            self.unkept.note(route);
        }
    }

    async fn note_call(&self, route: RouteId, from: Option<String>) {
        let from = from.as_deref().map(Number::received);
        let at = clock::now();
        info!(modem = %route, "somebody called");
        let call = Event::Call(CallNotice { sim: route, from, at });
        if let Err(error) = self.store.add_event(call, at).await {
            warn!("cannot keep a call: {error}");
        }
    }
}

/// What is shown to nobody is named here, for the operator: a silent message may be somebody's who looks where a SIM is.
fn log_received(route: &RouteId, message: &Inbound) {
    let (sms, parts) = (message.id, message.parts);
    match message.kind {
        InboundKind::Silent => warn!(
            modem = %route, %sms, parts,
            "received a silent message (type 0): its sender learns that this SIM is reachable; `simrelay inbox --hidden` shows it"
        ),
        InboundKind::SimData => info!(modem = %route, %sms, parts, "received data for the SIM's own programs"),
        InboundKind::Device => info!(modem = %route, %sms, parts, "received a message for the modem itself"),
        _ => info!(modem = %route, %sms, parts, "received"),
    }
}

fn log_report(route: &RouteId, outcome: &ReportOutcome) {
    match outcome {
        ReportOutcome::Settled { message, state, .. } => {
            info!(modem = %route, sms = %message, state = state.word(), "report")
        }
        ReportOutcome::Noted { message, .. } => debug!(modem = %route, sms = %message, "report that settles nothing"),
        ReportOutcome::Twin => debug!(modem = %route, "the same report again"),
        ReportOutcome::Unmatched { candidates } => {
            info!(modem = %route, candidates, "a report that fits no single part")
        }
    }
}
