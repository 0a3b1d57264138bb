//! `simrelay pdu` over the shared vectors: the program's JSON against every row, field by field.
//!
//! Rows that contradict the specification are listed with field, reason and clause; the codec's own tests do the same.
#![expect(clippy::unwrap_used, reason = "a row that cannot be read fails the test")]

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

/// What is not followed: rows by a piece of their line, the field, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "testCingularVoiceMail",
        "from",
        "one useful semi-octet is one digit (23.040 9.1.2.5)",
    ),
    (
        "000001000B915310101010100000808080604028180E88",
        "from",
        "semi-octet 0xB is # (23.040 9.1.2.3)",
    ),
    (
        "0297F1061C0F910B487228297020F5",
        "to",
        "semi-octet 0xB is # (23.040 9.1.2.3)",
    ),
    (
        "testConstruction",
        "text",
        "the source's own sentence about the status, in no octet",
    ),
    (
        "07919761989901F031000B919761084218F200F9FF12",
        "text",
        "TP-DCS F9 is GSM 7 bit (23.038 4)",
    ),
    (
        "testMessages.txt",
        "smsc",
        "an SMSC without a plus is not written as international",
    ),
    (
        "testMessages.txt",
        "pdus",
        "an SMSC without a plus is not written as international",
    ),
    (
        "05915155020009000891515522220000010000000000001F",
        "pdus",
        "spare bits are zero (23.038 6.1.2.1.1)",
    ),
];

#[test]
fn deliveries_are_decoded_as_their_sources_say() {
    let fields = [
        "tpdu_len",
        "smsc",
        "from",
        "from_type",
        "time",
        "pid",
        "dcs",
        "class",
        "udh",
        "concat",
        "ports",
        "alphabet",
        "text",
        "data_hex",
        "ies",
    ];
    check("pdu_deliver.jsonl", |row| {
        decoded(row, "DELIVER", row["pdu"].as_str().unwrap(), &fields, &[])
    });
}

#[test]
fn reports_are_decoded_as_their_sources_say() {
    let fields = [
        "tpdu_len",
        "smsc",
        "mr",
        "to",
        "scts",
        "discharge",
        "status",
        "pi",
        "text",
    ];
    check("pdu_status_report.jsonl", |row| {
        decoded(row, "STATUS-REPORT", row["pdu"].as_str().unwrap(), &fields, &[])
    });
}

#[test]
fn submissions_are_decoded_as_their_sources_say() {
    check("pdu_submit.jsonl", |row| {
        let pdus = row["pdus"].as_array().unwrap();
        let fields: &[&str] = if pdus.len() == 1 && row["truncated"] != true {
            &["to", "text", "data_hex"]
        } else {
            &["to"]
        };
        let mut found = decoded(row, "SUBMIT", pdus[0].as_str().unwrap(), fields, &["--mo"]);
        if !is_malformed(row) {
            found.extend(decoded(row, "SUBMIT", pdus[0].as_str().unwrap(), fields, &[]));
            let says = &row["octets"][0];
            let ours = object(&["pdu", "decode", "--mo", "--json", pdus[0].as_str().unwrap()]);
            let fields = [
                "mr", "pid", "dcs", "vp", "udh", "da_toa", "srr", "rd", "alphabet", "class", "tpdu_len", "concat",
                "ports",
            ];
            found.extend(
                fields
                    .into_iter()
                    .filter_map(|field| different(field, &says[field], &ours[field])),
            );
        }
        found
    });
}

#[test]
fn submissions_are_encoded_as_their_sources_do() {
    check("pdu_submit.jsonl", |row| {
        let is_written = !matches!(row["direction"].as_str(), Some("decode" | "roundtrip"));
        if !is_written || is_malformed(row) {
            return Vec::new();
        }
        let ours = object(&encode_line(row).iter().map(String::as_str).collect::<Vec<_>>());
        let fields = ["pdus", "tpdu_lens"];
        fields
            .into_iter()
            .filter_map(|field| different(field, &row[field], &ours[field]))
            .collect()
    });
}

#[test]
fn other_tpdus_are_decoded_without_a_service_centre() {
    check("other_tpdu.jsonl", |row| {
        let hex = row["tpdu"].as_str().unwrap();
        let mut line = vec!["pdu", "decode", "--json", "--tpdu", hex];
        line.extend((row["direction"] == "MO").then_some("--mo"));
        if !row["error"].is_null() {
            return refused(&line);
        }
        let ours = object(&line);
        let pairs = [
            ("MR", "mr"),
            ("CT", "ct"),
            ("MN", "mn"),
            ("FCS", "fcs"),
            ("SCTS", "scts"),
        ];
        let mut found: Vec<_> = pairs
            .into_iter()
            .filter_map(|(theirs, name)| different(name, &row["fields"][theirs], &ours[name]))
            .collect();
        found.extend(different("type", &row["type"], &ours["type"]));
        found
    });
}

#[test]
fn a_sentence_names_field_and_octet_where_people_read() {
    let output = simrelay(&["pdu", "decode", "000404913619"]);
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(sentence.contains("TP-PID at octet 6"), "{sentence}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_wrong_command_line_is_told_like_malformed_input_where_a_program_reads() {
    for line in [
        &["pdu", "decode", "--json"][..],
        &["pdu", "decode", "--json", "00", "--bogus"],
        &["--json", "pdu", "decode", "00", "11"],
        &["pdu", "encode", "--json", "--to"],
        &["pdu", "encode", "--json", "x"],
        &["pdu", "encode", "--to", "1", "x", "--dcs", "256", "--json"],
        &["pdu", "encode", "--to", "1", "x", "--flash=maybe", "--json"],
    ] {
        assert_eq!(refused(line), [], "{line:?}");
        assert!(simrelay(line).stderr.is_empty(), "{line:?}");
    }
    let output = simrelay(&["pdu", "decode", "00", "--bogus"]);
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(sentence.contains("Usage: simrelay pdu decode"), "{sentence}");
    assert!(output.stdout.is_empty());
}

type Difference = (String, String);

fn decoded(row: &Value, kind: &str, hex: &str, fields: &[&str], options: &[&str]) -> Vec<Difference> {
    let line = [&["pdu", "decode", "--json", hex], options].concat();
    let tolerated = row["expect"]
        .as_str()
        .is_some_and(|expect| expect.starts_with("tolerated"));
    if is_malformed(row) && !tolerated {
        return refused(&line);
    }
    let ours = object(&line);
    let fields: &[&str] = if is_malformed(row) { &["text"] } else { fields };
    let mut found: Vec<Difference> = fields
        .iter()
        .filter_map(|field| different(field, &row[*field], &ours[*field]))
        .collect();
    if ours["type"] != kind {
        found.push(("type".into(), ours["type"].to_string()));
    }
    found
}

/// The command line that the options of a row ask for. What an encoder has of its own (gammu's validity, a class) is
/// read from its octets.
fn encode_line(row: &Value) -> Vec<String> {
    let mut line: Vec<String> = ["pdu", "encode", "--json", "--to", row["to"].as_str().unwrap()]
        .map(Into::into)
        .to_vec();
    let mut option = |name: &str, value: &Value| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line.push(format!("--{name}={value}"));
    };
    let (options, octets) = (&row["options"], &row["octets"][0]);
    for (name, value) in options.as_object().unwrap() {
        match name.as_str() {
            "validity" if value["go"].is_string() || value["enhanced"].is_string() => {}
            "dcs" | "ems_formats" | "udl" | "udhl" => {}
            _ => option(name, value),
        }
    }
    if options["validity"].is_null() && octets["vp"].is_string() {
        let vp = u8::from_str_radix(octets["vp"].as_str().unwrap(), 16).unwrap();
        option("validity", &format!("vp={vp}").into());
    }
    if let Some(words) = options["validity"]["enhanced"].as_str() {
        option("validity", &format!("enhanced={words}").into());
    }
    option("dcs", &octets["dcs"]);
    if octets["ports"].is_object() {
        option("ports", &octets["ports"]);
    }
    if octets["srr"] == true && options["report_request"].is_null() {
        option("report_request", &true.into());
    }
    match row["data_hex"].as_str() {
        Some(hex) => line.push(format!("--data-hex={hex}")),
        None => line.push(text(row)),
    }
    line
}

fn text(row: &Value) -> String {
    let text = row["text"].as_str().unwrap();
    if row["truncated"] == true {
        text.chars().take(160).collect()
    } else {
        text.to_owned()
    }
}

fn is_malformed(row: &Value) -> bool {
    row["malformed"] == true
}

/// A difference, where the row says anything: null and the empty text are the same.
fn different(field: &str, row: &Value, ours: &Value) -> Option<Difference> {
    let is_told = !row.is_null() && row != "";
    (is_told && row != ours).then(|| (field.to_owned(), format!("row {row}, ours {ours}")))
}

/// The program must refuse the line with an error object and exit code 2.
fn refused(line: &[&str]) -> Vec<Difference> {
    let output = simrelay(line);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let is_told = object["error"]["message"].is_string() && object["error"]["field"].is_string();
    match output.status.code() {
        Some(2) if is_told => Vec::new(),
        code => vec![("refusal".into(), format!("exit {code:?}, {object}"))],
    }
}

fn object(line: &[&str]) -> Value {
    let output = simrelay(line);
    match output.status.success() {
        true => serde_json::from_slice(&output.stdout).unwrap(),
        false => serde_json::from_slice(&output.stdout).unwrap_or_default(),
    }
}

fn simrelay(line: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simrelay"))
        .args(line)
        .output()
        .unwrap()
}

/// Runs every row of a file; a message and nothing else where the vectors are missing.
fn check(file: &str, differences: impl Fn(&Value) -> Vec<Difference>) {
    let Some(text) = read(file) else { return };
    let mut failures = Vec::new();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (number, row) in rows.iter().enumerate() {
        let line = row.to_string();
        let excepted = |field: &str| {
            EXCEPTIONS
                .iter()
                .any(|(piece, name, _)| line.contains(piece) && *name == field)
        };
        let mut found = differences(row);
        found.retain(|(field, _)| !excepted(field));
        if !found.is_empty() {
            failures.push(format!("row {number}: {found:?}"));
        }
    }
    println!("{file}: {} rows", rows.len());
    assert!(
        failures.is_empty(),
        "{file}: {} rows fail\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn read(file: &str) -> Option<String> {
    let beside = |folder: &std::path::Path| folder.join("shared/vectors");
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(beside).find(|folder| folder.is_dir());
    let folder = env::var_os("SIMRELAY_VECTORS")
        .map(PathBuf::from)
        .or(found)
        .unwrap_or_else(|| beside(&here));
    match fs::read_to_string(folder.join(file)) {
        Ok(text) => Some(text),
        Err(error) if env::var("SIMRELAY_REQUIRE_VECTORS").is_ok_and(|value| value == "1") => panic!("{file}: {error}"),
        Err(error) => {
            eprintln!("skipped, no vectors: {file}: {error}");
            None
        }
    }
}
