//! What the tasks of the broker share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::super::dirs::Dirs;
use super::super::engine::{Accelerator, BootMethod, Machine};
use super::super::frame::{Frame, Message};
use super::super::options::Options;
use super::super::status::Status;
use super::OWN_STREAM;
use super::writable::Writable;

/// How far the machine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// It boots; what was last done.
    Booting(String),
    Up,
    /// It has ended, and why.
    Gone(String),
}

/// Where the messages for one client go.
pub(super) type Mailbox = mpsc::UnboundedSender<Message>;

/// The shared state. All tasks are on one thread.
pub(super) struct Hub {
    phase: watch::Sender<Phase>,
    clients: RefCell<BTreeMap<u32, Mailbox>>,
    /// The commands that run in the guest, by stream. A client may be gone before its command is.
    commands: RefCell<BTreeMap<u32, String>>,
    next_stream: Cell<u32>,
    to_guest: RefCell<Option<mpsc::Sender<Frame>>>,
    way: Cell<BootMethod>,
    engine: Cell<Option<u32>>,
    kernel: RefCell<Option<String>>,
    boot: Cell<Option<Duration>>,
    started: Instant,
    memory: u32,
    cpus: u32,
    console: PathBuf,
    writable: RefCell<Writable>,
    /// When something was last asked of the guest.
    pub last_activity: Cell<Instant>,
    pub stop_wanted: Notify,
    /// The guest has said that it has no lab.
    pub idle_confirmed: Notify,
}

impl Hub {
    pub fn new(dirs: &Dirs, options: &Options, writable: Writable) -> Self {
        let now = Instant::now();
        Self {
            phase: watch::channel(Phase::Booting("booting the micro-VM".to_owned())).0,
            clients: RefCell::default(),
            commands: RefCell::default(),
            next_stream: Cell::new(OWN_STREAM + 1),
            to_guest: RefCell::default(),
            way: Cell::new(BootMethod { accelerator: Accelerator::Tcg, machine: Machine::Microvm }),
            engine: Cell::default(),
            kernel: RefCell::default(),
            boot: Cell::default(),
            started: now,
            memory: options.memory,
            cpus: options.cpus,
            console: dirs.console_log(),
            writable: RefCell::new(writable),
            last_activity: Cell::new(now),
            stop_wanted: Notify::new(),
            idle_confirmed: Notify::new(),
        }
    }

    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    pub fn set(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    pub fn set_way(&self, way: BootMethod) {
        self.way.set(way);
    }

    pub fn set_engine(&self, process: Option<u32>) {
        self.engine.set(process);
    }

    pub fn engine(&self) -> Option<u32> {
        self.engine.get()
    }

    /// The guest has said its first word.
    pub fn came_up(&self, kernel: String, to_guest: mpsc::Sender<Frame>) {
        self.boot.set(Some(self.started.elapsed()));
        self.kernel.replace(Some(kernel));
        self.to_guest.replace(Some(to_guest));
        self.touch();
        self.set(Phase::Up);
    }

    /// Puts off the end for want of work.
    pub fn touch(&self) {
        self.last_activity.set(Instant::now());
    }

    pub fn is_busy(&self) -> bool {
        !self.commands.borrow().is_empty()
    }

    /// Gives a client a stream, with a mailbox.
    pub fn enter(&self, mailbox: Mailbox) -> u32 {
        let stream = self.next_stream.get();
        // After four thousand million clients the numbers begin again, long after the first.
        self.next_stream.set(stream.checked_add(1).unwrap_or(OWN_STREAM + 1));
        self.clients.borrow_mut().insert(stream, mailbox);
        stream
    }

    pub fn leave(&self, stream: u32) {
        self.clients.borrow_mut().remove(&stream);
    }

    pub fn has_command(&self, stream: u32) -> bool {
        self.commands.borrow().contains_key(&stream)
    }

    /// The way to the guest, if it is up.
    pub fn to_guest(&self) -> Option<mpsc::Sender<Frame>> {
        self.to_guest.borrow().clone()
    }

    /// The directory that the guest may write to.
    pub fn written(&self) -> PathBuf {
        self.writable.borrow().root().to_owned()
    }

    /// Notes what a client sends to the guest, and lets the guest write to its working directory.
    pub fn note_sent(&self, stream: u32, message: &mut Message) {
        if let Message::Run(order) = message {
            order.written = self.writable.borrow_mut().place_of(&order.directory);
            self.commands.borrow_mut().insert(stream, order.title());
            self.touch();
        }
    }

    /// Asks the guest for its labs, to learn whether the machine is still needed.
    pub fn ask_for_labs(&self) {
        self.touch();
        let frame = Frame { stream: OWN_STREAM, message: Message::ListLabs };
        if let Some(to_guest) = self.to_guest() {
            // A full queue means that there is work.
            let _ = to_guest.try_send(frame);
        }
    }

    /// Passes on what the guest has said.
    pub fn deliver(&self, frame: Frame) {
        let Frame { stream, message } = frame;
        if matches!(message, Message::Ended(_) | Message::Refused(..)) {
            self.commands.borrow_mut().remove(&stream);
            self.touch();
        }
        if stream == OWN_STREAM {
            if message == Message::Labs(Vec::new()) && !self.is_busy() {
                self.idle_confirmed.notify_one();
            }
            return;
        }
        if let Some(mailbox) = self.clients.borrow().get(&stream) {
            // The client may be gone in this moment.
            let _ = mailbox.send(message);
        }
    }

    pub fn status(&self) -> Status {
        let way = self.way.get();
        Status {
            accelerator: way.accelerator,
            machine: way.machine,
            kernel: self.kernel.borrow().clone(),
            uptime: self.started.elapsed(),
            boot: self.boot.get(),
            memory: self.memory,
            cpus: self.cpus,
            qemu: self.engine.get(),
            broker: std::process::id(),
            commands: self.commands.borrow().values().cloned().collect(),
            console: self.console.clone(),
        }
    }
}
