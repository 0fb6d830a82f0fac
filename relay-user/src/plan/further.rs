//! The further addresses of interfaces with smart relay: each one more record behind the configured interfaces, in a ring
//! with the first.

use crate::{config::ResolvedConfig, nexthop::HostView, plan::Plan};

/// Adds them. An address that the machine does not have now keeps its index, but not its turn.
pub(super) fn add(config: &ResolvedConfig, host: &HostView, plan: &mut Plan) {
    for (first, interface) in (1u32..).zip(&config.interfaces) {
        let Some(smart) = &interface.smart_relay else { continue };
        let Some(mut configured) = plan.tables.interface(first).copied() else { continue };
        configured.tries = smart.tries;
        let near = plan.near(first, interface);
        let mut last = first;
        for &(address, prefix) in &smart.further {
            let mut record = configured;
            (record.address, record.prefix) = (address.octets(), prefix);
            let mut giaddr = interface.giaddr;
            if interface.giaddr == interface.address {
                giaddr = address;
                (record.giaddr, record.source) = (address.octets(), address.octets());
            }
            record.next = first;
            let index = plan.tables.interfaces.len() as u32 + 1;
            let agent = near.as_ref().and_then(|near| near.enter(&mut plan.tables, index, address, giaddr));
            record.agent = agent.unwrap_or_default();
            plan.tables.interfaces.push(record);
            if host.addresses.iter().any(|there| there.address == address) {
                link(plan, last, index);
                last = index;
            }
        }
        // With nothing but the first there is nothing to count.
        if last != first
            && let Some(record) = plan.tables.interfaces.get_mut(first as usize - 1)
        {
            record.tries = smart.tries;
        }
    }
}

fn link(plan: &mut Plan, from: u32, to: u32) {
    if let Some(record) = plan.tables.interfaces.get_mut(from as usize - 1) {
        record.next = to;
    }
}
