//! Behaviours of the network feed.

use anchorwatch_core::{
    behaviour::{Burst, Destination, Direction, NetworkBehaviour, NetworkParts, Protocol},
    time::Hour,
};
use anchorwatch_crds::v1alpha1::{self as crd, DestinationBurst, NetworkBehavior, NetworkDestination};

use super::{origin_from_crd, origin_to_crd, same_variants};
use crate::number::unsigned;

/// None where the destination can't be read: what is not understood must not pass for something that is.
pub(super) fn from_crd(network: NetworkBehavior) -> Option<NetworkBehaviour> {
    let NetworkBehavior {
        origin,
        executable,
        direction,
        protocol,
        port,
        destination,
    } = network;
    let direction = direction_from_crd(direction);
    let destination = match (direction, destination) {
        (Direction::Listen, _) | (_, None) => Destination::Local,
        (Direction::Connect | Direction::Send, Some(destination)) => destination_from_crd(destination)?,
    };
    Some(NetworkBehaviour::from(NetworkParts {
        origin: origin_from_crd(origin),
        executable,
        direction,
        protocol: protocol_from_crd(protocol),
        port: unsigned(port),
        destination,
    }))
}

pub(super) fn to_crd(network: &NetworkBehaviour) -> NetworkBehavior {
    NetworkBehavior {
        origin: origin_to_crd(network.origin()),
        executable: network.executable().to_owned(),
        direction: direction_to_crd(network.direction()),
        protocol: protocol_to_crd(network.protocol()),
        port: network.port().into(),
        destination: destination_to_crd(network.destination()),
    }
}

fn destination_from_crd(destination: NetworkDestination) -> Option<Destination> {
    let NetworkDestination {
        service,
        workload,
        name,
        network,
        group,
        volume,
        many,
    } = destination;
    if let Some(many) = many {
        return Some(Destination::Many(Burst {
            hour: Hour(many.hour),
            count: unsigned(many.count),
            usual_thousandths: unsigned(many.usual_thousandths),
        }));
    }
    let plain = match (service, workload, name, network, group) {
        (Some(service), ..) => Destination::Service(service),
        (None, Some(workload), ..) => Destination::Workload(workload.parse().ok()?),
        (None, None, Some(name), Some(network), _) => Destination::NameIn {
            name,
            network: network.parse().ok()?,
        },
        (None, None, Some(name), None, _) => Destination::Name(name),
        (None, None, None, Some(network), _) => Destination::Prefix(network.parse().ok()?),
        (None, None, None, None, Some(group)) => Destination::Group(group),
        (None, None, None, None, None) => Destination::Local,
    };
    Some(match volume {
        None => plain,
        Some(log2) => Destination::Volume {
            to: Box::new(plain),
            log2: unsigned(log2),
        },
    })
}

fn destination_to_crd(destination: &Destination) -> Option<NetworkDestination> {
    let nothing = NetworkDestination::default;
    match destination {
        Destination::Service(service) => Some(NetworkDestination {
            service: Some(service.clone()),
            ..nothing()
        }),
        Destination::Workload(workload) => Some(NetworkDestination {
            workload: Some(workload.to_string()),
            ..nothing()
        }),
        Destination::Name(name) => Some(NetworkDestination {
            name: Some(name.clone()),
            ..nothing()
        }),
        Destination::Prefix(network) => Some(NetworkDestination {
            network: Some(network.to_string()),
            ..nothing()
        }),
        Destination::Group(group) => Some(NetworkDestination {
            group: Some(group.clone()),
            ..nothing()
        }),
        Destination::NameIn { name, network } => Some(NetworkDestination {
            name: Some(name.clone()),
            network: Some(network.to_string()),
            ..nothing()
        }),
        Destination::Volume { to, log2 } => Some(NetworkDestination {
            volume: Some((*log2).into()),
            ..destination_to_crd(to).unwrap_or_default()
        }),
        Destination::Many(burst) => Some(NetworkDestination {
            many: Some(DestinationBurst {
                hour: burst.hour.0,
                count: burst.count.into(),
                usual_thousandths: burst.usual_thousandths.into(),
            }),
            ..nothing()
        }),
        Destination::Local => None,
    }
}

same_variants!(
    direction_from_crd,
    direction_to_crd,
    Direction,
    crd::Direction,
    [Connect, Send, Listen]
);
same_variants!(pub(crate) protocol_from_crd, protocol_to_crd, Protocol, crd::Protocol, [Tcp, Udp]);
