//! `simrelay alert`: alerts of cameras and monitoring.

mod line;
mod send;

use clap::Subcommand;

use crate::client::Connection;
use crate::failure::Failure;
use crate::screen::Screen;

/// Alerts of cameras and monitoring
#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    Send(send::SendArgs),
}

/// Does what needs no API.
pub(crate) fn run_here(command: &AlertCommand, connection: &Connection, screen: &Screen) -> Result<(), Failure> {
    match command {
        AlertCommand::Send(args) => send::run(args, connection, screen),
    }
}
