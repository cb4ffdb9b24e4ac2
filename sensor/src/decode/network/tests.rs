use super::*;
use crate::decode::{RawEvent, decode};
use anchorwatch_sensor_common::event::{Header, KIND_DNS, KIND_FLOW};
use anchorwatch_sensor_common::lineage::ORIGIN_OUTSIDE;
use proptest::prelude::*;

struct Record(Vec<u8>);

impl Record {
    fn new(kind: u32, fixed: usize, tail: &[u8]) -> Self {
        let mut record = Self([&vec![0; fixed], tail].concat());
        let size = u32::try_from(record.0.len()).unwrap();
        record.put(offset_of!(Header, kind), &kind.to_ne_bytes());
        record.put(offset_of!(Header, size), &size.to_ne_bytes());
        record
    }

    fn put(&mut self, offset: usize, value: &[u8]) {
        self.0[offset..offset + value.len()].copy_from_slice(value);
    }

    fn address(&mut self, offset: usize, address: IpAddr) {
        let words = kernel_address(address).map(u32::to_ne_bytes);
        self.put(offset, words.as_flattened());
    }
}

/// Lays a record out as the programs do.
fn flow_bytes(flow: &Flow) -> Vec<u8> {
    let mut record = Record::new(KIND_FLOW, size_of::<FlowRecord>(), &[]);
    let (direction, flag, bytes) = match flow.kind {
        FlowKind::Connect => (FLOW_CONNECT, 0, 0),
        FlowKind::Send => (FLOW_SEND, 0, 0),
        FlowKind::Listen { port_chosen } => (FLOW_LISTEN, u32::from(port_chosen) * FLOW_PORT_CHOSEN, 0),
        FlowKind::Close { bytes_sent } => (FLOW_CLOSE, 0, bytes_sent),
    };
    let protocol = match flow.protocol {
        FlowProtocol::Tcp => PROTOCOL_TCP,
        FlowProtocol::Udp => PROTOCOL_UDP,
    };
    let backend = if flow.backend.is_some() { FLOW_BACKEND } else { 0 };
    record.put(offset_of!(Header, time_ns), &flow.time_ns.to_ne_bytes());
    let key = flow.key.map_or(0, |key| key.hash);
    record.put(offset_of!(FlowRecord, container), &flow.container.to_ne_bytes());
    record.put(offset_of!(FlowRecord, key), &key.to_ne_bytes());
    record.put(offset_of!(FlowRecord, repeats), &flow.repeats.to_ne_bytes());
    record.put(offset_of!(FlowRecord, cgroup_id), &flow.cgroup_id.to_ne_bytes());
    record.put(
        offset_of!(FlowRecord, exec_id),
        &flow.exec_id.unwrap_or(0).to_ne_bytes(),
    );
    for (index, id) in flow.ancestors.iter().enumerate() {
        record.put(offset_of!(FlowRecord, ancestors) + 8 * index, &id.to_ne_bytes());
    }
    record.put(offset_of!(FlowRecord, bytes_sent), &bytes.to_ne_bytes());
    record.address(offset_of!(FlowRecord, address), flow.address.ip());
    record.put(offset_of!(FlowRecord, port), &flow.address.port().to_ne_bytes());
    if let Some(backend) = flow.backend {
        record.address(offset_of!(FlowRecord, backend), backend.ip());
        record.put(offset_of!(FlowRecord, backend_port), &backend.port().to_ne_bytes());
    }
    record.put(offset_of!(FlowRecord, pid), &flow.pid.to_ne_bytes());
    record.put(offset_of!(FlowRecord, origin), &ORIGIN_OUTSIDE.to_ne_bytes());
    let question = flow.question.unwrap_or_default();
    record.put(offset_of!(FlowRecord, question), &question.to_ne_bytes());
    record.put(offset_of!(FlowRecord, direction), &direction.to_ne_bytes());
    record.put(offset_of!(FlowRecord, protocol), &protocol.to_ne_bytes());
    record.put(offset_of!(FlowRecord, flags), &(flag | backend).to_ne_bytes());
    record.0
}

fn dns_bytes(dns: &Dns) -> Vec<u8> {
    let mut record = Record::new(KIND_DNS, size_of::<DnsRecord>(), &dns.message);
    record.put(offset_of!(Header, time_ns), &dns.time_ns.to_ne_bytes());
    record.put(offset_of!(DnsRecord, cgroup_id), &dns.cgroup_id.to_ne_bytes());
    record.address(offset_of!(DnsRecord, resolver), dns.resolver.ip());
    record.put(offset_of!(DnsRecord, port), &dns.resolver.port().to_ne_bytes());
    record.put(offset_of!(DnsRecord, flags), &u32::from(dns.truncated).to_ne_bytes());
    let length = u32::try_from(dns.message.len()).unwrap();
    record.put(offset_of!(DnsRecord, payload_len), &length.to_ne_bytes());
    record.0
}

fn socket_addresses() -> impl Strategy<Value = SocketAddr> {
    any::<(IpAddr, u16)>().prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
}

fn kinds() -> impl Strategy<Value = FlowKind> {
    prop_oneof![
        Just(FlowKind::Connect),
        Just(FlowKind::Send),
        any::<bool>().prop_map(|port_chosen| FlowKind::Listen { port_chosen }),
        any::<u64>().prop_map(|bytes_sent| FlowKind::Close { bytes_sent }),
    ]
}

prop_compose! {
    fn flows()(
        (time_ns, pid, cgroup_id) in any::<(u64, u32, u64)>(),
        (container, key, repeats) in any::<(u64, u64, u64)>(),
        exec_id in prop::option::of(1..=u64::MAX),
        ancestors in prop::collection::vec(1..=u64::MAX, 0..=CARRIED_ANCESTORS),
        question in prop::option::of(1..=u64::MAX),
        kind in kinds(),
        protocol in prop_oneof![Just(FlowProtocol::Tcp), Just(FlowProtocol::Udp)],
        address in socket_addresses(),
        backend in prop::option::of(socket_addresses()),
    ) -> Flow {
        let origin = OriginMark::Outside;
        let key = FilterKey::new(FilterFeed::Network, key);
        Flow { time_ns, pid, cgroup_id, container, key, repeats, exec_id, ancestors, origin, question, kind, protocol, address, backend }
    }
}

proptest! {
    #[test]
    fn a_flow_is_read_as_it_was_written(flow in flows()) {
        prop_assert_eq!(decode(&flow_bytes(&flow)), Ok(RawEvent::Flow(flow)));
    }

    #[test]
    fn an_answer_is_read_as_it_was_written_without_what_lies_behind_it(
        (time_ns, cgroup_id, truncated) in any::<(u64, u64, bool)>(),
        resolver in socket_addresses(),
        message in prop::collection::vec(any::<u8>(), 0..300),
        behind in 0..100_usize,
    ) {
        let dns = Dns { time_ns, cgroup_id, resolver, message, truncated };
        let mut bytes = dns_bytes(&dns);
        bytes.resize(bytes.len() + behind, 0xee);
        prop_assert_eq!(decode(&bytes), Ok(RawEvent::Dns(dns)));
    }

    #[test]
    fn damaged_records_are_an_event_or_an_error(
        flow in flows(), at in 0..size_of::<FlowRecord>(), value: u8, cut in 0..size_of::<FlowRecord>()
    ) {
        let mut bytes = flow_bytes(&flow);
        bytes[at] = value;
        let _event = decode(&bytes);
        let short = decode(&bytes[..cut]);
        prop_assert!(short.is_err());
    }
}

#[test]
fn a_message_that_claims_to_be_longer_than_its_record_is_refused() {
    let dns = Dns {
        time_ns: 1,
        cgroup_id: 2,
        resolver: "192.0.2.53:53".parse().unwrap(),
        message: vec![1, 2, 3],
        truncated: false,
    };
    let mut bytes = dns_bytes(&dns);
    bytes[offset_of!(DnsRecord, payload_len)] = 4;
    assert!(matches!(decode(&bytes), Err(DecodeError::Length { .. })));
}

#[test]
fn values_that_no_program_writes_are_refused() {
    let flow = Flow {
        time_ns: 1,
        pid: 2,
        cgroup_id: 3,
        container: 3,
        key: None,
        repeats: 0,
        exec_id: None,
        ancestors: Vec::new(),
        origin: OriginMark::Outside,
        question: None,
        kind: FlowKind::Connect,
        protocol: FlowProtocol::Tcp,
        address: "192.0.2.1:80".parse().unwrap(),
        backend: None,
    };
    let error = |offset: usize| {
        let mut bytes = flow_bytes(&flow);
        bytes[offset] = 99;
        decode(&bytes).unwrap_err()
    };
    let value = |field| DecodeError::Value { field, value: 99 };
    assert_eq!(error(offset_of!(FlowRecord, direction)), value("direction"));
    assert_eq!(error(offset_of!(FlowRecord, protocol)), value("protocol"));
    assert_eq!(error(offset_of!(FlowRecord, origin)), value("origin"));
}
