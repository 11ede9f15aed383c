//! The commands that `plan` prints: `sh` runs them, and the kernel then holds what `up` makes.

use crate::faults::{AFTER, BEFORE, everything};
use crate::standing::{file, read};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use vrflab::document::Format;
use vrflab::kernel::{Namespace, observe_all, on_worker};
use vrflab::plan::{Action, Difference, Plan, Resource, State, between, differences};

/// Whether an action is the program's own, and not one of the file's, which comes to what it likes.
fn is_ours(action: &Action) -> bool {
    !matches!(action.resource(), Resource::Command { .. })
}

/// Has `sh` run commands.
fn run(what: &str, lines: &[String]) {
    run_with(what, lines, &[]);
}

/// [`run`], with the keys of interfaces in the files that commands name.
fn run_with(what: &str, lines: &[String], plans: &[&Plan]) {
    let directory = std::env::temp_dir().join(format!("commands-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    for resource in plans.iter().flat_map(|plan| plan.resources()) {
        if let Resource::Wireguard { namespace, device, settings } = resource {
            let key = settings.private_key.to_base64();
            fs::write(directory.join(format!("{namespace}-{device}")), key).unwrap();
            for (number, peer) in (1..).zip(settings.peers.values()) {
                let file = directory.join(format!("{namespace}-{device}.{number}"));
                if let Some(key) = peer.preshared_key {
                    fs::write(file, key.to_base64()).unwrap();
                }
            }
        }
    }
    let script = directory.join("script");
    fs::write(&script, lines.join("\n")).unwrap();
    let ran = Command::new("sh").arg("-ev").arg(&script).env("KEYS", &directory).output().unwrap();
    fs::remove_dir_all(&directory).unwrap();
    // With `-v` the last line that was read is the one that failed, and what it said stands behind it.
    let said = String::from_utf8(ran.stderr).unwrap();
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    assert!(ran.status.success(), "{what}: {last:#?}");
}

fn commands(actions: impl Iterator<Item = Action>) -> Vec<String> {
    actions.filter(is_ours).map(|action| action.to_string()).collect()
}

/// The same commands, with one program for those that stand behind each other and differ in what is behind the
/// options alone: a program takes longer to start than what it does.
fn together(lines: &[String]) -> Vec<String> {
    let mut together: Vec<(String, Vec<&str>)> = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let options = match words[..] {
            ["ip", "netns", "exec", _, "sysctl", ..] => 6,
            ["ip", "-n", _, "-f", ..] => 5,
            ["ip", "-n", _, "-4" | "-6", ..] => 4,
            ["ip" | "tc" | "bridge", "-n", ..] if !line.contains("; ") => 3,
            ["ip", "link", ..] => 1,
            _ => words.len(),
        };
        let program = words[..options].join(" ");
        let rest = line[program.len()..].trim_start();
        match together.last_mut() {
            Some((last, lines)) if *last == program => lines.push(rest),
            _ => together.push((program, vec![rest])),
        }
    }
    let joined = |(program, lines): (String, Vec<&str>)| match lines[..] {
        [line] => format!("{program} {line}"),
        _ if program.contains(" sysctl ") => format!("{program} {}", lines.join(" ")),
        _ => {
            assert!(lines.iter().all(|line| !line.contains('\'')), "{lines:?}");
            format!("printf '%s\\n' '{}' | {program} -batch -", lines.join("' '"))
        }
    };
    together.into_iter().map(joined).collect()
}

fn actions(plan: &Plan) -> impl Iterator<Item = Action> {
    plan.steps().map(|step| step.action.clone())
}

fn inverse(plan: &Plan) -> impl Iterator<Item = Action> {
    let actions: Vec<Action> = plan.steps().map(|step| step.action.inverse()).collect();
    actions.into_iter().rev()
}

fn wrong(plan: &Plan) -> Vec<Difference> {
    differences(plan, &on_worker(|worker| observe_all(&[plan], worker)).unwrap())
}

/// Whether there is a file in a directory, or in one below it.
fn holds_a_file(directory: &Path) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.into_iter().any(|path| path.is_file() || holds_a_file(&path))
}

fn is_gone(what: &str, plan: &Plan) {
    for namespace in plan.namespaces() {
        assert!(!Namespace::path(namespace).exists(), "{what}: {namespace}");
        let files = Path::new("/etc/netns").join(namespace);
        assert!(!holds_a_file(&files), "{what}: {}", files.display());
    }
}

/// The words of a command in the order in which they come first, but for names and numbers, and for what a file
/// holds.
fn form(action: &Action, names: &BTreeSet<&str>) -> Vec<String> {
    if let Resource::EtcFile { .. } = action.resource() {
        return vec!["install".to_owned()];
    }
    if let Resource::Ruleset { .. } = action.resource() {
        return vec!["nft".to_owned()];
    }
    let mut form: Vec<String> = Vec::new();
    for word in action.to_string().split(' ').filter(|word| !names.contains(word)) {
        let is_plain = word.chars().all(|it| it.is_ascii_lowercase() || "-_".contains(it));
        if is_plain && !form.iter().any(|known| known == word) {
            form.push(word.to_owned());
        }
    }
    form
}

/// The most steps of a lab whose commands are always run: each takes a program's start, of which a machine that is
/// emulated makes ten in a second.
const SMALL: usize = 150;

/// Labs of the project, the small ones first: those that have a form of command which those before have
/// not, or with `VRFLAB_ALL_LABS` all of them.
fn labs() -> Vec<(PathBuf, Plan)> {
    let folders = ["labs", "labs/zoo"].into_iter().flat_map(|it| fs::read_dir(file(it)).unwrap());
    let mut labs: Vec<(PathBuf, Plan)> = folders
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let format = Format::of_name(path.to_str().unwrap())?;
            let name = format!("sh-{}", path.file_stem().unwrap().to_str().unwrap());
            Some((path.clone(), read(&fs::read_to_string(path).unwrap(), format, &name).0.plan))
        })
        .collect();
    labs.sort_by_key(|(path, plan)| (plan.steps().len(), path.clone()));
    if std::env::var_os("VRFLAB_ALL_LABS").is_none() {
        let mut seen = BTreeSet::new();
        labs.retain(|(_, plan)| plan.steps().len() <= SMALL);
        labs.retain(|(_, plan)| {
            let known = seen.len();
            let devices = plan.resources().flat_map(|it| it.devices());
            let names = devices.flat_map(|(namespace, device)| [namespace, device]).collect();
            let actions = plan.steps().map(|step| &step.action).filter(|it| is_ours(it));
            seen.extend(actions.map(|action| form(action, &names)));
            seen.len() > known
        });
    }
    labs
}

#[test]
fn commands_of_every_form_make_what_up_makes() {
    let labs = labs();
    assert!(labs.len() > 5, "{labs:?}");
    for (path, plan) in labs {
        let what = path.to_str().unwrap();
        run_with(what, &together(&commands(actions(&plan))), &[&plan]);
        assert_eq!(wrong(&plan), [], "{what}");
        // All else goes with its namespace.
        let goes = |action: &Action| {
            matches!(action.resource(), Resource::Namespace { .. } | Resource::EtcFile { .. })
        };
        run(what, &commands(inverse(&plan).filter(goes)));
        is_gone(what, &plan);
    }
}

#[test]
fn inverse_commands_take_away_what_commands_make() {
    let what = "one of everything";
    let plan = everything("sh-everything").plan;
    run_with(what, &commands(actions(&plan)), &[&plan]);
    assert_eq!(wrong(&plan), []);
    run(what, &commands(inverse(&plan)));
    is_gone(what, &plan);
}

#[test]
fn the_commands_of_a_change_make_what_the_change_makes() {
    let plan = |text: &str| read(text, Format::Yaml, "sh-edited").0.plan;
    let (before, after) = (plan(BEFORE), plan(AFTER));
    let change = |from: &Plan, to: &Plan| {
        let change = between(&State::of(from), &State::of(to), &[to, from]).unwrap();
        run("a change", &commands(actions(&change)));
        assert_eq!(wrong(to), []);
    };
    run("before", &together(&commands(actions(&before))));
    change(&before, &after);
    change(&after, &before);
    run("before, taken away", &together(&commands(inverse(&before))));
    is_gone("before", &before);
}
