//! Through which device a gateway is reached, and which gateways and source addresses the kernel
//! refuses: what `fib_check_nh` and `ip6_validate_gw` find out when it is told a route.

use super::lab::{LOCAL, MAIN, Node, Route};
use super::prefixes::Prefixes;
use crate::diagnostic::{Code, Diagnostic, Spanned, few};
use crate::document::{Address, DeviceName};
use crate::iproute::{RouteKind, Scope, is_link_local};
use ipnet::IpNet;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::net::IpAddr;

/// The kernel's number of the table that is looked up last.
const DEFAULT: u32 = 253;

/// What the interfaces of a node and its routes without a gateway put on its links.
pub(super) struct Gateways<'a> {
    node: &'a Node,
    /// By table, in the order in which the kernel makes them.
    tables: HashMap<u32, Prefixes<Entry>>,
    /// Those of all tables.
    all: Prefixes<Entry>,
    /// The subnets on its links, each with its table, in the order in which the kernel makes them.
    on_link: Vec<(u32, IpNet)>,
    /// The same in words.
    subnets: OnceCell<String>,
}

/// A prefix whose addresses are on a link, or in the node itself.
#[derive(Clone)]
struct Entry {
    table: u32,
    net: IpNet,
    device: DeviceName,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Neighbours.
    OnLink,
    /// The node's own addresses.
    Own,
    /// The broadcast address of an IPv4 subnet.
    Broadcast,
}

/// Where a route that has a gateway is looked up from.
#[derive(Clone, Copy)]
pub(super) enum From<'a> {
    /// A route of this table.
    Table(u32),
    /// A route of this table that names its device.
    Device(u32, &'a DeviceName),
}

impl<'a> Gateways<'a> {
    /// What a node has on its links, its routes without a gateway among these.
    pub fn of<'r>(node: &'a Node, routes: impl IntoIterator<Item = &'r Route>) -> Self {
        let mut gateways = Self {
            node,
            tables: HashMap::new(),
            all: Prefixes::default(),
            on_link: Vec::new(),
            subnets: OnceCell::new(),
        };
        for interface in &node.interfaces {
            for address in &interface.addresses {
                gateways.address(node.table_of(interface), address.value, &interface.name);
            }
        }
        for vrf in &node.vrfs {
            for address in &vrf.addresses {
                gateways.address(vrf.table, address.value, &vrf.name);
            }
        }
        for address in &node.loopback {
            gateways.loopback(address.value.net);
        }
        for route in routes {
            gateways.route(route);
        }
        gateways
    }

    /// What the kernel makes of an address on an interface or a VRF device.
    fn address(&mut self, table: u32, address: Address, device: &DeviceName) {
        let local = if table == MAIN { LOCAL } else { table };
        self.push(local, single(address.addr()), device, Kind::Own);
        if let IpNet::V4(net) = address.connected()
            && net.prefix_len() < 31
        {
            self.push(local, single(net.broadcast().into()), device, Kind::Broadcast);
        }
        self.push(table, address.connected(), device, Kind::OnLink);
    }

    /// On `lo`, a whole IPv4 subnet is the node's own.
    fn loopback(&mut self, address: IpNet) {
        let Some(lo) = DeviceName::new("lo") else { return };
        self.push(LOCAL, single(address.addr()), &lo, Kind::Own);
        match address {
            IpNet::V4(_) => self.push(LOCAL, address.trunc(), &lo, Kind::Own),
            IpNet::V6(_) => self.push(MAIN, address.trunc(), &lo, Kind::OnLink),
        }
    }

    fn route(&mut self, route: &Route) {
        let kind = match route.kind {
            RouteKind::Unicast => Kind::OnLink,
            RouteKind::Local => Kind::Own,
            RouteKind::Broadcast
            | RouteKind::Multicast
            | RouteKind::Anycast
            | RouteKind::Unreachable
            | RouteKind::Blackhole
            | RouteKind::Prohibit
            | RouteKind::Throw => return,
        };
        // The kernel takes a gateway only from routes whose own scope is narrower; IPv6 has no scopes.
        let scope = route.attributes.scope.unwrap_or_else(|| route.default_scope());
        let near = matches!(scope, Scope::Link | Scope::Host);
        if route.is_on_link() && (near || route.destination.addr().is_ipv6()) {
            for nexthop in &*route.nexthops {
                self.push(route.table, route.destination, &nexthop.dev, kind);
            }
        }
    }

    fn push(&mut self, table: u32, net: IpNet, device: &DeviceName, kind: Kind) {
        if kind == Kind::OnLink {
            self.on_link.push((table, net));
        }
        let entry = Entry { table, net, device: device.clone(), kind };
        self.all.extend([(net, entry.clone())]);
        self.tables.entry(table).or_default().extend([(net, entry)]);
    }

    /// The device through which a gateway is reached.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn device(
        &self,
        gateway: Spanned<IpAddr>,
        from: From<'_>,
    ) -> Result<DeviceName, Diagnostic> {
        let named = match from {
            From::Table(_) => None,
            From::Device(_, device) => Some(device),
        };
        if is_link_local(gateway.value) {
            let device = named.ok_or_else(|| {
                self.unreachable(gateway)
                    .at(gateway.span, "a link-local address says nothing of its link")
                    .help("name the interface: `via ADDRESS dev INTERFACE`")
            })?;
            self.not_own(gateway, device)?;
            return Ok(device.clone());
        }
        // What is down leads nowhere, unless nothing else does: such a route waits for it.
        let up = self.search(gateway.value, from, |entry| self.node.is_up(&entry.device));
        let Some(found) = up.or_else(|| self.search(gateway.value, from, |_| true)) else {
            return Err(self.not_found(gateway, from));
        };
        if found.kind == Kind::Broadcast {
            return Err(self
                .unreachable(gateway)
                .at(
                    gateway.span,
                    format!("the broadcast address of a subnet of `{}`", found.device),
                )
                .note("the kernel answers EINVAL: \"Nexthop has invalid gateway\""));
        }
        self.not_own(gateway, &found.device)?;
        Ok(found.device.clone())
    }

    /// Refuses a gateway that the kernel does not take, though the file says that it is on the link.
    pub fn on_link(&self, gateway: Spanned<IpAddr>, device: &DeviceName) -> Result<(), Diagnostic> {
        self.not_behind_lo(gateway, device)?;
        let table = self.table_behind(device);
        if is_link_local(gateway.value) {
            return self.not_own(gateway, device);
        }
        let elsewhere = |entry: &&Entry| {
            entry.kind == Kind::OnLink
                && gateway.value.is_ipv6()
                && entry.device != *device
                && entry.net.prefix_len() > 0
        };
        let mut neighbours = self.containing(table.unwrap_or(MAIN), gateway.value);
        let neighbour = neighbours.find_map(|entries| entries.iter().rfind(elsewhere));
        let mut own = self.containing(table.unwrap_or(LOCAL), gateway.value);
        let own = own.find_map(|entries| entries.iter().rfind(|it| it.kind != Kind::OnLink));
        let best = neighbour.into_iter().chain(own);
        let Some(wrong) = best.max_by_key(|entry| entry.net.prefix_len()) else { return Ok(()) };
        let said = match wrong.kind {
            Kind::OnLink => format!("it is on the link of `{}`", wrong.device),
            Kind::Own => format!("an address of `{}` itself", self.node.name),
            Kind::Broadcast => format!("the broadcast address of a subnet of `{}`", wrong.device),
        };
        let title = format!("the gateway {gateway} cannot be on the link of `{device}`");
        Err(Diagnostic::error(Code::Unreachable, title)
            .at(gateway.span, said)
            .note("the kernel answers EINVAL: \"Nexthop has invalid gateway\""))
    }

    /// Refuses a source address that the kernel does not take for a route of this table and device.
    pub fn source(
        &self,
        source: Spanned<IpAddr>,
        table: u32,
        device: Option<&DeviceName>,
    ) -> Result<(), Diagnostic> {
        let behind = device.and_then(|device| self.table_behind(device));
        let tables = match source.value {
            IpAddr::V4(_) => [if table == MAIN { LOCAL } else { table }, LOCAL],
            IpAddr::V6(_) => [behind.unwrap_or(LOCAL); 2],
        };
        let is_own = |entry: &Entry| entry.kind == Kind::Own;
        let mut own = tables.into_iter().flat_map(|it| self.containing(it, source.value)).flatten();
        // Link-local addresses are the kernel's own choice.
        let unknown = is_link_local(source.value) || source.value.is_loopback();
        if unknown || own.any(is_own) {
            return Ok(());
        }
        let elsewhere = self.all.at(single(source.value)).iter().min_by_key(|it| it.table);
        let title = format!("`{}` cannot send from {source} there", self.node.name);
        Err(Diagnostic::error(Code::ForeignSource, title)
            .at(
                source.span,
                match elsewhere {
                    Some(entry) => format!("an address of `{}`, in another table", entry.device),
                    None => "none of its addresses".to_owned(),
                },
            )
            .note("the kernel answers EINVAL: \"Invalid prefsrc address\"")
            .help("a route's `src` is an address of its own table or of main"))
    }

    /// The tables that have an address on a link, or as the node's own.
    pub fn tables_with(&self, address: IpAddr) -> impl Iterator<Item = u32> {
        self.all.containing(address).flatten().map(|entry| entry.table)
    }

    /// What contains an address in one table, the longest prefix first.
    fn containing(&self, table: u32, address: IpAddr) -> impl Iterator<Item = &[Entry]> {
        self.tables.get(&table).into_iter().flat_map(move |table| table.containing(address))
    }

    /// The table of the VRF that a device is or is in.
    fn table_behind(&self, device: &DeviceName) -> Option<u32> {
        let inside = self.node.interface(device.as_str());
        let inside = inside.and_then(|id| self.node.vrf_of(&self.node.interfaces[id.0]));
        self.node.vrf(device.as_str()).or(inside).map(|vrf| vrf.table)
    }

    /// What the kernel finds: the longest prefix in the first of the tables that has one.
    fn search(
        &self,
        gateway: IpAddr,
        from: From<'_>,
        counts: impl Fn(&Entry) -> bool,
    ) -> Option<&Entry> {
        let (table, device) = match from {
            From::Table(table) => (table, None),
            From::Device(table, device) => (table, Some(device)),
        };
        let longest = |table: u32, device: Option<&DeviceName>| {
            let mut entries = self.containing(table, gateway).flatten();
            // Of equal ones, the first.
            entries
                .find(|entry| device.is_none_or(|device| entry.device == *device) && counts(entry))
        };
        let own = Some(table).filter(|table| *table != MAIN);
        let vrf = device.and_then(|device| self.table_behind(device));
        // For IPv4, a VRF device says where the rules begin, and what is found there is the device.
        let names_a_vrf = device.is_some_and(|device| self.node.vrf(device.as_str()).is_some());
        let by_rules = device.filter(|_| !names_a_vrf || gateway.is_ipv6());
        let rules = [vrf, Some(LOCAL), Some(MAIN), Some(DEFAULT)].into_iter().flatten();
        own.and_then(|table| longest(table, device))
            .or_else(|| rules.into_iter().find_map(|table| longest(table, by_rules)))
    }

    /// Refuses an IPv6 gateway that is the node itself, or that would be behind `lo`.
    fn not_own(&self, gateway: Spanned<IpAddr>, device: &DeviceName) -> Result<(), Diagnostic> {
        if gateway.value.is_ipv4() {
            return Ok(());
        }
        let behind = self.table_behind(device).unwrap_or(LOCAL);
        let link_local = is_link_local(gateway.value);
        let is_own = |entry: &Entry| {
            let here = !link_local || entry.device == *device;
            entry.kind == Kind::Own && here
        };
        let is_own = match link_local {
            true => self.all.containing(gateway.value).flatten().any(is_own),
            false => self.containing(behind, gateway.value).flatten().any(is_own),
        };
        if is_own {
            let said = format!("an address of `{}` itself", self.node.name);
            return Err(self.no_gateway(gateway, said, "Gateway can not be a local address"));
        }
        self.not_behind_lo(gateway, device)
    }

    fn not_behind_lo(
        &self,
        gateway: Spanned<IpAddr>,
        device: &DeviceName,
    ) -> Result<(), Diagnostic> {
        if gateway.value.is_ipv4() || device.as_str() != "lo" {
            return Ok(());
        }
        let answer = "Egress device can not be loopback device for this route";
        Err(self.no_gateway(gateway, "behind `lo`".to_owned(), answer))
    }

    fn no_gateway(&self, gateway: Spanned<IpAddr>, said: String, answer: &str) -> Diagnostic {
        let title = format!("{gateway} cannot be a gateway of `{}`", self.node.name);
        let note = format!("the kernel answers EINVAL: \"{answer}\"");
        Diagnostic::error(Code::Unreachable, title).at(gateway.span, said).note(note)
    }

    fn unreachable(&self, gateway: Spanned<IpAddr>) -> Diagnostic {
        let title =
            format!("`{}` has no subnet that contains the gateway {gateway}", self.node.name);
        Diagnostic::error(Code::Unreachable, title)
    }

    /// The subnets on the links of the node, those of low tables first, in words.
    fn subnets(&self) -> &str {
        self.subnets.get_or_init(|| {
            let on_link = self.on_link.iter().map(|(table, net)| (*table, net.to_string()));
            let mut subnets: Vec<(u32, String)> = on_link.collect();
            subnets.sort_by_key(|(table, _)| *table);
            subnets.dedup_by(|(_, one), (_, other)| one == other);
            match subnets.is_empty() {
                true => "the node has no subnets".to_owned(),
                false => {
                    format!("its subnets are {}", few(subnets.iter().map(|(_, it)| it.as_str())))
                }
            }
        })
    }

    /// Why a gateway is not found: through another device, in another table, or nowhere.
    fn not_found(&self, gateway: Spanned<IpAddr>, from: From<'_>) -> Diagnostic {
        let answer = match gateway.value {
            IpAddr::V4(_) => "the kernel answers ENETUNREACH: \"Nexthop has invalid gateway\"",
            IpAddr::V6(_) => "the kernel answers EHOSTUNREACH: \"No route to host\"",
        };
        let error = |title| Diagnostic::error(Code::Unreachable, title).note(answer);
        let node = &self.node.name;
        let longest = self.all.containing(gateway.value).next().into_iter().flatten();
        let Some(entry) = longest.max_by_key(|entry| entry.table) else {
            return self
                .unreachable(gateway)
                .at(gateway.span, "on no subnet of this node")
                .note(answer)
                .help(self.subnets());
        };
        let Entry { table, net, device, kind } = entry;
        let place = match kind {
            Kind::OnLink => format!("in {net}, which is on `{device}`"),
            Kind::Own => format!("an address of `{node}` itself, on `{device}`"),
            Kind::Broadcast => format!("the broadcast address of a subnet of `{device}`"),
        };
        match from {
            From::Device(_, named) if named != device => {
                let title = format!("the gateway {gateway} of `{node}` is not on `{named}`");
                let error = error(title).at(gateway.span, place);
                match kind {
                    Kind::OnLink => error.help(format!(
                        "`dev {device}`, or `dev {named} onlink` where that link has it all the same"
                    )),
                    Kind::Own | Kind::Broadcast => error,
                }
            }
            From::Device(..) | From::Table(_) => {
                let title =
                    format!("the gateway {gateway} of `{node}` is on a link in another table");
                error(title)
                    .at(gateway.span, format!("{place}, in table {table}"))
                    .note("it looks in the route's own table, then in main, and with `dev` in that device's VRF")
                    .help(match self.table_behind(device) {
                        Some(_) => format!("name the interface: `via {gateway} dev {device}`"),
                        None => format!("say that the link has it: `via {gateway} dev {device} onlink`"),
                    })
            }
        }
    }
}

fn single(address: IpAddr) -> IpNet {
    IpNet::from(address)
}
