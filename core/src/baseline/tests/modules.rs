//! Libraries: of the image, of a list, and where another one was.

use super::*;
use crate::{behaviour::Attributes, policy::hashes, testkit::library};

const PATH: &str = "/usr/lib/x.so";

fn raised(world: &mut World, behaviour: &Behaviour, time: i64) -> Vec<Rule> {
    let outcome = world.sees(behaviour, Attributes::default(), at(time));
    outcome.new_quarantined.iter().map(|raised| raised.rule).collect()
}

/// A workload that learned one library of its image.
fn knowing() -> World {
    let mut world = World::mature();
    assert_eq!(raised(&mut world, &library(PATH, 'a', SourceLayer::Image), 0), []);
    world
}

#[test]
fn a_file_that_changed_under_a_known_path_is_a_changed_hash_and_a_new_image_is_none() {
    let mut world = knowing();
    assert_eq!(raised(&mut world, &library(PATH, 'b', SourceLayer::Image), 100), []);
    let changed = library(PATH, 'c', SourceLayer::ImageCopiedUp);
    assert_eq!(raised(&mut world, &changed, 101), [Rule::ChangedHash]);
    assert_eq!(raised(&mut world, &changed, 102), [], "raised already");
    let elsewhere = library("/data/x.so", 'c', SourceLayer::Volume);
    assert_eq!(raised(&mut world, &elsewhere, 103), [Rule::UnapprovedModule]);
}

#[test]
fn what_was_raised_before_its_path_was_known_is_named_for_what_it_is_afterwards() {
    let mut world = World::mature();
    raised(&mut world, &library("/usr/lib/y.so", 'a', SourceLayer::Image), 0);
    let changed = library(PATH, 'c', SourceLayer::ImageCopiedUp);
    assert_eq!(raised(&mut world, &changed, 100), [Rule::UnapprovedModule]);
    assert_eq!(
        raised(&mut world, &library(PATH, 'a', SourceLayer::Image), 101),
        [Rule::ChangedHash]
    );
}

#[test]
fn the_same_content_from_elsewhere_is_no_changed_hash() {
    let mut world = knowing();
    let same = library(PATH, 'a', SourceLayer::Volume);
    assert_eq!(raised(&mut world, &same, 100), [Rule::UnapprovedModule]);
}

#[test]
fn where_hashes_are_listed_the_image_is_no_excuse_and_the_list_is() {
    let mut world = knowing();
    world.policy.module.approved = Some(hashes::parse(&"d".repeat(64)).expect("a hash"));
    assert_eq!(
        raised(&mut world, &library(PATH, 'a', SourceLayer::Image), 1),
        [Rule::UnapprovedModule],
        "although it was learned, and while learning lasts"
    );
    for source in [SourceLayer::Image, SourceLayer::Volume, SourceLayer::UpperNew] {
        assert_eq!(raised(&mut world, &library("/opt/d.so", 'd', source), 100), []);
    }
    let unread = Behaviour::Module(ModuleBehaviour::from(ModuleParts {
        origin: Origin::Entrypoint,
        path: "/usr/lib/z.so".to_owned(),
        source: SourceLayer::Image,
        ..ModuleParts::default()
    }));
    assert_eq!(raised(&mut world, &unread, 101), [Rule::UnapprovedModule]);
    let in_memory = library("memfd:d", 'd', SourceLayer::Memory);
    assert_eq!(raised(&mut world, &in_memory, 102), [Rule::FilelessExecution]);
}

#[test]
fn the_libraries_of_a_large_image_leave_room_for_what_has_to_be_learned_and_are_no_loss() {
    let mut world = World::mature();
    for number in 0..500 {
        let path = format!("/usr/lib/x86_64-linux-gnu/lib-{number}.so");
        assert_eq!(raised(&mut world, &library(&path, 'a', SourceLayer::Image), 1), []);
    }
    assert_eq!(world.baseline.all_overflowed(), 0);
    for number in 0..60 {
        let program = process("/usr/bin/python3", &format!("/usr/bin/tool-{number}"));
        assert_eq!(world.shows_at("p1", "h1", '1', &program, at(2)).new_learned.len(), 1);
    }
    let late = library("/usr/lib/x86_64-linux-gnu/lib-499.so", 'a', SourceLayer::Image);
    assert_eq!(raised(&mut world, &late, 100), [], "approved, though it found no room");
}

#[test]
fn a_denied_library_is_raised_while_learning_and_never_learned() {
    let mut world = World::mature();
    world.policy.module.deny.insert(PATH.to_owned());
    let denied = library(PATH, 'a', SourceLayer::Image);
    assert_eq!(raised(&mut world, &denied, 0), [Rule::DeniedBehaviour]);
}
