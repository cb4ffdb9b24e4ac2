//! What `apt-get -s` says it would do.

/// Names of packages, as the simulation lists them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    pub installed: Vec<String>,
    pub upgraded: Vec<String>,
    pub removed: Vec<String>,
}

impl Simulation {
    /// One line for the person who waits.
    pub fn summary(&self) -> String {
        let new = format!("{} new packages", self.installed.len());
        if self.upgraded.is_empty() {
            new
        } else {
            format!("{new} and newer {}", self.upgraded.join(", "))
        }
    }
}

/// Reads the lines `Inst name [old] (new …)`, `Remv name [old]` and `Purg name [old]`.
pub fn parse(text: &str) -> Simulation {
    let mut simulation = Simulation::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(verb), Some(name)) = (words.next(), words.next()) else {
            continue;
        };
        let list = match verb {
            "Inst" if words.next().is_some_and(|word| word.starts_with('[')) => &mut simulation.upgraded,
            "Inst" => &mut simulation.installed,
            "Remv" | "Purg" => &mut simulation.removed,
            _ => continue,
        };
        list.push(name.to_owned());
    }
    simulation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installs_upgrades_and_removals_are_told_apart() {
        let text = "Reading package lists...\n\
            The following packages will be REMOVED:\n  containerd.io docker-ce\n\
            Remv docker-ce [5:27.1] []\n\
            Remv containerd.io [1.7.19-1]\n\
            Inst passwd [1:4.13+dfsg1-1+deb12u1] (1:4.13+dfsg1-1+deb12u2 Debian:12.15/oldstable [amd64])\n\
            Inst crun (1.8.1-1+deb12u1 Debian:12.15/oldstable [amd64])\n\
            Conf crun (1.8.1-1+deb12u1 Debian:12.15/oldstable [amd64])\n";
        let expected = Simulation {
            installed: vec!["crun".into()],
            upgraded: vec!["passwd".into()],
            removed: vec!["docker-ce".into(), "containerd.io".into()],
        };
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn a_simulation_that_does_nothing_is_empty() {
        assert_eq!(
            parse("crun is already the newest version\n0 upgraded, 0 newly installed\n"),
            Simulation::default()
        );
    }
}
