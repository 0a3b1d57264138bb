//! `simrelay smpp analyze`: what went on in a capture of the network.

use std::fs;

use clap::Args;
use smpp::analyze::{MessageView, analyze, show, show_message};

use super::Alphabet;
use crate::failure::Failure;
use crate::screen::Screen;

/// Read a capture of SMPP traffic: who sent what, what became of it, and what was wrong
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tcpdump -i any -w session.pcap tcp port 2775
  simrelay smpp analyze session.pcap
  simrelay smpp analyze session.pcap --messages --number 491711234567
  simrelay smpp analyze session.pcap --json | jq '.anomalies[].kind' | sort | uniq -c

pcap and pcapng are read. Connections that speak SMPP are found by themselves, whatever the port;
inside TLS nobody can look. Messages are joined with their responses and receipts, long messages
put together, and everything against the rules is told with the rule.")]
pub(crate) struct AnalyzeArgs {
    /// The capture
    capture: String,

    /// Show every message with its response and receipts
    #[arg(long)]
    messages: bool,

    /// Only what is about messages from or to this number, or with this message id
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,

    /// What data_coding 0 means
    #[arg(long, value_enum, default_value = "gsm7", value_name = "ALPHABET")]
    default_alphabet: Alphabet,
}

/// Reads and shows.
///
/// # Errors
/// A file that cannot be read or is no capture.
pub(super) fn run(args: &AnalyzeArgs, screen: &Screen) -> Result<(), Failure> {
    let path = &args.capture;
    let file = fs::read(path).map_err(|error| Failure::Usage(format!("{path} cannot be read: {error}")))?;
    let whole =
        analyze(&file, args.default_alphabet.into()).map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
    let analysis = match args.number.as_deref().map(plain) {
        Some(number) => whole.only(|message| is_named(message, number)),
        None => whole,
    };
    if screen.is_json() {
        return screen.value(&analysis);
    }
    if args.messages {
        let messages: String = analysis.messages.iter().map(show_message).collect();
        screen.text(&messages)?;
    }
    screen.text(&show(&analysis))
}

/// Whether a message is from or to this number, or has this id.
fn is_named(message: &MessageView, number: &str) -> bool {
    let response = message.response.as_ref();
    let id = response.and_then(|response| response.message_id.as_deref());
    let names = [Some(&*message.source), Some(&*message.destination), id];
    names.into_iter().flatten().any(|name| plain(name) == number)
}

/// A number without its plus, which some peers write and others leave out.
fn plain(number: &str) -> &str {
    number.trim_start_matches('+')
}
