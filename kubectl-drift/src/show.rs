//! `kubectl drift show ALERT`.

mod details;

use std::fmt::Write as _;

use anchorwatch_crds::v1alpha1::{DecisionOutcome, DriftAlert, DriftAlertStatus, Finding, FindingDecision};
use anyhow::Context;
use kube::{Api, ResourceExt};

use crate::{connect::Connection, paint::Paint, text::safe};
use details::details;

/// Which alert.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:\n  kubectl drift show deployment-agent-4f0c9d1e -n shop\n\n\
Exit codes: 0 done, 1 failed, 2 misuse.")]
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
    print!("{}", render(&alert, Paint::of_output()));
    Ok(())
}

fn render(alert: &DriftAlert, paint: Paint) -> String {
    let status = alert.status.clone().unwrap_or_default();
    let mut text = header(&alert.name_any(), &status, paint);
    for finding in &status.findings {
        text.push('\n');
        text.push_str(&render_finding(finding, paint));
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

fn header(name: &str, status: &DriftAlertStatus, paint: Paint) -> String {
    let mut text = String::new();
    line(
        &mut text,
        &format!("{name}: {}, {}", of(paint, &status.severity), of(paint, &status.state)),
    );
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

/// A severity or a state, in its colour.
fn of(paint: Paint, word: &impl std::fmt::Debug) -> String {
    paint.word(&format!("{word:?}"))
}

fn render_finding(finding: &Finding, paint: Paint) -> String {
    let mut text = String::new();
    line(
        &mut text,
        &format!(
            "{} ({}, {})",
            safe(&finding.summary),
            of(paint, &finding.severity),
            of(paint, &finding.state)
        ),
    );
    line(&mut text, &format!("  finding    {}", safe(&finding.id)));
    line(&mut text, &format!("  rule       {}", finding.rule));
    line(
        &mut text,
        &format!("  severity   {}", safe(&finding.severity_terms.join(", "))),
    );
    for (name, value) in details(finding) {
        line(&mut text, &format!("  {name:<10} {}", safe(&value)));
    }
    if finding.snapshot {
        line(
            &mut text,
            "  snapshot   found when the sensor started, not seen to happen",
        );
    }
    line(&mut text, "  lineage");
    if finding.lineage.is_empty() {
        line(&mut text, "    (of the container as a whole)");
    }
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
    for (name, value) in decisions(finding) {
        line(&mut text, &format!("  {name:<10} {}", safe(&value)));
    }
    text
}

/// What people decided about a finding, and what became of it without them.
fn decisions(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(decided) = &finding.decision {
        let FindingDecision {
            decision,
            decided_by,
            decided_at,
            outcome,
            message,
        } = decided;
        let outcome = match outcome {
            DecisionOutcome::Done => String::new(),
            DecisionOutcome::Pending => format!(": awaits that {message}"),
            DecisionOutcome::Refused => format!(": refused, {message}"),
        };
        let at = decided_at.0;
        lines.push(("decision", format!("{decision:?} by {decided_by} at {at}{outcome}")));
    }
    lines.extend(finding.resolution.clone().map(|why| ("resolved", why)));
    lines.extend(
        finding
            .recurs
            .clone()
            .map(|alert| ("before", format!("closed in {alert}, and seen again"))),
    );
    lines
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
        let text = render(&alert, Paint::NEVER);
        assert!(
            text.contains("    /usr/bin/python3\n    └─ /usr/bin/bash\n       └─ /usr/bin/id\n"),
            "{text}"
        );
    }

    fn shown(feed: &str, rest: serde_json::Value) -> String {
        let mut finding = serde_json::json!({
            "id": "00", "rule": "new-destination", "feed": feed, "summary": "s", "severity": "Medium",
            "state": "Open", "lineage": ["/usr/bin/curl"], "count": 1, "pods": 1,
            "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z"
        });
        if let (Some(fields), serde_json::Value::Object(rest)) = (finding.as_object_mut(), rest) {
            fields.extend(rest);
        }
        render_finding(&serde_json::from_value(finding).unwrap(), Paint::NEVER)
    }

    #[test]
    fn a_decision_is_shown_with_whose_it_is_and_what_came_of_it() {
        let process = serde_json::json!({"origin": "entrypoint", "executable": "/usr/bin/curl", "source": "image"});
        let decision = serde_json::json!({
            "decision": "Accept", "decidedBy": "alice", "decidedAt": "2026-01-02T00:00:00Z", "outcome": "Refused",
            "message": "it is denied"
        });
        let text = shown(
            "process",
            serde_json::json!({"process": process, "decision": decision, "recurs": "deployment-agent-1"}),
        );
        for line in [
            "  finding    00\n",
            "  decision   Accept by alice at 2026-01-02T00:00:00Z: refused, it is denied\n",
            "  before     closed in deployment-agent-1, and seen again\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn what_nobody_saw_happen_says_so() {
        let process = serde_json::json!({"origin": "entrypoint", "executable": "/usr/bin/curl", "source": "image"});
        let found = shown("process", serde_json::json!({"process": process, "snapshot": true}));
        assert!(
            found.contains("  snapshot   found when the sensor started, not seen to happen\n"),
            "{found}"
        );
        let seen = shown("process", serde_json::json!({"process": process}));
        assert!(!seen.contains("snapshot"), "{seen}");
    }

    #[test]
    fn a_process_is_shown_with_what_it_gained_and_what_it_is_attached_to() {
        let text = shown(
            "process",
            serde_json::json!({
                "process": {
                    "origin": "entrypoint", "executable": "/usr/bin/su", "source": "image", "stdinSocket": true,
                    "stdoutSocket": true
                },
                "attributes": {
                    "uids": [33], "effectiveUids": [0], "setuid": true, "gained": ["SETUID", "SYS_ADMIN\u{1b}[2J"],
                    "terminal": true
                }
            }),
        );
        for line in [
            "  user       33 (effective 0)\n",
            "  setuid     a mark of the file gave it another user or group\n",
            "  gained     SETUID, SYS_ADMIN\\u{1b}[2J\n",
            "  terminal   attached\n",
            "  socket     standard input and output\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn an_unusual_command_is_shown_with_what_makes_it_strange() {
        let text = shown(
            "process",
            serde_json::json!({
                "process": {
                    "origin": "entrypoint", "executable": "/usr/bin/bash", "source": "image",
                    "command": "bash -c 'nc -e sh'"
                },
                "score": {
                    "pMillionths": 1234, "noveltyThousandths": 17050, "scorable": true, "strange": ["nc", "-e\u{1b}[2J"],
                    "capabilities": ["opens a socket"],
                    "nearest": [{"command": "ls -l", "similarityHundredths": 4}]
                }
            }),
        );
        for line in [
            "  command    bash -c 'nc -e sh'\n",
            "  unusual    0.1234 % of normal commands are as strange (novelty 17.050)\n",
            "  can        opens a socket\n",
            "  strange    nc, -e\\u{1b}[2J\n",
            "  nearest    4 % alike: ls -l\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn a_flow_is_shown_with_what_it_reached_and_no_escape_sequence() {
        let text = shown(
            "network",
            serde_json::json!({
                "network": {
                    "origin": "entrypoint", "executable": "/usr/bin/curl", "direction": "connect", "protocol": "tcp",
                    "port": 443, "destination": {"name": "api.example.org\u{1b}[2J", "network": "203.0.0.0/16"}
                },
                "attributes": {"addresses": ["203.0.113.7"], "bytesSent": 70_000_000}
            }),
        );
        for line in [
            "  flow       connect tcp port 443\n",
            "  to         api.example.org\\u{1b}[2J, network 203.0.0.0/16\n",
            "  addresses  203.0.113.7\n",
            "  sent       70000000 bytes in one connection, at most\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn a_library_is_shown_with_its_hash_and_where_it_comes_from() {
        let hash = "a".repeat(64);
        let text = shown(
            "module",
            serde_json::json!({
                "module": {
                    "origin": "entrypoint", "kind": "library", "path": "/data/x.so", "sha256": hash,
                    "source": "upper-new", "executable": "/usr/bin/python3"
                },
                "attributes": {"buildId": "beef"}
            }),
        );
        for line in [
            "  file       /data/x.so\n",
            &format!("  sha256     {hash}\n"),
            "  from       upper-new\n",
            "  build id   beef\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
