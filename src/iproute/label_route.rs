//! What follows `ip -f mpls route add`.

use super::label::{IncomingLabel, Label, parse_labels, print_labels};
use super::words::{Words, not, unknown};
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

const WORDS: &[&str] = &["as", "via", "dev", "ttl-propagate", "nexthop"];

impl LabelRoute {
    /// Reads a label route.
    ///
    /// # Errors
    /// Words that the grammar does not have, labels that cannot be, and a table.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let first = words.next().ok_or_else(|| {
            Diagnostic::error(Code::BadValue, "an empty label route")
                .at(words.span(), "a label, then where it goes")
        })?;
        let label = Spanned::new(IncomingLabel::parse(&first)?, first.span);
        let mut nexthops = Vec::new();
        let ttl_propagate = ttl_propagate(&mut words)?;
        if words.peek().is_some_and(|word| word.as_str() == "nexthop") {
            while let Some(word) = words.next() {
                if word.as_str() != "nexthop" {
                    return Err(unknown(&word, WORDS));
                }
                nexthops.push(LabelNexthop::parse(&mut words)?);
            }
        } else {
            nexthops.push(LabelNexthop::parse(&mut words)?);
            if let Some(word) = words.next() {
                return Err(unknown(&word, WORDS));
            }
        }
        for nexthop in &nexthops {
            if nexthop.via.is_none() && nexthop.dev.is_none() {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    format!("label {label} has no way on"),
                )
                .at(text.span, "neither `via` nor `dev`")
                .help(format!(
                    "`{first} dev VRF` pops into a VRF, `{first} as LABEL via inet ADDRESS` swaps"
                )));
            }
        }
        Ok(Self { label, ttl_propagate, nexthops })
    }
}

fn ttl_propagate(words: &mut Words<'_>) -> Result<Option<bool>, Diagnostic> {
    let Some(word) = words.peek().filter(|word| word.as_str() == "ttl-propagate") else {
        return Ok(None);
    };
    words.next();
    let value = words.expect("`enabled` or `disabled`", &word)?;
    match value.as_str() {
        "enabled" => Ok(Some(true)),
        "disabled" => Ok(Some(false)),
        _ => Err(not(&value, "`enabled` or `disabled`")),
    }
}

impl LabelNexthop {
    fn parse(words: &mut Words<'_>) -> Result<Self, Diagnostic> {
        let mut nexthop = Self { swap: Vec::new(), via: None, dev: None };
        while let Some(word) = words.peek() {
            if word.as_str() == "nexthop" {
                break;
            }
            words.next();
            match word.as_str() {
                "as" => {
                    words.take("to");
                    nexthop.swap = parse_labels(&words.expect("a label", &word)?)?;
                }
                "via" => {
                    let family = words.expect("`inet` or `inet6`", &word)?;
                    if !matches!(family.as_str(), "inet" | "inet6") {
                        return Err(not(&family, "`inet` or `inet6`").help(format!(
                            "a label route names the gateway's family: `via inet {family}`"
                        )));
                    }
                    let address = words.expect("an address", &family)?;
                    let parsed: IpAddr =
                        address.as_str().parse().map_err(|_| not(&address, "an address"))?;
                    if parsed.is_ipv4() != (family.as_str() == "inet") {
                        return Err(not(&address, &format!("an {family} address")));
                    }
                    nexthop.via = Some(Spanned::new(parsed, address.span));
                }
                "dev" => nexthop.dev = Some(words.expect("an interface", &word)?),
                "table" | "vrf" => {
                    return Err(Diagnostic::error(
                        Code::LabelTable,
                        "a label route cannot be in a table",
                    )
                    .at(word.span, "labels live in the main table only")
                    .note(
                        "the kernel answers EINVAL: \"MPLS only supports the main route table\"",
                    )
                    .help("to hand the packet to a VRF, pop it into the VRF's device: `LABEL dev VRF`"));
                }
                _ => return Err(unknown(&word, WORDS)),
            }
        }
        Ok(nexthop)
    }
}

impl fmt::Display for LabelRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.label)?;
        if let Some(propagate) = self.ttl_propagate {
            write!(f, " ttl-propagate {}", if propagate { "enabled" } else { "disabled" })?;
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
