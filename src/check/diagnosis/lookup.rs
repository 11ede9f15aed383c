//! What the sender's kernel says of a check's packets.

use crate::check::report::RouteAnswer;
use crate::compile::{Check, Lab};
use crate::kernel::{Lookup, Namespace, Origin, RouteQuery, interfaces, on_worker};
use nix::errno::Errno;
use std::io;
use std::net::IpAddr;

/// What the sender's kernel says that it does with a check's packets.
pub(in crate::check) fn lookup(lab: &Lab, check: &Check, to: IpAddr) -> RouteAnswer {
    let error = |error: String| RouteAnswer::Error { error };
    asked(lab, check, to).unwrap_or_else(|failed| error(failed.to_string()))
}

fn asked(lab: &Lab, check: &Check, to: IpAddr) -> io::Result<RouteAnswer> {
    on_worker(|worker| {
        worker.enter(&Namespace::open(&lab[check.from.node].namespace)?)?;
        let interfaces = interfaces(worker)?;
        let origin = match check.device() {
            None => Origin::Here,
            Some(device) => {
                let state = interfaces.get(device.as_str()).ok_or(Errno::ENODEV)?;
                Origin::Bound(state.index)
            }
        };
        let source = check.sends.from;
        let (tos, mark) = (check.sends.tos, check.sends.mark);
        let flow = check.sends.sport.map(|port| check.flow(to, port.get()));
        let query = RouteQuery { destination: to, source, origin, flow, tos, mark };
        Ok(match Lookup::open()?.route(query) {
            Ok(way) => {
                let named = interfaces.iter().find(|(_, it)| Some(it.index) == way.interface);
                RouteAnswer::Way {
                    local: way.local,
                    table: way.table,
                    interface: named.map(|(name, _)| name.clone()).unwrap_or_default(),
                    gateway: way.gateway,
                    labels: way.labels,
                }
            }
            Err(error) => RouteAnswer::Error { error: error.desc().to_owned() },
        })
    })
}
