//! The command line: every command, and the way from each to its work.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Error, FromArgMatches, Parser, Subcommand};

use crate::client::{CONNECTION, Client, Connection};
use crate::commands::{
    alert, attendance, audit, backup, balance, certificate, check, hardening, health, inbox, modems, numbers, outbox,
    reload, route, send, shell, sim, status, token, trace, upstreams, ussd, webhook,
};
use crate::demo;
use crate::doctor;
use crate::failure::Failure;
use crate::import;
use crate::monitoring::{check as plugin, munin};
use crate::pdu;
use crate::screen::Screen;
use crate::serve;
use crate::traffic;

/// Send and receive SMS through a pool of USB GSM modems
#[derive(Debug, Parser)]
#[command(name = "simrelay", version, propagate_version = true, max_term_width = 110, after_help = HELP)]
pub(crate) struct Cli {
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    json: bool,

    #[command(flatten)]
    connection: Connection,

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
    Upstreams(upstreams::UpstreamsArgs),
    #[command(subcommand)]
    Sim(sim::SimCommand),
    Ussd(ussd::UssdArgs),
    Balance(balance::BalanceArgs),
    Route(route::RouteArgs),
    Preview(route::PreviewArgs),
    Health(health::HealthArgs),
    Check(plugin::CheckArgs),
    Munin(munin::MuninArgs),
    #[command(subcommand)]
    Numbers(numbers::NumbersCommand),
    Doctor(doctor::DoctorArgs),
    Trace(trace::TraceArgs),
    #[command(subcommand)]
    Token(token::TokenCommand),
    #[command(subcommand)]
    Pdu(pdu::Args),
    #[command(subcommand)]
    Smpp(traffic::Args),
    #[command(subcommand)]
    Config(check::ConfigCommand),
    Reload(reload::ReloadArgs),
    Certificate(certificate::CertificateArgs),
    ImportSmsgate(import::ImportArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    #[command(subcommand)]
    Hardening(hardening::HardeningCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
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
    /// Reads a command line.
    ///
    /// # Errors
    /// It cannot be read, or asks for the help.
    pub(crate) fn read(arguments: &[OsString]) -> Result<Self, Error> {
        let mut command = Self::program();
        let matches = command.try_get_matches_from_mut(arguments)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// The program with all its commands, as its help, manual pages and completions show it.
    pub(crate) fn program() -> clap::Command {
        let mut program = Self::command();
        // Global options are only with the commands once these are built.
        program.build();
        tidy(program, false)
    }

    /// The same for manual pages, which are of use for what a command does: without the `help` of each group.
    pub(crate) fn manual() -> clap::Command {
        let mut program = without_help(Self::command());
        program.build();
        tidy(program, false)
    }

    /// Does what was asked, tells a failure, and gives the exit code.
    pub(crate) fn run(self) -> ExitCode {
        let screen = Screen::new(self.json);
        if let Command::Pdu(args) = self.command {
            return pdu::run(args);
        }
        if let Command::Check(args) = &self.command {
            return plugin::run(args, &self.connection);
        }
        ended(self.command.run(&self.connection, &screen), &screen)
    }
}

/// Tells a failure, and gives the exit code.
pub(crate) fn ended(result: Result<(), Failure>, screen: &Screen) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failure(&failure);
            failure.exit()
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
            Self::ImportSmsgate(args) => import::run(&args, screen),
            Self::Backup(args) => backup::backup(&args, screen),
            Self::Restore(args) => backup::restore(&args, screen),
            Self::Hardening(command) => hardening::run(&command, screen),
            Self::Audit(command) => audit::run(&command, screen),
            Self::Webhook(command) => runtime()?.block_on(webhook::run(&command, screen)),
            Self::Smpp(args) => traffic::run(&args, connection, screen),
            Self::Completions(args) => shell::completions(&args),
            Self::Man(args) => shell::man(&args),
            Self::Munin(args) => munin::run(&args, connection, screen),
            Self::Doctor(args) => runtime()?.block_on(doctor::run(&args, connection, screen)),
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
            Self::Upstreams(args) => upstreams::run(args, client, screen).await,
            Self::Sim(command) => sim::run(command, client, screen).await,
            Self::Ussd(args) => ussd::run(args, client, screen).await,
            Self::Balance(args) => balance::run(args, client, screen).await,
            Self::Route(args) => route::run(args, client, screen).await,
            Self::Preview(args) => route::preview(args, client, screen).await,
            Self::Health(args) => health::run(args, client, screen).await,
            Self::Numbers(command) => numbers::run(command, client, screen).await,
            Self::Reload(args) => reload::run(args, client, screen).await,
            Self::Trace(args) => trace::run(args, client, screen).await,
            // Done without a gateway.
            Self::Demo(_)
            | Self::Serve(_)
            | Self::Token(_)
            | Self::Pdu(_)
            | Self::Check(_)
            | Self::Munin(_)
            | Self::Doctor(_)
            | Self::Smpp(_)
            | Self::Config(_)
            | Self::Certificate(_)
            | Self::ImportSmsgate(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Hardening(_)
            | Self::Audit(_)
            | Self::Alert(_)
            | Self::Attendance(_)
            | Self::Webhook(_)
            | Self::Completions(_)
            | Self::Man(_) => Ok(()),
        }
    }
}

/// A command asks one thing at a time: one thread is enough.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::refused(format!("cannot start: {error}")))
}

/// Leaves the command `help` out, and those of the commands inside.
fn without_help(command: clap::Command) -> clap::Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

/// Lets paragraphs be wrapped by the terminal alone, and shows no connection where none is made.
fn tidy(command: clap::Command, inside_offline: bool) -> clap::Command {
    let offline = inside_offline || OFFLINE.contains(&command.get_name());
    let command = match command.get_after_help().map(|text| flowing(&text.to_string())) {
        Some(text) => command.after_help(text),
        None => command,
    };
    let command = command.mut_subcommands(|inner| tidy(inner, offline));
    match offline {
        true => command.mut_args(|arg| match arg.get_help_heading() {
            Some(CONNECTION) => arg.hide(true),
            _ => arg,
        }),
        false => command,
    }
}

/// Joins the lines of each paragraph. Headings, examples and tables stay as they are: what is indented, and what stands
/// before it.
fn flowing(text: &str) -> String {
    let mut joined = String::new();
    let mut before = "";
    for line in text.lines() {
        let goes_on = |line: &str| !line.is_empty() && !line.starts_with(' ');
        match (joined.is_empty(), goes_on(before) && goes_on(line)) {
            (true, _) => {}
            (false, true) => joined.push(' '),
            (false, false) => joined.push('\n'),
        }
        joined.push_str(line);
        before = line;
    }
    joined
}

/// The commands that ask no gateway.
const OFFLINE: [&str; 13] = [
    "pdu",
    "smpp",
    "man",
    "completions",
    "config",
    "certificate",
    "backup",
    "restore",
    "audit",
    "import-smsgate",
    "hardening",
    "serve",
    "demo",
];

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
  4  the token is missing, wrong, or lacks a scope
  78 the configuration is not right (serve)
check has those of a plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.";

#[cfg(test)]
mod tests {
    use super::*;

    fn help(line: &[&str]) -> String {
        let arguments: Vec<OsString> = [&["simrelay"], line, &["--help"]]
            .concat()
            .iter()
            .map(OsString::from)
            .collect();
        Cli::read(&arguments).expect_err("the help").to_string()
    }

    #[test]
    fn commands_that_ask_no_gateway_show_no_connection() {
        for offline in [
            &["pdu", "encode"][..],
            &["pdu", "decode"],
            &["smpp", "analyze"],
            &["man"],
            &["completions"],
            &["config", "check"],
        ] {
            let help = help(offline);
            assert!(
                !help.contains("--url") && help.contains("--json"),
                "{offline:?}: {help}"
            );
        }
        for asking in [&["send"][..], &["sim", "unlock"], &["health"]] {
            assert!(help(asking).contains("--url"), "{asking:?}");
        }
    }

    #[test]
    fn a_paragraph_is_one_line_and_an_example_keeps_its_own() {
        let text = "Examples:\n  a\n  b\n\nOne\ntwo.\nThree.\n\nExit codes:\n  0  done";
        assert_eq!(
            flowing(text),
            "Examples:\n  a\n  b\n\nOne two. Three.\n\nExit codes:\n  0  done"
        );
    }

    #[test]
    fn options_given_anywhere_are_read() {
        let line = ["simrelay", "--json", "pdu", "encode", "--to", "1", "x"].map(OsString::from);
        assert!(Cli::read(&line).is_ok_and(|cli| cli.json));
        let line = ["simrelay", "health", "--json", "--url", "https://h"].map(OsString::from);
        assert!(Cli::read(&line).is_ok_and(|cli| cli.json && cli.connection.url() == "https://h"));
    }
}
