//! The filter that runs in the kernel, so that a busy lab's traffic never wakes a check.

use super::mark::{Signature, Token};
use super::program::Program;
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
const STORE: u16 = 0x02;
const RECALL: u16 = 0x60;
const IF_EQUAL: u16 = 0x15;
const IF_ABOVE: u16 = 0x25;
const IF_AT_LEAST: u16 = 0x35;
const IF_BITS: u16 = 0x45;
const SHIFT_RIGHT: u16 = 0x74;
const RETURN: u16 = 0x06;

/// Where a load finds the EtherType instead of a byte of the frame.
const ETHERTYPE: u32 = 0xffff_f000;
/// How much of a frame is kept: an ICMPv6 error that quotes a probe, below a deep label stack.
const KEEP: u32 = 512;
/// How deep a label stack may be.
const DEPTH: u32 = 8;
/// The flags of a segment that opens or refuses a connection.
const SYN_OR_RESET: u32 = 0x06;

/// Lets through what bears the first half of the token where an echo's or a datagram's data, or one
/// quoted by an ICMP error, would have it, and what opens a connection from one of the run's ports.
/// What comes through by chance is told apart by the whole token and by the ports in use.
pub(super) fn frames(token: Token) -> Vec<SockFilter> {
    let mut program = Program::default();
    let (ip, stack) = (program.label(), program.label());
    program.op(LOAD_HALF_AT, ETHERTYPE);
    program.jump(IF_EQUAL, 0x8847, Some(stack), None);
    program.op(SET_X, 0);
    program.jump(IF_EQUAL, 0x0800, Some(ip), None);
    program.jump(IF_EQUAL, 0x86dd, Some(ip), None);
    program.op(RETURN, 0);
    program.here(stack);
    for depth in 0..DEPTH {
        program.op(SET_X, depth * 4 + 4);
        program.op(LOAD_BYTE_AT, depth * 4 + 2);
        program.jump(IF_BITS, 1, Some(ip), None);
    }
    program.op(RETURN, 0);
    program.here(ip);
    program.ip(token);
    program.done()
}

/// The same for a raw IPv4 socket, whose packets begin with the IP header.
pub(super) fn answers_ipv4(token: Token) -> Vec<SockFilter> {
    let mut program = Program::default();
    program.op(SET_X, 0);
    program.ip(token);
    program.done()
}

/// The same for a raw socket of ICMPv6, whose packets begin behind the IP header.
pub(super) fn answers_ipv6(token: Token) -> Vec<SockFilter> {
    let mut program = Program::default();
    program.op(SET_X, 0);
    program.marked(token, 0, 40);
    program.op(RETURN, 0);
    program.done()
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

    /// Keeps the packet where one of two ports is one of the run's.
    fn keep_ports(&mut self, at: u32) {
        let (least, most) = Signature::ports();
        for at in [at, at + 2] {
            let no = self.label();
            self.op(LOAD_HALF_FROM_X, at);
            self.jump(IF_AT_LEAST, least.into(), None, Some(no));
            self.jump(IF_ABOVE, most.into(), Some(no), None);
            self.op(RETURN, KEEP);
            self.here(no);
        }
    }

    /// An IP packet that begins at X.
    fn ip(&mut self, token: Token) {
        let (ipv4, whole) = (self.label(), self.label());
        self.op(LOAD_BYTE_FROM_X, 0);
        self.op(SHIFT_RIGHT, 4);
        self.jump(IF_EQUAL, 4, Some(ipv4), None);
        // The first part of an IPv6 packet in several has a header of eight bytes more.
        self.op(LOAD_BYTE_FROM_X, 6);
        self.jump(IF_EQUAL, 44, None, Some(whole));
        self.op(LOAD_BYTE_FROM_X, 40);
        self.op(STORE, 0);
        self.op(A_FROM_X, 0);
        self.op(ADD, 8);
        self.op(X_FROM_A, 0);
        self.op(RECALL, 0);
        self.here(whole);
        self.body(token, 58, 40);
        self.here(ipv4);
        self.op(LOAD_BYTE_FROM_X, 9);
        self.body(token, 1, 20);
    }

    /// What follows a header of this length; its protocol is in A.
    fn body(&mut self, token: Token, icmp: u32, header: u32) {
        let (marked, segment) = (self.label(), self.label());
        self.jump(IF_EQUAL, icmp, Some(marked), None);
        self.jump(IF_EQUAL, 17, Some(marked), None);
        self.jump(IF_EQUAL, 6, Some(segment), None);
        self.op(RETURN, 0);
        self.here(segment);
        let no = self.label();
        self.op(LOAD_BYTE_FROM_X, header + 13);
        self.jump(IF_BITS, SYN_OR_RESET, None, Some(no));
        self.keep_ports(header);
        self.here(no);
        self.op(RETURN, 0);
        self.here(marked);
        self.marked(token, header, header);
        self.op(RETURN, 0);
    }

    /// An ICMP message or a datagram, this far behind X, below an IP header of this length; an
    /// error quotes a packet with such a header too.
    fn marked(&mut self, token: Token, at: u32, header: u32) {
        self.op(LOAD_WORD_FROM_X, at + 8);
        self.keep(IF_EQUAL, token.word());
        // A packet that ends before what is loaded is dropped by the load.
        let (protocol, no) = (if header == 20 { 9 } else { 6 }, self.label());
        self.op(LOAD_BYTE_FROM_X, at + 8 + protocol);
        self.jump(IF_EQUAL, 6, None, Some(no));
        self.keep_ports(at + 8 + header);
        self.op(RETURN, 0);
        self.here(no);
        // The quoted one may be the first part of several, as above.
        let headers: &[u32] = if header == 40 { &[40, 48] } else { &[20] };
        for header in headers {
            self.op(LOAD_WORD_FROM_X, at + 8 + header + 8);
            self.keep(IF_EQUAL, token.word());
        }
    }
}
