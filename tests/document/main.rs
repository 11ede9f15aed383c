//! Reading a file: what is accepted, what it means, and what a wrong one is told.

mod bad;
mod file;
mod good;
