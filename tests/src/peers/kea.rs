//! Kea's DHCPv4 server: the other server that networks run, with option code of its own.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use crate::lab::{Namespace, Proc};

use super::DEADLINE;
use super::install::peers;

/// A running server.
pub struct Kea {
    process: Proc,
}

impl Kea {
    /// Starts a server that listens on `interface`, and returns when it does. `rest` has the keys of `Dhcp4` that say
    /// what is served.
    pub fn start(host: &Namespace, interface: &str, rest: Value) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut configuration = json!({
            // Relays send to its address: no raw socket is needed.
            "interfaces-config": { "interfaces": [interface], "dhcp-socket-type": "udp" },
            "lease-database": { "type": "memfile", "persist": false },
            "loggers": [{
                "name": "kea-dhcp4",
                "severity": "DEBUG",
                "debuglevel": 55,
                "output_options": [{ "output": "stdout", "flush": true }],
            }],
        });
        if let (Some(all), Value::Object(rest)) = (configuration.as_object_mut(), rest) {
            all.extend(rest);
        }
        let file = directory.path().join("kea.json");
        fs::write(&file, json!({ "Dhcp4": configuration }).to_string())?;
        let mut command = peers()?.command("kea-dhcp4")?;
        command.arg("-c").arg(&file);
        command.env("KEA_PIDFILE_DIR", directory.path()).env("KEA_LOCKFILE_DIR", directory.path());
        let mut process = host.spawn(command)?;
        process.keep(directory);
        process.wait_for_line("DHCP4_STARTED", DEADLINE)?;
        Ok(Self { process })
    }

    /// The running program, for its log.
    pub fn process(&self) -> &Proc {
        &self.process
    }
}
