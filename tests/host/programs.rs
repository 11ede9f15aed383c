//! Commands, rulesets and files that are part of a node.

use crate::host::{Host, OUTPUTS, file, names, until};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::io::Read;

fn web() -> String {
    file("tests/host/programs/web.yaml").into_os_string().into_string().unwrap()
}

fn fetch(host: &Host, port: &str, path: &str) -> (i32, String) {
    let address = format!("http://server:{port}/{path}");
    let script = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())";
    let said = host.run(&["exec", "client", "--", "/usr/bin/python3", "-c", script, &address]);
    (said.status, said.out.trim_end().to_owned())
}

#[test]
fn commands_run_in_their_node_with_its_files_and_their_output_is_kept() {
    let host = Host::new();
    host.done(&["up", &web()]);
    until("the server answers", || fetch(&host, "80", "settings.conf").0 == 0);
    assert_eq!(fetch(&host, "80", "settings.conf"), (0, "colour=blue".to_owned()));
    let begun = "\
== server 1: cat /etc/motd /etc/own/settings.conf && ls /run
this is the server
colour=blue
netns
vrflab
[vrflab: the command ended with status 0]
== server 2: echo $0 begins && exit 3
/bin/sh begins
[vrflab: the command ended with status 3]
== server 3: exec /usr/bin/python3 -m http.server 80 --directory /etc/own
";
    until(&format!("both commands that end have ended: {}", host.done(&["logs"])), || {
        host.done(&["logs"]).starts_with(begun)
    });
    assert_eq!(host.done(&["logs", "web", "server"]), host.done(&["logs"]));
    assert_eq!(
        host.run(&["logs", "web", "client"]).err,
        "vrflab: client of web has no output of commands\n"
    );

    assert_eq!(host.done(&["down"]), "web is down\n");
    let kept = host.done(&["logs", "web"]);
    assert!(kept.ends_with("told to end\n"), "{kept}");
    assert_eq!(names("/run/netns"), Vec::<String>::new());
    assert_eq!(names(OUTPUTS), ["web"]);

    // The next lab of the name begins anew, with whatever its commands write now.
    std::fs::write(format!("{OUTPUTS}/web/server.9"), "old").unwrap();
    host.done(&["up", "--no-check", &web()]);
    assert!(!names(format!("{OUTPUTS}/web")).contains(&"server.9".to_owned()));
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_port_is_left_to_the_commands_of_its_node() {
    let host = Host::new();
    let file = file("tests/host/programs/serving.yaml");
    // It is waited for, and not in its way.
    let up = host.done(&["up", file.to_str().unwrap()]);
    assert!(up.contains("serving: 5 checks passed\n"), "{up}");
    let logs = host.done(&["logs", "serving", "late"]);
    assert!(!logs.contains("[vrflab"), "{logs}");

    let only = |check: &str| host.run(&["check", "serving", "--json", "--only", check]);
    let json: serde_json::Value =
        serde_json::from_str(&only("client -> late tcp 80 served").out).unwrap();
    let server = &json["checks"][0]["probes"][0]["servers"][0];
    assert_eq!(server["node"], "late");
    assert_eq!(server["opened"], false);
    assert_eq!(server["command"], "/usr/bin/python3 -m http.server 80");
    assert!(server["pid"].is_u64(), "{json}");

    let only = |check: &str| host.run(&["check", "serving", "--only", check]);
    let lives = "late runs `sleep 2; exec /usr/bin/python3 -m http.server 80`, which may still come \
                 to listen there, so vrflab opens the port only if the check says `tcp 81 opened`.";
    let died = "All commands of dead have ended: `printf begun; exit 3` ended with status 3 \
                (`vrflab logs serving dead`). vrflab does not listen in their place.";
    for (check, reason, why) in [
        ("client -> late tcp 81", "nobody listens on tcp port 81 of late", lives),
        (
            "client -> late udp 81",
            "nobody listens on udp port 81 of late",
            &lives.replace("tcp", "udp"),
        ),
        ("client -> dead tcp 80", "nobody listens on tcp port 80 of dead", died),
        ("client -> dead tcp 80 served", "nobody listens on tcp port 80 of dead", ""),
        (
            "client !> dead tcp 80",
            "nobody listens on tcp port 80 of dead, so silence proves nothing",
            died,
        ),
        ("client -> set-up tcp 80 served", "nobody listens on tcp port 80 of set-up", ""),
    ] {
        let said = only(check);
        assert_eq!(said.status, 1, "{}{}", said.out, said.err);
        assert!(
            said.out.starts_with(&format!("FAILED  {check}\n        {reason}\n")),
            "{}",
            said.out
        );
        assert!(said.out.contains(why), "{}", said.out);
    }
    // None of the commands is meant to have it; who has it is left to answer all the same.
    for check in [
        "client -> late tcp 81 opened",
        "client -> late udp 81 opened count 3",
        "client -> dead tcp 80 opened",
        "client -> late tcp 80 opened",
    ] {
        let said = only(check);
        assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    }
    let said = only("client !> late tcp 81 opened").out;
    assert!(
        said.starts_with(
            "FAILED  client !> late tcp 81 opened\n        late answers, though it must not\n"
        ),
        "{said}"
    );
    // The kernel's own rules, by which it goes, were built by nobody.
    assert!(!said.contains("not built"), "{said}");
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_ruleset_is_in_force_before_the_first_packet() {
    let host = Host::new();
    host.done(&["up", &web()]);
    until("the server answers", || fetch(&host, "80", "settings.conf").0 == 0);
    assert_ne!(fetch(&host, "81", "").0, 0, "the ruleset rejects it");
    host.done(&["exec", "server", "--", "nft", "flush", "ruleset"]);
    until("without the ruleset it answers", || fetch(&host, "81", "").0 == 0);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn what_nft_refuses_is_said_in_its_words_and_nothing_is_left() {
    let host = Host::new();
    let path = "/run/wrong.yaml";
    std::fs::write(
        path,
        "nodes:\n  h1:\n    nft: |\n      table inet x {\n        chian y {}\n      }\n",
    )
    .unwrap();
    let up = host.run(&["up", path]);
    assert_eq!(up.status, 2, "{}", up.err);
    let expected = "\
error[refused]: nft refused the ruleset
 --> /run/wrong.yaml:5:9
  |
5 |         chian y {}
  |         ^^^^^ syntax error, unexpected string

1 error; nothing was made
";
    assert_eq!(up.err, expected);
    host.assert_nothing_is_left();
}

#[test]
fn a_command_that_does_not_end_when_it_is_told_to_is_ended() {
    let host = Host::new();
    let path = "/run/stubborn.yaml";
    std::fs::write(path, "nodes: {h1: {run: \"trap '' TERM; sleep 1001\"}}\n").unwrap();
    host.done(&["up", "--no-check", path]);
    until("the command runs", || is_running("sleep 1001"));
    host.done(&["down"]);
    assert!(!is_running("sleep 1001"));
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_keeps_no_file_that_its_maker_had_open() {
    let host = Host::new();
    let path = "/run/sleeps.yaml";
    std::fs::write(path, "nodes: {h1: {run: sleep 1002}}\n").unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    host.done(&["up", "--no-check", path]);
    drop(writer);
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    until("nobody has the other end", || reader.read(&mut [0]).is_ok_and(|count| count == 0));
    // The shell that was started becomes it a moment later.
    until("the command runs", || is_running("sleep 1002"));
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn commands_begin_with_the_signals_of_a_fresh_process_however_up_was_called() {
    let host = Host::new();
    let path = "/run/signals.yaml";
    let show = "grep -E 'Sig(Ign|Blk)' /proc/self/status";
    std::fs::write(path, format!("nodes: {{h1: {{run: \"{show}\"}}}}\n")).unwrap();
    // As `nohup` does it, and as a program that waits for signals leaves it to its children.
    let mut up = std::process::Command::new("/usr/bin/python3");
    let script = "import os, signal, sys\n\
        signal.signal(signal.SIGHUP, signal.SIG_IGN)\n\
        signal.signal(signal.SIGINT, signal.SIG_IGN)\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGCHLD])\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    up.args(["-c", script]).arg(crate::host::program()).args(["up", "--no-check", path]);
    assert!(up.env("VRFLAB_KERNEL", "host").status().unwrap().success());
    until("it has been shown", || host.done(&["logs"]).contains("ended with status 0"));
    let logs = host.done(&["logs"]);
    let masks: Vec<u64> = logs
        .lines()
        .filter_map(|line| line.strip_prefix("SigBlk:").or(line.strip_prefix("SigIgn:")))
        // Those past 31 are the C library's own.
        .map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 0x7fff_ffff)
        .collect();
    assert_eq!(masks, [0, 0], "{logs}");
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn what_a_lab_has_is_as_readable_whatever_the_umask_is() {
    let host = Host::new();
    let path = "/run/modes.yaml";
    let as_nobody = "setpriv --reuid 65534 --clear-groups --regid 65534";
    let script = format!(
        "umask; {as_nobody} cat /etc/own/motd; {as_nobody} grep -c localhost /etc/hosts; \
         {as_nobody} ls -d /run/netns"
    );
    let lab = format!("nodes: {{h1: {{etc: {{own/motd: hello}}, run: \"{script}\"}}}}\n");
    std::fs::write(path, lab).unwrap();
    let mode = |path: &str| {
        let metadata = std::fs::symlink_metadata(path).unwrap();
        std::os::unix::fs::MetadataExt::mode(&metadata) & 0o777
    };
    for umask in ["000", "022", "077"] {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]);
        shell.arg(crate::host::program()).args(["up", "--no-check", path]);
        assert!(shell.env("VRFLAB_KERNEL", "host").status().unwrap().success());
        until("the command has ended", || host.done(&["logs"]).contains("the command ended"));
        let logs = host.done(&["logs"]);
        let said = "0022\nhello2\n/run/netns\n[vrflab: the command ended with status 0]\n";
        assert!(logs.ends_with(said), "{umask}: {logs}");
        let modes = [
            ("/run/netns", 0o755),
            ("/run/vrflab", 0o755),
            ("/run/vrflab/modes", 0o700),
            (OUTPUTS, 0o700),
            ("/var/lib/vrflab/output/modes", 0o700),
            ("/var/lib/vrflab/output/modes/h1.1", 0o600),
        ];
        for (path, expected) in modes {
            assert_eq!(mode(path), expected, "{umask} {path}");
        }
        host.done(&["down"]);
        nix::mount::umount("/run/netns").unwrap();
        std::fs::remove_dir("/run/netns").unwrap();
    }
    host.assert_nothing_is_left();
}

fn is_running(line: &str) -> bool {
    let found = std::process::Command::new("pgrep").args(["-f", &format!("^{line}$")]).output();
    !found.unwrap().stdout.is_empty()
}

#[test]
fn an_interrupted_lab_takes_its_commands_with_it() {
    let host = Host::new();
    let path = "/run/waits.yaml";
    // The check never holds, so that `up` waits for it while the command runs.
    let lab =
        "nodes: {h1: {run: sleep 1000}, h2: {}}\nlinks: [h1 -- h2]\nchecks: [h1 -> 192.0.2.1]\n";
    std::fs::write(path, lab).unwrap();
    let mut up = host.vrflab(&["up", path]).spawn().unwrap();
    until("the command runs", || {
        !names(format!("{OUTPUTS}/waits")).is_empty() && !host.done(&["ls"]).is_empty()
    });
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(up.id() as i32), nix::sys::signal::SIGINT)
        .unwrap();
    assert_eq!(up.wait().unwrap().code(), Some(130));
    assert!(!is_running("sleep 1000"));
    host.assert_nothing_is_left();
}

#[test]
fn commands_that_failed_are_named_and_nothing_is_waited_for_when_none_runs() {
    let host = Host::new();
    let path = "/run/died.yaml";
    // The check never holds. `h2` has nothing left to do, and that is no failure.
    let lab = "nodes: {h1: {run: [/no/such/daemon -d, 'kill -SEGV $$']}, h2: {run: 'true'}}\n\
               links: [h1 -- h2]\nchecks: [h1 -> 192.0.2.1]\n";
    std::fs::write(path, lab).unwrap();
    let begun = std::time::Instant::now();
    let up = host.run(&["up", path]);
    assert!(begun.elapsed().as_secs() < 30, "it does not wait for what cannot come");
    assert_eq!(up.status, 1);
    let named = "\
h1: `/no/such/daemon -d` ended with status 127 (`vrflab logs died h1`)
h1: `kill -SEGV $$` was ended by SIGSEGV (`vrflab logs died h1`)
";
    assert!(up.out.ends_with(&format!("died: 0 checks passed, 1 failed\n{named}")), "{}", up.out);
    assert!(host.run(&["check"]).out.ends_with(named));
    let indented: String = named.lines().map(|line| format!("  {line}\n")).collect();
    assert!(host.done(&["ls"]).ends_with(&indented), "{}", host.done(&["ls"]));
    let expected = serde_json::json!([
        {"node": "h1", "number": 1, "command": "/no/such/daemon -d", "status": 127},
        {"node": "h1", "number": 2, "command": "kill -SEGV $$", "signal": "SIGSEGV"},
    ]);
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(json(&host.run(&["check", "--json"]).out)["failed_commands"], expected);
    assert_eq!(json(&host.done(&["ls", "--json"]))[0]["failed_commands"], expected);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn settings_and_rulesets_that_would_be_refused_are_all_found_before_anything_is_made() {
    let host = Host::new();
    let path = "/run/settings.yaml";
    let lab = |third: &str, device: &str| {
        format!(
            "nodes:\n  h1:\n    sysctls:\n      net.ipv4.tcp_no_such_thing: 1\n      \
             net.ipv4.ip_forward: {third}\n      net.ipv4.conf.{device}.forwarding: 1\n    \
             nft: 'table inet x {{ chain y {{ iif \"eth0\" accept; }}; }}'\nlinks: [h1 -- h2]\n"
        )
    };
    std::fs::write(path, lab("many", "eth7")).unwrap();
    let up = host.run(&["up", path]);
    assert_eq!(up.status, 2, "{}", up.err);
    for (line, title) in [
        (4, "this kernel has no setting `net.ipv4.tcp_no_such_thing`"),
        (5, "the kernel refused a step: Invalid argument"),
        (6, "this kernel has no setting `net.ipv4.conf.eth7.forwarding`"),
    ] {
        let place = format!("/run/settings.yaml:{line}:7");
        assert!(up.err.contains(title) && up.err.contains(&place), "{title}: {}", up.err);
    }
    assert!(up.err.ends_with("3 errors; nothing was made\n"), "{}", up.err);
    host.assert_nothing_is_left();
    // A ruleset may name the interfaces of its node, and a setting be that of one.
    std::fs::write(
        path,
        lab("1", "eth0").replace("net.ipv4.tcp_no_such_thing: 1", "net.ipv4.tcp_sack: 1"),
    )
    .unwrap();
    host.done(&["up", path]);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_says_that_it_runs_commands_and_can_be_built_without_them() {
    let host = Host::new();
    let path = "/run/runs.yaml";
    let lab = "nodes: {h1: {run: [sleep 1003, exit 1]}, h2: {run: sleep 1003}}\n\
               links: [h1 -- h2]\nchecks: [h1 -> h2 tcp 80]\n";
    std::fs::write(path, lab).unwrap();
    let runs = "runs: runs 3 commands as root in its nodes\n";
    let validate = host.done(&["validate", path]);
    assert!(validate.ends_with(&format!("1 check\n{runs}")), "{validate}");

    let without = "runs: was built without running its 3 commands\n";
    let up = host.run(&["up", "--no-run", path]);
    assert_eq!((up.status, up.err.as_str()), (0, ""));
    assert!(up.out.ends_with(&format!("runs: 1 check passed\n{without}")), "{}", up.out);
    let listed = |label: &str| {
        let head = format!("{:32} host\n", "runs");
        assert_eq!(host.done(&["ls"]), format!("{head}  {label}\n"));
    };
    listed("was built without running its 3 commands");
    assert!(!is_running("sleep 1003"));
    assert_eq!(host.done(&["check"]), format!("runs: 1 check passed\n{without}"));
    host.done(&["reset"]);
    assert!(!is_running("sleep 1003"), "a lab is reset to what it was");
    assert_eq!(host.done(&["up", "--no-check", "--no-run", path]), "runs is up already\n");
    let with = host.run(&["up", path]);
    let already = "vrflab: runs is up already and was built without running its 3 commands; \
                   `vrflab down runs` takes it away\n";
    assert_eq!((with.status, with.err), (2, format!("{runs}{already}")));
    host.done(&["down"]);

    let up = host.run(&["up", "--no-check", path]);
    assert_eq!((up.status, up.err.as_str()), (0, runs));
    assert!(is_running("sleep 1003"));
    let with = |ls: &str| ls.contains("\n  runs 3 commands as root in its nodes\n  h1: `exit 1`");
    until("the failed command is listed", || with(&host.done(&["ls"])));
    let list: serde_json::Value = serde_json::from_str(&host.done(&["ls", "--json"])).unwrap();
    assert_eq!((&list[0]["commands"], &list[0]["commands_left_out"]), (&3.into(), &false.into()));
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_command_that_writes_without_end_fills_nothing() {
    let host = Host::new();
    let path = "/run/writes.yaml";
    // The second has a daemon that outlives it, and both write at once.
    let lab = "nodes:\n  h1:\n    run: [yes, \"(sleep 1; seq 1000000; echo last) &\"]\n";
    std::fs::write(path, lab).unwrap();
    host.done(&["up", "--no-check", path]);
    let logs = |text: &str| until(text, || host.done(&["logs", "writes"]).contains(text));
    logs("bytes that it wrote before this are not kept]\ny\n");
    logs("\n1000000\nlast\n");
    let size = |name: &str| {
        let path = format!("{OUTPUTS}/writes/{name}");
        std::fs::metadata(path).map_or(0, |found| found.len())
    };
    let largest = 8 << 20;
    assert!(size("h1.1") + size("h1.1.older") <= largest, "{:?}", names(OUTPUTS));
    assert_eq!(names("/run/vrflab"), ["writes"]);
    assert_eq!(host.done(&["down"]), "writes is down\n");
    let kept = host.done(&["logs", "writes"]);
    let head = "== h1 1\n[vrflab: ";
    assert!(kept.starts_with(head) && kept.len() > 3 << 20, "{}", &kept[..100]);
    assert!(kept.ends_with("\n1000000\nlast\n"), "{}", &kept[kept.len() - 100..]);
    host.assert_nothing_is_left();
}

#[test]
fn output_that_a_full_disk_does_not_take_is_said_to_be_lost() {
    let host = Host::new();
    let room = Some("mode=700,size=64k");
    mount(Some("outputs"), OUTPUTS, Some("tmpfs"), MsFlags::empty(), room).unwrap();
    let path = "/run/full.yaml";
    std::fs::write(path, "nodes: {h1: {run: [\"yes | head -c 100000; exit 3\"]}}").unwrap();
    assert_eq!(host.run(&["up", path]).status, 0);
    let lost =
        "[vrflab: what it wrote here could not be kept: No space left on device (os error 28)]";
    until("it is said", || host.done(&["logs", "full"]).contains(lost));
    let kept = host.done(&["logs", "full"]);
    assert!(kept.contains("y\ny\n") && kept.len() < 65536, "{}", kept.len());
    host.done(&["down"]);
    umount2(OUTPUTS, MntFlags::MNT_DETACH).unwrap();
    host.assert_nothing_is_left();
}

#[test]
fn commands_are_watched_by_the_program_that_runs_though_its_file_was_replaced() {
    let host = Host::new();
    let program = "/run/vrflab-replaced";
    std::fs::copy(host.vrflab(&[]).get_program(), program).unwrap();
    let mut command = std::process::Command::new(program);
    command.args(["up", "--no-check", "--name", "replaced", "-"]).env("VRFLAB_KERNEL", "host");
    let mut up = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::fs::remove_file(program).unwrap();
    std::fs::write(program, "no program").unwrap();
    let text = b"nodes: {h1: {run: echo works; sleep 1000}}";
    std::io::Write::write_all(&mut up.stdin.take().unwrap(), text).unwrap();
    assert!(up.wait().unwrap().success());
    until("the command works", || host.done(&["logs"]).contains("works"));
    host.done(&["down"]);
    std::fs::remove_file(program).unwrap();
    host.assert_nothing_is_left();
}
