//! `simrelay certificate`: a certificate for a gateway that has none.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::certificate;
use crate::failure::Failure;
use crate::screen::Screen;

/// Make a certificate for a gateway that has none
#[derive(Debug, Args)]
#[command(after_help = "Example:
  simrelay certificate --name sms.example.org --name 192.0.2.7 --out /etc/simrelay

It writes certificate.pem and key.pem for the gateway, and ca.pem for its clients (SIMRELAY_CA). Where you have an
authority of your own, use its certificates instead. Files that are there already are left alone.")]
pub(crate) struct CertificateArgs {
    /// A name or address that clients call the gateway by; may be given more than once
    #[arg(long, value_name = "HOST", required = true)]
    name: Vec<String>,

    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Makes the files.
pub(crate) fn run(args: &CertificateArgs, screen: &Screen) -> Result<(), Failure> {
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::refused(format!(
            "--out {}: there is a certificate or key already; move it away first",
            args.out.display()
        )),
        _ => Failure::refused(format!("--out {}: {error}", args.out.display())),
    };
    fs::create_dir_all(&args.out).map_err(told)?;
    let files = certificate::write(&args.out, &args.name).map_err(told)?;
    if screen.is_json() {
        return screen.value(&json!({
            "certificate": files.certificate, "key": files.key, "ca": files.authority,
        }));
    }
    screen.line(format!("for the gateway: {}", files.certificate.display()))?;
    screen.line(format!("                 {} (keep it secret)", files.key.display()))?;
    screen.line(format!("for its clients: {}", files.authority.display()))
}
