//! The micro-VM as its users meet it: the program is run on the host, and what it starts is in a
//! guest. The tests share one machine where they do nothing to it, and have their own elsewhere.

#![allow(clippy::unwrap_used, reason = "a test that finds something missing is to fail")]

mod commands;
mod files;
mod kernel;
mod life;
mod machine;
mod terminal;
