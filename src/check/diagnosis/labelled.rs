//! What a node does with a packet that came in with labels.

use super::Flow;
use super::ask::{Post, Site};

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
                    "{name} takes in no labels through {port}: net.mpls.conf.{port}.input is 0."
                )];
            }
            None => return vec![format!("The kernel of {name} has no label switching.")],
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
                let mut known = post.node.label_routes.iter();
                let gone = known.find(|route| route.value.label.number() == label).map(|route| {
                    format!("The lab has the label route `{route}` at {name}, and it is no longer there.")
                });
                let said = format!(
                    "{name} has no route for label {label} ({}), so the kernel drops what comes \
                     with it.",
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
            Err(error) => super::route::missing(&post, flow, None, error),
        };
        [led].into_iter().chain(said).collect()
    }
}
