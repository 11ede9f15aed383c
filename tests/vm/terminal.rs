//! A terminal in the guest for one on the host.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, ttyname};

use crate::machine::Machine;

/// A command whose streams are a terminal, and that terminal's other side.
struct OnTerminal {
    child: Child,
    master: File,
    path: String,
    seen: String,
    /// Keeps the terminal alive beyond the command.
    _slave: std::os::fd::OwnedFd,
}

impl OnTerminal {
    fn start(command: &mut Command) -> Self {
        let size = Winsize { ws_row: 31, ws_col: 97, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None).unwrap();
        let slave = || Stdio::from(terminal.slave.try_clone().unwrap());
        command.stdin(slave()).stdout(slave()).stderr(slave()).process_group(0);
        let path = ttyname(&terminal.slave).unwrap().to_str().unwrap().to_owned();
        let (child, master) = (command.spawn().unwrap(), terminal.master.into());
        Self { child, master, path, seen: String::new(), _slave: terminal.slave }
    }

    /// Reads until the text has come up, and forgets what came up to there.
    fn expect(&mut self, text: &str) {
        let mut buffer = [0; 1024];
        while !self.seen.contains(text) {
            let count = self.master.read(&mut buffer).unwrap();
            assert!(count > 0, "instead of {text:?} came {:?}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        let (_, rest) = self.seen.split_once(text).unwrap();
        self.seen = rest.to_owned();
    }

    fn type_in(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    fn settings(&self) -> String {
        let output = Command::new("stty").args(["-F", &self.path, "-a"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_shell_has_a_terminal_of_the_same_size_and_follows_its_changes() {
    let vm = Machine::shared();
    assert!(vm.run(&["true"]).status().unwrap().success());
    let script = "trap 'stty size' WINCH; stty size; tty; while ! read word; do :; done; stty size";
    let mut terminal = OnTerminal::start(&mut vm.sh(script));
    terminal.expect("31 97\r\n");
    terminal.expect("/dev/pts/");
    let sized = ["-F", &terminal.path, "rows", "40", "cols", "120"];
    assert!(Command::new("stty").args(sized).status().unwrap().success());
    kill(Pid::from_raw(terminal.child.id() as i32), Signal::SIGWINCH).unwrap();
    terminal.type_in("\r");
    terminal.expect("40 120\r\n");
    assert!(terminal.child.wait().unwrap().success());
}

#[test]
fn control_c_reaches_the_command_and_the_terminal_is_restored() {
    let vm = Machine::shared();
    assert!(vm.run(&["true"]).status().unwrap().success());
    let script = "trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.1; done";
    let mut terminal = OnTerminal::start(&mut vm.sh(script));
    let before = terminal.settings();
    terminal.expect("ready");
    assert!(terminal.settings().contains("-icanon"), "{}", terminal.settings());
    terminal.type_in("\x03");
    terminal.expect("interrupted");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(4));
    let restored = terminal.settings();
    assert!(restored.contains(" icanon") && restored.contains(" echo "), "{before}{restored}");
}

#[test]
fn a_shell_is_run_where_no_command_is_given() {
    let vm = Machine::shared();
    assert!(vm.run(&["true"]).status().unwrap().success());
    let mut command = vm.vrflab(&["vm", "run"]);
    let mut terminal = OnTerminal::start(command.env("SHELL", "/bin/sh"));
    terminal.expect("vrflab-vm# ");
    terminal.type_in("echo $((6 * 7))\r");
    terminal.expect("42\r\n");
    terminal.type_in("\x04");
    assert!(terminal.child.wait().unwrap().success());
}
