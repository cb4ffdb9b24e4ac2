//! What the command line and the environment ask for.

use std::net::SocketAddr;

use anchorwatch_core::chain::KeyId;
use clap::{Parser, ValueEnum};

use crate::signing::Wanted;

/// The operator of Anchorwatch: merges the sensors' reports into baselines, raises drift, and matches it with rollouts.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Args {
    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, env = "ANCHORWATCH_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// Name of the Lease by which one of several operators leads.
    #[arg(long, env = "ANCHORWATCH_LEASE_NAME", default_value = "anchorwatch-operator")]
    pub lease_name: String,

    /// Namespace of the Lease: the operator's own.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub namespace: String,

    /// Who this operator is in the Lease. Default: the host name and the process id.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,

    /// Secret of that namespace that holds the key which signs evidence. It is made at the first start.
    #[arg(long, env = "ANCHORWATCH_SIGNING_SECRET", default_value = "anchorwatch-signing-key")]
    pub signing_secret: String,

    /// ConfigMap of that namespace in which the public keys are published.
    #[arg(long, env = "ANCHORWATCH_PUBLIC_KEYS", default_value = "anchorwatch-public-keys")]
    pub public_keys: String,

    /// Number of the signing key: raise it by one to have the key rotated.
    #[arg(long, env = "ANCHORWATCH_SIGNING_GENERATION", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub signing_generation: u32,

    /// Id of a key that is trusted although no key before it vouches for it, as after the Secret was lost. May be given
    /// several times; then the first key has to be named, too.
    #[arg(long = "trust-key", env = "ANCHORWATCH_TRUSTED_KEYS", value_delimiter = ',')]
    pub trusted_keys: Vec<KeyId>,

    /// Name of a field manager that an admission policy ties to its users: who rolled out under it is verified. May be given
    /// several times.
    #[arg(long = "bound-manager", env = "ANCHORWATCH_BOUND_MANAGERS", value_delimiter = ',')]
    pub bound_managers: Vec<String>,

    /// How often the chains of evidence are checked, in seconds.
    #[arg(long, env = "ANCHORWATCH_VERIFY_EVERY", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub verify_every: u64,

    /// Most series of `anchorwatch_operator_alert_findings` that are told apart by namespace, workload's kind and rule; 0 for
    /// none at all.
    #[arg(long, env = "ANCHORWATCH_ALERT_SERIES", default_value_t = 2_000)]
    pub alert_series: usize,

    /// Tell each change of an alert's state on standard output, a line of JSON each
    /// (docs/reference/alert-transition.schema.json).
    #[arg(long, env = "ANCHORWATCH_ALERT_LOG")]
    pub alert_log: bool,

    /// Write alerts as reports that other tools read, in this API. Without it none are written.
    #[arg(long, env = "ANCHORWATCH_OPEN_REPORTS", value_enum)]
    pub open_reports: Option<ReportApi>,

    /// How log lines look on standard error. What is logged is chosen by `RUST_LOG`.
    #[arg(long, env = "ANCHORWATCH_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

/// In which API reports for other tools are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ReportApi {
    /// The first of the others that the cluster serves.
    Auto,
    /// Report of openreports.io/v1alpha1.
    OpenReports,
    /// PolicyReport of wgpolicyk8s.io/v1alpha2, the older form.
    PolicyReport,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl Args {
    /// Where the key that signs evidence is kept, and which is wanted.
    pub fn signing(&self) -> Wanted {
        Wanted {
            namespace: self.namespace.clone(),
            secret: self.signing_secret.clone(),
            config_map: self.public_keys.clone(),
            generation: self.signing_generation,
            trusted: self.trusted_keys.iter().copied().collect(),
        }
    }

    /// Who this operator is: a pod's name where it runs in a pod, and there the same after a restart of its container,
    /// so that it need not wait for its own lease to expire.
    pub fn identity(&self) -> String {
        self.identity.clone().unwrap_or_else(|| {
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            format!("{host}-{}", std::process::id())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_a_pod_name_the_identity_is_unique_to_the_process() {
        let args = Args {
            identity: None,
            ..Args::parse_from(["anchorwatch-operator"])
        };
        assert!(args.identity().ends_with(&format!("-{}", std::process::id())));
    }
}
