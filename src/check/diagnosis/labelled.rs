//! What a node does with a packet that came in with labels.

use super::Flow;
use super::ask::{Post, Site};
use super::words;

impl Site<'_, '_> {
    /// Why a labelled packet does not go on.
    pub(super) fn labelled(
        &mut self,
        mut post: Post<'_>,
        flow: Flow,
        port: &str,
        labels: &[u32],
    ) -> Vec<String> {
        let name = &post.node.name;
        let Some(&label) = labels.first() else { return Vec::new() };
        match self.setting(&format!("net/mpls/conf/{port}/input")).as_deref() {
            Some("1") => {}
            Some(_) => {
                return vec![format!(
                    "MPLS input is disabled at {port} of {name}: net.mpls.conf.{port}.input is 0."
                )];
            }
            None => return vec![format!("The kernel of {name} has no MPLS.")],
        }
        let limit = self.setting("net/mpls/platform_labels").and_then(|text| text.parse().ok());
        if let Some(limit) = limit.filter(|&limit: &u32| limit <= label) {
            return vec![format!(
                "{name} can know no label {label}: net.mpls.platform_labels is {limit}, and a \
                 label must be below it."
            )];
        }
        let way = match post.label(label) {
            Ok(way) => way,
            Err(error) => {
                let gone = gone(&mut post, label);
                let name = &post.node.name;
                let said = format!(
                    "{name} has no MPLS route for label {label} ({}), so the kernel drops what \
                     comes with it.",
                    error.desc()
                );
                return [said].into_iter().chain(gone).collect();
            }
        };
        let Some(device) = post.device(&way).map(str::to_owned) else {
            return vec![format!("At {name}, the route of label {label} leads nowhere.")];
        };
        if post.node.vrf(&device).is_some() {
            return self.in_vrf(post, flow, &device, Some(label));
        }
        if device == "lo" {
            return self.popped_to_main(post, flow, label);
        }
        self.next_hop(&post, flow, &way)
    }

    fn popped_to_main(&mut self, mut post: Post<'_>, flow: Flow, label: u32) -> Vec<String> {
        let led = format!("At {}, label {label} ends and IP goes on.", post.node.name);
        let said = match post.output(flow.destination, None) {
            Ok(way) => self.next_hop(&post, flow, &way),
            Err(error) => super::route::missing(&mut post, flow, None, error),
        };
        [led].into_iter().chain(said).collect()
    }
}

/// The MPLS route that the lab has at a node and the kernel has not, or has otherwise.
pub(super) fn gone(post: &mut Post<'_>, label: u32) -> Option<String> {
    let mut routes = post.node.label_routes.iter().map(|route| &route.value);
    let route = routes.find(|route| route.label.number() == label)?;
    let there = match post.label(label) {
        Err(_) => {
            let add = format_args!("ip -f mpls route add {route}");
            format!("it is no longer there: {}", words::command(post.lab, &post.node.name, add))
        }
        Ok(way) => {
            let device = post.device(&way).unwrap_or_default();
            let is_the_same = route.nexthops.iter().any(|hop| {
                let labels = hop.swap.iter().map(|label| label.number());
                hop.dev.as_str() == device && labels.eq(way.labels.iter().copied())
            });
            if is_the_same {
                return None;
            }
            format!("the kernel sends it {} instead", super::route::whither(&way, device))
        }
    };
    Some(format!("The lab has the MPLS route `{route}` at {}, and {there}.", post.node.name))
}
