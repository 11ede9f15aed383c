//! Every lab that comes with the program comes up, all its checks hold, and nothing differs from what was built.

use crate::host::Host;
use std::fs;
use std::path::PathBuf;
use vrflab::document::Format;

#[test]
fn every_lab_comes_up_with_all_its_checks_and_goes_down_again() {
    let host = Host::new();
    let mut labs: Vec<PathBuf> = ["labs", "labs/zoo"]
        .into_iter()
        .flat_map(|folder| fs::read_dir(crate::host::file(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| Format::of_name(path.to_str().unwrap()).is_some())
        // Its daemons converge in a test of their own.
        .filter(|path| !path.ends_with("frr.yaml"))
        .collect();
    labs.sort();
    assert!(labs.len() >= 22, "{labs:?}");
    for lab in labs {
        let lab = lab.to_str().unwrap();
        let up = host.run(&["up", "--no-check", lab]);
        assert_eq!(up.status, 0, "{lab}: {}{}", up.out, up.err);
        // Servers that a lab starts may still be starting when they are asked first.
        let check = host.run(&["check", "--wait", "60"]);
        assert_eq!(check.status, 0, "{lab}: {}{}", check.out, check.err);
        assert!(check.out.contains(" passed\n"), "{lab}: {}", check.out);
        assert!(!check.out.contains(" from what was built"), "{lab}: {}", check.out);
        host.done(&["down"]);
    }
    host.assert_nothing_is_left();
}
