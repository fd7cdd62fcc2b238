//! Who reads documents, and with which keys.

use crate::backend::{Backend, Id};
use crate::cipher::Keys;
use crate::document::{Reader, Reading};
use crate::error::Result;
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

/// A document as it is now, and what it means.
pub async fn look(
    backend: &dyn Backend,
    config: &Config,
    id: &Id,
) -> Result<Option<(Vec<u8>, Result<Reading>)>> {
    let reader = reader(config).await;
    let mut first = None;
    backend
        .find_latest(std::slice::from_ref(id), &mut |document| {
            first.get_or_insert_with(|| (document.to_vec(), reader.read(document)));
        })
        .await?;
    Ok(first)
}
