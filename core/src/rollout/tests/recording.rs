//! When a revision is recorded, and with what.

use super::*;

fn facts() -> RevisionFacts {
    let template = |init| TemplateContainer {
        init,
        image: "registry/agent:latest".to_owned(),
        ..TemplateContainer::default()
    };
    RevisionFacts {
        workload: workload(),
        template: Template {
            containers: BTreeMap::from([
                (container(), template(false)),
                (ContainerName::new("migrate"), template(true)),
            ]),
            ..Template::default()
        },
        before: None,
        who: Some(Actor {
            manager: "argocd-controller".to_owned(),
            verified: false,
        }),
        change_cause: Some("a new helper".to_owned()),
        git_revision: None,
        images: NodeImages::default(),
    }
}

/// A Deployment at a revision, with one running pod that tells all of its digests.
fn evidence(revision: u64, hash: &str, created: Timestamp) -> Evidence {
    let mut witness = running(hash, '2', created.plus(Duration::from_secs(1)), "n1");
    witness.digests.insert(ContainerName::new("migrate"), digest('3'));
    // Not of the template: it was injected.
    witness.digests.insert(ContainerName::new("proxy"), digest('4'));
    Evidence {
        records: Vec::new(),
        current: Some(current(revision, hash, created)),
        pods: BTreeMap::from([(PodUid::new("n1"), witness)]),
        intents: Vec::new(),
    }
}

fn created(plan: RecordPlan) -> NewRecord {
    match plan {
        RecordPlan::Create(record) => *record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_revision_is_recorded_once_a_pod_tells_all_of_its_digests() {
    let plan = plan_record(&facts(), &evidence(1, "h1", at(0)), at(9));
    insta::assert_json_snapshot!(created(plan));
}

#[test]
fn it_is_not_recorded_before() {
    let mut evidence = evidence(1, "h1", at(0));
    let pod = evidence.pods.get_mut(&PodUid::new("n1")).expect("the pod");
    pod.digests.remove(&ContainerName::new("migrate"));
    assert_eq!(plan_record(&facts(), &evidence, at(9)), RecordPlan::Wait);
    evidence.pods.clear();
    assert_eq!(plan_record(&facts(), &evidence, at(9)), RecordPlan::Wait);
}

#[test]
fn a_pod_that_does_not_run_is_no_witness() {
    let mut evidence = evidence(1, "h1", at(0));
    evidence.pods.get_mut(&PodUid::new("n1")).expect("the pod").running = false;
    assert_eq!(plan_record(&facts(), &evidence, at(9)), RecordPlan::Wait);
}

#[test]
fn a_revision_is_recorded_once() {
    let mut evidence = evidence(1, "h1", at(0));
    let first = created(plan_record(&facts(), &evidence, at(9)));
    evidence.records.push(first.record);
    assert!(matches!(
        plan_record(&facts(), &evidence, at(20)),
        RecordPlan::Nothing { .. }
    ));
}

#[test]
fn a_workload_without_revision_or_template_is_not_recorded() {
    let mut unknown = evidence(1, "h1", at(0));
    unknown.current = None;
    assert!(matches!(
        plan_record(&facts(), &unknown, at(9)),
        RecordPlan::Nothing { .. }
    ));
    let mut empty = facts();
    empty.template.containers.clear();
    let plan = plan_record(&empty, &evidence(1, "h1", at(0)), at(9));
    assert!(matches!(plan, RecordPlan::Nothing { .. }));
}

#[test]
fn a_rollback_starts_with_its_first_pod_although_its_replica_set_is_old() {
    let mut evidence = evidence(3, "h1", at(0));
    evidence.records = vec![record(1, "h1", '1', at(0)), record(2, "h2", '2', at(500))];
    // What is left of revision 1 is no witness: its image may have been older than what the tag names now.
    let left = evidence.pods.clone();
    assert_eq!(plan_record(&facts(), &evidence, at(900)), RecordPlan::Wait);
    let mut new = left[&PodUid::new("n1")].clone();
    new.created = at(880);
    evidence.pods.insert(PodUid::new("n2"), new);
    let planned = created(plan_record(&facts(), &evidence, at(900)));
    assert_eq!(planned.record.name, "deployment-agent-3");
    assert_eq!((planned.record.revision, planned.record.started_at), (3, at(880)));
}

#[test]
fn a_rollback_explains_what_it_brings_back() {
    let mut world = World::mature();
    world.evidence.records = vec![
        record(1, "h1", '1', at(0)),
        record(2, "h2", '2', at(500)),
        record(3, "h1", '1', at(880)),
    ];
    world.evidence.current = Some(current(3, "h1", at(0)));
    world.runs("n2", "h1", '1', at(880));
    world.shows_at("n2", "h1", '1', &what_is_new(), at(890));
    assert_eq!(verdict(&world, at(891)), RolloutVerdict::Matched);
    // And waits for its record as any other.
    world.evidence.records.pop();
    assert_eq!(verdict(&world, at(891)), RolloutVerdict::Pending);
}

#[test]
fn a_workload_made_again_under_its_name_gets_records_of_its_own() {
    let mut evidence = evidence(1, "h1", at(0));
    evidence.records = vec![record(1, "h0", '1', at(-500))];
    evidence.records[0].workload_uid = WorkloadUid::new("w-0");
    let planned = created(plan_record(&facts(), &evidence, at(9)));
    assert!(
        planned.record.name.starts_with("deployment-agent-1-"),
        "{}",
        planned.record.name
    );
}

#[test]
fn a_rollout_keeps_explaining_its_own_pods_and_no_others() {
    let mut world = rolled_out();
    let name = "deployment-agent-2";
    let stands = |world: &World, now| {
        let policy = &world.policy.rollout;
        still_explained(name, &container(), entry(world), &world.evidence, policy, now)
    };
    assert_eq!(stands(&world, at(100_000)), Some(StillExplained::Yes));
    let mut late = pod("n3", "h2", digest('2'));
    late.digest = None;
    world.reports(late, &what_is_new(), at(100_000));
    assert_eq!(
        stands(&world, at(100_001)),
        Some(StillExplained::SoFar(Duration::from_secs(5)))
    );
    assert!(matches!(stands(&world, at(100_060)), Some(StillExplained::No { .. })));
    world.runs("n3", "h2", '2', at(99_990));
    assert_eq!(stands(&world, at(100_060)), Some(StillExplained::Yes));
    world.shows_at("n4", "h3", '2', &what_is_new(), at(100_070));
    assert!(matches!(stands(&world, at(100_071)), Some(StillExplained::No { .. })));
    world.evidence.records.clear();
    assert_eq!(stands(&world, at(100_071)), None);
}

#[test]
fn a_policy_may_give_rollouts_less_time_to_explain() {
    let mut world = rolled_out();
    world.policy.rollout.window = Duration::from_secs(2);
    assert_eq!(verdict(&world, at(1_008)), RolloutVerdict::Unmatched);
}

#[test]
fn a_record_that_is_not_sealed_is_no_evidence_and_its_name_is_left_to_it() {
    let mut evidence = evidence(1, "h1", at(0));
    evidence.records = vec![record(1, "h1", '2', at(0))];
    evidence.records[0].sealed = false;
    let planned = created(plan_record(&facts(), &evidence, at(9)));
    assert!(planned.record.name.starts_with("deployment-agent-1-"));
    assert_eq!(planned.action, Some(RolloutAction::First));
    let mut world = rolled_out();
    world.evidence.records[1].sealed = false;
    assert_eq!(verdict(&world, at(1_070)), RolloutVerdict::Unmatched);
}

mod actions {
    use super::*;

    /// What a third revision with this hash is, whose pods run this digest, after h1 (digest 1) and h2 (digest 2).
    fn third(hash: &str, runs: char, before: Option<Template>) -> Option<RolloutAction> {
        let mut evidence = evidence(3, hash, at(880));
        let witness = evidence.pods.get_mut(&PodUid::new("n1")).expect("the pod");
        witness.digests.insert(container(), digest(runs));
        evidence.records = [(1, "h1", '1'), (2, "h2", '2')]
            .map(|(revision, hash, runs)| {
                let mut record = record(revision, hash, runs, at(0));
                let migrate = RecordedContainer {
                    digest: digest('3'),
                    ..record.containers[&container()].clone()
                };
                record.containers.insert(ContainerName::new("migrate"), migrate);
                record
            })
            .into();
        let facts = RevisionFacts { before, ..facts() };
        created(plan_record(&facts, &evidence, at(900))).action
    }

    #[test]
    fn another_digest_is_an_update() {
        assert_eq!(third("h3", '4', None), Some(RolloutAction::Update));
    }

    #[test]
    fn the_same_digests_under_the_same_template_are_a_restart() {
        assert_eq!(third("h3", '2', Some(facts().template)), Some(RolloutAction::Restart));
    }

    #[test]
    fn the_same_digests_under_another_template_are_configured_anew() {
        let mut before = facts().template;
        before.host_namespaces = "network".to_owned();
        assert_eq!(third("h3", '2', Some(before)), Some(RolloutAction::Reconfigure));
        assert_eq!(third("h3", '2', None), Some(RolloutAction::Reconfigure), "nobody knows");
    }

    #[test]
    fn an_older_template_is_a_rollback_whatever_it_runs() {
        assert_eq!(third("h1", '1', None), Some(RolloutAction::Rollback));
        assert_eq!(third("h1", '4', None), Some(RolloutAction::Rollback));
    }
}

mod digests {
    use super::*;

    /// Revision 1, recorded, with a pod that runs this digest and a container of its own.
    fn running_pods(runs: char) -> Evidence {
        let mut evidence = evidence(1, "h1", at(0));
        let planned = created(plan_record(&facts(), &evidence, at(9)));
        evidence.records.push(planned.record);
        let mut second = evidence.pods[&PodUid::new("n1")].clone();
        second.name = "agent-h1-n2".to_owned();
        second.created = at(50);
        second.digests.insert(container(), digest(runs));
        second.digests.remove(&ContainerName::new("proxy"));
        evidence.pods.insert(PodUid::new("n2"), second);
        evidence
    }

    #[test]
    fn a_container_that_the_template_lacks_is_recorded_by_its_image() {
        let mut evidence = running_pods('2');
        let pod = evidence.pods.get_mut(&PodUid::new("n1")).expect("the pod");
        pod.images
            .insert(ContainerName::new("proxy"), "mesh/proxy:1".to_owned());
        let planned = plan_digests(&workload(), &evidence, at(60)).expect("a record");
        assert_eq!(
            planned.record.kind,
            RecordKind::Digest {
                of: "deployment-agent-1".to_owned()
            }
        );
        let proxy = &planned.record.containers[&ContainerName::new("proxy")];
        assert_eq!((proxy.image.as_str(), proxy.injected), ("mesh/proxy:1", true));
        assert_eq!(planned.record.containers.len(), 1);
        evidence.records.push(planned.record);
        assert_eq!(plan_digests(&workload(), &evidence, at(61)), None, "once");
    }

    #[test]
    fn a_tag_that_was_pushed_again_is_recorded_beside_the_first() {
        let mut evidence = running_pods('9');
        evidence
            .records
            .push(plan_digests(&workload(), &evidence, at(60)).expect("the proxy").record);
        let planned = plan_digests(&workload(), &evidence, at(61)).expect("a record");
        let agent = &planned.record.containers[&container()];
        assert_eq!((agent.digest.clone(), agent.injected), (digest('9'), false));
        assert_eq!(planned.witness, "agent-h1-n2");
        assert!(
            planned.record.name.starts_with("deployment-agent-1-"),
            "{}",
            planned.record.name
        );
    }

    #[test]
    fn whoever_pushes_a_tag_again_and_again_fills_no_cluster() {
        let mut evidence = running_pods('2');
        for round in 0_u32..40 {
            let pod = evidence.pods.get_mut(&PodUid::new("n2")).expect("the pod");
            let other = format!("sha256:{round:064x}").parse().expect("a digest");
            pod.digests.insert(container(), other);
            if let Some(planned) = plan_digests(&workload(), &evidence, at(60)) {
                evidence.records.push(planned.record);
            }
        }
        assert_eq!(evidence.records.len(), 1 + 16);
    }
}
