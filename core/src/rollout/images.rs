//! What a node says of the images that it holds: which digests name one image.

use std::collections::BTreeSet;

use super::RecordedContainer;
use crate::id::ImageDigest;

/// Most other digests of an image that are kept: whoever pushes an index again and again fills no record.
const MAX_ALSO: usize = 8;

/// What a node says of the images that it holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NodeImages {
    /// The node's platform, `linux/arm64`, where its runtime may tell the digest of a platform's part of an image. Runtimes
    /// that always tell what the reference named (containerd, Docker) leave it out.
    pub platform: Option<String>,
    /// The names with digests of each image: `registry.example.com/tools/agent@sha256:…`.
    pub images: Vec<Vec<String>>,
}

impl NodeImages {
    /// Whether an image of this digest is among them. A node tells of an image some seconds after it was pulled, and of no
    /// more than the fifty largest.
    pub fn know(&self, digest: &ImageDigest) -> bool {
        self.named(digest).next().is_some()
    }

    /// A container, with what the node knows of its image beside its digest.
    #[must_use]
    pub(super) fn tell(&self, container: RecordedContainer) -> RecordedContainer {
        RecordedContainer {
            also: self.also(&container.digest),
            platform: self.platform.clone(),
            ..container
        }
    }

    /// The other digests of an image, in the repositories in which it has this one: somebody else's index that has the same
    /// part for one platform says nothing.
    fn also(&self, digest: &ImageDigest) -> BTreeSet<ImageDigest> {
        let of_image = |names: &Vec<String>| {
            let named: Vec<(&str, ImageDigest)> = names.iter().filter_map(|name| split(name)).collect();
            let own = named.iter().filter(|(_, other)| other == digest);
            let repositories: BTreeSet<&str> = own.map(|(repository, _)| *repository).collect();
            let others = named
                .into_iter()
                .filter(|(repository, other)| other != digest && repositories.contains(repository));
            others.map(|(_, other)| other).collect::<Vec<_>>()
        };
        let also: BTreeSet<ImageDigest> = self.named(digest).flat_map(of_image).collect();
        also.into_iter().take(MAX_ALSO).collect()
    }

    fn named<'a>(&'a self, digest: &'a ImageDigest) -> impl Iterator<Item = &'a Vec<String>> {
        let has = move |name: &String| split(name).is_some_and(|(_, named)| named == *digest);
        self.images.iter().filter(move |names| names.iter().any(has))
    }
}

/// Repository and digest of a name that has one.
fn split(name: &str) -> Option<(&str, ImageDigest)> {
    let (repository, digest) = name.rsplit_once('@')?;
    Some((repository, digest.parse().ok()?))
}

/// An image's name without tag and digest: `registry.example.com:5000/tools/agent`. A colon before the last slash is a
/// port's.
pub fn repository(image: &str) -> &str {
    let named = image.split('@').next().unwrap_or_default();
    let path = named.rfind('/').map_or(0, |slash| slash + 1);
    named[path..].find(':').map_or(named, |colon| &named[..path + colon])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::digest;

    #[test]
    fn other_digests_of_an_image_count_in_its_own_repository() {
        let name = |repository: &str, digit| format!("{repository}@{}", digest(digit));
        let node = NodeImages {
            platform: None,
            images: vec![
                vec![name("a", '1'), name("a", '2'), name("b", '3'), "a:latest".to_owned()],
                vec![name("a", '4')],
            ],
        };
        assert_eq!(node.also(&digest('1')), [digest('2')].into());
        assert_eq!(node.also(&digest('3')), BTreeSet::new());
        assert!(node.know(&digest('4')) && !node.know(&digest('5')));
    }

    #[test]
    fn a_repository_is_an_image_without_tag_and_digest() {
        for (image, expected) in [
            ("nginx", "nginx"),
            ("nginx:1.27", "nginx"),
            ("registry:5000/a/b", "registry:5000/a/b"),
            ("registry:5000/a/b:v1@sha256:00", "registry:5000/a/b"),
            ("", ""),
        ] {
            assert_eq!(repository(image), expected, "{image}");
        }
    }
}
