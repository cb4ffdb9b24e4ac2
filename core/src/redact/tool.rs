//! Secrets that only the program's own habits announce: `mysql -px`, `sshpass -p x`, `curl -u user:x`.

/// Where a program's flag has its secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// The flag's whole value.
    Value,
    /// What follows the first colon of the flag's value.
    AfterColon,
    /// What follows the first per cent sign of the flag's value.
    AfterPercent,
}

/// Programs, a flag of theirs, and where its secret is. A flag of one letter may have its value attached.
const FLAGS: [(&[&str], &str, Place); 19] = [
    (
        &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mariadb",
            "mariadb-dump",
            "mysqlimport",
        ],
        "-p",
        Place::Value,
    ),
    (&["sshpass"], "-p", Place::Value),
    (&["curl", "http", "https", "wget"], "-u", Place::AfterColon),
    (&["curl"], "--user", Place::AfterColon),
    (&["curl"], "-U", Place::AfterColon),
    (&["curl"], "--proxy-user", Place::AfterColon),
    (&["http", "https"], "-a", Place::AfterColon),
    (&["redis-cli", "keydb-cli", "valkey-cli"], "-a", Place::Value),
    (
        &["docker", "podman", "helm", "oc", "az", "skopeo", "buildah", "nerdctl"],
        "-p",
        Place::Value,
    ),
    (&["mongo", "mongosh", "mongodump", "mongorestore"], "-p", Place::Value),
    (
        &["ldapsearch", "ldapmodify", "ldapadd", "ldapwhoami"],
        "-w",
        Place::Value,
    ),
    (&["zip", "unzip"], "-P", Place::Value),
    (&["7z", "7za"], "-p", Place::Value),
    (&["snmpwalk", "snmpget"], "-A", Place::Value),
    (&["snmpwalk", "snmpget"], "-c", Place::Value),
    (&["smbclient", "rpcclient", "net"], "-U", Place::AfterPercent),
    (&["useradd", "usermod"], "-p", Place::Value),
    (&["sqlcmd", "bcp", "tsql", "isql"], "-P", Place::Value),
    (&["xfreerdp"], "/p", Place::Value),
];

/// What is known of a word as a flag of a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flag {
    /// Its secret is the next word, or in it.
    Next(Place),
    /// Its secret is attached behind so many bytes.
    Attached(usize, Place),
}

/// The program's name that a word gives, where its flags are known here.
pub(super) fn program(word: &str) -> Option<&'static str> {
    let name = word.rsplit('/').next().unwrap_or(word);
    let mut known = FLAGS.iter().flat_map(|(programs, ..)| programs.iter());
    known.find(|program| **program == name).copied()
}

/// What a word is as a flag of a program.
pub(super) fn flag(program: &str, word: &str) -> Option<Flag> {
    let mut own = FLAGS.iter().filter(|(programs, ..)| programs.contains(&program));
    own.find_map(|(_, flag, place)| {
        let rest = word.strip_prefix(flag)?;
        if rest.is_empty() {
            // `mysql -p` asks for the password: the next word is the database.
            return (!program.starts_with("my") && !program.starts_with("maria")).then_some(Flag::Next(*place));
        }
        let joined = rest.starts_with(['=', ':']);
        let attached = (flag.len() == 2 && !rest.starts_with('-')) || joined;
        attached.then_some(Flag::Attached(flag.len() + usize::from(joined), *place))
    })
}

/// Where the secret of a value begins, if it holds one.
pub(super) fn secret_at(place: Place, value: &str) -> Option<usize> {
    match place {
        Place::Value => Some(0),
        Place::AfterColon => value.find(':').map(|at| at + 1),
        Place::AfterPercent => value.find('%').map(|at| at + 1),
    }
}
