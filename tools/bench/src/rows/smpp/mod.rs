//! SMPP: messages submitted in a second, durable when answered, beside a bare group commit of the same rows; and many sessions
//! that say nothing. `codec` is the same without the gateway, `kills` with one that dies, `socket` what of it is the
//! loopback's; `application` is who submits.

mod application;
mod codec;
mod kills;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use message::{Alphabet, InboundKind, MessageId, Number, OnUncertain, Priority, TokenId};
use smpp::{Body, Sm, Tlvs};
use store::{Joined, NewMessage, Store};

use super::{Figure, Measuring};
use crate::rig::{Rig, Setup, recipient};
use crate::watch::{Memory, Watch, unix_us};
use crate::{Error, system};
use application::{Application, refused};

pub(super) use codec::alone;
pub(super) use kills::receipts;

/// One session at each window: what of it is the disk's is shown by the bare store, which keeps the same rows for as many
/// callers as the window has places.
pub(super) fn submissions(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let scene = measuring.scene;
    let time = Duration::from_secs(if scene.quick { 2 } else { 6 });
    let mut told = Vec::new();
    let mut reached = true;
    for (window, share, rate) in [(1, 0.6, 0.0), (10, 0.6, 12_700.0), (100, 0.5, 14_400.0)] {
        let (mut rig, address) = centre(measuring, "smpp", window)?;
        rig.start()?;
        let found = submit(address, window, time)?;
        rig.kill();
        let bare = bare(rig.folder(), window, time)?;
        let socket = socket::commits(rig.folder(), window, time)?;
        reached &= found >= share * bare && found >= rate;
        told.push(format!(
            "window {window}: {found:.0}/s, {:.0} % of {bare:.0}/s (which is {socket:.0}/s behind a socket)",
            found / bare * 100.0
        ));
    }
    Ok(Figure {
        measured: told.join("; "),
        reached,
    })
}

/// A thousand sessions that only answer when they are asked whether they are there.
pub(super) fn idle(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let count = if measuring.scene.quick { 100 } else { 1_000 };
    let (mut rig, address) = centre(measuring, "smpp-sessions", 10)?;
    rig.start()?;
    let mut sessions = (0..count)
        .map(|_| Application::bind(address, 10))
        .collect::<Result<Vec<_>, _>>()?;
    let usage = Watch::start(rig.pid());
    let begun = unix_us();
    // Everybody is asked once, and once more.
    let end = Instant::now() + Duration::from_secs(65);
    while Instant::now() < end {
        for session in &mut sessions {
            session.listen(Duration::from_micros(100))?;
        }
    }
    let ended = unix_us();
    let used = usage.used(begun, ended).unwrap_or(u64::MAX) as f64 / (ended - begun) as f64;
    let memory = Memory::of(rig.pid()).map_or(u64::MAX, |memory| memory.peak) as f64 / 1e6;
    let bound = sessions
        .iter()
        .filter(|application| application.session.bound().is_some())
        .count();
    Ok(Figure {
        measured: format!(
            "{bound} of {count} bound; {memory:.1} MB, {:.2} % of a core",
            used * 100.0
        ),
        reached: bound == count && memory <= 60.0 && used <= 0.02,
    })
}

/// A gateway with a message centre and no modem that would take the processor's time.
fn centre(measuring: &Measuring<'_>, name: &str, window: usize) -> Result<(Rig, SocketAddr), Error> {
    let setup = Setup {
        slots: 1,
        reports: false,
        journal: false,
    };
    centre_with(measuring, name, window, setup)
}

/// A gateway with a message centre.
fn centre_with(measuring: &Measuring<'_>, name: &str, window: usize, setup: Setup) -> Result<(Rig, SocketAddr), Error> {
    let scene = measuring.scene;
    let rig = Rig::new(&scene.dir, &scene.programs, name, setup)?;
    let address = crate::rig::free_address()?;
    let hash = bcrypt::hash(PASSWORD, 4).map_err(|error| Error::Refused(error.to_string()))?;
    rig.configure(&format!(
        "[smpp]\nlisten = [\"{address}\"]\nconnections_per_address = 1100\n[[smpp.accounts]]\nsystem_id = \"bench\"\n\
         hash = \"{hash}\"\nbinds = 1100\nwindow = {window}\n"
    ))?;
    Ok((rig, address))
}

/// Messages in a second, over one session with this window.
fn submit(address: SocketAddr, window: usize, time: Duration) -> Result<f64, Error> {
    let mut application = Application::bind(address, window)?;
    let start = Instant::now();
    let (mut asked, mut answered) = (0, 0);
    while start.elapsed() < time {
        while application.session.may_submit().is_ok() {
            let sm = Sm {
                destination_addr: recipient(asked).trim_start_matches('+').into(),
                dest_addr_ton: 1,
                dest_addr_npi: 1,
                short_message: TEXT.into(),
                ..Sm::default()
            };
            let body = Body::SubmitSm(sm);
            application
                .session
                .submit(&body, &Tlvs::NONE, 0, Instant::now())
                .map_err(refused)?;
            asked += 1;
        }
        answered += application.listen(Duration::from_secs(10))?;
    }
    Ok(answered as f64 / start.elapsed().as_secs_f64())
}

/// The same rows kept by the store alone, for so many callers at a time.
fn bare(folder: &std::path::Path, callers: usize, time: Duration) -> Result<f64, Error> {
    let store = store(&folder.join(format!("bare-{callers}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let runtime = system("the bare store's runtime", runtime)?;
    let start = Instant::now();
    let counts = runtime.block_on(async {
        let callers: Vec<_> = (0..callers)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut count = 0_usize;
                    while start.elapsed() < time && store.accept(message(count)).await.is_ok() {
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let mut all = 0;
        for caller in callers {
            all += caller.await.unwrap_or_default();
        }
        store.close().await;
        all
    });
    Ok(counts as f64 / start.elapsed().as_secs_f64())
}

/// An empty store.
fn store(folder: &std::path::Path) -> Result<Store, Error> {
    system("the bare store's folder", std::fs::create_dir_all(folder))?;
    let join = |_: &[Option<Vec<u8>>]| Joined {
        text: String::new(),
        kind: InboundKind::Text,
        class: None,
        alphabet: None,
        data_hex: None,
        ports: None,
        waiting: None,
    };
    let config = store::Config {
        queue_limit_token: 0,
        ..store::Config::default()
    };
    let opened = Store::open(folder, &config, Arc::new(join));
    opened
        .map(|(store, _)| store)
        .map_err(|error| Error::Refused(error.to_string()))
}

fn message(count: usize) -> NewMessage {
    let now = Timestamp::now();
    NewMessage {
        id: MessageId::fresh(),
        token: Some(TokenId::new("smpp.bench")),
        to: Number::received(&recipient(count)),
        text: TEXT.to_owned(),
        from: None,
        strict: false,
        priority: Priority::NORMAL,
        class: None,
        report: false,
        alphabet: Alphabet::Gsm7,
        accepted_at: now,
        send_at: None,
        expires_at: now + SignedDuration::from_hours(24),
        idempotency_key: None,
        on_uncertain: OnUncertain::Resend,
        note: None,
        budget: None,
        parts: vec![vec![0x31; 70]],
    }
}

const PASSWORD: &str = "secret";
/// Sixty letters, as in the figures that others are compared by.
const TEXT: &str = "Sixty letters, as in the figures that others are measured by";
