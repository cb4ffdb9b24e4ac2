//! Repeating a round of rewriting until nothing changes any more.

mod walk;

use crate::placeholder::{Class, put};
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

/// What a round makes of each argument of a command line; `None` where it leaves one, or all, as they are.
pub(crate) type Changes = Option<Vec<Option<String>>>;

/// A command line as rounds leave it, as [`settle`] does: what still changes is given up argument by argument, then the
/// rest. `None` where no round changes anything.
pub(crate) fn settle_argv(argv: &[String], rounds: &mut impl Rounds) -> Option<Vec<String>> {
    let mut settled: Option<Vec<String>> = None;
    for number in 0..=2 * ROUNDS {
        let before = settled.as_deref().unwrap_or(argv);
        let Some(next) = rounds.round(before) else {
            return settled;
        };
        debug_assert_eq!(next.len(), argv.len(), "a round keeps the number of arguments");
        let differs = |(next, before): (&Option<String>, &String)| next.as_ref().is_some_and(|next| next != before);
        if !next.iter().zip(before).any(differs) {
            return settled;
        }
        let becomes = |argument: &String, next: Option<String>| {
            let next = next.filter(|next| next != argument)?;
            Some(if number < ROUNDS { next } else { given_up(argument) })
        };
        let next = next.into_iter().enumerate();
        if let Some(argv) = &mut settled {
            for (argument, (index, next)) in argv.iter_mut().zip(next) {
                if let Some(changed) = becomes(argument, next) {
                    *argument = changed;
                    rounds.touch(index);
                }
            }
        } else {
            let argv = argv.iter().zip(next).map(|(argument, (index, next))| {
                let changed = becomes(argument, next).inspect(|_| rounds.touch(index));
                changed.unwrap_or_else(|| argument.clone())
            });
            settled = Some(argv.collect());
        }
    }
    (0..argv.len()).for_each(|index| rounds.touch(index));
    settled.map(|argv| argv.iter().map(|argument| given_up(argument)).collect())
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
        fn round(&mut self, argv: &[String]) -> Changes {
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
        let argv = vec!["b".to_owned(), "a".repeat(1_000)];
        let settled = settle_argv(&argv, &mut Slow::default());
        assert_eq!(settled.expect("changed"), ["b", "<secret:9>"]);
        assert_eq!(settle_argv(&["b".to_owned()], &mut Slow::default()), None);
    }
}
