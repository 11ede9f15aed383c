//! Random sentences of the grammars of ip-route(8), ip-rule(8), ip-nexthop(8), tc-netem(8) and
//! tc-tbf(8), a few of them spoilt.

use std::fmt::Write;

/// Numbers that only depend on their seed.
pub struct Dice(pub u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        // Knuth's multiplier and increment; the upper half is the random one.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    fn shuffle(&mut self, parts: &mut [String]) {
        for place in (1..parts.len()).rev() {
            parts.swap(place, self.below(place + 1));
        }
    }

    /// The word or, in one case of three, its beginning with some letters at least.
    fn short(&mut self, word: &str, least: usize) -> String {
        if self.percent(33) && word.len() > least {
            word[..least + self.below(word.len() - least)].to_owned()
        } else {
            word.to_owned()
        }
    }

    /// A number, now and then in hexadecimal.
    fn number(&mut self, least: usize, most: usize) -> String {
        let number = least + self.below(most - least + 1);
        if self.percent(15) { format!("{number:#x}") } else { number.to_string() }
    }

    /// In one sentence of twelve something is wrong.
    fn spoil(&mut self, sentence: String) -> String {
        if !self.percent(6) {
            return sentence;
        }
        let mut words: Vec<&str> = sentence.split(' ').collect();
        let place = self.below(words.len());
        match self.below(3) {
            0 => words[place] = "bogus",
            1 => drop(words.pop()),
            _ => words.insert(place, "10.0.0.2"),
        }
        words.join(" ")
    }
}

/// What TCP is told, and what else a route says of itself.
fn attribute(dice: &mut Dice, v4: bool) -> String {
    let lock = if dice.percent(25) { "lock " } else { "" };
    let time = [
        format!("{}ms", 1 + dice.below(900)),
        dice.below(900).to_string(),
        "1.5s".to_owned(),
        "2secs".to_owned(),
    ];
    let time = &time[dice.below(4)];
    match dice.below(24) {
        0 => format!("mtu {lock}{}", dice.number(1280, 9000)),
        1 => format!("advmss {lock}{}", dice.number(500, 9000)),
        2 => format!("hoplimit {lock}{}", dice.number(1, 300)),
        3 => format!("{} {lock}{}", dice.short("reordering", 3), dice.number(1, 50)),
        4 => format!("rtt {lock}{time}"),
        5 => format!("{} {lock}{time}", dice.short("rttvar", 4)),
        6 => format!("rto_min {time}"),
        7 => format!("{} {lock}{}", dice.short("window", 1), dice.number(1, 9000)),
        8 => format!("{} lock {}", dice.short("cwnd", 2), dice.number(1, 90)),
        9 => format!("{} {lock}{}", dice.short("initcwnd", 5), dice.number(1, 90)),
        10 => format!("{} {lock}{}", dice.short("initrwnd", 5), dice.number(1, 90)),
        11 => format!("{} ecn", dice.short("features", 3)),
        12 => format!("{} {}", dice.short("quickack", 1), dice.number(0, 2)),
        13 => format!("{} {lock}{}", dice.short("congctl", 2), dice.one(&["reno", "cubic"])),
        14 => format!("{} {lock}{}", dice.short("ssthresh", 2), dice.number(1, 90)),
        15 => format!("{} {}", dice.short("fastopen_no_cookie", 2), dice.number(0, 2)),
        16 => format!(
            "{} {}",
            dice.short("protocol", 4),
            dice.one(&["static", "bgp", "zebra", "ospf"])
        ),
        17 if v4 => format!(
            "{} {}",
            dice.one(&["tos", "dsfield", "ds"]),
            dice.one(&["0x10", "8", "AF11", "EF", "CS6", "0x11"])
        ),
        18 if v4 => format!("scope {}", dice.one(&["global", "link", "host", "site", "253", "0"])),
        19 if v4 => format!(
            "{} {}",
            dice.short("realms", 4),
            dice.one(&["3", "1/3", "0x10", "cosmos/7", "70000"])
        ),
        20 if v4 => format!("src {}", dice.one(&["10.0.0.1", "10.1.0.1", "10.9.0.1", "10.0.0.2"])),
        21 if !v4 => {
            format!("{} {}", dice.short("pref", 4), dice.one(&["low", "medium", "high", "none"]))
        }
        22 if !v4 => format!("src {}", dice.one(&["fd00::1", "fd09::1", "fd10::1", "fd00::2"])),
        _ => format!(
            "{} {}",
            dice.one(&["metric", "priority", "preference", "met", "prio", "m"]),
            dice.number(1, 5000)
        ),
    }
}

fn encap(dice: &mut Dice, v4: bool) -> String {
    match dice.below(if v4 { 6 } else { 8 }) {
        0 => format!("encap mpls {}", dice.one(&["100", "100/200", "0x64/17/18", "3", "1048576"])),
        1 => format!("encap mpls 100 ttl {}", dice.number(0, 300)),
        2 if v4 => {
            format!("encap ip id {} dst 192.0.2.1 ttl {}", dice.number(1, 900), dice.number(1, 300))
        }
        2 => "encap ip6 id 7 dst 2001:db8::9 hoplimit 9 tc 0x20".to_owned(),
        3 => format!(
            "encap seg6 mode {} segs fd00::7,fd00::8",
            dice.one(&["encap", "encap.red", "l2encap", "l2encap.red", "l3encap"])
        ),
        4 | 5 => "encap seg6 mode inline segs fd00::7".to_owned(),
        _ => format!(
            "encap seg6local action {}",
            dice.one(&[
                "End",
                "End.X nh6 fd00::2",
                "End.X nh6 10.0.0.2",
                "End.T table 100",
                "End.DX2 oif e0",
                "End.DX4 nh4 10.0.0.2",
                "End.DX6 nh6 ::",
                "End.DT6 table main",
                "End.DT46",
                "End.B6 srh segs fd00::7,fd00::8",
                "End.B6.Encaps srh segs fd00::7",
            ])
        ),
    }
}

fn way(dice: &mut Dice, v4: bool) -> String {
    let via = match v4 {
        true => dice.one(&[
            "10.0.0.2",
            "10.0.0.3",
            "inet 10.0.0.2",
            "inet6 fd00::2",
            "inet6 fe80::2",
            "10.9.9.9",
            "10.1.0.2",
        ]),
        false => dice.one(&["fd00::2", "inet6 fd00::3", "fe80::2", "fd77::1", "fd10::2"]),
    };
    let mut parts = vec![format!("via {via}")];
    if dice.percent(60) {
        parts.push(format!(
            "{} {}",
            dice.one(&["dev", "dev", "dev", "oif"]),
            dice.one(&["e0", "e0", "r0"])
        ));
    }
    if dice.percent(15) && parts.len() > 1 {
        parts.push("onlink".to_owned());
    }
    if dice.percent(25) {
        // `ip` wants something behind it.
        parts[0] = format!("{} {}", encap(dice, v4), parts[0]);
    }
    dice.shuffle(&mut parts);
    parts.join("\u{1}")
}

/// A route whose destination no other has.
pub fn route(dice: &mut Dice, number: usize, v4: bool) -> String {
    let (high, low) = (number / 256, number % 256);
    let net = match (v4, dice.below(5)) {
        (true, 0) => format!("198.{}.{low}.0/255.255.255.0", high + 20),
        (true, 1) => format!("198.{}.{low}/24", high + 20),
        (true, 2) => format!("198.{}.{low}.7", high + 20),
        (true, _) => format!("198.{}.{low}.0/24", high + 20),
        (false, 0) => format!("2001:db8:{number:x}::7"),
        (false, _) => format!("2001:db8:{number:x}::/48"),
    };
    let to = if dice.percent(20) { "to " } else { "" };
    let kind = match dice.below(14) {
        0 => dice.one(&["unreachable ", "blackhole ", "prohibit ", "throw "]),
        1 => "local ",
        2 if v4 => dice.one(&["broadcast ", "brd "]),
        3 => "anycast ",
        4 => dice.one(&["multicast ", "unicast "]),
        _ => "",
    };
    let mut parts = vec![format!("{to}{kind}{net}")];
    let mut several = String::new();
    let silent = ["unreachable ", "blackhole ", "prohibit ", "throw "].contains(&kind);
    match dice.below(10) {
        _ if silent => {}
        _ if !kind.is_empty() && kind != "unicast " => parts.push("dev e0".to_owned()),
        0 => parts.push("dev e0".to_owned()),
        1 | 2 => {
            for _ in 0..2 {
                let way = way(dice, v4).replace('\u{1}', " ").replace("oif ", "dev ");
                write!(several, " nexthop {way} weight {}", dice.number(1, 260)).unwrap();
            }
        }
        3 => parts.push(format!("nhid {}", if v4 { "1" } else { "2" })),
        _ => parts.extend(way(dice, v4).split('\u{1}').map(str::to_owned)),
    }
    match dice.below(6) {
        0 => parts.push(format!(
            "{} {}",
            dice.short("table", 1),
            dice.one(&["100", "main", "0x64", "local", "0"])
        )),
        1 => parts.push(format!("{} red", dice.short("vrf", 1))),
        _ => {}
    }
    let mut said: Vec<String> = Vec::new();
    for _ in 0..dice.below(4) {
        let next = attribute(dice, v4);
        // Twice the same is the last one to `ip`, and refused in a file.
        let key = |part: &str| match part.chars().next() {
            // The metric has several names.
            Some('m' | 'p') if !part.starts_with("mtu") => "m".to_owned(),
            _ => part.chars().take(2).collect(),
        };
        if said.iter().all(|it| key(it) != key(&next)) {
            said.push(next);
        }
    }
    // An object has no realms, nor has what leads nowhere or several ways at once.
    let by_object = parts.iter().any(|part| part.starts_with("nhid"));
    let no_realms = by_object || silent || !several.is_empty();
    said.retain(|part| !no_realms || !part.starts_with("real"));
    // What leads nowhere has no preference.
    let is_preference = |part: &str| ["low", "medium", "high"].iter().any(|it| part.ends_with(it));
    said.retain(|part| !silent || !is_preference(part));
    // Of IPv4, the kernel gives a second route by an object the metrics of the first.
    said.retain(|_| !(by_object && v4));
    parts.extend(said);
    dice.shuffle(&mut parts);
    let sentence = parts.join(" ") + &several;
    dice.spoil(sentence)
}

pub fn rule(dice: &mut Dice, number: usize, v4: bool) -> String {
    let net = |dice: &mut Dice| match v4 {
        true => dice.one(&[
            "10.1.0.0/16",
            "10.2/16",
            "all",
            "any",
            "0/0",
            "10.3.0.1",
            "10.0.0.0/255.0.0.0",
        ]),
        false => dice.one(&["fd01::/16", "fd02::7", "all", "default", "::/0"]),
    };
    let mut parts = vec![format!(
        "{} {}",
        dice.one(&["pref", "priority", "prio", "order", "preference"]),
        number + 2
    )];
    let selectors = dice.below(4);
    let mut known: Vec<usize> = Vec::new();
    for _ in 0..selectors {
        let which = dice.below(15);
        if known.contains(&which) {
            continue;
        }
        known.push(which);
        parts.push(match which {
            0 => format!("from {}", net(dice)),
            1 => format!("to {}", net(dice)),
            2 => format!("{} {}", dice.one(&["iif", "dev"]), dice.one(&["e0", "lo", "red"])),
            3 => "oif e0".to_owned(),
            4 => format!("fwmark {}", dice.one(&["1", "0x10", "1/0xff", "0/0xff", "0x1ffffffff"])),
            5 if v4 => format!(
                "{} {}",
                dice.one(&["tos", "dsfield", "dsf"]),
                dice.one(&["0x10", "8", "4", "0x20", "3"])
            ),
            5 => format!("tos {}", dice.one(&["0x10", "0x20", "AF11", "3"])),
            6 => format!("ipproto {}", dice.one(&["tcp", "udp", "6", "0x11", "200", "nothing"])),
            7 => format!("sport {}", dice.one(&["80", "1000-2000", "1", "0", "1024-65535", "9-8"])),
            8 => format!("dport {}", dice.one(&["80", "1000-2000", "65534", "65536"])),
            9 => format!("uidrange {}", dice.one(&["0-99", "1000-1000", "7"])),
            10 => format!("{} {}", dice.short("tun_id", 2), dice.number(1, 90)),
            11 if v4 => format!("{} {}", dice.short("realms", 1), dice.one(&["3", "1/3"])),
            12 => format!("{} {}", dice.short("suppress_prefixlength", 10), dice.number(0, 32)),
            13 => format!(
                "{} {}",
                dice.one(&["suppress_ifgroup", "sup_group", "suppress_if"]),
                dice.one(&["2", "default"])
            ),
            _ => format!("{} {}", dice.short("protocol", 4), dice.one(&["static", "bgp", "boot"])),
        });
    }
    if dice.percent(10) {
        parts.push("not".to_owned());
    }
    parts.push(match dice.below(9) {
        0 => format!("goto {}", dice.one(&["32000", "1"])),
        1 => dice.one(&["nop", "type nop"]).to_owned(),
        2 => dice.one(&["unreachable", "type unreachable", "blackhole", "prohibit"]).to_owned(),
        3 => "l3mdev".to_owned(),
        _ => format!(
            "{} {}",
            dice.one(&["lookup", "table", "tab", "ta"]),
            dice.one(&["100", "main", "0x1f4", "default"])
        ),
    });
    dice.shuffle(&mut parts);
    let sentence = parts.join(" ");
    dice.spoil(sentence)
}

pub fn object(dice: &mut Dice, number: usize, v4: bool) -> String {
    let mut parts = vec![format!("id {}", number + 100)];
    match dice.below(6) {
        0 => parts.push("blackhole".to_owned()),
        1 | 2 => {
            parts.push(format!(
                "group {}",
                dice.one(&["3/4", "3,7/4,256", "3", "3/3", "4/9999", "3,300"])
            ));
            parts.extend(match dice.below(3) {
                0 => Some("type mpath".to_owned()),
                1 => Some(format!("type resilient buckets {} idle_timer 9", dice.number(1, 64))),
                _ => None,
            });
        }
        _ => {
            let via = if v4 {
                &["10.0.0.2", "inet 10.0.0.3", "10.7.7.7"][..]
            } else {
                &["fd00::2", "fe80::9", "fd77::1"]
            };
            parts.push(format!("via {}", dice.one(via)));
            parts.push("dev e0".to_owned());
            if dice.percent(20) {
                parts.push("onlink".to_owned());
            }
            if dice.percent(20) {
                parts[1] = format!("encap mpls 100/200 {}", parts[1]);
            }
        }
    }
    if dice.percent(30) {
        parts.push(format!("{} {}", dice.short("protocol", 2), dice.one(&["bgp", "zebra"])));
    }
    dice.shuffle(&mut parts);
    let sentence = parts.join(" ");
    dice.spoil(sentence)
}

pub fn label(dice: &mut Dice, number: usize) -> String {
    let way = |dice: &mut Dice| {
        let mut parts = vec![format!(
            "via {}",
            dice.one(&["inet 10.0.0.2", "inet6 fe80::2", "inet 10.9.9.9", "10.0.0.2"])
        )];
        parts.push(format!("dev {}", dice.one(&["e0", "e0", "r0"])));
        if dice.percent(60) {
            parts.push(format!(
                "{} {}",
                dice.one(&["as", "as to"]),
                dice.one(&["200", "200/300", "0", "0xc8", "3", "1048576"])
            ));
        }
        dice.shuffle(&mut parts);
        parts.join(" ")
    };
    let mut parts = vec![format!("{}{}", dice.one(&["", "to "]), number + 1000)];
    let mut several = String::new();
    match dice.below(5) {
        0 => parts.push(format!("dev {}", dice.one(&["red", "lo"]))),
        1 => several = format!(" nexthop {} nexthop {}", way(dice), way(dice)),
        _ => parts.push(way(dice)),
    }
    if dice.percent(30) {
        parts.push(format!("ttl-propagate {}", dice.one(&["enabled", "disabled", "dis"])));
    }
    if dice.percent(30) {
        parts.push(format!("{} bgp", dice.short("protocol", 2)));
    }
    if dice.percent(15) {
        parts.push(format!("table {}", dice.one(&["main", "254", "100"])));
    }
    dice.shuffle(&mut parts);
    let sentence = parts.join(" ") + &several;
    dice.spoil(sentence)
}

pub fn queue(dice: &mut Dice) -> (&'static str, String) {
    let share =
        |dice: &mut Dice| dice.one(&["1%", "25%", "0.3%", "100%", "7", "101%", "0%"]).to_owned();
    let time = |dice: &mut Dice| {
        dice.one(&["10ms", "2.5ms", "300us", "1s", "0ms", "1secs", "3msec"]).to_owned()
    };
    let rate = |dice: &mut Dice| {
        dice.one(&["1mbit", "10Mbit", "1gbit", "9kbps", "64000", "2MiBit", "1xbit"]).to_owned()
    };
    let size = |dice: &mut Dice| {
        dice.one(&["32kb", "10k", "9000", "1mbit", "20000b", "0", "5q"]).to_owned()
    };
    if dice.percent(40) {
        let mut parts = vec![
            format!("rate {}", rate(dice)),
            format!("{} {}", dice.one(&["burst", "buffer", "maxburst", "bur"]), size(dice)),
        ];
        parts.push(match dice.below(2) {
            0 => format!("{} {}", dice.short("latency", 2), time(dice)),
            _ => format!("{} {}", dice.short("limit", 2), size(dice)),
        });
        if dice.percent(20) {
            parts.push(format!(
                "{} 90gbit {} 9000",
                dice.short("peakrate", 1),
                dice.one(&["minburst", "mtu"])
            ));
        }
        dice.shuffle(&mut parts);
        let sentence = parts.join(" ");
        return ("tbf", dice.spoil(sentence));
    }
    let mut parts = Vec::new();
    for which in 0..8 {
        if !dice.percent(30) {
            continue;
        }
        parts.push(match which {
            0 => match dice.below(3) {
                0 => format!("{} {}", dice.one(&["delay", "latency", "del"]), time(dice)),
                1 => format!("delay {} {}", time(dice), time(dice)),
                _ => format!("delay {} {} {}", time(dice), time(dice), share(dice)),
            },
            1 => match dice.below(5) {
                0 => format!("loss {}", share(dice)),
                1 => format!(
                    "{} random {} {}",
                    dice.one(&["loss", "drop"]),
                    share(dice),
                    share(dice)
                ),
                2 => format!("loss state {} {}", share(dice), share(dice)),
                3 => format!(
                    "loss gemodel {} {} {} {}",
                    share(dice),
                    share(dice),
                    share(dice),
                    share(dice)
                ),
                _ => format!("{} {}", dice.short("loss", 2), share(dice)),
            },
            2 => format!("{} {}", dice.short("duplicate", 2), share(dice)),
            3 => format!("{} {} {}", dice.short("corrupt", 1), share(dice), share(dice)),
            4 => format!("{} {}", dice.short("reorder", 2), share(dice)),
            5 => format!(
                "rate {} {} {} {}",
                rate(dice),
                dice.one(&["20", "-14", "0x10"]),
                dice.one(&["48", "0"]),
                dice.one(&["5", "-5"])
            ),
            6 => format!("{} {}", dice.short("limit", 2), dice.one(&["100", "10k", "0"])),
            _ => format!(
                "slot {} packets {}",
                dice.one(&["1ms 3ms", "2ms", "3ms 1ms", "10us 20us"]),
                dice.number(1, 90)
            ),
        });
    }
    if parts.is_empty() {
        parts.push("delay 5ms".to_owned());
    }
    dice.shuffle(&mut parts);
    let sentence = parts.join(" ");
    ("netem", dice.spoil(sentence))
}
