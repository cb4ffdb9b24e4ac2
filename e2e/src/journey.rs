//! The journey that the demo shows and the tests assert: an agent is learned, a shell out of it is raised, its replica
//! joins the alert, and what a rollout brings is suppressed with the evidence named.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::{
    AlertState, BehaviorBaseline, DriftAlert, FeedName, Finding, RolloutRecord, RolloutVerdict,
};
use anyhow::{Context, Result, ensure};
use kube::api::{Api, ListParams};

use crate::agent::{AGENT, Agent, Judgement, is_python};
use crate::narrator::Narrator;
use crate::wait::until;
use crate::{AgentImages, Cluster};

/// What the agent is asked to run: a shell, which runs a program in turn.
pub const SHELL: [&str; 3] = ["bash", "-c", "id"];
/// What the next image spawns at its start.
const BROUGHT_BY_ROLLOUT: &str = "/usr/bin/nproc";
/// Replicas of the agent.
const REPLICAS: u32 = 2;

/// How long each step may take at most.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// From the first observation to the merged baseline.
    pub learn: Duration,
    /// From the event to the alert.
    pub alert: Duration,
    /// From the new image's first event to its suppression: digests and the record may come later.
    pub suppress: Duration,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self {
            learn: Duration::from_mins(1),
            alert: Duration::from_secs(45),
            suppress: Duration::from_secs(90),
        }
    }
}

/// The journey in a namespace of its own.
#[expect(missing_debug_implementations, reason = "a narrator is anything")]
pub struct Journey<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
    judgement: Judgement,
    ceilings: Ceilings,
    narrator: &'a dyn Narrator,
    agent: Agent,
}

/// What the first shell led to.
#[derive(Clone, Debug)]
pub struct Raised {
    /// The replica that was asked.
    pub pod: String,
    /// The alert.
    pub alert: DriftAlert,
}

/// What the rollout led to.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The suppressed finding.
    pub finding: Finding,
    /// The record that explains it.
    pub record: RolloutRecord,
}

impl<'a> Journey<'a> {
    /// A journey that did not start.
    pub fn new(cluster: &'a Cluster, namespace: &'a str, judgement: Judgement, narrator: &'a dyn Narrator) -> Self {
        Self {
            cluster,
            namespace,
            judgement,
            ceilings: Ceilings::default(),
            narrator,
            agent: Agent::new(cluster, namespace, AGENT),
        }
    }

    /// The same with other ceilings.
    #[must_use]
    pub fn within(self, ceilings: Ceilings) -> Self {
        Self { ceilings, ..self }
    }

    /// All steps, one after the other.
    pub async fn run(&self, images: &AgentImages) -> Result<()> {
        self.start(&images.first).await?;
        self.learn().await?;
        let raised = self.shell().await?;
        self.same_shell_in_the_other_replica(&raised).await?;
        self.roll_out(&images.next).await?;
        Ok(())
    }

    /// The agent starts, under a policy that alerts.
    pub async fn start(&self, image: &str) -> Result<()> {
        self.narrator.tell(&format!(
            "Starting an agent in python with {REPLICAS} replicas in the namespace {}. Every 5 s it spawns a helper \
             program and calls its own Service. A DriftPolicy asks for alerts after {} of learning.",
            self.namespace, self.judgement.minimum
        ));
        self.agent.start(image, REPLICAS, self.judgement).await?;
        self.narrator.show(&["get", "driftpolicies,deployments,pods"]);
        Ok(())
    }

    /// Its everyday work becomes its baseline.
    pub async fn learn(&self) -> Result<BehaviorBaseline> {
        self.narrator
            .tell("Waiting until its everyday work is learned and the baseline judges.");
        let ceiling = self.ceilings.learn + self.judgement.minimum()?;
        let baseline = until("the baseline to judge", ceiling, async || self.agent.is_judged().await).await?;
        let alerts = self.alerts().await?;
        ensure!(alerts.is_empty(), "everyday work raised {}", names(&alerts));
        self.narrator.show(&["get", "behaviorbaselines"]);
        self.narrator
            .show(&["get", "behaviorbaseline", &baseline_name(), "--output", LEARNED]);
        Ok(baseline)
    }

    /// The agent is asked through its own Service to run a shell: one alert opens.
    pub async fn shell(&self) -> Result<Raised> {
        self.narrator.tell(&format!(
            "Asking the agent, through its Service, to run `{}`: nobody does that every day.",
            SHELL.join(" ")
        ));
        let answer = self.agent.ask(&SHELL).await?;
        self.narrator
            .tell(&format!("{} answered: {}", answer.pod, answer.output.trim()));
        let alert = until("an open alert about the shell", self.ceilings.alert, async || {
            let alert = self.only_alert().await?;
            let finding = shell_finding(&alert)?;
            ensure!(finding.state == AlertState::Open, "the finding is {:?}", finding.state);
            ensure!(
                state(&alert) == Some(AlertState::Open),
                "the alert is {:?}",
                state(&alert)
            );
            Ok(alert)
        })
        .await?;
        let finding = shell_finding(&alert)?;
        ensure!(
            finding.count == 1 && finding.pods == 1,
            "one shell is counted {} times in {} pods",
            finding.count,
            finding.pods
        );
        self.narrator.tell(&format!("Drift: {}", finding.lineage.join(" → ")));
        self.narrator.show(&["get", "driftalerts"]);
        Ok(Raised { pod: answer.pod, alert })
    }

    /// The other replica does the same: the same alert, raised by a pod and a count.
    pub async fn same_shell_in_the_other_replica(&self, first: &Raised) -> Result<DriftAlert> {
        let pods = self.agent.pods().await?.into_iter().filter_map(|pod| pod.metadata.name);
        let other = pods
            .into_iter()
            .find(|name| *name != first.pod)
            .context("there is no other replica")?;
        self.narrator
            .tell(&format!("Asking the other replica, {other}, for the same."));
        self.agent.ask_pod(&other, &SHELL).await?;
        let alert = until("the second pod in the alert", self.ceilings.alert, async || {
            let alert = self.only_alert().await?;
            let finding = shell_finding(&alert)?;
            ensure!(
                finding.pods == 2 && finding.count == 2,
                "the shell is counted {} times in {} pods",
                finding.count,
                finding.pods
            );
            Ok(alert)
        })
        .await?;
        ensure!(alert.metadata.uid == first.alert.metadata.uid, "it is another alert");
        self.narrator.tell("Still one alert: its count and its pods went up.");
        self.narrator.show(&["get", "driftalerts", "--output", "wide"]);
        Ok(alert)
    }

    /// A new image that spawns something new in each pod is rolled out: its finding is suppressed, with the record.
    pub async fn roll_out(&self, image: &str) -> Result<Explained> {
        self.narrator.tell(&format!(
            "Rolling out another image, whose agents run {BROUGHT_BY_ROLLOUT} when they start."
        ));
        self.agent.roll_out(image).await?;
        let explained = until(
            "the rollout's finding to be suppressed",
            self.ceilings.suppress,
            async || {
                let finding = self.finding_of(BROUGHT_BY_ROLLOUT).await?;
                ensure!(
                    finding.state == AlertState::Suppressed,
                    "it is {:?}: {}",
                    finding.state,
                    reason(&finding)
                );
                ensure!(finding.pods == 2, "{} pods show it", finding.pods);
                let explained = Explained {
                    record: self.record(&finding).await?,
                    finding,
                };
                self.check_apart(&explained).await?;
                Ok(explained)
            },
        )
        .await?;
        self.check_evidence(&explained).await?;
        self.narrator
            .tell(&format!("Suppressed, never deleted: {}", reason(&explained.finding)));
        self.narrator.show(&["get", "driftalerts", "--output", FINDINGS]);
        self.narrator.show(&["get", "rolloutrecords"]);
        Ok(explained)
    }

    /// The namespace's alert, if there is exactly one.
    async fn only_alert(&self) -> Result<DriftAlert> {
        let mut alerts = self.alerts().await?;
        ensure!(
            alerts.len() <= 1,
            "there are {} alerts: {}",
            alerts.len(),
            names(&alerts)
        );
        alerts.pop().context("there is no alert")
    }

    async fn alerts(&self) -> Result<Vec<DriftAlert>> {
        Ok(self.objects::<DriftAlert>().list(&ListParams::default()).await?.items)
    }

    async fn finding_of(&self, executable: &str) -> Result<Finding> {
        let alerts = self.alerts().await?;
        let findings = alerts
            .into_iter()
            .filter_map(|alert| alert.status)
            .flat_map(|status| status.findings);
        let mut found: Vec<Finding> = findings
            .filter(|finding| finding.feed == FeedName::Process && finding.behavior.executable() == executable)
            .collect();
        ensure!(found.len() <= 1, "{} findings are about {executable}", found.len());
        found.pop().with_context(|| format!("no finding is about {executable}"))
    }

    /// What the rollout explains has an alert of its own, that names the record; the shell's stays open and names none.
    async fn check_apart(&self, explained: &Explained) -> Result<()> {
        let record = explained.record.metadata.name.as_deref();
        for alert in self.alerts().await? {
            let Some(status) = &alert.status else { continue };
            let is_explained = status.findings.iter().any(|finding| finding.id == explained.finding.id);
            let expected = match (is_explained, shell_finding(&alert)) {
                (true, _) => (AlertState::Suppressed, record),
                (false, Ok(_)) => (AlertState::Open, None),
                (false, Err(_)) => continue,
            };
            ensure!(
                (status.state, status.rollout.as_deref()) == expected,
                "an alert is {:?} and names {:?}, and should be {expected:?}",
                status.state,
                status.rollout
            );
        }
        Ok(())
    }

    async fn record(&self, finding: &Finding) -> Result<RolloutRecord> {
        let matched = finding.rollout.as_ref().context("it names no rollout")?;
        ensure!(
            matched.verdict == RolloutVerdict::Matched,
            "the rollout's match is {:?}",
            matched.verdict
        );
        let name = matched.record.as_deref().context("it names no record")?;
        Ok(self.objects::<RolloutRecord>().get(name).await?)
    }

    /// The record speaks of the second revision and of exactly the digest that the pods run.
    async fn check_evidence(&self, explained: &Explained) -> Result<()> {
        let record = &explained.record.spec;
        ensure!(record.revision == 2, "the record is of revision {}", record.revision);
        let recorded = record
            .containers
            .iter()
            .find(|container| container.name == AGENT)
            .context("no container")?;
        for pod in self.agent.pods().await? {
            let statuses = pod
                .status
                .and_then(|status| status.container_statuses)
                .unwrap_or_default();
            let image = statuses.first().context("a pod has no status")?.image_id.clone();
            ensure!(
                image.ends_with(&recorded.digest),
                "the record says {}, a pod runs {image}",
                recorded.digest
            );
        }
        Ok(())
    }

    fn objects<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.cluster.client.clone(), self.namespace)
    }
}

/// Columns for what was learned.
const LEARNED: &str = "go-template={{range .status.containers}}container {{.name}}{{range .feeds}}, {{.feed}}: {{.state}}\
{{\"\\n\"}}{{range .entries}}{{with .process}}  {{.origin}}  {{.parent}} → {{.executable}}{{end}}\
{{with .network}}  {{.origin}}  {{.executable}} {{.direction}} {{.protocol}} {{.port}}{{range .destination}} {{.}}{{end}}{{end}}\
{{with .module}}  {{.origin}}  {{.executable}} maps {{.path}}{{end}}  ({{.count}} times)\
{{\"\\n\"}}{{end}}{{end}}{{end}}";

/// Columns for findings.
const FINDINGS: &str = "go-template={{range .items}}{{.metadata.name}} is {{.status.state}}{{\"\\n\"}}\
{{range .status.findings}}  {{.severity}} {{.state}}: {{.summary}}{{with .rollout}} [{{.match}} {{.record}}]{{end}}\
{{\"\\n\"}}{{end}}{{end}}";

fn baseline_name() -> String {
    format!("deployment-{AGENT}")
}

fn state(alert: &DriftAlert) -> Option<AlertState> {
    alert.status.as_ref().map(|status| status.state)
}

fn names(alerts: &[DriftAlert]) -> String {
    let told = alerts.iter().map(|alert| {
        let summary = alert
            .status
            .as_ref()
            .map(|status| status.summary.clone())
            .unwrap_or_default();
        format!("{} ({summary})", alert.metadata.name.clone().unwrap_or_default())
    });
    told.collect::<Vec<_>>().join(", ")
}

fn reason(finding: &Finding) -> String {
    finding
        .rollout
        .as_ref()
        .map(|rollout| rollout.reason.clone())
        .unwrap_or_default()
}

/// The finding whose lineage ends with bash out of python.
fn shell_finding(alert: &DriftAlert) -> Result<&Finding> {
    let findings = alert
        .status
        .as_ref()
        .map(|status| status.findings.as_slice())
        .unwrap_or_default();
    let found = findings.iter().find(|finding| match finding.lineage.as_slice() {
        [.., parent, last] => is_python(parent) && last.ends_with("/bash"),
        _ => false,
    });
    found.with_context(|| {
        let lineages: Vec<String> = findings.iter().map(|finding| finding.lineage.join(" → ")).collect();
        format!("no finding has the lineage python3 → bash, but {lineages:?}")
    })
}
