//! `kubectl drift`: alerts read by people.

// A command-line tool speaks by printing.
#![allow(clippy::print_stdout)]

mod backtest;
mod connect;
mod decide;
mod explain;
mod list;
mod show;
mod table;
mod text;
mod verify;

use std::process::ExitCode;

use anchorwatch_crds::v1alpha1::Decision;
use clap::{CommandFactory, Parser, Subcommand};

/// See what drifted, and why Anchorwatch says so.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-drift",
    bin_name = "kubectl drift",
    version,
    after_help = "Examples:\n  kubectl drift list -A\n  kubectl drift list -n shop -o json\n  kubectl drift show deployment-agent-4f0c9d1e -n shop\n  kubectl drift accept deployment-agent-4f0c9d1e -n shop --reason 'the new health check'\n  kubectl drift verify -A\n  kubectl drift explain exec-from-outside\n\nExit codes: 0 done, 1 failed, 2 misuse; verify: 3 broken; those of backtest and of decisions are in their own help."
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
    /// Tell what a rule sees, why it matters and how to tune it.
    Explain(explain::Args),
    /// List the alerts of a namespace, the gravest first.
    List(list::Args),
    /// Show an alert: lineage, pods, rollout evidence.
    Show(show::Args),
    /// Check that the evidence of rollouts is what the operator wrote.
    Verify(verify::Args),
    /// Accept findings: they are normal from now on, in this container of this workload.
    #[command(after_help = decide::AFTER_HELP)]
    Accept(decide::Args),
    /// Dismiss findings: they were harmless this time.
    #[command(after_help = decide::AFTER_HELP)]
    Dismiss(decide::Args),
    /// Deny findings: they can never be normal, and a BehaviorApproval says so from now on.
    #[command(after_help = decide::AFTER_HELP)]
    Deny(decide::Args),
    /// Escalate findings: somebody has to look at them now.
    #[command(after_help = decide::AFTER_HELP)]
    Escalate(decide::Args),
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
    let connection = &args.connection;
    match args.command {
        Command::List(list) => list::run(connection, &list).await?,
        Command::Show(show) => show::run(connection, &show).await?,
        Command::Verify(verify) => return verify::run(connection, &verify).await,
        Command::Accept(about) => return decide::run(connection, Decision::Accept, &about).await,
        Command::Dismiss(about) => return decide::run(connection, Decision::Dismiss, &about).await,
        Command::Deny(about) => return decide::run(connection, Decision::Deny, &about).await,
        Command::Escalate(about) => return decide::run(connection, Decision::Escalate, &about).await,
        Command::Explain(explain) => explain::run(&explain)?,
        // It says by its exit code what it found, and needs no cluster: `main` has run it.
        Command::Backtest(_) => {}
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "kubectl-drift", &mut std::io::stdout());
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_of_the_help_is_understood() {
        let mut root = Args::command();
        root.clone().debug_assert();
        let helps = root
            .get_subcommands_mut()
            .map(|command| command.render_long_help().to_string());
        let helps: Vec<String> = helps.collect();
        let mut understood = 0;
        for help in helps.into_iter().chain([root.render_long_help().to_string()]) {
            let examples = help
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with("kubectl drift "));
            for example in examples.filter(|line| !line.contains('[')) {
                let words = words(example.trim_start_matches("kubectl "));
                let parsed = Args::try_parse_from(&words);
                assert!(parsed.is_ok(), "{example}: {:?}", parsed.err());
                understood += 1;
            }
        }
        assert!(understood >= 20, "{understood}");
    }

    /// The words of a line, as a shell has them that knows single quotes alone.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate().flat_map(|(index, part)| {
            if index % 2 == 1 {
                vec![part.to_owned()]
            } else {
                part.split_whitespace().map(str::to_owned).collect()
            }
        });
        parts.collect()
    }
}
