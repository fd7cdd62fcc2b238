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
}

#[test]
fn a_bad_value_names_its_option() {
    assert!(message(r#"{"collection":""}"#).contains("'collection'"));
    assert!(message(r#"{"collection":"a$b"}"#).contains("'collection'"));
    assert!(message(r#"{"operationTimeout":0}"#).contains("'operationTimeout'"));
    assert!(message(r#"{"save":"both"}"#).contains("'save'"));
    assert!(message(r#"{"whenDown":"wait"}"#).contains("'whenDown'"));
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
