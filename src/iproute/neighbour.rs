//! What follows `ip neigh add`, as in `ip-neighbour(8)`: who has an address on a link, unasked.

use super::address::address;
use super::mac::Mac;
use super::words::{Words, not, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// An entry of a neighbour table that nobody has learned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Neighbour<D> {
    /// The address.
    pub address: IpAddr,
    /// The device on whose link it is, or where others look for it.
    pub dev: D,
    /// What is said of it.
    pub entry: NeighbourEntry,
}

/// What is said of an address on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NeighbourEntry {
    /// It is at this MAC address.
    Static {
        /// The MAC address.
        lladdr: Mac,
        /// Whether it is a router, as IPv6 tells them apart.
        router: bool,
    },
    /// The node answers for it, and hands packets on.
    Proxy,
}

/// The words of an entry.
const WORDS: [&str; 7] = ["proxy", "to", "lladdr", "dev", "nud", "router", "permanent"];

impl Neighbour<Text> {
    /// Reads an entry.
    ///
    /// # Errors
    /// Words that the grammar does not have, and what is missing.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        words.command("neigh")?;
        let (mut at, mut lladdr, mut dev): (Option<IpAddr>, Option<Mac>, Option<Text>) =
            (None, None, None);
        let (mut proxy, mut router) = (false, false);
        while let Some(word) = words.next() {
            let is_second = match word.as_str() {
                "proxy" => {
                    proxy = true;
                    at.replace(address(&words.expect("an address", &word)?)?).is_some()
                }
                "to" => at.replace(address(&words.expect("an address", &word)?)?).is_some(),
                "lladdr" => lladdr.replace(words.value("a MAC address", &word)?).is_some(),
                "dev" => dev.replace(words.expect("a device", &word)?).is_some(),
                "nud" => {
                    let state = words.expect("`permanent`", &word)?;
                    if state.as_str() != "permanent" {
                        return Err(not(&state, "`permanent`")
                            .note("whatever is not would be learned anew, or forgotten"));
                    }
                    false
                }
                "router" => std::mem::replace(&mut router, true),
                other if at.is_none() && other.contains(['.', ':']) => {
                    at = Some(address(&word)?);
                    false
                }
                _ => return Err(unknown(&word, &WORDS)),
            };
            if is_second {
                return Err(twice(&word));
            }
        }
        let missing = |what: &str| {
            Diagnostic::error(Code::BadValue, format!("`{text}` has no {what}"))
                .at(text.span, "")
                .help("as in `10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0` or `proxy 10.0.0.9 dev eth0`")
        };
        let address = at.ok_or_else(|| missing("address"))?;
        let dev = dev.ok_or_else(|| missing("`dev`"))?;
        let entry = match (proxy, lladdr) {
            (true, None) if !router => NeighbourEntry::Proxy,
            (true, _) => {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    "a proxy answers with its own MAC address",
                )
                .at(text.span, "so there is nothing more to say of it"));
            }
            (false, Some(lladdr)) => NeighbourEntry::Static { lladdr, router },
            (false, None) => return Err(missing("`lladdr`")),
        };
        Ok(Self { address, dev, entry })
    }
}

impl<D: fmt::Display> fmt::Display for Neighbour<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, dev, entry } = self;
        match entry {
            NeighbourEntry::Proxy => write!(f, "proxy {address} dev {dev}"),
            NeighbourEntry::Static { lladdr, router } => {
                write!(f, "{address} lladdr {lladdr} dev {dev}")?;
                f.write_str(if *router { " router" } else { "" })
            }
        }
    }
}
