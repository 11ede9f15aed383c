//! The client's side of the broker: finding it, starting it, talking to it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{PeerCredentials, SendTimeout};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, getsockopt, setsockopt, socket,
};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;

use super::dirs::Dirs;
use super::error::Error;
use super::frame::{Decoder, Frame, Message, PROTOCOL};
use super::options::Options;
use crate::kernel::HeldProcess;

/// What the broker says on its standard output as soon as clients can connect.
pub(super) const READY: &str = "ready";

/// How long the broker may take to answer. It is a process of this host and answers at once, but for
/// the seconds in which it packs the guest's first root.
pub(super) const BROKER_PATIENCE: Duration = Duration::from_secs(30);

/// How long the guest may take to answer, which is emulated where KVM does not work, on a host that
/// may be busy.
pub(super) const GUEST_PATIENCE: Duration = Duration::from_secs(60);

/// When no answer has come for so long it is looked whether one can.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// A connection to the broker of this user.
pub(super) struct Connection {
    pub stream: UnixStream,
    pub decoder: Decoder,
    broker: Option<HeldProcess>,
    /// As far as the broker has said which it is.
    engine: Option<HeldProcess>,
}

/// Who is to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The broker.
    Broker,
    /// The guest.
    Guest,
    /// The guest, whose answer is of little use.
    GuestBriefly,
    /// The broker, as soon as the guest is up or will not come up, which it has deadlines of its own
    /// for.
    Boot,
}

impl Awaited {
    fn patience(self) -> Option<Duration> {
        match self {
            Self::Broker => Some(BROKER_PATIENCE),
            Self::Guest => Some(GUEST_PATIENCE),
            Self::GuestBriefly => Some(GUEST_PATIENCE / 6),
            Self::Boot => None,
        }
    }
}

impl Connection {
    /// Connects to the broker, if there is one.
    pub fn open(dirs: &Dirs) -> Result<Option<Self>, Error> {
        match Self::greet(dirs)? {
            Some((connection, PROTOCOL)) => Ok(Some(connection)),
            Some(_) => Err(Error::OtherVersion),
            None => Ok(None),
        }
    }

    /// Connects to the broker even if it speaks another version of the protocol: it can be asked
    /// to end in every one.
    pub fn open_any(dirs: &Dirs) -> Result<Option<Self>, Error> {
        Ok(Self::greet(dirs)?.map(|(connection, _)| connection))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the system says the cause of any other")]
    fn greet(dirs: &Dirs) -> Result<Option<(Self, u64)>, Error> {
        let path = dirs.socket();
        let stream = match connect(&path) {
            Ok(stream) => stream,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => return Ok(None),
                io::ErrorKind::WouldBlock => return Err(silent(BROKER_PATIENCE)),
                _ => return Err(Error::file("connect to", &path, error)),
            },
        };
        let broker = peer(&stream);
        let mut connection = Self { stream, decoder: Decoder::default(), broker, engine: None };
        match connection.receive(Awaited::Broker) {
            Ok(Message::Welcome(protocol)) => Ok(Some((connection, protocol))),
            Ok(_) => Err(Error::OtherVersion),
            // The broker was just about to end.
            Err(Error::Gone(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Connects to the broker, starting one if there is none.
    pub fn open_or_start(dirs: &Dirs, options: &Options) -> Result<Self, Error> {
        if let Some(connection) = Self::open(dirs)? {
            return Ok(connection);
        }
        // Of two that come at the same time one starts it and the other waits for that.
        let path = dirs.start_lock();
        let file = File::create(&path).map_err(|error| Error::file("open", &path, error))?;
        let _lock = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| Error::file("lock", &path, error.into()))?;
        if let Some(connection) = Self::open(dirs)? {
            return Ok(connection);
        }
        start_broker(dirs, options)?;
        Self::open(dirs)?.ok_or_else(|| Error::Gone("the VM's broker ended at once".to_owned()))
    }

    /// Waits until the guest is up, telling what is being done for it.
    pub fn wait_until_up(&mut self, progress: &mut dyn FnMut(&str)) -> Result<(), Error> {
        loop {
            let message = self.receive(Awaited::Boot)?;
            if let Message::Progress(what) = &message {
                progress(what);
            }
            if message == Message::Up {
                return Ok(());
            }
        }
    }

    /// Sends one message.
    pub fn send(&mut self, message: Message) -> Result<(), Error> {
        let bytes = Frame { stream: 0, message }.encode();
        match self.stream.write_all(&bytes) {
            // Why the broker has gone can still be read.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(silent(BROKER_PATIENCE)),
            outcome => outcome.map_err(Error::system("talk to the VM's broker")),
        }
    }

    /// The next message, waited for.
    pub fn receive(&mut self, awaited: Awaited) -> Result<Message, Error> {
        let patience = awaited.patience();
        let until = patience.map(|patience| (Instant::now() + patience, patience));
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(message) = self.next()? {
                return Ok(message);
            }
            self.wait(awaited, until)?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(lost()),
                Ok(count) => self.decoder.push(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(lost()),
                Err(error) => return Err(Error::system("listen to the VM's broker")(error)),
            }
        }
    }

    /// The next message of those that have come; that the machine is gone is an error.
    pub fn next(&mut self) -> Result<Option<Message>, Error> {
        let message = self.decoder.next()?.map(|frame| frame.message);
        if let Some(Message::Gone(why)) = message {
            return Err(Error::Gone(why));
        }
        if let Some(Message::Status(status)) = &message {
            let engine = status.qemu.map(|pid| Pid::from_raw(pid.cast_signed()));
            self.engine = engine.and_then(held);
        }
        Ok(message)
    }

    /// Waits until there is something to be read.
    fn wait(&self, awaited: Awaited, until: Option<(Instant, Duration)>) -> Result<(), Error> {
        loop {
            let left = until.map(|(at, _)| at.saturating_duration_since(Instant::now()));
            let slice = left.map_or(LOOK, |left| left.min(LOOK));
            let slice = PollTimeout::try_from(slice).unwrap_or(PollTimeout::ZERO);
            let mut asked = [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)];
            match poll(&mut asked, slice) {
                Ok(0) => {}
                Ok(_) | Err(Errno::EINTR) => return Ok(()),
                Err(error) => return Err(Error::system("listen to the VM's broker")(error.into())),
            }
            self.look(awaited)?;
            if let Some((at, patience)) = until
                && Instant::now() >= at
            {
                return Err(silent(patience));
            }
        }
    }

    /// Whether an answer can come: not from a process that is stopped.
    pub fn look(&self, awaited: Awaited) -> Result<(), Error> {
        let engine = match awaited {
            Awaited::Broker | Awaited::Boot => None,
            Awaited::Guest | Awaited::GuestBriefly => self.engine.as_ref(),
        };
        for (name, process) in [("its broker", self.broker.as_ref()), ("QEMU", engine)] {
            if let Some(process) = process.filter(|process| process.is_stopped()) {
                let pid = process.pid();
                let why = format!("{name} is stopped, and goes on with `kill -CONT {pid}`");
                return Err(Error::Silent(why));
            }
        }
        Ok(())
    }

    /// Waits until the broker, which is just ending, has ended.
    pub fn wait_for_end(self) -> Result<(), Error> {
        let Some(broker) = self.broker else { return Ok(()) };
        let ended = broker.wait(Instant::now() + BROKER_PATIENCE);
        match ended.map_err(Error::system("wait for the VM's broker"))? {
            true => Ok(()),
            false => Err(silent(BROKER_PATIENCE)),
        }
    }
}

/// Connects, and does not wait for long where the broker takes nobody in.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let seconds = BROKER_PATIENCE.as_secs().cast_signed();
    setsockopt(&stream, SendTimeout, &TimeVal::new(seconds, 0))?;
    nix::sys::socket::connect(stream.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(stream.into())
}

/// The broker that listens at a socket, which need not answer for that.
pub(super) fn broker_at(socket: &Path) -> Option<HeldProcess> {
    connect(socket).ok().as_ref().and_then(peer)
}

fn peer(stream: &UnixStream) -> Option<HeldProcess> {
    held(Pid::from_raw(getsockopt(stream, PeerCredentials).ok()?.pid()))
}

fn held(pid: Pid) -> Option<HeldProcess> {
    // One in another namespace of processes has no number here.
    HeldProcess::open(pid).ok().flatten().filter(|_| pid.as_raw() > 0)
}

fn silent(patience: Duration) -> Error {
    Error::Silent(format!("nothing was heard of it for {} s", patience.as_secs()))
}

/// The broker has gone without a word.
pub(super) fn lost() -> Error {
    Error::Gone("the VM's broker has died, and the VM with it".to_owned())
}

/// Starts a broker and waits until it can be connected to.
fn start_broker(dirs: &Dirs, options: &Options) -> Result<(), Error> {
    let log = dirs.broker_log();
    let file = File::create(&log).map_err(|error| Error::file("write", &log, error))?;
    // The very program that runs, even when its file has been replaced in the meantime.
    let mut command = Command::new("/proc/self/exe");
    command.args(["vm", "broker"]).envs(options.to_environment());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
    crate::sys::inherit_only_streams(&mut command);
    let mut broker = command.spawn().map_err(Error::system("start the VM's broker"))?;
    let mut word = String::new();
    if let Some(output) = broker.stdout.take() {
        BufReader::new(output)
            .read_line(&mut word)
            .map_err(Error::system("listen to the VM's broker"))?;
    }
    match word.trim_end() {
        READY => Ok(()),
        "" => Err(lost()),
        why => Err(Error::Gone(why.to_owned())),
    }
}
