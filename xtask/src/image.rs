//! `cargo xtask image`: images FROM scratch, made with buildah and pushed to a registry.

mod builder;
mod ours;
mod published;
mod test_image;
mod traces;

use anyhow::Result;

pub use builder::{Builder, Image};
pub use published::Published;

use crate::setup::apt;

/// Build images and push them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask image\n  cargo xtask image --push registry.example:5000\n  cargo xtask image agent agent-next"
)]
pub struct Arguments {
    /// The registry to push to; the local cluster's if left out.
    #[arg(long, value_name = "REGISTRY", default_value = crate::cluster::REGISTRY)]
    push: String,
    /// Which: operator, sensor, or an image of the tests (a folder of e2e/images, or FOLDER-VARIANT). Operator and
    /// sensor if left out.
    names: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let names = if arguments.names.is_empty() {
        vec!["operator".to_owned(), "sensor".to_owned()]
    } else {
        arguments.names.clone()
    };
    let images = publish(&arguments.push, &names)?;
    for image in &images {
        println!("{} {}", image.reference, image.digest);
    }
    if let Some(line) = how_to_install(&arguments.push, &images) {
        println!("\nTo install what was pushed:\n  {line}");
    }
    Ok(())
}

/// The command that installs these images by digest, where both are among them.
fn how_to_install(registry: &str, images: &[Published]) -> Option<String> {
    let digest = |name: &str| {
        images
            .iter()
            .find(|image| image.name == name)
            .map(|image| &image.digest)
    };
    let (operator, sensor) = (digest("anchorwatch-operator")?, digest("anchorwatch-sensor")?);
    Some(format!(
        "helm install anchorwatch charts/anchorwatch --namespace anchorwatch-system --create-namespace \\\n    \
         --set image.registry={registry},image.operatorDigest={operator},image.sensorDigest={sensor}"
    ))
}

/// Builds what changed, pushes all of them, and returns them in the order of their names.
pub fn publish(registry: &str, names: &[String]) -> Result<Vec<Published>> {
    apt::ensure("building images", apt::IMAGES)?;
    let builder = Builder::shared()?;
    let (own, tests): (Vec<_>, Vec<_>) = names.iter().partition(|name| ours::PARTS.contains(&name.as_str()));
    let mut images: Vec<Image> = ours::build(&own.iter().map(|name| name.as_str()).collect::<Vec<_>>())?;
    for name in tests {
        images.push(test_image::of(name)?);
    }
    let done: Vec<Published> = images
        .iter()
        .map(|image| builder.publish(registry, image))
        .collect::<Result<_>>()?;
    published::remember(&done)?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(name: &str) -> Published {
        Published {
            name: name.into(),
            reference: format!("r/{name}:t"),
            tag: "t".into(),
            digest: format!("sha256:{name}"),
        }
    }

    #[test]
    fn both_images_can_be_installed_by_digest_and_one_alone_can_not() {
        let both = [published("anchorwatch-operator"), published("anchorwatch-sensor")];
        let line = how_to_install("r", &both).unwrap();
        assert!(
            line.ends_with(
                "--set image.registry=r,image.operatorDigest=sha256:anchorwatch-operator,\
                 image.sensorDigest=sha256:anchorwatch-sensor"
            ),
            "{line}"
        );
        assert_eq!(how_to_install("r", &both[..1]), None);
    }
}
