//! What follows `ip -f mpls route add`.

use super::address::address;
use super::attributes::Protocol;
use super::label::{IncomingLabel, Label, parse_labels, print_labels};
use super::words::{Family, Known, Words, full, names, not, number, refused, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Spanned, Text};
use std::fmt;
use std::net::IpAddr;

/// A label route as written: what is done with a packet that comes in with a label.
///
/// It has no table: the kernel keeps labels in the main table only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRoute {
    /// The label that the packet comes with.
    pub label: Spanned<IncomingLabel>,
    /// Whether what is popped last gets the label's TTL; `net.mpls.ip_ttl_propagate` decides where
    /// nothing is said.
    pub ttl_propagate: Option<bool>,
    /// Who put it there.
    pub protocol: Option<Protocol>,
    /// Where it goes; several share the flows.
    pub nexthops: Vec<LabelNexthop>,
}

/// One way on for a labelled packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelNexthop {
    /// The labels it leaves with instead; none pops.
    pub swap: Vec<Label>,
    /// The next router.
    pub via: Option<Spanned<IpAddr>>,
    /// The device it leaves through; a VRF device hands it to that VRF.
    pub dev: Option<Text>,
}

const WORDS: &[Known] = &[
    ("as", false),
    ("via", false),
    ("dev", false),
    ("nexthop", false),
    ("protocol", true),
    ("table", true),
    ("vrf", true),
    ("ttl-propagate", false),
];

impl LabelRoute {
    /// Reads a label route, whose words stand in any order.
    ///
    /// # Errors
    /// Words that the grammar does not have, labels that cannot be, and a table.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        if let Some(Family::V4 | Family::V6) = words.command("route")? {
            return Err(Diagnostic::error(Code::BadValue, "an IP route stands elsewhere")
                .at(text.span, "of an IP family")
                .help("write it below `routes`"));
        }
        let (mut label, mut ttl_propagate, mut protocol) = (None, None, None);
        let mut nexthops = Vec::new();
        let mut single = LabelNexthop { swap: Vec::new(), via: None, dev: None };
        while let Some(word) = words.next() {
            match full(&word, WORDS).unwrap_or_default() {
                "nexthop" => nexthops.push(LabelNexthop::parse(&mut words)?),
                "ttl-propagate" => {
                    let value = words.expect("`enabled` or `disabled`", &word)?;
                    let known = [("enabled", true), ("disabled", true)];
                    ttl_propagate = match full(&value, &known) {
                        Some(name) => Some(name == "enabled"),
                        None => return Err(not(&value, "`enabled` or `disabled`")),
                    };
                }
                "protocol" => protocol = Protocol::parse(&words.expect("a protocol", &word)?)?,
                name @ ("table" | "vrf") => {
                    let table = words.expect("a table", &word)?;
                    // The main table, by its name or number, is where labels are anyway.
                    let main = table.as_str() == "main" || number(table.as_str()) == Some(254);
                    if name == "vrf" || !main {
                        return Err(in_a_table(&word));
                    }
                }
                "" if label.is_none() => {
                    let word = match word.as_str() {
                        "to" => words.expect("a label", &word)?,
                        _ => word,
                    };
                    label = Some(Spanned::new(IncomingLabel::parse(&word)?, word.span));
                }
                known => {
                    if !single.word(known, &word, &mut words)? {
                        return Err(unknown(&word, &names(WORDS)));
                    }
                }
            }
        }
        let label = label.ok_or_else(|| {
            Diagnostic::error(Code::BadValue, "an MPLS route without a label")
                .at(words.span(), "a label, then where it goes")
        })?;
        let alone = single.swap.is_empty() && single.via.is_none() && single.dev.is_none();
        if nexthops.is_empty() {
            nexthops.push(single);
        } else if !alone {
            return Err(Diagnostic::error(
                Code::BadValue,
                "an MPLS route has either one nexthop or several after `nexthop`",
            )
            .at(text.span, "this one has both"));
        }
        for nexthop in &nexthops {
            if nexthop.via.is_none() && nexthop.dev.is_none() {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    format!("label {label} has no way on"),
                )
                .at(text.span, "neither `via` nor `dev`")
                .help(format!(
                    "`{label} dev VRF` pops into a VRF, `{label} as LABEL via inet ADDRESS` swaps"
                )));
            }
        }
        Ok(Self { label, ttl_propagate, protocol, nexthops })
    }
}

fn in_a_table(word: &Text) -> Diagnostic {
    Diagnostic::error(Code::LabelTable, "an MPLS route cannot be in a table")
        .at(word.span, "labels live in the main table only")
        .note("the kernel answers EINVAL: \"MPLS only supports the main route table\"")
        .help("to hand the packet to a VRF, pop it into the VRF's device: `LABEL dev VRF`")
}

impl LabelNexthop {
    fn parse(words: &mut Words<'_>) -> Result<Self, Diagnostic> {
        let mut nexthop = Self { swap: Vec::new(), via: None, dev: None };
        while let Some(word) = words.peek().filter(|word| word.as_str() != "nexthop") {
            words.next();
            let known = full(&word, WORDS).unwrap_or_default();
            if matches!(known, "table" | "vrf") {
                return Err(in_a_table(&word));
            }
            if !nexthop.word(known, &word, words)? {
                return Err(unknown(&word, &["as", "via", "dev", "nexthop"]));
            }
        }
        Ok(nexthop)
    }

    /// Takes what belongs to a way on, from its full word on; false for a word that does not.
    fn word(&mut self, full: &str, word: &Text, words: &mut Words<'_>) -> Result<bool, Diagnostic> {
        let again = match full {
            "as" => !self.swap.is_empty(),
            "via" => self.via.is_some(),
            "dev" => self.dev.is_some(),
            _ => false,
        };
        if again {
            return Err(twice(word).help("each of several nexthops follows the word `nexthop`"));
        }
        match full {
            "as" => {
                words.take("to");
                self.swap = parse_labels(&words.expect("a label", word)?)?;
            }
            "via" => self.via = Some(gateway(word, words)?),
            "dev" => self.dev = Some(words.expect("an interface", word)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A gateway, whose family a label route has to name.
fn gateway(after: &Text, words: &mut Words<'_>) -> Result<Spanned<IpAddr>, Diagnostic> {
    let family = words.expect("`inet` or `inet6`", after)?;
    let v4 = match family.as_str() {
        "inet" => true,
        "inet6" => false,
        "link" | "bridge" | "mpls" => {
            return Err(refused(&family, "a gateway is said by its IP address"));
        }
        _ => {
            return Err(not(&family, "`inet` or `inet6`")
                .help(format!("an MPLS route names the gateway's family: `via inet {family}`")));
        }
    };
    let word = words.expect("an address", &family)?;
    match address(&word)? {
        parsed if parsed.is_ipv4() == v4 => Ok(Spanned::new(parsed, word.span)),
        _ => Err(not(&word, &format!("an {family} address"))),
    }
}

impl fmt::Display for LabelRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.label)?;
        if let Some(propagate) = self.ttl_propagate {
            write!(f, " ttl-propagate {}", if propagate { "enabled" } else { "disabled" })?;
        }
        if let Some(protocol) = self.protocol {
            write!(f, " proto {protocol}")?;
        }
        for nexthop in &self.nexthops {
            if self.nexthops.len() > 1 {
                write!(f, " nexthop")?;
            }
            if !nexthop.swap.is_empty() {
                write!(f, " as {}", print_labels(&nexthop.swap))?;
            }
            if let Some(via) = nexthop.via {
                let family = if via.value.is_ipv4() { "inet" } else { "inet6" };
                write!(f, " via {family} {via}")?;
            }
            if let Some(dev) = &nexthop.dev {
                write!(f, " dev {dev}")?;
            }
        }
        Ok(())
    }
}
