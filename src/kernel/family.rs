//! A family of addresses by the number that netlink has for it.

use crate::plan::Family;
use rtnetlink::packet_route::AddressFamily;

pub(super) fn family_of(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}
