//! The filter that runs in the kernel, so that a busy lab's traffic never wakes a check.

use super::mark::Token;
use socket2::SockFilter;

// From linux/filter.h; libc has the same as u32.
const LOAD_WORD_AT: u16 = 0x20;
const LOAD_HALF_AT: u16 = 0x28;
const LOAD_BYTE_AT: u16 = 0x30;
const LOAD_WORD_FROM_X: u16 = 0x40;
const LOAD_BYTE_FROM_X: u16 = 0x50;
const SET_X: u16 = 0x01;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_BITS: u16 = 0x45;
const SHIFT_RIGHT: u16 = 0x74;
const RETURN: u16 = 0x06;

/// Where a load finds the EtherType instead of a byte of the frame.
const ETHERTYPE: u32 = 0xffff_f000;
/// How much of a frame is kept: an ICMPv6 error that quotes a probe, below a deep label stack.
const KEEP: u32 = 512;
/// How deep a label stack may be.
const DEPTH: u8 = 8;

/// Lets through what bears the first half of the token where an echo's data, or an echo quoted by an
/// ICMP error, would have it. What comes through by chance is told apart by the whole token.
pub(super) fn frames(token: Token) -> Vec<SockFilter> {
    // The part for label stacks lies between the test of the EtherType and the part for IP: four
    // instructions for each depth, and one that gives up.
    let stack = DEPTH * 4;
    let mut program = vec![
        op(LOAD_HALF_AT, ETHERTYPE),
        branch(IF_EQUAL, 0x8847, 2, 0),
        branch(IF_EQUAL, 0x0800, stack + 2, 0),
        branch(IF_EQUAL, 0x86dd, stack + 1, stack),
    ];
    for depth in 0..DEPTH {
        let at = u32::from(depth) * 4;
        program.extend([
            op(LOAD_BYTE_AT, at + 2),
            branch(IF_BITS, 1, 0, 2),
            op(SET_X, at + 4),
            op(JUMP, u32::from(DEPTH - 1 - depth) * 4 + 2),
        ]);
    }
    program.push(op(RETURN, 0));
    program.push(op(SET_X, 0));
    program.extend(ip(token));
    program
}

/// The same for a raw IPv4 socket, whose packets begin with the IP header, and for one of ICMPv6,
/// whose begin behind it.
pub(super) fn answers_ipv4(token: Token) -> Vec<SockFilter> {
    let mut program = vec![op(SET_X, 0)];
    program.extend(ip(token));
    program
}

/// See [`answers_ipv4`].
pub(super) fn answers_ipv6(token: Token) -> Vec<SockFilter> {
    vec![
        op(LOAD_WORD_AT, 8),
        branch(IF_EQUAL, token.word(), 2, 0),
        op(LOAD_WORD_AT, 56),
        branch(IF_EQUAL, token.word(), 0, 1),
        op(RETURN, KEEP),
        op(RETURN, 0),
    ]
}

/// An IP packet that begins at X.
fn ip(token: Token) -> Vec<SockFilter> {
    let token = token.word();
    vec![
        op(LOAD_BYTE_FROM_X, 0),
        op(SHIFT_RIGHT, 4),
        branch(IF_EQUAL, 4, 0, 6),
        op(LOAD_BYTE_FROM_X, 9),
        branch(IF_EQUAL, 1, 0, 11),
        op(LOAD_WORD_FROM_X, 28),
        branch(IF_EQUAL, token, 8, 0),
        op(LOAD_WORD_FROM_X, 56),
        branch(IF_EQUAL, token, 6, 7),
        op(LOAD_BYTE_FROM_X, 6),
        branch(IF_EQUAL, 58, 0, 5),
        op(LOAD_WORD_FROM_X, 48),
        branch(IF_EQUAL, token, 2, 0),
        op(LOAD_WORD_FROM_X, 96),
        branch(IF_EQUAL, token, 0, 1),
        op(RETURN, KEEP),
        op(RETURN, 0),
    ]
}

fn op(code: u16, k: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, k)
}

fn branch(code: u16, k: u32, yes: u8, no: u8) -> SockFilter {
    SockFilter::new(code, yes, no, k)
}
