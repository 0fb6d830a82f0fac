//! The one entry point for a frame, the same for client-facing and server-facing ports: `op` decides the direction,
//! not the UDP ports, because a relay below us sends requests from port 67 too.

use crate::packet::Packet;
use crate::wire::bootp;
use crate::{Env, Frame, Verdict, reply, request};

/// Relays one frame that came in on device `ifindex`.
///
/// On [`Verdict::ToServers`] the frame is untagged, its Ethernet addresses are without meaning and its IPv4 destination
/// is 0: each copy is finished by [`crate::address_copy`]. On [`Verdict::ToClient`] it is complete. Otherwise it is
/// untouched.
#[inline(always)]
pub fn ingress<F: Frame, E: Env>(frame: &mut F, env: &E, ifindex: u32) -> Verdict {
    let (packet, interface) = match Packet::find(frame, env, ifindex) {
        Ok(found) => found,
        Err(reason) => return Verdict::Not { interface: frame.blamed(), reason },
    };
    let result = if packet.op == bootp::BOOTREQUEST {
        request::relay(frame, env, &packet, interface)
    } else {
        reply::relay(frame, env, &packet)
    };
    match result {
        Ok(verdict) => verdict,
        Err(reason) => Verdict::Not { interface: frame.blamed(), reason },
    }
}
