//! What tells a file of a lab's directory that is whole from one that was damaged.

/// The CRC-32 of these bytes, which no single flipped bit leaves as it was.
pub fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}
