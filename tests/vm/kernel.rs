//! The guest as a machine: what its kernel can do, what is mounted, how its clock goes.

use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::machine::{Machine, err, out};

#[test]
fn the_kernel_has_what_labs_need() {
    let script = "ip netns del needs 2>/dev/null; set -e; ip netns add needs; on() { ip netns exec needs \"$@\"; }
        on ip link add name red type vrf table 10; on ip link add dummy9 type dummy
        on ip link add name br0 type bridge vlan_filtering 1; on ip link add name left type veth peer name right
        on ip link add name tunnel type vxlan id 4 dstport 4789; on ip link add link left name left.5 type vlan id 5
        on ip link set left up; on tc qdisc add dev left root netem delay 1ms
        on sysctl -q -w net.mpls.platform_labels=1000
        on ip route add 10.1.0.0/24 encap mpls 100 dev left
        on ip -f mpls route add 100 dev left
        ip netns del needs; test -d /sys/kernel/tracing/events/fib; test -e /sys/fs/cgroup/cgroup.procs";
    let output = Machine::shared().sh(script).output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
}

#[test]
fn a_namespace_outlives_the_command_that_named_it() {
    let vm = Machine::shared();
    assert!(vm.sh("ip netns add outliving").status().unwrap().success());
    let output = vm.sh("ip netns exec outliving ip -br link show dev lo").output().unwrap();
    assert!(out(&output).starts_with("lo "), "{}", err(&output));
    assert!(vm.sh("ip netns del outliving").status().unwrap().success());
    let names = out(&vm.sh("ip netns list").output().unwrap());
    assert!(!names.contains("outliving"), "{names}");
}

#[test]
fn loopback_is_up_and_zombies_are_reaped() {
    let script = "ping -c 1 -q 127.0.0.1 > /dev/null || exit 1
        (sh -c 'sleep 0.1 & exec true') & wait; sleep 0.3; ! grep -s '^State:.Z' /proc/[0-9]*/status";
    let output = Machine::shared().sh(script).output().unwrap();
    assert!(output.status.success(), "{}{}", out(&output), err(&output));
}

#[test]
fn the_clock_is_as_true_as_the_hosts() {
    let vm = Machine::shared();
    let script = "date +%s%N; read word; date +%s%N";
    let mut child = crate::machine::piped(&mut vm.sh(script));
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut reading = || {
        let guest: u64 = lines.next().unwrap().unwrap().parse().unwrap();
        (Duration::from_nanos(guest), Instant::now())
    };
    let (guest_start, host_start) = reading();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(wall.abs_diff(guest_start) < Duration::from_secs(1), "{wall:?} {guest_start:?}");
    std::thread::sleep(Duration::from_secs(5));
    drop(child.stdin.take());
    let (guest_end, host_end) = reading();
    let (guest, host) = (guest_end - guest_start, host_end - host_start);
    // Starting `date` twice takes as long as it takes, which is no fault of the clock.
    assert!(guest.abs_diff(host) < host / 20, "{guest:?} in the guest, {host:?} on the host");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_sleep_in_the_guest_is_as_long_as_on_the_host() {
    let vm = Machine::shared();
    let timed = |seconds: &str| {
        let start = Instant::now();
        assert!(vm.run(&["sleep", seconds]).stdin(Stdio::null()).status().unwrap().success());
        start.elapsed()
    };
    timed("0");
    let (none, five) = (timed("0"), timed("5"));
    let slept = five.saturating_sub(none);
    let off = slept.abs_diff(Duration::from_secs(5));
    assert!(off < Duration::from_millis(500), "{slept:?}");
}

/// A kernel that patches itself stumbles where processors are emulated: these branches would be
/// patched whenever a check, a tunnel, a command in a VRF or a filter comes or goes.
#[test]
fn branches_that_labs_need_are_switched_on_for_good() {
    let script = r#"
import struct, time
names = {line.split()[2]: int(line.split()[0], 16) for line in open("/proc/kallsyms")}
core = open("/proc/kcore", "rb")
header = core.read(64)
start, size, count = struct.unpack_from("<Q", header, 32) + struct.unpack_from("<HH", header, 54)
segments = []
for place in range(count):
    core.seek(start + place * size)
    segments.append(struct.unpack("<IIQQQQQQ", core.read(56)))
def users(name, entry=0):
    address = names[name] + 16 * entry
    for kind, _, offset, begin, _, length, _, _ in segments:
        if kind == 1 and begin <= address < begin + length:
            core.seek(offset + address - begin)
            return struct.unpack("<i", core.read(4))[0]
for key in ["netstamp_needed_key", "udp_encap_needed_key", "udpv6_encap_needed_key"]:
    print(key, users(key) > 0)
# The devices that hold these are made while commands may run already.
for key in ["memalloc_socks_key", "ingress_needed_key"]:
    while users(key) == 0:
        time.sleep(0.05)
    print(key, users(key) > 0)
print("new sockets", users("cgroup_bpf_enabled_key", 2) > 0)
"#;
    let output = Machine::shared().run(&["/usr/bin/python3", "-c", script]).output().unwrap();
    let on = "netstamp_needed_key True\nudp_encap_needed_key True\nudpv6_encap_needed_key True\n\
              memalloc_socks_key True\ningress_needed_key True\n\
              new sockets True\n";
    assert_eq!(out(&output), on, "{}", err(&output));
}
