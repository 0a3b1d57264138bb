//! Codec and session alone: two sessions joined by a loopback socket, a thread each, and nothing behind them. The crate smpp34
//! is measured by its own example in the same run.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use smpp::session::{Answer, Config, Event, Role, Session};
use smpp::{Body, Sm, Tlvs};

use super::super::{Figure, Measuring};
use super::application::{Application, refused};
use crate::rig::free_address;
use crate::{Error, system};

/// Submissions in a second, one session with a window of 64.
pub(in super::super) fn alone(measuring: &Measuring<'_>) -> Result<Figure, Error> {
    let count = if measuring.scene.quick { 200_000 } else { 1_000_000 };
    // By turns, so that a machine that gets slower does so for both.
    let mut ours = [0.0; TURNS];
    let mut theirs = [0.0; TURNS];
    for (own, other) in ours.iter_mut().zip(&mut theirs) {
        *other = perf_loopback(count)?;
        *own = loopback(count)?;
    }
    let [ours, theirs] = [ours, theirs].map(|mut found| {
        found.sort_by(f64::total_cmp);
        found[TURNS / 2]
    });
    Ok(Figure {
        measured: format!("{ours:.0}/s; smpp34 {theirs:.0}/s (medians of {TURNS})"),
        reached: ours >= theirs,
    })
}

/// Two of our sessions.
fn loopback(count: u64) -> Result<f64, Error> {
    let address = free_address()?;
    let listener = system("a port", TcpListener::bind(address))?;
    let serving = thread::spawn(move || {
        let (socket, _) = system("a connection", listener.accept())?;
        serve(socket)
    });
    let mut application = Application::bind(address, WINDOW)?;
    let start = Instant::now();
    let (mut asked, mut answered) = (0, 0);
    let body = Body::SubmitSm(Sm {
        source_addr: "12345".into(),
        destination_addr: "31600000000".into(),
        short_message: "perf test message".into(),
        ..Sm::default()
    });
    while answered < count {
        while asked < count && application.session.may_submit().is_ok() {
            let submitted = application.session.submit(&body, &Tlvs::NONE, asked, Instant::now());
            submitted.map_err(refused)?;
            asked += 1;
        }
        answered += application.listen(PATIENCE)? as u64;
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    drop(application);
    let served = serving
        .join()
        .map_err(|_| Error::Refused("the message centre's thread died".into()))??;
    match served == count {
        true => Ok(rate),
        false => Err(Error::Refused(format!("{served} of {count} were served"))),
    }
}

/// A message centre that takes everything; how much it took.
fn serve(mut socket: TcpStream) -> Result<u64, Error> {
    system("the socket", socket.set_nodelay(true))?;
    let config = Config {
        window_in: WINDOW,
        ..Config::default()
    };
    let mut session = Session::new(Role::Smsc, config, Instant::now());
    let mut octets = vec![0; 16 * 1024];
    let mut served = 0;
    loop {
        let read = system("the socket", socket.read(&mut octets))?;
        if read == 0 {
            return Ok(served);
        }
        let mut unread = &octets[..read];
        while !unread.is_empty() {
            unread = &unread[session.receive(unread, Instant::now())..];
            while let Some(event) = session.poll() {
                match event {
                    Event::BindRequested { owed, .. } => session.accept(owed, Instant::now()),
                    Event::Request { owed, .. } => {
                        served += 1;
                        session
                            .respond(owed, Answer::taken("1"), Instant::now())
                            .map_err(refused)?;
                    }
                    _ => {}
                }
            }
        }
        let outgoing = session.outgoing();
        system("the socket", socket.write_all(outgoing))?;
        let written = outgoing.len();
        session.written(written);
    }
}

/// What smpp34's own measurement says of itself.
fn perf_loopback(count: u64) -> Result<f64, Error> {
    let program = Path::new(PERF_LOOPBACK);
    if !program.exists() {
        return Err(Error::Refused(format!(
            "{PERF_LOOPBACK} is missing: run `tools/peers measure`"
        )));
    }
    let mut command = Command::new(program);
    command
        .env("COUNT", count.to_string())
        .env("SESSIONS", "1")
        .env("WINDOW", WINDOW.to_string());
    let output = system(PERF_LOOPBACK, command.output())?;
    let said = String::from_utf8_lossy(&output.stdout);
    // perf-loopback: N submit_sm in Ts = R submit_sm/s (…
    let rate = said.split(" = ").nth(1).and_then(|rest| rest.split(' ').next());
    let rate = rate.and_then(|rate| rate.parse().ok());
    rate.ok_or_else(|| Error::Refused(format!("smpp34 says: {said}")))
}

const WINDOW: usize = 64;
const TURNS: usize = 3;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// Where `tools/peers measure` puts it.
const PERF_LOOPBACK: &str = "target/peers/rust/bin/perf_loopback";
