//! A command line that cannot be read: for people as clap says it, with `--json` as an object on standard output.
//!
//! clap gives up before there is a [`crate::screen::Screen`], so the wish for JSON is looked for in the raw arguments.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error};
use serde_json::{Value, json};

use crate::cli::Cli;
use crate::failure::MISUSE;
use crate::monitoring::check;
use crate::screen::Screen;

/// Tells what is wrong with the command line, or shows the help that was asked for, and gives the exit code.
pub(crate) fn tell(error: Error, arguments: &[OsString]) -> ExitCode {
    if is_check(arguments) {
        return check::misused(&error, &message(&error));
    }
    if error.kind() == ErrorKind::DisplayVersion && wants_json(arguments) {
        let version = json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") });
        let shown = Screen::new(true).value(&version);
        return shown.map_or_else(|failure| failure.exit(), |()| ExitCode::SUCCESS);
    }
    if !error.use_stderr() {
        // Nobody is left to tell where the help cannot be written.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if !wants_json(arguments) || Screen::new(true).value(&object(&error, arguments)).is_err() {
        let _ = without_connection(error).print();
    }
    ExitCode::from(MISUSE)
}

/// The error with a usage that does not list options which the environment has given: they look as if they were
/// required.
fn without_connection(error: Error) -> Error {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
        return error;
    };
    let shorter = CONNECTION_OPTIONS
        .iter()
        .fold(usage.to_string(), |usage, option| usage.replace(option, ""));
    let mut error = error;
    error.insert(ContextKind::Usage, ContextValue::StyledStr(shorter.into()));
    error
}

/// `{"error": {kind, message, field?}}`. `pdu` calls all its input malformed, its options too.
fn object(error: &Error, arguments: &[OsString]) -> Value {
    let kind = match is_pdu(arguments) {
        true => "malformed",
        false => "usage",
    };
    let mut told = json!({ "kind": kind, "message": message(error) });
    if let Some(field) = field(error) {
        told["field"] = field.into();
    }
    json!({ "error": told })
}

/// What clap says above its hints, on one line.
fn message(error: &Error) -> String {
    if LACKS_COMMAND.contains(&error.kind()) {
        return "a command is missing".into();
    }
    let rendered = error.render().to_string();
    let sentence = rendered.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = sentence.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}

/// The option, argument or command that it is about, as a bare name: `to` of `--to <TO>`, `hex` of `<HEX>`.
fn field(error: &Error) -> Option<String> {
    if LACKS_COMMAND.contains(&error.kind()) {
        return Some("command".into());
    }
    let about = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand];
    let named = match about.into_iter().find_map(|kind| error.get(kind)) {
        Some(ContextValue::String(name)) => name,
        Some(ContextValue::Strings(names)) => names.first()?,
        _ => return None,
    };
    let name = named.trim_start_matches(['-', '<', '[']);
    let end = name.find(['=', ' ', '>', ']', '[']).unwrap_or(name.len());
    match named.starts_with(['<', '[']) {
        true => Some(name[..end].to_lowercase()),
        false => Some(name[..end].to_owned()),
    }
}

fn wants_json(arguments: &[OsString]) -> bool {
    let mut options = arguments.iter().take_while(|argument| *argument != "--");
    options.any(|argument| argument == "--json")
}

/// Whether the command, as far as it can be read, is `pdu`.
fn is_pdu(arguments: &[OsString]) -> bool {
    is_command(arguments, "pdu")
}

/// Whether it is `check`, which answers in the way of a plugin even where it is called wrongly.
fn is_check(arguments: &[OsString]) -> bool {
    arguments.get(1).is_some_and(|first| first == "check") || is_command(arguments, "check")
}

fn is_command(arguments: &[OsString], name: &str) -> bool {
    let read = Cli::command().ignore_errors(true).try_get_matches_from(arguments);
    read.is_ok_and(|matches| matches.subcommand_name() == Some(name))
}

/// As clap writes them in a usage.
const CONNECTION_OPTIONS: [&str; 5] = [
    " --url <URL>",
    " --token <TOKEN>",
    " --token-file <FILE>",
    " --ca <FILE>",
    " --timeout <SECONDS>",
];

/// clap's words for a command that is missing: one without, one with other options.
const LACKS_COMMAND: [ErrorKind; 2] = [
    ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    ErrorKind::MissingSubcommand,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &[&str]) -> Value {
        let arguments: Vec<OsString> = [&["simrelay"], line].concat().iter().map(OsString::from).collect();
        let error = Cli::read(&arguments).expect_err("refused");
        object(&error, &arguments)["error"].clone()
    }

    #[test]
    fn a_usage_does_not_ask_for_what_the_environment_gives() {
        let line = [
            "simrelay",
            "--url",
            "https://h",
            "--token",
            "t",
            "--ca",
            "f",
            "send",
            "--bogus",
        ]
        .map(OsString::from);
        let error = Cli::read(&line).expect_err("refused");
        let told = without_connection(error).to_string();
        assert!(told.contains("Usage: simrelay") && told.contains("--bogus"), "{told}");
        assert!(
            !told.contains("--url <URL>") && !told.contains("--token <TOKEN>"),
            "{told}"
        );
    }

    #[test]
    fn each_mistake_names_its_field_and_says_what_is_wrong() {
        for (line, field, words) in [
            (
                &["pdu", "decode", "--json"][..],
                "hex",
                "required arguments were not provided: <HEX>",
            ),
            (
                &["pdu", "decode", "00", "--bogus"],
                "bogus",
                "unexpected argument '--bogus'",
            ),
            (&["pdu", "decode", "00", "11"], "11", "unexpected argument '11'"),
            (&["pdu", "encode", "x"], "to", "not provided: --to <TO>"),
            (&["pdu", "encode", "--to"], "to", "a value is required for '--to <TO>'"),
            (&["pdu", "encode", "--to", "1"], "text", "not provided: <TEXT"),
            (
                &["pdu", "encode", "--to", "1", "x", "--dcs", "256"],
                "dcs",
                "a number from 0 to 255",
            ),
            (
                &["pdu", "encode", "--to", "1", "x", "--class=4"],
                "class",
                "4 is not in 0..=3",
            ),
            (
                &["pdu", "encode", "--to", "1", "x", "--flash=maybe"],
                "flash",
                "invalid value 'maybe'",
            ),
            (
                &["pdu", "encode", "--to", "1", "x", "--data-hex", "00"],
                "text",
                "cannot be used with",
            ),
            (&["pdu", "recode"], "recode", "unrecognized subcommand 'recode'"),
            (&["pdu"], "command", "a command is missing"),
            (&["pdu", "--json"], "command", "a command is missing"),
        ] {
            let told = told(line);
            let message = told["message"].as_str().expect("a message");
            assert!(
                message.contains(words) && !message.contains('\n'),
                "{line:?}: {message}"
            );
            assert_eq!(
                (&told["field"], &told["kind"]),
                (&field.into(), &"malformed".into()),
                "{line:?}"
            );
        }
        assert_eq!(told(&["inbox", "--limit", "0"])["kind"], "usage");
        assert_eq!(told(&["send", "pdu", "--bogus"])["kind"], "usage");
    }

    #[test]
    fn json_is_wished_for_by_the_option_and_not_by_a_text() {
        let wants = |line: &[&str]| wants_json(&line.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(wants(&["simrelay", "pdu", "decode", "--json"]));
        assert!(wants(&["simrelay", "--json", "pdu"]));
        assert!(!wants(&["simrelay", "send", "1", "--", "--json"]));
        assert!(!wants(&["simrelay", "pdu", "decode"]));
    }
}
