//! How TLS is asked for. What is meant is always the provider of the whole addon, ring.

/// A TLS library.
#[derive(Clone, Debug)]
pub enum Provider {
    /// rustls, with its cryptography from somewhere.
    Rustls(rustls_provider::CryptoMode),
}

/// What rustls is asked for.
pub mod rustls_provider {
    /// Where the cryptography comes from.
    #[derive(Clone, Debug)]
    pub enum CryptoMode {
        /// What `aws-smithy-runtime` asks for by default; ring answers.
        AwsLc,
    }
}
