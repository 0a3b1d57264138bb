//! A consumer that does as a test says and remembers what it saw, and a store to work on.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consumers::{Consumer, Patience, Room, Rules, Verdict, Wish};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use message::{CallNotice, Event, EventId, InboundKind, Number, Payload, RawInbound, Reception, RouteId};
use store::{Config, Delivery, Joined, Store};

/// What a test says a consumer does with a delivery.
type Script = Box<dyn Fn(&Delivery) -> Option<Verdict> + Send + Sync>;

/// A consumer by script.
pub(crate) struct Scripted {
    name: &'static str,
    wish: fn(&Event) -> Wish,
    script: Script,
    pub(crate) patience: Patience,
    seen: Mutex<Vec<(EventId, String)>>,
}

impl Scripted {
    /// One that copies everything; a script that says nothing means that it never ends.
    pub(crate) fn new(
        name: &'static str,
        script: impl Fn(&Delivery) -> Option<Verdict> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            wish: |_| Wish::Copy,
            script: Box::new(script),
            patience: Patience {
                first_pause: Duration::from_millis(20),
                longest_pause: Duration::from_millis(200),
                ..Patience::default()
            },
            seen: Mutex::default(),
        }
    }

    pub(crate) fn wishing(mut self, wish: fn(&Event) -> Wish) -> Self {
        self.wish = wish;
        self
    }

    /// The words of what it worked, in order.
    pub(crate) fn words(&self) -> Vec<String> {
        self.seen().into_iter().map(|(_, words)| words).collect()
    }

    pub(crate) fn seen(&self) -> Vec<(EventId, String)> {
        self.seen.lock().expect("unpoisoned").clone()
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Consumer for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn wish(&self, event: &Event) -> Wish {
        (self.wish)(event)
    }

    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict> {
        let words = words(&delivery.event);
        self.seen.lock().expect("unpoisoned").push((delivery.event_id, words));
        Box::pin(async {
            match (self.script)(delivery) {
                Some(verdict) => verdict,
                None => std::future::pending().await,
            }
        })
    }

    fn patience(&self) -> Patience {
        self.patience.clone()
    }
}

/// The text of a message, or the SIM of a call.
pub(crate) fn words(event: &Event) -> String {
    match event {
        Event::Message(message) => message.text.clone(),
        Event::Call(call) => call.sim.to_string(),
        other => format!("{other:?}"),
    }
}

/// Opens the store in a folder for these consumers.
pub(crate) fn open(folder: &Path, consumers: &[&str]) -> Store {
    let config = Config {
        consumers: consumers.iter().map(|name| (*name).to_owned()).collect(),
        ..Config::default()
    };
    let join = |pdus: &[Option<Vec<u8>>]| Joined {
        text: String::from_utf8_lossy(pdus[0].as_deref().expect("a part")).into_owned(),
        kind: InboundKind::Text,
        class: None,
        alphabet: None,
        data_hex: None,
        ports: None,
        waiting: None,
    };
    Store::open(folder, &config, Arc::new(join)).expect("opens").0
}

/// An event of its own: a call to a SIM with this name.
pub(crate) async fn call(store: &Store, sim: &str) {
    let at = Timestamp::now();
    let call = Event::Call(CallNotice {
        sim: RouteId::new(sim),
        from: None,
        at,
    });
    store.add_event(call, at).await.expect("kept");
}

/// A message arrives.
pub(crate) async fn receive(store: &Store, text: &str) {
    let mut fingerprint = [0; 32];
    fingerprint
        .iter_mut()
        .zip(text.bytes())
        .for_each(|(place, octet)| *place = octet);
    let payload = Payload {
        kind: InboundKind::Text,
        from: Number::received("+491717654321"),
        service_centre_time: None,
        class: None,
        concat: None,
        fingerprint,
    };
    let raw = RawInbound {
        pdu: text.as_bytes().to_vec(),
        memory: None,
    };
    let sim = RouteId::new("sim1");
    let received = store
        .receive(&sim, raw, payload, Reception::default(), Timestamp::now())
        .await;
    received.expect("kept");
}

/// Starts a room of these, without rules.
pub(crate) fn room(store: &Store, consumers: &[&Arc<Scripted>]) -> Room {
    let consumers = consumers.iter().map(|one| Arc::clone(one) as Arc<dyn Consumer>);
    Room::start(store, consumers.collect(), Rules::default())
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within 10 s");
}
