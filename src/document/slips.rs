//! Words of other programs and of everyday speech, and what the language says in their place.
//!
//! A value must look like what the word means here: in a drawing of something else, a `type` or an
//! `address` is that drawing's own.

use super::Format;
use super::Role;
use super::keys::{INTERFACE, LINK, NODE};
use crate::diagnostic::Text;
use crate::iproute::Netem;
use crate::vocabulary::{Choice, Level};
use ipnet::IpNet;
use std::net::IpAddr;

/// What to write in the place of a key that the language does not have, if that can be told.
pub(super) fn advice(level: &Level, key: &str, value: &str, format: Format) -> Option<String> {
    let slip = Slip { key: key.to_lowercase(), value: value.trim(), format };
    match level {
        _ if std::ptr::eq(level, &LINK) => slip.at_link(),
        _ if std::ptr::eq(level, &NODE) => slip.at_node(),
        _ if std::ptr::eq(level, &INTERFACE) => slip.at_interface(),
        _ => None,
    }
}

/// The key that says what a key of another program says, whatever its value.
pub(super) fn renamed(level: &Level, key: &str) -> Option<&'static str> {
    match key {
        "endpoints" if std::ptr::eq(level, &LINK) => Some("ends"),
        _ => None,
    }
}

struct Slip<'v> {
    key: String,
    value: &'v str,
    format: Format,
}

impl Slip<'_> {
    fn at_link(&self) -> Option<String> {
        let side = ["tail", "head"].into_iter().find(|side| self.key.starts_with(side));
        let side = side.unwrap_or("");
        let word = self.key[side.len()..].trim_start_matches('_');
        if let Some(netem) = self.netem(word) {
            return Some(format!("write {}", self.said(&format!("{side}netem"), &netem)));
        }
        match word {
            _ if is_address_word(word) => self.address().map(|address| match (side, self.format) {
                ("", Format::Dot) => format!(
                    "write {} or `headlabel`, for the end that has it",
                    self.said("taillabel", address)
                ),
                ("", Format::Yaml) => format!(
                    "write {} or `headaddresses`, for the end that has it",
                    self.said("tailaddresses", address)
                ),
                (side, Format::Dot) => {
                    format!("write {}", self.said(&format!("{side}label"), address))
                }
                (side, Format::Yaml) => {
                    format!("write {}", self.said(&format!("{side}addresses"), address))
                }
            }),
            "network" | "prefix" | "cidr" | "net" if side.is_empty() => {
                self.value.parse::<IpNet>().ok()?;
                Some(format!("write {}", self.said("subnet", self.value)))
            }
            "mac" if side.is_empty() => {
                Some(format!("write {} or `headmac`", self.said("tailmac", self.value)))
            }
            "metric" | "ospf_cost" | "igp_cost" | "igp_metric" => {
                self.number().then(|| format!("write {}", self.said("cost", self.value)))
            }
            "interface" | "iface" | "intf" | "ifname" => Some(format!(
                "an interface follows its node: {}",
                match self.format {
                    Format::Dot => "`r1:eth0 -- r2:eth0`",
                    Format::Yaml => "`ends: [r1:eth0, r2:eth0]`",
                }
            )),
            _ => None,
        }
    }

    fn at_node(&self) -> Option<String> {
        let word = self.key.as_str();
        match word {
            "gateway" | "gw" | "default_gateway" | "defaultgateway" | "default_gw" => {
                let address = self.value.split('/').next()?;
                address.parse::<IpAddr>().ok()?;
                let route = format!("default via {address}");
                Some(format!("write {}", self.said("routes", &route)))
            }
            "kind" | "type" => {
                let role = role(self.value)?;
                Some(format!("write {}", self.said("role", role.word())))
            }
            "image" => (!self.is_picture()).then(|| {
                "a node is a namespace of this machine and has its programs; `run` starts some of them"
                    .to_owned()
            }),
            _ if is_address_word(word) => self.address().map(|address| {
                let at_link = match self.format {
                    Format::Dot => self.said("taillabel", address),
                    Format::Yaml => format!("`addresses: [{address}, …]`"),
                };
                format!(
                    "an address stands at the link that it is on, {at_link}; of the node itself it is \
                     its `loopback`"
                )
            }),
            _ => None,
        }
    }

    fn at_interface(&self) -> Option<String> {
        let word = self.key.as_str();
        if let Some(netem) = self.netem(word) {
            return Some(format!("write {}", self.said("netem", &netem)));
        }
        match word {
            _ if is_address_word(word) => {
                self.address().map(|address| format!("write {}", self.said("addresses", address)))
            }
            _ => None,
        }
    }

    /// A key and its value as they are written.
    fn said(&self, key: &str, value: &str) -> String {
        match self.format {
            Format::Dot => format!("`{key}=\"{value}\"`"),
            Format::Yaml => format!("`{key}: {value}`"),
        }
    }

    fn number(&self) -> bool {
        !self.value.is_empty() && self.value.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// What follows `netem` where the word is about what it does.
    fn netem(&self, word: &str) -> Option<String> {
        if !self.value.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let (before, unit, example) = match word {
            "delay" | "latency" => ("delay ", "ms", "delay 10ms"),
            "jitter" => ("delay 10ms ", "ms", "delay 10ms 2ms"),
            "loss" | "packet_loss" | "packetloss" => ("loss ", "%", "loss 1%"),
            "rate" | "bw" | "bandwidth" | "speed" | "capacity" => ("rate ", "mbit", "rate 10mbit"),
            _ => return None,
        };
        // A bare number is of the unit that people count it in.
        let unit = if self.number() { unit } else { "" };
        let words = format!("{before}{}{unit}", self.value);
        let right = Netem::parse(&Text::filled(words.as_str())).is_ok();
        Some(if right { words } else { example.to_owned() })
    }

    fn address(&self) -> Option<&str> {
        let first = self.value.split([',', ';', ' ']).next()?;
        (first.parse::<IpAddr>().is_ok() || first.parse::<IpNet>().is_ok()).then_some(self.value)
    }

    /// Whether it is a file for Graphviz to draw.
    fn is_picture(&self) -> bool {
        let endings =
            ["png", "svg", "jpg", "jpeg", "gif", "ps", "eps", "pdf", "webp", "bmp", "ico"];
        let ending = self.value.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
        self.value.is_empty() || ending.is_some_and(|ending| endings.contains(&ending.as_str()))
    }
}

fn is_address_word(word: &str) -> bool {
    matches!(
        word,
        "ip" | "ipv4" | "ipv6" | "addr" | "address" | "ipaddr" | "ipaddress" | "ip_address"
    )
}

/// The role of a node that is said to be this.
fn role(kind: &str) -> Option<Role> {
    let kind = kind.to_lowercase();
    let known = Role::words().into_iter().find(|(word, _)| *word == kind).map(|(_, role)| role);
    known.or(match kind.as_str() {
        "bridge" | "hub" | "lan" | "l2switch" => Some(Role::Switch),
        "server" | "client" | "pc" | "computer" | "endpoint" | "workstation" => Some(Role::Host),
        "gateway" | "l3switch" | "frr" => Some(Role::Router),
        _ => None,
    })
}
