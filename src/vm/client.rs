//! The client's side of the broker: finding it, starting it, talking to it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use nix::fcntl::{Flock, FlockArg};

use super::broker::READY;
use super::dirs::Dirs;
use super::error::Error;
use super::frame::{Decoder, Frame, Message, PROTOCOL};
use super::options::Options;

/// A connection to the broker of this user.
pub(super) struct Connection {
    pub stream: UnixStream,
    pub decoder: Decoder,
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

    fn greet(dirs: &Dirs) -> Result<Option<(Self, u64)>, Error> {
        let path = dirs.socket();
        let stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => return Ok(None),
                _ => return Err(Error::file("connect to", &path, error)),
            },
        };
        let mut connection = Self { stream, decoder: Decoder::default() };
        match connection.receive() {
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
            match self.receive()? {
                Message::Up => return Ok(()),
                Message::Progress(what) => progress(&what),
                Message::Gone(why) => return Err(Error::Gone(why)),
                _ => {}
            }
        }
    }

    /// Sends one message.
    pub fn send(&mut self, message: Message) -> Result<(), Error> {
        let bytes = Frame { stream: 0, message }.encode();
        match self.stream.write_all(&bytes) {
            // Why the broker has gone can still be read.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome.map_err(Error::system("talk to the VM's broker")),
        }
    }

    /// The next message, waited for.
    pub fn receive(&mut self) -> Result<Message, Error> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(frame) = self.decoder.next()? {
                return Ok(frame.message);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(lost()),
                Ok(count) => self.decoder.push(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(lost()),
                Err(error) => return Err(Error::system("listen to the VM's broker")(error)),
            }
        }
    }
}

/// Waits until the broker that is just ending has ended.
pub(super) fn wait_for_end(dirs: &Dirs) -> Result<(), Error> {
    let path = dirs.broker_lock();
    let file = File::create(&path).map_err(|error| Error::file("open", &path, error))?;
    let lock = Flock::lock(file, FlockArg::LockExclusive);
    lock.map(drop).map_err(|(_, error)| Error::file("lock", &path, error.into()))
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
    crate::kernel::raw::inherit_only_streams(&mut command);
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
