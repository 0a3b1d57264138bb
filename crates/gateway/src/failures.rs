//! Who shows wrong secrets: counted, and locked out for a while.

use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;

/// Who counts as one client: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Neighbour(IpAddr);

impl Neighbour {
    /// The neighbour at this address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(four) => Self(IpAddr::V4(four)),
            IpAddr::V6(six) => Self(IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX)))),
        }
    }
}

impl fmt::Display for Neighbour {
    /// An address of four parts, or a network such as `2001:db8::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(four) => four.fmt(f),
            IpAddr::V6(six) => write!(f, "{six}/64"),
        }
    }
}

/// The failures of everybody, by who counts as one. A failure counts for a minute; who used up the quota is locked out for
/// another.
pub struct Failures<K = Neighbour>
where
    K: Hash + Eq + Clone,
{
    quota: DefaultKeyedRateLimiter<K>,
    locked: Cache<K, Instant>,
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Failures<K> {
    /// Nobody failed yet; everybody may so often in a minute.
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self {
            quota: RateLimiter::keyed(Quota::per_minute(per_minute)),
            locked: Cache::builder().max_capacity(TABLE).time_to_live(LOCKOUT).build(),
        }
    }

    /// How long they stay locked out, if they are.
    pub fn lockout(&self, who: &K) -> Option<Duration> {
        let since = self.locked.get(who)?;
        Some(LOCKOUT.saturating_sub(since.elapsed()))
    }

    /// Counts a wrong secret.
    pub fn count(&self, who: &K) {
        if self.quota.check_key(who).is_err() {
            self.locked.insert(who.clone(), Instant::now());
        }
        if self.quota.len() > usize::try_from(TABLE).unwrap_or(usize::MAX) {
            self.quota.retain_recent();
        }
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for Failures<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures").finish_non_exhaustive()
    }
}

const LOCKOUT: Duration = Duration::from_secs(60);

/// How many are kept in mind; above it, those whose failures are old are forgotten.
const TABLE: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_an_address_or_a_network() {
        let of = |text: &str| Neighbour::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
    }

    #[test]
    fn an_address_is_told_as_people_write_it() {
        let told = |address: &str| Neighbour::of(address.parse().expect("an address")).to_string();
        assert_eq!(told("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(told("2001:db8::1:2:3"), "2001:db8::/64");
    }

    #[test]
    fn the_quota_is_taken_whole_before_the_door_closes() {
        let failures = Failures::new(NonZeroU32::new(3).expect("not zero"));
        let (one, other) = (
            Neighbour::of([192, 0, 2, 1].into()),
            Neighbour::of([192, 0, 2, 2].into()),
        );
        for _ in 0..3 {
            failures.count(&one);
            assert_eq!(failures.lockout(&one), None);
        }
        failures.count(&one);
        assert!(
            failures
                .lockout(&one)
                .is_some_and(|left| left > Duration::from_secs(50))
        );
        assert_eq!(failures.lockout(&other), None);
    }
}
