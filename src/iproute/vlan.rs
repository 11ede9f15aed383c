//! What follows `bridge vlan add vid`: the VLANs of a bridge's port.

use super::words::{Words, not, unknown};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;

/// VLANs that a port of a bridge carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vlan {
    /// The lowest number, 1 to 4094.
    pub first: u16,
    /// The highest.
    pub last: u16,
    /// Whether it is the VLAN of what comes in without a tag.
    pub pvid: bool,
    /// Whether it leaves without a tag.
    pub untagged: bool,
    /// The VNI that the first has at a VXLAN of several, and the others behind it.
    pub tunnel: Option<u32>,
}

impl Vlan {
    /// The VLAN that a port has of which nothing is said, as the kernel gives it.
    pub const PLAIN: Vlan = Vlan { first: 1, last: 1, pvid: true, untagged: true, tunnel: None };

    /// Reads VLANs.
    ///
    /// # Errors
    /// Words that the grammar does not have, and numbers that no VLAN has.
    pub fn parse(text: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(text);
        words.take("vid");
        let range = words.expect("the number of a VLAN", text)?;
        let (first, last) =
            range.as_str().split_once('-').unwrap_or((range.as_str(), range.as_str()));
        let number = |word: &str| word.parse().ok().filter(|id| (1..=4094).contains(id));
        let mut vlan = match number(first).zip(number(last)) {
            Some((first, last)) if first <= last => {
                Self { first, last, pvid: false, untagged: false, tunnel: None }
            }
            _ => return Err(not(&range, "the number of a VLAN, 1 to 4094")),
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "pvid" if vlan.first == vlan.last => vlan.pvid = true,
                "pvid" => {
                    return Err(Diagnostic::error(Code::BadValue, "several VLANs as `pvid`")
                        .at(word.span, "what has no tag is of one VLAN"));
                }
                "untagged" => vlan.untagged = true,
                "tunnel_info" => {
                    let id = words.expect("`id` and a VNI", &word)?;
                    if id.as_str() != "id" {
                        return Err(unknown(&id, &["id"]));
                    }
                    vlan.tunnel = Some(vlan.tunnel(&mut words, &id)?);
                }
                _ => return Err(unknown(&word, &["pvid", "untagged", "tunnel_info"])),
            }
        }
        match vlan {
            // The kernel takes the VNI from the tag, which is gone by then.
            Self { tunnel: Some(_), untagged: true, .. } => {
                Err(Diagnostic::error(Code::BadValue, "`tunnel_info` of a VLAN that is `untagged`")
                    .at(text.span, "nothing would leave by it"))
            }
            Self { .. } => Ok(vlan),
        }
    }

    /// The VNI of the first of the VLANs: `100`, or `100-102` where there are as many.
    fn tunnel(self, words: &mut Words<'_>, after: &Text) -> Result<u32, Diagnostic> {
        let what = "a VNI for each VLAN, from 1 to 16777215";
        let range = words.expect(what, after)?;
        let (first, last) =
            range.as_str().split_once('-').unwrap_or((range.as_str(), range.as_str()));
        let number = |word: &str| word.parse().ok().filter(|id| (1..1 << 24).contains(id));
        let both: Option<(u32, u32)> = number(first).zip(number(last));
        let fits = |(first, last): &(u32, u32)| {
            last.checked_sub(*first) == Some(u32::from(self.last - self.first))
        };
        both.filter(fits).map(|(first, _)| first).ok_or_else(|| not(&range, what))
    }

    /// Each of them alone.
    pub fn each(self) -> impl Iterator<Item = Vlan> {
        self.ids().map(move |id| Vlan {
            first: id,
            last: id,
            tunnel: self.tunnel.map(|first| first + u32::from(id - self.first)),
            ..self
        })
    }

    /// The numbers.
    pub fn ids(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }
}

impl fmt::Display for Vlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last != self.first {
            write!(f, "-{}", self.last)?;
        }
        f.write_str(if self.pvid { " pvid" } else { "" })?;
        f.write_str(if self.untagged { " untagged" } else { "" })?;
        match self.tunnel {
            None => Ok(()),
            Some(first) if self.last == self.first => write!(f, " tunnel_info id {first}"),
            Some(first) => {
                let last = first + u32::from(self.last - self.first);
                write!(f, " tunnel_info id {first}-{last}")
            }
        }
    }
}
