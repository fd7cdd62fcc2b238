//! The server's names of its error codes. It names those of a command itself, and not those of a statement.

/// The name of a code that a statement of a write can end with, or the one that the server has for codes
/// without a name.
pub fn code_name(code: i32) -> String {
    let name = match code {
        1 => "InternalError",
        2 => "BadValue",
        4 => "NoSuchKey",
        8 => "UnknownError",
        9 => "FailedToParse",
        11 => "UserNotFound",
        13 => "Unauthorized",
        14 => "TypeMismatch",
        15 => "Overflow",
        16 => "InvalidLength",
        20 => "IllegalOperation",
        22 => "InvalidBSON",
        24 => "LockTimeout",
        26 => "NamespaceNotFound",
        27 => "IndexNotFound",
        28 => "PathNotViable",
        40 => "ConflictingUpdateOperators",
        46 => "LockBusy",
        48 => "NamespaceExists",
        50 => "MaxTimeMSExpired",
        52 => "DollarPrefixedFieldName",
        53 => "InvalidIdField",
        56 => "EmptyFieldName",
        57 => "DottedFieldName",
        61 => "ShardKeyNotFound",
        66 => "ImmutableField",
        67 => "CannotCreateIndex",
        70 => "ShardNotFound",
        72 => "InvalidOptions",
        73 => "InvalidNamespace",
        82 => "NoProgressMade",
        96 => "OperationFailed",
        112 => "WriteConflict",
        115 => "CommandNotSupported",
        117 => "ConflictingOperationInProgress",
        121 => "DocumentValidationFailure",
        133 => "FailedToSatisfyReadPreference",
        146 => "ExceededMemoryLimit",
        150 => "StaleEpoch",
        166 => "CommandNotSupportedOnView",
        167 => "OptionNotSupportedOnView",
        171 => "CannotIndexParallelArrays",
        175 => "QueryPlanKilled",
        201 => "CannotBuildIndexKeys",
        202 => "NetworkInterfaceExceededTimeLimit",
        215 => "DatabaseDropPending",
        225 => "TransactionTooOld",
        241 => "ConversionFailure",
        249 => "StaleDbVersion",
        251 => "NoSuchTransaction",
        263 => "OperationNotSupportedInTransaction",
        292 => "QueryExceededMemoryLimitNoDiskUseAllowed",
        314 => "ObjectIsBusy",
        322 => "APIVersionError",
        323 => "APIStrictError",
        324 => "APIDeprecationError",
        343 => "ShardCannotRefreshDueToLocksHeld",
        365 => "TemporarilyUnavailable",
        11_000 => "DuplicateKey",
        11_601 => "Interrupted",
        13_388 => "StaleConfig",
        14_031 => "OutOfDiskSpace",
        17_280 => "OBSOLETE_KeyTooLong",
        17_419 => "BSONObjectTooLarge",
        _ => return format!("Location{code}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_name_that_the_server_gives_it() {
        assert_eq!(code_name(121), "DocumentValidationFailure");
        assert_eq!(code_name(16_755), "Location16755");
    }
}
