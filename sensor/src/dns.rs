//! What resolvers answered: bytes of a message → the addresses of the name that was asked for.
//!
//! The reader is our own and small. A general one reads every kind of record, so that an odd one anywhere in the
//! message refuses the whole, and each kind is one more surface to what the owner of any domain may send; three kinds
//! are needed here.

pub mod message;
mod name;

pub use message::{Answer, MessageError, answer, beginning};
pub use name::NameError;
