//! A file made into text, or the reason why it cannot be.

use crate::diagnostic::{Code, Diagnostic, Source, Text};
use nix::libc::{O_NOCTTY, O_NONBLOCK, O_PATH};
use std::collections::BTreeMap;
use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The largest file that is read. A lab of ten thousand nodes has some megabytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The largest file that a lab's file names: a ruleset, or the configuration of a daemon.
const MAX_CONTENT: u64 = 8 * 1024 * 1024;

/// What the standard input is called.
pub const STANDARD_INPUT: &str = "<stdin>";

/// Reads the file; `-` is the standard input.
pub fn read(path: &Path) -> Result<Source, Diagnostic> {
    if path.as_os_str() == "-" {
        return read_from(io::stdin().lock(), STANDARD_INPUT);
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
    let kind = file.metadata().map_err(|error| unreadable(&name, &error))?;
    if kind.is_dir() {
        return Err(Diagnostic::error(Code::Unreadable, format!("`{name}` is a directory"))
            .help("give the .dot or .yaml file in it"));
    }
    // A regular file need not be read to be too large; a pipe or a device says no length.
    if kind.is_file() && kind.len() > LARGEST {
        return Err(too_large(&name, LARGEST));
    }
    read_from(file, &name)
}

/// Reads from wherever the text comes from.
pub fn read_from(reader: impl Read, name: &str) -> Result<Source, Diagnostic> {
    let text = text(reader, name, LARGEST)?;
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Err(Diagnostic::error(Code::Empty, format!("`{name}` is empty"))
            .help("the smallest lab is `graph { h1 -- h2 }`"));
    }
    Ok(Source { name: name.to_owned(), text })
}

/// Reads text of so many bytes at most.
fn text(reader: impl Read, name: &str, limit: u64) -> Result<String, Diagnostic> {
    let mut bytes = Vec::new();
    let read = reader.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(name, &error))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(name, limit));
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        let fault = Diagnostic::error(Code::NotText, format!("`{name}` is not a text file"))
            .note(format!("byte {at} is zero"));
        return Err(match &bytes[..] {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                fault.help("it looks like UTF-16: save it as UTF-8")
            }
            _ => fault,
        });
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Diagnostic::error(Code::NotText, format!("`{name}` is not UTF-8 text"))
            .note(format!("what is wrong begins at byte {at}, in line {line}"))
            .help("save it as UTF-8")
    })
}

fn too_large(name: &str, limit: u64) -> Diagnostic {
    Diagnostic::error(Code::TooLarge, format!("`{name}` is too large"))
        .note(format!("a file may have {} MiB", limit / 1024 / 1024))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the cause of any other is said by the system")]
fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    match error.kind() {
        ErrorKind::NotFound => {
            Diagnostic::error(Code::Unreadable, format!("there is no file `{name}`"))
        }
        ErrorKind::PermissionDenied => {
            Diagnostic::error(Code::Unreadable, format!("`{name}` may not be read"))
                .note("permission denied")
        }
        _ => Diagnostic::error(Code::Unreadable, format!("`{name}` cannot be read"))
            .note(error.to_string()),
    }
}

/// Where the files are found that a lab's file names.
#[derive(Debug, Clone)]
pub enum Files {
    /// Below directories of this machine.
    Below(Directories),
    /// Here, by name: a lab that stands does not depend on what became of its files.
    Kept(BTreeMap<String, String>),
}

/// The directories that files may be in. A lab's file may come from anybody, and whoever runs it may
/// read more than its author.
#[derive(Debug, Clone)]
pub struct Directories {
    /// The one that the lab's file is in, from which a relative name counts.
    own: PathBuf,
    /// Others, as the user allows.
    allowed: Vec<PathBuf>,
}

impl Files {
    /// Those below the directory of the lab's file of this name, which is where the program runs for
    /// the standard input, and below directories that the user allows.
    pub fn beside(name: &str, allowed: &[PathBuf]) -> Self {
        let own = Path::new(name).parent().map(Path::to_owned).unwrap_or_default();
        Self::Below(Directories { own, allowed: allowed.to_vec() })
    }

    /// The text of a file.
    ///
    /// # Errors
    /// It may not be read, or it is no text.
    pub fn read(&self, name: &Text) -> Result<String, Diagnostic> {
        let read = match self {
            Files::Below(directories) => directories.read(name.as_str()),
            Files::Kept(texts) => texts
                .get(name.as_str())
                .cloned()
                .ok_or_else(|| unreadable(name.as_str(), &ErrorKind::NotFound.into())),
        };
        read.map_err(|fault| fault.at(name.span, "named here"))
    }
}

impl Directories {
    fn read(&self, name: &str) -> Result<String, Diagnostic> {
        let path = self.own.join(name);
        let shown = path.display().to_string();
        let unreadable = |error| unreadable(&shown, &error);
        // What a name leads to is looked at before it is opened: a pipe would be waited for, and a
        // device may do something. What was looked at is then opened, and no name a second time.
        let found = OpenOptions::new().read(true).custom_flags(O_PATH).open(&path);
        let found = found.map_err(unreadable)?;
        let itself = format!("/proc/self/fd/{}", found.as_raw_fd());
        let kind = found.metadata().map_err(unreadable)?;
        if !kind.is_file() {
            let what = special(kind.file_type());
            let fault = format!("`{shown}` is {what}, not a regular file");
            return Err(Diagnostic::error(Code::Unreadable, fault));
        }
        let place = fs::read_link(&itself).map_err(unreadable)?;
        if !self.hold(&place) {
            return Err(outside(&shown, &path, &place));
        }
        if kind.len() > MAX_CONTENT {
            return Err(too_large(&shown, MAX_CONTENT));
        }
        let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK | O_NOCTTY).open(&itself);
        text(file.map_err(unreadable)?, &shown, MAX_CONTENT)
    }

    /// Whether a file, of which all links have been followed, is below one of them.
    fn hold(&self, place: &Path) -> bool {
        // The working directory has an empty name, which cannot be looked up.
        let own = Path::new(".").join(&self.own);
        let directories = self.allowed.iter().chain([&own]);
        directories.filter_map(|it| it.canonicalize().ok()).any(|it| place.starts_with(it))
    }
}

/// What a file is called that is none to read.
fn special(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

/// What is said of a file that the lab's file may not name.
fn outside(shown: &str, path: &Path, place: &Path) -> Diagnostic {
    let title = format!("`{shown}` is outside the lab file's directory");
    let fault = Diagnostic::error(Code::OutsideFile, title);
    let fault = match place == path {
        true => fault,
        false => fault.note(format!("it leads to `{}`", place.display())),
    };
    let directory = place.parent().unwrap_or(place).display();
    fault.help(format!("`--allow-files {directory}` allows what is in that directory"))
}
