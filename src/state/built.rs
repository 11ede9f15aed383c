//! What a lab was built from, kept beside its record.

use super::record::{Kept, read, replace};
use super::{Change, LinkChange, Lock, Record, at, directory};
use crate::compile::{Lab, NodeId};
use crate::diagnostic::{Source, Spanned, Text};
use crate::document::Format;
use crate::iproute::{Netem, Tbf};
use crate::kernel::checksum;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;

/// The lab that a record is of. It is kept as it was compiled: what stands is known without the file,
/// whatever became of that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Built {
    /// The file as it was read.
    pub source: Source,
    /// Its language.
    pub format: Format,
    /// The lab as the file has it, without its commands where those were left out.
    pub lab: Lab,
    /// The lab whose routes lead round the links that failed, where some do.
    pub rerouted: Option<Lab>,
}

impl Record {
    /// Keeps what was built; the record has to be stored then.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn keep(&mut self, built: &Built, lock: &Lock) -> io::Result<()> {
        debug_assert_eq!(lock.lab(), self.lab());
        let bytes = postcard::to_allocvec(built).map_err(io::Error::other)?;
        let number = self.built.as_ref().map_or(0, |kept| kept.number + 1);
        let kept = Kept { number, checksum: checksum(&bytes) };
        replace(self.lab(), &kept.file(), &bytes)?;
        // The one before is the stored record's; what was there before that is nobody's.
        if let Some(number) = number.checked_sub(2) {
            let nobodys = Kept { number, ..kept };
            let _gone: io::Result<()> = fs::remove_file(directory(self.lab()).join(nobodys.file()));
        }
        self.built = Some(kept);
        Ok(())
    }

    /// What was built.
    ///
    /// # Errors
    /// It cannot be read, or is not what the record is of.
    pub fn built(&self) -> io::Result<Built> {
        let lab = self.lab();
        let wrong = |what: &str| {
            let what = format!(
                "{lab}: what it was built from {what}; `vrflab down {lab}` takes the lab away"
            );
            io::Error::new(io::ErrorKind::InvalidData, what)
        };
        let kept = self.built.as_ref().ok_or_else(|| wrong("is not kept"))?;
        let path = directory(lab).join(kept.file());
        let bytes =
            read(&path).map_err(|error| wrong(&format!("cannot be read: {}", at(&path)(error))))?;
        if checksum(&bytes) != kept.checksum {
            return Err(wrong(&format!("is damaged: {}", path.display())));
        }
        postcard::from_bytes(&bytes)
            .map_err(|error| wrong(&format!("cannot be read: {}: {error}", path.display())))
    }
}

impl Built {
    /// The lab that stands, with what was changed since it came up.
    pub fn standing(self, changes: &[Change]) -> Lab {
        let mut lab = self.rerouted.unwrap_or(self.lab);
        changes.iter().for_each(|change| change.apply(&mut lab));
        lab
    }
}

impl Change {
    /// The node that it is at.
    pub fn node_in(&self, lab: &Lab) -> Option<NodeId> {
        lab.node(&self.node)
    }

    /// Puts the change into the lab of its file.
    pub fn apply(&self, lab: &mut Lab) {
        let Some(node) = self.node_in(lab) else { return };
        let Some(device) = lab[node].adjustable(&self.interface) else { return };
        *device.up = match self.link {
            None => *device.up,
            Some(LinkChange::Up) => true,
            Some(LinkChange::Down | LinkChange::DownAndRerouted) => false,
        };
        // Both were read before they were recorded.
        let line = |line: &String| Text::filled(line.as_str());
        let netem = self.netem.as_ref().and_then(|it| Netem::parse(&line(it)).ok());
        let tbf = self.tbf.as_ref().and_then(|it| Tbf::parse(&line(it)).ok());
        *device.netem = netem.map(Spanned::filled).or(device.netem.take());
        *device.tbf = tbf.map(Spanned::filled).or(device.tbf.take());
    }
}
