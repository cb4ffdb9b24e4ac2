//! Anchorwatch on a cluster: the images in a registry, the charts by Helm, and how the e2e programs are told of both.

use std::process::Command;

use anyhow::{Context, Result};

use crate::cluster::{self, Kubectl};
use crate::image::{self, Published};
use crate::setup::go;
use crate::{paths, progress, run};

/// Namespace of the release.
pub const NAMESPACE: &str = "anchorwatch-system";
/// Both releases, in the order of their installation.
const RELEASES: [&str; 2] = ["anchorwatch-crds", "anchorwatch"];

/// A field manager of the tests whose name is tied to a user.
const BOUND_MANAGER: &str = r#"evidence.managers=[{"name":"e2e-pipeline","users":["e2e-pipeline"]}]"#;

/// A cluster in which Anchorwatch runs.
#[derive(Debug)]
pub struct Installed {
    pub kubectl: Kubectl,
    images: Vec<Published>,
}

/// Brings everything up: the cluster, the images of this checkout, the charts.
pub fn install(context: Option<&str>, registry: &str) -> Result<Installed> {
    let kubectl = cluster::ensure(context)?;
    let names = ["operator", "sensor", "agent", "agent-next"].map(str::to_owned);
    let images = image::publish(registry, &names)?;
    let installed = Installed { kubectl, images };
    progress::step("installing the charts", || installed.upgrade(registry))?;
    Ok(installed)
}

/// Takes the charts away again; the definitions, and with them every baseline, alert and record, stay.
pub fn uninstall(kubectl: &Kubectl) -> Result<()> {
    for release in RELEASES.iter().rev() {
        let mut helm = kubectl.helm()?;
        run::quiet(helm.args([
            "uninstall",
            release,
            "--namespace",
            NAMESPACE,
            "--ignore-not-found",
            "--wait",
        ]))?;
    }
    Ok(())
}

impl Installed {
    /// A test that was cut short may have left its switches behind, and Helm keeps what others added.
    fn forget_test_switches(&self) {
        for target in ["deployment/anchorwatch-operator", "daemonset/anchorwatch-sensor"] {
            let mut kubectl = self.kubectl.command();
            kubectl.args(["--namespace", NAMESPACE, "set", "env", target]);
            kubectl.args(
                ["CLOCK", "DISABLE", "KILL", "KILL_AT", "KILL_MARKER"].map(|name| format!("ANCHORWATCH_TEST_{name}-")),
            );
            // There is nothing to forget where nothing is installed.
            run::succeeds(&mut kubectl);
        }
    }

    fn upgrade(&self, registry: &str) -> Result<()> {
        self.forget_test_switches();
        let charts = paths::repository().join("charts");
        for release in RELEASES {
            let mut helm = self.kubectl.helm()?;
            helm.args(["upgrade", "--install", release]).arg(charts.join(release));
            helm.args([
                "--namespace",
                NAMESPACE,
                "--create-namespace",
                "--wait",
                "--timeout",
                "3m",
            ]);
            if release == "anchorwatch" {
                helm.args(["--set", &format!("image.registry={registry}")]);
                helm.args(["--set-json", BOUND_MANAGER, "--set", "alerts.log.enabled=true"]);
                if self.serves_open_reports()? {
                    helm.args(["--set", "alerts.openReports.enabled=true"]);
                }
                for part in ["operator", "sensor"] {
                    let digest = &self.image(&format!("anchorwatch-{part}"))?.digest;
                    helm.args(["--set", &format!("image.{part}Digest={digest}")]);
                }
            }
            run::quiet(&mut helm)?;
        }
        Ok(())
    }

    /// Gives the local cluster the kind in which alerts are reported to other tools. A person's own is left as it is: the
    /// kind is not ours.
    fn serves_open_reports(&self) -> Result<bool> {
        if self.kubectl.kubeconfig().is_none() {
            return Ok(false);
        }
        let definition = go::open_reports()?;
        let mut kubectl = self.kubectl.command();
        run::quiet(kubectl.args(["apply", "--server-side", "--filename"]).arg(definition))?;
        Ok(true)
    }

    /// Tells a program of e2e where the cluster is and which images there are.
    pub fn offer(&self, command: &mut Command) -> Result<()> {
        if let Some(path) = self.kubectl.kubeconfig() {
            command.env("ANCHORWATCH_E2E_KUBECONFIG", path);
            command.env("ANCHORWATCH_E2E_AUDIT_LOG", cluster::audit_log());
            command.env("ANCHORWATCH_E2E_OUTSIDE", cluster::outside());
            if let Some(folder) = go::argo_rollouts_if_built()? {
                command.env("ANCHORWATCH_E2E_ARGO_ROLLOUTS", folder);
            }
        }
        if let Some(name) = self.kubectl.context() {
            command.env("ANCHORWATCH_E2E_CONTEXT", name);
        }
        for (variable, name) in [
            ("ANCHORWATCH_E2E_AGENT", "agent"),
            ("ANCHORWATCH_E2E_AGENT_NEXT", "agent-next"),
        ] {
            command.env(variable, &self.image(name)?.reference);
        }
        command.env("ANCHORWATCH_E2E_KUBECTL", words(&self.kubectl.command()));
        command.env("ANCHORWATCH_E2E_NAMESPACE", NAMESPACE);
        Ok(())
    }

    fn image(&self, name: &str) -> Result<&Published> {
        let found = self.images.iter().find(|image| image.name == name);
        found.with_context(|| format!("the image {name} was not published"))
    }
}

/// A command's words, one a line.
fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join("\n")
}
