//! `bond`: several interfaces as one (Documentation/networking/bonding.rst).

use super::kind::{Carries, Description, LinkKind, LowerDevice, Medium, Mtu, OfKind};
use super::macvlan::MODE;
use super::{Keys, keys};
use crate::diagnostic::{Code, Diagnostic, Text};
use crate::vocabulary::{Choice, Key, Shape, Value, key};
use rtnetlink::packet_route::link::{
    BondLacpRate, BondMode as KernelMode, BondXmitHashPolicy, InfoBond, InfoData, InfoKind,
};
use serde::{Deserialize, Serialize};

static MIIMON: Key = key(
    "miimon",
    Shape::Number(1, 1_000_000),
    "How often a bond looks at its ports' carriers, in milliseconds; 100 if absent.",
);
static LACP_RATE: Key =
    key("lacp_rate", Shape::Line, "How often a bond's partners speak: `slow` or `fast`.");
static XMIT_HASH_POLICY: Key = key(
    "xmit_hash_policy",
    Shape::Line,
    "By what of a packet a bond chooses its port: `layer2`, `layer2+3` or `layer3+4`.",
);

/// How often a bond looks at its ports' carriers where nothing is said, in milliseconds. The kernel's
/// own default is never, so that a port without carrier would be sent to.
const DEFAULT_MIIMON: u32 = 100;

/// A bond.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bond {
    /// How it shares packets out.
    pub mode: BondMode,
    /// How often it looks at its ports' carriers, in milliseconds.
    pub miimon: u32,
}

/// How a bond shares packets out over its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BondMode {
    /// One port sends and takes, until it has no carrier.
    ActiveBackup,
    /// Each packet's addresses choose its port.
    BalanceXor(HashPolicy),
    /// As `balance-xor`, over the ports that the far end agrees to (IEEE 802.1AX).
    Lacp(LacpRate, HashPolicy),
}

/// By what of a packet its port is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HashPolicy {
    /// MAC addresses.
    Layer2,
    /// MAC and IP addresses.
    Layer23,
    /// IP addresses and ports.
    Layer34,
}

/// How often the two ends of an agreement speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LacpRate {
    /// Every 30 s.
    Slow,
    /// Every second.
    Fast,
}

impl Choice for HashPolicy {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("layer2", Self::Layer2), ("layer2+3", Self::Layer23), ("layer3+4", Self::Layer34)]
    }
}

impl Choice for LacpRate {
    fn words() -> Vec<(&'static str, Self)> {
        vec![("slow", Self::Slow), ("fast", Self::Fast)]
    }
}

/// The modes without what else is said of them.
#[derive(Clone, Copy, PartialEq)]
enum ModeWord {
    ActiveBackup,
    BalanceXor,
    Lacp,
}

impl Choice for ModeWord {
    fn words() -> Vec<(&'static str, Self)> {
        vec![
            ("active-backup", Self::ActiveBackup),
            ("balance-xor", Self::BalanceXor),
            ("802.3ad", Self::Lacp),
        ]
    }
}

/// The word of a value.
fn word<C: Choice + PartialEq>(value: C) -> &'static str {
    let known = C::words().into_iter().find(|(_, known)| *known == value);
    known.expect("every value has its word").0
}

impl BondMode {
    fn mode_word(self) -> ModeWord {
        match self {
            BondMode::ActiveBackup => ModeWord::ActiveBackup,
            BondMode::BalanceXor(_) => ModeWord::BalanceXor,
            BondMode::Lacp(..) => ModeWord::Lacp,
        }
    }

    fn policy(self) -> Option<HashPolicy> {
        match self {
            BondMode::ActiveBackup => None,
            BondMode::BalanceXor(policy) | BondMode::Lacp(_, policy) => Some(policy),
        }
    }

    fn rate(self) -> Option<LacpRate> {
        match self {
            BondMode::ActiveBackup | BondMode::BalanceXor(_) => None,
            BondMode::Lacp(rate, _) => Some(rate),
        }
    }
}

impl LinkKind for Bond {
    const DESCRIPTION: Description = Description {
        word: "bond",
        is_named_in_files: true,
        keys: &[&keys::PORTS, &MODE, &MIIMON, &LACP_RATE, &XMIT_HASH_POLICY],
        example: &[("kind", "bond"), ("ports", "eth0,eth1"), ("mode", "active-backup")],
        lower: LowerDevice::None,
        carries: Carries::Ethernet,
        reserved: &[],
        title: "bonds",
        config: "CONFIG_BONDING",
        module: "bonding",
        info: InfoKind::Bond,
    };

    fn parse(keys: &Keys<'_>) -> Result<Self, Diagnostic> {
        let (rate, policy) = (keys.choice("lacp_rate")?, keys.choice("xmit_hash_policy")?);
        let policy_or_default = policy.unwrap_or(HashPolicy::Layer2);
        let mode = match keys.choice("mode")?.unwrap_or(ModeWord::ActiveBackup) {
            ModeWord::ActiveBackup => BondMode::ActiveBackup,
            ModeWord::BalanceXor => BondMode::BalanceXor(policy_or_default),
            ModeWord::Lacp => BondMode::Lacp(rate.unwrap_or(LacpRate::Slow), policy_or_default),
        };
        let unused = [
            ("lacp_rate", rate.is_some() && mode.rate().is_none()),
            ("xmit_hash_policy", policy.is_some() && mode.policy().is_none()),
        ];
        if let Some((key, _)) = unused.into_iter().find(|(_, unused)| *unused) {
            let title = format!("`{key}` of a bond whose mode is {}", word(mode.mode_word()));
            let span = keys.line(key).map_or(keys.kind.span, |line| line.span);
            return Err(Diagnostic::error(Code::BadValue, title).at(span, "not of this mode"));
        }
        let miimon = keys.number("miimon").map_or(DEFAULT_MIIMON, |miimon| miimon.value);
        Ok(Self { mode, miimon })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel shows more than is asked")]
    fn read(data: Option<&InfoData>) -> Option<(Self, Option<u32>)> {
        let Some(InfoData::Bond(data)) = data else { return None };
        let (mut mode, mut miimon) = (None, 0);
        let (mut rate, mut policy) = (LacpRate::Slow, HashPolicy::Layer2);
        for item in data {
            match item {
                InfoBond::Mode(KernelMode::ActiveBackup) => mode = Some(ModeWord::ActiveBackup),
                InfoBond::Mode(KernelMode::BalanceXor) => mode = Some(ModeWord::BalanceXor),
                InfoBond::Mode(KernelMode::Ieee8023Ad) => mode = Some(ModeWord::Lacp),
                InfoBond::MiiMon(it) => miimon = *it,
                InfoBond::AdLacpRate(BondLacpRate::Fast) => rate = LacpRate::Fast,
                InfoBond::XmitHashPolicy(BondXmitHashPolicy::Layer23) => {
                    policy = HashPolicy::Layer23;
                }
                InfoBond::XmitHashPolicy(BondXmitHashPolicy::Layer34) => {
                    policy = HashPolicy::Layer34;
                }
                _ => {}
            }
        }
        let mode = match mode? {
            ModeWord::ActiveBackup => BondMode::ActiveBackup,
            ModeWord::BalanceXor => BondMode::BalanceXor(policy),
            ModeWord::Lacp => BondMode::Lacp(rate, policy),
        };
        Some((Self { mode, miimon }, None))
    }

    fn sample() -> Self {
        Self { mode: BondMode::ActiveBackup, miimon: DEFAULT_MIIMON }
    }
}

impl Bond {
    /// The words behind its keys, as files and `ip` have them.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let rate = self.mode.rate().map(|rate| ("lacp_rate", word(rate)));
        let policy = self.mode.policy().map(|policy| ("xmit_hash_policy", word(policy)));
        [("mode", word(self.mode.mode_word()))].into_iter().chain(rate).chain(policy)
    }
}

impl OfKind for Bond {
    fn keys(&self) -> Vec<(&'static str, Value)> {
        let words = self.pairs().map(|(key, word)| (key, Value::Line(Text::filled(word))));
        words.chain([("miimon", Value::Number(self.miimon))]).collect()
    }

    fn words(&self, _: Option<&str>) -> String {
        let words = self.pairs().map(|(key, word)| format!("{key} {word}"));
        words.chain([format!("miimon {}", self.miimon)]).collect::<Vec<_>>().join(" ")
    }

    fn data(&self, _: Option<u32>) -> Option<InfoData> {
        let mode = match self.mode {
            BondMode::ActiveBackup => KernelMode::ActiveBackup,
            BondMode::BalanceXor(_) => KernelMode::BalanceXor,
            BondMode::Lacp(..) => KernelMode::Ieee8023Ad,
        };
        let mut data = vec![InfoBond::Mode(mode), InfoBond::MiiMon(self.miimon)];
        data.extend(self.mode.rate().map(|rate| {
            InfoBond::AdLacpRate(match rate {
                LacpRate::Slow => BondLacpRate::Slow,
                LacpRate::Fast => BondLacpRate::Fast,
            })
        }));
        data.extend(self.mode.policy().map(|policy| {
            InfoBond::XmitHashPolicy(match policy {
                HashPolicy::Layer2 => BondXmitHashPolicy::Layer2,
                HashPolicy::Layer23 => BondXmitHashPolicy::Layer23,
                HashPolicy::Layer34 => BondXmitHashPolicy::Layer34,
            })
        }));
        Some(InfoData::Bond(data))
    }

    fn medium(&self) -> Medium {
        Medium::Bond
    }

    fn mtu(&self) -> Mtu {
        Mtu::LeastOfPorts
    }
}
