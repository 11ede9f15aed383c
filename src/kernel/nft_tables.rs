//! The tables of nft that a namespace has, over `linux/netfilter/nf_tables.h`: not what is in them, which nft
//! prints in other words than it was given.

use super::Worker;
use super::socket::{SendError, Socket};
use rtnetlink::packet_core::NetlinkSerializable;
use std::path::Path;

/// `NFNL_SUBSYS_NFTABLES` and `NFT_MSG_GETTABLE`.
const GET_TABLES: u16 = (10 << 8) | 1;
/// `NFTA_TABLE_NAME`.
const NAME: u16 = 1;

/// The header of every netfilter message, asking for all families.
struct GetTables;

impl NetlinkSerializable for GetTables {
    fn message_type(&self) -> u16 {
        GET_TABLES
    }

    fn buffer_len(&self) -> usize {
        4
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

/// The tables of the worker's namespace, as nft names them: `table ip t`. None where the kernel has not loaded
/// nftables: to ask would have it loaded.
///
/// # Errors
/// What the kernel answers.
pub(super) fn nft_tables(_in_namespace: &Worker) -> Result<Vec<String>, SendError> {
    if !Path::new("/sys/module/nf_tables").exists() {
        return Ok(Vec::new());
    }
    let messages = Socket::open_netfilter()?.dump_bytes(GetTables)?;
    Ok(messages.iter().filter_map(|message| read(message)).collect())
}

fn read(message: &[u8]) -> Option<String> {
    let family = match message.first()? {
        1 => "inet",
        2 => "ip",
        3 => "arp",
        5 => "netdev",
        7 => "bridge",
        10 => "ip6",
        _ => return None,
    };
    let mut rest = message.get(4..)?;
    loop {
        let [length, kind] =
            [0, 2].map(|at| Some(u16::from_ne_bytes(rest.get(at..at + 2)?.try_into().ok()?)));
        let value = rest.get(4..usize::from(length?))?;
        if kind? == NAME {
            let name = String::from_utf8_lossy(value);
            return Some(format!("table {family} {}", name.trim_end_matches('\0')));
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
        assert_eq!(read(&message).as_deref(), Some("table ip t"));
        message[0] = 99;
        assert_eq!(read(&message), None);
        assert_eq!(read(&[2, 0, 0, 0, 200, 0, 1, 0, b't']), None);
        assert_eq!(read(&[]), None);
    }
}
