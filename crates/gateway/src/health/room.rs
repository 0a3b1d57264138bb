//! What is wrong with what the gateway stands on: disk, database, certificate.

use jiff::Timestamp;
use message::{CertificateFacts, Complaint, Finding, Level};
use store::{FolderFacts, RoomFacts};

use super::finding;

/// Disk and database, as far as there is room, and their folder.
pub(crate) fn of_room(room: &RoomFacts, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(room.disk.complaint().map(|told| complaint("disk", told, now)));
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

/// The certificate that clients are shown.
pub(crate) fn of_certificate(certificate: &CertificateFacts, now: Timestamp) -> Option<Finding> {
    let told = certificate.complaint(now)?;
    Some(complaint(CERTIFICATE, told, now))
}

fn complaint(subject: &str, told: Complaint, now: Timestamp) -> Finding {
    finding(told.level, subject, told.sentence, told.hint, told.since.unwrap_or(now))
}

/// The subject of what is said of the certificate.
pub(super) const CERTIFICATE: &str = "certificate";

const WARNING_PERCENT: u64 = 90;
const CRITICAL_PERCENT: u64 = 98;

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
        assert_eq!(levels(&of_room(&with(DiskFacts::WARNING_FREE), at(0))), []);
        assert_eq!(
            levels(&of_room(&with(DiskFacts::WARNING_FREE - 1), at(0))),
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
        // Nor where both are about to expire, or both have expired.
        for (first, second) in [(at(145), soon), (soon, at(145)), (at(100), at(120))] {
            let mut known = Known::default();
            since(&mut known, first);
            assert_eq!(since(&mut known, second), since(&mut Known::default(), second));
        }
    }
}
