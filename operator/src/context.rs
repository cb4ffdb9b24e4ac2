//! What every controller is given.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, Recorder, Reporter},
};
use tracing::warn;

use crate::{
    alert_log::AlertLog, args::ReportApi, crowding::Crowding, heads::Heads, metrics::Metrics, refusals::Refusals,
    scorings::Scorings, test_switch::TestSwitches, world::World,
};

/// How often the chains of evidence are checked where nobody says otherwise.
const VERIFY_EVERY: Duration = Duration::from_mins(10);

/// What every controller is given.
#[derive(Clone)]
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What is known of the cluster.
    pub world: Arc<World>,
    /// The metrics.
    pub metrics: Metrics,
    /// The newest record of each chain.
    pub heads: Arc<Heads>,
    /// How often the chains of evidence are checked.
    pub verify_every: Duration,
    /// Names of field managers that an admission policy ties to their users.
    pub bound_managers: Arc<BTreeSet<String>>,
    /// What found no room among the alerts.
    pub crowding: Arc<Crowding>,
    /// Denials that were refused.
    pub refusals: Arc<Refusals>,
    /// What happens to alerts, for log pipelines.
    pub alert_log: AlertLog,
    /// In which API alerts are reported to other tools; none where they are not.
    pub open_reports: Option<ReportApi>,
    /// What commands are judged by.
    pub scorings: Arc<Scorings>,
    /// What a test took away.
    pub switches: TestSwitches,
    events: Recorder,
}

impl Context {
    /// A context in which events are published as `identity`.
    pub fn new(client: Client, world: Arc<World>, metrics: Metrics, switches: TestSwitches, identity: String) -> Self {
        let reporter = Reporter {
            controller: "anchorwatch-operator".into(),
            instance: Some(identity),
        };
        Self {
            events: Recorder::new(client.clone(), reporter),
            client,
            world,
            metrics,
            heads: Arc::default(),
            crowding: Arc::default(),
            refusals: Arc::default(),
            alert_log: AlertLog::default(),
            open_reports: None,
            verify_every: VERIFY_EVERY,
            bound_managers: Arc::default(),
            switches,
            scorings: Arc::default(),
        }
    }

    /// Publishes an Event. It is a courtesy: the objects hold the truth, so that a failure is only logged.
    pub async fn publish(&self, event: &Event, about: &ObjectReference) {
        if let Err(error) = self.events.publish(event, about).await {
            warn!(
                reason = event.reason,
                name = about.name.as_deref().unwrap_or_default(),
                error = &error as &dyn std::error::Error,
                "an event can't be published"
            );
        }
    }
}
