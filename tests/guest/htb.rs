//! Queues with classes: packets go where the filters say, at the rate of their class.

use crate::standing::{Standing, read};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};
use vrflab::document::Format;
use vrflab::executor::{self, Change};

const SHARED: &str = "
nodes:
  a:
    nft: table inet t { chain c { type filter hook output priority 0; udp dport 7 meta mark set 0x105; }; }
  r:
    role: router
    vrfs:
      blue: {table: 10, qdisc: htb default 1, classes: [classid 1:1 htb rate 50mbit]}
    interfaces:
      eth1: {vrf: blue}
  b: {}
  c: {}
links:
- ends: [a:eth0, r:eth0]
  subnet: 10.1.1.0/24
  tailqdisc: htb default 40
  tailclasses:
  - classid 1:1 htb rate 100mbit
  - parent 1:1 classid 1:10 htb rate 10mbit ceil 50mbit prio 1
  - parent 1:1 classid 1:20 htb rate 10mbit
  - parent 1:1 classid 1:30 htb rate 10mbit burst 3kb
  - parent 1:1 classid 1:40 htb rate 8kbit ceil 8kbit quantum 1500
  tailfilters:
  - handle 0x5/0xff fw classid 1:10
  - protocol ip flower ip_proto udp dst_port 53 classid 1:20
  - protocol ip flower ip_tos 0xb8/0xfc dst_ip 10.0.0.0/8 classid 1:30
- b:eth0 -- r:eth1
- ends: [c, r]
  qdisc: fq_codel limit 100
  headpolice: rate 200kbit burst 4kb
checks: [c -> r count 60 size 1000 loss > 30%, r -> c count 60 size 1000 loss > 30%]
";

impl Standing {
    /// How many packets each class of a queue has sent.
    fn sent(&self, node: &str, device: &str) -> BTreeMap<String, u64> {
        let id = self.lab().node(node).unwrap();
        let namespace = &self.lab()[id].namespace;
        let words = ["-n", namespace, "-s", "class", "show", "dev", device];
        let shown = Command::new("tc").args(words).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let mut sent = BTreeMap::new();
        let mut class = "";
        for line in shown.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["class", "htb", id, ..] => class = id,
                ["Sent", _, "bytes", packets, "pkt", ..] => {
                    sent.insert(class.to_owned(), packets.parse().unwrap());
                }
                _ => {}
            }
        }
        sent
    }

    /// The class that twenty datagrams from `a` leave by; the kernel sends a few packets of its own.
    fn class_of(&self, to: SocketAddr, service: u32) -> Vec<String> {
        let before = self.sent("a", "eth0");
        self.within("a", |_| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket2::SockRef::from(&socket).set_tos_v4(service).unwrap();
            for _ in 0..20 {
                socket.send_to(&[0; 20], to).unwrap();
            }
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let after = self.sent("a", "eth0");
            let more = |(class, sent): (&String, &u64)| {
                (*sent >= before[class] + 20 && class != "1:1").then(|| class.clone())
            };
            let by: Vec<String> = after.iter().filter_map(more).collect();
            if !by.is_empty() || Instant::now() > deadline {
                return by;
            }
        }
    }
}

#[test]
fn packets_leave_by_the_class_that_a_filter_says_and_else_by_the_default() {
    let (built, said) = read(SHARED, Format::Yaml, "shared");
    assert!(said.is_empty(), "{said:?}");
    let standing = built.up();
    standing.holds_what_it_says();
    standing.all_checks_hold();

    let id = standing.lab().node("r").unwrap();
    let router = standing.lab()[id].interfaces[0].addresses[0].value.addr();
    let to = |port| SocketAddr::new(router, port);
    assert_eq!(standing.class_of(to(7), 0), ["1:10"], "by its mark");
    assert_eq!(standing.class_of(to(53), 0), ["1:20"], "by its port");
    assert_eq!(standing.class_of(to(54), 0xb8), ["1:30"], "by its type of service");
    assert_eq!(standing.class_of(to(54), 0), ["1:40"], "as nothing else is said");

    // As `vrflab impair` does it, and takes it back: the classes are behind a delay, and the same.
    let slow = SHARED.replace("tailqdisc", "tailnetem: delay 2ms\n  tailqdisc");
    let slow = read(&slow, Format::Yaml, "shared").0.plan;
    let plan = &standing.0.plan;
    let namespaces: Vec<String> = plan.namespaces().into_iter().map(str::to_owned).collect();
    let (lock, healed) = (standing.0.lock(), BTreeSet::new());
    for (before, after) in [(plan, &slow), (&slow, plan)] {
        let change = Change { mark: "", namespaces: &namespaces, before, after, healed: &healed };
        executor::change(&lock, &change, &|| false).unwrap();
        standing.holds(after);
    }
    drop(lock);
    // Without its filter a packet goes where all others do.
    let id = standing.lab().node("a").unwrap();
    let namespace = &standing.lab()[id].namespace;
    let words = ["-n", namespace, "filter", "del", "dev", "eth0", "parent", "1:", "prio", "2"];
    assert!(Command::new("tc").args(words).status().unwrap().success());
    assert_eq!(standing.class_of(to(53), 0), ["1:40"]);
}
