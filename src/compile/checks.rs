//! The lines of `checks`.

use super::address_index::{AddressIndex, Held};
use super::check::{Check, Expect, Goal, Line, OPTIONS, Place, Sender, Target};
use super::family::IpFamily;
use super::lab::{InterfaceId, Lab, MAIN, NodeId};
use super::layout::{Context, Layout};
use super::lookup::{no_interface, no_vrf};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spelling, Text, few, nearest};
use crate::document::{Counter, DeviceName, Routing};
use crate::iproute::Words;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// Reads the file's checks, and counts their probes.
///
/// # Errors
/// There are more probes than the limit allows.
pub(super) fn read(
    lines: &[Text],
    routing: Routing,
    layout: &Layout,
    lab: &Lab,
    mut probes: Counter<'_>,
    errors: &mut Diagnostics,
) -> Result<Vec<Check>, Diagnostic> {
    // Whoever wrote the routes, one VRF name is one VPN, and its hosts are meant by the addresses that
    // they have in it.
    let joined;
    let layout = match routing {
        Routing::Auto => layout,
        Routing::None => {
            joined = Layout::of(lab, Routing::Auto);
            &joined
        }
    };
    let reader = Reader::of(lab, layout);
    let mut checks = Vec::with_capacity(lines.len());
    for line in lines {
        if let Some(check) = errors.keep(reader.read(line)) {
            probes.add(check.probes())?;
            checks.push(check);
        }
    }
    Ok(checks)
}

/// A check of a lab that stands beside those of its file.
///
/// # Errors
/// What is wrong with the line.
pub fn read_check(lab: &Lab, line: &Text) -> Result<Check, Diagnostic> {
    let layout = Layout::of(lab, Routing::Auto);
    Reader::of(lab, &layout).read(line)
}

/// Whether a word begins something that is said of a check behind its two ends.
pub fn is_check_option(word: &str) -> bool {
    OPTIONS.contains(&word)
}

/// What the names and addresses of checks are looked up in.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    lab: &'a Lab,
    layout: &'a Layout,
    addresses: AddressIndex,
    /// Who has which address, made for the first check that asks.
    holders: OnceCell<BTreeSet<(IpAddr, NodeId)>>,
    /// The names of nodes, made when one is not found.
    names: OnceCell<Spelling>,
}

impl<'a> Reader<'a> {
    /// The reader of a lab's checks, whose addresses are there.
    pub fn of(lab: &'a Lab, layout: &'a Layout) -> Self {
        let addresses = AddressIndex::of(lab, layout);
        Self { lab, layout, addresses, holders: OnceCell::new(), names: OnceCell::new() }
    }

    /// The lab that the checks are of.
    pub fn lab(&self) -> &'a Lab {
        self.lab
    }

    /// A check that the compiler makes; nothing where its two ends have no family in common.
    pub fn between(&self, from: Place, to: Goal, expect: Expect<Text>) -> Option<Check> {
        let line = Line { from, to, sends: Default::default(), expect };
        self.resolve(&line, &Text::filled("")).ok()
    }

    fn read(&self, text: &Text) -> Result<Check, Diagnostic> {
        self.resolve(&Line::parse(text)?, text)
    }

    /// Looks up a line's names; `text` is the line as it is written.
    fn resolve(&self, line: &Line, text: &Text) -> Result<Check, Diagnostic> {
        let (node, vrf) = self.sender(&line.from)?;
        let from = Sender { node, vrf };
        let expect = line.expect.resolve(|name| self.hop(name))?;
        let family = family(line, text)?;
        let to = match &line.to {
            Goal::Address(IpAddr::V6(address)) if address.is_unicast_link_local() => {
                return Err(self.without_a_link(&from, *address, text));
            }
            Goal::Address(address) => Target::Address(*address),
            Goal::OnLink { address, interface } => Target::OnLink {
                address: (*address).into(),
                interface: self.link(&from, interface)?,
            },
            Goal::Place(place) => {
                let (to, vrf) = self.place(place)?;
                let addresses = self.addresses(&from, to, vrf.as_ref(), &expect, family);
                if addresses.is_empty() {
                    let (near, far) = (&self.lab[node].name, &self.lab[to].name);
                    let error = Diagnostic::error(
                        Code::BadCheck,
                        format!("`{far}` has no address that `{near}` can send to"),
                    )
                    .at(place.node.span, "no address of a family that both have");
                    return Err(match self.scoped(&from, |owner, _| owner == to) {
                        Some(scoped) => error.note("link-local addresses are not chosen").help(
                            format!("`{scoped}` asks for one, on the link of that interface"),
                        ),
                        None => error,
                    });
                }
                let takers = match expect {
                    Expect::Lost => vec![to],
                    Expect::Arrives(_) | Expect::Spreads(_) | Expect::Rejected(_) => {
                        self.addresses.takers(to, addresses[0])
                    }
                };
                Target::Node { node: to, takers, vrf, addresses }
            }
        };
        if let (Expect::Spreads(spread), Target::Address(address)) = (&expect, &to)
            && spread.sources.is_some()
            && !self.has_holder(*address)
        {
            let title = format!("no node of this file has {address}");
            return Err(Diagnostic::error(Code::BadCheck, title)
                .at(text.span, "nobody sees what arrives there")
                .note("no answer comes back to sources that the sender has not"));
        }
        if let (Expect::Spreads(_), Target::OnLink { .. }) = (&expect, &to) {
            let title = "flows to a link-local address cannot divide".to_owned();
            return Err(Diagnostic::error(Code::BadCheck, title)
                .at(text.span, "")
                .note("they stay on one link, so no node is between"));
        }
        if let Some(source) = line.sends.from {
            self.hold_source(&from, source, &expect, behind(text, "from"))?;
        }
        Ok(Check { span: text.span, text: line.to_string(), from, to, sends: line.sends, expect })
    }

    /// Who sends: a node, and no address.
    fn sender(&self, from: &Place) -> Result<(NodeId, Option<DeviceName>), Diagnostic> {
        let Ok(address) = from.node.as_str().parse::<IpAddr>() else { return self.place(from) };
        let error = Diagnostic::error(Code::BadCheck, format!("a node sends, and not {address}"))
            .at(from.node.span, "an address");
        let of_address = (address, NodeId(0))..=(address, NodeId(usize::MAX));
        Err(match self.holders().range(of_address).next() {
            Some((_, owner)) => {
                let name = &self.lab[*owner].name;
                error.help(format!("`{name}` has it: `{name} -> … from {address}`"))
            }
            None => error.note("no node of this file has it"),
        })
    }

    /// `node` or `node%vrf`.
    fn place(&self, place: &Place) -> Result<(NodeId, Option<DeviceName>), Diagnostic> {
        let id = self.node(&place.node, &[])?;
        let vrf = place.vrf.as_ref().map(|vrf| {
            let node = &self.lab[id];
            let found = node.vrf(vrf.as_str()).map(|vrf| vrf.name.clone());
            found.ok_or_else(|| no_vrf(node, vrf))
        });
        Ok((id, vrf.transpose()?))
    }

    /// The interface of the sender on whose link a link-local address is.
    fn link(&self, from: &Sender, interface: &Text) -> Result<DeviceName, Diagnostic> {
        let node = &self.lab[from.node];
        let Some(id) = node.interface(interface.as_str()) else {
            return Err(no_interface(node, interface));
        };
        let found = &node.interfaces[id.0];
        let vrf = node.vrf_of(found).map(|vrf| &vrf.name);
        match &from.vrf {
            Some(wanted) if Some(wanted) != vrf => Err(Diagnostic::error(
                Code::BadCheck,
                format!("`{interface}` of `{}` is not in VRF `{wanted}`", node.name),
            )
            .at(interface.span, "")),
            Some(_) | None => Ok(found.name.clone()),
        }
    }

    /// Refuses a link-local address that may be on any link.
    fn without_a_link(&self, from: &Sender, address: Ipv6Addr, text: &Text) -> Diagnostic {
        let title = format!("{address} is link-local, and on which link is not said");
        let error = Diagnostic::error(Code::BadCheck, title).at(text.span, "");
        let owned = self.scoped(from, |_, it| it == address);
        let first = self.lab[from.node].interfaces.first();
        let near = owned.or_else(|| Some(format!("{address}%{}", first?.name)));
        match near {
            Some(near) => error.help(format!(
                "after `%` comes the interface of `{}`: `{near}`",
                self.lab[from.node].name
            )),
            None => error,
        }
    }

    /// A link-local address that somebody has on a link of the sender's, with the sender's interface.
    fn scoped(&self, from: &Sender, wanted: impl Fn(NodeId, Ipv6Addr) -> bool) -> Option<String> {
        let node = &self.lab[from.node];
        (0..node.interfaces.len()).map(InterfaceId).find_map(|id| {
            let (owner, port) = self.lab.peer(from.node, id)?;
            let held = &self.lab[owner].interfaces[port.0].addresses;
            let address = held.iter().find_map(|held| match held.value.addr() {
                IpAddr::V6(it) if it.is_unicast_link_local() && wanted(owner, it) => Some(it),
                IpAddr::V4(_) | IpAddr::V6(_) => None,
            })?;
            Some(format!("{address}%{}", node.interfaces[id.0].name))
        })
    }

    /// A node on the way; what is none may be a misspelled option.
    fn hop(&self, name: &Text) -> Result<NodeId, Diagnostic> {
        self.node(name, OPTIONS)
    }

    fn node(&self, name: &Text, options: &[&str]) -> Result<NodeId, Diagnostic> {
        self.layout.node(name.as_str()).ok_or_else(|| {
            let error = Diagnostic::error(Code::UnknownNode, format!("there is no node `{name}`"))
                .at(name.span, "no node of this file");
            if let Some(meant) = self.of_interface(name.as_str()) {
                return error.help(format!("`{name}` is written as an interface: write `{meant}`"));
            }
            let names = || Spelling::of(self.lab.nodes.iter().map(|node| node.name.as_str()));
            let known = self.names.get_or_init(names).near(name.as_str());
            match nearest(name.as_str(), known.chain(options.iter().copied())) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            }
        })
    }

    /// The place of a check that is meant where `NODE:INTERFACE` stands.
    fn of_interface(&self, word: &str) -> Option<String> {
        let (name, device) = word.split_once(':')?;
        let node = &self.lab[self.layout.node(name)?];
        let port = node.interface(device).map(|id| &node.interfaces[id.0]);
        let vrf = node.vrf(device).or_else(|| node.vrf_of(port?));
        Some(vrf.map_or(name.to_owned(), |vrf| format!("{name}%{}", vrf.name)))
    }

    /// A node's addresses that a check is about, in each family that the sender has too: the first
    /// one in the sender's routing domain, else all but loopbacks; and all there are where none may
    /// be reached.
    fn addresses(
        &self,
        from: &Sender,
        id: NodeId,
        vrf: Option<&DeviceName>,
        expect: &Expect<NodeId>,
        ipv4: Option<bool>,
    ) -> Vec<IpAddr> {
        let table = |node: NodeId, vrf: Option<&DeviceName>| {
            vrf.and_then(|vrf| self.lab[node].vrf(vrf.as_str())).map(|vrf| vrf.table)
        };
        let here = table(from.node, from.vrf.as_ref()).unwrap_or(MAIN);
        let here = Context { node: from.node, table: here };
        let domain = self.layout.domain(here);
        let own = self.addresses.of_context(here);
        let is_wanted = |family: &IpFamily| {
            ipv4.is_none_or(|ipv4| ipv4 == (*family == IpFamily::V4)) && own.have(*family)
        };
        let families: Vec<IpFamily> = IpFamily::BOTH.into_iter().filter(is_wanted).collect();
        let all = match table(id, vrf) {
            Some(table) => self.addresses.of_context(Context { node: id, table }),
            None => self.addresses.of_node(id),
        };
        let fits = |held: &&Held| families.contains(&IpFamily::of(held.address));
        match expect {
            Expect::Lost => return all.iter().filter(fits).map(|held| held.address).collect(),
            Expect::Arrives(_) | Expect::Spreads(_) | Expect::Rejected(_) => {}
        }
        // By an address of its own a node is told from others.
        let is_own = families.iter().any(|family| all.have_own(*family));
        let near = families.iter().filter_map(|family| all.first(domain, *family, is_own));
        let near: Vec<IpAddr> = near.collect();
        if !near.is_empty() {
            return near;
        }
        let others = all.iter().filter(fits).filter(|it| it.is_own == is_own && !it.is_loopback);
        others.map(|held| held.address).collect()
    }

    fn holders(&self) -> &BTreeSet<(IpAddr, NodeId)> {
        self.holders.get_or_init(|| {
            let nodes = self.lab.nodes.iter().enumerate();
            let held = nodes.flat_map(|(place, node)| {
                node.addresses().map(move |address| (address.addr(), NodeId(place)))
            });
            held.collect()
        })
    }

    /// Whether any node has an address.
    fn has_holder(&self, address: IpAddr) -> bool {
        let of_all_nodes = (address, NodeId(0))..=(address, NodeId(usize::MAX));
        self.holders().range(of_all_nodes).next().is_some()
    }

    /// An answer comes back only to an address that the sender has.
    fn hold_source(
        &self,
        from: &Sender,
        source: IpAddr,
        expect: &Expect<NodeId>,
        at: Span,
    ) -> Result<(), Diagnostic> {
        match expect {
            Expect::Lost => return Ok(()),
            Expect::Arrives(_) | Expect::Spreads(_) | Expect::Rejected(_) => {}
        }
        if self.holders().contains(&(source, from.node)) {
            return Ok(());
        }
        let node = &self.lab[from.node];
        let known: Vec<String> = node.addresses().map(|it| it.addr().to_string()).collect();
        Err(Diagnostic::error(
            Code::BadCheck,
            format!("`{}` has no address {source}, so no answer comes back to it", node.name),
        )
        .at(at, "not an address of the sender")
        .help(format!("its addresses are {}", few(known.iter().map(String::as_str)))))
    }
}

/// The family that the addresses of a check are of, where there are any: whether it is IPv4.
fn family(line: &Line, text: &Text) -> Result<Option<bool>, Diagnostic> {
    let by = match &line.expect {
        Expect::Rejected(rejection) => rejection.by,
        Expect::Spreads(_) | Expect::Arrives(_) | Expect::Lost => None,
    };
    let sources = match &line.expect {
        Expect::Spreads(spread) => spread.sources.map(|sources| sources.addr()),
        Expect::Arrives(_) | Expect::Lost | Expect::Rejected(_) => None,
    };
    let to = match line.to {
        Goal::Address(address) => Some(address),
        Goal::OnLink { address, .. } => Some(address.into()),
        Goal::Place(_) => None,
    };
    let said = [(to, ""), (line.sends.from.or(sources), "from"), (by, "by")];
    let mut said = said.into_iter().filter_map(|(address, word)| Some((address?, word)));
    let Some((first, _)) = said.next() else { return Ok(None) };
    match said.find(|(other, _)| other.is_ipv4() != first.is_ipv4()) {
        None => Ok(Some(first.is_ipv4())),
        Some((other, word)) => Err(Diagnostic::error(
            Code::BadCheck,
            format!("{first} and {other} are of two families"),
        )
        .at(behind(text, word), "of the other family")
        .note("a probe and its answer are of one")),
    }
}

/// The place of what stands behind a word of a line.
fn behind(line: &Text, word: &str) -> Span {
    let mut words = Words::new(line);
    while let Some(next) = words.next() {
        if next.as_str() == word
            && let Some(value) = words.next()
        {
            return value.span;
        }
    }
    line.span
}
