//! What a user is told of a connection string that is not accepted. It is never quoted.

use crate::error::Error;
use crate::options::invalid;

/// An error that says what is wrong with the connection string.
pub fn refused(problem: &str) -> Error {
    invalid("uri", problem)
}

/// An error that cannot name what is wrong without quoting it.
pub fn malformed() -> Error {
    refused(
        "is not a valid connection string such as mongodb://host:port/database; special characters in a user name, a password or a path must be percent-encoded",
    )
}
