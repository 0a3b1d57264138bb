//! What was counted as it happened, since the gateway's start.

use message::{Api, Counted};

use super::exposition::{Kind, Page};

/// How often each thing happened.
type Counts = [(Counted, u64)];

/// The families of these counts.
pub(super) fn write(counts: &Counts, page: &mut Page) {
    submitted(counts, page);
    mails(counts, page);
    alerts(counts, page);
    attendance(counts, page);
}

fn submitted(counts: &Counts, page: &mut Page) {
    let name = "simrelay_sms_submitted";
    page.family(
        name,
        Kind::Counter,
        "Messages accepted for sending, by the way they came in, since the gateway's start.",
    );
    for api in Api::ALL {
        let found = counts.iter().find(|(what, _)| *what == Counted::Submitted(api));
        page.counter(name, &[("api", api.name())], found.map_or(0, |(_, times)| *times));
    }
}

fn mails(counts: &Counts, page: &mut Page) {
    let name = "simrelay_mail_sent";
    page.family(
        name,
        Kind::Counter,
        "Mails that the mail server took, since the gateway's start.",
    );
    for (what, times) in counts {
        if let Counted::MailSent { consumer } = what {
            page.counter(name, &[("consumer", consumer)], *times);
        }
    }
    let name = "simrelay_mail_failed";
    page.family(
        name,
        Kind::Counter,
        "Tries to hand over a mail that failed, for all or some it was for, since the gateway's start.",
    );
    for (what, times) in counts {
        if let Counted::MailFailed { consumer } = what {
            page.counter(name, &[("consumer", consumer)], *times);
        }
    }
}

fn alerts(counts: &Counts, page: &mut Page) {
    let name = "simrelay_alerts";
    page.family(name, Kind::Counter, "Alerts taken, since the gateway's start.");
    for (what, times) in counts {
        if let Counted::Alert { source, event } = what {
            page.counter(name, &[("source", source), ("event", event)], *times);
        }
    }
}

fn attendance(counts: &Counts, page: &mut Page) {
    let name = "simrelay_attendance_messages";
    page.family(
        name,
        Kind::Counter,
        "Attendance requests by the version of their protocol and what came of them, since the gateway's start.",
    );
    for (what, times) in counts {
        if let Counted::Attendance { version, verdict } = what {
            page.counter(name, &[("proto", protocol(*version)), ("verdict", verdict)], *times);
        }
    }
}

/// As it is called in a label.
fn protocol(version: u8) -> &'static str {
    match version {
        1 => "v1",
        2 => "v2",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposition::Format;
    use super::*;

    #[test]
    fn each_count_has_its_labels_and_the_words_of_others_stay_in_them() {
        let counts = [
            (Counted::Submitted(Api::Smpp), 7),
            (
                Counted::MailSent {
                    consumer: "mail".into(),
                },
                3,
            ),
            (
                Counted::MailFailed {
                    consumer: "mail".into(),
                },
                0,
            ),
            (
                Counted::Alert {
                    source: "dvr".into(),
                    event: "MOTION\"} 1\nx".into(),
                },
                2,
            ),
            (
                Counted::Attendance {
                    version: 0,
                    verdict: "refused".into(),
                },
                1,
            ),
        ];
        let mut page = Page::new(Format::Text);
        write(&counts, &mut page);
        let text = page.end();
        for line in [
            "simrelay_sms_submitted_total{api=\"smpp\"} 7",
            "simrelay_sms_submitted_total{api=\"xml_rpc\"} 0",
            "simrelay_mail_sent_total{consumer=\"mail\"} 3",
            "simrelay_mail_failed_total{consumer=\"mail\"} 0",
            "simrelay_alerts_total{source=\"dvr\",event=\"MOTION\\\"} 1\\nx\"} 2",
            "simrelay_attendance_messages_total{proto=\"unknown\",verdict=\"refused\"} 1",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
    }
}
