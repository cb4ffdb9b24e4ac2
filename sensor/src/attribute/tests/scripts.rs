//! Where scripts come from that the kernel's programs did not look at.

use super::*;
use crate::decode::RawEvent;
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A node's `/proc` with one process, and the layers of its container: the folder stands for both filesystems.
fn node(pid: u32) -> (tempfile::TempDir, Attributor) {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().canonicalize().unwrap();
    let process = here.join(pid.to_string());
    let container = here.join("container");
    for made in [&container, &process.join("ns"), &here.join("1")] {
        fs::create_dir_all(made).unwrap();
    }
    symlink(&container, process.join("root")).unwrap();
    symlink("mnt:[7]", process.join("ns/mnt")).unwrap();
    symlink("/", here.join("1/root")).unwrap();
    let mounted = statx(CWD, &container, AtFlags::empty(), StatxFlags::MNT_ID)
        .unwrap()
        .stx_mnt_id;
    let layers = here.display();
    let table =
        format!("{mounted} 1 0:50 / / rw - overlay overlay rw,lowerdir={layers}/lower,upperdir={layers}/upper\n");
    fs::write(process.join("mountinfo"), table).unwrap();
    fs::write(
        process.join("stat"),
        "7 (a) S 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 0 0 0",
    )
    .unwrap();
    for (script, layers) in [
        ("image.sh", &["lower"][..]),
        ("new.sh", &["upper"]),
        ("changed.sh", &["lower", "upper"]),
    ] {
        fs::write(container.join(script), "").unwrap();
        for (layer, content) in layers.iter().zip(["", "more"]) {
            let path = in_layer(&here, layer, script);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }
    let mut attributor = Attributor::new(AttributionLimits::default(), ProcFolder::new(here));
    let created = RawEvent::CgroupCreated {
        time_ns: 0,
        id: 1,
        path: format!("/kubepods/burstable/pod1/{A}").into(),
    };
    attributor.event(created, Instant::now());
    assert_eq!(attributor.pod(PodChange::Applied(known_pod()), Instant::now()), []);
    (folder, attributor)
}

/// A layer holds what the container shows under the path that we see.
fn in_layer(here: &Path, layer: &str, script: &str) -> PathBuf {
    let seen = here.join("container").join(script);
    here.join(layer).join(seen.strip_prefix("/").unwrap())
}

#[test]
fn a_script_that_runs_and_is_new_or_changed_shows_that_and_no_other_does() {
    let (_folder, mut attributor) = node(1000);
    for (script, noted, expected) in [
        ("/image.sh", None, SourceLayer::Image),
        ("/new.sh", None, SourceLayer::UpperNew),
        ("/changed.sh", None, SourceLayer::ImageChanged),
        // Gone, or never there: as quick as an image's can be.
        ("/gone.sh", None, SourceLayer::Image),
        // The kernel saw it.
        ("/new.sh", Some(FileSource::Volume), SourceLayer::Volume),
    ] {
        let execution = exec("/bin/sh").script(script).source(FileSource::Image, noted);
        assert_eq!(parts(run(&mut attributor, execution)).source, expected, "{script}");
    }
    // Its process is gone.
    let mut before = exec("/bin/sh")
        .script("/new.sh")
        .source(FileSource::Image, None)
        .build();
    before.pid = 1001;
    let outcome = attributor.event(RawEvent::Exec(before), Instant::now()).unwrap();
    assert_eq!(parts(outcome).source, SourceLayer::Image);
}
