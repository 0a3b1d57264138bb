//! `simrelay smpp trace`: what goes over the sessions of an account, written down for a while.

use clap::Args;

use crate::client::Client;
use crate::commands::trace::{self, Wanted};
use crate::failure::Failure;
use crate::screen::Screen;

/// Write down what goes over the SMPP sessions of an account, for a while
///
/// Without an account it lists what is written down. The file is pcapng, on the gateway's machine: Wireshark and `simrelay smpp
/// analyze` read it, also what went inside TLS. Passwords are never in it, and message texts as stars only, unless --texts asks
/// for them. Switching it on begins the file anew. A restart of the gateway ends it. The token needs the scope admin.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay smpp trace shop on
  simrelay smpp trace shop on --texts --minutes 10
  simrelay smpp trace shop off
  simrelay smpp analyze /var/lib/simrelay/trace/smpp.shop.pcapng --messages")]
pub(crate) struct TraceArgs {
    /// The account's system_id
    #[arg(requires = "wanted")]
    account: Option<String>,

    /// Whether it is to be written down
    #[arg(value_enum)]
    wanted: Option<Wanted>,

    /// Message texts too
    #[arg(long)]
    texts: bool,

    /// After how many minutes it ends by itself
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
}

/// Switches a trace, or lists them.
///
/// # Errors
/// There is no such account, or the gateway refuses.
pub(super) async fn run(args: &TraceArgs, client: &Client, screen: &Screen) -> Result<(), Failure> {
    let Some((account, wanted)) = args.account.as_ref().zip(args.wanted) else {
        return trace::list(client, screen).await;
    };
    let name = smsc::consumer_name(account);
    trace::set(&name, wanted, args.texts, args.minutes, client, screen).await
}
