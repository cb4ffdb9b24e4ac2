//! An observation, or an alert, as a line that is fit for a terminal.

use anchorwatch_core::text::is_plain;
use serde::Serialize;
use std::fmt::Write as _;

/// The line, with its end. JSON escapes what controls a terminal only as far as ASCII goes; here everything is escaped that
/// controls, hides or reorders text, so that a recording can be looked at as it is.
pub fn line(what: &impl Serialize) -> std::io::Result<String> {
    let json = serde_json::to_string(what)?;
    let mut line = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        if is_plain(character) {
            line.push(character);
        } else {
            // Such a character can only stand inside a text, where JSON takes its UTF-16 units.
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(line, "\\u{unit:04x}").map_err(std::io::Error::other)?;
            }
        }
    }
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::id::{ContainerName, WorkloadKey};
    use anchorwatch_core::observation::Observation;
    use anchorwatch_core::observation::{Observed, ProcessObservation};
    use anchorwatch_core::time::Timestamp;
    use proptest::prelude::*;

    fn observation(argv: Vec<String>) -> Observation {
        Observation {
            time: Timestamp::from_secs(1_767_225_600),
            workload: WorkloadKey::new("host", "Unit", "demo.service"),
            container: ContainerName::new("main"),
            pod: None,
            snapshot: false,
            what: Observed::Process(ProcessObservation {
                executable: "/bin/sh".to_owned(),
                argv,
                ..ProcessObservation::default()
            }),
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back_and_controls_no_terminal(argv in prop::collection::vec(any::<String>(), 0..4)) {
            let observation = observation(argv);
            let line = line(&observation).unwrap();
            prop_assert!(line.trim_end_matches('\n').chars().all(is_plain), "{line:?}");
            prop_assert_eq!(serde_json::from_str::<Observation>(&line).unwrap(), observation);
        }
    }

    #[test]
    fn what_orders_a_terminal_about_is_escaped() {
        let line = line(&observation(vec!["\u{9b}2J\u{202e}\u{e0001}\u{7f}".to_owned()])).unwrap();
        assert!(
            line.contains(r#""argv":["\u009b2J\u202e\udb40\udc01\u007f"]"#),
            "{line}"
        );
    }
}
