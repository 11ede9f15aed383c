//! The lines of checks: what is printed is read as the same, in whichever order it was written.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use vrflab::compile::Line;
use vrflab::diagnostic::Text;

fn read(line: &str) -> String {
    Line::parse(&Text::filled(line)).unwrap_or_else(|error| panic!("{line}: {error:?}")).to_string()
}

/// Any of an option's spellings, or nothing.
fn perhaps(option: impl Strategy<Value = String> + 'static) -> BoxedStrategy<Option<String>> {
    prop_oneof![Just(None), option.prop_map(Some)].boxed()
}

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|bits| std::net::Ipv4Addr::from(bits).to_string()),
        any::<u128>().prop_map(|bits| std::net::Ipv6Addr::from(bits).to_string()),
    ]
}

fn time() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..=4000u32).prop_map(|s| format!("{s}s")),
        (0..4000u32, 1..1000u32).prop_map(|(ms, us)| format!("{ms}.{us:03}ms")),
        (1..4_000_000u32).prop_map(|us| format!("{us}us")),
    ]
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..100u32).prop_map(|whole| format!("{whole}%")),
        (0..100u32, 1..100u32).prop_map(|(whole, part)| format!("{whole}.{part:02}%")),
    ]
}

fn hops() -> impl Strategy<Value = String> {
    let hop = prop_oneof![
        select(&["p", "pe1", "a.b-c"][..]).prop_map(str::to_owned),
        (16..1_048_576u32).prop_map(|label| format!("p[{label}]")),
        Just("pe2[100/200]".to_owned()),
        Just("ce[]".to_owned()),
    ];
    proptest::collection::vec(hop, 0..4).prop_map(|hops| hops.join(" "))
}

fn bound(
    word: &'static str,
    limit: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    (any::<bool>(), limit)
        .prop_map(move |(below, limit)| format!("{word} {} {limit}", if below { "<" } else { ">" }))
}

fn number(word: &'static str, from: u32, to: u32) -> impl Strategy<Value = String> {
    (from..=to).prop_map(move |number| format!("{word} {number}"))
}

/// Lines by what must become of the probe, their options in any order.
fn line() -> impl Strategy<Value = String> {
    let ends = (
        select(&["h1", "pe1%blue", "a.b"][..]),
        prop_oneof![
            select(&["h2", "pe2%blue", "fe80::b%eth0", "febf::1%a.b"][..]).prop_map(str::to_owned),
            address(),
        ],
    );
    let port = || prop_oneof![number("tcp", 1, 65535), number("udp", 1, 65535)];
    let error = (
        select(&["time-exceeded", "net-unreachable", "frag-needed", "packet-too-big"][..]),
        any::<u16>(),
        perhaps(address()),
    );
    let error = error.prop_map(|(kind, mtu, by)| {
        let mtu = if kind.contains('-') && (kind.starts_with("frag") || kind.starts_with("packet"))
        {
            format!(" mtu {mtu}")
        } else {
            String::new()
        };
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        if mtu.len() % 2 == 0 {
            format!("error {kind}{by}{mtu}")
        } else {
            format!("error {kind}{mtu}{by}")
        }
    });
    let sent = || {
        vec![
            perhaps(number("udp", 1, 65535)),
            perhaps(number("size", 16, 65507)),
            perhaps(Just("df".to_owned())),
            perhaps(number("hops", 1, 255)),
        ]
    };
    let service = || {
        let words = &["tos 0x10", "tos 0x1d", "dscp EF", "dscp CS6"][..];
        perhaps(select(words).prop_map(str::to_owned))
    };
    let marked = || perhaps(select(&["mark 0x1", "mark 7"][..]).prop_map(str::to_owned));
    let data =
        || perhaps(select(&["data 1kB", "data 100kB", "data 20MB"][..]).prop_map(str::to_owned));
    let sport = || perhaps(number("sport", 1, 65535));
    let source = || perhaps(address().prop_map(|address| format!("from {address}")));
    let arrives = [
        sent(),
        vec![
            source(),
            service(),
            marked(),
            perhaps(number("count", 1, 10_000)),
            perhaps(number("ttl", 1, 255)),
            perhaps(bound("rtt", time())),
            perhaps(bound("loss", part())),
            perhaps(hops().prop_map(|hops| format!("via {hops}"))),
            perhaps(hops().prop_map(|hops| format!("back via {hops}"))),
        ],
    ];
    let answerer = || select(&["served", "refused", "opened"][..]).prop_map(str::to_owned);
    let served = vec![
        number("udp", 1, 65535).prop_map(Some).boxed(),
        answerer().prop_map(Some).boxed(),
        perhaps(number("size", 16, 65507)),
        perhaps(number("hops", 1, 255)),
        sport(),
        service(),
        perhaps(number("ttl", 1, 255)),
        perhaps(hops().prop_map(|hops| format!("back via {hops}"))),
    ];
    let alone = vec![
        Just(Some("unique".to_owned())).boxed(),
        source(),
        perhaps(number("size", 16, 65507)),
        perhaps(bound("loss", part())),
        perhaps(hops().prop_map(|hops| format!("via {hops}"))),
    ];
    let refuses = vec![
        number("tcp", 1, 65535).prop_map(Some).boxed(),
        answerer().prop_map(Some).boxed(),
        perhaps(number("count", 1, 10_000)),
        perhaps(bound("rtt", time())),
    ];
    let connects = vec![
        port().prop_map(Some).boxed(),
        source(),
        perhaps(number("hops", 1, 255)),
        perhaps(bound("rtt", time())),
        perhaps(hops().prop_map(|hops| format!("via {hops}"))),
    ];
    let transfers = vec![
        number("tcp", 1, 65535).prop_map(Some).boxed(),
        data(),
        sport(),
        source(),
        perhaps(number("hops", 1, 255)),
        perhaps(hops().prop_map(|hops| format!("via {hops}"))),
    ];
    let share = (select(&["a", "b", "c"][..]), 1..=4u16);
    let shares = (share, select(&["x", "y"][..])).prop_map(|((node, weight), other)| {
        Some(match weight {
            1 => format!("spread {node} {other}"),
            weight => format!("spread {other} {node} weight {weight}"),
        })
    });
    let spreads = [
        sent(),
        vec![
            shares.boxed(),
            perhaps(number("count", 1000, 10_000)),
            prop_oneof![Just("from 10.1.0.0/24".to_owned()), Just("from 10.0.0.1".to_owned())]
                .prop_map(Some)
                .boxed(),
        ],
    ];
    let lost = [sent(), vec![source(), service(), marked()]];
    let rejected = [sent(), vec![source(), error.prop_map(Some).boxed()]];
    let kinds = prop_oneof![
        arrives.concat().prop_map(|options| ("->", options)),
        connects.prop_map(|options| ("->", options)),
        served.prop_map(|options| ("->", options)),
        transfers.prop_map(|options| ("->", options)),
        refuses.prop_map(|options| ("->", options)),
        alone.prop_map(|options| ("->", options)),
        spreads.concat().prop_map(|options| ("->", options)),
        lost.concat().prop_map(|options| ("!>", options)),
        rejected.concat().prop_map(|options| ("!>", options)),
    ];
    let order = proptest::collection::vec(any::<Index>(), 12);
    (ends, kinds, order).prop_map(|((from, to), (arrow, options), order)| {
        let mut options: Vec<String> = options.into_iter().flatten().collect();
        for (place, other) in order.iter().enumerate().take(options.len()) {
            let other = other.index(options.len());
            options.swap(place, other);
        }
        format!("{from} {arrow} {to} {}", options.join(" "))
    })
}

proptest! {
    #[test]
    fn a_check_settles(line in line()) {
        let printed = read(&line);
        assert_eq!(read(&printed), printed, "of `{line}`");
        // Nothing that is written is forgotten: each of its words is printed again, but for the
        // spelling of values.
        let options = |line: &str| {
            let mut words: Vec<String> = line
                .split_whitespace()
                .filter(|word| word.chars().all(|c| c.is_ascii_lowercase()))
                .map(str::to_owned)
                .collect();
            words.sort();
            words
        };
        assert_eq!(options(&printed), options(&line), "of `{line}`");
    }

    #[test]
    fn no_words_make_the_parser_panic(line in "(\\PC{0,6} ){0,12}") {
        let _ = Line::parse(&Text::filled(line.as_str()));
    }

    #[test]
    fn no_known_words_in_any_order_make_the_parser_panic(
        words in proptest::collection::vec(
            select(&[
                "tcp", "udp", "size", "df", "hops", "from", "count", "ttl", "rtt", "loss", "error",
                "via", "back", "spread", "served", "refused", "unique", "weight", "by", "mtu", "<", ">", "->", "!>", "5", "5%",
                "5ms", "10.0.0.1", "h1", "h2%blue", "p[100]", "fe80::1%e", "time-exceeded", "frag-needed",
            ][..]),
            0..14,
        )
    ) {
        let _ = Line::parse(&Text::filled(words.join(" ")));
        let _ = Line::parse(&Text::filled(format!("h1 -> h2 {}", words.join(" "))));
    }
}

#[test]
fn options_are_printed_in_one_order_and_values_in_one_spelling() {
    for (written, printed) in [
        ("h1   ->  h2", "h1 -> h2"),
        ("h1 -> h2 back via p via p rtt < 1000us", "h1 -> h2 rtt < 1ms via p back via p"),
        ("h1 -> h2 rtt > 1.5s loss < 0.50% count 30", "h1 -> h2 count 30 rtt > 1500ms loss < 0.5%"),
        (
            "h1 !> h2 error packet-too-big by 10.0.0.1 mtu 1400 df size 1450",
            "h1 !> h2 size 1450 df error frag-needed mtu 1400 by 10.0.0.1",
        ),
        ("h1 -> h2 ttl 64 refused hops 3 tcp 80", "h1 -> h2 tcp 80 hops 3 refused ttl 64"),
        ("h1 -> FE80:0::b%eth0 tcp 80", "h1 -> fe80::b%eth0 tcp 80"),
        ("h1 -> 2001:DB8:0::1 from 2001:db8::00", "h1 -> 2001:db8::1 from 2001:db8::"),
        (
            "h1 -> h2 spread a weight 1 b weight 2 from 10.0.0.0/24 udp 53",
            "h1 -> h2 udp 53 from 10.0.0.0/24 spread a b weight 2",
        ),
    ] {
        assert_eq!(read(written), printed);
    }
}
