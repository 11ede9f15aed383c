#![allow(clippy::unwrap_used)]

use super::*;
use crate::check::filter::{self, Sought};
use crate::check::icmp;
use crate::check::mark::{Data, Mark, Token};
use crate::check::message::Version;
use proptest::prelude::*;
use socket2::{SockFilter, SockRef};
use std::os::unix::net::UnixDatagram;

const MARK: Mark = Mark { probe: 0x0001_0203, attempt: 2 };

/// An IPv4 echo request from 88.1.1.1 to 88.2.1.3 as it leaves a host.
const IPV4_HEADER: [u8; 20] =
    [0x45, 0x00, 0x00, 0x54, 0x12, 0x34, 0x40, 0x00, 0x3f, 0x01, 0, 0, 88, 1, 1, 1, 88, 2, 1, 3];

/// The header of an ICMPv6 packet from 2001:db8::1 to 2001:db8::2 with 64 hops left.
const IPV6_HEADER: [u8; 40] = [
    0x60, 0, 0, 0, 0, 64, 58, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20,
    0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
];

fn request(version: Version) -> Vec<u8> {
    let header: &[u8] = match version {
        Version::V4 => &IPV4_HEADER,
        Version::V6 => &IPV6_HEADER,
    };
    [header, &icmp::request(version, Token::TEST, MARK, 56)].concat()
}

/// A run that has one connection open, from port 40001 to port 80.
fn signature() -> Signature {
    let mut signature = Signature::new(Token::TEST);
    signature.connect(MARK, 40_001, 80);
    signature
}

fn parse(protocol: u16, bytes: &[u8]) -> Option<Packet> {
    Packet::parse(&signature(), protocol, bytes)
}

/// The header of a segment between these ports.
fn segment(from: u16, to: u16, flags: u8) -> Vec<u8> {
    let mut bytes = [from.to_be_bytes(), to.to_be_bytes()].concat();
    bytes.resize(20, 0);
    bytes[13] = flags;
    bytes
}

/// An IPv4 packet of this protocol.
fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut header = IPV4_HEADER;
    header[9] = protocol;
    [&header[..], body].concat()
}

/// A datagram with the data of a probe.
fn datagram(data: Data) -> Vec<u8> {
    [&[0; 8][..], &Token::TEST.data(MARK, data, 56)].concat()
}

#[test]
fn an_ipv4_request_is_known_by_its_mark() {
    let packet = parse(IPV4, &request(Version::V4)).unwrap();
    assert_eq!(packet.message, Message::Request(MARK));
    assert_eq!(packet.source.to_string(), "88.1.1.1");
    assert_eq!(packet.destination.to_string(), "88.2.1.3");
    assert_eq!((packet.ttl, packet.labels), (63, vec![]));
}

#[test]
fn an_ipv6_request_is_known_by_its_mark() {
    let packet = parse(IPV6, &request(Version::V6)).unwrap();
    assert_eq!(packet.message, Message::Request(MARK));
    assert_eq!(packet.destination.to_string(), "2001:db8::2");
    assert_eq!(packet.ttl, 64);
}

#[test]
fn label_stacks_are_read_down_to_the_packet_below() {
    // 101 with TTL 62 and the bottom bit, then 1002 with TTL 61 above 201.
    let one = [&[0x00, 0x06, 0x51, 62][..], &request(Version::V4)].concat();
    let packet = parse(MPLS, &one).unwrap();
    assert_eq!((packet.labels, packet.ttl), (vec![101], 62));
    assert_eq!(packet.message, Message::Request(MARK));
    let two = [&[0x00, 0x3e, 0xa0, 61, 0x00, 0x0c, 0x91, 255][..], &request(Version::V6)].concat();
    let packet = parse(MPLS, &two).unwrap();
    assert_eq!((packet.labels, packet.ttl), (vec![1002, 201], 61));
    assert_eq!(packet.source.to_string(), "2001:db8::1");
}

#[test]
fn an_error_is_known_by_the_packet_that_it_quotes() {
    let mut header = IPV4_HEADER;
    header[12..16].copy_from_slice(&[1, 1, 1, 2]);
    let error = [&header[..], &[3, 1, 0, 0, 0, 0, 0, 0], &request(Version::V4)].concat();
    let packet = parse(IPV4, &error).unwrap();
    let Message::Error { error, mark } = packet.message else { panic!("{packet:?}") };
    assert_eq!(error.to_string(), "host-unreachable (ICMP type 3, code 1)");
    assert_eq!((mark, packet.source.to_string().as_str()), (MARK, "1.1.1.2"));
    let error = [&IPV6_HEADER[..], &[1, 0, 0, 0, 0, 0, 0, 0], &request(Version::V6)].concat();
    let Message::Error { error, .. } = parse(IPV6, &error).unwrap().message else { panic!() };
    assert_eq!(error.to_string(), "net-unreachable (ICMP type 1, code 0)");
}

#[test]
fn an_error_that_asks_for_smaller_packets_says_how_small() {
    let error = [&IPV4_HEADER[..], &[3, 4, 0, 0, 0, 0, 0x05, 0x78], &request(Version::V4)].concat();
    let Message::Error { error, .. } = parse(IPV4, &error).unwrap().message else { panic!() };
    assert_eq!(error.to_string(), "frag-needed mtu 1400 (ICMP type 3, code 4)");
    let error = [&IPV6_HEADER[..], &[2, 0, 0, 0, 0, 0, 0x05, 0x78], &request(Version::V6)].concat();
    let Message::Error { error, .. } = parse(IPV6, &error).unwrap().message else { panic!() };
    assert_eq!(error.to_string(), "frag-needed mtu 1400 (ICMP type 2, code 0)");
}

#[test]
fn a_datagram_says_which_way_it_goes() {
    for (data, message) in [
        (Data::Request, Message::Request(MARK)),
        (Data::Silent, Message::Request(MARK)),
        (Data::Reply, Message::Reply(MARK)),
    ] {
        assert_eq!(parse(IPV4, &ipv4(17, &datagram(data))).unwrap().message, message);
    }
    let quoted = |data| {
        let error = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &ipv4(17, &datagram(data))].concat();
        parse(IPV4, &ipv4(1, &error))
    };
    let Message::Error { mark, .. } = quoted(Data::Request).unwrap().message else { panic!() };
    assert_eq!(mark, MARK);
    assert_eq!(quoted(Data::Reply), None, "an error about an answer is none about the probe");
}

#[test]
fn a_connection_is_known_by_its_ports_and_flags() {
    const SYN: u8 = 2;
    const RESET: u8 = 4;
    const ACK: u8 = 16;
    let message = |from, to, flags| Some(parse(IPV4, &ipv4(6, &segment(from, to, flags)))?.message);
    assert_eq!(message(40_001, 80, SYN), Some(Message::Request(MARK)));
    assert_eq!(message(80, 40_001, SYN | ACK), Some(Message::Reply(MARK)));
    assert_eq!(message(80, 40_001, RESET | ACK), Some(Message::Reset(MARK)));
    assert_eq!(message(40_001, 80, RESET), None, "its own end of it");
    assert_eq!(message(40_001, 80, ACK), None);
    assert_eq!(message(40_001, 81, SYN), None);
    assert_eq!(message(40_002, 80, SYN), None);
    let error = [&[11, 0, 0, 0, 0, 0, 0, 0][..], &ipv4(6, &segment(40_001, 80, SYN))[..28]];
    let packet = parse(IPV4, &ipv4(1, &error.concat())).unwrap();
    let Message::Error { mark, .. } = packet.message else { panic!("{packet:?}") };
    assert_eq!(mark, MARK);
}

#[test]
fn of_an_ipv6_packet_in_several_parts_the_first_stands_for_all() {
    let whole = request(Version::V6);
    let part = |offset: u8| {
        let mut bytes = whole.clone();
        bytes[6] = 44;
        bytes.splice(40..40, [58, 0, 0, offset | 1, 0, 0, 0, 7]);
        bytes
    };
    assert_eq!(parse(IPV6, &part(0)).unwrap().message, Message::Request(MARK));
    assert_eq!(parse(IPV6, &part(8)), None);
}

#[test]
fn what_bears_another_mark_is_nothing_to_us() {
    let mut foreign = request(Version::V4);
    foreign[28] ^= 1;
    assert_eq!(parse(IPV4, &foreign), None);
    let mut later_fragment = request(Version::V4);
    later_fragment[7] = 1;
    assert_eq!(parse(IPV4, &later_fragment), None);
    assert_eq!(parse(0x0806, &request(Version::V4)), None);
}

#[test]
fn the_checksum_makes_the_whole_message_add_up_to_nothing() {
    let message = icmp::request(Version::V4, Token::TEST, MARK, 56);
    let sum: u32 =
        message.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
}

/// An IPv6 packet whose first header behind its own is this one.
fn ipv6(protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut header = IPV6_HEADER;
    header[6] = protocol;
    [&header[..], body].concat()
}

/// An IP packet of a version, without options.
fn ip(version: Version, protocol: u8, body: &[u8]) -> Vec<u8> {
    match version {
        Version::V4 => ipv4(protocol, body),
        Version::V6 => ipv6(protocol, body),
    }
}

/// The EtherType of a version.
fn ethertype(version: Version) -> u16 {
    match version {
        Version::V4 => IPV4,
        Version::V6 => IPV6,
    }
}

/// GRE with these flags, and with as many words behind them as they say.
fn gre(flags: u8, protocol: u16, body: &[u8]) -> Vec<u8> {
    let words = vec![7; 4 * flags.count_ones() as usize];
    [&[flags, 0][..], &protocol.to_be_bytes(), &words, body].concat()
}

/// An Ethernet frame with these VLAN tags.
fn ethernet(tags: &[u16], protocol: u16, body: &[u8]) -> Vec<u8> {
    let tags = tags.iter().flat_map(|tag| [tag.to_be_bytes(), [0, 5]].concat());
    let tags: Vec<u8> = tags.collect();
    [&[2; 12][..], &tags, &protocol.to_be_bytes(), body].concat()
}

/// A datagram that holds a VXLAN frame, to a port that nobody has heard of.
fn vxlan(frame: &[u8]) -> Vec<u8> {
    let udp = [0xcc, 0x01, 0x22, 0x22, 0, 0, 0, 0];
    [&udp[..], &[8, 0, 0, 0, 0, 0, 10, 0], frame].concat()
}

/// The same with GENEVE and so many words of options.
fn geneve(options: u8, frame: &[u8]) -> Vec<u8> {
    let udp = [0xcc, 0x01, 0x17, 0xc1, 0, 0, 0, 0];
    let words = vec![0; usize::from(options) * 4];
    [&udp[..], &[options, 0, 0x65, 0x58, 0, 0, 5, 0], &words, frame].concat()
}

/// A routing header with these many segments, in front of this protocol.
fn segments(count: u8, protocol: u8, body: &[u8]) -> Vec<u8> {
    let addresses = vec![0xfd; usize::from(count) * 16];
    [&[protocol, count * 2, 4, 0, count - 1, 0, 0, 0][..], &addresses, body].concat()
}

/// The header that `ip6tnl` puts before the inner packet: how many tunnels more there may be.
fn encapsulation_limit(protocol: u8, body: &[u8]) -> Vec<u8> {
    [&[protocol, 0, 4, 1, 4, 1, 0, 0][..], body].concat()
}

/// Every way in which a probe is carried, by the names that a report has for the tunnels.
fn carried(inner: Version) -> Vec<(&'static str, Version, Vec<u8>)> {
    use Version::{V4, V6};
    let (probe, protocol) = (request(inner), ethertype(inner));
    let number = if inner == V4 { 4 } else { 41 };
    let frame = ethernet(&[], protocol, &probe);
    let label = [&[0x00, 0x06, 0x51, 62][..], &probe].concat();
    vec![
        (if inner == V4 { "ipip" } else { "sit" }, V4, ipv4(number, &probe)),
        ("ip6tnl", V6, ipv6(number, &probe)),
        ("ip6tnl", V6, ipv6(60, &encapsulation_limit(number, &probe))),
        ("gre", V4, ipv4(47, &gre(0, protocol, &probe))),
        ("gre", V4, ipv4(47, &gre(0x20, protocol, &probe))),
        ("gre", V4, ipv4(47, &gre(0xb0, protocol, &probe))),
        ("gre", V4, ipv4(47, &gre(0x20, MPLS, &label))),
        ("gretap", V4, ipv4(47, &gre(0, ETHERNET, &frame))),
        ("ip6gre", V6, ipv6(47, &gre(0x20, protocol, &probe))),
        ("ip6gre", V6, ipv6(60, &encapsulation_limit(47, &gre(0, protocol, &probe)))),
        ("ip6gretap", V6, ipv6(60, &encapsulation_limit(47, &gre(0x20, ETHERNET, &frame)))),
        ("vxlan", V4, ipv4(17, &vxlan(&frame))),
        ("vxlan", V6, ipv6(17, &vxlan(&ethernet(&[0x8100], protocol, &probe)))),
        ("vxlan", V6, ipv6(17, &vxlan(&ethernet(&[0x88a8, 0x8100], protocol, &probe)))),
        ("geneve", V4, ipv4(17, &geneve(0, &frame))),
        ("geneve", V6, ipv6(17, &geneve(3, &frame))),
        ("seg6", V6, ipv6(43, &segments(2, number, &probe))),
        ("seg6", V6, ipv6(43, &segments(3, 143, &frame))),
        ("ip6tnl/vxlan", V6, ipv6(number, &ip(inner, 17, &vxlan(&frame)))),
        ("seg6/gre/ip6tnl", V6, {
            let innermost = ipv6(60, &encapsulation_limit(number, &probe));
            ipv6(43, &segments(1, 4, &ipv4(47, &gre(0x20, IPV6, &innermost))))
        }),
    ]
}

#[test]
fn a_probe_is_known_in_every_tunnel() {
    for inner in [Version::V4, Version::V6] {
        let plain = parse(ethertype(inner), &request(inner)).unwrap();
        for (name, version, bytes) in carried(inner) {
            let packet = parse(ethertype(version), &bytes).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(tunnel::print(&packet.tunnels), name);
            let outer = packet.outer.unwrap();
            match version {
                Version::V4 => assert_eq!(
                    (outer.ttl, outer.destination.to_string().as_str()),
                    (63, "88.2.1.3")
                ),
                Version::V6 => {
                    assert_eq!((outer.ttl, outer.source.to_string().as_str()), (64, "2001:db8::1"))
                }
            }
            let ttl = if bytes.windows(4).any(|four| four == [0x00, 0x06, 0x51, 62]) {
                62
            } else {
                plain.ttl
            };
            assert_eq!(packet.ttl, ttl, "{name}");
            let inside = Packet { tunnels: Vec::new(), outer: None, ttl: plain.ttl, ..packet };
            assert_eq!(inside, plain, "{name}");
        }
    }
}

#[test]
fn labels_around_a_tunnel_are_the_nodes_and_those_inside_are_not() {
    let inside =
        ipv4(47, &gre(0, MPLS, &[&[0x00, 0x06, 0x51, 62][..], &request(Version::V4)].concat()));
    let packet = parse(MPLS, &[&[0x00, 0x3e, 0xa1, 61][..], &inside].concat()).unwrap();
    assert_eq!(
        (packet.labels.as_slice(), packet.outermost_ttl(), packet.ttl),
        (&[1002][..], 61, 62)
    );
}

#[test]
fn a_routing_header_in_the_probe_itself_is_no_tunnel() {
    let icmp = icmp::request(Version::V6, Token::TEST, MARK, 56);
    let packet = parse(IPV6, &ipv6(43, &segments(2, 58, &icmp))).unwrap();
    assert!(packet.is_plain());
    assert_eq!(packet.message, Message::Request(MARK));
}

#[test]
fn a_probe_in_too_many_tunnels_is_not_followed() {
    let wrap = |count| (0..count).fold(request(Version::V4), |inner, _| ipv4(4, &inner));
    assert_eq!(parse(IPV4, &wrap(TUNNELS)).unwrap().tunnels.len(), TUNNELS);
    assert_eq!(parse(IPV4, &wrap(TUNNELS + 1)), None);
}

#[test]
fn a_segment_an_answer_and_an_error_are_known_in_a_tunnel() {
    let message = |inner: &[u8]| Some(parse(IPV4, &ipv4(47, &gre(0, IPV4, inner)))?.message);
    assert_eq!(message(&ipv4(6, &segment(40_001, 80, 2))), Some(Message::Request(MARK)));
    assert_eq!(message(&ipv4(17, &datagram(Data::Reply))), Some(Message::Reply(MARK)));
    let error = [&[3, 1, 0, 0, 0, 0, 0, 0], &request(Version::V4)[..]].concat();
    assert!(matches!(message(&ipv4(1, &error)), Some(Message::Error { mark: MARK, .. })));
}

/// Whether the kernel's own run of the filter keeps a frame of this EtherType.
struct Kernel([UnixDatagram; 2]);

impl Kernel {
    fn new(protocol: u16) -> Self {
        const LOAD: u16 = 0x00;
        let (from, to) = UnixDatagram::pair().unwrap();
        to.set_nonblocking(true).unwrap();
        let mut program = filter::frames(Sought { token: Token::TEST, sports: None });
        // Only a network device says what a frame is; here the filter is told.
        program[0] = SockFilter::new(LOAD, 0, 0, protocol.into());
        SockRef::from(&to).attach_filter(&program).unwrap();
        Self([from, to])
    }

    fn keeps(&self, bytes: &[u8]) -> bool {
        let Self([from, to]) = self;
        from.send(bytes).unwrap();
        match to.recv(&mut [0; 2048]) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                false
            }
        }
    }
}

thread_local! {
    static KERNELS: [(u16, Kernel); 3] =
        [IPV4, IPV6, MPLS].map(|protocol| (protocol, Kernel::new(protocol)));
}

/// Whether the filter keeps whatever is read; what it keeps beside that is told apart by reading.
fn agree(protocol: u16, bytes: &[u8]) -> bool {
    KERNELS.with(|kernels| {
        let (_, kernel) = kernels.iter().find(|(its, _)| *its == protocol).unwrap();
        parse(protocol, bytes).is_none() || kernel.keeps(bytes)
    })
}

#[test]
fn the_filter_in_the_kernel_keeps_a_probe_in_every_tunnel_and_nothing_of_another_token() {
    for inner in [Version::V4, Version::V6] {
        for (name, version, mut bytes) in carried(inner) {
            let kernel = Kernel::new(ethertype(version));
            assert!(kernel.keeps(&bytes), "{name}");
            let token = bytes.windows(8).position(|eight| eight == b"vrflab!!").unwrap();
            bytes[token] ^= 1;
            assert!(!kernel.keeps(&bytes), "{name}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_read_of_a_damaged_probe_in_a_tunnel_comes_through_the_filter(
        inner in prop::sample::select(vec![Version::V4, Version::V6]),
        which in any::<prop::sample::Index>(),
        labels in 0_usize..3,
        cut in 0_usize..400,
        flips in prop::collection::vec((0_usize..200, any::<u8>()), 0..3),
    ) {
        let all = carried(inner);
        let (_, version, carried) = &all[which.index(all.len())];
        let mut bytes = Vec::new();
        for label in 0..labels {
            bytes.extend([0, 6, if label + 1 == labels { 0x51 } else { 0x50 }, 64]);
        }
        bytes.extend(carried);
        for (at, value) in flips {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= value;
            }
        }
        bytes.truncate(cut);
        let protocol = if labels > 0 { MPLS } else { ethertype(*version) };
        prop_assert!(bytes.is_empty() || agree(protocol, &bytes));
    }

    #[test]
    fn no_frame_is_too_strange(
        protocol in prop::sample::select(vec![IPV4, IPV6, MPLS, 0x0806]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = parse(protocol, &bytes);
    }

    #[test]
    fn a_damaged_probe_is_read_or_not_but_never_breaks(
        version in prop::sample::select(vec![Version::V4, Version::V6]),
        labels in 0_usize..4,
        cut in 0_usize..200,
        flips in prop::collection::vec((0_usize..200, any::<u8>()), 0..4),
    ) {
        let mut bytes = Vec::new();
        for label in 0..labels {
            bytes.extend([0, 6, if label + 1 == labels { 0x51 } else { 0x50 }, 64]);
        }
        bytes.extend(request(version));
        for (at, value) in flips {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= value;
            }
        }
        bytes.truncate(cut);
        for protocol in [IPV4, IPV6, MPLS] {
            let _ = parse(protocol, &bytes);
        }
    }
}
