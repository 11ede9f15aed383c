//! A room uses only the rooms before it, in the order of the `mod` lines of `src/lib.rs`.

use crate::source::{Declared, File, files_below, library, read};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms in their order.
fn rooms(library: &[File]) -> Vec<String> {
    library[0].declares.iter().map(|declared| declared.module[0].clone()).collect()
}

/// What a file uses that stands after its own room, or of which the room cannot be told.
fn against_the_order(file: &File, rooms: &[String]) -> Vec<String> {
    let place = |room: &str| rooms.iter().position(|known| known == room);
    let Some(own) = file.module.first().and_then(|room| place(room)) else { return Vec::new() };
    let ours = file.uses.iter().filter(|used| used.path[0] == "crate" && used.path.len() > 1);
    ours.filter_map(|used| {
        let said = format!("{}:{}: {}", file.path.display(), used.line, used.path.join("::"));
        match place(&used.path[1]) {
            Some(other) if other <= own => None,
            Some(_) => Some(format!("{said}: stands after `{}`", rooms[own])),
            None => Some(format!("{said}: is no room")),
        }
    })
    .collect()
}

#[test]
fn a_room_uses_only_the_rooms_before_it() {
    let library = library();
    let rooms = rooms(&library);
    assert!(rooms.len() > 10, "the rooms are read from src/lib.rs: {rooms:?}");
    let wrong: Vec<String> =
        library.iter().flat_map(|file| against_the_order(file, &rooms)).collect();
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
        pub(super) fn g(it: crate::second::Own) -> self::Mine {}
    "#;
    let file = read(Path::new("file.rs"), text, &declared);
    assert_eq!(
        against_the_order(&file, &rooms),
        [
            "file.rs:4: crate::third: stands after `second`",
            "file.rs:5: crate::third::Deep: stands after `second`",
            "file.rs:6: crate::third: stands after `second`",
            "file.rs:7: crate::*: is no room",
            "file.rs:8: crate::third::value: stands after `second`",
            "file.rs:9: crate::third::with: stands after `second`",
            "file.rs:10: crate::third::inner: stands after `second`",
        ]
    );
}
