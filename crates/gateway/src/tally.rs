//! What is counted as it happens, from the gateway's start on. Whoever does something counts it here; the snapshot shows
//! it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use message::Counted;

/// The counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<Counted, u64>>>);

impl Tally {
    /// It happened once more.
    pub fn count(&self, what: Counted) {
        let mut counts = self.lock();
        if let Some(times) = counts.get_mut(&what) {
            *times += 1;
            return;
        }
        let what = match counts.len() < MOST {
            true => what,
            false => what.without_particulars(),
        };
        *counts.entry(what).or_default() += 1;
    }

    /// It may happen: shown from now on, so that its first time is a rise from 0.
    pub fn expect(&self, what: Counted) {
        self.lock().entry(what).or_default();
    }

    /// Everything that was counted, in its order.
    pub(crate) fn counts(&self) -> Vec<(Counted, u64)> {
        self.lock().iter().map(|(what, times)| (what.clone(), *times)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Counted, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many different things are counted each by itself. Beyond it, those whose words come from outside are one.
const MOST: usize = 500;

#[cfg(test)]
mod tests {
    use message::Api;

    use super::*;

    fn alert(event: usize) -> Counted {
        Counted::Alert {
            source: "dvr".into(),
            event: format!("EVENT_{event}"),
        }
    }

    #[test]
    fn endless_new_words_of_alerts_are_counted_as_one_thing() {
        let tally = Tally::default();
        tally.expect(Counted::Submitted(Api::Mail));
        (0..2 * MOST).for_each(|event| tally.count(alert(event)));
        tally.count(alert(0));
        tally.count(Counted::Submitted(Api::Smpp));
        let counts = tally.counts();
        assert!(counts.len() <= MOST + 2, "{}", counts.len());
        let of = |what: &Counted| counts.iter().find(|(known, _)| known == what).map(|(_, times)| *times);
        assert_eq!(of(&alert(0)), Some(2));
        assert_eq!(of(&alert(0).without_particulars()), Some(1 + MOST as u64));
        assert_eq!(of(&Counted::Submitted(Api::Mail)), Some(0));
        assert_eq!(of(&Counted::Submitted(Api::Smpp)), Some(1));
    }
}
