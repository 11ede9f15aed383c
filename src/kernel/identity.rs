//! What tells a lab's namespaces from all others, in two places: the mark that each bears, which
//! anybody can see and whoever is in the node can change, and the number that the kernel gave it, which
//! nobody can.

use super::message::LOOPBACK;
use super::{Home, Namespace, Socket, Worker, on_worker};
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

impl Home {
    /// Notes that the namespace that the worker is in is to have this name.
    pub(super) fn note(&self, name: &str, worker: &Worker) -> io::Result<()> {
        let Some(Identity { boot, cookie }) = Identity::of(worker)? else { return Ok(()) };
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let mut file = options.open(self.identities())?;
        let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?).as_secs();
        file.write_all(format!("{name} {boot} {cookie} {now}\n").as_bytes())
    }

    /// When, since the machine booted, the first of the namespaces was made.
    pub(super) fn noted_since(&self) -> Duration {
        let text = fs::read_to_string(self.identities()).unwrap_or_default();
        let times = text.lines().filter_map(|line| line.split(' ').nth(3)?.parse().ok());
        times.min().map_or(Duration::ZERO, Duration::from_secs)
    }

    /// The namespaces that were made, by name.
    ///
    /// # Errors
    /// The file cannot be read; that there is none is no error.
    pub fn noted(&self) -> io::Result<BTreeMap<String, Identity>> {
        let text = match fs::read_to_string(self.identities()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            text => text?,
        };
        let identity = |line: &str| {
            let mut words = line.split(' ');
            let (name, boot) = (words.next()?.to_owned(), words.next()?.to_owned());
            Some((name, Identity { boot, cookie: words.next()?.parse().ok()? }))
        };
        // A line without its end was being written when its writer died, before the name was there.
        Ok(text
            .split_inclusive('\n')
            .filter_map(|line| identity(line.strip_suffix('\n')?))
            .collect())
    }
}

/// Whether a namespace is the one that was noted; where none was, whether it bears a mark that
/// is right.
///
/// # Errors
/// What the kernel answers.
pub fn is_marked(
    namespace: &Namespace,
    is_mark: &dyn Fn(&str) -> bool,
    noted: Option<&Identity>,
    worker: &mut Worker,
) -> io::Result<bool> {
    match noted {
        None => Ok(is_mark(&mark_of(namespace, worker)?)),
        Some(noted) => {
            worker.enter(namespace)?;
            Ok(Identity::of(worker)?.as_ref() == Some(noted))
        }
    }
}

/// The mark that a namespace bears as the alias of its `lo`; empty where it bears none.
///
/// # Errors
/// What the kernel answers.
pub fn mark_of(namespace: &Namespace, worker: &mut Worker) -> io::Result<String> {
    worker.enter(namespace)?;
    let lo = LinkUnspec::new_with_index(LOOPBACK).build();
    let answer = Socket::open()?.ask(RouteNetlinkMessage::GetLink(lo)).map_err(io::Error::from)?;
    let RouteNetlinkMessage::NewLink(link) = answer else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    Ok(link
        .attributes
        .into_iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::IfAlias(alias) => Some(alias),
            _ => None,
        })
        .unwrap_or_default())
}
