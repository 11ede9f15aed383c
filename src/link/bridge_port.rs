//! A port of a bridge: what follows `bridge link set dev IF`, and the kernel's attributes for it.

use crate::diagnostic::{Code, Diagnostic, Text};
use crate::iproute::{Words, not, number, unknown};
use rtnetlink::packet_route::link::InfoBridgePort;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

/// How a port of a bridge is told to be other than the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct BridgePort {
    /// What a way over it costs in the spanning tree, where that is not the kernel's choice by its
    /// speed.
    pub cost: Option<u16>,
    /// Which of a bridge's ports the spanning tree prefers, where that is not the kernel's own.
    pub priority: Option<u8>,
    /// The flags that are not as the kernel has them.
    turned: BTreeSet<PortFlag>,
}

/// Something that a port does or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PortFlag {
    /// It sends and takes no frame from another port that is isolated.
    Isolated,
    /// Frames may leave by the port by which they came in.
    Hairpin,
    /// The bridge answers searches for neighbours that it knows in the place of those behind the port.
    NeighSuppress,
    /// MAC addresses are learned from what comes in.
    Learning,
    /// Frames to addresses that the bridge does not know leave by it.
    Flood,
    /// Multicast that nobody asked for leaves by it.
    McastFlood,
    /// Broadcasts leave by it.
    BcastFlood,
    /// Multicast leaves by it as unicast.
    McastToUnicast,
    /// A group is left at once when one member says that it leaves.
    Fastleave,
    /// The root of the spanning tree is never behind it.
    RootBlock,
    /// Frames from addresses that the bridge does not know behind it are dropped.
    Locked,
    /// The tag of a frame says the VNI that it leaves with by a VXLAN, and the other way round.
    VlanTunnel,
}

/// A flag's word, whether the kernel has it on by itself, and the kernel's attribute.
type Entry = (&'static str, PortFlag, bool, fn(bool) -> InfoBridgePort);

/// In the order in which they are printed.
const FLAGS: [Entry; 12] = [
    ("isolated", PortFlag::Isolated, false, InfoBridgePort::Isolated),
    ("hairpin", PortFlag::Hairpin, false, InfoBridgePort::HairpinMode),
    ("neigh_suppress", PortFlag::NeighSuppress, false, InfoBridgePort::NeighSupress),
    ("learning", PortFlag::Learning, true, InfoBridgePort::Learning),
    ("flood", PortFlag::Flood, true, InfoBridgePort::UnicastFlood),
    ("mcast_flood", PortFlag::McastFlood, true, InfoBridgePort::MulticastFlood),
    ("bcast_flood", PortFlag::BcastFlood, true, InfoBridgePort::BroadcastFlood),
    ("mcast_to_unicast", PortFlag::McastToUnicast, false, InfoBridgePort::MulticastToUnicast),
    ("fastleave", PortFlag::Fastleave, false, InfoBridgePort::FastLeave),
    ("root_block", PortFlag::RootBlock, false, InfoBridgePort::Protect),
    ("locked", PortFlag::Locked, false, InfoBridgePort::Locked),
    ("vlan_tunnel", PortFlag::VlanTunnel, false, InfoBridgePort::VlanTunnel),
];

/// The priority that the kernel gives a port, and the highest that there is.
const MIDDLE: u8 = 32;
const HIGHEST: u8 = 63;

/// Takes the next word as a number in these bounds.
fn bounded<T: TryFrom<u64> + PartialOrd>(
    words: &mut Words<'_>,
    what: &str,
    after: &Text,
    bounds: RangeInclusive<T>,
) -> Result<T, Diagnostic> {
    let word = words.expect(what, after)?;
    let number = number(word.as_str()).and_then(|it| T::try_from(it).ok());
    number.filter(|it| bounds.contains(it)).ok_or_else(|| not(&word, what))
}

impl BridgePort {
    /// Reads what a port is told.
    ///
    /// # Errors
    /// Words that the grammar does not have, and values that the kernel does not take.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        let mut port = Self::default();
        let mut seen = BTreeSet::new();
        while let Some(word) = words.next() {
            if !seen.insert(word.value.clone()) {
                return Err(Diagnostic::error(
                    Code::BadValue,
                    format!("`{word}` stands here twice"),
                )
                .at(word.span, "this is the second time"));
            }
            match FLAGS.iter().find(|(name, ..)| *name == word.as_str()) {
                Some((_, flag, is_on, _)) => {
                    let value = words.expect("`on` or `off`", &word)?;
                    let on = match value.as_str() {
                        "on" => true,
                        "off" => false,
                        _ => return Err(not(&value, "`on` or `off`")),
                    };
                    if on != *is_on {
                        port.turned.insert(*flag);
                    }
                }
                None if word.as_str() == "cost" => {
                    let cost = bounded(&mut words, "a cost from 1 to 65535", &word, 1..=u16::MAX)?;
                    port.cost = Some(cost);
                }
                None if word.as_str() == "priority" => {
                    let what = "a priority from 0 to 63";
                    let priority = bounded(&mut words, what, &word, 0..=HIGHEST)?;
                    port.priority = Some(priority).filter(|priority| *priority != MIDDLE);
                }
                None => {
                    let names = FLAGS.iter().map(|(name, ..)| *name);
                    let known: Vec<&str> = names.chain(["cost", "priority"]).collect();
                    return Err(unknown(&word, &known));
                }
            }
        }
        Ok(port)
    }

    /// Whether it is as the kernel has it.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Has its tags say VNIs.
    pub fn with_vlan_tunnel(mut self) -> Self {
        self.turned.insert(PortFlag::VlanTunnel);
        self
    }

    /// Whether something is so.
    pub fn is(&self, flag: PortFlag) -> bool {
        let (_, _, is_on, _) = FLAGS.iter().find(|(_, it, ..)| *it == flag).expect("all are there");
        self.turned.contains(&flag) != *is_on
    }

    /// What makes a port of it that was another one before. Of the cost the kernel has no word that
    /// leaves it to itself again.
    pub fn words(&self, before: &Self) -> String {
        let flags = FLAGS.iter().filter(|(_, flag, ..)| self.is(*flag) != before.is(*flag));
        let flags = flags.map(|(name, flag, ..)| {
            format!("{name} {}", if self.is(*flag) { "on" } else { "off" })
        });
        let cost = self.cost.filter(|_| self.cost != before.cost);
        let priority = self.priority.unwrap_or(MIDDLE);
        let priority = Some(priority).filter(|it| *it != before.priority.unwrap_or(MIDDLE));
        let cost = cost.map(|cost| format!("cost {cost}"));
        let priority = priority.map(|priority| format!("priority {priority}"));
        flags.chain(cost).chain(priority).collect::<Vec<_>>().join(" ")
    }

    /// What the kernel is told: all of it, so that it takes the place of whatever was told before.
    pub(crate) fn data(&self) -> Vec<InfoBridgePort> {
        let flags = FLAGS.iter().map(|(_, flag, _, attribute)| attribute(self.is(*flag)));
        let priority = u16::from(self.priority.unwrap_or(MIDDLE));
        let priority = InfoBridgePort::Priority(priority);
        let cost = self.cost.map(|cost| InfoBridgePort::Cost(cost.into()));
        flags.chain([priority]).chain(cost).collect()
    }

    /// What the kernel shows; of the cost it does not show whether it has chosen it itself.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    pub(crate) fn read(data: &[InfoBridgePort]) -> Self {
        let mut port = Self::default();
        for (_, flag, is_on, attribute) in FLAGS {
            if data.contains(&attribute(!is_on)) {
                port.turned.insert(flag);
            }
        }
        for item in data {
            match item {
                InfoBridgePort::Cost(cost) => port.cost = u16::try_from(*cost).ok(),
                InfoBridgePort::Priority(priority) => {
                    let priority = u8::try_from(*priority).ok();
                    port.priority = priority.filter(|priority| *priority != MIDDLE);
                }
                _ => {}
            }
        }
        port
    }
}

impl fmt::Display for BridgePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&Self::default()))
    }
}
