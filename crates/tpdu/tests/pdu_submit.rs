//! `pdu_submit.jsonl`: messages to send, written and read.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

mod vectors;

use serde_json::{Value, json};
use tpdu::{
    Address, Alphabet, Choice, Class, Composed, Content, Dcs, NumberingPlan, Options, Pdu, Ports, Reference, Scts,
    Submit, Tpdu, TypeOfNumber, Validity, Wishes, compose, compose_data, decode_outgoing, from_hex, join, to_hex,
};

use crate::vectors::{Check, Exception, Row, run};

#[test]
fn every_submission_reads_as_its_source_says() {
    run("pdu_submit.jsonl", DECODE_EXCEPTIONS, |row, check| {
        let pdus = row.value["pdus"].as_array().unwrap();
        let decoded: Result<Vec<Pdu>, _> = pdus
            .iter()
            .map(|pdu| decode_outgoing(&from_hex(pdu.as_str().unwrap())?))
            .collect();
        match decoded {
            Ok(_) if row.is("malformed") => check.wrong("read, though malformed"),
            Ok(pdus) => check_fields(row, &pdus, check),
            Err(_) if row.is("malformed") => {}
            Err(error) => check.wrong(error.to_string()),
        }
    });
}

#[test]
fn every_submission_is_written_as_its_source_does() {
    run("pdu_submit.jsonl", ENCODE_EXCEPTIONS, |row, check| {
        let written = !matches!(row.text("direction"), Some("decode" | "roundtrip"));
        if written && !row.is("malformed") {
            check_written(row, check);
        }
    });
}

const DECODE_EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "07919761989901F031000B919761084218F200F9FF12",
        field: "text",
        reason: "TP-DCS F9 is GSM 7 bit (23.038 4, bit 3 reserved), the source reads UCS-2",
    },
    Exception {
        piece: "testMessages.txt",
        field: "smsc",
        reason: SMSC_TYPE,
    },
];
const ENCODE_EXCEPTIONS: &[Exception] = &[
    Exception {
        piece: "testMessages.txt",
        field: "pdu",
        reason: SMSC_TYPE,
    },
    Exception {
        piece: "05915155020009000891515522220000010000000000001F",
        field: "pdu",
        reason: "spare bits of a message are zero (23.038 6.1.2.1.1), the source fills as USSD does",
    },
];
const SMSC_TYPE: &str = "the source gives the SMSC 12345 without a plus and writes it as international";

fn check_fields(row: &Row, pdus: &[Pdu], check: &mut Check) {
    let submits: Vec<&Submit> = pdus
        .iter()
        .filter_map(|pdu| match &pdu.tpdu {
            Tpdu::Submit(submit) => Some(submit),
            _ => None,
        })
        .collect();
    let first = submits[0];
    check.same_if_told("to", &row.value["to"], first.to.to_string());
    check.same_if_told(
        "smsc",
        &row.value["options"]["smsc"],
        pdus[0].smsc.as_ref().map(ToString::to_string),
    );
    match join(submits.iter().map(|submit| (submit.dcs, &submit.user_data))) {
        Content::Text(text) if row.is("truncated") => {
            if !row.text("text").unwrap().starts_with(&text) {
                check.wrong(format!("text: {text}"));
            }
        }
        // A row may hold one part of a longer text.
        Content::Text(text) => check.same_if_told("text", &row.value["text"], text),
        Content::Data(octets) if row.has("data_hex") => {
            check.same("data_hex", &row.value["data_hex"], to_hex(&octets));
        }
        Content::Data(_) => {}
    }
    check.same(
        "tpdu_lens",
        &row.value["tpdu_lens"],
        pdus.iter().map(|pdu| pdu.tpdu_len + pdu.trailing).collect::<Vec<_>>(),
    );
    for ((pdu, submit), octets) in pdus.iter().zip(&submits).zip(row.value["octets"].as_array().unwrap()) {
        check_octets(pdu, submit, octets, check);
    }
}

fn check_octets(pdu: &Pdu, submit: &Submit, octets: &Value, check: &mut Check) {
    let header = &submit.user_data.header;
    let bytes = submit.encode().unwrap();
    let is_bare_header_bit = octets["first_octet"] == "D5";
    if !is_bare_header_bit {
        check.same("first_octet", &octets["first_octet"], to_hex(&bytes[..1]));
    }
    check.same("mr", &octets["mr"], submit.reference);
    check.same("pid", &octets["pid"], submit.pid);
    check.same("dcs", &octets["dcs"], submit.dcs.0);
    check.same(
        "vp",
        &octets["vp"],
        submit.validity.map(|validity| to_hex(&validity_octets(validity))),
    );
    check.same(
        "udh",
        &octets["udh"],
        (!header.is_empty()).then(|| to_hex(&header.encode().unwrap())),
    );
    check.same(
        "da_toa",
        &octets["da_toa"],
        format!("{:02X}", submit.to.type_of_address()),
    );
    check.same("srr", &octets["srr"], submit.report_request);
    check.same("rd", &octets["rd"], submit.reject_duplicates);
    check.same("alphabet", &octets["alphabet"], submit.dcs.alphabet().name());
    check.same("class", &octets["class"], submit.dcs.class().map(Class::number));
    if let Some(concat) = octets.get("concat") {
        let ours = header.concat().map(|ours| {
            json!({"ref": ours.reference.number(), "total": ours.total, "seq": ours.sequence,
                "bits": ours.reference.bits()})
        });
        check.same("concat", concat, ours.unwrap_or_default());
    }
    if let Some(ports) = octets.get("ports") {
        let ours = header
            .ports()
            .map(|ours| json!({"dst": ours.destination, "src": ours.source, "bits": ours.bits}));
        check.same("ports", ports, ours.unwrap_or_default());
    }
    let again = decode_outgoing(&pdu.encode().unwrap().bytes).unwrap();
    if again.tpdu != pdu.tpdu {
        check.wrong(format!("written and read again: {again:?}"));
    }
}

fn validity_octets(validity: Validity) -> Vec<u8> {
    match validity {
        Validity::Relative(octet) => vec![octet],
        Validity::Absolute(moment) => moment.octets().to_vec(),
        Validity::Enhanced(octets) => octets.to_vec(),
    }
}

fn check_written(row: &Row, check: &mut Check) {
    let options = &row.value["options"];
    let message = match message(row) {
        Ok(message) => message,
        Err(error) => return check.wrong(error),
    };
    let smsc = options["smsc"].as_str().map(|smsc| smsc.parse::<Address>().unwrap());
    let counts_up = options["concat_ref"].is_null();
    let pdus: Vec<_> = (0..message.parts.len())
        .map(|part| {
            let mut wishes = wishes(row);
            let step = if counts_up { u8::try_from(part).unwrap() } else { 0 };
            wishes.reference = wishes.reference.wrapping_add(step);
            let submit = message.submit(part, &destination(row), &wishes).unwrap();
            submit.to_pdu(smsc.as_ref()).unwrap()
        })
        .collect();
    check.same(
        "pdu",
        &row.value["pdus"],
        pdus.iter().map(tpdu::Encoded::hex).collect::<Vec<_>>(),
    );
    check.same(
        "tpdu_lens",
        &row.value["tpdu_lens"],
        pdus.iter().map(|pdu| pdu.tpdu_len).collect::<Vec<_>>(),
    );
}

fn message(row: &Row) -> Result<Composed, String> {
    let options = &row.value["options"];
    let octets = &row.value["octets"][0];
    let number = |value: &Value| value.as_u64().map(|number| u16::try_from(number).unwrap());
    let reference = number(&options["concat_ref"])
        .or(number(&options["ref"]))
        .unwrap_or_default();
    let reference = match options["concat_bits"].as_u64() {
        Some(16) => Reference::Sixteen(reference),
        _ => Reference::Eight(u8::try_from(reference).unwrap()),
    };
    let alphabet = options["alphabet"]
        .as_str()
        .map(|name| Alphabet::from_name(name).unwrap());
    let choice = match alphabet {
        Some(Alphabet::Ucs2) => Choice::Ucs2,
        Some(Alphabet::Gsm7) => Choice::Gsm7,
        _ => Choice::Cheapest,
    };
    let port = |name: &str| number(&octets["ports"][name]);
    let ports = port("dst").zip(port("src")).map(|(destination, source)| Ports {
        destination,
        source,
        bits: 16,
    });
    let class = options["class"]
        .as_u64()
        .map(|class| Class::from_number(u8::try_from(class).unwrap()));
    let options = Options {
        alphabet: choice,
        reference,
        ports,
        class,
        ..Options::default()
    };
    let mut message = match (alphabet, row.text("data_hex")) {
        (Some(Alphabet::Data), Some(hex)) => compose_data(&from_hex(hex).unwrap(), &options),
        (Some(Alphabet::Data), None) => compose_data(row.text("text").unwrap().as_bytes(), &options),
        _ => compose(&text(row), &options),
    }
    .map_err(|error| error.to_string())?;
    let coding = Dcs(u8::try_from(octets["dcs"].as_u64().unwrap()).unwrap());
    if coding.alphabet() == message.alphabet() {
        message.dcs = coding;
    }
    Ok(message)
}

/// What the source's encoder keeps of the text.
fn text(row: &Row) -> String {
    let text = row.text("text").unwrap();
    if row.is("truncated") {
        text.chars().take(160).collect()
    } else {
        text.to_owned()
    }
}

fn destination(row: &Row) -> Address {
    let address: Address = row.text("to").unwrap().parse().unwrap();
    match row.value["options"]["to_type"].as_str() {
        Some(kind) => Address::new(
            TypeOfNumber::from_name(kind).unwrap(),
            NumberingPlan::ISDN,
            address.value,
        ),
        None => address,
    }
}

fn wishes(row: &Row) -> Wishes {
    let options = &row.value["options"];
    let octets = &row.value["octets"][0];
    let octet = |value: &Value| value.as_u64().map(|number| u8::try_from(number).unwrap());
    Wishes {
        report_request: options["report_request"]
            .as_bool()
            .or(octets["srr"].as_bool())
            .unwrap_or_default(),
        validity: validity(&options["validity"], &octets["vp"]),
        reject_duplicates: options["reject_duplicates"].as_bool() == Some(true),
        reply_path: false,
        pid: octet(&octets["pid"]).unwrap(),
        reference: octet(&options["ref"]).or(octet(&octets["mr"])).unwrap(),
    }
}

/// As the options say, or else the octets of an encoder that has its own.
fn validity(wish: &Value, octets: &Value) -> Option<Validity> {
    if let Some(octet) = wish["vp"].as_u64() {
        return Some(Validity::Relative(u8::try_from(octet).unwrap()));
    }
    if let Some(moment) = wish["absolute"].as_str() {
        return Some(Validity::Absolute(moment.parse::<Scts>().unwrap()));
    }
    let minutes = wish["relative_minutes"].as_u64().map(|minutes| minutes * 60);
    if let Some(seconds) = wish["relative_seconds"].as_u64().or(minutes) {
        return Some(Validity::lasting(seconds));
    }
    let octets = from_hex(octets.as_str()?).unwrap();
    Some(match octets.as_slice() {
        &[octet] => Validity::Relative(octet),
        seven => Validity::Enhanced(seven.try_into().unwrap()),
    })
}
