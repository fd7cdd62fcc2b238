//! The options of a connection string: what each of them is here. The one place that knows them.

use std::ops::RangeInclusive;

use self::Value::{Boolean, List, OneOf, Text, Whole};

/// The largest number of milliseconds that MongoDB and its drivers agree on: 2³¹ − 1.
pub const MAX: i64 = 2_147_483_647;

/// What becomes of an option.
pub enum Treatment {
    /// The driver honours it.
    Driver(Value),
    /// Another name of an option.
    Synonym(&'static str),
    /// An upper bound on how long an operation may take, in milliseconds, 0 being none. The driver
    /// does not know it; the store's own deadline enforces it.
    Bound,
    /// A part of what is an object in the Node driver, and in no connection string.
    Object(Value),
    /// It is refused, for this reason.
    Refused(&'static str),
}

/// What may be written behind an option's equals sign.
pub enum Value {
    /// Anything but nothing.
    Text,
    /// Anything, and nothing too.
    AnyText,
    /// At most 128 bytes: a server refuses the handshake of a client with a longer name.
    Name,
    /// `true` or `false`.
    Boolean,
    /// A whole number in this range.
    Whole(i64, i64),
    /// One of these, in any case.
    OneOf(&'static [&'static str]),
    /// Some of these in any case, separated by commas.
    List(&'static [&'static str]),
}

/// The parts of the option `serverApi`: which version, whether nothing else is allowed, and whether what it
/// is going to give up is refused.
pub const SERVER_API: [&str; 3] = [
    "serverApi.version",
    "serverApi.strict",
    "serverApi.deprecationErrors",
];

/// A span of time that the Node driver takes.
pub const MILLISECONDS: Value = Whole(0, MAX);

const DURATION: Treatment = Treatment::Driver(MILLISECONDS);
const FLAG: Treatment = Treatment::Driver(Boolean);
const NUMBER: Treatment = Treatment::Driver(Whole(0, MAX));
const TEXT: Treatment = Treatment::Driver(Text);

const DATABASE: Treatment =
    Treatment::Refused("the database belongs into the path of the connection string");
const BSON: Treatment =
    Treatment::Refused("how sessions are stored is laid down by the session store");
const OBJECT: Treatment =
    Treatment::Refused("its value is an object of the Node driver, which no string can hold");
const SOCKET: Treatment =
    Treatment::Refused("it is for Node's sockets, which the session store does not use");
const LOGGING: Treatment =
    Treatment::Refused("it is for the log of the Node driver; the session store emits events");
const INTERNAL: Treatment = Treatment::Refused("it is internal to the Node driver");

/// Every option of a connection string that the Node driver knows, and the server's manual.
pub const OPTIONS: &[(&str, Treatment)] = &[
    // Servers
    ("replicaSet", TEXT),
    ("directConnection", FLAG),
    ("loadBalanced", FLAG),
    ("srvMaxHosts", NUMBER),
    ("srvServiceName", TEXT),
    ("appName", Treatment::Driver(Value::Name)),
    ("heartbeatFrequencyMS", Treatment::Driver(Whole(500, MAX))),
    ("localThresholdMS", DURATION),
    (
        "serverMonitoringMode",
        Treatment::Driver(OneOf(&["auto", "poll", "stream"])),
    ),
    ("serverSelectionTimeoutMS", DURATION),
    ("minHeartbeatFrequencyMS", INTERNAL),
    ("serverApi", OBJECT),
    (SERVER_API[0], Treatment::Object(OneOf(&["1"]))),
    (SERVER_API[1], Treatment::Object(Boolean)),
    (SERVER_API[2], Treatment::Object(Boolean)),
    ("srvPoller", INTERNAL),
    // Connections
    ("connectTimeoutMS", DURATION),
    ("maxConnecting", Treatment::Driver(Whole(1, MAX))),
    ("maxIdleTimeMS", DURATION),
    ("maxPoolSize", NUMBER),
    ("minPoolSize", NUMBER),
    ("socketTimeoutMS", Treatment::Bound),
    ("timeoutMS", Treatment::Bound),
    ("waitQueueTimeoutMS", Treatment::Bound),
    (
        "compressors",
        Treatment::Driver(List(&["none", "snappy", "zlib", "zstd"])),
    ),
    ("zlibCompressionLevel", Treatment::Driver(Whole(-1, 9))),
    ("proxyHost", TEXT),
    ("proxyPort", Treatment::Driver(Whole(1, 65_535))),
    ("proxyUsername", TEXT),
    ("proxyPassword", TEXT),
    ("autoSelectFamily", SOCKET),
    ("autoSelectFamilyAttemptTimeout", SOCKET),
    ("family", SOCKET),
    ("hints", SOCKET),
    ("keepAliveInitialDelay", SOCKET),
    ("localAddress", SOCKET),
    ("localPort", SOCKET),
    ("lookup", OBJECT),
    ("minInternalBufferSize", SOCKET),
    ("noDelay", SOCKET),
    ("connectionType", INTERNAL),
    ("__skipPingOnConnect", INTERNAL),
    // TLS
    ("tls", FLAG),
    ("ssl", Treatment::Synonym("tls")),
    ("tlsCAFile", TEXT),
    ("tlsCertificateKeyFile", TEXT),
    ("tlsCertificateKeyFilePassword", TEXT),
    ("tlsInsecure", FLAG),
    ("tlsAllowInvalidCertificates", FLAG),
    ("tlsAllowInvalidHostnames", FLAG),
    (
        "tlsCRLFile",
        Treatment::Refused("revocation lists are not supported"),
    ),
    ("allowPartialTrustChain", OBJECT),
    ("ALPNProtocols", OBJECT),
    ("ca", OBJECT),
    ("cert", OBJECT),
    ("checkServerIdentity", OBJECT),
    ("ciphers", SOCKET),
    ("crl", OBJECT),
    ("ecdhCurve", SOCKET),
    ("enableTrace", SOCKET),
    ("index", INTERNAL),
    ("key", OBJECT),
    ("minDHSize", SOCKET),
    (
        "passphrase",
        Treatment::Refused("it is called tlsCertificateKeyFilePassword"),
    ),
    ("pfx", OBJECT),
    ("pskCallback", OBJECT),
    (
        "rejectUnauthorized",
        Treatment::Refused("it is called tlsAllowInvalidCertificates"),
    ),
    ("requestCert", SOCKET),
    ("requestOCSP", SOCKET),
    ("secureContext", OBJECT),
    ("secureProtocol", SOCKET),
    ("servername", SOCKET),
    ("session", OBJECT),
    ("SNICallback", OBJECT),
    // Authentication
    (
        "authMechanism",
        Treatment::Driver(OneOf(&[
            "DEFAULT",
            "SCRAM-SHA-1",
            "SCRAM-SHA-256",
            "MONGODB-X509",
            "MONGODB-AWS",
            "MONGODB-OIDC",
            "PLAIN",
            "GSSAPI",
        ])),
    ),
    ("authMechanismProperties", TEXT),
    ("authSource", TEXT),
    ("auth", OBJECT),
    // Reading and writing
    ("readConcernLevel", TEXT),
    (
        "readPreference",
        Treatment::Driver(OneOf(&[
            "primary",
            "primaryPreferred",
            "secondary",
            "secondaryPreferred",
            "nearest",
        ])),
    ),
    ("readPreferenceTags", Treatment::Driver(Value::AnyText)),
    ("maxStalenessSeconds", Treatment::Driver(Whole(90, MAX))),
    ("w", TEXT),
    ("wtimeoutMS", DURATION),
    ("wtimeout", Treatment::Synonym("wtimeoutMS")),
    ("journal", FLAG),
    ("j", Treatment::Synonym("journal")),
    ("fsync", Treatment::Synonym("journal")),
    ("retryReads", FLAG),
    ("retryWrites", FLAG),
    ("enableOverloadRetargeting", FLAG),
    ("maxAdaptiveRetries", NUMBER),
    ("readConcern", OBJECT),
    ("writeConcern", OBJECT),
    // What is not about the connection
    ("dbName", DATABASE),
    ("autoEncryption", OBJECT),
    ("bsonRegExp", BSON),
    ("checkKeys", BSON),
    ("enableUtf8Validation", BSON),
    ("fieldsAsRaw", BSON),
    ("forceServerObjectId", BSON),
    ("ignoreUndefined", BSON),
    ("pkFactory", BSON),
    ("promoteBuffers", BSON),
    ("promoteLongs", BSON),
    ("promoteValues", BSON),
    ("raw", BSON),
    ("serializeFunctions", BSON),
    ("useBigInt64", BSON),
    ("uuidRepresentation", BSON),
    ("driverInfo", OBJECT),
    ("name", INTERNAL),
    ("runtimeAdapters", OBJECT),
    ("monitorCommands", LOGGING),
    ("mongodbLogComponentSeverities", LOGGING),
    ("mongodbLogMaxDocumentLength", LOGGING),
    ("mongodbLogPath", LOGGING),
];

/// The option of this name, in any case, by its own name.
pub fn find(name: &str) -> Option<(&'static str, &'static Treatment)> {
    OPTIONS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(known, treatment)| (*known, treatment))
}

/// The option that was probably meant by a name that is none.
pub fn likely(written: &str) -> Option<&'static str> {
    const OLD_NAMES: [(&str, &str); 2] = [("poolSize", "maxPoolSize"), ("user", "auth")];
    let old = OLD_NAMES
        .iter()
        .find(|(old, _)| old.eq_ignore_ascii_case(written));
    let is_close = |name: &str| {
        let (shorter, longer) = if name.len() < written.len() {
            (name, written)
        } else {
            (written, name)
        };
        // A letter too many or too few.
        longer.len() == shorter.len() + 1
            && (0..longer.len()).any(|at| {
                longer.is_char_boundary(at)
                    && longer.is_char_boundary(at + 1)
                    && format!("{}{}", &longer[..at], &longer[at + 1..])
                        .eq_ignore_ascii_case(shorter)
            })
    };
    let close = || {
        OPTIONS
            .iter()
            .map(|(name, _)| *name)
            .find(|name| is_close(name))
    };
    old.map(|(_, name)| *name).or_else(close)
}

/// The same as the end of a sentence.
pub fn hint(written: &str) -> String {
    likely(written)
        .map(|name| format!(", did you mean '{name}'?"))
        .unwrap_or_default()
}

impl Value {
    /// The value as the driver knows it, or what it should have been.
    pub fn read(&self, value: &str) -> Result<String, String> {
        let within = |range: RangeInclusive<i64>| {
            let number: Option<i64> = value.parse().ok();
            number
                .filter(|number| range.contains(number))
                .ok_or_else(|| {
                    format!(
                        "be a whole number from {} to {}",
                        range.start(),
                        range.end()
                    )
                })
        };
        let one_of = |choices: &[&str], value: &str| {
            let choice = choices
                .iter()
                .find(|choice| choice.eq_ignore_ascii_case(value));
            choice.map(|choice| (*choice).to_owned())
        };
        match self {
            Self::AnyText => Ok(value.to_owned()),
            _ if value.is_empty() => Err("have a value".to_owned()),
            Self::Text => Ok(value.to_owned()),
            Self::Name if value.len() <= 128 => Ok(value.to_owned()),
            Self::Name => Err("be at most 128 bytes long".to_owned()),
            Self::Boolean => {
                one_of(&["true", "false"], value).ok_or_else(|| "be true or false".to_owned())
            }
            Self::Whole(least, most) => within(*least..=*most).map(|number| number.to_string()),
            Self::OneOf(choices) => {
                one_of(choices, value).ok_or_else(|| format!("be one of {}", choices.join(", ")))
            }
            Self::List(choices) => {
                let values: Option<Vec<_>> = value
                    .split(',')
                    .map(|value| one_of(choices, value))
                    .collect();
                values
                    .map(|values| values.join(","))
                    .ok_or_else(|| format!("be a list of {}", choices.join(", ")))
            }
        }
    }
}
