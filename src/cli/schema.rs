//! `vrflab schema`: the language of YAML files as a JSON Schema.

use super::exit::Exit;
use super::output;
use crate::document;

pub(super) fn run() -> Exit {
    output::json(&document::schema());
    Exit::Done
}
