//! What follows `ip rule add`.

use super::route::Table;
use super::words::{Words, hexadecimal, not, type_of_service, unknown};
use crate::diagnostic::{Code, Diagnostic, Spanned, Text};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// A policy rule, over the ways in which it names devices and tables: as written, or resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    /// What is done.
    pub action: RuleAction<Lookup>,
    /// Routes no longer than this do not count in the lookup.
    pub suppress_prefixlength: Option<u8>,
}

/// What a rule does with a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleAction<Lookup> {
    /// Looks it up in a table; a packet without a route there goes on to the next rule.
    Lookup(Lookup),
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

const WORDS: &[&str] = &[
    "from",
    "to",
    "iif",
    "oif",
    "fwmark",
    "tos",
    "ipproto",
    "sport",
    "dport",
    "uidrange",
    "priority",
    "not",
    "lookup",
    "goto",
    "suppress_prefixlength",
    "unreachable",
    "blackhole",
    "prohibit",
    "nop",
];

/// The protocols that iproute2 writes by name.
const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
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
            action,
            suppress_prefixlength: None,
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
            action: match &self.action {
                RuleAction::Lookup(lookup) => RuleAction::Lookup(table(lookup)?),
                RuleAction::Goto(priority) => RuleAction::Goto(*priority),
                RuleAction::Unreachable => RuleAction::Unreachable,
                RuleAction::Blackhole => RuleAction::Blackhole,
                RuleAction::Prohibit => RuleAction::Prohibit,
                RuleAction::Nop => RuleAction::Nop,
            },
            suppress_prefixlength: self.suppress_prefixlength,
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
        let mut family =
            if words.take("-6") { Some(false) } else { words.take("-4").then_some(true) };
        let mut action = None;
        let mut rule = Self::all(true, RuleAction::Nop);
        while let Some(word) = words.next() {
            if rule.select(&word, &mut words, &mut family)? {
                continue;
            }
            if action.replace(act(&word, &mut words)?).is_some() {
                return Err(Diagnostic::error(Code::BadValue, "a rule does one thing")
                    .at(word.span, "and this is a second one"));
            }
        }
        rule.action = action.ok_or_else(|| {
            Diagnostic::error(Code::BadValue, "a rule that does nothing")
                .at(text.span, "no `lookup TABLE`")
                .help(
                    "say `lookup TABLE`, `goto PRIORITY`, `unreachable`, `blackhole` or `prohibit`",
                )
        })?;
        rule.v4 = family.unwrap_or(true);
        if let (RuleAction::Goto(to), Some(own)) = (&rule.action, rule.priority)
            && *to <= own
        {
            return Err(Diagnostic::error(Code::BadValue, format!("rule {own} goes back to {to}"))
                .at(text.span, "a rule can only go on")
                .note("the kernel refuses it, since packets would go round"));
        }
        Ok(rule)
    }

    /// Takes a word that says which packets a rule is for, or when it is asked; false for another.
    fn select(
        &mut self,
        word: &Text,
        words: &mut Words<'_>,
        family: &mut Option<bool>,
    ) -> Result<bool, Diagnostic> {
        match word.as_str() {
            "not" => self.not = true,
            "from" => self.from = prefix(&words.expect("a prefix", word)?, family)?,
            "to" => self.to = prefix(&words.expect("a prefix", word)?, family)?,
            "iif" => self.iif = Some(words.expect("an interface", word)?),
            "oif" => self.oif = Some(words.expect("an interface", word)?),
            "fwmark" => self.fwmark = Some(mark(&words.expect("a mark", word)?)?),
            "tos" | "dsfield" => {
                let tos = type_of_service(&words.expect("a type of service", word)?)?;
                self.tos = Some(tos);
            }
            "ipproto" => self.ipproto = Some(protocol(&words.expect("a protocol", word)?)?),
            "sport" => self.sport = Some(range(&words.expect("a port", word)?, "a port or two")?),
            "dport" => self.dport = Some(range(&words.expect("a port", word)?, "a port or two")?),
            "uidrange" => {
                let users = words.expect("two user numbers", word)?;
                self.uidrange = Some(range(&users, "two user numbers, as in 1000-1999")?);
            }
            "priority" | "preference" | "pref" | "order" => {
                self.priority = Some(words.value("a priority", word)?);
            }
            "suppress_prefixlength" | "sup_pl" => {
                self.suppress_prefixlength = Some(words.value("a length", word)?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What a rule does, from the word that says it.
fn act(word: &Text, words: &mut Words<'_>) -> Result<RuleAction<Table>, Diagnostic> {
    Ok(match word.as_str() {
        "lookup" | "table" => {
            let name = words.expect("a table", word)?;
            RuleAction::Lookup(match name.as_str().parse() {
                Ok(number) => Table::Number(Spanned::new(number, name.span)),
                Err(_) => Table::Name(name),
            })
        }
        "goto" => RuleAction::Goto(words.value("a priority", word)?),
        "unreachable" => RuleAction::Unreachable,
        "blackhole" => RuleAction::Blackhole,
        "prohibit" => RuleAction::Prohibit,
        "nop" => RuleAction::Nop,
        _ => return Err(unknown(word, WORDS)),
    })
}

/// A prefix, `all` or `default`; it must be of the family of what came before it.
fn prefix(word: &Text, family: &mut Option<bool>) -> Result<Option<IpNet>, Diagnostic> {
    if matches!(word.as_str(), "all" | "any" | "default") {
        return Ok(None);
    }
    let net = word
        .as_str()
        .parse::<IpNet>()
        .or_else(|_| word.as_str().parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| not(word, "a prefix such as 10.1.0.0/16, or `all`"))?;
    let v4 = net.addr().is_ipv4();
    if family.replace(v4).is_some_and(|known| known != v4) {
        return Err(Diagnostic::error(Code::BadValue, "a rule is for one family")
            .at(word.span, "of another family than what stands before it"));
    }
    if net.trunc() != net {
        return Err(Diagnostic::error(
            Code::BadValue,
            format!("{net} has bits behind its prefix length"),
        )
        .at(word.span, "not a prefix")
        .help(format!("the prefix is {}", net.trunc())));
    }
    Ok(Some(net))
}

fn mark(word: &Text) -> Result<(u32, u32), Diagnostic> {
    let (mark, mask) = word.as_str().split_once('/').unwrap_or((word.as_str(), "0xffffffff"));
    hexadecimal(mark).zip(hexadecimal(mask)).ok_or_else(|| not(word, "a mark such as 0x1/0xff"))
}

fn protocol(word: &Text) -> Result<u8, Diagnostic> {
    let named = PROTOCOLS.iter().find(|(name, _)| *name == word.as_str()).map(|(_, it)| *it);
    named.or_else(|| word.as_str().parse().ok()).ok_or_else(|| not(word, "a protocol such as tcp"))
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
            Some((mark, u32::MAX)) => write!(f, " fwmark {mark:#x}")?,
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
        ports(f, "sport", self.sport)?;
        ports(f, "dport", self.dport)?;
        if let Some((first, last)) = self.uidrange {
            write!(f, " uidrange {first}-{last}")?;
        }
        match &self.action {
            RuleAction::Lookup(table) => write!(f, " lookup {table}")?,
            RuleAction::Goto(priority) => write!(f, " goto {priority}")?,
            RuleAction::Unreachable => f.write_str(" unreachable")?,
            RuleAction::Blackhole => f.write_str(" blackhole")?,
            RuleAction::Prohibit => f.write_str(" prohibit")?,
            RuleAction::Nop => f.write_str(" nop")?,
        }
        match self.suppress_prefixlength {
            Some(length) => write!(f, " suppress_prefixlength {length}"),
            None => Ok(()),
        }
    }
}

fn ports(f: &mut fmt::Formatter<'_>, word: &str, ports: Option<(u16, u16)>) -> fmt::Result {
    match ports {
        Some((first, last)) if first == last => write!(f, " {word} {first}"),
        Some((first, last)) => write!(f, " {word} {first}-{last}"),
        None => Ok(()),
    }
}
