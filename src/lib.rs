//! `vrflab` turns a network drawn in a `.dot` or YAML file into a running one on a Linux machine.
//!
//! ```text
//!  FILE.dot ─┐
//!            ├─► document ─► topology ─► compile ─► Lab ─► plan ─► executor ─► state ─► down, reset
//!  FILE.yaml ┘   what was    what was    what was    │     what     makes it,   what is
//!                written     meant       left out    │     will be  journals,   there
//!                (spans)     (graph)     filled in   │     done     rolls back
//!                                                    └─► check: does it work?
//!
//!  lifecycle: the life of one lab, from its file to its end ─► cli, vm, other programs
//! ```
//!
//! One value per stage, one function that makes it, and nothing flows back. The `mod` lines below
//! stand in the order of the flow, and a module uses only those above it; a test holds that.
//!
//! What is particular to a kind of interface, from its keys to its netlink attributes, is in its file in
//! [`link`], and nowhere else.
//!
//! Rooms left of `kernel` do no input or output but reading the file they are given and those that
//! it names: they need no root and no Linux feature. `kernel` is the only room with netlink and with entering
//! namespaces, `sys` the only one with unsafe code. `lifecycle` is what verbs are made of, `cli` the only room
//! that prints.
//!
//! Other programs use [`lifecycle`], and the data of the rooms that its documentation leads to. The other rooms
//! can be reached because the tests of this crate and its program do so; they are no part of the crate's
//! interface, and change with any version.
//!
//! [`forward`] is a model of what Linux does with a packet, by the state of a plan or by one that was read from a
//! kernel. [`verify`] proves or refutes the checks of a lab by it, before a kernel is touched; and where a check
//! fails, it finds by it which differences between what was built and what the kernel holds are the cause.
//! [`lint`] warns by it of what is legal in a file and surely a mistake.
//! [`explain`] answers one question with all that there is: the model, the kernels' own lookups, a probe.
//!
//! Programs are started for a lab only where its file asks for them: `run` by a supervisor in each
//! node (`kernel/supervisor.rs`), which ends with the last of its commands, and `nft`. What changes
//! while a lab stands, a link that fails or a line that is impaired, is a second lab: `plan/between.rs`
//! finds the actions that lead from what the kernel holds to it, the same ones that build a lab.

pub mod diagnostic;
pub mod iproute;
#[doc(hidden)]
pub mod vocabulary;
pub mod link;
pub mod document;
#[doc(hidden)]
pub mod topology;
pub mod compile;
pub mod plan;
#[doc(hidden)]
pub mod forward;
#[doc(hidden)]
pub mod verify;
pub mod lint;
#[doc(hidden)]
pub mod sys;
#[doc(hidden)]
pub mod kernel;
#[doc(hidden)]
pub mod state;
#[doc(hidden)]
pub mod executor;
pub mod check;
pub mod explain;
#[doc(hidden)]
pub mod picture;
pub mod lifecycle;
#[doc(hidden)]
pub mod vm;
#[doc(hidden)]
pub mod cli;
