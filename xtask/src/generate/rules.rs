//! The reference of the rules, from the texts that stand beside each rule in core.

use std::fmt::Write as _;

use anchorwatch_core::rules::{Explanation, Rule};

const HEAD: &str = "\
<!-- Written by `cargo xtask generate` from core/src/rules. Do not edit. -->

# Rules

Each finding names the rule that raised it. Ids are stable: alerts, policies and searches may rely on them. \
`kubectl drift explain RULE` prints the same text.

What a finding weighs begins with its rule's severity; every term that is added to it is printed in the finding \
(`severityTerms`). Denying and accepting, by a BehaviorApproval or in an alert's `spec.dispositions`, goes before all \
other ways to tune a rule, because it says who decided, and why.

Techniques have their ids and names of MITRE ATT&CK 18.1 (Enterprise); later versions may have moved some.

| rule | severity | needs a baseline | may be suppressed |
|---|---|---|---|
";

/// The page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    // The gravest first: it gives a finding its name where several fire.
    let explained: Vec<Explanation> = Rule::ALL.into_iter().rev().map(Rule::explanation).collect();
    for rule in &explained {
        line(
            &mut page,
            &format!(
                "| [`{id}`](#{id}) | {} | {} | {} |",
                rule.severity.as_str(),
                yes_or_no(rule.needs_baseline),
                yes_or_no(!rule.never_suppressed),
                id = rule.rule,
            ),
        );
    }
    for rule in explained {
        section(&mut page, rule);
    }
    page
}

fn section(page: &mut String, rule: Explanation) {
    let Explanation {
        rule: id,
        severity,
        page: text,
        ..
    } = rule;
    line(
        page,
        &format!(
            "\n## {id}\n\n**{}.** {} {}\n",
            severity.as_str(),
            rule.when(),
            rule.suppression()
        ),
    );
    line(page, &format!("{}\n\n{}\n", text.sees, text.why));
    line(page, &format!("- *Example:* {}", text.example));
    line(page, &format!("- *To tune it:* {}", text.tune));
    let techniques: Vec<_> = text
        .techniques
        .iter()
        .map(|technique| format!("[{} {}]({})", technique.id, technique.name, technique.url()))
        .collect();
    match techniques.as_slice() {
        [] => line(page, "- *MITRE ATT&CK:* depends on what the policy says"),
        techniques => line(page, &format!("- *MITRE ATT&CK:* {}", techniques.join(", "))),
    }
}

const fn yes_or_no(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("writing to a String can't fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_a_section_with_all_that_is_to_be_told() {
        let page = page();
        for rule in Rule::ALL {
            let sections = page.matches(&format!("\n## {rule}\n")).count();
            assert_eq!(sections, 1, "{rule}");
            let text = rule.explanation().page;
            for part in [text.sees, text.why, text.example, text.tune] {
                assert!(page.contains(part), "{rule}: {part}");
                assert!(part.len() > 20 && !part.contains("  "), "{rule}: {part:?}");
            }
            let (_, section) = page.split_once(&format!("\n## {rule}\n")).unwrap();
            let section = section.split("\n## ").next().unwrap();
            let (_, techniques) = section.split_once("- *MITRE ATT&CK:* ").unwrap();
            for technique in text.techniques {
                let named = format!(
                    "[{} {}](https://attack.mitre.org/techniques/",
                    technique.id, technique.name
                );
                assert!(techniques.contains(&named), "{rule}: {techniques}");
            }
            // What a policy denies may be anything.
            let is_of_any = rule == Rule::DeniedBehaviour;
            assert_eq!(text.techniques.is_empty(), is_of_any, "{rule}");
        }
    }

    #[test]
    fn admission_has_those_decided_one_by_one_that_can_never_be_suppressed() {
        let chart = crate::paths::repository().join("charts/anchorwatch/templates/admission-evidence.yaml");
        let chart = std::fs::read_to_string(chart).unwrap();
        let (_, list) = chart.split_once("finding.rule in [").unwrap();
        let (list, _) = list.split_once(']').unwrap();
        let named: BTreeSet<&str> = list.split(',').map(|id| id.trim().trim_matches('\'')).collect();
        let grave = Rule::ALL.into_iter().filter(|rule| rule.never_suppressed());
        assert_eq!(named, grave.map(Rule::id).collect());
    }
}
