//! What tells a lab's namespaces from all others, in two places: the mark that each bears, which
//! anybody can see and whoever is in the node can change, and the number that the kernel gave it, which
//! nobody can.

use super::message::LOOPBACK;
use super::{Namespace, Socket, Worker, checksum, on_worker};
use crate::sys;
use fs_err as fs;
use nix::time::{ClockId, clock_gettime};
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkAttribute;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

/// A namespace among all of this boot and of all others. Its inode would not do: that is given to
/// another one as soon as it is free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    boot: String,
    cookie: u64,
}

/// What the kernel calls this boot.
static BOOT: OnceLock<String> = OnceLock::new();

impl Identity {
    /// That of the namespace that the worker is in; nothing where the kernel has no such number.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(super) fn of(_in_namespace: &Worker) -> io::Result<Option<Self>> {
        let Some(cookie) = sys::namespace_cookie()? else { return Ok(None) };
        let boot = match BOOT.get() {
            Some(boot) => boot.clone(),
            None => fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim_end().to_owned(),
        };
        Ok(Some(Self { boot: BOOT.get_or_init(|| boot).clone(), cookie }))
    }

    /// That of the namespace that the caller is in.
    ///
    /// # Errors
    /// When the kernel refuses what the cookie or the boot is read by.
    pub fn own() -> io::Result<Option<Self>> {
        on_worker(|worker| Self::of(worker))
    }

    /// Its number in this boot.
    pub(super) fn cookie(&self) -> u64 {
        self.cookie
    }
}

/// Notes in a lab's file that the namespace that the worker is in is to have this name.
pub(super) fn note(file: &Path, name: &str, worker: &Worker) -> io::Result<()> {
    let Some(Identity { boot, cookie }) = Identity::of(worker)? else { return Ok(()) };
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    let mut file = options.open(file)?;
    let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?).as_secs();
    file.write_all(line(&format!("{name} {boot} {cookie} {now}")).as_bytes())
}

/// When, since the machine booted, the first of the namespaces in a lab's file was made.
pub(super) fn noted_since(file: &Path) -> Duration {
    let bytes = fs::read(file).unwrap_or_default();
    let times = lines(&bytes).filter_map(|line| line.split(' ').nth(3)?.parse().ok());
    times.min().map_or(Duration::ZERO, Duration::from_secs)
}

/// The namespaces in a lab's file; that there is none is no error.
pub(super) fn read_noted(file: &Path) -> io::Result<Noted> {
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Noted::new()),
        bytes => Ok(noted(&bytes?)),
    }
}

/// Which namespace was made under which name.
pub type Noted = BTreeMap<String, Identity>;

fn noted(bytes: &[u8]) -> Noted {
    let identity = |line: &str| {
        let mut words = line.split(' ');
        let (name, boot) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some((name, Identity { boot, cookie: words.next()?.parse().ok()? }))
    };
    lines(bytes).filter_map(identity).collect()
}

/// What is noted, with its checksum and its end.
fn line(text: &str) -> String {
    format!("{text} {:08x}\n", checksum(text.as_bytes()))
}

/// What is noted in each line that is whole. One without its end was being written when its writer died,
/// before the name was there; what is damaged says nothing, and the mark alone tells whose a namespace is.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|written| {
        let written = std::str::from_utf8(written).ok()?;
        let (text, _sum) = written.rsplit_once(' ')?;
        (line(text) == written).then_some(text)
    })
}

/// Whether a namespace is a lab's, and its number: where one was noted under its name, whether it is that one;
/// else whether it was noted under another name or bears a mark that is right.
///
/// # Errors
/// What the kernel answers.
pub fn is_own(
    namespace: &Namespace,
    is_mark: &dyn Fn(&str) -> bool,
    noted: &Noted,
    worker: &mut Worker,
) -> io::Result<(bool, Option<Identity>)> {
    worker.enter(namespace)?;
    let identity = Identity::of(worker)?;
    let is_own = match (noted.get(namespace.name()), &identity) {
        (Some(noted), identity) => Some(noted) == identity.as_ref(),
        (None, Some(identity)) if noted.values().any(|noted| noted == identity) => true,
        (None, _) => is_mark(&mark_in(worker)?),
    };
    Ok((is_own, identity))
}

/// The mark that the namespace the worker is in bears as the alias of its `lo`; empty where it bears none.
fn mark_in(_in_namespace: &Worker) -> io::Result<String> {
    let lo = LinkUnspec::new_with_index(LOOPBACK).build();
    let answer = Socket::open()?.ask(RouteNetlinkMessage::GetLink(lo)).map_err(io::Error::from)?;
    let RouteNetlinkMessage::NewLink(link) = answer else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    Ok(link
        .attributes
        .into_iter()
        .find_map(|attribute| {
            let LinkAttribute::IfAlias(alias) = attribute else { return None };
            Some(alias)
        })
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flipped_bit_makes_another_note_of_what_was_noted() {
        let boot = "5f0c4a5e-8f2b-4a55-9d0e-5a1c0e1f2a3b";
        let texts = [("lab-a", 4101), ("lab-b", 4102)]
            .map(|(name, cookie)| format!("{name} {boot} {cookie} 1234567"));
        let bytes = texts.map(|text| line(&text)).concat().into_bytes();
        let whole = noted(&bytes);
        assert_eq!(whole.len(), 2);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let left = noted(&flipped);
            assert!(left.iter().all(|(name, it)| whole.get(name) == Some(it)), "bit {bit}");
            assert!(left.len() < 2, "bit {bit}");
        }
    }
}
