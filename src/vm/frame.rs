//! What travels between client, broker and agent: frames of a length, a stream and a message.
//!
//! A stream is one client of the broker. Between a client and the broker its number is 0; the
//! broker gives it one on the port to the guest. What a command reads and writes is paid for with
//! credit: a side sends no more bytes than the other has granted, and grants are given back when
//! the bytes have been passed on. So no queue between them grows past the grants.

use super::order::Order;
use super::status::Status;
use super::wire::{Malformed, Reader, Writer};
use crate::document::LabName;
use crate::state::{Commands, Outline};
use crate::sys::WindowSize;
use std::path::PathBuf;

/// Raised whenever a frame changes its meaning: a client and a broker of different numbers do not
/// talk to each other.
pub(super) const PROTOCOL: u64 = 5;

/// How many bytes of output a command may send ahead of its client, and of input the other way.
pub(super) const WINDOW: u32 = 256 * 1024;

/// The most bytes of output or input in one frame, so that streams take turns.
pub(super) const CHUNK: usize = 32 * 1024;

/// Longer than any order (the kernel allows 2 MiB of arguments and environment), short enough to
/// tell a broken stream from a long message.
const LONGEST: usize = 8 * 1024 * 1024;

const HEADER: usize = 9;

/// One message with the stream that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub stream: u32,
    pub message: Message,
}

/// One of the two outputs of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    Output,
    Error,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(u8),
    /// By this signal.
    Killed(u8),
}

impl End {
    /// The exit status that shells give for it.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => signal.saturating_add(128),
        }
    }
}

/// Everything that can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    // A client, through the broker, to the agent.
    Run(Box<Order>),
    Input(Vec<u8>),
    InputEnd,
    Signal(u8),
    Resize(WindowSize),
    /// So many bytes of output were passed on.
    OutputCredit(u32),
    /// Nobody reads this output any more.
    OutputClosed(Channel),
    ListLabs,
    // The broker to the agent.
    /// The host's clock, nanoseconds since the epoch.
    Clock(u64),
    /// The client is gone.
    Hangup,
    // The agent to a client.
    Data(Channel, Vec<u8>),
    /// So many bytes of input were passed on.
    InputCredit(u32),
    Ended(End),
    /// The command could not be started: the exit status to give, and why.
    Refused(u8, String),
    Labs(Vec<Outline>),
    // The agent to the broker.
    /// The guest is up, and runs this kernel.
    Hello(String),
    // A client to the broker.
    AskStatus,
    Stop,
    // The broker to a client.
    Welcome(u64),
    Progress(String),
    Up,
    Status(Box<Status>),
    /// The machine has ended, or will not come up, and why.
    Gone(String),
}

impl Frame {
    /// The frame as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, body) = self.message.encode();
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.stream.to_le_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&body);
        bytes
    }
}

impl Channel {
    fn code(self) -> u8 {
        match self {
            Self::Output => 0,
            Self::Error => 1,
        }
    }

    fn decode(code: u8) -> Result<Self, Malformed> {
        match code {
            0 => Ok(Self::Output),
            1 => Ok(Self::Error),
            _ => Err(Malformed("an unknown channel")),
        }
    }
}

impl Message {
    fn encode(&self) -> (u8, Vec<u8>) {
        let number = |number: u64| Writer::default().number(number).finish();
        let text = |text: &str| Writer::default().string(text).finish();
        match self {
            Self::Run(order) => (1, order.encode()),
            Self::Input(bytes) => (2, bytes.clone()),
            Self::InputEnd => (3, Vec::new()),
            Self::Signal(signal) => (4, number((*signal).into())),
            Self::Resize(size) => {
                (5, Writer::default().number(size.rows.into()).number(size.columns.into()).finish())
            }
            Self::OutputCredit(credit) => (6, number((*credit).into())),
            Self::OutputClosed(channel) => (7, vec![channel.code()]),
            Self::ListLabs => (8, Vec::new()),
            Self::Clock(nanoseconds) => (9, number(*nanoseconds)),
            Self::Hangup => (10, Vec::new()),
            Self::Data(channel, bytes) => {
                let mut body = Vec::with_capacity(1 + bytes.len());
                body.push(channel.code());
                body.extend_from_slice(bytes);
                (11, body)
            }
            Self::InputCredit(credit) => (12, number((*credit).into())),
            Self::Ended(End::Exited(status)) => (13, number((*status).into())),
            Self::Ended(End::Killed(signal)) => (14, number((*signal).into())),
            Self::Refused(status, why) => {
                (15, Writer::default().number((*status).into()).string(why).finish())
            }
            Self::Labs(labs) => {
                let mut writer = Writer::default();
                writer.list(labs, |writer, lab| {
                    let path = lab.path.as_ref().map(|path| path.as_os_str()).unwrap_or_default();
                    writer.string(lab.name.as_str()).string(path);
                    writer.list(&lab.nodes, |writer, node| {
                        writer.string(node);
                    });
                    let Commands { number, left_out } = lab.commands;
                    writer.number(number as u64).number(left_out.into());
                    writer.list(&lab.failed, |writer, ended| {
                        let json = serde_json::to_string(ended);
                        writer.string(json.expect("strings and numbers can be written as JSON"));
                    });
                });
                (16, writer.finish())
            }
            Self::Hello(kernel) => (17, text(kernel)),
            Self::AskStatus => (18, Vec::new()),
            Self::Stop => (19, Vec::new()),
            Self::Welcome(protocol) => (20, number(*protocol)),
            Self::Progress(what) => (21, text(what)),
            Self::Up => (22, Vec::new()),
            Self::Status(status) => (23, status.encode()),
            Self::Gone(why) => (24, text(why)),
        }
    }

    fn decode(kind: u8, body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let message = match kind {
            1 => return Ok(Self::Run(Box::new(Order::decode(body)?))),
            2 => return Ok(Self::Input(body.to_vec())),
            3 => Self::InputEnd,
            4 => Self::Signal(reader.narrow()?),
            5 => Self::Resize(WindowSize { rows: reader.narrow()?, columns: reader.narrow()? }),
            6 => Self::OutputCredit(reader.narrow()?),
            7 | 11 => {
                let (&code, bytes) = body.split_first().ok_or(Malformed("it ends early"))?;
                let channel = Channel::decode(code)?;
                return match kind {
                    11 => Ok(Self::Data(channel, bytes.to_vec())),
                    _ if bytes.is_empty() => Ok(Self::OutputClosed(channel)),
                    _ => Err(Malformed("it is too long")),
                };
            }
            8 => Self::ListLabs,
            9 => Self::Clock(reader.number()?),
            10 => Self::Hangup,
            12 => Self::InputCredit(reader.narrow()?),
            13 => Self::Ended(End::Exited(reader.narrow()?)),
            14 => Self::Ended(End::Killed(reader.narrow()?)),
            15 => Self::Refused(reader.narrow()?, reader.text()?),
            16 => Self::Labs(reader.list(outline)?),
            17 => Self::Hello(reader.text()?),
            18 => Self::AskStatus,
            19 => Self::Stop,
            20 => Self::Welcome(reader.number()?),
            21 => Self::Progress(reader.text()?),
            22 => Self::Up,
            23 => Self::Status(Box::new(Status::decode(&mut reader)?)),
            24 => Self::Gone(reader.text()?),
            _ => return Err(Malformed("an unknown kind of message")),
        };
        reader.end()?;
        Ok(message)
    }
}

/// Collects the bytes of a stream until they are frames.
#[derive(Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    used: usize,
}

impl Decoder {
    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.used);
        self.used = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, if there is one.
    pub fn next(&mut self) -> Result<Option<Frame>, Malformed> {
        let pending = &self.bytes[self.used..];
        let Some((header, rest)) = pending.split_at_checked(HEADER) else { return Ok(None) };
        let field = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let length = field(0) as usize;
        if length > LONGEST {
            return Err(Malformed("it is too long"));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = Message::decode(header[8], body)?;
        let frame = Frame { stream: field(4), message };
        self.used += HEADER + length;
        Ok(Some(frame))
    }
}

/// A lab in the guest: whose it is need not be said, since a machine has one user.
fn outline(reader: &mut Reader<'_>) -> Result<Outline, Malformed> {
    Ok(Outline {
        name: LabName::new(&reader.text()?).ok_or(Malformed("a lab cannot have that name"))?,
        path: Some(PathBuf::from(reader.string()?)).filter(|path| !path.as_os_str().is_empty()),
        nodes: reader.list(Reader::text)?,
        user: None,
        commands: Commands { number: reader.number()? as usize, left_out: reader.number()? != 0 },
        failed: reader.list(|reader| {
            let malformed = |_| Malformed("a command cannot have ended so");
            serde_json::from_str(&reader.text()?).map_err(malformed)
        })?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channel() -> impl Strategy<Value = Channel> {
        prop_oneof![Just(Channel::Output), Just(Channel::Error)]
    }

    fn lab() -> impl Strategy<Value = Outline> {
        let path = prop::option::of("/[a-z/]{0,9}".prop_map(PathBuf::from));
        let nodes = prop::collection::vec(any::<String>(), 0..5);
        ("[a-z][a-z0-9]{0,9}", path, nodes).prop_map(|(name, path, nodes)| {
            let name = LabName::new(&name).expect("a letter begins it");
            let end = crate::kernel::CommandEnd::Signal("SIGTERM".to_owned());
            let ended = |(at, node): (usize, &String)| crate::kernel::EndedCommand {
                node: node.clone(),
                number: at,
                command: format!("{node} \"{at}\""),
                end: end.clone(),
            };
            let failed = nodes.iter().enumerate().map(ended).collect();
            let commands = Commands { number: nodes.len(), left_out: nodes.len() > 2 };
            Outline { name, path, nodes, user: None, commands, failed }
        })
    }

    fn message() -> impl Strategy<Value = Message> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..600);
        prop_oneof![
            bytes().prop_map(Message::Input),
            Just(Message::InputEnd),
            any::<u8>().prop_map(Message::Signal),
            (any::<u16>(), any::<u16>())
                .prop_map(|(rows, columns)| Message::Resize(WindowSize { rows, columns })),
            any::<u32>().prop_map(Message::OutputCredit),
            channel().prop_map(Message::OutputClosed),
            Just(Message::ListLabs),
            any::<u64>().prop_map(Message::Clock),
            Just(Message::Hangup),
            (channel(), bytes()).prop_map(|(channel, bytes)| Message::Data(channel, bytes)),
            any::<u32>().prop_map(Message::InputCredit),
            any::<u8>().prop_map(|status| Message::Ended(End::Exited(status))),
            any::<u8>().prop_map(|signal| Message::Ended(End::Killed(signal))),
            (any::<u8>(), any::<String>()).prop_map(|(status, why)| Message::Refused(status, why)),
            prop::collection::vec(lab(), 0..5).prop_map(Message::Labs),
            any::<String>().prop_map(Message::Hello),
            Just(Message::AskStatus),
            Just(Message::Stop),
            any::<u64>().prop_map(Message::Welcome),
            any::<String>().prop_map(Message::Progress),
            Just(Message::Up),
            any::<String>().prop_map(Message::Gone),
        ]
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_frames(
            frames in prop::collection::vec(
                (any::<u32>(), message()).prop_map(|(stream, message)| Frame { stream, message }),
                0..12,
            ),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let (mut decoder, mut decoded, mut start) = (Decoder::default(), Vec::new(), 0);
            for cut in cuts {
                decoder.push(&bytes[start..cut]);
                start = cut;
                while let Some(frame) = decoder.next().unwrap() {
                    decoded.push(frame);
                }
            }
            prop_assert_eq!(decoded, frames);
        }

        #[test]
        fn no_bytes_make_the_decoder_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next() {}
        }
    }

    #[test]
    fn a_length_beyond_every_message_is_refused_before_it_is_waited_for() {
        let mut decoder = Decoder::default();
        decoder.push(&[0xff; HEADER]);
        assert!(decoder.next().is_err());
    }
}
