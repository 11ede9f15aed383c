//! What is written is read again as it was, whatever characters are in it.

use proptest::prelude::*;
use vrflab::diagnostic::Source;
use vrflab::document::{self, Document, Format, LinkSheet, Sheet, Value};

fn read(name: &str, text: String) -> Document {
    let source = Source { name: name.to_owned(), text };
    let (document, said) = document::parse(&source, Format::of_name(name));
    assert!(said.is_empty(), "{said:?}\n{}", source.text);
    document.unwrap()
}

/// Strings of what means something in one of the languages.
fn line() -> impl Strategy<Value = String> {
    let parts = [
        "'", "''", "\"", ";", ",", " ", "~", "#", ": ", "- ", "\\", "\\n", "&a", "*a", "!", "%",
        "|", ">", "{", "}", "[", "]", "=", "//", "/*", "<b>", "null", "true", "0x1f", "1_0", "é",
        "a", "b c", "\n", "\t",
    ];
    prop::collection::vec(prop::sample::select(parts.to_vec()), 0..7).prop_map(|it| it.concat())
}

fn device() -> impl Strategy<Value = String> {
    "[a-c;,'\"~#!{}.&*-]{1,9}"
        .prop_filter("a device's name", |name| document::DeviceName::new(name.as_str()).is_some())
}

fn sheet() -> impl Strategy<Value = Sheet> {
    // What begins so is taken for an assignment as `sysctl -w` has it.
    let setting = line().prop_filter("an assignment", |line| !line.starts_with('='));
    let settings = prop::collection::btree_map("[a-z.]{1,9}", setting, 0..4);
    let ports = prop::collection::btree_set(device(), 2..5);
    (prop::collection::vec(line(), 0..4), settings, ports).prop_map(|(lines, settings, ports)| {
        let ports: Vec<String> = ports.into_iter().collect();
        let up = || Value::Map(vec![("up".to_owned(), Value::Flag(true))]);
        let settings = settings.into_iter().map(|(key, value)| (key, Value::Line(value)));
        let keys = vec![
            (
                "interfaces".to_owned(),
                Value::Map(ports.iter().map(|it| (it.clone(), up())).collect()),
            ),
            ("routes".to_owned(), Value::lines(&lines)),
            ("sysctls".to_owned(), Value::Map(settings.collect())),
        ];
        let end = |node: &str, port: usize| (node.to_owned(), ports[port].clone());
        let link = LinkSheet {
            ends: [end("n", 0), end("edge", 1)],
            addresses: [vec!["10.0.0.1/24".to_owned(), "fd00::1/64".to_owned()], Vec::new()],
            keys: Vec::new(),
        };
        let nodes = vec![("n".to_owned(), keys), ("edge".to_owned(), Vec::new())];
        Sheet { name: "it".to_owned(), lab: Vec::new(), nodes, links: vec![link], checks: lines }
    })
}

/// What a document says of all that a sheet here has.
fn said(document: &Document) -> impl PartialEq + std::fmt::Debug {
    let node = &document.nodes[0];
    let strings = |lines: &[vrflab::diagnostic::Text]| {
        lines.iter().map(|line| line.value.clone()).collect::<Vec<_>>()
    };
    (
        strings(document.checks.as_deref().unwrap_or_default()),
        strings(&node.routes),
        node.sysctls
            .iter()
            .map(|(key, value)| (key.value.clone(), value.value.clone()))
            .collect::<Vec<_>>(),
        node.interfaces.iter().map(|it| it.name.value.clone()).collect::<Vec<_>>(),
        document.links[0].ends.each_ref().map(|end| {
            let port = end.interface.as_ref().map(|name| name.value.clone());
            (end.node.value.clone(), port, format!("{:?}", end.addresses))
        }),
    )
}

fn meant(sheet: &Sheet) -> impl PartialEq + std::fmt::Debug + use<> {
    let named = |key: &str| {
        let found = sheet.nodes[0].1.iter().find(|(known, _)| known == key);
        match found.map(|(_, value)| value.clone()) {
            Some(Value::Map(entries)) => entries,
            _ => Vec::new(),
        }
    };
    let setting = |(key, value): (String, Value)| {
        let Value::Line(line) = value else { panic!("{value:?}") };
        (key, line)
    };
    let addresses = ["Some([10.0.0.1/24, fd00::1/64])", "Some([])"];
    let [one, other] = &sheet.links[0].ends;
    (
        sheet.checks.clone(),
        sheet.checks.clone(),
        named("sysctls").into_iter().map(setting).collect::<Vec<_>>(),
        named("interfaces").into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        [(one, addresses[0]), (other, addresses[1])].map(|((node, port), addresses)| {
            (node.clone(), Some(port.clone()), addresses.to_owned())
        }),
    )
}

proptest! {
    #[test]
    fn every_string_comes_back_from_every_language(sheet in sheet()) {
        let meant = format!("{:?}", meant(&sheet));
        for (name, text) in [("it.yaml", Ok(sheet.yaml())), ("it.json", Ok(sheet.json())), ("it.dot", sheet.dot())] {
            // DOT has no spelling for a few, and says so.
            let Ok(text) = text else { continue };
            prop_assert_eq!(format!("{:?}", said(&read(name, text.clone()))), meant.clone(), "{}", text);
        }
    }
}

#[test]
fn dot_has_no_spelling_for_a_backslash_before_a_quotation_mark() {
    for (line, spelt) in [("a\\", true), ("a\\\\\"", true), ("a\\\"", false), ("a\\\nb", false)] {
        let sheet =
            Sheet { name: "it".to_owned(), checks: vec![line.to_owned()], ..Sheet::default() };
        assert_eq!(sheet.dot().is_ok(), spelt, "{line:?}");
    }
}
