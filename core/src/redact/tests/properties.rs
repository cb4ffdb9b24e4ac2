//! What holds for any text.

use proptest::prelude::*;

use super::*;
use crate::normalise;

/// Pieces that the redactor looks for, in any order.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "password",
        "--token",
        "TOKEN",
        "=",
        ":",
        "\"",
        "'",
        "\\",
        "%3D",
        "%22",
        " ",
        "\n",
        ";",
        "|",
        "&",
        "(",
        ")",
        "{",
        "[",
        "]",
        "}",
        ",",
        "://",
        "@",
        "-p",
        "-u",
        "mysql",
        "curl",
        "sh",
        "/dev/tcp/",
        "echo ",
        "<<<",
        "chpasswd",
        "sudo -S",
        "-----BEGIN PRIVATE KEY-----",
        "-----END",
        "Cookie:",
        "Bearer ",
        "set ",
        "IDENTIFIED BY ",
        "assword:",
        "send ",
        "<secret:3>",
        "<num:2>",
        "<",
        "pа",
        "\u{200b}",
        "1.2.3.4",
        "2026-01-01",
        "x",
        "AKIAABCDEFGHIJKLMNOP",
        "q8Zr4Kp2Xw9Lm5Tn7Vb3",
        "\\x41",
        "\\u0041",
        "$",
        "`",
        "/",
        "..",
        "~",
        "-",
        "=\"",
        "='",
        "x'y'",
        "a=b",
    ]);
    prop_oneof![
        4 => known.prop_map(str::to_owned),
        1 => "[a-zA-Z0-9 =:'\"/@<>&;.$%\\\\-]{0,12}",
        1 => any::<String>(),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn redacting_twice_changes_nothing(text in text()) {
        let once = redact(&text);
        prop_assert_eq!(redact(&once), once);
    }

    #[test]
    fn redacting_a_path_twice_changes_nothing(text in text()) {
        let once = redact_path(&text).into_owned();
        prop_assert_eq!(redact_path(&once), once.as_str());
    }

    #[test]
    fn a_command_line_is_its_own_template(argv in prop::collection::vec(text(), 0..5)) {
        let once = normalise::command_line(argv.clone());
        prop_assert_eq!(once.len(), argv.len());
        prop_assert_eq!(redact_argv(once.clone()), once.clone());
        prop_assert_eq!(normalise::command_line(once.clone()), once);
    }

    #[test]
    fn a_random_token_of_thirty_two_characters_is_seldom_left(
        tokens in prop::collection::vec("[A-Za-z0-9]{32}", 50),
    ) {
        let left = tokens.iter().filter(|token| redact(&format!("tool {token}")).contains(token.as_str())).count();
        prop_assert!(left <= 1, "{left} of 50");
    }

    #[test]
    fn an_announced_password_is_never_left(password in "[a-zA-Z0-9!#%*+,./:?@^_~-]{6,40}") {
        prop_assume!(!password.starts_with('-') && !named::is_harmless(&password));
        for argv in [
            vec!["tool".to_owned(), "--password".to_owned(), password.clone()],
            vec!["tool".to_owned(), format!("--password={password}")],
            vec!["env".to_owned(), format!("DB_PASSWORD={password}")],
            vec!["sshpass".to_owned(), "-p".to_owned(), password.clone()],
        ] {
            let text = redact_argv(argv).join(" ");
            prop_assert!(!text.contains(&password), "{}", text);
        }
    }
}

/// Texts that make a search look at the same bytes again and again, if it can be made to.
const TEDIOUS: [&str; 30] = [
    "a/",
    "a=",
    "a.b~",
    "://",
    "a://",
    "\"",
    "'",
    "\"'",
    "token=",
    "TOKEN=<sh{",
    "token='",
    "password:\"",
    "-p",
    "mysql ",
    "echo ",
    "echo x|",
    "<<<",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "a@",
    "a:b@",
    "%41",
    "%3Dp",
    "\\x41",
    "[",
    "token=[",
    "2026-01-01-",
    "10:00-",
    "<secret:3>",
    "pа",
];

/// How the time grows with the length is measured by `benches/command.rs`; were it the square, this would not end.
#[test]
fn an_argument_of_128_kib_is_no_trouble_whatever_it_repeats() {
    for piece in TEDIOUS {
        let argv = vec!["tool".to_owned(), piece.repeat((128 << 10) / piece.len())];
        assert_eq!(normalise::command_line(argv).len(), 2, "{piece:?}");
    }
}
