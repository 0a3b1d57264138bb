//! `simrelay demo`: the gateway on four simulated modems, with nothing to set up.

mod poster;
mod town;
mod tray;

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use clap::Args;
use gateway::{Gateway, Origin};
use hardening::Mode;
use message::FetchQuery;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::commands::inbox::one_line;
use crate::confine::Confined;
use crate::failure::Failure;
use crate::handover::Handover;
use crate::logging;
use crate::running::{Door, Running, open_store};
use crate::screen::Screen;
use crate::serve::Signals;
use crate::threads::Threads;

use town::Town;
use tray::Tray;

/// Show the gateway on four simulated modems, with nothing to set up
#[derive(Debug, Args)]
#[command(after_help = "Example:
  simrelay demo

It starts the gateway with a database, a certificate and a token of its own in a temporary folder, prints what to paste
into a second terminal, and shows messages as they arrive, each with the mail that a mail server of its own gets of it. Ctrl-C ends it and removes everything, and so does closing the
terminal. With --json it prints
one object that tells where it is, then one a message.")]
pub(crate) struct DemoArgs {}

/// Runs the demonstration until Ctrl-C.
pub(crate) fn run(_args: &DemoArgs, screen: &Screen) -> Result<(), Failure> {
    let town = Town::build()?;
    logging::start(&town.settings.log);
    // The gateway's threads are confined as those of a real one. This one is not, since it removes the folder at the end.
    let shown = thread::scope(|threads| threads.spawn(|| run_gateway(&town, screen)).join());
    shown.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn run_gateway(town: &Town, screen: &Screen) -> Result<(), Failure> {
    Confined::begin(Mode::Enforce, town.allowed());
    let (store, _) = open_store(&town.settings)?;
    Threads::new()?.run(|api| show(town, store, screen, api))
}

async fn show(town: &Town, store: store::Store, screen: &Screen, api: Handle) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT));
    let door = match Door::open(usual, Handover::default(), api.clone()).await {
        Ok(door) => door,
        Err(_) => Door::open(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Handover::default(), api).await?,
    };
    let mut tray = Tray::open().await?;
    let mut settings = town.settings.clone();
    settings.mail.port = tray.port();
    let running = Running::start(settings, store, door, None).await?;
    let end = tokio::select! {
        end = play(town, &running, &mut tray, screen) => end,
        () = signals.any() => farewell(screen),
    };
    tokio::select! {
        () = running.stop() => {}
        () = signals.any() => {}
        () = sleep(STOP_LIMIT) => {}
    }
    end
}

async fn play(town: &Town, running: &Running, tray: &mut Tray, screen: &Screen) -> Result<(), Failure> {
    let url = format!("https://localhost:{}", running.address().port());
    match screen.is_json() {
        true => screen.value_line(&json!({
            "url": url,
            "ca": town.authority,
            "token": town.token,
            "numbers": town.sims.iter().map(|sim| sim.modem.number()).collect::<Vec<_>>(),
        }))?,
        false => screen.line(poster::text(town, &url))?,
    }
    let gateway = running.gateway();
    tokio::try_join!(greet(town, gateway), follow(gateway, screen), show_mails(tray, screen))?;
    Ok(())
}

/// A first message from outside, so that something happens before anything is typed.
async fn greet(town: &Town, gateway: &Gateway) -> Result<(), Failure> {
    while !is_ready(gateway) {
        sleep(LOOK).await;
    }
    let Some(sim) = town.sims.get(1) else { return Ok(()) };
    let told = town.network.text(sim.modem.number(), STRANGER, GREETING);
    told.map_err(|error| Failure::refused(format!("the simulated network has stopped: {error}")))
}

fn is_ready(gateway: &Gateway) -> bool {
    let snapshot = gateway.snapshot();
    !snapshot.slots.is_empty() && snapshot.slots.iter().all(|slot| slot.state.can_send())
}

/// Prints what arrives, until the demonstration ends.
async fn follow(gateway: &Gateway, screen: &Screen) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let query = FetchQuery {
            after,
            wait_s: Some(60),
            ..FetchQuery::default()
        };
        let page = gateway.fetch(&Origin::operator(), query).await;
        let page = page.map_err(|error| Failure::refused(error.to_string()))?;
        for message in &page.messages {
            match screen.is_json() {
                true => screen.value_line(message)?,
                false => screen.line(format!("  {}", one_line(message)))?,
            }
        }
        after = page.next;
    }
}

/// Prints each mail that arrives, below its message.
async fn show_mails(tray: &mut Tray, screen: &Screen) -> Result<(), Failure> {
    while let Some(mail) = tray.next().await {
        if !screen.is_json() {
            sleep(AFTER_ITS_MESSAGE).await;
            screen.line(format!("      {mail}"))?;
        }
    }
    Ok(())
}

fn farewell(screen: &Screen) -> Result<(), Failure> {
    match screen.is_json() {
        true => Ok(()),
        false => {
            // A terminal that was closed shows it to nobody.
            let _ = screen.line("\nThe demo is over; its folder is removed.");
            Ok(())
        }
    }
}

/// Any other is taken where somebody has this one.
const USUAL_PORT: u16 = 7000;

/// How often the modems are looked at until they are ready.
const LOOK: Duration = Duration::from_millis(100);

/// Simulated modems answer at once.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A mail is often quicker than the screen.
const AFTER_ITS_MESSAGE: Duration = Duration::from_millis(150);

/// A number that is set aside for stories.
const STRANGER: &str = "+493023125001";

const GREETING: &str =
    "Hello from outside. Whatever reaches one of the four SIMs is shown here: send something to one of them.";
