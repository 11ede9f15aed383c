//! Checks of a lab that stands.

use crate::host::{Host, said};
use std::fs;
use std::process::Stdio;

const PORTS: &str = "nodes: {h1: {}, h2: {}}
links: [h1 -- h2]
checks: [h1 -> h2, h1 -> h2 tcp 80, h2 -> h1 tcp 80 data 100kB, h1 -> h2 udp 53 count 20, h1 -> h2 udp 9 refused]
";

#[test]
fn several_runs_at_once_on_one_lab_do_not_disturb_each_other() {
    let host = Host::new();
    fs::write("/run/ports.yaml", PORTS).unwrap();
    host.done(&["up", "/run/ports.yaml"]);
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let mut command = host.vrflab(&["check", "ports"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for run in runs {
        let ended = said(&run.wait_with_output().unwrap());
        assert_eq!(
            (ended.status, ended.out.as_str()),
            (0, "ports: 5 checks passed\n"),
            "{ended:?}"
        );
    }
    host.done(&["down"]);
    host.assert_nothing_is_left();
}
