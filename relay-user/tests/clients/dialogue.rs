//! What the rules of the client table are told in: two addresses, a client that gets one, and where it stands.

use std::time::Duration;

use relay_user::clients::State;

use crate::{
    event::*,
    world::{A, World},
};

pub(crate) const X: &str = "192.0.2.10";
pub(crate) const Y: &str = "192.0.2.11";

/// Client `client` gets `address` from server A for `lease` seconds.
pub(crate) fn bind(world: &mut World, client: u8, address: &str, lease: u32) {
    let xid = 0x1000 + u32::from(client);
    world.hear(from_client(DISCOVER, client, xid)).expect("taken in");
    world.hear(from_server(OFFER, client, xid, A).yours(address).lease(lease)).expect("taken in");
    world.hear(from_client(REQUEST, client, xid).asks(address).of_server(A)).expect("taken in");
    world.hear(from_server(ACK, client, xid, A).yours(address).lease(lease)).expect("taken in");
    world.steps();
}

pub(crate) fn state(world: &World, client: u8) -> Option<State> {
    world.client(&from_client(DISCOVER, client, 0)).map(|client| client.state)
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
