//! A lab that needs VRF and MPLS, on whatever kernel this is.

use crate::host::{Host, lab, names};
use vrflab::kernel::{feature, on_worker};
use vrflab::link::KindName;
use vrflab::plan::Feature;

#[test]
fn a_lab_comes_up_where_the_kernel_has_what_it_needs_and_else_the_lack_is_named() {
    let host = Host::new();
    let wanted = [Feature::Device(KindName::Vrf), Feature::MplsRouting, Feature::MplsEncap];
    let lacks = on_worker(|worker| feature::lacks(worker, wanted)).unwrap();
    let said = host.run(&["up", &lab("l3vpn.dot")]);
    if lacks.is_empty() {
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.out.ends_with("l3vpn: 64 checks passed\n"), "{}", said.out);
        host.done(&["down"]);
        return host.assert_nothing_is_left();
    }
    assert_eq!((said.status, said.out.as_str()), (3, ""));
    for lack in lacks {
        let line = said.err.lines().find(|line| line.contains(&lack.refusal.to_string())).unwrap();
        for part in [lack.feature.title(), lack.feature.config(), lack.feature.module().unwrap()] {
            assert!(line.contains(part), "{part} is not in: {line}");
        }
        assert!(line.contains("pe1") && line.contains("pe2"), "{line}");
        assert_eq!(line.contains("l3vpn-p,"), lack.feature == Feature::MplsRouting, "{line}");
    }
    assert!(said.err.contains("modprobe") && said.err.contains("--kernel vm"), "{}", said.err);
    assert_eq!(names("/run"), Vec::<String>::new());
    host.assert_nothing_is_left();
}
