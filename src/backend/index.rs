//! The indexes of a collection, as they are wanted and as they are found.

use crate::document::Layout;

/// An index that a store needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The paths of the fields that it is on, all of them ascending.
    pub fields: Vec<String>,
    /// How long after the moment in that field MongoDB deletes a document; None if it does not.
    pub expire_after_seconds: Option<i32>,
    /// Whether no two documents may have the same value.
    pub is_unique: bool,
    /// Whether documents without the field are left out.
    pub is_sparse: bool,
}

impl Index {
    /// The one by which documents are found that have an id field of their own.
    #[must_use]
    pub fn of_id(layout: &Layout) -> Self {
        Self {
            fields: vec![layout.id.clone()],
            expire_after_seconds: None,
            is_unique: true,
            is_sparse: false,
        }
    }

    /// The name that MongoDB would give it.
    #[must_use]
    pub fn name(&self) -> String {
        let fields: Vec<_> = self
            .fields
            .iter()
            .map(|field| format!("{field}_1"))
            .collect();
        fields.join("_")
    }

    /// Whether it is on one field alone.
    #[must_use]
    pub fn is_on(&self, field: &str) -> bool {
        matches!(&self.fields[..], [only] if only == field)
    }
}

/// An index on the fields of one that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherIndex {
    /// Its name.
    pub name: String,
    /// How long after the moment in the field MongoDB deletes a document, if it does.
    pub expire_after_seconds: Option<i64>,
    /// Whether no two documents may have the same value.
    pub is_unique: bool,
    /// Whether it holds only documents of a `partialFilterExpression`.
    pub is_partial: bool,
    /// Whether it compares strings by their bytes.
    pub is_by_bytes: bool,
}

impl OtherIndex {
    /// Whether it does all that the other one would.
    #[must_use]
    pub fn serves(&self, index: &Index) -> bool {
        let is_found = self.is_by_bytes || index.expire_after_seconds.is_some();
        !self.is_partial
            && is_found
            && self.is_unique >= index.is_unique
            && self.expire_after_seconds == index.expire_after_seconds.map(i64::from)
    }
}
