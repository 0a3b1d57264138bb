use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    args: Args,
}

fn done(line: &[&str]) -> Result<Outcome, Trouble> {
    let program = Program::try_parse_from([&["pdu"], line].concat()).unwrap();
    match program.args {
        Args::Decode(args) => decode::run(&args),
        Args::Encode(args) => encode::run(&args),
    }
}

#[test]
fn a_submission_is_recognised_without_being_told() {
    let hex = "0001000B917228001011F100000CC8329BFD065DDF72363904";
    for line in [
        &["decode", hex][..],
        &["decode", "--mo", hex],
        &["decode", "--tpdu", &hex[2..]],
    ] {
        let object = done(line).unwrap().object;
        assert_eq!(
            (&object["type"], &object["text"]),
            (&"SUBMIT".into(), &"Hello World!".into())
        );
        assert_eq!((&object["smsc"], &object["tpdu_len"]), (&Value::Null, &24.into()));
    }
}

#[test]
fn the_answer_to_a_submission_is_recognised_where_every_octet_fits() {
    let object = done(&["decode", "--tpdu", "01120051507132200523"]).unwrap().object;
    assert_eq!(
        (&object["type"], &object["fcs"]),
        (&"SUBMIT-REPORT".into(), &0x12.into())
    );
}

#[test]
fn malformed_octets_are_told_with_field_and_octet() {
    let trouble = done(&["decode", "000404913619"]).err().unwrap();
    let error = &trouble.object()["error"];
    assert_eq!((&error["field"], &error["octet"]), (&"TP-PID".into(), &6.into()));
    assert!(done(&["decode", "nothex"]).is_err());
    assert!(done(&["decode", ""]).is_err());
}

#[test]
fn names_with_underscores_are_the_same() {
    let dashed = done(&["encode", "--to", "+49", "x", "--report-request", "--concat-bits", "16"]);
    let scored = done(&[
        "encode",
        "--to",
        "+49",
        "x",
        "--report_request=true",
        "--concat_bits",
        "16",
    ]);
    assert_eq!(dashed.unwrap().object, scored.unwrap().object);
}

#[test]
fn a_text_may_begin_with_a_dash_and_a_switch_may_be_spelt_out() {
    let object = done(&["encode", "--to", "1", "-5 Grad", "--flash=false", "--report-request"])
        .unwrap()
        .object;
    assert_eq!(
        (&object["octets"][0]["text"], &object["octets"][0]["srr"]),
        (&"-5 Grad".into(), &true.into())
    );
    assert!(object["octets"][0]["class"].is_null());
}

#[test]
fn a_scheme_that_contradicts_the_text_is_refused() {
    let trouble = done(&["encode", "--to", "1", "--dcs", "8", "--alphabet", "gsm7", "x"])
        .err()
        .unwrap();
    assert_eq!(trouble.object()["error"]["field"], "dcs");
    let object = done(&["encode", "--to", "1", "--dcs", "0xF1", "x"]).unwrap().object;
    assert_eq!(object["octets"][0]["class"], 1);
}

#[test]
fn what_cannot_be_sent_is_refused() {
    for line in [
        &["encode", "--to", "1", "--alphabet", "gsm7", "ж"][..],
        &["encode", "--to", "123456789012345678901", "x"],
        &["encode", "--to", "1", "--data-hex", "0"],
        &["encode", "--to", "1", "--concat-ref", "256", "x"],
        &["encode", "--to", "1", "--alphabet", "8bit", "ж"],
    ] {
        assert!(done(line).is_err(), "{line:?}");
    }
}

#[test]
fn people_read_a_table_and_the_text_below() {
    let lines = done(&[
        "decode",
        "06917228195339040B917228214365F700003130805120618005D4F29C2E03",
    ])
    .unwrap()
    .lines;
    assert!(
        lines.contains("from") && lines.contains("+27821234567") && lines.ends_with("\n\nTest2"),
        "{lines}"
    );
    let lines = done(&["encode", "--to", "+49171", "Grüße ж"]).unwrap().lines;
    assert!(lines.contains("ucs2: 'ж' (character 7)"), "{lines}");
}

#[test]
fn a_number_is_read_as_send_reads_it() {
    for (written, kind) in [
        ("+49 171-12.34", "91"),
        ("+49(171)1234", "91"),
        ("0171/1234", "81"),
        ("*100#", "81"),
    ] {
        let object = done(&["encode", "--to", written, "x"]).unwrap().object;
        assert_eq!(object["octets"][0]["da_toa"], kind, "{written}");
    }
    let named = done(&["encode", "--to", "Shop", "--to-type", "Alphanumeric", "x"]).unwrap();
    assert_eq!(named.object["octets"][0]["da_toa"], "D0");
}

#[test]
fn nonsense_is_refused_with_its_field() {
    for (options, field) in [
        (&["--to", "+abc"][..], "to"),
        (&["--to", "Shop"], "to"),
        (&["--to", ""], "to"),
        (&["--to", "+"], "to"),
        (&["--to", "+49x", "--to-type", "international"], "to"),
        (&["--to", "1", "--smsc", "xyz"], "smsc"),
        (&["--to", "1", "--smsc", ""], "smsc"),
        (&["--to", "1", "--flash", "--class", "2"], "class"),
        (&["--to", "1", "--dcs", "8", "--class", "1"], "dcs"),
        (&["--to", "1", "--dcs", "0xF1", "--flash"], "dcs"),
        (&["--to", "1", "--concat-bits", "12"], "concat_bits"),
        (&["--to", "1", "--concat-ref", "256"], "concat_ref"),
    ] {
        let line = [&["encode"], options, &["x"]].concat();
        let trouble = done(&line).err().unwrap();
        assert_eq!(trouble.object()["error"]["field"], field, "{options:?}: {trouble}");
    }
    for validity in ["64w", "0", "4m"] {
        let line = ["pdu", "encode", "--to", "1", "--validity", validity, "x"];
        assert!(Program::try_parse_from(line).is_err(), "{validity}");
    }
}

#[test]
fn the_help_lists_the_names_that_are_known() {
    let help = Program::try_parse_from(["pdu", "encode", "--help"])
        .unwrap_err()
        .to_string();
    for name in ["turkish", "alphanumeric", "ucs2", "--flash=false"] {
        assert!(help.contains(name), "{name} in {help}");
    }
}
