//! Ports behind which other addresses stand each day: containers, hosts of a fleet. That an address is new says nothing there.

use std::collections::{BTreeMap, BTreeSet};

use super::profile::{KeyKind, Profile};

/// Addresses of a port that only the one run has, and that only the other has, from which on the port is that of a pool.
const CHANGED_MIN: usize = 3;

/// Protocol, address, port.
type Parts<'n> = (&'n [u8], &'n [u8], &'n [u8]);

/// Protocols and ports of pools.
#[derive(Default)]
pub(super) struct Pools<'p> {
    ports: BTreeSet<(&'p [u8], &'p [u8])>,
    /// Networks of such ports whose addresses stay: protocol, network, port.
    fixed: BTreeSet<Parts<'p>>,
}

/// Addresses of one network that all runs have, for each that not all have, from which on addresses of that network stay.
const FIXED_MIN: usize = 3;

/// The first three numbers of an address, or all of it but what stands behind the last dot or colon.
pub(super) fn subnet(host: &[u8]) -> &[u8] {
    let end = host
        .iter()
        .rposition(|byte| matches!(byte, b'.' | b':'))
        .unwrap_or(host.len());
    host.get(..end).unwrap_or(host)
}

impl<'p> Pools<'p> {
    /// Ports with which each baseline that used them spoke at three addresses or more that the subject did not, and the other
    /// way round. Where fewer changed, each is worth telling.
    pub(super) fn find(baselines: &[&'p Profile], subject: &'p Profile) -> Self {
        let ours: BTreeSet<Parts<'p>> = peers(subject).map(|(_, parts)| parts).collect();
        let mut ports: BTreeSet<(&[u8], &[u8])> = BTreeSet::new();
        let mut stable: BTreeSet<(&[u8], &[u8])> = BTreeSet::new();
        for baseline in baselines {
            let theirs: BTreeSet<Parts<'p>> = peers(baseline).map(|(_, parts)| parts).collect();
            let of_theirs: BTreeSet<(&[u8], &[u8])> =
                theirs.iter().map(|parts| (parts.0, parts.2)).collect();
            for place in of_theirs {
                let changed = |one: &BTreeSet<Parts<'p>>, other: &BTreeSet<Parts<'p>>| {
                    one.iter()
                        .filter(|parts| (parts.0, parts.2) == place && !other.contains(*parts))
                        .count()
                        >= CHANGED_MIN
                };
                if changed(&theirs, &ours) && changed(&ours, &theirs) {
                    ports.insert(place);
                } else {
                    stable.insert(place);
                }
            }
        }
        ports.retain(|place| !stable.contains(place));
        let fixed = fixed(baselines, subject, &ports);
        Self { ports, fixed }
    }

    /// Whether the name of another end is an address of a pool.
    pub(super) fn holds(&self, name: &[u8]) -> bool {
        !self.ports.is_empty() && parts(name).is_some_and(|parts| self.is_of_pool(parts))
    }

    fn is_of_pool(&self, (protocol, host, port): Parts<'_>) -> bool {
        self.ports.contains(&(protocol, port))
            && !self.fixed.contains(&(protocol, subnet(host), port))
    }

    /// Names (by place of the key) that addresses of a baseline have in the subject: in the order in which each spoke with them.
    pub(super) fn names(&self, run: &'p Profile, subject: &'p Profile) -> BTreeMap<usize, Vec<u8>> {
        let mut names = BTreeMap::new();
        for place in &self.ports {
            let of_port = |profile: &'p Profile| -> Vec<(usize, Parts<'p>)> {
                peers(profile)
                    .filter(|(_, parts)| (parts.0, parts.2) == *place && self.is_of_pool(*parts))
                    .collect()
            };
            let (theirs, ours) = (of_port(run), of_port(subject));
            let only = |one: &[(usize, Parts<'p>)], other: &[(usize, Parts<'p>)]| -> Vec<usize> {
                one.iter()
                    .filter(|(_, parts)| !other.iter().any(|(_, others)| others == parts))
                    .map(|(key, _)| *key)
                    .collect()
            };
            for (key, other) in only(&theirs, &ours).into_iter().zip(only(&ours, &theirs)) {
                if let Some(other) = subject.keys.get(other) {
                    names.insert(key, other.name.clone());
                }
            }
        }
        names
    }
}

/// Networks in which nearly all addresses of a port are those of every run.
fn fixed<'p>(
    baselines: &[&'p Profile],
    subject: &'p Profile,
    ports: &BTreeSet<(&[u8], &[u8])>,
) -> BTreeSet<Parts<'p>> {
    let runs = || baselines.iter().copied().chain([subject]);
    let mut seen: BTreeMap<Parts<'p>, BTreeMap<&[u8], usize>> = BTreeMap::new();
    for run in runs() {
        let addresses: BTreeSet<Parts<'p>> = peers(run)
            .map(|(_, parts)| parts)
            .filter(|parts| ports.contains(&(parts.0, parts.2)))
            .collect();
        for (protocol, host, port) in addresses {
            let network = seen.entry((protocol, subnet(host), port)).or_default();
            *network.entry(host).or_default() += 1;
        }
    }
    let all = runs().count();
    seen.retain(|_, hosts| {
        let stays = hosts.values().filter(|count| **count == all).count();
        let comes = hosts.len() - stays;
        stays >= FIXED_MIN && comes * FIXED_MIN <= stays.max(FIXED_MIN * 2)
    });
    seen.into_keys().collect()
}

/// Other ends with an address, by place of the key.
fn peers(profile: &Profile) -> impl Iterator<Item = (usize, Parts<'_>)> {
    profile
        .keys
        .iter()
        .enumerate()
        .filter(|(_, key)| key.kind == KeyKind::Peer)
        .filter_map(|(place, key)| Some((place, parts(&key.name)?)))
}

/// `tcp 10.0.0.1:80` in its parts; `None` without an address or a port of its own.
fn parts(name: &[u8]) -> Option<Parts<'_>> {
    let space = name.iter().position(|byte| *byte == b' ')?;
    let colon = name.iter().rposition(|byte| *byte == b':')?;
    let (protocol, address) = (name.get(..space)?, name.get(space + 1..colon)?);
    let port = name.get(colon + 1..)?;
    let is_address = matches!(address.first(), Some(b'0'..=b'9' | b'['));
    (is_address && !port.is_empty() && port.iter().all(u8::is_ascii_digit))
        .then_some((protocol, address, port))
}

#[cfg(test)]
mod tests {
    use super::Pools;
    use crate::diff::profile::{Key, KeyKind, Profile};

    fn run(addresses: &[&str]) -> Profile {
        let keys = addresses.iter().map(|address| Key {
            kind: KeyKind::Peer,
            name: format!("tcp {address}").into_bytes(),
            ..Key::default()
        });
        Profile {
            keys: keys.collect(),
            ..Profile::default()
        }
    }

    #[test]
    fn addresses_that_change_by_the_handful_are_a_pool() {
        let before = run(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.9.9:5432"]);
        let now = run(&["10.0.0.7:80", "10.0.0.8:80", "10.0.0.9:80", "10.0.9.8:5432"]);
        let pools = Pools::find(&[&before], &now);
        assert!(pools.holds(b"tcp 10.0.0.200:80"));
        // One database that moved is told.
        assert!(!pools.holds(b"tcp 10.0.9.8:5432"));
        assert!(!pools.holds(b"udp 10.0.0.200:80"));
        let names = pools.names(&before, &now);
        assert_eq!(names.len(), 3);
        assert_eq!(
            names.get(&1).map(Vec::as_slice),
            Some(&b"tcp 10.0.0.8:80"[..])
        );
    }

    #[test]
    fn a_baseline_with_the_same_addresses_says_that_they_stay() {
        let before = run(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
        let now = run(&["10.0.0.7:80", "10.0.0.8:80", "10.0.0.9:80"]);
        let alike = run(&["10.0.0.7:80", "10.0.0.8:80", "10.0.0.9:80"]);
        assert!(!Pools::find(&[&before, &alike], &now).holds(b"tcp 10.0.0.7:80"));
        assert!(!Pools::find(&[&now], &now).holds(b"tcp 10.0.0.7:80"));
    }
}
