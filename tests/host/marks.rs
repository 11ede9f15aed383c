//! Namespaces that are a lab's, and others under their names.

use crate::host::{Host, lab, names};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const FILE: &str = "/run/lab.dot";

fn ip(arguments: &str) {
    let words = arguments.split_whitespace();
    assert!(Command::new("ip").args(words).status().unwrap().success(), "ip {arguments}");
}

#[test]
fn nothing_is_changed_in_a_namespace_of_somebody_elses() {
    let host = Host::new();
    fs::write(FILE, "graph { a -- r -- b; r [role=router] }").unwrap();
    host.done(&["up", FILE]);
    // It has all that the lab's own has, even the mark that can be seen.
    let mark = host.done(&["exec", "a", "--", "cat", "/sys/class/net/lo/ifalias"]);
    ip("netns del lab-a");
    ip("netns add lab-a");
    let set = ["-n", "lab-a", "link", "set", "lo", "alias", mark.trim()];
    assert!(Command::new("ip").args(set).status().unwrap().success());
    ip("-n lab-a link add eth0 up type bridge");
    ip("-n lab-a address add 192.0.2.1/24 dev eth0");
    let held = || {
        let show = ["-n", "lab-a", "-oneline", "address"];
        String::from_utf8(Command::new("ip").args(show).output().unwrap().stdout).unwrap()
    };
    let before = held();
    for words in [
        ["link", "a:eth0", "down"].as_slice(),
        &["link", "a:eth0", "up"],
        &["link", "r:eth1", "down", "--reroute"],
        &["impair", "a:eth0", "tbf", "rate", "1mbit", "burst", "10k", "latency", "1s"],
        &["check"],
    ] {
        let said = host.run(words);
        assert_eq!(said.status, 3, "{words:?}: {said:?}");
        assert_eq!(said.err, "vrflab: the namespace `lab-a` is not this lab's\n", "{words:?}");
    }
    assert_eq!(held(), before);
    assert_eq!(host.run(&["reset"]).status, 4);
    assert_eq!(host.run(&["down"]).status, 1);
    assert_eq!(held(), before);
    ip("netns del lab-a");
    host.assert_nothing_is_left();
}

#[test]
fn what_is_no_namespace_of_the_labs_stays_whatever_it_is() {
    let host = Host::new();
    fs::write(FILE, "graph { file; empty; mount; link; fifo; directory; gone }").unwrap();
    host.done(&["up", "--no-check", FILE]);
    for name in names("/run/netns") {
        ip(&format!("netns del {name}"));
    }
    let at = |name: &str| format!("/run/netns/lab-{name}");
    fs::write(at("file"), "somebody's").unwrap();
    fs::write("/run/plain", "").unwrap();
    for name in ["empty", "mount"] {
        let mut unfinished = fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(unfinished.write(true).create_new(true), 0o444);
        unfinished.open(at(name)).unwrap();
    }
    fs::set_permissions("/run/plain", fs::Permissions::from_mode(0o444)).unwrap();
    let none = None::<&str>;
    let bind = nix::mount::MsFlags::MS_BIND;
    nix::mount::mount(Some("/run/plain"), at("mount").as_str(), none, bind, none).unwrap();
    std::os::unix::fs::symlink("/proc/self/ns/net", at("link")).unwrap();
    nix::unistd::mkfifo(at("fifo").as_str(), nix::sys::stat::Mode::S_IRUSR).unwrap();
    fs::create_dir(at("directory")).unwrap();
    let down = host.run(&["down"]);
    assert_eq!((down.status, down.out.as_str()), (1, "lab is down\n"));
    let left = ["lab-directory", "lab-fifo", "lab-file", "lab-link", "lab-mount"];
    assert_eq!(names("/run/netns"), left);
    for name in left {
        let line = format!("vrflab: `{name}` is not this lab's, so it is left alone\n");
        assert!(down.err.contains(&line), "{}", down.err);
    }
    assert_eq!(fs::read_to_string(at("file")).unwrap(), "somebody's");
    nix::mount::umount(at("mount").as_str()).unwrap();
    fs::remove_dir(at("directory")).unwrap();
    for name in ["file", "mount", "link", "fifo"] {
        fs::remove_file(at(name)).unwrap();
    }
    host.assert_nothing_is_left();
}

#[test]
fn a_node_that_takes_its_mark_off_is_still_the_labs() {
    let host = Host::new();
    fs::write(FILE, "graph { a [run=\"ip link set lo alias other; exec sleep 1003\"]; b; a -- b }")
        .unwrap();
    host.done(&["up", FILE]);
    let alias = ["exec", "a", "--", "cat", "/sys/class/net/lo/ifalias"];
    crate::host::until("the mark is off", || host.done(&alias) == "other\n");
    host.done(&["check"]);
    host.done(&["link", "a:eth0", "down"]);
    assert_eq!(host.done(&["down"]), "lab is down\n");
    let found = Command::new("pgrep").args(["-f", "^sleep 1003$"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    host.assert_nothing_is_left();
}

#[test]
fn a_namespace_of_somebody_elses_is_left_alone() {
    let host = Host::new();
    ip("netns add two-hosts-h2");
    let refused = host.run(&["up", &lab("two-hosts.yaml")]);
    assert_eq!(refused.status, 4, "{refused:?}");
    assert!(refused.err.contains("`two-hosts-h2`"), "{}", refused.err);
    assert_eq!(names("/run/netns"), ["two-hosts-h2"]);
    assert!(!Path::new("/run/vrflab").exists());
    ip("netns del two-hosts-h2");

    host.done(&["up", &lab("two-hosts.yaml")]);
    ip("netns del two-hosts-h1");
    ip("netns add two-hosts-h1");
    ip("-n two-hosts-h1 link set dev lo alias mine");
    let down = host.run(&["down"]);
    assert_eq!((down.status, down.out.as_str()), (1, "two-hosts is down\n"));
    let left = "vrflab: `two-hosts-h1` is not this lab's, so it is left alone\n";
    assert_eq!(down.err, left);
    assert_eq!(names("/run/netns"), ["two-hosts-h1"]);
    ip("netns del two-hosts-h1");
    host.assert_nothing_is_left();
}

#[test]
fn reset_takes_nothing_away_that_it_could_not_build_again() {
    let host = Host::new();
    host.done(&["up", &lab("two-hosts.yaml")]);
    ip("netns del two-hosts-h1");
    ip("netns add two-hosts-h1");
    let reset = host.run(&["reset"]);
    assert_eq!(reset.status, 4, "{reset:?}");
    assert!(reset.err.contains("`two-hosts-h1` already, and it is not"), "{}", reset.err);
    assert_eq!(names("/run/netns"), ["two-hosts-h1", "two-hosts-h2"]);
    assert_eq!(host.done(&["exec", "h2", "--", "echo", "there"]), "there\n");
    ip("netns del two-hosts-h1");
    host.done(&["reset"]);
    host.done(&["check"]);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn nothing_is_run_or_checked_in_a_namespace_of_somebody_elses() {
    let host = Host::new();
    host.done(&["up", &lab("two-hosts.yaml")]);
    ip("netns del two-hosts-h1");
    ip("netns add two-hosts-h1");
    let exec = host.run(&["exec", "h1", "--", "true"]);
    assert_eq!(exec.status, 125, "{exec:?}");
    assert!(exec.err.contains("`two-hosts-h1` is there, and it is not this lab's"), "{}", exec.err);
    let check = host.run(&["check"]);
    assert_eq!(check.status, 3, "{check:?}");
    assert!(check.err.contains("`two-hosts-h1` is not this lab's"), "{}", check.err);
    assert_eq!(host.run(&["down"]).status, 1);
    ip("netns del two-hosts-h1");
    host.assert_nothing_is_left();
}

#[test]
fn up_does_not_take_a_ruin_for_a_lab() {
    let host = Host::new();
    let file = lab("two-hosts.yaml");
    host.done(&["up", "--no-check", &file]);
    ip("netns del two-hosts-h2");
    let up = host.run(&["up", &file]);
    assert_eq!((up.status, up.out.as_str()), (1, ""));
    let expected = "\
vrflab: the namespace `two-hosts-h2` is gone
two-hosts: is up, and not whole; `vrflab reset two-hosts` builds it anew
";
    assert_eq!(up.err, expected);
    host.done(&["reset"]);
    host.done(&["check"]);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_whose_record_cannot_be_read_goes_by_its_marks() {
    let host = Host::new();
    fs::write(FILE, "graph { a [run=\"sleep 1015\"]; b; a -- b }").unwrap();
    for noted in [true, false] {
        host.done(&["up", "--no-check", FILE]);
        host.done(&["up", "--no-check", "--name", "lab-a", &lab("two-hosts.yaml")]);
        fs::write("/run/vrflab/lab/lab.json", "{\"of\": \"another version\"}").unwrap();
        if !noted {
            fs::remove_file("/run/vrflab/lab/namespaces").unwrap();
        }
        ip("netns add lab-foreign");
        let down = host.run(&["down", "lab"]);
        assert_eq!(down.status, 3, "{down:?}");
        assert!(down.err.contains("`vrflab down --force lab` takes away"), "{}", down.err);
        assert_eq!(host.done(&["down", "--force", "lab"]), "lab is down\n");
        assert_eq!(names("/run/netns"), ["lab-a-h1", "lab-a-h2", "lab-foreign"]);
        let found = Command::new("pgrep").args(["-f", "^sleep 1015$"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");
        host.done(&["check", "lab-a"]);
        host.done(&["down", "--force", "lab-a"]);
        ip("netns del lab-foreign");
    }
    host.assert_nothing_is_left();
}

#[test]
fn no_lab_is_made_within_a_node() {
    let host = Host::new();
    host.done(&["up", "--no-check", &lab("two-hosts.yaml")]);
    fs::write(FILE, "graph { a -- b }").unwrap();
    let program = crate::host::program().to_str().unwrap();
    for verb in [["up", FILE].as_slice(), &["reset", "two-hosts"]] {
        let words = [&["exec", "h1", "--", program, "--kernel", "host"], verb].concat();
        let said = host.run(&words);
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{verb:?}");
        assert!(said.err.contains("in the node `two-hosts-h1` of a lab"), "{}", said.err);
    }
    host.done(&["check"]);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_of_another_mount_namespace_is_said_to_be_there() {
    let host = Host::new();
    fs::write(FILE, "graph { a -- b }").unwrap();
    let program = crate::host::program();
    let mut other = Command::new("unshare");
    other.args(["-m", "--propagation", "private", "sh", "-c", "\"$@\" && exec sleep 1016", "sh"]);
    other.arg(program).args(["--kernel", "host", "up", "--no-check", FILE]);
    let mut other = other.stdout(std::process::Stdio::null()).spawn().unwrap();
    let record = "/run/vrflab/lab/lab.json";
    crate::host::until("the lab is up", || {
        fs::read_to_string(record).is_ok_and(|text| text.contains("\"phase\":\"up\""))
    });
    let place = format!("`nsenter -t {} -m vrflab down lab`\n", other.id());
    for (words, status) in [
        (["down", "lab"].as_slice(), 1),
        (&["check", "lab"], 2),
        (&["exec", "lab", "a", "--", "true"], 125),
        (&["up", FILE], 2),
    ] {
        let said = host.run(words);
        assert_eq!((said.status, said.out.as_str()), (status, ""), "{words:?}: {said:?}");
        assert!(said.err.ends_with(&place), "{words:?}: {}", said.err);
    }
    let mut there = Command::new("nsenter");
    there.args(["-t", &other.id().to_string(), "-m"]).arg(program);
    assert!(there.args(["--kernel", "host", "down", "lab"]).status().unwrap().success());
    other.kill().unwrap();
    other.wait().unwrap();
    host.assert_nothing_is_left();
}
