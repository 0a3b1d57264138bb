//! `simrelay completions` and `simrelay man`: what the program writes about itself.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::failure::Failure;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay completions bash > /etc/bash_completion.d/simrelay
  simrelay completions zsh > /usr/local/share/zsh/site-functions/_simrelay
  simrelay completions fish > ~/.config/fish/completions/simrelay.fish")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// Write the manual pages
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay man | man -l -
  simrelay man --out /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// A folder to write one page per command to; without it the main page is printed
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the script.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::program(), NAME, &mut script);
    print(&script)
}

/// Writes the pages.
pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let Some(folder) = &args.out else {
        return print(page(Cli::manual())?.1.as_bytes());
    };
    let told = |error: io::Error| Failure::refused(format!("--out {}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(told)?;
    write_pages(Cli::manual(), folder).map_err(told)
}

/// The page of a command and of all that are inside it.
fn write_pages(command: Command, folder: &Path) -> io::Result<()> {
    for inside in command.get_subcommands().filter(|inside| !inside.is_hide_set()) {
        write_pages(inside.clone(), folder)?;
    }
    let (name, page) = page(command)?;
    fs::write(folder.join(name), page)
}

/// The page of a command, and what its file is called.
fn page(command: Command) -> io::Result<(String, String)> {
    let source = concat!("simrelay ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).source(source).manual("simrelay");
    let mut page = Vec::new();
    man.render(&mut page)?;
    Ok((man.get_filename(), arranged(&String::from_utf8_lossy(&page))))
}

/// What follows the options, in the sections that manual pages have for it: clap's text is one, and its examples would be
/// filled like a paragraph.
fn arranged(page: &str) -> String {
    let Some((before, (extra, after))) = page
        .split_once(EXTRA)
        .map(|(before, rest)| (before, rest.split_once(VERSION).unwrap_or((rest, ""))))
    else {
        return page.to_owned();
    };
    let mut arranged = before.to_owned();
    let mut place = Place::Outside;
    for line in extra.lines() {
        place = place.add(line, &mut arranged);
    }
    if place == Place::Example {
        arranged.push_str(".fi\n");
    }
    format!("{arranged}{VERSION}{after}")
}

/// Where a line of what follows the options stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before everything.
    Outside,
    /// Behind a heading or a paragraph.
    Text,
    /// Among lines that stay as they are.
    Example,
}

impl Place {
    fn add(self, line: &str, page: &mut String) -> Self {
        let indented = line.starts_with(' ');
        if self == Self::Example && !indented {
            page.push_str(".fi\n");
        }
        let heading = HEADINGS.iter().find(|(said, _)| *said == line);
        let (more, place) = match (self, heading) {
            (place, _) if line.is_empty() => (String::new(), place.after_example()),
            (_, Some((_, section))) => (format!(".SH {section}\n"), Self::Text),
            (Self::Example, None) if indented => (format!("{line}\n"), Self::Example),
            (_, None) if indented => (format!(".nf\n{line}\n"), Self::Example),
            (Self::Outside, None) => (format!(".SH NOTES\n{line}\n"), Self::Text),
            (_, None) => (format!(".PP\n{line}\n"), Self::Text),
        };
        page.push_str(&more);
        place
    }

    /// A blank line ends an example; a paragraph behind it is about the command.
    fn after_example(self) -> Self {
        match self {
            Self::Example => Self::Outside,
            place => place,
        }
    }
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    Ok(out.flush()?)
}

const NAME: &str = "simrelay";

/// How clap begins what follows the options, and what comes behind that.
const EXTRA: &str = ".SH EXTRA\n";
const VERSION: &str = ".SH VERSION\n";

/// Headings of ours, and the sections that manual pages have for them.
const HEADINGS: [(&str, &str); 3] = [
    ("Example:", "EXAMPLES"),
    ("Examples:", "EXAMPLES"),
    ("Exit codes:", "EXIT STATUS"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines_and_notes_are_paragraphs() {
        let page = ".SH OPTIONS\nx\n.SH EXTRA\nExamples:\n  a   b\n  c\n\nOne.\n\nTwo.\n\nExit codes:\n  0  done\nMore.\n.SH VERSION\nv1\n";
        assert_eq!(
            arranged(page),
            ".SH OPTIONS\nx\n.SH EXAMPLES\n.nf\n  a   b\n  c\n.fi\n.SH NOTES\nOne.\n.PP\nTwo.\n.SH EXIT STATUS\n.nf\n  0  done\n.fi\n\
             .PP\nMore.\n.SH VERSION\nv1\n"
        );
        assert_eq!(
            arranged(".SH EXTRA\nExample:\n  a\n.SH VERSION\nv1\n"),
            ".SH EXAMPLES\n.nf\n  a\n.fi\n.SH VERSION\nv1\n"
        );
        assert_eq!(arranged(".SH NAME\nx\n"), ".SH NAME\nx\n");
    }
}
