//! The counter of the processor.

use nix::time::{ClockId, clock_gettime};
use std::io;
use std::time::Duration;

/// How long the two clocks are held against each other; the error is a few parts in a million.
const MEASURE: Duration = Duration::from_millis(20);

/// The rate of this machine's time stamp counter in kHz, measured against the kernel's raw clock.
///
/// The guest of an emulated machine reads this very counter, so that its clock is as true as the
/// figure it is told.
pub fn tsc_khz() -> io::Result<u64> {
    let (start_ticks, start) = paired_clocks()?;
    std::thread::sleep(MEASURE);
    let (end_ticks, end) = paired_clocks()?;
    let elapsed = end.saturating_sub(start).as_nanos().max(1);
    Ok((u128::from(end_ticks.wrapping_sub(start_ticks)) * 1_000_000 / elapsed) as u64)
}

/// One reading of both clocks. The counter is read on both sides of the clock, and the closest of
/// several readings is taken, so that being interrupted between the two does not falsify them.
fn paired_clocks() -> io::Result<(u64, Duration)> {
    // SAFETY: RDTSC reads a register and touches no memory.
    let ticks = || unsafe { std::arch::x86_64::_rdtsc() };
    let mut best = (u64::MAX, 0, Duration::ZERO);
    for _ in 0..64 {
        let before = ticks();
        let clock = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC_RAW)?);
        let width = ticks().wrapping_sub(before);
        if width < best.0 {
            best = (width, before.wrapping_add(width / 2), clock);
        }
    }
    Ok((best.1, best.2))
}

#[cfg(test)]
mod tests {
    use super::tsc_khz;

    #[test]
    fn two_measurements_of_the_counter_agree() {
        let (first, second) = (tsc_khz().unwrap(), tsc_khz().unwrap());
        assert!(first > 100_000, "{first} kHz is no counter of this age");
        assert!(first.abs_diff(second) * 2_000 < first, "{first} and {second} kHz");
    }
}
