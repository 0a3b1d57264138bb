//! `simrelay token`: what lets a program in.

use std::io::{self, IsTerminal, Read, Write};

use api::{Scope, Token};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::failure::Failure;
use crate::screen::Screen;

/// Make a token for the API, or the hash of one
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown once, with the lines for the configuration
    New(NewArgs),
    /// Print the hash of a token that there is already, read from standard input
    #[command(after_help = "Example:
  simrelay token hash < token.txt

It reads `id.secret` (or a secret alone) and prints the value for `hash` in the configuration.")]
    Hash,
}

/// How the token is to be.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay token new --scope send --scope fetch
  simrelay token new --id ops --scope admin
  simrelay token new --id shop --scope send --sim sim1 --prefix +49 --per-minute 60

Give the token to the program that uses it (SIMRELAY_TOKEN), and the lines to the gateway's configuration, whose file
must then be closed to others (mode 600 or 640). The gateway keeps the hash alone: a lost token cannot be shown again.")]
pub(crate) struct NewArgs {
    /// The public half: 1 to 32 letters, digits, '-' and '_'; without it one is made up
    #[arg(long)]
    id: Option<String>,

    /// What it may do: send, fetch, ussd, health, stats, metrics, attendance, alert, admin; may be given more than once
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<Scope>,

    /// Only this slot; may be given more than once
    #[arg(long = "sim", value_name = "SLOT")]
    sims: Vec<String>,

    /// Only numbers with this prefix; may be given more than once
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,

    /// At most this many calls in a minute
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..))]
    per_minute: Option<u32>,
}

/// Makes the token or the hash.
pub(crate) fn run(command: &TokenCommand, screen: &Screen) -> Result<(), Failure> {
    match command {
        TokenCommand::New(args) => new(args, screen),
        TokenCommand::Hash => hash(screen),
    }
}

fn new(args: &NewArgs, screen: &Screen) -> Result<(), Failure> {
    let token = Token::generate(args.id.as_deref(), &args.scopes).map_err(|error| Failure::Usage(error.to_string()))?;
    let entry = toml_entry(&token, args);
    if screen.is_json() {
        return screen.value(&json!({
            "token": token.plain(), "id": token.entry.id, "hash": token.entry.hash.as_str(), "toml": entry,
        }));
    }
    screen.line("The token, shown this once:\n")?;
    screen.line(format!("  {}\n", token.plain()))?;
    screen.line("For the gateway's configuration (mode 600 or 640):\n")?;
    screen.line(entry)
}

fn toml_entry(token: &Token, args: &NewArgs) -> String {
    let list = |words: Vec<String>| {
        let words: Vec<_> = words.into_iter().map(toml::Value::String).collect();
        toml::Value::Array(words).to_string()
    };
    let scopes = list(args.scopes.iter().map(ToString::to_string).collect());
    let mut lines = vec![
        "[[api.tokens]]".to_owned(),
        format!("id = {}", toml::Value::from(token.entry.id.as_str())),
        format!("hash = {}", toml::Value::from(token.entry.hash.as_str())),
        format!("scopes = {scopes}"),
    ];
    if !args.sims.is_empty() {
        lines.push(format!("sims = {}", list(args.sims.clone())));
    }
    if !args.prefixes.is_empty() {
        lines.push(format!("prefixes = {}", list(args.prefixes.clone())));
    }
    lines.extend(args.per_minute.map(|calls| format!("per_minute = {calls}")));
    lines.join("\n")
}

fn hash(screen: &Screen) -> Result<(), Failure> {
    if io::stdin().is_terminal() {
        // Where the prompt cannot be written, the token can be typed all the same.
        let _ = write!(io::stderr(), "token: ");
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    io::stdin()
        .take(LONGEST_TOKEN)
        .read_to_string(&mut text)
        .map_err(|error| Failure::Usage(format!("the token on standard input: {error}")))?;
    let token = text.trim();
    let secret = token.split_once('.').map_or(token, |(_, secret)| secret);
    if secret.len() < SHORTEST_SECRET {
        return Err(Failure::Usage(format!(
            "the secret has {} characters; take at least {SHORTEST_SECRET}, or simrelay token new",
            secret.len()
        )));
    }
    let hash = bcrypt::non_truncating_hash(secret, COST)
        .map_err(|_| Failure::Usage("the secret is longer than the 71 octets that bcrypt takes".into()))?;
    match screen.is_json() {
        true => screen.value(&json!({ "hash": hash })),
        false => screen.line(hash),
    }
}

/// What is longer is no token.
const LONGEST_TOKEN: u64 = 4096;

/// A shorter secret could be guessed.
const SHORTEST_SECRET: usize = 16;

/// As [`Token::generate`] has it: a long random secret needs no slow hash.
const COST: u32 = 10;
