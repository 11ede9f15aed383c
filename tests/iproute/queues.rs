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
