//! Text that came from a node, made safe for a terminal.

use jiff::Timestamp;

/// Replaces control characters, so that a file name can neither move the cursor nor forge a line.
pub fn safe(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

/// How long ago something was, in its largest unit, as kubectl's columns have it: `41s`, `2m`, `3h`, `5d`.
pub fn age(then: Option<Timestamp>, now: Timestamp) -> String {
    let Some(then) = then else { return "-".to_owned() };
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_printed_not_obeyed() {
        assert_eq!(safe("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(safe("/usr/bin/größe"), "/usr/bin/größe");
    }

    #[test]
    fn an_age_has_its_largest_unit() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ages = [0, 119, 120, 7_199, 7_200, 172_800]
            .map(|ago| age(Some(Timestamp::from_second(1_000_000 - ago).unwrap()), now));
        assert_eq!(ages, ["0s", "119s", "2m", "119m", "2h", "2d"]);
        assert_eq!(age(None, now), "-");
        assert_eq!(age(Some(Timestamp::from_second(1_000_009).unwrap()), now), "0s");
    }
}
