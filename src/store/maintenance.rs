//! What a tool of an operator needs beside the verbs: commands of its own, and single documents read or
//! written anew. Which documents and when is decided by the tool.

use super::delivery::Outcome;
use super::id;
use super::reading::{keys, reader};
use super::save::{Indexed, SessionText};
use crate::backend::{Backend, Id, Stored};
use crate::codec;
use crate::codec::raw::{self, Writer};
use crate::document::{Encoding, Reader, Reading, field};
use crate::error::{Error, Result, Undecryptable};
use crate::options::Config;

/// One piece of maintenance. Not `Debug`, which would show sessions.
pub enum Maintenance {
    /// A command that answers with a cursor, as raw BSON: all of its documents are answered.
    Query(Vec<u8>),
    /// Another command.
    Command {
        /// The command, as raw BSON.
        command: Vec<u8>,
        /// A field of it, and the documents there, one behind the other.
        documents: Option<(String, Vec<u8>)>,
        /// Whether it writes; harmless when it is sent twice.
        writes: bool,
    },
    /// Reads the session of a document: none if that has expired or is flagged.
    Read(Vec<u8>),
    /// The statement of an update that encrypts the session of a document anew, unless it is encrypted as a
    /// save would do it now; then nothing.
    Rekey(Vec<u8>),
    /// The statement or document by which a session of another form becomes one of this store.
    Convert(Box<Conversion>),
    /// The statement of a delete, of a document that still holds the session it holds here.
    Remove {
        /// The document.
        document: Vec<u8>,
        /// The field of its session.
        session: String,
    },
}

/// A session of another form on its way into this one.
pub struct Conversion {
    /// The document that it was read from.
    pub document: Vec<u8>,
    /// The field that holds the session there.
    pub session_field: String,
    /// Where it goes.
    pub target: Target,
    /// Its id, with neither prefix nor hash if it is the id of the session itself.
    pub id: String,
    /// Whether `id` is what is to be stored instead.
    pub is_stored_id: bool,
    /// The session.
    pub session: SessionText,
    /// How it is to be stored.
    pub encoding: Encoding,
    /// When it expires, in milliseconds since the epoch.
    pub expires_ms: Option<i64>,
    /// Whose it is, if that is stored.
    pub user: Option<String>,
    /// By what it is found, if there is anything.
    pub indexed: Option<Indexed>,
}

/// Where a session of another form goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Into the field where it is.
    Field,
    /// Into the document where it is, of which nothing else stays.
    Document,
    /// Into a new document.
    New,
}

impl Maintenance {
    /// What it is, for messages.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Query(_) | Self::Command { .. } => "command",
            Self::Read(_) => "get",
            Self::Rekey(_) => "rekey",
            Self::Convert(_) | Self::Remove { .. } => "migrate",
        }
    }
}

/// Does what an operator has asked for.
pub async fn carry_out(
    backend: &dyn Backend,
    config: &Config,
    what: Maintenance,
) -> Result<Outcome> {
    match what {
        Maintenance::Query(command) => {
            let mut bytes = Vec::new();
            let visit = &mut |document: &[u8]| bytes.extend_from_slice(document);
            backend.query(&command, visit).await?;
            Ok(Outcome::Bytes(bytes))
        }
        Maintenance::Command {
            command,
            documents,
            writes,
        } => {
            let documents = documents.as_ref();
            let documents = documents.map(|(name, documents)| (name.as_str(), &documents[..]));
            let reply = backend.command(&command, documents, writes).await?;
            Ok(Outcome::Bytes(reply))
        }
        Maintenance::Read(document) => {
            let reader = Reader {
                wants_metadata: true,
                ..reader(config).await
            };
            match reader.read(&document)? {
                Reading::Live(loaded) => Ok(Outcome::Session(Some(loaded))),
                Reading::Gone | Reading::Renewed(_) => Ok(Outcome::Session(None)),
                Reading::Foreign => Err(Error::Foreign {
                    collection: config.collection.clone(),
                }),
            }
        }
        Maintenance::Rekey(document) => rekey(config, &document).await.map(Outcome::Bytes),
        Maintenance::Convert(conversion) => convert(config, *conversion).await.map(Outcome::Bytes),
        Maintenance::Remove { document, session } => {
            let mut statement = Writer::with_capacity(document.len() + 64);
            unchanged(&mut statement, &document, &session);
            statement.int32("limit", 1);
            Ok(Outcome::Bytes(statement.finish()))
        }
    }
}

async fn rekey(config: &Config, document: &[u8]) -> Result<Vec<u8>> {
    let Some(keys) = keys(config).await else {
        return Ok(Vec::new());
    };
    let layout = &config.layout;
    let foreign = || Error::Foreign {
        collection: config.collection.clone(),
    };
    let id = layout.id_of(document).ok_or_else(foreign)?;
    let Some(stored) = raw::find(document, &layout.session) else {
        // An id that was given up leads to the session, and holds none.
        let flag = raw::find(document, &layout.deleted);
        return match flag.and_then(|flag| flag.as_bool()) {
            Some(true) => Ok(Vec::new()),
            _ => Err(foreign()),
        };
    };
    let plain = if let Some(session) = stored.as_document() {
        if keys.is_current(session)? {
            return Ok(Vec::new());
        }
        keys.decrypt_session(id, session)?
    } else {
        let is_json = |text: &&str| text.trim_start().starts_with('{');
        let text = stored.as_str().filter(is_json).ok_or_else(foreign)?;
        if !keys.accepts_unencrypted() {
            return Err(Error::Decryption(Undecryptable::NotEncrypted));
        }
        let mut session = Vec::new();
        codec::encode(text, "", &mut session)?;
        session
    };
    let session = keys.encrypt_session(id, &plain)?;
    let mut statement = Writer::with_capacity(document.len() + session.len() + 128);
    unchanged(&mut statement, document, &layout.session);
    statement.start_document("u");
    statement.start_document("$set");
    statement.document(&layout.session, &session);
    statement.end_levels(2);
    Ok(statement.finish())
}

async fn convert(config: &Config, conversion: Conversion) -> Result<Vec<u8>> {
    let layout = &config.layout;
    let id: Id = if conversion.is_stored_id {
        Id::from(conversion.id)
    } else {
        id::of_document(&config.prefix, conversion.id, config.hash_ids).into()
    };
    let has_bigints = conversion.session.has_bigints();
    let session = match conversion.encoding {
        Encoding::Text => Stored::Text(conversion.session.text),
        Encoding::Document => {
            let SessionText { text, specials } = &conversion.session;
            let mut session = Vec::new();
            codec::encode(text, specials, &mut session)?;
            match keys(config).await {
                Some(keys) => Stored::Document(keys.encrypt_session(&id, &session)?),
                None => Stored::Document(session),
            }
        }
    };
    layout.check_size(id.len(), session.size())?;
    let mut out = Writer::with_capacity(conversion.document.len() + session.size() + 256);
    if conversion.target != Target::New {
        unchanged(&mut out, &conversion.document, &conversion.session_field);
        out.start_document("u");
    }
    if conversion.target == Target::Field {
        out.start_document("$set");
    } else {
        if conversion.target == Target::Document
            && layout.has_own_id()
            && let Some(id) = raw::find(&conversion.document, "_id")
        {
            out.element(id);
        }
        out.string(&layout.id, &id);
        if let Some(expires_ms) = conversion.expires_ms {
            out.date(&layout.moment, layout.moment_of(expires_ms));
        }
    }
    session.write(&mut out, &layout.session);
    if let Some(user) = conversion.user.filter(|user| !user.is_empty()) {
        out.string(field::USER, &user);
    }
    if let Some(indexed) = conversion.indexed {
        let SessionText { text, specials } = &indexed.values;
        let mut values = Vec::new();
        codec::encode(text, specials, &mut values)?;
        if raw::elements(&values).next().is_some() {
            out.document(field::INDEXES, &values);
        }
    }
    if has_bigints {
        out.boolean(field::BIGINT, true);
    }
    match conversion.target {
        Target::New => {}
        Target::Document => out.end(),
        Target::Field => out.end_levels(2),
    }
    Ok(out.finish())
}

/// The condition of a statement: the document is the one that was read, and holds the session that was read, to
/// the byte.
fn unchanged(statement: &mut Writer, document: &[u8], session: &str) {
    statement.start_document("q");
    for name in ["_id", session] {
        if let Some(element) = raw::find(document, name) {
            // Behind an operator: the first key of a session could be read as one.
            statement.start_document(name);
            statement.value("$eq", element.kind, element.value);
            statement.end();
        }
    }
    statement.end();
    statement.start_document("collation");
    statement.string("locale", "simple");
    statement.end();
}
