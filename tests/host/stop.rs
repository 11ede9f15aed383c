//! Runs that are interrupted, killed, or get in each other's way.

use crate::host::{Host, names, ring, said, until};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Stdio};
use vrflab::compile::{Options, compile_source};
use vrflab::diagnostic::Source;
use vrflab::document::{Format, LabName};
use vrflab::executor::{self, ApplyError, BuildError, Observer, TeardownError, run};
use vrflab::kernel::{Machine, on_worker};
use vrflab::plan::{Plan, Step, lower};
use vrflab::state::{Commands, Lock, Record, Verify};

const FILE: &str = "/run/ring.yaml";

/// Starts to build a lab that takes a while, and waits until some of it is there.
fn half_built(host: &Host) -> Child {
    fs::write(FILE, ring(300)).unwrap();
    let child = host
        .vrflab(&["up", "--no-check", FILE])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("a part of the lab is there", || names("/run/netns").len() > 5);
    child
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

fn is_rolled_back_on(sent: Signal) {
    let host = Host::new();
    let child = half_built(&host);
    signal(&child, sent);
    let said = said(&child.wait_with_output().unwrap());
    assert_eq!(said.status, 130, "{said:?}");
    assert_eq!(said.out, "");
    assert!(said.err.ends_with("ring: everything was rolled back\n"), "{}", said.err);
    host.assert_nothing_is_left();
}

#[test]
fn an_interrupted_build_is_rolled_back() {
    is_rolled_back_on(Signal::SIGINT);
}

#[test]
fn a_terminated_build_is_rolled_back() {
    is_rolled_back_on(Signal::SIGTERM);
}

#[test]
fn a_build_whose_terminal_is_gone_is_rolled_back() {
    is_rolled_back_on(Signal::SIGHUP);
}

#[test]
fn what_a_killed_build_has_left_is_taken_down() {
    let host = Host::new();
    let mut child = half_built(&host);
    signal(&child, Signal::SIGKILL);
    child.wait().unwrap();
    assert!(names("/run/netns").len() > 5);
    let check = host.run(&["check", "ring"]);
    assert_eq!(check.status, 2, "{check:?}");
    assert!(check.err.contains("half-built"), "{}", check.err);
    assert_eq!(host.done(&["down", "ring"]), "ring is down\n");
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_comes_up_over_what_a_killed_build_has_left() {
    let host = Host::new();
    let mut child = half_built(&host);
    signal(&child, Signal::SIGKILL);
    child.wait().unwrap();
    let up = host.run(&["up", "--no-check", FILE]);
    assert_eq!(up.status, 0, "{up:?}");
    assert!(up.err.contains("half-built"), "{}", up.err);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

const WAITING: &str = "ring: another vrflab is at work, waiting";

/// Starts a second run on a lab that another builds, and waits until it says that it waits.
fn waiting(host: &Host, arguments: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child =
        host.vrflab(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), WAITING);
    (child, err)
}

#[test]
fn of_two_that_build_one_lab_the_second_waits_for_the_first() {
    let host = Host::new();
    let first = half_built(&host);
    let (second, _err) = waiting(&host, &["up", "--no-check", FILE]);
    let first = said(&first.wait_with_output().unwrap());
    assert_eq!(first.status, 0, "{first:?}");
    let second = said(&second.wait_with_output().unwrap());
    assert_eq!((second.status, second.out.as_str()), (0, "ring is up already\n"));
    let (mut third, _err) = {
        host.done(&["down"]);
        let first = half_built(&host);
        let third = waiting(&host, &["down", "ring"]);
        drop(first.wait_with_output().unwrap());
        third
    };
    assert!(third.wait().unwrap().success());
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_that_another_builds_is_waited_for_and_is_not_half_built() {
    let host = Host::new();
    let first = half_built(&host);
    signal(&first, Signal::SIGSTOP);
    let link = ["link", "ring", "n5:eth0", "up"];
    let others = [["check", "ring"].as_slice(), &link].map(|words| waiting(&host, words));
    signal(&first, Signal::SIGCONT);
    assert!(first.wait_with_output().unwrap().status.success());
    for (other, mut err) in others {
        let other = said(&other.wait_with_output().unwrap());
        let mut rest = String::new();
        err.read_to_string(&mut rest).unwrap();
        assert_eq!(other.status, 0, "{other:?}");
        // Of the two, one may have to wait for the other.
        assert!(rest.lines().all(|line| line == WAITING), "{rest}");
    }
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn one_that_waits_can_be_interrupted() {
    let host = Host::new();
    let first = half_built(&host);
    signal(&first, Signal::SIGSTOP);
    for sent in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let link = ["link", "ring", "n5:eth0", "up"];
        let up = ["up", "--no-check", FILE];
        for words in
            [up.as_slice(), &["reset", "ring"], &["check", "ring"], &["down", "ring"], &link]
        {
            let (mut second, mut err) = waiting(&host, words);
            signal(&second, sent);
            assert_eq!(second.wait().unwrap().code(), Some(130), "{words:?} {sent}");
            let mut rest = String::new();
            err.read_to_string(&mut rest).unwrap();
            assert_eq!(rest, "vrflab: interrupted\n", "{words:?} {sent}");
        }
    }
    signal(&first, Signal::SIGCONT);
    assert!(first.wait_with_output().unwrap().status.success());
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn one_that_reads_its_file_can_be_interrupted() {
    let host = Host::new();
    for sent in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut child = host.vrflab(&["up", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        let _not_ended = child.stdin.take();
        let status = format!("/proc/{}/status", child.id());
        let catches = || {
            let text = fs::read_to_string(&status).unwrap();
            let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(mask.trim(), 16).unwrap() >> (sent as u64 - 1) & 1 == 1
        };
        until("signals are listened for", catches);
        signal(&child, sent);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{sent}");
    }
    host.assert_nothing_is_left();
}

#[test]
fn a_build_that_shall_outlive_its_terminal_goes_on() {
    let host = Host::new();
    fs::write(FILE, ring(300)).unwrap();
    let vrflab = host.vrflab(&["up", "--no-check", FILE]);
    let mut nohup = std::process::Command::new("nohup");
    nohup.arg(vrflab.get_program()).args(vrflab.get_args()).env("VRFLAB_KERNEL", "host");
    let child = nohup.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    until("a part of the lab is there", || names("/run/netns").len() > 5);
    signal(&child, Signal::SIGHUP);
    let said = said(&child.wait_with_output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

/// A lab of two nodes, and the record that is written before it is built.
fn two_nodes() -> (Plan, Record, Lock) {
    let source = Source { name: "it.dot".to_owned(), text: "graph it { a -- b }".to_owned() };
    let name = LabName::new("it").unwrap();
    let (lab, said) = compile_source(&source, Format::Dot, &name, &Options::default());
    assert!(said.is_empty(), "{said:?}");
    let lab = lab.unwrap();
    let (plan, record) =
        (lower(&lab), Record::begun(&lab, None, Commands::default(), Verify::Before));
    (plan.unwrap(), record.unwrap(), Lock::take(&name, || {}).unwrap())
}

#[test]
fn what_goes_wrong_in_the_rollback_does_not_hide_why_there_is_one() {
    let host = Host::new();
    let (plan, record, lock) = two_nodes();
    let failed = executor::build_through(&plan, record, lock, |_, _, _| {
        // Then the record cannot be ended.
        fs::remove_dir_all("/run/vrflab").unwrap();
        Err(ApplyError::Interrupted)
    });
    let Err(BuildError::Stopped { error: ApplyError::Interrupted, left }) = failed else {
        panic!("{failed:?}")
    };
    assert!(matches!(&left[..], [TeardownError::Unknown { .. }]), "{left:?}");
    host.assert_nothing_is_left();
}

/// Nobody looks on.
struct Alone;

impl Observer for Alone {
    fn before(&mut self, _: usize, _: &[&Step]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

#[test]
fn a_lab_whose_last_record_cannot_be_written_is_rolled_back() {
    let host = Host::new();
    let (plan, record, lock) = two_nodes();
    let failed = executor::build_through(&plan, record, lock, |plan, mark, home| {
        on_worker(|worker| {
            run(plan, mark, Verify::Before, &mut Machine::new(worker, home), &mut Alone)
        })?;
        assert_eq!(names("/run/netns"), ["it-a", "it-b"]);
        // As little as on a full file system can anything be written in its place.
        fs::create_dir("/run/vrflab/it/.lab.json").unwrap();
        Ok(())
    });
    let Err(BuildError::Unrecorded { error, left }) = failed else { panic!("{failed:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::IsADirectory);
    assert!(left.is_empty(), "{left:?}");
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_that_cannot_be_begun_leaves_no_directory() {
    let host = Host::new();
    // Nothing more can be written to this /run.
    let mut filler = fs::File::create("/run/filler").unwrap();
    fs::write(FILE, ring(3)).unwrap();
    let none = None::<&str>;
    let remount = MsFlags::MS_REMOUNT;
    mount(none, "/run", none, remount, Some("size=64k")).unwrap();
    let full = std::io::copy(&mut std::io::repeat(0), &mut filler).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let up = host.run(&["up", "--no-check", FILE]);
    assert_eq!((up.status, up.out.as_str()), (3, ""), "{up:?}");
    assert!(up.err.contains("No space left on device"), "{}", up.err);
    host.assert_nothing_is_left();
}

/// Interrupts a `down` at this moment, and takes down what it has left.
fn is_finished_by_the_next(host: &Host, begun: impl Fn() -> bool) {
    let first = host.vrflab(&["down", "ring"]).stderr(Stdio::piped()).spawn().unwrap();
    until("a part of the lab is gone", begun);
    signal(&first, Signal::SIGINT);
    let first = said(&first.wait_with_output().unwrap());
    assert_eq!((first.status, first.err.as_str()), (130, "vrflab: interrupted\n"));
    // What it has left is known.
    let ls = host.run(&["ls"]);
    assert!(ls.out.starts_with("ring "), "{ls:?}");
    let check = host.run(&["check", "ring"]);
    assert!(check.err.contains("ring was left half taken down: "), "{check:?}");
    assert_eq!(host.done(&["down", "ring"]), "ring is down\n");
    host.assert_nothing_is_left();
}

#[test]
fn what_an_interrupted_down_has_left_is_taken_down_by_the_next() {
    let host = Host::new();
    fs::write(FILE, ring(300)).unwrap();
    host.done(&["up", "--no-check", FILE]);
    is_finished_by_the_next(&host, || names("/run/netns").len() < 300);
    // A process that does not end when it is asked to is waited for.
    fs::write(FILE, ring(3)).unwrap();
    host.done(&["up", "--no-check", FILE]);
    let deaf = "trap '' TERM; touch /run/deaf; while :; do sleep 1; done";
    let mut process = host.vrflab(&["exec", "n1", "--", "sh", "-c", deaf]).spawn().unwrap();
    until("the process is deaf", || Path::new("/run/deaf").exists());
    let record = || fs::read_to_string("/run/vrflab/ring/lab.json").unwrap();
    is_finished_by_the_next(&host, || record().contains(r#""phase":"going""#));
    assert!(!process.wait().unwrap().success());
}

#[test]
fn a_lab_is_taken_down_on_a_full_run() {
    let host = Host::new();
    fs::write(FILE, ring(3)).unwrap();
    host.done(&["up", "--no-check", FILE]);
    let mut filler = fs::File::create("/run/filler").unwrap();
    mount(None::<&str>, "/run", None::<&str>, MsFlags::MS_REMOUNT, Some("size=64k")).unwrap();
    std::io::copy(&mut std::io::repeat(0), &mut filler).unwrap_err();
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn an_interrupted_reset_keeps_the_labs_text() {
    let host = Host::new();
    fs::write(FILE, ring(300)).unwrap();
    host.done(&["up", "--no-check", FILE]);
    fs::remove_file(FILE).unwrap();
    for sent in [Signal::SIGINT, Signal::SIGKILL] {
        let inode = || fs::metadata("/run/netns/ring-n5").map(|it| it.ino()).ok();
        let before = inode();
        let reset = host.vrflab(&["reset"]).stderr(Stdio::piped()).spawn().unwrap();
        until("the old lab is gone", || inode() != before);
        signal(&reset, sent);
        let said = said(&reset.wait_with_output().unwrap());
        assert_eq!(said.status, if sent == Signal::SIGINT { 130 } else { 128 + 9 }, "{said:?}");
        host.done(&["reset"]);
        assert_eq!(names("/run/netns").len(), 300);
    }
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_lab_is_as_it_was_where_bringing_it_back_in_place_is_interrupted() {
    let host = Host::new();
    fs::write(FILE, ring(150)).unwrap();
    host.done(&["up", "--no-check", FILE]);
    host.done(&["link", "n5:eth0", "down"]);
    let record = || fs::read_to_string("/run/vrflab/ring/lab.json").unwrap();
    let changed = record();
    let reset = host.vrflab(&["reset", "--in-place"]).stderr(Stdio::piped()).spawn().unwrap();
    until("it is being brought back", || record() != changed);
    signal(&reset, Signal::SIGINT);
    let said = said(&reset.wait_with_output().unwrap());
    let expected = "ring: interrupted\nring: the change was rolled back\n";
    assert_eq!((said.status, said.err.as_str()), (130, expected));
    assert_eq!(record(), changed);
    host.done(&["down"]);
    host.assert_nothing_is_left();
}

#[test]
fn a_directory_whose_maker_was_killed_before_it_wrote_the_record_goes_too() {
    let host = Host::new();
    for words in [["down", "begun"], ["down", "--all"]] {
        fs::create_dir_all("/run/vrflab/begun").unwrap();
        fs::write("/run/vrflab/begun/hosts", "").unwrap();
        host.done(&words);
        host.assert_nothing_is_left();
    }
}
