//! The agent at the port: orders come in, what commands say goes out.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

use super::super::engine::PORT;
use super::super::frame::{Decoder, Frame, Message};
use super::outlet::Outlet;
use super::reaper::Reaper;
use super::root::HostRoot;
use super::session::{self, Outgoing};
use crate::state::outlines;

/// How long the port may take to appear.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves until the host's end of the port closes.
pub(super) fn serve(root: HostRoot) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve_here(root))
}

async fn serve_here(root: HostRoot) -> io::Result<()> {
    let port = Rc::new(Outlet::new(open_port()?)?);
    let (outgoing, mut frames) = mpsc::unbounded_channel::<Frame>();
    let writer = port.clone();
    spawn_local(async move {
        while let Some(frame) = frames.recv().await {
            if let Err(error) = writer.write_all(&frame.encode()).await {
                eprintln!("vrflab: the port cannot be written: {error}");
                return;
            }
        }
    });
    let reaper = Reaper::default();
    let (orphans, mut ended) = (reaper.clone(), signal(SignalKind::child())?);
    spawn_local(async move {
        while ended.recv().await.is_some() {
            orphans.reap();
        }
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned();
    send(&outgoing, 0, Message::Hello(kernel));

    let mut commands = HashMap::new();
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = port.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        decoder.push(&buffer[..count]);
        while let Some(frame) = decoder.next().map_err(io::Error::other)? {
            handle(frame, &root, &mut commands, &reaper, &outgoing)?;
        }
    }
}

type Commands = HashMap<u32, mpsc::UnboundedSender<Message>>;

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for the command of the stream")]
fn handle(
    frame: Frame,
    root: &HostRoot,
    commands: &mut Commands,
    reaper: &Reaper,
    outgoing: &Outgoing,
) -> io::Result<()> {
    let Frame { stream, message } = frame;
    match message {
        Message::Clock(nanoseconds) => {
            let now = TimeSpec::from_duration(Duration::from_nanos(nanoseconds));
            clock_settime(ClockId::CLOCK_REALTIME, now)?;
        }
        Message::ListLabs => send(outgoing, stream, Message::Labs(outlines()?)),
        Message::Run(order) => {
            commands.retain(|_, messages| !messages.is_closed());
            let (messages, incoming) = mpsc::unbounded_channel();
            commands.insert(stream, messages);
            let (root, reaper, outgoing) = (root.clone(), reaper.clone(), outgoing.clone());
            spawn_local(session::run(stream, order, root, reaper, incoming, outgoing));
        }
        message => {
            if let Some(messages) = commands.get(&stream) {
                // A command that has just ended has no use for it.
                let _ = messages.send(message);
            }
        }
    }
    Ok(())
}

fn send(outgoing: &Outgoing, stream: u32, message: Message) {
    // The writer goes only when the port does, which ends the loop above as well.
    let _ = outgoing.send(Frame { stream, message });
}

/// Opens the port. The kernel announces it some time after its driver has been loaded, and the
/// host's end as connected some time after that.
fn open_port() -> io::Result<fs::File> {
    let deadline = Instant::now() + PATIENCE;
    let mut port = None;
    while Instant::now() < deadline {
        match (&port, find_port()) {
            (None, Some(path)) => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
                port = Some(options.open(path)?);
            }
            (Some(file), _) if connected(file)? => return file.try_clone(),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    Err(io::Error::other("there is no port to the host"))
}

fn connected(port: &fs::File) -> io::Result<bool> {
    let mut ask = [PollFd::new(port.as_fd(), PollFlags::POLLOUT)];
    poll(&mut ask, PollTimeout::ZERO)?;
    let answer = ask[0].revents().unwrap_or(PollFlags::empty());
    Ok(answer.contains(PollFlags::POLLOUT) && !answer.contains(PollFlags::POLLHUP))
}

fn find_port() -> Option<PathBuf> {
    let entries = fs::read_dir("/sys/class/virtio-ports").ok()?;
    let mut found = entries.flatten().filter(|entry| {
        fs::read_to_string(entry.path().join("name")).is_ok_and(|name| name.trim() == PORT)
    });
    let device = Path::new("/dev").join(found.next()?.file_name());
    device.exists().then_some(device)
}
