//! `vrflab` turns a network drawn in a `.dot` or YAML file into a running one on a Linux machine.
//!
//! ```text
//!  FILE.dot ─┐
//!            ├─► document ─► topology ─► compile ─► Lab ─► plan ─► executor ─► state ─► down, reset
//!  FILE.yaml ┘   what was    what was    what was    │     what     makes it,   what is
//!                written     meant       left out    │     will be  journals,   there
//!                (spans)     (graph)     filled in   │     done     rolls back
//!                                                    └─► check: does it work?
//! ```
//!
//! One value per stage, one function that makes it, and nothing flows back. The `mod` lines below
//! stand in the order of the flow, and a module uses only those above it; a test holds that.
//!
//! Rooms left of [`kernel`] do no input or output but reading the file they are given: they need
//! no root and no Linux feature. [`kernel`] is the only room with netlink, with entering
//! namespaces and with unsafe code. [`cli`] is the only one that prints.

pub mod diagnostic;
pub mod iproute;
pub mod document;
pub mod topology;
pub mod compile;
pub mod plan;
pub mod kernel;
pub mod state;
pub mod executor;
pub mod check;
pub mod picture;
pub mod vm;
pub mod cli;
