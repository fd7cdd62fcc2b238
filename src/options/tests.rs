//! Defaults, and what is refused.

use super::*;

fn options(json: &str) -> Options {
    serde_json::from_str(json).unwrap()
}

fn message(json: &str) -> String {
    options(json).validate().unwrap_err().to_string()
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = options("{}").validate().unwrap();
    assert_eq!(
        config.target,
        Target::Mongo(Some(Address {
            uri: "mongodb://localhost:27017/express_sessions".into(),
            ..Address::default()
        }))
    );
    assert_eq!(config.collection, "sessions");
    assert!((config.ttl_ms - 86_400_000.0).abs() < f64::EPSILON);
    assert_eq!(config.prefix, "");
    assert_eq!(config.auto_remove, AutoRemove::Native);
    assert_eq!(config.operation_timeout, Duration::from_secs(10));
    assert_eq!(config.save, Save::Difference);
    assert!(!config.touch_on_get);
    assert!(!config.fallback_memory);
}

#[test]
fn a_bad_value_names_its_option() {
    assert!(message(r#"{"collection":""}"#).contains("'collection'"));
    assert!(message(r#"{"collection":"a$b"}"#).contains("'collection'"));
    assert!(message(r#"{"operationTimeout":0}"#).contains("'operationTimeout'"));
    assert!(message(r#"{"save":"both"}"#).contains("'save'"));
    assert!(message(r#"{"whenDown":"wait"}"#).contains("'whenDown'"));
    assert!(message(r#"{"maxPerUser":1}"#).contains("'maxPerUser'"));
    for bad in ["0", "1.5", "-1", "1e12"] {
        let message = message(&format!(r#"{{"userId":true,"maxPerUser":{bad}}}"#));
        assert!(message.contains("'maxPerUser'"), "{message}");
    }
    assert!(message(r#"{"autoRemove":"daily"}"#).contains("'autoRemove'"));
    assert!(message(r#"{"autoRemoveInterval":0}"#).contains("'autoRemoveInterval'"));
    for both in [
        "true,\"autoRemove\":\"interval\"",
        "false,\"autoRemove\":\"native\"",
    ] {
        let message = message(&format!(r#"{{"createTTLIndex":{both}}}"#));
        assert!(message.contains("'createTTLIndex'"), "{message}");
    }
}

#[test]
fn no_ttl_index_means_no_removal() {
    let auto_remove = |json| options(json).validate().unwrap().auto_remove;
    assert_eq!(
        auto_remove(r#"{"createTTLIndex":false}"#),
        AutoRemove::Disabled
    );
    assert_eq!(
        auto_remove(r#"{"createTTLIndex":false,"autoRemove":"interval"}"#),
        AutoRemove::Interval(Duration::from_secs(600))
    );
}

#[test]
fn a_bad_key_names_its_place_and_shows_nothing_of_it() {
    let problem = |keys| {
        let options = options(r#"{"encryption":{}}"#).with_keys(keys);
        options.validate().unwrap_err().to_string()
    };
    let bytes = |length| GivenKey::Bytes(Zeroizing::new(vec![b'x'; length]));
    let text = |text: &str| GivenKey::Text(Zeroizing::new(text.to_owned()));
    assert!(problem(vec![]).contains("'encryption.keys'"));
    assert!(problem(vec![bytes(31)]).contains("'encryption.keys[0]'"));
    let problem = problem(vec![bytes(32), text("too short")]);
    assert!(problem.contains("'encryption.keys[1]'"), "{problem}");
    assert!(!problem.contains("too short"), "{problem}");
}

#[test]
fn debug_shows_no_key() {
    let passphrase = GivenKey::Text(Zeroizing::new("a secret of many words".to_owned()));
    let options = options(r#"{"encryption":{}}"#).with_keys(vec![passphrase]);
    let shown = format!("{:?}", options.validate().unwrap());
    assert!(!shown.contains("secret of"), "{shown}");
}

#[test]
fn debug_shows_no_connection_string() {
    let config = options(r#"{"uri":"mongodb://me:secret@host/db"}"#)
        .validate()
        .unwrap();
    assert!(!format!("{config:?}").contains("secret"));
}

#[test]
fn fields_name_the_layout() {
    let config =
        options(r#"{"fields":{"id":"sid","session":"data","expires":"until"},"expireAfter":1500}"#)
            .validate()
            .unwrap();
    let Layout {
        id,
        session,
        moment,
        deleted,
        ..
    } = &config.layout;
    assert_eq!(
        [id, session, moment, deleted],
        ["sid", "data", "until", "deleted"]
    );
    assert_eq!(config.expire_after_seconds, 2);
}

#[test]
fn the_last_access_comes_with_a_lifetime() {
    let config = |json: &str| options(json).validate().unwrap();
    let given = config(r#"{"fields":{"lastAccess":"used"},"ttl":60000}"#);
    assert_eq!(given.layout.meaning, Moment::LastAccess(60_000));
    assert_eq!(given.expire_after_seconds, 60);
    let default = config(r#"{"fields":{"lastAccess":"used"}}"#);
    assert_eq!(default.layout.meaning, Moment::LastAccess(86_400_000));
    let endless = config(r#"{"fields":{"lastAccess":"used"},"autoRemove":"disabled"}"#);
    assert_eq!(
        endless.layout.meaning,
        Moment::LastAccess(4_000_000_000_000_000)
    );
}

#[test]
fn fields_that_cannot_be_are_named() {
    for (fields, name) in [
        (r#""id":"a.b""#, "'fields.id'"),
        (r#""session":"""#, "'fields.session'"),
        (r#""session":"_id""#, "'fields.session'"),
        (r#""expires":"$e""#, "'fields.expires'"),
        (r#""expires":"session""#, "'fields.expires'"),
        (r#""deleted":"createdAt""#, "'fields.deleted'"),
        (r#""lastAccess":"a","expires":"b""#, "'fields.lastAccess'"),
    ] {
        let message = message(&format!(r#"{{"fields":{{{fields}}}}}"#));
        assert!(message.contains(name), "{message}");
    }
    assert!(message(r#"{"expireAfter":-1}"#).contains("'expireAfter'"));
    assert!(message(r#"{"touchAfter":-1}"#).contains("'touchAfter'"));
    assert!(message(r#"{"absoluteTimeout":0}"#).contains("'absoluteTimeout'"));
    assert!(message(r#"{"encryption":{},"stringify":true}"#).contains("'encryption'"));
}
