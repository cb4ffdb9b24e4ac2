//! The digest of a running image, out of the forms that container runtimes write.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Digest of an image, `sha256:` and 64 lower-case hexadecimal digits. Read from a pod's `imageID`, never from the
/// image that its specification names: a tag can be moved.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageDigest(String);

/// Why a text holds no digest.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} holds no image digest: expected sha256: and 64 hexadecimal digits, alone or after an @")]
pub struct DigestError {
    text: String,
}

impl ImageDigest {
    /// The digest in an `imageID`: `sha256:…`, `repository@sha256:…`, or the latter after `docker-pullable://` or
    /// `docker://`. Nothing is taken from a text that is no digest, an empty one (not known yet) included.
    pub fn from_image_id(image_id: &str) -> Result<Self, DigestError> {
        let error = || DigestError {
            text: image_id.to_owned(),
        };
        let after_at = image_id.rsplit_once('@').map_or(image_id, |(_, digest)| digest);
        let bare = after_at
            .strip_prefix("docker://")
            .or_else(|| after_at.strip_prefix("docker-pullable://"))
            .unwrap_or(after_at);
        let digits = bare.strip_prefix("sha256:").ok_or_else(error)?;
        if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(format!("sha256:{}", digits.to_ascii_lowercase())))
        } else {
            Err(error())
        }
    }

    /// `sha256:…`, whole.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `sha256:` and the first twelve digits, for sentences.
    pub fn short(&self) -> &str {
        self.0.get(..19).unwrap_or(&self.0)
    }
}

impl AsRef<str> for ImageDigest {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ImageDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_image_id(text)
    }
}

impl TryFrom<String> for ImageDigest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageDigest> for String {
    fn from(digest: ImageDigest) -> Self {
        digest.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn each_form_of_an_image_id_gives_the_same_digest() {
        for form in [
            format!("sha256:{HEX}"),
            format!("sha256:{}", HEX.to_uppercase()),
            format!("docker.io/library/redis@sha256:{HEX}"),
            format!("127.0.0.1:5000/a/b@sha256:{HEX}"),
            format!("docker-pullable://redis@sha256:{HEX}"),
            format!("docker://sha256:{HEX}"),
        ] {
            let digest = ImageDigest::from_image_id(&form).map(String::from);
            assert_eq!(digest, Ok(format!("sha256:{HEX}")), "{form}");
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for form in [
            String::new(),
            "*".to_owned(),
            "redis:7".to_owned(),
            "sha256:".to_owned(),
            format!("sha256:{}", &HEX[1..]),
            format!("sha256:{HEX}0"),
            format!("sha512:{HEX}"),
            format!("sha256:{HEX}@redis"),
            format!("sha256:{}é", &HEX[2..]),
        ] {
            assert!(ImageDigest::from_image_id(&form).is_err(), "{form}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            if let Ok(digest) = ImageDigest::from_image_id(&text) {
                prop_assert_eq!(digest.short().len(), 19);
            }
        }
    }
}
