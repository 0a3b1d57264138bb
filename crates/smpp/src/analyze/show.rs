//! An analysis for people.

use std::fmt::Write as _;

use super::{Analysis, Anomaly, Kind, MessageView, SessionView, Window, parts::header_fault};
use crate::{DefaultAlphabet, Destination, Oddity, Payload, Pdu, Receipt, Unsuccessful, Value};

/// The whole analysis: sessions with their windows and latencies, what was wrong, how often, and the first cases.
pub fn show(analysis: &Analysis) -> String {
    let mut out = String::new();
    for session in &analysis.sessions {
        show_session(session, &mut out);
    }
    for text in &analysis.texts {
        let said = text.text.as_deref().unwrap_or("data");
        let whole = if text.absent.is_empty() { "" } else { ", incomplete" };
        let _ = writeln!(out, "{} parts{whole}: {said:?}", text.total);
    }
    if analysis.other_connections > 0 {
        let (other, tls) = (analysis.other_connections, analysis.tls_connections);
        let _ = writeln!(out, "{other} connections are not SMPP ({tls} TLS)");
    }
    let _ = writeln!(
        out,
        "{} messages, {} anomalies",
        analysis.messages.len(),
        analysis.anomalies.len()
    );
    if analysis.waiting_receipts > 0 {
        let waiting = analysis.waiting_receipts;
        let _ = writeln!(out, "messages of the last minute without a receipt: {waiting}");
    }
    for kind in Kind::all() {
        show_kind(kind, analysis, &mut out);
    }
    if analysis.more_anomalies > 0 {
        let _ = writeln!(out, "and {} more", analysis.more_anomalies);
    }
    out
}

/// What was wrong in one way: the rule, how often, and the first cases.
fn show_kind(kind: Kind, analysis: &Analysis, out: &mut String) {
    let cases: Vec<&Anomaly> = analysis
        .anomalies
        .iter()
        .filter(|anomaly| anomaly.kind == kind)
        .collect();
    let Some(first) = cases.first() else { return };
    let name = kind.name();
    let _ = writeln!(out, "{name} × {}: {}", cases.len(), first.rule);
    for anomaly in cases.iter().take(MOST_CASES) {
        let sequence = anomaly
            .sequence
            .map_or(String::new(), |sequence| format!(" #{sequence}"));
        let (at, session) = (anomaly.at, anomaly.session);
        let other_rule = match anomaly.rule == first.rule {
            true => String::new(),
            false => format!(" ({})", anomaly.rule),
        };
        let _ = writeln!(out, "  {at} session {session}{sequence}: {}{other_rule}", anomaly.what);
    }
    if cases.len() > MOST_CASES {
        let _ = writeln!(out, "  and {} more", cases.len() - MOST_CASES);
    }
}

/// One message with its answer and its receipts.
pub fn show_message(message: &MessageView) -> String {
    let mut out = String::new();
    let MessageView {
        at,
        command,
        sequence,
        source,
        destination,
        coding,
        ..
    } = message;
    let _ = write!(out, "{at} {command} #{sequence} {source} → {destination} ({coding}");
    if let Some(part) = message.part {
        let _ = write!(
            out,
            ", part {} of {}, reference {}",
            part.sequence, part.total, part.reference
        );
    }
    let said = message.text.as_deref().or(message.data.as_deref()).unwrap_or_default();
    let _ = writeln!(out, ") {said:?}");
    match &message.response {
        Some(response) => {
            let id = response.message_id.as_deref().unwrap_or("-");
            let _ = writeln!(out, "  └ {:>9} {} id {id}", time(response.after_us), response.status);
        }
        None => out.push_str("  └ no response\n"),
    }
    for receipt in &message.receipts {
        let state = receipt.state.as_deref().unwrap_or("?");
        let error = receipt
            .error
            .filter(|error| *error != 0)
            .map_or(String::new(), |error| format!(" error {error}"));
        let _ = writeln!(
            out,
            "  └ {:>9} receipt {state}{error} id {}",
            time(receipt.after_us),
            receipt.id
        );
    }
    out
}

/// One PDU, field by field, with what its message says and what is odd about it.
pub fn show_pdu(pdu: &Pdu, oddities: &[Oddity], default: DefaultAlphabet) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} #{} {}", pdu.command(), pdu.sequence, pdu.status);
    for (name, value) in pdu.body.fields() {
        let _ = writeln!(out, "  {name}: {}", show_value(name, &value));
    }
    for tlv in pdu.tlvs.iter() {
        let value = match tlv.tag.is_string() {
            true => format!("{:?}", tlv.value),
            false => tpdu::to_hex(&tlv.value),
        };
        let _ = writeln!(out, "  {}: {value}", tlv.tag);
    }
    if let Some(payload) = Payload::of(&pdu.body, &pdu.tlvs) {
        let content = payload.content(default);
        if let Some(concat) = payload.concat {
            let _ = writeln!(out, "  part {} of {}", concat.sequence, concat.total);
        }
        if let Some(text) = content.text() {
            let _ = writeln!(out, "  says: {text:?} ({})", payload.coding);
        }
    }
    if let Some(receipt) = Receipt::of(&pdu.body, &pdu.tlvs) {
        let id = receipt.message_id().map(crate::Octets::text).unwrap_or_default();
        let _ = writeln!(out, "  receipt: {id} {}", receipt.stat_name().unwrap_or_default());
    }
    for oddity in oddities {
        let _ = writeln!(out, "  ! {oddity} (SMPP 3.4 {})", oddity.clause());
    }
    if let Some(what) = header_fault(pdu) {
        let _ = writeln!(out, "  ! {what} ({})", Kind::Header.rule());
    }
    out
}

/// A field; a password is never shown.
fn show_value(name: &str, value: &Value<'_>) -> String {
    match value {
        Value::Text(text) if name == "password" && !text.is_empty() => String::from("***"),
        Value::Number(number) => format!("{number} (0x{number:02X})"),
        Value::Text(text) => format!("\"{}\"", text.escape_ascii()),
        Value::Octets(octets) => tpdu::to_hex(octets),
        Value::Destinations(list) => listed(list, show_destination),
        Value::Unsuccessful(list) => listed(list, show_unsuccessful),
    }
}

fn listed<T>(list: &[T], show: impl Fn(&T) -> String) -> String {
    list.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn show_destination(destination: &Destination) -> String {
    match destination {
        Destination::Address { ton, npi, address } => {
            format!("\"{}\" (ton {ton}, npi {npi})", address.escape_ascii())
        }
        Destination::List(name) => format!("the list \"{}\"", name.escape_ascii()),
    }
}

fn show_unsuccessful(failed: &Unsuccessful) -> String {
    let Unsuccessful {
        ton,
        npi,
        address,
        status,
    } = failed;
    format!("\"{}\" (ton {ton}, npi {npi}): {status}", address.escape_ascii())
}

fn show_session(session: &SessionView, out: &mut String) {
    let who = session.system_id.as_deref().unwrap_or("?");
    let mode = session.bound_for.unwrap_or("bind not in the capture");
    let (number, esme, smsc) = (session.number, &session.esme, &session.smsc);
    let _ = writeln!(out, "session {number}: {who} ({mode}), {esme} → {smsc}");
    if let (Some(first), Some(last)) = (session.first, session.last) {
        let _ = writeln!(out, "  {first} – {last}");
    }
    let counts = |name: &str, count: &u64| format!("{count} {name}");
    let pdus: Vec<String> = session.pdus.iter().map(|(name, count)| counts(name, count)).collect();
    let _ = writeln!(out, "  {}", pdus.join(", "));
    let statuses: Vec<String> = session
        .statuses
        .iter()
        .map(|(name, count)| counts(name, count))
        .collect();
    if !statuses.is_empty() {
        let _ = writeln!(out, "  answers: {}", statuses.join(", "));
    }
    show_window("from the ESME", &session.from_esme, out);
    show_window("from the SMSC", &session.from_smsc, out);
    if !session.waiting.is_empty() {
        let first: Vec<&str> = session.waiting.iter().take(MOST_CASES).map(String::as_str).collect();
        let more = session.waiting.len() - first.len();
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let _ = writeln!(out, "  without an answer when it ends: {}{more}", first.join(", "));
    }
}

fn show_window(name: &str, window: &Window, out: &mut String) {
    if window.most == 0 {
        return;
    }
    let _ = writeln!(out, "  {name}: window {:>4}  {}", window.most, spark(&window.profile));
    let latency = &window.latency;
    if latency.count == 0 {
        return;
    }
    let times = [
        latency.min_us,
        latency.p50_us,
        latency.p90_us,
        latency.p99_us,
        latency.max_us,
    ]
    .map(time);
    let _ = writeln!(
        out,
        "    answers after {} (least, median, 90 %, 99 %, most)",
        times.join(", ")
    );
    let most = latency.histogram.iter().max().copied().unwrap_or_default().max(1);
    for (limit, count) in LIMITS.iter().zip(latency.histogram).filter(|(_, count)| *count > 0) {
        let bar = "█".repeat((count * BAR).div_ceil(most));
        let _ = writeln!(out, "    {limit:>8} {count:>8} {bar}");
    }
}

/// A number for each stretch as a block of its height.
fn spark(profile: &[usize]) -> String {
    let most = profile.iter().max().copied().unwrap_or_default().max(1);
    let block = |count: &usize| BLOCKS[(count * (BLOCKS.len() - 1)).div_ceil(most)];
    profile.iter().map(block).collect()
}

/// Microseconds in a unit that suits them.
fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Cases of one kind that are shown; programs are given all.
const MOST_CASES: usize = 20;

/// The longest bar of a histogram, in characters.
const BAR: usize = 40;

const LIMITS: [&str; 6] = ["< 1 ms", "< 10 ms", "< 100 ms", "< 1 s", "< 10 s", "≥ 10 s"];
