//! What the two servers are configured with.

use serde_json::json;

use super::scene::{ADDRESSES, RELAY_MACS};

/// The pools are for the clients of one circuit each, and the whole agent option is logged.
pub(crate) fn isc() -> String {
    let mut text = String::from(
        "authoritative;\nddns-update-style none;\nping-check false;\ndefault-lease-time 120;\nmax-lease-time 120;\n\
         option dhcp-renewal-time 1;\noption dhcp-rebinding-time 100;\n\
         if exists agent.circuit-id {\n    log(info, concat(\"agent \", option agent.circuit-id, \" \", option agent.remote-id));\n}\n\
         subnet 10.0.41.0 netmask 255.255.255.0 { }\nsubnet 10.255.0.0 netmask 255.255.255.0 { }\n",
    );
    for port in 0..2 {
        text += &format!(
            "class \"on-eth{port}.0\" {{ match if option agent.circuit-id = \"eth{port}.0\"; }}\n\
             subnet 192.168.6{port}.0 netmask 255.255.255.0 {{\n    option routers 192.168.6{port}.2;\n    \
             pool {{ allow members of \"on-eth{port}.0\"; range 192.168.6{port}.100 192.168.6{port}.119; }}\n}}\n"
        );
    }
    text
}

/// The same for Kea.
pub(crate) fn kea() -> serde_json::Value {
    let class = |port: usize| json!({ "name": format!("on-eth{port}.0"), "test": format!("relay4[1].hex == 'eth{port}.0' and relay4[2].hex == '{}'", RELAY_MACS[port]) });
    // Kea 2.2 takes requests for the address in sub-option 11 (RFC 5107), but calls itself by its own: as administrators
    // do it, a class says otherwise.
    let overridden = |port: usize| {
        let address = ADDRESSES[port];
        let hex = address.octets().map(|octet| format!("{octet:02x}")).concat();
        json!({
            "name": format!("override-{port}"),
            "test": format!("relay4[11].hex == 0x{hex}"),
            "option-data": [{ "name": "dhcp-server-identifier", "data": address.to_string() }],
        })
    };
    let subnet = |port: usize| {
        json!({
            "id": port + 1,
            "subnet": format!("192.168.6{port}.0/24"),
            "pools": [{
                "pool": format!("192.168.6{port}.100 - 192.168.6{port}.119"),
                "client-class": format!("on-eth{port}.0"),
            }],
            "option-data": [{ "name": "routers", "data": format!("192.168.6{port}.2") }],
        })
    };
    json!({
        "valid-lifetime": 120,
        "renew-timer": 1,
        "rebind-timer": 100,
        "client-classes": [class(0), class(1), overridden(0), overridden(1)],
        "subnet4": [subnet(0), subnet(1)],
    })
}
