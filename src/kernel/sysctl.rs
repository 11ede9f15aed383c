//! Settings below `/proc/sys/net`, which are those of the reading thread's namespace.

use super::Worker;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Reads a setting in the namespace that the worker is in; the key has slashes.
///
/// # Errors
/// There is no such setting, or the kernel refuses.
pub fn read(_in_namespace: &Worker, key: &str) -> io::Result<String> {
    Ok(fs::read_to_string(path(key))?.trim_end().to_owned())
}

/// Writes a setting in the namespace that the worker is in; the key has slashes.
///
/// # Errors
/// There is no such setting, or the kernel refuses the value.
pub fn write(_in_namespace: &Worker, key: &str, value: &str) -> io::Result<()> {
    fs::write(path(key), value)
}

/// Looks whether there is a setting in the namespace that the worker is in; some can be written only.
///
/// # Errors
/// There is no such setting.
pub fn look_up(_in_namespace: &Worker, key: &str) -> io::Result<()> {
    fs::metadata(path(key)).map(drop)
}

fn path(key: &str) -> PathBuf {
    Path::new("/proc/sys").join(key)
}

/// What a freshly booted kernel has below `net/ipv4/conf`, where it is not 0.
const FRESH: &[(&str, &str)] = &[
    ("accept_redirects", "1"),
    ("arp_evict_nocarrier", "1"),
    ("igmpv2_unsolicited_report_interval", "10000"),
    ("igmpv3_unsolicited_report_interval", "1000"),
    ("secure_redirects", "1"),
    ("send_redirects", "1"),
    ("shared_media", "1"),
];

/// What a freshly booted kernel has at 0 there.
const FRESH_ZERO: &[&str] = &[
    "accept_local",
    "arp_accept",
    "arp_announce",
    "arp_filter",
    "arp_ignore",
    "arp_notify",
    "bc_forwarding",
    "bootp_relay",
    "drop_gratuitous_arp",
    "drop_unicast_in_l2_multicast",
    "force_igmp_version",
    "forwarding",
    "ignore_routes_with_linkdown",
    "log_martians",
    "medium_id",
    "promote_secondaries",
    "proxy_arp",
    "proxy_arp_pvlan",
    "route_localnet",
    "rp_filter",
    "src_valid_mark",
    "tag",
];

/// The settings that a new namespace took over from its host and that a freshly booted kernel has
/// otherwise, each with the fresh value.
///
/// A new namespace copies `net.ipv4.conf.all` and `.default` of the host's, and its `lo`, which is
/// there at once, takes over the latter; everything else starts from the kernel's own values. The
/// worker is in a new namespace.
///
/// # Errors
/// `/proc/sys` cannot be read.
pub fn inherited(worker: &Worker) -> io::Result<Vec<(String, String)>> {
    let mut fresh: BTreeMap<&str, &str> = FRESH_ZERO.iter().map(|name| (*name, "0")).collect();
    fresh.extend(FRESH.iter().copied());
    let mut differing = Vec::new();
    for scope in ["all", "default", "lo"] {
        fresh.insert("accept_source_route", if scope == "all" { "0" } else { "1" });
        // What is on its way to this machine itself needs no transformation.
        let untransformed = if scope == "lo" { "1" } else { "0" };
        fresh.insert("disable_policy", untransformed);
        fresh.insert("disable_xfrm", untransformed);
        for (name, value) in &fresh {
            let key = format!("net/ipv4/conf/{scope}/{name}");
            match read(worker, &key) {
                Ok(current) if current != *value => differing.push((key, (*value).to_owned())),
                Ok(_) => {}
                // Older kernels lack some of them.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(differing)
}
