//! Version `v1alpha1`: one kind a file, and beside them what several kinds share.

mod behavior;
mod behavior_approval;
mod behavior_baseline;
mod behavior_query;
mod drift_alert;
mod drift_policy;
mod duration;
mod feed_policy;
mod lenient;
mod module;
mod name;
mod named_behavior;
mod network;
mod process;
mod rollout_intent;
mod rollout_record;
mod sensor_report;
mod workload;

pub use behavior::{Behavior, BehaviorAttributes, CommandScore, NearCommand};
pub use behavior_approval::{BehaviorApproval, BehaviorApprovalSpec, BehaviorApprovalStatus};
pub use behavior_baseline::{
    BaselineEntry, BaselineLoss, BaselineState, BehaviorBaseline, BehaviorBaselineSpec, BehaviorBaselineStatus,
    CandidateCommand, CommandStanding, ContainerBaseline, DormantBehavior, EntryPast, EntryState, FeedBaseline,
    HourMarks, InheritedFrom, LearningWindow, LeftOut, MergedBatch, ObservedRevision, PodSighting, SampledCommands,
};
pub use behavior_query::{BehaviorQuery, BehaviorQuerySpec, BehaviorQueryStatus, QueryAnswer, QueryPhase};
pub use drift_alert::{
    AlertState, DecidedOn, Decision, DecisionOutcome, Disposition, DriftAlert, DriftAlertSpec, DriftAlertStatus,
    Finding, FindingDecision, RolloutMatch, RolloutVerdict, Severity,
};
pub use drift_policy::{
    AbsorbPolicy, AbsorbSeverity, AlertsPolicy, BaselinePolicy, ClusterDriftPolicy, ClusterDriftPolicySpec,
    CorrelationPolicy, DriftPolicy, DriftPolicySpec, DriftPolicyStatus, MaturityMethod, MaturityPolicy, Mode, OnMatch,
    OnUnmatched, RolloutPolicy,
};
pub use duration::{Days, Duration, DurationError};
pub use feed_policy::{
    ApprovedHashes, ArgumentHandling, ConfigMapReference, DeniedDestinations, DestinationGroup, FeedPolicies,
    ModuleFeedPolicy, NetworkFeedPolicy, ProcessFeedPolicy, SpikePolicy,
};
pub use module::{ModuleBehavior, ModuleKind};
pub use named_behavior::{NamedBehaviors, NamedDestination, NamedListener, NamedModule, NamedProcess};
pub use network::{DestinationBurst, Direction, NetworkBehavior, NetworkDestination, Protocol};
pub use process::{FeedName, Origin, ProcessBehavior, SourceLayer};
pub use rollout_intent::{IntendedContainer, IntentState, RolloutIntent, RolloutIntentSpec, RolloutIntentStatus};
pub use rollout_record::{
    Announcement, AnnouncementOutcome, ChainLink, GitRevision, PrunedRecords, RecordType, RecordedContainer,
    RolloutAction, RolloutActor, RolloutProgress, RolloutRecord, RolloutRecordSpec, RolloutRecordStatus,
    TemplateChange, TemplateField,
};
pub use sensor_report::{
    Acknowledgement, ContainerLosses, HookReport, Loss, PodReference, ReportedBehavior, ReportedContainer,
    SensorReport, SensorReportSpec, SensorReportStatus,
};
pub use workload::WorkloadReference;
