//! Labs come up, are looked at and go down.

use crate::host::{Host, lab, names, said};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The lines of a text without the times in it.
fn without_times(text: &str) -> Vec<String> {
    let line = |line: &str| match line.split_once(" built in ") {
        Some((before, _)) => format!("{before} built"),
        None => line.to_owned(),
    };
    text.lines().map(line).collect()
}

fn comes_up_and_goes_down(file: &str, name: &str, size: &str, checks: &str) {
    let host = Host::new();
    let up = host.run(&["up", &lab(file)]);
    assert_eq!((up.status, up.err.as_str()), (0, ""));
    assert_eq!(
        without_times(&up.out),
        [format!("{name}: {size} built"), format!("{name}: {checks} checks passed")]
    );
    assert_eq!(host.done(&["ls"]).split_whitespace().collect::<Vec<_>>(), [name, "host"]);
    assert_eq!(host.done(&["check"]), format!("{name}: {checks} checks passed\n"));
    assert_eq!(host.done(&["down"]), format!("{name} is down\n"));
    assert_eq!(host.done(&["ls"]), "");
    host.assert_nothing_is_left();
}

#[test]
fn two_hosts_reach_each_other() {
    comes_up_and_goes_down("two-hosts.yaml", "two-hosts", "2 nodes and 1 link", "4");
}

#[test]
fn hosts_on_a_bridge_reach_each_other() {
    comes_up_and_goes_down("bridge.dot", "bridge", "4 nodes and 3 links", "4");
}

#[test]
fn routers_reach_each_other() {
    comes_up_and_goes_down("routers.dot", "routers", "5 nodes and 5 links", "6");
}

#[test]
fn a_report_is_data_where_it_is_asked_for() {
    let host = Host::new();
    host.done(&["up", "--no-check", &lab("two-hosts.yaml")]);
    let report: serde_json::Value = serde_json::from_str(&host.done(&["check", "--json"])).unwrap();
    assert_eq!((&report["passed"], &report["failed"]), (&4.into(), &0.into()));
    assert_eq!(report["checks"][0]["check"], "h1 -> h2");
    assert_eq!(report["checks"][0]["ok"], true);
    let list: serde_json::Value = serde_json::from_str(&host.done(&["ls", "--json"])).unwrap();
    let lab = serde_json::json!({
        "lab": "two-hosts",
        "kernel": "host",
        "commands": 0,
        "commands_left_out": false,
        "failed_commands": [],
    });
    assert_eq!(list, serde_json::json!([lab]));
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn checks_that_the_file_does_not_have_are_made_and_their_faults_said() {
    let host = Host::new();
    host.done(&["up", "--no-check", &lab("two-hosts.yaml")]);
    let measure =
        ["check", "--json", "--only", "h1 -> h2 count 20 loss < 5%", "--only", "h1 -> h1"];
    let report: serde_json::Value = serde_json::from_str(&host.done(&measure)).unwrap();
    assert_eq!(report["checks"][0]["check"], "h1 -> h2 count 20 loss < 5%");
    assert_eq!(report["checks"][0]["probes"][0]["answered"], 20);
    assert_eq!(report["passed"], 2);
    let wrong = host.run(&["check", "--only", "h1 -> h2 cuont 20"]);
    assert_eq!(wrong.status, 2, "{wrong:?}");
    assert!(wrong.err.contains(" --> --only:1:10\n"), "{}", wrong.err);
    assert!(wrong.err.contains("did you mean `count`?"), "{}", wrong.err);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_failed_check_is_said_and_leaves_the_lab_up() {
    let host = Host::new();
    host.done(&["up", &lab("two-hosts.yaml")]);
    let ip = ["exec", "h2", "--", "ip", "link", "set", "eth0", "down"];
    host.done(&ip);
    let check = host.run(&["check"]);
    assert_eq!(check.status, 1, "{check:?}");
    assert!(check.out.contains("FAILED  h1 -> h2\n"), "{}", check.out);
    let end = "two-hosts: 2 checks passed, 2 failed\ntwo-hosts: 1 thing differs from what was \
               built\n        eth0 of h2 is down\n";
    assert!(check.out.ends_with(end), "{}", check.out);
    assert_eq!(names("/run/netns"), ["two-hosts-h1", "two-hosts-h2"]);
    host.done(&["reset"]);
    host.done(&["check"]);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn output_that_cannot_be_written_is_a_failure_unless_its_reader_has_gone() {
    let host = Host::new();
    let file = lab("two-hosts.yaml");
    host.done(&["up", "--no-check", &file]);
    for words in [
        ["validate", &file].as_slice(),
        &["validate", "--format", "json", &file],
        &["verify", &file],
        &["verify", "--json", &file],
        &["plan", &file],
        &["compile", &file],
        &["schema"],
        &["check"],
        &["check", "--json"],
        &["ls", "--json"],
        &["up", &file],
        &["--help"],
    ] {
        let to = |file: Stdio| said(&host.vrflab(words).stdout(file).output().unwrap());
        let full = to(fs::File::create("/dev/full").unwrap().into());
        assert_eq!(full.status, 3, "{words:?}: {full:?}");
        let why = "vrflab: the output cannot be written: No space left on device (os error 28)\n";
        assert_eq!(full.err, why, "{words:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let gone = to(writer.into());
        assert_eq!((gone.status, gone.err.as_str()), (0, ""), "{words:?}");
    }
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn nothing_is_made_in_the_namespace_that_the_program_is_called_in() {
    let host = Host::new();
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    let mut watch = Command::new("ip")
        .args(["-oneline", "monitor", "link", "address", "route"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It listens once it has shown something, so a device of this test's own begins and ends it.
    let mut seen = std::io::BufRead::lines(std::io::BufReader::new(watch.stdout.take().unwrap()));
    let sign = |name: &str| {
        let add = ["link", "add", name, "type", "bridge"];
        assert!(Command::new("ip").args(add).status().unwrap().success());
    };
    crate::host::until("the watch listens", || {
        let text = std::fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
        text.lines().filter(|line| line.split_whitespace().nth(3) != Some("00000000")).count() > 1
    });
    sign("begin");
    host.done(&["up", &lab("bridge.dot")]);
    host.done(&["down"]);
    sign("end");
    let mut lines = Vec::new();
    loop {
        let line = seen.next().unwrap().unwrap();
        let end = line.contains(" end: ");
        lines.push(line);
        if end {
            break;
        }
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(
        lines.iter().all(|line| line.contains(" begin: ") || line.contains(" end: ")),
        "{lines:#?}"
    );
    host.assert_nothing_is_left();
}

#[test]
fn the_labs_of_root_are_nobody_elses() {
    let host = Host::new();
    host.done(&["up", "--no-check", &lab("two-hosts.yaml")]);
    // The program may lie where only root gets to.
    let program = "/run/vrflab-for-all";
    fs::copy(env!("CARGO_BIN_EXE_vrflab"), program).unwrap();
    let nobody = |words: &[&str]| {
        said(&Command::new(program).args(words).uid(65534).env("HOME", "/").output().unwrap())
    };
    let verbs = [
        ["down", "two-hosts"],
        ["down", "--all"],
        ["check", "two-hosts"],
        ["verify", "two-hosts"],
        ["reset", "two-hosts"],
    ];
    for words in verbs {
        let said = nobody(&[&["--kernel", "host"], &words[..]].concat());
        assert_eq!(said.status, 3, "{said:?}");
        assert!(said.err.contains("two-hosts is root's"), "{}", said.err);
    }
    let said = nobody(&["--kernel", "host", "down", &lab("two-hosts.yaml")]);
    assert_eq!(said.status, 2);
    assert!(
        said.err.ends_with("two-hosts.yaml is up that is yours; others are root's\n"),
        "{said:?}"
    );
    assert!(nobody(&["--kernel", "host", "ls"]).out.starts_with("two-hosts "));
    fs::remove_file(program).unwrap();
    host.done(&["down"]);
    host.assert_nothing_is_left();
}
