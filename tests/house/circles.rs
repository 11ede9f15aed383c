//! Files that use each other in a loop can only be read together.

use crate::source::{Declared, File, Use, library, read};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// The rooms in which some files still do.
const KNOWN: [&str; 3] = ["check", "forward", "verify"];

/// How often a name is handed on, at the most, before it is used.
const HANDS: usize = 8;

/// The files of a library by the modules that they are, each with the names that it brings in.
struct Library<'a>(BTreeMap<&'a [String], (&'a File, Names<'a>)>);

/// Names, and the paths by which they are brought in.
type Names<'a> = HashMap<&'a str, &'a [String]>;

impl<'a> Library<'a> {
    fn of(files: &'a [File]) -> Self {
        let names = |file: &'a File| {
            let uses = file.uses.iter().filter(|it| !it.in_test);
            uses.filter_map(|it| Some((it.import.as_ref()?.name.as_str(), it.path.as_slice())))
                .collect()
        };
        Self(files.iter().map(|file| (file.module.as_slice(), (file, names(file)))).collect())
    }

    /// The file that defines what a path means that stands in a file of this library.
    fn home(&self, from: &[String], path: &[String], hands: usize) -> Option<&'a File> {
        let (file, names) = &self.0[from];
        let path = path.strip_suffix(&["self".to_owned()]).unwrap_or(path);
        let first = path.first()?;
        let path = if first == "crate" {
            path[1..].to_vec()
        } else if file.declares.iter().any(|child| child.module.last() == Some(first)) {
            [from, path].concat()
        } else {
            let path = [names.get(first.as_str())?, &path[1..]].concat();
            return self.home(from, &path, hands.checked_sub(1)?);
        };
        let lengths = (0..path.len()).rev();
        let module = lengths.map(|length| &path[..length]).find(|it| self.0.contains_key(it))?;
        let (home, names) = &self.0[module];
        match names.get(path[module.len()].as_str()) {
            Some(import) => self.home(module, import, hands.checked_sub(1)?),
            None => Some(home),
        }
    }

    /// The files that a file uses, and by which names. Whatever is inside a module may use what the
    /// module itself defines, and to hand a name on is not to use it.
    fn used(&self, file: &File) -> BTreeMap<&'a [String], BTreeSet<String>> {
        let mut used: BTreeMap<&[String], BTreeSet<String>> = BTreeMap::new();
        let is_handed_on = |it: &Use| it.import.as_ref().is_some_and(|import| import.is_handed_on);
        for it in file.uses.iter().filter(|it| !it.in_test && !is_handed_on(it)) {
            let home = self.home(&file.module, &it.path, HANDS);
            if let Some(home) = home.filter(|home| !file.module.starts_with(&home.module)) {
                used.entry(&home.module).or_default().extend(it.path.last().cloned());
            }
        }
        used
    }

    /// Who uses whom in a loop, a line for each two files, by room.
    fn circles(&self) -> BTreeMap<&'a str, Vec<String>> {
        let used: BTreeMap<&[String], _> =
            self.0.iter().map(|(module, (file, _))| (*module, self.used(file))).collect();
        let reached = |from: &'a [String]| {
            let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(module) = open.pop() {
                open.extend(used[module].keys().filter(|next| reached.insert(**next)));
            }
            reached
        };
        let reached: BTreeMap<&[String], _> =
            used.keys().map(|module| (*module, reached(module))).collect();
        let mut circles: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (module, others) in &used {
            for (other, names) in
                others.iter().filter(|(other, _)| reached[*other].contains(module))
            {
                let [from, to] = [module, other].map(|it| self.0[it].0.path.display());
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let line = format!("{from} uses {to}: {}", names.join(", "));
                circles.entry(module[0].as_str()).or_default().push(line);
            }
        }
        circles
    }
}

#[test]
fn no_files_use_each_other_in_a_loop_but_in_the_rooms_where_some_still_do() {
    let files = library();
    let mut circles = Library::of(&files).circles();
    for room in KNOWN {
        assert!(circles.remove(room).is_some(), "{room} has no circle any more: it is not KNOWN");
    }
    let new: Vec<String> = circles.into_values().flatten().collect();
    assert!(new.is_empty(), "{}", new.join("\n"));
}

#[test]
fn files_that_use_each_other_are_found_however_it_is_written() {
    let texts = [
        ("", "mod room;"),
        (
            "room",
            "mod above; mod one; mod two; mod three; mod four; pub use two::{Own as Handed, inner}; fn own() {}",
        ),
        ("room above", "use super::{own, one::One, four}; fn f() { four::f() }"),
        ("room one", "use crate::room::Handed; fn f() { super::own() }"),
        ("room two", "use super::{three::{self}}; fn f() { three::deep::value(); let four = 4; }"),
        ("room three", "fn f() -> super::inner::Type { super::one::f() }"),
        ("room four", "#[cfg(test)] mod tests { use super::super::above::f; }"),
    ];
    let files = texts.map(|(module, text)| {
        let module: Vec<String> = module.split_whitespace().map(str::to_owned).collect();
        let path = module.join("/");
        read(Path::new(&path), text, &Declared { module, at: None, in_test: false })
    });
    assert_eq!(
        Library::of(&files).circles()["room"],
        [
            "room/one uses room/two: Handed",
            "room/three uses room/one: f",
            "room/three uses room/two: Type",
            "room/two uses room/three: value",
        ]
    );
}
