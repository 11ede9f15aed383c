//! The archive format of an initramfs: cpio "newc".

use std::io::{self, Write};

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// Writes one archive. Directories must be added before what is in them.
pub(super) struct Archive<W> {
    output: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    pub fn new(output: W) -> Self {
        Self { output, entries: 0 }
    }

    pub fn directory(&mut self, path: &str) -> io::Result<()> {
        self.entry(path, DIRECTORY, (0, 0), &[])
    }

    pub fn file(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        self.entry(path, FILE, (0, 0), content)
    }

    pub fn program(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        self.entry(path, PROGRAM, (0, 0), content)
    }

    pub fn character_device(&mut self, path: &str, major: u32, minor: u32) -> io::Result<()> {
        self.entry(path, CHARACTER_DEVICE, (major, minor), &[])
    }

    /// Ends the archive and gives back what it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn entry(
        &mut self,
        path: &str,
        mode: u32,
        (major, minor): (u32, u32),
        content: &[u8],
    ) -> io::Result<()> {
        let too_long = |_| io::Error::other(format!("{path} is too long for an initramfs"));
        let size = u32::try_from(content.len()).map_err(too_long)?;
        self.entries += 1;
        let name_length = path.len() as u32 + 1;
        write!(self.output, "070701")?;
        // inode, mode, uid, gid, links, mtime, size, device twice, name's length, checksum
        let (inode, links) = (self.entries, 1);
        for field in [inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, name_length, 0] {
            write!(self.output, "{field:08X}")?;
        }
        self.output.write_all(path.as_bytes())?;
        self.pad(110 + path.len(), 1)?;
        self.output.write_all(content)?;
        self.pad(content.len(), 0)
    }

    /// Writes at least so many zeros, up to a multiple of four.
    fn pad(&mut self, written: usize, at_least: usize) -> io::Result<()> {
        let zeros = at_least + (4 - (written + at_least) % 4) % 4;
        self.output.write_all(&[0; 8][..zeros])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an archive the way the kernel does: names with modes and contents.
    fn entries(mut archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        loop {
            assert_eq!(&archive[..6], b"070701");
            let field = |index: usize| {
                let digits = std::str::from_utf8(&archive[6 + 8 * index..14 + 8 * index]).unwrap();
                u32::from_str_radix(digits, 16).unwrap()
            };
            let (mode, size, name_length) = (field(1), field(6) as usize, field(11) as usize);
            let name = String::from_utf8(archive[110..109 + name_length].to_vec()).unwrap();
            assert_eq!(archive[109 + name_length], 0);
            let start = (110 + name_length).next_multiple_of(4);
            if name == "TRAILER!!!" {
                assert_eq!(archive.len(), start);
                return found;
            }
            found.push((name, mode, archive[start..start + size].to_vec()));
            archive = &archive[(start + size).next_multiple_of(4)..];
        }
    }

    #[test]
    fn what_is_packed_can_be_read_back_whatever_its_length() {
        let mut archive = Archive::new(Vec::new());
        archive.directory("dev").unwrap();
        archive.character_device("dev/console", 5, 1).unwrap();
        for length in 0..9 {
            archive.file(&"n".repeat(length + 1), &vec![7; length]).unwrap();
        }
        archive.program("init", b"\x7fELF").unwrap();
        let entries = entries(&archive.finish().unwrap());
        assert_eq!(entries[0], ("dev".into(), 0o040_755, vec![]));
        assert_eq!(entries[1].1, 0o020_600);
        for length in 0..9 {
            let entry = ("n".repeat(length + 1), 0o100_644, vec![7; length]);
            assert_eq!(entries[2 + length], entry);
        }
        assert_eq!(entries[11], ("init".into(), 0o100_755, b"\x7fELF".to_vec()));
    }
}
