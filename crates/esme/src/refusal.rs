//! What an upstream's refusal means for a part: one table (SMPP 3.4 clause 5.1.3, facts of the field).

use std::time::Duration;

use message::{Cause, ErrorClass, Failure, Rests};
use smpp::{Status, Tag, Tlvs};

/// The failure that a command_status in a submit_sm_resp is. `retry`: further values after which it is tried again.
pub(crate) fn failure(status: Status, tlvs: &Tlvs, retry: &[u32]) -> Failure {
    let (class, whose) = match retry.contains(&status.0) {
        true => (again(Rests::Nobody), "it is tried again, as configured"),
        false => verdict(status),
    };
    let words = tlvs.string(Tag::ADDITIONAL_STATUS_INFO_TEXT).unwrap_or_default();
    let words = match String::from_utf8_lossy(words).trim() {
        "" => String::new(),
        words => format!(" ({words})"),
    };
    Failure {
        class,
        cause: Cause::Smpp(status.0),
        reason: format!("{status}: {}{words}; {whose}", status.meaning()),
    }
}

fn verdict(status: Status) -> (ErrorClass, &'static str) {
    let row = TABLE.iter().find(|(known, ..)| known.contains(&status.0));
    row.map_or((ErrorClass::OtherRoute, ELSEWHERE), |(_, class, whose)| {
        (*class, *whose)
    })
}

/// Whoever is temporarily unable is asked again; that is counted, and the gateway's own back-off may be longer. No status of
/// a submit_sm_resp says that it is the recipient who cannot be reached: that is for receipts to tell.
const fn again(rests: Rests) -> ErrorClass {
    ErrorClass::RetryLater {
        after: Duration::from_secs(30),
        times: None,
        rests,
    }
}

const fn a_few_times(rests: Rests) -> ErrorClass {
    ErrorClass::RetryLater {
        after: Duration::from_secs(60),
        times: Some(3),
        rests,
    }
}

const ELSEWHERE: &str = "this upstream does not take it, others may";
const ACCOUNT: &str = "the upstream does not let us send; the account or the bind is wrong";

/// Every command_status that is not simply this upstream's no.
const TABLE: [(&[u32], ErrorClass, &str); 7] = [
    // RMSGQFUL, RTHROTTLED: the session holds back by itself, and the part stays as it was.
    (
        &[0x14, 0x58],
        ErrorClass::Hold,
        "the upstream asks for less; the part waits",
    ),
    // RSYSERR, RX_T_APPN: the upstream's own, whoever the recipient.
    (
        &[0x08, 0x64],
        again(Rests::Route),
        "the upstream cannot now; it is tried again",
    ),
    // RINVBNDSTS, RALYBND, RBINDFAIL, RINVPASWD, RINVSYSID: it is about the session and not about the part.
    (&[0x04, 0x05, 0x0D, 0x0E, 0x0F], a_few_times(Rests::Route), ACCOUNT),
    // RINVMSGID, RQUERYFAIL, RUNKNOWNERR, RDELIVERYFAILURE say nothing of the part, and some upstreams answer one of them to
    // each number that they do not know: neither the route nor the recipient rests.
    (
        &[0x0C, 0x67, 0xFE, 0xFF],
        a_few_times(Rests::Nobody),
        "the upstream does not say why; it is tried again",
    ),
    // RINVCMDLEN, RINVCMDID, RINVOPTPARSTREAM, ROPTPARNOTALLWD, RINVPARLEN, RMISSINGOPTPARAM, RINVOPTPARAMVAL.
    (
        &[0x02, 0x03, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4],
        ErrorClass::OtherRoute,
        "the upstream does not understand how it is written; try `long = \"udhi\"` and `validity = false`",
    ),
    // Of SMPP 5.0: RINVDCS.
    (&[0x104], ErrorClass::OtherEncoding, "the upstream lacks the alphabet"),
    // RINVSRCADR, RINVSRCTON, RINVSRCNPI, of SMPP 5.0 RINVSRCADDRSUBUNIT.
    (
        &[0x0A, 0x48, 0x49],
        ErrorClass::OtherRoute,
        "the upstream does not take our sender; set `number` or `source`",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use smpp::Reaction;

    #[test]
    fn every_status_has_one_class() {
        for status in (1..=0x600).map(Status) {
            let class = failure(status, &Tlvs::NONE, &[]).class;
            let rows = TABLE.iter().filter(|(known, ..)| known.contains(&status.0)).count();
            assert!(rows <= 1, "{status}");
            match status.reaction() {
                Reaction::SlowDown => assert_eq!(class, ErrorClass::Hold, "{status}"),
                Reaction::Later => assert_eq!(class, again(Rests::Route), "{status}"),
                Reaction::Taken | Reaction::Never => assert_ne!(class, ErrorClass::Hold, "{status}"),
            }
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_number_and_the_upstreams_words() {
        let mut tlvs = Tlvs::NONE;
        tlvs.push_string(Tag::ADDITIONAL_STATUS_INFO_TEXT, b"no such sender");
        let failure = failure(Status::INVALID_SOURCE, &tlvs, &[]);
        assert_eq!(failure.cause, Cause::Smpp(0x0A));
        assert!(
            failure.reason.starts_with("ESME_RINVSRCADR (0x0A): "),
            "{}",
            failure.reason
        );
        assert!(failure.reason.contains("(no such sender); "), "{}", failure.reason);
    }

    #[test]
    fn an_operator_may_have_more_tried_again() {
        assert_eq!(failure(Status(0x404), &Tlvs::NONE, &[]).class, ErrorClass::OtherRoute);
        assert_eq!(
            failure(Status(0x404), &Tlvs::NONE, &[0x404]).class,
            again(Rests::Nobody)
        );
    }
}
