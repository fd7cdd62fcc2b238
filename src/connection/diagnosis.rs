//! What is wrong with a connection string that is not one. It is never quoted, since any part of it may be
//! one of a password.

use super::refusal::{malformed, refused};
use crate::error::Error;

/// Mistakes in the scheme that are worth their own words.
const SCHEMES: [(&str, &str); 4] = [
    ("http://", "the address of a web server"),
    ("https://", "the address of a web server"),
    ("mongo://", "short of two letters"),
    ("mongodb+svr://", "a slip of the pen"),
];

/// The first mistake of a connection string that there is.
pub fn diagnosis(uri: &str) -> Error {
    mistake(uri).map_or_else(malformed, |problem| refused(&problem))
}

fn mistake(uri: &str) -> Option<String> {
    if uri.is_empty() {
        return Some("is empty".to_owned());
    }
    if uri.starts_with(|first: char| first.is_whitespace() || matches!(first, '"' | '\'' | '`')) {
        return Some("begins with a space or a quotation mark".to_owned());
    }
    let (is_srv, rest) = if let Some(rest) = uri.strip_prefix("mongodb://") {
        (false, rest)
    } else if let Some(rest) = uri.strip_prefix("mongodb+srv://") {
        (true, rest)
    } else {
        return Some(scheme_mistake(uri));
    };
    if let Some(problem) = encoding_mistake(rest) {
        return Some(problem.to_owned());
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let login_and_hosts = rest[..end].rsplit_once('@');
    let (login, hosts) = login_and_hosts.unwrap_or(("", &rest[..end]));
    if login.starts_with(':') || (login.is_empty() && login_and_hosts.is_some()) {
        return Some("has a password without a user name, or an @ without either".to_owned());
    }
    if let Some(problem) = host_mistake(hosts, is_srv) {
        return Some(problem.to_owned());
    }
    let path = rest[end..].split('?').next().unwrap_or_default();
    let database = path.strip_prefix('/').unwrap_or_default();
    database
        .contains(NOT_IN_DATABASE)
        .then(|| NO_DATABASE.to_owned())
}

/// What cannot be in the name of a database, "Naming Restrictions" in the manual's limits page.
pub const NOT_IN_DATABASE: [char; 6] = ['/', '\\', '.', ' ', '"', '$'];

/// What is said of a name with any of them.
pub const NO_DATABASE: &str = "names a database that MongoDB does not allow";

/// What templates have in the place of a user name or a password, which nobody has filled in.
const BLANKS: [&str; 8] = [
    "<username>",
    "<user>",
    "<db_username>",
    "<dbuser>",
    "<password>",
    "<db_password>",
    "<dbpassword>",
    "<your_password>",
];

/// What stands in for a part of a connection string and was never replaced by it.
pub fn blank(address: &str) -> Option<Error> {
    let lower = address.to_ascii_lowercase();
    let blank = BLANKS.iter().find(|blank| lower.contains(**blank))?;
    Some(refused(&format!(
        "still has {blank}, which stands for what you have to write in its place, without the brackets"
    )))
}

fn scheme_mistake(uri: &str) -> String {
    let lower = uri.to_ascii_lowercase();
    for (scheme, what) in SCHEMES {
        if lower.starts_with(scheme) {
            return format!(
                "begins with {scheme}, which is {what}; it has to begin with mongodb:// or mongodb+srv://"
            );
        }
    }
    if matches!(lower.as_str(), "undefined" | "null" | "nan") {
        return format!("is the text '{lower}': a variable that was not set");
    }
    if lower.starts_with(['$', '%', '{']) {
        return "begins as a variable that was not replaced by its value".to_owned();
    }
    if lower.starts_with("memory") {
        return "has to be memory: with its colon and nothing behind it, or a connection string"
            .to_owned();
    }
    if lower.starts_with("mongodb:") || lower.starts_with("mongodb+srv:") {
        return "has to begin with mongodb:// or mongodb+srv://, in small letters and with two slashes".to_owned();
    }
    "does not begin with mongodb:// or mongodb+srv://".to_owned()
}

/// Characters of a user name or a password that mean something else where they are not encoded.
fn encoding_mistake(rest: &str) -> Option<&'static str> {
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = before.split_once('/').unwrap_or((before, ""));
    if rest.contains('#') {
        return Some("has a #; in a user name or a password it is written %23");
    }
    if authority.matches('@').count() > 1 {
        return Some("has more than one @; in a user name or a password it is written %40");
    }
    if !authority.contains('@') && path.contains('@') {
        return Some("has a / in front of its @; in a user name or a password it is written %2F");
    }
    if !authority.contains('@') && query.contains('@') {
        return Some("has a ? in front of its @; in a user name or a password it is written %3F");
    }
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    if login.matches(':').count() > 1 {
        return Some(
            "has more than one colon in front of its @; in a user name or a password it is written %3A",
        );
    }
    let is_code =
        |code: &str| code.len() >= 2 && code.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !login.split('%').skip(1).all(is_code) {
        return Some("has a % without a code; in a user name or a password it is written %25");
    }
    None
}

fn host_mistake(hosts: &str, is_srv: bool) -> Option<&'static str> {
    if hosts.is_empty() {
        return Some("names no host");
    }
    if is_srv && hosts.contains(',') {
        return Some(
            "begins with mongodb+srv:// and so names one host only, in whose DNS records are the others",
        );
    }
    if is_srv && hosts.contains(':') {
        return Some("begins with mongodb+srv:// and so has no port, which is in the DNS records");
    }
    for host in hosts.split(',') {
        let name_end = host.rfind(']').map_or(0, |end| end + 1);
        let (name, port) = match host[name_end..].rsplit_once(':') {
            Some((name, port)) => (&host[..name_end + name.len()], Some(port)),
            None => (host, None),
        };
        if name.is_empty() {
            return Some("has a host without a name");
        }
        if name_end == 0 && name.contains(':') {
            return Some("has a host with several colons; an IPv6 address is written in brackets");
        }
        if port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..))) {
            return Some("has a port that is no whole number from 1 to 65535");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_was_not_filled_in_is_told_by_what_is_left_of_it() {
        for address in [
            "mongodb+srv://me:<password>@a.b.c/d",
            "mongodb://<USER>:x@h",
        ] {
            let message = blank(address).map(|error| error.to_string());
            assert!(message.is_some_and(|message| message.contains("in its place")));
        }
        assert!(blank("mongodb://me:<secret>@h").is_none());
    }

    #[test]
    fn each_mistake_has_its_own_words_and_none_quotes_the_string() {
        for (uri, words) in [
            ("", "is empty"),
            (" mongodb://h", "space"),
            ("\"mongodb://h\"", "quotation mark"),
            ("localhost", "does not begin"),
            ("localhost:27017/secret", "does not begin"),
            ("http://secret.h", "http://"),
            ("HTTPS://secret.h", "https://"),
            ("mongo://me:secret@h", "mongo://"),
            ("mongodb+svr://me:secret@h", "mongodb+svr://"),
            ("mongodb:/h", "two slashes"),
            ("MongoDB://h", "small letters"),
            ("mongodb://", "no host"),
            ("mongodb:///d", "no host"),
            ("mongodb://me:secret@", "no host"),
            ("mongodb://:secret@h", "user name"),
            ("mongodb://h:99999/d", "port"),
            ("mongodb://h:0/d", "port"),
            ("mongodb://h:secret/d", "port"),
            ("mongodb://a,:1/d", "without a name"),
            ("mongodb://::1/d", "brackets"),
            ("mongodb://me:sec@ret@h/d", "%40"),
            ("mongodb://me:sec/ret@h/d", "%2F"),
            ("mongodb://me:sec?ret@h/d", "%3F"),
            ("mongodb://me:sec#ret@h/d", "%23"),
            ("mongodb://me:sec:ret@h/d", "%3A"),
            ("mongodb://me:sec%ret@h/d", "%25"),
            ("mongodb+srv://me:secret@h.d.e:27017/d", "no port"),
            ("mongodb+srv://a.b.c,d.e.f/d", "one host"),
            ("mongodb://h/secret/d", "names a database"),
            ("mongodb://h/sec ret?w=1", "names a database"),
            ("mongodb://@h/d", "without a user name"),
            ("undefined", "not set"),
            ("${MONGODB_URI}", "not replaced"),
            ("MEMORY:", "memory:"),
            ("memory", "colon"),
        ] {
            let message = diagnosis(uri).to_string();
            assert!(message.contains(words), "{uri}: {message}");
            assert!(
                !message.contains("sec") && !message.contains("ret@"),
                "{message}"
            );
        }
    }
}
