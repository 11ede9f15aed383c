//! The filter that runs in the kernel, so that a busy lab's traffic never wakes a check.

use super::frame::{DESTINATION, EXTENSIONS, FRAGMENT, HOP_BY_HOP, INNER_LABELS, ROUTING, TUNNELS};
use super::mark::{Signature, Token};
use super::program::{Label, Program};
use super::tunnel::{ETHERNET, IPV4, IPV6, MPLS, TAGS, VLANS};
use socket2::SockFilter;

// From linux/filter.h; libc has the same as u32.
const LOAD_HALF_AT: u16 = 0x28;
const LOAD_BYTE_AT: u16 = 0x30;
const LOAD_WORD_FROM_X: u16 = 0x40;
const LOAD_HALF_FROM_X: u16 = 0x48;
const LOAD_BYTE_FROM_X: u16 = 0x50;
const SET_X: u16 = 0x01;
const X_FROM_A: u16 = 0x07;
const A_FROM_X: u16 = 0x87;
const ADD: u16 = 0x04;
const ADD_X: u16 = 0x0c;
const AND: u16 = 0x54;
const STORE: u16 = 0x02;
const RECALL: u16 = 0x60;
const IF_EQUAL: u16 = 0x15;
const IF_ABOVE: u16 = 0x25;
const IF_AT_LEAST: u16 = 0x35;
const IF_BITS: u16 = 0x45;
const SHIFT_LEFT: u16 = 0x64;
const SHIFT_RIGHT: u16 = 0x74;
const RETURN: u16 = 0x06;

/// Where a load finds the EtherType instead of a byte of the frame.
const ETHERTYPE: u32 = 0xffff_f000;
/// How much of a frame is kept: an ICMPv6 error that quotes a probe, below a deep label stack and in
/// all the tunnels that it is followed through.
const KEEP: u32 = 768;
/// How deep a label stack around everything else may be.
const DEPTH: u32 = 8;
/// The flags of a segment that opens or refuses a connection.
const SYN_OR_RESET: u32 = 0x06;

/// Where a program keeps what comes next while it moves X: a protocol's number, or an EtherType.
const NEXT: u32 = 0;
/// Where it keeps the flags of GRE.
const FLAGS: u32 = 1;

/// By what the packets of a run are known before they are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought {
    /// The run's token.
    pub(super) token: Token,
    /// The least and the greatest of the source ports that checks of connections say.
    pub(super) sports: Option<(u16, u16)>,
}

/// Lets through what bears the first half of the token where an echo's or a datagram's data, or one
/// quoted by an ICMP error, would have it, and what opens a connection from one of the run's ports,
/// in as many tunnels as a frame is read through. What comes through by chance is told apart by the
/// whole token and by the ports in use.
pub(super) fn frames(sought: Sought) -> Vec<SockFilter> {
    let mut program = Program::default();
    let (ip, stack) = (program.label(), program.label());
    program.op(LOAD_HALF_AT, ETHERTYPE);
    program.jump(IF_EQUAL, MPLS.into(), Some(stack), None);
    program.op(SET_X, 0);
    program.jump(IF_EQUAL, IPV4.into(), Some(ip), None);
    program.jump(IF_EQUAL, IPV6.into(), Some(ip), None);
    program.op(RETURN, 0);
    program.here(stack);
    for depth in 0..DEPTH {
        program.op(SET_X, depth * 4 + 4);
        program.op(LOAD_BYTE_AT, depth * 4 + 2);
        program.jump(IF_BITS, 1, Some(ip), None);
    }
    program.op(RETURN, 0);
    program.here(ip);
    program.packet(sought, TUNNELS);
    program.done()
}

/// The same for a raw IPv4 socket, whose packets begin with the IP header.
pub(super) fn answers_ipv4(sought: Sought) -> Vec<SockFilter> {
    let mut program = Program::default();
    program.op(SET_X, 0);
    program.packet(sought, 0);
    program.done()
}

/// The same for a raw socket of ICMPv6, whose packets begin behind the IP header.
pub(super) fn answers_ipv6(sought: Sought) -> Vec<SockFilter> {
    let mut program = Program::default();
    program.op(SET_X, 0);
    program.marked(sought, 40);
    program.done()
}

/// What an IP packet may hold that is about a probe, whatever is around it.
#[derive(Debug, Clone, Copy)]
struct Ends {
    icmp: Label,
    icmpv6: Label,
    datagram: Label,
    segment: Label,
}

/// The parts of the filters.
impl Program {
    /// Keeps the packet where the condition holds.
    fn keep(&mut self, code: u16, k: u32) {
        let no = self.label();
        self.jump(code, k, None, Some(no));
        self.op(RETURN, KEEP);
        self.here(no);
    }

    /// Keeps the packet where one of two ports is one of the run's, or that a check says.
    fn keep_ports(&mut self, sought: Sought, at: u32) {
        let ranges = std::iter::once(Signature::PORTS).chain(sought.sports);
        for (at, (least, most)) in ranges.flat_map(|range| [(at, range), (at + 2, range)]) {
            let no = self.label();
            self.op(LOAD_HALF_FROM_X, at);
            self.jump(IF_AT_LEAST, least.into(), None, Some(no));
            self.jump(IF_ABOVE, most.into(), Some(no), None);
            self.op(RETURN, KEEP);
            self.here(no);
        }
    }

    /// An IP packet that begins at X, in at most so many tunnels.
    fn packet(&mut self, sought: Sought, tunnels: usize) {
        let ends = Ends {
            icmp: self.label(),
            icmpv6: self.label(),
            datagram: self.label(),
            segment: self.label(),
        };
        for _ in 0..tunnels {
            let inner = self.label();
            self.ip(sought, ends, Some(inner));
            self.here(inner);
        }
        self.ip(sought, ends, None);
        self.here(ends.icmp);
        self.marked(sought, 20);
        self.here(ends.icmpv6);
        self.marked(sought, 40);
        self.here(ends.datagram);
        self.op(LOAD_WORD_FROM_X, 8);
        self.keep(IF_EQUAL, sought.token.word());
        self.op(RETURN, 0);
        self.here(ends.segment);
        let no = self.label();
        self.op(LOAD_BYTE_FROM_X, 13);
        self.jump(IF_BITS, SYN_OR_RESET, None, Some(no));
        self.keep_ports(sought, 0);
        self.here(no);
        self.op(RETURN, 0);
    }

    /// An IP packet that begins at X: goes to what it holds, or on to a packet inside.
    fn ip(&mut self, sought: Sought, ends: Ends, inner: Option<Label>) {
        let (ipv4, held) = (self.label(), self.label());
        self.op(LOAD_BYTE_FROM_X, 0);
        self.op(SHIFT_RIGHT, 4);
        self.jump(IF_EQUAL, 4, Some(ipv4), None);
        self.load_next(LOAD_BYTE_FROM_X, 6);
        self.forward(40);
        for _ in 0..EXTENSIONS {
            let extension = self.label();
            self.op(RECALL, NEXT);
            for header in [HOP_BY_HOP, ROUTING, FRAGMENT] {
                self.jump(IF_EQUAL, header.into(), Some(extension), None);
            }
            self.jump(IF_EQUAL, DESTINATION.into(), None, Some(held));
            self.here(extension);
            self.load_next(LOAD_BYTE_FROM_X, 0);
            self.op(LOAD_BYTE_FROM_X, 1);
            self.op(SHIFT_LEFT, 3);
            self.forward_by_a(8);
        }
        self.go(held);
        self.here(ipv4);
        self.load_next(LOAD_BYTE_FROM_X, 9);
        self.op(LOAD_BYTE_FROM_X, 0);
        self.op(AND, 0xf);
        self.op(SHIFT_LEFT, 2);
        self.forward_by_a(0);
        self.here(held);
        self.op(RECALL, NEXT);
        for (protocol, end) in [(1, ends.icmp), (58, ends.icmpv6), (6, ends.segment)] {
            self.go_if(protocol, end);
        }
        match inner {
            None => self.go_if(17, ends.datagram),
            Some(inner) => self.tunnels(sought, inner),
        }
        self.op(RETURN, 0);
    }

    /// What may hold another packet: the number of the protocol is in A, and it begins at X. The
    /// order is that of the jumps, which lead forward only.
    fn tunnels(&mut self, sought: Sought, inner: Label) {
        let (gre, udp, geneve) = (self.label(), self.label(), self.label());
        let (ethernet, typed, stack) = (self.label(), self.label(), self.label());
        self.jump(IF_EQUAL, 4, Some(inner), None);
        self.jump(IF_EQUAL, 41, Some(inner), None);
        self.jump(IF_EQUAL, 143, Some(ethernet), None);
        self.jump(IF_EQUAL, 47, Some(gre), None);
        self.jump(IF_EQUAL, 17, Some(udp), None);
        self.op(RETURN, 0);

        self.here(gre);
        let known = self.label();
        self.load_next(LOAD_HALF_FROM_X, 2);
        self.op(LOAD_HALF_FROM_X, 0);
        self.op(STORE, FLAGS);
        self.jump(IF_BITS, 0x4007, None, Some(known));
        self.op(RETURN, 0);
        self.here(known);
        self.forward(4);
        for flag in [0x8000, 0x2000, 0x1000] {
            let no = self.label();
            self.op(RECALL, FLAGS);
            self.jump(IF_BITS, flag, None, Some(no));
            self.forward(4);
            self.here(no);
        }
        self.op(RECALL, NEXT);
        self.jump(IF_EQUAL, ETHERNET.into(), Some(ethernet), Some(typed));

        self.here(udp);
        let is_vxlan = self.label();
        self.op(LOAD_WORD_FROM_X, 8);
        self.keep(IF_EQUAL, sought.token.word());
        self.op(LOAD_HALF_FROM_X, 10);
        self.jump(IF_EQUAL, ETHERNET.into(), None, Some(is_vxlan));
        self.op(LOAD_BYTE_FROM_X, 8);
        self.jump(IF_AT_LEAST, 0x40, Some(is_vxlan), Some(geneve));
        self.here(is_vxlan);
        let vxlan = self.label();
        self.op(LOAD_BYTE_FROM_X, 8);
        self.jump(IF_BITS, 0x08, Some(vxlan), None);
        self.op(RETURN, 0);
        self.here(vxlan);
        self.forward(16);
        self.go(ethernet);
        self.here(geneve);
        self.op(SHIFT_LEFT, 2);
        self.forward_by_a(16);

        self.here(ethernet);
        self.load_next(LOAD_HALF_FROM_X, 12);
        self.forward(14);
        for _ in 0..TAGS {
            let tag = self.label();
            self.op(RECALL, NEXT);
            self.jump(IF_EQUAL, VLANS[0].into(), Some(tag), None);
            self.jump(IF_EQUAL, VLANS[1].into(), None, Some(typed));
            self.here(tag);
            self.load_next(LOAD_HALF_FROM_X, 2);
            self.forward(4);
        }
        self.here(typed);
        self.op(RECALL, NEXT);
        self.jump(IF_EQUAL, IPV4.into(), Some(inner), None);
        self.jump(IF_EQUAL, IPV6.into(), Some(inner), None);
        self.jump(IF_EQUAL, MPLS.into(), Some(stack), None);
        self.op(RETURN, 0);
        self.here(stack);
        for _ in 0..INNER_LABELS {
            self.load_next(LOAD_BYTE_FROM_X, 2);
            self.forward(4);
            self.op(RECALL, NEXT);
            self.jump(IF_BITS, 1, Some(inner), None);
        }
        self.op(RETURN, 0);
    }

    /// Goes to a label, however far it is, where A is this.
    fn go_if(&mut self, k: u32, label: Label) {
        let no = self.label();
        self.jump(IF_EQUAL, k, None, Some(no));
        self.go(label);
        self.here(no);
    }

    /// Keeps what a load gives as what comes next.
    fn load_next(&mut self, load: u16, at: u32) {
        self.op(load, at);
        self.op(STORE, NEXT);
    }

    /// Moves X behind a header of this length.
    fn forward(&mut self, length: u32) {
        self.op(A_FROM_X, 0);
        self.op(ADD, length);
        self.op(X_FROM_A, 0);
    }

    /// Moves X behind a header whose length is in A, and as much further.
    fn forward_by_a(&mut self, length: u32) {
        self.op(ADD, length);
        self.op(ADD_X, 0);
        self.op(X_FROM_A, 0);
    }

    /// An ICMP message at X, below an IP header of this length; an error quotes a packet with such a
    /// header too.
    fn marked(&mut self, sought: Sought, header: u32) {
        self.op(LOAD_WORD_FROM_X, 8);
        self.keep(IF_EQUAL, sought.token.word());
        // A packet that ends before what is loaded is dropped by the load.
        let (protocol, no) = (if header == 20 { 9 } else { 6 }, self.label());
        self.op(LOAD_BYTE_FROM_X, 8 + protocol);
        self.jump(IF_EQUAL, 6, None, Some(no));
        self.keep_ports(sought, 8 + header);
        self.op(RETURN, 0);
        self.here(no);
        // The quoted one may be the first part of several, which has eight bytes more.
        let headers: &[u32] = if header == 40 { &[40, 48] } else { &[20] };
        for header in headers {
            self.op(LOAD_WORD_FROM_X, 8 + header + 8);
            self.keep(IF_EQUAL, sought.token.word());
        }
        self.op(RETURN, 0);
    }
}
