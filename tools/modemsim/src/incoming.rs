//! Texts from outside the network as DELIVERs, and what a SUBMIT says. Here, and only here, the codec of the gateway is used: for
//! what a phone would show to its owner.

use tpdu::{
    Address, Deliver, Direction, NumberingPlan, Options, Pdu, Reference, Scts, Tpdu, TypeOfNumber, UserData, compose,
};

use crate::Error;

/// The parts of a text, each a DELIVER without SMSC part, in the cheapest alphabet.
pub(crate) fn delivers(from: &str, text: &str, scts: [u8; 7], reference: u8) -> Result<Vec<Vec<u8>>, Error> {
    let options = Options {
        reference: Reference::Eight(reference),
        ..Options::default()
    };
    let composed = compose(text, &options).map_err(|error| Error::Text(error.to_string()))?;
    let dcs = composed.dcs;
    let deliver = |user_data: UserData| Deliver {
        more_to_send: false,
        loop_prevention: false,
        report_indication: false,
        reply_path: false,
        from: sender(from),
        pid: 0,
        dcs,
        time: Scts::from_octets(scts),
        user_data,
    };
    let encoded = composed.parts.into_iter().map(|part| deliver(part).encode());
    encoded
        .map(|octets| octets.map_err(|error| Error::Text(error.to_string())))
        .collect()
}

/// The text of a SUBMIT, where its user data is text.
pub(crate) fn text_of(submit: &[u8]) -> Option<String> {
    match Pdu::decode_bare(submit, Direction::ToNetwork).ok()?.tpdu {
        Tpdu::Submit(submit) => submit.content().text().map(Into::into),
        _ => None,
    }
}

/// The text of a DELIVER, where its user data is text.
pub(crate) fn text_of_arrival(deliver: &[u8]) -> Option<String> {
    match Pdu::decode_bare(deliver, Direction::ToPhone).ok()?.tpdu {
        Tpdu::Deliver(deliver) => deliver.content().text().map(Into::into),
        _ => None,
    }
}

fn sender(from: &str) -> Address {
    if let Some(digits) = from.strip_prefix('+') {
        return Address::international(digits);
    }
    let is_number = from.bytes().all(|byte| byte.is_ascii_digit() || b"*#".contains(&byte));
    let kind = if is_number {
        TypeOfNumber::Unknown
    } else {
        TypeOfNumber::Alphanumeric
    };
    let plan = if is_number {
        NumberingPlan::ISDN
    } else {
        NumberingPlan::from_bits(0)
    };
    Address::new(kind, plan, from)
}
