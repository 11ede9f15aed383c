//! A room uses only the rooms before it, in the order of the `mod` lines of `src/lib.rs`.

use crate::source::{Declared, File, files_below, library, read};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms in their order.
fn rooms(library: &[File]) -> Vec<String> {
    library[0].declares.iter().map(|declared| declared.module[0].clone()).collect()
}

/// The last room that the root itself uses, after which what stands in the root can be used.
fn last_of_root(root: &File, rooms: &[String]) -> usize {
    let places = root.uses.iter().flat_map(|used| &used.path).filter_map(|part| place(part, rooms));
    places.max().unwrap_or(0)
}

fn place(room: &str, rooms: &[String]) -> Option<usize> {
    rooms.iter().position(|known| known == room)
}

/// What a file uses that stands after its own room, or of which the room cannot be told.
fn against_the_order(file: &File, rooms: &[String], last_of_root: usize) -> Vec<String> {
    let place = |room: &str| place(room, rooms);
    let Some(own) = file.module.first().and_then(|room| place(room)) else { return Vec::new() };
    let ours = file.uses.iter().filter(|used| used.path[0] == "crate" && used.path.len() > 1);
    ours.filter_map(|used| {
        let said = format!("{}:{}: {}", file.path.display(), used.line, used.path.join("::"));
        match place(&used.path[1]) {
            Some(other) if other <= own => None,
            Some(_) => Some(format!("{said}: stands after `{}`", rooms[own])),
            None if used.path[1] == "*" => Some(format!("{said}: does not say what it uses")),
            None if last_of_root < own => None,
            None => Some(format!("{said}: stands after `{}`", rooms[own])),
        }
    })
    .collect()
}

#[test]
fn a_room_uses_only_the_rooms_before_it() {
    let library = library();
    let rooms = rooms(&library);
    assert!(rooms.len() > 10, "the rooms are read from src/lib.rs: {rooms:?}");
    let last_of_root = last_of_root(&library[0], &rooms);
    assert!(last_of_root < rooms.len() - 1, "the last room uses what is in the root");
    let wrong: Vec<String> =
        library.iter().flat_map(|file| against_the_order(file, &rooms, last_of_root)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_belongs_to_the_library() {
    let read: BTreeSet<PathBuf> = library().into_iter().map(|file| file.path).collect();
    let mut there = files_below("src");
    assert!(there.remove(Path::new("src/main.rs")));
    assert_eq!(read, there);
}

#[test]
fn a_use_against_the_order_is_found_however_it_is_written() {
    let rooms = ["first", "second", "third"].map(str::to_owned);
    let module = ["second", "file"].map(str::to_owned).to_vec();
    let declared = Declared { module, at: None, in_test: false };
    let text = r#"
        //! crate::third in a comment is none.
        use crate::first::Fine;
        use crate::{first, third};
        use super::super::third::Deep;
        use super::{super::third, sibling};
        use crate::*;
        fn f() { println!("crate::third {}", crate::third::value()); }
        #[serde(with = crate::third::with)]
        mod tests { use super::super::sibling; use super::super::super::third::inner; }
        pub(super) fn g(it: crate::second::Own) -> self::Mine { crate::in_the_root() }
    "#;
    let file = read(Path::new("file.rs"), text, &declared);
    assert_eq!(
        against_the_order(&file, &rooms, 1),
        [
            "file.rs:4: crate::third: stands after `second`",
            "file.rs:5: crate::third::Deep: stands after `second`",
            "file.rs:6: crate::third: stands after `second`",
            "file.rs:7: crate::*: does not say what it uses",
            "file.rs:8: crate::third::value: stands after `second`",
            "file.rs:9: crate::third::with: stands after `second`",
            "file.rs:10: crate::third::inner: stands after `second`",
            "file.rs:11: crate::in_the_root: stands after `second`",
        ]
    );
}
