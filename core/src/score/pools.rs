//! The pools of a cluster: scores of its workloads by the repository of their image and by the class of executable.

use std::{collections::BTreeMap, sync::Arc};

use super::{Calibration, Class, Pool};
use crate::id::WorkloadKey;

/// Most workloads of a pool: a few dozen tell what is normal.
pub const MAX_MEMBERS: usize = 64;
/// Most scores that one workload gives to a pool, spread evenly over what it has.
pub const MAX_SHARE: usize = 256;
/// Fewest workloads that make a pool: of two, either could say what is normal for the other.
const MIN_MEMBERS: usize = 3;
/// Fewest scores that make a pool: with fewer, one in a hundred can't be told.
const MIN_SCORES: usize = 100;

/// Scores of normal commands of many workloads.
#[derive(Clone, Debug, Default)]
pub struct Pools {
    by_repository: BTreeMap<String, Group>,
    by_class: BTreeMap<Class, Group>,
}

type Group = BTreeMap<WorkloadKey, Calibration>;

/// Whose pools a container's commands are judged with.
#[derive(Clone, Debug, Default)]
pub struct Kin {
    /// All pools.
    pub pools: Arc<Pools>,
    /// The workload, whose own scores count by themselves.
    pub workload: Option<WorkloadKey>,
    /// Repository of the container's image, where it is known.
    pub repository: Option<String>,
}

impl Pools {
    /// Adds the scores of a container. Of several containers of a workload that come into one pool, the one with the most
    /// scores counts.
    pub fn add(&mut self, workload: &WorkloadKey, repository: Option<&str>, scores: &[(Class, f64)]) {
        if let Some(repository) = repository {
            let group = self.by_repository.entry(repository.to_owned()).or_default();
            join(group, workload, scores.iter().map(|(_, score)| *score).collect());
        }
        let mut by_class: BTreeMap<Class, Vec<f64>> = BTreeMap::new();
        for (class, score) in scores {
            by_class.entry(*class).or_default().push(*score);
        }
        for (class, scores) in by_class {
            join(self.by_class.entry(class).or_default(), workload, scores);
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.by_repository.is_empty() && self.by_class.is_empty()
    }
}

impl Kin {
    /// The pool for a command of this executable: of workloads with the same image repository where there are enough of
    /// them, else of executables of the same class, else the shipped reference.
    pub fn pool(&self, executable: &str) -> Pool<'_> {
        self.pool_of(Class::of(executable))
    }

    /// The pool for commands of executables of this class.
    pub fn pool_of(&self, class: Class) -> Pool<'_> {
        let repository = self.repository.as_ref();
        let groups = [
            repository.and_then(|repository| self.pools.by_repository.get(repository)),
            self.pools.by_class.get(&class),
        ];
        let mut pools = groups.into_iter().flatten().map(|group| self.others(group));
        pools.find_map(|pool| pool).unwrap_or_else(|| Pool::reference())
    }

    /// The members of a group beside the workload itself, where they suffice.
    fn others<'a>(&self, group: &'a Group) -> Option<Pool<'a>> {
        let others: Vec<&Calibration> = group
            .iter()
            .filter(|(workload, _)| self.workload.as_ref() != Some(workload))
            .map(|(_, calibration)| calibration)
            .collect();
        let members = others.len();
        let pool = Pool::of(others);
        (members >= MIN_MEMBERS && pool.len() >= MIN_SCORES).then_some(pool)
    }
}

fn join(group: &mut Group, workload: &WorkloadKey, scores: Vec<f64>) {
    let held = group.get(workload).map(Calibration::len);
    if scores.is_empty() || held.is_some_and(|held| held >= scores.len().min(MAX_SHARE)) {
        return;
    }
    if held.is_none() && group.len() >= MAX_MEMBERS {
        return;
    }
    group.insert(workload.clone(), Calibration::new(spread(scores)));
}

/// At most [`MAX_SHARE`] of the scores, spread evenly over all of them, the largest among them.
fn spread(mut scores: Vec<f64>) -> Vec<f64> {
    if scores.len() <= MAX_SHARE {
        return scores;
    }
    scores.sort_by(f64::total_cmp);
    let last = scores.len() - 1;
    (1..=MAX_SHARE)
        .map(|number| scores[last * number / MAX_SHARE])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(number: usize) -> WorkloadKey {
        WorkloadKey::new("shop", "Deployment", format!("w{number}"))
    }

    fn scores(class: Class, value: f64, number: usize) -> Vec<(Class, f64)> {
        vec![(class, value); number]
    }

    fn kin(pools: Pools, repository: &str, of: usize) -> Kin {
        Kin {
            pools: Arc::new(pools),
            workload: Some(workload(of)),
            repository: Some(repository.to_owned()),
        }
    }

    #[test]
    fn a_pool_is_of_the_repository_else_of_the_class_else_the_reference() {
        let mut pools = Pools::default();
        for number in 0..4 {
            pools.add(&workload(number), Some("registry/a"), &scores(Class::Shell, 1.0, 50));
        }
        let of_repository = kin(pools.clone(), "registry/a", 0);
        assert_eq!(of_repository.pool("/bin/sh").len(), 150, "all but its own");
        assert_eq!(kin(pools.clone(), "registry/b", 9).pool("/bin/sh").len(), 200);
        let reference = Pool::reference().len();
        assert_eq!(kin(pools, "registry/b", 9).pool("/usr/bin/curl").len(), reference);
        assert_eq!(Kin::default().pool("/bin/sh").len(), reference);
    }

    #[test]
    fn two_workloads_are_no_pool() {
        let mut pools = Pools::default();
        for number in 0..3 {
            pools.add(&workload(number), Some("registry/a"), &scores(Class::Shell, 1.0, 100));
        }
        assert_eq!(
            kin(pools, "registry/a", 0).pool("/bin/sh").len(),
            Pool::reference().len()
        );
    }

    #[test]
    fn no_workload_gives_more_than_its_share() {
        let mut pools = Pools::default();
        let many: Vec<_> = (0..10_000).map(|number| (Class::Shell, f64::from(number))).collect();
        pools.add(&workload(0), None, &many);
        for number in 1..100 {
            pools.add(&workload(number), None, &scores(Class::Shell, 1.0, 50));
        }
        let pool = kin(pools, "registry/a", 0);
        assert_eq!(pool.pool("/bin/sh").len(), 50 * (MAX_MEMBERS - 1));
        let group = &pool.pools.by_class[&Class::Shell];
        assert_eq!((group.len(), group[&workload(0)].len()), (MAX_MEMBERS, MAX_SHARE));
        assert_eq!(group[&workload(0)].at_least(9_999.0), 1);
    }
}
