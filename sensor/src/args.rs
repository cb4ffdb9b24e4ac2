//! The command line.

use crate::attribute::command::Arguments;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_crds::v1alpha1 as crd;
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::names::resolvers::DNS_PORT;

const EXAMPLES: &str = "\
Examples:
  # As the chart runs it, in a pod with the node's /proc and /sys/fs/cgroup
  anchorwatch-sensor --cgroup-root /host/sys/fs/cgroup --state-dir /var/lib/anchorwatch

  # On a node itself, as root, against the cluster of a kubeconfig
  NODE_NAME=node1 KUBECONFIG=admin.kubeconfig anchorwatch-sensor --cgroup-root /sys/fs/cgroup --state-dir /tmp/state

  # What this node offers, and what is missing
  anchorwatch-sensor preflight";

const PREFLIGHT_EXAMPLES: &str = "\
Examples:
  # On a node, as root, before installing
  anchorwatch-sensor preflight --cgroup-root /sys/fs/cgroup

  # The hooks that are not attached in the best way
  anchorwatch-sensor preflight -o json | jq '.checks[] | select(.state != \"ok\")'";

const RECORD_EXAMPLES: &str = "\
Examples:
  # A day of a host, at most 512 MiB of it
  anchorwatch-sensor record --to /var/lib/anchorwatch/recording

  # The programs that are started right now
  anchorwatch-sensor record --feed process | jq -r '.workload + \" \" + .process.executable'

  # This node's pods by their workloads
  anchorwatch-sensor record --kubeconfig admin.kubeconfig --node-name node1 --to recording";

const STANDALONE_EXAMPLES: &str = "\
Examples:
  # Learn for a day, then tell what deviates, a line each
  anchorwatch-sensor --standalone

  # Learn for ten minutes, and tell in JSON Lines, for a program to take up
  anchorwatch-sensor standalone --learn-for 10m --output json | jq -r '.findings[].sentence'";

const COMPLETION_EXAMPLES: &str = "\
Examples:
  source <(anchorwatch-sensor completion bash)
  anchorwatch-sensor completion fish > ~/.config/fish/completions/anchorwatch-sensor.fish";

/// Watches what the containers of a node run, and reports to the Kubernetes API what it sees for the first time.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub options: Options,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Say what this node offers and what is missing.
    ///
    /// Each hook's programs are loaded and attached for a moment. The exit code is 0 where the sensor can run, be it that it
    /// sees less than it could; 1 where it can't; 2 where the command line is wrong.
    #[command(after_help = PREFLIGHT_EXAMPLES)]
    Preflight {
        /// How it is said.
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Record what this host's units and containers do as JSON Lines, without secrets, for `kubectl drift backtest`: what
    /// they execute, whom they talk to, and what code they load.
    ///
    /// Workloads are `host/Unit/NAME` for systemd's units, `host/Container/ID` for containers of any runtime, and
    /// `host/Node/node` for kernel modules that none of them loads. With a
    /// cluster (`--kubeconfig`, `$KUBECONFIG`, or in a pod), this node's pods are `NAMESPACE/KIND/NAME`, as their owner
    /// references tell. Ends on SIGINT or SIGTERM, and says on standard error what it could not record.
    #[command(after_help = RECORD_EXAMPLES)]
    Record(Recording),
    /// Watch this host alone, without Kubernetes: learn what its units and containers execute, whom they talk to and what
    /// code they load, and tell what deviates.
    ///
    /// Workloads are named as in a recording. What was learned is kept in the state folder, so that a restart neither forgets
    /// nor tells anything again; a workload that is new is learned first. Ends on SIGINT or SIGTERM.
    #[command(long_flag = "standalone", after_help = STANDALONE_EXAMPLES)]
    Standalone(Standing),
    /// Print a completion script for a shell.
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completion { shell: Shell },
}

/// Where a recording goes, and how much of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Recording {
    /// Folder of the files; without it, lines go to standard output.
    #[arg(long)]
    pub to: Option<PathBuf>,

    /// Most mebibytes of a file.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub max_mib: u32,

    /// Most files; the oldest are removed.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_files: u32,

    /// What is recorded, of process, network and module; without it all of them.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub feed: Vec<RecordedFeed>,
}

impl Recording {
    /// What is recorded.
    pub fn feeds(&self) -> BTreeSet<Feed> {
        let asked = self.feed.iter().map(|feed| match feed {
            RecordedFeed::Process => Feed::Process,
            RecordedFeed::Network => Feed::Network,
            RecordedFeed::Module => Feed::Module,
        });
        let asked: BTreeSet<Feed> = asked.collect();
        if asked.is_empty() { Feed::ALL.into() } else { asked }
    }
}

/// A feed, as the command line has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordedFeed {
    /// Executions.
    Process,
    /// Connections, unconnected sends, listeners, and bytes at close.
    Network,
    /// Libraries and kernel modules.
    Module,
}

/// How a host is watched.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Standing {
    /// How long each workload is learned before what is new in it deviates, such as 10m or 24h; without it as the policy
    /// says, else 24h.
    #[arg(long)]
    pub learn_for: Option<crd::Duration>,

    /// Whether what deviates is an alert, or only observed; without it as the policy says, else an alert.
    #[arg(long, value_enum, ignore_case = true)]
    pub mode: Option<StandingMode>,

    /// File of a DriftPolicy or ClusterDriftPolicy in YAML, as one would apply it to a cluster. Its selector is not looked at.
    #[arg(long)]
    pub policy: Option<PathBuf>,

    /// How alerts are told, on standard output.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What becomes of what deviates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StandingMode {
    Alert,
    Observe,
}

/// How something is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Name of the Node object of this node.
    #[arg(long, env = "NODE_NAME", global = true, default_value = "")]
    pub node_name: String,

    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, env = "ANCHORWATCH_LISTEN", global = true, default_value = "0.0.0.0:8081")]
    pub listen: SocketAddr,

    /// The node's cgroup folder; the unified hierarchy is this folder, or `unified` in it.
    #[arg(
        long,
        env = "ANCHORWATCH_CGROUP_ROOT",
        global = true,
        default_value = "/host/sys/fs/cgroup"
    )]
    pub cgroup_root: PathBuf,

    /// The node's /proc.
    #[arg(long, env = "ANCHORWATCH_PROC_ROOT", global = true, default_value = "/proc")]
    pub proc_root: PathBuf,

    /// Folder of the outbox: what is not yet acknowledged outlives the sensor here.
    #[arg(
        long,
        env = "ANCHORWATCH_STATE_DIR",
        global = true,
        default_value = "/var/lib/anchorwatch"
    )]
    pub state_dir: PathBuf,

    /// Most mebibytes of remembered behaviour, in memory and on disk alike.
    #[arg(long, env = "ANCHORWATCH_OUTBOX_MIB", global = true, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub outbox_mib: u32,

    /// Mebibytes of the ring buffer between kernel and sensor, a power of two.
    #[arg(long, env = "ANCHORWATCH_RING_MIB", global = true, default_value_t = 4, value_parser = power_of_two)]
    pub ring_mib: u32,

    /// What is told of command lines: templates without secrets, or nothing. Command lines as they were typed never leave
    /// the node.
    #[arg(long, env = "ANCHORWATCH_ARGUMENTS", global = true, value_enum, default_value_t = Arguments::Redacted)]
    pub arguments: Arguments,

    /// Let secrets in command lines leave the node where a DriftPolicy asks for that (`feeds.process.arguments: Full`), for
    /// the pods of its own namespace alone.
    #[arg(long, env = "ANCHORWATCH_ALLOW_FULL_ARGUMENTS", global = true)]
    pub allow_full_arguments: bool,

    /// Addresses of the cluster's DNS that are in no Service, such as a cache on each node: 169.254.20.10, or with a port.
    #[arg(long, env = "ANCHORWATCH_CLUSTER_DNS", global = true, value_delimiter = ',', value_parser = resolver)]
    pub cluster_dns: Vec<SocketAddr>,

    /// Cluster to report to; without it $KUBECONFIG, else the cluster that the pod runs in.
    #[arg(long, global = true)]
    pub kubeconfig: Option<PathBuf>,

    /// UID of the Node object; without it, it is read from the pod's own token, else from the API.
    #[arg(long, env = "NODE_UID", global = true)]
    pub node_uid: Option<String>,

    /// How the log is written, to standard error. `RUST_LOG` says how much of it.
    #[arg(long, env = "ANCHORWATCH_LOG_FORMAT", global = true, value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

fn power_of_two(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(value) if value.is_power_of_two() && value <= 256 => Ok(value),
        _ => Err("expected a power of two between 1 and 256".to_owned()),
    }
}

fn resolver(text: &str) -> Result<SocketAddr, String> {
    let bare = || text.parse().map(|address: IpAddr| SocketAddr::new(address, DNS_PORT));
    text.parse()
        .or_else(|_| bare())
        .map_err(|_| "expected an address, or an address and a port".to_owned())
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
    fn flags_may_follow_the_subcommand() {
        let args = Args::try_parse_from(["sensor", "preflight", "--ring-mib", "8", "--log-format", "text"]).unwrap();
        let output = Output::Text;
        assert_eq!(args.command, Some(Command::Preflight { output }));
        assert_eq!((args.options.ring_mib, args.options.log_format), (8, LogFormat::Text));
    }

    #[test]
    fn a_host_is_watched_by_a_flag_as_by_a_subcommand() {
        for name in ["--standalone", "standalone"] {
            let args = Args::try_parse_from(["sensor", name, "--learn-for", "10m", "--mode", "Observe"]).unwrap();
            let Some(Command::Standalone(standing)) = args.command else {
                panic!("{name}");
            };
            assert_eq!(standing.learn_for.unwrap().get().as_secs(), 600);
            assert_eq!(standing.mode, Some(StandingMode::Observe));
        }
    }

    #[test]
    fn a_recording_holds_what_is_asked_for_and_else_all() {
        let feeds = |arguments: &[&str]| {
            let args = Args::try_parse_from(["sensor", "record"].iter().chain(arguments)).unwrap();
            let Some(Command::Record(recording)) = args.command else {
                panic!("a recording");
            };
            recording.feeds()
        };
        assert_eq!(feeds(&[]), Feed::ALL.into());
        assert_eq!(
            feeds(&["--feed", "network,module"]),
            [Feed::Network, Feed::Module].into()
        );
    }

    #[test]
    fn a_ring_whose_size_is_no_power_of_two_is_refused() {
        for size in ["0", "3", "512", "x"] {
            assert!(Args::try_parse_from(["sensor", "--ring-mib", size]).is_err(), "{size}");
        }
    }

    #[test]
    fn resolvers_come_with_and_without_a_port() {
        let args = Args::try_parse_from(["sensor", "--cluster-dns", "169.254.20.10,[fd00::a]:5353"]).unwrap();
        let expected = ["169.254.20.10:53", "[fd00::a]:5353"].map(|text| text.parse().unwrap());
        assert_eq!(args.options.cluster_dns, expected);
        assert!(Args::try_parse_from(["sensor", "--cluster-dns", "kube-dns"]).is_err());
    }
}
