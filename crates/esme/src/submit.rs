//! A part on its way out: SMS-SUBMIT becomes submit_sm (SMPP 3.4 clause 4.4.1).

use message::{Cause, ErrorClass, Failure};
use smpp::{Body, Carried, Coding, DefaultAlphabet, EsmClass, LongForm, Octets, RegisteredDelivery, Sm, Time, Tlvs};
use tpdu::{Address, Alphabet, Dcs, Direction, Element, Header, Pdu, Submit, Tpdu, TypeOfNumber, UserData};

use crate::Config;

/// The submit_sm of a TPDU without service-centre part; an upstream older than 3.4 knows no optional parameters.
///
/// # Errors
/// It cannot be told to this upstream: never, or not in this alphabet.
pub(crate) fn request(octets: &[u8], config: &Config, knows_tlvs: bool) -> Result<(Body, Tlvs), Failure> {
    let submit = decode(octets)?;
    let (coding, data) = content(&submit, config.charset.into())?;
    let form = match knows_tlvs {
        true => config.long.into(),
        false => LongForm::Header,
    };
    let carried = Carried::part(&data, form);
    let reply_path = if submit.reply_path { EsmClass::REPLY_PATH } else { 0 };
    let (source_addr_ton, source_addr_npi, source_addr) = config.source_address();
    let (dest_addr_ton, dest_addr_npi, destination_addr) = destination(&submit.to);
    let wants_receipt = submit.report_request && config.receipts;
    let sm = Sm {
        service_type: config.service_type.as_str().into(),
        source_addr_ton,
        source_addr_npi,
        source_addr,
        dest_addr_ton,
        dest_addr_npi,
        destination_addr,
        esm_class: carried.esm_class | reply_path,
        protocol_id: submit.pid,
        validity_period: validity(&submit, config),
        registered_delivery: if wants_receipt { RegisteredDelivery::FINAL.0 } else { 0 },
        data_coding: coding.0,
        short_message: carried.short_message,
        ..Sm::default()
    };
    Ok((Body::SubmitSm(sm), carried.tlvs))
}

/// The failure of a part that no PDU of SMPP can hold.
pub(crate) fn unwritable(why: &str) -> Failure {
    Failure {
        class: ErrorClass::OtherRoute,
        cause: Cause::Gateway,
        reason: format!("the part cannot be written as submit_sm: {why}"),
    }
}

fn decode(octets: &[u8]) -> Result<Submit, Failure> {
    let refused = |reason: String| Failure {
        class: ErrorClass::Permanent,
        cause: Cause::Gateway,
        reason,
    };
    match Pdu::decode_bare(octets, Direction::ToNetwork).map(|pdu| pdu.tpdu) {
        Ok(Tpdu::Submit(submit)) => Ok(submit),
        Ok(other) => Err(refused(format!("{} cannot be submitted by SMPP", other.name()))),
        Err(error) => Err(refused(format!("the part cannot be read: {error}"))),
    }
}

/// data_coding, and header and octets. Septets stay as they are where the upstream's default alphabet is that of GSM, or
/// where the coding says so by itself; else the letters are written in its alphabet.
fn content(submit: &Submit, default: DefaultAlphabet) -> Result<(Coding, UserData), Failure> {
    let coding = Coding::from_dcs(submit.dcs);
    let as_it_is = coding != Coding::DEFAULT || default == DefaultAlphabet::Gsm7 || is_data(submit.dcs);
    if as_it_is {
        return Ok((coding, submit.user_data.clone()));
    }
    let content = submit.content();
    let octets = content.text().and_then(|text| coding.encode(text, default));
    let Some(body) = octets else {
        return Err(Failure {
            class: ErrorClass::OtherEncoding,
            cause: Cause::Gateway,
            reason: format!("the upstream's alphabet ({}) lacks a letter of it", default.name()),
        });
    };
    let data = UserData {
        header: without_tables(&submit.user_data.header),
        body,
        missing: 0,
    };
    Ok((coding, data))
}

fn is_data(dcs: Dcs) -> bool {
    dcs.alphabet() == Alphabet::Data || dcs.is_compressed()
}

/// A header whose text is in no alphabet of GSM any more says nothing of its tables (TS 23.040 9.2.3.24.15 and .16).
fn without_tables(header: &Header) -> Header {
    let stays = |element: &&Element| !TABLES.contains(&element.id());
    Header::new(header.elements.iter().filter(stays).cloned().collect())
}

/// Type, plan and digits of a recipient; the types have the same numbers in both worlds (clause 5.2.5).
fn destination(to: &Address) -> (u8, u8, Octets) {
    let plan = match to.kind {
        TypeOfNumber::Alphanumeric => 0,
        _ => to.plan.bits(),
    };
    (to.kind.bits(), plan, to.value.as_str().into())
}

fn validity(submit: &Submit, config: &Config) -> Octets {
    let seconds = submit.validity.as_ref().and_then(tpdu::Validity::seconds);
    let told = seconds.filter(|_| config.validity);
    told.map(|seconds| Time::after(seconds).encode()).unwrap_or_default()
}

/// The elements that name a national locking or single shift table.
pub(crate) const TABLES: [u8; 2] = [0x24, 0x25];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Charset, Long};
    use smpp::{Payload, Tag};
    use tpdu::{Choice, Options, Wishes, compose};

    fn parts(text: &str, options: &Options, wishes: &Wishes) -> Vec<Vec<u8>> {
        let composed = compose(text, options).unwrap();
        let to = "+491711234567".parse().unwrap();
        (0..composed.parts.len())
            .map(|part| composed.submit(part, &to, wishes).unwrap().encode().unwrap())
            .collect()
    }

    fn submitted(octets: &[u8], config: &Config) -> (Sm, Tlvs) {
        match request(octets, config, true).unwrap() {
            (Body::SubmitSm(sm), tlvs) => (sm, tlvs),
            other => panic!("{other:?}"),
        }
    }

    fn phone() -> Config {
        Config {
            number: Some("+989102211824".into()),
            ..Config::default()
        }
    }

    #[test]
    fn a_text_goes_out_in_unpacked_septets_between_two_numbers() {
        let wishes = Wishes {
            report_request: true,
            ..Wishes::default()
        };
        let (sm, tlvs) = submitted(&parts("$$a@ä$$", &Options::default(), &wishes)[0], &phone());
        assert_eq!(&*sm.short_message, [2, 2, b'a', 0, 0x7B, 2, 2]);
        assert_eq!((sm.data_coding, sm.esm_class, sm.registered_delivery), (0, 0, 1));
        assert_eq!(
            (sm.source_addr_ton, sm.source_addr_npi, &*sm.source_addr),
            (1, 1, &b"989102211824"[..])
        );
        assert_eq!(
            (sm.dest_addr_ton, sm.dest_addr_npi, &*sm.destination_addr),
            (1, 1, &b"491711234567"[..])
        );
        assert!(tlvs.is_empty());
    }

    #[test]
    fn an_upstream_without_receipts_is_asked_for_none() {
        let wishes = Wishes {
            report_request: true,
            ..Wishes::default()
        };
        let config = Config {
            receipts: false,
            ..Config::default()
        };
        let (sm, _) = submitted(&parts("a", &Options::default(), &wishes)[0], &config);
        assert_eq!(sm.registered_delivery, 0);
    }

    #[test]
    fn parts_carry_a_header_or_parameters() {
        let long = "0123456789".repeat(20);
        let octets = parts(&long, &Options::default(), &Wishes::default());
        let (sm, _) = submitted(&octets[1], &Config::default());
        assert_eq!(sm.esm_class, EsmClass::UDHI);
        assert_eq!(sm.short_message[..3], [5, 0, 3]);
        let sar = Config {
            long: Long::Sar,
            ..Config::default()
        };
        let (sm, tlvs) = submitted(&octets[1], &sar);
        assert_eq!((sm.esm_class, sm.short_message.len()), (0, 200 - 153));
        assert_eq!(tlvs.number(Tag::SAR_SEGMENT_SEQNUM), Some(2));
        let body = Body::SubmitSm(sm);
        assert_eq!(Payload::of(&body, &tlvs).unwrap().concat.unwrap().total, 2);
        let (old, tlvs) = request(&octets[1], &sar, false).unwrap();
        assert!(tlvs.is_empty(), "one older than 3.4 knows none");
        assert_eq!(Payload::of(&old, &tlvs).unwrap().concat.unwrap().total, 2);
    }

    #[test]
    fn another_default_alphabet_gets_its_own_letters_or_asks_for_ucs_2() {
        let latin = Config {
            charset: Charset::Latin1,
            ..Config::default()
        };
        let octets = |text| parts(text, &Options::default(), &Wishes::default()).remove(0);
        let (sm, _) = submitted(&octets("a@ä"), &latin);
        assert_eq!((sm.data_coding, &*sm.short_message), (0, &b"a@\xE4"[..]));
        let refused = request(&octets("10 €"), &latin, true).unwrap_err();
        assert_eq!(refused.class, ErrorClass::OtherEncoding);
        let ucs2 = Options {
            alphabet: Choice::Ucs2,
            ..Options::default()
        };
        let (sm, _) = submitted(&parts("10 €", &ucs2, &Wishes::default())[0], &latin);
        assert_eq!((sm.data_coding, sm.short_message.len()), (8, 8));
    }

    #[test]
    fn flash_and_validity_are_told() {
        let wishes = Wishes {
            validity: Some(tpdu::Validity::lasting(3600)),
            ..Wishes::default()
        };
        let flash = Options {
            class: Some(tpdu::Class::Immediate),
            ..Options::default()
        };
        let octets = &parts("now", &flash, &wishes)[0];
        let (sm, _) = submitted(octets, &Config::default());
        assert_eq!(Coding(sm.data_coding).class(), Some(tpdu::Class::Immediate));
        assert_eq!(sm.validity_period, *"000000010000000R");
        let silent = Config {
            validity: false,
            ..Config::default()
        };
        assert!(submitted(octets, &silent).0.validity_period.is_empty());
    }

    #[test]
    fn no_octets_make_it_panic() {
        let whole = parts("abc", &Options::default(), &Wishes::default()).remove(0);
        for end in 0..whole.len() {
            let _ = request(&whole[..end], &Config::default(), true);
        }
        assert_eq!(
            request(&[], &Config::default(), true).unwrap_err().class,
            ErrorClass::Permanent
        );
    }
}
