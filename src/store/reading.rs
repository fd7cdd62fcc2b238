//! Who reads documents, and with which keys.

use crate::cipher::Keys;
use crate::document::Reader;
use crate::options::Config;

/// Who reads documents now.
pub async fn reader(config: &Config) -> Reader<'_> {
    Reader {
        layout: &config.layout,
        now_ms: config.clock.called_ms(),
        keys: keys(config).await,
        absolute_timeout_ms: config.absolute_timeout_ms,
        wants_metadata: config.wants_metadata(),
        takes_any_text: config.takes_any_text,
        indexes: &config.indexes,
    }
}

/// The keys of a store that encrypts, which may still have to be derived from passphrases.
pub async fn keys(config: &Config) -> Option<&Keys> {
    match &config.cipher {
        Some(cipher) => Some(cipher.keys().await),
        None => None,
    }
}
