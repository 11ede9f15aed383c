//! The kinds of interface that no link of a lab makes, one file for each.
//!
//! All that is particular to a kind stands in its file: its keys, what it rests on, how it joins
//! others, its MTU, what the kernel calls it and how the kernel is told and asked about it, and what
//! `ip link add … type KIND` says. A new kind is a file and its line in the list below.

mod bond;
mod bridge;
mod bridge_port;
mod dummy;
mod geneve;
mod gre;
mod gretap;
mod ifb;
mod ip6gre;
mod ip6gretap;
mod ip6tnl;
mod ipip;
mod ipvlan;
mod keys;
mod kind;
mod macvlan;
mod sit;
mod tunnel;
mod vlan;
mod vrf;
mod vti;
mod vxlan;
mod wireguard;
mod wireguard_key;

pub use bond::{Bond, BondMode, HashPolicy, LacpRate};
pub use bridge::{Bridge, DEFAULT_PVID, StpTimers};
pub use bridge_port::{BridgePort, PortFlag};
pub use dummy::Dummy;
pub use geneve::Geneve;
pub use gre::Gre;
pub use gretap::Gretap;
pub use ifb::Ifb;
pub use ip6gre::Ip6gre;
pub use ip6gretap::Ip6gretap;
pub use ip6tnl::Ip6tnl;
pub use ipip::Ipip;
pub use ipvlan::{Ipvlan, IpvlanMode};
pub use keys::Keys;
pub use kind::{Carries, Description, ETHERNET_MTU, LinkKind, LowerDevice, Medium, Mtu};
pub use macvlan::{Macvlan, MacvlanMode};
pub use sit::Sit;
pub use tunnel::{Outer, OuterAddress};
pub use vlan::Vlan;
pub use vrf::Vrf;
pub use vti::Vti;
pub use vxlan::{Fragmenting, REMOTES, Vxlan};
pub use wireguard::{Peer, PeerName, PeerSettings, Wireguard, WireguardSettings};
pub use wireguard_key::{PresharedKey, PrivateKey, PublicKey};

use crate::diagnostic::Diagnostic;
use crate::vocabulary::{Choice, Key};
use rtnetlink::packet_route::link::{InfoData, InfoKind};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Lists the kinds, and makes of the list what is the same for each.
macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        /// The name of a kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum KindName {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind,)+
        }

        /// What an interface is.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Kind {
            $(#[doc = concat!("See [`", stringify!($kind), "`](struct@", stringify!($kind), ").")] $kind($kind),)+
        }

        impl KindName {
            /// Every kind there is.
            pub const ALL: &'static [KindName] = &[$(KindName::$kind),+];

            /// What is the same for every interface of the kind.
            pub fn description(self) -> &'static Description {
                match self {
                    $(KindName::$kind => {
                        static DESCRIPTION: Description = <$kind as LinkKind>::DESCRIPTION;
                        &DESCRIPTION
                    })+
                }
            }

            /// What an interface of the kind is, from the keys that a file gives.
            ///
            /// # Errors
            /// A key is missing, or says what no interface of the kind can be.
            pub fn parse(self, keys: &Keys<'_>) -> Result<Kind, Diagnostic> {
                match self {
                    $(KindName::$kind => <$kind as LinkKind>::parse(keys).map(Kind::$kind),)+
                }
            }

            /// An interface of the kind that a kernel which knows the kind makes.
            pub fn sample(self) -> Kind {
                match self {
                    $(KindName::$kind => Kind::$kind(<$kind as LinkKind>::sample()),)+
                }
            }

            /// What the kernel shows, and the index of the device below if that is part of it.
            fn read(self, data: Option<&InfoData>) -> Option<(Kind, Option<u32>)> {
                match self {
                    $(KindName::$kind => {
                        <$kind as LinkKind>::read(data).map(|(kind, lower)| (Kind::$kind(kind), lower))
                    })+
                }
            }
        }

        impl Kind {
            /// The name of its kind.
            pub fn name(&self) -> KindName {
                match self {
                    $(Kind::$kind(_) => KindName::$kind,)+
                }
            }

            /// What its kind knows of it.
            fn of_kind(&self) -> &dyn OfKind {
                match self {
                    $(Kind::$kind(kind) => kind,)+
                }
            }
        }
    };
}

kinds!(
    Dummy, Bridge, Vlan, Vxlan, Macvlan, Ifb, Vrf, Gre, Gretap, Ip6gre, Ip6gretap, Ipip, Sit,
    Ip6tnl, Vti, Geneve, Ipvlan, Bond, Wireguard,
);

use kind::OfKind;

impl Kind {
    /// What is the same for every interface of its kind.
    pub fn description(&self) -> &'static Description {
        self.name().description()
    }

    /// The keys that say it in a file, other than `kind` and the one for the device below.
    pub fn keys(&self) -> Vec<(&'static str, crate::vocabulary::Value)> {
        self.of_kind().keys()
    }

    /// What stands behind `type KIND` in `ip link add`, with the name of the device below.
    pub fn words(&self, lower: Option<&str>) -> String {
        self.of_kind().words(lower)
    }

    /// What the kernel tells it by from others of its kind, of which it takes no two in a namespace, with
    /// the name of the device below.
    pub fn identity(&self, lower: Option<&str>) -> Option<String> {
        self.of_kind().identity(lower)
    }

    /// How it joins interfaces.
    pub fn medium(&self) -> Medium {
        self.of_kind().medium()
    }

    /// The MTU that the kernel gives it.
    pub fn mtu(&self) -> Mtu {
        self.of_kind().mtu()
    }

    /// What the kernel is told beside the kind's name, with the index of the device below.
    pub(crate) fn data(&self, lower: Option<u32>) -> Option<InfoData> {
        self.of_kind().data(lower)
    }

    /// What a kernel shows as this kind with this data, and the index of the device below where it is
    /// part of the data; nothing for kinds that no lab has.
    pub(crate) fn read(kind: &InfoKind, data: Option<&InfoData>) -> Option<(Kind, Option<u32>)> {
        let name = KindName::ALL.iter().find(|name| name.description().info == *kind)?;
        name.read(data)
    }

    /// Whether it has ports.
    pub fn has_ports(&self) -> bool {
        match self.medium() {
            Medium::Bridge { .. } | Medium::Bond => true,
            Medium::Alone
            | Medium::Tagged(_)
            | Medium::Untagged
            | Medium::Whole
            | Medium::Tunnel { .. }
            | Medium::Peers => false,
        }
    }

    /// What it is when it is made: what it is told apart from that is left out.
    pub fn made(&self) -> Kind {
        match self.as_wireguard() {
            Some(_) => Kind::Wireguard(Wireguard::default()),
            None => self.clone(),
        }
    }

    /// What it is as a WireGuard interface.
    pub fn as_wireguard(&self) -> Option<&Wireguard> {
        if let Kind::Wireguard(wireguard) = self { Some(wireguard) } else { None }
    }

    /// What it is as a bridge.
    pub fn as_bridge(&self) -> Option<&Bridge> {
        if let Kind::Bridge(bridge) = self { Some(bridge) } else { None }
    }
}

impl KindName {
    /// Its word in a file and for `ip`.
    pub fn word(self) -> &'static str {
        self.description().word
    }
}

impl Choice for KindName {
    fn words() -> Vec<(&'static str, Self)> {
        let named = KindName::ALL.iter().filter(|name| name.description().is_named_in_files);
        named.map(|name| (name.word(), *name)).collect()
    }
}

/// The keys of all kinds, each once.
pub(crate) fn keys() -> &'static [&'static Key] {
    static ALL: LazyLock<Vec<&'static Key>> = LazyLock::new(|| {
        let mut all: Vec<&'static Key> = Vec::new();
        for key in KindName::ALL.iter().flat_map(|name| name.description().keys) {
            if !all.iter().any(|known| known.name == key.name) {
                all.push(key);
            }
        }
        all
    });
    &ALL
}
