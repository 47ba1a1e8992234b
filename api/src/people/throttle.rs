//! How often somebody may try: token buckets in the memory of this process.
//!
//! What succeeds gives its token back, so that only failures count, and only its own buckets: signing in as oneself
//! refills nobody else's. Limits of an account, of networks and of the installation never shut out a device or an
//! address that has signed in to the account before. Who has many networks can make strangers to an account wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Kind};

/// Most buckets kept. One is forgotten when it is full again, which changes nothing.
const BUCKETS_MAX: usize = 100_000;

/// A limit: so many at once, then one every so many seconds.
#[derive(Debug, PartialEq)]
pub struct Rule {
    name: &'static str,
    burst: f64,
    every_s: f64,
}

const fn rule(name: &'static str, burst: u32, every_ms: u32) -> Rule {
    Rule { name, burst: burst as f64, every_s: every_ms as f64 / 1000.0 }
}

/// Failed sign-ins from one address, whoever it asks for.
pub const ADDRESS: Rule = rule("address", 30, 10_000);
/// Failed sign-ins to one account from one address.
pub const ACCOUNT_AT_ADDRESS: Rule = rule("account at address", 10, 60_000);
/// Failed sign-ins to one account from all addresses that never signed in to it.
pub const ACCOUNT: Rule = rule("account", 100, 36_000);
/// Failed sign-ins from one household or office, as [`networks`] has it: fewer than the installation bears.
pub const SIGN_INS_SITE: Rule = rule("sign-ins of a site", 100, 1_000);
/// Failed sign-ins from the network that it belongs to.
pub const SIGN_INS_NETWORK: Rule = rule("sign-ins of a network", 200, 500);
/// Failed sign-ins to the whole installation, but from known devices and addresses.
pub const SIGN_INS: Rule = rule("sign-ins", 300, 100);
/// Passwords that somebody who is signed in on a device shows wrongly, wherever it asks from: a stolen session guesses no
/// more.
pub const PASSWORD_OF_DEVICE: Rule = rule("password of device", 10, 60_000);
/// Wrong second factors of one account, by strangers together and by each device and place that is known; only who knows
/// the password gets here.
pub const SECOND_FACTOR: Rule = rule("second factor", 5, 300_000);
/// Letters to one person that somebody guesses at the second factor.
pub const WRONG_CODES_LETTER: Rule = rule("wrong codes letter", 1, 86_400_000);
/// Password resets asked for from one address.
pub const RESET_ADDRESS: Rule = rule("reset address", 10, 60_000);
/// Reset mails to one account.
pub const RESET_ACCOUNT: Rule = rule("reset account", 3, 900_000);
/// Password resets asked for from one household or office.
pub const RESETS_SITE: Rule = rule("resets of a site", 50, 10_000);
/// Password resets asked for from the network that it belongs to.
pub const RESETS_NETWORK: Rule = rule("resets of a network", 100, 5_000);
/// Password resets of the whole installation.
pub const RESETS: Rule = rule("resets", 300, 1_000);
/// Links tried from one address.
pub const LINK_ADDRESS: Rule = rule("link address", 30, 10_000);
/// Invitations of one firm.
pub const INVITATIONS: Rule = rule("invitations", 500, 10_000);
/// Invitation mails of one firm to one address.
pub const INVITATION_ACCOUNT: Rule = rule("invitation account", 5, 3_600_000);

/// A bucket that is asked for a token: the rule, and whose bucket it is.
pub type Bucket<'a> = (&'static Rule, &'a str);

#[derive(Clone, Copy)]
struct Level {
    tokens: f64,
    at: DateTime<Utc>,
}

/// All buckets. Whose they are is kept as a hash.
#[derive(Default)]
pub struct Throttle {
    levels: Mutex<HashMap<[u8; 16], (Level, &'static Rule)>>,
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Throttle")
    }
}

/// Why there was no token.
#[derive(Debug)]
pub struct Empty {
    /// The rule that says no.
    pub rule: &'static Rule,
    /// Seconds until it says yes.
    pub retry_after_s: u32,
}

impl From<Empty> for Failure {
    fn from(empty: Empty) -> Self {
        let detail = "Too many attempts. Try again after `Retry-After` seconds.";
        Self::new(Kind::TooMany, "too_many_attempts", detail).with_retry_after(empty.retry_after_s)
    }
}

impl Throttle {
    /// Takes one token from each bucket, or none from any.
    ///
    /// # Errors
    ///
    /// [`Empty`] naming the first bucket without one.
    pub fn take(&self, now: DateTime<Utc>, buckets: &[Bucket]) -> Result<(), Empty> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if levels.len() + buckets.len() > BUCKETS_MAX {
            make_room(&mut levels, now);
        }
        let mut taken = Vec::with_capacity(buckets.len());
        for (rule, whose) in buckets {
            let key = key(rule, whose);
            let tokens = levels.get(&key).map_or(rule.burst, |(level, _)| refilled(rule, *level, now));
            if tokens < 1.0 {
                // Whole seconds, at least one.
                let wait = ((1.0 - tokens) * rule.every_s).ceil().clamp(1.0, 86_400.0);
                return Err(Empty { rule, retry_after_s: wait as u32 });
            }
            taken.push((key, (Level { tokens: tokens - 1.0, at: now }, *rule)));
        }
        levels.extend(taken);
        Ok(())
    }

    /// Gives back what [`Self::take`] took: the attempt was no failure.
    pub fn give_back(&self, now: DateTime<Utc>, buckets: &[Bucket]) {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, whose) in buckets {
            if let Some((level, _)) = levels.get_mut(&key(rule, whose)) {
                *level = Level { tokens: (refilled(rule, *level, now) + 1.0).min(rule.burst), at: now };
            }
        }
    }
}

fn refilled(rule: &Rule, level: Level, now: DateTime<Utc>) -> f64 {
    let passed_s = (now - level.at).as_seconds_f64().max(0.0);
    (level.tokens + passed_s / rule.every_s).min(rule.burst)
}

fn key(rule: &Rule, whose: &str) -> [u8; 16] {
    let digest = Sha256::new().chain_update(rule.name).chain_update([0]).chain_update(whose).finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

/// Forgets full buckets. If that is not enough, a flood of made-up names fills the table: then it begins anew, and the
/// limits of the installation still hold.
fn make_room(levels: &mut HashMap<[u8; 16], (Level, &'static Rule)>, now: DateTime<Utc>) {
    levels.retain(|_, (level, rule)| refilled(rule, *level, now) < rule.burst);
    if levels.len() > BUCKETS_MAX / 2 {
        levels.retain(|_, (_, rule)| **rule == SIGN_INS || **rule == RESETS);
    }
}

/// Where somebody is, as far as limits go: the address, or the network of an IPv6 address, of which a household has
/// many.
pub fn place(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// The networks that somebody is in, each wider than [`place`]: what a household or an office is given (/56 of IPv6, the
/// address of IPv4), and what a provider hands out at once (/48, /24). One of them does not empty what all share.
pub fn networks(address: IpAddr) -> [String; 2] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            [address.to_string(), format!("{a}.{b}.{c}.0/24")]
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            [format!("{a:x}:{b:x}:{c:x}:{:x}::/56", d & 0xff00), format!("{a:x}:{b:x}:{c:x}::/48")]
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const TWO: Rule = rule("two", 2, 10_000);
    const THREE: Rule = rule("three", 3, 1_000);

    #[test]
    fn a_bucket_is_empty_after_its_burst_and_fills_again() {
        let (throttle, now) = (Throttle::default(), DateTime::UNIX_EPOCH);
        let mari = [(&TWO, "mari")];
        throttle.take(now, &mari).unwrap();
        throttle.take(now, &mari).unwrap();
        let empty = throttle.take(now, &mari).unwrap_err();
        assert_eq!((empty.rule, empty.retry_after_s), (&TWO, 10));
        throttle.take(now, &[(&TWO, "jaan")]).unwrap();
        assert_eq!(throttle.take(now + TimeDelta::seconds(4), &mari).unwrap_err().retry_after_s, 6);
        throttle.take(now + TimeDelta::seconds(10), &mari).unwrap();
        // A clock that goes back gives nothing and takes nothing.
        throttle.take(now - TimeDelta::days(1), &mari).unwrap_err();
    }

    #[test]
    fn all_buckets_or_none_and_success_gives_back_its_own_only() {
        let (throttle, now) = (Throttle::default(), DateTime::UNIX_EPOCH);
        let both = [(&TWO, "mari"), (&THREE, "here")];
        let other = [(&TWO, "jaan"), (&THREE, "here")];
        throttle.take(now, &both).unwrap();
        throttle.take(now, &both).unwrap();
        assert_eq!(throttle.take(now, &both).unwrap_err().rule, &TWO, "and takes nothing from the other");
        throttle.take(now, &other).unwrap();
        assert_eq!(throttle.take(now, &other).unwrap_err().rule, &THREE);
        throttle.give_back(now, &other);
        assert_eq!(throttle.take(now, &both).unwrap_err().rule, &TWO, "mari's bucket stays as it was");
        throttle.take(now, &other).unwrap();
    }

    #[test]
    fn a_flood_of_names_is_bounded() {
        let (throttle, now) = (Throttle::default(), DateTime::UNIX_EPOCH);
        for n in 0..BUCKETS_MAX + 10 {
            throttle.take(now, &[(&TWO, &n.to_string())]).unwrap();
        }
        assert!(throttle.levels.lock().unwrap().len() <= BUCKETS_MAX);
    }

    #[test]
    fn ipv6_counts_by_network() {
        let network = |text: &str| place(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn one_network_does_not_empty_what_all_share() {
        let (throttle, now) = (Throttle::default(), DateTime::UNIX_EPOCH);
        let attempt = |address: &str| {
            let address: IpAddr = address.parse().unwrap();
            let ([site, network], place) = (networks(address), place(address));
            let buckets = [
                (&ADDRESS, place.as_str()),
                (&SIGN_INS_SITE, site.as_str()),
                (&SIGN_INS_NETWORK, network.as_str()),
                (&SIGN_INS, ""),
            ];
            throttle.take(now, &buckets).map_err(|empty| empty.rule)
        };
        // A household has 256 networks of /64, each with attempts of its own.
        let mut last = Ok(());
        for n in 0..256 {
            last = attempt(&format!("2001:db8:1:{n:x}::1"));
        }
        assert_eq!(last, Err(&SIGN_INS_SITE));
        // So have its two neighbours, up to what the network of all of them has.
        for n in 0..512 {
            last = attempt(&format!("2001:db8:1:{:x}::1", 0x100 + n));
        }
        assert_eq!(last, Err(&SIGN_INS_NETWORK));
        assert_eq!(attempt("2001:db8:2::1"), Ok(()));
        for n in 0..256 {
            last = attempt(&format!("192.0.2.{n}"));
        }
        assert_eq!(last, Err(&SIGN_INS), "two networks together empty it");
        let [site, network] = networks("192.0.2.7".parse().unwrap());
        assert_eq!((site.as_str(), network.as_str()), ("192.0.2.7", "192.0.2.0/24"));
        assert_eq!(networks("2001:db8:1:2ab::1".parse().unwrap())[0], "2001:db8:1:200::/56");
    }
}
