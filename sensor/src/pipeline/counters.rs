//! What the kernel and the pipeline count, into losses and metrics.

use super::{Kernel, Parts, Pipeline, PipelineError};

impl Pipeline {
    pub(super) fn count_losses(&mut self, kernel: &mut impl Kernel) -> Result<(), PipelineError> {
        let Parts { losses, intake, .. } = &mut self.parts;
        let counted = intake.count_losses(losses, kernel);
        let (totals, slots) = counted.map_err(|error| PipelineError::Counters(Box::new(error)))?;
        self.parts.metrics.filter.set(&totals, slots);
        Ok(())
    }

    pub(super) fn export(&mut self) {
        let metrics = &self.parts.metrics;
        metrics.set_losses(&self.parts.losses);
        metrics.survey.set(&self.parts.survey);
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.remembered_behaviours.set(gauge(self.parts.seen.behaviours()));
        metrics.remembered_bytes.set(gauge(self.parts.seen.bytes()));
        let attributor = &mut self.parts.intake.attributor;
        metrics.waiting.set(gauge(attributor.waiting()));
        metrics.pods.set(gauge(attributor.pods()));
        metrics.cgroups.set(gauge(attributor.cgroups()));
        metrics.network.set(attributor.destinations());
        let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        metrics.evicted.set(count(self.parts.seen.evicted()));
        let unresolved = attributor.unresolved_ancestors();
        metrics.unresolved_ancestors.set(count(unresolved));
        let outstanding = i64::from(self.parts.reporter.outstanding().is_some());
        metrics.batch_outstanding.set(outstanding);
    }
}
