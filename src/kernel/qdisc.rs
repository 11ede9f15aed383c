//! Queueing disciplines as netlink messages, and back.
//!
//! The options of netem begin with a bare structure and those of tbf are attributes, as
//! `linux/pkt_sched.h` has them; the crates know neither.

use super::tc::{ETHERNET, KIND, OPTIONS, attributes, long, parsed, word, words};
use super::{class, distribution};
use crate::iproute::{
    Chance, Delay, FqCodel, Leaf, LinkRate, Loss, Netem, Peak, Police, Prio, Queue, Rate, Reorder,
    Share, Size, Slot, Tbf, Time, shown,
};
use crate::plan::Qdisc;
use rtnetlink::packet_core::{DefaultNla, NLA_F_NESTED};
use rtnetlink::packet_route::tc::{TcAttribute, TcHandle, TcMessage};

/// The device itself, above all queues.
const ROOT: u32 = u32::MAX;
/// The root queue's handle, `1:`; the class in it, `1:1`; and the handle of what hangs there, `10:`.
const FIRST: u32 = 0x0001_0000;
const CLASS: u32 = 0x0001_0001;
const CHILD: u32 = 0x0010_0000;
/// What hangs behind that, `20:`.
const GRANDCHILD: u32 = 0x0020_0000;
/// The way in, and the handle of what is there, `ffff:`.
const INGRESS: u32 = 0xffff_fff1;
const INGRESS_HANDLE: u32 = 0xffff_0000;
/// The priority 1 and all protocols, `ETH_P_ALL` in the order of the network.
const FILTER: u32 = (1 << 16) | 0x0003_u16.to_be() as u32;

/// Attributes of netem.
mod netem {
    pub const CORRELATIONS: u16 = 1;
    pub const DISTRIBUTION: u16 = 2;
    pub const REORDER: u16 = 3;
    pub const CORRUPT: u16 = 4;
    pub const LOSS: u16 = 5;
    pub const RATE: u16 = 6;
    pub const ECN: u16 = 7;
    pub const RATE64: u16 = 8;
    pub const LATENCY64: u16 = 10;
    pub const JITTER64: u16 = 11;
    pub const SLOT: u16 = 12;
    /// Inside `LOSS`.
    pub const LOSS_STATE: u16 = 1;
    pub const LOSS_GEMODEL: u16 = 2;
    /// The bytes of the structure in front.
    pub const HEAD: usize = 24;
}

/// Attributes of tbf.
mod tbf {
    pub const PARAMETERS: u16 = 1;
    pub const RATE64: u16 = 4;
    pub const PEAK64: u16 = 5;
    pub const BURST: u16 = 6;
    pub const PEAK_BURST: u16 = 7;
}

/// Attributes of fq_codel.
mod fq_codel {
    pub const TARGET: u16 = 1;
    pub const LIMIT: u16 = 2;
    pub const INTERVAL: u16 = 3;
    pub const ECN: u16 = 4;
    pub const FLOWS: u16 = 5;
    pub const QUANTUM: u16 = 6;
}

/// Attributes of the filter for all packets, of its actions, and of the one that polices.
mod police {
    pub const ACTIONS: u16 = 2;
    pub const KIND: u16 = 1;
    pub const OPTIONS: u16 = 2;
    pub const PARAMETERS: u16 = 1;
    pub const RATE: u16 = 2;
    pub const RATE64: u16 = 8;
    /// `TC_ACT_SHOT`: what is too much is dropped.
    pub const DROP: u32 = 2;
    /// The bytes of the table of times that the kernel wants, and looks at no more; and the logarithm of
    /// the sizes that one of its entries stands for.
    pub const TABLE: usize = 1024;
    pub const CELL: u8 = 3;
}

/// The message that puts a queue on the device of this index.
pub(super) fn message(index: u32, qdisc: &Qdisc) -> TcMessage {
    let (kind, options) = match qdisc {
        Qdisc::Netem(netem) => ("netem", netem_options(netem)),
        Qdisc::Tbf { tbf, .. } => ("tbf", tbf_options(tbf)),
        Qdisc::Leaf { leaf: Leaf::FqCodel(flows), .. } => ("fq_codel", fq_codel_options(*flows)),
        Qdisc::Leaf { leaf: Leaf::Prio(prio), .. } => ("prio", prio_options(*prio)),
        Qdisc::Leaf { leaf: Leaf::Htb(htb), .. } => ("htb", class::htb_options(*htb)),
        Qdisc::Class { class, .. } => ("htb", class::class_options(*class)),
        Qdisc::Filter { filter, .. } => {
            let (kind, _, _, options) = class::filter_options(filter, qdisc.place().major());
            (kind, options)
        }
        Qdisc::Ingress => ("ingress", Vec::new()),
        Qdisc::Police(police) => ("matchall", police_options(*police)),
    };
    let mut message = place(index, qdisc);
    message.attributes = vec![TcAttribute::Kind(kind.to_owned())];
    if *qdisc != Qdisc::Ingress {
        message.attributes.push(TcAttribute::Other(DefaultNla::new(OPTIONS, options)));
    }
    message
}

/// The message that says where a queue is, which deletes it: below it there is no other one then.
pub(super) fn place(index: u32, qdisc: &Qdisc) -> TcMessage {
    let queue = u32::from(qdisc.place().major()) << 16;
    let (parent, handle, info) = match qdisc {
        Qdisc::Netem(_) | Qdisc::Tbf { .. } | Qdisc::Leaf { .. } => match queue {
            FIRST => (ROOT, FIRST, 0),
            CHILD => (CLASS, CHILD, 0),
            _ => (CHILD + 1, GRANDCHILD, 0),
        },
        Qdisc::Class { class, .. } => {
            let parent = class.parent.unwrap_or(0);
            (queue | u32::from(parent), queue | u32::from(class.id), 0)
        }
        Qdisc::Filter { filter, prio, .. } => {
            let (_, protocol, handle, _) = class::filter_options(filter, qdisc.place().major());
            (queue, handle, (u32::from(*prio) << 16) | u32::from(protocol.to_be()))
        }
        Qdisc::Ingress => (INGRESS, INGRESS_HANDLE, 0),
        Qdisc::Police(_) => (INGRESS_HANDLE, 0, FILTER),
    };
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.info = info;
    message.header.parent = TcHandle::from(parent);
    message.header.handle = TcHandle::from(handle);
    message
}

fn netem_options(it: &Netem) -> Vec<u8> {
    let random = match it.loss {
        Some(Loss::Random(chance)) => chance,
        Some(Loss::State { .. } | Loss::Gemodel { .. }) | None => Chance::default(),
    };
    let gap = it.reorder.map_or(0, |reorder| reorder.gap);
    // The times stand in attributes of 64 bits.
    let head = [0, it.limit, random.share.kernel(), gap, it.duplicate.share.kernel(), 0];
    let of = |chance: Chance| words(&[chance.share.kernel(), chance.correlation.kernel()]);
    let correlations = [it.delay.correlation, random.correlation, it.duplicate.correlation];
    let mut list = vec![
        (netem::LATENCY64, it.delay.time.nanoseconds().to_ne_bytes().to_vec()),
        (netem::JITTER64, it.delay.jitter.nanoseconds().to_ne_bytes().to_vec()),
        (netem::CORRELATIONS, words(&correlations.map(Share::kernel))),
        (netem::CORRUPT, of(it.corrupt)),
    ];
    list.extend(it.reorder.map(|reorder| (netem::REORDER, of(reorder.chance))));
    if let Some(kind) = it.delay.distribution {
        let table = distribution::table(kind);
        let table = table.into_iter().flat_map(i16::to_ne_bytes).collect();
        list.push((netem::DISTRIBUTION, table));
    }
    let model = match it.loss {
        Some(Loss::State { p13, p31, p32, p23, p14 }) => {
            Some((netem::LOSS_STATE, [p13, p31, p32, p14, p23].map(Share::kernel).to_vec()))
        }
        Some(Loss::Gemodel { p, r, bad, good }) => {
            Some((netem::LOSS_GEMODEL, [p, r, bad.rest(), good].map(Share::kernel).to_vec()))
        }
        Some(Loss::Random(_)) | None => None,
    };
    if let Some((kind, numbers)) = model {
        list.push((netem::LOSS | NLA_F_NESTED, attributes(vec![(kind, words(&numbers))])));
    }
    list.extend(it.ecn.then(|| (netem::ECN, words(&[1]))));
    if let Some(rate) = it.rate {
        let signed = [rate.overhead, rate.cell_overhead].map(i32::cast_unsigned);
        let short = u32::try_from(rate.rate.bytes()).unwrap_or(u32::MAX);
        list.push((netem::RATE, words(&[short, signed[0], rate.cell, signed[1]])));
        list.push((netem::RATE64, rate.rate.bytes().to_ne_bytes().to_vec()));
    }
    if let Some(slot) = it.slot {
        let mut bytes = Vec::new();
        bytes.extend(slot.least.nanoseconds().to_ne_bytes());
        bytes.extend(slot.most.nanoseconds().to_ne_bytes());
        bytes.extend(words(&[slot.packets, slot.bytes]));
        // No distribution of its own.
        bytes.extend([0; 16]);
        list.push((netem::SLOT, bytes));
    }
    [words(&head), attributes(list)].concat()
}

fn tbf_options(it: &Tbf) -> Vec<u8> {
    let short = |rate: Rate| u32::try_from(rate.bytes()).unwrap_or(u32::MAX);
    // `struct tc_ratespec`: the layer in the second byte, the rate at the end.
    let rate = |rate: Option<Rate>| {
        let layer = u32::from_ne_bytes([0, ETHERNET as u8, 0, 0]);
        [layer, 0, rate.map_or(0, short)]
    };
    let limit = it.bytes_waiting().expect("a queue that is too long cannot be said");
    let peak = it.peak.map_or(0, |peak| peak.rate.ticks(peak.burst));
    let mut parameters = words(&rate(Some(it.rate)));
    parameters.extend(words(&rate(it.peak.map(|peak| peak.rate))));
    parameters.extend(words(&[limit, it.rate.ticks(it.burst), peak]));
    let mut list = vec![
        (tbf::PARAMETERS, parameters),
        (tbf::BURST, words(&[it.burst.bytes()])),
        (tbf::RATE64, it.rate.bytes().to_ne_bytes().to_vec()),
    ];
    if let Some(peak) = it.peak {
        list.push((tbf::PEAK64, peak.rate.bytes().to_ne_bytes().to_vec()));
        list.push((tbf::PEAK_BURST, words(&[peak.burst.bytes()])));
    }
    attributes(list)
}

fn fq_codel_options(it: FqCodel) -> Vec<u8> {
    let microseconds = |time: Time| u32::try_from(time.nanoseconds() / 1000).unwrap_or(u32::MAX);
    let list = [
        (fq_codel::TARGET, microseconds(it.target)),
        (fq_codel::LIMIT, it.limit),
        (fq_codel::INTERVAL, microseconds(it.interval)),
        (fq_codel::ECN, u32::from(it.ecn)),
        (fq_codel::FLOWS, it.flows),
        (fq_codel::QUANTUM, it.quantum),
    ];
    attributes(list.into_iter().map(|(kind, value)| (kind, words(&[value]))).collect())
}

/// `struct tc_prio_qopt`.
fn prio_options(it: Prio) -> Vec<u8> {
    [words(&[u32::from(it.bands)]), it.map.to_vec()].concat()
}

fn police_options(it: Police) -> Vec<u8> {
    let short = u32::try_from(it.rate.bytes()).unwrap_or(u32::MAX);
    // `struct tc_police`, with two of `struct tc_ratespec` in it.
    let rate = u32::from_ne_bytes([police::CELL, ETHERNET as u8, 0, 0]);
    let mut parameters = words(&[0, police::DROP, 0, it.rate.ticks(it.burst), 0]);
    parameters.extend(words(&[rate, 0, short]));
    parameters.extend(words(&[0; 3 + 3]));
    let options = attributes(vec![
        (police::PARAMETERS, parameters),
        (police::RATE, vec![0; police::TABLE]),
        (police::RATE64, it.rate.bytes().to_ne_bytes().to_vec()),
    ]);
    let action = attributes(vec![
        (police::KIND, b"police\0".to_vec()),
        (police::OPTIONS | NLA_F_NESTED, options),
    ]);
    let actions = attributes(vec![(1 | NLA_F_NESTED, action)]);
    attributes(vec![(police::ACTIONS | NLA_F_NESTED, actions)])
}

/// The index of a device and a queue on it, from the bytes of an `RTM_NEWQDISC`; `None` for a queue
/// that no lab makes.
pub(super) fn read(bytes: &[u8]) -> Option<(u32, Qdisc)> {
    // `struct tcmsg`.
    let (index, parent) = (word(bytes, 4)?, word(bytes, 12)?);
    let all = parsed(bytes.get(20..)?);
    if all.get(&KIND)?.as_slice() == b"ingress\0" {
        return Some((index, Qdisc::Ingress));
    }
    let options = all.get(&OPTIONS)?;
    // What the kernel puts there by itself has no handle.
    let behind = match parent {
        _ if word(bytes, 8)? == 0 => None,
        ROOT => Some(0),
        CLASS => Some(1),
        parent if parent == CHILD + 1 => Some(2),
        _ => None,
    };
    let qdisc = match (all.get(&KIND)?.as_slice(), parent) {
        (b"netem\0", ROOT) => Qdisc::Netem(read_netem(options)?),
        (b"tbf\0", ROOT) => Qdisc::Tbf { tbf: read_tbf(options)?, behind_netem: false },
        (b"tbf\0", CLASS) => Qdisc::Tbf { tbf: read_tbf(options)?, behind_netem: true },
        (b"fq_codel\0", _) => Qdisc::Leaf { leaf: read_fq_codel(options)?, behind: behind? },
        (b"prio\0", _) => Qdisc::Leaf { leaf: read_prio(options)?, behind: behind? },
        (b"htb\0", _) => Qdisc::Leaf { leaf: class::read_htb(options)?, behind: behind? },
        _ => return None,
    };
    Some((index, qdisc))
}

fn read_netem(bytes: &[u8]) -> Option<Netem> {
    let head = |place: usize| word(bytes, 4 * place);
    let all = parsed(bytes.get(netem::HEAD..)?);
    let number = |kind: u16, place: usize| word(all.get(&kind)?, 4 * place);
    let share = |kind, place| Some(Share::of_kernel(number(kind, place)?));
    let time = |kind: u16| Some(Time::of_nanoseconds(long(all.get(&kind)?, 0)?));
    let chance = |share: Share, correlation: Share| match share.is_none() {
        true => Chance::default(),
        false => Chance { share, correlation },
    };
    let random = chance(Share::of_kernel(head(2)?), share(netem::CORRELATIONS, 1)?);
    let model = all.get(&netem::LOSS).map(|bytes| parsed(bytes)).unwrap_or_default();
    let shares =
        |kind: u16, place: usize| Some(Share::of_kernel(word(model.get(&kind)?, 4 * place)?));
    let state = |place| shares(netem::LOSS_STATE, place);
    let gemodel = |place| shares(netem::LOSS_GEMODEL, place);
    let loss = if let Some(p13) = state(0) {
        Some(Loss::State { p13, p31: state(1)?, p32: state(2)?, p14: state(3)?, p23: state(4)? })
    } else if let Some(p) = gemodel(0) {
        Some(Loss::Gemodel { p, r: gemodel(1)?, bad: gemodel(2)?.rest(), good: gemodel(3)? })
    } else {
        (!random.share.is_none()).then_some(Loss::Random(random))
    };
    let reorder = chance(share(netem::REORDER, 0)?, share(netem::REORDER, 1)?);
    let rate = match all.get(&netem::RATE64) {
        Some(bytes) => long(bytes, 0)?,
        None => u64::from(number(netem::RATE, 0)?),
    };
    let slot = all.get(&netem::SLOT).map(|bytes| {
        let count = |at| word(bytes, at).filter(|count| *count != i32::MAX.cast_unsigned());
        Some(Slot {
            least: Time::of_nanoseconds(long(bytes, 0)?),
            most: Time::of_nanoseconds(long(bytes, 8)?),
            packets: count(16).unwrap_or(0),
            bytes: count(20).unwrap_or(0),
        })
    });
    Some(Netem {
        limit: head(1)?,
        delay: Delay {
            time: time(netem::LATENCY64)?,
            jitter: time(netem::JITTER64)?,
            correlation: share(netem::CORRELATIONS, 0)?,
            distribution: None,
        },
        loss,
        ecn: number(netem::ECN, 0).is_some_and(|ecn| ecn != 0),
        duplicate: chance(Share::of_kernel(head(4)?), share(netem::CORRELATIONS, 2)?),
        reorder: (head(3)? != 0).then_some(Reorder { chance: reorder, gap: head(3)? }),
        corrupt: chance(share(netem::CORRUPT, 0)?, share(netem::CORRUPT, 1)?),
        rate: Rate::of_bytes(rate).and_then(|rate| {
            Some(LinkRate {
                rate,
                overhead: number(netem::RATE, 1)?.cast_signed(),
                cell: number(netem::RATE, 2)?,
                cell_overhead: number(netem::RATE, 3)?.cast_signed(),
            })
        }),
        slot: slot.flatten(),
    })
}

fn read_tbf(bytes: &[u8]) -> Option<Tbf> {
    let all = parsed(bytes);
    let parameters = all.get(&tbf::PARAMETERS)?;
    let rate = |kind: u16, at: usize| match all.get(&kind) {
        Some(bytes) => Rate::of_bytes(long(bytes, 0)?),
        None => Rate::of_bytes(u64::from(word(parameters, at)?)),
    };
    let first = rate(tbf::RATE64, 8)?;
    let peak = rate(tbf::PEAK64, 20)
        .and_then(|rate| Some(Peak { rate, burst: rate.bytes_in(word(parameters, 32)?) }));
    Some(Tbf {
        rate: first,
        burst: first.bytes_in(word(parameters, 28)?),
        queue: Queue::Limit(Size::of_bytes(word(parameters, 24)?)?),
        peak,
    })
}

fn read_fq_codel(bytes: &[u8]) -> Option<Leaf> {
    let all = parsed(bytes);
    let number = |kind: u16| word(all.get(&kind)?, 0);
    Some(Leaf::FqCodel(FqCodel {
        limit: number(fq_codel::LIMIT)?,
        flows: number(fq_codel::FLOWS)?,
        target: shown(number(fq_codel::TARGET)?),
        interval: shown(number(fq_codel::INTERVAL)?),
        quantum: number(fq_codel::QUANTUM)?,
        ecn: number(fq_codel::ECN)? != 0,
    }))
}

fn read_prio(bytes: &[u8]) -> Option<Leaf> {
    let bands = u8::try_from(word(bytes, 0)?).ok()?;
    Some(Leaf::Prio(Prio { bands, map: bytes.get(4..20)?.try_into().ok()? }))
}

/// The request for the filters of what comes in by a device.
pub(super) fn filters(index: u32) -> TcMessage {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = TcHandle::from(INGRESS_HANDLE);
    message
}

/// The filter that polices, from the bytes of an `RTM_NEWTFILTER`.
pub(super) fn read_filter(bytes: &[u8]) -> Option<Qdisc> {
    let all = parsed(bytes.get(20..)?);
    if all.get(&KIND)?.as_slice() != b"matchall\0" || word(bytes, 16)? != FILTER {
        return None;
    }
    let actions = parsed(parsed(all.get(&OPTIONS)?).get(&police::ACTIONS)?);
    let action = parsed(actions.get(&1)?);
    if action.get(&police::KIND)?.as_slice() != b"police\0" {
        return None;
    }
    let options = parsed(action.get(&police::OPTIONS)?);
    let parameters = options.get(&police::PARAMETERS)?;
    let rate = match options.get(&police::RATE64) {
        Some(bytes) => Rate::of_bytes(long(bytes, 0)?)?,
        None => Rate::of_bytes(u64::from(word(parameters, 28)?))?,
    };
    Some(Qdisc::Police(Police { rate, burst: rate.bytes_in(word(parameters, 12)?) }))
}
