use super::*;
use proptest::prelude::*;

/// Builds BTF by hand: types are appended, names interned.
#[derive(Default)]
struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    first_string: u32,
}

impl Builder {
    fn kernel() -> Self {
        Self {
            strings: vec![0],
            ..Self::default()
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.first_string + u32::try_from(self.strings.len()).unwrap();
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        at
    }

    fn plain(mut self, kind: u32, name: &str, refers: u32) -> Self {
        let name = self.name(name);
        for value in [name, kind << 24, refers] {
            self.types.extend(value.to_ne_bytes());
        }
        self
    }

    /// Members are (name, type, offset in bits).
    fn structure(mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> Self {
        let name = self.name(name);
        let info = STRUCT << 24 | u32::try_from(members.len()).unwrap();
        for value in [name, info, size] {
            self.types.extend(value.to_ne_bytes());
        }
        for (member, type_id, bits) in members {
            let member = self.name(member);
            for value in [member, *type_id, *bits] {
                self.types.extend(value.to_ne_bytes());
            }
        }
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC.to_ne_bytes());
        bytes.extend([1, 0]);
        let types = u32::try_from(self.types.len()).unwrap();
        let strings = u32::try_from(self.strings.len()).unwrap();
        for value in [24, 0, types, types, strings] {
            bytes.extend(u32::to_ne_bytes(value));
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }
}

const POINTER: u32 = 2;

/// 1 pointer, 2 `inner`, 3 `const inner`, 4 anonymous, 5 `outer`.
fn example() -> Builder {
    Builder::kernel()
        .plain(POINTER, "", 0)
        .structure("inner", 16, &[("first", 1, 0), ("second", 1, 64)])
        .plain(CONST, "", 2)
        .structure("", 24, &[("hidden", 1, 64), ("nested", 3, 64)])
        .structure("outer", 64, &[("head", 1, 0), ("", 4, 128), ("bit", 1, 3)])
}

#[test]
fn offsets_add_up_through_named_anonymous_and_qualified_members() {
    let btf = Btf::parse(&example().bytes()).unwrap();
    let answers = [
        "outer.head",
        "outer.hidden",
        "outer.nested",
        "outer.nested.second",
        "outer.head.x",
        "outer.bit",
    ]
    .map(|path| btf.offset(path));
    assert_eq!(answers, [Some(0), Some(24), Some(24), Some(32), None, None]);
    assert_eq!((btf.size_of("inner"), btf.size_of("absent")), (Some(16), None));
}

#[test]
fn a_modules_types_refer_to_the_kernels() {
    let kernel = example();
    let mut module = Builder {
        first_string: u32::try_from(kernel.strings.len()).unwrap(),
        ..Builder::default()
    };
    module = module.structure("ovl", 80, &[("vfs", 5, 0), ("upper", 1, 512)]);
    let btf = Btf::parse(&kernel.bytes())
        .unwrap()
        .with_module(&module.bytes())
        .unwrap();
    assert_eq!(
        (btf.offset("ovl.upper"), btf.offset("ovl.vfs.hidden")),
        (Some(64), Some(24))
    );
}

#[test]
fn what_the_kernels_types_leave_open_no_module_makes_up() {
    // Behind the kernel's last type, and behind its strings, a module's begin.
    let mut kernel = Builder::kernel()
        .plain(POINTER, "", 0)
        .plain(TYPEDEF, "", 6)
        .structure("by_type", 16, &[("", 6, 0)])
        .structure("by_typedef", 16, &[("", 2, 0)]);
    let end = u32::try_from(kernel.strings.len() + "by_name\0".len()).unwrap();
    kernel = kernel.structure("by_name", 16, &[]);
    let (info, member) = (STRUCT << 24 | 1, [end, 1, 64]);
    let at = kernel.types.len() - TYPE;
    kernel.types[at + 4..at + 8].copy_from_slice(&info.to_ne_bytes());
    kernel.types.extend(member.into_iter().flat_map(u32::to_ne_bytes));
    let mut module = Builder {
        first_string: end,
        ..Builder::default()
    };
    module.name("x");
    let module = module.structure("made_up", 8, &[("x", 1, 8)]);
    let both = Btf::parse(&kernel.bytes())
        .unwrap()
        .with_module(&module.bytes())
        .unwrap();
    for path in ["by_type.x", "by_typedef.x", "by_name.x"] {
        assert_eq!(both.offset(path), None, "{path}");
    }
    assert_eq!(both.offset("made_up.x"), Some(1));
}

#[test]
fn types_that_contain_themselves_give_no_answer_in_bounded_time() {
    let members: Vec<(&str, u32, u32)> = (0..200).map(|_| ("", 1, 0)).collect();
    let bytes = Builder::kernel()
        .structure("loop", 8, &members)
        .plain(TYPEDEF, "t", 2)
        .bytes();
    let btf = Btf::parse(&bytes).unwrap();
    assert_eq!(btf.offset("loop.absent"), None);
}

#[test]
fn another_byte_order_is_refused() {
    let mut bytes = example().bytes();
    bytes[..2].reverse();
    assert_eq!(Btf::parse(&bytes).unwrap_err(), BtfError::Magic(MAGIC.swap_bytes()));
}

#[test]
fn an_unknown_kind_is_refused_by_its_id() {
    let bytes = example().plain(30, "", 0).bytes();
    assert_eq!(Btf::parse(&bytes).unwrap_err(), BtfError::Kind { id: 6, kind: 30 });
}

proptest! {
    #[test]
    fn any_damage_gives_an_answer_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = example().bytes();
        let mut bytes = whole.clone();
        for (at, value) in changes {
            bytes[at.index(whole.len())] = value;
        }
        bytes.truncate(cut.index(whole.len() * 2).min(whole.len()));
        if let Ok(btf) = Btf::parse(&bytes) {
            for path in ["outer.nested.second", "inner.first", "outer", "", "outer..", "."] {
                let same = btf.offset(path) == btf.offset(path);
                prop_assert!(same);
            }
        } else {
            prop_assert!(bytes != whole);
        }
    }

    #[test]
    fn any_bytes_behind_a_right_magic_give_an_answer_or_an_error(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend(tail);
        let parsed = Btf::parse(&bytes);
        prop_assert!(parsed.is_err() || bytes.len() >= HEADER);
    }
}
