//! What the demonstration says first.

use std::path::PathBuf;

use crate::commands::route::money;

use super::town::{Sim, Town};

/// The address, the token, the SIMs, and what to paste into a second terminal.
pub(super) fn text(town: &Town, url: &str) -> String {
    let sims: Vec<String> = town.sims.iter().map(sim).collect();
    let number = |index: usize| town.sims.get(index).map_or("", |sim| sim.modem.number());
    let authority = town.authority.display();
    let token = &town.token;
    let program = program();
    let (first, third) = (number(0), number(2));
    format!(
        "\
A gateway on four simulated modems. Nothing is really sent; Ctrl-C ends it and removes everything.

  address      {url}
  certificate  {authority}
  token        {token}

  SIM   number        modem    sends to      a part costs
{sims}

Paste this into a second terminal:

  alias simrelay={program}
  export SIMRELAY_URL={url}
  export SIMRELAY_CA={authority}
  export SIMRELAY_TOKEN={token}

and then, for instance:

  simrelay modems
  simrelay send {first} 'Hello from the demo' --wait
  simrelay send {third} 'Grüße 👋 in another alphabet' --from sim1
  simrelay inbox --follow
  simrelay route +436601234567
  simrelay preview 'Costs 5 € – how many parts is that?'
  simrelay ussd sim1 '*101#'
  simrelay balance
  simrelay check
  simrelay doctor

  curl --cacert $SIMRELAY_CA -H \"Authorization: Bearer $SIMRELAY_TOKEN\" -H 'Content-Type: application/json' \\
    -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sms.send\",\"params\":{{\"to\":\"{first}\",\"text\":\"Hello from curl\"}}}}' \\
    $SIMRELAY_URL

What arrives, and the mail about it (to a mail server inside of this program):
",
        sims = sims.join("\n"),
    )
}

fn sim(sim: &Sim) -> String {
    let kind = sim.kind;
    let serves = match kind.prefixes {
        [] => "every number".to_owned(),
        prefixes => prefixes.join(" "),
    };
    let number = sim.modem.number();
    format!(
        "  {:<5} {number:<13} {:<8} {serves:<13} {}",
        kind.slot,
        kind.make,
        money(kind.cost_micros)
    )
}

/// The path of this program, quoted for a shell where it must be.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("simrelay"));
    let path = path.display().to_string();
    let plain = path.chars().all(|c| c.is_alphanumeric() || "/._-+".contains(c));
    match plain {
        true => path,
        false => format!("\"'{}'\"", path.replace('\'', "'\\''")),
    }
}
