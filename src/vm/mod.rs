//! A micro-VM with a kernel that has what labs need, on hosts whose kernel has not.
//!
//! ```text
//!  client ──┐ unix socket          virtio-serial port
//!  client ──┼──────────► broker ◄────────────────────► agent ──► commands
//!  client ──┘            starts QEMU                   in the guest, its first process
//! ```
//!
//! All three are this program. A client is a command that the user types; it starts the broker
//! where there is none. The broker holds the machine, for one user, and ends with it. The agent
//! makes the host's root its own (read-only below, its memory above), looks at it anew for each
//! command, and runs commands with the working directory and whatever else must be fresh at any
//! moment bound from a second, uncached mount.
//!
//! * `setup` gets a guest kernel; `ready` says whether there is one.
//! * `run` runs a command, `start` only boots, `stop` ends the machine.
//! * `running` and `labs` ask a machine that runs, and never start one.
//!
//! Nothing here prints: the commands' own streams are passed on, and what takes long is told to
//! the caller.

mod agent;
mod archive;
mod broker;
mod client;
mod cpio;
mod dirs;
mod elf;
mod engine;
mod error;
mod frame;
mod guest_kernel;
mod initramfs;
mod modules;
mod options;
mod order;
mod processes;
mod readiness;
mod relay;
mod run;
mod setup;
mod status;
mod tool;
mod unpack;
mod wire;

use std::fs;
use std::path::PathBuf;

use crate::state::Outline;
use client::{Awaited, Connection};
use dirs::Dirs;
use frame::Message;

pub use dirs::RUNTIME_DIR_VARIABLE;
pub use engine::{Accelerator, Machine};
pub use error::Error;
pub use frame::End;
pub use guest_kernel::GuestKernel;
pub use options::{CPUS_RANGE, IDLE_RANGE, MEMORY_RANGE, Options};
pub use readiness::{Readiness, ready};
pub use relay::Input;
pub use run::{Program, Request, run};
pub use setup::{KernelSource, Setup, setup};
pub use status::Status;

/// Whether this process runs in a guest of this program. The guest's kernel itself says so, so
/// neither a variable nor a file can feign it.
pub fn inside_guest() -> bool {
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    line.trim_end().ends_with(engine::AGENT_ARGUMENTS)
}

/// Boots the machine if it does not run. `progress` is told what is being done.
pub fn start(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Status, Error> {
    if let Readiness::NotReady(error) = ready() {
        return Err(error);
    }
    let mut connection = Connection::open_or_start(&Dirs::open()?, options)?;
    connection.wait_until_up(progress)?;
    ask_status(&mut connection)
}

/// The machine that runs, or boots, if there is one.
pub fn running() -> Result<Option<Status>, Error> {
    match open()? {
        Some(mut connection) => match ask_status(&mut connection) {
            // It ended in this moment.
            Err(Error::Gone(_)) => Ok(None),
            status => status.map(Some),
        },
        None => Ok(None),
    }
}

/// A connection to the machine that runs, if there is one.
fn open() -> Result<Option<Connection>, Error> {
    Dirs::find()?.map_or(Ok(None), |dirs| Connection::open(&dirs))
}

fn ask_status(connection: &mut Connection) -> Result<Status, Error> {
    connection.send(Message::AskStatus)?;
    loop {
        if let Message::Status(status) = connection.receive(Awaited::Broker)? {
            return Ok(*status);
        }
    }
}

/// The labs in the machine; none where no machine is up.
pub fn labs() -> Result<Vec<Outline>, Error> {
    match open()? {
        Some(mut connection) => match ask_labs(&mut connection, Awaited::Guest) {
            // It ended in this moment.
            Err(Error::Gone(_)) => Ok(Vec::new()),
            labs => labs,
        },
        None => Ok(Vec::new()),
    }
}

fn ask_labs(connection: &mut Connection, guest: Awaited) -> Result<Vec<Outline>, Error> {
    // The broker answers at once, and tells which process has to be there for the guest to answer.
    ask_status(connection)?;
    connection.send(Message::ListLabs)?;
    loop {
        if let Message::Labs(labs) = connection.receive(guest)? {
            return Ok(labs);
        }
    }
}

/// What [`stop`] has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The names of the labs that were in the machine; nothing where the guest did not say.
    pub labs: Option<Vec<String>>,
    /// The commands that ran in it.
    pub commands: Vec<String>,
}

/// Ends the machine with everything in it; `None` where none runs.
pub fn stop() -> Result<Option<Stopped>, Error> {
    let Some(dirs) = Dirs::find()? else { return Ok(None) };
    // One that speaks another version of the protocol can be stopped even so.
    let labs = match Connection::open(&dirs) {
        Ok(Some(mut connection)) => ask_labs(&mut connection, Awaited::GuestBriefly).ok(),
        Ok(None) => return Ok(None),
        Err(Error::OtherVersion) => None,
        Err(error) => return Err(error),
    };
    let labs = labs.map(|labs| labs.into_iter().map(|lab| lab.name.to_string()).collect());
    let Some(mut connection) = Connection::open_any(&dirs)? else { return Ok(None) };
    let status = ask_status(&mut connection);
    connection.send(Message::Stop)?;
    // It says that it is gone, then closes the connection.
    loop {
        match connection.receive(Awaited::Broker) {
            Ok(_) => {}
            Err(error @ Error::Silent(_)) => return Err(error),
            Err(_) => break,
        }
    }
    connection.wait_for_end()?;
    Ok(Some(Stopped { labs, commands: status.map(|status| status.commands).unwrap_or_default() }))
}

/// Kills the machine, whether it answers or not, and says which processes it was.
pub fn kill() -> Result<Vec<u32>, Error> {
    Dirs::find()?.map_or(Ok(Vec::new()), |dirs| processes::kill(&dirs))
}

/// The files in which the machine that runs, or ran last, keeps what was said: the guest's console,
/// QEMU and the broker.
pub fn logs() -> Result<Vec<PathBuf>, Error> {
    let Some(dirs) = Dirs::find()? else { return Ok(Vec::new()) };
    let logs = [dirs.console_log(), dirs.qemu_log(), dirs.broker_log()];
    Ok(logs.into_iter().filter(|log| log.is_file()).collect())
}

/// Holds the machine of this user: what the hidden verb `vm broker` does.
pub fn broker() -> Result<(), Error> {
    broker::main(&Options::from_environment()?)
}

/// Runs a guest as its first process: what the hidden verb `vm agent` does.
pub fn agent() {
    agent::main();
}
