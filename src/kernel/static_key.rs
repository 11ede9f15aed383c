//! Branches of the kernel that it patches in its own running code: static keys.
//!
//! A key is on while anybody needs it. Where emulated processors run in threads of their own, one can
//! meet the breakpoint of a patch that is over already, and the kernel takes that for a fault and
//! stops. A key that somebody holds for good is patched once, before there is traffic.

use super::message::LOOPBACK;
use super::packet::ask_for_times;
use super::socket::{Mode, SendError};
use super::{on_worker, qdisc, vrf_bind};
use crate::plan::Qdisc;
use crate::sys;
use rtnetlink::LinkWireguard;
use rtnetlink::packet_route::RouteNetlinkMessage;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::os::fd::OwnedFd;

/// `UDP_ENCAP` and one of its kinds (`linux/udp.h`).
const UDP_ENCAP: i32 = 100;
const UDP_ENCAP_L2TPINUDP: i32 = 3;

/// The keys that labs would switch on and off in the path of every packet and socket, held on: times
/// of packets (each run of checks), tunnels over UDP of both families (VXLAN), and programs that look
/// at new sockets (commands in a VRF).
#[derive(Debug)]
pub struct StaticKeys {
    _socket: Socket,
}

impl StaticKeys {
    /// Switches the keys on until the value is dropped; that for new sockets stays on for as long as
    /// the kernel runs.
    ///
    /// # Errors
    /// The kernel has one of them not, or refuses.
    pub fn hold() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
        ask_for_times(&socket)?;
        sys::set_option(&socket, libc::IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_L2TPINUDP)?;
        vrf_bind::watch_nothing()?;
        Ok(Self { _socket: socket })
    }

    /// Switches on those that devices of labs would switch, until the descriptor is closed: the sockets of
    /// WireGuard are such as memory is kept for (`sk_set_memalloc`), which is asked for each packet, and
    /// so is whether anything looks at what comes in. The descriptor is that of a namespace with such devices.
    ///
    /// # Errors
    /// The kernel has one of them not, or refuses.
    pub fn hold_of_devices() -> Result<OwnedFd, SendError> {
        on_worker(|worker| {
            let namespace = worker.unshare()?;
            let wireguard = LinkWireguard::new("wireguard").up().build();
            let ingress = qdisc::message(LOOPBACK, &Qdisc::Ingress);
            super::Socket::open()?.send(vec![
                (Mode::Create, RouteNetlinkMessage::NewLink(wireguard)),
                (Mode::Create, RouteNetlinkMessage::NewQueueDiscipline(ingress)),
            ])?;
            Ok(namespace)
        })
    }
}
