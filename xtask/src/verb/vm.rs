//! `cargo xtask vm`: the tests, or any command, on one of Debian's kernels.

use std::{env, process::Command};

use anyhow::{Result, ensure};
use clap::Args;
use xtask::bpf::Workspace;

use crate::{
    setup,
    vm::{KERNELS, Vm, show, suite::Suite},
};

#[derive(Args)]
pub(crate) struct Options {
    /// How the kernel's version begins (6.1, 6.12.107), the newest such package being taken; or `all`: 6.1 and 6.12
    #[arg(default_value = "all")]
    kernel: String,
    /// What to run there as root, in the current directory; without it the tests that need such a machine
    #[arg(last = true)]
    command: Vec<String>,
}

/// # Errors
/// A machine cannot be had, or what ran there failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::locate()?;
    let wanted = if options.kernel == "all" { KERNELS.to_vec() } else { vec![options.kernel.as_str()] };
    let machines = wanted.iter().map(|wanted| Vm::prepare(&workspace, wanted)).collect::<Result<Vec<_>>>()?;
    let mut failed = Vec::new();
    if let Some((program, arguments)) = options.command.split_first() {
        let mut command = Command::new(program);
        command.args(arguments);
        let directory = env::current_dir()?;
        for machine in &machines {
            if machines.len() > 1 {
                println!("Linux {}:", machine.version());
            }
            let status = machine.run(&command, &directory, &mut show)?;
            if status != 0 {
                failed.push(format!("exit code {status} on Linux {}", machine.version()));
            }
        }
    } else {
        setup::complete(&workspace)?;
        let suite = Suite::build(&workspace)?;
        for machine in &machines {
            failed.extend(suite.run(machine, &mut show)?);
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join("; "));
    Ok(())
}
