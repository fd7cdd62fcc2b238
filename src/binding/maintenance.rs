//! What the tools of an operator need beside the verbs.

use napi::bindgen_prelude::{Env, Uint8ArraySlice};
use napi_derive::napi;
use serde_json::json;

use super::NativeStore;
use super::writes::{IndexTerms, encoding};
use crate::document::Moment;
use crate::store::{Conversion, ConversionTarget, Maintenance, SessionText, Ticket, Verb, indexes};

#[napi]
impl NativeStore {
    /// How the collection is laid out, as a JSON object.
    #[napi(getter)]
    pub fn layout(&self) -> String {
        let config = &self.config;
        let layout = &config.layout;
        let indexes: Vec<_> = indexes(config)
            .iter()
            .map(|index| {
                json!({
                    "name": index.name(),
                    "fields": index.fields,
                    "expireAfterSeconds": index.expire_after_seconds,
                    "unique": index.is_unique,
                    "sparse": index.is_sparse,
                })
            })
            .collect();
        json!({
            "id": layout.id,
            "session": layout.session,
            "moment": layout.moment,
            "deleted": layout.deleted,
            "lifetimeMs": match layout.meaning {
                Moment::Expiry => 0,
                Moment::LastAccess(lifetime_ms) => lifetime_ms,
            },
            "prefixEnd": crate::document::prefix_end(&config.prefix),
            "hashIds": config.hash_ids,
            "deleteFlags": config.delete_flags,
            "expireAfterSeconds": config.expire_after_seconds,
            "deleteGraceMs": config.delete_grace_ms,
            "indexes": indexes,
        })
        .to_string()
    }

    /// Answers all documents of a command that answers with a cursor.
    #[napi]
    pub fn query(
        &self,
        env: Env,
        ticket: Ticket,
        command: Uint8ArraySlice<'_>,
    ) -> napi::Result<()> {
        self.maintain(env, ticket, Maintenance::Query(command.to_vec()))
    }

    /// Answers the reply to a command. `documents` are what its field `name` holds, one behind the other.
    #[napi]
    pub fn command(
        &self,
        env: Env,
        ticket: Ticket,
        command: Uint8ArraySlice<'_>,
        writes: bool,
        name: Option<String>,
        documents: Option<Uint8ArraySlice<'_>>,
    ) -> napi::Result<()> {
        let documents = name.zip(documents.map(|documents| documents.to_vec()));
        let command = command.to_vec();
        let what = Maintenance::Command {
            command,
            documents,
            writes,
        };
        self.maintain(env, ticket, what)
    }

    /// Answers the session of a document.
    #[napi]
    pub fn read_document(
        &self,
        env: Env,
        ticket: Ticket,
        document: Uint8ArraySlice<'_>,
    ) -> napi::Result<()> {
        self.maintain(env, ticket, Maintenance::Read(document.to_vec()))
    }

    /// Answers the statement of an update that encrypts the session of a document anew, or nothing.
    #[napi]
    pub fn rekey(
        &self,
        env: Env,
        ticket: Ticket,
        document: Uint8ArraySlice<'_>,
    ) -> napi::Result<()> {
        self.maintain(env, ticket, Maintenance::Rekey(document.to_vec()))
    }

    /// Answers the statement or document by which a session of another form, read from `document`, becomes
    /// one of this store: in its `field`, in its `document`, or a `new` one.
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        clippy::needless_pass_by_value,
        reason = "an object would need a declaration of its own, and napi hands over what it has converted; the macro copies the attribute, so not `expect`"
    )]
    pub fn convert(
        &self,
        env: Env,
        ticket: Ticket,
        document: Uint8ArraySlice<'_>,
        session_field: String,
        target: String,
        id: String,
        is_stored_id: bool,
        text: String,
        specials: Option<String>,
        is_text: Option<bool>,
        expires: Option<f64>,
        user: Option<String>,
        indexes: Option<IndexTerms>,
    ) -> napi::Result<()> {
        let conversion = Conversion {
            document: document.to_vec(),
            session_field,
            target: match &*target {
                "field" => ConversionTarget::Field,
                "document" => ConversionTarget::Document,
                _ => ConversionTarget::New,
            },
            id,
            is_stored_id,
            session: SessionText {
                text,
                specials: specials.unwrap_or_default(),
            },
            encoding: encoding(is_text),
            #[expect(clippy::cast_possible_truncation, reason = "it was an i64 before")]
            expires_ms: expires.map(|at| at as i64),
            user,
            indexed: indexes.map(IndexTerms::indexed),
        };
        self.maintain(env, ticket, Maintenance::Convert(Box::new(conversion)))
    }

    /// Answers the statement of a delete, of a document that still holds this session.
    #[napi]
    pub fn removal(
        &self,
        env: Env,
        ticket: Ticket,
        document: Uint8ArraySlice<'_>,
        session: String,
    ) -> napi::Result<()> {
        let document = document.to_vec();
        self.maintain(env, ticket, Maintenance::Remove { document, session })
    }

    fn maintain(&self, env: Env, ticket: Ticket, what: Maintenance) -> napi::Result<()> {
        self.submit(env, ticket, Verb::Maintain(Box::new(what)))
    }
}
