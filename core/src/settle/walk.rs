//! Rounds over a command line that know what the round before found: an argument that is as it was, behind what came before
//! it then, need not be looked at again.

use super::Changes;

/// What rewrites a command line, a round at a time.
pub(crate) trait Rounds {
    /// What a round makes of each argument.
    fn round(&mut self, argv: &[String]) -> Changes;

    /// An argument is no longer what a round saw or left.
    fn touch(&mut self, index: usize);
}

/// A walk from argument to argument, with what was learned on the way.
#[derive(Debug)]
pub(crate) struct Walk<S> {
    /// Before each argument, and behind the last one, in the round before; empty before the first round.
    states: Vec<S>,
    /// Which arguments have changed since; empty for none.
    touched: Vec<bool>,
}

impl<S> Default for Walk<S> {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            touched: Vec::new(),
        }
    }
}

impl<S: Clone + Default + PartialEq> Walk<S> {
    /// A round: `change` is asked about each argument that is not the same as in the round before, which left it as it is.
    /// The answer must depend on nothing but its arguments.
    pub(crate) fn round(
        &mut self,
        argv: &[String],
        mut change: impl FnMut(&mut S, usize, &str) -> Option<String>,
    ) -> Changes {
        let is_first = self.states.is_empty();
        if is_first {
            self.states.reserve_exact(argv.len() + 1);
        }
        let mut state = S::default();
        let mut changes: Changes = None;
        for (index, argument) in argv.iter().enumerate() {
            if is_first {
                self.states.push(state.clone());
            } else if self.states[index] == state && !self.take_touched(index) {
                state.clone_from(&self.states[index + 1]);
                continue;
            } else {
                self.states[index].clone_from(&state);
                self.take_touched(index);
            }
            if let Some(changed) = change(&mut state, index, argument) {
                changes.get_or_insert_with(|| vec![None; argv.len()])[index] = Some(changed);
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
        if self.states.is_empty() {
            return;
        }
        self.touched.resize(self.states.len(), false);
        self.touched[index] = true;
    }

    fn take_touched(&mut self, index: usize) -> bool {
        self.touched.get_mut(index).is_some_and(std::mem::take)
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
                let remembered = walk.round(&argv, |asked, _, argument| change(asked, argument));
                let mut asked = false;
                let all: Vec<Option<String>> = argv.iter().map(|argument| change(&mut asked, argument)).collect();
                // What it changed it must be told of; here nothing is taken over, so that all of it comes again.
                for (index, changed) in all.iter().enumerate().filter(|(_, changed)| changed.is_some()) {
                    prop_assert_eq!(remembered.as_ref().and_then(|found| found[index].as_ref()), changed.as_ref());
                    walk.touch(index);
                }
                let found = remembered.into_iter().flatten().flatten().count();
                prop_assert_eq!(found, all.iter().flatten().count());
                if let Some(argument) = argv.get_mut(index) {
                    *argument = text;
                    walk.touch(index);
                }
            }
        }
    }
}
