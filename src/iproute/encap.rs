//! What a packet is put into on its way: what follows `encap` in a route.

use super::label::{Label, parse_labels, print_labels};
use super::seg6::Seg6;
use super::seg6local::Seg6local;
use super::table::Table;
use super::words::{Words, not, refused, twice, type_of_service};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What a packet is put into, or taken out of, over the ways in which devices and tables are named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Encap<Device, Lookup> {
    /// Labels (RFC 3032).
    Mpls {
        /// The labels that are pushed, the outermost first.
        labels: Vec<Label>,
        /// The TTL that they begin with: 0 is the packet's own, and where nothing is said
        /// `net.mpls.ip_ttl_propagate` decides.
        ttl: Option<u8>,
    },
    /// A list of segments.
    Seg6(Seg6),
    /// What is done with a packet that is for a segment.
    Seg6local(Seg6local<Device, Lookup>),
    /// What an IPv4 tunnel device without a far end of its own puts on.
    Ip(Tunnel<Ipv4Addr>),
    /// What an IPv6 tunnel device without a far end of its own puts on.
    Ip6(Tunnel<Ipv6Addr>),
}

/// The outer header that a tunnel device is told by a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tunnel<Address> {
    /// The tunnel's number: a VXLAN's, a GRE key.
    pub id: Option<u64>,
    /// The far end.
    pub destination: Address,
    /// The near end; the kernel's choice where nothing is said.
    pub source: Option<Address>,
    /// The TTL or hop limit.
    pub ttl: Option<u8>,
    /// The type of service or traffic class.
    pub tos: Option<u8>,
    /// Whether a GRE header carries the number.
    pub key: bool,
}

impl Encap<Text, Table> {
    /// Reads what stands behind `encap`, as far as the words belong to it.
    pub(super) fn parse(words: &mut Words<'_>, after: &Text) -> Result<Self, Diagnostic> {
        let kind = words.expect(KINDS, after)?;
        match kind.as_str() {
            "mpls" => {
                let labels = parse_labels(&words.expect("labels", &kind)?)?;
                let ttl = match words.peek().filter(|word| word.as_str() == "ttl") {
                    Some(word) => {
                        words.next();
                        Some(words.number("a TTL from 0 to 255", &word)?)
                    }
                    None => None,
                };
                Ok(Self::Mpls { labels, ttl })
            }
            "seg6" => Ok(Self::Seg6(Seg6::parse(words, &kind)?)),
            "seg6local" => Ok(Self::Seg6local(Seg6local::parse(words, &kind)?)),
            "ip" => Ok(Self::Ip(tunnel(words, &kind, ["ttl", "tos"])?)),
            "ip6" => Ok(Self::Ip6(tunnel(words, &kind, ["hoplimit", "tc"])?)),
            "ioam6" | "bpf" | "ila" | "rpl" | "xfrm" => Err(refused(
                &kind,
                "a lab's routes put packets into labels, into segments or into a tunnel's header",
            )),
            _ => Err(not(&kind, KINDS)),
        }
    }
}

impl<Device, Lookup> Encap<Device, Lookup> {
    /// The labels that it pushes, the outermost first.
    pub fn labels(&self) -> &[Label] {
        match self {
            Self::Mpls { labels, .. } => labels,
            Self::Seg6(_) | Self::Seg6local(_) | Self::Ip(_) | Self::Ip6(_) => &[],
        }
    }

    /// What is done with a packet that is for a segment.
    pub fn local(&self) -> Option<&Seg6local<Device, Lookup>> {
        if let Self::Seg6local(local) = self { Some(local) } else { None }
    }

    /// The same with its names resolved.
    ///
    /// # Errors
    /// What `device` or `table` answers.
    pub fn resolve<D, L, E>(
        &self,
        device: impl FnOnce(&Device) -> Result<D, E>,
        table: impl FnOnce(&Lookup) -> Result<L, E>,
    ) -> Result<Encap<D, L>, E> {
        Ok(match self {
            Self::Mpls { labels, ttl } => Encap::Mpls { labels: labels.clone(), ttl: *ttl },
            Self::Seg6(seg6) => Encap::Seg6(seg6.clone()),
            Self::Seg6local(local) => Encap::Seg6local(local.resolve(device, table)?),
            Self::Ip(tunnel) => Encap::Ip(tunnel.clone()),
            Self::Ip6(tunnel) => Encap::Ip6(tunnel.clone()),
        })
    }
}

const KINDS: &str = "`mpls`, `seg6`, `seg6local`, `ip` or `ip6`";

fn tunnel<Address: FromStr>(
    words: &mut Words<'_>,
    kind: &Text,
    [ttl, tos]: [&str; 2],
) -> Result<Tunnel<Address>, Diagnostic> {
    let mut destination = None;
    let (mut id, mut source, mut hops, mut service, mut key) = (None, None, None, None, false);
    while let Some(word) = words.peek() {
        let text = word.as_str();
        if ["csum", "seq", "geneve_opts", "vxlan_opts", "erspan_opts"].contains(&text) {
            return Err(refused(
                &word,
                "of a tunnel's header, a route says the number, the ends and `key`",
            ));
        }
        if !["id", "dst", "src", "key", ttl, tos].contains(&text) {
            break;
        }
        words.next();
        let again = (text == "id" && id.is_some())
            || (text == "dst" && destination.is_some())
            || (text == "src" && source.is_some())
            || (text == ttl && hops.is_some())
            || (text == tos && service.is_some())
            || (text == "key" && key);
        if again {
            return Err(twice(&word));
        }
        if text == "id" {
            id = Some(words.number("a number", &word)?);
        } else if text == "key" {
            key = true;
        } else if text == "dst" {
            destination = Some(words.value("an address of the tunnel's family", &word)?);
        } else if text == "src" {
            source = Some(words.value("an address of the tunnel's family", &word)?);
        } else if text == ttl {
            hops = Some(words.number("a number from 0 to 255", &word)?);
        } else {
            service = Some(type_of_service(&words.expect("a type of service", &word)?)?);
        }
    }
    let Some(destination) = destination else {
        return Err(Diagnostic::error(Code::BadValue, format!("`encap {kind}` goes nowhere"))
            .at(kind.span, "no `dst ADDRESS` after this"));
    };
    // The kernel takes 0 for what nobody said.
    let id = id.filter(|id| *id != 0);
    let ttl = hops.filter(|hops| *hops != 0);
    let tos = service.filter(|service| *service != 0);
    Ok(Tunnel { id, destination, source, ttl, tos, key })
}

impl<Device: fmt::Display, Lookup: fmt::Display> fmt::Display for Encap<Device, Lookup> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mpls { labels, ttl } => {
                write!(f, "mpls {}", print_labels(labels))?;
                match ttl {
                    Some(ttl) => write!(f, " ttl {ttl}"),
                    None => Ok(()),
                }
            }
            Self::Seg6(seg6) => seg6.fmt(f),
            Self::Seg6local(local) => local.fmt(f),
            Self::Ip(tunnel) => {
                f.write_str("ip")?;
                tunnel.print(f, ["ttl", "tos"])
            }
            Self::Ip6(tunnel) => {
                f.write_str("ip6")?;
                tunnel.print(f, ["hoplimit", "tc"])
            }
        }
    }
}

impl<Address: fmt::Display> Tunnel<Address> {
    fn print(&self, f: &mut fmt::Formatter<'_>, [ttl, tos]: [&str; 2]) -> fmt::Result {
        if let Some(id) = self.id {
            write!(f, " id {id}")?;
        }
        if let Some(source) = &self.source {
            write!(f, " src {source}")?;
        }
        write!(f, " dst {}", self.destination)?;
        if let Some(value) = self.ttl {
            write!(f, " {ttl} {value}")?;
        }
        if let Some(value) = self.tos {
            write!(f, " {tos} {value:#x}")?;
        }
        if self.key { f.write_str(" key") } else { Ok(()) }
    }
}
