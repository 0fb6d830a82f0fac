//! The options of `leases` and `events` that say which clients are meant.

use std::net::Ipv4Addr;

use relay_user::control::leases::Filter;

#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Options {
    /// Only clients of this interface: a device, or device and tags (eth1.100).
    #[arg(long, value_name = "NAME", env = "XDP_DHCRELAY_INTERFACE")]
    interface: Option<String>,
    /// Only clients in this VRF.
    #[arg(long, value_name = "NAME", env = "XDP_DHCRELAY_VRF")]
    vrf: Option<String>,
    /// Only the client with this hardware address.
    #[arg(long, value_name = "ADDRESS", env = "XDP_DHCRELAY_MAC", value_parser = hardware)]
    mac: Option<String>,
    /// Only the client with this IPv4 address.
    #[arg(long, value_name = "ADDRESS", env = "XDP_DHCRELAY_ADDRESS")]
    address: Option<Ipv4Addr>,
}

impl Options {
    /// As the daemon is asked.
    pub(super) fn filter(&self, state: Option<&String>) -> Filter {
        let Self { interface, vrf, mac, address } = self;
        Filter {
            interface: interface.clone(),
            vrf: vrf.clone(),
            mac: mac.clone(),
            address: *address,
            state: state.cloned(),
        }
    }
}

/// In the form that the daemon writes them.
fn hardware(text: &str) -> Result<String, String> {
    let octets: Vec<&str> = text.split([':', '-']).collect();
    let is_octet = |octet: &&str| octet.len() == 2 && octet.bytes().all(|digit| digit.is_ascii_hexdigit());
    if octets.len() <= 16 && octets.iter().all(is_octet) {
        return Ok(octets.join(":").to_lowercase());
    }
    Err("write it as 02:00:00:00:00:01".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_taken_as_people_write_them() {
        assert_eq!(hardware("02:00:00:0a:0B:01").as_deref(), Ok("02:00:00:0a:0b:01"));
        assert_eq!(hardware("02-00-00-0A-0B-01").as_deref(), Ok("02:00:00:0a:0b:01"));
        for wrong in ["", "020000000001", "2:0:0:0:0:1", "02:00:00:00:00:0g"] {
            assert!(hardware(wrong).is_err(), "{wrong}");
        }
    }
}
