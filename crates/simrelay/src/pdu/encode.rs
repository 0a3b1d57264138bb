//! `simrelay pdu encode`: the PDUs of a text.

use clap::Args;
use serde_json::{Value, json};
use tpdu::{
    Alphabet, Choice, Class, Composed, Dcs, Encoded, Language, Options, Ports, Reference, Submit, TypeOfNumber,
    Validity, Why, Wishes, compose, compose_data, from_hex,
};

use super::{Outcome, Trouble, addresses, fields, wishes};
use crate::screen::{Table, harmless};
use crate::text;

/// Make the PDUs for AT+CMGS of a text
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simrelay pdu encode --to +491711234567 'Hello'
  simrelay pdu encode --to +491711234567 --flash --validity 2h 'Servers down'
  simrelay pdu encode --to +491711234567 --alphabet ucs2 --concat-bits 16 --concat-ref 4660 --json \"$(cat letter.txt)\"

Prints a PDU and the number for AT+CMGS for every part. Option names may be written with underscores. Switches such as --flash take a value only behind an equals sign: --flash=false.")]
pub(crate) struct EncodeArgs {
    /// The text; '-' reads it from standard input
    #[arg(required_unless_present = "data_hex", allow_hyphen_values = true)]
    text: Option<String>,

    /// The recipient's number, international with a plus; blanks and dashes do not matter, and letters need
    /// --to-type alphanumeric
    #[arg(long)]
    to: String,

    /// The kind of the recipient's number, where it is not as it looks
    #[arg(long, alias = "to_type", ignore_case = true, value_parser = wishes::kinds())]
    to_type: Option<TypeOfNumber>,

    /// The service centre's number; the modem's own without it
    #[arg(long)]
    smsc: Option<String>,

    /// The alphabet; the cheapest without it
    #[arg(long, ignore_case = true, value_parser = wishes::alphabets())]
    alphabet: Option<Alphabet>,

    /// Octets to send instead of a text, in hexadecimal
    #[arg(long, alias = "data_hex", conflicts_with = "text")]
    data_hex: Option<String>,

    /// A language whose national tables may be used; can be repeated
    #[arg(long, value_name = "LANGUAGE", ignore_case = true, value_parser = wishes::languages())]
    national: Vec<Language>,

    /// Write letters that the default alphabet lacks with those it has
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    transliterate: bool,

    /// Show the message at once: class 0
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    flash: bool,

    /// The message class, 0 to 3
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=3))]
    class: Option<u8>,

    /// Ask for a status report
    #[arg(long, alias = "report_request", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = "true")]
    report_request: bool,

    /// Ask the service centre to refuse what it already holds
    #[arg(long, alias = "reject_duplicates", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = "true")]
    reject_duplicates: bool,

    /// Ask for a reply by the same service centre
    #[arg(long, alias = "reply_path", num_args = 0..=1, require_equals = true, default_value_t = false,
        default_missing_value = "true")]
    reply_path: bool,

    /// How long to keep trying, 5 minutes to 63 weeks: seconds, 5m, 2h, 3d, 1w, a time, or the octet itself: vp=170 in
    /// decimal, vp=0xAA in hexadecimal (0x may be left out where it holds a letter)
    #[arg(long, value_parser = wishes::validity)]
    validity: Option<Validity>,

    /// The message reference; counts up over the parts unless --concat-ref is given
    #[arg(long = "ref", value_name = "REF", default_value_t = 0, value_parser = wishes::octet)]
    reference: u8,

    /// The reference that parts of one message share; that of the message without it
    #[arg(long, alias = "concat_ref", value_parser = wishes::sixteen)]
    concat_ref: Option<u16>,

    /// Width of that reference: 8 or 16
    #[arg(long, alias = "concat_bits", default_value_t = 8)]
    concat_bits: u8,

    /// Application ports, the receiver's first: 2948:9200
    #[arg(long, value_parser = wishes::ports)]
    ports: Option<Ports>,

    /// The protocol identifier
    #[arg(long, default_value_t = 0, value_parser = wishes::octet)]
    pid: u8,

    /// The data coding scheme itself; decides alphabet and class
    #[arg(long, value_parser = wishes::octet)]
    dcs: Option<u8>,

    /// The most parts that are allowed
    #[arg(long, alias = "max_parts", default_value_t = 255)]
    max_parts: u8,

    #[arg(from_global)]
    pub(super) json: bool,
}

/// Makes the PDUs.
///
/// # Errors
/// A text that makes no message, or options that make no PDU.
pub(super) fn run(args: &EncodeArgs) -> Result<Outcome, Trouble> {
    let message = args.message()?;
    let to = addresses::recipient(&args.to, args.to_type)?;
    let smsc = args.smsc.as_deref().map(addresses::service_centre).transpose()?;
    let submits: Vec<Submit> = (0..message.parts.len())
        .filter_map(|part| message.submit(part, &to, &args.wishes(part)))
        .collect();
    let pdus = submits
        .iter()
        .map(|submit| submit.to_pdu(smsc.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    let (object, lines) = (object(&message, &submits, &pdus), lines(&message, &pdus));
    Ok(Outcome { object, lines })
}

impl EncodeArgs {
    fn message(&self) -> Result<Composed, Trouble> {
        let coding = self.dcs.map(Dcs);
        let alphabet = self.alphabet.or(coding.map(Dcs::alphabet));
        let text =
            text::or_standard_input(self.text.as_deref().unwrap_or_default()).map_err(|error| Trouble::Option {
                name: "text",
                expected: format!("text on standard input, not {error}:"),
            })?;
        let text = text.as_str();
        let options = self.options(alphabet)?;
        let mut message = match (&self.data_hex, alphabet) {
            (Some(hex), _) => compose_data(&from_hex(hex)?, &options)?,
            (None, Some(Alphabet::Data)) => compose_data(&latin(text)?, &options)?,
            (None, _) => compose(text, &options)?,
        };
        match coding {
            Some(dcs) if dcs.alphabet() != message.alphabet() || dcs.is_compressed() => {
                let expected = format!("a scheme for uncompressed {} text", message.alphabet().name());
                return Err(Trouble::Option { name: "dcs", expected });
            }
            Some(dcs) if self.class()?.is_some_and(|class| dcs.class() != Some(class)) => {
                let expected = "a scheme of the class that --class or --flash names, or neither of them".to_owned();
                return Err(Trouble::Option { name: "dcs", expected });
            }
            Some(dcs) => message.dcs = dcs,
            None => {}
        }
        Ok(message)
    }

    fn options(&self, alphabet: Option<Alphabet>) -> Result<Options, Trouble> {
        Ok(Options {
            alphabet: match alphabet {
                None | Some(Alphabet::Data) => Choice::Cheapest,
                Some(Alphabet::Gsm7) => Choice::Gsm7,
                Some(Alphabet::Ucs2) => Choice::Ucs2,
            },
            national: self.national.clone(),
            transliterate: self.transliterate,
            reference: self.reference()?,
            ports: self.ports,
            class: self.class()?,
            max_parts: self.max_parts,
        })
    }

    /// The reference that the parts share.
    fn reference(&self) -> Result<Reference, Trouble> {
        let number = self.concat_ref.unwrap_or(self.reference.into());
        let (name, expected) = match self.concat_bits {
            16 => return Ok(Reference::Sixteen(number)),
            8 => match u8::try_from(number) {
                Ok(number) => return Ok(Reference::Eight(number)),
                Err(_) => ("concat_ref", "a reference from 0 to 255 (more needs --concat-bits 16)"),
            },
            _ => ("concat_bits", "8 or 16"),
        };
        let expected = expected.to_owned();
        Err(Trouble::Option { name, expected })
    }

    /// The class that is asked for by its number or its name.
    fn class(&self) -> Result<Option<Class>, Trouble> {
        match (self.flash, self.class) {
            (true, Some(1..)) => Err(Trouble::Option {
                name: "class",
                expected: "either --flash, which is class 0, or another class".to_owned(),
            }),
            (flash, class) => Ok(class.or(flash.then_some(0)).map(Class::from_number)),
        }
    }

    fn wishes(&self, part: usize) -> Wishes {
        let step = if self.concat_ref.is_none() {
            part.to_le_bytes()[0]
        } else {
            0
        };
        Wishes {
            report_request: self.report_request,
            validity: self.validity,
            reject_duplicates: self.reject_duplicates,
            reply_path: self.reply_path,
            pid: self.pid,
            reference: self.reference.wrapping_add(step),
        }
    }
}

fn object(message: &Composed, submits: &[Submit], pdus: &[Encoded]) -> Value {
    json!({
        "pdus": pdus.iter().map(Encoded::hex).collect::<Vec<_>>(),
        "tpdu_lens": pdus.iter().map(|pdu| pdu.tpdu_len).collect::<Vec<_>>(),
        "parts": message.parts.len(),
        "alphabet": message.alphabet().name(),
        "octets": submits.iter().map(fields::of_submit).collect::<Vec<_>>(),
        "why": why(&message.why),
    })
}

fn why(why: &Why) -> Value {
    let forcing = why.forcing.iter().map(|forcing| {
        json!({
            "character": forcing.character,
            "at": forcing.at,
            "times": forcing.times,
            "replacement": forcing.replacement,
        })
    });
    let national = why.national.map(|(tables, parts)| {
        let name = |language: Option<Language>| language.map(Language::name);
        json!({"locking": name(tables.locking), "single": name(tables.single), "parts": parts})
    });
    json!({
        "sentence": why.to_string(),
        "forcing": forcing.collect::<Vec<_>>(),
        "replaced": why.replaced,
        "parts_if_replaced": why.parts_if_replaced,
        "national": national,
    })
}

fn lines(message: &Composed, pdus: &[Encoded]) -> String {
    let mut table = Table::new(&[">PART", ">AT+CMGS=", "PDU"]);
    for (part, pdu) in pdus.iter().enumerate() {
        table.row([(part + 1).to_string(), pdu.tpdu_len.to_string(), pdu.hex()]);
    }
    let why = match message.alphabet() {
        Alphabet::Data => "data has no letters".to_owned(),
        _ => harmless(&message.why.to_string()),
    };
    format!("{}\n\nalphabet {}: {why}", table.lines(), message.alphabet().name())
}

/// Text as octets of ISO 8859-1, for those who want letters in 8 bit data.
fn latin(text: &str) -> Result<Vec<u8>, Trouble> {
    let octets: Result<_, _> = text
        .chars()
        .map(|character| u8::try_from(u32::from(character)))
        .collect();
    octets.map_err(|_| Trouble::Option {
        name: "text",
        expected: "letters of ISO 8859-1 for 8 bit data".to_owned(),
    })
}
