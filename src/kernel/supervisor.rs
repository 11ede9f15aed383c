//! The commands of a node: started in it, and watched over by a process that keeps what they write
//! and ends with the last.

use super::output::Output;
use super::refused::{Reason, Refused};
use super::{CommandEnd, EndedCommand, Entry, Home, Namespace, vrf_bind};
use crate::plan::{Action, Resource};
use crate::sys::{self, FileLimit};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getppid, setsid};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, ErrorKind, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The hidden verb with which this program becomes a supervisor.
const VERB: &str = "supervise";

/// What a supervisor is to start, as it gets it on its standard input.
#[derive(Serialize, Deserialize)]
struct Order {
    parent: i32,
    files: FileLimit,
    directory: PathBuf,
    namespace: String,
    commands: Vec<Started>,
}

#[derive(Serialize, Deserialize)]
struct Started {
    node: String,
    number: usize,
    line: String,
    vrf: Option<String>,
}

/// What it answers when everything runs, or something cannot be started.
#[derive(Serialize, Deserialize)]
struct Answer {
    /// The place of what could not be started, and why.
    failed: Option<(usize, String)>,
}

/// Starts the commands of one namespace and returns when all run.
pub(super) fn start(actions: &[&Action], home: &Home) -> Result<(), Refused> {
    let commands = actions.iter().filter_map(|action| {
        let Resource::Command { namespace: _, node, number, line, vrf } = action.resource() else {
            return None;
        };
        let (node, line, vrf) = (node.clone(), line.clone(), vrf.clone());
        Some(Started { node, number: *number, line, vrf })
    });
    let order = Order {
        parent: Pid::this().as_raw(),
        files: FileLimit::callers()?,
        directory: home.directory().to_owned(),
        namespace: actions[0].namespace().to_owned(),
        commands: commands.collect(),
    };
    home.make_run(&order.namespace)?;
    // The very program that runs, even when its file has been replaced in the meantime.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("vrflab")
        .arg(VERB)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    sys::inherit_only_streams(&mut command);
    let mut supervisor = command.spawn()?;
    let stdin = supervisor.stdin.take().expect("it is a pipe");
    let stdout = supervisor.stdout.take().expect("it is a pipe");
    serde_json::to_writer(stdin, &order).map_err(io::Error::from)?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    match serde_json::from_str(&line) {
        Ok(Answer { failed: None }) => Ok(()),
        Ok(Answer { failed: Some((index, why)) }) => {
            supervisor.wait()?;
            Err(Refused { index, refusal: Reason::Program(why) })
        }
        Err(_) => {
            let status = supervisor.wait()?;
            Err(io::Error::other(format!("the commands' supervisor ended with {status}")).into())
        }
    }
}

/// Reads what is to be started from the standard input, starts it, and watches over it to its end.
///
/// # Errors
/// The order cannot be read or answered.
pub fn supervise() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let order: Order = serde_json::from_str(&text)?;
    set_name(c"vrflab")?;
    // Until it is in the namespace, where a teardown finds it, it ends with whoever started it.
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw() != order.parent {
        return Ok(());
    }
    // A lab's commands are the same however `up` was called: under `nohup` too they hear of HUP.
    for signal in Signal::iterator().filter(|it| ![Signal::SIGKILL, Signal::SIGSTOP].contains(it)) {
        sys::default_action(signal as i32)?;
    }
    SigSet::empty().thread_set_mask()?;
    let home = Home::of(order.directory.clone());
    let mut running = Vec::new();
    let failed = begin(&order, &home, &mut running).err();
    // Whoever started it may end as soon as it has its answer.
    set_pdeathsig(None)?;
    let is_over = failed.is_some();
    let failed = failed.map(|(index, error)| (index, error.to_string()));
    serde_json::to_writer(io::stdout(), &Answer { failed })?;
    io::stdout().write_all(b"\n")?;
    if is_over {
        // Those that were started are ended with the lab, which is rolled back.
        return Ok(());
    }
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&nothing)?;
    nix::unistd::dup2_stdout(&nothing)?;
    watch(&order, &home, &mut running)
}

/// A command that was started.
struct Running {
    /// Nothing once it has ended.
    pid: Option<i32>,
    /// Where its output comes from, and that of what it has started; nothing when all have closed it.
    pipe: Option<PipeReader>,
    output: Output,
}

/// How much of a command's output is taken in at a time.
const CHUNK: usize = 16 * 1024;

impl Running {
    /// Takes in output, so many chunks at the most: others wait, and there may be no end of it.
    fn take_in(&mut self, chunks: usize) {
        let mut buffer = [0; CHUNK];
        for _ in 0..chunks {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut buffer) {
                Ok(count @ 1..) => self.output.append(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => self.pipe = None,
            }
        }
    }

    fn is_over(&self) -> bool {
        self.pid.is_none() && self.pipe.is_none()
    }
}

/// Keeps what the commands write and how they end, until all of them have ended and nothing that they
/// have started can write any more. Told to end, it waits for the others, which are told the same.
fn watch(order: &Order, home: &Home, running: &mut [Running]) -> io::Result<()> {
    // A node's commands may send signals to all processes there.
    SigSet::all().thread_set_mask()?;
    let heard = SigSet::from_iter([Signal::SIGCHLD, Signal::SIGTERM]);
    let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_NONBLOCK)?;
    let mut is_told_to_end = false;
    loop {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG))
            && status != WaitStatus::StillAlive
        {
            let Some((pid, end)) = CommandEnd::of(status) else { continue };
            let Some(index) = running.iter().position(|it| it.pid == Some(pid)) else { continue };
            let command = &mut running[index];
            command.pid = None;
            // As much as a pipe holds, which the command may have written just before.
            command.take_in(64 * 1024 / CHUNK);
            let Started { node, number, line, vrf: _ } = &order.commands[index];
            let noted = home.noted_command(&order.namespace, *number);
            let is_stopped = noted.is_ok_and(|noted| noted != Some(pid));
            if is_told_to_end || is_stopped {
                continue;
            }
            let last = format!("[vrflab: the command {end}]\n");
            command.output.append(last.as_bytes());
            let (node, command) = (node.clone(), line.clone());
            // A lab that goes takes along where this would be read.
            let _: Result<(), io::Error> =
                home.record_end(&EndedCommand { node, number: *number, command, end });
        }
        if running.iter().all(Running::is_over) {
            return Ok(());
        }
        let mut ready = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let pipes = running.iter().filter_map(|it| it.pipe.as_ref());
        ready.extend(pipes.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        while let Ok(Some(signal)) = signals.read_signal() {
            is_told_to_end |= signal.ssi_signo == Signal::SIGTERM as u32;
        }
        running.iter_mut().for_each(|command| command.take_in(1));
    }
}

/// Enters the node and starts everything, up to what cannot be started.
fn begin(order: &Order, home: &Home, running: &mut Vec<Running>) -> Result<(), (usize, io::Error)> {
    enter(order, home).map_err(|error| (0, error))?;
    for (index, command) in order.commands.iter().enumerate() {
        let started = spawn(order, home, command).map_err(|error| (index, error))?;
        if let Some(pid) = started.pid {
            home.note_command(&order.namespace, command.number, pid)
                .map_err(|error| (index, error))?;
        }
        running.push(started);
    }
    Ok(())
}

fn enter(order: &Order, home: &Home) -> io::Result<()> {
    // A terminal's signals are not for the lab's commands.
    setsid()?;
    let namespace = Namespace::open(&order.namespace)?;
    let entry = Entry { namespace: &namespace, home: home.clone(), vrf: None };
    entry.enter().map_err(io::Error::other)
}

fn spawn(order: &Order, home: &Home, command: &Started) -> io::Result<Running> {
    let output = Output::create(&home.outputs(), &command.node, command.number)?;
    let (pipe, writer) = io::pipe()?;
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &command.line]).stdin(Stdio::null()).process_group(0);
    shell.stdout(writer.try_clone()?).stderr(writer);
    sys::limit_files(&mut shell, order.files);
    let child = match &command.vrf {
        None => shell.spawn()?,
        // A process is born into its parent's group, so that not even its first socket is unbound.
        Some(vrf) => {
            vrf_bind::bound(vrf, &home.control_group(&order.namespace)?, || shell.spawn())?
        }
    };
    let pid = i32::try_from(child.id()).map_err(|_| Errno::EOVERFLOW)?;
    Ok(Running { pid: Some(pid), pipe: Some(pipe), output })
}
