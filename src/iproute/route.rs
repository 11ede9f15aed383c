//! What follows `ip route add`.

use super::address::{address, everything, prefix};
use super::attributes::{Attributes, Scope};
use super::nexthop::Nexthop;
use super::table::Table;
use super::words::{Family, Known, Words, full, names, not, number, refused, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Spanned, Text};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// An IP route as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What is done with a packet.
    pub kind: RouteKind,
    /// For which addresses.
    pub destination: Spanned<IpNet>,
    /// In which table; where nothing is said main, and for `local` that of the node's own addresses.
    pub table: Option<Table>,
    /// The lowest wins.
    pub metric: Option<u32>,
    /// The source address that this node's own packets take.
    pub source: Option<Spanned<IpAddr>>,
    /// What else it says of itself.
    pub attributes: Attributes,
    /// The nexthop object that says where packets go.
    pub object: Option<Spanned<u32>>,
    /// Where packets go: one or more for unicast without an object, none for the others but a device
    /// for local.
    pub nexthops: Vec<Nexthop>,
}

/// What a route does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RouteKind {
    /// Sends it on.
    Unicast,
    /// Takes it as one for this node.
    Local,
    /// Takes it, and sends it to all on the link. IPv4 only.
    Broadcast,
    /// Sends it to a group of nodes.
    Multicast,
    /// Takes it as one of several nodes that have the address.
    Anycast,
    /// Drops it and says so: host unreachable.
    Unreachable,
    /// Drops it without a word.
    Blackhole,
    /// Drops it and says so: administratively prohibited.
    Prohibit,
    /// Ends the lookup in this table and goes on with the next rule.
    Throw,
}

impl RouteKind {
    const ALL: [RouteKind; 9] = [
        Self::Unicast,
        Self::Local,
        Self::Broadcast,
        Self::Multicast,
        Self::Anycast,
        Self::Unreachable,
        Self::Blackhole,
        Self::Prohibit,
        Self::Throw,
    ];

    /// The word that iproute2 has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Broadcast => "broadcast",
            Self::Multicast => "multicast",
            Self::Anycast => "anycast",
            Self::Unreachable => "unreachable",
            Self::Blackhole => "blackhole",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
        }
    }

    /// Whether it says where packets go, and not only what becomes of them.
    pub fn leads_on(self) -> bool {
        match self {
            Self::Unicast | Self::Local | Self::Broadcast | Self::Multicast | Self::Anycast => true,
            Self::Unreachable | Self::Blackhole | Self::Prohibit | Self::Throw => false,
        }
    }

    fn named(word: &Text) -> Option<Self> {
        let word = if word.as_str() == "brd" { "broadcast" } else { word.as_str() };
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The words of a route in the order in which `ip` takes their beginnings for them.
const WORDS: &[Known] = &[
    ("src", false),
    ("via", false),
    ("from", false),
    ("tos", false),
    ("dsfield", true),
    ("expires", false),
    ("metric", true),
    ("priority", true),
    ("preference", false),
    ("scope", false),
    ("mtu", false),
    ("hoplimit", false),
    ("advmss", false),
    ("reordering", true),
    ("rtt", false),
    ("rto_min", false),
    ("window", true),
    ("cwnd", true),
    ("initcwnd", true),
    ("initrwnd", true),
    ("features", true),
    ("quickack", true),
    ("congctl", true),
    ("rttvar", true),
    ("ssthresh", true),
    ("realms", true),
    ("onlink", false),
    ("nexthop", false),
    ("nhid", false),
    ("protocol", true),
    ("table", true),
    ("vrf", true),
    ("dev", false),
    ("oif", false),
    ("pref", true),
    ("encap", false),
    ("ttl-propagate", false),
    ("fastopen_no_cookie", true),
    ("as", false),
    ("weight", false),
];

impl Route {
    /// Reads a route, whose words stand in any order. The family is that of `-4` or `-6` in front,
    /// else the prefix's, else the gateway's, else IPv4.
    ///
    /// # Errors
    /// Words that the grammar does not have, and values that cannot be.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let family = Family::of_ip(words.command("route")?, text)?;
        let mut destination = None;
        let mut route = Self {
            kind: RouteKind::Unicast,
            destination: Spanned::new(everything(true), text.span),
            table: None,
            metric: None,
            source: None,
            attributes: Attributes::default(),
            object: None,
            nexthops: Vec::new(),
        };
        let mut single = Nexthop::empty();
        while let Some(word) = words.next() {
            match full(&word, WORDS).unwrap_or_default() {
                "" => {
                    let word = match word.as_str() {
                        "to" => words.expect("a destination", &word)?,
                        "type" => words.expect("a kind of route", &word)?,
                        _ => word,
                    };
                    if let Some(kind) = RouteKind::named(&word) {
                        route.kind = kind;
                        continue;
                    }
                    if matches!(word.as_str(), "nat" | "xresolve") {
                        return Err(refused(&word, "the kernel has no such routes"));
                    }
                    if destination.is_some() {
                        return Err(unknown(&word, &names(WORDS)));
                    }
                    destination = Some(Destination::parse(&word)?);
                }
                "table" => {
                    let name = words.expect("a table", &word)?;
                    route.table = Some(Table::parse(name));
                }
                "vrf" => route.table = Some(Table::Vrf(words.expect("a VRF", &word)?)),
                "metric" | "priority" | "preference" => {
                    if route.metric.is_some() {
                        return Err(twice(&word));
                    }
                    route.metric = Some(words.number("a metric", &word)?);
                }
                "src" => {
                    let source = words.expect("an address", &word)?;
                    route.source = Some(Spanned::new(address(&source)?, source.span));
                }
                "nexthop" => route.nexthops.push(Nexthop::parse(&mut words)?),
                "nhid" => {
                    let what = "the number of a nexthop object";
                    let id = words.expect(what, &word)?;
                    let number = number(id.as_str()).and_then(|id| u32::try_from(id).ok());
                    let number = number.ok_or_else(|| not(&id, what))?;
                    route.object = Some(Spanned::new(number, id.span));
                }
                "from" => {
                    return Err(refused(&word, "a lab has no routes that choose by the source")
                        .help("choose by a rule: `rules: [from 10.1.0.0/16 lookup TABLE]`"));
                }
                "expires" => {
                    return Err(refused(&word, "what a lab has stays until the lab goes")
                        .note("of IPv4, the kernel takes the word and no route expires"));
                }
                "ttl-propagate" => {
                    let why =
                        "the kernel has it for routes of labels; here, say `encap mpls … ttl 0`";
                    return Err(refused(&word, why));
                }
                known => {
                    if !single.word(known, &word, &mut words)?
                        && !route.attributes.word(known, &word, &mut words)?
                    {
                        return Err(unknown(&word, &names(WORDS)));
                    }
                }
            }
        }
        let Some(destination) = destination else {
            return Err(Diagnostic::error(Code::BadValue, "a route without a destination")
                .at(words.span(), "to where")
                .help("say a prefix such as 10.1.0.0/16, or `default`"));
        };
        if single != Nexthop::empty() {
            if !route.nexthops.is_empty() {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    "a route has either one nexthop or several after `nexthop`",
                )
                .at(text.span, "this one has both"));
            }
            if single.weight.is_some() {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    "a weight is one among several ways on",
                )
                .at(text.span, "this route has one way on")
                .help("several follow `nexthop`: `nexthop via A weight 2 nexthop via B`"));
            }
            route.nexthops.push(single);
        }
        let gateway = route.nexthops.iter().find_map(|nexthop| nexthop.via);
        let v4 = family.or(gateway.map(|via| via.value.is_ipv4())).unwrap_or(true);
        route.destination = match destination {
            Destination::All(word) => Spanned::new(everything(v4), word.span),
            Destination::Net(net) if family.is_some_and(|v4| v4 != net.value.addr().is_ipv4()) => {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    format!("{net} is of another family"),
                )
                .at(net.span, "not of the family that stands in front"));
            }
            Destination::Net(net) => net,
        };
        route.consistent(text)
    }

    /// Whether it leads to a link itself, and so needs no other route.
    pub fn is_on_link(&self) -> bool {
        self.object.is_none() && self.nexthops.iter().all(|nexthop| nexthop.via.is_none())
    }

    fn consistent(self, text: &Text) -> Result<Self, Diagnostic> {
        let wrong =
            |what: String| Diagnostic::error(Code::BadValue, what).at(text.span, "this route");
        let ways = (self.nexthops.len(), self.object);
        match (self.kind, ways) {
            (RouteKind::Unicast, (0, None)) => {
                return Err(wrong(format!("the route to {} has no way on", self.destination))
                    .help("say `via ADDRESS`, `dev INTERFACE` or both"));
            }
            (RouteKind::Unicast, (1.., Some(object))) => {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    "a route has either a nexthop object or ways on of its own",
                )
                .at(object.span, "this one has both"));
            }
            (RouteKind::Unicast, _) => {}
            (kind, (1, None)) if kind.leads_on() && self.nexthops[0].is_device() => {}
            (kind, _) if kind.leads_on() => {
                let kind = kind.word();
                return Err(wrong(format!("a `{kind}` route needs a device and nothing else"))
                    .help(format!("`{kind} 10.1.0.0/16 dev INTERFACE`")));
            }
            (_, (0, None)) => {}
            (kind, _) => {
                return Err(wrong(format!("a route of kind `{}` goes nowhere", kind.word()))
                    .help("leave out `via`, `dev`, `encap`, `realms` and `nhid`"));
            }
        }
        let v4 = matches!(self.destination.value, IpNet::V4(_));
        for nexthop in &self.nexthops {
            if nexthop.via.is_none() && nexthop.dev.is_none() {
                return Err(wrong("a way on needs `via`, `dev` or both".into()));
            }
            if let Some(via) = nexthop.via
                && via.value.is_ipv4()
                && !v4
            {
                return Err(wrong("an IPv6 route cannot go through an IPv4 gateway".into())
                    .note("only the other way round is there: IPv4 `via inet6 ADDRESS`"));
            }
        }
        self.nexthops.iter().try_for_each(|nexthop| nexthop.fit(v4, text))?;
        self.attributes.fit(v4, text)?;
        self.scoped(v4, &wrong)?;
        if self.attributes.preference.is_some() && !self.kind.leads_on() {
            return Err(wrong("a route that goes nowhere has no preference".into())
                .note("the kernel takes `pref` there, and keeps nothing of it"));
        }
        if self.kind == RouteKind::Broadcast && !v4 {
            return Err(wrong("IPv6 has no broadcast".into()).help("it has `multicast`"));
        }
        if let Some(source) = self.source
            && source.value.is_ipv4() != v4
        {
            return Err(wrong("the source is of another family than the destination".into()));
        }
        Ok(self)
    }
}

impl Route {
    /// Refuses scopes that the kernel does not take for a route of its kind, or with its gateway.
    fn scoped(&self, v4: bool, wrong: &impl Fn(String) -> Diagnostic) -> Result<(), Diagnostic> {
        let Some(scope) = self.attributes.scope.filter(|_| v4) else { return Ok(()) };
        let least = match self.kind {
            RouteKind::Local => Scope::Host,
            RouteKind::Broadcast | RouteKind::Anycast => Scope::Link,
            RouteKind::Unicast
            | RouteKind::Multicast
            | RouteKind::Unreachable
            | RouteKind::Blackhole
            | RouteKind::Prohibit
            | RouteKind::Throw => Scope::Global,
        };
        if scope.number() < least.number() {
            let (kind, scope) = (self.kind.word(), scope.word());
            return Err(wrong(format!("a `{kind}` route reaches no further than `{scope}`"))
                .note("the kernel answers EINVAL: \"Invalid scope\"")
                .help(format!("`scope {}`, or none", least.word())));
        }
        // A gateway of IPv6 has no scope that would have to be narrower.
        let has_gateway = self
            .nexthops
            .iter()
            .filter_map(|nexthop| nexthop.via)
            .any(|via| scope == Scope::Host || via.value.is_ipv4());
        let several = self.nexthops.len() > 1 || self.object.is_some();
        match scope {
            Scope::Link | Scope::Host if has_gateway => {
                Err(wrong(format!("a route of scope `{}` has no gateway", scope.word()))
                    .note("the kernel answers that the nexthop is invalid"))
            }
            Scope::Host if several => Err(wrong("a route of scope `host` has one way on".into())
                .note("the kernel answers EINVAL: \"Route with host scope can not have multiple nexthops\"")),
            Scope::Global | Scope::Site | Scope::Link | Scope::Host => Ok(()),
        }
    }
}

/// What a route is for, before its family is known.
enum Destination {
    All(Text),
    Net(Spanned<IpNet>),
}

impl Destination {
    fn parse(word: &Text) -> Result<Self, Diagnostic> {
        if matches!(word.as_str(), "default" | "any" | "all") {
            return Ok(Self::All(word.clone()));
        }
        let what = "a destination such as 10.1.0.0/16 or `default`";
        let net = prefix(word, what)?;
        Ok(Self::Net(Spanned::new(net, word.span)))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let net = self.destination.value;
        let v4 = matches!(net, IpNet::V4(_));
        let v4_gateway = self
            .nexthops
            .iter()
            .find_map(|nexthop| nexthop.via)
            .is_none_or(|via| via.value.is_ipv4());
        if net.prefix_len() == 0 && v4 != v4_gateway {
            f.write_str(if v4 { "-4 " } else { "-6 " })?;
        }
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind.word())?;
        }
        match net.prefix_len() {
            0 => f.write_str("default")?,
            _ => write!(f, "{net}")?,
        }
        match &self.table {
            Some(Table::Number(number)) => write!(f, " table {number}")?,
            Some(Table::Name(name)) => write!(f, " table {name}")?,
            Some(Table::Vrf(name)) => write!(f, " vrf {name}")?,
            None => {}
        }
        if let Some(metric) = self.metric {
            write!(f, " metric {metric}")?;
        }
        if let Some(source) = self.source {
            write!(f, " src {source}")?;
        }
        self.attributes.fmt(f)?;
        if let Some(object) = self.object {
            write!(f, " nhid {object}")?;
        }
        for nexthop in &self.nexthops {
            if self.nexthops.len() > 1 || nexthop.weight.is_some() {
                f.write_str(" nexthop")?;
            }
            nexthop.print(f, v4)?;
        }
        Ok(())
    }
}
