//! What falls due when: a heap of times, each with the event that belongs to it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Nanos;

/// Events in the order in which they fall due; those due at the same time keep the order of their setting.
#[derive(Debug)]
pub(crate) struct Timers<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    count: u64,
}

#[derive(Debug)]
struct Entry<E> {
    due: Nanos,
    order: u64,
    event: E,
}

impl<E> Timers<E> {
    pub(crate) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            count: 0,
        }
    }

    pub(crate) fn set(&mut self, due: Nanos, event: E) {
        self.count += 1;
        self.heap.push(Reverse(Entry {
            due,
            order: self.count,
            event,
        }));
    }

    /// When the next event falls due.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        self.heap.peek().map(|entry| entry.0.due)
    }

    /// The next event that is due by `now`.
    pub(crate) fn pop(&mut self, now: Nanos) -> Option<E> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|entry| entry.0.event)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_by_order_of_setting() {
        let mut timers = Timers::new();
        for (due, event) in [(20, 'c'), (10, 'a'), (10, 'b')] {
            timers.set(due, event);
        }
        assert_eq!(timers.pop(9), None);
        assert_eq!(
            (timers.pop(10), timers.pop(10), timers.pop(10)),
            (Some('a'), Some('b'), None)
        );
        assert_eq!(timers.next_due(), Some(20));
    }
}
