//! The policy of a back-test: an object as one would apply it, or the defaults.

use std::{path::Path, str::FromStr};

use anchorwatch_convert::policy_from_document;
use anchorwatch_core::policy::{MaturityMethod, Policy};
use anchorwatch_crds::v1alpha1::Duration;
use anyhow::{Context, bail};

/// `elapsed:DURATION` or `measured`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MaturityArgument {
    method: MaturityMethod,
    minimum: Option<std::time::Duration>,
}

impl FromStr for MaturityArgument {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text.split_once(':') {
            None if text.eq_ignore_ascii_case("measured") => Ok(Self {
                method: MaturityMethod::Measured,
                minimum: None,
            }),
            Some((method, minimum)) if method.eq_ignore_ascii_case("elapsed") => {
                let minimum: Duration = minimum.parse()?;
                Ok(Self {
                    method: MaturityMethod::Elapsed,
                    minimum: Some(minimum.get()),
                })
            }
            _ => bail!("{text:?} is no maturity: expected elapsed:DURATION, such as elapsed:24h, or measured"),
        }
    }
}

/// Reads the policy, and puts what the command line says above it.
pub fn read(path: Option<&Path>, maturity: Option<MaturityArgument>) -> anyhow::Result<Policy> {
    let mut policy = match path {
        None => Policy::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
            policy_from_document(&text).with_context(|| format!("{} is no policy", path.display()))?
        }
    };
    if let Some(argument) = maturity {
        policy.maturity.method = argument.method;
        policy.maturity.minimum = argument.minimum.unwrap_or(policy.maturity.minimum);
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::policy::Mode;
    use std::io::Write;

    #[test]
    fn a_file_is_read_as_it_would_be_applied_and_one_that_is_no_policy_is_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "kind: DriftPolicy\nspec: {{selector: {{}}, mode: Alert}}").unwrap();
        assert_eq!(read(Some(file.path()), None).unwrap().mode, Mode::Alert);
        write!(file, "\nkind: Pod").unwrap();
        let error = format!("{:#}", read(Some(file.path()), None).unwrap_err());
        assert!(
            error.contains(&format!("{} is no policy: ", file.path().display())),
            "{error}"
        );
    }

    #[test]
    fn the_command_line_goes_before_the_policy() {
        let at_once = read(None, Some("elapsed:0s".parse().unwrap())).unwrap();
        assert_eq!(at_once.maturity.method, MaturityMethod::Elapsed);
        assert_eq!(at_once.maturity.minimum.as_secs(), 0);
        assert!("elapsed".parse::<MaturityArgument>().is_err());
        assert!("later:1h".parse::<MaturityArgument>().is_err());
    }
}
