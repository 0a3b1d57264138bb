//! Whatever happens in whatever order: no part is lost, a settled part never changes, and the counts agree with the rows.

use std::collections::HashMap;

use message::{
    Alphabet, MessageId, MessageState, OnUncertain, PartState, PeerId, Receipt, ReportStatus, Resolution, RouteId,
    StatusReport,
};
use proptest::prelude::*;
use store::{NewMessage, PartKey, Policies, Settled};

use crate::common::{Bench, delivered, failure, message, t, uncertain};

#[derive(Debug, Clone)]
enum Step {
    Accept { parts: u8, hold: bool, later: bool },
    Attempt { pick: usize, sim: u8 },
    Settle { pick: usize, sim: u8, how: u8 },
    Report { pick: u8, sim: u8, status: u8 },
    Receipt { name: u8, sim: u8, status: ReportStatus },
    Cancel { pick: usize },
    Resolve { pick: usize, resend: bool },
    Move { pick: usize, parts: u8 },
    Wait { seconds: i64 },
    Tick,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let sim = 0..2u8;
    prop_oneof![
        2 => (1..4u8, any::<bool>(), any::<bool>())
            .prop_map(|(parts, hold, later)| Step::Accept { parts, hold, later }),
        6 => (any::<usize>(), sim.clone()).prop_map(|(pick, sim)| Step::Attempt { pick, sim }),
        6 => (any::<usize>(), sim.clone(), 0..9u8).prop_map(|(pick, sim, how)| Step::Settle { pick, sim, how }),
        3 => (1..4u8, sim.clone(), prop_oneof![
            Just(ReportStatus::Delivered), Just(ReportStatus::StillTrying), Just(ReportStatus::Failed)
        ]).prop_map(|(name, sim, status)| Step::Receipt { name, sim, status }),
        3 => (0..3u8, sim, prop_oneof![Just(0u8), Just(0x30), Just(0x46), Just(0x41)])
            .prop_map(|(pick, sim, status)| Step::Report { pick, sim, status }),
        1 => any::<usize>().prop_map(|pick| Step::Cancel { pick }),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(pick, resend)| Step::Resolve { pick, resend }),
        1 => (any::<usize>(), 1..4u8).prop_map(|(pick, parts)| Step::Move { pick, parts }),
        2 => (1..4000i64).prop_map(|seconds| Step::Wait { seconds }),
        2 => Just(Step::Tick),
        1 => Just(Step::Restart),
    ]
}

/// What the test knows of the world.
struct World {
    bench: Bench,
    now: i64,
    /// Every message with the row its parts have.
    messages: Vec<(MessageId, i64)>,
    /// The states as they were looked at last.
    seen: HashMap<MessageId, Vec<PartState>>,
}

impl World {
    fn key(&self, pick: usize) -> Option<PartKey> {
        let parts: Vec<_> = self
            .messages
            .iter()
            .flat_map(|(id, row)| {
                let count = self.seen.get(id).map_or(0, Vec::len);
                (1..=count).map(|part| PartKey {
                    message: *row,
                    part: part as u8,
                })
            })
            .collect();
        (!parts.is_empty()).then(|| parts[pick % parts.len()])
    }

    fn id(&self, pick: usize) -> Option<MessageId> {
        (!self.messages.is_empty()).then(|| self.messages[pick % self.messages.len()].0)
    }

    async fn accept(&mut self, parts: u8, hold: bool, later: bool) {
        let new = NewMessage {
            accepted_at: t(self.now),
            send_at: later.then(|| t(self.now + 500)),
            expires_at: t(self.now + 5000),
            on_uncertain: if hold { OnUncertain::Hold } else { OnUncertain::Resend },
            ..message(parts)
        };
        let accepted = self.bench.accept(new).await;
        self.messages.push((accepted.accepted.id, accepted.due[0].key.message));
    }

    async fn settle(&mut self, key: PartKey, sim: u8, how: u8) {
        let at = t(self.now);
        let due_at = t(self.now + 100);
        let result = match how {
            0 | 1 => Settled::Sent {
                reference: Some(key.part % 3),
                cost_micros: 10,
                peer_id: None,
            },
            7 | 8 => Settled::Sent {
                reference: None,
                cost_micros: 0,
                peer_id: PeerId::new(&key.part.to_string()),
            },
            2 => Settled::Retry {
                due_at,
                failure: failure(),
                exclude_route: None,
            },
            3 => Settled::Failed { failure: failure() },
            4 => uncertain(t(self.now + 120)),
            5 => Settled::Held {
                due_at,
                cause: None,
                reason: "no network".to_owned(),
            },
            _ => Settled::Requeued,
        };
        self.bench.settle(key, &format!("sim{sim}"), at, result).await;
    }

    async fn receipt(&self, name: u8, sim: u8, status: ReportStatus) {
        let receipt = Receipt {
            id: PeerId::new(&name.to_string()).expect("a name"),
            recipient: Some(message(1).to),
            status,
            code: None,
            discharged: Some(t(self.now)),
            words: String::new(),
        };
        let route = RouteId::new(&format!("sim{sim}"));
        let kept = self.bench.store.receipt(&route, receipt, t(self.now)).await;
        kept.expect("kept");
    }

    /// Does one step; gives whether parts may be made anew by it.
    async fn step(&mut self, step: &Step) -> Option<MessageId> {
        match *step {
            Step::Accept { parts, hold, later } => self.accept(parts, hold, later).await,
            Step::Attempt { pick, sim } => {
                if let Some(key) = self.key(pick) {
                    self.bench.attempt(key, &format!("sim{sim}"), t(self.now)).await;
                }
            }
            Step::Settle { pick, sim, how } => {
                if let Some(key) = self.key(pick) {
                    self.settle(key, sim, how).await;
                }
            }
            Step::Report { pick, sim, status } => {
                let report = StatusReport {
                    status,
                    discharged: Some(t(self.now)),
                    ..delivered(pick)
                };
                self.bench.report(&format!("sim{sim}"), report, t(self.now)).await;
            }
            Step::Receipt { name, sim, status } => self.receipt(name, sim, status).await,
            Step::Cancel { pick } => {
                if let Some(id) = self.id(pick) {
                    drop(self.bench.store.cancel(id, t(self.now)).await);
                }
            }
            Step::Resolve { pick, resend } => {
                let how = if resend { Resolution::Resend } else { Resolution::Drop };
                if let Some(id) = self.id(pick) {
                    drop(self.bench.store.resolve(id, how, t(self.now)).await);
                }
            }
            Step::Move { pick, parts } => {
                let id = self.id(pick)?;
                let tpdus = (0..parts).map(|part| vec![part]).collect();
                return self
                    .bench
                    .store
                    .move_message(id, tpdus, Alphabet::Gsm7, None)
                    .await
                    .ok()
                    .map(|_| id);
            }
            Step::Wait { seconds } => self.now += seconds,
            Step::Tick => {
                self.bench
                    .store
                    .tick(t(self.now), &Policies::default())
                    .await
                    .expect("kept");
            }
            Step::Restart => {}
        }
        None
    }

    async fn look(&mut self, moved: Option<MessageId>) {
        for (id, _) in &self.messages {
            let view = self
                .bench
                .store
                .status(*id)
                .await
                .expect("read")
                .expect("no message is lost");
            let states: Vec<_> = view.parts.iter().map(|part| part.state).collect();
            assert_eq!(view.state, MessageState::of(states.iter().copied()));
            if let Some(before) = self.seen.get(id)
                && moved != Some(*id)
            {
                assert_eq!(before.len(), states.len(), "no part is lost");
                for (before, after) in before.iter().zip(&states) {
                    assert!(!before.is_final() || before == after, "{before:?} became {after:?}");
                }
            }
            self.seen.insert(*id, states);
        }
    }

    async fn count(&self) {
        let facts = self.bench.store.queue_facts().await.expect("read");
        let count = |state| self.seen.values().flatten().filter(|seen| **seen == state).count() as u64;
        assert_eq!(facts.queued, count(PartState::Queued));
        assert_eq!(facts.attempting, count(PartState::Attempting));
        assert_eq!(facts.uncertain, count(PartState::Uncertain));
        self.bench.sound().await;
    }

    /// However it stands: with the clock far ahead everything that waits comes to an end.
    async fn ends(mut self) {
        self.now += 1_000_000;
        for (id, row) in self.messages.clone() {
            let parts = self.seen.get(&id).map_or(0, Vec::len);
            for part in 1..=parts {
                let key = PartKey {
                    message: row,
                    part: part as u8,
                };
                for sim in 0..2 {
                    self.settle(key, sim, 6).await;
                }
            }
        }
        self.bench
            .store
            .tick(t(self.now), &Policies::default())
            .await
            .expect("kept");
        self.look(None).await;
        let open = |state: &PartState| !state.is_final() && *state != PartState::Sent;
        assert!(!self.seen.values().flatten().any(open), "{:?}", self.seen);
        assert_eq!(self.bench.store.next_due(t(self.now)).await.expect("read"), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_part_is_lost_and_a_settled_part_never_changes(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut world = World {
                bench: Bench::new(),
                now: 0,
                messages: Vec::new(),
                seen: HashMap::new(),
            };
            for step in &steps {
                if matches!(step, Step::Restart) {
                    world.bench = world.bench.reopened().await;
                }
                let moved = world.step(step).await;
                world.look(moved).await;
            }
            world.count().await;
            world.ends().await;
        });
    }
}
