//! DNS messages (RFC 1035, section 4): of an answer, the question and the addresses that its name stands for.

use super::name::{self, NameError};
use anchorwatch_sensor_common::network::NAME_TTL_LIMIT;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const HEADER: usize = 12;
/// Type, class, time to live and length of data, behind a record's name.
const RECORD: usize = 10;

/// Bits of the second word: an answer, its kind of query, cut short, and its code.
const ANSWER: u16 = 1 << 15;
const OPCODE: u16 = 0xf << 11;
const CUT: u16 = 1 << 9;
const CODE: u16 = 0xf;

const CLASS_INTERNET: u16 = 1;
const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;

/// Most aliases that are followed; resolvers give up earlier (BIND after 16).
const MAX_ALIASES: usize = 16;
/// Longest time that an answer is believed, whatever it says.
const MAX_TTL: Duration = Duration::from_secs(NAME_TTL_LIMIT as u64);

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The query's id.
    pub id: u16,
    /// Lower-case, without the dot at the end.
    pub question: String,
    /// Empty where the name does not exist, or the question was for something else. Each with the shortest time to
    /// live on the way there, at most a day.
    pub addresses: Vec<(IpAddr, Duration)>,
}

/// Why bytes are no answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    #[error("the message ends before its {0}")]
    Short(&'static str),
    #[error("the message is a question")]
    Question,
    #[error("the message is no answer to an ordinary query")]
    Opcode,
    #[error("the message asks {0} questions instead of one")]
    Questions(u16),
    #[error("the question is not about the Internet")]
    Class,
    #[error("the resolver cut the message short")]
    Cut,
    #[error("an address has {0} bytes")]
    Address(usize),
    #[error("a name cannot be read")]
    Name(#[from] NameError),
}

/// Reads an answer; a total function.
///
/// Only what the name of the question leads to counts: an answer may hold any other record beside it.
pub fn answer(message: &[u8]) -> Result<Answer, MessageError> {
    read(message, Extent::Whole)
}

/// Reads an answer that was cut on its way to us, though not on its way to who asked: the records that are whole count.
pub fn beginning(message: &[u8]) -> Result<Answer, MessageError> {
    read(message, Extent::Beginning)
}

/// How much of a message there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Beginning,
}

fn read(message: &[u8], extent: Extent) -> Result<Answer, MessageError> {
    let head = message.first_chunk::<HEADER>().ok_or(MessageError::Short("header"))?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let flags = word(2);
    if flags & ANSWER == 0 {
        return Err(MessageError::Question);
    }
    if flags & OPCODE != 0 {
        return Err(MessageError::Opcode);
    }
    if word(4) != 1 {
        return Err(MessageError::Questions(word(4)));
    }
    let (question, at) = name::read(message, HEADER)?;
    let tail = chunk::<4>(message, at).ok_or(MessageError::Short("question"))?;
    if u16::from_be_bytes([tail[2], tail[3]]) != CLASS_INTERNET {
        return Err(MessageError::Class);
    }
    if flags & CUT != 0 {
        return Err(MessageError::Cut);
    }
    let records = if flags & CODE == 0 {
        records(message, at + 4, word(6), extent)?
    } else {
        Vec::new()
    };
    Ok(Answer {
        id: word(0),
        addresses: addresses(&records, &question),
        question,
    })
}

/// A record that matters here.
struct Record {
    owner: String,
    ttl: Duration,
    data: Data,
}

enum Data {
    Address(IpAddr),
    Alias(String),
}

/// The records of the answer section that matter.
fn records(message: &[u8], start: usize, count: u16, extent: Extent) -> Result<Vec<Record>, MessageError> {
    let mut records = Vec::new();
    let mut at = start;
    // A record takes eleven bytes at least, so that a count that lies ends with the message.
    for _ in 0..count {
        match (record(message, at), extent) {
            (Ok((record, end)), _) => {
                records.extend(record);
                at = end;
            }
            (Err(MessageError::Short(_) | MessageError::Name(NameError::Short)), Extent::Beginning) => break,
            (Err(error), _) => return Err(error),
        }
    }
    Ok(records)
}

/// The record at a place, if it matters, and where it ends.
fn record(message: &[u8], at: usize) -> Result<(Option<Record>, usize), MessageError> {
    let (owner, fixed) = name::read(message, at)?;
    let head = chunk::<RECORD>(message, fixed).ok_or(MessageError::Short("record"))?;
    let [kind_high, kind, class_high, class, ttl @ .., length_high, length] = *head;
    let start = fixed + RECORD;
    let end = start + usize::from(u16::from_be_bytes([length_high, length]));
    let bytes = message.get(start..end).ok_or(MessageError::Short("record's data"))?;
    if u16::from_be_bytes([class_high, class]) != CLASS_INTERNET {
        return Ok((None, end));
    }
    let data = data(message, u16::from_be_bytes([kind_high, kind]), start, bytes)?;
    let record = data.map(|data| Record {
        owner,
        ttl: time_to_live(u32::from_be_bytes(ttl)),
        data,
    });
    Ok((record, end))
}

fn data(message: &[u8], kind: u16, start: usize, bytes: &[u8]) -> Result<Option<Data>, MessageError> {
    let length = MessageError::Address(bytes.len());
    Ok(Some(match kind {
        TYPE_A => Data::Address(Ipv4Addr::from(*whole::<4>(bytes).ok_or(length)?).into()),
        // IPv4 in an IPv6 address is IPv4 to whoever connects to it.
        TYPE_AAAA => Data::Address(Ipv6Addr::from(*whole::<16>(bytes).ok_or(length)?).to_canonical()),
        TYPE_CNAME => {
            let (target, end) = name::read(message, start)?;
            if end != start + bytes.len() {
                return Err(MessageError::Short("alias"));
            }
            Data::Alias(target)
        }
        _ => return Ok(None),
    }))
}

/// With the highest bit set it is no time (RFC 2181, section 8).
fn time_to_live(seconds: u32) -> Duration {
    let seconds = if seconds > i32::MAX as u32 { 0 } else { seconds };
    Duration::from_secs(seconds.into()).min(MAX_TTL)
}

/// Follows the aliases from the question on and collects what stands at their end.
fn addresses(records: &[Record], question: &str) -> Vec<(IpAddr, Duration)> {
    let mut name = question;
    let mut ttl = MAX_TTL;
    for _ in 0..=MAX_ALIASES {
        let mut found: Vec<(IpAddr, Duration)> = Vec::new();
        let mut alias = None;
        for record in records.iter().filter(|record| record.owner == name) {
            match &record.data {
                Data::Address(address) => match found.iter_mut().find(|(known, _)| known == address) {
                    Some((_, known)) => *known = (*known).min(record.ttl),
                    None => found.push((*address, record.ttl.min(ttl))),
                },
                Data::Alias(target) => alias = alias.or(Some((target, record.ttl))),
            }
        }
        match alias {
            Some((target, alias_ttl)) if found.is_empty() => {
                name = target;
                ttl = ttl.min(alias_ttl);
            }
            _ => return found,
        }
    }
    Vec::new()
}

fn chunk<const N: usize>(message: &[u8], at: usize) -> Option<&[u8; N]> {
    message.get(at..)?.first_chunk()
}

fn whole<const N: usize>(bytes: &[u8]) -> Option<&[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests;
