//! A machine to test with.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The machine of one runtime directory.
pub struct Machine {
    runtime: PathBuf,
    own: bool,
}

impl Machine {
    /// The one that tests share. It ends by itself some time after them.
    pub fn shared() -> Self {
        Self { runtime: temporary().join("vm-shared"), own: false }
    }

    /// One that is ended after the test.
    pub fn own(name: &str) -> Self {
        let machine = Self { runtime: temporary().join(format!("vm-{name}")), own: true };
        machine.end();
        machine
    }

    fn end(&self) {
        assert!(self.vrflab(&["vm", "stop"]).status().unwrap().success());
    }

    /// The program with these arguments.
    pub fn vrflab(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vrflab"));
        command.args(arguments).env("VRFLAB_RUNTIME_DIR", &self.runtime);
        if std::env::var_os("VRFLAB_VM_IDLE").is_none() {
            command.env("VRFLAB_VM_IDLE", "90");
        }
        command
    }

    /// `vm run` of a command.
    pub fn run(&self, words: &[&str]) -> Command {
        self.vrflab(&[&["vm", "run", "--"], words].concat())
    }

    /// `vm run` of a script.
    pub fn sh(&self, script: &str) -> Command {
        self.run(&["sh", "-c", script])
    }

    /// What the machine says of itself.
    pub fn status(&self) -> serde_json::Value {
        let output = self.vrflab(&["vm", "status", "--json"]).output().unwrap();
        assert!(output.status.success(), "{}", err(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.own && !std::thread::panicking() {
            self.end();
        }
    }
}

fn temporary() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// An empty directory of this name.
pub fn directory(name: &str) -> PathBuf {
    let path = temporary().join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).unwrap();
    }
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Starts a command with pipes on all sides.
pub fn piped(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The standard output as text.
pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The standard error as text.
pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Waits until something holds, and fails when it does not come to hold.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came to hold that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
