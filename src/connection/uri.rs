//! Reads a connection string: what the driver is given of it, what the store takes care of, and what
//! is refused.

use std::time::Duration;

use futures_util::FutureExt;
use mongodb::options::{AuthMechanism, ClientOptions, ConnectionString, HostInfo, ServerApi};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::diagnosis::{NO_DATABASE, NOT_IN_DATABASE, blank, diagnosis};
use super::option;
use super::query::Query;
use super::refusal::refused;
use crate::error::{Error, Result};
use crate::options::{Address, invalid};

/// The database of a connection string that names none, as in the official drivers.
const DEFAULT_DATABASE: &str = "test";

/// A connection string that has been understood.
pub struct Uri {
    /// What the driver honours.
    pub driver: ConnectionString,
    /// The smallest of the timeouts that bound an operation.
    pub timeout: Option<Duration>,
    /// The database.
    pub database: String,
    /// The version of the server's API that the commands declare, if they do.
    pub server_api: Option<ServerApi>,
    /// Two of the same lead to the same servers in the same way. Holds the credentials.
    target: Zeroizing<String>,
}

impl Uri {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] that says what is wrong and repeats no value, which may be a
    /// password.
    pub fn parse(given: &Address) -> Result<Self> {
        let uri = given.uri.trim_end();
        let (address, text) = uri.split_once('?').unwrap_or((uri, ""));
        // A fragment, or what belongs to a password that was not encoded.
        if uri.contains('#') || (text.contains('@') && !address.contains('@')) {
            return Err(diagnosis(uri));
        }
        if let Some(error) = blank(address) {
            return Err(error);
        }
        let bare = ConnectionString::parse(address).map_err(|_| diagnosis(uri))?;
        if let Some(name) = &bare.default_database
            && name.contains(NOT_IN_DATABASE)
        {
            return Err(refused(NO_DATABASE));
        }
        if let Some(name) = &given.database
            && (name.is_empty() || name.contains(NOT_IN_DATABASE))
        {
            return Err(invalid("dbName", "must be a name that MongoDB allows"));
        }
        let mut query = Query::read(text)?;
        query.overrule(&given.options)?;
        let timeout = query.take_bounds();
        let server_api = query.take_server_api()?;
        let is_srv = address.starts_with("mongodb+srv:");
        query
            .translate(is_srv, address.contains('@'))
            .map_err(|error| attributed(error, &given.options))?;
        let text = Zeroizing::new(format!("{address}?{query}"));
        // In the database of the path is also the user, unless `authSource` names another one.
        let names_user = address.contains('@') && !query.has("authSource");
        let servers = if names_user {
            address
        } else {
            without_path(address)
        };
        let target = Zeroizing::new(format!("{servers}?{query} {server_api:?}"));
        let mut driver = ConnectionString::parse(&*text).map_err(|error| query.refusal(&error))?;
        if let Some(credential) = &mut driver.credential
            && credential.mechanism == Some(AuthMechanism::MongoDbX509)
        {
            // The driver sends it in a field that servers do not know; they take the subject of the
            // certificate, which it would have to be.
            credential.username = None;
        }
        // Where no name has to be looked up, this has nothing to wait for.
        if !is_srv
            && let Some(Err(error)) = ClientOptions::parse(driver.clone())
                .into_future()
                .now_or_never()
        {
            return Err(query.refusal(&error));
        }
        let database = given.database.as_ref().or(bare.default_database.as_ref());
        Ok(Self {
            driver,
            timeout,
            database: database.map_or(DEFAULT_DATABASE, String::as_str).to_owned(),
            server_api,
            target,
        })
    }

    /// The database in which the user of the connection string is looked for.
    #[must_use]
    pub fn user_database(&self) -> Option<String> {
        let credential = self.driver.credential.as_ref()?;
        let of_path = self.driver.default_database.clone();
        let by_default = match credential.mechanism {
            None | Some(AuthMechanism::ScramSha1 | AuthMechanism::ScramSha256) => {
                of_path.unwrap_or_else(|| "admin".to_owned())
            }
            Some(_) => "$external".to_owned(),
        };
        Some(credential.source.clone().unwrap_or(by_default))
    }

    /// What is missing where the server does not allow a command, in words.
    #[must_use]
    pub fn missing_right(&self) -> String {
        let database = &self.database;
        if self.driver.credential.is_some() {
            format!(
                "The user in the connection string has no role that allows this in the database '{database}': it needs readWrite there"
            )
        } else {
            "The server wants a user to log in, and the connection string has none".to_owned()
        }
    }

    /// The name that DNS has to translate, in words, if it is one.
    #[must_use]
    pub fn srv_name(&self) -> Option<String> {
        match &self.driver.host_info {
            HostInfo::DnsRecord(name) => Some(format!("SRV record of {name}")),
            _ => None,
        }
    }

    /// The servers that it names, or the record of DNS that does. No secret.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        match &self.driver.host_info {
            HostInfo::HostIdentifiers(servers) => servers.iter().map(ToString::to_string).collect(),
            HostInfo::DnsRecord(name) => vec![format!("mongodb+srv://{name}")],
            _ => Vec::new(),
        }
    }

    /// The same for two addresses that lead to the same servers in the same way. No secret.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.target.as_bytes()).into()
    }
}

/// The error with the option in the place where it was given, if that is none of the connection string.
fn attributed(error: Error, options: &[(String, String)]) -> Error {
    let Error::InvalidOption(message) = &error else {
        return error;
    };
    let found = message
        .strip_prefix("option 'uri' has '")
        .and_then(|rest| rest.split_once("', which "));
    match found {
        Some((name, problem)) if is_among(name, options) => {
            invalid(&format!("driverOptions.{name}"), problem)
        }
        _ => error,
    }
}

fn is_among(name: &str, options: &[(String, String)]) -> bool {
    options
        .iter()
        .any(|(written, _)| option::find(written).is_some_and(|(known, _)| known == name))
}

/// A connection string up to its hosts.
fn without_path(address: &str) -> &str {
    let hosts = address.find("://").map_or(0, |end| end + 3);
    let end = address[hosts..].find('/').map(|end| hosts + end);
    &address[..end.unwrap_or(address.len())]
}

#[cfg(test)]
mod tests {
    use mongodb::options::Tls;

    use super::*;

    fn address(uri: &str) -> Address {
        Address {
            uri: uri.to_owned(),
            ..Address::default()
        }
    }

    fn parse(query: &str) -> Uri {
        Uri::parse(&address(&format!("mongodb://h/d?{query}")))
            .unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    fn message(uri: &str) -> String {
        let message = Uri::parse(&address(uri))
            .err()
            .map(|error| error.to_string());
        message.unwrap_or_else(|| panic!("{uri} was accepted"))
    }

    #[test]
    fn the_timeouts_of_the_node_driver_bound_operations() {
        let uri =
            parse("w=majority&socketTimeoutMS=5000&TIMEOUTMS=3000&waitQueueTimeoutMS=0&appName=a");
        assert_eq!(uri.timeout, Some(Duration::from_secs(3)));
        assert_eq!(uri.driver.app_name.as_deref(), Some("a"));
        assert_eq!(
            parse("waitqueuetimeoutms=7").timeout,
            Some(Duration::from_millis(7))
        );
        assert_eq!(parse("sockettimeoutms=0").timeout, None);
        assert!(message("mongodb://h/d?timeoutMS=soon").contains("'timeoutMS'"));
    }

    #[test]
    fn a_bad_connection_string_is_refused_without_being_repeated() {
        for uri in [
            "localhost",
            "mongodb://",
            "mongodb://me:secret@",
            "mongodb://me:secret",
            "mongodb://me:sec#secret@h",
            "mongodb://me:sec?secret@h/d",
            "mongodb://me:x@sec?secret@h/d",
            "mongodb://me:secret@h/d?w=x&nonsense=1",
            "http://me:secret@h",
            "mongodb://h/?authMechanism=secret",
            "mongodb://h/?tls=secret",
            "mongodb://h/?compressors=secret",
            "mongodb://me:secret@h/?authMechanism=MONGODB-X509",
            "mongodb://h/?proxyPassword=secret",
            "mongodb://h/sec$secret",
        ] {
            let message = message(uri);
            assert!(message.contains("'uri'"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn what_the_node_driver_reads_in_another_way_is_read_like_that() {
        let uri = Uri::parse(&address("mongodb://h?&appName=a+b%20c&& \n")).unwrap();
        assert_eq!(uri.driver.app_name.as_deref(), Some("a b c"));
        let uri = parse("wtimeout=5&fsync=true&j=true&ssl=true&tls=true&compressors=none,zlib");
        let concern = uri.driver.write_concern.unwrap();
        assert_eq!(concern.w_timeout, Some(Duration::from_millis(5)));
        assert_eq!(concern.journal, Some(true));
        assert!(matches!(uri.driver.tls, Some(Tls::Enabled(_))));
        assert_eq!(uri.driver.compressors.unwrap().len(), 1);
        let uri = parse("serverSelectionTimeoutMS=0&maxPoolSize=0&compressors=none");
        assert!(uri.driver.server_selection_timeout > Some(Duration::from_secs(3600)));
        assert_eq!(uri.driver.max_pool_size, Some(100));
        let uri = parse("tls=false&tlsCAFile=/nowhere");
        assert!(matches!(uri.driver.tls, Some(Tls::Disabled)));
    }

    #[test]
    fn options_that_contradict_each_other_are_named() {
        for (query, name) in [
            ("w=1&w=1", "'w'"),
            ("j=true&journal=false", "'journal'"),
            ("tls=true&ssl=false", "'tls'"),
            ("tlsCAFile=a", "'tlsCAFile'"),
            (
                "tls=true&tlsAllowInvalidHostnames=true",
                "'tlsAllowInvalidHostnames'",
            ),
            (
                "tls=true&tlsInsecure=true&tlsAllowInvalidHostnames=false",
                "'tlsInsecure'",
            ),
            ("readPreferenceTags=a:b", "'readPreferenceTags'"),
            (
                "readPreference=primary&maxStalenessSeconds=90",
                "'maxStalenessSeconds'",
            ),
            (
                "readPreference=nearest&readPreferenceTags=a:b:c",
                "'readPreferenceTags'",
            ),
            ("w=0", "'w'"),
            ("w=-1", "'w'"),
            ("minPoolSize=3&maxPoolSize=2", "'minPoolSize'"),
            ("srvMaxHosts=1", "'srvMaxHosts'"),
            ("directConnection=true&loadBalanced=true", "'loadBalanced'"),
            ("authMechanism=GSSAPI", "GSSAPI"),
            ("authMechanism=MONGODB-OIDC", "ENVIRONMENT"),
            ("authMechanism=PLAIN", "'authMechanism'"),
            (
                "authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:a",
                "MONGODB-AWS",
            ),
            ("authMechanismProperties=a:b", "'authMechanismProperties'"),
        ] {
            let message = message(&format!("mongodb://h/d?{query}"));
            assert!(message.contains(name), "{query}: {message}");
        }
        assert!(message("mongodb://a,b/?directConnection=true").contains("'directConnection'"));
        assert!(
            message("mongodb+srv://a.b.c/?directConnection=true").contains("'directConnection'")
        );
    }

    #[test]
    fn driver_options_go_before_those_of_the_string() {
        let given = |options: &[(&str, &str)]| Address {
            options: options
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..address("mongodb://h/d?appName=a&w=1")
        };
        let uri = Uri::parse(&given(&[("appname", "b c"), ("minPoolSize", "2")])).unwrap();
        assert_eq!(uri.driver.app_name.as_deref(), Some("b c"));
        assert_eq!(uri.driver.min_pool_size, Some(2));
        for (options, name) in [
            ([("nonsense", "1")], "'driverOptions.nonsense'"),
            ([("ca", "")], "'driverOptions.ca'"),
            ([("maxPoolSize", "many")], "'driverOptions.maxPoolSize'"),
            (
                [("tlsCAFile", "a")],
                "'driverOptions.tlsCAFile' needs tls=true",
            ),
            (
                [("minPoolSize", "101")],
                "'driverOptions.minPoolSize' is above",
            ),
        ] {
            let error = Uri::parse(&given(&options)).err().unwrap();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn the_endpoints_are_those_of_the_string_and_no_secret() {
        let of = |uri| Uri::parse(&address(uri)).unwrap().endpoints();
        assert_eq!(of("mongodb://me:secret@h/d"), ["h:27017"]);
        assert_eq!(
            of("mongodb://b:1,a/d?replicaSet=r"),
            ["b:1", "a:27017"],
            "in their order"
        );
        assert_eq!(
            of("mongodb+srv://me:secret@h.example.com/d"),
            ["mongodb+srv://h.example.com"]
        );
    }

    #[test]
    fn equal_addresses_have_equal_fingerprints() {
        let of = |uri| Uri::parse(&address(uri)).unwrap().fingerprint();
        assert_eq!(of("mongodb://me:x@h/d"), of("mongodb://me:x@h/d"));
        assert_ne!(of("mongodb://me:x@h/d"), of("mongodb://me:y@h/d"));
        assert_eq!(of("mongodb://h/d"), of("mongodb://h/e"));
        assert_eq!(of("mongodb://h,i"), of("mongodb://h,i/e?"));
        assert_ne!(of("mongodb://h"), of("mongodb://h/?w=2"));
        // The users of two databases are two users.
        assert_ne!(of("mongodb://me:x@h/d"), of("mongodb://me:x@h/e"));
        assert_eq!(
            of("mongodb://me:x@h/d?authSource=admin"),
            of("mongodb://me:x@h/e?authSource=admin")
        );
    }
}
