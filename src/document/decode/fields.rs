//! The values of one map, each read as the table of keys says.

use super::super::address::{Address, EndAddress};
use super::super::tree::{Entry, Tree};
use super::super::{Format, Traffic, slips};
use super::values;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, Spanned, Text, nearest};
use crate::iproute::{Filter, HtbClass, Leaf, Police};
use crate::vocabulary::{Choice, Given, Key, Level, Shape, Value};
use ipnet::IpNet;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::net::IpAddr;

/// A map whose keys are all known.
pub(super) struct Fields<'t> {
    level: &'static Level,
    entries: Vec<&'t Entry>,
}

impl<'t> Fields<'t> {
    /// The entries of the map, after everything that is not a key of it has been said.
    pub fn new(tree: &'t Tree, level: &'static Level, errors: &mut Diagnostics) -> Self {
        let mut fields = Self { level, entries: Vec::new() };
        match tree {
            Tree::Null(_) => {}
            Tree::Map(entries, _) => {
                for entry in entries {
                    fields.add(entry, errors);
                }
            }
            Tree::Scalar(_) | Tree::List(..) => errors.push(
                Diagnostic::error(
                    Code::WrongType,
                    format!("{} must be a map, not {}", level.what, tree.what()),
                )
                .at(tree.span(), "")
                .help(format!("its keys are {}", listed(level))),
            ),
        }
        fields
    }

    fn add(&mut self, entry: &'t Entry, errors: &mut Diagnostics) {
        let name = entry.key.as_str();
        if self.level.key(name).is_none() {
            return errors.push(unknown(entry, self.level));
        }
        if let Some(first) = self.entries.iter().find(|it| it.key.as_str() == name) {
            return errors.push(
                Diagnostic::error(Code::DuplicateKey, format!("duplicate key `{name}`"))
                    .at(entry.key.span, "the second one")
                    .beside(first.key.span, "the first one"),
            );
        }
        self.entries.push(entry);
    }

    /// The key of the table and the value, where the file has one. The name is one of the level's.
    fn find(&self, name: &str) -> Option<(&'static Key, &'t Tree)> {
        let key = self.level.key(name).expect("every name that is asked for is in its table");
        let entry = self.entries.iter().find(|entry| entry.key.as_str() == name)?;
        Some((key, &entry.value))
    }

    /// The value of a key, unread.
    pub fn tree(&self, name: &str) -> Option<&'t Tree> {
        self.find(name).map(|(_, value)| value)
    }

    /// A single value; `~` is none.
    fn one<T>(
        &self,
        name: &str,
        errors: &mut Diagnostics,
        read: impl FnOnce(&Text, &Shape) -> Result<T, Diagnostic>,
    ) -> Option<T> {
        let (key, value) = self.find(name)?;
        match value {
            Tree::Null(_) => None,
            Tree::Scalar(text) => errors.keep(read(text, &key.shape)),
            Tree::List(..) | Tree::Map(..) => {
                errors.push(values::wrong(name, value, values::expected(&key.shape)));
                None
            }
        }
    }

    /// The values of a list; `~` is an empty one.
    fn many<T>(
        &self,
        name: &str,
        errors: &mut Diagnostics,
        mut read: impl FnMut(&Text) -> Result<T, Diagnostic>,
    ) -> Option<Vec<T>> {
        let (_, value) = self.find(name)?;
        Some(values::list(name, value, errors, &mut read))
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str, errors: &mut Diagnostics) -> Option<Spanned<bool>> {
        self.one(name, errors, |text, _| values::flag(text))
    }

    /// A number in the bounds of the table.
    pub fn number(&self, name: &str, errors: &mut Diagnostics) -> Option<Spanned<u32>> {
        self.one(name, errors, |text, shape| values::number(name, text, shape))
    }

    /// One of a few words.
    pub fn choice<C: Choice>(&self, name: &str, errors: &mut Diagnostics) -> Option<Spanned<C>> {
        self.one(name, errors, |text, shape| values::choice(name, text, shape))
    }

    /// An address without a length.
    pub fn ip(&self, name: &str, errors: &mut Diagnostics) -> Option<Spanned<IpAddr>> {
        self.one(name, errors, |text, _| values::ip(text))
    }

    /// Lines in a language of their own.
    pub fn all_parsed<T>(
        &self,
        name: &str,
        errors: &mut Diagnostics,
        parse: impl Fn(&Text) -> Result<T, Diagnostic>,
    ) -> Option<Vec<Spanned<T>>> {
        self.many(name, errors, |text| Ok(Spanned::new(parse(text)?, text.span)))
    }

    /// The values of those of the keys that the file gives, in the keys' order.
    pub fn given(&self, keys: &[&'static Key], errors: &mut Diagnostics) -> Vec<Given> {
        let mut given = Vec::new();
        for Key { name, shape, .. } in keys {
            let value = match shape {
                Shape::Flag => self.flag(name, errors).map(|it| (it.span, Value::Flag(it.value))),
                Shape::Number(..) => {
                    self.number(name, errors).map(|it| (it.span, Value::Number(it.value)))
                }
                Shape::Ip => self.ip(name, errors).map(|it| (it.span, Value::Ip(it.value))),
                Shape::List(_) => self.lines(name, errors).map(|lines| {
                    (lines.first().map_or(Span::NONE, |line| line.span), Value::Lines(lines))
                }),
                Shape::Line
                | Shape::OneOf(_)
                | Shape::Address
                | Shape::EndAddress
                | Shape::Loopback
                | Shape::Mac
                | Shape::Named(_)
                | Shape::Map(_)
                | Shape::Link
                | Shape::End => self.line(name, errors).map(|it| (it.span, Value::Line(it))),
            };
            given.extend(
                value.map(|(span, value)| Given { key: name, value: Spanned::new(value, span) }),
            );
        }
        given
    }

    /// A string.
    pub fn line(&self, name: &str, errors: &mut Diagnostics) -> Option<Text> {
        self.one(name, errors, |text, _| Ok(text.clone()))
    }

    /// A string that a rule is held against.
    pub fn checked(
        &self,
        name: &str,
        errors: &mut Diagnostics,
        rule: impl FnOnce(&Text) -> Result<(), Diagnostic>,
    ) -> Option<Text> {
        self.one(name, errors, |text, _| rule(text).map(|()| text.clone()))
    }

    /// A line in a language of its own.
    pub fn parsed<T>(
        &self,
        name: &str,
        errors: &mut Diagnostics,
        parse: impl FnOnce(&Text) -> Result<T, Diagnostic>,
    ) -> Option<Spanned<T>> {
        self.one(name, errors, |text, _| Ok(Spanned::new(parse(text)?, text.span)))
    }

    /// The keys about a queue and its classes, with this in front of each.
    pub fn traffic(&self, side: &str, errors: &mut Diagnostics) -> Traffic {
        let key = |name: &str| format!("{side}{name}");
        Traffic {
            qdisc: self.parsed(&key("qdisc"), errors, Leaf::parse),
            classes: self.all_parsed(&key("classes"), errors, HtbClass::parse),
            filters: self.all_parsed(&key("filters"), errors, Filter::parse),
            // What comes in by the ports of a VRF does not come in by its device.
            police: self
                .level
                .key(&key("police"))
                .and_then(|key| self.parsed(key.name, errors, Police::parse)),
        }
    }

    /// Strings.
    pub fn lines(&self, name: &str, errors: &mut Diagnostics) -> Option<Vec<Text>> {
        self.many(name, errors, |text| Ok(text.clone()))
    }

    /// One prefix, its host part kept.
    pub fn prefix(&self, name: &str, errors: &mut Diagnostics) -> Option<Spanned<IpNet>> {
        self.one(name, errors, |text, _| values::address(text))
    }

    /// Addresses of an interface with their lengths.
    pub fn addresses(&self, name: &str, errors: &mut Diagnostics) -> Option<Vec<Spanned<Address>>> {
        self.many(name, errors, values::on_a_link)
    }

    /// Addresses at the end of a link.
    pub fn end_addresses(
        &self,
        name: &str,
        errors: &mut Diagnostics,
    ) -> Option<Vec<Spanned<EndAddress>>> {
        self.many(name, errors, values::at_an_end)
    }

    /// Subnets, at most one of each family.
    pub fn subnets(&self, name: &str, errors: &mut Diagnostics) -> Vec<Spanned<IpNet>> {
        let mut subnets: Vec<Spanned<IpNet>> = Vec::new();
        for subnet in self.many(name, errors, values::subnet).unwrap_or_default() {
            let is_v4 = subnet.value.addr().is_ipv4();
            match subnets.iter().find(|other| other.value.addr().is_ipv4() == is_v4) {
                None => subnets.push(subnet),
                Some(first) => errors.push(
                    Diagnostic::error(Code::BadValue, "a link has one subnet of each family")
                        .at(subnet.span, "the second one")
                        .beside(first.span, "the first one")
                        .help("more addresses stand at its ends, with their lengths"),
                ),
            }
        }
        subnets
    }

    /// Addresses that stand for themselves alone if they have no length.
    pub fn loopbacks(&self, name: &str, errors: &mut Diagnostics) -> Option<Vec<Spanned<Address>>> {
        self.many(name, errors, values::loopback)
    }

    /// A MAC address.
    pub fn mac(&self, name: &str, errors: &mut Diagnostics) -> Option<Spanned<[u8; 6]>> {
        self.one(name, errors, |text, _| values::mac(text))
    }

    /// The entries of a map by chosen names; a list of names is a map without values.
    pub fn named(&self, name: &str, errors: &mut Diagnostics) -> Vec<Entry> {
        let Some((_, value)) = self.find(name) else { return Vec::new() };
        let entries = match value {
            Tree::Null(_) => Vec::new(),
            Tree::Map(entries, _) => entries.clone(),
            Tree::List(items, _) if matches!(items.first(), Some(Tree::Map(..))) => {
                errors.push(list_of_maps(name, &items[0]));
                Vec::new()
            }
            Tree::List(items, _) => items
                .iter()
                .filter_map(|item| match item {
                    Tree::Scalar(key) => {
                        Some(Entry { key: key.clone(), value: Tree::Null(key.span) })
                    }
                    Tree::Null(_) | Tree::List(..) | Tree::Map(..) => {
                        errors.push(values::wrong(name, item, "names"));
                        None
                    }
                })
                .collect(),
            Tree::Scalar(_) => {
                errors.push(values::wrong(name, value, "a map"));
                Vec::new()
            }
        };
        unique(name, entries, errors)
    }
}

/// Things that have their names inside, where each stands under its name.
fn list_of_maps(key: &str, item: &Tree) -> Diagnostic {
    let named = |entry: &&Entry| matches!(entry.key.as_str(), "name" | "id" | "hostname");
    let name = match item.entries().iter().find(named).map(|entry| &entry.value) {
        Some(Tree::Scalar(name)) => name.as_str(),
        Some(Tree::Null(_) | Tree::List(..) | Tree::Map(..)) | None => "NAME",
    };
    Diagnostic::error(Code::WrongType, format!("`{key}` must be a map by name, not a list of maps"))
        .at(item.span(), "")
        .help(format!("what is said of each stands under its name: `{key}: {{{name}: {{…}}}}`"))
}

/// The entries without those whose name another one has before them.
fn unique(name: &str, entries: Vec<Entry>, errors: &mut Diagnostics) -> Vec<Entry> {
    let mut places = HashMap::new();
    let mut unique = Vec::with_capacity(entries.len());
    for entry in entries {
        match places.entry(entry.key.value.clone()) {
            Place::Vacant(place) => {
                place.insert(entry.key.span);
                unique.push(entry);
            }
            Place::Occupied(first) => errors.push(
                Diagnostic::error(
                    Code::DuplicateKey,
                    format!("duplicate key `{}` in `{name}`", entry.key),
                )
                .at(entry.key.span, "the second one")
                .beside(*first.get(), "the first one"),
            ),
        }
    }
    unique
}

fn unknown(Entry { key, value }: &Entry, level: &Level) -> Diagnostic {
    let fault = Diagnostic::error(Code::UnknownKey, format!("{} has no key `{key}`", level.what))
        .at(key.span, "");
    if let Some(own) = slips::renamed(level, key.as_str()) {
        return fault.help(format!("write `{own}`"));
    }
    // What is unknown in a DOT file was told where it stands.
    if let Tree::Scalar(value) = value
        && let Some(advice) = slips::advice(level, key.as_str(), value.as_str(), Format::Yaml)
    {
        return fault.help(advice);
    }
    let near = nearest(key.as_str(), level.names()).and_then(|name| level.key(name));
    match near {
        Some(Key { name, .. }) => fault.help(format!("did you mean `{name}`?")),
        None => fault.help(format!("its keys are {}", listed(level))),
    }
}

/// The keys that a user can write, as a sentence lists them.
fn listed(level: &Level) -> String {
    level.keys().map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(", ")
}
