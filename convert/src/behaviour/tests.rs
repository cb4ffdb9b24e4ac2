//! Behaviours of every feed, there and back.

use anchorwatch_core::behaviour::{
    Burst, CapabilitySet, Destination, Direction, ModuleKind, ModuleParts, NetworkParts, ProcessParts, Protocol,
};
use anchorwatch_core::time::Hour;
use proptest::{collection::btree_set, option, prelude::*};

use super::*;

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![
        Just(Origin::Entrypoint),
        Just(Origin::Probe),
        Just(Origin::Exec),
        Just(Origin::Unknown),
    ]
}

fn source() -> impl Strategy<Value = SourceLayer> {
    prop_oneof![
        Just(SourceLayer::Image),
        Just(SourceLayer::ImageCopiedUp),
        Just(SourceLayer::ImageChanged),
        Just(SourceLayer::UpperNew),
        Just(SourceLayer::UpperUnknown),
        Just(SourceLayer::Volume),
        Just(SourceLayer::Memory),
        Just(SourceLayer::Deleted),
        Just(SourceLayer::Unsupported),
    ]
}

fn destination() -> impl Strategy<Value = Destination> {
    let network = (any::<[u8; 4]>(), 0_u8..=32)
        .prop_map(|(address, bits)| format!("{}/{bits}", std::net::Ipv4Addr::from(address)));
    let network = network.prop_filter_map("no range", |text| text.parse().ok());
    let plain = prop_oneof![
        "[a-z]{1,4}/[a-z]{1,4}".prop_map(Destination::Service),
        "[a-z]{1,4}/[A-Z]{1,4}/[a-z]{1,4}"
            .prop_filter_map("no workload", |text| text.parse().ok().map(Destination::Workload)),
        "[a-z.]{1,9}".prop_map(Destination::Name),
        "[a-z]{1,9}".prop_map(Destination::Group),
        (network, option::of("[a-z.]{1,9}")).prop_map(|(network, name)| match name {
            None => Destination::Prefix(network),
            Some(name) => Destination::NameIn { name, network },
        }),
    ];
    let many = (any::<i64>(), any::<u32>(), any::<u32>()).prop_map(|(hour, count, usual_thousandths)| {
        Destination::Many(Burst {
            hour: Hour(hour),
            count,
            usual_thousandths,
        })
    });
    let volume = (plain.clone(), 0_u8..64).prop_map(|(to, log2)| Destination::Volume { to: Box::new(to), log2 });
    prop_oneof![4 => plain, 1 => many, 1 => volume]
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    let process = (
        origin(),
        source(),
        ".{0,9}",
        ".{0,9}",
        option::of(".{1,9}"),
        any::<(bool, bool, u64)>(),
    )
        .prop_map(|(origin, source, parent, executable, script, facts)| {
            let parts = ProcessParts {
                origin,
                parent,
                executable,
                source,
                applet: script.clone(),
                command: script.clone(),
                script,
                stdin_socket: facts.0,
                stdout_socket: facts.1,
                gained: CapabilitySet::from_bits(facts.2),
            };
            Behaviour::Process(parts.into())
        });
    let directions = prop_oneof![Just(Direction::Connect), Just(Direction::Send), Just(Direction::Listen)];
    let protocols = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)];
    let network = (origin(), ".{0,9}", directions, protocols, any::<u16>(), destination()).prop_map(
        |(origin, executable, direction, protocol, port, destination)| {
            let parts = NetworkParts {
                origin,
                executable,
                direction,
                protocol,
                port,
                destination,
            };
            Behaviour::Network(parts.into())
        },
    );
    let kinds = prop_oneof![Just(ModuleKind::Library), Just(ModuleKind::KernelModule)];
    let module = (
        origin(),
        source(),
        kinds,
        ".{0,9}",
        option::of("[0-9a-f]{64}"),
        ".{0,9}",
    )
        .prop_map(|(origin, source, kind, path, sha256, executable)| {
            let parts = ModuleParts {
                origin,
                kind,
                path,
                sha256,
                source,
                executable,
            };
            Behaviour::Module(parts.into())
        });
    prop_oneof![process, network, module]
}

proptest! {
    #[test]
    fn a_behaviour_comes_back_from_its_object_as_it_went_in(behaviour in behaviour()) {
        let object = behaviour_to_crd(&behaviour);
        let set = [object.process.is_some(), object.network.is_some(), object.module.is_some()];
        prop_assert_eq!(set.into_iter().filter(|set| *set).count(), 1);
        prop_assert_eq!(behaviour_from_crd(object), Some(behaviour));
    }

    #[test]
    fn attributes_come_back_from_their_object_as_they_went_in(
        addresses in btree_set(any::<std::net::IpAddr>(), 0..20),
        bytes_sent in 0..=i64::MAX as u64,
        commands in btree_set(".{0,9}", 0..10),
        build_id in option::of("[0-9a-f]{2,9}"),
        uids in btree_set(any::<u32>(), 0..10),
        effective_uids in btree_set(any::<u32>(), 0..10),
        (setuid, terminal, gained) in any::<(bool, bool, u64)>(),
    ) {
        let gained = CapabilitySet::from_bits(gained);
        let attributes = Attributes {
            addresses, bytes_sent, commands, build_id, uids, effective_uids, setuid, gained, terminal,
        };
        let attributes = attributes.bounded();
        prop_assert_eq!(attributes_from_crd(attributes_to_crd(&attributes)), attributes);
    }
}

#[test]
fn what_names_no_feed_or_no_destination_is_no_behaviour() {
    assert_eq!(behaviour_from_crd(Behavior::default()), None);
    for (field, text) in [("network", "not a network"), ("workload", "nobody")] {
        let destination = match field {
            "network" => crd::NetworkDestination {
                network: Some(text.to_owned()),
                ..crd::NetworkDestination::default()
            },
            _ => crd::NetworkDestination {
                workload: Some(text.to_owned()),
                ..crd::NetworkDestination::default()
            },
        };
        let network = crd::NetworkBehavior {
            destination: Some(destination),
            ..crd::NetworkBehavior::default()
        };
        assert_eq!(behaviour_from_crd(network.into()), None, "{field}");
    }
}

#[test]
fn attributes_that_make_no_sense_are_left_out() {
    let object = BehaviorAttributes {
        addresses: vec!["192.0.2.1".into(), "nowhere".into()],
        bytes_sent: -4,
        uids: vec![-1, 7],
        ..BehaviorAttributes::default()
    };
    let expected = Attributes {
        addresses: ["192.0.2.1".parse().expect("an address")].into(),
        uids: [7].into(),
        ..Attributes::default()
    };
    assert_eq!(attributes_from_crd(object), expected);
}
