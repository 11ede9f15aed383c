//! Subnets of which parts are handed out in order.

use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A subnet, and how much of it is given already.
pub(super) struct Pool {
    net: IpNet,
    /// The length of a part that nobody asks to be larger.
    part: u8,
    given: u128,
    /// The first and the last address of each part that keeps who had it before.
    kept: BTreeMap<u128, u128>,
    /// Where the file names the pool, for the error when it is used up.
    span: Span,
}

/// Addresses that the file itself uses or has routes to, as ranges in their order without any overlap.
#[derive(Default)]
pub(super) struct Taken {
    ranges: [Vec<(u128, u128)>; 2],
}

impl Pool {
    /// A pool whose parts have this length.
    pub fn of(net: Spanned<IpNet>, part: u8) -> Self {
        Self { net: net.value.trunc(), part, given: 0, kept: BTreeMap::new(), span: net.span }
    }

    /// The first half, or all where a half would be less than a part.
    pub fn lower(mut self) -> Self {
        if let Some(half) = self.halves().and_then(|mut halves| halves.next()) {
            self.net = half;
        }
        self
    }

    /// The second half, or all where a half would be less than a part.
    pub fn upper(mut self) -> Self {
        if let Some(half) = self.halves().and_then(|mut halves| halves.nth(1)) {
            self.net = half;
        }
        self
    }

    /// Leaves out as many of the first parts as regions have at the most, so that regions of a power of
    /// two begin at prefixes of their own; a small pool is not so generous.
    pub fn begin_even(&mut self) {
        const REGION: u128 = 256;
        let bits = u32::from(self.part.saturating_sub(self.net.prefix_len()));
        let parts = 1u128.checked_shl(bits).unwrap_or(u128::MAX);
        if parts >= 16 * REGION {
            let width = u32::from(self.net.max_prefix_len() - self.part);
            self.given = REGION << width;
        }
    }

    fn halves(&self) -> Option<ipnet::IpSubnets> {
        let half = self.net.prefix_len() + 1;
        (half <= self.part).then(|| self.net.subnets(half).ok()).flatten()
    }

    /// The length of an address of its family.
    pub fn width(&self) -> u8 {
        self.net.max_prefix_len()
    }

    /// Whether a prefix covers it.
    pub fn lies_in(&self, net: IpNet) -> bool {
        net.contains(&self.net)
    }

    /// The length of its parts.
    pub fn part(&self) -> u8 {
        self.part
    }

    /// Sets a part aside for who had it before; whether it is of this pool, no smaller than what is needed
    /// now, and free.
    pub fn keep(&mut self, net: IpNet, part: u8, taken: &Taken) -> bool {
        let (first, last) = range(net);
        let is_free =
            taken.behind(net, first, last).is_none() && self.behind(first, last).is_none();
        let keeps = self.net.contains(&net) && net.prefix_len() <= part && is_free;
        if keeps {
            self.kept.insert(first, last);
        }
        keeps
    }

    /// The last address of what is set aside and ends last in a range.
    fn behind(&self, first: u128, last: u128) -> Option<u128> {
        let (_, end) = self.kept.range(..=last).next_back()?;
        Some(*end).filter(|end| *end >= first)
    }

    /// The next part that the file itself does not use.
    pub fn next(&mut self, taken: &Taken) -> Option<IpNet> {
        self.next_of(self.part, taken)
    }

    /// The next part of this length that the file itself does not use.
    pub fn next_of(&mut self, part: u8, taken: &Taken) -> Option<IpNet> {
        let width = self.net.max_prefix_len();
        let room = 1u128.checked_shl(u32::from(width - self.net.prefix_len())).unwrap_or(u128::MAX);
        let step = 1u128.checked_shl(u32::from(width.checked_sub(part)?))?;
        let base = number(self.net.addr());
        loop {
            let offset = self.given.checked_next_multiple_of(step)?;
            self.given = offset.checked_add(step)?;
            if part < self.net.prefix_len() || self.given > room {
                return None;
            }
            // Loopbacks begin at .1, so that none looks like a subnet's own address.
            if offset == 0 && part == width {
                continue;
            }
            let (first, last) = (base + offset, base + offset + (step - 1));
            let taken = taken.behind(self.net, first, last);
            if let Some(end) = taken.or_else(|| self.behind(first, last)) {
                // On behind what is taken there, however large it is.
                self.given = self.given.max((end - base).saturating_add(1));
                continue;
            }
            let first = match self.net.addr() {
                IpAddr::V4(_) => IpAddr::V4(u32::try_from(first).ok()?.into()),
                IpAddr::V6(_) => IpAddr::V6(first.into()),
            };
            return Some(IpNet::new(first, part).expect("a part is no longer than an address"));
        }
    }

    /// The error of a pool that is used up.
    pub fn exhausted(&self, asked: Span) -> Diagnostic {
        Diagnostic::error(Code::PoolExhausted, format!("the pool {} has nothing left", self.net))
            .at(asked, "for this")
            .beside(self.span, "this pool")
            .help("give `addressing` a larger one")
    }
}

impl Taken {
    /// What these subnets cover.
    pub fn of(nets: impl IntoIterator<Item = IpNet>) -> Self {
        let mut taken = Self::default();
        for net in nets {
            taken.ranges[usize::from(net.addr().is_ipv6())].push(range(net));
        }
        for ranges in &mut taken.ranges {
            ranges.sort_unstable();
            ranges.dedup_by(|next, kept| {
                let one = next.0 <= kept.1;
                if one {
                    kept.1 = kept.1.max(next.1);
                }
                one
            });
        }
        taken
    }

    /// The last address of what is taken in a range of `family`'s addresses.
    fn behind(&self, family: IpNet, first: u128, last: u128) -> Option<u128> {
        let ranges = &self.ranges[usize::from(family.addr().is_ipv6())];
        let place = ranges.partition_point(|(_, end)| *end < first);
        ranges.get(place).filter(|(start, _)| *start <= last).map(|(_, end)| *end)
    }
}

/// The first and the last address of a subnet.
fn range(net: IpNet) -> (u128, u128) {
    (number(net.network()), number(net.broadcast()))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}
