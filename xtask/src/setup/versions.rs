//! Every version that set-up pins, in one place.

/// The Kubernetes that `e2e/localcluster/go.mod` requires, as `v` + this.
pub const KUBERNETES: &str = "1.35.4";
/// Helm, built from its Go module.
pub const HELM: &str = "3.22.0";
/// OpenReports, whose definitions come from its Go module.
pub const OPEN_REPORTS: &str = "0.2.1";
/// krew, built from its Go module: it installs the plugin in the tests.
pub const KREW: &str = "0.4.3";
/// CoreDNS, built from its Go module: the cluster's DNS.
pub const COREDNS: &str = "1.12.4";
/// The controller of Argo Rollouts, built from its Go module: the newest that the oldest Go which we ask for can build.
pub const ARGO_ROLLOUTS: &str = "1.9.0";
/// The linker of the eBPF programs; 0.10.4 is the newest that works with the LLVM of the nightly compiler below.
pub const BPF_LINKER: &str = "0.10.4";
/// The feature of bpf-linker that matches the LLVM inside the compiler.
pub const BPF_LINKER_LLVM: &str = "rust-llvm-22";
/// What builds and runs fuzz targets.
pub const CARGO_FUZZ: &str = "0.13.2";
/// Licences, bans and sources of dependencies.
pub const CARGO_DENY: &str = "0.20.2";
