//! What is told of applications that bind by SMPP.

use message::{BoundFor, Snapshot};

use super::exposition::{Kind, Page};

/// The families of applications; each is named where there is none, too.
pub(super) fn write(snapshot: &Snapshot, page: &mut Page) {
    let applications = &snapshot.applications;
    let name = "simrelay_smpp_sessions";
    page.family(name, Kind::Gauge, "Sessions that are bound.");
    for application in applications {
        for bound_for in BoundFor::ALL {
            let sessions = application.sessions.iter();
            let count = sessions.filter(|session| session.bound_for == bound_for).count();
            let labels = [
                ("system_id", application.system_id.as_str()),
                ("bind_type", bound_for.word()),
            ];
            page.gauge(name, &labels, count);
        }
    }
    let name = "simrelay_smpp_window";
    page.family(
        name,
        Kind::Gauge,
        "Requests that wait for their answers: in is what the application asked.",
    );
    for application in applications {
        let sum =
            |of: fn(&message::SessionFacts) -> u32| application.sessions.iter().map(of).map(u64::from).sum::<u64>();
        for (direction, waiting) in [
            ("in", sum(|session| session.waiting_in)),
            ("out", sum(|session| session.waiting_out)),
        ] {
            let labels = [("system_id", application.system_id.as_str()), ("direction", direction)];
            page.gauge(name, &labels, waiting);
        }
    }
    let name = "simrelay_smpp_pdus";
    page.family(
        name,
        Kind::Counter,
        "Messages and receipts that went over the applications' sessions, by their answers.",
    );
    for application in applications {
        let counts = &application.counts;
        for (direction, status, value) in [
            ("in", "taken", counts.submitted),
            ("in", "throttled", counts.throttled),
            ("in", "refused", counts.refused),
            ("out", "taken", counts.delivered),
            ("out", "not_taken", counts.undelivered),
        ] {
            let command = if direction == "in" { "submit_sm" } else { "deliver_sm" };
            let labels = [
                ("system_id", application.system_id.as_str()),
                ("direction", direction),
                ("command", command),
                ("status", status),
            ];
            page.counter(name, &labels, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use message::{ApplicationSnapshot, SessionCounts, SessionFacts};

    use super::super::exposition::Format;
    use super::*;

    #[test]
    fn sessions_are_counted_by_what_they_are_bound_for_and_none_is_zero() {
        let session = SessionFacts {
            bound_for: BoundFor::Receiver,
            from: [192, 0, 2, 1].into(),
            since: Timestamp::UNIX_EPOCH,
            window: 10,
            waiting_in: 2,
            waiting_out: 3,
            counts: SessionCounts::default(),
        };
        let mut snapshot = Snapshot::blank(Timestamp::UNIX_EPOCH);
        snapshot.applications.push(ApplicationSnapshot {
            system_id: "shop".into(),
            sessions: vec![session.clone(), session],
            counts: SessionCounts {
                throttled: 7,
                ..SessionCounts::default()
            },
        });
        let mut page = Page::new(Format::Text);
        write(&snapshot, &mut page);
        let page = page.end();
        for line in [
            "simrelay_smpp_sessions{system_id=\"shop\",bind_type=\"receiver\"} 2",
            "simrelay_smpp_sessions{system_id=\"shop\",bind_type=\"transceiver\"} 0",
            "simrelay_smpp_window{system_id=\"shop\",direction=\"out\"} 6",
            "simrelay_smpp_pdus_total{system_id=\"shop\",direction=\"in\",command=\"submit_sm\",status=\"throttled\"} 7",
        ] {
            assert!(page.lines().any(|told| told == line), "{line} in {page}");
        }
    }
}
