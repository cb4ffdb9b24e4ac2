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
    for image in publish(&arguments.push, &names)? {
        println!("{} {}", image.reference, image.digest);
    }
    Ok(())
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
