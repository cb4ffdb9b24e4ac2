//! `kubectl drift`: alerts read by people.

// A command-line tool speaks by printing.
#![allow(clippy::print_stdout)]

mod backtest;
mod baseline;
mod completion;
mod connect;
mod decide;
mod diff;
mod explain;
mod export;
mod list;
mod output;
mod paint;
mod policies;
mod reference;
mod report;
mod search;
mod show;
mod status;
mod table;
#[cfg(test)]
mod testkit;
mod text;
mod verify;
mod workload;

use std::process::ExitCode;

use anchorwatch_crds::v1alpha1::Decision;
use clap::{CommandFactory, Parser, Subcommand};

/// See what drifted, and why Anchorwatch says so.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-drift",
    bin_name = "kubectl drift",
    version,
    after_help = "Examples:\n  kubectl drift list -A\n  kubectl drift list -n shop -o json\n  kubectl drift show deployment-agent-4f0c9d1e -n shop\n  kubectl drift accept deployment-agent-4f0c9d1e -n shop --reason 'the new health check'\n  kubectl drift baseline deploy/agent -n shop\n  kubectl drift diff deploy/agent -n shop\n  kubectl drift export deploy/agent -n shop\n  kubectl drift report -n shop -o html\n  kubectl drift status\n  kubectl drift verify -A\n  kubectl drift explain exec-from-outside\n\nExit codes: 0 done, 1 failed, 2 misuse; what else a command ends with is in its own help."
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
    /// Show what was learned of a workload, the rarest first, and how complete that is.
    Baseline(baseline::Args),
    /// Show what a revision of a workload newly does, and what it does no longer.
    Diff(diff::Args),
    /// Write what was learned of a workload as a BehaviorApproval, for Git.
    Export(export::Args),
    /// Tell what a rule sees, why it matters and how to tune it.
    Explain(explain::Args),
    /// List the alerts of a namespace, the gravest first.
    List(list::Args),
    /// Tell of each workload whether alerting can be switched on, as a page, as text or as a document.
    Report(report::Args),
    /// Find the workloads that run something like a command line, or like what an alert found.
    #[command(after_help = search::AFTER_HELP)]
    Search(search::Args),
    /// Show an alert: lineage, pods, rollout evidence.
    Show(show::Args),
    /// Tell whether Anchorwatch works: sensors, feeds, lag, losses, and policies and workloads without each other.
    Status(status::Args),
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
    /// Print a script by which a shell, or kubectl itself, completes what you type.
    Completion(completion::Args),
    /// What may follow these words, as kubectl asks a plugin.
    #[command(name = "__complete", hide = true)]
    Complete {
        /// The words so far.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// The reference page.
    #[command(name = "__reference", hide = true)]
    Reference,
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
        Command::Baseline(baseline) => baseline::run(connection, &baseline).await?,
        Command::Diff(diff) => diff::run(connection, &diff).await?,
        Command::Export(export) => return export::run(connection, &export).await,
        Command::List(list) => list::run(connection, &list).await?,
        Command::Report(report) => report::run(connection, &report).await?,
        Command::Search(search) => return search::run(connection, &search).await,
        Command::Show(show) => show::run(connection, &show).await?,
        Command::Status(status) => return status::run(connection, &status).await,
        Command::Verify(verify) => return verify::run(connection, &verify).await,
        Command::Accept(about) => return decide::run(connection, Decision::Accept, &about).await,
        Command::Dismiss(about) => return decide::run(connection, Decision::Dismiss, &about).await,
        Command::Deny(about) => return decide::run(connection, Decision::Deny, &about).await,
        Command::Escalate(about) => return decide::run(connection, Decision::Escalate, &about).await,
        Command::Explain(explain) => explain::run(&explain)?,
        // It says by its exit code what it found, and needs no cluster: `main` has run it.
        Command::Backtest(_) => {}
        Command::Completion(completion) => completion::run(&completion, &mut Args::command()),
        Command::Complete { words } => print!("{}", completion::candidates(&words, &mut Args::command())),
        Command::Reference => print!("{}", reference::page(&Args::command())),
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
                let command = example.split(['>', '|']).next().unwrap_or(example);
                let words = words(command.trim_start_matches("kubectl "));
                let parsed = Args::try_parse_from(&words);
                assert!(parsed.is_ok(), "{example}: {:?}", parsed.err());
                understood += 1;
            }
        }
        assert!(understood >= 35, "{understood}");
    }

    #[test]
    fn every_command_has_an_example_and_says_its_exit_codes() {
        let mut root = Args::command();
        root.build();
        for command in root.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
            let (name, help) = (command.get_name().to_owned(), command.render_long_help().to_string());
            if name == "help" {
                continue;
            }
            assert!(
                help.contains(&format!("kubectl drift {name}")) || is_decision(&name),
                "{name}: {help}"
            );
            assert!(help.contains("Exit codes:"), "{name}: {help}");
        }
    }

    /// Whether a command shares its help with others of its kind.
    fn is_decision(name: &str) -> bool {
        ["accept", "dismiss", "deny", "escalate"].contains(&name)
    }

    #[test]
    fn kubectl_is_told_what_may_follow() {
        let asked = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            completion::candidates(&words, &mut Args::command())
        };
        let commands = asked(&["ba"]);
        assert!(
            commands.contains("baseline\t") && commands.contains("backtest\t"),
            "{commands}"
        );
        assert!(!commands.contains("list") && commands.ends_with(":4\n"), "{commands}");
        assert!(asked(&["list", "--w"]).contains("--watch\t"));
        assert!(asked(&["report", "-o", ""]).contains("html\t"));
        assert!(asked(&["explain", "exec-"]).contains("exec-from-outside"));
        assert!(!asked(&[]).contains("__complete"));
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
