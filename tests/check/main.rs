//! Checks on labs that stand: these tests need root and make namespaces whose names begin with
//! `chk-`.
#![allow(clippy::unwrap_used)]

mod answers;
mod bench;
mod diagnosis;
mod options;
mod reach;
