//! A reader of BTF, as much of it as field offsets need (Documentation/bpf/btf.rst of the kernel).
//!
//! It is total: any bytes give an answer or an error, in bounded time. Types are found by an index of their
//! positions and decoded when asked for, since the kernel's own BTF has 150,000 of them and we want forty.

use std::collections::HashMap;

/// Why bytes are no BTF that we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    #[error("no BTF of this machine's byte order: magic {0:#06x}")]
    Magic(u16),
    #[error("BTF ends inside its {0}")]
    Short(&'static str),
    #[error("type {id} has the unknown kind {kind}")]
    Kind { id: u32, kind: u32 },
    #[error("more types or strings than an id can name")]
    TooLarge,
}

/// Types of the kernel, or of the kernel and a module of it.
#[derive(Debug, Clone)]
pub struct Btf {
    /// The kernel's own first; each next one goes on counting where the one before ended.
    layers: Vec<Layer>,
    /// Structures and unions by name, in the order of their ids: names are not unique.
    structures: HashMap<Vec<u8>, Vec<u32>>,
}

#[derive(Debug, Clone)]
struct Layer {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// Where each type begins in `types`.
    positions: Vec<u32>,
    first_id: u32,
    first_string: u32,
}

/// The common part of a type.
#[derive(Debug, Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    /// How many members; meaningful for some kinds.
    members: u32,
    /// Whether members state a bit field's size in the top byte of their offset.
    bit_fields: bool,
    /// Bytes of the type, or the id that it refers to.
    size_or_type: u32,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    name: u32,
    type_id: u32,
    bit_offset: u32,
}

/// Where a field lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    bits: u32,
    is_bit_field: bool,
    type_id: u32,
}

const MAGIC: u16 = 0xeb9f;
const HEADER: usize = 24;
const TYPE: usize = 12;
const MEMBER: usize = 12;

const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
const TYPE_TAG: u32 = 18;

/// Most members and references that one question may visit: a hundred times what `task_struct` takes, and an
/// end for types that contain themselves.
const MAX_VISITS: u32 = 100_000;
/// How deep anonymous members may nest; the kernel's reach 4.
const MAX_DEPTH: u32 = 16;

impl Btf {
    /// Reads the kernel's own BTF.
    pub fn parse(bytes: &[u8]) -> Result<Self, BtfError> {
        let mut btf = Self {
            layers: Vec::new(),
            structures: HashMap::new(),
        };
        btf.add(bytes, 1, 0)?;
        Ok(btf)
    }

    /// Adds the BTF of a module, whose ids and strings go on where the kernel's end.
    pub fn with_module(mut self, bytes: &[u8]) -> Result<Self, BtfError> {
        let (mut first_id, mut first_string) = (1, 0);
        for layer in &self.layers {
            first_id = add_len(first_id, layer.positions.len())?;
            first_string = add_len(first_string, layer.strings.len())?;
        }
        self.add(bytes, first_id, first_string)?;
        Ok(self)
    }

    /// Where a field lies, in bytes, by a path as in `task_struct.real_parent`; anonymous members are
    /// transparent. None for what is not there, and for bit fields.
    pub fn offset(&self, path: &str) -> Option<u32> {
        let place = self.place(path)?;
        (!place.is_bit_field && place.bits % 8 == 0).then_some(place.bits / 8)
    }

    /// The same in bits, for bit fields too.
    pub fn offset_in_bits(&self, path: &str) -> Option<u32> {
        self.place(path).map(|place| place.bits)
    }

    fn place(&self, path: &str) -> Option<Place> {
        let mut parts = path.split('.');
        let structure = parts.next()?;
        let members: Vec<&str> = parts.collect();
        let candidates = self.structures.get(structure.as_bytes())?;
        let mut visits = MAX_VISITS;
        candidates.iter().find_map(|id| self.walk(*id, &members, &mut visits))
    }

    /// Bytes of a structure.
    pub fn size_of(&self, structure: &str) -> Option<u32> {
        let id = self.structures.get(structure.as_bytes())?.first()?;
        self.type_at(*id).map(|found| found.size_or_type)
    }

    fn add(&mut self, bytes: &[u8], first_id: u32, first_string: u32) -> Result<(), BtfError> {
        let layer = Layer::parse(bytes, first_id, first_string)?;
        let ids = first_id..add_len(first_id, layer.positions.len())?;
        self.layers.push(layer);
        for id in ids {
            if let Some(found) = self.type_at(id)
                && matches!(found.kind, STRUCT | UNION)
                && let Some(name) = self.string(found.name)
                && !name.is_empty()
            {
                let name = name.to_vec();
                self.structures.entry(name).or_default().push(id);
            }
        }
        Ok(())
    }

    /// Sums the offsets along a path of members.
    fn walk(&self, structure: u32, members: &[&str], visits: &mut u32) -> Option<Place> {
        let mut place = Place {
            bits: 0,
            is_bit_field: false,
            type_id: structure,
        };
        for name in members {
            let member = self.member(place.type_id, name.as_bytes(), MAX_DEPTH, visits)?;
            place = Place {
                bits: place.bits.checked_add(member.bits)?,
                ..member
            };
        }
        Some(place)
    }

    /// Where a member lies, looked for in anonymous members too.
    fn member(&self, id: u32, name: &[u8], depth: u32, visits: &mut u32) -> Option<Place> {
        let depth = depth.checked_sub(1)?;
        let (structure, position, layer) = self.structure(id, visits)?;
        for index in 0..structure.members {
            *visits = visits.checked_sub(1)?;
            let member = layer.member(position, index).filter(|member| layer.knows(member))?;
            let offset = member.bit_offset & if structure.bit_fields { 0x00ff_ffff } else { u32::MAX };
            match self.string(member.name)? {
                found if found == name => {
                    return Some(Place {
                        bits: offset,
                        is_bit_field: structure.bit_fields && member.bit_offset >> 24 != 0,
                        type_id: member.type_id,
                    });
                }
                [] => {
                    if let Some(inner) = self.member(member.type_id, name, depth, visits) {
                        return Some(Place {
                            bits: offset.checked_add(inner.bits)?,
                            ..inner
                        });
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// The structure behind typedefs and qualifiers, with its position and layer.
    fn structure(&self, mut id: u32, visits: &mut u32) -> Option<(Type, usize, &Layer)> {
        loop {
            *visits = visits.checked_sub(1)?;
            let found = self.type_at(id)?;
            match found.kind {
                STRUCT | UNION => {
                    let layer = self.layer(id)?;
                    return Some((found, layer.position(id)?, layer));
                }
                TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG => {
                    let referred = found.size_or_type;
                    self.layer(id).filter(|layer| referred < layer.end())?;
                    id = referred;
                }
                _ => return None,
            }
        }
    }

    fn type_at(&self, id: u32) -> Option<Type> {
        let layer = self.layer(id)?;
        layer.type_at(layer.position(id)?)
    }

    fn layer(&self, id: u32) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| id >= layer.first_id)
    }

    fn string(&self, offset: u32) -> Option<&[u8]> {
        let layer = self.layers.iter().rev().find(|layer| offset >= layer.first_string)?;
        let bytes = layer
            .strings
            .get(usize::try_from(offset - layer.first_string).ok()?..)?;
        bytes.split(|byte| *byte == 0).next()
    }
}

impl Layer {
    fn parse(bytes: &[u8], first_id: u32, first_string: u32) -> Result<Self, BtfError> {
        let magic = bytes
            .first_chunk()
            .map(|bytes| u16::from_ne_bytes(*bytes))
            .ok_or(BtfError::Short("header"))?;
        if magic != MAGIC {
            return Err(BtfError::Magic(magic));
        }
        let word = |at| word(bytes, at).ok_or(BtfError::Short("header"));
        let header = word(4)?;
        let types = section(bytes, header, word(8)?, word(12)?).ok_or(BtfError::Short("types"))?;
        let strings = section(bytes, header, word(16)?, word(HEADER - 4)?).ok_or(BtfError::Short("strings"))?;
        let mut layer = Self {
            types: types.to_vec(),
            strings: strings.to_vec(),
            positions: Vec::new(),
            first_id,
            first_string,
        };
        layer.index()?;
        Ok(layer)
    }

    /// Notes where each type begins.
    fn index(&mut self) -> Result<(), BtfError> {
        let mut position = 0;
        while position < self.types.len() {
            let found = self.type_at(position).ok_or(BtfError::Short("types"))?;
            let id = add_len(self.first_id, self.positions.len())?;
            self.positions
                .push(u32::try_from(position).map_err(|_| BtfError::TooLarge)?);
            let tail = found.tail().ok_or(BtfError::Kind { id, kind: found.kind })?;
            position += TYPE + tail;
        }
        Ok(())
    }

    /// The first id behind its types.
    fn end(&self) -> u32 {
        let types = u32::try_from(self.positions.len()).unwrap_or(u32::MAX);
        self.first_id.saturating_add(types)
    }

    /// Whether a member names what is there without a layer that comes later: a module must not make up what the kernel's
    /// own leaves open.
    fn knows(&self, member: &Member) -> bool {
        let strings = u32::try_from(self.strings.len()).unwrap_or(u32::MAX);
        member.type_id < self.end() && member.name < self.first_string.saturating_add(strings)
    }

    fn position(&self, id: u32) -> Option<usize> {
        let index = usize::try_from(id.checked_sub(self.first_id)?).ok()?;
        usize::try_from(*self.positions.get(index)?).ok()
    }

    fn type_at(&self, position: usize) -> Option<Type> {
        let info = word(&self.types, position + 4)?;
        Some(Type {
            name: word(&self.types, position)?,
            kind: info >> 24 & 0x1f,
            members: info & 0xffff,
            bit_fields: info >> 31 == 1,
            size_or_type: word(&self.types, position + 8)?,
        })
    }

    fn member(&self, structure: usize, index: u32) -> Option<Member> {
        let at = structure + TYPE + usize::try_from(index).ok()? * MEMBER;
        Some(Member {
            name: word(&self.types, at)?,
            type_id: word(&self.types, at + 4)?,
            bit_offset: word(&self.types, at + 8)?,
        })
    }
}

impl Type {
    /// Bytes behind the common part; None for kinds that we do not know.
    fn tail(self) -> Option<usize> {
        let members = usize::try_from(self.members).ok()?;
        match self.kind {
            // pointer, forward, typedef, qualifiers, function, float, type tag
            2 | 7..=12 | 16 | 18 => Some(0),
            // integer, variable, declaration tag
            1 | 14 | 17 => Some(4),
            // array
            3 => Some(12),
            // enum, function prototype
            6 | 13 => Some(8 * members),
            // structure, union, data section, 64-bit enum
            4 | 5 | 15 | 19 => Some(12 * members),
            _ => None,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn section(bytes: &[u8], header: u32, offset: u32, length: u32) -> Option<&[u8]> {
    let start = usize::try_from(u64::from(header) + u64::from(offset)).ok()?;
    bytes.get(start..)?.get(..usize::try_from(length).ok()?)
}

fn add_len(first: u32, length: usize) -> Result<u32, BtfError> {
    u32::try_from(length)
        .ok()
        .and_then(|length| first.checked_add(length))
        .ok_or(BtfError::TooLarge)
}

#[cfg(test)]
mod tests;
