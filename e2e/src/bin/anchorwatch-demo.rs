//! What `cargo xtask demo` runs once cluster, images and charts are there: the journey, told to a person.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

use std::env;
use std::io::Write;
use std::process::{Command, ExitCode};

use anchorwatch_e2e::agent::Judgement;
use anchorwatch_e2e::journey::Journey;
use anchorwatch_e2e::narrator::Narrator;
use anchorwatch_e2e::{AgentImages, Cluster};
use anyhow::Result;

/// Where the demo's agent lives.
const NAMESPACE: &str = "anchorwatch-demo";
/// kubectl with the arguments that choose the cluster, a word a line.
const KUBECTL: &str = "ANCHORWATCH_E2E_KUBECTL";

#[tokio::main]
async fn main() -> ExitCode {
    match show().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo did not go as it should: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn show() -> Result<()> {
    let cluster = Cluster::offered().await?;
    let images = AgentImages::offered()?;
    let judgement = Judgement {
        minimum: "1m",
        correlation: "10m",
    };
    let terminal = Terminal {
        kubectl: env::var(KUBECTL).unwrap_or_else(|_| "kubectl".into()),
    };
    cluster.remove_namespace(NAMESPACE).await?;
    cluster.create_namespace(NAMESPACE).await?;
    Journey::new(&cluster, NAMESPACE, judgement, &terminal)
        .run(&images)
        .await
}

/// Tells by printing, shows by running kubectl.
struct Terminal {
    kubectl: String,
}

impl Narrator for Terminal {
    fn tell(&self, text: &str) {
        println!("\n▸ {text}");
    }

    fn show(&self, arguments: &[&str]) {
        let typed: Vec<&str> = arguments
            .iter()
            .map(|word| if word.contains('{') { "go-template=…" } else { word })
            .collect();
        println!("\n  $ kubectl -n {NAMESPACE} {}", typed.join(" "));
        let mut words = self.kubectl.lines();
        let mut command = Command::new(words.next().unwrap_or_default());
        let shown = command
            .args(words)
            .args(["--namespace", NAMESPACE])
            .args(arguments)
            .output();
        let text = match shown {
            Ok(output) => String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            Err(error) => format!("cannot run kubectl: {error}"),
        };
        for line in text.lines() {
            println!("  {line}");
        }
        // A pipe's reader sees each step when it happens.
        if let Err(error) = std::io::stdout().flush() {
            eprintln!("cannot print: {error}");
        }
    }
}
