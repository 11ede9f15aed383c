//! What is known of prefixes, found by an address that is in them.

use super::family::IpFamily;
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// What is known of prefixes. A lookup costs as much as there are lengths of prefixes, however many
/// prefixes there are.
#[derive(Debug)]
pub(super) struct Prefixes<T> {
    of: HashMap<IpNet, Vec<T>>,
    /// The lengths in each family.
    lengths: [BTreeSet<u8>; 2],
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self { of: HashMap::new(), lengths: Default::default() }
    }
}

impl<T> Extend<(IpNet, T)> for Prefixes<T> {
    fn extend<I: IntoIterator<Item = (IpNet, T)>>(&mut self, more: I) {
        for (net, known) in more {
            self.lengths[IpFamily::of(net.addr()).index()].insert(net.prefix_len());
            self.of.entry(net.trunc()).or_default().push(known);
        }
    }
}

impl<T> FromIterator<(IpNet, T)> for Prefixes<T> {
    fn from_iter<I: IntoIterator<Item = (IpNet, T)>>(all: I) -> Self {
        let mut prefixes = Self::default();
        prefixes.extend(all);
        prefixes
    }
}

impl<T> Prefixes<T> {
    /// What is known of one prefix, in the order in which it was added.
    pub fn at(&self, net: IpNet) -> &[T] {
        self.of.get(&net).map_or(&[], Vec::as_slice)
    }

    /// What is known of the prefixes that contain an address, the longest first.
    pub fn containing(&self, address: IpAddr) -> impl Iterator<Item = &[T]> {
        let lengths = self.lengths[IpFamily::of(address).index()].iter().rev();
        let nets = lengths.filter_map(move |length| IpNet::new(address, *length).ok());
        nets.map(|net| self.at(net.trunc())).filter(|known| !known.is_empty())
    }

    /// Whether a prefix contains an address.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.containing(address).next().is_some()
    }
}
