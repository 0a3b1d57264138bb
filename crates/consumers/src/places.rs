//! Places for connections, for every listener.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for connections: so many in all, so many a neighbour.
pub struct Places {
    free: Arc<Semaphore>,
    all: u32,
    each: u32,
    taken: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection's place, free again when it is dropped.
pub struct Place {
    neighbour: IpAddr,
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// So many in all, so many for each neighbour.
    pub fn new(all: u32, each: u32) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(all as usize)),
            all,
            each,
            taken: Mutex::default(),
        })
    }

    /// Waits until a place is free.
    pub async fn some_free(&self) {
        let _ = self.free.acquire().await;
    }

    /// A place for somebody; `None` where none is free, or they have as many as they may.
    pub fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let neighbour = neighbour(peer);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(neighbour).or_default();
        if *own >= self.each {
            return None;
        }
        *own += 1;
        Some(Place {
            neighbour,
            places: Arc::clone(self),
            _permit: permit,
        })
    }

    /// Waits until every connection has ended.
    pub async fn all_free(&self) {
        let _ = self.free.acquire_many(self.all).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = taken.get_mut(&self.neighbour) else {
            return;
        };
        *own -= 1;
        if *own == 0 {
            taken.remove(&self.neighbour);
        }
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Places({} of {} free)", self.free.available_permits(), self.all)
    }
}

/// Who counts as one client: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer is given.
fn neighbour(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(four) => IpAddr::V4(four),
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_takes_no_more_than_its_own() {
        let places = Places::new(3, 2);
        let [one, two]: [IpAddr; 2] = ["192.0.2.1", "::ffff:192.0.2.1"].map(|text| text.parse().expect("an address"));
        let held = [places.take(one), places.take(two)];
        assert!(held.iter().all(Option::is_some) && places.take(one).is_none());
        let other = places.take("2001:db8::1".parse().expect("an address"));
        assert!(other.is_some() && places.take("198.51.100.1".parse().expect("an address")).is_none());
        drop(held);
        assert!(places.take(one).is_some());
    }
}
