//! What an nftables ruleset lets pass, as far as it is one that can be read: chains that accept and drop
//! IPv4 packets by addresses, protocol and ports. Of IPv6 also the search for neighbours would have to be
//! followed through it, so that only rulesets that leave IPv6 alone are read for it.

use crate::forward::packet::Packet;
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

/// A ruleset that was read.
#[derive(Debug)]
pub(super) struct Filter {
    chains: Vec<Chain>,
    /// Whether packets of IPv6 come to it.
    has_v6: bool,
}

/// Where a packet is when a ruleset is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::forward) enum Hook {
    Input,
    Forward,
    Output,
}

/// What becomes of it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::forward) enum Passage {
    Accepted,
    Dropped,
    Unknown,
}

#[derive(Debug)]
struct Chain {
    hook: Hook,
    policy: Passage,
    rules: Vec<Rule>,
}

#[derive(Debug, Default)]
struct Rule {
    matches: Vec<Match>,
    /// Nothing where it only counts.
    verdict: Option<Passage>,
}

#[derive(Debug)]
enum Match {
    Source(Ipv4Net),
    Destination(Ipv4Net),
    Protocol(u8),
    SourcePort(RangeInclusive<u16>),
    DestinationPort(RangeInclusive<u16>),
    /// No packet of IPv4.
    Never,
}

impl Filter {
    /// The ruleset of a text; nothing where it says more than can be read.
    pub(super) fn read(text: &str) -> Option<Self> {
        let words = words(text);
        let mut reader = Reader { words: words.iter().map(String::as_str).peekable() };
        let mut filter = Self { chains: Vec::new(), has_v6: false };
        while let Some(word) = reader.first() {
            match word {
                "flush" => reader.expect("ruleset")?,
                "table" => reader.table(&mut filter)?,
                _ => return None,
            }
        }
        Some(filter)
    }

    /// Whether it can be said what becomes of packets of a family.
    pub(super) fn knows(&self, v4: bool) -> bool {
        v4 || !self.has_v6
    }

    /// What becomes of a packet of a family that it knows. One that was cut into fragments shows its ports in the first alone.
    pub(super) fn judge(&self, hook: Hook, packet: &Packet, is_cut: bool) -> Passage {
        if !packet.is_v4() {
            return Passage::Accepted;
        }
        let chains = self.chains.iter().filter(|chain| chain.hook == hook);
        let verdicts = chains.map(|chain| chain.judge(packet, is_cut));
        verdicts.fold(Passage::Accepted, |all, one| match (all, one) {
            (Passage::Accepted, one) => one,
            (Passage::Dropped | Passage::Unknown, _) => all,
        })
    }
}

impl Chain {
    fn judge(&self, packet: &Packet, is_cut: bool) -> Passage {
        for rule in &self.rules {
            let Some(verdict) = rule.verdict else { continue };
            let is_by_port =
                |it: &Match| matches!(it, Match::SourcePort(_) | Match::DestinationPort(_));
            if is_cut && packet.protocol.ports().is_some() && rule.matches.iter().any(is_by_port) {
                return Passage::Unknown;
            }
            if rule.matches.iter().all(|it| it.is(packet)) {
                return verdict;
            }
        }
        self.policy
    }
}

impl Match {
    fn is(&self, packet: &Packet) -> bool {
        let within = |net: &Ipv4Net, address: IpAddr| match address {
            IpAddr::V4(address) => net.contains(&address),
            IpAddr::V6(_) => false,
        };
        match self {
            Match::Source(net) => within(net, packet.source),
            Match::Destination(net) => within(net, packet.destination),
            Match::Protocol(number) => packet.protocol.number(packet.is_v4()) == *number,
            Match::SourcePort(range) => {
                packet.protocol.ports().is_some_and(|(sport, _)| range.contains(&sport))
            }
            Match::DestinationPort(range) => {
                packet.protocol.ports().is_some_and(|(_, dport)| range.contains(&dport))
            }
            Match::Never => false,
        }
    }
}

/// The words of a ruleset: braces and ends of statements are words of their own.
fn words(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
    let mut spaced = String::new();
    for line in lines {
        for letter in line.chars() {
            match letter {
                '{' | '}' => spaced.extend([' ', letter, ' ']),
                ';' => spaced += " ; ",
                _ => spaced.push(letter),
            }
        }
        spaced += " ; ";
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

struct Reader<'t, I: Iterator<Item = &'t str>> {
    words: std::iter::Peekable<I>,
}

impl<'t, I: Iterator<Item = &'t str>> Reader<'t, I> {
    /// The next word of this statement, if there is one.
    fn word(&mut self) -> Option<&'t str> {
        self.words.next_if(|word| !matches!(*word, ";" | "}"))
    }

    /// The first word of the next statement.
    fn first(&mut self) -> Option<&'t str> {
        while self.words.next_if_eq(&";").is_some() {}
        self.words.next()
    }

    fn expect(&mut self, wanted: &str) -> Option<()> {
        self.words.next_if_eq(&wanted).map(|_| ())
    }

    fn table(&mut self, filter: &mut Filter) -> Option<()> {
        let mut family = self.word()?;
        if matches!(family, "ip" | "ip6" | "inet") {
            self.word()?;
        } else if matches!(family, "arp" | "bridge" | "netdev") {
            return None;
        } else {
            family = "ip";
        }
        self.expect("{")?;
        loop {
            match self.first()? {
                "}" => return Some(()),
                "chain" => {
                    self.word()?;
                    let chain = self.chain()?;
                    filter.has_v6 |= family != "ip";
                    filter.chains.extend(Some(chain).filter(|_| family != "ip6"));
                }
                _ => return None,
            }
        }
    }

    fn chain(&mut self) -> Option<Chain> {
        self.expect("{")?;
        let mut hook = None;
        let mut policy = Passage::Accepted;
        let mut rules = Vec::new();
        loop {
            match self.first()? {
                "}" => return Some(Chain { hook: hook?, policy, rules }),
                "type" => {
                    ["filter", "hook"].into_iter().try_for_each(|word| self.expect(word))?;
                    hook = Some(match self.word()? {
                        "input" => Hook::Input,
                        "forward" => Hook::Forward,
                        "output" => Hook::Output,
                        _ => return None,
                    });
                    // Chains that only accept and drop can be asked in any order.
                    while self.word().is_some() {}
                }
                "policy" => policy = verdict(self.word()?)?,
                word => rules.push(self.rule(word)?),
            }
        }
    }

    fn rule(&mut self, first: &'t str) -> Option<Rule> {
        let mut rule = Rule::default();
        let mut next = Some(first);
        while let Some(word) = next {
            if rule.verdict.is_some() {
                return None;
            }
            match word {
                "counter" => {}
                "accept" | "drop" => rule.verdict = verdict(word),
                "ip" => match self.word()? {
                    "saddr" => rule.matches.push(Match::Source(net(self.word()?)?)),
                    "daddr" => rule.matches.push(Match::Destination(net(self.word()?)?)),
                    "protocol" => rule.matches.push(Match::Protocol(protocol(self.word()?)?)),
                    _ => return None,
                },
                "ip6" => {
                    self.word()?;
                    self.word()?;
                    rule.matches.push(Match::Never);
                }
                "meta" => {
                    self.expect("l4proto")?;
                    rule.matches.push(Match::Protocol(protocol(self.word()?)?));
                }
                "tcp" | "udp" => {
                    rule.matches.push(Match::Protocol(protocol(word)?));
                    rule.matches.push(match self.word()? {
                        "sport" => Match::SourcePort(ports(self.word()?)?),
                        "dport" => Match::DestinationPort(ports(self.word()?)?),
                        _ => return None,
                    });
                }
                _ => return None,
            }
            next = self.word();
        }
        Some(rule)
    }
}

fn verdict(word: &str) -> Option<Passage> {
    match word {
        "accept" => Some(Passage::Accepted),
        "drop" => Some(Passage::Dropped),
        _ => None,
    }
}

fn net(word: &str) -> Option<Ipv4Net> {
    let alone = || word.parse::<Ipv4Addr>().map(Ipv4Net::from);
    word.parse().or_else(|_| alone()).ok()
}

fn protocol(word: &str) -> Option<u8> {
    match word {
        "icmp" => Some(1),
        "tcp" => Some(6),
        "udp" => Some(17),
        _ => None,
    }
}

fn ports(word: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some(first.parse().ok()?..=last.parse().ok()?)
}
