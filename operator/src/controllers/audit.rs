//! The audit: every chain of evidence is checked at the start and again and again, as `kubectl drift verify` does, from
//! what the API server holds and not from a cache.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    time::Duration,
};

use anchorwatch_core::{
    chain::{Break, ChainReport, Check, Document, Head, by_workload, verify},
    id::WorkloadKey,
};
use anchorwatch_crds::v1alpha1::RolloutRecord;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, ResourceExt,
    api::ListParams,
    core::{ApiResource, DynamicObject},
    runtime::events::{Event, EventType},
};
use serde_json::Value;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::context::Context;

const NAME: &str = "audit";
/// Records that are asked for at a time.
const PAGE: u32 = 500;
/// How long after a failure the audit is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// What an audit found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Findings {
    /// The first break of each chain that is broken.
    broken: BTreeMap<WorkloadKey, Break>,
    /// The break of the public keys, where they do not vouch for each other.
    keys: Option<Break>,
    /// Chains that are whole.
    whole: usize,
    /// Sealed records.
    sealed: usize,
}

/// Runs the audit for ever.
pub async fn run(context: &Context) {
    context.world.ready().await;
    let mut told = Findings::default();
    loop {
        let started = std::time::Instant::now();
        let result = audit(context).await;
        context.metrics.count_reconcile(NAME, result.is_ok(), started.elapsed());
        match result {
            Ok(findings) => {
                show(context, &findings);
                tell(context, &told, &findings).await;
                told = findings;
                sleep(context.verify_every).await;
            }
            Err(error) => {
                warn!(error = &error as &dyn Error, "the evidence can't be checked now");
                sleep(RETRY).await;
            }
        }
    }
}

async fn audit(context: &Context) -> kube::Result<Findings> {
    // Before anything is listed: what is written meanwhile is in the list or not, what was written before has to be.
    let kept = context.heads.all();
    let mut findings = Findings {
        keys: context.world.signing.check_ring().err(),
        ..Findings::default()
    };
    for namespace in namespaces(context, &kept) {
        let mut chains = by_workload(documents(context, &namespace).await?);
        for workload in kept.keys().filter(|workload| workload.namespace == namespace) {
            // A chain of which nothing is left is broken, too.
            chains.entry(workload.clone()).or_default();
        }
        for (workload, documents) in chains {
            let head = kept.get(&workload);
            let report = verify(
                &workload,
                &documents,
                context.world.signing.ring(),
                head.map(|head| &head.hash),
            );
            take(context, &mut findings, report, head);
        }
    }
    Ok(findings)
}

fn take(context: &Context, findings: &mut Findings, report: ChainReport, kept: Option<&Head>) {
    let ChainReport {
        workload,
        sealed,
        unsealed: _,
        pruned_through: _,
        head,
        broken,
    } = report;
    findings.sealed += sealed;
    match broken {
        // Pruned altogether while this went on.
        Some(broken) if broken.check == Check::Head && !context.heads.all().contains_key(&workload) => {}
        Some(broken) => {
            findings.broken.insert(workload, broken);
        }
        None => {
            findings.whole += usize::from(sealed > 0);
            if let Some(head) = head.filter(|head| kept.is_none_or(|kept| kept.sequence < head.sequence)) {
                context.heads.remember(&workload, &head);
            }
        }
    }
}

/// Namespaces that have records, or had some.
fn namespaces(context: &Context, kept: &BTreeMap<WorkloadKey, Head>) -> BTreeSet<String> {
    let cached = context.world.records.state();
    let cached = cached
        .iter()
        .filter_map(|record| kube::Resource::meta(record.as_ref()).namespace.clone());
    cached
        .chain(kept.keys().map(|workload| workload.namespace.clone()))
        .collect()
}

/// The records of a namespace as they are stored.
async fn documents(context: &Context, namespace: &str) -> kube::Result<Vec<Document>> {
    let resource = ApiResource::erase::<RolloutRecord>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(context.client.clone(), namespace, &resource);
    let mut documents = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await?;
        documents.extend(list.items.into_iter().filter_map(|mut object| {
            let spec = object.data.get_mut("spec").map(Value::take)?;
            Document::new(namespace, object.name_any(), spec).ok()
        }));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(documents),
        }
    }
}

fn show(context: &Context, findings: &Findings) {
    let metrics = &context.metrics.evidence;
    let breaks = findings.broken.values().chain(&findings.keys);
    metrics.show_breaks(breaks.map(|broken| broken.check));
    metrics.show_chains(findings.whole, findings.sealed);
    metrics.show_heads(&context.heads);
    metrics.verified.set(crate::clock::now().as_second());
}

/// Tells of what was not told before.
async fn tell(context: &Context, told: &Findings, findings: &Findings) {
    if let Some(keys) = findings.keys.as_ref().filter(|_| told.keys != findings.keys) {
        error!(
            check = keys.check.name(),
            reason = keys.what,
            "the keys of the evidence are not whole"
        );
    }
    for (workload, broken) in &findings.broken {
        if told.broken.get(workload) == Some(broken) {
            continue;
        }
        error!(
            namespace = workload.namespace,
            name = broken.record.as_deref().unwrap_or_default(),
            workload = %workload,
            check = broken.check.name(),
            reason = broken.what,
            "a chain of evidence is broken"
        );
        let event = Event {
            type_: EventType::Warning,
            reason: "EvidenceBroken".into(),
            note: Some(format!(
                "{}: {}; see kubectl drift verify",
                broken.what,
                broken.check.meaning()
            )),
            action: "Verify".into(),
            secondary: None,
        };
        let about = ObjectReference {
            api_version: Some("anchorwatch.dev/v1alpha1".into()),
            kind: Some("RolloutRecord".into()),
            namespace: Some(workload.namespace.clone()),
            name: Some(broken.record.clone().unwrap_or_else(|| workload.name.clone())),
            ..ObjectReference::default()
        };
        context.publish(&event, &about).await;
    }
    info!(
        chains = findings.whole,
        records = findings.sealed,
        broken = findings.broken.len(),
        heads = %context.heads.digest(),
        "the evidence was checked"
    );
}

#[cfg(test)]
mod tests {
    use anchorwatch_core::chain::Signer;
    use serde_json::json;

    use super::*;
    use crate::testkit::{HandMade, api_server, put};

    fn workload() -> WorkloadKey {
        WorkloadKey::new("shop", "Deployment", "agent")
    }

    /// A chain of so many records, as the API server lists it.
    fn chain(length: u64, signer: &Signer) -> Vec<Value> {
        let mut head = None;
        let records = (1..=length).map(|revision| {
            let spec = json!({
                "workload": {"kind": "Deployment", "name": "agent"}, "workloadUid": "d1", "revision": revision,
                "templateHash": "5d", "containers": [], "witness": "agent-5d-x",
                "startedAt": "2026-01-01T00:00:00Z", "recordedAt": "2026-01-01T00:00:00Z",
            });
            let name = format!("deployment-agent-{revision}");
            let (sealed, next) = Document::new("shop", &name, spec)
                .unwrap()
                .seal(head.as_ref(), signer)
                .unwrap();
            head = Some(next);
            json!({
                "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutRecord",
                "metadata": {"namespace": "shop", "name": name}, "spec": sealed.into_spec(),
            })
        });
        records.collect()
    }

    /// What an audit finds where the API server lists these, after those were known.
    async fn audited(known: &[Value], listed: Vec<Value>) -> (HandMade, Findings) {
        let mut made = HandMade::new();
        for record in known {
            put(&mut made.feeds.records, record.clone());
        }
        let listed = std::sync::Mutex::new(vec![listed, known.to_vec()]);
        let (client, _) = api_server(move |_| {
            let items = listed.lock().unwrap().pop().unwrap_or_default();
            let list = json!({"apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutRecordList", "metadata": {}, "items": items});
            (200, list)
        });
        let context = made.context(client);
        audit(&context).await.unwrap();
        let findings = audit(&context).await.unwrap();
        show(&context, &findings);
        (made, findings)
    }

    fn signer() -> Signer {
        crate::signing::signing().signer().clone()
    }

    fn encoded(made: &HandMade) -> String {
        String::from_utf8(made.metrics.encode().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn chains_that_are_whole_are_counted() {
        let records = chain(3, &signer());
        let (made, findings) = audited(&records, records.clone()).await;
        assert_eq!((findings.whole, findings.sealed, findings.broken.len()), (1, 3, 0));
        let text = encoded(&made);
        assert!(text.contains("anchorwatch_operator_evidence_records 3"), "{text}");
        assert!(
            text.contains(r#"anchorwatch_operator_evidence_breaks{check="gap"} 0"#),
            "{text}"
        );
    }

    #[tokio::test]
    async fn what_was_cut_off_while_the_operator_runs_is_found() {
        let records = chain(3, &signer());
        let (made, findings) = audited(&records, records[..2].to_vec()).await;
        assert_eq!(findings.broken[&workload()].check, Check::Head);
        let text = encoded(&made);
        assert!(
            text.contains(r#"anchorwatch_operator_evidence_breaks{check="head"} 1"#),
            "{text}"
        );
        let (_, findings) = audited(&records, Vec::new()).await;
        assert_eq!(findings.broken[&workload()].check, Check::Head, "nothing is left");
    }

    #[tokio::test]
    async fn what_was_taken_out_or_signed_by_another_is_found() {
        let records = chain(3, &signer());
        let gap = vec![records[0].clone(), records[2].clone()];
        assert_eq!(audited(&records, gap).await.1.broken[&workload()].check, Check::Gap);
        let forged = chain(3, &Signer::from_seed(&[9; 32]));
        assert_eq!(audited(&records, forged).await.1.broken[&workload()].check, Check::Key);
    }
}
