//! `simrelay alert send`: the client of the alert listener.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::line::{Listener, Trust};
use crate::client::{Connection, lies_open};
use crate::failure::Failure;
use crate::screen::{Screen, note};

/// Send an alert to the listener, as a camera's recorder does
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay alert send --event MOTION_DETECTED --camera cam1 --image frame.jpg
  simrelay alert send --event DOOR_OPENED --camera gate --severity critical --ack
  simrelay alert send --event TEST --camera cam1 --loop 5

It speaks to [alerts.listener], not to the API, so it shows that listener's token and never the API's. Without --ack
nobody hears whether the alert was kept: the listener is silent unless alerts.listener.ack is set.")]
pub(crate) struct SendArgs {
    /// What happened, as MOTION_DETECTED, DOOR_OPENED, TAMPER_DETECTED
    #[arg(long, default_value = "MOTION_DETECTED")]
    event: String,

    /// The camera, door or host it is about
    #[arg(long, default_value = "cam1")]
    camera: String,

    /// How bad it is; without it the listener decides
    #[arg(long)]
    severity: Option<Level>,

    /// A sentence for people
    #[arg(long)]
    text: Option<String>,

    /// A picture to go along
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,

    /// What repetitions and the end of this alert share
    #[arg(long)]
    key: Option<String>,

    /// Say that it is over
    #[arg(long)]
    ended: bool,

    /// Send it again every so many seconds, until interrupted
    #[arg(long = "loop", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86400))]
    every: Option<u64>,

    /// Wait until the listener says that the alert is kept
    #[arg(long)]
    ack: bool,

    /// Where the listener is
    #[arg(long, default_value = "localhost")]
    host: String,

    /// Its port
    #[arg(long, default_value_t = 5000)]
    port: u16,

    /// Use TLS; --ca names the certificate to trust
    #[arg(long)]
    tls: bool,

    /// The certificate to show, in PEM form, where the listener wants one
    #[arg(long, value_name = "FILE", requires = "client_key", requires = "tls")]
    client_cert: Option<PathBuf>,

    /// Its key, in PEM form
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,

    /// The token of the listener; other users may see command lines, so prefer the variable or --alert-token-file
    #[arg(long, env = "SIMRELAY_ALERT_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    alert_token: Option<String>,

    /// A file that holds it
    #[arg(long, value_name = "FILE")]
    alert_token_file: Option<PathBuf>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// Good to know
    Info,
    /// Somebody should look
    Warning,
    /// Somebody must look now
    Critical,
}

/// What is written on the line: the fields of the first clients in their order, then the new ones where they are given.
#[derive(Debug, Serialize)]
struct Line<'a> {
    event: &'a str,
    camera: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_b64: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

/// A picture, ready to be written.
struct Picture {
    name: String,
    base64: String,
}

/// Sends the alert once, or again and again. Where it is repeated a failure is told and the next one is tried.
pub(super) fn run(args: &SendArgs, connection: &Connection, screen: &Screen) -> Result<(), Failure> {
    let picture = args.image.as_deref().map(Picture::read).transpose()?;
    let token = args.token()?;
    let listener = args.listener(connection)?;
    loop {
        let line = args.line(picture.as_ref(), token.as_deref());
        let line = serde_json::to_string(&line).map_err(|error| Failure::refused(format!("no JSON: {error}")))?;
        let sent = listener
            .say(&line, args.ack)
            .and_then(|answer| args.tell(answer, screen));
        let Some(pause) = args.every else { return sent };
        if let Err(failure) = sent {
            screen.failure(&failure);
        }
        sleep(Duration::from_secs(pause));
    }
}

impl SendArgs {
    fn line<'a>(&'a self, picture: Option<&'a Picture>, token: Option<&'a str>) -> Line<'a> {
        Line {
            event: &self.event,
            camera: &self.camera,
            timestamp: format!("{:.6}", Timestamp::now()),
            image_filename: picture.map(|picture| picture.name.as_str()),
            image_b64: picture.map(|picture| picture.base64.as_str()),
            severity: self.severity,
            text: self.text.as_deref(),
            key: self.key.as_deref(),
            ended: self.ended.then_some(true),
            token,
        }
    }

    fn token(&self) -> Result<Option<String>, Failure> {
        if let Some(token) = self.alert_token.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Some(token.trim().to_owned()));
        }
        let Some(file) = &self.alert_token_file else {
            return Ok(None);
        };
        lies_open("--alert-token-file", file).iter().for_each(|told| note(told));
        let text = fs::read_to_string(file).map_err(|error| unreadable("--alert-token-file", file, &error))?;
        Ok(Some(text.trim().to_owned()))
    }

    fn listener(&self, connection: &Connection) -> Result<Listener, Failure> {
        let limit = connection.patience();
        if !self.tls {
            return Ok(Listener::plain(&self.host, self.port, limit));
        }
        let read = |option: &str, file: &Option<PathBuf>| {
            let read = |file: &PathBuf| fs::read(file).map_err(|error| unreadable(option, file, &error));
            file.as_ref().map(read).transpose()
        };
        let trust = Trust {
            authority: connection.authority()?,
            own: read("--client-cert", &self.client_cert)?.zip(read("--client-key", &self.client_key)?),
        };
        Listener::tls(&self.host, self.port, limit, &trust)
    }

    /// Tells what became of it; `answer` is there where one was waited for.
    fn tell(&self, answer: Option<Value>, screen: &Screen) -> Result<(), Failure> {
        let Some(answer) = answer else {
            return match screen.is_json() {
                true => screen.value_line(&json!({ "sent": true })),
                false => screen.line(format!("sent {} of {}", self.event, self.camera)),
            };
        };
        if answer["ok"] != true {
            let why = answer["error"].as_str().unwrap_or("it does not say why");
            return Err(Failure::refused(format!("the listener refused it: {why}")));
        }
        match screen.is_json() {
            true => screen.value_line(&answer),
            false => screen.line(format!("kept as alert {}", answer["number"])),
        }
    }
}

impl Picture {
    fn read(file: &Path) -> Result<Self, Failure> {
        let octets = fs::read(file).map_err(|error| unreadable("--image", file, &error))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            name,
            base64: STANDARD.encode(octets),
        })
    }
}

fn unreadable(option: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("{option} {}: {error}", path.display()))
}
