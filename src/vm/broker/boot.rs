//! Bringing the machine up, one way after the other until one works.

use std::fs::{self, OpenOptions};
use std::future::pending;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::super::dirs::Dirs;
use super::super::engine::{Accelerator, BootMethod, Engine, Machine as Board, Verdict};
use super::super::error::Error;
use super::super::frame::{Frame, Message};
use super::super::guest_kernel::GuestKernel;
use super::super::options::Options;
use super::super::{initramfs, processes, readiness};
use super::hub::{Hub, Phase};
use super::port::Port;
use super::{OWN_STREAM, destroy, end_of, with_console};

/// A machine that is up.
pub(super) struct Machine {
    pub engine: Child,
    pub port: Port,
}

/// What a boot takes, and the same for every way.
struct Materials {
    qemu: PathBuf,
    kernel: GuestKernel,
    initramfs: PathBuf,
    tsc_khz: u64,
    dirs: Dirs,
    memory: u32,
    cpus: u32,
}

impl Materials {
    fn gather(dirs: &Dirs, options: &Options) -> Result<Self, Error> {
        let kernel = GuestKernel::current(dirs)?.ok_or(Error::NoGuestKernel)?;
        Ok(Self {
            qemu: readiness::QEMU.find()?,
            initramfs: initramfs::prepare(dirs, &kernel)?,
            kernel,
            tsc_khz: crate::sys::tsc_khz()
                .map_err(Error::system("measure the time stamp counter"))?,
            dirs: dirs.clone(),
            memory: options.memory,
            cpus: options.cpus,
        })
    }
}

/// Boots, or says why no way worked.
pub(super) async fn boot(dirs: Dirs, options: Options, hub: Rc<Hub>) -> Result<Machine, String> {
    hub.set(Phase::Booting("preparing the micro-VM".to_owned()));
    let materials = Materials::gather(&dirs, &options).map_err(|error| error.to_string())?;
    let verdict = Verdict::of(&dirs, &materials.qemu, &materials.kernel.version);
    let mut failures = Vec::new();
    let mut kvm_is_mute = false;
    for way in ways(&options, &verdict) {
        if kvm_is_mute && way.accelerator == Accelerator::Kvm {
            continue;
        }
        hub.set_way(way);
        let name = format!("{} ({})", way.machine.name(), way.accelerator.name());
        let attempt_number = match failures.len() {
            0 => String::new(),
            failed => format!(", attempt {}", failed + 1),
        };
        hub.set(Phase::Booting(format!("booting the micro-VM{attempt_number}: {name}")));
        match attempt(&materials, way, &hub).await {
            Ok(machine) => return Ok(machine),
            Err(Failure { why, mute }) => {
                eprintln!("vrflab: {name}: {why}");
                keep_console(&dirs, way);
                if way.accelerator == Accelerator::Kvm && (mute || way.machine == Board::Q35) {
                    kvm_is_mute = true;
                    if let Err(error) = verdict.remember_kvm_failed() {
                        eprintln!("vrflab: that KVM fails cannot be kept in mind: {error}");
                    }
                }
                failures.push(format!("{name}: {why}"));
            }
        }
    }
    Err(format!("the VM does not come up\n{}", failures.join("\n")))
}

/// The ways to try, the fastest first.
fn ways(options: &Options, verdict: &Verdict) -> Vec<BootMethod> {
    let accelerators = match options.accelerator {
        Some(accelerator) => vec![accelerator],
        None if kvm_opens() && !verdict.kvm_failed() => vec![Accelerator::Kvm, Accelerator::Tcg],
        None => vec![Accelerator::Tcg],
    };
    let ways = accelerators.iter().flat_map(|&accelerator| {
        let boards = match (options.machine, accelerator) {
            (Some(board), _) => vec![board],
            (None, Accelerator::Kvm) => vec![Board::Microvm, Board::Q35],
            // QEMU up to 8.0 now and then runs kernel code that another processor has just
            // changed as it was before, and the kernel stops; the next boot goes well.
            (None, Accelerator::Tcg) => vec![Board::Microvm, Board::Microvm, Board::Q35],
        };
        boards.into_iter().map(move |machine| BootMethod { accelerator, machine })
    });
    ways.collect()
}

fn kvm_opens() -> bool {
    OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok()
}

/// How long a guest may take to say hello. Many times what it takes on an idle machine: a boot that
/// hangs is rare, and one that is only slow must not be thrown away.
fn deadline(way: BootMethod) -> Duration {
    Duration::from_secs(match (way.accelerator, way.machine) {
        (Accelerator::Kvm, _) => 20,
        (Accelerator::Tcg, Board::Microvm) => 60,
        (Accelerator::Tcg, Board::Q35) => 120,
    })
}

/// Why a way did not work.
struct Failure {
    why: String,
    /// The guest's kernel has not said a word, so that another board would not help.
    mute: bool,
}

/// How long a guest that KVM runs may take to its first word, which is a matter of milliseconds.
const FIRST_WORD: Duration = Duration::from_secs(5);

async fn attempt(
    materials: &Materials,
    way: BootMethod,
    hub: &Rc<Hub>,
) -> Result<Machine, Failure> {
    match try_way(materials, way, hub).await {
        Ok(machine) => Ok(machine),
        Err(why) => {
            let console = materials.dirs.console_log();
            let mute = fs::metadata(&console).map_or(0, |file| file.len()) == 0;
            Err(Failure { why: with_console(&why, &console), mute })
        }
    }
}

async fn try_way(materials: &Materials, way: BootMethod, hub: &Rc<Hub>) -> Result<Machine, String> {
    let console = materials.dirs.console_log();
    let _ = fs::remove_file(&console);
    let arguments = Engine {
        way,
        memory: materials.memory,
        cpus: materials.cpus,
        kernel: &materials.kernel.image,
        initramfs: &materials.initramfs,
        console: &console,
        written: &hub.written(),
        tsc_khz: materials.tsc_khz,
    }
    .arguments();
    let (ours, theirs) = UnixStream::pair().map_err(|error| error.to_string())?;
    let theirs = theirs.into_std().map_err(|error| error.to_string())?;
    let mut command = std::process::Command::new(&materials.qemu);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
    command.stdin(OwnedFd::from(theirs));
    crate::sys::die_with_parent(&mut command);
    let mut engine = Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{} does not start: {error}", materials.qemu.display()))?;
    hub.set_engine(engine.id());
    if let Err(error) = processes::note(&materials.dirs, engine.id()) {
        eprintln!("vrflab: `vm stop --force` will not find QEMU: {error}");
    }
    let fatal = watch_stderr(engine.stderr.take(), &materials.dirs.qemu_log());
    let (mut port, to_guest) = Port::new(ours);
    let why = tokio::select! {
        biased;
        word = fatal => word.unwrap_or_else(|_| "QEMU cannot be watched".to_owned()),
        status = engine.wait() => end_of(status),
        () = silence(way, &console) => {
            format!("the guest's kernel has not said a word in {FIRST_WORD:?}")
        }
        greeting = timeout(deadline(way), port.receive()) => match greeting {
            Ok(Ok(Frame { message: Message::Hello(kernel), .. })) => {
                set_clock(&to_guest).await;
                hub.came_up(kernel, to_guest);
                return Ok(Machine { engine, port });
            }
            Ok(Ok(_)) => "the guest did not say hello first".to_owned(),
            Ok(Err(error)) => error,
            Err(_) => format!("nothing was heard of the guest for {:?}", deadline(way)),
        },
    };
    destroy(&mut engine).await;
    hub.set_engine(None);
    let qemu = fs::read_to_string(materials.dirs.qemu_log()).unwrap_or_default();
    let why = if qemu.trim().is_empty() { why } else { format!("{why}: {}", qemu.trim()) };
    Err(why)
}

/// Waits for the first word on the console of a guest that KVM runs; ends if there is none.
async fn silence(way: BootMethod, console: &Path) {
    match way.accelerator {
        Accelerator::Kvm => sleep(FIRST_WORD).await,
        Accelerator::Tcg => pending().await,
    }
    if fs::metadata(console).is_ok_and(|file| file.len() > 0) {
        pending().await
    }
}

/// A guest has no clock of its own that could be relied upon.
async fn set_clock(to_guest: &mpsc::Sender<Frame>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let message = Message::Clock(now.as_nanos() as u64);
    // The other end of the queue is held by the caller.
    let _ = to_guest.send(Frame { stream: OWN_STREAM, message }).await;
}

/// Keeps what QEMU says in a file, and tells when it says that it cannot go on: it does not always
/// end by itself then.
fn watch_stderr(stderr: Option<ChildStderr>, log: &Path) -> oneshot::Receiver<String> {
    let (sender, receiver) = oneshot::channel();
    let file = fs::File::create(log);
    spawn_local(async move {
        let mut sender = Some(sender);
        let Some(stderr) = stderr else { return };
        let mut lines = BufReader::new(stderr).lines();
        let mut file = file.ok();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(file) = &mut file {
                // The log is for people; that it is full is no reason to end the machine.
                let _ = writeln!(file, "{line}");
            }
            if line.contains("KVM internal error")
                && let Some(sender) = sender.take()
            {
                let _ = sender.send("KVM does not run this guest".to_owned());
            }
        }
        // QEMU has ended, which is noticed elsewhere: the sender is kept until then.
        pending::<()>().await;
    });
    receiver
}

/// Keeps the console of a way that failed beside that of the next.
fn keep_console(dirs: &Dirs, way: BootMethod) {
    let name = format!("console.{}-{}.log", way.accelerator.name(), way.machine.name());
    let _ = fs::rename(dirs.console_log(), dirs.runtime.join(name));
}
