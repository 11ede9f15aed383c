//! What WireGuard interfaces get filled in, and where their keys are not.

use crate::routes::lab as dot;
use vrflab::compile::{Lab, Options, compile_source, print};
use vrflab::diagnostic::{Severity, Source, render};
use vrflab::document::{Format, LabName};
use vrflab::plan::{Plan, State, between, lower};

/// A lab in YAML, in which nothing is wrong.
fn yaml(text: &str) -> Lab {
    let source = Source { name: "lab.yaml".to_owned(), text: text.to_owned() };
    let name = LabName::new("lab").unwrap();
    let (lab, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
    assert!(said.iter().all(|it| it.severity != Severity::Error), "{text}\n{said:?}");
    lab.unwrap()
}

/// The peers of a node's interface, as a file says them.
fn peers(lab: &Lab, node: &str, interface: &str) -> Vec<String> {
    let node = &lab[lab.node(node).unwrap()];
    let kind = &node.interfaces[node.interface(interface).unwrap().0].kind;
    let wireguard = kind.of_device().unwrap().as_wireguard().unwrap();
    wireguard.peers.iter().map(ToString::to_string).collect()
}

/// The routes of a node over an interface.
fn routes(lab: &Lab, node: &str, interface: &str) -> Vec<String> {
    let routes = lab[lab.node(node).unwrap()].routes.iter().map(ToString::to_string);
    routes.filter(|route| route.ends_with(&format!("dev {interface}"))).collect()
}

#[test]
fn a_plan_between_states_tells_an_interface_where_its_peers_are() {
    let lab = dot("graph { node [role=router]
         a [interfaces=\"wg0 kind wireguard addresses 10.9.0.1/24 peers b\"]
         b [interfaces=\"wg0 kind wireguard addresses 10.9.0.2/24 peers a\"]
         a -- b [subnet=\"192.0.2.0/31\"] }");
    let plan = lower(&lab).unwrap();
    let made = between(&State::default(), &State::of(&plan), &[&plan]).unwrap();
    let told = |plan: &Plan| -> Vec<String> {
        let steps = plan.steps().map(|step| step.action.to_string());
        steps.filter(|step| step.contains(" wg set ")).collect()
    };
    assert_eq!(told(&made), told(&plan));
    assert!(told(&plan).iter().all(|step| step.contains(" endpoint 192.0.2.")), "{plan:?}");
}

#[test]
fn a_hub_sends_each_spoke_what_routes_lead_to_over_it_and_spokes_send_the_hub_everything() {
    let lab = dot("graph { node [role=router]
         hub [interfaces=\"wg0 kind wireguard addresses 10.9.0.1/24 peers 's1 persistent-keepalive 25',s2\",
              routes=\"10.1.0.0/16 via 10.9.0.2; 10.2.0.0/16 via 10.9.0.3\"]
         s1 [interfaces=\"wg0 kind wireguard addresses 10.9.0.2/24 listen-port 9 peers hub\", routes=\"10.0.0.0/8 dev wg0\"]
         s2 [interfaces=\"wg0 kind wireguard addresses 10.9.0.3/24 peers 'hub allowed-ips 10.9.0.1'\"]
         hub -- s1 [subnet=\"192.0.2.0/31\"]; hub -- s2 [subnet=\"192.0.2.2/31\"] }");
    assert_eq!(
        peers(&lab, "hub", "wg0"),
        [
            "s1:wg0 endpoint 192.0.2.1:9 allowed-ips 10.1.0.0/16,10.9.0.2/32 persistent-keepalive 25",
            "s2:wg0 endpoint 192.0.2.3:51820 allowed-ips 10.2.0.0/16,10.9.0.3/32",
        ]
    );
    assert_eq!(
        peers(&lab, "s1", "wg0"),
        ["hub:wg0 endpoint 192.0.2.0:51820 allowed-ips 10.0.0.0/8"]
    );
    assert_eq!(
        peers(&lab, "s2", "wg0"),
        ["hub:wg0 endpoint 192.0.2.2:51820 allowed-ips 10.9.0.1/32"]
    );
}

#[test]
fn what_a_file_allows_gets_routes_where_it_says() {
    let peer = "YnLiMBk6bKUOvI/wn9OwidS1J8PpnuF7ntaNq6Rb22A=";
    let lab = |table: &str| {
        yaml(&format!(
            "routing: none\nnodes: {{r: {{vrfs: {{blue: 10}}, interfaces: {{wg0: {{kind: wireguard, {table} addresses: \
             10.9.0.1/24, peers: [\"{peer} endpoint 192.0.2.9:7 allowed-ips 10.9.0.9,10.8.0.0/16,0.0.0.0/0\"]}}}}}}}}\n\
             links: [r -- h]\n"
        ))
    };
    assert_eq!(routes(&lab(""), "r", "wg0"), ["10.8.0.0/16 dev wg0"], "no default into itself");
    assert_eq!(
        routes(&lab("table: blue,"), "r", "wg0"),
        ["default table 10 dev wg0", "10.8.0.0/16 table 10 dev wg0"]
    );
    assert!(routes(&lab("table: off,"), "r", "wg0").is_empty());
    let all = ["0.0.0.0/0,10.8.0.0/16,10.9.0.9/32"].map(|it| format!("allowed-ips {it}"));
    assert_eq!(peers(&lab(""), "r", "wg0"), [format!("{peer} endpoint 192.0.2.9:7 {}", all[0])]);
}

#[test]
fn a_secret_key_stands_in_what_compile_prints_of_a_file_that_has_it_and_nowhere_else() {
    // In base64, some bits of it are any.
    let key = "cNdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LGo=";
    let text = |own: &str| {
        format!(
            "nodes:\n  a: {{interfaces: {{wg0: {{kind: wireguard, {own} addresses: 10.9.0.1/24, peers: b}}}}}}\n  \
             b: {{interfaces: {{wg0: {{kind: wireguard, addresses: 10.9.0.2/24, peers: a}}}}}}\nlinks: [a -- b]\n"
        )
    };
    let (written, derived) = (yaml(&text(&format!("private-key: {key},"))), yaml(&text("")));
    let printed = print(&written).yaml();
    assert!(printed.contains(&format!("private-key: {key}")), "{printed}");
    assert!(!print(&derived).yaml().contains("private-key"));
    let shared = yaml(&text("").replacen("peers: b", &format!("peers: b preshared-key {key}"), 1));
    assert_eq!(print(&shared).yaml().matches(&format!("preshared-key {key}")).count(), 2);
    let plan = lower(&shared).unwrap();
    let commands: String = plan.steps().map(|step| step.action.to_string()).collect();
    for side in ["a", "b"] {
        let file = format!("preshared-key \"${{KEYS:?}}/lab-{side}-wg0.1\" endpoint");
        assert!(commands.contains(&file), "{commands}");
    }
    for lab in [&written, &derived, &shared] {
        let plan = lower(lab).unwrap();
        let commands: String = plan.steps().map(|step| step.action.to_string()).collect();
        assert!(commands.contains("private-key \"${KEYS:?}/lab-a-wg0\" listen-port"), "{commands}");
        assert!(!format!("{commands}{plan:?}{lab:?}").contains(key));
    }
    // A file that says it and something wrong is shown without it.
    let source =
        Source { name: "x".to_owned(), text: text(&format!("private-key: {key}, mtu: x,")) };
    let name = LabName::new("lab").unwrap();
    let (_, said) = compile_source(&source, Format::Yaml, &name, &Options::default());
    let shown = render::text(&said, &source, render::Style { colour: false });
    assert!(shown.contains("private-key: ****") && !shown.contains(key), "{shown}");
}
