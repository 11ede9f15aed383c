//! Reading a file: what is accepted, what it means, and what a wrong one is told.

#![allow(clippy::unwrap_used)]

mod any;
mod diagnostic;
mod dot;
mod file;
mod good;
mod graphviz;
mod schema;
mod written;
mod yaml;
