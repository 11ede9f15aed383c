//! The labs there are, and which of them is meant.

use super::exit::{Exit, cannot, state_error, wrong};
use super::output::err;
use super::place::{Kernel, Place};
use crate::diagnostic::nearest;
use crate::document::LabName;
use crate::state::{self, Outline};
use crate::vm;
use std::io;
use std::path::Path;

/// The environment variable that names the lab where the command line does not.
const VARIABLE: &str = "VRFLAB_LAB";

/// A lab, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The lab.
    pub lab: Outline,
    /// Where it is.
    pub place: Place,
}

/// The labs of both places, by name; an error where it is not known which there are.
pub(super) fn all(kernel: Kernel) -> Result<Vec<Found>, Exit> {
    let (labs, unknown) = as_known(kernel)?;
    unknown.map_or(Ok(labs), |error| Err(cannot(error)))
}

/// The labs of both places, by name, and why those in the micro-VM are not known.
pub(super) fn as_known(kernel: Kernel) -> Result<(Vec<Found>, Option<vm::Error>), Exit> {
    let mut labs = if kernel == Kernel::Vm { Vec::new() } else { here()? };
    let in_vm = match kernel == Kernel::Host || vm::inside_guest() {
        true => Ok(Vec::new()),
        false => vm::labs(),
    };
    let (in_vm, unknown) = in_vm.map_or_else(|error| (Vec::new(), Some(error)), |it| (it, None));
    labs.extend(in_vm.into_iter().map(|lab| Found { lab, place: Place::Vm }));
    labs.sort_by(|one, other| (&one.lab.name, one.place).cmp(&(&other.lab.name, other.place)));
    Ok((labs, unknown))
}

/// The labs on this kernel.
fn here() -> Result<Vec<Found>, Exit> {
    let here = match state::outlines() {
        // Root may keep them to itself; then they are nothing to this user.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !is_own(Place::Here) => {
            Vec::new()
        }
        here => here.map_err(state_error)?,
    };
    Ok(here.into_iter().map(|lab| Found { lab, place: Place::Here }).collect())
}

/// The lab of this name on this kernel, where it is this user's to work on: then nobody has to ask the
/// micro-VM, which may not answer.
pub(super) fn named_here(name: &str, kernel: Kernel) -> Result<Option<Found>, Exit> {
    if kernel == Kernel::Vm || !is_own(Place::Here) {
        return Ok(None);
    }
    Ok(here()?.into_iter().find(|found| found.lab.name.as_str() == name))
}

/// Whether labs there are this user's to work on: those on this kernel are root's.
pub(super) fn is_own(place: Place) -> bool {
    place == Place::Vm || nix::unistd::geteuid().is_root()
}

/// Says that labs are not this user's to work on.
pub(super) fn roots(labs: &str) -> Exit {
    let are = if labs.contains(", ") { "are" } else { "is" };
    cannot(format!("{labs} {are} root's, as all labs on this kernel are; run it with sudo"))
}

/// The lab of this name, if one is up that this user may work on.
pub(super) fn named(name: &str, kernel: Kernel) -> Result<Option<(LabName, Place)>, Exit> {
    let named = match named_here(name, kernel)? {
        Some(here) => Some(here),
        None => {
            let mut labs = all(kernel)?.into_iter().filter(|found| is_own(found.place));
            labs.find(|found| found.lab.name.as_str() == name)
        }
    };
    Ok(named.map(|found| (found.lab.name, found.place)))
}

/// The lab of this name, or without one the lab that is meant: the one that `VRFLAB_LAB` names, the
/// only one whose file is in this directory, the only one of this user, the only one with the node.
pub(super) fn find(
    name: Option<&str>,
    node: Option<&str>,
    kernel: Kernel,
) -> Result<(LabName, Place), Exit> {
    let of_environment = from_environment();
    if let Some(name) = name.or(of_environment.as_deref())
        && let Some(found) = named_here(name, kernel)?
    {
        return Ok((found.lab.name, found.place));
    }
    let labs = all(kernel)?;
    let found = match (name, of_environment) {
        (Some(name), _) => by_name(&labs, name, "")?,
        (None, Some(name)) => by_name(&labs, &name, &format!(", which {VARIABLE} names,"))?,
        (None, None) => {
            let own: Vec<&Found> = labs.iter().filter(|found| is_own(found.place)).collect();
            meant(&own, node)?
        }
    };
    Ok((found.lab.name.clone(), found.place))
}

/// The lab that is meant where none is named, said aloud: it need not be the one whose file somebody looks at.
pub(super) fn find_aloud(node: Option<&str>, kernel: Kernel) -> Result<(LabName, Place), Exit> {
    let (lab, place) = find(None, node, kernel)?;
    err!("the lab is {lab}");
    Ok((lab, place))
}

/// The name in the environment.
fn from_environment() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|name| !name.is_empty())
}

fn by_name<'a>(labs: &'a [Found], name: &str, origin: &str) -> Result<&'a Found, Exit> {
    let named = || labs.iter().filter(|found| found.lab.name.as_str() == name);
    match named().find(|found| is_own(found.place)) {
        Some(found) => Ok(found),
        None if named().next().is_some() => Err(roots(name)),
        None => Err(wrong(unknown(labs, name, origin))),
    }
}

/// Says that no lab has this name, and which was meant or which there are.
pub(super) fn unknown(labs: &[Found], name: &str, origin: &str) -> String {
    let own = || labs.iter().filter(|found| is_own(found.place));
    let names = || own().map(|found| found.lab.name.as_str());
    let said = format!("no lab `{name}`{origin} is up");
    if own().next().is_none() {
        return format!("{said}, nor any other");
    }
    match nearest(name, names()) {
        Some(near) => format!("{said}; did you mean `{near}`?"),
        None => format!("{said}; those that are: {}", names().collect::<Vec<_>>().join(", ")),
    }
}

/// The lab that is meant, of those that this user may work on, where none is named.
pub(super) fn meant<'a>(labs: &[&'a Found], node: Option<&str>) -> Result<&'a Found, Exit> {
    let directory = std::env::current_dir().ok();
    match choose(labs, directory.as_deref(), state::invoking_user(), node) {
        Ok(found) => Ok(found),
        Err(several) => {
            let names: Vec<_> = several.iter().map(|found| found.lab.name.as_str()).collect();
            Err(wrong(match names.as_slice() {
                [] => "no lab is up".to_owned(),
                [others] => format!("the lab that is up is another user's: {others}; name it"),
                names => {
                    let names = names.join(", ");
                    match node.filter(|_| !has_node(several[0], node)) {
                        Some(node) => format!("no lab that is up has a node `{node}`: {names}"),
                        None => format!(
                            "several labs are up, name one of them or set {VARIABLE}: {names}"
                        ),
                    }
                }
            }))
        }
    }
}

/// The lab that is meant, or those of which one could be.
fn choose<'a>(
    labs: &[&'a Found],
    directory: Option<&Path>,
    user: u32,
    node: Option<&str>,
) -> Result<&'a Found, Vec<&'a Found>> {
    let only = |labs: &[&'a Found], holds: &dyn Fn(&Found) -> bool| -> Vec<&'a Found> {
        labs.iter().copied().filter(|found| holds(found)).collect()
    };
    // Root itself works on everyone's.
    let is_users = |found: &Found| {
        user == 0 || found.place == Place::Vm || found.lab.user.is_none_or(|it| it == user)
    };
    let is_beside = |found: &Found| {
        let beside = found.lab.path.as_deref().and_then(Path::parent);
        beside.is_some() && beside == directory
    };
    let has_node = |found: &Found| has_node(found, node);
    let own = only(labs, &is_users);
    let beside = only(&own, &is_beside);
    let with_node = only(&own, &has_node);
    for chosen in [&beside, &own, &only(&beside, &has_node), &with_node] {
        if let [lab] = chosen[..] {
            return Ok(lab);
        }
    }
    let nonempty = [with_node, own].into_iter().find(|labs| !labs.is_empty());
    Err(nonempty.unwrap_or_else(|| labs.to_vec()))
}

fn has_node(found: &Found, node: Option<&str>) -> bool {
    node.is_some_and(|node| found.lab.nodes.iter().any(|of_lab| of_lab == node))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(name: &str, path: &str, nodes: &[&str], user: u32, place: Place) -> Found {
        let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
        let name = LabName::new(name).unwrap();
        let (path, user, failed) = (Some(path.into()), Some(user), Vec::new());
        let commands = state::Commands::default();
        Found { lab: Outline { name, path, nodes, user, commands, failed }, place }
    }

    #[test]
    fn a_lab_is_meant_by_its_directory_its_user_or_its_nodes() {
        let labs = [
            lab("one", "/a/one.dot", &["r1", "x"], 7, Place::Here),
            lab("two", "/b/two.dot", &["r1", "y"], 7, Place::Here),
            lab("three", "/b/three.dot", &["r1", "z"], 7, Place::Vm),
            lab("four", "/a/four.dot", &["r1", "w"], 8, Place::Here),
        ];
        let chosen = |labs: &[Found], directory: &str, user: u32, node: Option<&str>| {
            let labs: Vec<&Found> = labs.iter().collect();
            let names = |found: &[&Found]| -> Vec<String> {
                found.iter().map(|found| found.lab.name.to_string()).collect()
            };
            choose(&labs, Some(Path::new(directory)), user, node)
                .map(|found| found.lab.name.to_string())
                .map_err(|several| names(&several))
        };
        let is = |name: &str| Ok(name.to_owned());
        let several = |names: &[&str]| Err(names.iter().map(|it| (*it).to_owned()).collect());
        assert_eq!(chosen(&labs, "/a", 7, None), is("one"));
        assert_eq!(
            chosen(&labs, "/a", 7, Some("y")),
            is("one"),
            "the directory's lab before others"
        );
        assert_eq!(chosen(&labs, "/b", 7, Some("z")), is("three"));
        assert_eq!(chosen(&labs, "/c", 7, Some("y")), is("two"));
        assert_eq!(chosen(&labs, "/c", 7, Some("r1")), several(&["one", "two", "three"]));
        assert_eq!(chosen(&labs, "/c", 7, Some("w")), several(&["one", "two", "three"]));
        assert_eq!(chosen(&labs, "/a", 0, None), several(&["one", "two", "three", "four"]));
        assert_eq!(chosen(&labs[2..], "/c", 8, Some("w")), is("four"));
        assert_eq!(chosen(&labs[..2], "/c", 9, None), several(&["one", "two"]));
        assert_eq!(chosen(&labs[..1], "/c", 9, None), several(&["one"]), "another user's");
        assert_eq!(chosen(&labs[..1], "/c", 7, None), is("one"));
        assert_eq!(chosen(&[], "/a", 7, None), several(&[]));
    }
}
