//! Starting one command as ordered.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::pty::{Winsize, openpty};
use nix::unistd::Pid;
use tokio::sync::oneshot;

use super::super::frame::End;
use super::super::order::{Order, OrderedProgram, Streams};
use super::reaper::Reaper;
use super::root::HostRoot;
use super::{mounts, program};

/// A command that runs.
pub(super) struct Started {
    /// It leads this process group.
    pub group: Pid,
    pub end: oneshot::Receiver<End>,
    pub ends: Ends,
}

/// Our ends of the command's streams.
pub(super) enum Ends {
    Pipes { input: File, output: File, error: File },
    Terminal { master: File },
}

/// Why a command was not started.
pub(super) struct Refusal {
    /// What a shell would return for it.
    pub status: u8,
    pub why: String,
}

impl Refusal {
    fn ours(what: &str) -> impl Fn(io::Error) -> Self {
        move |error| Self { status: 125, why: format!("{what}: {error}") }
    }
}

/// Starts the command on a thread of its own, whose mount namespace the command inherits.
pub(super) async fn start(
    order: Box<Order>,
    root: HostRoot,
    reaper: Reaper,
) -> Result<Started, Refusal> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || drop(sender.send(start_here(&order, &root, &reaper))));
    let died = |_| Refusal { status: 125, why: "the guest failed to start it".to_owned() };
    receiver.await.map_err(died)?
}

fn start_here(order: &Order, root: &HostRoot, reaper: &Reaper) -> Result<Started, Refusal> {
    root.refresh().map_err(Refusal::ours("the host's files cannot be looked at anew"))?;
    mounts::separate().map_err(Refusal::ours("no mount namespace"))?;
    let mut command = match &order.program {
        OrderedProgram::Named(name) => Command::new(name),
        OrderedProgram::Vrflab { path, stamp } => {
            let what = format!("the guest cannot read {}", path.display());
            let mut command =
                Command::new(program::bring(path, stamp).map_err(Refusal::ours(&what))?);
            command.arg0("vrflab");
            command
        }
    };
    let what = format!("the guest cannot show {}", order.directory.display());
    mounts::bind(order).map_err(Refusal::ours(&what))?;
    command.args(&order.arguments).env_clear();
    command.envs(order.environment.iter().map(|(name, value)| (name, value)));
    let no_streams = Refusal::ours("no streams for the command");
    match order.streams {
        Streams::Separate => {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.process_group(0);
            let (mut child, end) = spawn(order, reaper, &mut command)?;
            let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let (Some(input), Some(output), Some(error)) = pipes else {
                return Err(no_streams(io::Error::other("they were not made")));
            };
            let [input, output, error] =
                [OwnedFd::from(input), output.into(), error.into()].map(File::from);
            let group = Pid::from_raw(child.id().cast_signed());
            Ok(Started { group, end, ends: Ends::Pipes { input, output, error } })
        }
        Streams::Terminal(size) => {
            let size =
                Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
            let terminal = openpty(&size, None).map_err(io::Error::from).map_err(&no_streams)?;
            let slave = || terminal.slave.try_clone().map(Stdio::from).map_err(&no_streams);
            command.stdin(slave()?).stdout(slave()?).stderr(slave()?);
            crate::sys::lead_session_on_terminal(&mut command);
            let (child, end) = spawn(order, reaper, &mut command)?;
            let group = Pid::from_raw(child.id().cast_signed());
            Ok(Started { group, end, ends: Ends::Terminal { master: terminal.master.into() } })
        }
    }
}

type Spawned = (std::process::Child, oneshot::Receiver<End>);

#[expect(clippy::wildcard_enum_match_arm, reason = "what else the system refuses has one status")]
fn spawn(order: &Order, reaper: &Reaper, command: &mut Command) -> Result<Spawned, Refusal> {
    reaper.start(command).map_err(|error| {
        let status = match error.kind() {
            io::ErrorKind::NotFound => 127,
            io::ErrorKind::PermissionDenied => 126,
            _ if error.raw_os_error() == Some(libc::ENOEXEC) => 126,
            _ => 125,
        };
        let name = match &order.program {
            OrderedProgram::Named(name) => name.to_string_lossy(),
            OrderedProgram::Vrflab { path, .. } => path.to_string_lossy(),
        };
        Refusal { status, why: format!("{name}: {error}") }
    })
}
