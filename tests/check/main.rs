//! Checks on labs that stand: these tests need root and make namespaces whose names begin with
//! `chk-`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod answers;
mod bench;
mod crowds;
mod options;
mod packets;
mod reach;
mod transfers;
