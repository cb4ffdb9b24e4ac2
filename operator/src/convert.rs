//! From the resources' types to the core's and back: what the operator alone needs of it. Behaviours, baselines and policies
//! are in `anchorwatch-convert`.

mod alert;
mod intent;
mod record;
mod report;
mod template;

pub use anchorwatch_convert::{baseline_from_crd, baseline_to_crd, from_clock};

pub use alert::{alert_from_crd, alert_to_crd, place_of};
pub use intent::{comparison_to_crd, intent_from_crd};
pub use record::{record_from_crd, record_to_crd};
pub use report::{behaviours_from_crd, hours_from_crd, losses_from_crd};
pub use template::template_from_pod_spec;
