//! Everything that a developer of Anchorwatch runs: one file a command, `setup/` knows what a step needs and how it is got.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to a person"
)]

mod bench;
mod bpf;
mod check;
mod cluster;
mod demo;
mod fuzz;
mod generate;
mod image;
mod install;
mod package;
mod paths;
mod progress;
mod run;
mod setup;
mod test;
mod vm;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

#[derive(Debug, Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    about,
    version,
    after_help = "Examples:\n  cargo xtask cluster up\n  cargo xtask image\n  cargo xtask --context kind-dev image --push registry.example:5000"
)]
struct Arguments {
    /// Use this context of your kubeconfig instead of the local cluster, which is then never started.
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure what is promised in figures.
    Bench(bench::Arguments),
    /// Show the whole chain: learn an agent, raise a shell out of it, explain a rollout.
    Demo(demo::Arguments),
    /// Every check and test, with a ledger at the end.
    Test(test::Arguments),
    /// Formatting, lints, direction of dependencies, layout, generated files, licences of dependencies.
    Check(check::Arguments),
    /// A real one-node Kubernetes on this machine.
    Cluster(cluster::Arguments),
    /// Write what is generated from the types.
    Generate(generate::Arguments),
    /// Build the eBPF programs into the object that is committed, or check that it is current.
    Bpf(bpf::Arguments),
    /// Feed made-up bytes to what reads strangers' bytes.
    Fuzz(fuzz::Arguments),
    /// Build the images and push them to a registry.
    Image(image::Arguments),
    /// The plugin as an archive that krew installs, and its manifest.
    Package(package::Arguments),
    /// Get what the other commands need, ahead of time.
    Setup(setup::Arguments),
    /// Run the live eBPF tests on another kernel, in a virtual machine.
    Vm(vm::Arguments),
    /// Print a completion script, as in `source <(cargo xtask completions bash)`.
    Completions { shell: Shell },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match carry_out(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let context = arguments.context.as_deref();
    match arguments.command {
        // Its closing line is the last word, also when tests failed.
        Command::Test(test) => return test::run(&test, context),
        Command::Check(check) => check::run(&check),
        Command::Bench(bench) => bench::run(&bench, context),
        Command::Demo(demo) => cluster::turn(context).and_then(|_turn| demo::run(&demo, context)),
        Command::Cluster(cluster) => cluster::run(&cluster, context),
        Command::Fuzz(fuzz) => fuzz::run(&fuzz),
        Command::Generate(generate) => generate::run(&generate),
        Command::Bpf(bpf) => bpf::run(&bpf),
        Command::Image(image) => image::run(&image),
        Command::Package(package) => package::run(&package),
        Command::Setup(setup) => setup::run(&setup),
        Command::Vm(vm) => vm::run(&vm),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "xtask", &mut std::io::stdout());
            Ok(())
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
