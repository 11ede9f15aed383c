//! Running a command in the guest as if it ran here.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::client::Connection;
use super::dirs::{Dirs, RUNTIME_DIR_VARIABLE};
use super::error::Error;
use super::frame::{End, Message};
use super::options::Options;
use super::order::{Order, OrderedProgram, Stamp, Streams};
use super::relay::{Input, Relay};

/// Variables that speak of the host: sockets that the guest does not have, and settings of this
/// program that are spent once the command is in the guest.
const NOT_PASSED: [&str; 12] = [
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "GPG_AGENT_INFO",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "TMUX",
    "STY",
    "NOTIFY_SOCKET",
    "VRFLAB_KERNEL",
    RUNTIME_DIR_VARIABLE,
];

/// The program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A path, or a name to be looked up in `PATH`.
    Path(OsString),
    /// This very program.
    Vrflab,
}

/// A command to run in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The program.
    pub program: Program,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables set beside, or in place of, those of this process.
    pub env: Vec<(OsString, OsString)>,
    /// Directories that are seen as they are on the host at any moment, beside the working directory.
    pub fresh: Vec<PathBuf>,
    /// What it reads.
    pub input: Input,
}

impl Request {
    /// A request with nothing but a program and its arguments.
    pub fn new(program: Program, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        Self { program, args, env: Vec::new(), fresh: Vec::new(), input: Input::Inherit }
    }

    fn order(&self) -> Result<Order, Error> {
        let directory =
            std::env::current_dir().map_err(Error::system("find the working directory"))?;
        if directory.starts_with("/run") || directory.starts_with("/var/run") {
            return Err(Error::DirectoryOfTheGuest { dir: directory });
        }
        let mut fresh = Vec::new();
        for path in &self.fresh {
            fresh.push(fs::canonicalize(path).map_err(|error| Error::file("find", path, error))?);
        }
        let (program, program_directory) = match &self.program {
            Program::Path(name) if !is_own(Path::new(name)) => {
                (OrderedProgram::Named(name.clone()), directory_of(Path::new(name)))
            }
            Program::Path(_) | Program::Vrflab => (own_program()?, None),
        };
        let inherited = std::env::vars_os()
            .filter(|(name, _)| !NOT_PASSED.iter().any(|other| name == other))
            .filter(|(name, _)| !self.env.iter().any(|(given, _)| given == name));
        let environment = inherited.chain(self.env.iter().cloned()).collect();
        let on_terminal = self.input == Input::Inherit && io::stdin().is_terminal();
        let streams = match crate::sys::window_size(io::stdout()) {
            Ok(size) if on_terminal => Streams::Terminal(size),
            _ => Streams::Separate,
        };
        Ok(Order {
            program,
            arguments: self.args.clone(),
            environment,
            directory,
            written: None,
            fresh,
            program_directory,
            streams,
        })
    }
}

/// The directory of a program that is given by its path, because what lies there may have been
/// built a moment ago. Those that belong to the system are large, and change with its packages only.
fn directory_of(program: &Path) -> Option<PathBuf> {
    if program.components().count() < 2 {
        return None;
    }
    let directory = fs::canonicalize(program.parent()?).ok()?;
    let of_the_system = directory.starts_with("/usr") && !directory.starts_with("/usr/local");
    let of_the_guest =
        ["/run", "/proc", "/sys", "/dev"].iter().any(|own| directory.starts_with(own));
    let bindable = directory != Path::new("/") && !of_the_system && !of_the_guest;
    bindable.then_some(directory)
}

/// Whether the path leads to this very program.
fn is_own(program: &Path) -> bool {
    let stamp = |path: &Path| fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
    let own = stamp(Path::new("/proc/self/exe"));
    program.components().count() > 1 && own.is_some() && stamp(program) == own
}

fn own_program() -> Result<OrderedProgram, Error> {
    let path = std::env::current_exe().map_err(Error::system("find this program"))?;
    // The kernel's own name for this process's program tells its content even if the path has gone
    // to another one in the meantime; the guest then refuses to take that for this.
    let metadata = fs::metadata(&path).map_err(|error| Error::file("read", &path, error))?;
    Ok(OrderedProgram::Vrflab { stamp: Stamp::of(&metadata), path })
}

/// Runs the command to its end, booting the machine if need be. `progress` is told what is being
/// done for that.
pub fn run(
    request: &Request,
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<End, Error> {
    let order = request.order()?;
    if let super::Readiness::NotReady(error) = super::ready() {
        return Err(error);
    }
    let mut connection = Connection::open_or_start(&Dirs::open()?, options)?;
    connection.wait_until_up(progress)?;
    let terminal = matches!(order.streams, Streams::Terminal(_));
    // Tells which process has to go on for the command to go on, before a signal is meant for it.
    super::ask_status(&mut connection)?;
    connection.send(Message::Run(Box::new(order)))?;
    Relay::new(connection, &request.input, terminal)?.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_a_program_is_fresh_unless_it_is_the_systems() {
        assert_eq!(directory_of(Path::new("ping")), None);
        assert_eq!(directory_of(Path::new("/usr/bin/env")), None);
        assert_eq!(directory_of(Path::new("/bin/sh")), None);
        let here = std::env::current_dir().unwrap();
        assert_eq!(directory_of(Path::new("./src/x")), Some(here.join("src")));
    }
}
