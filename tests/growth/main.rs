//! The work that a file makes grows as the file does.
//!
//! Work is counted in allocations and their bytes, which are the same at each run, whatever else the
//! machine does. Each family of files is compiled at one size and at four times that. What allocates nothing is
//! seen in [`time`].
// An allocator that counts is unsafe to write.
#![allow(clippy::unwrap_used, clippy::print_stderr, unsafe_code)]

mod time;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;
use vrflab::diagnostic::{bound, render};
use vrflab::document::Format;
use vrflab::lifecycle::{Definition, Options};

/// Counts what a thread allocates.
struct Counting;

thread_local! {
    static COUNT: Cell<[usize; 2]> = const { Cell::new([0, 0]) };
}

// SAFETY: all is left to the system's allocator; a cell without a destructor is counted in.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let [count, bytes] = COUNT.get();
        COUNT.set([count + 1, bytes + layout.size()]);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that work may grow where the file grows four times.
const MOST: f64 = 5.0;
/// The most bytes that are printed of what is wrong with a file.
const PRINTED: usize = 40_000;

/// Allocations and bytes for a file, and the bytes printed of what is wrong with it.
fn work(text: String, format: Format) -> ([usize; 2], usize) {
    let name = match format {
        Format::Dot => "lab.dot",
        Format::Yaml => "lab.yaml",
    };
    let before = COUNT.get();
    let compiled = Definition::of_text(name, &text).compile(Options::default());
    let (said, source) = match &compiled {
        Ok(lab) => (lab.warnings(), lab.file()),
        Err(error) => (&error.diagnostics[..], &error.file),
    };
    let style = render::Style { colour: false };
    let printed = render::text(&bound::grouped(said.to_vec()), source, style);
    let after = COUNT.get();
    ([0, 1].map(|it| after[it] - before[it]), printed.len())
}

/// `count` pieces of text.
fn pieces(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        write!(text, "{}", piece(number)).unwrap();
        text
    })
}

/// A prefix for each number.
fn net(number: usize) -> String {
    format!("10.{}.{}", number / 256, number % 256)
}

type Family = (&'static str, Format, usize, fn(usize) -> String);

const FAMILIES: &[Family] = &[
    ("a chain without routes", Format::Dot, 100, |n| {
        format!("graph {{ routing=none; {} r }}", pieces(n, |it| format!("r{it} -- ")))
    }),
    ("a star without routes", Format::Dot, 100, |n| {
        format!("graph {{ routing=none; {} }}", pieces(n, |it| format!("r -- h{it}; ")))
    }),
    ("a router with hosts", Format::Dot, 100, |n| {
        format!("graph {{ r [role=router]; {} }}", pieces(n, |it| format!("r -- h{it}; ")))
    }),
    ("links that nothing joins", Format::Dot, 100, |n| {
        format!("graph {{ {} }}", pieces(n, |it| format!("a{it} -- b{it}; ")))
    }),
    ("subgraphs in subgraphs", Format::Dot, 20, |n| {
        format!("graph {{ a -- b; {} {} }}", "subgraph { c; ".repeat(n), "}".repeat(n))
    }),
    ("comments that do not end", Format::Dot, 1_000, |n| format!("graph {{ {}", "/*".repeat(n))),
    ("characters that mean nothing", Format::Dot, 500, |n| {
        format!("graph {{ {} a -- b }}", "$ ".repeat(n))
    }),
    ("a long name", Format::Dot, 50_000, |n| format!("graph {{ {} -- b }}", "a".repeat(n))),
    ("a long key", Format::Dot, 50_000, |n| format!("graph {{ a -- b [{}=1] }}", "a".repeat(n))),
    ("a long string", Format::Dot, 20_000, |n| {
        format!("graph {{ a -- b; a [routes=\"{}\"] }}", "\\\"".repeat(n))
    }),
    ("one interface of many links", Format::Dot, 100, |n| {
        format!("graph {{ {} }}", pieces(n, |it| format!("a:eth0 -- b{it}; ")))
    }),
    ("one address of many nodes", Format::Dot, 100, |n| {
        let link = |it| format!("a{it} -- s [taillabel=\"10.0.0.1/24\"]; ");
        format!("graph {{ routing=none; s [role=switch]; {} }}", pieces(n, link))
    }),
    ("links with two MTUs", Format::Dot, 100, |n| {
        let link = |it| format!("a{it} -- b{it} [tailmtu=1400, headmtu=1300]; ");
        format!("graph {{ routing=none; {} }}", pieces(n, link))
    }),
    ("many addresses", Format::Yaml, 100, |n| {
        let addresses = |end: usize| pieces(n, |it| format!("{}.{end}/24, ", net(it)));
        format!("links: [{{ends: [a, b], addresses: [[{}], [{}]]}}]", addresses(1), addresses(2))
    }),
    ("many dummies", Format::Yaml, 100, |n| {
        let dummy = |it| format!("d{it}: {{kind: dummy, addresses: {}.1/24}}, ", net(it));
        format!("nodes: {{a: {{interfaces: {{{}}}}}}}", pieces(n, dummy))
    }),
    ("many VLANs of one port", Format::Yaml, 100, |n| {
        let vlans = pieces(n, |it| format!("{}, ", it % 4094 + 1));
        let inside = format!("br0: {{vlan_filtering: true}}, p0: {{vlans: [{vlans}]}}");
        format!("nodes: {{s: {{role: switch, interfaces: {{{inside}}}}}}}\nlinks: ['s:p0 -- a']")
    }),
    ("many rules", Format::Yaml, 100, |n| {
        let rules = pieces(n, |it| format!("from {}.0/24 lookup main, ", net(it)));
        format!("nodes: {{a: {{rules: [{rules}]}}}}\nlinks: [a -- b]")
    }),
    ("many VRFs", Format::Yaml, 100, |n| {
        let vrfs = pieces(n, |it| format!("v{it}: {{table: {}}}, ", 1_000 + it));
        format!("routing: none\nnodes: {{a: {{vrfs: {{{vrfs}}}}}}}\nlinks: [a -- b]")
    }),
    ("routes of many VRFs", Format::Yaml, 50, |n| {
        let vrfs = pieces(n, |it| format!("v{it}: {{table: {}}}, ", 1_000 + it));
        let dummy =
            |it| format!("d{it}: {{kind: dummy, vrf: v{it}, addresses: {}.1/24}}, ", net(it));
        let dummies = pieces(n, dummy);
        let routes = pieces(n, |it| format!("192.168.0.0/24 via {}.2 vrf v{it}, ", net(it)));
        format!(
            "routing: none\nnodes: {{a: {{vrfs: {{{vrfs}}}, interfaces: {{{dummies}}}, routes: [{routes}]}}}}"
        )
    }),
    ("many VPNs of one edge", Format::Dot, 50, |n| {
        let customers = pieces(n, |it| format!("c{it} [role=ce]; c{it} -- a [vrf=v{it}]; "));
        format!("graph {{ a [role=pe]; b [role=pe]; a -- b; {customers} }}")
    }),
    ("many routes", Format::Yaml, 100, |n| {
        let routes = pieces(n, |it| format!("{}.0/24 via 192.0.2.2, ", net(it)));
        let link = "links: [{ends: [a, b], addresses: [192.0.2.1/24, 192.0.2.2/24]}]";
        format!("routing: none\nnodes: {{a: {{routes: [{routes}]}}}}\n{link}")
    }),
    ("routes by interfaces that are not there", Format::Yaml, 100, |n| {
        let routes = pieces(n, |it| format!("{}.0/24 dev other{it}, ", net(it)));
        let links = pieces(n, |it| format!("'a:p{it} -- b{it}', "));
        format!("routing: none\nnodes: {{a: {{routes: [{routes}]}}}}\nlinks: [{links}]")
    }),
    ("many checks", Format::Yaml, 100, |n| {
        let links = pieces(n, |it| format!("h{it} -- h{}, ", it + 1));
        let checks = pieces(n, |it| format!("h{it} -> h{}, ", it + 1));
        format!("routing: none\nlinks: [{links}]\nchecks: [{checks}]")
    }),
    ("checks of nodes that are not there", Format::Yaml, 100, |n| {
        let links = pieces(n, |it| format!("h{it} -- h{}, ", it + 1));
        let checks = pieces(n, |it| format!("x{it} -> h{}, ", it + 1));
        format!("routing: none\nlinks: [{links}]\nchecks: [{checks}]")
    }),
    ("keys that mean nothing", Format::Yaml, 100, |n| {
        format!("nodes: {{{}}}", pieces(n, |it| format!("a{it}: {{rol: host}}, ")))
    }),
    ("aliases", Format::Yaml, 100, |n| {
        let nodes = pieces(n, |it| format!("a{it}: {{<<: *x}}, "));
        format!("nodes: {{a: &x {{role: host, loopback: 10.9.9.9/32 anycast}}, {nodes}}}")
    }),
];

#[test]
fn the_work_grows_as_the_file_does() {
    let mut wrong = Vec::new();
    for (family, format, size, text) in FAMILIES {
        // What is made once for all files is none of the first one's work.
        work(text(1), *format);
        let (small, printed) = work(text(*size), *format);
        let (large, printed_of_large) = work(text(4 * size), *format);
        for (what, small, large) in
            [("allocations", small[0], large[0]), ("bytes", small[1], large[1])]
        {
            let ratio = large as f64 / small as f64;
            if ratio > MOST {
                wrong.push(format!("{family}: {what} {small} and {large}, {ratio:.1} times"));
            }
        }
        let printed = printed.max(printed_of_large);
        if printed > PRINTED {
            wrong.push(format!("{family}: {printed} bytes are printed"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn work_that_grows_as_the_square_is_seen() {
    let squared = |n: usize| {
        let before = COUNT.get();
        let lists: Vec<Vec<usize>> = (0..n).map(|_| (0..n).collect()).collect();
        assert_eq!(lists.len(), n);
        COUNT.get()[1] - before[1]
    };
    assert!(squared(400) as f64 / squared(100) as f64 > MOST);
}
