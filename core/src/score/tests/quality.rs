//! One split of the project's own corpus: what is normal is raised as rarely as was asked for, and attacks are found. Small, so
//! that it runs each day; `cargo xtask bench quality` says how well it tells (docs/concepts/unusual-commands.md).

use super::*;

/// The corpus, seven tenths of the everyday commands learned, the others and the malicious ones judged.
struct Split {
    scorer: Scorer,
    held_back: Vec<Score>,
}

impl Split {
    fn new() -> Self {
        let mut lines: Vec<&str> = lines(include_str!("../../../corpus/benign.txt")).collect();
        lines.sort_by_cached_key(|line| twox_hash::XxHash3_64::oneshot_with_seed(1, line.as_bytes()));
        let (learned, held_back) = lines.split_at(lines.len() * 7 / 10);
        let mut index = Index::default();
        for line in learned {
            index.insert(&features(line));
        }
        let scorer = Scorer::calibrate(index);
        Self {
            held_back: judged(&scorer, held_back.iter().copied()),
            scorer,
        }
    }

    /// Those of a kind: how often one is stranger than one that was held back, and the share that is raised at 1 %.
    fn found(&self, kind: &str) -> (f64, f64) {
        let malicious = include_str!("../../../corpus/malicious.txt");
        let (_, of_kind) = malicious.split_once(&format!("## {kind}\n")).expect("a kind");
        let of_kind = of_kind.split("\n## ").next().expect("a first part");
        let strange = judged(&self.scorer, lines(of_kind));
        assert!(strange.len() >= 99, "{}", strange.len());
        let pairs = strange
            .iter()
            .flat_map(|one| self.held_back.iter().map(move |other| (one, other)));
        let wins: f64 = pairs
            .map(|(strange, normal)| match strange.novelty.total_cmp(&normal.novelty) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Greater => 1.0,
            })
            .sum();
        let number = count(strange.len());
        let raised = count(strange.iter().filter(|score| score.p <= 0.01).count());
        (wins / number / count(self.held_back.len()), raised / number)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
const fn count(number: usize) -> f64 {
    number as f64
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Judged by the workload's own scores alone: the pool that is shipped is the same corpus.
fn judged<'a>(scorer: &Scorer, lines: impl Iterator<Item = &'a str>) -> Vec<Score> {
    let (pool, mut scratch) = (Pool::of([]), Scratch::default());
    lines
        .map(|line| scorer.score(&features(line), &pool, &mut scratch))
        .collect()
}

#[test]
fn of_what_is_normal_as_much_is_raised_as_was_asked_for_and_attacks_are_found() {
    let split = Split::new();
    assert_eq!((split.scorer.calibration().len(), split.held_back.len()), (163, 71));
    // The 99 % intervals of the beta-binomial distribution for 163 calibrating and 71 judged begin at none.
    for (level, most) in [(0.01, 4), (0.05, 10)] {
        let raised = split.held_back.iter().filter(|score| score.p <= level).count();
        assert!(raised <= most, "{raised} of {} at {level}", split.held_back.len());
    }
    // Measured 0.997 and 0.94, 0.938 and 0.55, 0.894 and 0.23. The targets (0.96 and 0.6 of reverse shells, 0.945 and 0.48 of
    // what lives off the land) are for thousands of normal commands: beside 163 the second is not reached in full.
    for (kind, area, share) in [
        ("reverse shells", 0.985, 0.85),
        ("living off the land", 0.92, 0.48),
        ("steps of techniques", 0.87, 0.15),
    ] {
        let found = split.found(kind);
        assert!(found.0 >= area && found.1 >= share, "{kind}: {found:?}");
    }
}
