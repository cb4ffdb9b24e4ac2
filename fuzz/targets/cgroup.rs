//! Paths of cgroups, which whoever makes one chooses, and mounts that say whose a container is.

#![no_main]

use anchorwatch_fuzz::attribute::cgroup::path::Holder;
use anchorwatch_fuzz::attribute::cgroup::{ContainerId, Placement};
use anchorwatch_fuzz::attribute::mounts;
use anchorwatch_fuzz::attribute::scope::Scope;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for scope in [Scope::Pods, Scope::Host, Scope::PodsAndHost] {
        if let Placement::Container(place) = scope.placement(input) {
            let is_unit = place.is_unit();
            match place.holder {
                // Nothing of it leads out of a folder.
                Holder::Pod(pod) => {
                    assert_eq!(ContainerId::parse(place.id.as_str()), Some(place.id));
                    assert!(!pod.is_empty() && !pod.contains('/'));
                }
                Holder::Host(container) => {
                    assert!(scope != Scope::Pods);
                    assert!(!container.name.is_empty() && !container.workload.name.is_empty());
                    // By that a unit's id is no container's; the kernel's paths all begin so.
                    assert!(!is_unit || !input.starts_with(b"/") || place.id.as_str().starts_with('/'));
                }
            }
        }
    }
    if let Some(seat) = mounts::seat(input) {
        assert!(!seat.pod.is_empty() && !seat.container.is_empty());
        assert!(!seat.pod.contains('/') && !seat.container.contains('/'));
    }
});
