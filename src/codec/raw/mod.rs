//! Raw BSON: the elements of a document, read where they lie and written one after another.
//!
//! Nothing here copies or decodes more than it is asked for. Lengths come from the bytes
//! themselves, so each one is checked against what is there before it is believed.
//!
//! Source: <https://bsonspec.org/spec.html>.

mod distinct;
mod element;
pub(super) mod writer;

pub use distinct::{Distinct, distinct};
pub use element::*;
pub(crate) use writer::stated;
pub use writer::{Index, Writer, index};
