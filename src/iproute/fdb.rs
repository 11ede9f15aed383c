//! What follows `bridge fdb add`, as in `bridge(8)`, but for the device: where MAC addresses are, unasked.

use super::address::address;
use super::mac::Mac;
use super::words::{Words, not, twice, unknown};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// An entry of a forwarding database that nobody has learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FdbEntry {
    /// The MAC address; all zeros stand for every one that is not known, and for broadcasts.
    pub lladdr: Mac,
    /// Where it is.
    pub place: FdbPlace,
}

/// Where a MAC address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FdbPlace {
    /// At the far end of a VXLAN.
    Tunnel {
        /// The far end's address.
        dst: IpAddr,
        /// The network's number there, where it is another one.
        vni: Option<u32>,
        /// The UDP port there, where it is another one.
        port: Option<u16>,
        /// Of a VXLAN of several VNIs, the one that the entry is of.
        src_vni: Option<u32>,
    },
    /// Behind a port of a bridge.
    Port {
        /// In this VLAN alone, where the bridge minds them.
        vlan: Option<u16>,
    },
}

/// The words of an entry.
const WORDS: [&str; 9] =
    ["dst", "vni", "src_vni", "port", "self", "master", "static", "permanent", "vlan"];

impl FdbEntry {
    /// What is sent to a far end of a VXLAN whose MAC addresses are not known.
    pub fn flood(dst: IpAddr) -> Self {
        let place = FdbPlace::Tunnel { dst, vni: None, port: None, src_vni: None };
        Self { lladdr: Mac([0; 6]), place }
    }

    /// Whether a device has several entries of its MAC address, one for each far end.
    pub fn is_of_many(&self) -> bool {
        self.lladdr.0 == [0; 6] || self.lladdr.0[0] & 1 == 1
    }

    /// The far end of a VXLAN that it leads to.
    pub fn dst(&self) -> Option<IpAddr> {
        match self.place {
            FdbPlace::Tunnel { dst, .. } => Some(dst),
            FdbPlace::Port { .. } => None,
        }
    }

    /// The same, of a VXLAN of several VNIs, for this one.
    pub fn of_vni(mut self, of: u32) -> Self {
        if let FdbPlace::Tunnel { src_vni, .. } = &mut self.place {
            *src_vni = Some(of);
        }
        self
    }

    /// The VNI that it is of, at a VXLAN of several.
    pub fn src_vni(&self) -> Option<u32> {
        match self.place {
            FdbPlace::Tunnel { src_vni, .. } => src_vni,
            FdbPlace::Port { .. } => None,
        }
    }

    /// The same without the VNI and the port that the VXLAN itself has, as the kernel shows it.
    pub fn as_kept(mut self, of_device: (u32, u16)) -> Self {
        if let FdbPlace::Tunnel { vni, port, .. } = &mut self.place {
            *vni = vni.filter(|vni| *vni != of_device.0);
            *port = port.filter(|port| *port != of_device.1);
        }
        self
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// Words that the grammar does not have, and what is missing.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        if words.take("bridge") {
            words.take("fdb");
        }
        if !words.take("add") {
            words.take("append");
        }
        let lladdr = words.value("a MAC address", text)?;
        let (mut dst, mut vni, mut port, mut vlan) = (None, None, None, None);
        let mut src_vni = None;
        let (mut master, mut is_static) = (false, false);
        while let Some(word) = words.next() {
            let is_second = match word.as_str() {
                "dst" => dst.replace(address(&words.expect("an address", &word)?)?).is_some(),
                "vni" => vni.replace(words.number::<u32>("a number", &word)?).is_some(),
                "src_vni" => src_vni.replace(words.number::<u32>("a number", &word)?).is_some(),
                "port" => port.replace(words.number::<u16>("a port", &word)?).is_some(),
                "vlan" => {
                    let what = "the number of a VLAN, 1 to 4094";
                    let id: u16 = words.number(what, &word)?;
                    if !(1..=4094).contains(&id) {
                        return Err(not(&word, what));
                    }
                    vlan.replace(id).is_some()
                }
                "master" => std::mem::replace(&mut master, true),
                "static" => std::mem::replace(&mut is_static, true),
                "self" | "permanent" => false,
                _ => return Err(unknown(&word, &WORDS)),
            };
            if is_second {
                return Err(twice(&word));
            }
        }
        let fault = |title: &str| {
            Diagnostic::error(Code::BadValue, title).at(text.span, "").help(
                "as in `00:00:00:00:00:00 dst 192.0.2.2` of a VXLAN, or `02:00:00:00:00:02 master static` of a \
                 port of a bridge",
            )
        };
        let is_plain = vni.is_none() && src_vni.is_none() && port.is_none();
        let place = match (dst, master) {
            (Some(dst), false) if vlan.is_none() => FdbPlace::Tunnel { dst, vni, port, src_vni },
            (None, true) if is_plain && is_static => FdbPlace::Port { vlan },
            (None, true) if is_plain => {
                return Err(fault("without `static` the address would be the bridge's own"));
            }
            (Some(_), _) | (None, true) => {
                return Err(fault("it is either at a far end or behind a port"));
            }
            (None, false) => return Err(fault("neither a far end nor a port is said")),
        };
        Ok(Self { lladdr, place })
    }
}

impl fmt::Display for FdbEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.lladdr)?;
        match self.place {
            FdbPlace::Tunnel { dst, vni, port, src_vni } => {
                write!(f, " dst {dst}")?;
                src_vni.map_or(Ok(()), |vni| write!(f, " src_vni {vni}"))?;
                vni.map_or(Ok(()), |vni| write!(f, " vni {vni}"))?;
                port.map_or(Ok(()), |port| write!(f, " port {port}"))
            }
            FdbPlace::Port { vlan } => {
                f.write_str(" master static")?;
                vlan.map_or(Ok(()), |vlan| write!(f, " vlan {vlan}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_vxlan_has_itself_is_not_kept_of_an_entry() {
        let parse = |words: &str| FdbEntry::parse(&Text::filled(words)).unwrap();
        let kept = |words: &str| parse(words).as_kept((5, 4789)).to_string();
        let plain = "02:00:00:00:00:02 dst 10.0.0.2";
        assert_eq!(kept(&format!("{plain} vni 5 port 4789")), plain);
        let other = format!("{plain} vni 6 port 4790");
        assert_eq!(kept(&other), other);
    }
}
