//! Bounds on how fast one address or tenant may send.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Senders that are remembered at once.
const SENDERS_MAX: usize = 4096;

/// Token buckets by sender, each holding one second's worth.
pub(super) struct RateLimiter<K> {
    per_second: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Copy + Eq + Hash> RateLimiter<K> {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second), buckets: Mutex::default() }
    }

    /// Whether one more from `sender` is within the rate.
    pub(super) fn admits(&self, sender: K, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |bucket: &Bucket| {
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.tokens + since * self.per_second).min(self.per_second)
        };
        if buckets.len() >= SENDERS_MAX && !buckets.contains_key(&sender) {
            // a full bucket remembers nothing; if all are busy, strangers wait
            buckets.retain(|_, bucket| filled(bucket) < self.per_second);
            if buckets.len() >= SENDERS_MAX {
                return false;
            }
        }
        let bucket = buckets.entry(sender).or_insert(Bucket { tokens: self.per_second, at: now });
        let tokens = filled(bucket);
        let admitted = tokens >= 1.0;
        *bucket = Bucket { tokens: if admitted { tokens - 1.0 } else { tokens }, at: now };
        admitted
    }

    /// Counts `more` that came with one that was admitted: what follows waits until they are made up for.
    pub(super) fn charge(&self, sender: K, more: usize) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&sender) {
            bucket.tokens -= f64::from(u32::try_from(more).unwrap_or(u32::MAX));
        }
    }
}

/// The sender that an address stands for: an IPv6 host commonly has a whole /64 to itself.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_address_has_its_own_second() {
        let limiter = RateLimiter::new(2);
        let start = Instant::now();
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        for (address, after_ms, expected) in [
            (one, 0, true),
            (one, 0, true),
            (one, 0, false),
            (other, 0, true),
            (one, 400, false),
            (one, 600, true),
            (one, 600, false),
            (one, 60_000, true),
            (one, 60_000, true),
            (one, 60_000, false),
        ] {
            let now = start + Duration::from_millis(after_ms);
            assert_eq!(limiter.admits(network(address), now), expected, "{address} after {after_ms} ms");
        }
    }

    #[test]
    fn memory_is_bounded_and_a_network_counts_once() {
        let limiter = RateLimiter::new(1);
        let now = Instant::now();
        let address = |text: &str| network(text.parse().unwrap());
        for host in 0..u32::try_from(SENDERS_MAX).unwrap() {
            assert!(limiter.admits(IpAddr::V4(host.into()), now));
        }
        assert!(!limiter.admits(address("203.0.113.1"), now));
        assert!(limiter.admits(address("203.0.113.1"), now + Duration::from_secs(2)));

        let limiter = RateLimiter::new(1);
        assert!(limiter.admits(address("2001:db8::1"), now));
        assert!(!limiter.admits(address("2001:db8::2"), now));
    }

    #[test]
    fn a_batch_is_made_up_for_by_waiting() {
        let limiter = RateLimiter::new(10);
        let start = Instant::now();
        assert!(limiter.admits('a', start));
        limiter.charge('a', 29);
        for (after_ms, expected) in [(0, false), (1900, false), (2200, true)] {
            assert_eq!(
                limiter.admits('a', start + Duration::from_millis(after_ms)),
                expected,
                "{after_ms} ms"
            );
        }
        limiter.charge('b', 1000);
        assert!(limiter.admits('b', start), "nobody is charged who was not admitted");
    }
}
