//! `alert-overflow`: more is undecided in a namespace than the policies keep alerts for. What found no room has no alert; this
//! one counts it.

use super::page::{Page, Technique};
use crate::severity::Severity;

pub(super) const ID: &str = "alert-overflow";
pub(super) const SEVERITY: Severity = Severity::High;
pub(super) const PAGE: Page = Page {
    sees: "More undecided findings below High than a policy keeps alerts for, in a workload (`alerts.perWorkload`) or in \
           the namespace (`alerts.perNamespace`). The graver go before the less grave, and of equals what is there; an eighth \
           of the room is each severity's own. What is High is never among it. There is one alert of it a namespace, of the \
           workload `Namespace/<name>`, and its count is the number of findings that have no alert.",
    why: "A flood of small alerts would be a way to hide one, and to fill the cluster's store.",
    example: "`more is undecided below High than there is room for alerts: what found none is counted here`",
    tune: "Decide about the alerts that are there: each makes room for one that waits. `kubectl drift report` counts all \
           that was raised, with or without an alert. It goes by itself once everything found room.",
    techniques: &[Technique::new("T1562.006", "Impair Defenses: Indicator Blocking")],
};

pub(super) fn sentence() -> String {
    "more is undecided below High than there is room for alerts: what found none is counted here".to_owned()
}
