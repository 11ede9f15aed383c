//! What a command in the guest needs to be told: program, arguments, surroundings.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::wire::{Malformed, Reader, Writer};
use crate::sys::WindowSize;

/// Which content of a file is meant: a rebuilt program is another one under the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    pub modified: i64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata.mtime().wrapping_mul(1_000_000_000) + metadata.mtime_nsec();
        let (device, inode) = (metadata.dev(), metadata.ino());
        Self { device, inode, size: metadata.size(), modified }
    }

    /// A name for this content, fit for a file.
    pub fn name(&self) -> String {
        format!("{:x}-{:x}-{:x}-{:x}", self.device, self.inode, self.size, self.modified)
    }
}

/// The program of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OrderedProgram {
    /// A path, or a name looked up in the order's `PATH`.
    Named(OsString),
    /// The host's own `vrflab`, in exactly this build.
    Vrflab { path: PathBuf, stamp: Stamp },
}

/// How the command is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streams {
    /// Three pipes.
    Separate,
    /// One terminal of this size in the guest.
    Terminal(WindowSize),
}

/// One command to run in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub program: OrderedProgram,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    /// Bound from a mount that is not cached.
    pub directory: PathBuf,
    /// Where it is below what the guest may write to, as the broker says; nothing where it may not.
    pub written: Option<PathBuf>,
    /// Bound from the uncached mount, read-only.
    pub fresh: Vec<PathBuf>,
    /// The directory of the program, bound from a mount that is fast and fresh enough for programs.
    pub program_directory: Option<PathBuf>,
    pub streams: Streams,
}

impl Order {
    /// The command as people would type it, for `vm status` and `vm stop`.
    pub fn title(&self) -> String {
        let program = match &self.program {
            OrderedProgram::Named(name) => name.to_string_lossy(),
            OrderedProgram::Vrflab { .. } => "vrflab".into(),
        };
        let arguments = self.arguments.iter().map(|argument| argument.to_string_lossy());
        std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match &self.program {
            OrderedProgram::Named(name) => writer.number(0).string(name),
            OrderedProgram::Vrflab { path, stamp } => {
                writer.number(1).string(path).number(stamp.device).number(stamp.inode);
                writer.number(stamp.size).number(stamp.modified.cast_unsigned())
            }
        };
        writer.list(&self.arguments, |writer, argument| {
            writer.string(argument);
        });
        writer.list(&self.environment, |writer, (name, value)| {
            writer.string(name).string(value);
        });
        writer.string(&self.directory).list(&self.fresh, |writer, path| {
            writer.string(path);
        });
        writer.list(self.written.as_slice(), |writer, path| {
            writer.string(path);
        });
        writer.list(self.program_directory.as_slice(), |writer, path| {
            writer.string(path);
        });
        match self.streams {
            Streams::Separate => writer.number(0),
            Streams::Terminal(size) => {
                writer.number(1).number(size.rows.into()).number(size.columns.into())
            }
        };
        writer.finish()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let order = Self {
            program: match reader.number()? {
                0 => OrderedProgram::Named(reader.string()?),
                1 => OrderedProgram::Vrflab {
                    path: reader.string()?.into(),
                    stamp: Stamp {
                        device: reader.number()?,
                        inode: reader.number()?,
                        size: reader.number()?,
                        modified: reader.number()?.cast_signed(),
                    },
                },
                _ => return Err(Malformed("an unknown kind of program")),
            },
            arguments: reader.list(Reader::string)?,
            environment: reader.list(|reader| Ok((reader.string()?, reader.string()?)))?,
            directory: reader.string()?.into(),
            fresh: reader.list(|reader| Ok(reader.string()?.into()))?,
            written: reader.list(|reader| Ok(reader.string()?.into()))?.pop(),
            program_directory: reader.list(|reader| Ok(reader.string()?.into()))?.pop(),
            streams: match reader.number()? {
                0 => Streams::Separate,
                1 => Streams::Terminal(WindowSize {
                    rows: reader.narrow()?,
                    columns: reader.narrow()?,
                }),
                _ => return Err(Malformed("an unknown kind of streams")),
            },
        };
        reader.end()?;
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_arrives_as_it_was_sent() {
        let order = Order {
            program: OrderedProgram::Vrflab {
                path: "/x/vrflab".into(),
                stamp: Stamp { device: 1, inode: 2, size: 3, modified: -4 },
            },
            arguments: vec!["a b".into(), "".into()],
            environment: vec![("A".into(), "=1".into())],
            directory: "/home".into(),
            written: Some("3".into()),
            fresh: vec!["/x".into()],
            program_directory: Some("/y".into()),
            streams: Streams::Terminal(WindowSize { rows: 24, columns: 80 }),
        };
        assert_eq!(Order::decode(&order.encode()), Ok(order.clone()));
        let encoded = order.encode();
        assert!(Order::decode(&encoded[..encoded.len() - 1]).is_err());
        assert_eq!(order.title(), "vrflab a b ");
    }
}
