//! The shapes in which ranges of addresses are published.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{GroupError, MAX_PREFIXES, MAX_TEXT};
use crate::address::IpPrefix;

/// Reads the ranges of one group, sorted and each once. Known are
/// - AWS's `ip-ranges.json`: `prefixes[].ip_prefix` and `ipv6_prefixes[].ipv6_prefix`;
/// - Google's `cloud.json` and `goog.json`: `prefixes[].ipv4Prefix` or `ipv6Prefix`;
/// - Azure's service tags: `values[].properties.addressPrefixes[]`;
/// - a JSON list of texts;
/// - plain text: ranges with white space or commas between, `#` begins a comment.
///
/// Whatever else a JSON text says (services, regions, dates) is passed over.
pub fn parse(text: &str) -> Result<Vec<IpPrefix>, GroupError> {
    if text.len() > MAX_TEXT {
        return Err(GroupError::TooLong { bytes: text.len() });
    }
    let mut found = Found::default();
    match text.trim_start_matches('\u{feff}').trim_start() {
        json if json.starts_with('{') => found.document(&read(json)?)?,
        json if json.starts_with('[') => {
            for (index, text) in read::<Vec<String>>(json)?.iter().enumerate() {
                found.add(text, || format!("[{index}]"))?;
            }
        }
        plain => found.plain(plain)?,
    }
    if found.0.is_empty() {
        return Err(GroupError::Empty);
    }
    Ok(found.0.into_iter().collect())
}

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, GroupError> {
    serde_json::from_str(json).map_err(|error| GroupError::Json {
        reason: error.to_string(),
    })
}

/// What of a published document is read.
#[derive(Debug, Deserialize)]
struct Document {
    prefixes: Option<Vec<Entry>>,
    ipv6_prefixes: Option<Vec<Entry>>,
    values: Option<Vec<ServiceTag>>,
}

/// An entry of AWS's or Google's lists.
#[derive(Debug, Deserialize)]
struct Entry {
    ip_prefix: Option<String>,
    ipv6_prefix: Option<String>,
    #[serde(rename = "ipv4Prefix")]
    ipv4_prefix: Option<String>,
    #[serde(rename = "ipv6Prefix")]
    ipv6_prefix_of_google: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ServiceTag {
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    address_prefixes: Vec<String>,
}

#[derive(Debug, Default)]
struct Found(BTreeSet<IpPrefix>);

impl Found {
    fn add(&mut self, text: &str, field: impl Fn() -> String) -> Result<(), GroupError> {
        let prefix = text
            .parse()
            .map_err(|source| GroupError::Prefix { field: field(), source })?;
        self.0.insert(prefix);
        if self.0.len() > MAX_PREFIXES {
            return Err(GroupError::TooManyPrefixes { count: self.0.len() });
        }
        Ok(())
    }

    fn document(&mut self, document: &Document) -> Result<(), GroupError> {
        let Document {
            prefixes,
            ipv6_prefixes,
            values,
        } = document;
        if prefixes.is_none() && ipv6_prefixes.is_none() && values.is_none() {
            return Err(GroupError::Shape);
        }
        self.entries("prefixes", prefixes.as_deref().unwrap_or_default())?;
        self.entries("ipv6_prefixes", ipv6_prefixes.as_deref().unwrap_or_default())?;
        for (tag, value) in values.iter().flatten().enumerate() {
            for (index, text) in value.properties.address_prefixes.iter().enumerate() {
                self.add(text, || format!("values[{tag}].properties.addressPrefixes[{index}]"))?;
            }
        }
        Ok(())
    }

    fn entries(&mut self, list: &str, entries: &[Entry]) -> Result<(), GroupError> {
        for (index, entry) in entries.iter().enumerate() {
            let fields = [
                ("ip_prefix", &entry.ip_prefix),
                ("ipv6_prefix", &entry.ipv6_prefix),
                ("ipv4Prefix", &entry.ipv4_prefix),
                ("ipv6Prefix", &entry.ipv6_prefix_of_google),
            ];
            let mut given = fields
                .into_iter()
                .filter_map(|(name, text)| Some((name, text.as_deref()?)))
                .peekable();
            if given.peek().is_none() {
                return Err(GroupError::Missing {
                    field: format!("{list}[{index}]"),
                    expected: "ip_prefix, ipv6_prefix, ipv4Prefix or ipv6Prefix",
                });
            }
            for (name, text) in given {
                self.add(text, || format!("{list}[{index}].{name}"))?;
            }
        }
        Ok(())
    }

    fn plain(&mut self, text: &str) -> Result<(), GroupError> {
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            for word in line.split(|c: char| c.is_whitespace() || c == ',') {
                if !word.is_empty() {
                    self.add(word, || format!("line {}", index + 1))?;
                }
            }
        }
        Ok(())
    }
}
