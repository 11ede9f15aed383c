//! Every lab that comes with the program comes up, and all its checks hold.

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
        let up = host.run(&["up", lab]);
        // Servers that a lab starts may still be starting when they are asked first.
        let retries = |line: &str| {
            line.ends_with(" failed, retrying for up to 60 s")
                || line.ends_with(" as root in its nodes")
        };
        assert_eq!(up.status, 0, "{lab}: {}{}", up.out, up.err);
        assert!(up.err.lines().all(retries), "{lab}: {}", up.err);
        assert!(up.out.contains(" passed\n"), "{lab}: {}", up.out);
        host.done(&["down"]);
    }
    host.assert_nothing_is_left();
}
