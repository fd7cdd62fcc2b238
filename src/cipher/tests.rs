//! What is encrypted comes back for its own session and field, under a key that is there, and from
//! nothing but what was written.

use aes_gcm::Aes256Gcm;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};
use proptest::prelude::*;
use sha2::Sha256;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::*;
use crate::document::{Layout, Reader, Reading};
use crate::error::{Error, Undecryptable};

fn read(document: &[u8], now_ms: i64, keys: Option<&Keys>) -> Result<Reading> {
    let layout = Layout::default();
    let reader = Reader {
        keys,
        ..Reader::new(&layout, now_ms)
    };
    reader.read(document)
}

fn keys(bytes: &[u8]) -> Keys {
    let secrets: Vec<Secret> = bytes
        .iter()
        .map(|&byte| Secret::key(&[byte; 32]).unwrap())
        .collect();
    Keys::derive(&secrets, Purpose::Always, "sessions".into())
}

fn session() -> Vec<u8> {
    doc! { "cookie": { "path": "/" }, "user": "somebody", "": 1, "a.b": [1, 2.5] }
        .to_vec()
        .unwrap()
}

fn parse(bytes: &[u8]) -> Document {
    Document::from_reader(bytes).unwrap()
}

/// The payload of a field.
fn payload(session: &[u8], field: &str) -> Vec<u8> {
    match parse(session).remove(field) {
        Some(Bson::Binary(Binary {
            subtype: BinarySubtype::UserDefined(SUBTYPE),
            bytes,
        })) => bytes,
        other => panic!("expected an encrypted value, got {other:?}"),
    }
}

/// A session with one encrypted field.
fn with_payload(field: &str, bytes: Vec<u8>) -> Vec<u8> {
    let subtype = BinarySubtype::UserDefined(SUBTYPE);
    doc! { field: Binary { subtype, bytes } }.to_vec().unwrap()
}

fn reason(result: Result<Vec<u8>>) -> Undecryptable {
    match result {
        Err(Error::Decryption(reason)) => reason,
        other => panic!("expected a failure to decrypt, got {other:?}"),
    }
}

#[test]
fn a_session_comes_back_as_it_was_and_only_its_names_show() {
    let keys = keys(&[1]);
    let encrypted = keys.encrypt_session("id", &session()).unwrap();
    assert_eq!(keys.decrypt_session("id", &encrypted).unwrap(), session());
    let stored = parse(&encrypted);
    assert_eq!(
        stored.keys().collect::<Vec<_>>(),
        ["cookie", "user", "", "a.b"]
    );
    let text = b"somebody";
    assert!(!encrypted.windows(text.len()).any(|window| window == text));
}

#[test]
fn the_size_is_known_before() {
    let encrypted = keys(&[1]).encrypt_session("id", &session()).unwrap();
    assert_eq!(encrypted_size(&session()).unwrap(), encrypted.len());
}

#[test]
fn the_same_value_never_looks_the_same() {
    let keys = keys(&[1]);
    let [a, b] = [(); 2].map(|()| keys.encrypt_session("id", &session()).unwrap());
    assert_ne!(payload(&a, "user"), payload(&b, "user"));
}

#[test]
fn the_first_key_encrypts_and_all_decrypt() {
    let old = keys(&[1]).encrypt_session("id", &session()).unwrap();
    let rotated = keys(&[2, 1]);
    assert_eq!(rotated.decrypt_session("id", &old).unwrap(), session());
    let new = rotated.encrypt_session("id", &session()).unwrap();
    assert_eq!(keys(&[2]).decrypt_session("id", &new).unwrap(), session());
    assert_eq!(
        reason(keys(&[2]).decrypt_session("id", &old)),
        Undecryptable::UnknownKey
    );
}

#[test]
fn a_session_is_current_if_all_of_it_is_under_the_first_key() {
    let both = keys(&[2, 1]);
    let current = both.encrypt_session("id", &session()).unwrap();
    let former = keys(&[1]).encrypt_session("id", &session()).unwrap();
    assert!(both.is_current(&current).unwrap());
    assert!(!both.is_current(&former).unwrap());
    assert!(!both.is_current(&session()).unwrap());
    assert!(both.is_current(&current[1..]).is_err());
}

#[test]
fn a_value_counts_in_its_own_context_only() {
    let in_context = |context: &str| {
        let secrets = [Secret::key(&[1; 32]).unwrap()];
        Keys::derive(&secrets, Purpose::Always, context.into())
    };
    let encrypted = in_context("a").encrypt_session("bc", &session()).unwrap();
    assert_eq!(
        in_context("a").decrypt_session("bc", &encrypted).unwrap(),
        session()
    );
    // The end of the context must not pass for the beginning of the id.
    for (context, id) in [("b", "bc"), ("", "bc"), ("ab", "c"), ("", "abc")] {
        assert_eq!(
            reason(in_context(context).decrypt_session(id, &encrypted)),
            Undecryptable::Changed
        );
    }
}

#[test]
fn a_value_counts_in_its_own_session_and_field_only() {
    let keys = keys(&[1]);
    let encrypted = keys.encrypt_session("id", &session()).unwrap();
    assert_eq!(
        reason(keys.decrypt_session("di", &encrypted)),
        Undecryptable::Changed
    );
    let moved = with_payload("admin", payload(&encrypted, "user"));
    assert_eq!(
        reason(keys.decrypt_session("id", &moved)),
        Undecryptable::Changed
    );
    // The end of the id must not pass for the beginning of the name.
    let shifted = with_payload("duser", payload(&encrypted, "user"));
    assert_eq!(
        reason(keys.decrypt_session("i", &shifted)),
        Undecryptable::Changed
    );
}

#[test]
fn a_single_flipped_bit_anywhere_fails() {
    let keys = keys(&[1]);
    let encrypted = keys.encrypt_session("id", &session()).unwrap();
    let payload = payload(&encrypted, "user");
    for bit in 0..payload.len() * 8 {
        let mut flipped = payload.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0 => Undecryptable::Version(flipped[0]),
            1..5 => Undecryptable::UnknownKey,
            _ => Undecryptable::Changed,
        };
        let flipped = with_payload("user", flipped);
        assert_eq!(reason(keys.decrypt_session("id", &flipped)), expected);
    }
}

#[test]
fn a_value_cut_short_anywhere_fails() {
    let keys = keys(&[1]);
    let encrypted = keys.encrypt_session("id", &session()).unwrap();
    let payload = payload(&encrypted, "user");
    for length in 0..payload.len() {
        let cut = with_payload("user", payload[..length].to_vec());
        assert_eq!(
            reason(keys.decrypt_session("id", &cut)),
            Undecryptable::Changed
        );
    }
}

#[test]
fn a_plain_field_is_refused_unless_it_is_accepted() {
    let mut mixed = parse(&keys(&[1]).encrypt_session("id", &session()).unwrap());
    mixed.insert("user", "somebody");
    let mixed = mixed.to_vec().unwrap();
    assert_eq!(
        reason(keys(&[1]).decrypt_session("id", &mixed)),
        Undecryptable::NotEncrypted
    );
    let accepting = Keys::derive(
        &[Secret::key(&[1; 32]).unwrap()],
        Purpose::Begin,
        "sessions".into(),
    );
    assert_eq!(accepting.decrypt_session("id", &mixed).unwrap(), session());
}

#[test]
fn a_binary_of_the_application_is_not_taken_for_an_encrypted_value() {
    let keys = keys(&[1]);
    let session = with_payload("mine", vec![1, 2, 3]);
    let encrypted = keys.encrypt_session("id", &session).unwrap();
    assert_eq!(keys.decrypt_session("id", &encrypted).unwrap(), session);
}

/// A stored document with an encrypted session, and its keys.
fn document(session: &Document) -> (Vec<u8>, Keys) {
    let keys = keys(&[1]);
    let encrypted = keys
        .encrypt_session("id", &session.to_vec().unwrap())
        .unwrap();
    let expires = DateTime::from_millis(1000);
    let document = doc! { "_id": "id", "expires": expires, "session": parse(&encrypted) };
    (document.to_vec().unwrap(), keys)
}

#[test]
fn a_document_is_read_with_its_keys_as_if_it_were_plain_and_never_without() {
    let (document, keys) = document(&doc! { "cookie": {}, "filling": "x".repeat(5000) });
    let Reading::Live(loaded) = read(&document, 0, Some(&keys)).unwrap() else {
        panic!("expected a live session");
    };
    assert!(
        loaded
            .json
            .text
            .starts_with(r#"{"cookie":{},"filling":"xxx"#)
    );
    assert_eq!(loaded.places.len(), 1);
    assert!(matches!(
        read(&document, 0, None),
        Err(Error::Decryption(Undecryptable::NoKeys))
    ));
}

#[test]
fn a_document_that_has_expired_needs_no_key() {
    let (document, _) = document(&doc! { "n": 1 });
    for keys in [None, Some(&keys(&[2]))] {
        assert!(matches!(read(&document, 1000, keys), Ok(Reading::Gone)));
    }
}

#[test]
fn a_secret_has_to_be_strong_and_shows_nowhere() {
    assert!(Secret::key(&[7; 31]).is_none());
    assert!(Secret::key(&[7; 33]).is_none());
    let passphrase = |text: &str| Secret::passphrase(Zeroizing::new(text.to_owned()));
    assert!(passphrase("").is_none());
    assert!(passphrase("14 characters!").is_none());
    let secret = passphrase("15 characters!!").unwrap();
    assert!(!format!("{secret:?}").contains("15"));
    let cipher = Cipher::new(
        vec![
            secret,
            Secret::key(b"0123456789abcdef0123456789abcdef").unwrap(),
        ],
        Purpose::Always,
        "sessions".into(),
    );
    let shown = format!("{cipher:?} {:?}", keys(b"7"));
    assert!(
        !shown.contains("15 char") && !shown.contains("55"),
        "{shown}"
    );
}

#[test]
fn what_holds_a_key_wipes_it() {
    fn wipes<T: ZeroizeOnDrop>() {}
    wipes::<Zeroizing<[u8; 32]>>();
    wipes::<Zeroizing<String>>();
    // HKDF keeps states of it, not the key.
    wipes::<Sha256>();
    wipes::<Aes256Gcm>();
}

/// Made with `node:crypto`, whose functions `__test__/encryption-format.test.mjs` runs against the
/// addon in both directions.
/// Decrypts what an independent implementation has encrypted for a key of the bytes 0 to 31.
fn assert_reads_as_somebody(hex: &str) {
    let digits: Vec<char> = hex.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    let payload = digits.chunks(2).map(byte).collect();
    let key: Vec<u8> = (0..32).collect();
    let keys = Keys::derive(
        &[Secret::key(&key).unwrap()],
        Purpose::Always,
        "sessions".into(),
    );
    let session = keys
        .decrypt_session("app:sid", &with_payload("user", payload))
        .unwrap();
    assert_eq!(parse(&session), doc! { "user": "somebody" });
}

#[test]
fn the_format_is_that_of_an_independent_implementation() {
    const PAYLOAD: &str = "012b7aaec8000102030405060708090a0b53d6ff5c9de62c921e0c3b4ef36c77744f\
                           dcc842ac0bd3db7c42cc42a001";
    assert_reads_as_somebody(PAYLOAD);
}

#[test]
fn the_format_with_a_context_is_that_of_an_independent_implementation() {
    const PAYLOAD: &str = "022b7aaec8e365e6a7769bd54ffd8763d60ae191fc9fafbf5dd57f95715f94f8b3a6f0918d6d1b6811ba2359e35e19";
    assert_reads_as_somebody(PAYLOAD);
}

#[test]
fn a_passphrase_becomes_the_key_of_an_independent_implementation() {
    let text = "correct horse battery staple".to_owned();
    let secret = Secret::passphrase(Zeroizing::new(text)).unwrap();
    assert_eq!(key::Key::derive(&secret).id, [0x51, 0xfd, 0x15, 0x1b]);
}

proptest! {
    #[test]
    fn every_session_comes_back(
        id in ".{0,40}",
        fields in prop::collection::vec(("[^\0]{0,8}", any::<Vec<u8>>()), 0..6),
    ) {
        let session: Document = fields
            .into_iter()
            .map(|(name, bytes)| (name, Bson::from(Binary { subtype: BinarySubtype::Generic, bytes })))
            .collect();
        let session = session.to_vec().unwrap();
        let keys = keys(&[1]);
        let encrypted = keys.encrypt_session(&id, &session).unwrap();
        prop_assert_eq!(encrypted.len(), encrypted_size(&session).unwrap());
        prop_assert_eq!(keys.decrypt_session(&id, &encrypted).unwrap(), session);
    }

    #[test]
    fn arbitrary_bytes_are_an_error(bytes in any::<Vec<u8>>()) {
        let _ = keys(&[1]).decrypt_session("id", &bytes);
        prop_assert!(keys(&[1]).decrypt_session("id", &with_payload("user", bytes)).is_err());
    }
}
