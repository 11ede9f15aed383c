//! `vrflab schema`: the language of YAML files as a JSON Schema.

use super::exit::Exit;
use super::output::out;
use crate::document;

pub(super) fn run() -> Exit {
    out!("{:#}", document::schema());
    Exit::Done
}
