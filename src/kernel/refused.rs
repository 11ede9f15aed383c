//! An action that was not done, and why.

use super::socket::{Refusal, SendError};
use std::io;

/// An action that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct Refused {
    /// Its place among the actions that were sent together.
    pub index: usize,
    /// What was said.
    pub refusal: Reason,
}

/// Why an action was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The kernel would not.
    #[error("{0}")]
    Kernel(#[from] Refusal),
    /// A program that was started said so.
    #[error("{0}")]
    Program(String),
    /// Bridges have not found their spanning tree in time.
    #[error("{0}, and neither forwarding nor blocking")]
    SpanningTree(String),
}

impl From<SendError> for Refused {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused { index, refusal } => Self { index, refusal: refusal.into() },
            SendError::Io(error) => error.into(),
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        let errno = nix::Error::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO));
        Self { index: 0, refusal: Refusal { errno, sentence: None }.into() }
    }
}
