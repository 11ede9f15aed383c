//! Runs that are interrupted, killed, or get in each other's way.

use crate::host::{Host, names, ring, said, status, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

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

/// Starts a second run on a lab that another builds, and waits until it says that it waits.
fn waiting(host: &Host, arguments: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child =
        host.vrflab(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert_eq!(line, "ring: another vrflab is at work, waiting\n");
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
fn one_that_waits_can_be_interrupted() {
    let host = Host::new();
    let first = half_built(&host);
    signal(&first, Signal::SIGSTOP);
    let (mut second, _err) = waiting(&host, &["up", "--no-check", FILE]);
    signal(&second, Signal::SIGINT);
    assert_eq!(status(second.wait().unwrap()), 130);
    signal(&first, Signal::SIGCONT);
    assert!(first.wait_with_output().unwrap().status.success());
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
