//! The program as its users meet it, on this machine's kernel: these tests need root.
#![allow(clippy::unwrap_used)]

mod change;
mod checks;
mod deaf;
mod diagnosis;
mod edit;
mod exec;
mod explain;
mod host;
mod kernel;
mod labs;
mod limits;
mod marks;
mod processes;
mod programs;
mod record;
mod spanning_tree;
mod standing;
mod stop;
mod verbs;
mod verify;
mod wrong;
