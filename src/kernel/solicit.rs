//! Asking a link who has an address, by ARP (RFC 826) or by neighbour solicitation (RFC 4861): the
//! kernel keeps the first answer to its own question, and others may answer too.

use super::Worker;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, bind};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// A hardware address of Ethernet.
pub type Mac = [u8; 6];

const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
/// How long the header of Ethernet is.
const ETHERNET: usize = 14;

/// A question that was put to a link.
#[derive(Debug)]
pub struct Solicitation {
    socket: Socket,
    target: IpAddr,
    own: Mac,
}

impl Solicitation {
    /// Asks the link of an interface of the namespace that the worker is in.
    ///
    /// # Errors
    /// There is no such interface of Ethernet, or what the kernel answers.
    pub fn send(_worker: &Worker, interface: &str, target: IpAddr) -> io::Result<Self> {
        let entries = || getifaddrs().map(|all| all.filter(|it| it.interface_name == interface));
        let link: Option<LinkAddr> =
            entries()?.find_map(|entry| Some(*entry.address?.as_link_addr()?));
        let (Some(link), Some(own)) = (link, link.and_then(|link| link.addr())) else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        let kind = if target.is_ipv4() { ARP } else { IPV6 };
        let protocol = Protocol::from(i32::from(kind.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        bind(socket.as_raw_fd(), &link)?;
        let mut sources = entries()?.filter_map(|entry| {
            let address = entry.address?;
            let ipv4 = address.as_sockaddr_in().map(|it| IpAddr::from(it.ip()));
            ipv4.or_else(|| Some(address.as_sockaddr_in6()?.ip().into()))
        });
        let frame = match target {
            IpAddr::V4(target) => {
                let source = sources.find_map(|source| match source {
                    IpAddr::V4(source) => Some(source),
                    IpAddr::V6(_) => None,
                });
                arp(own, source.unwrap_or(Ipv4Addr::UNSPECIFIED), target)
            }
            IpAddr::V6(target) => {
                let source = sources.find_map(|source| match source {
                    IpAddr::V4(_) => None,
                    IpAddr::V6(source) => Some(source),
                });
                solicitation(own, source.ok_or(io::ErrorKind::AddrNotAvailable)?, target)
            }
        };
        socket.send(&frame)?;
        Ok(Self { socket, target, own })
    }

    /// Who has answered since this was asked for the last time.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn answers(&self) -> io::Result<Vec<Mac>> {
        let mut answers = Vec::new();
        let mut frame = [0; 256];
        loop {
            match (&self.socket).read(&mut frame) {
                Ok(length) => {
                    let answer = answer(&frame[..length], self.target);
                    answers.extend(answer.filter(|answer| *answer != self.own));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(answers),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Solicitation {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn arp(own: Mac, source: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = Vec::with_capacity(42);
    frame.extend([0xff; 6]);
    frame.extend(own);
    frame.extend(ARP.to_be_bytes());
    // Ethernet, IPv4, the lengths of their addresses, a request.
    frame.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(own);
    frame.extend(source.octets());
    frame.extend([0; 6]);
    frame.extend(target.octets());
    frame
}

fn solicitation(own: Mac, source: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let [.., x, y, z] = target.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, x, y, z]);
    let mut message = vec![135, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    // The sender's hardware address.
    message.extend([1, 1]);
    message.extend(own);
    let sum = checksum(source, group, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut frame = Vec::with_capacity(86);
    frame.extend([0x33, 0x33, 0xff, x, y, z]);
    frame.extend(own);
    frame.extend(IPV6.to_be_bytes());
    frame.extend([0x60, 0, 0, 0, 0, message.len() as u8, 58, 255]);
    frame.extend(source.octets());
    frame.extend(group.octets());
    frame.extend(message);
    frame
}

/// The checksum of RFC 4443, over the addresses too.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let ends = [source.octets(), destination.octets()].concat();
    let words = ends.chunks(2).chain(message.chunks(2));
    let mut sum: u32 = words.map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    sum += message.len() as u32 + 58;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Who says in a frame that it has an address.
fn answer(frame: &[u8], target: IpAddr) -> Option<Mac> {
    let sender: Mac = frame.get(6..12)?.try_into().ok()?;
    let packet = frame.get(ETHERNET..)?;
    match target {
        IpAddr::V4(target) => {
            let is_reply = packet.get(6..8)? == [0, 2] && packet.get(14..18)? == target.octets();
            is_reply.then(|| packet.get(8..14)?.try_into().ok()).flatten()
        }
        IpAddr::V6(target) => {
            let is_advertisement = *packet.get(6)? == 58
                && *packet.get(40)? == 136
                && packet.get(48..64)? == target.octets();
            is_advertisement.then_some(sender)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Mac = [2, 0, 0, 0, 0, 1];

    #[test]
    fn an_answer_is_told_from_a_question_and_from_what_is_about_others() {
        let (one, two) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let mut frame = arp(OWN, one, two);
        assert_eq!(answer(&frame, one.into()), None);
        frame[21] = 2;
        assert_eq!(answer(&frame, one.into()), Some(OWN));
        assert_eq!(answer(&frame, two.into()), None);
        assert_eq!(answer(&frame[..30], one.into()), None);
        let (one, two) = (Ipv6Addr::LOCALHOST, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2));
        let mut frame = solicitation(OWN, one, two);
        assert_eq!(answer(&frame, two.into()), None);
        frame[54] = 136;
        assert_eq!(answer(&frame, two.into()), Some(OWN));
        assert_eq!(answer(&frame, one.into()), None);
    }

    #[test]
    fn the_checksum_of_a_solicitation_comes_out_even() {
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let target = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x1234);
        let frame = solicitation(OWN, source, target);
        let group: [u8; 16] = frame[38..54].try_into().expect("sixteen bytes");
        // With its own checksum in it the sum is all ones.
        assert_eq!(checksum(source, group.into(), &frame[54..]), 0);
    }
}
