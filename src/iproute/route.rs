//! What follows `ip route add`.

use super::attributes::Attributes;
use super::encap::{Encap, Seg6Mode};
use super::nexthop::Nexthop;
use super::words::{Words, not, unknown};
use crate::diagnostic::{Code, Diagnostic, Spanned, Text};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// Sends it on.
    Unicast,
    /// Takes it as one for this node.
    Local,
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
    const ALL: [RouteKind; 6] = [
        Self::Unicast,
        Self::Local,
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
            Self::Unreachable => "unreachable",
            Self::Blackhole => "blackhole",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
        }
    }
}

/// How a route names its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Table {
    /// `table 10`.
    Number(Spanned<u32>),
    /// `table isp2`.
    Name(Text),
    /// `vrf blue`.
    Vrf(Text),
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Table::Number(number) => number.fmt(f),
            Table::Name(name) | Table::Vrf(name) => name.fmt(f),
        }
    }
}

/// The words that can stand behind the destination.
fn known() -> Vec<&'static str> {
    let own = ["via", "dev", "table", "vrf", "metric", "src", "onlink", "encap", "nexthop", "nhid"];
    own.into_iter().chain(Attributes::words()).collect()
}

impl Route {
    /// Reads a route. The family is that of `-4` or `-6` in front, else the prefix's, else the
    /// gateway's, else IPv4.
    ///
    /// # Errors
    /// Words that the grammar does not have, and values that cannot be.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let wanted = if words.take("-6") {
            Some(Spanned::filled(false))
        } else {
            words.take("-4").then_some(Spanned::filled(true))
        };
        let mut kind = RouteKind::Unicast;
        if let Some(word) = words.peek()
            && let Some(named) =
                RouteKind::ALL.into_iter().find(|kind| kind.word() == word.as_str())
        {
            kind = named;
            words.next();
        }
        let first = words.next().ok_or_else(|| {
            Diagnostic::error(Code::BadValue, "an empty route")
                .at(words.span(), "a destination, then where it goes")
        })?;
        let mut route = Self {
            kind,
            destination: Spanned::new(IpNet::V4(Ipv4Net::default()), first.span),
            table: None,
            metric: None,
            source: None,
            attributes: Attributes::default(),
            object: None,
            nexthops: Vec::new(),
        };
        let mut single = Nexthop::empty();
        while let Some(word) = words.next() {
            match word.as_str() {
                "table" => {
                    let name = words.expect("a table", &word)?;
                    route.table = Some(match name.as_str().parse() {
                        Ok(number) => Table::Number(Spanned::new(number, name.span)),
                        Err(_) => Table::Name(name),
                    });
                }
                "vrf" => route.table = Some(Table::Vrf(words.expect("a VRF", &word)?)),
                "metric" | "preference" | "priority" => {
                    route.metric = Some(words.value("a metric", &word)?);
                }
                "src" => {
                    let address = words.expect("an address", &word)?;
                    let parsed =
                        address.as_str().parse().map_err(|_| not(&address, "an address"))?;
                    route.source = Some(Spanned::new(parsed, address.span));
                }
                "nexthop" => route.nexthops.push(Nexthop::parse(&mut words)?),
                "nhid" => {
                    let what = "the number of a nexthop object";
                    let id = words.expect(what, &word)?;
                    let number = id.as_str().parse().map_err(|_| not(&id, what))?;
                    route.object = Some(Spanned::new(number, id.span));
                }
                _ => {
                    if !single.word(&word, &mut words)?
                        && !route.attributes.word(&word, &mut words)?
                    {
                        return Err(unknown(&word, &known()));
                    }
                }
            }
        }
        if single != Nexthop::empty() {
            if !route.nexthops.is_empty() {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    "a route has either one way on or several behind `nexthop`",
                )
                .at(text.span, "this one has both"));
            }
            if single.weight.is_some() {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    "a weight is one among several ways on",
                )
                .at(text.span, "this route has one way on")
                .help("several stand behind `nexthop`: `nexthop via A weight 2 nexthop via B`"));
            }
            route.nexthops.push(single);
        }
        route.destination.value = route.prefix(&first, wanted.map(|v4| v4.value))?;
        route.consistent(text)
    }

    /// Whether it leads to a link itself, and so needs no other route.
    pub fn is_on_link(&self) -> bool {
        self.object.is_none() && self.nexthops.iter().all(|nexthop| nexthop.via.is_none())
    }

    /// The destination, once the gateway can tell the family of `default`.
    fn prefix(&self, word: &Text, v4: Option<bool>) -> Result<IpNet, Diagnostic> {
        if matches!(word.as_str(), "default" | "any" | "all") {
            let gateway = self.nexthops.iter().find_map(|nexthop| nexthop.via);
            return Ok(match v4.unwrap_or(gateway.is_none_or(|via| via.value.is_ipv4())) {
                true => IpNet::V4(Ipv4Net::default()),
                false => IpNet::V6(Ipv6Net::default()),
            });
        }
        let net = word
            .as_str()
            .parse::<IpNet>()
            .or_else(|_| word.as_str().parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| not(word, "a destination such as 10.1.0.0/16 or `default`"))?;
        if net.trunc() != net {
            return Err(Diagnostic::error(
                Code::BadValue,
                format!("{net} has bits behind its prefix length"),
            )
            .at(word.span, "the kernel refuses such a destination")
            .help(format!("the subnet is {}", net.trunc())));
        }
        Ok(net)
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
            (RouteKind::Unicast | RouteKind::Local, (1.., Some(object))) => {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    "a route has either a nexthop object or ways on of its own",
                )
                .at(object.span, "this one has both"));
            }
            (RouteKind::Local, (1, None)) if self.nexthops[0].is_device() => {}
            (RouteKind::Local, _) => {
                return Err(wrong("a `local` route needs a device and nothing else".into())
                    .help("`local 10.1.0.0/16 dev lo`"));
            }
            (RouteKind::Unicast, _) | (_, (0, None)) => {}
            (kind, _) => {
                return Err(wrong(format!("a route of kind `{}` goes nowhere", kind.word()))
                    .help("leave out `via`, `dev`, `encap` and `nhid`"));
            }
        }
        let v4 = matches!(self.destination.value, IpNet::V4(_));
        for nexthop in &self.nexthops {
            if nexthop.via.is_none() && nexthop.dev.is_none() {
                return Err(wrong("a way on needs `via`, `dev` or both".into()));
            }
            if v4 && matches!(nexthop.encap, Some(Encap::Seg6 { mode: Seg6Mode::Inline, .. })) {
                return Err(wrong("an IPv4 packet has no header that segments fit in".into())
                    .help("`mode encap` puts an IPv6 header with the segments before it"));
            }
            if let Some(via) = nexthop.via
                && via.value.is_ipv4()
                && !v4
            {
                return Err(wrong("an IPv6 route cannot go through an IPv4 gateway".into())
                    .note("only the other way round is there: IPv4 `via inet6 ADDRESS`"));
            }
        }
        self.attributes.fit(v4, text)?;
        if let Some(source) = self.source
            && source.value.is_ipv4() != v4
        {
            return Err(wrong("the source is of another family than the destination".into()));
        }
        Ok(self)
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
