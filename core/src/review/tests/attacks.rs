//! How somebody would teach a baseline what he does, an attempt a file, each with its outcome in the test's name.

use super::*;

mod climbing;
mod flooding;
mod padding;
mod repeating;
mod restarting;
mod spreading;
mod twin;

impl Watched {
    /// A workload of so many pods on two nodes.
    fn of_pods(many: usize) -> (Self, Vec<String>) {
        let mut watched = Self::new();
        let names: Vec<String> = (1..=many).map(|number| format!("p{number}")).collect();
        for (number, name) in names.iter().enumerate() {
            watched.world.runs_on(["n1", "n2"][number % 2], name, at(0));
        }
        (watched, names)
    }
}
