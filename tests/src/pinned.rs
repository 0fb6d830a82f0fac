//! The pinned map of leases as an operator reads it: `bpftool map dump pinned`, which is another reader than the relay.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use relay_user::control::{self, Command as Question, model::Status};
use serde_json::Value;

/// One element of the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The key.
    pub vrf: u64,
    /// The key.
    pub address: Ipv4Addr,
    /// Nanoseconds of the boot clock.
    pub expires: u64,
    pub seconds: u64,
    pub interface: u64,
    pub server: Ipv4Addr,
    /// As far as it counts.
    pub chaddr: Vec<u8>,
    pub state: u64,
}

/// The directory of pins of a running relay, as its configuration file has it.
pub fn directory(socket: &Path) -> Result<PathBuf> {
    let status: Status = control::ask(socket, Question::Status)?;
    let text = std::fs::read_to_string(&status.config)?;
    let table: toml::Table = text.parse()?;
    Ok(table["relay"]["bpffs_dir"].as_str().context("bpffs_dir")?.into())
}

/// What the map holds, in the order of addresses.
pub fn leases(pins: &Path) -> Result<Vec<Lease>> {
    let mut leases: Vec<Lease> = dump(&pins.join("leases"))?
        .iter()
        .map(|element| lease(element).with_context(|| format!("an element of another form: {element}")))
        .collect::<Result<_>>()?;
    leases.sort_by_key(|lease| (lease.vrf, lease.address));
    Ok(leases)
}

/// The elements with the names of their fields, which bpftool has from the map's BTF.
fn dump(map: &Path) -> Result<Vec<Value>> {
    let output = Command::new("bpftool").args(["-j", "map", "dump", "pinned"]).arg(map).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    let elements: Vec<Value> = serde_json::from_str(&said).with_context(|| said.to_string())?;
    Ok(elements.into_iter().map(|mut element| element["formatted"].take()).collect())
}

fn lease(element: &Value) -> Option<Lease> {
    let (key, value) = (&element["key"], &element["value"]);
    let hlen = usize::try_from(value["hlen"].as_u64()?).ok()?;
    Some(Lease {
        vrf: key["vrf"].as_u64()?,
        address: address(&key["address"])?,
        expires: value["expires"].as_u64()?,
        seconds: value["seconds"].as_u64()?,
        interface: value["interface"].as_u64()?,
        server: address(&value["server"])?,
        chaddr: octets(&value["chaddr"])?.get(..hlen)?.to_vec(),
        state: value["state"].as_u64()?,
    })
}

fn address(value: &Value) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = octets(value)?.try_into().ok()?;
    Some(octets.into())
}

fn octets(value: &Value) -> Option<Vec<u8>> {
    value.as_array()?.iter().map(|octet| octet.as_u64()?.try_into().ok()).collect()
}
