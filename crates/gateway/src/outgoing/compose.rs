//! Texts to SUBMIT TPDUs, and what is changed in them just before they leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use message::{Alphabet, Class, Number, Preview};
use tpdu::{
    Address, Choice, ComposeError, Composed, NumberingPlan, Options, Ports, Reference, TypeOfNumber, Validity, Wishes,
};

use crate::in_force::InForce;

/// Makes TPDUs from texts.
#[derive(Debug)]
pub(crate) struct Composer {
    in_force: Arc<InForce>,
    /// The next concatenation reference. It starts anywhere, so that a restart does not reuse the last ones.
    next_reference: AtomicU16,
}

/// How a message is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    /// The message class.
    pub(crate) class: Option<Class>,
    /// Whether a status report is asked for.
    pub(crate) report: bool,
    /// Replace what the GSM alphabet lacks.
    pub(crate) transliterate: bool,
    /// The alphabet it must have.
    pub(crate) alphabet: Option<Alphabet>,
    /// How long it is worth delivering.
    pub(crate) validity: Duration,
    /// What a front end may ask for besides.
    pub(crate) manner: Manner,
}

/// What a few front ends may ask for a text, and what is no parameter of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// TP-RP: a reply by the same service centre (TS 23.040 9.2.3.17).
    pub reply_path: bool,
    /// The application ports that each part is to have.
    pub ports: Option<Ports>,
}

/// A message ready to be kept.
#[derive(Debug)]
pub(crate) struct Written {
    /// One SUBMIT a part, TP-MR zero.
    pub(crate) tpdus: Vec<Vec<u8>>,
    /// Their alphabet.
    pub(crate) alphabet: Alphabet,
    /// What the recipient will read, where transliteration changed it.
    pub(crate) changed: Option<String>,
}

impl Composer {
    pub(crate) fn new(in_force: Arc<InForce>, first_reference: u16) -> Self {
        Self {
            in_force,
            next_reference: AtomicU16::new(first_reference),
        }
    }

    /// Writes `text` to `to`.
    pub(crate) fn compose(&self, to: &Number, text: &str, form: &Form) -> Result<Written, ComposeError> {
        let composed = tpdu::compose(text, &self.options(Some(to), form))?;
        let wishes = Wishes {
            report_request: form.report,
            validity: Some(Validity::lasting(form.validity.as_secs())),
            reply_path: form.manner.reply_path,
            ..Wishes::default()
        };
        let encoded: Result<Vec<_>, _> = composed
            .submits(&address(to), &wishes)
            .iter()
            .map(tpdu::Submit::encode)
            .collect();
        let tpdus = encoded.map_err(|_| ComposeError::TooManyParts {
            parts: composed.parts.len(),
            allowed: 255,
        })?;
        let changed = form
            .transliterate
            .then(|| texts(&composed).concat())
            .filter(|sent| sent != text);
        Ok(Written {
            tpdus,
            alphabet: alphabet(&composed),
            changed,
        })
    }

    /// What `text` would become.
    pub(crate) fn preview(&self, text: &str, form: &Form) -> Result<Preview, ComposeError> {
        let composed = tpdu::compose(text, &self.options(None, form))?;
        Ok(Preview {
            parts: u8::try_from(composed.parts.len()).unwrap_or(u8::MAX),
            alphabet: alphabet(&composed),
            why: composed.why.to_string(),
            texts: texts(&composed),
        })
    }

    fn options(&self, to: Option<&Number>, form: &Form) -> Options {
        let reference = self.next_reference.fetch_add(1, Ordering::Relaxed);
        let config = &self.in_force.now().config;
        Options {
            alphabet: match form.alphabet {
                Some(Alphabet::Ucs2) => Choice::Ucs2,
                _ => Choice::Cheapest,
            },
            national: to.map_or_else(Vec::new, |to| config.languages(to)),
            transliterate: form.transliterate,
            reference: match config.concat_bits {
                16 => Reference::Sixteen(reference),
                _ => Reference::Eight(reference.to_be_bytes()[1]),
            },
            class: form.class.map(|class| tpdu::Class::from_number(class.0)),
            ports: form.manner.ports,
            ..Options::default()
        }
    }
}

/// Sets the validity of an encoded SUBMIT to what is left until `expires_at`; whether that changed anything.
///
/// The service centre gets the rest of the time, never the whole of it again.
pub(crate) fn shorten_validity(tpdu: &mut [u8], expires_at: Timestamp, now: Timestamp) -> bool {
    let left = expires_at.duration_since(now).as_secs().max(0).unsigned_abs();
    let Validity::Relative(octet) = Validity::lasting(left.saturating_add(VALIDITY_GRACE_S)) else {
        return false;
    };
    let Some(place) = validity_octet(tpdu) else {
        return false;
    };
    if *place == octet {
        return false;
    }
    *place = octet;
    true
}

/// TP-VP has steps of up to a week: without a grace, a message that leaves at once would lose one of them.
const VALIDITY_GRACE_S: u64 = 60;

/// Where a SUBMIT with a relative validity holds it (TS 23.040 9.2.2.2): after TP-DA, TP-PID and TP-DCS.
fn validity_octet(tpdu: &mut [u8]) -> Option<&mut u8> {
    let relative = tpdu.first()? >> 3 & 0b11 == 0b10;
    let digits = usize::from(*tpdu.get(2)?);
    relative.then_some(())?;
    tpdu.get_mut(4 + digits.div_ceil(2) + 2)
}

/// TP-DA of a number.
pub(crate) fn address(to: &Number) -> Address {
    match to {
        Number::International(digits) => Address::international(digits),
        Number::Short(digits) => Address::new(TypeOfNumber::Unknown, NumberingPlan::ISDN, digits),
        Number::Name(name) => Address::new(TypeOfNumber::Alphanumeric, NumberingPlan::UNKNOWN, name),
    }
}

fn alphabet(composed: &Composed) -> Alphabet {
    match composed.alphabet() {
        tpdu::Alphabet::Gsm7 => Alphabet::Gsm7,
        tpdu::Alphabet::Ucs2 => Alphabet::Ucs2,
        _ => Alphabet::Octets,
    }
}

fn texts(composed: &Composed) -> Vec<String> {
    let text = |part: &tpdu::UserData| match part.content(composed.dcs) {
        tpdu::Content::Text(text) => text,
        tpdu::Content::Data(_) => String::new(),
    };
    composed.parts.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use store::Retention;

    use super::*;
    use crate::in_force::Terms;
    use crate::{Config, RouteSettings};

    fn in_force() -> Arc<InForce> {
        let terms = Terms::new(Config::default(), RouteSettings::default(), Retention::default());
        Arc::new(InForce::new(terms))
    }

    fn written(text: &str, form: &Form) -> Written {
        let to = Number::International("491711234567".into());
        Composer::new(in_force(), 7)
            .compose(&to, text, form)
            .expect("it can be written")
    }

    #[test]
    fn the_service_centre_gets_only_the_time_that_is_left() {
        let form = Form {
            validity: Duration::from_secs(86_400),
            ..Form::default()
        };
        let mut tpdu = written("Hello", &form).tpdus.remove(0);
        let now = Timestamp::UNIX_EPOCH;
        assert!(!shorten_validity(&mut tpdu, now + Duration::from_secs(86_400), now));
        assert!(shorten_validity(&mut tpdu, now + Duration::from_secs(3_600), now));
        let submit = submit(&tpdu);
        assert_eq!(submit.validity.and_then(|validity| validity.seconds()), Some(3_600));
    }

    #[test]
    fn a_message_that_leaves_at_once_keeps_the_validity_it_was_given() {
        for seconds in [3_600, 7 * 86_400, 10 * 604_800] {
            let validity = Duration::from_secs(seconds);
            let form = Form {
                validity,
                ..Form::default()
            };
            let mut tpdu = written("Hello", &form).tpdus.remove(0);
            let (accepted, now) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + Duration::from_secs(5));
            assert!(!shorten_validity(&mut tpdu, accepted + validity, now), "{seconds} s");
        }
    }

    #[test]
    fn parts_share_a_reference_that_the_next_message_does_not_have() {
        let long = "x".repeat(200);
        let composer = Composer::new(in_force(), 7);
        let to = Number::International("491711234567".into());
        let references: Vec<Vec<u16>> = (0..2)
            .map(|_| {
                let message = composer.compose(&to, &long, &Form::default()).expect("written");
                message.tpdus.iter().map(|tpdu| reference(tpdu)).collect()
            })
            .collect();
        assert_eq!(references, [[7, 7], [8, 8]]);
    }

    fn reference(tpdu: &[u8]) -> u16 {
        submit(tpdu)
            .user_data
            .header
            .concat()
            .map_or(0, |concat| concat.reference.number())
    }

    fn submit(tpdu: &[u8]) -> tpdu::Submit {
        match tpdu::Pdu::decode_bare(tpdu, tpdu::Direction::ToNetwork).map(|pdu| pdu.tpdu) {
            Ok(tpdu::Tpdu::Submit(submit)) => submit,
            other => panic!("a SUBMIT, not {other:?}"),
        }
    }

    #[test]
    fn each_part_has_the_ports_and_the_reply_path_that_were_asked_for() {
        let ports = Ports {
            destination: 5000,
            source: 1,
            bits: 16,
        };
        let form = Form {
            manner: Manner {
                reply_path: true,
                ports: Some(ports),
            },
            ..Form::default()
        };
        for (text, parts) in [("short".to_owned(), 1), ("x".repeat(160), 2)] {
            let tpdus = written(&text, &form).tpdus;
            assert_eq!(tpdus.len(), parts);
            for submit in tpdus.iter().map(|tpdu| submit(tpdu)) {
                assert!(submit.reply_path && submit.user_data.header.ports() == Some(ports));
            }
        }
    }

    #[test]
    fn transliteration_tells_what_was_changed() {
        let form = Form {
            transliterate: true,
            ..Form::default()
        };
        let message = written("Zażółć", &form);
        assert_eq!(message.alphabet, Alphabet::Gsm7);
        assert_eq!(message.changed.as_deref(), Some("Zazolc"));
        assert_eq!(written("Grüße", &form).changed, None);
    }
}
