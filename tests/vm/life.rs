//! The life of a machine: how it is started, how it ends, what is left.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::machine::{Machine, err, out, piped, until};

fn process(status: &serde_json::Value, field: &str) -> Pid {
    Pid::from_raw(status[field].as_i64().unwrap() as i32)
}

fn is_alive(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn two_that_come_at_the_same_time_start_one_machine() {
    let vm = Machine::own("race");
    // However each of them spells where it is.
    let mut relative = vm.vrflab(&["vm", "start"]);
    relative.env("VRFLAB_RUNTIME_DIR", "vm-race").current_dir(env!("CARGO_TARGET_TMPDIR"));
    let mut both = [vm.vrflab(&["vm", "start"]), relative].map(|mut start| piped(&mut start));
    for child in &mut both {
        assert!(child.wait().unwrap().success());
    }
    let status = vm.status();
    let (broker, engine) = (process(&status, "broker_pid"), process(&status, "qemu_pid"));
    let children = std::fs::read_to_string(format!("/proc/{broker}/task/{broker}/children"));
    assert_eq!(children.unwrap().trim(), engine.to_string());
    let log = out(&vm.vrflab(&["vm", "log"]).output().unwrap());
    assert!(log.contains("console.log"), "{log}");
}

#[test]
fn a_machine_keeps_no_file_that_its_starter_had_open() {
    let vm = Machine::own("files");
    let (mut reader, writer) = std::io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    assert!(vm.vrflab(&["vm", "start"]).status().unwrap().success());
    drop(writer);
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    until("nobody has the other end", || reader.read(&mut [0]).is_ok_and(|count| count == 0));
    assert_eq!(vm.status()["up"], true);
}

#[test]
fn stopping_says_what_ended_and_twice_is_no_error() {
    let vm = Machine::own("stop");
    assert!(
        vm.sh("mkdir -p /run/vrflab/blue; echo {} > /run/vrflab/blue/lab.json")
            .status()
            .unwrap()
            .success()
    );
    let mut child = piped(&mut vm.sh("echo ready; sleep 1000"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(vm.status()["labs"], serde_json::json!(["blue"]));
    let said = out(&vm.vrflab(&["vm", "stop"]).output().unwrap());
    assert!(said.contains("blue") && said.contains("sleep 1000"), "{said}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(err(&output).contains("the VM was stopped"), "{}", err(&output));
    let again = vm.vrflab(&["vm", "stop"]).output().unwrap();
    assert!(again.status.success());
    assert_eq!(out(&again), "no VM is up\n");
}

/// Whether a process has a file to read its signals from.
fn passes_signals_on(process: Pid) -> bool {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let mut files = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    files.any(|file| file.to_string_lossy().contains("signalfd"))
}

/// Runs a verb, which is to end by itself long before any deadline, and returns its status and all it
/// said.
fn ends_soon(command: &mut Command) -> (Option<i32>, String) {
    let begun = Instant::now();
    let output = command.output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(15), "{command:?}: {:?}", begun.elapsed());
    (output.status.code(), out(&output) + &err(&output))
}

#[test]
fn a_machine_whose_engine_is_stopped_holds_up_no_verb_and_can_be_stopped() {
    let vm = Machine::own("engine-stopped");
    assert!(vm.vrflab(&["vm", "start"]).status().unwrap().success());
    let engine = process(&vm.status(), "qemu_pid");
    kill(engine, Signal::SIGSTOP).unwrap();
    let silent = format!(
        "vrflab: the micro-VM does not answer: QEMU is stopped, and goes on with `kill -CONT \
         {engine}`; `vrflab vm stop --force` ends it\n"
    );
    for verb in [&["ls"][..], &["--kernel", "vm", "down", "blue"], &["vm", "status"]] {
        let (status, said) = ends_soon(&mut vm.vrflab(verb));
        assert_eq!(status, Some(3), "{verb:?}: {said}");
        assert!(said.ends_with(&silent), "{verb:?}: {said}");
    }
    assert_eq!(ends_soon(&mut vm.vrflab(&["--kernel", "host", "ls"])).0, Some(0));

    // What was there before is waited for, and goes on if the engine does.
    let child = piped(&mut vm.sh("exit 5"));
    kill(engine, Signal::SIGCONT).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(5));
    kill(engine, Signal::SIGSTOP).unwrap();

    // Whoever does not want to wait need not.
    let mut child = piped(&mut vm.sh("exit 5"));
    let client = Pid::from_raw(child.id().cast_signed());
    until("it passes signals on", || passes_signals_on(client));
    kill(client, Signal::SIGINT).unwrap();
    let begun = Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(125));
    assert!(begun.elapsed() < Duration::from_secs(15));

    let (status, said) = ends_soon(&mut vm.vrflab(&["vm", "stop"]));
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("it did not say which labs"), "{said}");
    assert!(!is_alive(engine));
}

#[test]
fn a_machine_whose_broker_is_stopped_holds_up_no_verb_and_ends_by_force() {
    let vm = Machine::own("broker-stopped");
    let (status, said) = ends_soon(&mut vm.vrflab(&["vm", "stop", "--force"]));
    assert_eq!((status, said.as_str()), (Some(0), "no VM is up\n"));
    assert!(vm.vrflab(&["vm", "start"]).status().unwrap().success());
    let status = vm.status();
    let (broker, engine) = (process(&status, "broker_pid"), process(&status, "qemu_pid"));
    kill(broker, Signal::SIGSTOP).unwrap();
    for verb in [&["ls"][..], &["vm", "status"], &["vm", "stop"], &["vm", "start"]] {
        let (status, said) = ends_soon(&mut vm.vrflab(verb));
        assert_eq!(status, Some(3), "{verb:?}: {said}");
        assert!(said.contains("does not answer: its broker is stopped"), "{verb:?}: {said}");
    }
    assert_eq!(ends_soon(&mut vm.run(&["true"])).0, Some(125));
    assert_eq!(ends_soon(&mut vm.vrflab(&["--kernel", "host", "ls"])).0, Some(0));
    let (status, said) = ends_soon(&mut vm.vrflab(&["vm", "stop", "--force"]));
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(&format!("the process {broker} was killed")), "{said}");
    assert!(said.contains(&format!("the process {engine} was killed")), "{said}");
    assert!(!is_alive(broker) && !is_alive(engine));
    assert_eq!(vm.status()["up"], false);
}

#[test]
fn a_machine_that_dies_is_noticed_and_the_next_one_starts() {
    let vm = Machine::own("death");
    let mut child = piped(&mut vm.sh("echo ready; sleep 1000"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    kill(process(&vm.status(), "qemu_pid"), Signal::SIGKILL).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(err(&output).contains("the VM has died"), "{}", err(&output));
    assert_eq!(vm.sh("exit 5").status().unwrap().code(), Some(5));
}

#[test]
fn a_broker_that_dies_takes_its_machine_along_and_leaves_nothing_in_the_way() {
    let vm = Machine::own("broker");
    let mut child = piped(&mut vm.sh("echo ready; sleep 1000"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let status = vm.status();
    kill(process(&status, "broker_pid"), Signal::SIGKILL).unwrap();
    let engine = process(&status, "qemu_pid");
    until("the machine is gone", || !is_alive(engine));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(err(&output).contains("broker has died"), "{}", err(&output));
    let socket = Path::new(status["console"].as_str().unwrap()).with_file_name("control");
    assert!(socket.exists());
    assert_eq!(vm.status()["up"], false);
    assert_eq!(vm.sh("exit 5").status().unwrap().code(), Some(5));
}

#[test]
fn a_machine_without_work_ends_and_one_with_a_lab_does_not() {
    let vm = Machine::own("idle");
    let start = ["vm", "start", "--idle", "1"];
    let output = vm.vrflab(&start).output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
    until("the machine has ended", || vm.status()["up"] == false);
    assert!(vm.vrflab(&start).output().unwrap().status.success());
    let up = "mkdir -p /run/vrflab/blue; echo {} > /run/vrflab/blue/lab.json; sleep 2";
    assert!(vm.sh(up).status().unwrap().success());
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(vm.status()["labs"], serde_json::json!(["blue"]));
    assert!(vm.sh("rm -r /run/vrflab/blue").status().unwrap().success());
    until("the machine has ended", || vm.status()["up"] == false);
}

#[test]
fn an_ordinary_pc_boots_as_well() {
    let vm = Machine::own("q35");
    let output = vm.vrflab(&["vm", "start", "--machine", "q35", "--cpus", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(vm.status()["machine"], "q35");
    assert_eq!(out(&vm.run(&["nproc"]).output().unwrap()), "1\n");
}

#[test]
fn a_runtime_directory_that_others_can_write_to_is_refused() {
    let vm = Machine::own("open");
    let directory = crate::machine::directory("open-to-all");
    std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .unwrap();
    let mut command = vm.run(&["true"]);
    let output = command.env("VRFLAB_RUNTIME_DIR", &directory).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(err(&output).contains("VRFLAB_RUNTIME_DIR"), "{}", err(&output));
}

#[test]
fn a_wrong_setting_is_said_with_its_name_and_what_it_must_be() {
    let vm = Machine::own("settings");
    for (variable, value, expected) in [
        ("VRFLAB_VM_MEMORY", "much", "a number of MiB, 256 or more"),
        ("VRFLAB_VM_MEMORY", "16", "a number of MiB, 256 or more"),
        ("VRFLAB_VM_IDLE", "0", "a number of seconds, 1 or more"),
        ("VRFLAB_VM_IDLE", "18446744073709551615", "a number of seconds, 1 or more"),
        ("VRFLAB_VM_CPUS", "0", "a number of processors from 1 to 255"),
        ("VRFLAB_VM_CPUS", "1000", "a number of processors from 1 to 255"),
    ] {
        let output = vm.run(&["true"]).env(variable, value).output().unwrap();
        assert_eq!(output.status.code(), Some(125));
        let said = format!("vrflab: {variable} is \"{value}\", and must be {expected}\n");
        assert_eq!(err(&output), said);
    }
}

#[test]
fn a_home_that_does_not_exist_is_said_and_not_made() {
    let home = crate::machine::directory("home").join("none");
    let mut command = Machine::own("homeless").vrflab(&["vm", "start"]);
    command.env("HOME", &home).env_remove("XDG_DATA_HOME").env_remove("XDG_CACHE_HOME");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = format!(
        "vrflab: the home directory {} does not exist; set HOME, or XDG_DATA_HOME and \
         XDG_CACHE_HOME\n",
        home.display()
    );
    assert_eq!(err(&output), said);
    assert!(!home.exists());
}
