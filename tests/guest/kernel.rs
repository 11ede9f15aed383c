//! The kernel that these tests run on.

use vrflab::kernel::{feature, on_worker};
use vrflab::plan::Feature;

#[test]
fn the_guest_has_every_feature_that_a_lab_can_need() {
    // Rules by DSCP came with Linux 6.13, behind the kernels of Debian.
    let all = Feature::all().filter(|it| *it != Feature::DscpRules);
    let lacks = on_worker(|worker| feature::lacks(worker, all)).unwrap();
    assert!(lacks.is_empty(), "{lacks:?}");
}

#[test]
fn the_program_knows_that_it_is_in_its_guest() {
    assert!(vrflab::vm::inside_guest(), "run these tests with `ci/test`, in the micro-VM");
}
