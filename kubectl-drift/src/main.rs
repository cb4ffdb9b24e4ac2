//! `kubectl drift`: alerts read by people.

// A command-line tool speaks by printing.
#![allow(clippy::print_stdout)]

mod backtest;
mod connect;
mod list;
mod show;
mod table;
mod text;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// See what drifted, and why Anchorwatch says so.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-drift",
    bin_name = "kubectl drift",
    version,
    after_help = "Examples:\n  kubectl drift list -A\n  kubectl drift list -n shop -o json\n  kubectl drift show deployment-agent-4f0c9d1e -n shop\n  kubectl drift verify -A\n\nExit codes: 0 done, 1 failed, 2 misuse; verify: 3 broken."
)]
struct Args {
    #[command(flatten)]
    connection: connect::Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judge recorded observations by what other recorded observations taught.
    Backtest(backtest::Args),
    /// List the alerts of a namespace, the gravest first.
    List(list::Args),
    /// Show an alert: lineage, pods, rollout evidence.
    Show(show::Args),
    /// Check that the evidence of rollouts is what the operator wrote.
    Verify(verify::Args),
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    if let Command::Backtest(backtest) = &args.command {
        return backtest::run(backtest);
    }
    match run(args).await {
        Ok(code) => code,
        Err(error) => {
            #[allow(clippy::print_stderr)] // the one place where an error reaches the person
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List(list) => list::run(&args.connection, &list).await?,
        Command::Show(show) => show::run(&args.connection, &show).await?,
        Command::Verify(verify) => return verify::run(&args.connection, &verify).await,
        // It says by its exit code what it found, and needs no cluster: `main` has run it.
        Command::Backtest(_) => {}
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "kubectl-drift", &mut std::io::stdout());
        }
    }
    Ok(ExitCode::SUCCESS)
}
