//! What the replies to commands say about their statements.

use mongodb::bson::{Bson, Document, Utf8Lossy, deserialize_from_slice};
use mongodb::error::{Error as DriverError, ErrorKind};

use super::super::Written;
use super::code_name::code_name;
use crate::codec::raw;
use crate::connection::{
    BASE_PAUSE, from_driver, is_ended_code, is_overload_code, is_overtaken_code, is_passing,
    is_retryable_code,
};
use crate::document::Layout;
use crate::error::{Conflict, Error, Result};

/// The server's codes for statements that a second attempt can mend: two processes created the
/// same document at the same moment.
const DUPLICATE_KEY: i32 = 11_000;

/// The server's code for a command whose `maxTimeMS` was up.
const MAX_TIME_EXPIRED: i32 = 50;

/// The server's codes for a document that has grown over the limit.
const TOO_LARGE: [i32; 2] = [10_334, 17_419];

/// The server's code for bytes that are not BSON.
const INVALID_BSON: i32 = 22;

/// The reply to a command that was carried out, where the driver refuses to read it: a message of the
/// server may quote a stored document, and what is not UTF-8 there.
pub fn readable(error: &DriverError) -> Option<Document> {
    let reply = error.server_response()?;
    let lossy: Utf8Lossy<Document> = deserialize_from_slice(reply.as_bytes()).ok()?;
    let Utf8Lossy(reply) = lossy;
    let is_done = raw::find(error.server_response()?.as_bytes(), "ok")
        .is_some_and(|ok| ok.as_i64() == Some(1));
    is_done.then_some(reply)
}

/// The error of a command that was sent. A message of the server may quote a stored document, and
/// what is not UTF-8 there makes the whole reply one that the driver refuses to read.
pub fn sent(operation: &'static str, error: &DriverError) -> Error {
    match &*error.kind {
        ErrorKind::Bson(_) | ErrorKind::InvalidResponse { .. } => Error::Server {
            operation,
            code: INVALID_BSON,
            code_name: "InvalidBSON".to_owned(),
            labels: Vec::new(),
            conflict: None,
            explanation: None,
        },
        _ => from_driver(operation, error),
    }
}

/// Whether a command has failed as a whole for what its statements are: the server has not accepted
/// one of them, for example because the user may not insert, or its reply quotes a document that cannot
/// be read. Not so where the server as a whole is the reason, or where it was ended from outside: each of its
/// statements would take as long again, not be wanted, or be carried out twice.
pub fn is_about_statements(error: &Error) -> bool {
    match error {
        Error::Server { code, .. } => !is_ended_code(*code) && !is_passing(error),
        _ => false,
    }
}

/// Whether the command was carried out by a server that could then not replicate it, because it is
/// stepping down or shutting down. Sent again, it reaches the one that takes over.
pub fn is_retryable(reply: &Document) -> bool {
    concern_error(reply)
        .and_then(|error| error.get_i32("code").ok())
        .is_some_and(is_retryable_code)
}

/// Whether the server has given up a statement for what else went on at that moment. Sent again, those that were
/// carried out have to be known.
pub fn is_overtaken(reply: &Document) -> bool {
    documents(reply, "writeErrors")
        .filter_map(|error| error.get_i32("code").ok())
        .any(is_overtaken_code)
}

/// Whether no statement of a command has found or created a document.
pub fn has_done_nothing(reply: &Document) -> bool {
    reply.get_i32("n").is_ok_and(|count| count == 0)
}

fn concern_error(reply: &Document) -> Option<&Document> {
    reply.get("writeConcernError").and_then(Bson::as_document)
}

/// Puts the errors of a reply where they belong and answers how many statements they name. A
/// write concern error is about the whole command: no statement is known to be safe.
pub fn write_errors(reply: &Document, results: &mut [Result<Written>]) -> usize {
    if let Some(concern) = concern_error(reply) {
        results.fill(Err(statement_error(concern, reply)));
        return results.len();
    }
    for upserted in documents(reply, "upserted") {
        if let Some(result) = result_of(upserted, results) {
            *result = Ok(Written::Created);
        }
    }
    let Ok(errors) = reply.get_array("writeErrors") else {
        return 0;
    };
    for error in documents(reply, "writeErrors") {
        if let Some(result) = result_of(error, results) {
            *result = Err(statement_error(error, reply));
        }
    }
    errors.len()
}

fn documents<'a>(reply: &'a Document, list: &str) -> impl Iterator<Item = &'a Document> {
    let list = reply.get_array(list).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Bson::as_document)
}

/// The result of the statement that an entry of a reply is about.
fn result_of<'a>(
    entry: &Document,
    results: &'a mut [Result<Written>],
) -> Option<&'a mut Result<Written>> {
    let position = usize::try_from(entry.get_i32("index").ok()?).ok()?;
    results.get_mut(position)
}

fn statement_error(error: &Document, reply: &Document) -> Error {
    let code = error.get_i32("code").unwrap_or_default();
    if TOO_LARGE.contains(&code) {
        return Error::TooLarge { size: None };
    }
    let code_name = match error.get_str("codeName") {
        Ok(name) => name.to_owned(),
        Err(_) => code_name(code),
    };
    if is_overload_code(code) {
        return Error::Overloaded {
            operation: "write",
            code,
            code_name,
            labels: labels(reply),
            retry_after: BASE_PAUSE,
        };
    }
    Error::Server {
        operation: "write",
        code,
        code_name,
        labels: labels(reply),
        conflict: (code == DUPLICATE_KEY)
            .then(|| conflict(error))
            .flatten()
            .map(Box::new),
        explanation: None,
    }
}

/// The unique index that an error names. Of the message only its name is taken: behind that come the
/// values of the document.
fn conflict(error: &Document) -> Option<Conflict> {
    let message = error.get_str("errmsg").ok()?;
    let (_, behind) = message.split_once(" index: ")?;
    let (index, _) = behind.split_once(" dup key: ")?;
    let index = index
        .split_once(" collation: ")
        .map_or(index, |(index, _)| index);
    let keys = error.get_document("keyPattern").ok();
    let only = keys.filter(|keys| keys.len() == 1);
    Some(Conflict {
        index: index.to_owned(),
        field: only.and_then(|keys| keys.keys().next().cloned()),
    })
}

fn labels(reply: &Document) -> Vec<String> {
    let labels = reply.get_array("errorLabels").into_iter().flatten();
    labels.filter_map(Bson::as_str).map(str::to_owned).collect()
}

/// Whether the time limit of a command was up when it was carried out, but not replicated as it has to be.
pub fn is_unconfirmed(reply: &Document) -> bool {
    concern_error(reply)
        .and_then(|error| error.get_i32("code").ok())
        .is_some_and(|code| code == MAX_TIME_EXPIRED)
}

/// Whether the time limit of a command was up.
pub fn is_out_of_time(error: &Error) -> bool {
    matches!(error, Error::Server { code, .. } if *code == MAX_TIME_EXPIRED)
}

/// Whether a write has failed because another document holds a value that has to be unique.
pub fn is_duplicate_key(result: &Result<Written>) -> bool {
    matches!(result, Err(Error::Server { code, .. }) if *code == DUPLICATE_KEY)
}

/// Whether there is a document with the id of the one that a statement would create, and not one with the
/// same value in a field on which the application has a unique index.
pub fn is_duplicate_id(result: &Result<Written>, layout: &Layout) -> bool {
    let Err(Error::Server {
        conflict: Some(conflict),
        ..
    }) = result
    else {
        return is_duplicate_key(result);
    };
    let Conflict { index, field } = &**conflict;
    match field {
        Some(field) => *field == layout.id,
        None => *index == format!("{}_", layout.id) || *index == format!("{}_1", layout.id),
    }
}

/// How many documents a command with one statement was about, or its error.
pub fn count_of(reply: &Document) -> Result<u64> {
    let mut results = [Ok(Written::Stored)];
    write_errors(reply, &mut results);
    let [result] = results;
    let count = reply.get_i32("n").unwrap_or_default();
    result.map(|_| u64::try_from(count).unwrap_or_default())
}
