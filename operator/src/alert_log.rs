//! What happens to alerts, told to log pipelines: a line each on standard output, which carries nothing else. What the operator
//! has to say of itself goes to standard error.
//!
//! A line is written after the API server took the change: an operator that is killed between the two leaves one out, and none
//! is written twice.

use std::io::{self, Write};

use anchorwatch_core::alert::transition::Transition;
use anchorwatch_crds::v1alpha1::DriftAlert;
use tracing::warn;

use crate::{
    clock,
    convert::{alert_from_crd, from_clock},
};

/// Tells what happens to alerts, where somebody asked for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlertLog {
    /// Whether anything is told. Whoever reads the operator's log reads of every namespace then.
    pub on: bool,
}

impl AlertLog {
    /// Tells what happened to an alert, from the one object to the other.
    pub fn tell(self, before: Option<&DriftAlert>, after: Option<&DriftAlert>) {
        if !self.on {
            return;
        }
        let line = line(before, after);
        let written = line.map_or(Ok(()), |line| io::stdout().lock().write_all(line.as_bytes()));
        if let Err(error) = written {
            warn!(
                error = &error as &dyn std::error::Error,
                "a line about an alert can't be written"
            );
        }
    }
}

/// The line, with its end; none where nothing happened that a line tells.
fn line(before: Option<&DriftAlert>, after: Option<&DriftAlert>) -> Option<String> {
    let (before, after) = (before.and_then(alert_from_crd), after.and_then(alert_from_crd));
    let transition = Transition::between(before.as_ref(), after.as_ref(), from_clock(clock::now()))?;
    // A transition has no key that is no text, and nothing else that JSON could not hold.
    serde_json::to_string(&transition).ok().map(|line| line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::drift_alert;
    use serde_json::{Value, json};

    fn alert(state: &str) -> DriftAlert {
        let mut alert = drift_alert(1, "High", state);
        alert["status"]["summary"] = json!("two\nlines");
        serde_json::from_value(alert).unwrap()
    }

    #[test]
    fn a_change_of_state_is_one_line_of_json_and_no_change_is_none() {
        let told = line(Some(&alert("Open")), Some(&alert("Accepted"))).unwrap();
        assert_eq!((told.matches('\n').count(), told.ends_with('\n')), (1, true));
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["schema"], "anchorwatch.dev/alert-transition/v1");
        assert_eq!((&told["from"], &told["state"]), (&json!("Open"), &json!("Accepted")));
        assert_eq!(line(Some(&alert("Open")), Some(&alert("Open"))), None);
        assert_eq!(line(None, None), None);
    }
}
