//! A file made into text, or the reason why it cannot be.

use crate::diagnostic::{Code, Diagnostic, Source, Text};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The largest file that is read. A lab of ten thousand nodes has some megabytes.
const LARGEST: u64 = 64 * 1024 * 1024;

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
        return Err(too_large(&name));
    }
    read_from(file, &name)
}

/// Reads from wherever the text comes from.
pub fn read_from(reader: impl Read, name: &str) -> Result<Source, Diagnostic> {
    let mut bytes = Vec::new();
    let read = reader.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(name, &error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large(name));
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
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Diagnostic::error(Code::NotText, format!("`{name}` is not UTF-8 text"))
            .note(format!("what is wrong begins at byte {at}, in line {line}"))
            .help("save it as UTF-8")
    })?;
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Err(Diagnostic::error(Code::Empty, format!("`{name}` is empty"))
            .help("the smallest lab is `graph { h1 -- h2 }`"));
    }
    Ok(Source { name: name.to_owned(), text })
}

fn too_large(name: &str) -> Diagnostic {
    Diagnostic::error(Code::TooLarge, format!("`{name}` is too large"))
        .note(format!("a file may have {} MiB", LARGEST / 1024 / 1024))
}

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
    /// In a directory, from which a relative name counts.
    Beside(PathBuf),
    /// Here, by name: a lab that stands does not depend on what became of its files.
    Kept(BTreeMap<String, String>),
}

impl Files {
    /// Those beside the lab's file of this name; beside the standard input is where the program runs.
    pub fn beside(name: &str) -> Self {
        Self::Beside(Path::new(name).parent().map(Path::to_owned).unwrap_or_default())
    }

    /// The text of a file.
    ///
    /// # Errors
    /// It cannot be read, or it is no text.
    pub fn read(&self, name: &Text) -> Result<String, Diagnostic> {
        let read = match self {
            Files::Beside(directory) => read(&directory.join(name.as_str())).map(|it| it.text),
            Files::Kept(texts) => texts
                .get(name.as_str())
                .cloned()
                .ok_or_else(|| unreadable(name.as_str(), &ErrorKind::NotFound.into())),
        };
        read.map_err(|fault| fault.at(name.span, "named here"))
    }
}
