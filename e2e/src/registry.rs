//! The registry that the agent's images lie in, as far as a test pushes a tag again: a few plain HTTP requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a manifest may be.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json";
/// An image for several platforms.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image as `HOST:PORT/NAME:TAG`.
#[derive(Clone, Debug)]
pub struct Image {
    host: String,
    name: String,
    tag: String,
}

struct Answer {
    status: u16,
    digest: Option<String>,
    kind: Option<String>,
    place: Option<String>,
    body: Vec<u8>,
}

impl Image {
    /// From its reference.
    pub fn parse(reference: &str) -> Result<Self> {
        let (host, rest) = reference.split_once('/').context("it names no registry")?;
        let (name, tag) = rest.rsplit_once(':').context("it names no tag")?;
        Ok(Self {
            host: host.to_owned(),
            name: name.to_owned(),
            tag: tag.to_owned(),
        })
    }

    /// The digest that its tag names now.
    pub fn digest(&self) -> Result<String> {
        self.manifest()?.digest.context("the registry tells no digest")
    }

    /// Pushes the same content under another tag of the same name, with a note in its configuration, by which it is another
    /// image: runtimes know images by that. Returns its reference.
    pub fn push_as(&self, tag: &str, note: &str) -> Result<String> {
        let manifest = self.manifest()?;
        let kind = manifest.kind.context("the registry tells no media type")?;
        let mut content: Value = serde_json::from_slice(&manifest.body)?;
        let digest = content["config"]["digest"]
            .as_str()
            .context("it has no configuration")?;
        let held = self.ask("GET", &format!("/v2/{}/blobs/{digest}", self.name), "", &[])?;
        let mut config: Value = serde_json::from_slice(&held.body)?;
        config["author"] = json!(note);
        let config = serde_json::to_vec(&config)?;
        content["config"]["digest"] = json!(self.upload(&config)?);
        content["config"]["size"] = json!(config.len());
        self.put(tag, &kind, &serde_json::to_vec(&content)?)
    }

    /// Uploads a blob; its digest.
    fn upload(&self, blob: &[u8]) -> Result<String> {
        let digest = format!("{:x}", Sha256::digest(blob));
        let opened = self.ask("POST", &format!("/v2/{}/blobs/uploads/", self.name), "", &[])?;
        let place = opened.place.context("the registry opened no upload")?;
        let path = place.find("/v2/").map_or(place.as_str(), |start| &place[start..]);
        let mark = if path.contains('?') { '&' } else { '?' };
        let kind = "Content-Type: application/octet-stream\r\n";
        let answer = self.ask("PUT", &format!("{path}{mark}digest=sha256:{digest}"), kind, blob)?;
        ensure!(answer.status == 201, "an upload was answered with {}", answer.status);
        Ok(format!("sha256:{digest}"))
    }

    /// Pushes the content of another image under a tag of this one's name. Returns the reference.
    pub fn push_other_as(&self, other: &Self, tag: &str) -> Result<String> {
        let manifest = other.manifest()?;
        let content: Value = serde_json::from_slice(&manifest.body)?;
        let layers = content["layers"].as_array().context("it has no layers")?;
        for blob in layers.iter().chain([&content["config"]]) {
            let digest = blob["digest"].as_str().context("a layer has no digest")?;
            let path = format!("/v2/{}/blobs/uploads/?mount={digest}&from={}", self.name, other.name);
            let answer = self.ask("POST", &path, "", &[])?;
            ensure!(
                answer.status == 201,
                "mounting {digest} was answered with {}",
                answer.status
            );
        }
        let kind = manifest.kind.context("the registry tells no media type")?;
        self.put(tag, &kind, &manifest.body)
    }

    /// Pushes an index that has this image for this machine's platform and another one for another platform. Returns its
    /// reference.
    pub fn push_index(&self, other: &Self, tag: &str) -> Result<String> {
        let part = |image: &Self, architecture: &str| -> Result<Value> {
            let manifest = image.manifest()?;
            Ok(json!({
                "mediaType": manifest.kind, "digest": manifest.digest, "size": manifest.body.len(),
                "platform": {"architecture": architecture, "os": "linux"},
            }))
        };
        let index = json!({
            "schemaVersion": 2, "mediaType": INDEX, "manifests": [part(self, "amd64")?, part(other, "s390x")?],
        });
        self.put(tag, INDEX, &serde_json::to_vec(&index)?)
    }

    /// Its reference by digest.
    pub fn pinned(&self) -> Result<String> {
        Ok(format!("{}/{}@{}", self.host, self.name, self.digest()?))
    }

    fn put(&self, tag: &str, kind: &str, manifest: &[u8]) -> Result<String> {
        let path = format!("/v2/{}/manifests/{tag}", self.name);
        let answer = self.ask("PUT", &path, &format!("Content-Type: {kind}\r\n"), manifest)?;
        ensure!(
            answer.status == 201,
            "pushing {tag} was answered with {}",
            answer.status
        );
        Ok(format!("{}/{}:{tag}", self.host, self.name))
    }

    fn manifest(&self) -> Result<Answer> {
        let path = format!("/v2/{}/manifests/{}", self.name, self.tag);
        let answer = self.ask("GET", &path, &format!("Accept: {MANIFESTS}\r\n"), &[])?;
        ensure!(answer.status == 200, "{path} was answered with {}", answer.status);
        Ok(answer)
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Answer> {
        let mut stream = TcpStream::connect(&self.host).with_context(|| format!("no registry at {}", self.host))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        read(&answer)
    }
}

fn read(answer: &[u8]) -> Result<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = end else {
        bail!("the registry's answer has no end of its head")
    };
    let head = std::str::from_utf8(&answer[..end])?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .context("it has no status")?;
    let header = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        let field = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.trim().to_owned())
    };
    Ok(Answer {
        status: status.parse()?,
        digest: header("Docker-Content-Digest"),
        kind: header("Content-Type"),
        place: header("Location"),
        body: answer[end + 4..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_host_name_and_tag() {
        let image = Image::parse("127.0.0.1:5000/tools/agent:abc").unwrap();
        assert_eq!(
            (image.host.as_str(), image.name.as_str(), image.tag.as_str()),
            ("127.0.0.1:5000", "tools/agent", "abc")
        );
        assert!(Image::parse("agent").is_err());
    }

    #[test]
    fn an_answer_is_read_by_its_head() {
        let answer = read(b"HTTP/1.1 201 Created\r\ndocker-content-digest: sha256:00\r\nX: y\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.digest.as_deref()), (201, Some("sha256:00")));
        assert_eq!(answer.body, b"{}");
        assert!(read(b"nonsense").is_err());
    }
}
