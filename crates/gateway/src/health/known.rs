//! Findings over time: since when each is the case, and which came, changed and went.

use std::collections::HashMap;

use message::{Finding, Level};

use super::room::CERTIFICATE;

/// The findings of the last round.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<Key, Finding>);

/// What makes a finding the same as one of the last round: subject and hint. The sentence may differ, since it holds
/// figures, but that of a certificate says which one it is about. Of several that are alike each keeps its place.
type Key = (String, String, usize);

impl Known {
    /// Gives each finding the time since when it is known, where that is earlier than what it says. What is news: each
    /// finding that came or changed its level, and with level OK each that is gone.
    pub(crate) fn compare(&mut self, findings: &mut [Finding]) -> Vec<(Finding, Level)> {
        let mut still: HashMap<Key, Finding> = HashMap::with_capacity(findings.len());
        let mut news = Vec::new();
        for finding in findings.iter_mut() {
            let key = free_key(&still, finding);
            let known = self.0.remove(&key);
            if let Some(known) = &known {
                finding.since = known.since.min(finding.since);
            }
            if known.is_none_or(|known| known.level != finding.level) {
                news.push((finding.clone(), finding.level));
            }
            still.insert(key, finding.clone());
        }
        let gone = std::mem::replace(&mut self.0, still).into_values();
        news.extend(gone.map(|finding| (finding, Level::Ok)));
        news
    }
}

fn free_key(taken: &HashMap<Key, Finding>, finding: &Finding) -> Key {
    let same = match finding.subject == CERTIFICATE {
        true => &finding.sentence,
        false => &finding.hint,
    };
    let mut key = (finding.subject.clone(), same.clone(), 0);
    while taken.contains_key(&key) {
        key.2 += 1;
    }
    key
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn found(level: Level, sentence: &str, second: i64) -> Finding {
        Finding {
            level,
            subject: "sim1".into(),
            sentence: sentence.into(),
            hint: "move the antenna".into(),
            since: Timestamp::from_second(second).unwrap(),
        }
    }

    fn news(known: &mut Known, mut findings: Vec<Finding>) -> (Vec<(String, Level)>, Vec<i64>) {
        let news = known.compare(&mut findings);
        let since = findings.iter().map(|finding| finding.since.as_second()).collect();
        (
            news.into_iter()
                .map(|(finding, level)| (finding.sentence, level))
                .collect(),
            since,
        )
    }

    #[test]
    fn the_time_is_that_of_the_first_round_while_it_lasts() {
        let mut known = Known::default();
        let warning = |sentence, second| found(Level::Warning, sentence, second);
        let told = |sentence: &str, level| vec![(sentence.to_owned(), level)];
        assert_eq!(
            news(&mut known, vec![warning("-105 dBm", 1)]),
            (told("-105 dBm", Level::Warning), vec![1])
        );
        assert_eq!(news(&mut known, vec![warning("-107 dBm", 2)]), (vec![], vec![1]));
        let worse = found(Level::Critical, "-113 dBm", 3);
        assert_eq!(
            news(&mut known, vec![worse]),
            (told("-113 dBm", Level::Critical), vec![1])
        );
        assert_eq!(news(&mut known, vec![]), (told("-113 dBm", Level::Ok), vec![]));
        assert_eq!(news(&mut known, vec![warning("-105 dBm", 9)]).1, [9], "it came anew");
    }

    #[test]
    fn two_with_the_same_hint_are_told_once_each() {
        let mut known = Known::default();
        let both = || {
            vec![
                found(Level::Warning, "SM is full", 1),
                found(Level::Warning, "ME is full", 1),
            ]
        };
        assert_eq!(news(&mut known, both()).0.len(), 2);
        assert_eq!(news(&mut known, both()).0, []);
    }
}
