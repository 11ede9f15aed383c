//! The process on the host that holds the machine of one user: it starts QEMU, is the only one at
//! the port to the guest, and passes on what any number of clients and the guest say.
//!
//! Because nobody else writes to the port, a client that is killed cannot leave half a frame in it.

// The standard error of the broker is its log.
#![allow(clippy::print_stderr)]

mod boot;
mod hub;
mod port;
mod session;
mod writable;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::net::UnixListener;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::{Instant, sleep_until, timeout};

use super::client::READY;
use super::dirs::Dirs;
use super::error::Error;
use super::frame::Message;
use super::options::Options;
use super::processes;
use hub::{Hub, Phase};
use writable::Writable;

/// How long QEMU may take to end when asked to.
const FAREWELL: Duration = Duration::from_secs(3);

/// Why the machine ends, where it has not ended by itself.
enum Ending {
    Stopped,
    Idle,
    Died(String),
}

/// Holds the machine until it ends. What cannot be done is said on the standard output, to the
/// client that waits for [`READY`].
pub(super) fn main(options: &Options) -> Result<(), Error> {
    // Out of the client's session, so that what happens to its terminal does not matter here.
    let _ = nix::unistd::setsid();
    let dirs = Dirs::open()?;
    let start = || -> Result<_, Error> {
        let path = dirs.broker_lock();
        let file = File::create(&path).map_err(|error| Error::file("open", &path, error))?;
        let lock = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| Error::file("lock", &path, error.into()))?;
        let writable = Writable::prepare(&dirs, std::env::current_dir().ok())?;
        std::env::set_current_dir("/").map_err(Error::system("change to /"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok((lock, writable, runtime.map_err(Error::system("start the broker"))?))
    };
    let outcome = start().and_then(|(_lock, writable, runtime)| {
        let outcome = LocalSet::new().block_on(&runtime, serve(&dirs, options, writable));
        // The client's end of the pipe may be gone, and the outcome matters more.
        runtime.shutdown_background();
        outcome
    });
    if let Err(error) = &outcome {
        let _ = writeln!(std::io::stdout(), "{error}");
    }
    outcome
}

/// The listening socket's file, removed at the end so that nobody finds a dead one.
struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

async fn serve(dirs: &Dirs, options: &Options, writable: Writable) -> Result<(), Error> {
    let path = dirs.socket();
    let _ = fs::remove_file(&path);
    let listener =
        UnixListener::bind(&path).map_err(|error| Error::file("listen at", &path, error))?;
    let socket = Socket(path);
    processes::note(dirs, None)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::system("wait for TERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::system("wait for INT"))?;
    let _ = writeln!(std::io::stdout(), "{READY}");

    let hub = Rc::new(Hub::new(dirs, options, writable));
    let mut sessions = JoinSet::new();
    let booting = spawn_local(boot::boot(dirs.clone(), options.clone(), hub.clone()));
    let mut machine = std::pin::pin!(async {
        match booting.await {
            Ok(Ok(machine)) => run(machine, &hub, dirs, options.idle).await,
            Ok(Err(error)) => Ending::Died(error),
            Err(error) => Ending::Died(error.to_string()),
        }
    });
    let ending = loop {
        tokio::select! {
            client = listener.accept() => match client {
                Ok((client, _)) => {
                    sessions.spawn_local(session::run(client, hub.clone()));
                }
                Err(error) => eprintln!("vrflab: a client is lost: {error}"),
            },
            Some(_) = sessions.join_next() => {}
            ending = &mut machine => break ending,
            () = hub.stop_wanted.notified() => break Ending::Stopped,
            _ = terminate.recv() => break Ending::Stopped,
            _ = interrupt.recv() => break Ending::Stopped,
        }
    };
    drop(socket);
    let why = match ending {
        Ending::Stopped => "the VM was stopped".to_owned(),
        Ending::Idle => "the VM ended because nothing ran in it".to_owned(),
        Ending::Died(why) => why,
    };
    eprintln!("vrflab: {why}");
    hub.set(Phase::Gone(why));
    end_engine(&hub).await;
    // Clients that do not read what is said to them are left to themselves.
    let _ = timeout(FAREWELL, async { while sessions.join_next().await.is_some() {} }).await;
    Ok(())
}

/// Waits until the machine ends, or has nothing to do.
async fn run(machine: boot::Machine, hub: &Rc<Hub>, dirs: &Dirs, idle: Duration) -> Ending {
    let boot::Machine { mut engine, port } = machine;
    let mut traffic = std::pin::pin!(port.carry(hub));
    let died = |how: String| Ending::Died(with_console(&how, &dirs.console_log()));
    loop {
        let quiet_until = hub.last_activity.get() + idle;
        tokio::select! {
            status = engine.wait() => return died(end_of(status)),
            error = &mut traffic => {
                // The port closes when the engine ends; why that ended says more.
                let status = timeout(FAREWELL, engine.wait()).await;
                return died(status.map_or(error, end_of));
            }
            () = sleep_until(quiet_until) => {
                if hub.is_busy() || Instant::now() < hub.last_activity.get() + idle {
                    hub.touch();
                } else {
                    hub.ask_for_labs();
                }
            }
            () = hub.idle_confirmed.notified() => return Ending::Idle,
        }
    }
}

fn end_of(status: std::io::Result<std::process::ExitStatus>) -> String {
    match status {
        // The guest ends by a reboot, which the engine takes for its own orderly end.
        Ok(status) if status.success() => "the VM has ended: its kernel stopped".to_owned(),
        Ok(status) => format!("the VM has died: QEMU ended with {status}"),
        Err(error) => format!("the VM has died: {error}"),
    }
}

async fn end_engine(hub: &Hub) {
    let Some(process) = hub.engine() else { return };
    let process = Pid::from_raw(process.cast_signed());
    // It is a child that nobody has waited for, or it is gone and has no other's number yet.
    let _ = kill(process, Signal::SIGKILL);
    let _ = tokio::task::spawn_blocking(move || nix::sys::wait::waitpid(process, None)).await;
}

/// Adds what the guest's console last said.
fn with_console(why: &str, console: &Path) -> String {
    let log = fs::read(console).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    match lines.len() {
        0 => format!("{why}\nits console said nothing"),
        count => {
            let tail = lines[count.saturating_sub(15)..].join("\n  ");
            format!("{why}\nits console last said:\n  {tail}")
        }
    }
}

/// Kills the engine and waits for it.
async fn destroy(engine: &mut Child) {
    // It may have ended by itself.
    let _ = engine.kill().await;
}

/// Frames that the broker itself sends to the guest have this stream.
const OWN_STREAM: u32 = 0;

/// What a client is told when it asks for something that only a running guest can do.
fn not_up() -> Message {
    Message::Gone("the VM is not up".to_owned())
}
