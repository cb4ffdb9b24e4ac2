//! What the objects of a revision tell: asked of the API server once, when it is recorded.

use anchorwatch_core::{
    id::TemplateHash,
    rollout::{GitRevision, NodeImages, RevisionFacts, Template, started, witness},
    text::bounded,
};
use k8s_openapi::{
    api::{
        apps::v1::{ControllerRevision, ReplicaSet},
        batch::v1::Job,
        core::v1::{PodSpec, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};

use super::{fetch::Known, images, who::who};
use crate::{
    context::Context,
    convert::template_from_pod_spec,
    world::{World, resolve::Workload},
};

/// Annotation in which people say why they changed something.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// Longest revision of sources that is kept, in bytes.
const MAX_REVISION: usize = 256;

/// Asks for it. None where the object that holds the template is gone.
pub async fn ask(context: &Context, known: &Known) -> kube::Result<Option<RevisionFacts>> {
    let (client, world) = (&context.client, context.world.as_ref());
    let Some(current) = &known.evidence.current else {
        return Ok(None);
    };
    let Some(template) = template(client, world, &known.workload, &current.template_hash).await? else {
        return Ok(None);
    };
    let before = match known.evidence.newest() {
        Some(before) => self::template(client, world, &known.workload, &before.template_hash).await?,
        None => None,
    };
    let metadata = metadata(client, &known.workload).await?;
    let own = template.metadata.unwrap_or_default();
    let template = compared(template.spec.as_ref());
    let images = match witness(&template, &known.evidence) {
        Some(pod) => images::ask(client, pod).await?,
        None => NodeImages::default(),
    };
    Ok(Some(RevisionFacts {
        workload: known.workload.key.clone(),
        images,
        template,
        before: before.map(|before| compared(before.spec.as_ref())),
        who: who(
            metadata.managed_fields.as_deref().unwrap_or_default(),
            &context.bound_managers,
            started(&known.evidence),
        ),
        change_cause: metadata
            .annotations
            .as_ref()
            .and_then(|all| all.get(CHANGE_CAUSE))
            .cloned(),
        git_revision: git_revision(&known.policy.rollout.git_revision_annotations, &[&metadata, &own]),
    }))
}

fn compared(spec: Option<&PodSpec>) -> Template {
    spec.map(template_from_pod_spec).unwrap_or_default()
}

/// The pod template of a revision, from the object that holds it.
async fn template(
    client: &Client,
    world: &World,
    workload: &Workload,
    hash: &TemplateHash,
) -> kube::Result<Option<PodTemplateSpec>> {
    let Some(holder) = world.holder(workload, hash) else {
        return Ok(None);
    };
    let (namespace, name) = (&workload.key.namespace, &holder.name);
    Ok(match workload.key.kind.as_str() {
        "StatefulSet" | "DaemonSet" => {
            let found = Api::<ControllerRevision>::namespaced(client.clone(), namespace)
                .get_opt(name)
                .await?;
            found.and_then(|found| {
                let data = found.data?.0;
                serde_json::from_value(data.pointer("/spec/template")?.clone()).ok()
            })
        }
        "CronJob" | "Job" => {
            let found = Api::<Job>::namespaced(client.clone(), namespace).get_opt(name).await?;
            found.and_then(|found| Some(found.spec?.template))
        }
        _ => {
            let found = Api::<ReplicaSet>::namespaced(client.clone(), namespace)
                .get_opt(name)
                .await?;
            found.and_then(|found| found.spec?.template)
        }
    })
}

/// What the workload's own object says beside its specification. What may not be read says nothing: the kind may be one
/// that the operator has no right to.
async fn metadata(client: &Client, workload: &Workload) -> kube::Result<ObjectMeta> {
    let (group, version) = workload
        .api_version
        .rsplit_once('/')
        .unwrap_or(("", &workload.api_version));
    let kind = GroupVersionKind::gvk(group, version, &workload.key.kind);
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &workload.key.namespace, &resource);
    match api.get_opt(&workload.key.name).await {
        Ok(found) => Ok(found.map(|found| found.metadata).unwrap_or_default()),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(ObjectMeta::default()),
        Err(error) => Err(error),
    }
}

/// What the first of these annotations or labels says that any of the objects carries.
fn git_revision(names: &[String], objects: &[&ObjectMeta]) -> Option<GitRevision> {
    names.iter().find_map(|name| {
        let mut told = objects.iter().flat_map(|object| [&object.annotations, &object.labels]);
        let revision = told.find_map(|all| all.as_ref()?.get(name).filter(|text| !text.is_empty()))?;
        Some(GitRevision {
            revision: bounded(revision.clone(), MAX_REVISION),
            annotation: name.clone(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_annotation_that_is_there_tells_the_revision_of_the_sources() {
        let object: ObjectMeta = serde_json::from_value(json!({
            "annotations": {"b": "", "c": "abc123"}, "labels": {"app.kubernetes.io/version": "1.2"},
        }))
        .unwrap();
        let names = ["a", "b", "c", "app.kubernetes.io/version"].map(str::to_owned);
        let told = |names: &[String]| git_revision(names, &[&object]).map(|git| (git.annotation, git.revision));
        assert_eq!(told(&names), Some(("c".into(), "abc123".into())));
        assert_eq!(
            told(&names[3..]),
            Some(("app.kubernetes.io/version".into(), "1.2".into()))
        );
        assert_eq!(told(&names[..2]), None);
    }
}
