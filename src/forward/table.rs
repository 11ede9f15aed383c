//! A table of routes, and the longest prefix that has an address.

use super::device::DeviceIndex;
use super::evidence::Evidence;
use crate::compile::Route;
use crate::iproute::RouteKind;
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// A table of one family.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    routes: HashMap<IpNet, Vec<Entry<'a>>>,
    lengths: BTreeSet<u8>,
}

/// A route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub kind: RouteKind,
    pub metric: u32,
    /// The type of service that it is for.
    pub tos: Option<u8>,
    pub source: Option<IpAddr>,
    pub leads: EntryTarget<'a>,
    pub evidence: Evidence<'a>,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy)]
pub(super) enum EntryTarget<'a> {
    /// As it says.
    Said(&'a Route),
    /// To a device itself: the kernel's own.
    Device(DeviceIndex),
}

impl<'a> Table<'a> {
    pub(super) fn insert(&mut self, destination: IpNet, entry: Entry<'a>) {
        self.lengths.insert(destination.prefix_len());
        let entries = self.routes.entry(destination).or_default();
        // The kernel tries those with a type of service before those for all, then by metric.
        let rank = |entry: &Entry<'_>| (entry.tos.is_none(), entry.metric);
        let place = entries.partition_point(|other| rank(other) <= rank(&entry));
        entries.insert(place, entry);
    }

    /// All destinations with their routes.
    pub(super) fn all(&self) -> impl Iterator<Item = (IpNet, &[Entry<'a>])> {
        self.routes.iter().map(|(destination, entries)| (*destination, entries.as_slice()))
    }

    /// The routes that have an address in the order in which the kernel tries them, each with the length
    /// of its prefix.
    pub(super) fn matching(&self, address: IpAddr) -> impl Iterator<Item = (u8, &Entry<'a>)> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        self.lengths.iter().rev().filter(move |length| **length <= most).flat_map(move |length| {
            let net = IpNet::new(address, *length).ok().map(|net| net.trunc());
            let entries = net.and_then(|net| self.routes.get(&net));
            entries.into_iter().flatten().map(move |entry| (*length, entry))
        })
    }
}
