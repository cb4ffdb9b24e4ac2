//! Type information: the kernel's own and a module's, cut from the input where its first two bytes say.

#![no_main]

use anchorwatch_fuzz::btf::Btf;
use libfuzzer_sys::fuzz_target;

/// Names as they stand in the seeds, and one that stands nowhere.
const FIELDS: [&str; 5] = ["task.pid", "task.inner.x", "task.flag", "extra.task", "absent.field"];

fuzz_target!(|input: &[u8]| {
    let Some(([low, high], rest)) = input.split_first_chunk() else {
        return;
    };
    let at = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
    let (kernel, module) = rest.split_at(at);
    let Ok(btf) = Btf::parse(kernel) else { return };
    ask(&btf);
    if let Ok(both) = btf.clone().with_module(module) {
        ask(&both);
        // What the kernel's own says comes first, whatever a module adds.
        for field in FIELDS {
            let alone = btf.offset_in_bits(field);
            assert!(alone.is_none() || both.offset_in_bits(field) == alone, "{field}");
        }
    }
});

fn ask(btf: &Btf) {
    for field in FIELDS {
        let (bytes, bits) = (btf.offset(field), btf.offset_in_bits(field));
        assert!(bytes.is_none_or(|bytes| bits == bytes.checked_mul(8)), "{field}");
    }
    btf.size_of("task");
}
