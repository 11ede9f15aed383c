//! The lab that is made of a file, the plan of it, and the file that it is printed as.
#![allow(clippy::unwrap_used)]

mod allocations;
mod bridging;
mod check_lines;
mod names;
mod networks;
mod orders;
mod plans;
mod print;
mod settings;
mod routes;
mod subnets;
mod synthetic;
mod walk;
mod wireguard;
