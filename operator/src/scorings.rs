//! What the commands of workloads are judged by, kept from batch to batch: to calibrate takes thousands of times as long as
//! to judge.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use anchorwatch_core::{
    baseline::Scoring,
    id::{ContainerName, WorkloadKey},
    score::Pools,
};

/// Most workloads whose scorers are kept: of a few hundred commands each, a scorer takes less than a megabyte.
const MAX_KEPT: usize = 256;

/// The scorers of workloads, and the pools of the cluster.
#[derive(Debug, Default)]
pub struct Scorings {
    pools: RwLock<Arc<Pools>>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// With the number of its last use.
    scorings: HashMap<WorkloadKey, (u64, Scoring)>,
    uses: u64,
}

impl Scorings {
    /// Works with a workload's scorers. `repositories` are those of its containers' images.
    pub fn with<T>(
        &self,
        workload: &WorkloadKey,
        repositories: BTreeMap<ContainerName, String>,
        work: impl FnOnce(&mut Scoring) -> T,
    ) -> T {
        let pools = Arc::clone(&self.pools.read().unwrap_or_else(PoisonError::into_inner));
        let kept = self.kept().scorings.remove(workload);
        let mut scoring = kept.map_or_else(Scoring::default, |(_, scoring)| scoring);
        scoring.set_kin(&pools, workload, repositories);
        let done = work(&mut scoring);
        self.kept().keep(workload, scoring);
        done
    }

    /// Judges by these pools from now on.
    pub fn set_pools(&self, pools: Pools) {
        *self.pools.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pools);
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, workload: &WorkloadKey, scoring: Scoring) {
        // Most workloads never show a new command once they are learned: there is nothing to keep of them.
        if scoring.is_empty() {
            return;
        }
        if self.scorings.len() >= MAX_KEPT {
            let oldest = self.scorings.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(workload, _)| workload.clone()) {
                self.scorings.remove(&oldest);
            }
        }
        self.uses += 1;
        self.scorings.insert(workload.clone(), (self.uses, scoring));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{baseline::FeedBaseline, policy::Policy, time::Timestamp};

    fn use_of(scorings: &Scorings, number: usize) {
        let workload = WorkloadKey::new("shop", "Deployment", format!("w{number}"));
        scorings.with(&workload, BTreeMap::new(), |scoring| {
            let time = Timestamp::from_secs(0);
            scoring.commands(&"main".into(), &FeedBaseline::new(time), &Policy::default(), time);
        });
    }

    #[test]
    fn those_that_were_used_last_are_kept() {
        let scorings = Scorings::default();
        for number in 0..MAX_KEPT {
            use_of(&scorings, number);
        }
        use_of(&scorings, 0);
        use_of(&scorings, MAX_KEPT);
        let kept = scorings.kept();
        assert_eq!(kept.scorings.len(), MAX_KEPT);
        let holds = |name: &str| {
            kept.scorings
                .contains_key(&WorkloadKey::new("shop", "Deployment", name))
        };
        assert!(holds("w0") && !holds("w1") && holds("w256"));
    }

    #[test]
    fn a_workload_without_news_takes_no_room() {
        let scorings = Scorings::default();
        let workload = WorkloadKey::new("shop", "Deployment", "quiet");
        scorings.with(&workload, BTreeMap::new(), |_| {});
        assert!(scorings.kept().scorings.is_empty());
    }
}
