//! Between this process's streams and a command in the guest.
//!
//! One loop waits for everything at once, so that an output that nobody reads at the moment does
//! not hold up a signal, and input is not read before the command can have it.

use std::collections::VecDeque;
use std::io::{self, Read, Stderr, Stdin, Stdout, Write};
use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use super::client::{Awaited, Connection, GUEST_PATIENCE, LOOK, lost};
use super::error::Error;
use super::frame::{CHUNK, Channel, End, Frame, Message, WINDOW};

/// What is passed on to the command.
const SIGNALS: [Signal; 5] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGWINCH];

/// As much as a pipe that can be written at all takes without making one wait.
const SURE: usize = 4096;

/// What the command reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// What this process reads. If that and the output are a terminal the command gets one too.
    Inherit,
    /// These bytes.
    Bytes(Vec<u8>),
}

/// A connected command.
pub(super) struct Relay<'a> {
    connection: Connection,
    to_guest: VecDeque<u8>,
    input: Source<'a>,
    input_credit: usize,
    output: Sink<Stdout>,
    error: Sink<Stderr>,
    /// Why an output could not be written, but that its reader has gone.
    unwritten: Option<io::Error>,
    signals: Signals,
    /// Since when no answer can come from the guest.
    silent: Option<Instant>,
    _raw: Option<RawTerminal>,
}

/// Where what the command reads comes from.
enum Source<'a> {
    Standard(Stdin),
    Bytes(&'a [u8]),
    Ended,
}

/// One of our outputs.
struct Sink<F> {
    file: F,
    pending: VecDeque<u8>,
}

impl<F: AsFd> Sink<F> {
    fn new(file: F) -> Self {
        Self { file, pending: VecDeque::new() }
    }

    /// Writes what can be written without waiting, and says how much was disposed of.
    fn write(&mut self) -> io::Result<usize> {
        let (bytes, _) = self.pending.as_slices();
        let bytes = &bytes[..bytes.len().min(SURE)];
        match nix::unistd::write(self.file.as_fd(), bytes) {
            Ok(count) => {
                self.pending.drain(..count);
                Ok(count)
            }
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

impl<'a> Relay<'a> {
    /// Takes over the process's streams, and its terminal if the command has one, until dropped.
    pub fn new(connection: Connection, input: &'a Input, terminal: bool) -> Result<Self, Error> {
        let failed = Error::system("take over the terminal");
        connection
            .stream
            .set_nonblocking(true)
            .map_err(Error::system("talk to the VM's broker"))?;
        Ok(Self {
            connection,
            to_guest: VecDeque::new(),
            input: match input {
                Input::Inherit => Source::Standard(io::stdin()),
                Input::Bytes(bytes) => Source::Bytes(bytes),
            },
            input_credit: WINDOW as usize,
            output: Sink::new(io::stdout()),
            error: Sink::new(io::stderr()),
            unwritten: None,
            signals: Signals::catch().map_err(Error::system("wait for signals"))?,
            silent: None,
            _raw: terminal.then(RawTerminal::enter).transpose().map_err(failed)?,
        })
    }

    /// Passes everything on until the command has ended and all it said is written.
    pub fn run(mut self) -> Result<End, Error> {
        let mut end: Option<End> = None;
        loop {
            if let Some(end) = end
                && self.output.pending.is_empty()
                && self.error.pending.is_empty()
            {
                return match self.unwritten.take() {
                    Some(error) if end.code() == 0 => Err(Error::system("write the output")(error)),
                    Some(_) | None => Ok(end),
                };
            }
            self.offer_bytes();
            let ready = self.wait(end.is_some()).map_err(Error::system("wait"))?;
            if end.is_none() {
                self.look()?;
            }
            if ready.signal {
                self.pass_signals().map_err(Error::system("wait for signals"))?;
            }
            if ready.output {
                let written = self.output.write();
                self.settle(written, Channel::Output);
            }
            if ready.error {
                let written = self.error.write();
                self.settle(written, Channel::Error);
            }
            if ready.input {
                self.read_input();
            }
            if ready.guest_takes {
                self.flush()?;
            }
            if ready.guest_gives && end.is_none() {
                end = self.listen()?;
            }
        }
    }

    /// Waits until something can be done.
    fn wait(&self, ended: bool) -> io::Result<Ready> {
        let guest = match (ended, self.to_guest.is_empty()) {
            (true, _) => PollFlags::empty(),
            (false, true) => PollFlags::POLLIN,
            (false, false) => PollFlags::POLLIN | PollFlags::POLLOUT,
        };
        let mut files = vec![(Which::Signal, self.signals.file.as_fd(), PollFlags::POLLIN)];
        if !ended {
            files.push((Which::Guest, self.connection.stream.as_fd(), guest));
            if let Source::Standard(file) = &self.input
                && self.input_credit > 0
            {
                files.push((Which::Input, file.as_fd(), PollFlags::POLLIN));
            }
        }
        if !self.output.pending.is_empty() {
            files.push((Which::Output, self.output.file.as_fd(), PollFlags::POLLOUT));
        }
        if !self.error.pending.is_empty() {
            files.push((Which::Error, self.error.file.as_fd(), PollFlags::POLLOUT));
        }
        let mut asked: Vec<PollFd> =
            files.iter().map(|(_, file, flags)| PollFd::new(*file, *flags)).collect();
        let slice = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::NONE);
        match poll(&mut asked, slice) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = Ready::default();
        for ((which, ..), asked) in files.iter().zip(&asked) {
            let answer = asked.revents().unwrap_or(PollFlags::empty());
            let any = !answer.is_empty();
            match which {
                Which::Signal => ready.signal = any,
                Which::Input => ready.input = any,
                Which::Output => ready.output = any,
                Which::Error => ready.error = any,
                Which::Guest => {
                    ready.guest_takes = answer.contains(PollFlags::POLLOUT);
                    ready.guest_gives = answer.intersects(!PollFlags::POLLOUT);
                }
            }
        }
        Ok(ready)
    }

    /// Gives up where the command cannot go on for long, or is to end meanwhile: a command that says
    /// nothing may be at work, but not while what runs it is stopped.
    fn look(&mut self) -> Result<(), Error> {
        let Err(error) = self.connection.look(Awaited::Guest) else {
            self.silent = None;
            return Ok(());
        };
        let since = *self.silent.get_or_insert_with(Instant::now);
        let mut gives_up = since.elapsed() > GUEST_PATIENCE;
        // What is passed on would not arrive, and what is left unread would end us without a word.
        while let Some(caught) = self
            .signals
            .file
            .read_signal()
            .map_err(|it| Error::system("wait for signals")(it.into()))?
        {
            gives_up |= caught.ssi_signo != Signal::SIGWINCH as u32;
        }
        if gives_up { Err(error) } else { Ok(()) }
    }

    fn send(&mut self, message: Message) {
        self.to_guest.extend(Frame { stream: 0, message }.encode());
    }

    /// Input that is given as bytes needs no waiting for.
    fn offer_bytes(&mut self) {
        if let Source::Bytes(bytes) = &mut self.input {
            let (now, later) = bytes.split_at(bytes.len().min(self.input_credit).min(CHUNK));
            *bytes = later;
            let (now, done) = (now.to_vec(), later.is_empty());
            self.input_credit -= now.len();
            if !now.is_empty() {
                self.send(Message::Input(now));
            }
            if done {
                self.end_input();
            }
        }
    }

    fn end_input(&mut self) {
        self.input = Source::Ended;
        self.send(Message::InputEnd);
    }

    fn read_input(&mut self) {
        let mut buffer = [0; CHUNK];
        let most = self.input_credit.min(CHUNK);
        match nix::unistd::read(io::stdin(), &mut buffer[..most]) {
            Err(nix::Error::EINTR | nix::Error::EAGAIN) => {}
            Ok(0) | Err(_) => self.end_input(),
            Ok(count) => {
                self.input_credit -= count;
                self.send(Message::Input(buffer[..count].to_vec()));
            }
        }
    }

    /// Gives credit back for what was written; an output that cannot be written is closed for the
    /// command too.
    fn settle(&mut self, written: io::Result<usize>, channel: Channel) {
        match written {
            Ok(0) => {}
            Ok(count) => self.send(Message::OutputCredit(count as u32)),
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    self.unwritten.get_or_insert(error);
                }
                let lost = match channel {
                    Channel::Output => std::mem::take(&mut self.output.pending),
                    Channel::Error => std::mem::take(&mut self.error.pending),
                };
                self.send(Message::OutputClosed(channel));
                self.send(Message::OutputCredit(lost.len() as u32));
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the system says the cause of any other")]
    fn flush(&mut self) -> Result<(), Error> {
        let (bytes, _) = self.to_guest.as_slices();
        match self.connection.stream.write(bytes) {
            Ok(count) => {
                self.to_guest.drain(..count);
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                // Why the broker has gone is still to be read.
                io::ErrorKind::BrokenPipe => self.to_guest.clear(),
                _ => return Err(Error::system("talk to the VM's broker")(error)),
            },
        }
        Ok(())
    }

    /// Takes in what the guest says; the end of the command if that is what it says.
    #[expect(clippy::wildcard_enum_match_arm, reason = "one that runs a command is told no more")]
    fn listen(&mut self) -> Result<Option<End>, Error> {
        let mut buffer = vec![0; 2 * CHUNK];
        match self.connection.stream.read(&mut buffer) {
            Ok(0) => return Err(lost()),
            Ok(count) => self.connection.decoder.push(&buffer[..count]),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                io::ErrorKind::ConnectionReset => return Err(lost()),
                _ => return Err(Error::system("listen to the VM's broker")(error)),
            },
        }
        while let Some(message) = self.connection.next()? {
            match message {
                Message::Data(Channel::Output, bytes) => self.output.pending.extend(bytes),
                Message::Data(Channel::Error, bytes) => self.error.pending.extend(bytes),
                Message::InputCredit(bytes) => self.input_credit += bytes as usize,
                Message::Ended(end) => return Ok(Some(end)),
                Message::Refused(status, why) => return Err(Error::Refused { status, why }),
                Message::Gone(why) => return Err(Error::Gone(why)),
                // Nothing else is of interest to one that runs a command.
                _ => {}
            }
        }
        Ok(None)
    }

    fn pass_signals(&mut self) -> io::Result<()> {
        while let Some(caught) = self.signals.file.read_signal()? {
            if caught.ssi_signo == Signal::SIGWINCH as u32 {
                // An output that is no terminal has no size to pass on.
                if let Ok(size) = crate::sys::window_size(&self.output.file) {
                    self.send(Message::Resize(size));
                }
            } else {
                self.send(Message::Signal(caught.ssi_signo as u8));
            }
        }
        Ok(())
    }
}

/// What is waited for.
enum Which {
    Signal,
    Guest,
    Input,
    Output,
    Error,
}

/// What can be done now.
#[derive(Default)]
struct Ready {
    signal: bool,
    guest_takes: bool,
    guest_gives: bool,
    input: bool,
    output: bool,
    error: bool,
}

/// The signals, read from a file instead of interrupting; as they were when dropped.
struct Signals {
    file: SignalFd,
    before: SigSet,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let set = SigSet::from_iter(SIGNALS);
        let before = SigSet::thread_get_mask()?;
        set.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        match SignalFd::with_flags(&set, flags) {
            Ok(file) => Ok(Self { file, before }),
            Err(error) => {
                before.thread_set_mask()?;
                Err(error.into())
            }
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // A mask that was in force can be again.
        let _ = self.before.thread_set_mask();
    }
}

/// Our terminal while the guest's does the editing of lines; as it was when dropped.
struct RawTerminal {
    before: Termios,
}

impl RawTerminal {
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // The terminal may be gone, and then there is nothing to restore.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}
