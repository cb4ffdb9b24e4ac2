//! `kubectl drift show ALERT`.

use std::fmt::Write as _;

use anchorwatch_crds::v1alpha1::{DriftAlert, DriftAlertStatus, Finding};
use anyhow::Context;
use kube::{Api, ResourceExt};

use crate::{connect::Connection, text::safe};

/// Which alert.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the DriftAlert, as `kubectl drift list` prints it.
    alert: String,
}

/// Shows one alert in full.
pub async fn run(connection: &Connection, args: &Args) -> anyhow::Result<()> {
    let (client, namespace) = connection.open().await?;
    let name = args.alert.trim_start_matches("driftalert/");
    let alert = Api::<DriftAlert>::namespaced(client, &namespace)
        .get_opt(name)
        .await?
        .with_context(|| {
            format!("namespace {namespace} has no DriftAlert {name:?}: `kubectl drift list -A` lists all of them")
        })?;
    print!("{}", render(&alert));
    Ok(())
}

fn render(alert: &DriftAlert) -> String {
    let status = alert.status.clone().unwrap_or_default();
    let mut text = header(&alert.name_any(), &status);
    for finding in &status.findings {
        text.push('\n');
        text.push_str(&render_finding(finding));
    }
    for loss in &status.evidence {
        line(
            &mut text,
            &format!(
                "! {} events of the {:?} feed were lost: {}",
                loss.count,
                loss.feed,
                safe(&loss.reason)
            ),
        );
    }
    text
}

fn header(name: &str, status: &DriftAlertStatus) -> String {
    let mut text = String::new();
    line(&mut text, &format!("{name}: {:?}, {:?}", status.severity, status.state));
    line(
        &mut text,
        &format!(
            "  workload   {}, container {}",
            safe(&status.workload_name),
            safe(&status.container)
        ),
    );
    line(
        &mut text,
        &format!("  seen       {} times in {} pods", status.count, status.pods),
    );
    if !status.policy.is_empty() {
        line(&mut text, &format!("  policy     {}", safe(&status.policy)));
    }
    text
}

fn render_finding(finding: &Finding) -> String {
    let mut text = String::new();
    line(
        &mut text,
        &format!(
            "{} ({:?}, {:?})",
            safe(&finding.summary),
            finding.severity,
            finding.state
        ),
    );
    line(&mut text, &format!("  rule       {}", finding.rule));
    line(
        &mut text,
        &format!("  severity   {}", safe(&finding.severity_terms.join(", "))),
    );
    line(&mut text, "  lineage");
    for (depth, executable) in finding.lineage.iter().enumerate() {
        let branch = if depth == 0 {
            String::new()
        } else {
            format!("{}└─ ", "   ".repeat(depth - 1))
        };
        line(&mut text, &format!("    {branch}{}", safe(executable)));
    }
    for pod in &finding.shown_by {
        let digest = pod.digest.as_deref().unwrap_or("digest not known");
        line(
            &mut text,
            &format!(
                "  pod        {} on {} ({})",
                safe(&pod.pod),
                safe(&pod.node),
                safe(digest)
            ),
        );
    }
    if let Some(rollout) = &finding.rollout {
        line(
            &mut text,
            &format!("  rollout    {:?}: {}", rollout.verdict, safe(&rollout.reason)),
        );
    }
    text
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "{content}").expect("writing to a String can't fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_crds::v1alpha1::{DriftAlertSpec, Severity};

    #[test]
    fn a_lineage_is_drawn_as_a_tree() {
        let finding = serde_json::json!({
            "id": "00", "rule": "process-outside-baseline", "feed": "process", "summary": "bash", "severity": "Medium",
            "state": "Open", "lineage": ["/usr/bin/python3", "/usr/bin/bash", "/usr/bin/id"], "count": 1, "pods": 1,
            "process": {"origin": "entrypoint", "executable": "/usr/bin/id", "source": "image"},
            "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z"
        });
        let mut alert = DriftAlert::new("deployment-agent-1", DriftAlertSpec::default());
        alert.status = Some(DriftAlertStatus {
            severity: Severity::Medium,
            findings: vec![serde_json::from_value(finding).unwrap()],
            ..DriftAlertStatus::default()
        });
        let text = render(&alert);
        assert!(
            text.contains("    /usr/bin/python3\n    └─ /usr/bin/bash\n       └─ /usr/bin/id\n"),
            "{text}"
        );
    }
}
