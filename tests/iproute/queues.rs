//! Words that follow `tc qdisc add … netem` and `… tbf`.

use proptest::prelude::*;

/// Words that stand there or do not.
pub fn perhaps(
    words: impl Strategy<Value = String> + Clone,
) -> impl Strategy<Value = String> + Clone {
    prop_oneof![Just(String::new()), words]
}

/// An impairment that the kernel takes.
pub fn netem() -> impl Strategy<Value = String> {
    let share = || {
        prop_oneof![
            (1..=100u32).prop_map(|it| format!("{it}%")),
            (1..99999u32).prop_map(|it| { format!("{}.{:03}", it / 1000, it % 1000) })
        ]
    };
    let chance = move || {
        (share(), perhaps(share().prop_map(|it| format!(" {it}"))))
            .prop_map(|(share, correlation)| format!("{share}{correlation}"))
    };
    let time = || {
        (1..2100u32, proptest::sample::select(&["ms", "us", "usec", "msecs"][..]))
            .prop_map(|(number, unit)| format!("{number}{unit}"))
    };
    let jitter = (time(), perhaps(share()), 0..4usize).prop_map(|(time, correlation, kind)| {
        let kinds =
            ["", " distribution normal", " distribution pareto", " distribution paretonormal"];
        format!(" {time} {correlation}{}", kinds[kind])
    });
    let delay =
        (time(), perhaps(jitter)).prop_map(|(time, jitter)| format!("delay {time}{jitter}"));
    let reorder = (time(), chance(), perhaps((1..50u32).prop_map(|gap| format!(" gap {gap}"))))
        .prop_map(|(time, chance, gap)| format!("delay {time} reorder {chance}{gap}"));
    let gemodel = proptest::collection::vec(share(), 1..=4);
    let state = proptest::collection::vec(share(), 1..=5);
    let loss = prop_oneof![
        chance().prop_map(|it| format!(" loss {it}")),
        chance().prop_map(|it| format!(" loss random {it} ecn")),
        gemodel.prop_map(|it| format!(" loss gemodel {}", it.join(" "))),
        state.prop_map(|it| format!(" loss state {}", it.join(" "))),
    ];
    let rate = (
        rate(),
        perhaps(
            (-40..40i32, 0..60u32, -4..9i32)
                .prop_map(|(packet, cell, each)| format!(" {packet} {cell} {each}")),
        ),
    )
        .prop_map(|(rate, cells)| format!(" rate {rate}{cells}"));
    let slot = (1..900u32, 0..900u32, perhaps(Just(" packets 5 bytes 9000".to_owned())))
        .prop_map(|(least, more, most)| format!(" slot {least}us {}us{most}", least + more));
    let rest = (
        perhaps(loss),
        perhaps(chance().prop_map(|it| format!(" duplicate {it}"))),
        perhaps(chance().prop_map(|it| format!(" corrupt {it}"))),
        perhaps(rate),
        perhaps(slot),
        perhaps((1..100_000u32).prop_map(|limit| format!(" limit {limit}"))),
    );
    (prop_oneof![delay, reorder], rest).prop_map(|(delay, it)| {
        let (loss, duplicate, corrupt, rate, slot, limit) = it;
        format!("{delay}{loss}{duplicate}{corrupt}{rate}{slot}{limit}")
    })
}

fn rate() -> impl Strategy<Value = String> + Clone {
    let units = &["kbit", "mbit", "KiBit", "kbps", "MiBps", ""][..];
    (8..2000u32, proptest::sample::select(units)).prop_map(|(it, unit)| format!("{it}{unit}"))
}

/// A bucket that the kernel takes.
pub fn tbf() -> impl Strategy<Value = String> {
    let size = || {
        (2000..60_000u32, proptest::sample::select(&["", "b", "k", "kb", "kbit"][..]))
            .prop_map(|(number, unit)| format!("{number}{unit}"))
    };
    let queue = prop_oneof![
        (1..400u32).prop_map(|time| format!("latency {time}ms")),
        size().prop_map(|size| format!("limit {size}")),
    ];
    let peak = perhaps(
        (1600..9000u32, 20..90u32)
            .prop_map(|(burst, rate)| format!(" peakrate {rate}gbit minburst {burst}")),
    );
    (rate(), size(), queue, peak)
        .prop_map(|(rate, burst, queue, peak)| format!("rate {rate} burst {burst} {queue}{peak}"))
}

/// A class that the kernel takes. At these rates its bytes take whole microseconds, which `tc` counts in.
pub fn class() -> impl Strategy<Value = String> {
    let size =
        |word: &'static str| perhaps((1600..60_000u32).prop_map(move |it| format!(" {word} {it}")));
    let rate = || proptest::sample::select(&["400kbit", "1mbit", "2mbit", "4mbit"][..]);
    let ceil = perhaps(
        proptest::sample::select(&[" ceil 4mbit", " ceil 8mbit"][..]).prop_map(str::to_owned),
    );
    let more = perhaps(
        (1..60_000u32, 0..8u8)
            .prop_map(|(quantum, prio)| format!(" quantum {quantum} prio {prio}")),
    );
    (1..=u16::MAX, rate(), ceil, (size("burst"), size("cburst")), more).prop_map(
        |(id, rate, ceil, (burst, cburst), more)| {
            format!("parent 1: classid 1:{id:x} htb rate {rate}{ceil}{burst}{cburst}{more}")
        },
    )
}

/// A filter that the kernel takes, for the class 1:1.
pub fn filter() -> impl Strategy<Value = String> {
    let fw = (any::<u32>(), 1..=u32::MAX).prop_filter_map("a mark of 0", |(mark, mask)| {
        let mark = mark & mask;
        (mark != 0).then(|| format!("handle 0x{mark:x}/0x{mask:x} fw classid 1:1"))
    });
    let net = |word: &'static str, v4: bool| {
        perhaps((any::<u128>(), 1..=128u8).prop_map(move |(address, length)| match v4 {
            true => {
                let address = std::net::Ipv4Addr::from(address as u32);
                format!(" {word} {address}/{}", length.div_ceil(4))
            }
            false => format!(" {word} {}/{length}", std::net::Ipv6Addr::from(address)),
        }))
    };
    let port = |word: &'static str| {
        perhaps((1..=u16::MAX).prop_map(move |port| format!(" {word} {port}")))
    };
    let ports =
        (proptest::sample::select(&["tcp", "udp", "sctp"][..]), port("src_port"), port("dst_port"))
            .prop_map(|(protocol, from, to)| format!(" ip_proto {protocol}{from}{to}"));
    let inside =
        prop_oneof![ports, Just(" ip_proto icmp".to_owned()), Just(" ip_proto 0x32".to_owned())];
    let tos = perhaps(
        (any::<u8>(), 1..=u8::MAX)
            .prop_map(|(value, mask)| format!(" ip_tos 0x{:x}/0x{mask:x}", value & mask)),
    );
    let flower = any::<bool>().prop_flat_map(move |v4| {
        let family = if v4 { "ip" } else { "ipv6" };
        (perhaps(inside.clone()), net("src_ip", v4), net("dst_ip", v4), tos.clone()).prop_map(
            move |(inside, from, to, tos)| {
                format!("protocol {family} flower{inside}{from}{to}{tos} classid 1:1")
            },
        )
    });
    prop_oneof![fw, flower]
}
