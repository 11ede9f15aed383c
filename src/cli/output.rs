//! What is printed: a reader that has gone, as in `vrflab plan FILE | head`, ends nothing that is
//! under way.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::OnceLock;

/// Prints a line to the standard output.
macro_rules! out {
    ($($words:tt)*) => { $crate::cli::output::line(std::io::stdout(), format_args!($($words)*)) };
}

/// Prints a line to the standard error.
macro_rules! err {
    ($($words:tt)*) => { $crate::cli::output::line(std::io::stderr(), format_args!($($words)*)) };
}

pub(super) use {err, out};

/// The first failure to write what was to be printed.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Writes a line in one piece, so that lines of several processes do not mix. What is under way goes
/// on where it cannot be written; [`failure`] tells of that in the end, unless its reader has gone.
pub(super) fn line(mut to: impl Write, words: Arguments<'_>) {
    match to.write_all(format!("{words}\n").as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            FAILURE.get_or_init(|| error);
        }
        Ok(()) | Err(_) => {}
    }
}

/// Why something that was printed did not arrive.
pub(super) fn failure() -> Option<&'static io::Error> {
    FAILURE.get()
}
