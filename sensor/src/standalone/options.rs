//! What the command line asks for, resolved.

use anchorwatch_convert::{DocumentError, arguments_from_document, policy_from_document};
use anchorwatch_core::policy::{MaturityMethod, Mode, Policy};
use anchorwatch_core::time::Duration;
use anchorwatch_crds::v1alpha1::ArgumentHandling;
use std::path::{Path, PathBuf};

use crate::args::{Options, Standing, StandingMode};
use crate::snapshot::find_cgroup_root;

/// How long a workload is learned where nobody says: a day has seen what is done daily.
const LEARN_FOR: Duration = Duration::from_hours(24);
/// Where a pod has the node's cgroups mounted, and the default of the command line.
const IN_A_POD: &str = "/host/sys/fs/cgroup";

/// Why there is no policy to watch by.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    #[error("{path} can't be read")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is no policy")]
    Policy { path: PathBuf, source: DocumentError },
    #[error(
        "{path}: spec.feeds.process.arguments is for the sensors of a cluster; on a host, --arguments says what is told"
    )]
    Arguments { path: PathBuf },
}

/// The policy of the file or, without one, alerts after a day of learning; above both what the command line says.
pub fn policy(standing: &Standing) -> Result<Policy, OptionsError> {
    let mut policy = standing.policy.as_deref().map_or_else(|| Ok(without_file()), read)?;
    if let Some(learn_for) = &standing.learn_for {
        policy.maturity.method = MaturityMethod::Elapsed;
        policy.maturity.minimum = learn_for.get();
    }
    if let Some(mode) = standing.mode {
        policy.mode = match mode {
            StandingMode::Alert => Mode::Alert,
            StandingMode::Observe => Mode::Observe,
        };
    }
    Ok(policy)
}

fn without_file() -> Policy {
    let mut policy = Policy {
        mode: Mode::Alert,
        ..Policy::default()
    };
    policy.maturity.method = MaturityMethod::Elapsed;
    policy.maturity.minimum = LEARN_FOR;
    policy
}

fn read(path: &Path) -> Result<Policy, OptionsError> {
    let text = std::fs::read_to_string(path).map_err(|source| OptionsError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let policy = policy_from_document(&text).map_err(|source| OptionsError::Policy {
        path: path.to_path_buf(),
        source,
    })?;
    match arguments_from_document(&text) {
        None | Some(ArgumentHandling::Redacted) => Ok(policy),
        // Neither is done here, and who asks for it has to know.
        Some(ArgumentHandling::None | ArgumentHandling::Full) => Err(OptionsError::Arguments {
            path: path.to_path_buf(),
        }),
    }
}

/// On a host nobody mounts its cgroups elsewhere: where they are not at the default of a pod, they are at their own place.
pub fn on_host(options: Options) -> Options {
    let absent = options.cgroup_root == Path::new(IN_A_POD) && !options.cgroup_root.exists();
    match find_cgroup_root() {
        Ok(cgroup_root) if absent => Options { cgroup_root, ..options },
        Ok(_) | Err(_) => options,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser;
    use std::io::Write;

    fn standing(arguments: &[&str]) -> Standing {
        let args = Args::try_parse_from(["sensor", "standalone"].iter().chain(arguments)).unwrap();
        match args.command {
            Some(Command::Standalone(standing)) => standing,
            other => panic!("{other:?}"),
        }
    }

    fn asked(policy: &Policy) -> (Mode, MaturityMethod, u64) {
        let maturity = policy.maturity;
        (policy.mode, maturity.method, maturity.minimum.as_secs())
    }

    #[test]
    fn without_a_word_it_alerts_after_a_day() {
        let policy = policy(&standing(&[])).unwrap();
        assert_eq!(asked(&policy), (Mode::Alert, MaturityMethod::Elapsed, 86_400));
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let text = "kind: DriftPolicy\nspec: {selector: {}, feeds: {process: {deny: [/usr/bin/nc]}}}";
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let of_file = policy(&standing(&["--policy", path])).unwrap();
        assert_eq!(
            (of_file.mode, of_file.maturity.method),
            (Mode::Observe, MaturityMethod::Measured)
        );
        let above = policy(&standing(&["--policy", path, "--mode", "alert", "--learn-for", "2s"])).unwrap();
        assert_eq!(asked(&above), (Mode::Alert, MaturityMethod::Elapsed, 2));
        assert!(above.process.deny.contains("/usr/bin/nc"));
    }

    #[test]
    fn a_file_that_is_no_policy_is_refused_with_the_field() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"kind: DriftPolicy\nspec: {selector: {}, feeds: {process: {denied: []}}}")
            .unwrap();
        let error = policy(&standing(&["--policy", file.path().to_str().unwrap()])).unwrap_err();
        let error = crate::error::Chain(&error).to_string();
        assert!(error.contains("spec.feeds.process.denied: unknown field"), "{error}");
    }

    #[test]
    fn what_a_host_does_not_do_with_command_lines_is_refused() {
        for (asked, refused) in [("None", true), ("Full", true), ("Redacted", false)] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            let text =
                format!("kind: DriftPolicy\nspec: {{selector: {{}}, feeds: {{process: {{arguments: {asked}}}}}}}");
            file.write_all(text.as_bytes()).unwrap();
            let policy = policy(&standing(&["--policy", file.path().to_str().unwrap()]));
            assert_eq!(policy.is_err(), refused, "{asked}");
        }
    }
}
