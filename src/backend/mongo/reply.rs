//! What the replies to commands say about their statements.

use mongodb::bson::{Bson, Document};

use super::super::Written;
use crate::connection::is_retryable_code;
use crate::error::{Error, Result};

/// The server's codes for statements that a second attempt can mend: two processes created the
/// same document at the same moment.
const DUPLICATE_KEY: i32 = 11_000;

/// The server's codes for a document that has grown over the limit.
const TOO_LARGE: [i32; 2] = [10_334, 17_419];

/// Whether the command was carried out by a server that could then not replicate it, because it is
/// stepping down or shutting down. Sent again, it reaches the one that takes over.
pub fn is_retryable(reply: &Document) -> bool {
    concern_error(reply)
        .and_then(|error| error.get_i32("code").ok())
        .is_some_and(is_retryable_code)
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
    let Ok(errors) = reply.get_array("writeErrors") else {
        return 0;
    };
    for error in errors.iter().filter_map(Bson::as_document) {
        let position = error.get_i32("index").unwrap_or_default();
        if let Some(result) = usize::try_from(position)
            .ok()
            .and_then(|position| results.get_mut(position))
        {
            *result = Err(statement_error(error, reply));
        }
    }
    errors.len()
}

fn statement_error(error: &Document, reply: &Document) -> Error {
    let code = error.get_i32("code").unwrap_or_default();
    if TOO_LARGE.contains(&code) {
        return Error::TooLarge { size: None };
    }
    let code_name = match (error.get_str("codeName"), code) {
        (Ok(name), _) => name,
        (_, 11_000) => "DuplicateKey",
        (_, 28) => "PathNotViable",
        (_, 121) => "DocumentValidationFailure",
        (_, 14_031) => "OutOfDiskSpace",
        _ => "WriteError",
    };
    Error::Server {
        operation: "write",
        code,
        code_name: code_name.to_owned(),
        labels: labels(reply),
    }
}

fn labels(reply: &Document) -> Vec<String> {
    let labels = reply.get_array("errorLabels").into_iter().flatten();
    labels.filter_map(Bson::as_str).map(str::to_owned).collect()
}

pub fn is_duplicate_key(result: &Result<Written>) -> bool {
    matches!(result, Err(Error::Server { code, .. }) if *code == DUPLICATE_KEY)
}

/// How many documents a command with one statement was about, or its error.
pub fn count_of(reply: &Document) -> Result<u64> {
    let mut results = [Ok(Written::Stored)];
    write_errors(reply, &mut results);
    let [result] = results;
    let count = reply.get_i32("n").unwrap_or_default();
    result.map(|_| u64::try_from(count).unwrap_or_default())
}
