//! A store in a folder of its own, and short words for what tests ask of it.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use message::{
    Alphabet, Cause, Concat, ErrorClass, Failure, InboundKind, MessageId, Number, OnUncertain, PartState, Payload,
    Ports, Priority, RawInbound, RouteId, StatusReport, TokenId, Waiting, WaitingFor,
};
use store::{
    AcceptedParts, Attempt, Attempted, Config, DuePart, Joined, Joiner, NewMessage, PartKey, Progress, Recovered,
    ReportOutcome, Settle, Settled, Store,
};
use tempfile::TempDir;

/// A store with its folder, which goes with it.
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) recovered: Recovered,
    pub(crate) folder: TempDir,
    pub(crate) config: Config,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::at(folder, config)
    }

    pub(crate) fn at(folder: TempDir, config: Config) -> Self {
        let (store, recovered) = Store::open(folder.path(), &config, joiner()).expect("opens");
        Self {
            store,
            recovered,
            folder,
            config,
        }
    }

    /// The same folder after a clean stop.
    pub(crate) async fn reopened(self) -> Self {
        self.store.close().await;
        Self::at(self.folder, self.config)
    }

    /// What a machine would find that lost its power now: the files as they are on the disk, in another folder.
    pub(crate) fn after_power_cut(&self) -> Self {
        let copy = tempfile::tempdir().expect("a folder");
        for name in ["simrelay.db", "simrelay.db-wal"] {
            copy_file(self.folder.path(), copy.path(), name);
        }
        Self::at(copy, self.config.clone())
    }

    pub(crate) async fn accept(&self, message: NewMessage) -> AcceptedParts {
        self.store.accept(message).await.expect("accepted").into_inner()
    }

    /// Accepts a message and gives its first part.
    pub(crate) async fn part(&self, message: NewMessage) -> DuePart {
        self.accept(message).await.due.remove(0)
    }

    pub(crate) async fn attempt(&self, key: PartKey, route: &str, at: Timestamp) -> Option<Attempted> {
        let step = Progress {
            settle: None,
            attempt: Some(Attempt {
                ahead: false,
                key,
                route: RouteId::new(route),
                at,
                tpdu: None,
            }),
        };
        self.store.progress(step).await.expect("kept").into_inner()
    }

    pub(crate) async fn settle(&self, key: PartKey, route: &str, at: Timestamp, result: Settled) {
        let step = Progress {
            settle: Some(Settle {
                key,
                route: RouteId::new(route),
                at,
                result,
                journal: None,
            }),
            attempt: None,
        };
        self.store.progress(step).await.expect("kept");
    }

    /// Brings a part out under a reference.
    pub(crate) async fn send(&self, key: PartKey, route: &str, at: Timestamp, reference: u8) {
        assert!(self.attempt(key, route, at).await.is_some());
        self.settle(key, route, at, sent(reference)).await;
    }

    pub(crate) async fn report(&self, route: &str, report: StatusReport, at: Timestamp) -> ReportOutcome {
        self.store
            .report(&RouteId::new(route), report, &raw(b"report"), at)
            .await
            .expect("kept")
            .into_inner()
    }

    pub(crate) async fn states(&self, id: MessageId) -> Vec<PartState> {
        let view = self.store.status(id).await.expect("read").expect("known");
        view.parts.iter().map(|part| part.state).collect()
    }

    pub(crate) async fn sound(&self) {
        assert_eq!(
            self.store.integrity_check().await.expect("checked"),
            Vec::<String>::new()
        );
    }
}

/// Copies a file where it is.
pub(crate) fn copy_file(from: &Path, to: &Path, name: &str) {
    if from.join(name).exists() {
        std::fs::copy(from.join(name), to.join(name)).expect("copied");
    }
}

/// Joins by writing the octets after each other, a `?` where a part is missing.
pub(crate) fn joiner() -> Joiner {
    Arc::new(|pdus| {
        let texts = pdus.iter().map(|pdu| match pdu {
            Some(pdu) => String::from_utf8_lossy(pdu).into_owned(),
            None => "?".to_owned(),
        });
        Joined {
            text: texts.collect(),
            kind: InboundKind::Text,
            class: None,
            alphabet: Some(Alphabet::Ucs2),
            data_hex: None,
            ports: Some(Ports {
                destination: 2948,
                source: 9200,
                bits: 16,
            }),
            waiting: Some(Waiting {
                what: WaitingFor::Other,
                active: true,
                count: Some(200),
                discard: false,
            }),
        }
    })
}

/// A moment some seconds into the tests' day.
pub(crate) fn t(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

pub(crate) fn number(text: &str) -> Number {
    Number::received(text)
}

/// A message of so many parts to the one friend the tests have, accepted at `t(0)`, worth something for a day.
pub(crate) fn message(parts: u8) -> NewMessage {
    NewMessage {
        id: MessageId::fresh(),
        token: Some(TokenId::new("shop")),
        to: number("+491711234567"),
        text: "Hello".to_owned(),
        from: None,
        strict: false,
        priority: Priority::NORMAL,
        class: None,
        report: true,
        alphabet: Alphabet::Gsm7,
        accepted_at: t(0),
        send_at: None,
        expires_at: t(0) + SignedDuration::from_hours(24),
        idempotency_key: None,
        on_uncertain: OnUncertain::Resend,
        note: None,
        budget: None,
        parts: (1..=parts).map(|part| vec![0x11, part]).collect(),
    }
}

pub(crate) fn sent(reference: u8) -> Settled {
    Settled::Sent {
        reference: Some(reference),
        cost_micros: 0,
        peer_id: None,
    }
}

pub(crate) fn uncertain(until: Timestamp) -> Settled {
    Settled::Uncertain {
        until,
        reason: "no answer within 180 s".to_owned(),
    }
}

pub(crate) fn failure() -> Failure {
    Failure {
        class: ErrorClass::Permanent,
        cause: Cause::Cms(28),
        reason: "the number is not assigned".to_owned(),
    }
}

/// A report about the friend of [`message`].
pub(crate) fn delivered(reference: u8) -> StatusReport {
    StatusReport {
        reference,
        recipient: number("+491711234567"),
        submitted: None,
        discharged: None,
        status: 0,
    }
}

pub(crate) fn raw(pdu: &[u8]) -> RawInbound {
    RawInbound {
        pdu: pdu.to_vec(),
        memory: None,
    }
}

/// What the gateway would read from a PDU with this text.
pub(crate) fn payload(text: &str, concat: Option<Concat>) -> Payload {
    let mut fingerprint = [0; 32];
    for (place, octet) in fingerprint.iter_mut().zip(text.bytes()) {
        *place = octet;
    }
    Payload {
        kind: InboundKind::Text,
        from: number("+491717654321"),
        service_centre_time: Some(t(0)),
        class: None,
        concat,
        fingerprint,
    }
}
