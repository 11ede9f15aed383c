//! Compressed kernels and modules, unpacked in this process: no tool for it need be installed.

use std::io::{self, Read};

/// How a piece of data is compressed, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    fn of(data: &[u8]) -> Option<Self> {
        let known: [(Self, &[u8]); 3] = [
            (Self::Gzip, &[0x1f, 0x8b]),
            (Self::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0]),
            (Self::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
        ];
        known.into_iter().find(|(_, magic)| data.starts_with(magic)).map(|(this, _)| this)
    }
}

/// Unpacks gzip, xz and zstd; other data comes back as it is. What follows the first compressed
/// stream is left out.
pub(super) fn unpack(data: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    match Compression::of(&data) {
        None => return Ok(data),
        Some(Compression::Gzip) => {
            flate2::read::GzDecoder::new(data.as_slice()).read_to_end(&mut unpacked)
        }
        Some(Compression::Xz) => {
            lzma_rust2::XzReader::new(data.as_slice(), false).read_to_end(&mut unpacked)
        }
        Some(Compression::Zstd) => {
            let stream = ruzstd::decoding::StreamingDecoder::new(data.as_slice());
            stream.map_err(io::Error::other)?.read_to_end(&mut unpacked)
        }
    }?;
    Ok(unpacked)
}

/// The kernel inside a `vmlinuz`, ready to run: starting it directly saves the guest from
/// unpacking it, which is slow in an emulated one. `None`: there is none that can be taken out.
pub(super) fn inner_kernel(image: &[u8]) -> Option<Vec<u8>> {
    let number =
        |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    // The setup header of the boot protocol: its mark, then the place of the payload behind the
    // sectors of real-mode code.
    if image.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let sectors = match image.get(0x1f1)? {
        0 => 4,
        sectors => usize::from(*sectors),
    };
    let start = (sectors + 1) * 512 + number(0x248)?;
    let payload = image.get(start..start + number(0x24c)?)?;
    let kernel = unpack(payload.to_vec()).ok()?;
    super::elf::Elf::parse(&kernel).map(|_| kernel)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_packed_is_unpacked_and_the_rest_left_as_it_is() {
        let text = b"the same again and again and again".repeat(50);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&text).unwrap();
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let zstd = ruzstd::encoding::compress_to_vec(text.as_slice(), level);
        for packed in [gzip.finish().unwrap(), zstd, text.clone()] {
            assert_eq!(unpack(packed).unwrap(), text);
        }
    }

    #[test]
    fn broken_data_is_an_error_and_no_kernel() {
        assert!(unpack(b"\x28\xb5\x2f\xfdnonsense".to_vec()).is_err());
        assert!(unpack(b"\xfd7zXZ\0nonsense".to_vec()).is_err());
        assert_eq!(inner_kernel(b"short"), None);
        assert_eq!(inner_kernel(&[0; 4096]), None);
    }
}
