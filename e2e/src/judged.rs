//! Whether a baseline judges.

use anchorwatch_crds::v1alpha1::{BaselineState, BehaviorBaseline, FeedBaseline, FeedName};
use anyhow::{Context, Result, ensure};
use kube::api::Api;

use crate::Cluster;

/// The baseline of this name, and what it holds of the processes of a container, if it judges those.
pub async fn processes(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    container: &str,
) -> Result<(BehaviorBaseline, FeedBaseline)> {
    let baselines: Api<BehaviorBaseline> = Api::namespaced(cluster.client.clone(), namespace);
    let baseline = baselines.get(name).await?;
    let status = baseline.status.as_ref().context("it has no status")?;
    let mut containers = status.containers.iter();
    let held = containers.find(|held| held.name == container);
    let mut feeds = held.context("the container is not in it yet")?.feeds.iter();
    let feed = feeds
        .find(|feed| feed.feed == FeedName::Process)
        .context("no process is in it yet")?
        .clone();
    ensure!(feed.state == BaselineState::Enforcing, "it is {:?}", feed.state);
    Ok((baseline, feed))
}
