//! What a router does with packets that are for one of its segments (RFC 8986): what follows
//! `encap seg6local`.

use super::seg6::{print_segments, segments};
use super::table::Table;
use super::words::{Words, not, refused, twice};
use crate::diagnostic::{Code, Diagnostic, Text, nearest};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What is done with a packet that is for a segment, over the ways in which devices and tables are
/// named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Seg6local<Device, Lookup> {
    /// It goes on to its next segment.
    End,
    /// The same, over this neighbour.
    EndX(Ipv6Addr),
    /// The same, by a lookup in this table.
    EndT(Lookup),
    /// The Ethernet frame inside leaves through this device.
    EndDx2(Device),
    /// The IPv6 packet inside goes to this neighbour; where that is `::`, by a lookup.
    EndDx6(Ipv6Addr),
    /// The IPv4 packet inside goes to this neighbour; where that is `0.0.0.0`, by a lookup.
    EndDx4(Ipv4Addr),
    /// The IPv6 packet inside is looked up in a table.
    EndDt6(Inner<Lookup>),
    /// The IPv4 packet inside is looked up in the table of a VRF.
    EndDt4(Lookup),
    /// The packet inside, of either version, is looked up in the table of a VRF.
    EndDt46(Lookup),
    /// It gets these segments in addition, in its own header.
    EndB6(Vec<Ipv6Addr>),
    /// It goes on to its next segment, in a header of its own with these segments.
    EndB6Encaps(Vec<Ipv6Addr>),
}

/// Where the packet inside another one is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Inner<Lookup> {
    /// `table`: as a packet that came in where the other one did.
    Table(Lookup),
    /// `vrftable`: as a packet that came in through the VRF that has the table.
    Vrf(Lookup),
}

/// The words of the actions, each with the words that may stand behind it: of several, one.
const ACTIONS: [(&str, &[&str]); 11] = [
    ("End", &[]),
    ("End.X", &["nh6"]),
    ("End.T", &["table"]),
    ("End.DX2", &["oif"]),
    ("End.DX6", &["nh6"]),
    ("End.DX4", &["nh4"]),
    ("End.DT6", &["table", "vrftable"]),
    ("End.DT4", &["vrftable"]),
    ("End.DT46", &["vrftable"]),
    ("End.B6", &["srh"]),
    ("End.B6.Encaps", &["srh"]),
];

/// What stands behind an action.
enum Argument {
    Nh4(Ipv4Addr),
    Nh6(Ipv6Addr),
    Table(Table),
    VrfTable(Table),
    Oif(Text),
    Srh(Vec<Ipv6Addr>),
}

impl Seg6local<Text, Table> {
    /// Reads what stands behind `encap seg6local`, as far as the words belong to it.
    pub(super) fn parse(words: &mut Words<'_>, kind: &Text) -> Result<Self, Diagnostic> {
        let mut action = None;
        let mut argument: Option<(Text, Argument)> = None;
        while let Some(word) = words.peek() {
            let known = match word.as_str() {
                "action" if action.is_some() => return Err(twice(&word)),
                "action" => {
                    words.next();
                    action = Some(words.expect("an action", &word)?);
                    continue;
                }
                "iif" | "count" | "flavors" | "endpoint" => {
                    let why =
                        "a segment's action says what it does, and where packets go from there";
                    return Err(refused(&word, why));
                }
                "nh4" | "nh6" | "table" | "vrftable" | "oif" | "srh" => word,
                _ => break,
            };
            if let Some((other, _)) = &argument {
                let title = format!("`{known}` stands beside `{other}`");
                return Err(Diagnostic::error(Code::BadValue, title)
                    .at(known.span, "an action takes one of them"));
            }
            words.next();
            let value = Argument::parse(words, &known)?;
            argument = Some((known, value));
        }
        let Some(action) = action else {
            return Err(Diagnostic::error(Code::BadValue, "`encap seg6local` needs an action")
                .at(kind.span, "`action` is missing after this")
                .help("`encap seg6local action End.DT46 vrftable 10`"));
        };
        Self::of(&action, argument)
    }

    /// The action of this name with what it takes.
    fn of(action: &Text, argument: Option<(Text, Argument)>) -> Result<Self, Diagnostic> {
        let takes = ACTIONS.iter().find(|(name, _)| *name == action.as_str());
        let Some((_, takes)) = takes else {
            if let "End.BM" | "End.S" | "End.AS" | "End.AM" | "End.BPF" = action.as_str() {
                let why = "the kernel has none of them but `End.BPF`, which needs a program";
                return Err(refused(action, why));
            }
            let names = ACTIONS.map(|(name, _)| name);
            let error = not(action, "an action of a segment");
            return Err(match nearest(action.as_str(), names) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("the actions are {}", names.join(", "))),
            });
        };
        let (word, argument) = argument.unzip();
        Ok(match (action.as_str(), argument) {
            ("End", None) => Self::End,
            ("End.X", Some(Argument::Nh6(nexthop))) => Self::EndX(nexthop),
            ("End.T", Some(Argument::Table(table))) => Self::EndT(table),
            ("End.DX2", Some(Argument::Oif(device))) => Self::EndDx2(device),
            ("End.DX6", Some(Argument::Nh6(nexthop))) => Self::EndDx6(nexthop),
            ("End.DX4", Some(Argument::Nh4(nexthop))) => Self::EndDx4(nexthop),
            ("End.DT6", Some(Argument::Table(table))) => Self::EndDt6(Inner::Table(table)),
            ("End.DT6", Some(Argument::VrfTable(table))) => Self::EndDt6(Inner::Vrf(table)),
            ("End.DT4", Some(Argument::VrfTable(table))) => Self::EndDt4(table),
            ("End.DT46", Some(Argument::VrfTable(table))) => Self::EndDt46(table),
            ("End.B6", Some(Argument::Srh(segments))) => Self::EndB6(segments),
            ("End.B6.Encaps", Some(Argument::Srh(segments))) => Self::EndB6Encaps(segments),
            _ => {
                let takes: Vec<String> = takes.iter().map(|word| format!("`{word}`")).collect();
                let takes = match takes.as_slice() {
                    [] => "no argument".to_owned(),
                    takes => takes.join(" or "),
                };
                let title = format!("the action `{action}` takes {takes}");
                let error = Diagnostic::error(Code::BadValue, title);
                return Err(match word {
                    Some(word) => error.at(word.span, "not this"),
                    None => error.at(action.span, "it is missing after this"),
                });
            }
        })
    }
}

impl Argument {
    fn parse(words: &mut Words<'_>, word: &Text) -> Result<Self, Diagnostic> {
        Ok(match word.as_str() {
            "nh4" => Self::Nh4(words.value("an IPv4 address", word)?),
            "nh6" => Self::Nh6(words.value("an IPv6 address", word)?),
            "table" => Self::Table(Table::parse(words.expect("a table", word)?)),
            "vrftable" => Self::VrfTable(Table::parse(words.expect("a table", word)?)),
            "oif" => Self::Oif(words.expect("an interface", word)?),
            _ => {
                let segs = words.expect("`segs`", word)?;
                if segs.as_str() != "segs" {
                    return Err(not(&segs, "`segs`"));
                }
                Self::Srh(segments(words, &segs)?)
            }
        })
    }
}

impl<Device, Lookup> Seg6local<Device, Lookup> {
    /// The same action with its names resolved.
    ///
    /// # Errors
    /// What `device` or `table` answers.
    pub fn resolve<D, L, E>(
        &self,
        device: impl FnOnce(&Device) -> Result<D, E>,
        table: impl FnOnce(&Lookup) -> Result<L, E>,
    ) -> Result<Seg6local<D, L>, E> {
        Ok(match self {
            Self::End => Seg6local::End,
            Self::EndX(nexthop) => Seg6local::EndX(*nexthop),
            Self::EndT(lookup) => Seg6local::EndT(table(lookup)?),
            Self::EndDx2(out) => Seg6local::EndDx2(device(out)?),
            Self::EndDx6(nexthop) => Seg6local::EndDx6(*nexthop),
            Self::EndDx4(nexthop) => Seg6local::EndDx4(*nexthop),
            Self::EndDt6(Inner::Table(lookup)) => Seg6local::EndDt6(Inner::Table(table(lookup)?)),
            Self::EndDt6(Inner::Vrf(lookup)) => Seg6local::EndDt6(Inner::Vrf(table(lookup)?)),
            Self::EndDt4(lookup) => Seg6local::EndDt4(table(lookup)?),
            Self::EndDt46(lookup) => Seg6local::EndDt46(table(lookup)?),
            Self::EndB6(segments) => Seg6local::EndB6(segments.clone()),
            Self::EndB6Encaps(segments) => Seg6local::EndB6Encaps(segments.clone()),
        })
    }

    /// The device that the frame inside leaves through.
    pub fn device(&self) -> Option<&Device> {
        if let Self::EndDx2(device) = self { Some(device) } else { None }
    }

    /// The table whose VRF the packet inside comes to.
    pub fn vrf_table(&self) -> Option<&Lookup> {
        match self {
            Self::EndDt6(Inner::Vrf(table)) | Self::EndDt4(table) | Self::EndDt46(table) => {
                Some(table)
            }
            Self::End
            | Self::EndX(_)
            | Self::EndT(_)
            | Self::EndDx2(_)
            | Self::EndDx6(_)
            | Self::EndDx4(_)
            | Self::EndDt6(Inner::Table(_))
            | Self::EndB6(_)
            | Self::EndB6Encaps(_) => None,
        }
    }
}

impl<Device: fmt::Display, Lookup: fmt::Display> fmt::Display for Seg6local<Device, Lookup> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seg6local action ")?;
        match self {
            Self::End => f.write_str("End"),
            Self::EndX(nexthop) => write!(f, "End.X nh6 {nexthop}"),
            Self::EndT(table) => write!(f, "End.T table {table}"),
            Self::EndDx2(device) => write!(f, "End.DX2 oif {device}"),
            Self::EndDx6(nexthop) => write!(f, "End.DX6 nh6 {nexthop}"),
            Self::EndDx4(nexthop) => write!(f, "End.DX4 nh4 {nexthop}"),
            Self::EndDt6(Inner::Table(table)) => write!(f, "End.DT6 table {table}"),
            Self::EndDt6(Inner::Vrf(table)) => write!(f, "End.DT6 vrftable {table}"),
            Self::EndDt4(table) => write!(f, "End.DT4 vrftable {table}"),
            Self::EndDt46(table) => write!(f, "End.DT46 vrftable {table}"),
            Self::EndB6(segments) => write!(f, "End.B6 srh segs {}", print_segments(segments)),
            Self::EndB6Encaps(segments) => {
                write!(f, "End.B6.Encaps srh segs {}", print_segments(segments))
            }
        }
    }
}
