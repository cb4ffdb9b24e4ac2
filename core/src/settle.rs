//! Repeating a round of rewriting until nothing changes any more.

mod indices;
mod walk;

use crate::placeholder::{Class, put};
pub(crate) use indices::Indices;
pub(crate) use walk::{Rounds, Walk};

/// Rounds after which what still changes is given up for a placeholder. Text that people write settles in two, what
/// property tests make up in four; text made to need a round a byte would cost the square of its length.
const ROUNDS: usize = 8;

/// A text as rounds leave it: what one round leaves may read differently beside the new placeholder. The result is its
/// own result: either a round changed nothing any more, or it is one placeholder, which no round changes.
pub(crate) fn settle(mut text: String, round: impl Fn(&str) -> Option<String>) -> String {
    for _ in 0..ROUNDS {
        match round(&text) {
            Some(next) if next != text => text = next,
            Some(_) | None => return text,
        }
    }
    given_up(&text)
}

/// Rewrites a command line as [`settle`] does a text: what still changes after [`ROUNDS`] is given up argument by argument,
/// then the rest. Returns which arguments changed.
pub(crate) fn settle_argv(argv: &mut [String], rounds: &mut impl Rounds) -> Indices {
    let mut changed = Indices::default();
    for number in 0..=2 * ROUNDS {
        let before = (number >= ROUNDS).then(|| argv.to_vec());
        let round = rounds.round(argv);
        if round.is_empty() {
            return changed;
        }
        for index in round.iter() {
            if let Some(before) = &before {
                argv[index] = given_up(&before[index]);
            }
            rounds.touch(index);
        }
        changed.join(&round);
    }
    for (index, argument) in argv.iter_mut().enumerate() {
        *argument = given_up(argument);
        rounds.touch(index);
        changed.add(index);
    }
    changed
}

fn given_up(text: &str) -> String {
    let mut out = String::new();
    put(&mut out, Class::Secret, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round that takes one letter a time: it would need as many rounds as there are letters.
    fn slow(text: &str) -> Option<String> {
        text.strip_suffix('a').map(str::to_owned)
    }

    #[derive(Default)]
    struct Slow(Walk<()>);

    impl Rounds for Slow {
        fn round(&mut self, argv: &mut [String]) -> Indices {
            self.0.round(argv, |(), _, argument| slow(argument))
        }

        fn touch(&mut self, index: usize) {
            self.0.touch(index);
        }
    }

    #[test]
    fn what_settles_in_time_is_as_the_rounds_leave_it() {
        assert_eq!(settle("baaa".to_owned(), slow), "b");
    }

    #[test]
    fn what_does_not_settle_in_time_is_given_up_for_a_placeholder() {
        assert_eq!(settle("a".repeat(100), slow), "<secret:6>");
        let mut argv = ["b".to_owned(), "a".repeat(1_000)];
        let changed = settle_argv(&mut argv, &mut Slow::default());
        assert_eq!(argv, ["b", "<secret:9>"]);
        assert!(changed.iter().eq([1]));
        assert!(settle_argv(&mut ["b".to_owned()], &mut Slow::default()).is_empty());
    }
}
