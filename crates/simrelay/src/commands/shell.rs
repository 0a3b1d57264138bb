//! `simrelay completions` and `simrelay man`: what the program writes about itself.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

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
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::manual()).render(&mut page)?;
        return print(&page);
    };
    let told = |error: io::Error| Failure::refused(format!("--out {}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(told)?;
    clap_mangen::generate_to(Cli::manual(), folder).map_err(told)
}

fn print(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    Ok(out.flush()?)
}

const NAME: &str = "simrelay";
