//! Files: what the host changes is seen in the guest, and what a command writes arrives.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::machine::{Machine, directory, err, out, piped};

#[test]
fn what_is_written_in_the_working_directory_arrives() {
    let directory = directory("written");
    let script = "echo one > file; mkdir -p a/b; echo two > a/b/deep; ln -s file link";
    let mut command = Machine::shared().sh(script);
    assert!(command.current_dir(&directory).status().unwrap().success());
    assert_eq!(fs::read_to_string(directory.join("link")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(directory.join("a/b/deep")).unwrap(), "two\n");
}

#[test]
fn a_labs_file_is_read_once_and_spoken_of_once() {
    let vm = Machine::shared();
    // A pipe cannot be read a second time, least of all in the guest.
    let mut up = vm.vrflab(&["--kernel", "vm", "up", "--no-check", "/dev/stdin"]);
    let mut up = piped(up.arg("--name").arg("piped"));
    up.stdin.take().unwrap().write_all(b"graph { a -- b [headmtu=1400] }").unwrap();
    let output = up.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(err(&output).matches("warning[mtu-mismatch]").count(), 1, "{}", err(&output));
    // What no verb reads is for whoever is next.
    let mut script = std::process::Command::new("sh");
    let vrflab = vm.vrflab(&[]);
    let verbs = "\"$0\" --kernel vm link piped a:eth0 down && \"$0\" --kernel vm down piped && cat";
    script.args(["-c", verbs]).arg(vrflab.get_program());
    script.envs(vrflab.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut script = piped(&mut script);
    script.stdin.take().unwrap().write_all(b"the rest\nof a list\n").unwrap();
    let output = script.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
    assert!(out(&output).ends_with("the rest\nof a list\n"), "{}", out(&output));
}

#[test]
fn what_is_written_elsewhere_stays_in_the_guest() {
    let vm = Machine::shared();
    let (here, there) = (directory("here"), directory("there"));
    let script = format!("echo guest > {0}/file && cat {0}/file", there.display());
    let output = vm.sh(&script).current_dir(&here).output().unwrap();
    assert_eq!(out(&output), "guest\n");
    assert!(!there.join("file").exists());
    let hidden = vm.sh("ls /.vrflab/host | wc -l").current_dir(&here).output().unwrap();
    assert_eq!(out(&hidden), "0\n");
}

#[test]
fn the_guests_own_root_writes_to_working_directories_alone() {
    let vm = Machine::shared();
    let (here, there) = (directory("entered"), directory("guarded"));
    // Whoever enters the mounts of the guest's first process sees all that QEMU exports.
    let script = format!(
        "for root in host programs written written-programs; do cd /.vrflab/$root || exit; \
         echo leak > .{0}/file; mkdir leak; rmdir 255; ln -s /etc leak; done; cd /; \
         mount -o remount,rw /.vrflab/host; \
         echo leak > /.vrflab/host{0}/file",
        there.display()
    );
    let script =
        format!("echo in > file; nsenter -t 1 -m unshare -m sh -c '{script}'; echo out >> file");
    let output = vm.sh(&script).current_dir(&here).output().unwrap();
    assert!(err(&output).contains("Read-only file system"), "{}", err(&output));
    assert_eq!(fs::read_to_string(here.join("file")).unwrap(), "in\nout\n");
    assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
    assert!(!Path::new("/etc/leak").exists() && !Path::new("/leak").exists());
    // Nothing of what the broker mounts is seen on the host.
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("/written"), "{mounts}");
    // A directory that was made anew under its name is the one that is written to.
    fs::remove_dir_all(&here).unwrap();
    fs::create_dir(&here).unwrap();
    assert!(vm.sh("echo again > file").current_dir(&here).status().unwrap().success());
    assert_eq!(fs::read_to_string(here.join("file")).unwrap(), "again\n");
}

#[test]
fn where_a_file_could_not_arrive_it_cannot_be_written() {
    let mut command = Machine::shared().sh("echo lost > /file-in-the-root");
    let output = command.current_dir("/").output().unwrap();
    assert!(!output.status.success());
    assert!(err(&output).contains("Read-only"), "{}", err(&output));
}

#[test]
fn files_that_the_host_changes_makes_and_removes_are_seen() {
    let vm = Machine::shared();
    let directory = directory("changing");
    let look = || out(&vm.sh("cat file new 2>/dev/null").current_dir(&directory).output().unwrap());
    fs::write(directory.join("file"), "first\n").unwrap();
    assert_eq!(look(), "first\n");
    fs::write(directory.join("file"), "edited\n").unwrap();
    fs::write(directory.join("new"), "made\n").unwrap();
    assert_eq!(look(), "edited\nmade\n");
    fs::remove_file(directory.join("file")).unwrap();
    fs::rename(directory.join("new"), directory.join("file")).unwrap();
    assert_eq!(look(), "made\n");
}

#[test]
fn what_the_host_changes_anywhere_is_seen_by_the_next_command() {
    let vm = Machine::shared();
    let (here, there) = (directory("elsewhere"), directory("outside"));
    let script =
        format!("cd {}; cat edited removed made replaced/inner; [ -x edited ]", there.display());
    let look = || {
        let output = vm.sh(&script).current_dir(&here).output().unwrap();
        (out(&output), output.status.code())
    };
    for (name, text) in [("edited", "one\n"), ("removed", "gone\n")] {
        fs::write(there.join(name), text).unwrap();
    }
    fs::create_dir(there.join("replaced")).unwrap();
    assert_eq!(look(), ("one\ngone\n".to_owned(), Some(1)));
    // Within a second, of the same length.
    fs::write(there.join("edited"), "two\n").unwrap();
    fs::set_permissions(there.join("edited"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(there.join("removed")).unwrap();
    fs::write(there.join("made"), "new\n").unwrap();
    fs::rename(there.join("replaced"), there.join("kept")).unwrap();
    fs::create_dir(there.join("replaced")).unwrap();
    fs::write(there.join("replaced/inner"), "deep\n").unwrap();
    assert_eq!(look(), ("two\nnew\ndeep\n".to_owned(), Some(0)));
    fs::set_permissions(there.join("edited"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(look(), ("two\nnew\ndeep\n".to_owned(), Some(1)));
}

#[test]
fn a_running_command_sees_what_the_host_changes() {
    let directory = directory("watched");
    let script = "echo ready; until [ -e go ]; do sleep 0.05; done; cat go";
    let mut child = crate::machine::piped(Machine::shared().sh(script).current_dir(&directory));
    let mut first = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    fs::write(directory.join("draft"), "there\n").unwrap();
    fs::rename(directory.join("draft"), directory.join("go")).unwrap();
    assert_eq!(out(&child.wait_with_output().unwrap()), "there\n");
}

fn install(path: &Path, script: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(draft, path).unwrap();
}

#[test]
fn a_rebuilt_program_is_run_as_rebuilt() {
    let vm = Machine::shared();
    let program = directory("programs").join("tool");
    for version in ["one", "two", "three"] {
        install(&program, &format!("echo {version}"));
        let output = vm.run(&[program.to_str().unwrap()]).output().unwrap();
        assert_eq!(out(&output), format!("{version}\n"), "{}", err(&output));
    }
}

#[test]
fn a_directory_that_is_asked_for_is_fresh_and_read_only() {
    let vm = Machine::shared();
    let (here, there) = (directory("asking"), directory("asked-for"));
    let place = there.to_str().unwrap();
    let script = format!("cat {place}/file; echo no > {place}/file");
    for text in ["first\n", "second\n"] {
        fs::write(there.join("file"), text).unwrap();
        let mut command = vm.vrflab(&["vm", "run", "--fresh", place, "--", "sh", "-c", &script]);
        let output = command.current_dir(&here).output().unwrap();
        assert_eq!(out(&output), text);
        assert!(err(&output).contains("Read-only"), "{}", err(&output));
        assert!(!output.status.success());
    }
}

#[test]
fn a_directory_made_after_it_was_missed_is_found() {
    let vm = Machine::shared();
    let place = directory("late").join("deeper/still");
    let missed = vm.sh(&format!("ls {}", place.display())).output().unwrap();
    assert!(!missed.status.success());
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("file"), "here\n").unwrap();
    let found = vm.sh("cat file").current_dir(&place).output().unwrap();
    assert_eq!(out(&found), "here\n");
}

#[test]
fn vrflab_itself_runs_in_the_build_that_was_called() {
    let vm = Machine::shared();
    let program = directory("rebuilt").join("vrflab");
    let kept = |program: &Path| {
        let mut command = std::process::Command::new(program);
        let own = program.to_str().unwrap();
        let shared = vm.status()["console"].as_str().unwrap().to_owned();
        command.env("VRFLAB_RUNTIME_DIR", Path::new(&shared).parent().unwrap());
        let output = command.args(["vm", "run", "--", own, "--version"]).output().unwrap();
        assert!(output.status.success(), "{}", err(&output));
        assert!(out(&output).starts_with("vrflab "));
        out(&vm.run(&["ls", "/.vrflab/bin"]).output().unwrap())
    };
    assert!(vm.run(&["true"]).status().unwrap().success());
    let build = fs::read(env!("CARGO_BIN_EXE_vrflab")).unwrap();
    fs::write(&program, &build).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let before = kept(&program);
    assert_eq!(before, kept(&program));
    fs::remove_file(&program).unwrap();
    fs::write(&program, [build, b"rebuilt".to_vec()].concat()).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert_ne!(before, kept(&program));
}
