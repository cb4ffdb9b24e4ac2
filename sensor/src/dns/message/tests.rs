use super::*;
use proptest::prelude::*;
use simple_dns::rdata::{A, AAAA, CNAME, RData, TXT};
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE};

fn record<'a>(owner: &'a str, ttl: u32, data: RData<'a>) -> ResourceRecord<'a> {
    ResourceRecord::new(Name::new(owner).unwrap(), CLASS::IN, ttl, data)
}

fn a(owner: &str, ttl: u32, address: [u8; 4]) -> ResourceRecord<'_> {
    let address = u32::from_be_bytes(address);
    record(owner, ttl, RData::A(A { address }))
}

fn alias<'a>(owner: &'a str, ttl: u32, target: &'a str) -> ResourceRecord<'a> {
    record(owner, ttl, RData::CNAME(CNAME(Name::new(target).unwrap())))
}

fn reply<'a>(question: &'a str, answers: Vec<ResourceRecord<'a>>) -> Packet<'a> {
    let mut packet = Packet::new_reply(7);
    let name = Name::new(question).unwrap();
    packet.questions.push(Question::new(
        name,
        QTYPE::TYPE(TYPE::A),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    packet.answers = answers;
    packet
}

fn read(packet: &Packet<'_>) -> Result<Answer, MessageError> {
    answer(&packet.build_bytes_vec_compressed().unwrap())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn an_answer_names_its_addresses_with_the_shortest_time_on_the_way_to_them() {
    let packet = reply(
        "Shop.Example.COM",
        vec![
            alias("shop.example.com", 30, "edge.cdn.net"),
            alias("edge.cdn.net", 300, "e1.cdn.net"),
            a("e1.cdn.net", 60, [192, 0, 2, 1]),
            a("E1.CDN.net", 20, [192, 0, 2, 2]),
            record(
                "e1.cdn.net",
                60,
                RData::AAAA(AAAA {
                    address: "2001:db8::1".parse::<Ipv6Addr>().unwrap().into(),
                }),
            ),
        ],
    );
    let expected = Answer {
        id: 7,
        question: "shop.example.com".into(),
        addresses: vec![
            ("192.0.2.1".parse().unwrap(), seconds(30)),
            ("192.0.2.2".parse().unwrap(), seconds(20)),
            ("2001:db8::1".parse().unwrap(), seconds(30)),
        ],
    };
    assert_eq!(read(&packet), Ok(expected.clone()));
    assert_eq!(answer(&packet.build_bytes_vec().unwrap()), Ok(expected));
}

#[test]
fn what_the_question_does_not_lead_to_does_not_count() {
    let packet = reply(
        "a.example",
        vec![
            a("bank.example", 60, [192, 0, 2, 66]),
            alias("b.example", 60, "a.example"),
            a("a.example", 60, [192, 0, 2, 1]),
        ],
    );
    let addresses = read(&packet).unwrap().addresses;
    assert_eq!(addresses, [("192.0.2.1".parse().unwrap(), seconds(60))]);
}

#[test]
fn aliases_that_lead_back_end() {
    let packet = reply(
        "a.example",
        vec![alias("a.example", 60, "b.example"), alias("b.example", 60, "a.example")],
    );
    assert_eq!(read(&packet).unwrap().addresses, []);
}

#[test]
fn a_time_to_live_is_at_most_a_day_and_a_negative_one_is_none() {
    let packet = reply(
        "a.example",
        vec![
            a("a.example", 1_000_000, [192, 0, 2, 1]),
            a("a.example", 1 << 31, [192, 0, 2, 2]),
        ],
    );
    let times: Vec<_> = read(&packet).unwrap().addresses.iter().map(|(_, ttl)| *ttl).collect();
    assert_eq!(times, [MAX_TTL, Duration::ZERO]);
}

#[test]
fn an_ipv4_address_in_an_ipv6_address_is_ipv4() {
    let mapped = "::ffff:192.0.2.9".parse::<Ipv6Addr>().unwrap().into();
    let packet = reply(
        "a.example",
        vec![record("a.example", 5, RData::AAAA(AAAA { address: mapped }))],
    );
    let addresses = read(&packet).unwrap().addresses;
    assert_eq!(addresses, [("192.0.2.9".parse().unwrap(), seconds(5))]);
}

#[test]
fn other_kinds_of_records_are_passed_over_whatever_is_in_them() {
    let text = TXT::new().with_string("v=1").unwrap();
    let packet = reply(
        "a.example",
        vec![
            record("a.example", 5, RData::TXT(text)),
            a("a.example", 5, [192, 0, 2, 1]),
        ],
    );
    let mut bytes = packet.build_bytes_vec().unwrap();
    // A string that claims to be longer than its record.
    let text = bytes.windows(4).position(|window| window == b"\x03v=1").unwrap();
    bytes[text] = 0xff;
    assert_eq!(answer(&bytes).unwrap().addresses.len(), 1);
}

#[test]
fn a_name_that_does_not_exist_has_no_addresses() {
    let mut packet = reply("a.example", vec![a("a.example", 5, [192, 0, 2, 1])]);
    *packet.rcode_mut() = RCODE::NameError;
    assert_eq!(read(&packet).unwrap().addresses, []);
}

#[test]
fn what_is_no_answer_is_refused() {
    let query = Packet::new_query(1).build_bytes_vec().unwrap();
    assert_eq!(answer(&query), Err(MessageError::Question));
    assert_eq!(read(&Packet::new_reply(1)), Err(MessageError::Questions(0)));
    let mut cut = reply("a.example", vec![]);
    cut.set_flags(PacketFlag::TRUNCATION);
    assert_eq!(read(&cut), Err(MessageError::Cut));
    let mut update = reply("a.example", vec![]);
    *update.opcode_mut() = OPCODE::Update;
    assert_eq!(read(&update), Err(MessageError::Opcode));
    let mut chaos = reply("version.bind", vec![]);
    chaos.questions[0].qclass = QCLASS::CLASS(CLASS::CH);
    assert_eq!(read(&chaos), Err(MessageError::Class));
    assert_eq!(answer(&[0; 11]), Err(MessageError::Short("header")));
}

#[test]
fn lengths_that_lie_are_refused() {
    let bytes = reply("a.example", vec![a("a.example", 5, [192, 0, 2, 1])])
        .build_bytes_vec()
        .unwrap();
    let mut many = bytes.clone();
    many[6..8].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(answer(&many), Err(MessageError::Name(NameError::Short)));
    let mut long = bytes.clone();
    let length = bytes.len() - 5;
    long[length] = 200;
    assert_eq!(answer(&long), Err(MessageError::Short("record's data")));
    let mut short = bytes.clone();
    short[length] = 3;
    assert_eq!(answer(&short), Err(MessageError::Address(3)));
    let aliased = reply("a.example", vec![alias("a.example", 5, "b.example")])
        .build_bytes_vec()
        .unwrap();
    let mut alias = aliased.clone();
    let length = aliased.len() - "\x01b\x07example\0".len() - 1;
    alias[length] -= 1;
    alias.pop();
    assert_eq!(answer(&alias), Err(MessageError::Name(NameError::Short)));
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _outcome = answer(&bytes);
    }

    #[test]
    fn a_damaged_answer_is_an_answer_or_an_error_with_bounded_names(
        at in 0..200_usize, value: u8, cut in 0..200_usize
    ) {
        let packet = reply("www.a.example", vec![
            alias("www.a.example", 30, "b.example"),
            a("b.example", 60, [192, 0, 2, 1]),
        ]);
        let mut bytes = packet.build_bytes_vec_compressed().unwrap();
        let length = bytes.len();
        bytes[at % length] = value;
        bytes.truncate(length - cut % 20);
        if let Ok(answer) = answer(&bytes) {
            prop_assert!(answer.question.len() <= 255 && answer.addresses.len() <= 1);
        }
    }
}

#[test]
fn of_an_answer_that_was_cut_on_its_way_the_whole_records_count() {
    let addresses: Vec<_> = (1..=9)
        .map(|last| a("shop.example.com", 60, [192, 0, 2, last]))
        .collect();
    let bytes = reply("shop.example.com", addresses)
        .build_bytes_vec_compressed()
        .unwrap();
    let found = |length: usize| beginning(&bytes[..length]).map(|answer| answer.addresses.len());
    assert_eq!(found(bytes.len()), Ok(9));
    let mut before = 0;
    let question = bytes.len() - 9 * 16;
    for length in question..bytes.len() {
        assert_eq!(found(length), Ok((length - question) / 16), "{length} bytes");
        assert!(found(length).unwrap() >= before && answer(&bytes[..length]).is_err());
        before = found(length).unwrap();
    }
    assert_eq!(found(question - 1), Err(MessageError::Short("question")));
    // What is wrong and not cut is wrong all the same.
    let mut wrong = bytes.clone();
    wrong[question + 11] = 3;
    assert_eq!(beginning(&wrong), Err(MessageError::Address(3)));
}
