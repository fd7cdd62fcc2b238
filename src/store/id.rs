//! From a session id to the `_id` of its document.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use sha2::{Digest, Sha256};

/// The prefix and the session id; or, with `hashed`, the prefix and the SHA-256 of the session id in
/// base64url without padding.
///
/// The hash has no salt: what cannot be guessed cannot be guessed from its hash either, and a
/// document has to be found by it.
pub fn of_document(prefix: &str, sid: String, hashed: bool) -> String {
    if hashed {
        let mut id = prefix.to_owned();
        BASE64URL.encode_string(Sha256::digest(sid), &mut id);
        id
    } else if prefix.is_empty() {
        sid
    } else {
        [prefix, &*sid].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hashed_id_is_the_prefix_and_the_sha_256() {
        // The example of FIPS 180-2.
        assert_eq!(
            of_document("app:", "abc".to_owned(), true),
            "app:ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
        );
    }

    #[test]
    fn a_plain_id_is_the_prefix_and_the_sid() {
        assert_eq!(of_document("app:", "abc".to_owned(), false), "app:abc");
        assert_eq!(of_document("", "abc".to_owned(), false), "abc");
    }
}
