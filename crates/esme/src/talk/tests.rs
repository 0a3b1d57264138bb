//! Conversations with a message centre in memory: the same session on the other side of a pipe, and time as a variable.

use message::{Cause, ErrorClass, Failure, Memory, RouteId};
use smpp::{DataSm, EsmClass, Sm};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tpdu::{Options, Wishes, compose, decode_incoming};

use super::*;
use crate::Config;

mod parts;

/// The other side.
struct Centre {
    session: Session,
    stream: DuplexStream,
}

/// An upstream with one connection to a centre.
struct Rig {
    upstream: Arc<Upstream>,
    events: mpsc::Receiver<CarrierEvent>,
    centre: Centre,
    talking: JoinHandle<Left>,
    stop: watch::Sender<Wanted>,
}

impl Centre {
    /// The next thing that happens here.
    async fn next(&mut self) -> Event {
        let mut octets = [0; 4096];
        loop {
            self.write().await;
            if let Some(event) = self.session.poll() {
                return event;
            }
            let due = self.session.due().map(tokio::time::Instant::from_std);
            let due = due.unwrap_or_else(|| tokio::time::Instant::now() + Duration::from_secs(86_400));
            tokio::select! {
                heard = self.stream.read(&mut octets) => match heard {
                    Ok(heard) if heard > 0 => {
                        assert_eq!(self.session.receive(&octets[..heard], clock::steady()), heard);
                    }
                    _ => self.session.lost(clock::steady()),
                },
                () = tokio::time::sleep_until(due) => self.session.tick(clock::steady()),
            }
        }
    }

    async fn write(&mut self) {
        while !self.session.outgoing().is_empty() {
            let written = self.stream.write(self.session.outgoing()).await.unwrap_or_default();
            self.session.written(written.max(1));
        }
    }

    async fn asked(&mut self) -> (Owed, Body) {
        match self.next().await {
            Event::Request { owed, body, .. } => (owed, body),
            other => panic!("{other:?}"),
        }
    }

    async fn respond(&mut self, owed: Owed, answer: Answer) {
        self.session.respond(owed, answer, clock::steady()).unwrap();
        self.write().await;
    }

    async fn submit(&mut self, body: &Body, ticket: u64) {
        self.session.submit(body, &Tlvs::NONE, ticket, clock::steady()).unwrap();
        self.write().await;
    }

    /// The status that a request is answered with.
    async fn answer_to(&mut self, wanted: u64) -> Status {
        loop {
            if let Event::Answered { ticket, status, .. } = self.next().await
                && ticket == wanted
            {
                return status;
            }
        }
    }
}

impl Rig {
    async fn bound(config: Config) -> Self {
        let mut rig = Self::connected(config, PIPE);
        let Event::BindRequested { owed, bind, .. } = rig.centre.next().await else {
            panic!("a bind")
        };
        assert_eq!(
            (bind.system_id.text(), bind.password.text()),
            ("relay".into(), "secret".into())
        );
        rig.centre.session.accept(owed, clock::steady());
        rig.centre.write().await;
        assert!(matches!(rig.event().await, CarrierEvent::Changed));
        rig
    }

    fn connected(config: Config, pipe: usize) -> Self {
        let config = Config {
            system_id: "relay".into(),
            password: crate::Password::new("secret"),
            ..config
        };
        let (tell, events) = mpsc::channel(64);
        let upstream = Arc::new(Upstream::new(RouteId::new("phone"), config, tell, None));
        let (ours, theirs) = tokio::io::duplex(pipe);
        let (stop, wanted) = watch::channel(Wanted::Kept);
        let talking = tokio::spawn({
            let upstream = Arc::clone(&upstream);
            async move { over((ours, untapped()), &upstream, (0, BindMode::Transceiver), wanted).await }
        });
        let centre = Centre {
            session: Session::new(Role::Smsc, SessionConfig::default(), clock::steady()),
            stream: theirs,
        };
        Self {
            upstream,
            events,
            centre,
            talking,
            stop,
        }
    }

    async fn event(&mut self) -> CarrierEvent {
        self.events.recv().await.expect("an event")
    }

    async fn settled(&mut self) -> (u64, Outcome, Option<String>) {
        loop {
            if let CarrierEvent::Settled {
                ticket, outcome, id, ..
            } = self.event().await
            {
                return (ticket, outcome, id.map(|id| id.to_string()));
            }
        }
    }

    async fn received(&mut self) -> (Vec<u8>, Memory) {
        let (pdu, place, _) = self.identified().await;
        (pdu, place)
    }

    async fn identified(&mut self) -> (Vec<u8>, Memory, [u8; 32]) {
        match self.event().await {
            CarrierEvent::Received { raw, identity, .. } => {
                (raw.pdu, raw.memory.expect("a place"), identity.expect("an identity"))
            }
            other => panic!("{other:?}"),
        }
    }

    fn submit(&self, ticket: u64) {
        self.give(ticket, "hello", None).unwrap();
    }

    fn give(&self, ticket: u64, text: &str, mark: Option<Arc<dyn BeginMark>>) -> Result<(), String> {
        self.upstream
            .submit(ticket, part(text), message::Priority::NORMAL, mark)
    }

    /// Speaks on until the connection is over.
    async fn ended(mut self) -> (Left, mpsc::Receiver<CarrierEvent>) {
        let mut centre = self.centre;
        let ending = tokio::spawn(async move {
            loop {
                if let Event::Closed(_) = centre.next().await {
                    centre.write().await;
                    return;
                }
            }
        });
        let left = (&mut self.talking).await.unwrap();
        ending.await.unwrap();
        (left, self.events)
    }
}

fn untapped() -> crate::trace::Tap {
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 2775));
    crate::trace::Traces::new(None, []).tap((nowhere, nowhere), crate::trace::Opener::We)
}

fn part(text: &str) -> Vec<u8> {
    let to = "+491711234567".parse().unwrap();
    let composed = compose(text, &Options::default()).unwrap();
    composed.submit(0, &to, &Wishes::default()).unwrap().encode().unwrap()
}

fn message(text: &str) -> Body {
    Body::DeliverSm(Sm {
        source_addr_ton: 1,
        source_addr: "491711234567".into(),
        short_message: text.into(),
        ..Sm::default()
    })
}

fn receipt(id: &str) -> Body {
    Body::DeliverSm(Sm {
        esm_class: EsmClass::RECEIPT.0,
        short_message: format!("id:{id} stat:DELIVRD err:000").into(),
        ..Sm::default()
    })
}

fn is_hold(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Failed(Failure {
            class: ErrorClass::Hold,
            ..
        })
    )
}

fn came_back(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::NotBegun { .. })
}

/// A mark that shows whether it was set, or cannot be.
#[derive(Debug, Default)]
struct Note {
    set: std::sync::atomic::AtomicBool,
    fails: bool,
}

impl BeginMark for Note {
    fn set(&self) -> io::Result<()> {
        self.set.store(true, std::sync::atomic::Ordering::SeqCst);
        match self.fails {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl Note {
    fn is_set(&self) -> bool {
        self.set.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_is_sent_and_named() {
    let mut rig = Rig::bound(Config::default()).await;
    rig.submit(7);
    let (owed, body) = rig.centre.asked().await;
    let Body::SubmitSm(sm) = body else { panic!("{body:?}") };
    assert_eq!(
        (&*sm.short_message, &*sm.destination_addr),
        (&b"hello"[..], &b"491711234567"[..])
    );
    rig.centre.respond(owed, Answer::taken("00AB")).await;
    let settled = rig.settled().await;
    assert_eq!(settled, (7, Outcome::Sent { reference: None }, Some("ab".into())));
    assert_eq!(rig.upstream.board().snapshot().traffic.sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_receipt_before_the_answer_is_handed_on_as_it_came() {
    let mut rig = Rig::bound(Config::default()).await;
    rig.submit(7);
    let (owed, _) = rig.centre.asked().await;
    rig.centre.submit(&receipt("9"), 1).await;
    rig.centre.respond(owed, Answer::taken("9")).await;
    let CarrierEvent::Receipt { receipt, place, .. } = rig.event().await else {
        panic!("the receipt")
    };
    let settled = rig.settled().await;
    assert_eq!(settled.2.as_deref(), Some(receipt.id.as_str()));
    rig.upstream.places.kept(place);
    assert_eq!(rig.centre.answer_to(1).await, Status::OK);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_answered_when_it_is_kept_and_not_before() {
    let mut rig = Rig::bound(Config::default()).await;
    rig.centre.submit(&message("hello"), 1).await;
    let (pdu, place) = rig.received().await;
    assert!(decode_incoming(&pdu).is_ok());
    rig.centre
        .session
        .submit(&message("other"), &Tlvs::NONE, 2, clock::steady())
        .unwrap();
    rig.centre.write().await;
    let (_, other) = rig.received().await;
    rig.upstream.places.kept(other);
    assert_eq!(rig.centre.answer_to(2).await, Status::OK, "the first waits");
    rig.upstream.places.kept(place);
    assert_eq!(rig.centre.answer_to(1).await, Status::OK);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_kept_in_time_comes_again_and_is_the_same() {
    let mut rig = Rig::bound(Config::default()).await;
    rig.centre.submit(&message("hello"), 1).await;
    let (first, late, known_by) = rig.identified().await;
    assert_eq!(rig.centre.answer_to(1).await, Status::TEMPORARY_APPLICATION_ERROR);
    rig.upstream.places.kept(late);
    rig.centre.submit(&message("hello"), 2).await;
    let (again, place, identity) = rig.identified().await;
    assert_eq!(
        (again, identity),
        (first, known_by),
        "so the store knows it for the same"
    );
    rig.upstream.places.kept(place);
    assert_eq!(rig.centre.answer_to(2).await, Status::OK);
    rig.centre.submit(&message("hello"), 3).await;
    assert_ne!(rig.identified().await.2, known_by, "another message with the same text");
}

#[tokio::test(start_paused = true)]
async fn what_an_sms_cannot_tell_apart_is_told_apart() {
    let to = |destination: &str, coding, ton, source: &str| {
        Body::DeliverSm(Sm {
            source_addr_ton: ton,
            source_addr: source.into(),
            destination_addr: destination.into(),
            data_coding: coding,
            short_message: "hello".into(),
            ..Sm::default()
        })
    };
    let mut rig = Rig::bound(Config::default()).await;
    let mut known = Vec::new();
    let alike = [
        to("22333", 0, 1, "491711234567"),
        to("22444", 0, 1, "491711234567"),
        to("22333", 1, 1, "491711234567"),
        to("22333", 0, 1, "+491711234567"),
        to("22333", 0, 1, "491711234567"),
    ];
    for (ticket, body) in (1..).zip(&alike) {
        rig.centre.submit(body, ticket).await;
        let (_, place, identity) = rig.identified().await;
        rig.upstream.places.kept(place);
        assert_eq!(rig.centre.answer_to(ticket).await, Status::OK);
        assert!(!known.contains(&identity), "{body:?}");
        known.push(identity);
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_cannot_keep_asks_for_a_repetition_at_once() {
    let mut rig = Rig::bound(Config::default()).await;
    rig.centre.submit(&message("hello"), 1).await;
    rig.received().await;
    tokio::time::sleep(AT_LEAST).await;
    let before = clock::steady();
    rig.upstream.again.send_modify(|again| *again += 1);
    assert_eq!(rig.centre.answer_to(1).await, Status::TEMPORARY_APPLICATION_ERROR);
    assert_eq!(clock::steady(), before, "no time has gone by");
}

#[tokio::test(start_paused = true)]
async fn a_long_message_is_answered_when_all_of_it_is_kept() {
    let mut rig = Rig::bound(Config::default()).await;
    let data = Body::DataSm(DataSm {
        source_addr: "491711234567".into(),
        ..DataSm::default()
    });
    let mut tlvs = Tlvs::NONE;
    tlvs.push(smpp::Tag::MESSAGE_PAYLOAD, vec![b'a'; 400]);
    rig.centre.session.submit(&data, &tlvs, 1, clock::steady()).unwrap();
    rig.centre.write().await;
    let mut places = Vec::new();
    for _ in 0..3 {
        places.push(rig.received().await.1);
    }
    rig.upstream.places.kept(places[2]);
    rig.upstream.places.kept(places[0]);
    rig.centre.submit(&receipt("1"), 2).await;
    let CarrierEvent::Receipt { place, .. } = rig.event().await else {
        panic!("the receipt")
    };
    rig.upstream.places.kept(place);
    assert_eq!(rig.centre.answer_to(2).await, Status::OK, "two of three are not all");
    rig.upstream.places.kept(places[1]);
    assert_eq!(rig.centre.answer_to(1).await, Status::OK);
}

#[tokio::test(start_paused = true)]
async fn a_refused_bind_is_told() {
    let mut rig = Rig::connected(Config::default(), PIPE);
    let Event::BindRequested { owed, .. } = rig.centre.next().await else {
        panic!("a bind")
    };
    rig.centre
        .session
        .refuse(owed, Status::INVALID_PASSWORD, clock::steady());
    rig.centre.write().await;
    let left = rig.talking.await.unwrap();
    assert_eq!(left.why, Why::Refused(Status::INVALID_PASSWORD));
    assert!(left.bound_at.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_centre_that_says_nothing_is_given_up() {
    let rig = Rig::connected(Config::default(), PIPE);
    let left = rig.talking.await.unwrap();
    assert_eq!(left.why, Why::NoAnswer);
    drop(rig.centre);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_last_answer_and_unbinds() {
    let mut rig = Rig::bound(Config::default()).await;
    rig.submit(7);
    let (owed, _) = rig.centre.asked().await;
    rig.centre.submit(&message("too late"), 1).await;
    rig.received().await;
    rig.stop.send_replace(Wanted::Closed);
    assert_eq!(rig.centre.answer_to(1).await, Status::TEMPORARY_APPLICATION_ERROR);
    rig.centre.respond(owed, Answer::taken("1")).await;
    assert_eq!(rig.settled().await.1, Outcome::Sent { reference: None });
    let (left, _) = rig.ended().await;
    assert_eq!(left.why, Why::Unbound);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_answer_was_not_written_is_the_same_on_the_next_connection() {
    let mut rig = Rig::bound(Config::default()).await;
    rig.centre.submit(&message("hello"), 1).await;
    let (first, _place, known_by) = rig.identified().await;
    drop(rig.centre);
    rig.talking.await.unwrap();
    let stamp = rig.upstream.stamps().stamp(
        deliver::digest(&message("hello"), &Tlvs::NONE),
        clock::now().as_second() + 100,
        clock::steady(),
    );
    let repeated = deliver::read(
        &message("hello"),
        &Tlvs::NONE,
        &rig.upstream.config,
        clock::now(),
        stamp.second,
    );
    assert_eq!(stamp.identity(0), known_by);
    assert_eq!(repeated, Delivered::Message(vec![first]));
}

#[tokio::test(start_paused = true)]
async fn silence_is_asked_about_and_ends_the_connection() {
    let mut rig = Rig::bound(Config::default()).await;
    let (stream, before) = (rig.centre.stream, clock::steady());
    let left = rig.talking.await.unwrap();
    assert_eq!(left.why, Why::Silent);
    assert_eq!(clock::steady() - before, Duration::from_secs(90));
    drop(stream);
    assert!(rig.events.try_recv().is_err());
}

/// Octets that a pipe holds.
const PIPE: usize = 512;
