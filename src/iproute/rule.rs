//! What follows `ip rule add`.

use super::address::prefix as read_prefix;
use super::nexthop::Realms;
use super::rule_protocol::RuleProtocol;
use super::table::Table;
use super::words::{
    Family, Known, Words, code_point, full, names, not, number, refused, type_of_service, unknown,
};
use crate::diagnostic::{Code, Diagnostic, Text};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A policy rule, over the ways in which it names devices and tables: as written, or resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule<Device, Lookup> {
    /// Whether it is one for IPv4, and not for IPv6.
    pub v4: bool,
    /// The lowest is asked first; none where the file leaves it to its order.
    pub priority: Option<u32>,
    /// Whether it is for the packets that do not fit.
    pub not: bool,
    /// From where; all where nothing is said.
    pub from: Option<IpNet>,
    /// To where; all where nothing is said.
    pub to: Option<IpNet>,
    /// Through which interface a packet came in.
    pub iif: Option<Device>,
    /// Which device a packet's socket is bound to.
    pub oif: Option<Device>,
    /// The packet's mark, and which of its bits count.
    pub fwmark: Option<(u32, u32)>,
    /// The type of service.
    pub tos: Option<u8>,
    /// The protocol's number.
    pub ipproto: Option<u8>,
    /// The source ports, both ends included.
    pub sport: Option<(u16, u16)>,
    /// The destination ports, both ends included.
    pub dport: Option<(u16, u16)>,
    /// The users of local sockets, both ends included.
    pub uidrange: Option<(u32, u32)>,
    /// The number of the tunnel that a packet came through.
    pub tunnel: Option<u64>,
    /// The six bits of the differentiated services.
    pub dscp: Option<u8>,
    /// What is done.
    pub action: RuleAction<Lookup>,
    /// Routes no longer than this do not count in the lookup.
    pub suppress_prefixlength: Option<u8>,
    /// Routes over interfaces of this group do not count in the lookup.
    pub suppress_ifgroup: Option<u32>,
    /// The realms of packets that it fits. IPv4 only.
    pub realms: Option<Realms>,
    /// Who put it there, where somebody says so.
    pub protocol: Option<RuleProtocol>,
}

/// What a rule does with a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RuleAction<Lookup> {
    /// Looks it up in a table; a packet without a route there goes on to the next rule.
    Lookup(Lookup),
    /// Looks it up in the table of the VRF that it is in.
    Vrf,
    /// Goes on with the rule of this priority.
    Goto(u32),
    /// Drops it and says so: network unreachable.
    Unreachable,
    /// Drops it without a word.
    Blackhole,
    /// Drops it and says so: administratively prohibited.
    Prohibit,
    /// Nothing: a place to go to.
    Nop,
}

/// The words of a rule in the order in which `ip` takes their beginnings for them.
const WORDS: &[Known] = &[
    ("not", false),
    ("from", false),
    ("to", false),
    ("preference", true),
    ("order", true),
    ("priority", true),
    ("tos", false),
    ("dsfield", true),
    ("fwmark", false),
    ("realms", true),
    ("protocol", true),
    ("tun_id", true),
    ("table", true),
    ("lookup", false),
    ("suppress_prefixlength", true),
    ("sup_pl", false),
    ("suppress_ifgroup", true),
    ("sup_group", false),
    ("dev", false),
    ("iif", false),
    ("oif", false),
    ("l3mdev", false),
    ("uidrange", false),
    ("nat", false),
    ("map-to", true),
    ("ipproto", false),
    ("sport", false),
    ("dport", false),
    ("dscp", false),
    ("flowlabel", false),
    ("goto", true),
    ("nop", true),
    ("unreachable", false),
    ("blackhole", false),
    ("prohibit", false),
];

/// The protocols that iproute2 writes by name.
const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("sctp", 132),
    ("udplite", 136),
];

impl<Device, Lookup> Rule<Device, Lookup> {
    /// The rule of this action for every packet of a family.
    pub fn all(v4: bool, action: RuleAction<Lookup>) -> Self {
        Self {
            v4,
            priority: None,
            not: false,
            from: None,
            to: None,
            iif: None,
            oif: None,
            fwmark: None,
            tos: None,
            ipproto: None,
            sport: None,
            dport: None,
            uidrange: None,
            tunnel: None,
            dscp: None,
            action,
            suppress_prefixlength: None,
            suppress_ifgroup: None,
            realms: None,
            protocol: None,
        }
    }

    /// The same rule with its names resolved.
    ///
    /// # Errors
    /// What `device` or `table` answers.
    pub fn resolve<D, L, E>(
        &self,
        device: impl Fn(&Device) -> Result<D, E>,
        table: impl Fn(&Lookup) -> Result<L, E>,
    ) -> Result<Rule<D, L>, E> {
        Ok(Rule {
            v4: self.v4,
            priority: self.priority,
            not: self.not,
            from: self.from,
            to: self.to,
            iif: self.iif.as_ref().map(&device).transpose()?,
            oif: self.oif.as_ref().map(&device).transpose()?,
            fwmark: self.fwmark,
            tos: self.tos,
            ipproto: self.ipproto,
            sport: self.sport,
            dport: self.dport,
            uidrange: self.uidrange,
            tunnel: self.tunnel,
            dscp: self.dscp,
            action: match &self.action {
                RuleAction::Lookup(lookup) => RuleAction::Lookup(table(lookup)?),
                RuleAction::Vrf => RuleAction::Vrf,
                RuleAction::Goto(priority) => RuleAction::Goto(*priority),
                RuleAction::Unreachable => RuleAction::Unreachable,
                RuleAction::Blackhole => RuleAction::Blackhole,
                RuleAction::Prohibit => RuleAction::Prohibit,
                RuleAction::Nop => RuleAction::Nop,
            },
            suppress_prefixlength: self.suppress_prefixlength,
            suppress_ifgroup: self.suppress_ifgroup,
            realms: self.realms,
            protocol: self.protocol,
        })
    }
}

impl Rule<Text, Table> {
    /// Reads a rule. The family is that of `-4` or `-6` in front, else the prefixes', else IPv4.
    ///
    /// # Errors
    /// Words that the grammar does not have, and values that cannot be.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let mut family = Family::of_ip(words.command("rule")?, text)?;
        let mut action = None;
        let mut rule = Self::all(true, RuleAction::Nop);
        while let Some(word) = words.next() {
            // In a rule, `type` says that what it does follows.
            let word = match word.as_str() {
                "type" => words.expect("what is done", &word)?,
                _ => word,
            };
            let known = full(&word, WORDS).unwrap_or_default();
            if rule.select(known, &word, &mut words, &mut family)? {
                continue;
            }
            if action.replace(act(known, &word, &mut words)?).is_some() {
                return Err(Diagnostic::error(Code::BadValue, "a rule does one thing")
                    .at(word.span, "and this is a second one"));
            }
        }
        rule.action = action.ok_or_else(|| {
            Diagnostic::error(Code::BadValue, "a rule that does nothing")
                .at(text.span, "no `lookup TABLE`")
                .note("`ip` would have it look in the main table")
                .help(
                    "say `lookup TABLE`, `goto PRIORITY`, `unreachable`, `blackhole` or `prohibit`",
                )
        })?;
        rule.v4 = family.unwrap_or(true);
        rule.fit(text)?;
        Ok(rule)
    }

    /// Takes a word that says which packets a rule is for, or when it is asked; false for another.
    fn select(
        &mut self,
        full: &str,
        word: &Text,
        words: &mut Words<'_>,
        family: &mut Option<bool>,
    ) -> Result<bool, Diagnostic> {
        match full {
            "not" => self.not = true,
            "from" => self.from = prefix(&words.expect("a prefix", word)?, family)?,
            "to" => self.to = prefix(&words.expect("a prefix", word)?, family)?,
            "iif" | "dev" => self.iif = Some(words.expect("an interface", word)?),
            "oif" => self.oif = Some(words.expect("an interface", word)?),
            "fwmark" => self.fwmark = Some(mark(&words.expect("a mark", word)?)?),
            "tos" | "dsfield" => {
                let tos = type_of_service(&words.expect("a type of service", word)?)?;
                self.tos = Some(tos).filter(|tos| *tos != 0);
            }
            "dscp" => {
                let value = words.expect("a code point", word)?;
                let numeral = || u8::try_from(number(value.as_str())?).ok();
                let point = code_point(value.as_str()).or_else(numeral).filter(|it| *it < 64);
                let point = point.ok_or_else(|| not(&value, "a code point from 0 to 63"))?;
                self.dscp = Some(point);
            }
            "tun_id" => self.tunnel = Some(words.number("the number of a tunnel", word)?),
            "realms" => self.realms = Realms::parse(&words.expect("a realm", word)?)?,
            "protocol" => {
                self.protocol = Some(RuleProtocol::parse(&words.expect("a protocol", word)?)?);
            }
            "ipproto" => self.ipproto = Some(protocol(&words.expect("a protocol", word)?)?),
            "sport" => self.sport = Some(ports(&words.expect("a port", word)?)?),
            "dport" => self.dport = Some(ports(&words.expect("a port", word)?)?),
            "uidrange" => {
                let users = words.expect("two user numbers", word)?;
                let what = "two user numbers, as in 1000-1999";
                if !users.as_str().contains('-') {
                    return Err(not(&users, what));
                }
                self.uidrange = Some(range(&users, what)?);
            }
            "priority" | "preference" | "order" => {
                self.priority = Some(words.number("a priority", word)?);
            }
            "suppress_prefixlength" | "sup_pl" => {
                self.suppress_prefixlength = Some(words.number("a length", word)?);
            }
            "suppress_ifgroup" | "sup_group" => {
                let group = words.expect("a group of interfaces", word)?;
                let numeral = || number(group.as_str()).and_then(|it| i32::try_from(it).ok());
                let number = if group.as_str() == "default" { Some(0) } else { numeral() };
                let number = number.ok_or_else(|| not(&group, "the number of a group"))?;
                self.suppress_ifgroup = Some(number.unsigned_abs());
            }
            "nat" | "map-to" => {
                return Err(refused(
                    word,
                    "the kernel has no such rules; nft translates addresses",
                ));
            }
            "flowlabel" => {
                return Err(refused(word, "choose by `fwmark`, which a ruleset of nft can set"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Refuses what the kernel does not take for a family.
    fn fit(&self, text: &Text) -> Result<(), Diagnostic> {
        let wrong = |what: &str| Diagnostic::error(Code::BadValue, what).at(text.span, "this rule");
        if self.tos.is_some() && self.dscp.is_some() {
            return Err(wrong("a rule has either `tos` or `dscp`")
                .note("the kernel answers EINVAL: \"Cannot specify both TOS and DSCP\""));
        }
        match (self.v4, self.tos) {
            (true, Some(tos)) if tos & !0x1c != 0 => {
                Err(wrong("an IPv4 rule cannot choose by all of a type of service")
                    .note("the kernel knows the four bits of RFC 1349, 0x04 to 0x1c, and those of ECN choose nothing")
                    .help(format!("`dscp {}` chooses by all six bits, from Linux 6.13 on", tos >> 2)))
            }
            (false, Some(tos)) if tos & 3 != 0 => {
                Err(wrong("no rule can choose by the bits of ECN")
                    .note("they are the two lowest of a type of service"))
            }
            _ if self.realms.is_some() && !self.v4 => Err(wrong("an IPv6 rule has no realms")
                .note("the kernel has them for IPv4 only")),
            _ => Ok(()),
        }
    }
}

/// What a rule does, from the word that says it.
fn act(full: &str, word: &Text, words: &mut Words<'_>) -> Result<RuleAction<Table>, Diagnostic> {
    Ok(match full {
        "lookup" | "table" => RuleAction::Lookup(Table::parse(words.expect("a table", word)?)),
        "l3mdev" => RuleAction::Vrf,
        "goto" => RuleAction::Goto(words.number("a priority", word)?),
        "unreachable" => RuleAction::Unreachable,
        "blackhole" => RuleAction::Blackhole,
        "prohibit" => RuleAction::Prohibit,
        "nop" => RuleAction::Nop,
        _ => return Err(unknown(word, &names(WORDS))),
    })
}

/// A prefix, `all` or `default`; it must be of the family of what came before it.
fn prefix(word: &Text, family: &mut Option<bool>) -> Result<Option<IpNet>, Diagnostic> {
    if matches!(word.as_str(), "all" | "any" | "default") {
        return Ok(None);
    }
    let net = read_prefix(word, "a prefix such as 10.1.0.0/16, or `all`")?;
    let v4 = net.addr().is_ipv4();
    if family.replace(v4).is_some_and(|known| known != v4) {
        return Err(Diagnostic::error(Code::BadValue, "a rule is for one family")
            .at(word.span, "of another family than what stands before it"));
    }
    Ok(Some(net).filter(|net| net.prefix_len() > 0))
}

fn mark(word: &Text) -> Result<(u32, u32), Diagnostic> {
    let (mark, mask) = word.as_str().split_once('/').unwrap_or((word.as_str(), "0xffffffff"));
    let bits = |text| number(text).and_then(|number| u32::try_from(number).ok());
    match bits(mark).zip(bits(mask)) {
        Some((0, _)) if !word.as_str().contains('/') => {
            Err(not(word, "a mark that some packets have")
                .note("the kernel takes 0 alone for all packets")
                .help("`fwmark 0/0xffffffff` chooses those without a mark"))
        }
        Some((_, 0)) => {
            Err(not(word, "a mark such as 0x1/0xff").note("no bit counts, so it chooses nothing"))
        }
        Some(it) => Ok(it),
        None => Err(not(word, "a mark such as 0x1/0xff")),
    }
}

/// One port or several; the kernel takes neither 0 nor the last one.
fn ports(word: &Text) -> Result<(u16, u16), Diagnostic> {
    match range(word, "a port or two, as in 1000-1999")? {
        (first, last) if first == 0 || last == u16::MAX => Err(not(word, "ports from 1 to 65534")
            .note("the kernel answers EINVAL to port 0 and port 65535")),
        range => Ok(range),
    }
}

fn protocol(word: &Text) -> Result<u8, Diagnostic> {
    let named = PROTOCOLS.iter().find(|(name, _)| *name == word.as_str()).map(|(_, it)| *it);
    let number = || word.as_str().parse().ok();
    named.or_else(number).filter(|it| *it != 0).ok_or_else(|| not(word, "a protocol such as tcp"))
}

fn range<T: std::str::FromStr + PartialOrd + Copy>(
    word: &Text,
    what: &str,
) -> Result<(T, T), Diagnostic> {
    let (first, last) = word.as_str().split_once('-').unwrap_or((word.as_str(), word.as_str()));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok((first, last)),
        _ => Err(not(word, what)),
    }
}

impl<Device: fmt::Display, Lookup: fmt::Display> fmt::Display for Rule<Device, Lookup> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.from.or(self.to).is_some();
        if !told && !self.v4 {
            f.write_str("-6 ")?;
        }
        if let Some(priority) = self.priority {
            write!(f, "priority {priority} ")?;
        }
        if self.not {
            f.write_str("not ")?;
        }
        match self.from {
            Some(from) => write!(f, "from {from}")?,
            None => f.write_str("from all")?,
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        if let Some(iif) = &self.iif {
            write!(f, " iif {iif}")?;
        }
        if let Some(oif) = &self.oif {
            write!(f, " oif {oif}")?;
        }
        match self.fwmark {
            Some((mark @ 1.., u32::MAX)) => write!(f, " fwmark {mark:#x}")?,
            Some((mark, mask)) => write!(f, " fwmark {mark:#x}/{mask:#x}")?,
            None => {}
        }
        if let Some(tos) = self.tos {
            write!(f, " tos {tos:#x}")?;
        }
        if let Some(number) = self.ipproto {
            match PROTOCOLS.iter().find(|(_, known)| *known == number) {
                Some((name, _)) => write!(f, " ipproto {name}")?,
                None => write!(f, " ipproto {number}")?,
            }
        }
        print_ports(f, "sport", self.sport)?;
        print_ports(f, "dport", self.dport)?;
        if let Some((first, last)) = self.uidrange {
            write!(f, " uidrange {first}-{last}")?;
        }
        if let Some(number) = self.tunnel {
            write!(f, " tun_id {number}")?;
        }
        if let Some(point) = self.dscp {
            write!(f, " dscp {point}")?;
        }
        if let Some(realms) = self.realms {
            write!(f, " {realms}")?;
        }
        if let Some(protocol) = self.protocol {
            write!(f, " protocol {protocol}")?;
        }
        match &self.action {
            RuleAction::Lookup(table) => write!(f, " lookup {table}")?,
            RuleAction::Vrf => f.write_str(" l3mdev")?,
            RuleAction::Goto(priority) => write!(f, " goto {priority}")?,
            RuleAction::Unreachable => f.write_str(" unreachable")?,
            RuleAction::Blackhole => f.write_str(" blackhole")?,
            RuleAction::Prohibit => f.write_str(" prohibit")?,
            RuleAction::Nop => f.write_str(" nop")?,
        }
        if let Some(length) = self.suppress_prefixlength {
            write!(f, " suppress_prefixlength {length}")?;
        }
        match self.suppress_ifgroup {
            Some(group) => write!(f, " suppress_ifgroup {group}"),
            None => Ok(()),
        }
    }
}

fn print_ports(f: &mut fmt::Formatter<'_>, word: &str, ports: Option<(u16, u16)>) -> fmt::Result {
    match ports {
        Some((first, last)) if first == last => write!(f, " {word} {first}"),
        Some((first, last)) => write!(f, " {word} {first}-{last}"),
        None => Ok(()),
    }
}
