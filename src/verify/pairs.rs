//! All pairs of a lab's ends: who reaches whom, and what is the matter with those that do not.
//!
//! Ends that fare alike are one class ([`Network::alike`]), and of two classes one pair is asked about. What is said
//! of it holds for all pairs of the two.

use super::judge::Judge;
use super::verdict::{Fault, Judgement, Refutation, Verdict};
use crate::compile::{
    Answerer, Arrival, Check, Expect, Lab, MAIN, Node, NodeId, Sender, Sends, Target,
};
use crate::diagnostic::Span;
use crate::document::{DeviceName, Role};
use crate::forward::{End, IcmpKind, Network, Ways};
use crate::iproute::is_link_local;
use crate::link::ETHERNET_MTU;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes of the headers of an echo request in IPv4, and in IPv6.
const HEADERS: [u32; 2] = [28, 48];

/// What there is to say of all pairs of ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pairs {
    /// How many ends there are: the hosts, or where there is none all tables with addresses.
    pub ends: usize,
    /// How many of them fare differently.
    pub classes: usize,
    /// How many ordered pairs there are, each with every address family that both have.
    pub pairs: usize,
    /// How many reach, answer included.
    pub reached: usize,
    /// How many of those no check names.
    pub unnamed: usize,
    /// Of how many the model cannot say.
    pub unknown: usize,
    /// How many reach but by different nodes in both directions.
    pub asymmetric: usize,
    /// What is the matter with the others, the most frequent of each kind first.
    pub findings: Vec<PairFinding>,
}

/// Pairs with which the same is the matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PairFinding {
    /// What kind of matter it is.
    pub kind: PairTrouble,
    /// What happens, in a sentence.
    pub reason: String,
    /// One of the pairs, as a check writes it.
    pub example: String,
    /// How many there are.
    pub pairs: usize,
}

/// What can be the matter with a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairTrouble {
    /// Packets run in a circle.
    Loop,
    /// Some flows do not fare as the others.
    SomeFlows,
    /// Packets that fill the sender's MTU are lost, and nobody says so.
    MtuHole,
    /// Packets are dropped without a word.
    BlackHole,
    /// Packets arrive, and no answer comes back.
    OneWay,
    /// Somebody else takes them, who has the same address.
    Elsewhere,
    /// An ICMP error comes back, or the sender has no way.
    Unreachable,
    /// The model cannot say.
    Unknown,
}

/// Who sends and is sent to.
#[derive(Debug)]
struct PairEnd {
    node: NodeId,
    vrf: Option<DeviceName>,
    /// The first of each family.
    addresses: Vec<IpAddr>,
    /// Who may take what is sent to it: others as well where it is anycast.
    takers: Vec<NodeId>,
    mtu: u32,
}

/// An end as a check names it.
type Named<'l> = (NodeId, Option<&'l DeviceName>);

/// What became of one pair.
struct Fate {
    trouble: Option<(PairTrouble, String)>,
    is_asymmetric: bool,
    example: String,
}

impl PairTrouble {
    /// Its word at the head of a line.
    pub fn head(self) -> &'static str {
        match self {
            PairTrouble::Loop => "LOOP",
            PairTrouble::SomeFlows => "SOME",
            PairTrouble::MtuHole => "MTU",
            PairTrouble::BlackHole => "LOST",
            PairTrouble::OneWay => "ONE WAY",
            PairTrouble::Elsewhere => "OTHER",
            PairTrouble::Unreachable => "NO WAY",
            PairTrouble::Unknown => "UNKNOWN",
        }
    }
}

impl Pairs {
    /// Asks about all pairs of ends of a lab.
    pub fn of(lab: &Lab, network: &Network<'_>) -> Self {
        let ends = ends(lab);
        let asked = ends.iter().map(|end| {
            let vrf = end.vrf.as_ref().map(|vrf| vrf.as_str());
            (lab[end.node].namespace.as_str(), vrf, &end.addresses[..])
        });
        let mut members: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (place, class) in network.alike(asked).into_iter().enumerate() {
            members.entry(class).or_default().push(place);
        }
        let classes: Vec<Vec<usize>> = members.into_values().collect();
        Self::of_classes(lab, network, Ways::Merged, (&ends, &classes))
    }

    fn of_classes(
        lab: &Lab,
        network: &Network<'_>,
        ways: Ways,
        (ends, classes): (&[PairEnd], &[Vec<usize>]),
    ) -> Self {
        let named = named(lab, ends, classes);
        let fates = fates(lab, network, ways, (ends, classes));
        let mut found: HashMap<(PairTrouble, String), (String, String, usize)> = HashMap::new();
        let mut pairs = Self {
            ends: ends.len(),
            classes: classes.len(),
            pairs: 0,
            reached: 0,
            unnamed: 0,
            unknown: 0,
            asymmetric: 0,
            findings: Vec::new(),
        };
        for (from, to, fate) in fates {
            let (senders, targets) = (&classes[from], &classes[to]);
            let number = match from == to {
                true => senders.len() * (senders.len() - 1),
                false => senders.len() * targets.len(),
            };
            pairs.pairs += number;
            match fate.trouble {
                None => {
                    pairs.reached += number;
                    let said = named.get(&(from, to)).copied().unwrap_or(0);
                    pairs.unnamed += number.saturating_sub(said);
                    pairs.asymmetric += if fate.is_asymmetric { number } else { 0 };
                }
                Some((kind, reason)) => {
                    if kind == PairTrouble::Unknown {
                        pairs.unknown += number;
                    }
                    // That customers have the same addresses is one matter, wherever they arrive.
                    let is_one = kind == PairTrouble::Elsewhere;
                    let which = if is_one { String::new() } else { reason.clone() };
                    let first = found.entry((kind, which));
                    first.or_insert((reason, fate.example, 0)).2 += number;
                }
            }
        }
        let finding =
            |((kind, _), (reason, example, pairs))| PairFinding { kind, reason, example, pairs };
        pairs.findings = found.into_iter().map(finding).collect();
        pairs.findings.sort_by(|one, other| {
            let key = |it: &PairFinding| (it.kind, std::cmp::Reverse(it.pairs));
            key(one).cmp(&key(other)).then_with(|| one.example.cmp(&other.example))
        });
        pairs
    }
}

/// The ends of a lab: its hosts, or where there is none all its tables with addresses.
fn ends(lab: &Lab) -> Vec<PairEnd> {
    let of = |is_wanted: &dyn Fn(&Node) -> bool| -> Vec<PairEnd> {
        let nodes = (0..lab.nodes.len()).map(NodeId).filter(|id| is_wanted(&lab[*id]));
        nodes.flat_map(|id| ends_of(lab, id)).collect()
    };
    match of(&|node| node.role == Role::Host) {
        hosts if hosts.is_empty() => of(&|node| node.role != Role::Switch),
        hosts => hosts,
    }
}

fn ends_of(lab: &Lab, id: NodeId) -> Vec<PairEnd> {
    let node = &lab[id];
    let main = std::iter::once((None, MAIN));
    let vrfs = node.vrfs.iter().map(|vrf| (Some(vrf.name.clone()), vrf.table));
    let end = |(vrf, table): (Option<DeviceName>, u32)| {
        let ports = node.interfaces.iter().filter(|port| node.table_of(port) == table);
        let of_ports = ports.clone().flat_map(|port| &port.addresses);
        let own = node.loopback.iter().filter(|_| vrf.is_none());
        let of_vrf = node.vrfs.iter().filter(|it| it.table == table).flat_map(|it| &it.addresses);
        let all = own.chain(of_vrf).chain(of_ports).map(|held| held.value.addr());
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in all.filter(|it| !it.is_loopback() && !is_link_local(*it)) {
            if addresses.iter().all(|it| it.is_ipv4() != address.is_ipv4()) {
                addresses.push(address);
            }
        }
        let mtu = ports.filter_map(|port| port.mtu.as_ref()).map(|mtu| mtu.value).min();
        (!addresses.is_empty()).then_some(PairEnd {
            node: id,
            vrf,
            takers: match node.addresses().any(|own| own.anycast) {
                true => anycast(lab, &addresses),
                false => vec![id],
            },
            addresses,
            mtu: mtu.unwrap_or(ETHERNET_MTU),
        })
    };
    main.chain(vrfs).filter_map(end).collect()
}

/// The nodes that have one of these addresses as anycast.
fn anycast(lab: &Lab, addresses: &[IpAddr]) -> Vec<NodeId> {
    let has = |id: &NodeId| {
        let mut held = lab[*id].addresses();
        held.any(|own| own.anycast && addresses.contains(&own.addr()))
    };
    (0..lab.nodes.len()).map(NodeId).filter(has).collect()
}

/// Of how many pairs of two classes a check says that one reaches the other.
fn named(lab: &Lab, ends: &[PairEnd], classes: &[Vec<usize>]) -> HashMap<(usize, usize), usize> {
    let members = classes.iter().enumerate();
    let class_of: HashMap<Named<'_>, usize> = members
        .flat_map(|(class, members)| members.iter().map(move |end| (&ends[*end], class)))
        .map(|(end, class)| ((end.node, end.vrf.as_ref()), class))
        .collect();
    let pair = |check: &Check| match (&check.expect, &check.to) {
        (Expect::Arrives(_) | Expect::Spreads(_), Target::Node { node, vrf, .. }) => {
            let from = (check.from.node, check.from.vrf.as_ref());
            let to = (*node, vrf.as_ref());
            let classes = (*class_of.get(&from)?, *class_of.get(&to)?);
            (from != to).then_some((classes, format!("{from:?} {to:?}")))
        }
        (Expect::Lost | Expect::Rejected(_), _)
        | (_, Target::Address(_) | Target::OnLink { .. }) => None,
    };
    let pairs: BTreeSet<((usize, usize), String)> = lab.checks.iter().filter_map(pair).collect();
    let mut named = HashMap::new();
    for (classes, _) in pairs {
        *named.entry(classes).or_default() += 1;
    }
    named
}

/// What becomes of a pair of each two classes; of one class with itself, where it has two ends.
fn fates(
    lab: &Lab,
    network: &Network<'_>,
    ways: Ways,
    (ends, classes): (&[PairEnd], &[Vec<usize>]),
) -> Vec<(usize, usize, Fate)> {
    let number = classes.len();
    let next = AtomicUsize::new(0);
    let work = || {
        let judge = Judge::by(lab, network, ways);
        let mut fates = Vec::new();
        loop {
            let from = next.fetch_add(1, Ordering::Relaxed);
            let Some(senders) = classes.get(from) else { return fates };
            for (to, targets) in classes.iter().enumerate() {
                let sender = &ends[senders[0]];
                let target = match from == to {
                    true => senders.get(1),
                    false => targets.first(),
                };
                let Some(target) = target.map(|target| &ends[*target]) else { continue };
                let shared =
                    |it: &&IpAddr| sender.addresses.iter().any(|own| own.is_ipv4() == it.is_ipv4());
                let addresses: Vec<IpAddr> =
                    target.addresses.iter().filter(shared).copied().collect();
                if sender.node != target.node && !addresses.is_empty() {
                    fates.push((from, to, fate(&judge, sender, target, addresses)));
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |it| it.get()).min(number.max(1));
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for thread in running {
            match thread.join() {
                Ok(fates) => all.extend(fates),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all.sort_by_key(|(from, to, _)| (*from, *to));
        all
    })
}

fn fate(judge: &Judge<'_, '_>, from: &PairEnd, to: &PairEnd, addresses: Vec<IpAddr>) -> Fate {
    let headers = addresses.iter().map(|it| HEADERS[usize::from(it.is_ipv6())]).max();
    let mut check = check(judge.lab, from, to, addresses);
    let example = check.text.clone();
    let judgement = judge.judge(&check);
    let verdict = judgement.verdict();
    let trouble = match verdict {
        Verdict::Proved => None,
        Verdict::Refuted(refutation) => {
            let kind = trouble(judge, &check, &judgement, refutation);
            let reason = judge.reason(&check, refutation);
            let same =
                if kind == PairTrouble::Elsewhere { ", which has the same address" } else { "" };
            Some((kind, format!("{reason}{same}")))
        }
        Verdict::Unknown { at, why } => Some((PairTrouble::Unknown, judge.doubt(at, *why))),
        Verdict::NoOutcome => Some((PairTrouble::Unknown, super::words::NO_OUTCOME.to_owned())),
    };
    let is_asymmetric = trouble.is_none()
        && judgement.probes.iter().any(|probe| {
            let forth = probe.exchanges.iter().flat_map(|it| it.request.namespaces());
            let replies = probe.exchanges.iter().flat_map(|it| it.reply.iter());
            let back: BTreeSet<&str> = replies.flat_map(|it| it.namespaces()).collect();
            forth.collect::<BTreeSet<&str>>() != back
        });
    drop(judgement);
    let trouble = trouble.or_else(|| {
        let size = from.mtu.checked_sub(headers?)?;
        check.sends.size = u16::try_from(size).ok();
        check.sends.df = true;
        let judgement = judge.judge(&check);
        let Verdict::Refuted(refutation) = judgement.verdict() else { return None };
        // Who hears of it sends smaller ones.
        let is_told = matches!(refutation.request.end, End::Rejected { error, .. }
            if error.kind == IcmpKind::FragNeeded && error.source.is_some());
        (!is_told).then(|| (PairTrouble::MtuHole, judge.reason(&check, refutation)))
    });
    Fate { trouble, is_asymmetric, example }
}

/// What kind of matter it is that a check is refuted for.
fn trouble<'a>(
    judge: &Judge<'_, 'a>,
    check: &Check,
    judgement: &Judgement<'_, 'a>,
    refutation: &Refutation<'a>,
) -> PairTrouble {
    if judge.is_loop(refutation.outcome()) {
        return PairTrouble::Loop;
    }
    let mut refuted =
        judgement.probes.iter().filter(|it| matches!(it.verdict, Verdict::Refuted(_)));
    if refuted.any(|probe| judge.some_flow_fares(check, probe)) {
        return PairTrouble::SomeFlows;
    }
    match (refutation.fault, &refutation.request.end) {
        (Fault::RequestElsewhere, _) => PairTrouble::Elsewhere,
        (Fault::RequestLost, End::Rejected { .. } | End::Refused { .. }) => {
            PairTrouble::Unreachable
        }
        (
            Fault::RequestLost,
            End::Delivered { .. } | End::Dropped { .. } | End::Loop { .. } | End::Unknown { .. },
        ) => PairTrouble::BlackHole,
        (
            Fault::NoReply
            | Fault::ReplyLost
            | Fault::ReplyElsewhere
            | Fault::RequestPath
            | Fault::ReplyPath
            | Fault::ReplyTtl { .. }
            | Fault::Uneven { .. }
            | Fault::Arrives
            | Fault::Answered
            | Fault::OtherError,
            _,
        ) => PairTrouble::OneWay,
    }
}

/// The check that one end reaches the other.
fn check(lab: &Lab, from: &PairEnd, to: &PairEnd, addresses: Vec<IpAddr>) -> Check {
    let name = |end: &PairEnd| match &end.vrf {
        Some(vrf) => format!("{}%{vrf}", lab[end.node].name),
        None => lab[end.node].name.to_string(),
    };
    let arrival = Arrival {
        answerer: Answerer::default(),
        unique: false,
        via: None,
        back: None,
        ttl: None,
        rtt: None,
        loss: None,
    };
    Check {
        span: Span::NONE,
        text: format!("{} -> {}", name(from), name(to)),
        from: Sender { node: from.node, vrf: from.vrf.clone() },
        to: Target::Node {
            node: to.node,
            takers: to.takers.clone(),
            vrf: to.vrf.clone(),
            addresses,
        },
        sends: Sends::default(),
        expect: Expect::Arrives(arrival),
    }
}

#[cfg(test)]
#[path = "pairs_tests.rs"]
mod tests;
