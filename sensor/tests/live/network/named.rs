//! A known flow under a new name is news, from the very first connection after the answer on: user space does nothing
//! meanwhile.

use super::net::{FAR, Far, V6_FAR, address, inside};
use super::talk::{FOUND, Talk, query, reply, with_resolver};
use crate::fixture::Live;
use crate::scene::in_container;
use anchorwatch_sensor::decode::{FlowKind, RawEvent};
use simple_dns::rdata::{A, AAAA, CNAME, RData};
use simple_dns::{CLASS, Name, Packet, ResourceRecord};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

const SHOP: &str = "shop.example";
const BANK: &str = "bank.example";
const ALIASED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 99);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 7);

/// Begins to connect to a target.
fn connect(target: SocketAddr) {
    // Nobody is there; it is told when it begins.
    drop(TcpStream::connect_timeout(&target, Duration::from_millis(1)));
}

fn found() -> SocketAddr {
    SocketAddr::new(IpAddr::from(FOUND), 443)
}

/// The questions by which a target was known when this process connected to it, as far as it was told.
fn questions(live: &mut Live, target: SocketAddr) -> Vec<Option<u64>> {
    let flows = live.flows().into_iter();
    flows
        .filter(|flow| flow.kind == FlowKind::Connect && flow.address == target)
        .map(|flow| flow.question)
        .collect()
}

fn record(name: &'static str, data: RData<'static>) -> ResourceRecord<'static> {
    ResourceRecord::new(Name::new(name).unwrap(), CLASS::IN, 60, data)
}

/// A reply to a question for an address of the name, with these records.
fn reply_with(id: u16, name: &str, records: Vec<ResourceRecord<'static>>) -> Vec<u8> {
    let whole = reply(id, name, 0);
    let mut packet = Packet::parse(&whole).unwrap();
    packet.answers = records;
    packet.build_bytes_vec_compressed().unwrap()
}

#[test]
fn a_known_flow_shows_at_its_first_connection_under_each_name_and_no_more() {
    let resolver = address(FAR, 53);
    let name = "a_known_flow_shows_at_its_first_connection_under_each_name_and_no_more";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        connect(found());
        connect(found());
        for (id, name) in [(1, SHOP), (2, BANK), (3, "Shop.EXAMPLE"), (4, BANK)] {
            talk.ask(&query(id, name));
            talk.answer(&reply(id, name, 1));
            connect(found());
            connect(found());
        }
    });
    let told = questions(&mut live, found());
    assert!(
        matches!(told[..], [None, Some(shop), Some(bank)] if shop != bank),
        "{told:?}"
    );
}

#[test]
fn every_address_of_an_answer_has_its_name_and_aliases_lead_to_it() {
    let resolver = address(FAR, 53);
    let name = "every_address_of_an_answer_has_its_name_and_aliases_lead_to_it";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    let last = SocketAddr::new([198, 51, 100, 7 + 69].into(), 443);
    let aliased = SocketAddr::new(ALIASED.into(), 443);
    let v6 = SocketAddr::new(V6.into(), 443);
    let alias = "a-long-alias-of-several-labels.edge.cdn.example";
    let all = [found(), last, aliased, v6];
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        all.into_iter().for_each(connect);
        // The most that fit into a message that is looked at.
        talk.ask(&query(1, SHOP));
        let many = reply(1, SHOP, 70);
        assert!(many.len() <= 1232 && many.len() > 1100, "{}", many.len());
        talk.answer(&many);
        talk.ask(&query(2, SHOP));
        let records = [
            record(SHOP, RData::CNAME(CNAME(Name::new(alias).unwrap()))),
            record(alias, RData::A(A::from(ALIASED))),
        ];
        talk.answer(&reply_with(2, SHOP, records.into()));
        talk.ask(&query(3, BANK));
        talk.answer(&reply_with(3, BANK, vec![record(BANK, RData::AAAA(AAAA::from(V6)))]));
        all.into_iter().for_each(connect);
    });
    let flows = live.flows();
    let told = all.map(|target| {
        let flows = flows.iter().filter(|flow| flow.address == target);
        flows.map(|flow| flow.question).collect::<Vec<_>>()
    });
    let [_, shop] = told[0][..] else { panic!("{told:?}") };
    assert!(shop.is_some());
    assert_eq!((&told[1], &told[2]), (&vec![None, shop], &vec![None, shop]));
    assert!(matches!(told[3][..], [None, Some(_)]), "{told:?}");
}

#[test]
fn resolvers_over_ipv6_name_addresses_too() {
    let resolver = address(V6_FAR, 53);
    let Some(mut live) = with_resolver("resolvers_over_ipv6_name_addresses_too", resolver) else {
        return;
    };
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        talk.ask(&query(1, SHOP));
        talk.answer(&reply(1, SHOP, 1));
        connect(found());
    });
    let told = questions(&mut live, found());
    assert!(matches!(told[..], [Some(_)]), "{told:?}");
}

#[test]
fn an_answer_that_does_not_count_names_nothing() {
    let resolver = address(FAR, 53);
    let Some(mut live) = with_resolver("an_answer_that_does_not_count_names_nothing", resolver) else {
        return;
    };
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        connect(found());
        // To nothing, and to another question.
        talk.answer(&reply(1, SHOP, 1));
        talk.ask(&query(2, SHOP));
        talk.answer(&reply(3, SHOP, 1));
        talk.answer(&reply(2, BANK, 1));
        connect(found());
    });
    assert_eq!(questions(&mut live, found()), [None]);
}

#[test]
fn counts_and_lengths_that_lie_name_what_is_there() {
    let resolver = address(FAR, 53);
    let Some(mut live) = with_resolver("counts_and_lengths_that_lie_name_what_is_there", resolver) else {
        return;
    };
    let mut endless = reply(1, SHOP, 1);
    endless[6..8].copy_from_slice(&u16::MAX.to_be_bytes());
    let mut long = reply(2, BANK, 1);
    let at = long.len() - 6;
    long[at..at + 2].copy_from_slice(&u16::MAX.to_be_bytes());
    inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        for (id, name, message) in [(1, SHOP, &endless), (2, BANK, &long)] {
            talk.ask(&query(id, name));
            talk.answer(message);
            connect(found());
        }
    });
    let told = questions(&mut live, found());
    assert!(matches!(told[..], [Some(_)]), "{told:?}");
}

#[test]
fn what_one_container_looked_up_names_nothing_in_another() {
    let resolver = address(FAR, 53);
    let name = "what_one_container_looked_up_names_nothing_in_another";
    let Some(mut live) = with_resolver(name, resolver) else {
        return;
    };
    let other = live.scene.cgroup("other");
    let mut command = Command::new(live.scene.payload());
    in_container(&mut command, &other);
    // SAFETY: system calls on a socket between fork and exec.
    unsafe {
        command.pre_exec(|| {
            connect(found());
            Ok(())
        });
    }
    let status = inside(|| {
        let talk = Talk::new(&Far::new(), resolver);
        talk.ask(&query(1, SHOP));
        talk.answer(&reply(1, SHOP, 1));
        connect(found());
        command.status()
    });
    assert!(status.unwrap().success());
    let own = live.own_cgroup();
    let flows = live.events().into_iter().filter_map(|event| match event {
        RawEvent::Flow(flow) if flow.address == found() => Some(flow),
        _ => None,
    });
    let told: Vec<_> = flows
        .map(|flow| (flow.cgroup_id == own, flow.question.is_some()))
        .collect();
    assert_eq!(told, [(true, true), (false, false)]);
}
