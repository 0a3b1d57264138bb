//! `simrelay pdu decode`: what octets are, and what is in them.

use clap::Args;
use tpdu::{DecodeError, Direction, Pdu, Tpdu, decode_stored, from_hex};

use super::{Outcome, Trouble, fields};

/// Read a PDU and show every field of it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay pdu decode 06917228195339040B917228214365F700003130805120618005D4F29C2E03
  simrelay pdu decode --mo --json 0001000B917228001011F100000CC8329BFD065DDF72363904
  simrelay pdu decode --tpdu 06D60B911326880736F4111011719551401110117195714000

Octets are read as they come from the network, service centre first. A message to send (SUBMIT) is
recognised without --mo where nothing else fits. The exit code is 2 where the octets are no PDU.")]
pub(crate) struct DecodeArgs {
    /// The octets in hexadecimal, blanks between them allowed
    hex: String,

    /// Read what a phone sends: SUBMIT, COMMAND, DELIVER-REPORT
    #[arg(long)]
    mo: bool,

    /// The octets begin with the TPDU; there is no service centre before it
    #[arg(long)]
    tpdu: bool,

    #[arg(from_global)]
    pub(super) json: bool,
}

/// Reads the octets.
///
/// # Errors
/// Octets that are no PDU.
pub(super) fn run(args: &DecodeArgs) -> Result<Outcome, Trouble> {
    let bytes = from_hex(&args.hex.split_whitespace().collect::<String>())?;
    let pdu = match args.mo {
        true => read(&bytes, Direction::ToNetwork, args.tpdu)?,
        false => recognise(&bytes, args.tpdu)?,
    };
    let object = fields::of(&pdu);
    let lines = fields::lines(&object);
    Ok(Outcome { object, lines })
}

fn read(bytes: &[u8], direction: Direction, is_bare: bool) -> Result<Pdu, DecodeError> {
    match is_bare {
        true => Pdu::decode_bare(bytes, direction),
        false => Pdu::decode(bytes, direction),
    }
}

/// Types 0 and 2 are what the network sends. Type 1 is a submission, stored or to be sent, or the rare answer to one,
/// which is taken only where a submission does not fit or the answer is one in every octet.
fn recognise(bytes: &[u8], is_bare: bool) -> Result<Pdu, DecodeError> {
    let incoming = read(bytes, Direction::ToPhone, is_bare);
    match incoming {
        Ok(Pdu {
            tpdu: Tpdu::SubmitReport(report),
            trailing: 0,
            smsc,
            tpdu_len,
        }) if report.time.unix_seconds().is_some() => {
            let tpdu = Tpdu::SubmitReport(report);
            Ok(Pdu {
                smsc,
                tpdu,
                tpdu_len,
                trailing: 0,
            })
        }
        Ok(pdu) if !matches!(pdu.tpdu, Tpdu::SubmitReport(_)) => Ok(pdu),
        _ if is_bare => stored_bare(bytes),
        _ => decode_stored(bytes),
    }
}

/// As [`decode_stored`], without a service centre.
fn stored_bare(bytes: &[u8]) -> Result<Pdu, DecodeError> {
    let is_submit = bytes.first().is_some_and(|first| first & 0b11 == 0b01);
    read(
        bytes,
        if is_submit {
            Direction::ToNetwork
        } else {
            Direction::ToPhone
        },
        true,
    )
}
