//! Which ends of veth pairs belong together.

use crate::kernel::{Namespace, Socket, Worker};
use crate::plan::{Resource, VethEnd};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::nsid::{NsidAttribute, NsidMessage};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// One end of a pair as the kernel shows it.
#[derive(Debug)]
pub(super) struct End {
    /// The interface's number in its namespace.
    pub index: u32,
    /// The other end's, in its own.
    pub peer: u32,
    /// What the end's namespace calls that of the other end; nothing where both are in one.
    pub peer_namespace: Option<i32>,
    pub end: VethEnd,
}

impl End {
    /// Whether the numbers do not tell that another end is not the far one.
    fn may_join(&self, far: &End) -> bool {
        let is_here = self.end.namespace == far.end.namespace;
        self.peer_namespace.is_none() == is_here && self.end != far.end
    }
}

/// Joins ends to pairs. In a lab no two interfaces have the same number; elsewhere several ends can have those
/// that one names, and its namespace is asked which of theirs it means.
///
/// # Errors
/// A namespace cannot be entered.
pub(super) fn pair(ends: &[End], worker: &mut Worker) -> io::Result<Vec<Resource>> {
    let mut pairs = Vec::new();
    let mut by_numbers: HashMap<(u32, u32), Vec<&End>> = HashMap::new();
    for end in ends {
        by_numbers.entry((end.index, end.peer)).or_default().push(end);
    }
    for near in ends {
        let alike = by_numbers.get(&(near.peer, near.index)).into_iter().flatten();
        let candidates: Vec<&End> = alike.copied().filter(|far| near.may_join(far)).collect();
        let far = match (&candidates[..], near.peer_namespace) {
            ([far], _) if by_numbers[&(near.index, near.peer)].len() == 1 => Some(*far),
            (_, Some(id)) => named(near, id, &candidates, worker)?,
            (_, None) => candidates.first().copied(),
        };
        if let Some(far) = far {
            let mut ends = [near.end.clone(), far.end.clone()];
            ends.sort();
            pairs.push(Resource::Veth { ends });
        }
    }
    Ok(pairs)
}

/// The end whose namespace is the one that the near end's calls by `id`.
fn named<'a>(
    near: &End,
    id: i32,
    candidates: &[&'a End],
    worker: &mut Worker,
) -> io::Result<Option<&'a End>> {
    worker.enter(&Namespace::open(&near.end.namespace)?)?;
    let mut socket = Socket::open()?;
    for far in candidates {
        let namespace = Namespace::open(&far.end.namespace)?;
        let mut question = NsidMessage::default();
        let descriptor = namespace.as_fd().as_raw_fd().cast_unsigned();
        question.attributes.push(NsidAttribute::Fd(descriptor));
        let answer = socket.ask(RouteNetlinkMessage::GetNsId(question))?;
        if let RouteNetlinkMessage::NewNsId(answer) = answer
            && answer.attributes.contains(&NsidAttribute::Id(id))
        {
            return Ok(Some(far));
        }
    }
    Ok(None)
}
