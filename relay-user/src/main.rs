//! The binary `xdp-dhcrelay`. All it does itself is in `cli`: one file for each command.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
