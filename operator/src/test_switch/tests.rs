use super::*;

#[test]
fn no_variable_switches_nothing() {
    assert!(!TestSwitches::read(|_| None).active());
}

#[test]
fn each_part_is_switched_off_by_its_name() {
    let switches = TestSwitches::read(|name| (name == DISABLE).then(|| "attach, rollout-match".to_owned()));
    assert_eq!(
        switches,
        TestSwitches {
            no_rollout_match: true,
            ..TestSwitches::default()
        }
    );
}

#[test]
fn a_kill_point_of_the_sensor_does_not_concern_the_operator() {
    let switches = TestSwitches::read(|name| (name == KILL).then(|| "sensor-before-send".to_owned()));
    assert!(!switches.active());
}

#[test]
fn a_marker_that_exists_prevents_a_second_death() {
    let marker = env::temp_dir().join(format!("anchorwatch-marker-{}", std::process::id()));
    fs::write(&marker, "").unwrap();
    let switches = TestSwitches {
        kill_mid_merge: Some(Deadly {
            at: None,
            marker: marker.clone(),
        }),
        ..TestSwitches::default()
    };
    switches.die_mid_merge(std::iter::empty());
    fs::remove_file(marker).unwrap();
}

#[test]
fn the_merge_of_another_report_is_survived() {
    let marker = env::temp_dir().join(format!("anchorwatch-other-marker-{}", std::process::id()));
    let switches = TestSwitches {
        kill_mid_merge: Some(Deadly {
            at: Some("/bin/x".into()),
            marker: marker.clone(),
        }),
        ..TestSwitches::default()
    };
    switches.die_mid_merge(["/bin/y"].into_iter());
    assert!(!marker.exists());
}

#[test]
fn a_clock_is_stepped_forward_and_back() {
    for (text, seconds) in [("3600", 3_600), ("-3600", -3_600), ("an hour", 0)] {
        let switches = TestSwitches::read(|name| (name == CLOCK).then(|| text.to_owned()));
        assert_eq!(switches.clock, seconds, "{text}");
    }
}

#[test]
fn only_the_record_of_the_name_is_deadly() {
    let marker = env::temp_dir().join(format!("anchorwatch-record-marker-{}", std::process::id()));
    let switches = TestSwitches::read(|name| match name {
        KILL => Some("operator-mid-record".to_owned()),
        KILL_AT => Some("deployment-web-2".to_owned()),
        KILL_MARKER => Some(marker.display().to_string()),
        _ => None,
    });
    switches.die_mid_record("deployment-web-1");
    switches.die_mid_merge(["/bin/x"].into_iter());
    assert!(!marker.exists());
    assert!(switches.kill_mid_record.is_some());
}
