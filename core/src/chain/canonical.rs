//! The one way to write a value down, so that its hash is the same whoever computes it.

use std::collections::BTreeMap;

use serde_json::Value;

/// Why a value has no canonical form.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{at} is {found}: records hold whole numbers only, since others are not written the same everywhere")]
pub struct NotCanonical {
    /// Where in the value, as a path of names.
    pub at: String,
    /// What stands there.
    pub found: String,
}

/// Writes a value in its canonical form: JSON without white space, members of an object ordered by the bytes of their
/// names, whole numbers as digits, characters escaped only where JSON asks for it (the quote, the backslash, and below
/// U+0020, with the short forms `\b \f \n \r \t` where there are such). A member that is `null` is the same as none.
///
/// That is the form of RFC 8785 for what can stand in a record; its rules for fractions are not needed.
pub fn canonical(value: &Value) -> Result<String, NotCanonical> {
    let mut text = String::new();
    write(value, "", &mut text)?;
    Ok(text)
}

fn write(value: &Value, at: &str, text: &mut String) -> Result<(), NotCanonical> {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) if number.is_i64() || number.is_u64() => text.push_str(&number.to_string()),
        Value::Number(number) => {
            return Err(NotCanonical {
                at: at.to_owned(),
                found: number.to_string(),
            });
        }
        Value::String(string) => quote(string, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, &format!("{at}[{index}]"), text)?;
            }
            text.push(']');
        }
        Value::Object(members) => {
            let told = members.iter().filter(|(_, member)| !member.is_null());
            let ordered: BTreeMap<&str, &Value> = told.map(|(name, member)| (name.as_str(), member)).collect();
            text.push('{');
            for (index, (name, member)) in ordered.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                quote(name, text);
                text.push(':');
                write(member, &format!("{at}.{name}"), text)?;
            }
            text.push('}');
        }
    }
    Ok(())
}

fn quote(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if control < ' ' => {
                text.extend(["\\u00", &hex::encode([u8::try_from(control).unwrap_or_default()])]);
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_canonical_form_is_the_same_for_ever() {
        let value = json!({"b": [1, -2, true, null], "a": {"ü": "\"\\\n\u{1}/", "none": null}, "c": u64::MAX});
        assert_eq!(
            canonical(&value).as_deref(),
            Ok(r#"{"a":{"ü":"\"\\\n\u0001/"},"b":[1,-2,true,null],"c":18446744073709551615}"#)
        );
    }

    #[test]
    fn a_fraction_has_no_canonical_form_and_its_place_is_told() {
        let error = canonical(&json!({"a": [{"b": 1.5}]})).unwrap_err();
        assert_eq!((error.at.as_str(), error.found.as_str()), (".a[0].b", "1.5"));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_json_that_reads_back_the_same(value in values()) {
            let text = canonical(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }

        #[test]
        fn different_values_are_written_differently(a in values(), b in values()) {
            prop_assert_eq!(canonical(&a) == canonical(&b), a == b);
        }
    }
}
