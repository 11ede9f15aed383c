//! Signals that ask the program to end: what is under way is undone first.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};

/// Whether INT, TERM or HUP has come.
#[derive(Debug, Default)]
pub(super) struct Interrupt {
    raised: AtomicBool,
}

impl Interrupt {
    /// Whether one has come.
    pub(super) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }
}

/// Does work on a thread of its own while this one listens for signals, which the work hears of
/// through its [`Interrupt`] and answers when it can.
///
/// # Errors
/// Signals cannot be listened for.
pub(super) fn listening<T: Send>(work: impl FnOnce(&Interrupt) -> T + Send) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let mut int = signal(SignalKind::interrupt())?;
    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
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
                    _ = int.recv() => {}
                    _ = term.recv() => {}
                    _ = hup.recv() => {}
                }
                interrupt.raised.store(true, Ordering::Relaxed);
            }
        });
        match worker.join() {
            Ok(value) => Ok(value),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
