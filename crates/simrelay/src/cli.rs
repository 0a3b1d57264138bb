//! The command line: every command, and the way from each to its work.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::client::{Client, Connection};
use crate::commands::{
    alert, attendance, certificate, check, health, inbox, modems, numbers, outbox, route, send, shell, status, token,
    ussd, webhook,
};
use crate::demo;
use crate::doctor;
use crate::failure::Failure;
use crate::pdu;
use crate::screen::Screen;
use crate::serve;

/// Send and receive SMS through a pool of USB GSM modems
#[derive(Debug, Parser)]
#[command(name = "simrelay", version, propagate_version = true, max_term_width = 110, after_help = HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    connection: Connection,

    /// Print JSON instead of tables
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Send(send::SendArgs),
    Inbox(inbox::InboxArgs),
    Outbox(outbox::OutboxArgs),
    Status(status::StatusArgs),
    Cancel(status::CancelArgs),
    Resolve(status::ResolveArgs),
    Modems(modems::ModemsArgs),
    #[command(subcommand)]
    Sim(modems::SimCommand),
    Ussd(ussd::UssdArgs),
    Route(route::RouteArgs),
    Preview(route::PreviewArgs),
    Health(health::HealthArgs),
    #[command(subcommand)]
    Numbers(numbers::NumbersCommand),
    Doctor(doctor::DoctorArgs),
    #[command(subcommand)]
    Token(token::TokenCommand),
    #[command(subcommand)]
    Pdu(pdu::Args),
    #[command(subcommand)]
    Config(check::ConfigCommand),
    Certificate(certificate::CertificateArgs),
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    #[command(subcommand)]
    Attendance(attendance::AttendanceCommand),
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
}

impl Cli {
    /// Does what was asked, tells a failure, and gives the exit code.
    pub(crate) fn run(self) -> ExitCode {
        let screen = Screen::new(self.json);
        if let Command::Pdu(args) = self.command {
            return pdu::run(args);
        }
        match self.command.run(&self.connection, &screen) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                screen.failure(&failure);
                failure.exit()
            }
        }
    }
}

impl Command {
    fn run(self, connection: &Connection, screen: &Screen) -> Result<(), Failure> {
        match self {
            Self::Demo(args) => demo::run(&args, screen),
            Self::Serve(args) => serve::run(&args),
            Self::Token(command) => token::run(&command, screen),
            Self::Config(command) => check::run(&command, screen),
            Self::Certificate(args) => certificate::run(&args, screen),
            Self::Webhook(command) => runtime()?.block_on(webhook::run(&command, screen)),
            Self::Completions(args) => shell::completions(&args),
            Self::Man(args) => shell::man(&args),
            Self::Alert(command) => match alert::run_here(&command, connection, screen)? {
                true => Ok(()),
                false => runtime()?.block_on(alert::run(command, &Client::new(connection)?, screen)),
            },
            Self::Attendance(command) => runtime()?.block_on(async {
                if attendance::run_here(&command, connection, screen).await? {
                    return Ok(());
                }
                attendance::run(command, &Client::new(connection)?, screen).await
            }),
            asking => {
                let client = Client::new(connection)?;
                runtime()?.block_on(asking.ask(&client, screen))
            }
        }
    }

    /// The commands that ask a gateway.
    async fn ask(self, client: &Client, screen: &Screen) -> Result<(), Failure> {
        match self {
            Self::Send(args) => send::run(args, client, screen).await,
            Self::Inbox(args) => inbox::run(args, client, screen).await,
            Self::Outbox(args) => outbox::run(args, client, screen).await,
            Self::Status(args) => status::run(args, client, screen).await,
            Self::Cancel(args) => status::cancel(args, client, screen).await,
            Self::Resolve(args) => status::resolve(args, client, screen).await,
            Self::Modems(args) => modems::run(args, client, screen).await,
            Self::Sim(command) => modems::sim(command, client, screen).await,
            Self::Ussd(args) => ussd::run(args, client, screen).await,
            Self::Route(args) => route::run(args, client, screen).await,
            Self::Preview(args) => route::preview(args, client, screen).await,
            Self::Health(args) => health::run(args, client, screen).await,
            Self::Numbers(command) => numbers::run(command, client, screen).await,
            Self::Doctor(args) => doctor::run(&args, client, screen).await,
            // Done without a gateway.
            Self::Demo(_)
            | Self::Serve(_)
            | Self::Token(_)
            | Self::Pdu(_)
            | Self::Config(_)
            | Self::Certificate(_)
            | Self::Alert(_)
            | Self::Attendance(_)
            | Self::Webhook(_)
            | Self::Completions(_)
            | Self::Man(_) => Ok(()),
        }
    }
}

/// A command asks one thing at a time: one thread is enough.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::refused(format!("cannot start: {error}")))
}

const HELP: &str = "Examples:
  simrelay demo                                   four simulated modems, nothing to set up
  simrelay serve --config /etc/simrelay.toml      the daemon
  simrelay send +491711234567 'Hello'             an SMS
  simrelay inbox --follow                         what arrives

Exit codes:
  0  done
  1  refused or failed
  2  wrong usage or malformed input
  3  the gateway is not reachable (connection, TLS, time-out)
  4  the token is missing, wrong, or lacks a scope";
