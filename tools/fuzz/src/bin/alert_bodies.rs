//! What senders of alerts write, in every form that has an adapter: reading never panics, and what is read is clean once
//! the gateway has cleaned it.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use message::{NewAlert, RawAlert};

// The pure rooms alone: the crate around them brings mail, TLS and the database, which would be instrumented for nothing.
#[path = "../../../../crates/consumers/src/alerts/intake/found.rs"]
#[allow(dead_code, reason = "its patterns are the operator's")]
mod found;
#[path = "../../../../crates/consumers/src/alerts/intake/hikvision.rs"]
mod hikvision;
#[path = "../../../../crates/consumers/src/alerts/intake/icinga.rs"]
mod icinga;
#[path = "../../../../crates/consumers/src/alerts/intake/multipart.rs"]
mod multipart;
#[path = "../../../../crates/consumers/src/alerts/intake/object.rs"]
mod object;
#[path = "../../../../crates/consumers/src/alerts/intake/picture.rs"]
mod picture;
#[path = "../../../../crates/consumers/src/alerts/intake/prometheus.rs"]
mod prometheus;
#[path = "../../../../crates/consumers/src/alerts/intake/said.rs"]
mod said;

fuzz_target!(|octets: &[u8]| {
    let Some((kind, body)) = octets.split_first() else {
        return;
    };
    match kind % 8 {
        0 => object::Object::read(body)
            .map(|object| clean(object.alert))
            .unwrap_or_default(),
        1 => notice("application/xml", body),
        2 => notice("multipart/form-data; boundary=b", body),
        3 => all(prometheus::read("alertmanager", body).unwrap_or_default()),
        4 => all(prometheus::read("grafana", body).unwrap_or_default()),
        5 => all(icinga::read("application/json", body).ok().flatten()),
        6 => all(icinga::read("application/x-www-form-urlencoded", body).ok().flatten()),
        _ => found::Found::default().read_lines(&String::from_utf8_lossy(body)),
    }
});

fn notice(kind: &str, body: &[u8]) {
    if let Ok(notice) = hikvision::Notice::read(kind, body) {
        clean(notice.alert);
    }
}

fn all(alerts: impl IntoIterator<Item = RawAlert>) {
    alerts.into_iter().for_each(clean);
}

fn clean(alert: RawAlert) {
    let pictures = alert.images.len();
    let clean = NewAlert::clean(alert, Timestamp::UNIX_EPOCH).alert;
    for line in [&clean.event, &clean.camera, &clean.claimed_at, &clean.key] {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    assert!(clean.images.len() <= pictures);
    assert!(clean.images.iter().all(|image| !image.name.contains(['/', '\\'])));
}
