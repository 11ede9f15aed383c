//! Reading a check: any options in any order, and what cannot go together.

use super::{
    Answerer, Arrival, Arrow, Bound, Expect, FEWEST_FLOWS, Goal, Hop, Line, MOST, Percent, Place,
    Protocol, Rejection, RejectionKind, Sends, Share, Spread, Volume,
};
use crate::diagnostic::{Code, Diagnostic, Text, nearest};
use crate::iproute::{
    Time, Words, code_point, not, number as number_of, parse_labels, type_of_service,
};
use ipnet::IpNet;
use std::cmp::Ordering;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

/// The words with which something begins that is said of a check.
pub(in crate::compile) const WORDS: &[&str] = &[
    "tcp", "udp", "served", "refused", "opened", "unique", "size", "df", "hops", "from", "count",
    "sport", "data", "tos", "dscp", "mark", "ttl", "rtt", "loss", "error", "via", "back", "spread",
];

/// How many bytes a probe's data has at the least.
const SMALLEST: u16 = 16;
/// How large: the data of the largest packet of IPv4.
const LARGEST: u16 = 65507;

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// Words that the language does not have, values that cannot be, and options that do not go
    /// together, with the reason.
    pub fn parse(line: &Text) -> Result<Self, Diagnostic> {
        let mut words = Words::new(line);
        let (Some(from), Some(arrow), Some(to)) = (words.next(), words.next(), words.next()) else {
            return Err(usage(line, line));
        };
        let arrow = match arrow.as_str() {
            "->" => Arrow::Reaches,
            "!>" => Arrow::Misses,
            _ => return Err(usage(line, &arrow)),
        };
        let to = Goal::read(&to)?;
        let mut options = Options::default();
        while let Some(word) = words.next() {
            options.take(&word, &mut words)?;
        }
        options.hold(arrow)?;
        let (sends, expect) = options.sort(arrow);
        Ok(Self { from: Place::read(&from), to, sends, expect })
    }
}

fn usage(line: &Text, at: &Text) -> Diagnostic {
    let error = Diagnostic::error(Code::BadCheck, format!("`{line}` is not a check"))
        .at(at.span, "not understood");
    let mut ends =
        ["->", "!>"].into_iter().filter_map(|it| Some((line.as_str().split_once(it)?, it)));
    match ends.next() {
        Some(((from, to), arrow)) if !from.trim().is_empty() && !to.trim().is_empty() => error
            .help(format!("put spaces around the arrow: `{} {arrow} {}`", from.trim(), to.trim())),
        Some(_) | None => error.help(
            "as in `h1 -> h3`, `h1 !> 10.2.1.10` or `pe1%blue -> h3 via p pe2[111] back via pe2 p`",
        ),
    }
}

/// An option: the word that it begins with, and what it says.
type Said<T> = Option<(Text, T)>;

/// All that a line says behind its ends.
#[derive(Default)]
struct Options {
    protocol: Said<Protocol>,
    answerer: Said<Answerer>,
    opened: Said<()>,
    unique: Said<()>,
    size: Said<u16>,
    df: Said<()>,
    hops: Said<u8>,
    from: Said<IpAddr>,
    sources: Said<IpNet>,
    sport: Said<NonZeroU16>,
    transfer: Said<Volume>,
    tos: Said<u8>,
    mark: Said<u32>,
    count: Said<u16>,
    ttl: Said<u8>,
    rtt: Said<Bound<Time>>,
    loss: Said<Bound<Percent>>,
    error: Said<Rejection>,
    via: Said<Vec<Hop<Text>>>,
    back: Said<Vec<Hop<Text>>>,
    spread: Said<Vec<Share<Text>>>,
}

impl Options {
    fn take(&mut self, word: &Text, words: &mut Words<'_>) -> Result<(), Diagnostic> {
        match word.as_str() {
            "tcp" => once(&mut self.protocol, word, Protocol::Tcp(port(words, word)?)),
            "udp" => once(&mut self.protocol, word, Protocol::Udp(port(words, word)?)),
            "served" => once(&mut self.answerer, word, Answerer::Server),
            "refused" => once(&mut self.answerer, word, Answerer::Refusal),
            "opened" => once(&mut self.opened, word, ()),
            "unique" => once(&mut self.unique, word, ()),
            "size" => {
                let size = number(words, word, SMALLEST, LARGEST);
                let mark = format!("a probe is known by a mark of {SMALLEST} bytes in its data");
                once(&mut self.size, word, size.map_err(|wrong| wrong.note(mark))?)
            }
            "df" => once(&mut self.df, word, ()),
            "hops" => once(&mut self.hops, word, number(words, word, 1, u8::MAX)?),
            "from" => {
                let source = words.expect("an address", word)?;
                if source.as_str().contains('/') {
                    let prefix = source.as_str().parse().map_err(|_| not(&source, "a prefix"))?;
                    once(&mut self.sources, word, prefix)
                } else {
                    let address = source.as_str().parse();
                    once(&mut self.from, word, address.map_err(|_| not(&source, "an address"))?)
                }
            }
            "sport" => once(&mut self.sport, word, port(words, word)?),
            "data" => {
                let value = words.expect(Volume::RULE, word)?;
                let volume = value.as_str().parse().map_err(|()| not(&value, Volume::RULE));
                once(&mut self.transfer, word, volume?)
            }
            "tos" => {
                let tos = type_of_service(&words.expect("a type of service", word)?)?;
                once(&mut self.tos, word, tos)
            }
            "dscp" => {
                let value = words.expect("a code point", word)?;
                let numeral = || u8::try_from(number_of(value.as_str())?).ok();
                let point = code_point(value.as_str()).or_else(numeral).filter(|it| *it < 64);
                let point = point.ok_or_else(|| not(&value, "a code point such as EF or 46"))?;
                once(&mut self.tos, word, point << 2)
            }
            "mark" => {
                let value = words.expect("a mark", word)?;
                let mark = number_of(value.as_str()).and_then(|it| u32::try_from(it).ok());
                let mark = mark.filter(|mark| *mark != 0);
                once(&mut self.mark, word, mark.ok_or_else(|| not(&value, "a mark such as 0x1"))?)
            }
            "count" => once(&mut self.count, word, number(words, word, 1, MOST)?),
            "ttl" => once(&mut self.ttl, word, number(words, word, 1, u8::MAX)?),
            "rtt" => {
                let (value, rtt) = bound(words, word, "a time", Time::parse)?;
                if *rtt.limit() == Time::default() {
                    return Err(refused(&value, "a round trip takes some time".to_owned()));
                }
                once(&mut self.rtt, word, rtt)
            }
            "loss" => {
                let percent = |value: &Text| {
                    value.as_str().parse::<Percent>().map_err(|()| not(value, Percent::RULE))
                };
                let (value, loss) = bound(words, word, Percent::RULE, percent)?;
                let impossible = match loss {
                    Bound::Below(part) => part == Percent::NONE,
                    Bound::Above(part) => part.cmp(&Percent::ALL) != Ordering::Less,
                };
                if impossible {
                    return Err(refused(&value, format!("no loss is `{loss}`")));
                }
                once(&mut self.loss, word, loss)
            }
            "error" => {
                let rejection = rejection(words, word)?;
                once(&mut self.error, word, rejection)
            }
            "via" => once(&mut self.via, word, path(words)?),
            "back" => {
                if !words.take("via") {
                    return Err(refused(word, "`back` goes with `via`".to_owned())
                        .help("as in `back via p pe1`"));
                }
                once(&mut self.back, word, path(words)?)
            }
            "spread" => once(&mut self.spread, word, shares(words, word)?),
            "port" => {
                let title = format!("unexpected word `{word}`");
                let number = words.next().map_or("80".to_owned(), |number| number.to_string());
                Err(refused(word, title).help(format!("`tcp {number}` or `udp {number}`")))
            }
            other => Err({
                let error = Diagnostic::error(Code::BadCheck, format!("unexpected word `{word}`"))
                    .at(word.span, "not understood here");
                match nearest(other, WORDS.iter().copied()) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help(format!("expected one of {}", WORDS.join(", "))),
                }
            }),
        }
    }

    /// Refuses what does not go together.
    fn hold(&self, arrow: Arrow) -> Result<(), Diagnostic> {
        fn word<T>(said: &Said<T>) -> Option<&Text> {
            said.as_ref().map(|(word, _)| word)
        }
        let (via, back, spread) = (word(&self.via), word(&self.back), word(&self.spread));
        let (ttl, rtt, loss) = (word(&self.ttl), word(&self.rtt), word(&self.loss));
        let (answerer, unique) = (word(&self.answerer), word(&self.unique));
        let opened = word(&self.opened);
        let mut faults = match arrow {
            Arrow::Misses => vec![
                (answerer, "what does not arrive has no answer, and a refusal is one: write `->`"),
                (unique, "what does not arrive is answered by nobody"),
                (via, "what does not arrive has no path"),
                (back, "what does not arrive has no answer"),
                (spread, "what does not arrive has no path"),
                (ttl, "what does not arrive has no answer"),
                (rtt, "what does not arrive has no answer"),
                (loss, "of what must not arrive all is lost"),
                (word(&self.count), "what must not arrive is sent twice, and never may"),
            ],
            Arrow::Reaches => {
                vec![(word(&self.error), "what arrives is answered by no error: write `!>`")]
            }
        };
        if let Some((_, Protocol::Tcp(_))) = self.protocol {
            faults.extend([
                (word(&self.size), "a connection begins with an empty segment"),
                (word(&self.df), "a connection's segments are never fragmented"),
                (loss, "a connection sends again by itself what is lost"),
                (word(&self.sources), "a node connects from an address of its own"),
            ]);
            let ecn = self.tos.as_ref().filter(|(_, tos)| tos & 3 != 0).map(|(word, _)| word);
            faults.push((ecn, "the kernel itself sets the bits of ECN in a connection"));
        }
        if let Some((data, _)) = &self.transfer {
            let is_tcp = matches!(self.protocol, Some((_, Protocol::Tcp(_))));
            let is_in_vain = !is_tcp || arrow == Arrow::Misses;
            let why = "a server that is there does not send back what it gets";
            let once = "data goes once, and is sent again until it arrives";
            faults.push((
                Some(data).filter(|_| is_in_vain),
                "only a connection that is made, by `tcp`, takes data there and back",
            ));
            faults.push((answerer, why));
            faults.extend([word(&self.count), rtt, spread].map(|word| (word, once)));
        }
        if self.sport.is_some() {
            let why = "packets that are sent from one port are of one flow";
            faults.extend([word(&self.count), rtt, loss, spread].map(|word| (word, why)));
        }
        if self.protocol.is_some() {
            faults.push((unique, "who else has an address is asked by echo requests"));
        } else {
            let why = "only `tcp` and `udp` have a port that somebody answers on";
            let why_sent = "only `tcp` and `udp` are sent from a port";
            faults.extend([answerer, opened].map(|word| (word, why)));
            faults.push((word(&self.sport).filter(|_| spread.is_none()), why_sent));
        }
        if self.answerer.is_some() {
            faults.push((opened, "a port that is opened is neither served nor refused"));
        }
        if self.error.as_ref().is_some_and(|(_, it)| it.kind == RejectionKind::PortUnreachable) {
            faults.push((opened, "the error of a port that nobody has"));
        }
        if let (Some((_, Answerer::Refusal)), Some((_, Protocol::Udp(_)))) =
            (&self.answerer, &self.protocol)
        {
            let why = "of many datagrams a kernel refuses a few in a second (icmp_ratelimit)";
            faults.extend([word(&self.count), rtt, loss].map(|word| (word, why)));
        }
        if spread.is_some() {
            faults.extend([
                (answerer, "flows that divide go to a far side that is opened for them"),
                (unique, "who else has an address is asked by echo requests"),
                (via, "flows that divide have no single path"),
                (back, "flows that divide have no single path"),
                (ttl, "flows that divide come back by several paths"),
                (rtt, "flows that divide take several paths"),
                (loss, "none of the flows may be lost"),
            ]);
        } else {
            faults.push((word(&self.sources), "many sources are for flows that `spread`"));
        }
        if self.from.is_some() {
            faults.push((word(&self.sources), "a probe has one source"));
        }
        if let Some((word, why)) = faults.into_iter().find_map(|(word, why)| Some((word?, why))) {
            return Err(refused(word, format!("`{word}` cannot stand here")).note(why));
        }
        if let (Some((_, shares)), Some((word, count))) = (&self.spread, &self.count) {
            let least = Spread { shares: shares.clone(), sources: None }.flows(FEWEST_FLOWS);
            if usize::from(*count) < least {
                return Err(refused(word, format!("{count} flows are too few")).note(format!(
                    "with {FEWEST_FLOWS} flows for the smallest share, chance and a fault can be \
                     told apart: {least} in all"
                )));
            }
        }
        Ok(())
    }

    /// What is sent, and what must become of it.
    fn sort(self, arrow: Arrow) -> (Sends, Expect<Text>) {
        fn value<T>(said: Said<T>) -> Option<T> {
            said.map(|(_, value)| value)
        }
        let sends = Sends {
            protocol: value(self.protocol).unwrap_or_default(),
            opened: self.opened.is_some(),
            size: value(self.size),
            df: self.df.is_some(),
            hops: value(self.hops),
            from: value(self.from),
            sport: value(self.sport),
            transfer: value(self.transfer),
            tos: value(self.tos).unwrap_or_default(),
            mark: value(self.mark).unwrap_or_default(),
            count: value(self.count),
        };
        let expect = match (arrow, value(self.error), value(self.spread)) {
            (Arrow::Misses, Some(rejection), _) => Expect::Rejected(rejection),
            (Arrow::Misses, None, _) => Expect::Lost,
            (Arrow::Reaches, _, Some(shares)) => {
                Expect::Spreads(Spread { shares, sources: value(self.sources) })
            }
            (Arrow::Reaches, _, None) => Expect::Arrives(Arrival {
                answerer: value(self.answerer).unwrap_or_default(),
                unique: self.unique.is_some(),
                via: value(self.via),
                back: value(self.back),
                ttl: value(self.ttl),
                rtt: value(self.rtt),
                loss: value(self.loss),
            }),
        };
        (sends, expect)
    }
}

fn refused(word: &Text, title: String) -> Diagnostic {
    Diagnostic::error(Code::BadCheck, title).at(word.span, "")
}

/// Puts down what an option says; a second time is one too many.
fn once<T>(slot: &mut Said<T>, word: &Text, value: T) -> Result<(), Diagnostic> {
    match slot.replace((word.clone(), value)) {
        None => Ok(()),
        Some((first, _)) => Err(refused(word, format!("`{word}` cannot stand here"))
            .beside(first.span, "")
            .note(format!("`{first}` was already given"))),
    }
}

/// A number in these bounds, both included.
fn number<T>(words: &mut Words<'_>, word: &Text, least: T, most: T) -> Result<T, Diagnostic>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    let what = format!("a number from {least} to {most}");
    let value = words.expect(&what, word)?;
    let number = value.as_str().parse().ok().filter(|it| (&least..=&most).contains(&it));
    number.ok_or_else(|| not(&value, &what))
}

fn port(words: &mut Words<'_>, word: &Text) -> Result<NonZeroU16, Diagnostic> {
    words.value("a port", word)
}

/// `< VALUE` or `> VALUE`, and the place of the value.
fn bound<T>(
    words: &mut Words<'_>,
    word: &Text,
    what: &str,
    read: impl Fn(&Text) -> Result<T, Diagnostic>,
) -> Result<(Text, Bound<T>), Diagnostic> {
    let sign = words.expect("`<` or `>`", word)?;
    let bound = match sign.as_str() {
        "<" => Bound::Below,
        ">" => Bound::Above,
        _ => return Err(not(&sign, "`<` or `>`")),
    };
    let value = words.expect(what, &sign)?;
    let limit = read(&value)?;
    Ok((value, bound(limit)))
}

/// `KIND [mtu N] [by ADDRESS]`, in any order behind the kind.
fn rejection(words: &mut Words<'_>, word: &Text) -> Result<Rejection, Diagnostic> {
    let kind = words.expect("the kind of an ICMP error", word)?;
    let known = RejectionKind::WORDS.iter().map(|(word, _)| *word);
    let kind = kind.as_str().parse().map_err(|()| {
        let error = not(&kind, "the kind of an ICMP error");
        match nearest(kind.as_str(), known.clone()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help(format!("there are {}", known.collect::<Vec<_>>().join(", "))),
        }
    })?;
    let (mut mtu, mut by) = (None, None);
    while let Some(next) = words.peek() {
        match next.as_str() {
            "mtu" => {
                words.next();
                if kind != RejectionKind::FragNeeded {
                    return Err(refused(&next, "`mtu` cannot stand here".to_owned())
                        .note("only `frag-needed` tells of an MTU"));
                }
                once(&mut mtu, &next, words.value("a size in bytes", &next)?)?;
            }
            "by" => {
                words.next();
                once(&mut by, &next, words.value("an address", &next)?)?;
            }
            _ => break,
        }
    }
    Ok(Rejection { kind, mtu: mtu.map(|(_, mtu)| mtu), by: by.map(|(_, by)| by) })
}

/// A name, unless the next option stands there.
fn name(words: &mut Words<'_>) -> Option<Text> {
    words.peek().filter(|word| !WORDS.contains(&word.as_str()))?;
    words.next()
}

fn path(words: &mut Words<'_>) -> Result<Vec<Hop<Text>>, Diagnostic> {
    std::iter::from_fn(|| name(words)).map(|word| hop(&word)).collect()
}

/// `p`, or `p[101]` with the labels that the packet arrives with.
fn hop(word: &Text) -> Result<Hop<Text>, Diagnostic> {
    let text = word.as_str();
    let Some((name, rest)) = text.split_once('[') else {
        return Ok(Hop { node: word.clone(), labels: None });
    };
    let stack = rest.strip_suffix(']').ok_or_else(|| {
        Diagnostic::error(Code::BadCheck, format!("`{word}` does not end in `]`"))
            .at(word.span, "labels stand between `[` and `]`")
    })?;
    let labels = match stack.is_empty() {
        true => Vec::new(),
        false => parse_labels(&word.slice(name.len() + 1, text.len() - 1))?,
    };
    Ok(Hop { node: word.slice(0, name.len()), labels: Some(labels) })
}

/// `NODE [weight N]`, two or more.
fn shares(words: &mut Words<'_>, word: &Text) -> Result<Vec<Share<Text>>, Diagnostic> {
    let mut shares: Vec<Share<Text>> = Vec::new();
    while let Some(node) = name(words) {
        let next = words.peek().filter(|next| next.as_str() == "weight");
        let weight = match next {
            Some(next) => {
                words.next();
                number(words, &next, 1, 256)?
            }
            None => 1,
        };
        if shares.iter().any(|share| share.node.as_str() == node.as_str()) {
            return Err(refused(&node, format!("`{node}` stands here twice")));
        }
        shares.push(Share { node, weight });
    }
    if shares.len() < 2 {
        return Err(refused(word, "flows divide over two nodes at the least".to_owned())
            .help("`spread r1 r2`, `spread r1 weight 2 r2`"));
    }
    Ok(shares)
}
