//! Commands: statuses, streams, signals, several at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::machine::{Machine, err, out, piped, until};

#[test]
fn the_status_is_the_commands_own() {
    let vm = Machine::shared();
    for status in [0, 1, 7, 125, 255] {
        let script = format!("exit {status}");
        assert_eq!(vm.sh(&script).status().unwrap().code(), Some(status));
    }
}

#[test]
fn a_command_that_a_signal_kills_returns_as_in_a_shell() {
    let status = Machine::shared().sh("kill -KILL $$").status().unwrap();
    assert_eq!(status.code(), Some(128 + 9));
}

#[test]
fn a_command_that_cannot_be_run_is_told_from_one_that_fails() {
    let vm = Machine::shared();
    let missing = vm.run(&["no-such-command"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(127));
    assert!(err(&missing).contains("no-such-command"), "{}", err(&missing));
    assert_eq!(vm.run(&["/etc/passwd"]).output().unwrap().status.code(), Some(126));
    let nowhere = vm.run(&["true"]).current_dir("/run").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(125));
    assert!(err(&nowhere).contains("/run"), "{}", err(&nowhere));
}

#[test]
fn output_and_errors_stay_apart_and_input_ends() {
    let mut child = piped(&mut Machine::shared().sh("cat; echo done; echo complaint >&2"));
    child.stdin.take().unwrap().write_all(b"one\ntwo").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(out(&output), "one\ntwodone\n");
    assert!(err(&output).ends_with("complaint\n"), "{}", err(&output));
}

#[test]
fn arguments_and_environment_arrive_whatever_is_in_them() {
    let mut command = Machine::shared().sh(r#"printf '%s|' "$0" "$@" "$COLOUR" "$PATH""#);
    let path = std::env::var("PATH").unwrap();
    let output = command.args(["a b", "", "c\nd"]).env("COLOUR", "light blue").output().unwrap();
    assert_eq!(out(&output), format!("a b||c\nd|light blue|{path}|"));
}

#[test]
fn a_large_input_and_output_arrive_whole() {
    let mut child = piped(&mut Machine::shared().sh("cat"));
    let block: Vec<u8> = (0..1_000_003_u32).map(|number| (number % 251) as u8).collect();
    let mut input = child.stdin.take().unwrap();
    let sent = block.clone();
    let writer = std::thread::spawn(move || {
        (0..5).for_each(|_| input.write_all(&sent).unwrap());
    });
    let mut received = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert!(received == block.repeat(5), "{} bytes came back, or others", received.len());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_flood_that_nobody_reads_holds_up_nobody_and_fills_no_memory() {
    let vm = Machine::shared();
    let mut flood = piped(&mut vm.sh("yes flood | head -c 100M"));
    let mut output = flood.stdout.take().unwrap();
    let mut first = [0; 6];
    output.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"flood\n");
    let status = vm.sh("exit 3").status().unwrap();
    assert_eq!(status.code(), Some(3));
    for process in [flood.id(), vm.status()["broker_pid"].as_u64().unwrap() as u32] {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kibibytes < 40 * 1024, "{process} holds {kibibytes} KiB");
    }
    let rest = std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    assert_eq!(rest + 6, 100 << 20);
    assert!(flood.wait().unwrap().success());
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let mut command = Machine::shared().sh("echo something; exit 0");
    command.stdout(std::fs::File::create("/dev/full").unwrap());
    let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(err(&output).ends_with("No space left on device (os error 28)\n"), "{}", err(&output));
}

#[test]
fn a_command_learns_that_nobody_reads_its_output() {
    let mut child = piped(&mut Machine::shared().sh("yes; echo status $? >&2"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "y\n");
    let output = child.wait_with_output().unwrap();
    assert!(err(&output).contains("status 141"), "{}", err(&output));
}

#[test]
fn several_commands_run_at_once() {
    let vm = Machine::shared();
    let mut children: Vec<_> =
        (0..5).map(|_| piped(&mut vm.sh("echo ready; read word; echo got $word"))).collect();
    let mut outputs: Vec<_> =
        children.iter_mut().map(|child| BufReader::new(child.stdout.take().unwrap())).collect();
    let mut line = String::new();
    for output in &mut outputs {
        line.clear();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
    }
    for (index, child) in children.iter_mut().enumerate().rev() {
        writeln!(child.stdin.take().unwrap(), "{index}").unwrap();
        line.clear();
        outputs[index].read_line(&mut line).unwrap();
        assert_eq!(line, format!("got {index}\n"));
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn signals_are_passed_on() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let name = signal.as_str().trim_start_matches("SIG");
        // A shell that reads loses a signal that comes just before it waits.
        let script =
            format!("trap 'echo {name}; exit 9' {name}; echo ready; while :; do sleep 0.1; done");
        // What started the tests may ignore some of them, as a shell does for what runs behind it,
        // and a signal that is ignored is not passed on.
        let sh = Machine::shared().sh(&script);
        let mut child = Command::new("env");
        child.arg("--default-signal").arg(sh.get_program()).args(sh.get_args());
        child.envs(sh.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut child = piped(&mut child);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        line.clear();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{name}\n"));
        assert_eq!(child.wait().unwrap().code(), Some(9));
    }
}

#[test]
fn the_command_of_a_killed_client_gets_hup_and_ends() {
    let vm = Machine::shared();
    let directory = crate::machine::directory("killed-client");
    let script = "trap 'echo hung up > trace; exit' HUP; echo ready; while :; do sleep 0.1; done";
    let mut child = piped(vm.sh(script).current_dir(&directory));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let trace = directory.join("trace");
    until("the command was hung up", || {
        std::fs::read_to_string(&trace).is_ok_and(|text| text == "hung up\n")
    });
    let marked = |status: serde_json::Value| status["commands"].to_string().contains("hung up");
    until("the command is gone", || !marked(vm.status()));
}

#[test]
fn a_command_that_ignores_hup_is_killed_after_a_while() {
    let vm = Machine::shared();
    let script = "trap '' HUP; echo stubborn; while :; do sleep 0.1; done";
    let mut child = piped(&mut vm.sh(script));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let runs = |status: serde_json::Value| status["commands"].to_string().contains("stubborn");
    assert!(runs(vm.status()));
    until("the command is gone", || !runs(vm.status()));
}

#[test]
fn a_process_left_behind_does_not_hold_up_the_end() {
    let mut command = Machine::shared().sh("sleep 300 & echo started");
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(out(&output), "started\n");
    assert!(output.status.success());
}
