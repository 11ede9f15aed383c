//! What the program says to those who type: no lab comes up here, so nobody has to be root.
#![allow(clippy::unwrap_used)]

mod explain;
mod limits;
mod program;
mod report;
mod trust;
mod verbs;
mod verify;
