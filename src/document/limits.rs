//! How much a file may make: a short one can ask for more than a machine holds.

use crate::diagnostic::{Code, Diagnostic, Notation};
use std::fmt;
use std::str::FromStr;

/// What is counted before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Nodes, those that only a link names too.
    Nodes,
    /// Links.
    Links,
    /// Interfaces, two for each link among them.
    Interfaces,
    /// Ordered pairs of neighbours to whom routes can lead, of which a LAN has many.
    Neighbours,
    /// Shortest paths that are searched for filled-in routes: from each table to each owner of a prefix.
    Paths,
    /// Routes, those of the file and those that are filled in.
    Routes,
    /// Nexthops of the file's routes, those of a group for each route that names it.
    Nexthops,
    /// Lines of checks.
    Checks,
    /// Probes that checks send: to each address of a check as many as it counts.
    Probes,
    /// Bytes of files that the file names, each time that a node has one.
    Bytes,
    /// Lookups in the search for forwarding loops, and as many in that for sources without a route back: each ends
    /// there and refuses nothing.
    Lookups,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Quantity; 11] = [
        Quantity::Nodes,
        Quantity::Links,
        Quantity::Interfaces,
        Quantity::Neighbours,
        Quantity::Paths,
        Quantity::Routes,
        Quantity::Nexthops,
        Quantity::Checks,
        Quantity::Probes,
        Quantity::Bytes,
        Quantity::Lookups,
    ];

    /// Its name on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Quantity::Nodes => "nodes",
            Quantity::Links => "links",
            Quantity::Interfaces => "interfaces",
            Quantity::Neighbours => "neighbours",
            Quantity::Paths => "paths",
            Quantity::Routes => "routes",
            Quantity::Nexthops => "nexthops",
            Quantity::Checks => "checks",
            Quantity::Probes => "probes",
            Quantity::Bytes => "bytes",
            Quantity::Lookups => "lookups",
        }
    }

    /// The most that is made where nobody says otherwise. Each comes to a gigabyte or two, or to a minute.
    pub fn default_limit(self) -> usize {
        match self {
            Quantity::Nodes => 100_000,
            Quantity::Links => 200_000,
            Quantity::Interfaces => 500_000,
            Quantity::Neighbours => 10_000_000,
            Quantity::Paths => 120_000_000,
            Quantity::Routes => 3_500_000,
            Quantity::Nexthops => 5_000_000,
            Quantity::Checks => 200_000,
            Quantity::Probes => 2_000_000,
            Quantity::Bytes => 256 << 20,
            Quantity::Lookups => 2_000_000,
        }
    }

    /// What it is, in words that follow a number.
    fn title(self) -> &'static str {
        match self {
            Quantity::Neighbours => "pairs of neighbours",
            Quantity::Paths => "shortest paths",
            Quantity::Nexthops => "nexthops of routes",
            Quantity::Bytes => "bytes of nodes' files",
            Quantity::Nodes
            | Quantity::Links
            | Quantity::Interfaces
            | Quantity::Routes
            | Quantity::Checks
            | Quantity::Probes
            | Quantity::Lookups => self.word(),
        }
    }
}

/// The most that a file may make of each quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits([usize; Quantity::ALL.len()]);

impl Default for Limits {
    fn default() -> Self {
        Self(Quantity::ALL.map(Quantity::default_limit))
    }
}

impl Limits {
    /// No limits, for what stands already.
    pub fn none() -> Self {
        Self([usize::MAX; Quantity::ALL.len()])
    }

    /// The same with other limits in the place of some.
    pub fn with(mut self, limits: &[Limit]) -> Self {
        for Limit { quantity, most } in limits {
            self.0[*quantity as usize] = *most;
        }
        self
    }

    /// The most of a quantity.
    pub fn most(&self, quantity: Quantity) -> usize {
        self.0[quantity as usize]
    }

    /// Refuses what a file makes too much of.
    ///
    /// # Errors
    /// `count` is past the limit.
    pub fn hold(&self, quantity: Quantity, count: usize) -> Result<(), Diagnostic> {
        let most = self.most(quantity);
        if count <= most {
            return Ok(());
        }
        let title = format!("the file makes {count} {}", quantity.title());
        let raised = format!("`--limit {}={count}` allows them", quantity.word());
        Err(instead(quantity, bounded_by(most, title)).help(raised))
    }

    /// Counts one quantity from zero.
    pub(crate) fn counter(&self, quantity: Quantity) -> Counter<'_> {
        Counter { limits: self, quantity, count: 0 }
    }

    /// The same of what is counted while it is made: there may be more to come. `tables` says how many
    /// tables out of how many have been counted, where that is known.
    ///
    /// # Errors
    /// `count` is past the limit.
    pub(crate) fn hold_so_far(
        &self,
        quantity: Quantity,
        count: usize,
        tables: Option<(usize, usize)>,
    ) -> Result<(), Diagnostic> {
        let most = self.most(quantity);
        if count <= most {
            return Ok(());
        }
        let title = format!("the file makes {count} {} or more", quantity.title());
        let refusal = match tables {
            None => bounded_by(most, title),
            Some((done, all)) => {
                let about = (count as u128 * all as u128 / done.max(1) as u128) as usize;
                bounded_by(most, title).note(format!(
                    "so many are in {done} of {all} tables; if the others are alike, there are {about}"
                ))
            }
        };
        let raised = format!("`--limit {}=NUMBER` allows more", quantity.word());
        Err(instead(quantity, refusal).help(raised))
    }
}

/// What is counted while it is made.
pub(crate) struct Counter<'a> {
    limits: &'a Limits,
    quantity: Quantity,
    count: usize,
}

impl Counter<'_> {
    /// Counts what is about to be made.
    ///
    /// # Errors
    /// With it there is more than the limit allows.
    pub fn add(&mut self, more: usize) -> Result<(), Diagnostic> {
        self.count = self.count.saturating_add(more);
        self.limits.hold_so_far(self.quantity, self.count, None)
    }
}

fn bounded_by(most: usize, title: String) -> Diagnostic {
    Diagnostic::error(Code::TooMany, title).note(format!(
        "the limit is {most}, so that a file does not take all of a machine's memory"
    ))
}

/// Adds what to write in the place of so many.
fn instead(quantity: Quantity, refusal: Diagnostic) -> Diagnostic {
    let unrouted = |whose: &'static str| {
        move |notation: Notation| {
            let none = notation.value("routing", "none");
            format!("{none}{whose} leaves routes to you, or to daemons in the nodes")
        }
    };
    match quantity {
        Quantity::Nodes
        | Quantity::Links
        | Quantity::Interfaces
        | Quantity::Nexthops
        | Quantity::Lookups => refusal,
        Quantity::Bytes => {
            refusal.help("a node reads large files where they are: it sees the machine's own")
        }
        Quantity::Neighbours => refusal
            .help(
                "divide large LANs by routers: each node of a LAN has each router on it as a \
                 neighbour, or each host where there is no router",
            )
            .help_in(unrouted(" of the whole file")),
        Quantity::Paths => refusal.help_in(unrouted(" of the whole file")),
        Quantity::Routes => refusal
            .help("a default route that you write is all that its table gets of its family")
            .help_in(unrouted(", of the file or of a node,")),
        Quantity::Checks => {
            refusal.help("a check of one address in each subnet often says as much")
        }
        Quantity::Probes => refusal.help(
            "`!>` with a node's name probes each address of the node; with an address, that one alone",
        ),
    }
}

/// A limit as a user says it: `routes=1000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of what.
    pub quantity: Quantity,
    /// The most of it.
    pub most: usize,
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, number) = text.split_once('=').ok_or("as in `routes=1000000`")?;
        let quantity = Quantity::ALL.into_iter().find(|it| it.word() == word);
        let quantity = quantity.ok_or_else(|| {
            let words: Vec<&str> = Quantity::ALL.into_iter().map(Quantity::word).collect();
            format!("`{word}` is none of {}", words.join(", "))
        })?;
        let most = number.parse().map_err(|_| format!("`{number}` is no number"))?;
        Ok(Self { quantity, most })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.quantity.word(), self.most)
    }
}
