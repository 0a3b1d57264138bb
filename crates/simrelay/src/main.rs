//! The simrelay program: the daemon, the demonstration and the command line client.
//!
//! - [`cli`] reads the arguments and leads to each command. [`commands`] holds those that ask a running gateway through
//!   [`client`], the JSON-RPC client, and the small ones that ask nobody; [`pdu`] reads and writes PDUs, [`traffic`]
//!   explains SMPP traffic.
//! - [`serve`] is the daemon and [`demo`] the demonstration. Both are a [`running`] gateway: its parts started from the
//!   bottom up and stopped from the top down, on its [`threads`], which share their memory ([`arena`]); [`consuming`] makes
//!   its consumers, [`post`] its SMTP server, [`intake`] its listeners for alerts; [`reload`] gives it other settings. [`config`] is the one way to its
//!   settings, [`logging`] its log.
//! - A gateway is confined to what its settings name ([`confine`]), takes the sockets that systemd opened for it
//!   ([`handover`]), and proves to whoever watches over it that it lives ([`supervisor`]).
//! - [`monitoring`] is the program as a plugin of Icinga, Nagios and Munin.
//! - [`doctor`] looks for what may keep a gateway from working; [`certificate`] makes certificates.
//! - [`screen`] prints: tables for people, JSON for programs, and never a control character out of an SMS. [`when`] knows
//!   times as people write them, [`text`] where a text comes from.
//! - [`failure`] is how a command ends badly; its kind decides the exit code. [`misuse`] is a command line that cannot be
//!   read at all.
//!
//! The program decides nothing about messages: that is the crates' below. It reads settings, puts the parts together
//! and stops them in order.

#![forbid(unsafe_code)]

mod arena;
mod certificate;
mod cli;
mod client;
mod commands;
mod config;
mod confine;
mod consuming;
mod demo;
mod doctor;
mod failure;
mod handover;
mod held_back;
mod import;
mod intake;
mod logging;
mod misuse;
mod monitoring;
mod pdu;
mod post;
mod reload;
mod running;
mod screen;
mod serve;
mod smpp;
mod supervisor;
mod text;
mod threads;
mod traffic;
mod when;

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = monitoring::called_by_link(std::env::args_os().collect());
    // Every TLS connection of the process uses this provider. It is only refused where one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Some(serve) = serve::ServeArgs::plain(&arguments) {
        return cli::ended(serve::run(&serve), &screen::Screen::new(false));
    }
    match cli::Cli::read(&arguments) {
        Ok(cli) => cli.run(),
        Err(error) => misuse::tell(error, &arguments),
    }
}
