//! What follows `tc filter add dev IF` for a filter that says which class packets go to: `fw` and
//! `flower`, as in `tc-fw(8)` and `tc-flower(8)`.

use super::htb::minor;
use super::words::{Words, not, refused, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Text};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

/// Which packets go to a class, or to a band. Of several the first that matches says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Filter {
    /// Which.
    pub matches: Match,
    /// The number of the class behind the colon; of a band, counted from 1.
    pub class: u16,
}

/// What a packet is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Match {
    /// The mark that nft put on it: those bits of it that are set in the mask.
    Fw {
        /// The mark.
        mark: u32,
        /// The bits that count; all of them, `u32::MAX`, where nothing is said.
        mask: u32,
    },
    /// Its headers.
    Flower(Flower),
}

/// The headers of a packet. What nothing is said of can be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Flower {
    /// Whether it is of IPv4, else of IPv6.
    pub v4: bool,
    /// The number of the protocol inside.
    pub ip_proto: Option<u8>,
    /// Who sent it.
    pub src_ip: Option<IpNet>,
    /// To whom.
    pub dst_ip: Option<IpNet>,
    /// The port that it comes from, of TCP, UDP or SCTP.
    pub src_port: Option<u16>,
    /// The port that it goes to, likewise.
    pub dst_port: Option<u16>,
    /// Its type of service, and the bits of that which count.
    pub ip_tos: Option<(u8, u8)>,
}

/// The protocols that `tc` writes by name.
const PROTOCOLS: [(&str, u8); 5] =
    [("tcp", 6), ("udp", 17), ("sctp", 132), ("icmp", 1), ("icmpv6", 58)];
/// Those of them that have ports.
const WITH_PORTS: [u8; 3] = [6, 17, 132];
const WORDS: [&str; 10] = [
    "protocol", "handle", "fw", "flower", "ip_proto", "src_ip", "dst_ip", "src_port", "dst_port",
    "ip_tos",
];

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Words that the grammar does not have, values that cannot be, and what is missing.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let mut seen = BTreeSet::new();
        let (mut kind, mut class, mut handle, mut v4) = (None, None, None, None);
        let mut of_flower = None;
        let plain = Flower {
            v4: true,
            ip_proto: None,
            src_ip: None,
            dst_ip: None,
            src_port: None,
            dst_port: None,
            ip_tos: None,
        };
        let mut flower = plain;
        while let Some(word) = words.next() {
            let name = if word.as_str() == "flowid" { "classid" } else { word.as_str() };
            if !seen.insert(name.to_owned()) {
                return Err(twice(&word));
            }
            let before = flower;
            match name {
                "parent" => {
                    let parent = words.expect("the queue", &word)?;
                    if minor(&parent)?.is_some() {
                        return Err(not(&parent, "the queue itself, `1:`"));
                    }
                }
                "protocol" => {
                    let protocol = words.expect("a protocol", &word)?;
                    v4 = match protocol.as_str() {
                        "ip" => Some(true),
                        "ipv6" => Some(false),
                        "all" => None,
                        _ => return Err(not(&protocol, "`ip`, `ipv6` or `all`")),
                    };
                }
                "prio" | "pref" => {
                    return Err(refused(&word, "the first filter of a list that matches counts"));
                }
                "handle" => handle = Some(words.expect("a mark", &word)?),
                "fw" | "flower" => {
                    if let Some(first) = kind.replace(word.clone()) {
                        return Err(unknown(&word, &WORDS).beside(first.span, "the first kind"));
                    }
                }
                "classid" => {
                    let target = words.expect("a class", &word)?;
                    class = Some(minor(&target)?.ok_or_else(|| not(&target, "a class"))?);
                }
                "ip_proto" => {
                    let what = "a protocol, as in `tcp` or 0x32";
                    flower.ip_proto = Some(protocol(&words.expect(what, &word)?)?);
                }
                "src_ip" => flower.src_ip = Some(prefix(&words.expect("a prefix", &word)?)?),
                "dst_ip" => flower.dst_ip = Some(prefix(&words.expect("a prefix", &word)?)?),
                "src_port" => flower.src_port = Some(words.number("a port", &word)?),
                "dst_port" => flower.dst_port = Some(words.number("a port", &word)?),
                "ip_tos" => flower.ip_tos = Some(service(&words.expect("a number", &word)?)?),
                _ => return Err(unknown(&word, &WORDS)),
            }
            if flower != before {
                of_flower = of_flower.or(Some(word));
            }
        }
        let wrong = |title: &str| {
            Diagnostic::error(Code::BadValue, title)
                .at(text.span, "")
                .help("as in `handle 5 fw classid 1:10`, or `protocol ip flower ip_proto udp dst_port 53 classid 1:10`")
        };
        let class = class.ok_or_else(|| wrong("a filter without `classid`"))?;
        let kind = kind.ok_or_else(|| wrong("a filter that is neither `fw` nor `flower`"))?;
        let matches = if kind.as_str() == "fw" {
            if let Some(word) = of_flower {
                let title = format!("a filter `fw` has no `{word}`");
                return Err(Diagnostic::error(Code::BadValue, title).at(word.span, ""));
            }
            if let Some(v4) = v4 {
                let family = if v4 { "ip" } else { "ipv6" };
                let title = format!("a filter `fw` of the protocol `{family}`");
                return Err(Diagnostic::error(Code::BadValue, title)
                    .at(text.span, "a mark is looked at whatever the packet is"));
            }
            mark(&handle.ok_or_else(|| wrong("a filter `fw` without the mark, `handle`"))?)?
        } else {
            if let Some(handle) = handle {
                return Err(unknown(&handle, &WORDS));
            }
            let v4 = v4.ok_or_else(|| wrong("a filter `flower` without `protocol`"))?;
            Match::Flower(Flower { v4, ..flower }.checked(text)?)
        };
        Ok(Self { matches, class })
    }

    /// The priority and what follows `tc filter add dev IF`, of a queue of this number.
    pub fn words(&self, major: u16, prio: u16) -> String {
        let protocol = match self.matches {
            Match::Fw { .. } => "all",
            Match::Flower(Flower { v4: true, .. }) => "ip",
            Match::Flower(Flower { v4: false, .. }) => "ipv6",
        };
        let Self { matches, class } = self;
        format!(
            "parent {major:x}: protocol {protocol} prio {prio} {matches} classid {major:x}:{class:x}"
        )
    }
}

impl Flower {
    /// Refuses what `tc` and the kernel refuse.
    fn checked(self, text: &Text) -> Result<Self, Diagnostic> {
        let wrong = |title: String| Diagnostic::error(Code::BadValue, title).at(text.span, "");
        let has_ports = self.ip_proto.is_some_and(|it| WITH_PORTS.contains(&it));
        if (self.src_port.is_some() || self.dst_port.is_some()) && !has_ports {
            let title = "ports of no protocol that has any".to_owned();
            return Err(wrong(title).help("say `ip_proto tcp`, `udp` or `sctp`"));
        }
        let family = if self.v4 { "ip" } else { "ipv6" };
        let other = |net: &&IpNet| net.addr().is_ipv4() != self.v4;
        match [self.src_ip, self.dst_ip].iter().flatten().find(other) {
            Some(net) => Err(wrong(format!("{net} in a filter of the protocol `{family}`"))),
            None => Ok(self),
        }
    }
}

/// `5`, `0x5` or `0x5/0xff`.
fn mark(word: &Text) -> Result<Match, Diagnostic> {
    let read = |text: &str| super::number(text).and_then(|number| u32::try_from(number).ok());
    let (mark, mask) = match word.as_str().split_once('/') {
        Some((mark, mask)) => (read(mark), read(mask)),
        None => (read(word.as_str()), Some(u32::MAX)),
    };
    match mark.zip(mask) {
        Some((mark, mask)) if mark != 0 && mask != 0 && mark & !mask == 0 => {
            Ok(Match::Fw { mark, mask })
        }
        Some(_) | None => Err(not(word, "a mark, as in 5 or 0x5/0xf")),
    }
}

fn protocol(word: &Text) -> Result<u8, Diagnostic> {
    let named = PROTOCOLS.iter().find(|(name, _)| *name == word.as_str()).map(|(_, it)| *it);
    // `tc` takes a bare number for one in hexadecimal.
    let number = || u8::from_str_radix(word.as_str().strip_prefix("0x")?, 16).ok();
    named.or_else(number).ok_or_else(|| not(word, "a protocol, as in `tcp` or 0x32"))
}

fn prefix(word: &Text) -> Result<IpNet, Diagnostic> {
    let address = || word.as_str().parse::<IpAddr>().ok().map(IpNet::from);
    let net: Option<IpNet> = word.as_str().parse().ok().or_else(address);
    let wrong = || not(word, "an address or a prefix, as in 10.0.0.0/8");
    // The kernel looks at nothing for one of length 0.
    net.filter(|net| net.prefix_len() > 0).map(|net| net.trunc()).ok_or_else(wrong)
}

/// `0xb8` or `0xb8/0xfc`.
fn service(word: &Text) -> Result<(u8, u8), Diagnostic> {
    let read = |text: &str| u8::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok();
    let (value, mask) = match word.as_str().split_once('/') {
        Some((value, mask)) => (read(value), read(mask)),
        None => (read(word.as_str()), Some(u8::MAX)),
    };
    let fits = |(value, mask): &(u8, u8)| *mask != 0 && value & !mask == 0;
    let what = "a type of service and its bits, as in 0xb8/0xfc";
    value.zip(mask).filter(fits).ok_or_else(|| not(word, what))
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fw { mark, mask: u32::MAX } => write!(f, "handle 0x{mark:x} fw"),
            Self::Fw { mark, mask } => write!(f, "handle 0x{mark:x}/0x{mask:x} fw"),
            Self::Flower(Flower {
                v4: _,
                ip_proto,
                src_ip,
                dst_ip,
                src_port,
                dst_port,
                ip_tos,
            }) => {
                f.write_str("flower")?;
                if let Some(number) = ip_proto {
                    match PROTOCOLS.iter().find(|(_, known)| known == number) {
                        Some((name, _)) => write!(f, " ip_proto {name}")?,
                        None => write!(f, " ip_proto 0x{number:x}")?,
                    }
                }
                for (word, net) in [("src_ip", src_ip), ("dst_ip", dst_ip)] {
                    if let Some(net) = net {
                        write!(f, " {word} {net}")?;
                    }
                }
                for (word, port) in [("src_port", src_port), ("dst_port", dst_port)] {
                    if let Some(port) = port {
                        write!(f, " {word} {port}")?;
                    }
                }
                match ip_tos {
                    Some((value, mask)) => write!(f, " ip_tos 0x{value:x}/0x{mask:x}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Filter {
    /// As a file has it: its place in the list is its priority.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { matches, class } = self;
        match matches {
            Match::Fw { .. } => {}
            Match::Flower(Flower { v4: true, .. }) => f.write_str("protocol ip ")?,
            Match::Flower(Flower { v4: false, .. }) => f.write_str("protocol ipv6 ")?,
        }
        write!(f, "{matches} classid 1:{class:x}")
    }
}
