//! `kubectl drift report`: can normal be told yet, and what would alerting say?

mod coverage;
mod days;
mod fetch;
mod findings;
mod html;
mod lineage;
mod markdown;
mod model;
mod rate;
mod recommend;
#[cfg(test)]
mod tests;

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};

use crate::connect::Connection;
use model::Report;

/// Of whom, since when, and in which form.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Answers for each workload whether alerting can be switched on: how mature its baseline is, what was raised and how often, what \
makes the noise, how much of the time was watched, and the commands that accept what is fine.\n\nThe HTML page is one file \
without scripts, to be mailed or printed.\n\n\
Examples:\n  kubectl drift report -n shop\n  kubectl drift report -n shop --since 14d -o html > report.html\n  \
kubectl drift report -A --since 24h -o json\n\n\
Exit codes: 0 done, 1 failed, 2 misuse.")]
pub struct Args {
    /// Workloads of every namespace.
    #[arg(long, short = 'A')]
    all_namespaces: bool,
    /// How far it looks back: days (`7d`), hours (`24h`) or weeks (`2w`); at most 42 days.
    #[arg(long, value_name = "PERIOD", default_value = "7d", value_parser = period)]
    since: SignedDuration,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Markdown)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Output {
    /// One page that needs nothing else.
    Html,
    /// Text that reads well as it is, too.
    Markdown,
    /// One document.
    Json,
}

/// Longest period: hours are remembered for so many days.
const LONGEST_DAYS: i64 = 42;

fn period(text: &str) -> Result<SignedDuration, String> {
    let misuse = || format!("{text:?} is no period such as 7d, 24h or 2w, of at most {LONGEST_DAYS} days");
    let unit = text.chars().last().ok_or_else(misuse)?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| misuse())?;
    let hours = match unit {
        'h' => Some(1),
        'd' => Some(24),
        'w' => Some(7 * 24),
        _ => None,
    };
    let hours = hours
        .and_then(|hours: i64| hours.checked_mul(number))
        .ok_or_else(misuse)?;
    if !(1..=LONGEST_DAYS * 24).contains(&hours) {
        return Err(misuse());
    }
    Ok(SignedDuration::from_hours(hours))
}

/// Prints the report.
pub async fn run(connection: &Connection, args: &Args) -> anyhow::Result<()> {
    let (client, namespace) = connection.open().await?;
    let namespace = (!args.all_namespaces).then_some(namespace);
    let facts = fetch::facts(&client, namespace.as_deref()).await?;
    let report = Report::of(&facts, namespace.as_deref(), args.since, Timestamp::now());
    match args.output {
        Output::Html => print!("{}", html::page(&report)),
        Output::Markdown => print!("{}", markdown::text(&report)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(())
}
