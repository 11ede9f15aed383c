//! Processes of a lab, wherever they have got to: none of them outlives it.

use crate::host::{Host, lab, said, until};
use nix::mount::{MntFlags, umount2};
use std::fs;
use std::process::{Command, Stdio};

const FILE: &str = "/run/it.yaml";

/// A lab of one node that runs a command.
fn with_command(command: &str) -> Host {
    let host = Host::new();
    fs::write(FILE, format!("nodes:\n  h1:\n    run:\n    - |\n      {command}\n")).unwrap();
    host.done(&["up", "--no-check", FILE]);
    host
}

fn goes(host: Host) {
    assert_eq!(host.done(&["down"]), "it is down\n");
    gone(host);
}

fn gone(host: Host) {
    host.assert_nothing_is_left();
}

/// Whether a process runs whose command line is this.
fn is_running(line: &str) -> bool {
    let found = Command::new("pgrep").args(["-f", &format!("^{line}$")]).output().unwrap();
    !found.stdout.is_empty()
}

/// What makes `down` look for processes by their namespaces alone, as on a host without control groups.
fn without_control_groups() {
    let mounts = fs::read_to_string("/proc/thread-self/mounts").unwrap();
    for mount in mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()) {
        if mount[2] == "cgroup2" {
            umount2(mount[1], MntFlags::MNT_DETACH).unwrap();
        }
    }
}

fn without_ptrace(host: &Host, words: &[&str]) -> crate::host::Said {
    let vrflab = host.vrflab(words);
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-sys_ptrace"]).arg(vrflab.get_program()).args(words);
    said(&command.env("VRFLAB_KERNEL", "host").stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_process_that_moved_to_another_namespace_ends() {
    let host = with_command("unshare -n sleep 1010");
    until("the process runs", || is_running("sleep 1010"));
    goes(host);
    assert!(!is_running("sleep 1010"));
}

#[test]
fn a_process_whose_first_thread_has_ended_ends() {
    let host = with_command("true");
    without_control_groups();
    let script = "import ctypes, threading, time\n\
        threading.Thread(target=time.sleep, args=(1011,)).start()\n\
        print(flush=True)\n\
        ctypes.CDLL(None).pthread_exit(None)";
    let mut command = Command::new("ip");
    command.args(["netns", "exec", "it-h1", "/usr/bin/python3", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let state = format!("/proc/{}/stat", child.id());
    until("its first thread has ended", || fs::read_to_string(&state).unwrap().contains(") Z "));
    assert!(child.try_wait().unwrap().is_none(), "its second thread lives");
    goes(host);
    until("it has ended", || child.try_wait().unwrap().is_some());
}

#[test]
fn a_process_that_may_not_be_looked_at_ends_with_its_control_group() {
    let host = with_command("exec setpriv --reuid 65534 sleep 1012");
    until("the process runs", || is_running("sleep 1012"));
    let down = without_ptrace(&host, &["down"]);
    assert_eq!((down.status, down.out.as_str(), down.err.as_str()), (0, "it is down\n", ""));
    assert!(!is_running("sleep 1012"));
    gone(host);
}

#[test]
fn a_process_that_may_not_be_looked_at_is_said() {
    let host = Host::new();
    without_control_groups();
    fs::write(FILE, "nodes: {h1: {run: exec setpriv --reuid 65534 sleep 1013}}").unwrap();
    host.done(&["up", "--no-check", FILE]);
    until("the process runs", || is_running("sleep 1013"));
    let down = without_ptrace(&host, &["down"]);
    assert_eq!((down.status, down.out.as_str()), (1, "it is down\n"), "{down:?}");
    let begin =
        "vrflab: processes that may be in the lab cannot be looked at without CAP_SYS_PTRACE: ";
    assert!(down.err.starts_with(begin), "{}", down.err);
    assert!(is_running("sleep 1013"));
    assert!(Command::new("pkill").args(["-xf", "sleep 1013"]).status().unwrap().success());
    gone(host);
}

#[test]
fn a_chain_of_processes_that_takes_no_hint_ends() {
    let chain = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("chain-of-processes");
    let name = chain.display();
    fs::write(&chain, format!("trap '' TERM\nsh {name} &\n")).unwrap();
    let host = with_command(&format!("exec sh {name}"));
    goes(host);
    assert!(!is_running(&format!("sh {name}")));
}

#[test]
fn what_is_started_while_a_lab_goes_down_ends_or_is_not_started() {
    let host = Host::new();
    for _ in 0..20 {
        host.done(&["up", "--no-check", &lab("two-hosts.yaml")]);
        let exec = ["exec", "two-hosts", "h1", "--", "sleep", "1014"];
        let quietly = |mut command: Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut begun: Vec<_> = (0..8).map(|_| quietly(host.vrflab(&exec))).collect();
        host.done(&["down"]);
        for child in &mut begun {
            until("the command has ended", || child.try_wait().unwrap().is_some());
        }
    }
    assert!(!is_running("sleep 1014"));
    host.assert_nothing_is_left();
}

#[test]
fn control_groups_go_with_their_lab() {
    let host = Host::new();
    host.done(&["up", "--no-check", "--name", "groups-of-a-lab", &lab("two-hosts.yaml")]);
    let group = host.done(&["exec", "h1", "--", "sh", "-c", "grep ^0:: /proc/self/cgroup"]);
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    if let Some(root) = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2")) {
        let own = group.trim().strip_prefix("0::/vrflab-groups-of-a-lab/").unwrap();
        assert!(own.ends_with("/groups-of-a-lab-h1-ns"), "{own}");
        let root = root.split(' ').nth(1).unwrap();
        let top = format!("{root}/vrflab-groups-of-a-lab");
        assert!(fs::exists(&top).unwrap());
        host.done(&["down"]);
        assert!(!fs::exists(&top).unwrap());
    } else {
        host.done(&["down"]);
    }
    host.assert_nothing_is_left();
}

#[test]
fn a_teardown_does_not_wait_for_another_lab_of_its_name() {
    let host = Host::new();
    host.done(&["up", "--no-check", "--name", "of-one-name", &lab("two-hosts.yaml")]);
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    // What stands in a container of its own is below the same control group.
    let other = root.map(|root| {
        let root = root.split(' ').nth(1).unwrap();
        let group = format!("{root}/vrflab-of-one-name/1/other-ns");
        fs::create_dir_all(&group).unwrap();
        let child = Command::new("sleep").arg("1015").spawn().unwrap();
        fs::write(format!("{group}/cgroup.procs"), child.id().to_string()).unwrap();
        (group, child)
    });
    host.done(&["down"]);
    if let Some((group, mut child)) = other {
        assert!(child.try_wait().unwrap().is_none(), "it is nobody's of this lab");
        child.kill().unwrap();
        child.wait().unwrap();
        for group in std::path::Path::new(&group).ancestors().take(3) {
            until("the group is empty", || fs::remove_dir(group).is_ok());
        }
    }
    host.assert_nothing_is_left();
}
