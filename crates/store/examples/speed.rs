//! How fast the store is on the disk of a folder: `cargo run -p store --example speed -- FOLDER [SECONDS]`.
//!
//! Every figure is durable: each step is committed and synced before the next one of the same caller begins.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use message::{Alphabet, InboundKind, MessageId, Number, OnUncertain, Priority, RouteId, TokenId};
use store::{Attempt, Config, DuePart, Joined, NewMessage, Progress, Settle, Settled, Store};

fn main() {
    let folder = std::env::args()
        .nth(1)
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let seconds = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(3);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let folder = tempfile::tempdir_in(folder);
    match (runtime, folder) {
        (Ok(runtime), Ok(folder)) => runtime.block_on(measure(folder.path(), Duration::from_secs(seconds))),
        (runtime, folder) => eprintln!("cannot begin: {:?} {:?}", runtime.err(), folder.err()),
    }
}

async fn measure(folder: &Path, time: Duration) {
    let join = Arc::new(|_: &[Option<Vec<u8>>]| Joined {
        text: String::new(),
        kind: InboundKind::Text,
        class: None,
        alphabet: None,
        data_hex: None,
        ports: None,
        waiting: None,
    });
    let config = Config {
        queue_limit_token: 0,
        ..Config::default()
    };
    let (store, _) = Store::open(folder, &config, join).unwrap_or_else(|trouble| panic!("{trouble}"));
    println!("what                     per second   p50 µs   p99 µs   cpu µs each");
    for callers in [1, 8, 64] {
        accept(&store, callers, time).await;
    }
    for modems in [1, 16, 64] {
        send(&store, modems, time).await;
    }
    store.close().await;
}

async fn accept(store: &Store, callers: usize, time: Duration) {
    let meter = Meter::start(time);
    let tasks = (0..callers).map(|_| {
        let (store, meter) = (store.clone(), meter.clone());
        tokio::spawn(async move {
            let mut took = Vec::new();
            while meter.goes_on() {
                let begun = Instant::now();
                if let Err(trouble) = store.accept(message()).await {
                    eprintln!("{trouble}");
                }
                took.push(begun.elapsed());
            }
            took
        })
    });
    meter.show(&format!("accept, {callers} callers"), tasks.collect()).await;
}

async fn send(store: &Store, modems: usize, time: Duration) {
    let parts = store.due(Timestamp::now(), 200_000).await.unwrap_or_default();
    let parts = Arc::new(parts);
    let next = Arc::new(AtomicUsize::new(0));
    let meter = Meter::start(time);
    let tasks = (0..modems).map(|modem| {
        let (store, meter, parts, next) = (store.clone(), meter.clone(), Arc::clone(&parts), Arc::clone(&next));
        tokio::spawn(async move { modem_works(&store, modem, &meter, &parts, &next).await })
    });
    meter.show(&format!("send, {modems} modems"), tasks.collect()).await;
}

/// One modem of no latency: each step settles the last part and begins the next.
async fn modem_works(
    store: &Store,
    modem: usize,
    meter: &Meter,
    parts: &[DuePart],
    next: &AtomicUsize,
) -> Vec<Duration> {
    let route = RouteId::new(&format!("sim{modem}"));
    let mut settle = None;
    let mut took = Vec::new();
    let mut reference = 0u8;
    while meter.goes_on() {
        let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) else {
            break;
        };
        let begun = Instant::now();
        let step = Progress {
            settle: settle.take(),
            attempt: Some(Attempt {
                ahead: false,
                key: part.key,
                route: route.clone(),
                at: Timestamp::now(),
                tpdu: None,
            }),
        };
        if let Err(trouble) = store.progress(step).await {
            eprintln!("{trouble}");
        }
        took.push(begun.elapsed());
        reference = reference.wrapping_add(1);
        settle = Some(Settle {
            key: part.key,
            route: route.clone(),
            at: Timestamp::now(),
            result: Settled::Sent {
                reference: Some(reference),
                cost_micros: 0,
                peer_id: None,
            },
            journal: None,
        });
    }
    let last = Progress { settle, attempt: None };
    if let Err(trouble) = store.progress(last).await {
        eprintln!("{trouble}");
    }
    took
}

#[derive(Clone)]
struct Meter {
    begun: Instant,
    time: Duration,
    cpu: Duration,
}

impl Meter {
    fn start(time: Duration) -> Self {
        Self {
            begun: Instant::now(),
            time,
            cpu: cpu(),
        }
    }

    fn goes_on(&self) -> bool {
        self.begun.elapsed() < self.time
    }

    async fn show(&self, what: &str, tasks: Vec<tokio::task::JoinHandle<Vec<Duration>>>) {
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.unwrap_or_default());
        }
        let elapsed = self.begun.elapsed();
        let cpu = cpu().saturating_sub(self.cpu);
        took.sort_unstable();
        let at = |share: usize| took.get(took.len() * share / 100).map_or(0, Duration::as_micros);
        println!(
            "{what:<24} {:>10.0} {:>8} {:>8} {:>13.1}",
            took.len() as f64 / elapsed.as_secs_f64(),
            at(50),
            at(99),
            cpu.as_secs_f64() * 1e6 / took.len().max(1) as f64,
        );
    }
}

/// Processor time of all threads of this process.
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn message() -> NewMessage {
    let now = Timestamp::now();
    NewMessage {
        id: MessageId::fresh(),
        token: Some(TokenId::new("speed")),
        to: Number::International("491711234567".to_owned()),
        text: "Your code is 123456. It is valid for ten minutes; do not show it to anybody.".to_owned(),
        from: None,
        strict: false,
        priority: Priority::NORMAL,
        class: None,
        report: true,
        alphabet: Alphabet::Gsm7,
        accepted_at: now,
        send_at: None,
        expires_at: now + SignedDuration::from_hours(24),
        idempotency_key: None,
        on_uncertain: OnUncertain::Resend,
        note: None,
        budget: None,
        parts: vec![vec![0x31; 90]],
    }
}
