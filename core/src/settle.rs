//! Repeating a round of rewriting until nothing changes any more.

use crate::placeholder::{Class, put};

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

/// A command line as rounds leave it, as [`settle`] does: what still changes is given up argument by argument, then the
/// rest.
pub(crate) fn settle_argv(mut argv: Vec<String>, round: impl Fn(&[String]) -> Vec<Option<String>>) -> Vec<String> {
    for number in 0..=2 * ROUNDS {
        let mut changed = false;
        let next = round(&argv);
        debug_assert_eq!(next.len(), argv.len(), "a round keeps the number of arguments");
        for (argument, next) in argv.iter_mut().zip(next) {
            let Some(next) = next.filter(|next| next != argument) else {
                continue;
            };
            changed = true;
            *argument = if number < ROUNDS { next } else { given_up(argument) };
        }
        if !changed {
            return argv;
        }
    }
    argv.iter().map(|argument| given_up(argument)).collect()
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

    #[test]
    fn what_settles_in_time_is_as_the_rounds_leave_it() {
        assert_eq!(settle("baaa".to_owned(), slow), "b");
    }

    #[test]
    fn what_does_not_settle_in_time_is_given_up_for_a_placeholder() {
        assert_eq!(settle("a".repeat(100), slow), "<secret:6>");
        let argv = vec!["b".to_owned(), "a".repeat(1_000)];
        let settled = settle_argv(argv, |argv| argv.iter().map(|argument| slow(argument)).collect());
        assert_eq!(settled, ["b", "<secret:9>"]);
    }
}
