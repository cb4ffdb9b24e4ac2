//! `kubectl drift explain [RULE]`: what a rule sees, without a cluster.

use anchorwatch_core::rules::{Explanation, Rule};
use anyhow::Context;
use clap::{ValueEnum, builder::PossibleValuesParser};

use crate::table::table;

/// Which rule, and in which form.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:\n  kubectl drift explain\n  kubectl drift explain exec-from-outside\n  kubectl drift explain new-destination -o yaml\n\n\
Exit codes: 0 done, 2 misuse.")]
pub struct Args {
    /// Id of the rule, as alerts name it. Left out: a table of all rules.
    #[arg(value_parser = PossibleValuesParser::new(Rule::ALL.map(Rule::id)))]
    rule: Option<String>,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON document: an object for one rule, a list for all.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Prints what is to be told.
pub fn run(args: &Args) -> anyhow::Result<()> {
    print!("{}", render(args)?);
    Ok(())
}

fn render(args: &Args) -> anyhow::Result<String> {
    let rule: Option<Rule> = args.rule.as_deref().map(str::parse).transpose()?;
    let one = rule.map(Rule::explanation);
    let all = || Rule::ALL.map(Rule::explanation);
    match (args.output, one) {
        (Output::Text, Some(rule)) => Ok(text(rule)),
        (Output::Text, None) => Ok(overview(&all())),
        (Output::Json, _) => {
            let json = match one {
                Some(rule) => serde_json::to_string_pretty(&rule),
                None => serde_json::to_string_pretty(&all()),
            };
            Ok(format!("{}\n", json.context("a rule can't be written")?))
        }
        (Output::Yaml, _) => match one {
            Some(rule) => serde_yaml::to_string(&rule),
            None => serde_yaml::to_string(&all()),
        }
        .context("a rule can't be written"),
    }
}

/// All rules, the gravest first.
fn overview(rules: &[Explanation]) -> String {
    let yes_or_no = |holds| if holds { "yes" } else { "no" }.to_owned();
    let rows: Vec<_> = rules
        .iter()
        .rev()
        .map(|rule| {
            vec![
                rule.rule.to_owned(),
                rule.severity.as_str().to_owned(),
                yes_or_no(rule.needs_baseline),
                yes_or_no(!rule.never_suppressed),
            ]
        })
        .collect();
    table(&["RULE", "SEVERITY", "NEEDS BASELINE", "SUPPRESSIBLE"], &rows)
}

/// Width of a paragraph, in characters.
const WIDTH: usize = 84;

fn text(rule: Explanation) -> String {
    let techniques: Vec<_> = rule
        .page
        .techniques
        .iter()
        .map(|technique| format!("{} {} ({})", technique.id, technique.name, technique.url()))
        .collect();
    let severity = format!("{}. {} {}", rule.severity.as_str(), rule.when(), rule.suppression());
    let mut lines = vec![rule.rule.to_owned()];
    for (title, paragraph) in [
        ("SEES", rule.page.sees),
        ("WHY", rule.page.why),
        ("EXAMPLE", rule.page.example),
        ("SEVERITY", &severity),
        ("TUNE", rule.page.tune),
    ] {
        lines.extend([String::new(), title.to_owned()]);
        lines.extend(wrapped(&paragraph.replace('`', "")));
    }
    if !techniques.is_empty() {
        lines.extend([String::new(), "MITRE ATT&CK".to_owned()]);
        lines.extend(techniques.iter().map(|technique| format!("  {technique}")));
    }
    lines.join("\n") + "\n"
}

/// A paragraph in lines of at most [`WIDTH`] characters, where words allow it, each behind two spaces.
fn wrapped(paragraph: &str) -> impl Iterator<Item = String> {
    let mut lines = vec![String::new()];
    for word in paragraph.split_whitespace() {
        let line = lines.last_mut().expect("at least one");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.into_iter().map(|line| format!("  {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn explained(words: &[&str]) -> String {
        let command = Command::try_parse_from(std::iter::once("explain").chain(words.iter().copied())).unwrap();
        render(&command.args).unwrap()
    }

    #[test]
    fn a_rule_is_explained_in_lines_that_fit_a_terminal() {
        let text = explained(&["exec-from-outside"]);
        assert!(text.starts_with("exec-from-outside\n\nSEES\n  A process"), "{text}");
        assert!(text.contains(
            "\nMITRE ATT&CK\n  T1609 Container Administration Command (https://attack.mitre.org/techniques/T1609/)\n"
        ));
        assert!(
            text.lines()
                .all(|line| line.chars().count() <= WIDTH + 2 || line.contains("https://")),
            "{text}"
        );
    }

    #[test]
    fn every_rule_is_in_the_table_and_in_the_list() {
        let (table, list) = (explained(&[]), explained(&["-o", "json"]));
        let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
        assert_eq!(list.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert!(table.contains(rule.id()), "{rule}");
            assert!(list.iter().any(|entry| entry["rule"] == rule.id()), "{rule}");
        }
        let yaml: serde_yaml::Value = serde_yaml::from_str(&explained(&["changed-hash", "-o", "yaml"])).unwrap();
        assert_eq!(yaml["severity"], "High");
        assert_eq!(yaml["needsBaseline"], true);
    }

    #[test]
    fn an_unknown_rule_is_misuse_that_names_the_nearest_ones() {
        let error = Command::try_parse_from(["explain", "exec-from-outsid"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("exec-from-outside"), "{error}");
    }

    #[test]
    fn a_shell_completes_the_ids() {
        let mut script = Vec::new();
        clap_complete::generate(
            clap_complete::Shell::Bash,
            &mut Command::command(),
            "explain",
            &mut script,
        );
        assert!(String::from_utf8(script).unwrap().contains("kernel-module-load"));
    }
}
