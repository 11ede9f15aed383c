//! One command and its client: bytes to and fro, signals, the end.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, tcgetpgrp};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, spawn_local};

use super::super::frame::{CHUNK, Channel, Frame, Message, WINDOW};
use super::super::order::Order;
use super::command::{self, Ends};
use super::outlet::Outlet;
use super::reaper::Reaper;
use super::root::HostRoot;

/// How long a command has, after its client is gone, to clear up.
const GRACE: Duration = Duration::from_secs(10);

/// What a terminal takes for the end of the input at the beginning of a line: control-D.
const END_OF_INPUT: u8 = 4;

/// Where frames for the host go.
pub(super) type Outgoing = mpsc::UnboundedSender<Frame>;

/// What the client has granted and not been sent.
struct Credit {
    bytes: Cell<usize>,
    more: Notify,
    /// The client is gone: output is read and thrown away, because a command that is clearing up
    /// must not be killed by what it says about it.
    lost: Cell<bool>,
}

impl Credit {
    /// Waits until something may be sent, and says how much.
    async fn some(&self) -> usize {
        loop {
            match (self.lost.get(), self.bytes.get()) {
                (true, _) => return CHUNK,
                (false, 0) => self.more.notified().await,
                (false, bytes) => return bytes,
            }
        }
    }

    fn lose(&self) {
        self.lost.set(true);
        self.more.notify_waiters();
    }

    fn grant(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes);
        self.more.notify_waiters();
    }
}

/// Runs one command, from order to end. Messages of its client come through `incoming`.
pub(super) async fn run(
    stream: u32,
    order: Box<Order>,
    root: HostRoot,
    reaper: Reaper,
    mut incoming: mpsc::UnboundedReceiver<Message>,
    outgoing: Outgoing,
) {
    let send = |message| {
        // The port closes only when the whole guest ends.
        let _ = outgoing.send(Frame { stream, message });
    };
    let started = match command::start(order, root, reaper).await {
        Ok(started) => started,
        Err(refusal) => return send(Message::Refused(refusal.status, refusal.why)),
    };
    let (group, mut end) = (started.group, started.end);
    let (bytes, lost) = (Cell::new(WINDOW as usize), Cell::new(false));
    let credit = Rc::new(Credit { bytes, more: Notify::new(), lost });
    let (over, ended) = watch::channel(false);
    let streams = Connected::new(started.ends, |file, channel| Pump {
        stream,
        channel,
        file,
        credit: credit.clone(),
        ended: ended.clone(),
        outgoing: outgoing.clone(),
    });
    let mut streams = match streams {
        Ok(streams) => streams,
        Err(error) => {
            kill(group, Signal::SIGKILL);
            return send(Message::Refused(125, error.to_string()));
        }
    };
    let input = streams.feed.take().map(|feed| spawn_local(feed.run(stream, outgoing.clone())));
    let mut deadline = None;
    let end = loop {
        let expired = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let message = tokio::select! {
            end = &mut end => break end,
            () = expired => {
                streams.kill_all(group, Signal::SIGKILL);
                deadline = None;
                continue;
            }
            message = incoming.recv(), if !credit.lost.get() => message,
        };
        match message {
            Some(Message::Input(bytes)) => streams.give(Some(bytes)),
            Some(Message::InputEnd) => streams.give(None),
            Some(Message::Signal(number)) => {
                if let Ok(signal) = Signal::try_from(i32::from(number)) {
                    kill(group, signal);
                }
            }
            Some(Message::Resize(size)) => {
                if let Some(terminal) = &streams.terminal {
                    // A terminal whose programs are gone has no use for a size.
                    let _ = crate::sys::set_window_size(terminal.file(), size);
                }
            }
            Some(Message::OutputCredit(bytes)) => credit.grant(bytes as usize),
            Some(Message::OutputClosed(channel)) => streams.close(channel),
            Some(Message::Hangup) | None => {
                credit.lose();
                streams.giving = None;
                streams.kill_all(group, Signal::SIGHUP);
                streams.kill_all(group, Signal::SIGCONT);
                deadline = Some(tokio::time::Instant::now() + GRACE);
            }
            // Nothing else is addressed to a command.
            Some(_) => {}
        }
    };
    // What the command has written is in the pipes and is still to be sent, but a process that it
    // left behind may hold them open for ever.
    let _ = over.send(true);
    if let Some(input) = input {
        input.abort();
    }
    loop {
        tokio::select! {
            () = streams.finished() => break,
            message = incoming.recv(), if !credit.lost.get() => match message {
                Some(Message::OutputCredit(bytes)) => credit.grant(bytes as usize),
                Some(Message::OutputClosed(channel)) => streams.close(channel),
                Some(Message::Hangup) | None => credit.lose(),
                Some(_) => {}
            },
        }
    }
    send(match end {
        Ok(end) => Message::Ended(end),
        Err(_) => Message::Refused(125, "the guest lost the command".to_owned()),
    });
}

fn kill(group: Pid, signal: Signal) {
    // The last process of the group may have ended in this moment.
    let _ = killpg(group, signal);
}

/// The command's streams with the tasks that serve them.
struct Connected {
    terminal: Option<Rc<Outlet>>,
    feed: Option<Feed>,
    giving: Option<mpsc::UnboundedSender<Vec<u8>>>,
    pumps: Vec<(Channel, JoinHandle<()>)>,
}

impl Connected {
    fn new(ends: Ends, pump: impl Fn(Rc<Outlet>, Channel) -> Pump) -> std::io::Result<Self> {
        let (giving, bytes) = mpsc::unbounded_channel();
        let (input, terminal, outputs) = match ends {
            Ends::Pipes { input, output, error } => {
                let [output, error] = [Outlet::new(output)?, Outlet::new(error)?].map(Rc::new);
                let outputs = vec![(Channel::Output, output), (Channel::Error, error)];
                (Rc::new(Outlet::new(input)?), None, outputs)
            }
            Ends::Terminal { master } => {
                let master = Rc::new(Outlet::new(master)?);
                (master.clone(), Some(master.clone()), vec![(Channel::Output, master)])
            }
        };
        let pumps = outputs
            .into_iter()
            .map(|(channel, file)| (channel, spawn_local(pump(file, channel).run())));
        let pumps = pumps.collect();
        let at_end = if terminal.is_some() { &[END_OF_INPUT][..] } else { &[] };
        let feed = Feed { input, bytes, at_end };
        Ok(Self { terminal, feed: Some(feed), giving: Some(giving), pumps })
    }

    /// Passes on input, or its end.
    fn give(&mut self, bytes: Option<Vec<u8>>) {
        match (bytes, &self.giving) {
            // A command that has closed its input does not get any more.
            (Some(bytes), Some(giving)) => drop(giving.send(bytes)),
            (Some(_), None) => {}
            (None, _) => self.giving = None,
        }
    }

    /// Closes our end of an output, so that the command learns that nobody reads it.
    fn close(&mut self, closed: Channel) {
        self.pumps
            .iter()
            .filter(|(channel, _)| *channel == closed)
            .for_each(|(_, pump)| pump.abort());
    }

    /// Sends a signal to the command's group, and on a terminal to the one in its foreground.
    fn kill_all(&self, group: Pid, signal: Signal) {
        kill(group, signal);
        let foreground = self.terminal.as_ref().map(|terminal| tcgetpgrp(terminal.file()));
        if let Some(Ok(foreground)) = foreground
            && foreground != group
        {
            kill(foreground, signal);
        }
    }

    async fn finished(&mut self) {
        while let Some((_, pump)) = self.pumps.last_mut() {
            // One that was aborted has finished too.
            let _ = pump.await;
            self.pumps.pop();
        }
    }
}

/// Writes what comes to the command's input, giving back the credit for it; then closes it.
struct Feed {
    input: Rc<Outlet>,
    bytes: mpsc::UnboundedReceiver<Vec<u8>>,
    /// A terminal is not closed, but told.
    at_end: &'static [u8],
}

impl Feed {
    async fn run(mut self, stream: u32, outgoing: Outgoing) {
        while let Some(bytes) = self.bytes.recv().await {
            // Where nobody reads the input it is lost, as it would be in a pipe.
            let _ = self.input.write_all(&bytes).await;
            let message = Message::InputCredit(bytes.len() as u32);
            let _ = outgoing.send(Frame { stream, message });
        }
        let _ = self.input.write_all(self.at_end).await;
    }
}

/// Sends one output of the command to its client, as far as there is credit.
struct Pump {
    stream: u32,
    channel: Channel,
    file: Rc<Outlet>,
    credit: Rc<Credit>,
    ended: watch::Receiver<bool>,
    outgoing: Outgoing,
}

impl Pump {
    async fn run(mut self) {
        let mut buffer = vec![0; CHUNK];
        loop {
            let most = self.credit.some().await.min(CHUNK);
            let buffer = &mut buffer[..most];
            let count = tokio::select! {
                biased;
                count = self.file.read(buffer) => count,
                _ = self.ended.wait_for(|ended| *ended) => self.file.read_now(buffer),
            };
            match count {
                Ok(0) | Err(_) => return,
                Ok(_) if self.credit.lost.get() => {}
                Ok(count) => {
                    let message = Message::Data(self.channel, buffer[..count].to_vec());
                    let _ = self.outgoing.send(Frame { stream: self.stream, message });
                    // The other output may have used credit in the meantime, so this may go below
                    // what was granted by one frame, and no further.
                    self.credit.bytes.set(self.credit.bytes.get().saturating_sub(count));
                }
            }
        }
    }
}
