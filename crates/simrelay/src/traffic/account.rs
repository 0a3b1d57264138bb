//! `simrelay smpp account`: what lets an application in.

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::screen::Screen;

/// Make an account for an application: its password is shown once, with the lines for the configuration
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay smpp account shop --prefix +49
  simrelay smpp account meter --sim sim1 --network 192.0.2.0/24 --ussd

Give name and password to whoever configures the application, and the lines to the gateway's configuration, whose file
must then be closed to others (mode 600 or 640). The gateway keeps the hash alone: a lost password cannot be shown
again. SMPP passwords have eight octets and travel as they are; docs/smpp.md tells how to protect them.")]
pub(crate) struct AccountArgs {
    /// What the application binds as (system_id): 1 to 15 letters, digits, '-' and '_'
    name: String,

    /// Only this slot; may be given more than once
    #[arg(long = "sim", value_name = "SLOT")]
    sims: Vec<String>,

    /// Only numbers with this prefix; may be given more than once
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,

    /// Only from this network; may be given more than once
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<String>,

    /// It may use USSD
    #[arg(long)]
    ussd: bool,
}

pub(super) fn run(args: &AccountArgs, screen: &Screen) -> Result<(), Failure> {
    if !smsc::is_system_id(&args.name) {
        return Err(Failure::Usage(format!(
            "'{}' cannot be told in a bind: write 1 to 15 letters, digits, '-' and '_'",
            args.name
        )));
    }
    let password = password().map_err(|error| Failure::refused(format!("no random numbers: {error}")))?;
    let hash = bcrypt::non_truncating_hash(password.as_str(), COST)
        .map_err(|error| Failure::refused(format!("the password cannot be hashed: {error}")))?;
    let entry = toml_entry(args, &hash);
    if screen.is_json() {
        return screen.value(&json!({
            "system_id": args.name, "password": password.as_str(), "hash": hash, "toml": entry,
        }));
    }
    screen.line("The password, shown this once:\n")?;
    screen.line(format!("  {}\n", password.as_str()))?;
    screen.line("For the gateway's configuration (mode 600 or 640):\n")?;
    screen.line(entry)
}

fn toml_entry(args: &AccountArgs, hash: &str) -> String {
    let mut lines = vec![
        "[[smpp.accounts]]".to_owned(),
        format!("system_id = {}", toml::Value::from(args.name.as_str())),
        format!("hash = {}", toml::Value::from(hash)),
    ];
    for (key, words) in [
        ("networks", &args.networks),
        ("sims", &args.sims),
        ("prefixes", &args.prefixes),
    ] {
        if !words.is_empty() {
            lines.push(format!("{key} = {}", toml::Value::from(words.clone())));
        }
    }
    lines.extend(args.ussd.then(|| "ussd = true".to_owned()));
    lines.join("\n")
}

/// Eight random letters and digits.
fn password() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut password = Zeroizing::new(String::with_capacity(LENGTH));
    while password.len() < LENGTH {
        let mut octet = Zeroizing::new([0_u8; 1]);
        getrandom::fill(octet.as_mut_slice())?;
        // Octets past the last whole alphabet would make some letters likelier.
        let place = usize::from(octet[0]);
        if place < 256 - 256 % LETTERS.len() {
            password.push(char::from(LETTERS[place % LETTERS.len()]));
        }
    }
    Ok(password)
}

/// The longest password of a bind (clause 5.2.2), without its NUL.
const LENGTH: usize = 8;
/// Those that nobody takes for another.
const LETTERS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Binds are few, and the password is short.
const COST: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_field_and_is_another_each_time() {
        let made: std::collections::HashSet<String> = (0..50).map(|_| password().unwrap().to_string()).collect();
        assert_eq!(made.len(), 50);
        let fits =
            |password: &String| password.len() == LENGTH && password.bytes().all(|octet| LETTERS.contains(&octet));
        assert!(made.iter().all(fits));
    }
}
