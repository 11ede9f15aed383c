//! What was seen of a probe, beside what the model says of it.

use std::fmt::Write;
use std::net::IpAddr;
use vrflab::check::{IcmpAnswer, ProbeResult, Visit};
use vrflab::compile::{Lab, Node};
use vrflab::document::Role;
use vrflab::forward::{DropReason, End, Exchange, IcmpError, IcmpKind, Outcome, Probe, Protocol};

/// Whether one of the things that can happen has.
#[derive(Debug, PartialEq, Eq)]
pub enum Comparison {
    Agrees,
    /// The model does not say what becomes of it, and why.
    Unknown(String),
    /// What the model says, and what was seen.
    Differs(String),
}

pub fn compare(
    lab: &Lab,
    probe: &Probe<'_>,
    exchanges: &[Exchange<'_>],
    seen: &ProbeResult,
) -> Comparison {
    let mut outcomes = exchanges.iter().flat_map(|it| it.outcomes());
    let unknown = outcomes.find_map(|outcome| {
        let End::Unknown { why, .. } = outcome.end else { return None };
        Some(why.to_string())
    });
    if let Some(why) = unknown {
        return Comparison::Unknown(why);
    }
    // A port is opened in the VRF where the lab has the address, and nobody hears it elsewhere.
    let is_unheard = |outcome: &Outcome<'_>| {
        let End::Delivered { namespace, vrf, .. } = outcome.end else { return false };
        matches!(outcome.packet.protocol, Protocol::Udp { .. } | Protocol::Tcp { .. })
            && !is_in(lab, namespace, vrf, outcome.packet.destination)
    };
    if exchanges.iter().any(|it| is_unheard(&it.request)) {
        return Comparison::Unknown("who listens in the VRF".to_owned());
    }
    if is_learned(lab, exchanges, seen) {
        return Comparison::Unknown("which path MTU a node has learned".to_owned());
    }
    if exchanges
        .iter()
        .any(|it| it.reply.iter().chain([&it.request]).any(|it| is_redirected(lab, it)))
    {
        return Comparison::Unknown("which way a host has been told of by a redirect".to_owned());
    }
    let mut reasons = String::new();
    let requests = exchanges.iter().map(|it| &it.request);
    let replies = exchanges.iter().flat_map(|it| it.reply.iter());
    let ways = [requests.map(way).collect(), replies.map(way).collect()];
    for exchange in exchanges {
        match differs((lab, exchanges), probe, exchange, &ways, seen) {
            None => return Comparison::Agrees,
            Some(why) => {
                let _ = writeln!(reasons, "    {why}\n    model: {}", said(&exchange.request));
                for reply in exchange.reply.iter() {
                    let _ = writeln!(reasons, "    model's reply: {}", said(reply));
                }
            }
        }
    }
    let path = |visits: &[Visit]| {
        let visit = |visit: &Visit| format!("{}{:?}", visit.node, visit.labels);
        visits.iter().map(visit).collect::<Vec<_>>().join(" ")
    };
    let _ = writeln!(
        reasons,
        "    seen: {} of {} answered, forth {}, back {}, ttl {:?}, errors {:?}, refusal {:?}",
        seen.answered,
        seen.sent,
        path(&seen.path),
        path(&seen.back),
        seen.ttl,
        seen.errors,
        seen.refusal,
    );
    Comparison::Differs(reasons)
}

/// Whether a node told an MTU that is that of a later link: another packet to there, as of a tunnel, has
/// taught it. The answers that follow one that was too big are cut.
fn is_learned(lab: &Lab, exchanges: &[Exchange<'_>], seen: &ProbeResult) -> bool {
    let is_too_big = |reply: &Outcome<'_>| matches!(reply.end, End::Rejected { error, .. } if error.kind == IcmpKind::FragNeeded);
    let mut replies = exchanges.iter().flat_map(|exchange| exchange.reply.iter());
    if replies.any(is_too_big) {
        return true;
    }
    exchanges.iter().any(|exchange| {
        let End::Rejected { by, error, .. } = exchange.request.end else { return false };
        let node = lab.nodes.iter().find(|node| node.namespace == by);
        let is_own =
            |from: IpAddr| node.is_some_and(|node| node.addresses().any(|own| own.addr() == from));
        error.mtu.is_some() && seen.errors.iter().any(|it| it.mtu == error.mtu && !is_own(it.from))
    })
}

/// Whether the first router sends back through where it came in what comes from a host, which it tells so.
fn is_redirected(lab: &Lab, outcome: &Outcome<'_>) -> bool {
    let [first, router, ..] = &outcome.hops[..] else { return false };
    let is_host = |node: &Node| node.namespace == first.namespace && node.role == Role::Host;
    let out = router.out.last();
    out.is_some() && out == router.device.as_ref() && lab.nodes.iter().any(is_host)
}

/// Whether a node has an address in a VRF, or beside all of them.
fn is_in(lab: &Lab, namespace: &str, vrf: Option<&str>, address: IpAddr) -> bool {
    let node = lab.nodes.iter().find(|node| node.namespace == namespace);
    let node = node.expect("the namespaces are those of the lab's nodes");
    let ports = node.interfaces.iter().any(|port| {
        let is_there = port.addresses.iter().any(|own| own.value.addr() == address);
        is_there && node.vrf_of(port).map(|vrf| vrf.name.as_str()) == vrf
    });
    let devices = node.vrfs.iter().any(|own| {
        let has = own.addresses.iter().any(|own| own.value.addr() == address);
        has && Some(own.name.as_str()) == vrf
    });
    let loopback = node.loopback.iter().any(|own| own.value.addr() == address);
    ports || devices || loopback && vrf.is_none()
}

/// The nodes behind the first, each with the labels and the TTL that it came with.
type Way<'a> = Vec<(&'a str, &'a [u32], u8)>;

fn way<'a>(outcome: &'a Outcome<'_>) -> Way<'a> {
    outcome.hops.iter().skip(1).map(|hop| (hop.namespace, &hop.labels[..], hop.ttl)).collect()
}

/// Whether what was seen is made of whole ways, but for the last one, and one of them is this. What comes to
/// a node once more with the same TTL is not seen again.
fn is_made_of(own: &Way<'_>, ways: &[Way<'_>], seen: &[(&str, &[u32])]) -> bool {
    fn goes_on<'a>(
        (own, ways): (&Way<'_>, &'a [Way<'a>]),
        seen: &[(&str, &[u32])],
        (before, is_there): (&[(&'a str, u8)], bool),
    ) -> bool {
        ways.iter().any(|way| {
            let is_there = is_there || way == own;
            let more = way.iter().filter(|(at, _, ttl)| !before.contains(&(*at, *ttl)));
            let (more, places): (Vec<_>, Vec<_>) =
                more.map(|(at, labels, ttl)| ((*at, *labels), (*at, *ttl))).unzip();
            if more.starts_with(seen) {
                return is_there;
            }
            let rest = seen.strip_prefix(&more[..]).filter(|_| !more.is_empty());
            let places = [before, &places].concat();
            rest.is_some_and(|rest| goes_on((own, ways), rest, (&places, is_there)))
        })
    }
    goes_on((own, ways), seen, (&[], false))
}

/// In what a thing that can happen is not what was seen.
fn differs(
    (lab, exchanges): (&Lab, &[Exchange<'_>]),
    probe: &Probe<'_>,
    exchange: &Exchange<'_>,
    ways: &[Vec<Way<'_>>; 2],
    seen: &ProbeResult,
) -> Option<&'static str> {
    let request = &exchange.request;
    let is_home = |reply: &Outcome<'_>| reply.comes_home(probe);
    // Where several answers can come, one of them has.
    let home: Vec<&Outcome<'_>> = exchange.reply.iter().filter(|reply| is_home(reply)).collect();
    let is_port =
        seen.errors.iter().any(|error| error.error.as_deref() == Some("port-unreachable"));
    let is_answered = seen.answered > 0 || is_port;
    // What is sent and answered inside of one node passes no link.
    let inside = request.hops.len() <= 1;
    let is_tcp = matches!(probe.protocol, Protocol::Tcp { .. });
    let labels_differ = |outcome: &Outcome<'_>, ways: &[Way<'_>], visits: &[Visit]| {
        let own = way(outcome);
        let namespace = |name: &str| lab.node(name).map(|id| lab[id].namespace.as_str());
        let visits: Vec<(&str, &[u32])> =
            visits.iter().map(|it| (namespace(&it.node).unwrap_or(""), &it.labels[..])).collect();
        let is_it = own.iter().map(|(at, labels, _)| (*at, *labels)).eq(visits.iter().copied());
        // Labels that come to a node once more may have the TTL that they had, and are not seen again.
        let mut before = Vec::new();
        let is_new = |hop: &(&str, &[u32])| {
            let is_new = hop.1.is_empty() || !before.contains(&(hop.0.to_owned(), hop.1.to_vec()));
            before.push((hop.0.to_owned(), hop.1.to_vec()));
            is_new
        };
        let once = own.iter().map(|(at, labels, _)| (*at, *labels)).filter(is_new);
        let is_it = is_it || once.eq(visits.iter().copied());
        // A segment that nobody answers is sent again under the same mark, of IPv6 with another flow label
        // and so by another of the ways.
        let again = is_tcp && is_made_of(&own, ways, &visits);
        // What stays in the node is seen there, or is not.
        !own.is_empty() && !is_it && !again
    };
    let is_it = |error: &IcmpError, it: &IcmpAnswer| {
        it.error.as_deref() == Some(&*error.kind.to_string())
            && Some(it.from) == error.source
            && (error.mtu.is_none() || it.mtu == error.mtu)
    };
    // Each probe may take another of the ways, and what comes of all is seen together.
    let is_of_another = |it: &IcmpAnswer| {
        exchanges.iter().any(|other| {
            let End::Rejected { error, .. } = &other.request.end else { return false };
            !std::ptr::eq(other, exchange) && other.reply.iter().any(is_home) && is_it(error, it)
        })
    };
    let is_strange = seen.errors.iter().any(|it| !is_of_another(it));
    match &request.end {
        End::Refused { .. } => {
            if is_answered {
                return Some("it was answered");
            }
            return (!seen.path.is_empty()).then_some("it was sent");
        }
        End::Delivered { .. } => {
            let can_fail = exchange.reply.iter().any(|reply| !is_home(reply));
            if is_answered && home.is_empty() {
                return Some("it was answered");
            }
            if !is_answered && !can_fail {
                return Some("it was not answered");
            }
        }
        End::Rejected { error, .. } => {
            if seen.answered > 0 {
                return Some("it was answered");
            }
            let has_it = seen.errors.iter().any(|it| is_it(error, it) || is_of_another(it));
            // The second one is refused with what the first has taught.
            if !has_it && !home.is_empty() && home.len() == exchange.reply.len() {
                return Some("the error did not come");
            }
            if home.is_empty() && is_strange {
                return Some("an error came");
            }
        }
        End::Dropped { .. } | End::Loop { .. } => {
            if is_answered {
                return Some("it was answered");
            }
            // A kernel tells its own sockets that it finds no neighbour. One whose search is lost tells all,
            // unless the neighbour has made itself known.
            let may_come = if let End::Dropped { at, reason } = request.end {
                let unreachable = IcmpKind::HostUnreachable.to_string();
                (reason == DropReason::NeighbourUnresolved && at == probe.namespace)
                    || (reason == DropReason::Impaired
                        && seen.errors.iter().all(|it| it.error.as_ref() == Some(&unreachable)))
            } else {
                false
            };
            if is_strange && !may_come {
                return Some("an error came");
            }
        }
        End::Unknown { .. } => {}
    }
    if inside {
        return None;
    }
    if !matches!(request.end, End::Loop { .. }) && labels_differ(request, &ways[0], &seen.path) {
        return Some("it went another way");
    }
    if request.is_delivered()
        && exchange.reply.iter().all(|it| labels_differ(it, &ways[1], &seen.back))
    {
        return Some("the answer went another way");
    }
    if let (Some(ttl), false) = (seen.ttl, home.is_empty())
        && !home.iter().any(|reply| reply.packet.ttl == ttl)
    {
        return Some("the answer has another TTL");
    }
    None
}

fn said(outcome: &Outcome<'_>) -> String {
    let hops = outcome.hops.iter().map(|hop| {
        let short = hop.namespace.rsplit('-').next().unwrap_or(hop.namespace);
        format!("{short}{:?}", hop.labels)
    });
    let hops: Vec<String> = hops.collect();
    format!(
        "{:?} by {} (ttl {}, share {:.2}, from {})",
        outcome.end,
        hops.join(" "),
        outcome.packet.ttl,
        outcome.share,
        outcome.packet.source
    )
}

#[test]
fn a_segment_that_is_sent_again_may_take_another_of_its_ways() {
    let near: Way<'_> = vec![("a", &[], 64), ("c", &[], 63)];
    let far: Way<'_> = vec![("a", &[], 64), ("b", &[7], 63)];
    let both = [near.clone(), far.clone()];
    let seen: [(&str, &[u32]); 3] = [("a", &[]), ("b", &[7]), ("c", &[])];
    assert!(is_made_of(&near, &both, &seen));
    assert!(!is_made_of(&near, std::slice::from_ref(&near), &seen), "nothing takes the second way");
    let broken = [seen[1], seen[0], seen[2]];
    assert!(!is_made_of(&near, &both, &broken), "no way begins so");
    assert!(!is_made_of(&far, &both, &[seen[0], seen[2]]), "it is another way");
}
