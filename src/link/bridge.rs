//! `bridge`: a device that joins its ports (IEEE 802.1D and 802.1Q).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::{Keys, keys};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::{Key, Shape, Value, key};
use rtnetlink::packet_route::link::{BridgeStpState, InfoBridge, InfoData, InfoKind};
use serde::{Deserialize, Serialize};

static VLAN_FILTERING: Key = key("vlan_filtering", Shape::Flag, "Whether a bridge minds VLANs.");
static STP: Key =
    key("stp", Shape::Flag, "Whether a bridge runs the kernel's spanning tree protocol.");

/// The timers of a bridge with STP, in the kernel's hundredths of a second: the least values that it
/// takes where STP is on (`net/bridge/br_private_stp.h`), so that ports forward after 4 s, and a
/// failure that only silence tells is mended after 10 s.
const STP_TIMERS: StpTimers = StpTimers { forward_delay: 200, hello_time: 100, max_age: 600 };

/// The timers of the spanning tree protocol.
struct StpTimers {
    /// How long a port listens, and then learns, before it forwards.
    forward_delay: u32,
    /// How often the root is heard.
    hello_time: u32,
    /// How long what was heard holds.
    max_age: u32,
}

/// A bridge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bridge {
    /// Whether it minds the VLANs of its ports, none of which it gives one by itself.
    pub vlan_filtering: bool,
    /// Whether it runs the kernel's spanning tree protocol.
    pub stp: bool,
}

impl LinkKind for Bridge {
    const DESCRIPTION: Description = Description {
        word: "bridge",
        is_named_in_files: true,
        keys: &[&keys::PORTS, &VLAN_FILTERING, &STP],
        example: &[("kind", "bridge"), ("ports", "eth0,eth1")],
        lower: LowerDevice::None,
        carries: Carries::Ethernet,
        reserved: &[],
        title: "bridges",
        config: "CONFIG_BRIDGE",
        module: "bridge",
        info: InfoKind::Bridge,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        Ok(Self { vlan_filtering: keys.flag("vlan_filtering"), stp: keys.flag("stp") })
    }

    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::Bridge(data)) = data else { return None };
        let vlan_filtering = data.contains(&InfoBridge::VlanFiltering(true));
        let stp = data.contains(&InfoBridge::StpState(BridgeStpState::KernelStp));
        Some((Self { vlan_filtering, stp }, None))
    }

    fn sample() -> Self {
        Self { vlan_filtering: false, stp: false }
    }
}

impl OfKind for Bridge {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        vec![("vlan_filtering", Value::Flag(self.vlan_filtering)), ("stp", Value::Flag(self.stp))]
    }

    fn words(&self, _: Option<&str>) -> String {
        let mut words = Vec::new();
        if self.vlan_filtering {
            words.push("vlan_filtering 1 vlan_default_pvid 0".to_owned());
        }
        if self.stp {
            let StpTimers { forward_delay, hello_time, max_age } = STP_TIMERS;
            words.push(format!(
                "stp_state 1 forward_delay {forward_delay} hello_time {hello_time} max_age {max_age}"
            ));
        }
        words.join(" ")
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        let mut data = Vec::new();
        if self.vlan_filtering {
            // Ports have the VLANs that the lab gives them and no others.
            data.extend([InfoBridge::VlanFiltering(true), InfoBridge::VlanDefaultPvid(0)]);
        }
        if self.stp {
            // It is the kernel's own protocol that this turns on. A user's program, `/sbin/bridge-stp`,
            // is asked first in the host's own namespace alone, where no lab has a bridge.
            data.extend([
                InfoBridge::ForwardDelay(STP_TIMERS.forward_delay),
                InfoBridge::HelloTime(STP_TIMERS.hello_time),
                InfoBridge::MaxAge(STP_TIMERS.max_age),
                InfoBridge::StpState(BridgeStpState::KernelStp),
            ]);
        }
        Some(InfoData::Bridge(data)).filter(|_| self.vlan_filtering || self.stp)
    }

    fn medium(&self) -> Medium {
        Medium::Bridge { vlan_filtering: self.vlan_filtering }
    }

    fn mtu(&self) -> Mtu {
        Mtu::LeastOfPorts
    }
}
