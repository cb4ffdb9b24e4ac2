//! `known-on-one-node`: something that the baseline learned from one node alone, although pods of the workload ran on others as
//! well, and that is seen on another. Nothing else is raised for it, and on that one node it stays known.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "known-on-one-node";
pub(super) const SEVERITY: Severity = Severity::Low;
pub(super) const PAGE: Page = Page {
    sees: "Something that only one node's sensor told of while pods of the workload ran on several, and that is seen on \
           another node now. A workload that ever only ran on one node at a time is known wherever it runs.",
    why: "Whoever owns a node can tell anything of the pods there while a baseline learns. What the other nodes never \
          confirmed is not taken as normal for them.",
    example: "`/usr/bin/etcdctl started by /usr/bin/agent was learned from another node alone`: the replica that leads moved \
              to another node, and does there what only the leader does",
    tune: "Accept the finding: it is known on every node from then on. What is done on several days in half of the pods is \
           absorbed.",
    techniques: &[Technique::new("T1610", "Deploy Container")],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} was learned from another node alone", subject(behaviour))
}
