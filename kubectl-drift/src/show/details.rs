//! The facts of a finding, a line each.

use anchorwatch_crds::v1alpha1::{Finding, NetworkDestination};

/// What a finding says beside its sentence and its lineage.
pub(super) fn details(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut details = Vec::new();
    if let Some(network) = &finding.behavior.network {
        let port = match network.port {
            0 => String::new(),
            port => format!(" port {port}"),
        };
        let flow = format!("{:?} {:?}{port}", network.direction, network.protocol).to_lowercase();
        details.push(("flow", flow));
        details.extend(network.destination.as_ref().map(|to| ("to", destination(to))));
    }
    if let Some(module) = &finding.behavior.module {
        details.push(("file", module.path.clone()));
        let hash = module.sha256.clone();
        details.push(("sha256", hash.unwrap_or_else(|| "could not be read".into())));
        let source = serde_json::to_value(module.source).ok();
        let source = source.and_then(|source| source.as_str().map(str::to_owned));
        details.extend(source.map(|source| ("from", source)));
    }
    let attributes = &finding.attributes;
    details.extend(process_facts(finding));
    details.extend(score(finding));
    if !attributes.addresses.is_empty() {
        details.push(("addresses", attributes.addresses.join(", ")));
    }
    if attributes.bytes_sent > 0 {
        details.push((
            "sent",
            format!("{} bytes in one connection, at most", attributes.bytes_sent),
        ));
    }
    details.extend(attributes.build_id.clone().map(|id| ("build id", id)));
    details.extend(attributes.commands.iter().cloned().map(|command| ("command", command)));
    details
}

/// Why a command is unusual.
fn score(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let process = finding.behavior.process.as_ref();
    let command = process.and_then(|process| process.command.clone());
    facts.extend(command.map(|command| ("command", command)));
    let Some(score) = &finding.score else {
        return facts;
    };
    let little = if score.scorable {
        ""
    } else {
        "; too little was learned to tell more"
    };
    let parts = |number: i64, per: i64, digits: usize| format!("{}.{:0digits$}", number / per, number % per);
    facts.push((
        "unusual",
        format!(
            "{} % of normal commands are as strange (novelty {}){little}",
            parts(score.p_millionths, 10_000, 4),
            parts(score.novelty_thousandths, 1_000, 3)
        ),
    ));
    if score.together > 0 {
        let together = format!("with {} new commands of its lineage within an hour", score.together);
        facts.push(("together", together));
    }
    for (name, words) in [("can", &score.capabilities), ("strange", &score.strange)] {
        if !words.is_empty() {
            facts.push((name, words.join(", ")));
        }
    }
    for near in &score.nearest {
        facts.push((
            "nearest",
            format!("{} % alike: {}", near.similarity_hundredths, near.command),
        ));
    }
    facts
}

/// As whom a process ran, what that gave it, and what it was attached to.
fn process_facts(finding: &Finding) -> Vec<(&'static str, String)> {
    let attributes = &finding.attributes;
    let mut facts = Vec::new();
    let ids = |uids: &[i64]| uids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    if !attributes.uids.is_empty() {
        let effective = match &attributes.effective_uids[..] {
            [] => String::new(),
            uids => format!(" (effective {})", ids(uids)),
        };
        facts.push(("user", ids(&attributes.uids) + &effective));
    }
    if attributes.setuid {
        facts.push(("setuid", "a mark of the file gave it another user or group".to_owned()));
    }
    if !attributes.gained.is_empty() {
        facts.push(("gained", attributes.gained.join(", ")));
    }
    if attributes.terminal {
        facts.push(("terminal", "attached".to_owned()));
    }
    if let Some(process) = &finding.behavior.process {
        match (process.stdin_socket, process.stdout_socket) {
            (false, false) => {}
            (true, false) => facts.push(("socket", "standard input".to_owned())),
            (false, true) => facts.push(("socket", "standard output".to_owned())),
            (true, true) => facts.push(("socket", "standard input and output".to_owned())),
        }
    }
    facts
}

fn destination(to: &NetworkDestination) -> String {
    let NetworkDestination {
        service,
        workload,
        name,
        network,
        group,
        volume: _,
        many,
    } = to;
    let parts = [
        service.as_ref().map(|service| format!("Service {service}")),
        workload.as_ref().map(|workload| format!("workload {workload}")),
        name.clone(),
        network.as_ref().map(|network| format!("network {network}")),
        group.as_ref().map(|group| format!("group {group}")),
        many.map(|many| format!("{} new destinations within an hour", many.count)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
