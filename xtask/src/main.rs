//! The command line of everything a person does to xdp-dhcrelay: `cargo xtask` lists the verbs.

mod exec;
mod host;
mod setup;
mod verb;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything a person does to xdp-dhcrelay.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what builds and tests need (Debian, Ubuntu)
    Setup,
    /// Build the BPF object and print its path and size
    BuildEbpf,
    /// Formatting, clippy and rustdoc, warnings being errors
    Check,
    /// Set up, then run every test (root)
    Test(verb::test::Options),
    /// Set up, then show a relay at work between real clients and servers (root)
    Demo(verb::demo::Options),
    /// Measure against other relays and the kernel's floor; `bench --help` lists the sections (root)
    Bench(verb::bench::Options),
    /// Print what the kernel's verifier spends on each program (root)
    Verifier,
    /// Run the tests, or a command, in a virtual machine with one of Debian's kernels
    Vm(verb::vm::Options),
}

fn main() -> ExitCode {
    let Options { verb } = Options::parse();
    let done = match verb {
        Verb::Setup => verb::setup::run(),
        Verb::BuildEbpf => verb::build_ebpf::run(),
        Verb::Check => verb::check::run(),
        Verb::Test(options) => verb::test::run(&options),
        Verb::Demo(options) => verb::demo::run(&options),
        Verb::Bench(options) => verb::bench::run(&options),
        Verb::Verifier => verb::verifier::run(),
        Verb::Vm(options) => verb::vm::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
