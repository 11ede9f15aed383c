//! As much of the ELF format as carrying programs into the guest takes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

const HEADER: usize = 64;
const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;

/// What a 64-bit little-endian ELF file says at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Elf {
    /// The dynamic loader it asks for; none in a static program.
    pub interpreter: Option<PathBuf>,
    /// Where the last part ends that is needed to run; symbols for debuggers come after.
    pub end: u64,
}

impl Elf {
    /// Reads the headers. `None`: this is no such file, or it is cut off before its end.
    pub fn parse(file: &[u8]) -> Option<Self> {
        let number = |at: usize, width: usize| -> Option<u64> {
            let bytes = file.get(at..at.checked_add(width)?)?;
            Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
        };
        if file.get(..6)? != b"\x7fELF\x02\x01" {
            return None;
        }
        let (table, width, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        let mut elf = Self { interpreter: None, end: table + width * count };
        for index in 0..count {
            let at = usize::try_from(table + index * width).ok()?;
            let (offset, size) = (number(at + 8, 8)?, number(at + 32, 8)?);
            let end = offset.checked_add(size)?;
            match number(at, 4)? as u32 {
                LOAD => elf.end = elf.end.max(end),
                INTERPRETER => {
                    let path = file.get(offset as usize..(end as usize).checked_sub(1)?)?;
                    elf.interpreter = Some(OsString::from_vec(path.to_vec()).into());
                }
                _ => {}
            }
        }
        Some(elf)
    }

    /// Changes the header of a file that is cut off at [`Elf::end`] so that it no longer points
    /// to the table of sections that was behind.
    pub fn forget_sections(file: &mut [u8]) {
        if file.len() >= HEADER {
            file[40..48].fill(0);
            file[58..64].fill(0);
        }
    }
}

/// The part of a program that is needed to run it: a debug build is mostly symbols.
pub(super) fn without_symbols(mut program: Vec<u8>) -> Vec<u8> {
    if let Some(end) = Elf::parse(&program).and_then(|elf| usize::try_from(elf.end).ok())
        && end <= program.len()
    {
        program.truncate(end);
        Elf::forget_sections(&mut program);
    }
    program
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_without_its_symbols_still_runs() {
        let original = std::fs::read("/bin/true").unwrap();
        let mut padded = original.clone();
        padded.extend_from_slice(&[0; 4096]);
        let bare = without_symbols(padded);
        assert!(bare.len() <= original.len());
        let path = std::env::temp_dir().join(format!("vrflab-elf-{}", std::process::id()));
        std::fs::write(&path, &bare).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let status = Command::new(&path).status().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(status.success());
    }

    #[test]
    fn what_is_no_elf_file_stays_as_it_is() {
        for file in [&b"#!/bin/sh\n"[..], b"\x7fELF\x02\x01", b""] {
            assert_eq!(Elf::parse(file), None);
            assert_eq!(without_symbols(file.to_vec()), file);
        }
    }
}
