//! Lists of segments (RFC 8754): what follows `encap seg6`.

use super::words::{Words, not, refused};
use crate::diagnostic::{Code, Diagnostic, Text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv6Addr;

/// A list of segments that is put on a packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seg6 {
    /// How the list is put on.
    pub mode: Seg6Mode,
    /// The segments, the first to be visited first.
    pub segments: Vec<Ipv6Addr>,
}

/// How a list of segments is put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Seg6Mode {
    /// In the packet's own IPv6 header.
    Inline,
    /// In an IPv6 header of its own before the packet's.
    Encap,
    /// In an IPv6 header of its own before the packet's Ethernet header.
    L2encap,
    /// As [`Seg6Mode::Encap`], without the first segment, which is the outer destination already.
    EncapRed,
    /// As [`Seg6Mode::L2encap`], without the first segment.
    L2encapRed,
}

impl Seg6Mode {
    const ALL: [Seg6Mode; 5] =
        [Self::Inline, Self::Encap, Self::L2encap, Self::EncapRed, Self::L2encapRed];

    /// The word that iproute2 has for it.
    fn word(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Encap => "encap",
            Self::L2encap => "l2encap",
            Self::EncapRed => "encap.red",
            Self::L2encapRed => "l2encap.red",
        }
    }
}

/// A routing header counts its length in eight bytes, up to 255 of them, and one segment may be the
/// packet's own destination.
const MAX_SEGMENTS: usize = 126;

const MODES: &str = "`encap`, `encap.red`, `l2encap`, `l2encap.red` or `inline`";

impl Seg6 {
    /// Reads what stands behind `encap seg6`, as far as the words belong to it.
    pub(super) fn parse(words: &mut Words<'_>, kind: &Text) -> Result<Self, Diagnostic> {
        let mut mode = None;
        let mut listed = Vec::new();
        while let Some(word) = words.peek() {
            match word.as_str() {
                "mode" => {
                    words.next();
                    let name = words.expect(MODES, &word)?;
                    let known = Seg6Mode::ALL.into_iter().find(|it| it.word() == name.as_str());
                    mode = Some(known.ok_or_else(|| not(&name, MODES))?);
                }
                "segs" => {
                    words.next();
                    listed = segments(words, &word)?;
                }
                "hmac" | "tunsrc" => {
                    let why = "segments are put on without a signature or a source";
                    return Err(refused(&word, why));
                }
                _ => break,
            }
        }
        match mode {
            Some(mode) if !listed.is_empty() => Ok(Self { mode, segments: listed }),
            _ => Err(Diagnostic::error(Code::BadValue, "`encap seg6` needs a mode and segments")
                .at(kind.span, "one of them is missing after this")
                .help("`encap seg6 mode encap segs fd00::1,fd00::2`")),
        }
    }
}

impl fmt::Display for Seg6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seg6 mode {} segs {}", self.mode.word(), print_segments(&self.segments))
    }
}

/// Reads the segments that stand behind `segs`, with `,` between them.
pub(super) fn segments(words: &mut Words<'_>, after: &Text) -> Result<Vec<Ipv6Addr>, Diagnostic> {
    let list = words.expect("segments", after)?;
    let segments = list.as_str().split(',').map(|segment| {
        segment.parse().map_err(|_| not(&list, "IPv6 addresses with `,` between them"))
    });
    let segments: Vec<Ipv6Addr> = segments.collect::<Result<_, _>>()?;
    match segments.len() {
        ..=MAX_SEGMENTS => Ok(segments),
        many => Err(Diagnostic::error(
            Code::BadValue,
            format!("{many} segments, of which a header holds {MAX_SEGMENTS}"),
        )
        .at(list.span, "too many")),
    }
}

pub(super) fn print_segments(segments: &[Ipv6Addr]) -> String {
    segments.iter().map(Ipv6Addr::to_string).collect::<Vec<_>>().join(",")
}
