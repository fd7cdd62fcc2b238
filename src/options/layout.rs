//! The option `fields`.

use serde::Deserialize;

use super::names::{OWN_FIELDS, is_name};
use super::validate::{DEFAULT_TTL_MS, MAX_SPAN_MS};
use super::{AutoRemove, invalid};
use crate::document::{Layout, Moment};
use crate::error::Result;

/// Names of top-level fields as JavaScript sends them: every one may be missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fields {
    id: Option<String>,
    session: Option<String>,
    expires: Option<String>,
    last_access: Option<String>,
    deleted: Option<String>,
}

impl Fields {
    /// The layout of documents, and the lifetime of sessions in milliseconds.
    pub fn layout(self, ttl_ms: Option<f64>, auto_remove: AutoRemove) -> Result<(Layout, f64)> {
        let default = Layout::default();
        let (moment, meaning, ttl_ms) = match (self.expires, self.last_access) {
            (Some(_), Some(_)) => {
                return Err(invalid(
                    "fields.lastAccess",
                    "excludes 'fields.expires': a document holds one of them",
                ));
            }
            (expires, None) => (
                expires.unwrap_or(default.moment),
                Moment::Expiry,
                ttl_ms.unwrap_or(DEFAULT_TTL_MS),
            ),
            (None, Some(last_access)) => {
                let ttl_ms = lifetime(ttl_ms, auto_remove)?;
                #[expect(clippy::cast_possible_truncation, reason = "checked to fit")]
                let meaning = Moment::LastAccess(ttl_ms as i64);
                (last_access, meaning, ttl_ms)
            }
        };
        let layout = Layout {
            id: self.id.unwrap_or(default.id),
            session: self.session.unwrap_or(default.session),
            moment,
            meaning,
            deleted: self.deleted.unwrap_or(default.deleted),
        };
        check(&layout)?;
        Ok((layout, ttl_ms))
    }
}

/// How long a session lives after its last access; without an end if nobody removes it.
fn lifetime(ttl_ms: Option<f64>, auto_remove: AutoRemove) -> Result<f64> {
    match ttl_ms {
        Some(ttl_ms) if (0.0..=MAX_SPAN_MS).contains(&ttl_ms) => Ok(ttl_ms),
        Some(_) => Err(invalid(
            "ttl",
            "must not be negative or longer than 4e15 milliseconds with 'fields.lastAccess'",
        )),
        None if auto_remove == AutoRemove::Disabled => Ok(MAX_SPAN_MS),
        None => Ok(DEFAULT_TTL_MS),
    }
}

/// The names have to be field paths of one part, and different.
fn check(layout: &Layout) -> Result<()> {
    let moment = match layout.meaning {
        Moment::Expiry => "fields.expires",
        Moment::LastAccess(_) => "fields.lastAccess",
    };
    let names = [
        ("fields.id", layout.id.as_str()),
        ("fields.session", &layout.session),
        (moment, &layout.moment),
        ("fields.deleted", &layout.deleted),
    ];
    let mut taken = OWN_FIELDS.to_vec();
    for (option, name) in names {
        if !is_name(name) {
            let problem = "must be the name of a field: not empty, without '.' and NUL, not beginning with '$'";
            return Err(invalid(option, problem));
        }
        if taken.contains(&name) || (name == "_id" && option != "fields.id") {
            let problem = format!("must not be '{name}', which is the name of another field");
            return Err(invalid(option, &problem));
        }
        taken.push(name);
    }
    Ok(())
}
