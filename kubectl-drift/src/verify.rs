//! `kubectl drift verify`: whether the evidence of rollouts is what the operator wrote.

mod render;

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

use anchorwatch_core::{
    chain::{Break, ChainReport, Document, KeyId, KeyRing, RecordHash, by_workload, verify},
    id::WorkloadKey,
};
use anchorwatch_crds::v1alpha1::RolloutRecord;
use anyhow::{Context, bail};
use clap::ValueEnum;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt,
    api::ListParams,
    core::{ApiResource, DynamicObject},
};
use serde::Serialize;
use serde_json::Value;

use crate::connect::Connection;

/// Exit code where something is broken.
const BROKEN: u8 = 3;
/// Records that are asked for at a time.
const PAGE: u32 = 500;
/// Under which key of the ConfigMap the public keys are.
const KEYS: &str = "keys.json";

/// What to check, and by what.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Checks the chain of RolloutRecords of each workload: that every record says what was signed, that none is missing, \
and that they are in order. What it can't see from the records alone is that the last of a chain are missing: give it a \
head that you kept outside (--head), as the operator logs one with each record.\n\nExit codes: 0 whole, 1 could not be \
checked, 2 misuse, 3 broken.\n\nExamples:\n  kubectl drift verify -A\n  kubectl drift verify -n shop\n  kubectl drift verify \
deployment/agent -n shop [--head HASH]"
)]
pub struct Args {
    /// Workload, as `kind/name`; all of the namespace by default.
    workload: Option<String>,
    /// Every namespace.
    #[arg(long, short = 'A', conflicts_with = "workload")]
    all_namespaces: bool,
    /// Hash of a record that was the chain's head once: it has to be in the chain still.
    #[arg(long, requires = "workload")]
    head: Option<RecordHash>,
    /// ConfigMap of the public keys, as `namespace/name`.
    #[arg(
        long,
        default_value = "anchorwatch-system/anchorwatch-public-keys",
        conflicts_with = "keys"
    )]
    keys_from: String,
    /// File of public keys that was kept outside the cluster, in the form of the ConfigMap's keys.json.
    #[arg(long)]
    keys: Option<PathBuf>,
    /// Id of a key that you trust, as the operator logged it at its first start. May be given several times. Without it,
    /// the first of the public keys is trusted.
    #[arg(long = "trust-key")]
    trusted: Vec<KeyId>,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// All that was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// Whether nothing is broken.
    whole: bool,
    /// The first public key: the one that the others follow from.
    first_key: Option<KeyId>,
    /// What is wrong with the public keys.
    keys: Option<Explained>,
    /// One hash over the heads of all chains that were checked.
    heads: RecordHash,
    /// The chains.
    chains: Vec<Chain>,
}

/// A chain, and what its break means.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Chain {
    #[serde(flatten)]
    report: ChainReport,
    explanation: Option<Explained>,
}

/// A break in words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    what: String,
    meaning: &'static str,
    advice: &'static str,
}

impl Explained {
    fn new(broken: &Break) -> Self {
        Self {
            what: broken.what.clone(),
            meaning: broken.check.meaning(),
            advice: broken.check.advice(),
        }
    }
}

/// Checks, prints, and says by the exit code what was found.
pub async fn run(connection: &Connection, args: &Args) -> anyhow::Result<ExitCode> {
    let (client, namespace) = connection.open().await?;
    let ring = ring(&client, args).await?;
    let namespace = (!args.all_namespaces).then_some(namespace);
    let documents = documents(&client, namespace.as_deref()).await?;
    let report = check(&ring, documents, args, namespace.as_deref().unwrap_or_default())?;
    match args.output {
        Output::Text => print!("{}", render::text(&report)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(if report.whole { ExitCode::SUCCESS } else { BROKEN.into() })
}

/// The public keys.
async fn ring(client: &Client, args: &Args) -> anyhow::Result<KeyRing> {
    let (text, whence) = if let Some(path) = &args.keys {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
        (text, path.display().to_string())
    } else {
        let Some((namespace, name)) = args.keys_from.split_once('/') else {
            bail!("--keys-from is {:?}: expected namespace/name", args.keys_from);
        };
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        let found = api.get_opt(name).await.context("the public keys can't be read")?;
        let text = found.and_then(|found| found.data?.remove(KEYS)).with_context(|| {
            format!(
                "namespace {namespace} has no ConfigMap {name} with {KEYS}: name the operator's by --keys-from, or a file by --keys"
            )
        })?;
        (text, format!("ConfigMap {}", args.keys_from))
    };
    serde_json::from_str(&text).with_context(|| format!("{whence} holds no list of public keys"))
}

/// The records of a namespace, or of all, as they are stored: what this version does not know of them counts, too.
async fn documents(client: &Client, namespace: Option<&str>) -> anyhow::Result<Vec<Document>> {
    let resource = ApiResource::erase::<RolloutRecord>(&());
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let mut documents = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await.context("records can't be listed")?;
        for mut object in list.items {
            let spec = object.data.get_mut("spec").map(Value::take).unwrap_or_default();
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            let document = Document::new(&namespace, &name, spec);
            documents.push(document.with_context(|| format!("RolloutRecord {namespace}/{name} can't be read"))?);
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(documents),
        }
    }
}

fn check(ring: &KeyRing, documents: Vec<Document>, args: &Args, namespace: &str) -> anyhow::Result<Report> {
    let trusted: BTreeSet<KeyId> = args.trusted.iter().copied().collect();
    let keys = ring.check(&trusted).err();
    let mut chains = by_workload(documents);
    if let Some(wanted) = &args.workload {
        let found = chains.into_iter().find(|(workload, _)| is_named(workload, wanted));
        let workload = || {
            let (kind, name) = wanted.split_once('/')?;
            Some(WorkloadKey::new(namespace, kind, name))
        };
        chains = match (found, args.head) {
            (Some(found), _) => [found].into(),
            // A chain of which nothing is left lacks the head that was kept outside.
            (None, Some(_)) => [(workload().context(MISNAMED)?, Vec::new())].into(),
            (None, None) if workload().is_none() => bail!(MISNAMED),
            (None, None) => bail!("namespace {namespace} has no RolloutRecord of {wanted}"),
        };
    }
    let reports: Vec<ChainReport> = chains
        .iter()
        .map(|(workload, documents)| verify(workload, documents, ring, args.head.as_ref()))
        .collect();
    let heads = reports
        .iter()
        .filter_map(|report| Some((&report.workload, report.head.as_ref()?)));
    Ok(Report {
        whole: keys.is_none() && reports.iter().all(|report| report.broken.is_none()),
        first_key: ring.keys().first().map(|key| key.id),
        keys: keys.as_ref().map(Explained::new),
        heads: anchorwatch_core::chain::heads_digest(heads),
        chains: reports
            .iter()
            .map(|report| Chain {
                explanation: report.broken.as_ref().map(Explained::new),
                report: report.clone(),
            })
            .collect(),
    })
}

const MISNAMED: &str = "a workload is named kind/name, such as deployment/agent";

fn is_named(workload: &WorkloadKey, wanted: &str) -> bool {
    let Some((kind, name)) = wanted.split_once('/') else {
        return false;
    };
    workload.name == name && workload.kind.eq_ignore_ascii_case(kind)
}

#[cfg(test)]
mod tests;
