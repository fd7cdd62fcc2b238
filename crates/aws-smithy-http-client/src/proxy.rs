//! Whether requests go by a proxy.

/// The proxies of a connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    from_environment: bool,
}

impl ProxyConfig {
    /// Those that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            from_environment: true,
        }
    }

    /// None at all.
    #[must_use]
    pub fn disabled() -> Self {
        Self::default()
    }
}
