//! The arguments of an execution, in one piece as the kernel has them: to take each for itself was a good part of what an
//! event cost.

/// Each ends with a NUL, and holds none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Arguments(Vec<u8>);

impl Arguments {
    /// The kernel ends each argument with a NUL; a cut block ends with an argument that has none.
    pub fn of_block(block: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(block.len() + 1);
        bytes.extend_from_slice(block);
        if bytes.last().is_some_and(|last| *last != 0) {
            bytes.push(0);
        }
        Self(bytes)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + Clone {
        let bytes = self.0.strip_suffix(&[0]);
        bytes.into_iter().flat_map(|bytes| bytes.split(|byte| *byte == 0))
    }

    pub fn len(&self) -> usize {
        self.iter().count()
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn first(&self) -> Option<&[u8]> {
        self.iter().next()
    }

    pub fn last(&self) -> Option<&[u8]> {
        self.iter().next_back()
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Arguments {
    fn from_iter<I: IntoIterator<Item = T>>(arguments: I) -> Self {
        let mut bytes = Vec::new();
        for argument in arguments {
            bytes.extend(argument.as_ref().iter().filter(|byte| **byte != 0));
            bytes.push(0);
        }
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_block_that_is_cut_ends_with_an_argument_and_an_empty_one_has_none() {
        let of = |block: &[u8]| {
            Arguments::of_block(block)
                .iter()
                .map(<[u8]>::to_vec)
                .collect::<Vec<_>>()
        };
        assert_eq!(of(b""), Vec::<Vec<u8>>::new());
        assert_eq!(of(b"\0"), [b""]);
        assert_eq!(of(b"a\0\0b"), [&b"a"[..], b"", b"b"]);
        assert_eq!(of(b"a\0\0b\0"), [&b"a"[..], b"", b"b"]);
    }

    proptest! {
        #[test]
        fn arguments_come_back_as_they_were(
            argv in prop::collection::vec(prop::collection::vec(1..=u8::MAX, 0..5), 0..5),
        ) {
            let arguments: Arguments = argv.iter().collect();
            prop_assert_eq!(arguments.iter().collect::<Vec<_>>(), argv.iter().collect::<Vec<_>>());
            prop_assert_eq!((arguments.len(), arguments.is_empty()), (argv.len(), argv.is_empty()));
            prop_assert_eq!(arguments.first(), argv.first().map(Vec::as_slice));
            prop_assert_eq!(arguments.last(), argv.last().map(Vec::as_slice));
            let block: Vec<u8> = argv.join(&0);
            if !argv.is_empty() && !block.is_empty() {
                prop_assert_eq!(Arguments::of_block(&block).len(), argv.len() - usize::from(argv.last().is_some_and(Vec::is_empty)));
            }
        }
    }
}
