//! A PDU as named fields.

use serde_json::{Map, Value, json};
use tpdu::{
    Class, Command, Content, Dcs, Deliver, Element, Header, Parameters, Pdu, Scts, StatusReport, Submit, Tpdu,
    UserData, Validity, Waiting, to_hex,
    wap::{Expiry, MmsNotification, Push},
};

use crate::screen::{Table, harmless_lines};

/// All fields of a PDU, `type` first.
pub(super) fn of(pdu: &Pdu) -> Value {
    let mut fields = Map::new();
    fields.insert("type".into(), pdu.tpdu.name().into());
    fields.insert("smsc".into(), pdu.smsc.as_ref().map(ToString::to_string).into());
    fields.insert("tpdu_len".into(), (pdu.tpdu_len + pdu.trailing).into());
    let own = match &pdu.tpdu {
        Tpdu::Deliver(deliver) => of_deliver(deliver),
        Tpdu::Submit(submit) => of_submit(submit),
        Tpdu::StatusReport(report) => of_report(report),
        Tpdu::Command(command) => of_command(command),
        Tpdu::SubmitReport(report) => {
            let fields = json!({"fcs": report.cause, "scts": time(report.time)});
            with(fields, of_parameters(&report.parameters))
        }
        Tpdu::DeliverReport(report) => with(json!({"fcs": report.cause}), of_parameters(&report.parameters)),
    };
    let trailing = (pdu.trailing > 0).then(|| json!({ "trailing": pdu.trailing }));
    with(with(Value::Object(fields), own), trailing.unwrap_or_default())
}

/// The fields of a submission: those of its octets, and what it says.
pub(super) fn of_submit(submit: &Submit) -> Value {
    let octets = submit.encode().unwrap_or_default();
    let validity = submit.validity.map(|validity| to_hex(&validity_octets(validity)));
    let fields = json!({
        "first_octet": octets.first().map(|first| format!("{first:02X}")),
        "mr": submit.reference,
        "to": submit.to.to_string(),
        "to_type": submit.to.kind.name(),
        "da_toa": format!("{:02X}", submit.to.type_of_address()),
        "pid": submit.pid,
        "dcs": submit.dcs.0,
        "class": class(submit.dcs),
        "vp": validity,
        "validity": submit.validity.map(|validity| validity.to_string()),
        "srr": submit.report_request,
        "rd": submit.reject_duplicates,
        "rp": submit.reply_path,
    });
    let mut content = of_user_data(&submit.user_data, submit.dcs);
    // A submission always has a text in the vectors, if an empty one.
    if content["text"].is_null() {
        content["text"] = plain_text(&submit.content()).unwrap_or_default().into();
    }
    with(fields, content)
}

/// The lines for people: a field each, what says nothing left out, the text last.
pub(super) fn lines(object: &Value) -> String {
    let mut table = Table::new(&["FIELD", "VALUE"]);
    let names = object.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    let others = names.filter(|name| !FIRST.contains(name) && *name != "text");
    for name in FIRST.into_iter().chain(others) {
        match &object[name] {
            Value::Null => {}
            // As `pdu encode` takes it, where the two digits could be a decimal number.
            Value::String(octet) if name == "vp" && octet.len() == 2 => {
                table.row([name.to_owned(), format!("0x{octet}")])
            }
            Value::String(text) => table.row([name.to_owned(), text.clone()]),
            other => table.row([name.to_owned(), other.to_string()]),
        }
    }
    match object["text"].as_str() {
        Some(text) if !text.is_empty() => format!("{}\n\n{}", table.lines(), harmless_lines(text)),
        _ => table.lines(),
    }
}

fn of_deliver(deliver: &Deliver) -> Value {
    let fields = json!({
        "from": deliver.from.to_string(),
        "from_type": deliver.from.kind.name(),
        "time": time(deliver.time),
        "pid": deliver.pid,
        "dcs": deliver.dcs.0,
        "class": class(deliver.dcs),
    });
    let mut fields = with(fields, of_user_data(&deliver.user_data, deliver.dcs));
    if let Some(waiting) = deliver.waiting() {
        fields["mwi"] = of_waiting(waiting);
    }
    let push = Push::recognise(deliver.user_data.header.ports(), &deliver.content());
    if let Some(notification) = push.and_then(|push| push.notification) {
        fields["mms"] = of_notification(&notification);
    }
    fields
}

fn of_report(report: &StatusReport) -> Value {
    let fields = json!({
        "mr": report.reference,
        "to": report.to.to_string(),
        "to_type": report.to.kind.name(),
        "scts": time(report.time),
        "discharge": time(report.discharge),
        "status": report.status.0,
        "status_name": report.status.meaning(),
        "status_class": report.status.class().meaning(),
    });
    with(fields, of_parameters(&report.parameters))
}

fn of_command(command: &Command) -> Value {
    json!({
        "mr": command.reference,
        "srr": command.report_request,
        "pid": command.pid,
        "ct": command.command,
        "mn": command.message,
        "to": command.to.to_string(),
        "to_type": command.to.kind.name(),
        "data_hex": to_hex(&command.data),
    })
}

/// The optional tail of a report. Its data is mostly letters, so those are shown as text too.
fn of_parameters(parameters: &Parameters) -> Value {
    let dcs = parameters.dcs.unwrap_or(Dcs::GSM7);
    let mut fields = json!({"pi": parameters.indicator(), "pid": parameters.pid});
    if let Some(coded) = parameters.dcs {
        fields["dcs"] = coded.0.into();
    }
    let Some(user_data) = &parameters.user_data else {
        return fields;
    };
    let mut content = of_user_data(user_data, dcs);
    if content["text"].is_null() {
        content["text"] = plain_text(&user_data.content(dcs)).into();
    }
    with(fields, content)
}

fn of_user_data(user_data: &UserData, dcs: Dcs) -> Value {
    let header = &user_data.header;
    let (text, data) = match user_data.content(dcs) {
        Content::Text(text) => (Some(text).filter(|text| !text.is_empty()), None),
        Content::Data(octets) => (None, Some(to_hex(&octets))),
    };
    let mut fields = json!({
        "udh": (!header.is_empty()).then(|| header.encode().map(|octets| to_hex(&octets)).unwrap_or_default()),
        "concat": concat(header),
        "ports": ports(header),
        "alphabet": dcs.alphabet().name(),
        "text": text,
        "data_hex": data,
    });
    if !header.is_empty() {
        let element = |element: &Element| json!([element.id(), to_hex(&element.data())]);
        fields["ies"] = header.elements.iter().map(element).collect();
    }
    if let Some(national) = national(header) {
        fields["national"] = national;
    }
    if dcs.is_compressed() {
        fields["compressed"] = true.into();
    }
    if user_data.missing > 0 {
        fields["missing"] = user_data.missing.into();
    }
    fields
}

fn concat(header: &Header) -> Value {
    let Some(concat) = header.concat() else {
        return Value::Null;
    };
    let (reference, bits) = (concat.reference.number(), concat.reference.bits());
    json!({"ref": reference, "total": concat.total, "seq": concat.sequence, "bits": bits})
}

fn ports(header: &Header) -> Value {
    let Some(ports) = header.ports() else {
        return Value::Null;
    };
    json!({"dst": ports.destination, "src": ports.source, "bits": ports.bits})
}

/// The identifiers of the national tables that the header names.
fn national(header: &Header) -> Option<Value> {
    let mut found = json!({"locking": null, "single": null});
    for element in &header.elements {
        match element {
            Element::LockingShift(id) => found["locking"] = (*id).into(),
            Element::SingleShift(id) => found["single"] = (*id).into(),
            _ => {}
        }
    }
    let is_named = !found["locking"].is_null() || !found["single"].is_null();
    is_named.then_some(found)
}

fn of_waiting(waiting: Waiting) -> Value {
    let count = waiting.count.or((!waiting.active).then_some(0));
    json!({"kind": waiting.kind.name(), "set": waiting.active, "count": count, "discard": waiting.discard})
}

fn of_notification(notification: &MmsNotification) -> Value {
    let expiry = notification.expiry.map(|expiry| match expiry {
        Expiry::After(seconds) => json!({"relative_seconds": seconds}),
        Expiry::At(seconds) => json!({"unix_seconds": seconds}),
    });
    json!({
        "from": notification.from,
        "subject": notification.subject,
        "size": notification.size,
        "url": notification.url,
        "transaction": notification.transaction,
        "expiry": expiry,
    })
}

/// A moment, or nothing where the octets name none.
fn time(stamp: Scts) -> Option<String> {
    stamp.unix_seconds().map(|_| stamp.to_string())
}

fn class(dcs: Dcs) -> Option<u8> {
    dcs.class().map(Class::number)
}

fn validity_octets(validity: Validity) -> Vec<u8> {
    match validity {
        Validity::Relative(octet) => vec![octet],
        Validity::Absolute(moment) => moment.octets().to_vec(),
        Validity::Enhanced(octets) => octets.to_vec(),
    }
}

/// Data that is nothing but printable ASCII.
fn plain_text(content: &Content) -> Option<String> {
    let octets = content
        .data()
        .filter(|octets| octets.iter().all(|octet| matches!(octet, b' '..=b'~')))?;
    String::from_utf8(octets.to_vec()).ok()
}

/// One object with the fields of both.
fn with(mut fields: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}

/// What people look for first, in this order.
const FIRST: [&str; 12] = [
    "type",
    "smsc",
    "from",
    "from_type",
    "to",
    "to_type",
    "time",
    "scts",
    "discharge",
    "status",
    "status_name",
    "alphabet",
];
