//! What an upstream handed over and has no answer to yet: each PDU that the gateway keeps has a place here, and when all
//! of a deliver_sm are kept, its connection is told to answer.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use message::Memory;
use tokio::sync::mpsc;

/// The places of one upstream.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    next_index: u16,
    next_letter: u64,
    /// Which letter each place belongs to.
    taken: HashMap<u16, u64>,
    letters: HashMap<u64, Letter>,
}

/// A deliver_sm.
#[derive(Debug)]
struct Letter {
    /// Its places that are not kept yet.
    left: usize,
    /// Its connection.
    tell: mpsc::Sender<u64>,
}

impl Places {
    /// A letter of so many PDUs, whose end is told to `tell`: its number, and their places. Nothing where too much waits.
    pub(crate) fn open(&self, pdus: usize, tell: &mpsc::Sender<u64>) -> Option<(u64, Vec<Memory>)> {
        let mut inner = self.lock();
        if pdus == 0 || inner.taken.len() + pdus > MOST {
            return None;
        }
        inner.next_letter += 1;
        let letter = inner.next_letter;
        let places = (0..pdus).map(|_| inner.take(letter)).collect();
        let tell = tell.clone();
        inner.letters.insert(letter, Letter { left: pdus, tell });
        Some((letter, places))
    }

    /// What lies there is kept. A place that is free already is no error: its letter was answered with "later".
    pub(crate) fn kept(&self, place: Memory) {
        let mut inner = self.lock();
        let Some(number) = inner.taken.remove(&place.index) else {
            return;
        };
        let Some(letter) = inner.letters.get_mut(&number) else {
            return;
        };
        letter.left -= 1;
        if letter.left > 0 {
            return;
        }
        if let Some(letter) = inner.letters.remove(&number) {
            // There is room for every letter of a connection; one that has ended needs no word.
            let _ = letter.tell.try_send(number);
        }
    }

    /// Nobody waits for this letter any more.
    pub(crate) fn forget(&self, letter: u64) {
        let mut inner = self.lock();
        if inner.letters.remove(&letter).is_some() {
            inner.taken.retain(|_, taken| *taken != letter);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The next free place. There is one: no more than [`MOST`] are taken.
    fn take(&mut self, letter: u64) -> Memory {
        while self.taken.contains_key(&self.next_index) {
            self.next_index = self.next_index.wrapping_add(1);
        }
        let index = self.next_index;
        self.next_index = index.wrapping_add(1);
        self.taken.insert(index, letter);
        Memory {
            name: Memory::UNANSWERED,
            index,
        }
    }
}

/// Places that may be taken; the upstream is answered "later" beyond.
const MOST: usize = 32_768;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_answered_when_all_of_it_is_kept() {
        let places = Places::default();
        let (tell, mut told) = mpsc::channel(4);
        let (first, lies) = places.open(2, &tell).unwrap();
        let (second, other) = places.open(1, &tell).unwrap();
        places.kept(lies[0]);
        assert!(told.try_recv().is_err());
        places.kept(other[0]);
        places.kept(lies[1]);
        places.kept(lies[1]);
        assert_eq!((told.try_recv(), told.try_recv()), (Ok(second), Ok(first)));
        assert!(told.try_recv().is_err(), "once");
    }

    #[test]
    fn what_is_forgotten_is_told_no_more_and_its_places_are_free() {
        let places = Places::default();
        let (tell, mut told) = mpsc::channel(4);
        let (letter, lies) = places.open(3, &tell).unwrap();
        places.kept(lies[0]);
        places.forget(letter);
        places.kept(lies[1]);
        assert!(told.try_recv().is_err());
        assert!(places.lock().taken.is_empty());
        assert!(places.open(MOST, &tell).is_some());
        assert!(places.open(1, &tell).is_none(), "full");
    }
}
