//! Signals that ask the program to end: what is under way is undone first.

use super::exit::Exit;
use super::output::err;
use fs_err as fs;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether INT, TERM or HUP has come.
#[derive(Debug, Default)]
pub(super) struct Interrupt {
    state: AtomicU8,
}

/// Nothing is there yet that would have to be undone.
const IDLE: u8 = 0;
/// Something is, or soon will be.
const AT_WORK: u8 = 1;
/// A signal has come since.
const RAISED: u8 = 2;

impl Interrupt {
    /// Whether one has come.
    pub(super) fn is_raised(&self) -> bool {
        self.state.load(Ordering::SeqCst) == RAISED
    }

    /// Says that from here on there is something to undo. Until then a signal ends the program.
    pub(super) fn begin(&self) {
        let _ = self.state.compare_exchange(IDLE, AT_WORK, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Says that there is nothing to undo any more, and ends the program if a signal has come meanwhile.
    pub(super) fn rest(&self) {
        if self.state.compare_exchange(AT_WORK, IDLE, Ordering::SeqCst, Ordering::SeqCst)
            == Err(RAISED)
        {
            end();
        }
    }

    /// Takes note of a signal; true where nobody has to hear of it before the program ends.
    fn raise(&self) -> bool {
        self.state.swap(RAISED, Ordering::SeqCst) == IDLE
    }
}

/// Ends the program where there is nothing to undo.
fn end() -> ! {
    err!("vrflab: interrupted");
    std::process::exit(Exit::Interrupted.status().into());
}

/// Does work on a thread of its own while this one listens for signals, which the work hears of
/// through its [`Interrupt`] and answers when it can.
///
/// # Errors
/// Signals cannot be listened for.
pub(super) fn listening<T: Send>(work: impl FnOnce(&Interrupt) -> T + Send) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let mut int = listen(SignalKind::interrupt())?;
    let mut term = listen(SignalKind::terminate())?;
    let mut hup = listen(SignalKind::hangup())?;
    drop(inside);
    let interrupt = Interrupt::default();
    let (done, mut is_done) = tokio::sync::oneshot::channel::<()>();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // Dropped when the work ends, even by a panic, which ends the wait below.
            let _done = done;
            work(&interrupt)
        });
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = &mut is_done => break,
                    () = next(&mut int) => {}
                    () = next(&mut term) => {}
                    () = next(&mut hup) => {}
                }
                if interrupt.raise() {
                    end();
                }
            }
        });
        match worker.join() {
            Ok(value) => Ok(value),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Stops listening: whoever takes over finds the signals as they were.
///
/// # Errors
/// The kernel refuses.
pub(super) fn stop_listening() -> std::io::Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        if !is_ignored(kind)? {
            crate::sys::default_action(kind.as_raw_value())?;
        }
    }
    Ok(())
}

/// Listens for a signal, but for one that whoever started the program has it ignore, as `nohup` does
/// with HUP.
fn listen(kind: SignalKind) -> std::io::Result<Option<Signal>> {
    if is_ignored(kind)? { Ok(None) } else { signal(kind).map(Some) }
}

fn is_ignored(kind: SignalKind) -> std::io::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    Ok(mask >> (kind.as_raw_value() - 1) & 1 == 1)
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
