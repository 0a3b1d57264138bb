//! What is wrong with what the gateway stands on: disk, database, certificate.

use jiff::{SignedDuration, Timestamp};
use message::{CertificateFacts, Finding, Level};
use store::{FolderFacts, RoomFacts};

use super::finding;

/// Disk and database, as far as there is room, and their folder.
pub(crate) fn of_room(room: &RoomFacts, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let free = room.disk.free;
    if free < WARNING_FREE {
        let level = match free < CRITICAL_FREE {
            true => Level::Critical,
            false => Level::Warning,
        };
        let sentence = format!("{} MB are free on the disk of the database", free / MEGABYTE);
        let hint = "make room: a full disk stops sending and receiving, though nothing is lost";
        findings.push(finding(level, "disk", sentence, hint, now));
    }
    let share = |limit: u64| room.database.used.saturating_mul(100) / limit.max(1);
    if let Some(limit) = room.database.limit.filter(|limit| share(*limit) >= WARNING_PERCENT) {
        let level = match share(limit) >= CRITICAL_PERCENT {
            true => Level::Critical,
            false => Level::Warning,
        };
        let sentence = format!("the database holds {} % of what `store.max_size` allows", share(limit));
        let hint = "raise `store.max_size`, or keep less: see `[retention]`";
        findings.push(finding(level, "database", sentence, hint, now));
    }
    // Refusing to start would be safer, and would end gateways that run today with an upgrade.
    if let Some((sentence, hint)) = room.folder.as_ref().and_then(FolderFacts::complaint) {
        findings.push(finding(Level::Warning, "data", sentence, &hint, now));
    }
    findings
}

/// The certificate that clients are shown. What is wrong with it began so long before its end.
pub(crate) fn of_certificate(certificate: &CertificateFacts, now: Timestamp) -> Option<Finding> {
    let CertificateFacts { not_before, not_after } = *certificate;
    // Two hints, since one that expires is another thing than the one before it that had expired.
    let renew = "renew it; a changed file is taken up without a restart";
    let renew_soon = "renew it before that; a changed file is taken up without a restart";
    let found = |level, sentence, hint, since| Some(finding(level, "certificate", sentence, hint, since));
    if now < not_before {
        let sentence = format!("it is not valid before {not_before:.0}");
        return found(
            Level::Critical,
            sentence,
            "set the clock, or use another certificate",
            now,
        );
    }
    if not_after <= now {
        return found(
            Level::Critical,
            format!("it expired on {not_after:.0}"),
            renew,
            not_after,
        );
    }
    let left = not_after.duration_since(now);
    let level = match left {
        left if left < URGENT => Level::Critical,
        left if left < SOON => Level::Warning,
        _ => return None,
    };
    found(
        level,
        format!("it expires on {not_after:.0}"),
        renew_soon,
        not_after - SOON,
    )
}

const MEGABYTE: u64 = 1_000_000;

/// As the doctor judges it.
const CRITICAL_FREE: u64 = 50 * MEGABYTE;
const WARNING_FREE: u64 = 500 * MEGABYTE;

const WARNING_PERCENT: u64 = 90;
const CRITICAL_PERCENT: u64 = 98;

const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
const URGENT: SignedDuration = SignedDuration::from_hours(3 * 24);

#[cfg(test)]
mod tests {
    use message::{DatabaseFacts, DiskFacts};

    use super::*;
    use crate::health::Known;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
    }

    fn levels(findings: &[Finding]) -> Vec<(&str, Level)> {
        findings
            .iter()
            .map(|found| (found.subject.as_str(), found.level))
            .collect()
    }

    #[test]
    fn a_disk_is_told_before_it_is_full() {
        let with = |free| RoomFacts {
            disk: DiskFacts { free, size: 1 << 40 },
            database: DatabaseFacts::default(),
            folder: None,
        };
        assert_eq!(levels(&of_room(&with(WARNING_FREE), at(0))), []);
        assert_eq!(
            levels(&of_room(&with(WARNING_FREE - 1), at(0))),
            [("disk", Level::Warning)]
        );
        assert_eq!(levels(&of_room(&with(0), at(0))), [("disk", Level::Critical)]);
    }

    #[test]
    fn a_quota_is_told_before_it_is_used_up() {
        let with = |used| RoomFacts {
            disk: DiskFacts {
                free: 1 << 40,
                size: 1 << 40,
            },
            database: DatabaseFacts {
                used,
                limit: Some(1000),
                ..DatabaseFacts::default()
            },
            folder: None,
        };
        assert_eq!(levels(&of_room(&with(899), at(0))), []);
        assert_eq!(levels(&of_room(&with(900), at(0))), [("database", Level::Warning)]);
        assert_eq!(levels(&of_room(&with(980), at(0))), [("database", Level::Critical)]);
    }

    #[test]
    fn a_folder_that_everybody_may_write_in_is_told_with_its_cure() {
        let with = |mode| RoomFacts {
            disk: DiskFacts {
                free: 1 << 40,
                size: 1 << 40,
            },
            database: DatabaseFacts::default(),
            folder: Some(FolderFacts {
                path: "/var/lib/simrelay".into(),
                mode,
            }),
        };
        assert_eq!(levels(&of_room(&with(0o750), at(0))), []);
        let found = of_room(&with(0o777), at(0));
        assert_eq!(levels(&found), [("data", Level::Warning)]);
        assert!(found[0].hint.starts_with("chmod o-w /var/lib/simrelay"), "{found:?}");
    }

    #[test]
    fn a_certificate_is_told_two_weeks_before_its_end() {
        let certificate = CertificateFacts {
            not_before: at(0),
            not_after: at(100),
        };
        let level = |day| of_certificate(&certificate, at(day)).map(|found| found.level);
        assert_eq!(
            [-1, 0, 85, 87, 98, 100].map(level),
            [
                Some(Level::Critical),
                None,
                None,
                Some(Level::Warning),
                Some(Level::Critical),
                Some(Level::Critical)
            ]
        );
        let since = of_certificate(&certificate, at(99)).map(|found| found.since);
        assert_eq!(since, Some(at(86)), "the same whenever it is looked at");
    }

    #[test]
    fn a_new_certificate_is_not_told_since_the_time_of_the_old_one() {
        let since = |known: &mut Known, not_after| {
            let certificate = CertificateFacts {
                not_before: at(0),
                not_after,
            };
            let mut found = Vec::from_iter(of_certificate(&certificate, at(140)));
            known.compare(&mut found);
            found.first().map(|found| found.since)
        };
        let (expired, soon) = (at(100), at(147));
        let mut known = Known::default();
        assert_eq!(since(&mut known, expired), Some(expired));
        let told = since(&mut known, soon);
        assert_eq!(told, Some(at(133)), "it takes nothing over from the one before it");
        assert_eq!(since(&mut Known::default(), soon), told, "a restart changes nothing");
        assert_eq!(since(&mut Known::default(), expired), Some(expired));
    }
}
