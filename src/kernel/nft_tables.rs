//! What nft has loaded in a namespace, over `linux/netfilter/nf_tables.h`: the names of its tables and how often it
//! was changed, and not what is in the tables, which nft prints in other words than it was given.

use super::Worker;
use super::socket::{SendError, Socket};
use nix::errno::Errno;
use nix::sys::utsname::uname;
use rtnetlink::packet_core::NetlinkSerializable;
use std::path::Path;
use std::sync::LazyLock;

/// `NFTA_TABLE_NAME`.
const NAME: u16 = 1;
/// `NFTA_GEN_ID`.
const GENERATION: u16 = 1;

/// What is asked, of all families.
#[derive(Clone, Copy)]
enum Question {
    Tables,
    Generation,
}

impl NetlinkSerializable for Question {
    fn message_type(&self) -> u16 {
        // `NFNL_SUBSYS_NFTABLES`, and `NFT_MSG_GETTABLE` or `NFT_MSG_GETGEN`.
        match self {
            Question::Tables => (10 << 8) | 1,
            Question::Generation => (10 << 8) | 16,
        }
    }

    fn buffer_len(&self) -> usize {
        4
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

/// The tables of the worker's namespace, as nft names them: `table ip t`. None where the kernel has no nftables.
///
/// # Errors
/// What the kernel answers.
pub(super) fn nft_tables(_in_namespace: &Worker) -> Result<Vec<String>, SendError> {
    if !may_be_asked() {
        return Ok(Vec::new());
    }
    let asked = Socket::open_netfilter().map_err(SendError::from);
    match asked.and_then(|mut socket| socket.dump_bytes(Question::Tables)) {
        Ok(messages) => Ok(messages.iter().filter_map(|message| table(message)).collect()),
        Err(error) if is_of_none(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The number that the kernel counts up whenever somebody changes what nft has loaded in the worker's namespace;
/// none where it has no nftables.
///
/// # Errors
/// What the kernel answers.
pub(super) fn nft_generation(_in_namespace: &Worker) -> Result<Option<u32>, SendError> {
    if !may_be_asked() {
        return Ok(None);
    }
    let asked = Socket::open_netfilter().map_err(SendError::from);
    match asked.and_then(|mut socket| socket.ask_bytes(Question::Generation)) {
        Ok(message) => Ok(attribute(&message, GENERATION)
            .and_then(|value| value.try_into().ok())
            .map(u32::from_be_bytes)),
        Err(error) if is_of_none(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the question loads no module: nftables is loaded or part of the kernel, or the kernel has no modules.
fn may_be_asked() -> bool {
    static IS_BUILT_IN: LazyLock<bool> = LazyLock::new(is_built_in);
    !Path::new("/proc/modules").exists()
        || Path::new("/sys/module/nf_tables").exists()
        || *IS_BUILT_IN
}

/// Whether nftables is part of the kernel, as what was installed with that says.
fn is_built_in() -> bool {
    let release = uname().ok().map(|it| it.release().to_string_lossy().into_owned());
    let path = release.map(|release| format!("/lib/modules/{release}/modules.builtin"));
    let modules = path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    modules.lines().any(|module| module.ends_with("/nf_tables.ko"))
}

/// Whether a kernel without netfilter, or without nftables, answers so.
fn is_of_none(error: &SendError) -> bool {
    match error {
        SendError::Refused { refusal, .. } => refusal.errno == Errno::EINVAL,
        SendError::Io(error) => error.raw_os_error() == Some(Errno::EPROTONOSUPPORT as i32),
    }
}

fn table(message: &[u8]) -> Option<String> {
    let family = match message.first()? {
        1 => "inet",
        2 => "ip",
        3 => "arp",
        5 => "netdev",
        7 => "bridge",
        10 => "ip6",
        _ => return None,
    };
    let name = String::from_utf8_lossy(attribute(message, NAME)?);
    Some(format!("table {family} {}", name.trim_end_matches('\0')))
}

/// The value of an attribute behind the header of a netfilter message.
fn attribute(message: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = message.get(4..)?;
    loop {
        let [length, kind] =
            [0, 2].map(|at| Some(u16::from_ne_bytes(rest.get(at..at + 2)?.try_into().ok()?)));
        let value = rest.get(4..usize::from(length?))?;
        if kind? == wanted {
            return Some(value);
        }
        rest = rest.get(usize::from(length?).next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_behind_other_attributes_and_nothing_else_is() {
        let mut message = vec![2, 0, 0, 0, 8, 0, 3, 0, 0, 0, 0, 5, 6, 0, 1, 0, b't', 0, 0, 0];
        assert_eq!(table(&message).as_deref(), Some("table ip t"));
        message[0] = 99;
        assert_eq!(table(&message), None);
        assert_eq!(table(&[2, 0, 0, 0, 200, 0, 1, 0, b't']), None);
        assert_eq!(table(&[]), None);
    }
}
