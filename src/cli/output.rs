//! What is printed: a reader that has gone, as in `vrflab plan FILE | head`, ends nothing that is
//! under way.

use std::fmt::Arguments;
use std::io::Write;

/// Prints a line to the standard output.
macro_rules! out {
    ($($words:tt)*) => { $crate::cli::output::line(std::io::stdout(), format_args!($($words)*)) };
}

/// Prints a line to the standard error.
macro_rules! err {
    ($($words:tt)*) => { $crate::cli::output::line(std::io::stderr(), format_args!($($words)*)) };
}

pub(super) use {err, out};

/// Writes a line in one piece, so that lines of several processes do not mix, and does not mind that
/// nobody takes it.
pub(super) fn line(mut to: impl Write, words: Arguments<'_>) {
    let _gone = to.write_all(format!("{words}\n").as_bytes());
}
