//! Rounds over a command line that know what the round before found: an argument that is as it was, behind what came before
//! it then, need not be looked at again.

use super::Indices;

/// What rewrites a command line, a round at a time.
pub(crate) trait Rounds {
    /// Rewrites the arguments once, and tells which are others now.
    fn round(&mut self, argv: &mut [String]) -> Indices;

    /// An argument is no longer what a round saw or left.
    fn touch(&mut self, index: usize);
}

/// A walk from argument to argument, with what was learned on the way.
#[derive(Debug)]
pub(crate) struct Walk<S> {
    /// Before each argument, and behind the last one, in the round before; empty before the first round.
    states: Vec<S>,
    /// Which arguments have changed since.
    touched: Indices,
}

impl<S> Default for Walk<S> {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            touched: Indices::default(),
        }
    }
}

impl<S: Clone + Default + PartialEq> Walk<S> {
    /// A round: `change` is asked about each argument that is not the same as in the round before, which left it as it is.
    /// The answer must depend on nothing but its arguments.
    pub(crate) fn round(
        &mut self,
        argv: &mut [String],
        mut change: impl FnMut(&mut S, usize, &str) -> Option<String>,
    ) -> Indices {
        let is_first = self.states.is_empty();
        if is_first {
            self.states.reserve_exact(argv.len() + 1);
        }
        let mut state = S::default();
        let mut changes = Indices::default();
        for (index, argument) in argv.iter_mut().enumerate() {
            if is_first {
                self.states.push(state.clone());
            } else if self.states[index] == state && !self.touched.take(index) {
                state.clone_from(&self.states[index + 1]);
                continue;
            } else {
                self.states[index].clone_from(&state);
                self.touched.take(index);
            }
            if let Some(changed) = change(&mut state, index, argument).filter(|changed| changed != argument) {
                *argument = changed;
                changes.add(index);
            }
        }
        if is_first {
            self.states.push(state);
        } else if let Some(last) = self.states.last_mut() {
            *last = state;
        }
        changes
    }

    pub(crate) fn touch(&mut self, index: usize) {
        // Before the first round everything is looked at.
        if !self.states.is_empty() {
            self.touched.add(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Doubles an argument that the one before it asks for, and asks by its own length.
    fn change(asked: &mut bool, argument: &str) -> Option<String> {
        let changed = asked.then(|| argument.repeat(2));
        *asked = argument.len() % 3 == 1;
        changed
    }

    proptest! {
        #[test]
        fn a_walk_that_remembers_finds_what_one_that_forgets_does(
            argv in prop::collection::vec("[ab]{0,5}", 0..6),
            edits in prop::collection::vec((0..6_usize, "[ab]{0,5}"), 0..6),
        ) {
            let (mut argv, mut walk) = (argv, Walk::default());
            for (index, text) in edits {
                let mut asked = false;
                let all: Vec<Option<String>> = argv.iter().map(|argument| change(&mut asked, argument)).collect();
                let (before, all) = (argv.clone(), all.into_iter().zip(&argv));
                let all: Vec<Option<String>> = all.map(|(next, argument)| next.filter(|next| next != argument)).collect();
                let changed = walk.round(&mut argv, |asked, _, argument| change(asked, argument));
                prop_assert!(changed.iter().eq((0..all.len()).filter(|index| all[*index].is_some())));
                for index in changed.iter() {
                    prop_assert_eq!(Some(&argv[index]), all[index].as_ref());
                }
                // Nothing is taken over, so that all of it comes again; but of what it changed it must be told.
                argv = before;
                changed.iter().for_each(|index| walk.touch(index));
                if let Some(argument) = argv.get_mut(index) {
                    *argument = text;
                    walk.touch(index);
                }
            }
        }
    }
}
