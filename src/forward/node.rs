//! A namespace: its rules, tables, MPLS routes and settings.

use super::device::DeviceIndex;
use super::evidence::{Evidence, KernelFact};
use super::settings::Settings;
use super::table::Table;
use crate::compile::{LOCAL, LabelRoute, MAIN, Rule};
use crate::iproute::{Mac, RuleAction};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::LazyLock;

/// The number of the table that the last of the kernel's rules looks up.
const DEFAULT: u32 = 253;

/// A namespace.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub namespace: &'a str,
    pub lo: DeviceIndex,
    pub devices: HashMap<&'a str, DeviceIndex>,
    /// Whether there is a VRF, and so the rule for them.
    pub has_vrfs: bool,
    pub settings: Settings<'a>,
    /// In the order in which they are asked, of both families.
    pub rules: Vec<RuleEntry<'a>>,
    /// By whether they are of IPv4, and by number.
    pub tables: HashMap<(bool, u32), Table<'a>>,
    pub mpls: BTreeMap<u32, (&'a LabelRoute, Evidence<'a>)>,
    /// The nexthop objects that drop packets.
    pub blackholes: HashSet<u32>,
    /// What is known of neighbours unasked.
    pub neighbours: HashMap<(DeviceIndex, IpAddr), (Mac, Evidence<'a>)>,
    /// The addresses that it answers for, on a device.
    pub proxies: HashSet<(DeviceIndex, IpAddr)>,
    pub ruleset: Option<Evidence<'a>>,
    /// Whether programs run there, which may add routes.
    pub has_programs: bool,
    /// Whether the source of a packet is looked up by the rules also where nothing filters by it.
    pub has_custom_rules: bool,
}

/// A rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuleEntry<'a> {
    pub rule: &'a Rule,
    pub priority: u32,
    pub evidence: Evidence<'a>,
}

/// The rules that the kernel has by itself.
static LOCAL_RULES: LazyLock<[Rule; 2]> = LazyLock::new(|| rules(RuleAction::Lookup(LOCAL)));
static VRF_RULES: LazyLock<[Rule; 2]> = LazyLock::new(|| rules(RuleAction::Vrf));
static MAIN_RULES: LazyLock<[Rule; 2]> = LazyLock::new(|| rules(RuleAction::Lookup(MAIN)));
static DEFAULT_RULE: LazyLock<[Rule; 1]> =
    LazyLock::new(|| [Rule::all(true, RuleAction::Lookup(DEFAULT))]);

fn rules(action: RuleAction<u32>) -> [Rule; 2] {
    [true, false].map(|v4| Rule::all(v4, action.clone()))
}

/// Whether a rule is one that the kernel has by itself.
pub fn is_of_kernel(rule: &Rule) -> bool {
    let own = LOCAL_RULES.iter().map(|own| (0, own));
    let own = own.chain(VRF_RULES.iter().map(|own| (1000, own)));
    let own = own.chain(MAIN_RULES.iter().map(|own| (32766, own)));
    let mut own = own.chain(DEFAULT_RULE.iter().map(|own| (32767, own)));
    own.any(|(priority, own)| {
        let own = Rule { priority: rule.priority, ..own.clone() };
        rule.priority.as_ref().is_some_and(|it| *it == priority) && own == *rule
    })
}

impl<'a> Node<'a> {
    pub(super) fn new(namespace: &'a str, lo: DeviceIndex) -> Self {
        Self {
            namespace,
            lo,
            devices: HashMap::from([("lo", lo)]),
            has_vrfs: false,
            settings: Settings::default(),
            rules: Vec::new(),
            tables: HashMap::new(),
            mpls: BTreeMap::new(),
            blackholes: HashSet::new(),
            neighbours: HashMap::new(),
            proxies: HashSet::new(),
            ruleset: None,
            has_programs: false,
            has_custom_rules: false,
        }
    }

    /// Whether a rule of IPv6 asks for the source of a packet.
    pub(super) fn minds_ipv6_sources(&self) -> bool {
        self.rules.iter().any(|entry| !entry.rule.v4 && entry.rule.from.is_some())
    }

    pub(super) fn table(&mut self, v4: bool, number: u32) -> &mut Table<'a> {
        self.tables.entry((v4, number)).or_default()
    }

    /// Adds the rules that the kernel has by itself, and brings all into their order. `local` says of IPv4
    /// and IPv6 whether the kernel's own rule for the local table is there though nothing says so; nothing
    /// where no rule is.
    pub(super) fn complete_rules(&mut self, local: Option<[bool; 2]>) {
        let Some(local) = local else {
            let own = LOCAL_RULES.iter().chain(&*MAIN_RULES).chain(&*DEFAULT_RULE);
            let own: Vec<(bool, &RuleAction<u32>)> = own.map(|it| (it.v4, &it.action)).collect();
            let is_custom =
                |entry: &RuleEntry<'_>| !own.contains(&(entry.rule.v4, &entry.rule.action));
            self.has_custom_rules = self.has_vrfs || self.rules.iter().any(is_custom);
            self.rules.sort_by_key(|entry| entry.priority);
            return;
        };
        self.has_custom_rules = !self.rules.is_empty() || self.has_vrfs;
        let mut own: Vec<(u32, &'static Rule, KernelFact)> = Vec::new();
        let both = LOCAL_RULES.iter().zip(local);
        own.extend(both.filter(|(_, is)| *is).map(|(rule, _)| (0, rule, KernelFact::LocalRule)));
        if self.has_vrfs {
            own.extend(VRF_RULES.iter().map(|rule| (1000, rule, KernelFact::VrfRule)));
        }
        own.extend(MAIN_RULES.iter().map(|rule| (32766, rule, KernelFact::MainRule)));
        own.extend(DEFAULT_RULE.iter().map(|rule| (32767, rule, KernelFact::DefaultRule)));
        let own = own.into_iter().map(|(priority, rule, fact)| RuleEntry {
            rule,
            priority,
            evidence: Evidence::Kernel(fact),
        });
        // Of two with one priority the kernel asks the older first.
        let mut all: Vec<RuleEntry<'a>> = own.chain(self.rules.drain(..)).collect();
        all.sort_by_key(|entry| entry.priority);
        self.rules = all;
    }
}
