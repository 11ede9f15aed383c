//! What no file does, and what only a few may.

use crate::source::{Declared, File, Use, files_below, library, package, read};
use std::fs;
use std::path::Path;

/// Past this a file can no longer be read at one go.
const LONGEST: usize = 500;

/// Where a word or a path is against the rules: a line for each place.
fn places(files: &[File], forbidden: impl Fn(&File, &Use) -> bool) -> Vec<String> {
    files
        .iter()
        .flat_map(|file| file.uses.iter().map(move |used| (file, used)))
        .filter(|(file, used)| forbidden(file, used))
        .map(|(file, used)| {
            format!("{}:{}: {}", file.path.display(), used.line, used.path.join("::"))
        })
        .collect()
}

fn assert_nowhere(places: &[String], rule: &str) {
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

fn is(file: &File, path: &str) -> bool {
    file.path == Path::new(path)
}

fn in_room(file: &File, room: &str) -> bool {
    file.module.first().is_some_and(|first| first == room)
}

fn runs_a_command(file: &File, used: &Use) -> bool {
    // What a user's file asks to have run: commands, and nft.
    let asked_for = ["src/kernel/supervisor.rs", "src/kernel/program.rs"];
    if used.in_test || in_room(file, "vm") || asked_for.iter().any(|path| is(file, path)) {
        return false;
    }
    let words: Vec<&str> = used.path.iter().map(String::as_str).collect();
    match words.as_slice() {
        // It only sets what happens in a command that others make.
        ["std", "process", "Command"] => !is(file, "src/sys/child.rs"),
        ["std", "process", "ExitCode" | "exit" | "id", ..] => false,
        ["std" | "tokio", "process", ..] => true,
        [.., "Command", "new"] => true,
        [.., last] => {
            let becomes = ["execv", "execve", "execvp", "execvpe", "execveat", "fexecve"];
            let starts = ["fork", "vfork", "posix_spawn", "posix_spawnp"];
            starts.contains(last) || (becomes.contains(last) && !is(file, "src/kernel/enter.rs"))
        }
        [] => false,
    }
}

#[test]
fn only_the_machine_and_exec_run_commands() {
    let places = places(&library(), runs_a_command);
    assert_nowhere(
        &places,
        "commands are run by src/vm, by exec in src/kernel/enter.rs, and where a file asks for them",
    );
}

#[test]
fn netlink_is_spoken_in_one_room() {
    // What a kind of interface is called in messages stands with the kind; it sends none.
    let is_message_of_kind =
        |file: &File, used: &Use| in_room(file, "link") && used.path[1] == "packet_route";
    let places = places(&library(), |file, used| {
        used.path[0] == "rtnetlink" && !in_room(file, "kernel") && !is_message_of_kind(file, used)
    });
    assert_nowhere(&places, "only src/kernel speaks netlink");
}

#[test]
fn no_file_is_longer_than_can_be_read_at_one_go() {
    let files = files_below("src").into_iter().chain(files_below("tests"));
    let long: Vec<String> = files
        .filter_map(|file| {
            let text = fs::read_to_string(package().join(&file)).expect("the file can be read");
            let lines = text.lines().count();
            (lines > LONGEST).then(|| format!("{} has {lines} lines", file.display()))
        })
        .collect();
    assert_nowhere(&long, "no file is past 500 lines");
}

#[test]
fn no_file_is_named_after_nothing() {
    let nothing = ["utils", "util", "common", "helpers", "helper", "types", "misc"];
    let named: Vec<String> = files_below("src")
        .into_iter()
        .filter(|file| {
            file.with_extension("").iter().any(|part| nothing.iter().any(|name| part == *name))
        })
        .map(|file| file.display().to_string())
        .collect();
    assert_nowhere(&named, "a file is named after what is in it");
}

#[test]
fn what_is_forbidden_is_found_outside_tests_however_it_is_written() {
    let text = r#"
        use std::process::{self, ExitCode, Stdio};
        use std::process::Command as C;
        fn f() { std::process::exit(1); tokio::process::Command::new("ip"); nix::unistd::fork(); }
        // std::process::exit() in comments and strings is none
        const S: &str = "std::process::Command";
        #[cfg(test)]
        mod tests { fn f() { std::process::Command::new("ip"); } }
        #[test]
        fn t() { std::process::Command::new("ip"); }
    "#;
    let module = vec!["state".to_owned()];
    let declared = Declared { module, at: None, in_test: false };
    let file = read(Path::new("src/state/x.rs"), text, &declared);
    let files = [file];
    assert_eq!(
        places(&files, runs_a_command),
        [
            "src/state/x.rs:2: std::process::self",
            "src/state/x.rs:2: std::process::Stdio",
            "src/state/x.rs:3: std::process::Command",
            "src/state/x.rs:4: tokio::process::Command::new",
            "src/state/x.rs:4: nix::unistd::fork",
        ]
    );
}
