//! What an error answer to a send means: the one table of codes.
//!
//! TS 27.005 3.2.5 names the codes; what devices and networks mean by them is what drivers in the field found out.

use std::ops::RangeInclusive;
use std::time::Duration;

use at::Final;
use message::{Cause, ErrorClass, Failure, Rests};

use crate::dialects::{Dialect, VendorCode};

/// What to do about an error answer to `+CMGS` or `+CMSS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The attempt has failed.
    Failed(Failure),
    /// Nobody can tell whether it went out.
    Uncertain(String),
    /// The network has it already (197).
    Sent,
    /// The service centre is unknown (330): set it and try again once.
    NoServiceCentre(Failure),
    /// Try again after [`Timer::Collision`](crate::Timer::Collision).
    Collision(Failure),
    /// Try again after [`Timer::Busy`](crate::Timer::Busy).
    Busy(Failure),
}

/// A row's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// Seconds until the next try, and how many of them.
    Retry(u64, Option<u8>),
    /// [`Retry`](Self::Retry), unless it came so late that the message may have gone out.
    RetryUnlessLate(u64, Option<u8>),
    OtherRoute,
    OtherEncoding,
    Hold,
    Permanent,
    Uncertain,
    Sent,
    NoServiceCentre,
    Collision,
    Busy,
}

/// An error that comes later than this after the PDU may hide a message that went out.
const LATE: Duration = Duration::from_secs(25);

impl Verdict {
    /// Reads the error that ended a send `elapsed` after the PDU was handed over; `None` when it was not.
    pub(crate) fn of(error: &Final, elapsed: Option<Duration>, dialect: &Dialect) -> Self {
        let cause = cause_of(error);
        let means = match cause {
            Cause::Cms(code) => cms(code, dialect),
            Cause::Cme(code) => cme(code, dialect),
            _ => Means::RetryUnlessLate(30, Some(3)),
        };
        let words = error.to_string();
        let late = elapsed.is_some_and(|elapsed| elapsed > LATE);
        let failed = |class| Failure {
            class,
            cause,
            reason: format!("{words}: {}", advice(class)),
        };
        let retry = |after, times| ErrorClass::RetryLater {
            after: Duration::from_secs(after),
            times,
            rests: Rests::Recipient,
        };
        match means {
            Means::RetryUnlessLate(..) if late => Self::Uncertain(format!("{words} came late, it may have gone out")),
            Means::Uncertain if elapsed.is_some() => Self::Uncertain(format!("{words}: it may have gone out")),
            Means::Uncertain => Self::Failed(failed(retry(30, None))),
            Means::Retry(after, times) | Means::RetryUnlessLate(after, times) => {
                Self::Failed(failed(retry(after, times)))
            }
            Means::OtherRoute => Self::Failed(failed(ErrorClass::OtherRoute)),
            Means::OtherEncoding => Self::Failed(failed(ErrorClass::OtherEncoding)),
            Means::Hold => Self::Failed(failed(ErrorClass::Hold)),
            Means::Permanent => Self::Failed(failed(ErrorClass::Permanent)),
            Means::Sent => Self::Sent,
            Means::NoServiceCentre => Self::NoServiceCentre(failed(ErrorClass::OtherRoute)),
            Means::Collision => Self::Collision(failed(retry(10, Some(3)))),
            Means::Busy => Self::Busy(failed(retry(10, Some(3)))),
        }
    }
}

/// The code that an error answer carries.
pub(crate) fn cause_of(error: &Final) -> Cause {
    if let Some(code) = error.cms() {
        return Cause::Cms(code);
    }
    error.cme().map_or(Cause::Plain, Cause::Cme)
}

fn cms(code: u16, dialect: &Dialect) -> Means {
    if code >= FIRST_VENDOR_CODE && code <= dialect.last_code {
        let known = dialect.codes.iter().find(|(known, _)| *known == code);
        return match known {
            Some((_, VendorCode::Collision)) => Means::Collision,
            Some((_, VendorCode::Retry)) => Means::Retry(10, None),
            None => Means::Permanent,
        };
    }
    let row = ROWS.iter().find(|(codes, _)| codes.contains(&code));
    row.map_or(Means::Retry(30, Some(3)), |(_, means)| *means)
}

/// `+CME ERROR` codes stand for `+CMS ERROR` codes of the same meaning.
fn cme(code: u16, dialect: &Dialect) -> Means {
    match code {
        0 => cms(300, dialect),
        3 => cms(302, dialect),
        4 => cms(303, dialect),
        10..=18 => cms(code + 300, dialect),
        30 => cms(331, dialect),
        31 => cms(332, dialect),
        32 => Means::Hold,
        100 => cms(500, dialect),
        515 => Means::Busy,
        _ => Means::RetryUnlessLate(30, Some(3)),
    }
}

fn advice(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::RetryLater { .. } => "it is tried again later",
        ErrorClass::OtherRoute => "this SIM cannot send it; look at its credit and subscription",
        ErrorClass::OtherEncoding => "the network cannot take it in this form",
        ErrorClass::Hold => "it waits until the modem is usable again",
        ErrorClass::Permanent => "no attempt can succeed",
    }
}

/// Codes from here on belong to the maker (TS 27.005 3.2.5).
const FIRST_VENDOR_CODE: u16 = 512;

const MINUTE: u64 = 60;

/// `+CMS ERROR` codes; the first row that contains a code counts.
const ROWS: &[(RangeInclusive<u16>, Means)] = &[
    (1..=1, Means::Permanent),
    // Barred by the operator: no credit or no service on this SIM.
    (8..=8, Means::OtherRoute),
    (10..=10, Means::OtherRoute),
    (21..=21, Means::Retry(MINUTE, Some(2))),
    (22..=22, Means::Retry(MINUTE, None)),
    // The destination is out of service; one of these blocked a whole queue (gammu 462).
    (27..=27, Means::Retry(30 * MINUTE, None)),
    (28..=28, Means::Permanent),
    (29..=29, Means::OtherRoute),
    (30..=30, Means::Permanent),
    // Also seen for recipients that are off (gammu 381, 537).
    (38..=38, Means::Retry(5 * MINUTE, None)),
    (41..=42, Means::Retry(MINUTE, None)),
    (47..=47, Means::Retry(MINUTE, None)),
    (50..=50, Means::OtherRoute),
    (69..=69, Means::OtherRoute),
    (81..=81, Means::Retry(10, Some(1))),
    (95..=99, Means::Retry(10, Some(1))),
    (111..=111, Means::Retry(10, Some(1))),
    (144..=144, Means::OtherEncoding),
    (127..=159, Means::Permanent),
    (160..=161, Means::Permanent),
    (175..=175, Means::Permanent),
    (192..=192, Means::Retry(MINUTE, None)),
    (193..=193, Means::OtherRoute),
    (194..=194, Means::Retry(MINUTE, None)),
    (195..=196, Means::Permanent),
    (197..=197, Means::Sent),
    (198..=199, Means::Permanent),
    // The card is full of received messages; sending does not need the place.
    (208..=208, Means::Retry(30, None)),
    (209..=210, Means::OtherRoute),
    (211..=211, Means::Retry(30, None)),
    (212..=213, Means::OtherRoute),
    (255..=255, Means::Retry(30, Some(3))),
    (300..=300, Means::RetryUnlessLate(30, Some(3))),
    // Not allowed, not supported: also what a modem says that is not registered or left PDU mode.
    (302..=303, Means::Retry(30, Some(1))),
    (304..=305, Means::Permanent),
    (314..=314, Means::Busy),
    (310..=318, Means::Hold),
    (320..=321, Means::Retry(30, Some(3))),
    (322..=322, Means::Retry(30, None)),
    (330..=330, Means::NoServiceCentre),
    (331..=331, Means::Hold),
    (332..=332, Means::Uncertain),
    (340..=340, Means::Retry(5, Some(3))),
    (500..=500, Means::RetryUnlessLate(30, Some(3))),
    // A collision with an incoming message (smstools' list of questions).
    (512..=512, Means::Collision),
    (615..=615, Means::RetryUnlessLate(30, None)),
    (616..=616, Means::Retry(30, None)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::{self, GENERIC};

    fn word(answer: &str, elapsed: u64, dialect: &Dialect) -> &'static str {
        let end = Final::parse(answer.as_bytes()).unwrap();
        match Verdict::of(&end, Some(Duration::from_secs(elapsed)), dialect) {
            Verdict::Failed(failure) => match failure.class {
                ErrorClass::RetryLater { times: None, .. } => "retry",
                ErrorClass::RetryLater { times: Some(1), .. } => "retry once",
                ErrorClass::RetryLater { times: Some(2), .. } => "retry twice",
                ErrorClass::RetryLater { .. } => "retry thrice",
                ErrorClass::OtherRoute => "other route",
                ErrorClass::OtherEncoding => "other encoding",
                ErrorClass::Hold => "hold",
                ErrorClass::Permanent => "permanent",
            },
            Verdict::Uncertain(_) => "uncertain",
            Verdict::Sent => "sent",
            Verdict::NoServiceCentre(_) => "no centre",
            Verdict::Collision(_) => "collision",
            Verdict::Busy(_) => "busy",
        }
    }

    #[test]
    fn every_code_that_the_field_knows_has_its_class() {
        let table: &[(&str, &[u16])] = &[
            (
                "permanent",
                &[
                    1, 28, 30, 127, 128, 143, 145, 159, 160, 161, 175, 195, 196, 198, 199, 304, 305,
                ],
            ),
            ("other route", &[8, 10, 29, 50, 69, 193, 209, 210, 212, 213]),
            ("other encoding", &[144]),
            ("hold", &[310, 311, 312, 313, 315, 316, 317, 318, 331]),
            ("retry", &[22, 27, 38, 41, 42, 47, 192, 194, 208, 211, 322, 615, 616]),
            ("retry once", &[81, 95, 99, 111, 302, 303]),
            ("retry twice", &[21]),
            ("retry thrice", &[255, 300, 320, 321, 500, 513, 600, 999]),
            ("uncertain", &[332]),
            ("sent", &[197]),
            ("no centre", &[330]),
            ("collision", &[512]),
            ("busy", &[314]),
        ];
        for (expected, codes) in table {
            for code in *codes {
                assert_eq!(word(&format!("+CMS ERROR: {code}"), 3, &GENERIC), *expected, "{code}");
            }
        }
    }

    #[test]
    fn errors_that_come_after_25_seconds_hide_a_message_that_may_have_gone_out() {
        for code in [300, 332, 500, 615] {
            assert_eq!(
                word(&format!("+CMS ERROR: {code}"), 26, &GENERIC),
                "uncertain",
                "{code}"
            );
        }
        assert_eq!(word("+CMS ERROR: 38", 26, &GENERIC), "retry");
    }

    #[test]
    fn errors_of_the_equipment_mean_what_their_sisters_mean() {
        let pairs = [
            (10, "hold"),
            (11, "hold"),
            (14, "busy"),
            (16, "hold"),
            (30, "hold"),
            (31, "uncertain"),
            (32, "hold"),
        ];
        for (code, expected) in pairs {
            assert_eq!(word(&format!("+CME ERROR: {code}"), 3, &GENERIC), expected, "{code}");
        }
        assert_eq!(word("+CME ERROR: 100", 3, &GENERIC), "retry thrice");
        assert_eq!(word("+CME ERROR: 515", 3, &GENERIC), "busy");
    }

    #[test]
    fn makers_codes_follow_their_dialect() {
        let cinterion = dialects::by_name("cinterion").unwrap();
        assert_eq!(word("+CMS ERROR: 515", 3, cinterion), "retry");
        assert_eq!(word("+CMS ERROR: 530", 3, cinterion), "permanent");
        assert_eq!(word("+CMS ERROR: 556", 3, cinterion), "retry thrice");
    }

    #[test]
    fn no_code_is_without_a_verdict_and_every_reason_names_it() {
        for code in 0..=1023 {
            let end = Final::parse(format!("+CMS ERROR: {code}").as_bytes()).unwrap();
            if let Verdict::Failed(failure) = Verdict::of(&end, None, &GENERIC) {
                assert!(failure.reason.contains(&code.to_string()), "{}", failure.reason);
            }
        }
    }
}
