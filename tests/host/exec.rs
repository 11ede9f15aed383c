//! Commands in nodes.

use crate::host::{Host, lab, names, said, until};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

fn with_two_hosts(test: impl FnOnce(&Host)) {
    let host = Host::new();
    host.done(&["up", "--no-check", &lab("two-hosts.yaml")]);
    test(&host);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn the_status_is_the_commands_own_or_that_of_shells() {
    with_two_hosts(|host| {
        let status = |words: &[&str]| host.run(&[&["exec"], words].concat()).status;
        assert_eq!(status(&["h1", "--", "true"]), 0);
        assert_eq!(status(&["h1", "--", "sh", "-c", "exit 7"]), 7);
        assert_eq!(status(&["h1", "--", "sh", "-c", "kill -TERM $$"]), 128 + 15);
        assert_eq!(status(&["h1", "--", "no-such-command"]), 127);
        assert_eq!(status(&["h1", "--", "/etc/passwd"]), 126);
        assert_eq!(status(&["h3", "--", "true"]), 125);
        assert_eq!(status(&["other", "h1", "--", "true"]), 125);
        assert_eq!(status(&["h1", "--vrf", "blue", "--", "true"]), 125);
    });
}

#[test]
fn a_command_ends_when_nobody_reads_it_and_blocks_no_signal() {
    with_two_hosts(|host| {
        let script = "while :; do echo x; done";
        let mut command = host.vrflab(&["exec", "h1", "--", "sh", "-c", script]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        until("it has ended", || child.try_wait().unwrap().is_some());
        let ended = std::os::unix::process::ExitStatusExt::signal(&child.wait().unwrap());
        assert_eq!(ended, Some(nix::libc::SIGPIPE));
        // What somebody wants ignored, as with `nohup`, stays so.
        let show = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"];
        let nohup = |words: &[&str]| {
            let mut nohup = Command::new("nohup");
            nohup.args(words).env("VRFLAB_KERNEL", "host").stdin(Stdio::null());
            let shown = said(&nohup.output().unwrap()).out;
            let masks = shown.lines().filter_map(|line| line.split_once(":\t"));
            // Those past 31 are the C library's own.
            let mask = |mask| u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff;
            masks.map(|(_, shown)| mask(shown)).collect::<Vec<u64>>()
        };
        let vrflab = crate::host::program().to_str().unwrap();
        let in_node = nohup(&[&[vrflab, "exec", "h1", "--"], &show[..]].concat());
        assert_eq!(in_node, [0, 1]);
        assert_eq!(in_node, nohup(&show));
    });
}

#[test]
fn what_cannot_be_started_is_said_with_its_name() {
    with_two_hosts(|host| {
        let err = |words: &[&str]| host.run(&[&["exec"], words].concat()).err;
        assert_eq!(
            err(&["h1", "--", "no-such-command"]),
            "vrflab: no-such-command: No such file or directory\n"
        );
        assert_eq!(err(&["h3", "--", "true"]), "vrflab: two-hosts has no node `h3`\n");
        assert_eq!(
            err(&["h1", "--vrf", "blue", "--", "true"]),
            "vrflab: h1 has no VRF `blue`; it has none\n"
        );
    });
}

#[test]
fn a_command_needs_no_dashes_before_it() {
    with_two_hosts(|host| {
        let loopback = |words: &[&str]| {
            let brief = ["ip", "-brief", "link", "show", "lo"];
            host.done(&[&["exec"], words, &brief].concat()).starts_with("lo ")
        };
        assert!(loopback(&["h1"]));
        assert!(loopback(&["two-hosts", "h1"]));
        assert!(loopback(&["two-hosts", "h1", "--"]));
        assert!(loopback(&["h1", "--kernel", "host"]));
        let err = |words: &[&str]| {
            let said = host.run(&[&["exec"], words].concat());
            assert_eq!((said.status, said.out.as_str()), (125, ""), "{said:?}");
            said.err
        };
        let no_node = "vrflab: say at which node of two-hosts: h1, h2\n";
        assert_eq!(err(&["two-hosts", "--", "true"]), no_node);
        assert_eq!(err(&["two-hosts"]), no_node);
        assert_eq!(err(&["two-hosts", "true"]), "vrflab: two-hosts has no node `true`\n");
        let no_vrf = "vrflab: h1 has no VRF `blue`; it has none\n";
        assert_eq!(err(&["h1", "--vrf=blue", "true"]), no_vrf);
        assert_eq!(err(&["--vrf", "blue", "h1", "true"]), no_vrf);
    });
}

#[test]
fn a_node_is_entered_from_within_itself_and_from_another() {
    with_two_hosts(|host| {
        let vrflab = env!("CARGO_BIN_EXE_vrflab");
        for other in ["h1", "h2"] {
            let own = ["exec", "h1", "--", vrflab, "exec", other, "--", "ip", "netns", "identify"];
            assert_eq!(host.done(&own), format!("two-hosts-{other}\n"));
        }
    });
}

#[test]
fn a_node_sees_its_own_interfaces_and_its_neighbours_names() {
    with_two_hosts(|host| {
        assert_eq!(host.done(&["exec", "h1", "--", "ls", "/sys/class/net"]), "eth0\nlo\n");
        assert_eq!(host.done(&["exec", "h1", "--", "ip", "netns", "identify"]), "two-hosts-h1\n");
        let own = host.done(&["exec", "h1", "--", "getent", "hosts", "h2"]);
        assert!(own.ends_with(" h2\n"), "{own}");
        host.done(&["exec", "h1", "--", "ping", "-c", "1", "-W", "5", "h2"]);
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap();
        assert!(!hosts.contains(" h2"), "the host keeps its own names");
    });
}

#[test]
fn ip_netns_sees_and_enters_the_nodes() {
    with_two_hosts(|_| {
        assert_eq!(names("/run/netns"), ["two-hosts-h1", "two-hosts-h2"]);
        let list = Command::new("ip").args(["netns", "list"]).output().unwrap();
        let list = said(&list).out;
        assert!(list.contains("two-hosts-h1") && list.contains("two-hosts-h2"), "{list}");
        let show = ["netns", "exec", "two-hosts-h1", "ip", "-oneline", "address", "show", "eth0"];
        let seen = said(&Command::new("ip").args(show).output().unwrap()).out;
        assert!(seen.contains("inet "), "{seen}");
    });
}

#[test]
fn without_a_command_a_shell_is_run() {
    with_two_hosts(|host| {
        let mut shell = host
            .vrflab(&["exec", "h2"])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(b"ip netns identify; exit 3\n").unwrap();
        let said = said(&shell.wait_with_output().unwrap());
        assert_eq!((said.status, said.out.as_str()), (3, "two-hosts-h2\n"));
    });
}

#[test]
fn a_shell_says_where_it_is_and_reads_no_start_up_files() {
    with_two_hosts(|_| {
        for file in [".bashrc", ".shrc"] {
            std::fs::write(format!("/run/{file}"), "echo a start-up file\n").unwrap();
        }
        for (shell, prompt) in [("/bin/bash", "h2:~# "), ("/bin/sh", "h2# ")] {
            // `script` gives it a terminal; it is a part of every Debian.
            let line = format!("{} exec h2", crate::host::program().display());
            let mut shell = Command::new("script")
                .args(["-qec", &line, "/dev/null"])
                .current_dir("/run")
                .envs([("SHELL", shell), ("HOME", "/run"), ("ENV", "/run/.shrc"), ("TERM", "dumb")])
                .env("VRFLAB_KERNEL", "host")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            shell.stdin.take().unwrap().write_all(b"ip netns identify\nexit 3\n").unwrap();
            let said = said(&shell.wait_with_output().unwrap());
            assert_eq!(said.status, 3, "{said:?}");
            assert!(said.out.contains(prompt) && said.out.contains("two-hosts-h2"), "{said:?}");
            assert!(!said.out.contains("start-up file"), "{said:?}");
        }
    });
}

#[test]
fn a_process_that_runs_in_a_node_ends_with_the_lab() {
    let host = Host::new();
    host.done(&["up", "--no-check", &lab("two-hosts.yaml")]);
    // The second is a child of its own in the background, as a daemon would be.
    let script = "sleep 1000 & echo ready $!; wait";
    let mut child = host
        .vrflab(&["exec", "h1", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let background: i32 = line.trim().strip_prefix("ready ").unwrap().parse().unwrap();
    host.done(&["down"]);
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
    let state = std::fs::read_to_string(format!("/proc/{background}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
    host.assert_nothing_is_left();
}
