//! What a packet is put into on its way: what follows `encap` in a route.

use super::label::{Label, parse_labels, print_labels};
use super::words::{Words, not, refused, twice, type_of_service};
use crate::diagnostic::{Code, Diagnostic, Text};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What a packet is put into.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encap {
    /// Labels (RFC 3032).
    Mpls {
        /// The labels that are pushed, the outermost first.
        labels: Vec<Label>,
        /// The TTL that they begin with: 0 is the packet's own, and where nothing is said
        /// `net.mpls.ip_ttl_propagate` decides.
        ttl: Option<u8>,
    },
    /// A list of segments (RFC 8754).
    Seg6 {
        /// How the list is put on.
        mode: Seg6Mode,
        /// The segments, the first to be visited first.
        segments: Vec<Ipv6Addr>,
    },
    /// What an IPv4 tunnel device without a far end of its own puts on.
    Ip(Tunnel<Ipv4Addr>),
    /// What an IPv6 tunnel device without a far end of its own puts on.
    Ip6(Tunnel<Ipv6Addr>),
}

/// How a list of segments is put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seg6Mode {
    /// In an IPv6 header of its own before the packet's.
    Encap,
    /// In the packet's own IPv6 header.
    Inline,
}

/// The outer header that a tunnel device is told by a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

impl Encap {
    /// Reads what stands behind `encap`, as far as the words belong to it.
    pub(super) fn parse(words: &mut Words<'_>, after: &Text) -> Result<Self, Diagnostic> {
        let kind = words.expect("`mpls`, `seg6`, `ip` or `ip6`", after)?;
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
            "seg6" => seg6(words, &kind),
            "ip" => Ok(Self::Ip(tunnel(words, &kind, ["ttl", "tos"])?)),
            "ip6" => Ok(Self::Ip6(tunnel(words, &kind, ["hoplimit", "tc"])?)),
            "seg6local" | "ioam6" | "bpf" | "ila" | "rpl" | "xfrm" => Err(refused(
                &kind,
                "a lab's routes put packets into labels, into segments or into a tunnel's header",
            )),
            _ => Err(not(&kind, "`mpls`, `seg6`, `ip` or `ip6`")),
        }
    }

    /// The labels that it pushes, the outermost first.
    pub fn labels(&self) -> &[Label] {
        match self {
            Self::Mpls { labels, .. } => labels,
            Self::Seg6 { .. } | Self::Ip(_) | Self::Ip6(_) => &[],
        }
    }
}

fn seg6(words: &mut Words<'_>, kind: &Text) -> Result<Encap, Diagnostic> {
    let mut mode = None;
    let mut segments = Vec::new();
    while let Some(word) = words.peek() {
        match word.as_str() {
            "mode" => {
                words.next();
                let name = words.expect("`encap` or `inline`", &word)?;
                mode = Some(match name.as_str() {
                    "encap" => Seg6Mode::Encap,
                    "inline" => Seg6Mode::Inline,
                    "encap.red" | "l2encap" | "l2encap.red" => {
                        return Err(refused(
                            &name,
                            "segments are put on by `encap` or by `inline`",
                        ));
                    }
                    _ => return Err(not(&name, "`encap` or `inline`")),
                });
            }
            "segs" => {
                words.next();
                let list = words.expect("segments", &word)?;
                segments = list
                    .as_str()
                    .split(',')
                    .map(|segment| {
                        segment
                            .parse()
                            .map_err(|_| not(&list, "IPv6 addresses with `,` between them"))
                    })
                    .collect::<Result<_, _>>()?;
            }
            "hmac" | "tunsrc" => {
                return Err(refused(&word, "segments are put on without a signature or a source"));
            }
            _ => break,
        }
    }
    match mode {
        Some(mode) if !segments.is_empty() => Ok(Encap::Seg6 { mode, segments }),
        _ => Err(Diagnostic::error(Code::BadValue, "`encap seg6` needs a mode and segments")
            .at(kind.span, "one of them is missing after this")
            .help("`encap seg6 mode encap segs fd00::1,fd00::2`")),
    }
}

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

impl fmt::Display for Encap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mpls { labels, ttl } => {
                write!(f, "mpls {}", print_labels(labels))?;
                match ttl {
                    Some(ttl) => write!(f, " ttl {ttl}"),
                    None => Ok(()),
                }
            }
            Self::Seg6 { mode, segments } => {
                let mode = match mode {
                    Seg6Mode::Encap => "encap",
                    Seg6Mode::Inline => "inline",
                };
                let segments: Vec<String> = segments.iter().map(Ipv6Addr::to_string).collect();
                write!(f, "seg6 mode {mode} segs {}", segments.join(","))
            }
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
