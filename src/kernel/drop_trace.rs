//! What the kernel says while packets are on their way: why it drops one, and which tables it looks into.
//!
//! It says so in the events `skb:kfree_skb`, `fib:fib_table_lookup` and `fib6:fib6_table_lookup` of its tracing
//! (Documentation/trace/events.rst), of all namespaces at once and without their names. They are read from a
//! buffer of our own (`instances`), so that nobody else's tracing is disturbed.

use fs_err as fs;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Where the kernel's tracing is, today and before Linux 4.1.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// The events that are asked for; kernels lack some.
const EVENTS: [&str; 3] = ["skb/kfree_skb", "fib/fib_table_lookup", "fib6/fib6_table_lookup"];
/// Reasons that are given where nothing is wrong.
const ORDINARY: [&str; 4] = ["CONSUMED", "NO_SOCKET", "SOCKET_FILTER", "PACKET_SOCK_ERROR"];

/// A buffer in which the kernel writes why it drops packets. It is gone when this is dropped.
#[derive(Debug)]
pub struct DropTrace {
    instance: PathBuf,
}

/// Packets that the kernel dropped for one reason, wherever they were.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KernelDrop {
    /// The kernel's name for the reason, `NOT_SPECIFIED` where it has none.
    pub reason: String,
    /// The function that dropped it.
    pub function: String,
    /// `IPv4`, `IPv6`, `MPLS` or `ARP`.
    pub protocol: &'static str,
    /// How many.
    pub count: usize,
}

/// A lookup of a route that the kernel made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KernelLookup {
    /// The table.
    pub table: u32,
    /// The source address that was looked up with.
    pub source: IpAddr,
    /// The address that was looked up.
    pub destination: IpAddr,
    /// The device that it leads to, where something was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

impl DropTrace {
    /// Begins to listen.
    ///
    /// # Errors
    /// The kernel has no tracing, or this process may not use it.
    pub fn open() -> io::Result<Self> {
        let place = PLACES.iter().map(|place| Path::new(place).join("instances"));
        let place = place.into_iter().find(|place| place.is_dir());
        let place = place.ok_or_else(|| io::Error::other("tracefs is not mounted"))?;
        remove_orphans(&place)?;
        let instance = place.join(format!("vrflab-{}", std::process::id()));
        std::fs::create_dir(&instance)?;
        let trace = Self { instance };
        let mut heard = Err(io::Error::other("the kernel has no event for dropped packets"));
        for event in EVENTS {
            let enabled = fs::write(trace.instance.join(format!("events/{event}/enable")), "1");
            if event == EVENTS[0] {
                heard = enabled;
            }
        }
        heard.map(|()| trace)
    }

    /// What was said since.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self) -> io::Result<(Vec<KernelDrop>, Vec<KernelLookup>)> {
        // What a device's name has is not always text.
        let bytes = fs::read(self.instance.join("trace"))?;
        Ok(parse(&String::from_utf8_lossy(&bytes)))
    }
}

impl Drop for DropTrace {
    fn drop(&mut self) {
        // Nobody can mend it from here; the next one tries again.
        let _ = std::fs::remove_dir(&self.instance);
    }
}

/// Removes the buffers of processes that are gone.
fn remove_orphans(instances: &Path) -> io::Result<()> {
    for entry in fs::read_dir(instances)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.strip_prefix("vrflab-")) else {
            continue;
        };
        if !Path::new("/proc").join(process).exists() {
            // Another one may have been as fast.
            let _ = std::fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

fn parse(text: &str) -> (Vec<KernelDrop>, Vec<KernelLookup>) {
    let mut drops: Vec<KernelDrop> = Vec::new();
    let mut lookups = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(drop) = line.split_once(" kfree_skb: ").and_then(|(_, said)| dropped(said)) {
            let key = |it: &KernelDrop| (it.reason.clone(), it.function.clone(), it.protocol);
            match drops.iter_mut().find(|other| key(other) == key(&drop)) {
                Some(other) => other.count += 1,
                None => drops.push(drop),
            }
        }
        lookups.extend(line.split_once("_table_lookup: ").and_then(|(_, said)| looked_up(said)));
    }
    (drops, lookups.into_iter().collect())
}

/// `skbaddr=… protocol=2048 location=ip_rcv_finish_core+0x1c4/0x5b0 reason: IP_RPFILTER`.
fn dropped(said: &str) -> Option<KernelDrop> {
    let value = |name: &str| {
        let (_, behind) = said.split_once(name)?;
        behind.split_whitespace().next()
    };
    let protocol = match value("protocol=")? {
        "2048" => "IPv4",
        "34525" => "IPv6",
        "34887" => "MPLS",
        "2054" => "ARP",
        _ => return None,
    };
    let function = value("location=")?.split('+').next()?.to_owned();
    let reason = value("reason: ")?.to_owned();
    let drop = KernelDrop { reason, function, protocol, count: 1 };
    (!ORDINARY.contains(&drop.reason.as_str())).then_some(drop)
}

/// `table 10 oif 0 iif 6 proto 1 10.0.0.1/0 -> 10.0.1.1/0 tos … ==> dev p gw … err 0`.
fn looked_up(said: &str) -> Option<KernelLookup> {
    let after = |word: &str| {
        let mut words = said.split_whitespace();
        words.find(|it| *it == word)?;
        words.next()
    };
    let address = |word: &str| word.split('/').next()?.parse::<IpAddr>().ok();
    let mut words = said.split_whitespace().skip_while(|word| *word != "proto").skip(2);
    let source = address(words.next()?)?;
    let destination = words.next().filter(|arrow| *arrow == "->").and_then(|_| words.next())?;
    let device = after("dev").filter(|_| after("err") == Some("0")).filter(|it| *it != "-");
    Some(KernelLookup {
        table: after("table")?.parse().ok()?,
        source,
        destination: address(destination)?,
        device: device.map(str::to_owned),
    })
}
