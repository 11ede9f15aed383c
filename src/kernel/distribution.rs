//! The tables by which netem spreads a jitter, as `tc` reads them from files.
//!
//! An entry says how far from the mean a packet's delay is, in units of 1/8192 of the jitter, for
//! equal steps of chance. iproute2 makes its files with the programs in its directory `netem`.

use crate::iproute::Distribution;

/// How many entries there are.
const ENTRIES: u32 = 4096;
/// `NETEM_DIST_SCALE` of `linux/pkt_sched.h`.
const SCALE: f64 = 8192.0;

/// The table of a distribution.
pub(super) fn table(distribution: Distribution) -> Vec<i16> {
    let entry = |at: u32| match distribution {
        Distribution::Normal => normal(at),
        Distribution::Pareto => pareto(at),
        Distribution::ParetoNormal => 0.25 * normal(at) + 0.75 * pareto(at),
    };
    // The cast keeps what is too large for an entry at the largest.
    (0..ENTRIES).map(|at| (entry(at) * SCALE).round() as i16).collect()
}

/// Pareto's distribution of exponent 3, moved to the mean 0 and to about the same width as the normal.
fn pareto(at: u32) -> f64 {
    let share = f64::from(ENTRIES - at) / f64::from(ENTRIES);
    ((share.powf(-1.0 / 3.0) - 1.5) * 4.0 / 3.0).min(f64::from(i16::MAX) / SCALE)
}

/// Which value of Gauss's distribution so many of all values lie below.
fn normal(at: u32) -> f64 {
    quantile((f64::from(at) + 0.125) / f64::from(ENTRIES))
}

/// The inverse of the normal distribution, by Peter Acklam's rational approximations, whose relative
/// error is below 1.2e-9.
fn quantile(share: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    const TAIL: f64 = 0.02425;
    let polynomial = |of: f64, factors: &[f64]| factors.iter().fold(0.0, |sum, it| sum * of + it);
    if share > 1.0 - TAIL {
        -quantile(1.0 - share)
    } else if share < TAIL {
        let far = (-2.0 * share.ln()).sqrt();
        polynomial(far, &C) / polynomial(far, &D)
    } else {
        let off = share - 0.5;
        let square = off * off;
        polynomial(square, &A) * off / polynomial(square, &B)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean and the width of a table, in units of the jitter.
    fn shape(distribution: Distribution) -> (f64, f64) {
        let table: Vec<f64> = table(distribution).iter().map(|it| f64::from(*it) / SCALE).collect();
        let mean = table.iter().sum::<f64>() / table.len() as f64;
        let square = table.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / table.len() as f64;
        (mean, square.sqrt())
    }

    #[test]
    fn the_normal_table_has_its_known_quantiles() {
        let table = table(Distribution::Normal);
        // Half of all lies below 0, 84 % below one width, 97.7 % below two.
        for (share, value) in [(0.5, 0.0), (0.841_344_746, 1.0), (0.977_249_868, 2.0)] {
            let entry = f64::from(table[(share * f64::from(ENTRIES)) as usize]) / SCALE;
            assert!((entry - value).abs() < 0.005, "{share}: {entry}");
        }
    }

    #[test]
    fn every_table_has_about_the_mean_0_and_the_width_1() {
        for it in [Distribution::Normal, Distribution::Pareto, Distribution::ParetoNormal] {
            let (mean, width) = shape(it);
            assert!(mean.abs() < 0.05 && (0.7..1.2).contains(&width), "{it:?}: {mean} {width}");
        }
    }
}
