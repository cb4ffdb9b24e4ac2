//! What the kernel and the pipeline count, into losses and metrics.

use std::time::Instant;

use super::{Kernel, Parts, Pipeline, PipelineError};
use crate::losses::Whose;

impl Pipeline {
    /// What the kernel lost since the last time: what its filter lost is charged to the container that sent too much, or
    /// found no room.
    pub(super) fn count_losses(&mut self, kernel: &mut impl Kernel) -> Result<(), PipelineError> {
        let counters = |error| PipelineError::Counters(Box::new(error));
        let losses = kernel.losses().map_err(counters)?;
        let reading = kernel.filtered().map_err(counters)?;
        let now = Instant::now();
        let Parts {
            losses: all,
            attributor,
            ..
        } = &mut self.parts;
        all.add_kernel(&losses);
        for loss in reading.lost {
            let whose = loss.container.map_or(Whose::Unknown, |cgroup| attributor.whose(cgroup));
            all.charge_slot(whose, loss, now);
        }
        all.name(|id| attributor.owner(id), now);
        self.parts.metrics.filter.set(&reading.totals);
        Ok(())
    }

    pub(super) fn export(&mut self) {
        let metrics = &self.parts.metrics;
        metrics.set_losses(&self.parts.losses);
        metrics.set_survey(&self.parts.survey);
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.remembered_behaviours.set(gauge(self.parts.seen.behaviours()));
        metrics.remembered_bytes.set(gauge(self.parts.seen.bytes()));
        metrics.waiting.set(gauge(self.parts.attributor.waiting()));
        metrics.pods.set(gauge(self.parts.attributor.pods()));
        metrics.cgroups.set(gauge(self.parts.attributor.cgroups()));
        metrics.network.set(self.parts.attributor.destinations());
        let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.evicted.set(count(self.parts.seen.evicted()));
        let unresolved = self.parts.attributor.unresolved_ancestors();
        metrics.unresolved_ancestors.set(count(unresolved));
        let outstanding = i64::from(self.parts.reporter.outstanding().is_some());
        metrics.batch_outstanding.set(outstanding);
    }
}
