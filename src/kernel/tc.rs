//! What the messages about queues, their classes and their filters are made of.

use rtnetlink::packet_core::{DefaultNla, Emitable, NlasIterator};
use std::collections::BTreeMap;

/// `TCA_KIND` and `TCA_OPTIONS`.
pub(super) const KIND: u16 = 1;
pub(super) const OPTIONS: u16 = 2;
/// `TC_LINKLAYER_ETHERNET`, with which the kernel needs no table of times.
pub(super) const ETHERNET: u32 = 1;

/// Numbers one behind the other.
pub(super) fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// Attributes, each of its kind.
pub(super) fn attributes(list: Vec<(u16, Vec<u8>)>) -> Vec<u8> {
    let list: Vec<DefaultNla> =
        list.into_iter().map(|(kind, value)| DefaultNla::new(kind, value)).collect();
    let mut bytes = vec![0; list.as_slice().buffer_len()];
    list.as_slice().emit(&mut bytes);
    bytes
}

/// Attributes by their kinds.
pub(super) fn parsed(bytes: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let all = NlasIterator::new(bytes).flatten();
    all.map(|attribute| (attribute.kind(), attribute.value().to_vec())).collect()
}

/// The number of 32 bits at a place.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// That of 64 bits.
pub(super) fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
