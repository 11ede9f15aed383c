//! `bridge`: a device that joins its ports (IEEE 802.1D and 802.1Q).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::{Keys, keys};
use crate::diagnostic::{Code, Diagnostic, Text};
use crate::iproute;
use crate::vocabulary::{Key, Shape, Value, key};
use rtnetlink::packet_route::link::{BridgeStpState, InfoBridge, InfoData, InfoKind};
use serde::{Deserialize, Serialize};

static VLAN_FILTERING: Key = key("vlan_filtering", Shape::Flag, "Whether a bridge minds VLANs.");
static VLAN_DEFAULT_PVID: Key = key(
    DEFAULT_PVID,
    Shape::Number(0, 4094),
    "The VLAN of the ports of a bridge that say none; 0 gives them none.",
);
static STP: Key =
    key("stp", Shape::Flag, "Whether a bridge runs the kernel's spanning tree protocol.");
static FORWARD_DELAY: Key = key(
    "forward_delay",
    Shape::Number(0, 3000),
    "How long a port listens, and then learns, in hundredths of a second.",
);
static HELLO_TIME: Key = key(
    "hello_time",
    Shape::Number(100, 1000),
    "How often the root bridge is heard, in hundredths of a second.",
);
static MAX_AGE: Key = key(
    "max_age",
    Shape::Number(600, 4000),
    "How long what was heard of the root bridge holds, in hundredths of a second.",
);
static AGEING_TIME: Key = key(
    "ageing_time",
    Shape::Number(0, u32::MAX),
    "How long a bridge knows a MAC address that it hears no more, in hundredths of a second.",
);
static PRIORITY: Key = key(
    "priority",
    Shape::Number(0, 65535),
    "A bridge's priority in the spanning tree; the lowest becomes the root.",
);
static GROUP_FWD_MASK: Key = key(
    "group_fwd_mask",
    Shape::Line,
    "Which frames to 01:80:c2:00:00:0X a bridge forwards, a bit for each X, as in 0x4000 for LLDP.",
);

/// The key for the VLAN of ports that say none. It says something of the ports and is no part of the
/// bridge: with a default of its own the kernel would give a port that VLAN beside those that the port
/// says.
pub const DEFAULT_PVID: &str = "vlan_default_pvid";

/// The timers of a bridge without STP, and the kernel's defaults for all.
const TIMERS: StpTimers = StpTimers { forward_delay: 1500, hello_time: 200, max_age: 2000 };
/// The timers of a bridge with STP of which none are said: the least values that the kernel takes where
/// STP is on (`net/bridge/br_private_stp.h`), so that ports forward after 4 s, and a failure that only
/// silence tells is mended after 10 s.
const FAST_TIMERS: StpTimers = StpTimers { forward_delay: 200, hello_time: 100, max_age: 600 };
/// The shortest forward delay that the kernel takes where STP is on.
const LEAST_DELAY: u32 = 200;
/// The kernel's own ageing time and priority.
const AGEING: u32 = 30_000;
const MIDDLE: u16 = 32_768;
/// The groups of which the kernel never forwards a frame: STP, pause frames and LACP.
const NEVER_FORWARDED: u16 = 0x0007;

/// The timers of the spanning tree protocol, in hundredths of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StpTimers {
    /// How long a port listens, and then learns, before it forwards.
    pub forward_delay: u32,
    /// How often the root is heard.
    pub hello_time: u32,
    /// How long what was heard holds.
    pub max_age: u32,
}

/// A bridge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bridge {
    /// Whether it minds the VLANs of its ports, none of which it gives one by itself.
    pub vlan_filtering: bool,
    /// Whether it runs the kernel's spanning tree protocol.
    pub stp: bool,
    /// The protocol's timers.
    pub timers: StpTimers,
    /// How long it knows a MAC address that it hears no more, in hundredths of a second.
    pub ageing_time: u32,
    /// The lowest becomes the root of the spanning tree.
    pub priority: u16,
    /// Which frames to the groups of the standard it forwards.
    pub group_fwd_mask: u16,
}

impl Bridge {
    /// A bridge of which nothing is said but whether it runs STP.
    pub fn plain(stp: bool) -> Self {
        let timers = if stp { FAST_TIMERS } else { TIMERS };
        Self {
            vlan_filtering: false,
            stp,
            timers,
            ageing_time: AGEING,
            priority: MIDDLE,
            group_fwd_mask: 0,
        }
    }

    /// What it is beside VLANs and STP itself where that is not what another bridge is: the key, which
    /// is `ip`'s word too, the value, and what the kernel is told.
    fn options(&self, other: &Self) -> Vec<(&'static Key, u32, InfoBridge)> {
        let Self { vlan_filtering: _, stp: _, timers, ageing_time, priority, group_fwd_mask: _ } =
            self;
        let StpTimers { forward_delay, hello_time, max_age } = *timers;
        let priorities = (u32::from(*priority), u32::from(other.priority));
        let delays = (forward_delay, other.timers.forward_delay);
        [
            (&FORWARD_DELAY, delays, InfoBridge::ForwardDelay(forward_delay)),
            (&HELLO_TIME, (hello_time, other.timers.hello_time), InfoBridge::HelloTime(hello_time)),
            (&MAX_AGE, (max_age, other.timers.max_age), InfoBridge::MaxAge(max_age)),
            (&AGEING_TIME, (*ageing_time, other.ageing_time), InfoBridge::AgeingTime(*ageing_time)),
            (&PRIORITY, priorities, InfoBridge::Priority(*priority)),
        ]
        .into_iter()
        .filter(|(_, (value, other), _)| value != other)
        .map(|(key, (value, _), info)| (key, value, info))
        .collect()
    }
}

/// A time of the kernel's. Where its clock ticks every 4 ms, it keeps no odd number of hundredths of a
/// second.
fn time(keys: &Keys<'_>, key: &Key, plain: u32) -> Result<u32, Diagnostic> {
    let Some(time) = keys.number(key.name) else { return Ok(plain) };
    match time.value % 2 {
        0 => Ok(time.value),
        _ => {
            let title = format!("`{}` cannot be {time}", key.name);
            Err(Diagnostic::error(Code::BadValue, title)
                .at(time.span, "an odd number of hundredths of a second")
                .note("a kernel whose clock ticks every 4 ms would keep another one"))
        }
    }
}

/// The groups that a bridge forwards, in decimal or in hexadecimal.
fn mask(keys: &Keys<'_>) -> Result<u16, Diagnostic> {
    let Some(text) = keys.line(GROUP_FWD_MASK.name) else { return Ok(0) };
    let what = "a number of 16 bits, as 0x4000";
    let mask = iproute::number(text.as_str()).and_then(|mask| u16::try_from(mask).ok());
    let mask = mask.ok_or_else(|| iproute::not(text, what))?;
    match mask & NEVER_FORWARDED {
        0 => Ok(mask),
        _ => Err(Diagnostic::error(Code::BadValue, format!("`{text}` has one of the bits 0 to 2"))
            .at(text.span, "")
            .note("the kernel's bridge never forwards what is for STP, pause frames and LACP")),
    }
}

impl LinkKind for Bridge {
    const DESCRIPTION: Description = Description {
        word: "bridge",
        is_named_in_files: true,
        keys: &[
            &keys::PORTS,
            &VLAN_FILTERING,
            &VLAN_DEFAULT_PVID,
            &STP,
            &FORWARD_DELAY,
            &HELLO_TIME,
            &MAX_AGE,
            &AGEING_TIME,
            &PRIORITY,
            &GROUP_FWD_MASK,
        ],
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
        let plain = Self::plain(keys.flag(STP.name));
        if let (true, Some(delay)) = (plain.stp, keys.number(FORWARD_DELAY.name))
            && delay.value < LEAST_DELAY
        {
            let title = format!("with STP no bridge has the forward delay {delay}");
            return Err(Diagnostic::error(Code::BadValue, title)
                .at(delay.span, format!("{LEAST_DELAY} at least, hundredths of a second")));
        }
        Ok(Self {
            vlan_filtering: keys.flag(VLAN_FILTERING.name),
            timers: StpTimers {
                forward_delay: time(keys, &FORWARD_DELAY, plain.timers.forward_delay)?,
                hello_time: time(keys, &HELLO_TIME, plain.timers.hello_time)?,
                max_age: time(keys, &MAX_AGE, plain.timers.max_age)?,
            },
            ageing_time: time(keys, &AGEING_TIME, plain.ageing_time)?,
            priority: keys.number(PRIORITY.name).map_or(plain.priority, |it| it.value as u16),
            group_fwd_mask: mask(keys)?,
            ..plain
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::Bridge(data)) = data else { return None };
        let mut bridge = Self::plain(false);
        for item in data {
            match item {
                InfoBridge::VlanFiltering(it) => bridge.vlan_filtering = *it,
                InfoBridge::StpState(it) => bridge.stp = *it == BridgeStpState::KernelStp,
                InfoBridge::ForwardDelay(it) => bridge.timers.forward_delay = *it,
                InfoBridge::HelloTime(it) => bridge.timers.hello_time = *it,
                InfoBridge::MaxAge(it) => bridge.timers.max_age = *it,
                InfoBridge::AgeingTime(it) => bridge.ageing_time = *it,
                InfoBridge::Priority(it) => bridge.priority = *it,
                InfoBridge::GroupFwdMask(it) => bridge.group_fwd_mask = *it,
                _ => {}
            }
        }
        Some((bridge, None))
    }

    fn sample() -> Self {
        Self::plain(false)
    }
}

impl OfKind for Bridge {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        let options = self.options(&Self::plain(self.stp)).into_iter();
        let mut keys = vec![
            (VLAN_FILTERING.name, Value::Flag(self.vlan_filtering)),
            (STP.name, Value::Flag(self.stp)),
        ];
        keys.extend(options.map(|(key, value, _)| (key.name, Value::Number(value))));
        if self.group_fwd_mask != 0 {
            let mask = format!("{:#x}", self.group_fwd_mask);
            keys.push((GROUP_FWD_MASK.name, Value::Line(Text::filled(mask))));
        }
        keys
    }

    fn words(&self, _: Option<&str>) -> String {
        let mut words = Vec::new();
        if self.vlan_filtering {
            words.push(format!("vlan_filtering 1 {DEFAULT_PVID} 0"));
        }
        if self.stp {
            words.push("stp_state 1".to_owned());
        }
        let options = self.options(&Self::plain(false)).into_iter();
        words.extend(options.map(|(key, value, _)| format!("{} {value}", key.name)));
        if self.group_fwd_mask != 0 {
            words.push(format!("{} {:#x}", GROUP_FWD_MASK.name, self.group_fwd_mask));
        }
        words.join(" ")
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        let mut data = Vec::new();
        if self.vlan_filtering {
            // Ports have the VLANs that the lab gives them and no others.
            data.extend([InfoBridge::VlanFiltering(true), InfoBridge::VlanDefaultPvid(0)]);
        }
        data.extend(self.options(&Self::plain(false)).into_iter().map(|(_, _, told)| told));
        if self.stp {
            // It is the kernel's own protocol that this turns on. A user's program, `/sbin/bridge-stp`,
            // is asked first in the host's own namespace alone, where no lab has a bridge.
            data.push(InfoBridge::StpState(BridgeStpState::KernelStp));
        }
        if self.group_fwd_mask != 0 {
            data.push(InfoBridge::GroupFwdMask(self.group_fwd_mask));
        }
        Some(data).filter(|data| !data.is_empty()).map(InfoData::Bridge)
    }

    fn medium(&self) -> Medium {
        Medium::Bridge { vlan_filtering: self.vlan_filtering }
    }

    fn mtu(&self) -> Mtu {
        Mtu::LeastOfPorts
    }
}
