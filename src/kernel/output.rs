//! What a lab's commands write: kept in files that stay when the lab goes, and never more of it than
//! some bytes, the newest.

use fs_err as fs;
use nix::libc;
use nix::unistd::geteuid;
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What this program keeps on disk. `/run` is memory, which a command that never ends would fill.
const STATE: &str = "/var/lib/vrflab";

/// How much output is kept of a lab.
const MAX_OF_A_LAB: u64 = 32 * 1024 * 1024;

/// How much is kept of one command, however few or many its lab has.
const OF_A_COMMAND: (u64, u64) = (32 * 1024, 8 * 1024 * 1024);

/// The end of the name of a file with what came before the newest output.
const OLDER: &str = ".older";

/// How often output is read that changes all the time.
const MAX_ATTEMPTS: usize = 1000;

/// The directory with the output of one lab's commands: for each a file with its newest output, one
/// with what came before that, and one that says how much of it is no longer there.
#[derive(Debug, Clone)]
pub struct Outputs {
    directory: PathBuf,
}

/// What is kept of one command's output.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many bytes came before it.
    pub dropped: u64,
    /// The newest bytes.
    pub bytes: Vec<u8>,
}

impl Outputs {
    /// Those of the lab of this name.
    pub(super) fn of(lab: &std::ffi::OsStr) -> Self {
        Self { directory: Path::new(STATE).join("output").join(lab) }
    }

    /// Whether there are any.
    pub fn exist(&self) -> bool {
        self.directory.is_dir()
    }

    /// Makes room for the output of so many commands, which nobody but this user reads.
    ///
    /// # Errors
    /// The file system refuses, or somebody else could write there.
    pub fn make(&self, commands: usize) -> io::Result<()> {
        let mut parents: Vec<&Path> = self.directory.ancestors().take(3).collect();
        parents.reverse();
        for directory in parents {
            let made = DirBuilder::new().mode(0o700).create(directory);
            made.or_else(|error| {
                let exists = error.kind() == ErrorKind::AlreadyExists;
                if exists { Ok(()) } else { Err(error) }
            })?;
            let found = fs::symlink_metadata(directory)?;
            let is_own = found.uid() == geteuid().as_raw() && found.mode() & 0o022 == 0;
            if !found.is_dir() || !is_own {
                let what = format!("{} is not a directory of root's alone", directory.display());
                return Err(io::Error::other(what));
            }
        }
        let (least, most) = OF_A_COMMAND;
        let limit = (MAX_OF_A_LAB / commands.max(1) as u64).clamp(least, most);
        fs::write(self.limit(), limit.to_string())
    }

    /// Takes all of it away.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The commands of which there is output: their nodes and numbers, in order.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn list(&self) -> io::Result<Vec<(String, usize)>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            // While the files change their names there is the older one alone.
            let newest = name.to_str().map(|name| name.strip_suffix(OLDER).unwrap_or(name));
            let parts = newest.and_then(|name| name.rsplit_once('.'));
            let number =
                parts.and_then(|(node, number)| Some((node.to_owned(), number.parse().ok()?)));
            found.extend(number);
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// What is kept of a command's output.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, node: &str, number: usize) -> io::Result<Kept> {
        let newest = self.newest(node, number);
        // The files change their names while the command writes, one after the other.
        for _ in 0..MAX_ATTEMPTS {
            match read(&newest) {
                Ok(Some(kept)) => return Ok(kept),
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(None) | Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        Err(ErrorKind::NotFound.into())
    }

    fn newest(&self, node: &str, number: usize) -> PathBuf {
        self.directory.join(format!("{node}.{number}"))
    }

    fn limit(&self) -> PathBuf {
        self.directory.join(".limit")
    }
}

/// What there is in a command's files, unless they change their names meanwhile.
fn read(newest: &Path) -> io::Result<Option<Kept>> {
    let mut file = File::open(newest)?;
    let dropped = fs::read_to_string(dropped(newest)).unwrap_or_default();
    let mut bytes = match fs::read(older(newest)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        bytes => bytes?,
    };
    file.read_to_end(&mut bytes)?;
    let is_same = fs::metadata(newest)?.ino() == file.metadata()?.ino();
    Ok(is_same.then(|| Kept { dropped: dropped.parse().unwrap_or(0), bytes }))
}

/// The output of a command that runs.
#[derive(Debug)]
pub(super) struct Output {
    newest: PathBuf,
    file: File,
    /// How much goes into one file: there are two.
    limit: u64,
    in_newest: u64,
    in_older: u64,
    dropped: u64,
    /// Whether the last that was written could not be kept.
    is_losing: bool,
}

impl Output {
    pub(super) fn create(outputs: &Outputs, node: &str, number: usize) -> io::Result<Self> {
        let limit =
            fs::read_to_string(outputs.limit())?.parse::<u64>().map_err(io::Error::other)? / 2;
        let newest = outputs.newest(node, number);
        let file = create(&newest)?;
        Ok(Self { newest, file, limit, in_newest: 0, in_older: 0, dropped: 0, is_losing: false })
    }

    /// Adds bytes, of which the oldest go where they are too many. What cannot be kept, as on a full
    /// disk, is lost: a line in its place says so.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let kept = self.keep(bytes);
        if let (Err(error), false) = (&kept, self.is_losing) {
            // Where there is no room for a word either, there is none.
            let _ = self.say_lost(error);
        }
        self.is_losing = kept.is_err();
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.in_newest > 0 && self.in_newest + bytes.len() as u64 > self.limit {
            self.rotate()?;
        }
        self.file.write_all(bytes)?;
        self.in_newest += bytes.len() as u64;
        Ok(())
    }

    /// Puts a line in the place of the last bytes, which have room.
    fn say_lost(&mut self, error: &io::Error) -> io::Result<()> {
        let line = format!("\n[vrflab: what it wrote here could not be kept: {error}]\n");
        let length = self.file.metadata()?.len().saturating_sub(line.len() as u64);
        self.file.set_len(length)?;
        self.in_newest = length;
        self.file.write_all(line.as_bytes())?;
        self.in_newest += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        // In this order what goes makes room for what comes.
        fs::rename(&self.newest, older(&self.newest))?;
        self.file = create(&self.newest)?;
        self.dropped += std::mem::replace(&mut self.in_older, self.in_newest);
        self.in_newest = 0;
        match self.dropped {
            0 => Ok(()),
            bytes => fs::write(dropped(&self.newest), bytes.to_string()),
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

fn older(newest: &Path) -> PathBuf {
    with(newest, OLDER)
}

fn dropped(newest: &Path) -> PathBuf {
    with(newest, ".dropped")
}

fn with(newest: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(newest);
    name.push(end);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_much_output_the_newest_is_kept() {
        let directory = std::env::temp_dir().join(format!("vrflab-output-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let outputs = Outputs { directory };
        fs::write(outputs.limit(), "20").unwrap();
        let mut output = Output::create(&outputs, "h1", 2).unwrap();
        let kept = |bytes: &str, dropped| Kept { dropped, bytes: bytes.into() };
        assert_eq!(outputs.read("h1", 2).unwrap(), kept("", 0));
        for (added, is_kept) in [
            ("01234", kept("01234", 0)),
            ("56789", kept("0123456789", 0)),
            ("abcdef", kept("0123456789abcdef", 0)),
            ("ghijk", kept("abcdefghijk", 10)),
            (
                "a line that is longer than a file",
                kept("ghijka line that is longer than a file", 16),
            ),
            ("l", kept("a line that is longer than a filel", 21)),
        ] {
            output.append(added.as_bytes());
            assert_eq!(outputs.read("h1", 2).unwrap(), is_kept);
        }
        assert_eq!(outputs.list().unwrap(), [("h1".to_owned(), 2)]);
        // The instant in which the files change their names.
        fs::rename(outputs.newest("h1", 2), older(&outputs.newest("h1", 2))).unwrap();
        assert_eq!(outputs.list().unwrap(), [("h1".to_owned(), 2)]);
        outputs.clear().unwrap();
        assert!(!outputs.exist() && outputs.list().unwrap().is_empty());
    }
}
