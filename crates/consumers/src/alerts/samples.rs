//! Settings and alerts for the tests.

use jiff::Timestamp;
use message::{NewAlert, RaisedAlert, RawAlert, RawImage, Severity};

use super::config::{Config, Person};
use super::rota::Rota;
use super::rule::Rule;

/// Anna, Ben and Cleo, a weekly rota, and one rule that calls them.
pub(super) fn config() -> Config {
    let person = |name: &str, digit: u8| Person {
        name: name.into(),
        sms: Some(format!("+49171000000{digit}")),
        mail: Some(format!("{name}@example.org")),
    };
    Config {
        time_zone: Some("UTC".into()),
        people: vec![person("anna", 1), person("ben", 2), person("cleo", 3)],
        rotas: vec![Rota {
            name: "night".into(),
            people: ["anna", "ben", "cleo"].map(str::to_owned).into(),
            start: "2026-01-05".parse().expect("a date"),
            handover: "08:00".into(),
            turn_days: 7,
            overrides: Vec::new(),
        }],
        rules: vec![Rule {
            rota: Some("night".into()),
            ..Rule::named("all")
        }],
        ..Config::default()
    }
}

/// Monday the 5th of January 2026, 12:00 UTC, and so many seconds.
pub(super) fn at(second: i64) -> Timestamp {
    let noon: Timestamp = "2026-01-05T12:00:00Z".parse().expect("a time");
    noon + jiff::SignedDuration::from_secs(second)
}

/// An alert of a camera.
pub(super) fn alert(number: i64, event: &str, camera: &str, second: i64) -> RaisedAlert {
    of(number, raw(event, camera), second)
}

/// What a camera says.
pub(super) fn raw(event: &str, camera: &str) -> RawAlert {
    RawAlert {
        source: "dvr".into(),
        event: event.into(),
        camera: camera.into(),
        ..RawAlert::default()
    }
}

/// The alert made of what a camera says.
pub(super) fn of(number: i64, raw: RawAlert, second: i64) -> RaisedAlert {
    RaisedAlert {
        number,
        alert: NewAlert::clean(raw, at(second)).alert,
    }
}

/// The same with a picture.
pub(super) fn with_picture(number: i64, second: i64) -> RaisedAlert {
    let image = RawImage {
        name: "cam1.jpg".into(),
        octets: vec![0xff, 0xd8, 0xff],
    };
    let raw = RawAlert {
        images: vec![image],
        ..raw("MOTION_DETECTED", "cam1")
    };
    of(number, raw, second)
}

/// The same, this bad.
pub(super) fn bad(number: i64, severity: Severity, second: i64) -> RaisedAlert {
    let raw = RawAlert {
        severity,
        ..raw("MOTION_DETECTED", "cam1")
    };
    of(number, raw, second)
}

/// The word that it is over.
pub(super) fn over(number: i64, second: i64) -> RaisedAlert {
    let raw = RawAlert {
        ended: true,
        ..raw("MOTION_DETECTED", "cam1")
    };
    of(number, raw, second)
}
