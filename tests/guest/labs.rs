//! Every lab that comes with the program comes up, all its checks hold, and nothing differs from what was built.

use crate::host::Host;
use std::fs;
use std::path::PathBuf;
use vrflab::document::Format;

/// Labs by name, but for one whose daemons converge in a test of its own.
fn labs() -> Vec<PathBuf> {
    let mut labs: Vec<PathBuf> = ["labs", "labs/zoo"]
        .into_iter()
        .flat_map(|folder| fs::read_dir(crate::host::file(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| Format::of_name(path.to_str().unwrap()).is_some())
        .filter(|path| !path.ends_with("frr.yaml"))
        .collect();
    labs.sort();
    assert!(labs.len() >= 22, "{labs:?}");
    labs
}

/// How many tests share the labs among them, each of which has a time limit of its own.
const PARTS: usize = 6;

fn come_up_and_go_down_again(part: usize) {
    let host = Host::new();
    for lab in labs().iter().skip(part).step_by(PARTS) {
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

mod every_lab_comes_up_with_all_its_checks_and_goes_down_again {
    macro_rules! parts {
        ($($name:ident $part:literal)*) => {
            $(
                #[test]
                fn $name() {
                    super::come_up_and_go_down_again($part);
                }
            )*

            #[test]
            fn in_as_many_parts_as_there_are() {
                assert_eq!([$($part),*], std::array::from_fn::<usize, { super::PARTS }, _>(|part| part));
            }
        };
    }

    parts! { first 0 second 1 third 2 fourth 3 fifth 4 sixth 5 }
}
