//! Paths of cgroups, which whoever makes one chooses, and mounts that say whose a container is.

#![no_main]

use anchorwatch_sensor::attribute::cgroup::{ContainerId, Placement, path};
use anchorwatch_sensor::attribute::mounts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Placement::Container(place) = path::placement(input) {
        assert_eq!(ContainerId::parse(place.id.as_str()), Some(place.id));
        // Nothing of it leads out of a folder or onto a second line.
        assert!(!place.pod.is_empty() && !place.pod.contains(['/', '\n', '\0']));
    }
    if let Some(seat) = mounts::seat(input) {
        assert!(!seat.pod.is_empty() && !seat.container.is_empty());
        assert!(!seat.pod.contains('/') && !seat.container.contains('/'));
    }
});
