//! What a namespace has counted of packets that it could not handle, as `nstat` and `ip -s link` show it.

use super::Worker;
use fs_err as fs;
use std::collections::BTreeMap;
use std::io;

/// The endings of the names of counters that tell of packets which did not go on.
const TELLING: [&str; 11] = [
    "Errors",
    "Errs",
    "Discards",
    "Drops",
    "NoRoutes",
    "Fails",
    "Filter",
    "NoPorts",
    "DestUnreachs",
    "TimeExcds",
    "PktTooBigs",
];
/// The columns of `/proc/net/dev` that do, counted from the device's name.
const OF_DEVICES: [(usize, &str); 4] =
    [(2, "rx errors"), (3, "rx dropped"), (10, "tx errors"), (11, "tx dropped")];

/// The counters of errors of the namespace that the worker is in, by the names that `nstat` gives them, and those
/// of its devices as in `eth0 rx dropped`.
///
/// # Errors
/// The kernel does not let them be read.
pub fn error_counters(_in_namespace: &Worker) -> io::Result<BTreeMap<String, u64>> {
    let read = |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}"));
    let mut counters = paired(&read("snmp")?);
    counters.extend(paired(&read("netstat")?));
    // A kernel without IPv6 has none.
    counters.extend(listed(&read("snmp6").unwrap_or_default()));
    counters.retain(|name, _| TELLING.iter().any(|ending| name.ends_with(ending)));
    counters.extend(of_devices(&read("dev")?));
    Ok(counters)
}

/// A line of names above a line of values.
fn paired(text: &str) -> BTreeMap<String, u64> {
    let lines: Vec<&str> = text.lines().collect();
    let mut counters = BTreeMap::new();
    for pair in lines.chunks_exact(2) {
        let Some((group, names)) = pair[0].split_once(':') else { continue };
        let values = pair[1].split_whitespace().skip(1);
        for (name, value) in names.split_whitespace().zip(values) {
            // Some are no counters and can be negative.
            let Ok(value) = value.parse() else { continue };
            counters.insert(format!("{group}{name}"), value);
        }
    }
    counters
}

/// A name and a value per line.
fn listed(text: &str) -> BTreeMap<String, u64> {
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

fn of_devices(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let of_line = lines.flat_map(|(device, values)| {
        let values: Vec<&str> = values.split_whitespace().collect();
        OF_DEVICES.iter().filter_map(move |(column, name)| {
            Some((format!("{} {name}", device.trim()), values.get(*column)?.parse().ok()?))
        })
    });
    of_line.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_in_the_three_shapes_that_the_kernel_writes_them_in() {
        let text = "Ip: Forwarding OutNoRoutes\nIp: 1 3\nIcmp: InMsgs Bad\nIcmp: 7 -1\n";
        let counters = paired(text);
        let wanted = [("IcmpInMsgs", 7), ("IpForwarding", 1), ("IpOutNoRoutes", 3)];
        assert!(counters.iter().map(|(name, value)| (name.as_str(), *value)).eq(wanted));
        let counters = listed("Ip6InNoRoutes   \t4\nIp6OutDiscards  x\n");
        assert!(
            counters.iter().map(|(name, value)| (name.as_str(), *value)).eq([("Ip6InNoRoutes", 4)])
        );
        let text = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n  \
             eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        let counters = of_devices(text);
        let wanted = [
            ("eth0 rx dropped", 4),
            ("eth0 rx errors", 3),
            ("eth0 tx dropped", 12),
            ("eth0 tx errors", 11),
        ];
        assert!(counters.iter().map(|(name, value)| (name.as_str(), *value)).eq(wanted));
    }
}
