//! Version `v1alpha1`: one kind a file, and beside them what several kinds share.

mod behavior_approval;
mod behavior_baseline;
mod drift_alert;
mod drift_policy;
mod duration;
mod name;
mod process;
mod rollout_record;
mod sensor_report;
mod workload;

pub use behavior_approval::{ApprovedProcess, BehaviorApproval, BehaviorApprovalSpec, BehaviorApprovalStatus};
pub use behavior_baseline::{
    BaselineEntry, BaselineLoss, BaselineState, BehaviorBaseline, BehaviorBaselineSpec, BehaviorBaselineStatus,
    ContainerBaseline, EntryState, FeedBaseline, MergedBatch, PodSighting,
};
pub use drift_alert::{
    AlertState, Decision, Disposition, DriftAlert, DriftAlertSpec, DriftAlertStatus, Finding, RolloutMatch,
    RolloutVerdict, Severity,
};
pub use drift_policy::{
    BaselinePolicy, ClusterDriftPolicy, ClusterDriftPolicySpec, CorrelationPolicy, DriftPolicy, DriftPolicySpec,
    DriftPolicyStatus, FeedPolicies, MaturityMethod, MaturityPolicy, Mode, OnMatch, OnUnmatched, ProcessFeedPolicy,
    RolloutPolicy,
};
pub use duration::{Days, Duration, DurationError};
pub use process::{FeedName, Origin, ProcessBehavior, SourceLayer};
pub use rollout_record::{RecordedContainer, RolloutRecord, RolloutRecordSpec, RolloutRecordStatus};
pub use sensor_report::{
    Acknowledgement, HookReport, Loss, PodReference, ReportedBehavior, ReportedContainer, SensorReport,
    SensorReportSpec, SensorReportStatus,
};
pub use workload::WorkloadReference;
