//! Waiting until the kernel has noticed that links are there.
//!
//! A link has its carrier at once when its far end comes up, but the kernel's routing hears of it a
//! little later, from a queue of its own. Until then a subnet on the link counts as one whose link is
//! down, and an IPv6 gateway in it is refused where the kernel asks all tables for it.

use super::socket::{SendError, Socket};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, State,
};
use rtnetlink::sys::{Socket as RawSocket, protocols::NETLINK_ROUTE};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// `RTNLGRP_LINK`: whoever is in this group hears of changes of links.
const LINKS: u32 = 1;
/// After this long the kernel is asked all the same, and says itself what is missing.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits until no link of the thread's namespace has a carrier that the kernel has yet to notice.
///
/// # Errors
/// The namespace cannot be read.
pub(super) fn settle() -> io::Result<()> {
    let mut events = RawSocket::new(NETLINK_ROUTE)?;
    events.bind_auto()?;
    events.add_membership(LINKS)?;
    events.set_non_blocking(true)?;
    let mut socket = Socket::open()?;
    let end = Instant::now() + PATIENCE;
    while !all_noticed(&mut socket)? {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        poll(&mut [PollFd::new(events.as_fd(), PollFlags::POLLIN)], left)?;
        while events.recv_from_full().is_ok() {}
    }
    Ok(())
}

fn all_noticed(socket: &mut Socket) -> Result<bool, SendError> {
    let links = socket.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
    Ok(links.iter().all(|link| match link {
        RouteNetlinkMessage::NewLink(link) => is_noticed(link),
        _ => true,
    }))
}

fn is_noticed(link: &LinkMessage) -> bool {
    let (mut carrier, mut noticed, mut unknown, mut is_veth) = (false, false, false, false);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Carrier(state) => carrier = *state == 1,
            LinkAttribute::OperState(State::Up) => noticed = true,
            // Devices that can have no far end stay in the state that all begin with.
            LinkAttribute::OperState(State::Unknown) => unknown = true,
            LinkAttribute::LinkInfo(infos) => {
                is_veth = infos.contains(&LinkInfo::Kind(InfoKind::Veth));
            }
            _ => {}
        }
    }
    noticed || (unknown && !is_veth) || !carrier || !link.header.flags.contains(LinkFlags::Up)
}
