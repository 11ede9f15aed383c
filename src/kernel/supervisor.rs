//! The commands of a node: started in it, and watched over by a process that ends with the last.

use super::machine::{Reason, Refused};
use super::{CommandEnd, EndedCommand, Entry, FileLimit, Home, Namespace, raw, vrf_bind};
use crate::plan::Op;
use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::wait;
use nix::unistd::{Pid, getppid, setsid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
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
pub(super) fn start(ops: &[&Op], home: &Home) -> Result<(), Refused> {
    let commands = ops.iter().filter_map(|op| {
        let Op::Run { namespace: _, node, number, line, vrf } = op else { return None };
        let (node, line, vrf) = (node.clone(), line.clone(), vrf.clone());
        Some(Started { node, number: *number, line, vrf })
    });
    let order = Order {
        parent: Pid::this().as_raw(),
        files: FileLimit::callers()?,
        directory: home.directory().to_owned(),
        namespace: ops[0].namespace().to_owned(),
        commands: commands.collect(),
    };
    home.make_run(&order.namespace)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(home.outputs())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(VERB).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    raw::inherit_only_streams(&mut command);
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
    // Until it is in the namespace, where a teardown finds it, it ends with whoever started it.
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw() != order.parent {
        return Ok(());
    }
    // A lab's commands are the same however `up` was called: under `nohup` too they hear of HUP.
    for signal in Signal::iterator().filter(|it| ![Signal::SIGKILL, Signal::SIGSTOP].contains(it)) {
        raw::default_action(signal as i32)?;
    }
    SigSet::empty().thread_set_mask()?;
    let mut children = BTreeMap::new();
    let home = Home::of(order.directory.clone());
    let failed = begin(&order, &home, &mut children).err();
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
    while let Ok(status) = wait() {
        let Some((pid, end)) = CommandEnd::of(status) else { continue };
        let Some((mut output, index)) = children.remove(&pid) else { continue };
        let _: Result<(), io::Error> = writeln!(output, "[vrflab: the command {end}]");
        let Started { node, number, line, vrf: _ } = &order.commands[index];
        let (node, command) = (node.clone(), line.clone());
        // A lab that goes takes along where this would be read.
        let _: Result<(), io::Error> =
            home.record_end(&EndedCommand { node, number: *number, command, end });
    }
    Ok(())
}

/// The output of each command that runs, and its place in the order, by process.
type Children = BTreeMap<i32, (File, usize)>;

/// Enters the node and starts everything, up to what cannot be started.
fn begin(order: &Order, home: &Home, children: &mut Children) -> Result<(), (usize, io::Error)> {
    enter(order, home).map_err(|error| (0, error))?;
    for (index, command) in order.commands.iter().enumerate() {
        let (pid, output) = spawn(order, home, command).map_err(|error| (index, error))?;
        children.insert(pid, (output, index));
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

fn spawn(order: &Order, home: &Home, command: &Started) -> io::Result<(i32, File)> {
    let output = home.output(&command.node, command.number);
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let output = options.open(output)?;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &command.line]).stdin(Stdio::null());
    shell.stdout(output.try_clone()?).stderr(output.try_clone()?);
    raw::limit_files(&mut shell, order.files);
    let child = match &command.vrf {
        None => shell.spawn()?,
        // A process is born into its parent's group, so that not even its first socket is unbound.
        Some(vrf) => {
            vrf_bind::bound(vrf, &home.control_group(&order.namespace)?, || shell.spawn())?
        }
    };
    let pid = i32::try_from(child.id()).map_err(|_| Errno::EOVERFLOW)?;
    Ok((pid, output))
}
