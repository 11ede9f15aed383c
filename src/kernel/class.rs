//! Classes of htb, and the filters that say which packets go to them, as netlink messages, and back.

use super::tc::{ETHERNET, KIND, OPTIONS, attributes, long, parsed, word, words};
use crate::iproute::{Filter, Flower, Htb, HtbClass, Leaf, Match, Rate};
use crate::plan::Qdisc;
use ipnet::IpNet;
use rtnetlink::packet_route::tc::{TcHandle, TcMessage};
use std::net::IpAddr;

/// Attributes of htb, of the queue and of its classes.
mod htb {
    pub const PARAMETERS: u16 = 1;
    pub const INIT: u16 = 2;
    pub const RATE64: u16 = 6;
    pub const CEIL64: u16 = 7;
    /// The version of the structure of the queue.
    pub const VERSION: u32 = 3;
}

/// Attributes of the filters.
mod filter {
    pub const CLASS: u16 = 1;
    pub const FW_MASK: u16 = 5;
    pub const ETH_TYPE: u16 = 8;
    pub const IP_PROTO: u16 = 9;
    /// The source's address, and at one more its mask; the destination's come behind.
    pub const IPV4: u16 = 10;
    pub const IPV6: u16 = 14;
    /// The ports, source and destination, of TCP, of UDP and of SCTP.
    pub const PORTS: [(u8, u16); 3] = [(6, 18), (17, 20), (132, 41)];
    pub const IP_TOS: u16 = 73;
    pub const IP_TOS_MASK: u16 = 74;
    /// `ETH_P_ALL`, `ETH_P_IP` and `ETH_P_IPV6`.
    pub const ALL: u16 = 0x0003;
    pub const IP: u16 = 0x0800;
    pub const IPV6_TYPE: u16 = 0x86dd;
}

/// What a queue with classes is told: `struct tc_htb_glob`.
pub(super) fn htb_options(it: Htb) -> Vec<u8> {
    let glob = words(&[htb::VERSION, it.r2q, u32::from(it.default), 0, 0]);
    attributes(vec![(htb::INIT, glob)])
}

pub(super) fn read_htb(bytes: &[u8]) -> Option<Leaf> {
    let glob = parsed(bytes).remove(&htb::INIT)?;
    let default = u16::try_from(word(&glob, 8)?).ok()?;
    Some(Leaf::Htb(Htb { default, r2q: word(&glob, 4)? }))
}

/// `struct tc_htb_opt`.
pub(super) fn class_options(it: HtbClass) -> Vec<u8> {
    let short = |rate: Rate| u32::try_from(rate.bytes()).unwrap_or(u32::MAX);
    let layer = u32::from_ne_bytes([0, ETHERNET as u8, 0, 0]);
    let mut parameters = words(&[layer, 0, short(it.rate), layer, 0, short(it.ceil)]);
    parameters.extend(words(&[it.rate.ticks(it.burst), it.ceil.ticks(it.cburst)]));
    parameters.extend(words(&[it.quantum.unwrap_or(0), 0, u32::from(it.prio)]));
    attributes(vec![
        (htb::RATE64, it.rate.bytes().to_ne_bytes().to_vec()),
        (htb::CEIL64, it.ceil.bytes().to_ne_bytes().to_vec()),
        (htb::PARAMETERS, parameters),
    ])
}

/// The kind, the protocol, the handle and the options of a filter of a queue of this number.
pub(super) fn filter_options(it: &Filter, major: u16) -> (&'static str, u16, u32, Vec<u8>) {
    let mut list = vec![(filter::CLASS, words(&[u32::from(major) << 16 | u32::from(it.class)]))];
    match it.matches {
        Match::Fw { mark, mask } => {
            if mask != u32::MAX {
                list.push((filter::FW_MASK, words(&[mask])));
            }
            ("fw", filter::ALL, mark, attributes(list))
        }
        Match::Flower(flower) => {
            let protocol = if flower.v4 { filter::IP } else { filter::IPV6_TYPE };
            list.extend(flower_options(&flower, protocol));
            ("flower", protocol, 0, attributes(list))
        }
    }
}

fn flower_options(it: &Flower, protocol: u16) -> Vec<(u16, Vec<u8>)> {
    let mut list = vec![(filter::ETH_TYPE, protocol.to_be_bytes().to_vec())];
    list.extend(it.ip_proto.map(|number| (filter::IP_PROTO, vec![number])));
    let base = if it.v4 { filter::IPV4 } else { filter::IPV6 };
    for (at, net) in [(base, it.src_ip), (base + 2, it.dst_ip)] {
        if let Some(net) = net {
            list.push((at, octets(net.addr())));
            list.push((at + 1, octets(net.netmask())));
        }
    }
    let ports = filter::PORTS.iter().find(|(number, _)| it.ip_proto == Some(*number));
    if let Some((_, base)) = ports {
        let both = [(*base, it.src_port), (base + 1, it.dst_port)];
        let said = both.into_iter().filter_map(|(at, port)| Some((at, port?)));
        list.extend(said.map(|(at, port)| (at, port.to_be_bytes().to_vec())));
    }
    if let Some((value, mask)) = it.ip_tos {
        list.push((filter::IP_TOS, vec![value]));
        list.push((filter::IP_TOS_MASK, vec![mask]));
    }
    list
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The request for the classes of a device.
pub(super) fn classes(index: u32) -> TcMessage {
    TcMessage::with_index(index.cast_signed())
}

/// The request for the filters of a queue of this number.
pub(super) fn filters(index: u32, major: u16) -> TcMessage {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = TcHandle { major, minor: 0 };
    message
}

/// A class, from the bytes of an `RTM_NEWTCLASS`; `None` for one that no lab makes.
pub(super) fn read_class(bytes: &[u8], major: u16, behind: u8) -> Option<Qdisc> {
    let all = parsed(bytes.get(20..)?);
    let (handle, parent) = (word(bytes, 8)?, word(bytes, 12)?);
    let is_here = all.get(&KIND)?.as_slice() == b"htb\0" && handle >> 16 == u32::from(major);
    let options = parsed(all.get(&OPTIONS).filter(|_| is_here)?);
    let parameters = options.get(&htb::PARAMETERS)?;
    let rate = |kind: u16, at: usize| match options.get(&kind) {
        Some(bytes) => Rate::of_bytes(long(bytes, 0)?),
        None => Rate::of_bytes(u64::from(word(parameters, at)?)),
    };
    let (rate, ceil) = (rate(htb::RATE64, 8)?, rate(htb::CEIL64, 20)?);
    let class = HtbClass {
        parent: Some(parent as u16).filter(|minor| *minor != 0 && parent >> 16 != 0xffff),
        id: handle as u16,
        rate,
        ceil,
        burst: rate.bytes_in(word(parameters, 24)?),
        cburst: ceil.bytes_in(word(parameters, 28)?),
        quantum: Some(word(parameters, 32)?),
        prio: u8::try_from(word(parameters, 40)?).ok()?,
    };
    Some(Qdisc::Class { class, behind })
}

/// A filter of a queue with classes, from the bytes of an `RTM_NEWTFILTER`; `None` for one that no lab makes.
pub(super) fn read_filter(bytes: &[u8], behind: u8) -> Option<Qdisc> {
    let all = parsed(bytes.get(20..)?);
    let (handle, info) = (word(bytes, 8)?, word(bytes, 16)?);
    let options = parsed(all.get(&OPTIONS)?);
    let class = word(options.get(&filter::CLASS)?, 0)? as u16;
    let matches = match all.get(&KIND)?.as_slice() {
        b"fw\0" => {
            let mask = options.get(&filter::FW_MASK);
            let mask = mask.map_or(Some(u32::MAX), |bytes| word(bytes, 0))?;
            Match::Fw { mark: handle, mask }
        }
        b"flower\0" => {
            let byte = |kind: u16| options.get(&kind).and_then(|bytes| bytes.first().copied());
            let short =
                |kind: u16| options.get(&kind)?.get(..2)?.try_into().ok().map(u16::from_be_bytes);
            let v4 = short(filter::ETH_TYPE)? == filter::IP;
            let base = if v4 { filter::IPV4 } else { filter::IPV6 };
            let net = |at: u16| net(options.get(&at)?, options.get(&(at + 1))?);
            let ip_proto = byte(filter::IP_PROTO);
            let ports = filter::PORTS.iter().find(|(number, _)| ip_proto == Some(*number));
            let port = |place: u16| ports.and_then(|(_, base)| short(base + place));
            Match::Flower(Flower {
                v4,
                ip_proto,
                src_ip: net(base),
                dst_ip: net(base + 2),
                src_port: port(0),
                dst_port: port(1),
                ip_tos: byte(filter::IP_TOS).zip(byte(filter::IP_TOS_MASK)),
            })
        }
        _ => return None,
    };
    Some(Qdisc::Filter { filter: Filter { matches, class }, prio: (info >> 16) as u16, behind })
}

fn net(address: &[u8], mask: &[u8]) -> Option<IpNet> {
    let read = |bytes: &[u8]| match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    };
    IpNet::with_netmask(read(address)?, read(mask)?).ok()
}
