//! Cgroups that nobody told of are found by their ids, as the programs' own records name them.

use crate::fixture::live;
use anchorwatch_sensor::attribute::cgroup::hierarchy::Hierarchy;
use anchorwatch_sensor::decode::RawEvent;
use anchorwatch_sensor::snapshot::find_cgroup_root;

#[test]
fn a_cgroups_id_leads_to_the_path_that_the_programs_tell() {
    let Some(mut live) = live("a_cgroups_id_leads_to_the_path_that_the_programs_tell") else {
        return;
    };
    let hierarchy = Hierarchy::open(&find_cgroup_root().unwrap()).unwrap();
    let cgroup = live.scene.cgroup("placed");
    let id = cgroup.id;
    let told = live.events().into_iter().find_map(|event| match event {
        RawEvent::CgroupCreated { id: created, path, .. } if created == id => Some(path),
        _ => None,
    });
    assert_eq!(hierarchy.path(id).unwrap(), told.unwrap());
    cgroup.remove();
    assert!(hierarchy.path(id).is_err());
}
