//! A micro-VM that does not answer, which is nothing to whoever works on this kernel.

use crate::host::{Host, said, until};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const RUNTIME: &str = "/run/deaf";
const FILE: &str = "/run/deaf.yaml";

fn runtime() {
    fs::create_dir(RUNTIME).unwrap();
    fs::set_permissions(RUNTIME, Permissions::from_mode(0o700)).unwrap();
}

/// A process that is stopped, and listens where a broker would.
struct Stopped(Child);

impl Stopped {
    fn listening() -> Self {
        let script = format!(
            "import os, signal, socket; s = socket.socket(socket.AF_UNIX); \
             s.bind('{RUNTIME}/control'); s.listen(); os.kill(os.getpid(), signal.SIGSTOP)"
        );
        let child = Command::new("/usr/bin/python3").args(["-c", &script]).spawn().unwrap();
        let stat = format!("/proc/{}/stat", child.id());
        until("it is stopped", || fs::read_to_string(&stat).unwrap().contains(") T "));
        Self(child)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn nobody_asks_a_micro_vm_for_a_lab_that_is_known_to_be_here() {
    let host = Host::new();
    runtime();
    let _never_answers = UnixListener::bind(format!("{RUNTIME}/control")).unwrap();
    fs::write(FILE, "nodes: {a: {}, b: {}}\nlinks: [a -- b]\n").unwrap();
    let verbs: [(&str, &[&str]); 11] = [
        ("host", &["up", "--no-check", FILE]),
        ("host", &["ls"]),
        ("host", &["check"]),
        ("host", &["exec", "a", "true"]),
        ("auto", &["exec", "deaf", "a", "true"]),
        ("auto", &["check", "deaf"]),
        ("auto", &["link", "deaf", "a:eth0", "down"]),
        ("auto", &["reset", "deaf"]),
        ("auto", &["up", "--no-check", FILE]),
        ("auto", &["down", "deaf"]),
        ("host", &["down", "--all"]),
    ];
    for (kernel, verb) in verbs {
        let begun = Instant::now();
        let mut command = host.vrflab(verb);
        command.env("VRFLAB_KERNEL", kernel).env("VRFLAB_RUNTIME_DIR", RUNTIME);
        let said = said(&command.output().unwrap());
        assert_eq!(said.status, 0, "{verb:?}: {said:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{verb:?}: {:?}", begun.elapsed());
    }
    host.assert_nothing_is_left();
}

#[test]
fn labs_that_are_here_are_listed_and_taken_down_though_the_micro_vm_does_not_answer() {
    let host = Host::new();
    runtime();
    let stopped = Stopped::listening();
    fs::write(FILE, "nodes: {a: {}}\n").unwrap();
    host.done(&["up", "--no-check", FILE]);
    let run = |verb: &[&str]| {
        let mut command = host.vrflab(verb);
        command.env("VRFLAB_KERNEL", "auto").env("VRFLAB_RUNTIME_DIR", RUNTIME);
        said(&command.output().unwrap())
    };
    let silent = "vrflab: the micro-VM does not answer: its broker is stopped";
    let ls = run(&["ls"]);
    assert_eq!((ls.status, ls.out.trim_end()), (3, "deaf                             host"));
    assert!(ls.err.starts_with(silent), "{ls:?}");
    // Which lab is meant cannot be known.
    let down = run(&["down"]);
    assert!(down.status == 3 && down.out.is_empty() && down.err.starts_with(silent), "{down:?}");
    let down = run(&["down", "other"]);
    assert!(down.status == 3 && down.out.is_empty() && down.err.starts_with(silent), "{down:?}");
    let down = run(&["down", FILE]);
    assert_eq!((down.status, down.out.as_str()), (3, "deaf is down\n"));
    assert!(down.err.starts_with(silent), "{down:?}");
    drop(stopped);
    host.assert_nothing_is_left();
}
