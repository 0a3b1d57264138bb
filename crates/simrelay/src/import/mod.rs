//! `simrelay import-smsgate`: the settings of Pentagrid's SMSgate become a configuration.
//!
//! `ini` reads the two files as Python does, `taking` crosses off each of their keys, `mainfile` and `cards` write what it
//! means here or a note of what changes, and `draft` is the file with its notes. The result is checked as `config check`
//! does it before anybody sees it.

mod cards;
mod draft;
mod ini;
mod mainfile;
mod taking;

use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::config::{self, Fault};
use crate::failure::Failure;
use crate::screen::{Screen, harmless};
use draft::Draft;
use ini::Ini;

/// Make a configuration of the files of Pentagrid's SMSgate
#[derive(Debug, Args)]
#[command(after_help = "Example:
  umask 077
  simrelay import-smsgate conf/smsgate.conf conf/sim-cards.conf > simrelay.toml
  simrelay config check simrelay.toml

The configuration goes to the standard output, with a comment wherever something changes; the same notes, without any
secret, go to the standard error, and apart from them what is lost: modems, PINs, tokens, certificates. It holds PINs, the mail password and the hashes of tokens, so keep it closed to others
(mode 600). The two files are only read. docs/moving-from-smsgate.md tells the rest.")]
pub(crate) struct ImportArgs {
    /// The file of the gateway, usually conf/smsgate.conf
    #[arg(value_name = "SMSGATE_CONF")]
    main: PathBuf,

    /// The file of the modems, usually conf/sim-cards.conf
    #[arg(value_name = "SIM_CARDS_CONF")]
    cards: PathBuf,
}

/// Writes the configuration and tells what changes.
pub(crate) fn run(args: &ImportArgs, screen: &Screen) -> Result<(), Failure> {
    let draft = import(&args.main, &args.cards).map_err(|faults| refuse(&faults))?;
    let left: Vec<_> = config::faults_in(Path::new("simrelay.toml"), draft.as_str());
    if screen.is_json() {
        return screen.value(
            &json!({"configuration": draft.as_str(), "notes": draft.notes(), "losses": draft.losses(), "faults": left}),
        );
    }
    // The summary first: whoever reads both on a terminal sees the end of the file last.
    summary(&draft, &left);
    screen.line(draft.as_str().trim_end())
}

/// Reads both files and puts the configuration together.
fn import(main: &Path, cards: &Path) -> Result<Draft, Vec<Fault>> {
    let (read_main, read_cards) = (Ini::read(main), Ini::read(cards));
    let (main, cards) = match (read_main, read_cards) {
        (Ok(main), Ok(cards)) => (main, cards),
        (main, cards) => return Err([main.err(), cards.err()].into_iter().flatten().flatten().collect()),
    };
    right_way_round(&main, &cards)?;
    let modems = cards::modems(&cards);
    let mut draft = Draft::default();
    draft.comment(
        "Made by `simrelay import-smsgate` from the files of SMSgate. What is not here has its default: every key",
    );
    draft.comment(
        "stands in conf/simrelay.toml. It holds secrets: keep it closed to others (chmod 600, or 640 for root and",
    );
    draft.comment("the group of the gateway).");
    mainfile::write(&mut draft, &main, &cards, &modems);
    cards::write(&mut draft, &cards, &modems);
    Ok(draft)
}

/// Refuses files that are other files.
fn right_way_round(main: &Ini, cards: &Ini) -> Result<(), Vec<Fault>> {
    let is_main = |ini: &Ini| MAIN_SECTIONS.iter().any(|name| ini.section(name).is_some());
    let wrong = |file: &Path, problem: &str, right: &str| Err(vec![Fault::of_file(file, problem, right)]);
    if !is_main(main) {
        let problem = "none of the sections of smsgate.conf is in it ([server], [api], [mail], [modempool])";
        return wrong(&main.file, problem, "name smsgate.conf first, then sim-cards.conf");
    }
    if is_main(cards) {
        let problem = "there are sections of smsgate.conf in it";
        return wrong(&cards.file, problem, "name smsgate.conf first, then sim-cards.conf");
    }
    match cards.sections.len() {
        0 => wrong(
            &cards.file,
            "there is no modem in it",
            "name sim-cards.conf, with a [section] for each modem",
        ),
        1..=MOST_MODEMS => Ok(()),
        _ => wrong(
            &cards.file,
            "there are more modems in it than anybody has",
            "name sim-cards.conf",
        ),
    }
}

fn summary(draft: &Draft, left: &[Fault]) {
    for note in draft.notes() {
        eprintln!("{}", harmless(note));
    }
    let faults = left.iter().map(ToString::to_string);
    for wrong in draft.losses().iter().cloned().chain(faults) {
        eprintln!("to put right: {}", harmless(&wrong));
    }
    let notes = counted(draft.notes().len(), "note");
    let wrong = counted(draft.losses().len() + left.len(), "thing");
    eprintln!("{wrong} to put right; {notes}, which stand in the file as well");
    if !draft.holds_secret() {
        return;
    }
    let open = open_output().map_or_else(String::new, |mode| {
        format!("; it is open to others now (mode {mode:04o})")
    });
    eprintln!("it holds secrets (PINs, a mail password, hashes of tokens): chmod 600 it{open}");
}

/// So many of them, in words.
fn counted(many: usize, what: &str) -> String {
    let plural = if many == 1 { "" } else { "s" };
    format!("{many} {what}{plural}")
}

/// The mode of the file that the standard output goes to, where others may read it.
fn open_output() -> Option<u32> {
    let out = io::stdout();
    if out.is_terminal() {
        return None;
    }
    let file = std::fs::metadata("/dev/stdout")
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    let mode = file.mode() & 0o7777;
    (mode & 0o077 != 0).then_some(mode)
}

fn refuse(faults: &[Fault]) -> Failure {
    let told: Vec<String> = faults.iter().map(|fault| harmless(&fault.to_string())).collect();
    Failure::refused(told.join("\n"))
}

const MAIN_SECTIONS: [&str; 4] = ["server", "api", "mail", "modempool"];

const MOST_MODEMS: usize = 1000;
