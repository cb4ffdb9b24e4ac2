//! Secrets that only the program's own habits announce: `mysql -px`, `sshpass -p x`, `curl -u user:x`.

use crate::signs::{Lengths, Signs, base_name};
use Place::{AfterColon, AfterComma, AfterPercent, AfterSlash, Value};

/// Where a program's flag has its secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// The flag's whole value.
    Value,
    /// What follows the first colon of the flag's value.
    AfterColon,
    /// What follows the first comma of the flag's value.
    AfterComma,
    /// What follows the first per cent sign of the flag's value.
    AfterPercent,
    /// What stands between the first slash and the last `@` of the value, or the end.
    AfterSlash,
}

/// What is known of a program's flags. A flag of one letter may have its value attached; an empty one stands for any word
/// that is no flag.
pub(super) type Flags = &'static [(&'static str, Place)];

const MYSQL: Flags = &[("-p", Value)];
const PASSWORD: Flags = &[("-p", Value)];
const LDAP: Flags = &[("-w", Value), ("-s", Value)];
const SNMP: Flags = &[("-A", Value), ("-X", Value), ("-a", Value), ("-c", Value)];
const SAMBA: Flags = &[("-U", AfterPercent)];
const SQL_SERVER: Flags = &[("-P", Value)];
const ORACLE: Flags = &[("", AfterSlash)];
const CURL: Flags = &[
    ("-u", AfterColon),
    ("--user", AfterColon),
    ("-U", AfterColon),
    ("--proxy-user", AfterColon),
    ("-b", Value),
];
const HTTPIE: Flags = &[("-a", AfterColon), ("-u", AfterColon)];

/// Programs in the order of their names.
const PROGRAMS: [(&str, Flags); 82] = [
    ("7z", PASSWORD),
    ("7za", PASSWORD),
    ("7zr", PASSWORD),
    ("amqp-publish", PASSWORD),
    ("ansible-vault", &[]),
    ("az", PASSWORD),
    ("bcp", SQL_SERVER),
    ("borg", &[]),
    ("buildah", PASSWORD),
    ("cockroach", PASSWORD),
    ("couchbase-cli", PASSWORD),
    ("cqlsh", PASSWORD),
    ("crackmapexec", PASSWORD),
    ("curl", CURL),
    ("docker", PASSWORD),
    ("evil-winrm", PASSWORD),
    ("exp", ORACLE),
    ("expdp", ORACLE),
    ("helm", PASSWORD),
    ("http", HTTPIE),
    ("https", HTTPIE),
    ("hydra", &[("-p", Value)]),
    ("impdp", ORACLE),
    ("influx", &[("-t", Value)]),
    ("ipmitool", &[("-P", Value)]),
    ("isql", SQL_SERVER),
    ("kcadm.sh", PASSWORD),
    ("keydb-cli", &[("-a", Value)]),
    ("keytool", &[]),
    ("ldapadd", LDAP),
    ("ldapdelete", LDAP),
    ("ldapmodify", LDAP),
    ("ldappasswd", LDAP),
    ("ldapsearch", LDAP),
    ("ldapwhoami", LDAP),
    ("lftp", &[("-u", AfterComma)]),
    ("mariadb", MYSQL),
    ("mariadb-admin", MYSQL),
    ("mariadb-dump", MYSQL),
    ("mc", &[]),
    ("mongo", PASSWORD),
    ("mongodump", PASSWORD),
    ("mongoexport", PASSWORD),
    ("mongoimport", PASSWORD),
    ("mongorestore", PASSWORD),
    ("mongosh", PASSWORD),
    ("mosquitto_pub", &[("-P", Value)]),
    ("mosquitto_sub", &[("-P", Value)]),
    ("mysql", MYSQL),
    ("mysqladmin", MYSQL),
    ("mysqlcheck", MYSQL),
    ("mysqldump", MYSQL),
    ("mysqlimport", MYSQL),
    ("mysqlsh", MYSQL),
    ("nerdctl", PASSWORD),
    ("net", SAMBA),
    ("nmcli", &[]),
    ("nxc", PASSWORD),
    ("oc", PASSWORD),
    ("openssl", &[("-k", Value), ("-K", Value)]),
    ("podman", PASSWORD),
    ("rar", &[("-hp", Value), ("-p", Value)]),
    ("rdesktop", PASSWORD),
    ("redis-cli", &[("-a", Value)]),
    ("rpcclient", SAMBA),
    ("skopeo", PASSWORD),
    ("smbclient", SAMBA),
    ("smbmap", PASSWORD),
    ("snmpget", SNMP),
    ("snmpset", SNMP),
    ("snmpwalk", SNMP),
    ("sqlcmd", SQL_SERVER),
    ("sqlplus", ORACLE),
    ("ssh-keygen", &[("-N", Value), ("-P", Value)]),
    ("sshpass", PASSWORD),
    ("tsql", SQL_SERVER),
    ("unrar", PASSWORD),
    ("unzip", SQL_SERVER),
    ("useradd", PASSWORD),
    ("usermod", PASSWORD),
    ("valkey-cli", &[("-a", Value)]),
    ("wget", &[("-u", AfterColon)]),
];

/// Programs that are told apart by what may stand around them, not by the table's order.
const OTHERS: [(&str, Flags); 3] = [
    ("xfreerdp", &[("/p", Value)]),
    ("xfreerdp3", &[("/p", Value)]),
    ("zip", SQL_SERVER),
];

/// What their names look like from afar.
static NAMES: Lengths = {
    let mut names = [""; PROGRAMS.len() + OTHERS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = if at < PROGRAMS.len() {
            PROGRAMS[at].0
        } else {
            OTHERS[at - PROGRAMS.len()].0
        };
        at += 1;
    }
    Lengths::of(&names)
};

/// What is known of a word as a flag of a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flag {
    /// Its secret is the next word, or in it.
    Next(Place),
    /// Its secret is attached behind so many bytes.
    Attached(usize, Place),
}

/// A program whose flags are known here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Program {
    flags: Flags,
    /// Without a value its flag asks for the password, and the next word is something else.
    asks: bool,
    /// `password` as a word of its own announces the next one.
    pub takes_words: bool,
    /// Its `-e` sets a variable.
    pub runs_containers: bool,
}

/// The program that a word names, where its flags are known here.
pub(super) fn program(word: &str, signs: Signs) -> Option<Program> {
    let name = base_name(word, signs);
    if !NAMES.may_hold(name) {
        return None;
    }
    let found = PROGRAMS.binary_search_by(|(known, _)| (*known).cmp(name)).ok();
    let held = found.map(|index| &PROGRAMS[index]);
    let (name, flags) = held.or_else(|| OTHERS.iter().find(|(known, _)| *known == name))?;
    Some(Program {
        flags,
        asks: name.starts_with("my") || name.starts_with("maria"),
        takes_words: matches!(*name, "nmcli" | "mc"),
        runs_containers: matches!(*name, "docker" | "nerdctl" | "podman"),
    })
}

impl Program {
    /// What a word is as one of its flags.
    pub(super) fn flag(self, word: &str) -> Option<Flag> {
        self.flags.iter().find_map(|(flag, place)| {
            if flag.is_empty() {
                return (!word.starts_with('-') && word.contains('/')).then_some(Flag::Attached(0, *place));
            }
            let rest = word.strip_prefix(flag)?;
            if rest.is_empty() {
                return (!self.asks).then_some(Flag::Next(*place));
            }
            let joined = rest.starts_with(['=', ':']);
            let attached = (flag.len() <= 3 && !flag.starts_with("--") && !rest.starts_with('-')) || joined;
            attached.then_some(Flag::Attached(flag.len() + usize::from(joined), *place))
        })
    }
}

/// Where the secret of a value is, if it holds one.
pub(super) fn secret_in(place: Place, value: &str) -> Option<std::ops::Range<usize>> {
    let after = |sign: char| value.find(sign).map(|at| at + 1..value.len());
    match place {
        Place::Value => Some(0..value.len()),
        Place::AfterColon => after(':'),
        Place::AfterComma => after(','),
        Place::AfterPercent => after('%'),
        Place::AfterSlash => {
            let from = value.find('/')? + 1;
            let to = value[from..].rfind('@').map_or(value.len(), |at| from + at);
            Some(from..to)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_their_names() {
        assert!(PROGRAMS.is_sorted_by(|a, b| a.0 < b.0));
        for (name, _) in PROGRAMS.iter().chain(&OTHERS) {
            let path = format!("/usr/bin/{name}");
            assert!(program(&path, Signs::of(&path)).is_some(), "{name}");
        }
        assert_eq!(program("ls", Signs::of("ls")), None);
    }
}
