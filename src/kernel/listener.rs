//! Which process listens on a port of a namespace.

use super::Worker;
use fs_err as fs;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How much of a command line is told.
const SHOWN: usize = 80;

/// How data comes to a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In a connection.
    Tcp,
    /// In datagrams.
    Udp,
}

/// A process that has a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its command line, cut off where it is long.
    pub command: String,
}

/// A socket that takes what comes to a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Who has it, where that can be told.
    pub process: Option<Process>,
}

/// Who takes what comes to an address and port of the namespace that the worker is in: a socket with
/// that very address before one with any, and among several one of a process that is bound to the VRF
/// that is named. Sockets with one of the inodes in `own` do not count.
///
/// `/proc` is read, since the kernel's `sock_diag` is a module that guests may lack.
///
/// # Errors
/// `/proc` cannot be read.
pub fn listener(
    _worker: &Worker,
    transport: Transport,
    address: IpAddr,
    port: u16,
    vrf: Option<&str>,
    own: &BTreeSet<u64>,
) -> io::Result<Option<Listener>> {
    let (names, state) = match transport {
        Transport::Tcp => (["tcp", "tcp6"], "0A"),
        Transport::Udp => (["udp", "udp6"], "07"),
    };
    let mut sockets: Vec<(IpAddr, u64)> = Vec::new();
    for name in names {
        // A kernel without IPv6 has no second file.
        let Ok(text) = fs::read_to_string(format!("/proc/thread-self/net/{name}")) else {
            continue;
        };
        sockets.extend(text.lines().skip(1).filter_map(|line| socket(line, state, port)));
    }
    sockets.retain(|(_, inode)| !own.contains(inode));
    let takes = |held: &IpAddr| *held == address || is_any(held, address);
    sockets.retain(|(held, _)| takes(held));
    if sockets.iter().any(|(held, _)| *held == address) {
        sockets.retain(|(held, _)| *held == address);
    }
    if sockets.is_empty() {
        return Ok(None);
    }
    let inodes: Vec<u64> = sockets.iter().map(|(_, inode)| *inode).collect();
    let pids = owners(&inodes)?;
    let bound = |pid: &&u32| vrf.is_some_and(|vrf| is_bound(**pid, vrf));
    let pid = pids.iter().find(bound).or(pids.first());
    Ok(Some(Listener { process: pid.map(|&pid| Process { pid, command: command(pid) }) }))
}

/// Whether a socket that has this address has any, that of the target's family included. One of IPv6
/// takes IPv4 too unless it was told not to, which nobody tells.
fn is_any(held: &IpAddr, target: IpAddr) -> bool {
    held.is_unspecified() && (held.is_ipv6() || target.is_ipv4())
}

/// The address and the inode of a line of `/proc/net/tcp` and its like, if it is of this state and
/// port.
fn socket(line: &str, state: &str, port: u16) -> Option<(IpAddr, u64)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, local) = fields.get(1)?.split_once(':')?;
    if *fields.get(3)? != state || u16::from_str_radix(local, 16).ok()? != port {
        return None;
    }
    Some((parse_address(address)?, fields.get(9)?.parse().ok()?))
}

/// An address as words of the machine's byte order.
fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| -> Option<[u8; 4]> {
        let word = u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let bytes: [u8; 16] =
                [word(0)?, word(1)?, word(2)?, word(3)?].concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// The processes that have one of these sockets open.
fn owners(inodes: &[u64]) -> io::Result<Vec<u32>> {
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let pids = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    // A process that ends meanwhile, or is somebody else's, has nothing to show.
    let has = |pid: &u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| {
            target.to_str().is_some_and(|target| wanted.iter().any(|wanted| wanted == target))
        })
    };
    let mut owners: Vec<u32> = pids.filter(has).collect();
    owners.sort_unstable();
    Ok(owners)
}

/// Whether a process is in the control group of a VRF.
fn is_bound(pid: u32, vrf: &str) -> bool {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    groups.lines().any(|group| group.rsplit('/').next() == Some(vrf))
}

/// A process's command line.
fn command(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).chars().filter(|c| !c.is_control()).collect())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_read_as_the_kernel_prints_it() {
        let line = "   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     \
                    0        0 4711 1 0000000000000000 100 0 0 10 0";
        let localhost: IpAddr = "127.0.0.1".parse().expect("an address");
        assert_eq!(socket(line, "0A", 80), Some((localhost, 4711)));
        assert_eq!(socket(line, "0A", 81), None);
        assert_eq!(socket(line, "07", 80), None);
        assert_eq!(socket("  sl  local_address", "0A", 80), None);
        let address = "B80D0120000000000000000001000000";
        assert_eq!(parse_address(address), "2001:db8::1".parse().ok());
        assert_eq!(parse_address("0000000000000000FFFF00000100007F"), Some(localhost));
    }
}
