use super::*;
use crate::attribute::testkit::container;
use crate::loader::Loss as KernelLoss;
use anchorwatch_crds::v1alpha1::FeedName;
use anchorwatch_sensor_common::loss::LossReason as KernelReason;

/// As the resource's schema has it.
const MOST_REASONS_OF_A_REPORT: usize = 128;

fn kernel(count: u64, misses: u64) -> loader::Losses {
    loader::Losses {
        counts: vec![KernelLoss {
            place: LossPlace::Exec,
            reason: KernelReason::ReadFault,
            count,
        }],
        recursion_misses: vec![("tp_btf/sched_process_exec", misses)],
    }
}

#[test]
fn the_kernels_counters_are_taken_over_as_differences() {
    let mut losses = Losses::default();
    losses.add_kernel(&kernel(5, 0));
    losses.add_kernel(&kernel(7, 1));
    losses.add(Feed::Process, LossReason::PodUnknown, 1);
    let taken: Vec<(String, i64)> = losses
        .take()
        .losses
        .into_iter()
        .map(|loss| (loss.reason, loss.count))
        .collect();
    let expected = [
        ("kernel_exec_read_fault", 7),
        ("kernel_recursion", 1),
        ("pod_unknown", 1),
    ];
    assert_eq!(taken, expected.map(|(reason, count)| (reason.to_owned(), count)));
    losses.add_kernel(&kernel(7, 1));
    assert!(losses.is_empty());
    let first = losses.totals().next();
    assert_eq!(first, Some((Feed::Process, "kernel_exec_read_fault", 7)));
}

#[test]
fn each_feed_is_told_what_it_lacks() {
    let mut losses = Losses::default();
    let mut kernel = kernel(1, 0);
    for (place, count) in [(LossPlace::Flow, 2), (LossPlace::Dns, 3)] {
        let reason = KernelReason::ReadFault;
        kernel.counts.push(KernelLoss { place, reason, count });
    }
    let hook = probes::all()
        .find(|probe| probe.feed == Feed::Network)
        .map(probes::Probe::name);
    kernel
        .recursion_misses
        .push((hook.expect("the network feed has hooks"), 4));
    losses.add_kernel(&kernel);
    losses.add_to_all(LossReason::SensorRestarted, 1);
    let taken: Vec<(FeedName, String, i64)> = losses
        .take()
        .losses
        .into_iter()
        .map(|loss| (loss.feed, loss.reason, loss.count))
        .collect();
    let expected = [
        (FeedName::Process, "kernel_exec_read_fault", 1),
        (FeedName::Process, "sensor_restarted", 1),
        (FeedName::Network, "kernel_dns_read_fault", 3),
        (FeedName::Network, "kernel_flow_read_fault", 2),
        (FeedName::Network, "kernel_recursion", 4),
        (FeedName::Network, "sensor_restarted", 1),
        (FeedName::Module, "sensor_restarted", 1),
    ];
    assert_eq!(
        taken,
        expected.map(|(feed, reason, count)| (feed, reason.to_owned(), count))
    );
}

#[test]
fn every_reason_fits_into_one_report() {
    let feeds = Feed::ALL.len();
    let kernel = LossPlace::ALL.len() * KernelReason::ALL.len() + feeds;
    assert!(kernel + feeds * LossReason::ALL.len() <= MOST_REASONS_OF_A_REPORT);
}

fn owner(pod: &str) -> Owner {
    Owner::from(&container(pod))
}

fn id(digit: &str) -> ContainerId {
    ContainerId::parse(&digit.repeat(64)).unwrap()
}

/// Pods and sums of what was taken of containers, and the sum of what is nobody's.
fn told(losses: &mut Losses) -> (Vec<(String, i64)>, i64) {
    let taken = losses.take();
    let sum = |losses: &[Loss]| losses.iter().map(|loss| loss.count).sum();
    let of_containers = taken.of_containers.iter();
    (
        of_containers
            .map(|held| (held.pod.uid.clone(), sum(&held.losses)))
            .collect(),
        sum(&taken.losses),
    )
}

#[test]
fn what_one_container_lost_is_its_own_and_counted_among_all() {
    let (mut losses, now) = (Losses::default(), Instant::now());
    for (pod, count) in [("1", 2), ("2", 1), ("1", 3)] {
        let whose = Whose::Owner(owner(pod));
        losses.charge(whose, Feed::Process, LossReason::ContainerQuota, count, now);
    }
    losses.charge(Whose::Unknown, Feed::Process, LossReason::PodUnknown, 7, now);
    let sums: Vec<(&str, u64)> = losses.totals().map(|(_, reason, count)| (reason, count)).collect();
    assert_eq!(sums, [("container_quota", 6), ("pod_unknown", 7)]);
    let expected = vec![("1".to_owned(), 5), ("2".to_owned(), 1)];
    assert_eq!(told(&mut losses), (expected, 7));
    assert!(losses.is_empty());
}

#[test]
fn what_the_filter_lost_is_told_by_its_readings_alone() {
    let (mut losses, now) = (Losses::default(), Instant::now());
    let quota = |count| loader::Losses {
        counts: vec![KernelLoss {
            place: LossPlace::Exec,
            reason: KernelReason::Quota,
            count,
        }],
        recursion_misses: Vec::new(),
    };
    losses.add_kernel(&quota(9));
    assert!(losses.is_empty());
    let loss = |container, count| SlotLoss {
        container,
        place: LossPlace::Exec,
        reason: KernelReason::Quota,
        count,
    };
    losses.charge_slot(Whose::Owner(owner("1")), loss(Some(70), 8), now);
    losses.charge_slot(Whose::Unknown, loss(None, 1), now);
    let sums: Vec<(&str, u64)> = losses.totals().map(|(_, reason, count)| (reason, count)).collect();
    assert_eq!(sums, [("kernel_exec_quota", 9)]);
    assert_eq!(told(&mut losses), (vec![("1".to_owned(), 8)], 1));
}

#[test]
fn what_a_container_lost_before_it_had_a_name_is_charged_when_it_has_one() {
    let (mut losses, now) = (Losses::default(), Instant::now());
    let lost = LossReason::WaitingContainerFull;
    losses.charge(Whose::Container(id("a")), Feed::Process, lost, 4, now);
    losses.charge(Whose::Container(id("b")), Feed::Network, lost, 2, now);
    assert!(losses.is_empty());
    // A restart would not know whose they were.
    assert_eq!(losses.unreported().len(), 2);
    let name = |container: &ContainerId| (*container == id("a")).then(|| owner("1"));
    losses.name(name, now);
    assert_eq!(told(&mut losses), (vec![("1".to_owned(), 4)], 0));
    losses.name(name, now + PATIENCE / 2);
    assert!(losses.is_empty());
    losses.name(name, now + PATIENCE);
    assert_eq!(told(&mut losses), (vec![], 2));
}

#[test]
fn a_batch_takes_what_fits_and_the_next_one_the_others() {
    let (mut losses, now) = (Losses::default(), Instant::now());
    let pods = 200;
    for pod in 0..pods {
        for reason in LossReason::ALL {
            losses.charge(Whose::Owner(owner(&pod.to_string())), Feed::Process, reason, 1, now);
        }
    }
    let mut seen = 0;
    let mut batches = 0;
    while !losses.is_empty() {
        let taken = losses.take().of_containers;
        assert!(serde_json::to_vec(&taken).unwrap().len() <= 32 << 10);
        seen += taken.len();
        batches += 1;
    }
    assert!(seen == pods && batches > 1, "{seen} in {batches}");
}

#[test]
fn containers_without_end_are_bounded_and_none_of_it_is_forgotten() {
    let (mut losses, now) = (Losses::default(), Instant::now());
    let many = 3000;
    for pod in 0..many {
        let whose = Whose::Owner(owner(&pod.to_string()));
        losses.charge(whose, Feed::Process, LossReason::ContainerQuota, 1, now);
        let whose = Whose::Container(ContainerId::parse(&format!("{pod:064x}")).unwrap());
        losses.charge(whose, Feed::Process, LossReason::WaitingContainerFull, 1, now);
    }
    assert_eq!(losses.unreported_of_containers().len(), 1024);
    losses.name(|_| None, now + PATIENCE);
    let mut sum = 0;
    while !losses.is_empty() {
        let (of_containers, of_nobody) = told(&mut losses);
        sum += of_nobody + of_containers.iter().map(|(_, count)| count).sum::<i64>();
    }
    assert_eq!(sum, 2 * i64::from(many));
}

#[test]
fn every_reason_of_a_container_fits_into_its_part_of_a_report() {
    let counters = LossPlace::ALL
        .into_iter()
        .flat_map(|place| KernelReason::ALL.map(|reason| (place, reason)));
    let of_kernel = counters
        .filter(|(place, reason)| is_by_container(*place, *reason))
        .count();
    // What every container of the node lacks alike.
    let of_nodes = [
        LossReason::MalformedRecord,
        LossReason::OutboxDamaged,
        LossReason::SensorRestarted,
    ];
    let own = LossReason::ALL
        .into_iter()
        .filter(|reason| !of_nodes.contains(reason))
        .count();
    assert!(of_kernel + Feed::ALL.len() * own <= 64);
}
