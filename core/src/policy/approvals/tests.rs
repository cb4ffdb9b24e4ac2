//! What approvals say of behaviour: what people would expect of the words they wrote, and no more.

use super::*;
use crate::{
    baseline::EntryState,
    behaviour::{
        Behaviour, Destination, Direction, ModuleKind, ModuleParts, NetworkParts, Origin, ProcessParts, Protocol,
        SourceLayer,
    },
    invariants,
    testkit::{World, at, behaviour, container, flow, flow_to, library, parts, process, shell},
};

fn bash() -> ProcessPattern {
    ProcessPattern {
        executable: "/usr/bin/bash".to_owned(),
        ..ProcessPattern::default()
    }
}

fn statement(pattern: Pattern) -> Statement {
    Statement {
        approval: "agent".to_owned(),
        container: None,
        pattern,
    }
}

fn to(to: DestinationMatch) -> Pattern {
    Pattern::Destination(DestinationPattern {
        to,
        port: None,
        protocol: None,
        executable: None,
    })
}

fn name(name: &str) -> DestinationMatch {
    DestinationMatch::Name([name.to_owned()].into())
}

fn approving(pattern: Pattern) -> World {
    let mut world = World::mature();
    world.policy.approvals.approve.push(statement(pattern));
    world
}

#[test]
fn what_is_approved_raises_nothing_and_teaches_nothing() {
    let mut world = approving(Pattern::Process(bash()));
    let before = world.baseline.clone();
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(100));
    assert_eq!((outcome.new_quarantined.len(), outcome.new_learned.len()), (0, 0));
    assert_eq!(
        world.baseline.entries().collect::<Vec<_>>(),
        before.entries().collect::<Vec<_>>()
    );
    // Without the approval it is as new as it was.
    world.policy.approvals = Approvals::default();
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(200));
    assert_eq!(outcome.new_quarantined.len(), 1);
}

#[test]
fn what_is_approved_while_a_baseline_learns_is_learned_as_without_the_approval() {
    let mut world = approving(Pattern::Process(bash()));
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(2));
    assert_eq!(outcome.new_learned.len(), 1);
}

#[test]
fn what_is_denied_raises_at_once_even_while_a_baseline_learns() {
    let mut world = World::mature();
    world.policy.approvals.deny.push(statement(Pattern::Process(bash())));
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(2));
    let raised: Vec<_> = outcome.new_quarantined.iter().map(|raised| raised.rule).collect();
    assert_eq!(raised, [Rule::DeniedBehaviour]);
}

#[test]
fn a_denial_goes_before_an_approval() {
    let mut world = approving(Pattern::Process(bash()));
    world.policy.approvals.deny.push(statement(Pattern::Process(bash())));
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(100));
    assert_eq!(outcome.new_quarantined.len(), 1);
    // And so does the policy's own.
    let mut world = approving(Pattern::Process(bash()));
    world.policy.process.deny.insert("/usr/bin/bash".to_owned());
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(100));
    assert_eq!(outcome.new_quarantined.len(), 1);
}

#[test]
fn a_denial_that_is_taken_away_leaves_what_was_learned_as_it_was() {
    let mut world = World::mature();
    let date = process("/usr/bin/python3", "/usr/bin/date");
    let pattern = ProcessPattern {
        executable: "/usr/bin/date".to_owned(),
        ..ProcessPattern::default()
    };
    world.policy.approvals.deny.push(statement(Pattern::Process(pattern)));
    world.shows_at("p1", "h1", '1', &date, at(100));
    let state = |world: &World| world.baseline.entry(&container(), date.id()).map(|entry| entry.state);
    let rule = Rule::DeniedBehaviour;
    assert_eq!(state(&world), Some(EntryState::Quarantined { rule }));
    // As long as it is denied, time changes nothing.
    assert_eq!(
        crate::baseline::age(&mut world.baseline, &world.policy, at(101)).restored,
        0
    );
    world.policy.approvals = Approvals::default();
    let outcome = crate::baseline::age(&mut world.baseline, &world.policy, at(102));
    assert_eq!((outcome.restored, outcome.changed), (1, true));
    assert_eq!(state(&world), Some(EntryState::Learned));
    invariants::baseline(&world.baseline, &world.policy).expect("the invariants of a baseline");
    assert_eq!(world.shows_at("p1", "h1", '1', &date, at(200)).new_quarantined.len(), 0);
}

#[test]
fn a_frozen_baseline_learns_nothing_forgets_nothing_and_raises_what_it_does_not_know() {
    let mut world = World::mature();
    world.policy.maturity.minimum = crate::time::Duration::from_hours(2);
    // Long after the container's start, which is known for as long as the container runs.
    let env = process("/usr/bin/python3", "/usr/bin/env");
    world.shows_at("p1", "h1", '1', &env, at(3_600));
    world.policy.approvals.frozen = Some("agent".to_owned());
    // It would still learn.
    let outcome = world.shows_at("p1", "h1", '1', &shell(), at(3_700));
    assert_eq!((outcome.new_learned.len(), outcome.new_quarantined.len()), (0, 1));
    let known = world.baseline.learned();
    let date = process("/usr/bin/python3", "/usr/bin/date");
    // It rested, and has had a day since then to show what it still does.
    world.shows_at("p1", "h1", '1', &date, at(59 * 86_400));
    world.shows_at("p1", "h1", '1', &date, at(60 * 86_400));
    let outcome = crate::baseline::age(&mut world.baseline, &world.policy, at(60 * 86_400));
    assert_eq!((outcome.expired, world.baseline.learned()), (0, known));
    // What comes with the image is approved, and not kept either.
    let of_image = library("/usr/lib/x.so", 'a', SourceLayer::Image);
    let outcome = world.shows_at("p1", "h1", '1', &of_image, at(60 * 86_400));
    assert_eq!((outcome.new_learned.len(), outcome.new_quarantined.len()), (0, 0));
    // Thawed, time goes on.
    world.policy.approvals.frozen = None;
    let outcome = crate::baseline::age(&mut world.baseline, &world.policy, at(60 * 86_400));
    assert_eq!(outcome.expired, 1);
}

#[test]
fn an_approved_program_is_the_images_own_and_no_visitor_script_or_shell_on_a_socket() {
    let approves = |change: &dyn Fn(&mut ProcessParts)| {
        let mut seen = parts("/usr/bin/python3", "/usr/bin/bash");
        change(&mut seen);
        Pattern::Process(bash()).approves(&behaviour(seen))
    };
    assert!(approves(&|_| {}));
    assert!(approves(&|seen| seen.source = SourceLayer::Volume));
    assert!(approves(&|seen| seen.parent = "/usr/bin/env".to_owned()));
    for source in [
        SourceLayer::ImageChanged,
        SourceLayer::UpperNew,
        SourceLayer::Memory,
        SourceLayer::Deleted,
    ] {
        assert!(!approves(&|seen| seen.source = source), "{source:?}");
    }
    assert!(!approves(&|seen| seen.origin = Origin::Exec));
    assert!(!approves(&|seen| seen.script = Some("/data/x.sh".to_owned())));
    assert!(!approves(&|seen| seen.applet = Some("nc".to_owned())));
    assert!(!approves(&|seen| seen.stdin_socket = true));
    assert!(!approves(&|seen| seen.stdout_socket = true));
    assert!(!approves(&|seen| seen.gained = vec!["NET_RAW".to_owned()].into()));
    assert!(!approves(&|seen| seen.executable = "/usr/bin/bash2".to_owned()));
}

#[test]
fn what_is_unusual_is_approved_where_it_is_named() {
    let dropped = ProcessPattern {
        source: Some(SourceLayer::UpperNew),
        socket: true,
        gained: vec!["NET_RAW".to_owned()].into(),
        ..bash()
    };
    let seen = ProcessParts {
        source: SourceLayer::UpperNew,
        stdin_socket: true,
        gained: vec!["NET_RAW".to_owned()].into(),
        ..parts("/usr/bin/python3", "/usr/bin/bash")
    };
    assert!(Pattern::Process(dropped.clone()).approves(&behaviour(seen.clone())));
    let of_image = ProcessParts {
        source: SourceLayer::Image,
        ..seen
    };
    assert!(!Pattern::Process(dropped).approves(&behaviour(of_image)));
}

#[test]
fn an_approved_program_approves_no_unusual_command_of_it_and_a_named_command_approves_that_alone() {
    let ran = |command: &str| {
        behaviour(ProcessParts {
            command: Some(command.to_owned()),
            ..parts("/usr/bin/python3", "/usr/bin/bash")
        })
    };
    assert!(!Pattern::Process(bash()).approves(&ran("bash -c x")));
    assert!(Pattern::Process(bash()).denies(&ran("bash -c x")));
    let named = ProcessPattern {
        command: Some("bash -c x".to_owned()),
        ..bash()
    };
    let named = Pattern::Process(named);
    assert!(named.approves(&ran("bash -c x")) && !named.approves(&ran("bash -c y")) && !named.approves(&shell()));
    assert!(named.denies(&ran("bash -c x")) && !named.denies(&ran("bash -c y")) && !named.denies(&shell()));
}

#[test]
fn a_denied_program_is_denied_wherever_it_comes_from() {
    let denies = |change: &dyn Fn(&mut ProcessParts)| {
        let mut seen = parts("/usr/bin/python3", "/usr/bin/bash");
        change(&mut seen);
        Pattern::Process(bash()).denies(&behaviour(seen))
    };
    assert!(denies(&|_| {}));
    assert!(denies(&|seen| seen.source = SourceLayer::UpperNew));
    assert!(denies(&|seen| seen.origin = Origin::Exec));
    assert!(denies(&|seen| seen.stdin_socket = true));
    assert!(denies(&|seen| {
        seen.script = Some("/usr/bin/bash".to_owned());
        seen.executable = "/usr/bin/env".to_owned();
    }));
    assert!(!denies(&|seen| seen.executable = "/usr/bin/bash2".to_owned()));
    let by_nobody_else = ProcessPattern {
        parent: Some("/usr/bin/ssh".to_owned()),
        ..bash()
    };
    assert!(!Pattern::Process(by_nobody_else).denies(&shell()));
}

#[test]
fn a_name_is_approved_with_what_lies_below_it_only_where_that_is_said() {
    let pattern = to(name("api.example.org"));
    assert!(pattern.approves(&flow_to("api.example.org")));
    assert!(!pattern.approves(&flow_to("x.api.example.org")));
    let below = to(name("*.example.org"));
    assert!(below.approves(&flow_to("x.api.example.org")));
    assert!(!below.approves(&flow_to("example.org")) && !below.approves(&flow_to("badexample.org")));
}

#[test]
fn an_approved_name_approves_neither_a_network_that_it_never_led_to_nor_a_great_volume_and_a_denied_one_denies_both() {
    let network = "203.0.0.0/16".parse().expect("a network");
    let elsewhere = flow(Destination::NameIn {
        name: "api.example.org".to_owned(),
        network,
    });
    let volume = flow(Destination::Volume {
        to: Box::new(Destination::Name("api.example.org".to_owned())),
        log2: 30,
    });
    let pattern = to(name("api.example.org"));
    for derived in [&elsewhere, &volume] {
        assert!(!pattern.approves(derived) && pattern.denies(derived), "{derived:?}");
    }
    let there = DestinationMatch::NameIn {
        name: ["api.example.org".to_owned()].into(),
        network: "203.0.0.0/8".parse().expect("a prefix"),
    };
    assert!(to(there).approves(&elsewhere));
}

#[test]
fn port_protocol_and_executable_narrow_a_destination() {
    let seen = flow_to("api.example.org");
    let narrowed = |port, protocol, executable: Option<&str>| {
        Pattern::Destination(DestinationPattern {
            to: name("api.example.org"),
            port,
            protocol,
            executable: executable.map(str::to_owned),
        })
    };
    assert!(narrowed(Some(443), Some(Protocol::Tcp), Some("/usr/bin/python3")).approves(&seen));
    assert!(!narrowed(Some(80), None, None).approves(&seen));
    assert!(!narrowed(None, Some(Protocol::Udp), None).approves(&seen));
    assert!(!narrowed(None, None, Some("/usr/bin/curl")).approves(&seen));
}

#[test]
fn a_denied_network_denies_what_a_name_led_into() {
    let mut world = World::mature();
    world.policy.approvals.deny.push(statement(to(DestinationMatch::Network(
        "203.0.113.0/24".parse().expect("a prefix"),
    ))));
    let reached = crate::behaviour::Attributes {
        addresses: ["203.0.113.7".parse().expect("an address")].into(),
        ..crate::behaviour::Attributes::default()
    };
    let outcome = world.sees(&flow_to("harmless.example.org"), reached, at(2));
    let raised: Vec<_> = outcome.new_quarantined.iter().map(|raised| raised.rule).collect();
    assert_eq!(raised, [Rule::DeniedBehaviour]);
}

#[test]
fn a_listener_is_told_by_its_port() {
    let listens = |port| {
        Behaviour::Network(
            NetworkParts {
                origin: Origin::Entrypoint,
                executable: "/usr/bin/python3".to_owned(),
                direction: Direction::Listen,
                protocol: Protocol::Tcp,
                port,
                destination: Destination::Local,
            }
            .into(),
        )
    };
    let pattern = Pattern::Listener(ListenerPattern {
        port: 8_080,
        ..ListenerPattern::default()
    });
    assert!(pattern.approves(&listens(8_080)) && !pattern.approves(&listens(8_081)));
    assert!(!pattern.approves(&flow_to("api.example.org")));
}

#[test]
fn a_module_is_approved_by_its_hash_alone_and_denied_by_its_path_too() {
    let seen = library("/data/x.so", 'a', SourceLayer::Volume);
    let module = |path: Option<&str>, sha256: Option<char>| {
        Pattern::Module(ModulePattern {
            kind: ModuleKind::Library,
            path: path.map(str::to_owned),
            sha256: sha256.map(|digit| digit.to_string().repeat(64)),
        })
    };
    assert!(!module(Some("/data/x.so"), None).approves(&seen));
    assert!(module(Some("/data/x.so"), None).denies(&seen));
    assert!(module(None, Some('a')).approves(&seen));
    assert!(!module(None, Some('b')).approves(&seen));
    assert!(!module(None, None).denies(&seen));
    let kernel = Behaviour::Module(
        ModuleParts {
            kind: ModuleKind::KernelModule,
            path: "/data/x.so".to_owned(),
            ..ModuleParts::default()
        }
        .into(),
    );
    assert!(!module(Some("/data/x.so"), None).denies(&kernel));
}

#[test]
fn what_is_said_of_one_container_says_nothing_of_another() {
    let approvals = Approvals {
        deny: vec![Statement {
            container: Some("sidecar".into()),
            ..statement(Pattern::Process(bash()))
        }],
        ..Approvals::default()
    };
    assert_eq!(approvals.standing(&container(), &shell()), Standing::Unsaid);
    assert_eq!(
        approvals.standing(&"sidecar".into(), &shell()),
        Standing::Denied("agent")
    );
}

#[test]
fn the_pattern_of_a_behaviour_denies_it_and_not_its_neighbours() {
    let hashed = library("/data/x.so", 'a', SourceLayer::Volume);
    for seen in [shell(), flow_to("api.example.org"), hashed] {
        let pattern = Pattern::of(&seen).expect("a pattern");
        assert!(pattern.denies(&seen), "{seen:?}");
        let others = [
            process("/usr/bin/env", "/usr/bin/bash"),
            flow_to("www.example.org"),
            library("/data/x.so", 'b', SourceLayer::Volume),
        ];
        assert!(others.iter().all(|other| !pattern.denies(other)), "{seen:?}");
    }
    let copied = behaviour(ProcessParts {
        source: SourceLayer::UpperNew,
        ..parts("/usr/bin/python3", "/usr/bin/bash")
    });
    assert!(Pattern::of(&shell()).is_some_and(|pattern| pattern.denies(&copied)));
}

#[test]
fn the_pattern_that_approves_a_behaviour_approves_it_and_not_its_neighbours() {
    let dropped = behaviour(ProcessParts {
        source: SourceLayer::UpperNew,
        ..parts("/usr/bin/python3", "/tmp/x")
    });
    let from_outside = behaviour(ProcessParts {
        origin: Origin::Exec,
        ..parts("", "/usr/bin/bash")
    });
    let applet = behaviour(ProcessParts {
        applet: Some("nc".to_owned()),
        ..parts("/usr/bin/python3", "/bin/busybox")
    });
    let all = [
        shell(),
        dropped,
        from_outside,
        applet,
        process("", "/usr/bin/python3"),
        process("/usr/bin/env", "/usr/bin/bash"),
        flow_to("api.example.org"),
        flow_to("www.example.org"),
        library("/data/x.so", 'a', SourceLayer::Volume),
        library("/data/x.so", 'b', SourceLayer::Volume),
    ];
    for seen in &all {
        let pattern = Pattern::approving(seen).expect("a pattern");
        let approved: Vec<_> = all.iter().filter(|other| pattern.approves(other)).collect();
        assert_eq!(approved, [seen]);
    }
}

#[test]
fn what_no_approval_can_name_has_no_pattern() {
    let to = Box::new(Destination::Name("api.example.org".to_owned()));
    let unhashed = Behaviour::Module(
        ModuleParts {
            path: "/data/x.so".to_owned(),
            ..ModuleParts::default()
        }
        .into(),
    );
    for seen in [
        flow(Destination::Volume { to, log2: 30 }),
        flow(Destination::Local),
        unhashed,
    ] {
        assert_eq!(Pattern::approving(&seen), None, "{seen:?}");
    }
}
