//! A netlink socket that sends many requests at once and keeps the kernel's own words.
//!
//! The kernel answers a failing request even where no answer was asked for, and goes on with the
//! rest. So only the last request of a batch asks for one: whatever came before it without an error
//! has succeeded. A batch stays small enough for all its answers to fit the socket's buffer, since
//! an answer that does not fit is lost.

use super::nexthop::NexthopMessage;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST,
    NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::sys::{
    Socket as RawSocket, SocketAddr,
    protocols::{NETLINK_GENERIC, NETLINK_NETFILTER, NETLINK_ROUTE},
};
use std::fmt;
use std::io;

/// How many requests go out in one call.
const BATCH: usize = 64;
/// `NLMSG_ERROR` of `linux/netlink.h`: an answer, good or bad.
const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a list.
const DONE: u16 = 3;
/// `NLM_F_ACK_TLVS`: the answer has the kernel's words behind the request's header.
const ACK_TLVS: u16 = 0x200;
/// Where those words begin: behind the header, the error number and the request's header.
const WORDS_AT: usize = 36;
/// `NLMSGERR_ATTR_MSG`: the attribute that holds a sentence.
const SENTENCE: u16 = 1;

/// A netlink route socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Socket {
    raw: RawSocket,
    sequence: u32,
}

/// What can be sent.
#[derive(Debug)]
pub enum Request {
    /// What the netlink library knows.
    Route(Box<RouteNetlinkMessage>),
    /// What it does not.
    Nexthop(NexthopMessage),
}

impl From<RouteNetlinkMessage> for Request {
    fn from(message: RouteNetlinkMessage) -> Self {
        Self::Route(Box::new(message))
    }
}

impl From<NexthopMessage> for Request {
    fn from(message: NexthopMessage) -> Self {
        Self::Nexthop(message)
    }
}

/// What the kernel said to a request that it refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error number.
    pub errno: nix::Error,
    /// The kernel's own sentence, where it has one.
    pub sentence: Option<String>,
}

/// Why a batch stopped.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The kernel refused one request.
    #[error("{refusal}")]
    Refused {
        /// The refused request's place in the batch.
        index: usize,
        /// What the kernel said.
        refusal: Refusal,
    },
    /// The socket itself failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// How a request treats what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It makes what must not be there yet.
    Create,
    /// It makes what may be there already in another form.
    Replace,
    /// It makes what there may be others of.
    Append,
    /// It changes what is there.
    Change,
    /// It deletes what may have gone already.
    Delete,
}

/// What the kernel answers to the deletion of what is not there.
const GONE: [nix::Error; 4] =
    [nix::Error::ENOENT, nix::Error::ESRCH, nix::Error::ENODEV, nix::Error::EADDRNOTAVAIL];

impl From<SendError> for io::Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused { refusal, .. } => refusal.errno.into(),
            SendError::Io(error) => error,
        }
    }
}

impl Socket {
    /// Opens a socket in the thread's namespace.
    ///
    /// # Errors
    /// What `socket(2)` answers.
    pub fn open() -> io::Result<Self> {
        Self::of(NETLINK_ROUTE)
    }

    /// [`Socket::open`], for the families of generic netlink.
    ///
    /// # Errors
    /// What `socket(2)` answers.
    pub fn open_generic() -> io::Result<Self> {
        Self::of(NETLINK_GENERIC)
    }

    /// [`Socket::open`], for netfilter.
    ///
    /// # Errors
    /// What `socket(2)` answers.
    pub fn open_netfilter() -> io::Result<Self> {
        Self::of(NETLINK_NETFILTER)
    }

    fn of(protocol: isize) -> io::Result<Self> {
        let mut raw = RawSocket::new(protocol)?;
        raw.bind_auto()?;
        raw.connect(&SocketAddr::new(0, 0))?;
        raw.set_ext_ack(true)?;
        raw.set_cap_ack(true)?;
        raw.set_netlink_get_strict_chk(true)?;
        Ok(Self { raw, sequence: 0 })
    }

    /// Sends requests in order and waits until the kernel has carried out all of them.
    ///
    /// # Errors
    /// The first request that the kernel refused; those behind it may have been carried out.
    pub fn send<R: Into<Request>>(&mut self, requests: Vec<(Mode, R)>) -> Result<(), SendError> {
        let mut sent = 0;
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let first = self.sequence + 1;
            let mut bytes = Vec::new();
            let mut deletions = Vec::new();
            for (mode, payload) in requests.by_ref().take(BATCH) {
                self.sequence += 1;
                let flags = NLM_F_REQUEST
                    | match mode {
                        Mode::Create => NLM_F_CREATE | NLM_F_EXCL,
                        Mode::Replace => NLM_F_CREATE | NLM_F_REPLACE,
                        Mode::Append => NLM_F_CREATE | NLM_F_APPEND,
                        Mode::Change => 0,
                        Mode::Delete => {
                            deletions.push(self.sequence);
                            0
                        }
                    };
                match payload.into() {
                    Request::Route(payload) => append(&mut bytes, *payload, flags, self.sequence),
                    Request::Nexthop(payload) => append(&mut bytes, payload, flags, self.sequence),
                }
            }
            self.ask_for_answer(&mut bytes, first);
            write_all(&self.raw, &bytes)?;
            self.answers(first, &deletions).map_err(|error| match error {
                SendError::Refused { index, refusal } => {
                    SendError::Refused { index: sent + index, refusal }
                }
                SendError::Io(error) => SendError::Io(error),
            })?;
            sent += (self.sequence - first + 1) as usize;
        }
        Ok(())
    }

    /// Has the kernel carry out one request.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn tell(&mut self, request: impl NetlinkSerializable) -> Result<(), SendError> {
        self.sequence += 1;
        let mut bytes = Vec::new();
        append(&mut bytes, request, NLM_F_REQUEST | NLM_F_ACK, self.sequence);
        write_all(&self.raw, &bytes)?;
        self.answers(self.sequence, &[])
    }

    /// Everything of a kind that the namespace has.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn dump<M: NetlinkSerializable + NetlinkDeserializable>(
        &mut self,
        request: M,
    ) -> Result<Vec<M>, SendError> {
        self.dump_parts(request, |part| part.payload())
    }

    /// [`Socket::dump`] of those alone whose bytes behind the message's header are wanted: the others are
    /// not read.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn dump_some<M: NetlinkSerializable + NetlinkDeserializable>(
        &mut self,
        request: M,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<M>, SendError> {
        self.dump_parts(request, |part| match part.bytes.get(16..).is_some_and(&is_wanted) {
            true => part.payload(),
            false => Ok(None),
        })
    }

    /// [`Socket::dump`] for what the crates cannot read: the bytes behind each message's header.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn dump_bytes(
        &mut self,
        request: impl NetlinkSerializable,
    ) -> Result<Vec<Vec<u8>>, SendError> {
        self.dump_parts(request, |part| Ok(part.bytes.get(16..).map(<[u8]>::to_vec)))
    }

    fn dump_parts<M: NetlinkSerializable, T>(
        &mut self,
        request: M,
        read: impl Fn(&Part<'_>) -> io::Result<Option<T>>,
    ) -> Result<Vec<T>, SendError> {
        self.sequence += 1;
        let mut bytes = Vec::new();
        append(&mut bytes, request, NLM_F_REQUEST | NLM_F_DUMP, self.sequence);
        write_all(&self.raw, &bytes)?;
        let mut list = Vec::new();
        loop {
            let datagram = self.raw.recv_from_full()?.0;
            for part in parts(&datagram) {
                match part.kind {
                    DONE => return Ok(list),
                    ERROR => part.answer(self.sequence)?,
                    _ => list.extend(read(&part)?),
                }
            }
        }
    }

    /// The kernel's answer to one question, such as a route lookup.
    ///
    /// # Errors
    /// What the kernel answers instead.
    pub fn ask<M: NetlinkSerializable + NetlinkDeserializable>(
        &mut self,
        request: M,
    ) -> Result<M, SendError> {
        self.ask_for_part(request, |part| part.payload())
    }

    /// [`Socket::ask`] for what the crates cannot read: the bytes behind the message's header.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn ask_bytes(&mut self, request: impl NetlinkSerializable) -> Result<Vec<u8>, SendError> {
        self.ask_for_part(request, |part| Ok(part.bytes.get(16..).map(<[u8]>::to_vec)))
    }

    fn ask_for_part<M: NetlinkSerializable, T>(
        &mut self,
        request: M,
        read: impl Fn(&Part<'_>) -> io::Result<Option<T>>,
    ) -> Result<T, SendError> {
        self.sequence += 1;
        let mut bytes = Vec::new();
        append(&mut bytes, request, NLM_F_REQUEST, self.sequence);
        write_all(&self.raw, &bytes)?;
        loop {
            let datagram = self.raw.recv_from_full()?.0;
            for part in parts(&datagram) {
                if part.kind == ERROR {
                    part.answer(self.sequence)?;
                } else if let Some(payload) = read(&part)? {
                    return Ok(payload);
                }
            }
        }
    }

    /// Sets the flag that asks for an answer on the last request of the batch.
    fn ask_for_answer(&self, bytes: &mut [u8], first: u32) {
        let mut at = 0;
        for _ in first..self.sequence {
            at += aligned(word(bytes, at) as usize);
        }
        let flags = u16::from_ne_bytes([bytes[at + 6], bytes[at + 7]]) | NLM_F_ACK;
        bytes[at + 6..at + 8].copy_from_slice(&flags.to_ne_bytes());
    }

    /// Reads answers up to that of the last request; keeps the first that is an error. That what is to
    /// be deleted is not there is none.
    fn answers(&self, first: u32, deletions: &[u32]) -> Result<(), SendError> {
        let mut refused = None;
        loop {
            let datagram = self.raw.recv_from_full()?.0;
            for part in parts(&datagram).filter(|part| part.kind == ERROR) {
                let last = part.sequence == self.sequence;
                let is_gone = |error: &SendError| {
                    matches!(error, SendError::Refused { refusal, .. }
                        if GONE.contains(&refusal.errno) && deletions.contains(&part.sequence))
                };
                if let Err(error) = part.answer(first)
                    && !is_gone(&error)
                    && refused.is_none()
                {
                    refused = Some(error);
                }
                if last {
                    return refused.map_or(Ok(()), Err);
                }
            }
        }
    }
}

fn append<M: NetlinkSerializable>(bytes: &mut Vec<u8>, payload: M, flags: u16, sequence: u32) {
    let mut message =
        NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(payload));
    message.header.flags = flags;
    message.header.sequence_number = sequence;
    message.finalize();
    let start = bytes.len();
    bytes.resize(start + aligned(message.buffer_len()), 0);
    message.serialize(&mut bytes[start..start + message.buffer_len()]);
}

fn write_all(socket: &RawSocket, bytes: &[u8]) -> io::Result<()> {
    let sent = socket.send(bytes, 0)?;
    // A datagram goes out whole or not at all.
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// One message of a datagram, its header read.
struct Part<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    bytes: &'a [u8],
}

impl Part<'_> {
    /// What an `NLMSG_ERROR` says; `first` is the sequence number of the batch's first request.
    fn answer(&self, first: u32) -> Result<(), SendError> {
        match word(self.bytes, 16).cast_signed() {
            0 => Ok(()),
            code => Err(SendError::Refused {
                index: self.sequence.saturating_sub(first) as usize,
                refusal: Refusal { errno: nix::Error::from_raw(-code), sentence: self.sentence() },
            }),
        }
    }

    fn sentence(&self) -> Option<String> {
        let mut at = (self.flags & ACK_TLVS != 0).then_some(WORDS_AT)?;
        while at + 4 <= self.bytes.len() {
            let length = usize::from(u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]]));
            let kind = u16::from_ne_bytes([self.bytes[at + 2], self.bytes[at + 3]]);
            let value = self.bytes.get(at + 4..at + length)?;
            if kind == SENTENCE {
                return Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned());
            }
            at += aligned(length);
        }
        None
    }

    fn payload<M: NetlinkDeserializable>(&self) -> io::Result<Option<M>> {
        match NetlinkMessage::<M>::deserialize(self.bytes) {
            Ok(NetlinkMessage { payload: NetlinkPayload::InnerMessage(inner), .. }) => {
                Ok(Some(inner))
            }
            Ok(_) => Ok(None),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())),
        }
    }
}

/// The messages of a datagram; one whose length is wrong ends it.
fn parts(datagram: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = (rest.len() >= 16).then(|| word(rest, 0) as usize)?;
        let bytes = rest.get(..length).filter(|bytes| bytes.len() >= 20)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(Part {
            kind: u16::from_ne_bytes([bytes[4], bytes[5]]),
            flags: u16::from_ne_bytes([bytes[6], bytes[7]]),
            sequence: word(bytes, 8),
            bytes,
        })
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sentence {
            Some(sentence) => write!(f, "{} ({:?})", sentence.trim_end_matches('.'), self.errno),
            None => write!(f, "{} ({:?})", self.errno.desc(), self.errno),
        }
    }
}
