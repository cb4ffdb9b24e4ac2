//! `digest-mismatch`: a pod runs another image than what was recorded of its revision, whatever it does. It follows from the
//! evidence of rollouts, not from a behaviour: its finding is made of the two digests.

use super::page::{Page, Technique};
use crate::{behaviour::Behaviour, id::ImageDigest, severity::Severity, text::shown};

pub(super) const ID: &str = "digest-mismatch";
pub(super) const SEVERITY: Severity = Severity::High;
pub(super) const PAGE: Page = Page {
    sees: "A pod of a recorded revision in whose container another image digest runs than the revision's RolloutRecord \
           says, although the template names the same tag: somebody pushed the tag again, or changed the pod. Whether \
           the pod does anything new is not asked. A container whose image the template pins by digest has none: what \
           runs there can only be another platform's part of it.",
    why: "Whoever can push a tag replaces what runs at the next restart of a pod, with no rollout that anybody would \
          see. What such a pod newly does is explained by no rollout either.",
    example: "`sha256:5f2c0a7b9e11 runs where sha256:222222222222 was rolled out, under the same tag`",
    tune: "Deploy by digest, or push each build under a tag of its own. Dismiss the finding once you know who pushed: \
           it comes back when a further pod starts with the other digest, until the next rollout.",
    techniques: &[Technique::new("T1525", "Implant Internal Image")],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    let short = |text: &str| {
        text.parse()
            .map_or_else(|_| shown(text), |digest: ImageDigest| digest.short().to_owned())
    };
    let recorded = match behaviour {
        Behaviour::Process(process) => process.parent(),
        Behaviour::Network(_) | Behaviour::Module(_) => "",
    };
    format!(
        "{} runs where {} was rolled out, under the same tag",
        short(behaviour.executable()),
        short(recorded)
    )
}
