//! `kubectl drift backtest`: the same decisions over recorded observations, without a cluster.

mod bad;
mod policy;
mod progress;
mod recording;
mod render;
#[cfg(test)]
mod tests;

use std::{
    io::{BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use anchorwatch_core::{
    backtest::{Judgement, Learning, Ruling, Summary},
    observation::Observation,
};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use serde_json::json;

use bad::Bad;
use policy::MaturityArgument;
use progress::Progress;
use recording::{Line, Recording};

/// What to learn, what to judge, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A recording holds one observation a line (JSON Lines). A line needs only \
what it is about:\n\n  {\"time\":\"2026-01-01T00:00:00Z\",\"workload\":\"shop/Deployment/cart\",\"container\":\"app\",\
\"feed\":\"process\",\"process\":{\"executable\":\"/usr/bin/bash\",\"parent\":\"/usr/bin/python3\",\"argv\":[\"bash\",\"-c\",\"id\"]}}\n\n\
Examples:\n  kubectl drift backtest --learn monday.jsonl --replay tuesday.jsonl --maturity elapsed:0s\n  \
zcat today.gz | kubectl drift backtest --learn monday.jsonl --replay - --policy policy.yaml -o json\n\n\
All of what is learned is known when judging begins, however long it took and however long ago it was: it \
counts as seen on the day of its container's first judged line, and is forgotten a window later if it is not seen again.\n\n\
Exit codes: 0 no drift, 1 drift, 2 misuse, 3 no drift, but not all could be judged. Where nobody reads to the end \
(`… | head`), what was judged until then tells.")]
pub struct Args {
    /// Recording that is learned and calibrates; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    learn: PathBuf,
    /// Recording that is judged; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    replay: PathBuf,
    /// A DriftPolicy or ClusterDriftPolicy (YAML or JSON); its selector is passed over. Left out: the defaults.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// When the baseline judges, instead of what the policy says: `elapsed:0s` at once, `elapsed:24h` after a day,
    /// `measured`.
    #[arg(long, value_name = "METHOD")]
    maturity: Option<MaturityArgument>,
    /// Stop at the first line that is no observation, instead of passing it over.
    #[arg(long)]
    strict: bool,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Output {
    /// What drifted, and the summary.
    Table,
    /// JSON Lines: one for each replayed line, then the summary.
    Json,
}

/// What was found so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Found {
    drift: bool,
    unjudged: bool,
}

impl Found {
    fn exit_code(self) -> ExitCode {
        match self {
            Self { drift: true, .. } => ExitCode::from(1),
            Self { unjudged: true, .. } => ExitCode::from(3),
            Self { .. } => ExitCode::SUCCESS,
        }
    }
}

/// Runs a back-test. Misuse is told on standard error.
pub fn run(args: &Args) -> ExitCode {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut found = Found::default();
    match carry_out(args, &mut out, &mut found).and_then(|()| out.flush().map_err(Into::into)) {
        Ok(()) => found.exit_code(),
        // Whoever reads has seen enough: `… | head` is no misuse.
        Err(error) if is_broken_pipe(&error) => found.exit_code(),
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

#[allow(clippy::print_stderr)] // what is for the person goes beside what is for a program
fn complain(message: &str) {
    eprintln!("{message}");
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let source = error.downcast_ref::<std::io::Error>();
    source.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Learns, judges and tells. What was found stands in `found`, also where writing fails half-way.
fn carry_out(args: &Args, out: &mut impl Write, found: &mut Found) -> anyhow::Result<()> {
    let standard = |path: &PathBuf| path.as_os_str() == "-";
    ensure!(
        !(standard(&args.learn) && standard(&args.replay)),
        "--learn and --replay can't both be standard input"
    );
    let policy = policy::read(args.policy.as_deref(), args.maturity)?;
    let mut bad = Bad::new(args.strict, complain);
    let mut learning = Learning::default();
    read(&args.learn, "learned", &mut bad, |_, observation| {
        learning.learn(observation);
        Ok(())
    })?;
    let mut backtest = learning.finish(policy);
    if args.output == Output::Table {
        render::heading(out)?;
    }
    read(&args.replay, "judged", &mut bad, |line, observation| {
        let judgement = backtest.judge(observation);
        found.drift |= judgement.verdict == Ruling::Drift;
        found.unjudged |= judgement.verdict == Ruling::Unjudged;
        tell(args.output, line, observation, &judgement, out)
    })?;
    conclude(args.output, &backtest.summary(), &bad, out)
}

fn tell(
    output: Output,
    line: u64,
    observation: &Observation,
    judgement: &Judgement,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    match output {
        Output::Table => render::row(out, line, observation, judgement)?,
        Output::Json => {
            let mut value = json!({ "line": line });
            let said = serde_json::to_value(judgement).context("a judgement can't be written")?;
            if let (Some(fields), serde_json::Value::Object(said)) = (value.as_object_mut(), said) {
                fields.extend(said);
            }
            writeln!(out, "{value}")?;
        }
    }
    Ok(())
}

fn conclude(output: Output, summary: &Summary, bad: &Bad, out: &mut impl Write) -> anyhow::Result<()> {
    match output {
        Output::Table => render::summary(out, summary, bad)?,
        Output::Json => {
            let mut value = serde_json::to_value(summary).context("the summary can't be written")?;
            value["bad_lines"] = bad.count().into();
            value["bad_line_numbers"] = bad.to_json();
            writeln!(out, "{}", json!({ "summary": value }))?;
        }
    }
    Ok(())
}

fn read(
    path: &std::path::Path,
    done: &'static str,
    bad: &mut Bad,
    mut take: impl FnMut(u64, &Observation) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let recording = Recording::open(path)?;
    let name = recording.name().to_owned();
    bad.begin(&name);
    let mut progress = Progress::new(done);
    for line in recording {
        let (number, line) = line.with_context(|| format!("{name} can't be read"))?;
        match line {
            Line::Observation(observation) => take(number, &observation)?,
            Line::Bad(reason) => bad.take(number, &reason)?,
        }
        progress.at(number);
    }
    bad.end();
    Ok(())
}
