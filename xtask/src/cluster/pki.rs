//! The cluster's certificates and kubeconfigs: made anew with each cluster, valid for a month, readable by root alone.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use serde_json::json;

use super::config::{API_SERVER, NODE, NODE_ADDRESS, SERVICE_ADDRESS};
use super::state::State;

/// Who gets a certificate: file name, common name, organisation.
const HOLDERS: [(&str, &str, &str); 6] = [
    ("apiserver", "kube-apiserver", ""),
    ("admin", "admin", "system:masters"),
    ("controller-manager", "system:kube-controller-manager", ""),
    ("scheduler", "system:kube-scheduler", ""),
    ("proxy", "system:kube-proxy", ""),
    ("kubelet", "", "system:nodes"),
];

pub fn make(state: &State) -> Result<()> {
    let folder = state.path("pki");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let issuer = CertifiedIssuer::self_signed(authority(), KeyPair::generate()?)?;
    write(&folder.join("ca.crt"), &issuer.pem())?;
    write(&folder.join("ca.key"), &issuer.key().serialize_pem())?;
    let accounts = KeyPair::generate()?;
    write(&folder.join("sa.key"), &accounts.serialize_pem())?;
    write(&folder.join("sa.pub"), &accounts.public_key_pem())?;
    for (file, name, organisation) in HOLDERS {
        let node = format!("system:node:{NODE}");
        let key = KeyPair::generate()?;
        let parameters = holder(if name.is_empty() { &node } else { name }, organisation)?;
        let certificate = parameters.signed_by(&key, &issuer)?.pem();
        write(&folder.join(format!("{file}.crt")), &certificate)?;
        write(&folder.join(format!("{file}.key")), &key.serialize_pem())?;
        let kubeconfig = kubeconfig(&issuer.pem(), &certificate, &key.serialize_pem());
        write(&state.path(&format!("{file}.kubeconfig")), &kubeconfig)?;
    }
    Ok(())
}

fn authority() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = named("anchorwatch local cluster", "");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    valid_for_a_month(parameters)
}

fn holder(name: &str, organisation: &str) -> Result<CertificateParams> {
    let names = [
        "localhost",
        NODE,
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
    ]
    .map(str::to_owned);
    let mut parameters = CertificateParams::new(names)?;
    for address in ["127.0.0.1", NODE_ADDRESS, SERVICE_ADDRESS] {
        parameters.subject_alt_names.push(SanType::IpAddress(address.parse()?));
    }
    parameters.distinguished_name = named(name, organisation);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    parameters.use_authority_key_identifier_extension = true;
    Ok(valid_for_a_month(parameters))
}

fn valid_for_a_month(mut parameters: CertificateParams) -> CertificateParams {
    let now = jiff::Timestamp::now();
    let day = |offset: i64| {
        let date = (now + jiff::SignedDuration::from_hours(24 * offset))
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        let part = |value: i8| u8::try_from(value).unwrap_or(1);
        rcgen::date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    parameters.not_before = day(-1);
    parameters.not_after = day(30);
    parameters
}

fn named(name: &str, organisation: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    if !organisation.is_empty() {
        distinguished.push(DnType::OrganizationName, organisation);
    }
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// With the certificates inside, so that the file works from anywhere.
fn kubeconfig(authority: &str, certificate: &str, key: &str) -> String {
    let encoded = |text: &str| BASE64_STANDARD.encode(text);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "anchorwatch-local", "cluster": {
            "server": API_SERVER, "certificate-authority-data": encoded(authority)}}],
        "users": [{"name": "anchorwatch-local", "user": {
            "client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}}],
        "contexts": [{"name": "anchorwatch-local", "context": {
            "cluster": "anchorwatch-local", "user": "anchorwatch-local"}}],
        "current-context": "anchorwatch-local",
    });
    config.to_string()
}

fn write(path: &Path, content: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(content.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}
