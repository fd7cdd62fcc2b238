//! The options that a connection string gives, what they need of each other, and how the driver is
//! told about them.

use std::fmt;
use std::time::Duration;

use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::options::{ServerApi, ServerApiVersion};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::option::{self, Treatment, Value};
use super::refusal::{malformed, refused};
use crate::error::{Error, Result};
use crate::options::invalid;

/// Options that mean nothing without another one.
const COMPANIONS: [(&str, &str); 8] = [
    ("authMechanismProperties", "authMechanism"),
    ("maxStalenessSeconds", "readPreference"),
    ("proxyPassword", "proxyHost"),
    ("proxyPassword", "proxyUsername"),
    ("proxyPort", "proxyHost"),
    ("proxyUsername", "proxyHost"),
    ("proxyUsername", "proxyPassword"),
    ("readPreferenceTags", "readPreference"),
];

/// Options that the Node driver does not allow together.
const RIVALS: [(&str, &str); 2] = [
    ("tlsInsecure", "tlsAllowInvalidCertificates"),
    ("tlsInsecure", "tlsAllowInvalidHostnames"),
];

/// The Node driver's default; the other drivers' is lower.
const MAX_POOL_SIZE: i64 = 100;

/// An option as it was given.
struct Given {
    name: &'static str,
    /// The name that the user has written, which may be a synonym.
    written: String,
    value: String,
}

/// The options of a connection string, each at most once under its own name.
pub struct Query(Vec<Given>);

impl Query {
    /// Reads what follows the question mark, as a browser would.
    pub fn read(text: &str) -> Result<Self> {
        let mut query = Self(Vec::new());
        for (written, value) in form_urlencoded::parse(text.as_bytes()) {
            let (name, expected) = known(&written)?;
            let value = expected
                .read(&value)
                .map_err(|demand| refused(&format!("has '{written}', which must {demand}")))?;
            query.add(Given {
                name,
                written: written.into_owned(),
                value,
            })?;
        }
        Ok(query)
    }

    /// Puts options in the places of those with the same names.
    pub fn overrule(&mut self, options: &[(String, String)]) -> Result<()> {
        let mut others = Self(Vec::new());
        for (written, value) in options {
            let refused = |problem: &str| invalid(&format!("driverOptions.{written}"), problem);
            let (name, expected) = match treatment_of(written) {
                Some(Ok(known)) => known,
                Some(Err(reason)) => return Err(refused(&format!("is not supported: {reason}"))),
                None => {
                    let hint = option::hint(written);
                    return Err(refused(&format!("is not known{hint}")));
                }
            };
            let value = expected
                .read(value)
                .map_err(|demand| refused(&format!("must {demand}")))?;
            others.add(Given {
                name,
                written: written.clone(),
                value,
            })?;
        }
        self.0.retain(|given| !others.has(given.name));
        self.0.append(&mut others.0);
        Ok(())
    }

    /// Several sets of tags may be given. A synonym may repeat what its option says.
    fn add(&mut self, given: Given) -> Result<()> {
        let earlier = self.0.iter().find(|earlier| earlier.name == given.name);
        match earlier {
            Some(earlier) if given.name != "readPreferenceTags" => {
                let is_synonym = !earlier.written.eq_ignore_ascii_case(&given.written);
                if is_synonym && earlier.value == given.value {
                    return Ok(());
                }
                Err(refused(&format!("has '{}' twice", given.name)))
            }
            _ => {
                self.0.push(given);
                Ok(())
            }
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let given = self.0.iter().find(|given| given.name == name);
        given.map(|given| given.value.as_str())
    }

    /// Whether an option is given.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|given| given.name != name);
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.remove(name);
        self.0.push(Given {
            name,
            written: name.to_owned(),
            value: value.to_owned(),
        });
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    /// The smallest of the timeouts that bound an operation; 0 is none.
    pub fn take_bounds(&mut self) -> Option<Duration> {
        let is_bound =
            |given: &Given| matches!(option::find(given.name), Some((_, Treatment::Bound)));
        let bounds = self.0.extract_if(.., |given| is_bound(given));
        bounds
            .filter_map(|given| given.value.parse().ok())
            .filter(|milliseconds| *milliseconds > 0)
            .min()
            .map(Duration::from_millis)
    }

    /// The version of the server's API that the commands are to declare.
    pub fn take_server_api(&mut self) -> Result<Option<ServerApi>> {
        let is_true = |query: &Self, name| query.get(name).map(|value| value == "true");
        let [version, strict, deprecation_errors] = option::SERVER_API;
        let api = match self.get(version) {
            Some(_) => Some(
                ServerApi::builder()
                    .version(ServerApiVersion::V1)
                    .strict(is_true(self, strict))
                    .deprecation_errors(is_true(self, deprecation_errors))
                    .build(),
            ),
            None if self.has(strict) || self.has(deprecation_errors) => {
                return Err(invalid("driverOptions.serverApi", "needs a 'version'"));
            }
            None => None,
        };
        for name in option::SERVER_API {
            self.remove(name);
        }
        Ok(api)
    }

    /// Puts everything into the driver's words, and refuses what the driver would misunderstand.
    pub fn translate(&mut self, is_srv: bool, has_user: bool) -> Result<()> {
        self.check_relations()?;
        self.check_authentication(has_user)?;
        self.settle_tls(is_srv)?;
        self.adapt();
        Ok(())
    }

    fn check_relations(&self) -> Result<()> {
        for (name, companion) in COMPANIONS {
            if self.has(name) && !self.has(companion) {
                return Err(refused(&format!("has '{name}', which needs '{companion}'")));
            }
        }
        for (name, rival) in RIVALS {
            if self.has(name) && self.has(rival) {
                return Err(refused(&format!("has both '{name}' and '{rival}'")));
            }
        }
        for name in ["readPreferenceTags", "maxStalenessSeconds"] {
            if self.has(name) && self.get("readPreference") == Some("primary") {
                return Err(refused(&format!(
                    "has '{name}', which means nothing with the readPreference primary"
                )));
            }
        }
        // The driver would leave out what follows a second colon.
        let is_tag = |tag: &str| tag.matches(':').count() == 1;
        let mut tags = self
            .0
            .iter()
            .filter(|given| given.name == "readPreferenceTags");
        if !tags.all(|given| given.value.is_empty() || given.value.split(',').all(is_tag)) {
            return Err(refused(
                "has 'readPreferenceTags', which must be of the form name:value,name:value",
            ));
        }
        if self.number("minPoolSize") > Some(self.max_pool_size()) {
            return Err(refused("has 'minPoolSize', which is above 'maxPoolSize'"));
        }
        if self.number("w").is_some_and(|w| w < 1) {
            return Err(refused(
                "has 'w', which must not be below 1: the session store has to know whether a session was stored",
            ));
        }
        Ok(())
    }

    fn check_authentication(&self, has_user: bool) -> Result<()> {
        let mechanism = self.get("authMechanism");
        if mechanism == Some("GSSAPI") {
            return Err(refused(
                "has the authMechanism GSSAPI, which is not supported: it needs the Kerberos libraries of the system",
            ));
        }
        let properties = self.get("authMechanismProperties").unwrap_or_default();
        let names = properties
            .split(',')
            .filter_map(|property| property.split(':').next());
        let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        let is_oidc = mechanism == Some("MONGODB-OIDC");
        if is_oidc && !names.contains(&"ENVIRONMENT") {
            return Err(refused(
                "has the authMechanism MONGODB-OIDC, which needs authMechanismProperties with the ENVIRONMENT azure, gcp or k8s: a session store has no callback that could ask for a token",
            ));
        }
        if mechanism == Some("MONGODB-AWS") && (has_user || names.contains(&"AWS_SESSION_TOKEN")) {
            return Err(refused(
                "has the authMechanism MONGODB-AWS, whose credentials belong into the environment (AWS_ACCESS_KEY_ID and the like) and not into the string",
            ));
        }
        let belongs = |name: &&str| is_oidc && matches!(*name, "ENVIRONMENT" | "TOKEN_RESOURCE");
        if !names.iter().all(belongs) {
            return Err(refused(
                "has 'authMechanismProperties' that its authMechanism does not have",
            ));
        }
        Ok(())
    }

    /// The driver switches TLS on wherever an option is about it, and the Node driver takes no notice
    /// of such an option without `tls=true`: neither may be what was meant.
    fn settle_tls(&mut self, is_srv: bool) -> Result<()> {
        let is_about = |given: &Given| given.name.starts_with("tls") && given.name != "tls";
        match self.get("tls") {
            Some("false") => self.0.retain(|given| !is_about(given)),
            None if !is_srv => {
                if let Some(given) = self.0.iter().find(|given| is_about(given)) {
                    let name = given.name;
                    return Err(refused(&format!("has '{name}', which needs tls=true")));
                }
            }
            _ => {}
        }
        let is_true = |name| self.get(name) == Some("true");
        if is_true("tlsAllowInvalidHostnames") && !is_true("tlsAllowInvalidCertificates") {
            return Err(refused(
                "has 'tlsAllowInvalidHostnames', which is only supported together with tlsAllowInvalidCertificates: the name of a host is checked with its certificate",
            ));
        }
        self.remove("tlsAllowInvalidHostnames");
        Ok(())
    }

    /// As in the Node driver. 0 is without a limit there; so many are never needed.
    fn max_pool_size(&self) -> i64 {
        let given = self.number("maxPoolSize").filter(|size| *size > 0);
        given.unwrap_or(MAX_POOL_SIZE)
    }

    /// Says in the driver's words what it has other words for.
    fn adapt(&mut self) {
        self.set("maxPoolSize", &self.max_pool_size().to_string());
        // Without a limit: the driver would not even wait for a first answer.
        if self.get("serverSelectionTimeoutMS") == Some("0") {
            self.set("serverSelectionTimeoutMS", &option::MAX.to_string());
        }
        if self.get("authMechanism") == Some("DEFAULT") {
            self.remove("authMechanism");
        }
        if let Some(compressors) = self.get("compressors") {
            let names = compressors.split(',').filter(|name| *name != "none");
            match names.collect::<Vec<_>>().join(",").as_str() {
                "" => self.remove("compressors"),
                names => self.set("compressors", names),
            }
        }
    }

    /// Why the driver refuses the options. Its own text may quote any value; what it is about is
    /// said by the names in it.
    pub fn refusal(&self, error: &DriverError) -> Error {
        let message = match &*error.kind {
            ErrorKind::InvalidArgument { message, .. } => message.to_ascii_lowercase(),
            _ => String::new(),
        };
        let names: Vec<_> = self
            .0
            .iter()
            .map(|given| given.name)
            .filter(|name| message.contains(&name.to_ascii_lowercase()))
            .map(|name| format!("'{name}'"))
            .collect();
        if names.is_empty() && self.has("authMechanism") {
            return refused(
                "has an 'authMechanism' that does not go with its user name, password or authSource",
            );
        }
        if names.is_empty() {
            return refused("has options that contradict each other");
        }
        let names = names.join(" and ");
        refused(&format!(
            "has {names}, which does not go with the rest of it"
        ))
    }
}

/// As the driver reads it.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, given) in self.0.iter().enumerate() {
            let separator = if position > 0 { "&" } else { "" };
            let value = utf8_percent_encode(&given.value, NON_ALPHANUMERIC);
            write!(f, "{separator}{}={value}", given.name)?;
        }
        Ok(())
    }
}

/// The option that goes by this name, and what its value must be.
fn known(written: &str) -> Result<(&'static str, &'static Value)> {
    match treatment_of(written) {
        Some(Ok((name, _))) if option::SERVER_API.contains(&name) => Err(refused(
            "has a part of 'serverApi', which is an object of the option 'driverOptions'",
        )),
        Some(Ok(known)) => Ok(known),
        Some(Err(reason)) => Err(refused(&format!(
            "has '{written}', which is not supported: {reason}"
        ))),
        None => {
            // What is no name may be a part of a password.
            let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
            if written.is_empty() || !written.chars().all(is_name) {
                return Err(malformed());
            }
            Err(refused(&format!(
                "has the unknown option '{written}'{}",
                option::hint(written)
            )))
        }
    }
}

/// The option that goes by this name with what its value must be, or why it is refused.
fn treatment_of(
    written: &str,
) -> Option<std::result::Result<(&'static str, &'static Value), &'static str>> {
    let (name, treatment) = option::find(written)?;
    match treatment {
        Treatment::Driver(value) | Treatment::Object(value) => Some(Ok((name, value))),
        Treatment::Bound => Some(Ok((name, &option::MILLISECONDS))),
        Treatment::Synonym(name) => treatment_of(name),
        Treatment::Refused(reason) => Some(Err(reason)),
    }
}
